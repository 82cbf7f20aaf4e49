"""Bedrooms: a corner of a room in perspective, seen by a camera that goes round it.

In metres: the left wall is the plane b = 0, the right wall the plane a = 0, the floor h = 0; they meet at the origin.
The door is in the left wall, the window in the right one; the bed has its head at the right wall, and the lamp stands
in the corner. The camera goes round a point inside the room, so that all of it stays in view at every turn.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .draw import WHITE, Canvas, Colour, Points, grid, mix, ramp, times, to_bytes
from .factors import Category, Continuous, Detail, Factor, uniforms

# Cream, rose, lilac, blue, sage, and all between
WALL: list[Colour] = [(246, 230, 196), (242, 202, 192), (214, 200, 234), (180, 208, 230), (196, 216, 186)]
FLOOR: dict[str, Colour] = {
    "oak": (206, 162, 110),
    "walnut": (136, 90, 62),
    "ash": (222, 204, 176),
    "carpet": (150, 158, 172),
}
BED: dict[str, Colour] = {
    "red": (206, 76, 70),
    "blue": (70, 112, 178),
    "green": (88, 152, 112),
    "yellow": (240, 192, 84),
    "white": (242, 238, 232),
}
DOOR: dict[str, Colour] = {"white": (250, 248, 244), "brown": (140, 88, 56), "teal": (62, 124, 128)}
# From night over dusk to noon
SKY: list[Colour] = [(28, 36, 78), (58, 62, 116), (240, 150, 110), (176, 212, 240), (150, 208, 250)]
HORIZON: list[Colour] = [(52, 60, 108), (110, 84, 132), (255, 206, 140), (226, 236, 240), (222, 240, 252)]
INDOORS: list[Colour] = [(0.54, 0.57, 0.76), (0.96, 0.84, 0.79), (1.0, 1.0, 0.99)]  # what a white wall reflects

FACTORS: dict[str, Factor] = {
    "window": Category(("none", "window")),
    "bed": Category(("none", "bed")),
    "door": Category(("none", "door")),
    "lamp": Category(("none", "lamp")),
    "turn": Continuous(),  # the camera, from facing the right wall to facing the left one
    "light": Continuous(),  # night, dusk, noon
    "wall": Continuous(),
    "floor": Category(tuple(FLOOR)),
    "bed_colour": Category(tuple(BED), unless=("bed", "none")),
    "bed_place": Continuous(unless=("bed", "none")),  # from the corner outwards
    "window_place": Continuous(unless=("window", "none")),  # from the corner outwards
    "window_size": Continuous(unless=("window", "none")),
    "lamp_on": Category(("off", "on"), unless=("lamp", "none")),
    "door_colour": Category(tuple(DOOR), unless=("door", "none")),
    "detail": Detail(),
}

HEIGHT = 2.9  # of the walls
WIDE = 6.0  # how far they go on, past the picture's edge


class Room:
    """A canvas seen through a camera: draws rectangles and boxes that lie in the room."""

    TARGET, DISTANCE, EYE, ZOOM, NEAR = (1.2, 1.2, 1.05), 4.2, 1.9, 2.0, 0.2

    def __init__(self, canvas: Canvas, turn: float) -> None:
        self.canvas = canvas
        angle = math.radians(45 + 25 * turn)
        c, s, fall = math.cos(angle), math.sin(angle), math.atan2(self.EYE - self.TARGET[2], self.DISTANCE)
        self.eye = np.array((self.TARGET[0] + self.DISTANCE * c, self.TARGET[1] + self.DISTANCE * s, self.EYE))
        right, down = (-s, c, 0.0), (c * math.sin(fall), s * math.sin(fall), -math.cos(fall))
        self.axes = np.array((right, down, (-c * math.cos(fall), -s * math.cos(fall), -math.sin(fall))))

    def see(self, points: Sequence[tuple[float, float, float]]) -> Points:
        """The corners of a flat outline in the picture [n, 2], cut at a plane just before the camera."""
        seen = ((np.array(points) - self.eye)[:, None, :] * self.axes).sum(axis=2)
        if seen[:, 2].min() < self.NEAR:
            kept = []
            for p, q in zip(seen, np.roll(seen, -1, axis=0), strict=True):
                if p[2] >= self.NEAR:
                    kept.append(p)
                if (p[2] >= self.NEAR) != (q[2] >= self.NEAR):
                    kept.append(p + (self.NEAR - p[2]) / (q[2] - p[2]) * (q - p))
            seen = np.array(kept)
        return self.ZOOM * seen[:, :2] / seen[:, 2:]

    def face(self, points: Sequence[tuple[float, float, float]], colour: Colour) -> None:
        self.canvas.shape(self.see(points), colour)

    def left(self, a0: float, a1: float, h0: float, h1: float, colour: Colour, b: float = 0.0) -> None:
        """On the left wall, or b before it."""
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


def render(f: Mapping[str, Any], size: int) -> np.ndarray:
    pale, worn, door_at, art, art_colour, hill, wave, rug, rug_colour, wood, shade = uniforms(f["detail"], 0, 11)
    wall = mix(ramp(WALL, 0.5 + 0.5 * f["wall"]), WHITE, 0.2 * pale)
    floor = times(FLOOR[f["floor"]], 0.95 + 0.1 * worn)
    day = 0.5 + 0.5 * f["light"]
    canvas = Canvas(size, wall)
    room = Room(canvas, f["turn"])

    b, half = 1.55 + 0.25 * f["window_place"], 0.68 + 0.14 * f["window_size"]
    _walls(room, wall, floor)
    if f["window"] == "window":
        _sun(room, b, half, mix(floor, (255, 236, 190), 0.55 * max(0.0, (day - 0.4) / 0.6)))
    if f["floor"] != "carpet":
        for i in range(1, 14):  # between the planks
            room.flat(0, WIDE, 0.36 * i - 0.015, 0.36 * i + 0.015, times(floor, 0.88))
    _skirting(room)
    if f["door"] == "door":
        _door(room, 1.55 + 0.2 * door_at, DOOR[f["door_colour"]])
    elif art > 0.5:
        _painting(room, 1.6 + 0.3 * door_at, ramp(list(BED.values()), art_colour))
    if f["window"] == "window":
        _window(room, b, half, day, hill, wave)
    if rug > 0.4:
        _rug(room, mix(ramp(list(BED.values()), rug_colour), WHITE, 0.35))
    bulb = _lamp(room, f["lamp_on"] == "on", shade) if f["lamp"] == "lamp" else None
    if f["bed"] == "bed":
        _bed(room, 1.5 + 0.3 * f["bed_place"], BED[f["bed_colour"]], floor, wood)

    pixels, glows = canvas.pixels_and_material()
    x, y = grid(size)
    light = np.array(ramp(INDOORS, day), dtype=np.float32) * (1.02 - 0.05 * (x * x + y * y))[..., None]
    if bulb is not None and f["lamp_on"] == "on":
        far = ((x - np.float32(bulb[0])) ** 2 + (y - np.float32(bulb[1])) ** 2) * np.float32(2)
        warm = np.array((0.62, 0.46, 0.2), dtype=np.float32) * np.float32(1 - 0.62 * day)
        light = light + (1 / (1 + far) ** 2)[..., None] * warm
    return to_bytes(pixels * (light + (1 - light) * glows))


def _walls(room: Room, wall: Colour, floor: Colour) -> None:
    shade = times(wall, 0.86)
    room.left(0, WIDE, 0, HEIGHT, shade)
    room.right(0, WIDE, 0, HEIGHT, wall)
    for i in range(8):  # the corner gathers shadow
        reach, dark = 0.6 * (1 - i / 8), 1 - 0.011 * (i + 1)
        room.left(0, reach, 0, HEIGHT, times(shade, dark))
        room.right(0, reach, 0, HEIGHT, times(wall, dark))
    room.flat(0, WIDE, 0, WIDE, mix(wall, WHITE, 0.7), h=HEIGHT)
    room.flat(0, WIDE, 0, WIDE, floor)


def _sun(room: Room, b: float, half: float, colour: Colour) -> None:
    """The light that falls through the window, on the floor."""
    corners = [(0.55, b - half + 0.25), (0.55, b + half + 0.25), (1.75, b + half + 0.85), (1.75, b - half + 0.85)]
    room.face([(a, b, 0.0) for a, b in corners], colour)


def _skirting(room: Room) -> None:
    room.left(0, WIDE, 0, 0.11, times(WHITE, 0.88))
    room.right(0, WIDE, 0, 0.11, WHITE)


def _door(room: Room, a: float, colour: Colour) -> None:
    pale, shade = sum(colour) > 600, times(colour, 0.9)
    room.left(a - 0.56, a + 0.56, 0, 2.2, times(colour, 0.78) if pale else times(WHITE, 0.9))
    room.left(a - 0.46, a + 0.46, 0, 2.1, shade)
    for h0, h1 in ((0.2, 0.9), (1.1, 1.95)):  # panels
        room.left(a - 0.32, a + 0.32, h0, h1, times(shade, 0.87))
        room.left(a - 0.28, a + 0.32, h0, h1 - 0.04, times(shade, 0.95))
    room.left(a + 0.33, a + 0.42, 0.96, 1.05, (236, 190, 90))


def _painting(room: Room, a: float, colour: Colour) -> None:
    room.left(a - 0.42, a + 0.42, 1.3, 1.9, (120, 90, 66))
    room.left(a - 0.36, a + 0.36, 1.36, 1.84, (236, 226, 206))
    room.left(a - 0.36, a + 0.36, 1.36, 1.55, colour)


def _window(room: Room, b: float, half: float, day: float, hill: float, wave: float) -> None:
    low, high = 1.62 - 0.85 * half, 1.62 + 0.95 * half
    room.right(b - half - 0.09, b + half + 0.09, low - 0.09, high + 0.09, WHITE)
    room.canvas.material = 255  # what is outside has its own light
    sky, horizon = ramp(SKY, day), ramp(HORIZON, day)
    for i in range(6):
        room.right(b - half, b + half, low, high - (high - low) * i / 6, mix(sky, horizon, i / 5))
    rise = low + (high - low) * (0.3 + 0.15 * hill)
    ridge = [(i / 5 - 1, rise + 0.2 * half * math.sin(2.2 * (i / 5 - 1) + 6 * wave)) for i in range(11)]
    land = [(0.0, b + half * across, h) for across, h in [(-1.0, low), *ridge, (1.0, low)]]
    room.face(land, times((112, 166, 106), 0.35 + 0.65 * day))
    room.canvas.material = 0
    middle = low + 0.55 * (high - low)
    room.right(b - 0.035, b + 0.035, low, high, WHITE)
    room.right(b - half, b + half, middle - 0.03, middle + 0.03, WHITE)
    room.right(b - half - 0.14, b + half + 0.14, low - 0.14, low - 0.05, times(WHITE, 0.93))


def _rug(room: Room, colour: Colour) -> None:
    for radius, fill in ((0.8, colour), (0.68, times(colour, 0.92))):
        angles = [math.pi * i / 12 for i in range(24)]
        room.face([(2.0 + radius * math.cos(a), 1.8 + radius * math.sin(a), 0.0) for a in angles], fill)


def _bed(room: Room, b: float, colour: Colour, floor: Colour, wood: float) -> None:
    frame = ramp([(222, 196, 160), (132, 86, 58)], wood)
    b0, b1, a1 = b - 0.72, b + 0.72, 2.1
    for i in range(4):  # its shadow
        reach = 0.3 - 0.07 * i
        room.flat(0, a1 + 0.5 * reach, b0 - 0.4 * reach, b1 + reach, times(floor, 0.94 - 0.09 * i))
    room.box(0.0, 0.12, b0 - 0.06, b1 + 0.06, 0.0, 1.08, frame)
    room.box(0.12, a1, b0, b1, 0.06, 0.3, frame)
    room.box(0.12, a1 - 0.02, b0 + 0.02, b1 - 0.02, 0.3, 0.52, WHITE)
    for middle in (b0 + 0.39, b1 - 0.39):  # pillows
        room.box(0.16, 0.56, middle - 0.3, middle + 0.3, 0.52, 0.68, WHITE)
    room.box(0.78, a1 + 0.02, b0 - 0.02, b1 + 0.02, 0.22, 0.58, colour)
    room.flat(0.78, 1.02, b0 - 0.02, b1 + 0.02, mix(colour, WHITE, 0.5), h=0.585)


def _lamp(room: Room, on: bool, shade: float) -> Points:
    """Returns where its light is in the picture [2]."""
    a = b = 0.36
    right_a, right_b, _ = room.axes[0]  # it is as wide from every side

    def slab(h0: float, h1: float, low: float, high: float, colour: Colour) -> None:
        corners = [(-low, h0), (low, h0), (high, h1), (-high, h1)]
        room.face([(a + w * right_a, b + w * right_b, h) for w, h in corners], colour)

    slab(0.0, 0.07, 0.22, 0.18, (62, 54, 58))
    slab(0.05, 1.5, 0.045, 0.045, (62, 54, 58))
    cloth = ramp([(236, 214, 176), (226, 148, 104)], shade)
    slab(1.4, 1.98, 0.42, 0.24, mix(cloth, (255, 240, 190), 0.75) if on else times(cloth, 0.9))
    return room.see([(a, b, 1.65)])[0]
