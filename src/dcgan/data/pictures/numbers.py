"""House numbers as a car in the street sees them: one digit in the middle (the class), others cut off at the sides.

A digit is a few pen strokes in a box of width 1 and height 2 (y from -1 at the top to 1 at the foot). Hands differ in width,
weight, contrast between down and cross strokes, slant, and ends. The strokes are put through a perspective map before they
are drawn, then light, shadow, blur and noise follow.
"""

import math
from collections.abc import Mapping

import numpy as np

from .draw import Canvas, Colour, Points, curve, grid, mix, ramp, ribbon, times, to_bytes
from .factors import Category, Continuous, Detail, Factor, Value, uniforms

DIGITS = tuple("0123456789")
FACTORS: dict[str, Factor] = {
    "digit": Category(DIGITS),
    "left": Category(("none", *DIGITS)),
    "right": Category(("none", *DIGITS)),
    "hand": Category(("round", "plain", "narrow", "broad", "slab")),
    "weight": Continuous(),  # thin to bold
    "slant": Continuous(),
    "colours": Category(("white on blue", "black on white", "gold on green", "white on brick", "black on brass",
                         "navy on cream", "white on slate", "red on cream")),  # fmt: skip
    "turn": Continuous(),  # seen from the left to from the right
    "x": Continuous(),
    "y": Continuous(),
    "scale": Continuous(),
    "light": Continuous(),  # dark to bright
    "blur": Continuous(0.0, 1.0),
    "detail": Detail(),
}

COLOURS: list[tuple[Colour, Colour]] = [  # sign, digits
    ((38, 76, 150), (246, 246, 244)), ((236, 234, 228), (30, 30, 34)), ((42, 92, 66), (240, 200, 96)),
    ((164, 82, 62), (246, 240, 230)), ((206, 164, 84), (36, 30, 26)), ((240, 226, 192), (36, 48, 98)),
    ((92, 102, 114), (244, 244, 242)), ((242, 230, 204), (178, 40, 38)),
]  # fmt: skip


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float, n: int = 10) -> list[tuple[float, float]]:
    """Points along an ellipse; degrees, 0 to the right, 90 down."""
    angles = [math.radians(start + (end - start) * i / (n - 1)) for i in range(n)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


# Each digit's strokes, as points that a smooth curve goes through.
STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "0": [_arc(0, 0, 0.5, 1, -90, 270, 20)],
    "1": [[(-0.32, -0.62), (0.08, -1.0)], [(0.08, -1.0), (0.08, 1.0)]],
    "2": [_arc(0, -0.48, 0.48, 0.52, -170, 35, 10) + [(0.0, 0.4), (-0.5, 1.0)], [(-0.5, 1.0), (0.52, 1.0)]],
    "3": [_arc(-0.03, -0.5, 0.46, 0.5, -160, 90, 11), _arc(-0.03, 0.5, 0.53, 0.5, -90, 155, 11)],
    "4": [[(0.22, 1.0), (0.22, -1.0)], [(0.22, -1.0), (-0.52, 0.42)], [(-0.52, 0.42), (0.58, 0.42)]],
    "5": [[(0.44, -1.0), (-0.36, -1.0)], [(-0.36, -1.0), (-0.43, -0.1)], _arc(-0.02, 0.35, 0.52, 0.65, -145, 145, 13)],
    "6": [[(0.32, -1.0), (-0.12, -0.6), (-0.44, -0.05), (-0.5, 0.4)], _arc(0, 0.4, 0.5, 0.6, -180, 180, 18)],
    "7": [[(-0.5, -1.0), (0.5, -1.0)], [(0.5, -1.0), (0.1, -0.1), (-0.14, 1.0)]],
    "8": [_arc(0, -0.52, 0.42, 0.48, -90, 270, 18), _arc(0, 0.48, 0.52, 0.52, -90, 270, 18)],
    "9": [[(-0.32, 1.0), (0.12, 0.6), (0.44, 0.05), (0.5, -0.4)], _arc(0, -0.4, 0.5, 0.6, 0, 360, 18)],
}
# width, contrast (how much thinner cross strokes are), round ends, feet
HANDS: list[tuple[float, float, bool, bool]] = [
    (0.95, 0.0, True, False), (0.95, 0.15, False, False), (0.74, 0.1, False, False), (1.12, 0.2, False, False),
    (0.95, 0.45, False, True),
]  # fmt: skip


class Plane:
    """The sign, seen at an angle: (x, y) on it -> the picture."""

    def __init__(self, x: float, y: float, scale: float, turn: float, slant: float, roll: float) -> None:
        self.x, self.y, self.scale, self.slant = x, y, scale, slant
        self.sin, self.cos = math.sin(0.55 * turn), math.cos(0.55 * turn)
        self.c, self.s = math.cos(roll), math.sin(roll)

    def see(self, points: Points) -> Points:
        x = points[:, 0] - self.slant * points[:, 1]
        depth = 1 + 0.32 * self.sin * x * self.scale
        x, y = self.cos * x / depth, points[:, 1] / depth
        x, y = self.c * x - self.s * y, self.s * x + self.c * y
        return np.stack([self.x + self.scale * x, self.y + self.scale * y], axis=1)


