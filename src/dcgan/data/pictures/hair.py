"""Hair: a mass behind the head, and a cap on it whose lower edge is the hairline."""

import math

import numpy as np

from .draw import WHITE, Canvas, Colour, Point, curve, mirrored, mix, ribbon, times
from .head import Head

# Where a style begins on the face: (azimuth, height) from the middle of the forehead to the side.
HAIRLINE: dict[str, list[Point]] = {
    "short": [(0.0, -0.55), (0.5, -0.56), (0.88, -0.44), (1.02, -0.14), (1.16, 0.12)],
    "curly": [(0.0, -0.48), (0.5, -0.46), (0.86, -0.3), (1.02, 0.0), (1.12, 0.3)],
    "bun": [(0.0, -0.66), (0.5, -0.58), (0.9, -0.36), (1.1, -0.1), (1.25, 0.1)],
    "bob": [(0.0, -0.3), (0.5, -0.3), (0.8, -0.2), (0.98, 0.2), (1.0, 0.62)],
    "long": [(0.0, -0.74), (0.36, -0.6), (0.76, -0.26), (1.0, 0.2), (1.02, 0.7)],
}
THICK = {"short": 0.09, "curly": 0.2, "bun": 0.06, "bob": 0.15, "long": 0.13}
STYLES = ("bald", *HAIRLINE)


def behind(canvas: Canvas, head: Head, style: str, colour: Colour, length: float) -> None:
    dark = times(colour, 0.8)
    back = -0.14 * head.sin
    if style == "bun":
        x = 2.2 * back
        canvas.ellipse(x, -1.12, 0.35, 0.3, colour)
        canvas.stroke([(x - 0.22, -1.18), (x, -1.07), (x + 0.22, -1.18)], 0.05, dark)
    elif style == "curly":
        for i in range(14):
            angle = math.pi * (0.86 + 1.28 * i / 13)
            x, y = head.shift(0) + 0.3 * back + 0.86 * math.cos(angle), -0.16 + 0.9 * math.sin(angle)
            canvas.ellipse(x, y, 0.27 + 0.05 * length * (i % 2), 0.27, dark)
    elif style in ("bob", "long"):
        wide, end = (0.98, 0.98 + 0.1 * length) if style == "bob" else (1.02, 1.75 + 0.35 * length)
        half = [(0.0, -1.0), (0.8, -0.7), (wide, 0.0), (wide + 0.03, 0.6 * end), (0.8 * wide, end), (0.0, end - 0.05)]
        canvas.blob(mirrored(half, back), dark)


def front(canvas: Canvas, head: Head, style: str, colour: Colour, skin: Colour, parting: float) -> None:
    """`parting` from -1 to 1: on which side the hair is parted."""
    if style == "bald":
        canvas.soft(head.shift(-0.7) - 0.25, -0.68, 0.24, 0.14, mix(skin, WHITE, 0.28), skin)
        return
    thick, half = THICK[style], HAIRLINE[style]
    lean = 0.3 * parting if style in ("short", "long") else 0.0
    both = [(-a, v) for a, v in half[:0:-1]] + half
    line = curve([head.at(a + lean * max(0.0, 1 - abs(a)), v) for a, v in both])

    def edge(side: int) -> list[Point]:
        # The nape comes into view on the side that is turned to us.
        nape = 0.2 if style in ("bob", "long") else 0.35 * max(0.0, -side * head.sin)
        low = half[-1][1] + nape
        return [head.side(side, v, thick) for v in (low, *(v for v in (0.6, 0.3, 0.0, -0.3, -0.6, -0.85) if v < low))]

    crown = (head.shift(-1), -1.0 - thick)
    canvas.shape(ribbon(line[4:-4] + np.array((0, 0.03)), 0.12), times(skin, 0.9))  # its shadow on the face
    canvas.shape(np.concatenate([curve([*edge(-1), crown, *edge(1)[::-1]]), line[::-1]]), colour)
    light = mix(colour, WHITE, 0.16)
    if style == "curly":
        for i, (x, y) in enumerate(line[::2]):
            canvas.ellipse(x, y - 0.03, 0.13 + 0.03 * (i % 2), 0.12, colour)
        for i in range(5):
            x, y = head.at(-0.9 + 0.45 * i, -0.78 - 0.1 * (i % 2), out=0.05)
            canvas.stroke([(x - 0.1, y + 0.02), (x, y - 0.07), (x + 0.1, y + 0.02)], 0.05, light, taper=True)
    else:
        for a in (-0.9, -0.55, -0.25):
            lock = [head.at(a + 0.1, -0.93), head.at(a - 0.08, -0.75), head.at(a - 0.2, -0.58 + 0.1 * abs(a))]
            canvas.stroke(lock, 0.045, light, taper=True)
