"""Portraits: a head that turns, in one of two drawing styles, with hair, glasses, a mood.

The head is a rounded solid: a feature sits at an azimuth and a height on it, and turning moves it sideways by the sine
and narrows it by the cosine; ears go behind the cheek or come round to the front. Heads are drawn in a frame where
the crown is at y = -1, the chin at 1 and the eyes near 0.
"""

import math
from collections.abc import Mapping

import numpy as np

from .draw import CIRCLE, Canvas, Colour, Points, curve, grid, mix, ramp, ribbon, ring, smooth, times, to_bytes
from .factors import Category, Continuous, Detail, Factor, Value, uniforms

FACTORS: dict[str, Factor] = {
    "style": Category(("man", "woman")),  # jaw, brows, beard shade and collar; or lashes, lips and jewellery
    "glasses": Category(("none", "glasses")),
    "mouth": Continuous(),  # frown to smile
    "turn": Continuous(),  # towards the left of the picture to towards its right
    "hair": Category(("bald", "short", "curly", "bun", "bob", "long")),
    "hair_colour": Category(("black", "brown", "auburn", "blond", "grey"), unless=("hair", "bald")),
    "skin": Continuous(),  # light to deep
    "background": Category(("sand", "rose", "sky", "mint", "lilac", "slate")),
    "x": Continuous(),
    "y": Continuous(),
    "scale": Continuous(),
    "eyes": Continuous(),  # narrow to wide open
    "eye_colour": Category(("brown", "green", "blue")),
    "brows": Continuous(),  # stern to surprised
    "shirt": Category(("navy", "teal", "brick", "mustard", "plum", "white")),
    "detail": Detail(),
}

FAR = 0.62  # radians of turn at the factor's ends

SKIN: list[Colour] = [
    (255, 223, 200), (248, 204, 170), (232, 176, 136), (201, 140, 100), (158, 102, 72), (112, 72, 54),
]  # fmt: skip
HAIR: list[Colour] = [(46, 40, 46), (104, 66, 46), (164, 78, 46), (228, 184, 108), (176, 174, 180)]
BACKGROUND: list[Colour] = [
    (242, 222, 184), (245, 202, 200), (184, 218, 240), (190, 226, 204), (212, 202, 238), (128, 150, 176),
]  # fmt: skip
SHIRT: list[Colour] = [(52, 74, 118), (46, 134, 138), (190, 84, 66), (226, 168, 62), (124, 74, 122), (238, 236, 232)]
EYE: list[Colour] = [(92, 58, 38), (74, 122, 82), (66, 122, 178)]
FRAME: list[Colour] = [(36, 34, 42), (70, 40, 32), (140, 34, 44), (30, 50, 88)]
WHITE: Colour = (252, 250, 248)

# Half the head's width at each height, by style.
HEIGHTS = [-1.0, -0.93, -0.78, -0.5, -0.1, 0.25, 0.5, 0.72, 0.88, 0.97, 1.0]
WIDTHS = {
    "man": [0.0, 0.34, 0.58, 0.75, 0.8, 0.78, 0.74, 0.64, 0.46, 0.24, 0.0],
    "woman": [0.0, 0.34, 0.58, 0.75, 0.79, 0.75, 0.66, 0.48, 0.28, 0.13, 0.0],
}


