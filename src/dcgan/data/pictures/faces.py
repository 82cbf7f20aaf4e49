"""Portraits: a head that turns (head.py), in one of two drawing styles, with hair (hair.py), glasses, a mood.

`man` and `woman` are no more than two ways to draw: a broad jaw, heavy brows, the shade of a beard and a collar; or
a small chin, lashes, red lips and gold at the ears and neck. Every other factor goes with either.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import hair
from .draw import (
    CIRCLE,
    WHITE,
    Canvas,
    Colour,
    Point,
    Points,
    curve,
    grid,
    mirrored,
    mix,
    ramp,
    ring,
    times,
    to_bytes,
)  # fmt: skip
from .factors import Category, Continuous, Detail, Factor, uniforms
from .head import Head

SKIN: list[Colour] = [
    (255, 223, 200), (248, 204, 170), (232, 176, 136), (201, 140, 100), (158, 102, 72), (112, 72, 54),
]  # fmt: skip
HAIR: dict[str, Colour] = {
    "black": (46, 40, 46),
    "brown": (104, 66, 46),
    "auburn": (164, 78, 46),
    "blond": (228, 184, 108),
    "grey": (176, 174, 180),
}
# Sand, rose, lilac, sky, mint; brick, mustard, teal, navy, plum; and all between.
BACKGROUND: list[Colour] = [(244, 222, 178), (246, 196, 196), (212, 200, 240), (180, 216, 242), (188, 228, 202)]
SHIRT: list[Colour] = [(190, 84, 66), (228, 170, 62), (46, 140, 138), (52, 74, 122), (124, 70, 122)]
EYE: dict[str, Colour] = {"brown": (92, 58, 38), "green": (74, 122, 82), "blue": (66, 122, 178)}
FRAME: list[Colour] = [(36, 34, 42), (70, 40, 32), (140, 34, 44), (30, 50, 88)]
GOLD: Colour = (250, 214, 110)

FACTORS: dict[str, Factor] = {
    "style": Category(("man", "woman")),
    "glasses": Category(("none", "glasses")),
    "mouth": Continuous(),  # frown to smile
    "turn": Continuous(),  # towards the left of the picture to towards its right
    "hair": Category(hair.STYLES),
    "hair_colour": Category(tuple(HAIR), unless=("hair", "bald")),
    "skin": Continuous(),  # light to deep
    "background": Continuous(),
    "x": Continuous(),
    "y": Continuous(),
    "scale": Continuous(),
    "eyes": Continuous(),  # narrow to wide open
    "eye_colour": Category(tuple(EYE)),
    "brows": Continuous(),  # stern to surprised
    "shirt": Continuous(),
    "detail": Detail(),
}


@dataclass(frozen=True)
class Look:
    man: bool
    skin: Colour
    ink: Colour  # of lines on the skin
    brow: Colour
    shirt: Colour


def render(f: Mapping[str, Any], size: int) -> np.ndarray:
    pale, warm, shade, fade, tilt, frame, blush, nose, length, parting, square = uniforms(f["detail"], 0, 11)
    head = Head(f["style"], f["turn"])
    skin = ramp(SKIN, 0.5 + 0.5 * f["skin"])
    skin = (skin[0], skin[1] + 8 * (warm - 0.5), skin[2] + 12 * (warm - 0.5))
    ink = mix(times(skin, 0.42), (60, 30, 34), 0.45)
    colour = times(HAIR[f["hair_colour"]], 0.9 + 0.2 * shade)
    brow = times(mix(colour, ink, 0.25), 0.85) if f["hair"] != "bald" else ink
    look = Look(f["style"] == "man", skin, ink, brow, mix(ramp(SHIRT, 0.5 + 0.5 * f["shirt"]), WHITE, 0.15 * fade))
    x, y, scale = 0.08 * f["x"], -0.04 + 0.04 * f["y"], 0.605 + 0.045 * f["scale"]

    canvas = Canvas(size, mix(ramp(BACKGROUND, 0.5 + 0.5 * f["background"]), WHITE, 0.18 * pale))
    canvas.material = 255
    upright, tilted = (x, y, scale), (x, y, scale, 0.04 * (2 * tilt - 1))
    canvas.view(*tilted)
    hair.behind(canvas, head, f["hair"], colour, length)
    canvas.view(*upright)
    _body(canvas, head, look)
    canvas.view(*tilted)
    for side in (-1, 1):
        _ear(canvas, head, look, side)
    canvas.blob(head.outline(), skin, steps=4)
    _cheeks(canvas, head, look, blush)
    lenses = _lenses(head, square)
    if f["glasses"] == "glasses":
        for lens in lenses:
            canvas.shape(lens, mix(skin, (226, 240, 250), 0.3))
    for side in (-1, 1):
        _eye(canvas, head, look, side, f["eyes"], EYE[f["eye_colour"]])
        _brow(canvas, head, look, side, f["brows"])
    _nose(canvas, head, skin, 0.36 + 0.05 * nose)
    _mouth(canvas, head, look, f["mouth"])
    for side in (-1, 1):
        _ear(canvas, head, look, side, over=True)
    hair.front(canvas, head, f["hair"], colour, skin, 2 * parting - 1)
    if f["glasses"] == "glasses":
        _frames(canvas, head, lenses, FRAME[int(frame * len(FRAME))])

    pixels, material = canvas.pixels_and_material()
    gx, gy = grid(size)
    # Light from the upper left, on the head as on a ball; the background is bright at the same side.
    nx, ny = (gx - np.float32(x)) / np.float32(1.1 * scale), (gy - np.float32(y)) / np.float32(1.1 * scale)
    on_head = 1 + np.clip(-0.07 * nx - 0.06 * ny - 0.05 * (nx * nx + ny * ny) + 0.05, -0.12, 0.12)
    behind = 1.05 - 0.035 * ((gx + 0.4) ** 2 + (gy + 0.5) ** 2)
    return to_bytes(pixels * (behind[..., None] + (on_head - behind)[..., None] * material))


def _body(canvas: Canvas, head: Head, look: Look) -> None:
    lean = -0.06 * head.sin  # the shoulders turn away a little
    neck, wide, drop = (0.46, 1.46, 1.22) if look.man else (0.34, 1.18, 1.28)
    torso = [(0.3 * wide, -0.02), (0.78 * wide, 0.12), (wide, 0.5), (1.12 * wide, 1.7)]
    canvas.blob(mirrored([(x, drop + y) for x, y in torso], lean), look.shirt)
    if not look.man:  # a round neckline
        for half, deep, colour in ((0.66, 0.5, times(look.shirt, 0.86)), (0.58, 0.43, look.skin)):
            scoop = [(half, drop + 0.03), (0.64 * half, drop + 0.68 * deep), (0.0, drop + deep)]
            canvas.shape(curve(mirrored(scoop, lean)[:5]), colour)
    top = 0.6 * head.shift(0.6)
    throat = [(top + neck, 0.4), (lean + neck + 0.04, drop + 0.1), (lean, drop + 0.3)]
    canvas.polygon([(top - neck, 0.4), *throat, (lean - neck - 0.04, drop + 0.1)], look.skin)
    under_chin = [(top + neck, 0.5), (lean + neck, 1.02), (lean + 0.1 * head.sin, 1.19), (lean - neck, 1.02)]
    canvas.blob([(top - neck, 0.5), *under_chin], times(look.skin, 0.86))
    if look.man:  # a collar
        flap = [(neck + 0.1, -0.24), (neck + 0.2, 0.05), (0.3, 0.5), (0.0, 0.26), (neck, 0.02)]
        for side in (-1, 1):
            canvas.polygon([(lean + side * x, drop + y) for x, y in flap], mix(look.shirt, WHITE, 0.5))
        canvas.polygon(mirrored([(0.05, drop + 0.3), (0.05, 3.0)], lean), times(look.shirt, 0.84))
    else:  # a chain with a drop
        chain = [(-0.42, -0.12), (-0.24, 0.12), (0.0, 0.2), (0.24, 0.12), (0.42, -0.12)]
        canvas.stroke([(lean + x, drop + y) for x, y in chain], 0.05, GOLD)
        canvas.ellipse(lean, drop + 0.22, 0.075, 0.075, GOLD)


def _ear(canvas: Canvas, head: Head, look: Look, side: int, over: bool = False) -> None:
    """Behind the head's outline, and, as far as it has come round to our side, over it."""
    angle = side * 1.66 + head.angle
    round_to_us = max(0.0, math.cos(angle))
    open_ = min(1.0, 4 * round_to_us) if over else 1.0
    if open_ == 0.0:
        return
    x = head.shift(0.1) + (head.width(0.1) + 0.03) * math.sin(angle)
    rx = (0.1 + 0.09 * round_to_us) * open_
    canvas.ellipse(x, 0.1, rx, 0.2, times(look.skin, 0.95))
    canvas.ellipse(x + 0.02 * side, 0.1, 0.55 * rx, 0.12, times(look.skin, 0.82))
    if not look.man:
        canvas.ellipse(x + 0.02 * side, 0.36, 0.075 * open_, 0.09, GOLD)


