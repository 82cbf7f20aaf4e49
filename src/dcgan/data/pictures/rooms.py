"""Bedrooms: a corner of a room in perspective, seen by a camera that goes round it.

The left wall is the plane b = 0, the right wall the plane a = 0, the floor h = 0 (metres); they meet at the origin. On the
left wall is the door, on the right wall the window, the bed stands with its head at the right wall, the lamp in
the corner. The camera goes round a point inside the room, so that all of it stays in view at every turn.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .draw import Canvas, Colour, grid, mix, ramp, times, to_bytes
from .factors import Category, Continuous, Detail, Factor, Value, uniforms

FACTORS: dict[str, Factor] = {
    "window": Category(("none", "window")),
    "bed": Category(("none", "bed")),
    "door": Category(("none", "door")),
    "lamp": Category(("none", "lamp")),
    "turn": Continuous(),  # the camera, from facing the right wall to facing the left one
    "light": Continuous(),  # night, dusk or dawn, noon
    "wall": Category(("cream", "rose", "sage", "blue", "lilac", "grey")),
    "floor": Category(("oak", "walnut", "ash", "carpet")),
    "bed_colour": Category(("red", "blue", "green", "yellow", "white"), unless=("bed", "none")),
    "bed_place": Continuous(unless=("bed", "none")),  # from the corner outwards
    "window_place": Continuous(unless=("window", "none")),  # from the corner outwards
    "window_size": Continuous(unless=("window", "none")),
    "lamp_on": Category(("off", "on"), unless=("lamp", "none")),
    "door_colour": Category(("white", "brown", "teal"), unless=("door", "none")),
    "detail": Detail(),
}

WALL: list[Colour] = [(244, 228, 198), (240, 204, 194), (196, 214, 186), (182, 208, 228), (212, 200, 232), (206, 206, 208)]
FLOOR: list[Colour] = [(206, 162, 110), (136, 90, 62), (222, 204, 176), (150, 158, 172)]
BED: list[Colour] = [(206, 76, 70), (70, 112, 178), (88, 152, 112), (240, 192, 84), (242, 238, 232)]
DOOR: list[Colour] = [(250, 248, 244), (140, 88, 56), (62, 124, 128)]
SKY: list[Colour] = [(28, 36, 78), (58, 62, 116), (240, 150, 110), (176, 212, 240), (150, 208, 250)]  # night to noon
HORIZON: list[Colour] = [(52, 60, 108), (110, 84, 132), (255, 206, 140), (226, 236, 240), (222, 240, 252)]
WHITE: Colour = (252, 250, 246)

HEIGHT = 2.9  # of the walls
WIDE = 6.0  # how far they go on, past the picture's edge
Point = tuple[float, float, float]  # a along the left wall, b along the right wall, h up


class Camera:
    TARGET, DISTANCE, EYE, ZOOM, NEAR = (1.25, 1.25, 1.02), 4.0, 1.95, 1.62, 0.2

    def __init__(self, turn: float) -> None:
        angle = math.radians(45 + 20 * turn)
        ta, tb, th = self.TARGET
        self.eye = (ta + self.DISTANCE * math.cos(angle), tb + self.DISTANCE * math.sin(angle), self.EYE)
        fall = math.atan2(self.EYE - th, self.DISTANCE)
        self.ahead = (-math.cos(angle) * math.cos(fall), -math.sin(angle) * math.cos(fall), -math.sin(fall))
        self.right = (-math.sin(angle), math.cos(angle), 0.0)
        self.up = (-math.cos(angle) * math.sin(fall), -math.sin(angle) * math.sin(fall), math.cos(fall))

    def see(self, points: Sequence[Point]) -> np.ndarray:
        """A flat outline in the room -> its corners in the picture [n, 2], cut at a plane just before the camera."""
        axes = (self.right, self.up, self.ahead)
        seen = []
        for point in points:
            d = [point[i] - self.eye[i] for i in range(3)]
            seen.append(tuple(axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2] for axis in axes))
        kept = []
        for (x0, y0, z0), (x1, y1, z1) in zip(seen, seen[1:] + seen[:1], strict=True):
            if z0 >= self.NEAR:
                kept.append((x0, y0, z0))
            if (z0 >= self.NEAR) != (z1 >= self.NEAR):
                t = (self.NEAR - z0) / (z1 - z0)
                kept.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0), self.NEAR))
        return np.array([(self.ZOOM * x / z, -self.ZOOM * y / z) for x, y, z in kept])


class Stage:
    """Draws rectangles and boxes that lie in the room."""

    def __init__(self, canvas: Canvas, camera: Camera) -> None:
        self.canvas, self.camera = canvas, camera

    def face(self, points: Sequence[Point], colour: Colour) -> None:
        corners = self.camera.see(points)
        if len(corners) >= 3:
            self.canvas.shape(corners, colour)

    def left(self, a0: float, a1: float, h0: float, h1: float, colour: Colour, b: float = 0.0) -> None:
        self.face([(a0, b, h0), (a1, b, h0), (a1, b, h1), (a0, b, h1)], colour)

    def right(self, b0: float, b1: float, h0: float, h1: float, colour: Colour, a: float = 0.0) -> None:
        self.face([(a, b0, h0), (a, b1, h0), (a, b1, h1), (a, b0, h1)], colour)

    def flat(self, a0: float, a1: float, b0: float, b1: float, colour: Colour, h: float = 0.0) -> None:
        self.face([(a0, b0, h), (a1, b0, h), (a1, b1, h), (a0, b1, h)], colour)

    def box(self, a0: float, a1: float, b0: float, b1: float, h0: float, h1: float, colour: Colour) -> None:
        """The three sides of a box that the camera can see: its top and the two away from the walls."""
        self.right(b0, b1, h0, h1, times(colour, 0.86), a=a1)
        self.left(a0, a1, h0, h1, times(colour, 0.74), b=b1)
        self.flat(a0, a1, b0, b1, colour, h=h1)


def render(f: Mapping[str, Value], size: int) -> np.ndarray:
    u = uniforms(int(f["detail"]), 1, 16)
    wall = mix(WALL[int(f["wall"])], WHITE, 0.2 * u[0])
    floor = times(FLOOR[int(f["floor"])], 0.95 + 0.1 * u[1])
    canvas = Canvas(size, wall)
    camera = Camera(f["turn"])
    stage = Stage(canvas, camera)
    day = 0.5 + 0.5 * f["light"]

    _shell(stage, wall, floor, FLOOR.index(FLOOR[int(f["floor"])]) < 3)
    if f["door"]:
        _door(stage, DOOR[int(f["door_colour"])], 1.55 + 0.2 * u[2])
    else:
        _painting(stage, 1.6 + 0.3 * u[2], u)
    window = None
    if f["window"]:
        window = _window(stage, 1.5 + 0.35 * f["window_place"], 0.62 + 0.14 * f["window_size"], day, wall, floor, u)
    _rug(stage, floor, u)
    if f["bed"]:
        _bed(stage, 1.0 + 0.25 * f["bed_place"], BED[int(f["bed_colour"])], u)
    bulb = _lamp(stage, bool(f["lamp_on"]), u) if f["lamp"] else None

    pixels, glows = canvas.pixels_and_material()
    gx, gy = grid(size)
    dim = np.array(ramp([(0.5, 0.52, 0.68), (0.86, 0.76, 0.76), (1.0, 1.0, 0.99)], day), dtype=np.float32)
    light = np.broadcast_to(dim, (size, size, 3)) * (1.02 - 0.05 * (gx * gx + gy * gy))[..., None]
    if bulb is not None and f["lamp_on"]:
        r = ((gx - np.float32(bulb[0])) ** 2 + (gy - np.float32(bulb[1])) ** 2) / np.float32(0.5)
        warm = np.array((0.62, 0.46, 0.2), dtype=np.float32) * np.float32(1.0 - 0.62 * day)
        light = light + (1 / (1 + r) ** 2)[..., None] * warm
    return to_bytes(pixels * (light + (1 - light) * glows))


def _shell(stage: Stage, wall: Colour, floor: Colour, planks: bool) -> None:
    canvas = stage.canvas
    shade = times(wall, 0.86)
    stage.left(0, WIDE, 0, HEIGHT, shade)
    stage.right(0, WIDE, 0, HEIGHT, wall)
    for i in range(4):  # the corner gathers shadow
        reach = 0.5 * (1 - i / 4)
        stage.left(0, reach, 0, HEIGHT, times(shade, 1 - 0.022 * (i + 1)))
        stage.right(0, reach, 0, HEIGHT, times(wall, 1 - 0.022 * (i + 1)))
    stage.face([(0, 0, HEIGHT), (WIDE, 0, HEIGHT), (WIDE, WIDE, HEIGHT), (0, WIDE, HEIGHT)], mix(wall, WHITE, 0.7))
    stage.flat(0, WIDE, 0, WIDE, floor)
    if planks:
        for i in range(1, 14):
            stage.flat(0, WIDE, 0.36 * i - 0.02, 0.36 * i + 0.02, times(floor, 0.88))
    for i in range(3):
        reach = 0.4 * (1 - i / 3)
        stage.flat(0, reach, 0, WIDE, times(floor, 1 - 0.03 * (i + 1)))
        stage.flat(0, WIDE, 0, reach, times(floor, 1 - 0.03 * (i + 1)))
    stage.left(0, WIDE, 0, 0.11, times(WHITE, 0.88))
    stage.right(0, WIDE, 0, 0.11, WHITE)
    assert canvas.material == 0


def _door(stage: Stage, colour: Colour, a: float) -> None:
    frame = times(WHITE, 0.9) if sum(colour) < 600 else times(colour, 0.78)
    shade = times(colour, 0.9)
    stage.left(a - 0.56, a + 0.56, 0, 2.2, frame)
    stage.left(a - 0.46, a + 0.46, 0, 2.1, shade)
    for h0, h1 in ((0.2, 0.9), (1.1, 1.95)):
        stage.left(a - 0.32, a + 0.32, h0, h1, times(shade, 0.87))
        stage.left(a - 0.28, a + 0.32, h0, h1 - 0.04, times(shade, 0.95))
    stage.left(a + 0.33, a + 0.42, 0.96, 1.05, (236, 190, 90))


def _painting(stage: Stage, a: float, u: list[float]) -> None:
    if u[3] < 0.5:
        return
    stage.left(a - 0.42, a + 0.42, 1.3, 1.9, (120, 90, 66))
    stage.left(a - 0.36, a + 0.36, 1.36, 1.84, (236, 226, 206))
    stage.left(a - 0.36, a + 0.36, 1.36, 1.55, ramp(BED, u[4]))


def _window(stage: Stage, b: float, half: float, day: float, wall: Colour, floor: Colour, u: list[float]) -> None:
    canvas = stage.canvas
    low, high = 1.62 - 0.85 * half, 1.62 + 0.95 * half
    stage.right(b - half - 0.09, b + half + 0.09, low - 0.09, high + 0.09, WHITE)
    canvas.material = 255  # what is outside has its own light
    sky, horizon = ramp(SKY, day), ramp(HORIZON, day)
    for i in range(6):
        stage.right(b - half, b + half, low, high - (high - low) * i / 6, mix(sky, horizon, i / 5))
    rise = low + (high - low) * (0.3 + 0.15 * u[5])
    hill = times((112, 166, 106), 0.35 + 0.65 * day)
    steps = [(-1 + i / 5) for i in range(11)]
    ridge = [(0.0, b + half * t, rise + 0.2 * half * math.sin(2.2 * t + 6 * u[6])) for t in steps]
    stage.face([(0, b - half, low), *ridge, (0, b + half, low)], hill)
    canvas.material = 0
    stage.right(b - 0.035, b + 0.035, low, high, WHITE)
    middle = low + 0.55 * (high - low)
    stage.right(b - half, b + half, middle - 0.03, middle + 0.03, WHITE)
    stage.right(b - half - 0.14, b + half + 0.14, low - 0.14, low - 0.05, times(WHITE, 0.93))
    if day > 0.4:  # the sun on the floor
        patch = mix(floor, (255, 236, 190), 0.55 * (day - 0.4) / 0.6)
        stage.face([(0.55, b - half + 0.25, 0), (0.55, b + half + 0.25, 0), (1.75, b + half + 0.85, 0),
                    (1.75, b - half + 0.85, 0)], patch)  # fmt: skip


def _rug(stage: Stage, floor: Colour, u: list[float]) -> None:
    if u[7] < 0.4:
        return
    colour = mix(ramp(BED, u[8]), WHITE, 0.35)
    circle = [(2.25 + 0.8 * math.cos(t * math.pi / 12), 2.0 + 0.8 * math.sin(t * math.pi / 12), 0.0) for t in range(24)]
    stage.face(circle, colour)
    stage.face([(2.25 + 0.85 * (a - 2.25), 2.0 + 0.85 * (b - 2.0), 0.0) for a, b, _ in circle], times(colour, 0.92))


def _bed(stage: Stage, b: float, colour: Colour, u: list[float]) -> None:
    wood = ramp([(222, 196, 160), (122, 78, 52)], u[9])
    b0, b1, a1 = b - 0.65 + 0.2, b + 0.65 + 0.2, 2.05
    stage.flat(0, a1 + 0.15, b0 - 0.1, b1 + 0.3, (110, 88, 70))
    stage.box(0.0, 0.1, b0 - 0.06, b1 + 0.06, 0.0, 1.0, wood)
    stage.box(0.1, a1, b0, b1, 0.1, 0.3, wood)
    stage.box(0.1, a1 - 0.02, b0 + 0.02, b1 - 0.02, 0.3, 0.5, WHITE)
    for side in (b0 + 0.34, b1 - 0.34):  # pillows
        stage.box(0.14, 0.5, side - 0.26, side + 0.26, 0.5, 0.64, times(WHITE, 0.98))
    stage.box(0.72, a1 + 0.02, b0 - 0.02, b1 + 0.02, 0.24, 0.56, colour)
    stage.flat(0.72, 0.95, b0 - 0.02, b1 + 0.02, mix(colour, WHITE, 0.45), h=0.565)


def _lamp(stage: Stage, on: bool, u: list[float]) -> np.ndarray:
    """Returns where its light is in the picture."""
    a = b = 0.36
    across = np.array(stage.camera.right) * 1.0

    def slab(h0: float, h1: float, w0: float, w1: float, colour: Colour) -> None:
        stage.face([(a - w0 * across[0], b - w0 * across[1], h0), (a + w0 * across[0], b + w0 * across[1], h0),
                    (a + w1 * across[0], b + w1 * across[1], h1), (a - w1 * across[0], b - w1 * across[1], h1)],
                   colour)  # fmt: skip

    dark = (62, 54, 58)
    slab(0.0, 0.07, 0.22, 0.18, dark)
    slab(0.05, 1.5, 0.035, 0.035, dark)
    shade = ramp([(236, 214, 176), (226, 148, 104)], u[10])
    stage.canvas.material = 255 if on else 0
    slab(1.42, 1.95, 0.36, 0.2, mix(shade, (255, 240, 190), 0.75) if on else times(shade, 0.9))
    stage.canvas.material = 0
    return stage.camera.see([(a, b, 1.65)] * 3)[0]
