"""A head that turns: where its points are in the picture.

A feature sits at an azimuth and a height on a rounded solid; turning moves it sideways by the sine, and what it
shows of its width goes with the cosine. The frame: the crown at y = -1, the chin at 1, the eyes near 0.
"""

import math
from bisect import bisect_right

import numpy as np

from .draw import Point, Points, smooth

FAR = 0.62  # radians turned at a turn of 1

# Half the head's width at each height, by style.
HEIGHTS = (-1.0, -0.93, -0.78, -0.5, -0.1, 0.25, 0.5, 0.72, 0.88, 0.97, 1.0)
WIDTHS = {
    "man": (0.0, 0.34, 0.58, 0.75, 0.8, 0.78, 0.74, 0.64, 0.46, 0.24, 0.0),
    "woman": (0.0, 0.34, 0.58, 0.75, 0.79, 0.75, 0.67, 0.51, 0.32, 0.16, 0.0),
}


class Head:
    def __init__(self, style: str, turn: float) -> None:
        self.angle = turn * FAR
        self.sin, self.cos = math.sin(self.angle), math.cos(self.angle)
        self.widths = WIDTHS[style]

    def width(self, v: float) -> float:
        # The skull is deeper than wide, so its outline grows as it turns.
        i = min(max(bisect_right(HEIGHTS, v), 1), len(HEIGHTS) - 1)
        t = (v - HEIGHTS[i - 1]) / (HEIGHTS[i] - HEIGHTS[i - 1])
        flat = self.widths[i - 1] + t * (self.widths[i] - self.widths[i - 1])
        return flat * (1 + 0.05 * abs(self.sin) * smooth(0.6 - v))

    def shift(self, v: float) -> float:
        # The jaw goes where the face looks, the back of the skull the other way.
        return self.sin * (-0.09 + 0.24 * smooth((v + 0.5) / 1.5))

    def at(self, azimuth: float, v: float, out: float = 0.0) -> Point:
        """The point at an azimuth (0 is the nose, positive to the picture's right), `out` above the skin.

        A point that has gone round to the back is moved to the outline.
        """
        angle = min(max(azimuth + self.angle, -math.pi / 2), math.pi / 2)
        return self.shift(v) + (self.width(v) + out) * math.sin(angle), v

    def facing(self, azimuth: float) -> float:
        """1 where the skin faces us, 0 at the outline and behind."""
        return max(0.0, math.cos(azimuth + self.angle))

    def side(self, side: int, v: float, out: float = 0.0) -> Point:
        """The outline at a height on the left (-1) or the right (1)."""
        return self.shift(v) + side * (self.width(v) + out), v - out * smooth(-v)

    def outline(self) -> Points:
        inner = HEIGHTS[1:-1]
        right, left = [self.side(1, v) for v in inner], [self.side(-1, v) for v in inner]
        return np.array([self.side(1, -1.0), *right, self.side(1, 1.0), *left[::-1]])