def _cheeks(canvas: Canvas, head: Head, look: Look, blush: float) -> None:
    if look.man:  # the shade of a beard, up to the cheekbones
        cheekbone = [(-1.5, 0.3), (-1.0, 0.5), (-0.55, 0.44), (0.0, 0.4), (0.55, 0.44), (1.0, 0.5), (1.5, 0.3)]
        levels = (0.5, 0.72, 0.88, 0.97)
        right, left = ([head.side(side, v, -0.015) for v in levels] for side in (1, -1))
        shade = mix(look.skin, mix(times(look.skin, 0.3), (58, 52, 62), 0.45), 0.34)
        canvas.blob([*(head.at(a, v) for a, v in cheekbone), *right, head.side(1, 0.99), *left[::-1]], shade)
        return
    for side in (-1, 1):
        x, y = head.at(side * 0.62, 0.42)
        rx = 0.2 * (0.3 + 0.7 * head.facing(side * 0.62))
        canvas.soft(x, y, rx, 0.15, mix(look.skin, (236, 96, 96), 0.22 + 0.14 * blush), look.skin)


def _eye(canvas: Canvas, head: Head, look: Look, side: int, openness: float, colour: Colour) -> None:
    x, y = head.at(side * 0.44, 0.06)
    flat = 0.25 + 0.75 * head.facing(side * 0.44)
    w, h = (0.185 if look.man else 0.2) * flat, 0.11 + 0.032 * openness

    def between_lids(points: Points) -> Points:
        across = np.clip((points[:, 0] - x) / w, -1, 1)
        room = h * np.sqrt(1 - across * across)
        return np.stack([x + w * across, np.clip(points[:, 1], y - room, y + 0.8 * room)], axis=1)

    canvas.shape(between_lids(CIRCLE * np.array((w, h)) + np.array((x, y))), (250, 247, 244))
    gaze = x + 0.03 * head.sin
    for radius, fill in ((0.125, colour), (0.065, (28, 22, 26))):
        iris = CIRCLE * np.array((radius * (0.4 + 0.6 * flat), radius)) + np.array((gaze, y - 0.01))
        canvas.shape(between_lids(iris), fill)
    canvas.ellipse(gaze - 0.04, y - 0.05, 0.028, 0.028, WHITE)
    lid = [(x + w * i, y - h * math.sqrt(1 - i * i)) for i in (-1.0, -0.8, -0.4, 0.0, 0.4, 0.8, 1.0)]
    if look.man:
        canvas.stroke(lid, 0.055, look.ink, steps=3)
        return
    dark, out = times(look.ink, 0.6), side * w
    canvas.stroke(lid, 0.075, dark, steps=3)
    lashes = [(x + 0.5 * out, y - h), (x + 1.05 * out, y - 0.03), (x + 1.45 * out, y - 0.12)]
    canvas.stroke(lashes, 0.075, dark, taper=True)