class Head:
    """Where things are on a head that is turned."""

    def __init__(self, style: str, turn: float) -> None:
        self.angle = turn * FAR
        self.sin, self.cos = math.sin(self.angle), math.cos(self.angle)
        self.widths = WIDTHS[style]

    def width(self, v: float) -> float:
        # The skull is deeper than wide, so its outline grows as it turns.
        return float(np.interp(v, HEIGHTS, self.widths)) * (1 + 0.05 * abs(self.sin) * smooth(0.6 - v))

    def shift(self, v: float) -> float:
        # The jaw goes where the face looks, the back of the skull the other way.
        return self.sin * (-0.09 + 0.24 * smooth((v + 0.5) / 1.5))

    def at(self, azimuth: float, v: float, out: float = 0.0) -> tuple[float, float]:
        """The point at an azimuth (0 is the nose, positive to the picture's right) and height; `out` above the skin."""
        angle = min(max(azimuth + self.angle, -math.pi / 2), math.pi / 2)
        return self.shift(v) + (self.width(v) + out) * math.sin(angle), v

    def facing(self, azimuth: float) -> float:
        return max(0.0, math.cos(azimuth + self.angle))

    def side(self, side: int, v: float, out: float = 0.0) -> tuple[float, float]:
        """The outline at a height on the left (-1) or the right (1)."""
        return self.shift(v) + side * (self.width(v) + out), v - out * smooth(-v)

    def outline(self) -> Points:
        left = [self.side(-1, v) for v in HEIGHTS[1:-1]]
        right = [self.side(1, v) for v in HEIGHTS[1:-1]]
        return np.array([self.side(1, -1.0), *right, self.side(1, 1.0), *left[::-1]])


def render(f: Mapping[str, Value], size: int) -> np.ndarray:
    u = uniforms(int(f["detail"]), 0, 16)
    style, hair = FACTORS["style"].values[int(f["style"])], FACTORS["hair"].values[int(f["hair"])]
    man = style == "man"
    background = mix(BACKGROUND[int(f["background"])], WHITE, 0.18 * u[0])
    skin = ramp(SKIN, 0.5 + 0.5 * f["skin"])
    skin = (skin[0], skin[1] + 8 * (u[1] - 0.5), skin[2] + 12 * (u[1] - 0.5))
    hair_colour = times(HAIR[int(f["hair_colour"])], 0.9 + 0.2 * u[2])
    shirt = mix(SHIRT[int(f["shirt"])], WHITE, 0.15 * u[3])
    ink = mix(times(skin, 0.42), (60, 30, 34), 0.45)

    head = Head(style, f["turn"])
    canvas = Canvas(size, background, material=0)
    x, y, scale = 0.08 * f["x"], -0.05 + 0.05 * f["y"], 0.55 + 0.045 * f["scale"]
    roll = 0.05 * (2 * u[4] - 1)

    canvas.material = 255
    canvas.view(x, y, scale, roll)
    _back_hair(canvas, head, hair, hair_colour, u)
    canvas.view(x, y, scale)
    _body(canvas, head, man, skin, shirt)
    canvas.view(x, y, scale, roll)
    near = -1 if head.sin > 0 else 1
    _ear(canvas, head, -near, skin, jewel=None)
    canvas.blob(head.outline(), skin, steps=4)
    _cheeks(canvas, head, man, skin, u)
    lenses = _lenses(head, square=u[11])
    if f["glasses"]:
        for lens in lenses:
            canvas.shape(lens, mix(skin, (226, 240, 250), 0.3))
    _eyes(canvas, head, f, man, skin, ink, hair_colour if hair != "bald" else mix(ink, hair_colour, 0.3))
    _nose(canvas, head, skin, u)
    _mouth(canvas, head, f["mouth"], man, skin, ink)
    _ear(canvas, head, near, skin, jewel=None if man else (250, 214, 110))
    _front_hair(canvas, head, hair, hair_colour, skin, u)
    if f["glasses"]:
        _glasses(canvas, head, lenses, FRAME[int(u[5] * len(FRAME))])

    pixels, material = canvas.pixels_and_material()
    gx, gy = grid(size)
    # Light from the upper left on a ball as large as the head; behind it a bright spot at the same side.
    nx, ny = (gx - np.float32(x)) / np.float32(1.1 * scale), (gy - np.float32(y)) / np.float32(1.1 * scale)
    on_head = 1 + np.clip(-0.07 * nx - 0.06 * ny - 0.05 * (nx * nx + ny * ny) + 0.05, -0.12, 0.12)
    behind = 1.05 - 0.035 * ((gx + 0.4) ** 2 + (gy + 0.5) ** 2)
    light = behind[..., None] + (on_head - behind)[..., None] * material
    return to_bytes(pixels * light)