def render(f: Mapping[str, Value], size: int) -> np.ndarray:
    u = uniforms(int(f["detail"]), 2, 16)
    sign, ink = COLOURS[int(f["colours"])]
    sign, ink = times(sign, 0.9 + 0.2 * u[0]), times(ink, 0.92 + 0.16 * u[1])
    sign = (sign[0] + 20 * (u[2] - 0.5), sign[1], sign[2] + 20 * (u[3] - 0.5))
    width, contrast, round_ends, feet = HANDS[int(f["hand"])]
    weight = 0.34 + 0.1 * f["weight"]
    plane = Plane(0.08 * f["x"], 0.06 * f["y"], 0.62 + 0.07 * f["scale"], f["turn"], 0.16 * f["slant"], 0.1 * (u[4] - 0.5))
    step = width * 1.08 + weight + 0.12 + 0.1 * u[5]

    canvas = Canvas(size, sign)
    _surface(canvas, plane, sign, u)
    drop = (0.05 + 0.03 * u[6]) * plane.scale
    shadow = mix(times(sign, 0.62), (0, 0, 0), 0.1)
    for colour, offset in ((shadow, drop), (ink, 0.0)):
        for factor, place in (("left", -step), ("digit", 0.0), ("right", step)):
            name = FACTORS[factor].values[int(f[factor])]
            if name != "none":
                _digit(canvas, plane, name, place, width, weight, contrast, round_ends, feet, colour, offset)

    pixels, _ = canvas.pixels_and_material()
    gx, gy = grid(size)
    bright = 0.86 + 0.2 * f["light"]
    light = np.float32(bright) * (1 + np.float32(0.24 * (u[7] - 0.5)) * gx + np.float32(0.24 * (u[8] - 0.5)) * gy)
    if u[9] < 0.3:  # the shadow of something near falls across
        edge = (gx * np.float32(0.6 + u[10]) + gy + np.float32(1.2 * (u[11] - 0.5))) * 6
        light = light * (1 - np.float32(0.28) * np.clip(edge, 0, 1))
    pixels = _blurred(pixels * light[..., None], size * (0.004 + 0.02 * f["blur"]))
    noise = _noise(int(f["detail"]), size)
    return to_bytes(pixels + noise * np.float32(2 + 5 * u[12]))


def _surface(canvas: Canvas, plane: Plane, sign: Colour, u: list[float]) -> None:
    """Sometimes the sign's own edge is in view, above and below, with the wall behind."""
    if u[13] < 0.45:
        wall = ramp([(150, 96, 78), (196, 184, 168), (110, 112, 118), (226, 220, 206)], u[14])
        half = 1.42 + 0.25 * u[15]
        canvas.polygon([(-1.1, -1.1), (1.1, -1.1), (1.1, 1.1), (-1.1, 1.1)], wall)
        canvas.shape(plane.see(np.array([(-4.0, -half), (4.0, -half), (4.0, half), (-4.0, half)])), times(sign, 0.75))
        half -= 0.1
        canvas.shape(plane.see(np.array([(-4.0, -half), (4.0, -half), (4.0, half), (-4.0, half)])), sign)


def _digit(canvas: Canvas, plane: Plane, name: str, place: float, width: float, weight: float, contrast: float,
           round_ends: bool, feet: bool, colour: Colour, offset: float) -> None:  # fmt: skip
    def show(points: Points) -> None:
        canvas.shape(plane.see(points * (width, 1.0) + (place, 0.0)) + offset, colour)

    strokes = STROKES[name]
    if name == "1" and feet:
        strokes = [*strokes, [(-0.3, 1.0), (0.46, 1.0)]]
    for stroke in strokes:
        line = np.array(stroke, dtype=np.float64) * (1.0, 1 - 0.5 * weight)
        if len(stroke) > 2:
            line = curve(line, steps=3)
        step = np.abs(line[1:] - line[:-1])
        down = step[:, 1] / (step[:, 0] + step[:, 1] + 1e-9)
        thick = weight * (1 - contrast * (1 - np.concatenate([down, down[-1:]])))
        show(ribbon(line, thick))
        closed = abs(line[0] - line[-1]).sum() < 1e-6
        if not closed:
            for end, other, w in ((line[0], line[1], thick[0]), (line[-1], line[-2], thick[-1])):
                angles = np.arange(16) * (math.pi / 8)
                if round_ends:
                    show(end + 0.5 * w * np.stack([np.cos(angles) / width, np.sin(angles)], axis=1))
                else:  # a square end, a little past the point, so that corners close
                    out = (end - other) / math.sqrt(((end - other) ** 2).sum()) * 0.45 * w
                    show(ribbon(np.array([end, end + out]), w))


def _blurred(pixels: np.ndarray, radius: float) -> np.ndarray:
    """Blurred with a standard deviation of `radius` pixels, by short kernels (1 2 1)/4 applied as often as needed."""
    variance = radius * radius
    passes = max(1, math.ceil(variance / 0.5))
    side = np.float32(variance / passes / 2)
    for _ in range(passes):
        for axis in (0, 1):
            p = np.concatenate([pixels.take([0], axis), pixels, pixels.take([-1], axis)], axis)
            n = pixels.shape[axis]
            before, after = p.take(range(n), axis), p.take(range(2, n + 2), axis)
            pixels = pixels + side * (before + after - 2 * pixels)
    return pixels


def _noise(detail: int, size: int) -> np.ndarray:
    """Grain with a standard deviation of 1, as coarse as a 32nd of the picture."""
    grain = np.array(uniforms(detail, 3, 32 * 32), dtype=np.float32).reshape(32, 32) * np.float32(3.46) - np.float32(1.73)
    index = np.arange(size) * 32 // size
    return grain[index][:, index][..., None]
