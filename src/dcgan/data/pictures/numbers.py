"""House numbers as a camera in the street sees them: a digit in the middle (the class), others cut off beside it.

Digits (glyphs.py) stand on a plane that is put in perspective before it is drawn; then come light, shadow, blur, grain.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from .draw import Canvas, Colour, Points, grid, mix, ramp, ribbon, times, to_bytes
from .factors import Category, Continuous, Detail, Factor, random_bytes, uniforms
from .glyphs import HANDS, STROKES, outlines

COLOURS: dict[str, tuple[Colour, Colour]] = {  # of the sign and of its digits
    "white on blue": ((38, 76, 150), (246, 246, 244)),
    "black on white": ((236, 234, 228), (30, 30, 34)),
    "gold on green": ((42, 92, 66), (240, 200, 96)),
    "white on brick": ((160, 80, 62), (246, 240, 230)),
    "black on brass": ((206, 164, 84), (36, 30, 26)),
    "navy on cream": ((240, 226, 192), (36, 48, 98)),
    "white on slate": ((92, 102, 114), (244, 244, 242)),
    "red on cream": ((242, 230, 204), (178, 40, 38)),
}

FACTORS: dict[str, Factor] = {
    "digit": Category(tuple(STROKES)),
    "left": Category(("none", *STROKES), first=0.3),
    "right": Category(("none", *STROKES), first=0.3),
    "hand": Category(tuple(HANDS)),
    "weight": Continuous(),  # thin to bold
    "slant": Continuous(),  # to the left to to the right
    "colours": Category(tuple(COLOURS)),
    "turn": Continuous(),  # seen from the left to from the right
    "x": Continuous(),
    "y": Continuous(),
    "scale": Continuous(),
    "light": Continuous(),  # dark to bright
    "blur": Continuous(0.0, 1.0),
    "detail": Detail(),
}


SHARPEST, SOFTEST = 0.004, 0.024  # standard deviation of the blur, in parts of the picture


class Plane:
    """The sign, seen at an angle: (x, y) on it -> the picture. The middle digit goes from y = -1 to 1."""

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


def render(f: Mapping[str, Any], size: int) -> np.ndarray:
    red, blue, faded, ink_faded, roll, gap, drop, grain, *rest = uniforms(f["detail"], 0, 18)
    sign, ink = COLOURS[f["colours"]]
    sign = times((sign[0] + 24 * (red - 0.5), sign[1], sign[2] + 24 * (blue - 0.5)), 0.9 + 0.2 * faded)
    ink = times(ink, 0.92 + 0.16 * ink_faded)
    hand, weight, scale = HANDS[f["hand"]], 0.34 + 0.09 * f["weight"], 0.69 + 0.07 * f["scale"]
    plane = Plane(0.08 * f["x"], 0.06 * f["y"], scale, f["turn"], 0.16 * f["slant"], 0.12 * (roll - 0.5))

    canvas = Canvas(size, sign)
    _surface(canvas, plane, sign, ink, *rest[:4])
    step = hand.width + weight + 0.14 + 0.12 * gap
    digits: list[Points] = []
    for factor, place in (("left", -step), ("digit", 0.0), ("right", step)):
        if f[factor] != "none":
            digits += [plane.see(shape + np.array((place, 0.0))) for shape in outlines(f[factor], hand, weight)]
    for colour, offset in ((times(sign, 0.54), (0.03 + 0.03 * drop) * scale), (ink, 0.0)):
        for shape in digits:
            canvas.shape(shape + offset, colour)

    pixels = canvas.pixels_and_material()[0] * _light(size, f["light"], *rest[4:])
    pixels = _blurred(pixels, size * (SHARPEST + (SOFTEST - SHARPEST) * f["blur"]))
    return to_bytes(pixels + np.float32(1.5 + 4 * grain) * _grain(f["detail"], size))


def _surface(
    canvas: Canvas, plane: Plane, sign: Colour, ink: Colour, kind: float, tone: float, place: float, lined: float
) -> None:
    """What the digits stand on: a plain wall, bricks, or a plate whose upper and lower edge may be in view."""

    def band(y0: float, y1: float, colour: Colour) -> None:
        canvas.shape(plane.see(np.array([(-3.5, y0), (3.5, y0), (3.5, y1), (-3.5, y1)])), colour)

    if kind < 0.25:
        mortar = mix(sign, (226, 220, 210) if sum(sign) < 450 else (120, 110, 104), 0.22)
        for row in range(-3, 4):
            y = 0.62 * row + 0.4 * (tone - 0.5)
            band(y - 0.025, y + 0.025, mortar)
            for column in range(-2, 3):
                x = 1.5 * column + 0.75 * (row % 2) + place - 0.5
                canvas.shape(plane.see(ribbon(np.array([(x, y), (x, y + 0.62)]), 0.05)), mortar)
    elif kind < 0.65:
        wall = ramp([(150, 96, 78), (196, 184, 168), (110, 112, 118), (226, 220, 206)], tone)
        canvas.polygon([(-1.1, -1.1), (1.1, -1.1), (1.1, 1.1), (-1.1, 1.1)], wall)
        half = 1.28 + 0.25 * place
        band(-half - 0.07, half + 0.07, times(sign, 0.72))
        band(-half, half, sign)
        if lined < 0.5:  # a painted line inside the edge
            for y in (-half + 0.09, half - 0.09):
                band(y - 0.03, y + 0.03, mix(sign, ink, 0.75))


def _light(
    size: int, bright: float, across: float, down: float, shadow: float, slope: float, start: float, deep: float
) -> np.ndarray:
    """[size, size, 1]: falling off to a side, sometimes with the shadow of something near across a corner."""
    x, y = grid(size)
    light = 1 + np.float32(0.24 * (across - 0.5)) * x + np.float32(0.24 * (down - 0.5)) * y
    if shadow < 0.3:
        edge = 6 * (np.float32(0.6 + slope) * x + y + np.float32(1.2 * (start - 0.5)))
        light = light * (1 - np.float32(0.18 + 0.14 * deep) * np.clip(edge, 0, 1))
    return np.float32(0.86 + 0.18 * bright) * light[..., None]


def _blurred(pixels: np.ndarray, deviation: float) -> np.ndarray:
    """Blurred by as good as a Gaussian with this standard deviation in pixels, far below one pixel too."""
    # Passes of three taps, whose variances add up: as many as the strongest blur takes, so that none is a jump.
    passes = math.ceil(2 * (SOFTEST * len(pixels)) ** 2)
    side = deviation**2 / passes / 2
    taps = np.ones(1)
    for _ in range(passes):
        taps = np.convolve(taps, (side, 1 - 2 * side, side))
    taps = taps[taps > 1e-5].astype(np.float32)
    n = len(taps) // 2
    for axis in (0, 1):
        size = pixels.shape[axis]
        padded = np.pad(pixels, [(n, n) if a == axis else (0, 0) for a in range(3)], mode="edge")
        pixels = np.zeros_like(pixels)
        for i, tap in enumerate(taps):
            pixels += tap * (padded[i : i + size] if axis == 0 else padded[:, i : i + size])
    return pixels


def _grain(detail: int, size: int) -> np.ndarray:
    """[size, size, 1] with a standard deviation of 1 at 32 pixels; larger pictures have the same, smoother."""
    grain = Image.fromarray(random_bytes(detail, 32 * 32, stream=1).reshape(32, 32))
    if size != 32:
        grain = grain.resize((size, size), Image.Resampling.BILINEAR)
    return ((np.asarray(grain, dtype=np.float32) - np.float32(127.5)) / np.float32(73.9))[..., None]