def _body(canvas: Canvas, head: Head, man: bool, skin: Colour, shirt: Colour) -> None:
    lean = -0.06 * head.sin
    neck, shoulder, drop = (0.44, 1.5, 1.36) if man else (0.33, 1.22, 1.42)
    shade = times(skin, 0.86)
    canvas.blob([
        (lean - 0.3 * shoulder, drop - 0.02), (lean - 0.78 * shoulder, drop + 0.12), (lean - shoulder, drop + 0.5),
        (lean - 1.12 * shoulder, 3.0), (lean + 1.12 * shoulder, 3.0), (lean + shoulder, drop + 0.5),
        (lean + 0.78 * shoulder, drop + 0.12), (lean + 0.3 * shoulder, drop - 0.02),
    ], shirt)  # fmt: skip
    top = head.shift(0.6) * 0.6
    if not man:  # a round neckline
        for wide, deep, colour in ((0.66, 0.5, times(shirt, 0.86)), (0.58, 0.43, skin)):
            canvas.shape(curve([(lean - wide, drop + 0.03), (lean - 0.64 * wide, drop + 0.68 * deep), (lean, drop + deep),
                                (lean + 0.64 * wide, drop + 0.68 * deep), (lean + wide, drop + 0.03)]), colour)
    canvas.polygon([(top - neck, 0.4), (top + neck, 0.4), (lean + neck + 0.04, drop + 0.1), (lean, drop + 0.3),
                    (lean - neck - 0.04, drop + 0.1)], skin)  # fmt: skip
    canvas.blob([(top - neck, 0.5), (top + neck, 0.5), (lean + neck, 1.08), (lean + 0.1 * head.sin, 1.27),
                 (lean - neck, 1.08)], shade)  # fmt: skip
    if man:  # a shirt collar
        collar = mix(shirt, WHITE, 0.45) if sum(shirt) < 600 else times(shirt, 0.88)
        for side in (-1, 1):
            canvas.polygon([
                (lean + side * (neck + 0.1), drop - 0.24), (lean + side * (neck + 0.2), drop + 0.05),
                (lean + side * 0.3, drop + 0.5), (lean, drop + 0.26), (lean + side * neck, drop + 0.02),
            ], collar)  # fmt: skip
        canvas.polygon([(lean - 0.05, drop + 0.3), (lean + 0.05, drop + 0.3), (lean + 0.05, 3), (lean - 0.05, 3)],
                       times(shirt, 0.84))  # fmt: skip
    else:
        canvas.stroke([(lean - 0.42, drop - 0.12), (lean - 0.24, drop + 0.12), (lean, drop + 0.2),
                       (lean + 0.24, drop + 0.12), (lean + 0.42, drop - 0.12)], 0.05, (250, 214, 110))  # fmt: skip
        canvas.ellipse(lean, drop + 0.22, 0.075, 0.075, (250, 214, 110))


def _ear(canvas: Canvas, head: Head, side: int, skin: Colour, jewel: Colour | None) -> None:
    angle = side * 1.66 + head.angle
    x = head.shift(0.1) + (head.width(0.1) + 0.03) * math.sin(angle)
    rx = 0.1 + 0.09 * max(0.0, math.cos(angle))
    canvas.ellipse(x, 0.1, rx, 0.2, times(skin, 0.95))
    canvas.ellipse(x + 0.02 * side, 0.1, rx * 0.55, 0.12, times(skin, 0.82))
    if jewel is not None:
        canvas.ellipse(x + 0.02 * side, 0.36, 0.075, 0.09, jewel)