def _brow(canvas: Canvas, head: Head, look: Look, side: int, raised: float) -> None:
    lift, tilt = 0.05 * raised, 0.06 * raised
    arch = [(0.2, -0.22 - lift - tilt), (0.46, -0.28 - lift), (0.74, -0.19 - lift + 0.4 * tilt)]
    canvas.stroke([head.at(side * a, v) for a, v in arch], 0.115 if look.man else 0.065, look.brow)


def _nose(canvas: Canvas, head: Head, skin: Colour, length: float) -> None:
    (top, _), (foot, low) = head.at(0.0, 0.02), head.at(0.0, length + 0.05)
    tip, _ = head.at(0.0, length, out=0.17)
    wing = 0.115 * head.cos
    side = [(top, 0.02), ((top + tip) / 2 + 0.02, 0.2), (tip + 0.06, length - 0.04), (foot + wing, low - 0.03)]
    canvas.blob([*side, (foot, low), (foot - wing, low - 0.03)], times(skin, 0.935))
    canvas.ellipse(tip, length - 0.02, 0.075, 0.07, mix(skin, WHITE, 0.12))
    under = [(foot - wing, low - 0.01), ((foot + tip) / 2, low + 0.035), (foot + wing, low - 0.01)]
    canvas.stroke(under, 0.045, times(skin, 0.72), taper=True)


