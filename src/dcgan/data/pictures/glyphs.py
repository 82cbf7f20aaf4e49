"""Digits as pen strokes, in the manner of several sign painters.

A digit is written in a box from -0.5 to 0.5 across and from -1 (top) to 1 (foot) down, as lines that are smooth except
at corners. A hand then makes it narrow or broad, light or heavy, and its cross strokes thinner than its down strokes.
No font is used: what a font draws depends on the FreeType it meets.
"""

import math
from dataclasses import dataclass

import numpy as np

from .draw import CIRCLE, Points, curve, ribbon

Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Hand:
    width: float
    contrast: float = 0.0  # how much thinner a cross stroke is
    round: bool = False  # ends and corners
    other: bool = False  # the second way to write a digit, where there is one


HANDS: dict[str, Hand] = {
    "round": Hand(0.98, round=True),
    "plain": Hand(0.98, contrast=0.12),
    "narrow": Hand(0.74, contrast=0.08, other=True),
    "broad": Hand(1.16, contrast=0.2),
    "brush": Hand(0.95, contrast=0.45, other=True),
    "soft": Hand(0.84, round=True, other=True),
}


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Line:
    """Points along an ellipse; degrees, 0 to the right, 90 down."""
    n = max(2, math.ceil(abs(end - start) / 16)) + 1
    angles = [math.radians(start + (end - start) * i / (n - 1)) for i in range(n)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def _smooth(*points: tuple[float, float]) -> Line:
    return [(float(x), float(y)) for x, y in curve(points, steps=5)]


def _turned(strokes: list[Line]) -> list[Line]:
    return [[(-x, -y) for x, y in line] for line in strokes]


_SIX = [[*_smooth((0.3, -1.0), (-0.1, -0.62), (-0.42, -0.08), (-0.5, 0.4))], _arc(0, 0.4, 0.5, 0.6, -180, 180)]
_SIX_BENT = [[*_arc(0, -0.35, 0.5, 0.65, -32, -180), (-0.5, 0.4)], _arc(0, 0.4, 0.5, 0.6, -180, 180)]
STROKES: dict[str, list[Line]] = {
    "0": [_arc(0, 0, 0.5, 1, -90, 270)],
    "1": [[(-0.3, -0.6), (0.1, -1.0), (0.1, 1.0)]],
    "2": [[*_arc(0, -0.47, 0.48, 0.53, -170, 30), (-0.5, 1.0), (0.52, 1.0)]],
    "3": [
        [*_arc(-0.02, -0.5, 0.46, 0.5, -155, 90), (-0.14, 0.0)],
        [(-0.14, 0.0), *_arc(-0.02, 0.5, 0.53, 0.5, -90, 152)],
    ],
    "4": [[(0.24, 1.0), (0.24, -1.0), (-0.54, 0.44), (0.58, 0.44)]],
    "5": [[(0.42, -1.0), (-0.36, -1.0), (-0.42, -0.1), *_arc(-0.01, 0.35, 0.52, 0.65, -135, 148)]],
    "6": _SIX,
    "7": [[(-0.5, -1.0), (0.5, -1.0), *_smooth((0.5, -1.0), (0.06, 0.0), (-0.16, 1.0))[1:]]],
    "8": [_arc(0, -0.52, 0.43, 0.48, -90, 270), _arc(0, 0.48, 0.52, 0.52, -90, 270)],
    "9": _turned(_SIX),
}
OTHERS: dict[str, list[Line]] = {
    "1": [[(-0.3, -0.62), (0.08, -1.0), (0.08, 1.0)], [(-0.34, 1.0), (0.5, 1.0)]],
    "3": [[(-0.44, -1.0), (0.42, -1.0), (-0.04, -0.16), *_arc(-0.02, 0.42, 0.53, 0.58, -85, 150)]],
    "4": [[(-0.12, -1.0), (-0.5, 0.36), (0.58, 0.36)], [(0.26, -0.24), (0.26, 1.0)]],
    "6": _SIX_BENT,
    "7": [[(-0.5, -1.0), (0.5, -1.0), (-0.14, 1.0)]],
    "9": _turned(_SIX_BENT),
}


def outlines(digit: str, hand: Hand, weight: float) -> list[Points]:
    """The digit's strokes as polygons, which may overlap; `weight` is the thickness of a down stroke."""
    strokes = OTHERS.get(digit, STROKES[digit]) if hand.other else STROKES[digit]
    shapes: list[Points] = []
    for stroke in strokes:
        line = np.array(stroke) * (hand.width, 1 - weight / 2)
        closed = float(np.abs(line[0] - line[-1]).sum()) < 1e-6
        if not (hand.round or closed):
            line = _longer(line, 0.4 * weight)
        steps = line[1:] - line[:-1]
        directions = steps / np.sqrt((steps * steps).sum(axis=1, keepdims=True))
        thick = weight * (1 - hand.contrast * (1 - np.abs(directions[:, 1])))
        corners = [int(i) + 1 for i in np.nonzero((directions[1:] * directions[:-1]).sum(axis=1) < 0.8)[0]]
        for start, end in zip([0, *corners], [*corners, len(line) - 1], strict=True):
            t = thick[start:end]
            shapes.append(ribbon(line[start : end + 1], np.concatenate([t[:1], (t[1:] + t[:-1]) / 2, t[-1:]])))
        if closed:  # cover the seam
            shapes.append(ribbon(line[[-2, 0, 1]], thick[[-1, 0, 0]]))
        elif hand.round:
            shapes += [CIRCLE[::2] * (weight / 2) + line[i] for i in (0, *corners, len(line) - 1)]
        else:
            half = thick / 2
            shapes += [_corner(line[i], directions[i - 1], directions[i], half[i - 1], half[i]) for i in corners]
    return shapes


def _longer(line: Points, by: float) -> Points:
    """Both ends moved on by a little, so that square ends reach as far as round ones seem to."""
    line = line.copy()
    for end, other in ((0, 1), (-1, -2)):
        step = line[end] - line[other]
        line[end] += step * (by / math.sqrt(float((step * step).sum())))
    return line


def _corner(at: Points, before: Points, after: Points, half_before: float, half_after: float) -> Points:
    """The wedge on the outer side of a corner: square at a right angle, cut off at a sharper one."""
    cross = before[0] * after[1] - before[1] * after[0]
    side = -1.0 if cross > 0 else 1.0
    a = at + side * half_before * np.array([-before[1], before[0]])
    b = at + side * half_after * np.array([-after[1], after[0]])
    reach = ((b[0] - a[0]) * after[1] - (b[1] - a[1]) * after[0]) / cross  # to where the outer edges meet
    back = ((b[0] - a[0]) * before[1] - (b[1] - a[1]) * before[0]) / cross
    return np.stack([at, a, a + before * min(reach, half_after), b + after * max(back, -half_before), b])