def _cheeks(canvas: Canvas, head: Head, man: bool, skin: Colour, u: list[float]) -> None:
    if man:  # the shade of a beard, up to the cheekbones
        shade = mix(skin, mix(times(skin, 0.3), (58, 52, 62), 0.45), 0.34)
        line = [head.at(a, v) for a, v in ((-1.5, 0.3), (-1.0, 0.5), (-0.55, 0.44), (0.0, 0.4), (0.55, 0.44), (1.0, 0.5),
                                           (1.5, 0.3))]  # fmt: skip
        jaw = [head.side(1, v, -0.015) for v in (0.5, 0.72, 0.88, 0.97)] + [head.side(1, 0.99)]
        jaw += [head.side(-1, v, -0.015) for v in (0.97, 0.88, 0.72, 0.5)]
        canvas.blob([*line, *jaw], shade)
        return
    blush = mix(skin, (236, 96, 96), 0.22 + 0.14 * u[6])
    for side in (-1, 1):
        x, y = head.at(side * 0.62, 0.42)
        canvas.soft(x, y, 0.2 * (0.3 + 0.7 * head.facing(side * 0.62)), 0.15, blush, skin)


def _eyes(canvas: Canvas, head: Head, f: Mapping[str, Value], man: bool, skin: Colour, ink: Colour,
          brow: Colour) -> None:  # fmt: skip
    height = 0.105 + 0.035 * f["eyes"]
    line = ink if man else times(ink, 0.6)
    for side in (-1, 1):
        azimuth = side * 0.44
        x, y = head.at(azimuth, 0.06)
        flat = 0.25 + 0.75 * head.facing(azimuth)
        w = (0.185 if man else 0.2) * flat
        eye = CIRCLE * (w, height) + (x, y)
        eye[:, 1] = np.where(eye[:, 1] > y, y + 0.8 * (eye[:, 1] - y), eye[:, 1])
        canvas.shape(eye, (250, 247, 244))
        look = x + 0.03 * head.sin
        for radius, colour in ((0.125, EYE[int(f["eye_colour"])]), (0.065, (28, 22, 26))):
            iris = CIRCLE * (radius * (0.4 + 0.6 * flat), radius) + (look, y - 0.01)
            canvas.shape(_within(iris, x, y, w, height), colour)
        canvas.ellipse(look - 0.04, y - 0.05, 0.028, 0.028, WHITE)
        lid = [(x + w * i, y - height * math.sqrt(1 - i * i)) for i in (-1.0, -0.8, -0.4, 0.0, 0.4, 0.8, 1.0)]
        canvas.stroke(lid, 0.055 if man else 0.075, line, steps=3)
        if not man:  # lashes, at the outer corner
            out = side * w
            canvas.stroke([(x + 0.5 * out, y - height), (x + 1.05 * out, y - 0.03), (x + 1.45 * out, y - 0.12)], 0.075,
                          line, taper=True)  # fmt: skip
        lift, tilt = 0.05 * f["brows"], 0.09 * f["brows"]
        inner, mid, outer = (head.at(side * a, v) for a, v in (
            (0.2, -0.2 - lift - tilt), (0.46, -0.27 - lift), (0.74, -0.19 - lift + 0.4 * tilt)))  # fmt: skip
        canvas.stroke([inner, mid, outer], 0.115 if man else 0.065, times(mix(brow, ink, 0.25), 0.85))


def _within(points: Points, x: float, y: float, w: float, h: float) -> Points:
    """Points moved up or down into an eye of this place and size."""
    across = np.clip((points[:, 0] - x) / w, -1, 1)
    room = h * np.sqrt(1 - across * across)
    return np.stack([x + w * across, np.clip(points[:, 1], y - room, y + 0.8 * room)], axis=1)


def _nose(canvas: Canvas, head: Head, skin: Colour, u: list[float]) -> None:
    length = 0.36 + 0.05 * u[7]
    shade = times(skin, 0.88)
    bridge, base = head.at(0.0, 0.02), head.at(0.0, length + 0.05)
    tip = head.at(0.0, length, out=0.17)
    wing = 0.115
    canvas.blob([bridge, ((bridge[0] + tip[0]) / 2 + 0.02, 0.2), (tip[0] + 0.5 * wing, tip[1] - 0.04),
                 (base[0] + wing * head.cos, base[1] - 0.03), base, (base[0] - wing * head.cos, base[1] - 0.03)],
                mix(skin, shade, 0.55))  # fmt: skip
    canvas.ellipse(tip[0], tip[1] - 0.02, 0.075, 0.07, mix(skin, WHITE, 0.12))
    canvas.stroke([(base[0] - wing * head.cos, base[1] - 0.01), (0.5 * (base[0] + tip[0]), base[1] + 0.035),
                   (base[0] + wing * head.cos, base[1] - 0.01)], 0.045, times(skin, 0.72), taper=True)  # fmt: skip