def _mouth(canvas: Canvas, head: Head, look: Look, mood: float) -> None:
    smile, frown = max(0.0, mood), max(0.0, -mood)
    spread = 0.47 + 0.15 * smile - 0.02 * frown
    y, corner, middle = 0.66 - 0.05 * smile + 0.03 * frown, -0.11 * mood, 0.055 * mood
    line: list[Point] = []  # between the lips
    fullness: list[float] = []  # of the mouth there: a lens, and when it laughs a D lying on its back
    for a in (-1.0, -0.85, -0.5, 0.0, 0.5, 0.85, 1.0):
        line.append(head.at(a * spread, y + middle + (corner - middle) * a * a))
        lens = 1 - a * a
        fullness.append(lens + (math.sqrt(lens) - lens) * min(1.0, 3 * smile))

    def below(depth: float) -> list[Point]:
        return [(x, y + depth * full) for (x, y), full in zip(line, fullness, strict=True)]

    gap, lip = 0.19 * smile, 0.045 if look.man else 0.07
    lips = mix(look.skin, (150, 62, 58), 0.5) if look.man else mix(look.skin, (204, 48, 72), 0.78)
    canvas.blob([*below(-lip), *below(gap + 0.02 + lip * (1.2 - 0.5 * smile))[::-1]], lips)
    if gap > 0.01:  # teeth, and the dark below them
        canvas.blob([*line, *below(gap)[::-1]], (112, 30, 40))
        canvas.blob([*line, *below(0.66 * gap)[::-1]], WHITE)
    canvas.stroke(line, 0.055 * (1 - 0.7 * smile), mix(look.ink, lips, 0.2))


def _lenses(head: Head, square: float) -> list[Points]:
    """The outlines of the two lenses, left and right, from round to square."""
    corner, h = 0.707 + 0.16 * square, 0.26 - 0.02 * square
    rim = np.array([(1, 0), (corner, corner), (0, 1), (-corner, corner), (-1, 0), (-corner, -corner), (0, -1),
                    (corner, -corner)])  # fmt: skip
    lenses = []
    for side in (-1, 1):
        w = (0.29 + 0.02 * square) * (0.3 + 0.7 * head.facing(side * 0.44))
        lenses.append(curve(rim * np.array((w, h)) + np.array(head.at(side * 0.44, 0.07, out=0.06)), closed=True))
    return lenses


def _frames(canvas: Canvas, head: Head, lenses: list[Points], colour: Colour) -> None:
    inner = []
    for side, lens in zip((-1, 1), lenses, strict=True):
        canvas.shape(ring(lens, 0.085), colour)
        left, right = float(lens[:, 0].min()), float(lens[:, 0].max())
        start, end = (left if side < 0 else right), head.at(side * 1.5, 0.02)[0]
        inner.append(right if side < 0 else left)
        if side * (end - start) > 0:  # the arm to the ear, as far as the face does not hide it
            canvas.stroke([(start, 0.03), ((start + end) / 2, 0.02), (end, 0.02)], 0.075, colour, steps=2)
    canvas.stroke([(inner[0], 0.06), (sum(inner) / 2, 0.02), (inner[1], 0.06)], 0.085, colour, steps=3)
