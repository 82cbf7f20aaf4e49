"""Anti-aliased drawing with numpy and Pillow: flat shapes on a large canvas, reduced to the size asked for.

A canvas has a colour and, in its fourth channel, a *material*: how strongly each of two soft light fields acts on
the spot (`Canvas.lit`). So one canvas and one reduction give flat shapes with clean edges and smooth shading.
Coordinates are those of the picture, [-1, 1] from left to right and from top to bottom, or those of the current view.
Points are rounded to whole canvas pixels before drawing, so that the last bit of a sine cannot change a picture.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[float, float, float]
Point = tuple[float, float]
Points = np.ndarray  # [n, 2]

WHITE: Colour = (252, 250, 248)
CANVAS = 384  # canvas pixels a side at least: a multiple of 16, 32, 48, 64, 96 and 128
SIDEWAYS = np.array((-1.0, 1.0))
CIRCLE = np.array([(math.cos(2 * math.pi * i / 40), math.sin(2 * math.pi * i / 40)) for i in range(40)])


def mix(a: Colour, b: Colour, t: float) -> Colour:
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def times(colour: Colour, factor: float) -> Colour:
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)


def ramp(colours: Sequence[Colour], t: float) -> Colour:
    """The colour at t in [0, 1] along evenly spaced stops."""
    place = min(max(t, 0.0), 1.0) * (len(colours) - 1)
    i = min(int(place), len(colours) - 2)
    return mix(colours[i], colours[i + 1], place - i)


def smooth(t: float) -> float:
    """0 below 0, 1 above 1, and a soft step between."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def curve(points: Sequence[Point] | Points, closed: bool = False, steps: int = 6) -> Points:
    """A Catmull-Rom curve through the points."""
    p = np.asarray(points, dtype=np.float64)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    a, b, c, d = _weights(steps)
    parts = a * p[:-3, None] + b * p[1:-2, None] + c * p[2:-1, None] + d * p[3:, None]  # [points, steps, 2]
    line = parts.reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-1:]])


@cache
def _weights(steps: int) -> np.ndarray:
    """What the four nearest points count at each step from the second to the third of them [4, steps, 1]."""
    t = np.arange(steps)[:, None] / steps
    return 0.5 * np.stack([
        t * (2 - t) * t - t, 2 - t * t * (5 - 3 * t), t + t * t * (4 - 3 * t), t * t * (t - 1),
    ])  # fmt: skip


def mirrored(half: Sequence[Point], x: float = 0.0) -> list[Point]:
    """A symmetric outline from its right half, given from the axis or near it and back to it; its axis is at x."""
    left = [(x - across, y) for across, y in reversed(half) if across != 0]
    return [*((x + across, y) for across, y in half), *left]


def ribbon(line: Points, widths: float | Points) -> Points:
    """The outline of a line drawn with a pen; `widths` is one for all, or one for each point."""
    step = np.empty_like(line)
    step[1:-1] = line[2:] - line[:-2]
    step[0], step[-1] = line[1] - line[0], line[-1] - line[-2]
    length = np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2) + 1e-9
    half = (0.5 * np.asarray(widths) / length)[:, None] * step[:, ::-1] * SIDEWAYS
    return np.concatenate([line + half, (line - half)[::-1]])


def ring(outline: Points, thick: float) -> Points:
    """A closed outline drawn with a pen: once round outside, once back inside."""
    closed = np.concatenate([outline[-1:], outline, outline[:2]])
    both = ribbon(closed, thick)
    n = len(closed)
    return np.concatenate([both[1 : n - 1], both[n + 1 : 2 * n - 1]])


class Canvas:
    def __init__(self, size: int, background: Colour, material: int = 0) -> None:
        self.size = size
        self.factor = max(3, -(-CANVAS // size))
        self.pixels = size * self.factor
        # CMYK is Pillow's mode of four plain channels: RGBA would weigh the colours by the fourth when it reduces.
        self.image = Image.new("CMYK", (self.pixels, self.pixels), _ink(background, material))
        self.pen = ImageDraw.Draw(self.image)
        self.material = material
        self.view()

    def view(self, x: float = 0.0, y: float = 0.0, scale: float = 1.0, roll: float = 0.0) -> None:
        """From here on, coordinates are those of a frame at (x, y), enlarged by scale, rotated by roll radians."""
        half = self.pixels / 2
        self._origin = (half * (1 + x) + 0.5, half * (1 + y) + 0.5)
        self._axis = (half * scale * math.cos(roll), half * scale * math.sin(roll))

    def shape(self, points: Points, colour: Colour) -> None:
        """The polygon through the points, filled; where it lies over itself it is empty."""
        (x0, y0), (c, s), x, y = self._origin, self._axis, points[:, 0], points[:, 1]
        corners = np.empty((len(points), 2))
        corners[:, 0] = x * c - y * s + x0
        corners[:, 1] = x * s + y * c + y0
        self.pen.polygon(np.floor(corners).ravel().tolist(), fill=_ink(colour, self.material))

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self.shape(np.array(points, dtype=np.float64), colour)

    def blob(self, points: Sequence[Point] | Points, colour: Colour, steps: int = 6) -> None:
        """The closed curve through the points, filled."""
        self.shape(curve(points, closed=True, steps=steps), colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        points = np.empty_like(CIRCLE)
        points[:, 0] = CIRCLE[:, 0] * rx + x
        points[:, 1] = CIRCLE[:, 1] * ry + y
        self.shape(points, colour)

    def soft(self, x: float, y: float, rx: float, ry: float, colour: Colour, edge: Colour, steps: int = 5) -> None:
        """An ellipse that goes from `colour` in the middle to `edge` at its rim, in rings."""
        for i in range(steps):
            r = 1 - i / steps
            self.ellipse(x, y, rx * r, ry * r, mix(edge, colour, (i + 1) / steps))

    def stroke(
        self, points: Sequence[Point] | Points, width: float, colour: Colour, *, taper: bool = False, steps: int = 6
    ) -> None:
        """A smooth line through the points; with taper, its ends are thin."""
        line = curve(points, steps=steps)
        if taper:
            t = np.linspace(-1, 1, len(line))
            self.shape(ribbon(line, width * (1 - 0.85 * t * t)), colour)
        else:
            self.shape(ribbon(line, width), colour)
            for x, y in (line[0], line[-1]):
                self.ellipse(x, y, width / 2, width / 2, colour)

    def pixels_and_material(self) -> tuple[np.ndarray, np.ndarray]:
        """Colours [size, size, 3] from 0 to 255 and materials [size, size, 1] from 0 to 1, both float32."""
        small = np.asarray(self.image.reduce(self.factor), dtype=np.float32)
        return small[..., :3], small[..., 3:] / np.float32(255)


def _ink(colour: Colour, material: int) -> tuple[int, int, int, int]:
    r, g, b = (min(255, max(0, int(c + 0.5))) for c in colour)
    return r, g, b, material


@cache
def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x [1, size] and y [size, 1] of the pixels' centres in [-1, 1], float32."""
    line = ((2 * np.arange(size) + 1) / size - 1).astype(np.float32)
    return line[None, :], line[:, None]


def to_bytes(pixels: np.ndarray) -> np.ndarray:
    return (np.clip(pixels, 0, 255) + np.float32(0.5)).astype(np.uint8)