def _mouth(canvas: Canvas, head: Head, mood: float, man: bool, skin: Colour, ink: Colour) -> None:
    smile, frown = max(0.0, mood), max(0.0, -mood)
    spread = 0.47 + 0.15 * smile - 0.02 * frown
    y, corner, middle = 0.66 - 0.03 * smile + 0.03 * frown, -0.11 * mood, 0.055 * mood
    gap, lip = 0.2 * smile, 0.045 if man else 0.07
    line, lower = [], []  # between the lips, and how full they are there: a D lying on its back
    for a in (-1.0, -0.85, -0.5, 0.0, 0.5, 0.85, 1.0):
        line.append(head.at(a * spread, y + middle + (corner - middle) * a * a))
        lower.append(math.sqrt(1 - a * a) if smile else 1 - a * a)

    def below(depth: float) -> list[tuple[float, float]]:
        return [(x, y + depth * full) for (x, y), full in zip(line, lower, strict=True)]

    lips = mix(skin, (204, 48, 72), 0.78) if not man else mix(skin, (150, 62, 58), 0.5)
    canvas.blob([*below(-lip), *below(gap + 0.02 + 1.2 * lip)[::-1]], lips)
    if gap > 0.01:
        canvas.blob([*below(0.0), *below(gap)[::-1]], (112, 30, 40))
        canvas.blob([*below(0.0), *below(0.66 * gap)[::-1]], WHITE)
    canvas.stroke(line, 0.055 * (1 - 0.7 * smile), mix(ink, lips, 0.2))


# Where each hair style begins on the face: (azimuth, height) from the middle of the forehead to the side.
HAIRLINE: dict[str, list[tuple[float, float]]] = {
    "short": [(0.0, -0.55), (0.5, -0.56), (0.88, -0.44), (1.02, -0.14), (1.16, 0.12)],
    "curly": [(0.0, -0.48), (0.5, -0.46), (0.86, -0.3), (1.02, 0.0), (1.12, 0.3)],
    "bun": [(0.0, -0.66), (0.5, -0.58), (0.9, -0.36), (1.1, -0.1), (1.25, 0.1)],
    "bob": [(0.0, -0.3), (0.5, -0.3), (0.8, -0.2), (0.98, 0.2), (1.0, 0.62)],
    "long": [(0.0, -0.74), (0.36, -0.6), (0.76, -0.26), (1.0, 0.2), (1.02, 0.7)],
}
THICK = {"short": 0.09, "curly": 0.2, "bun": 0.06, "bob": 0.15, "long": 0.13}


def _back_hair(canvas: Canvas, head: Head, hair: str, colour: Colour, u: list[float]) -> None:
    dark = times(colour, 0.8)
    back = -0.14 * head.sin
    if hair == "bun":
        canvas.ellipse(back * 2.2, -1.14, 0.35, 0.31, colour)
        canvas.stroke([(back * 2.2 - 0.22, -1.18), (back * 2.2, -1.07), (back * 2.2 + 0.22, -1.18)], 0.05, dark)
    elif hair == "curly":
        for i in range(14):
            a = math.pi * (0.86 + 1.28 * i / 13)
            x, y = head.shift(0) + 0.86 * math.cos(a), -0.16 + 0.9 * math.sin(a)
            canvas.ellipse(x + back * 0.3, y, 0.27 + 0.05 * u[8 + i % 3], 0.27, dark)
    elif hair in ("bob", "long"):
        end = 0.98 + 0.1 * u[8] if hair == "bob" else 1.75 + 0.35 * u[8]
        wide = 0.98 if hair == "bob" else 1.02
        canvas.blob([(back, -1.0), (back + 0.8, -0.7), (back + wide, 0.0), (back + wide + 0.03, 0.6 * end),
                     (back + 0.8 * wide, end), (back, end - 0.05), (back - 0.8 * wide, end),
                     (back - wide - 0.03, 0.6 * end), (back - wide, 0.0), (back - 0.8, -0.7)], dark)  # fmt: skip


def _front_hair(canvas: Canvas, head: Head, hair: str, colour: Colour, skin: Colour, u: list[float]) -> None:
    if hair == "bald":
        canvas.soft(head.shift(-0.7) - 0.25, -0.68, 0.24, 0.14, mix(skin, WHITE, 0.28), skin)
        return
    thick, half = THICK[hair], HAIRLINE[hair]
    part = 0.3 * (2 * u[9] - 1) if hair in ("short", "long") else 0.0
    line = [head.at(-a + part * max(0.0, 1 - a), v) for a, v in half[:0:-1]]
    line += [head.at(a + part * max(0.0, 1 - a), v) for a, v in half]

    def edge(side: int) -> list[tuple[float, float]]:
        # The nape comes into view on the side that is turned to us.
        low = half[-1][1] + (0.35 * max(0.0, -side * head.sin) if hair in ("short", "bun", "curly") else 0.2)
        levels = [v for v in (0.6, 0.3, 0.0, -0.3, -0.6, -0.85) if v < low]
        return [head.side(side, v, thick) for v in (low, *levels)]

    top = (head.shift(-1), -1.0 - thick)
    canvas.shape(ribbon(curve(line)[4:-4] + (0, 0.03), 0.12), times(skin, 0.9))  # its shadow on the face
    canvas.shape(np.concatenate([curve(edge(-1) + [top] + edge(1)[::-1]), curve(line[::-1])]), colour)
    light = mix(colour, WHITE, 0.16)
    if hair == "curly":
        for i, (x, y) in enumerate(curve(line, steps=3)):
            canvas.ellipse(x, y - 0.03, 0.13 + 0.03 * u[10 + i % 3], 0.12, colour)
        for i in range(5):
            x, y = head.at(-0.9 + 0.45 * i, -0.78 - 0.1 * (i % 2), out=0.05)
            canvas.stroke([(x - 0.1, y + 0.02), (x, y - 0.07), (x + 0.1, y + 0.02)], 0.05, light, taper=True)
    else:
        for a in (-0.9, -0.55, -0.25):
            canvas.stroke([head.at(a + 0.1, -0.93), head.at(a - 0.08, -0.75), head.at(a - 0.2, -0.58 + 0.1 * abs(a))],
                          0.045, light, taper=True)  # fmt: skip


def _lenses(head: Head, square: float) -> list[Points]:
    """The two lenses' outlines, left and right, from round to square."""
    corner, h = 0.707 + 0.16 * square, 0.26 - 0.02 * square
    outlines = []
    for side in (-1, 1):
        x, y = head.at(side * 0.44, 0.07, out=0.06)
        w = (0.29 + 0.02 * square) * (0.3 + 0.7 * head.facing(side * 0.44))
        rim = [(1, 0), (corner, corner), (0, 1), (-corner, corner), (-1, 0), (-corner, -corner), (0, -1), (corner, -corner)]
        outlines.append(curve([(x + w * i, y + h * j) for i, j in rim], closed=True))
    return outlines


def _glasses(canvas: Canvas, head: Head, lenses: list[Points], frame: Colour) -> None:
    thick = 0.085
    for side, lens in zip((-1, 1), lenses, strict=True):
        canvas.shape(ring(lens, thick), frame)
        if side * head.sin < 0.3:  # the arm to the ear, unless it is behind the face
            edge = lens[:, 0].min() if side < 0 else lens[:, 0].max()
            end = head.at(side * 1.5, 0.02)
            canvas.stroke([(edge, 0.03), ((edge + end[0]) / 2, 0.02), end], 0.075, frame, steps=2)
    start, end = lenses[0][:, 0].max(), lenses[1][:, 0].min()
    canvas.stroke([(start, 0.06), ((start + end) / 2, 0.02), (end, 0.06)], thick, frame, steps=3)
