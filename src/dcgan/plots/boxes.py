"""Layers as boxes in perspective: the shapes that figure 1 is put together from.

A box stands for a stack of maps (or a vector, or a picture), and between two of them is drawn what the layer joins.
Lengths are points, 72 to the inch, and square roots of sizes, so that 4 and 512 fit on one page.
"""

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dcgan.layers import Stage
from dcgan.plots.style import CLASS, QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float]
Colour = str | tuple[float, ...]

MAP_SIDE = 130.0  # the longest side of the largest map
MAPS_DEEP = 60.0  # the deepest stack of maps
UNITS_TALL = 110.0  # the longest vector
RECEDE = (0.40, 0.24)  # where a map's own width goes on the page, as shares of its length: aside, up


@dataclass(frozen=True, kw_only=True)
class Body:
    """A stage as a box: `deep` along the stack of maps, `tall`, receding by `back`; and the class joined to it."""

    stage: Stage
    joined: int  # numbers or maps of the class
    deep: float
    tall: float
    back: Point
    class_deep: float = 0.0  # the class as further maps of the stack,
    class_tall: float = 0.0  # or as further numbers of a vector
    picture: bool = False

    @property
    def wide(self) -> float:
        return self.deep + self.class_deep + self.back[0]

    @property
    def high(self) -> float:
        return self.tall + self.class_tall + self.back[1]


def sized(stages: list[Stage], both: list[Stage]) -> list[Body]:
    """On one scale for both networks; few maps and short vectors stay small where nothing larger stands beside them."""
    stacks = [stage.shape for stage in both if len(stage.shape) == 3]
    deepest = max(64, *(maps for maps, *_ in stacks))
    largest = max(max(side) for _, *side in stacks)
    longest = max(100, *(stage.shape[0] for stage in both if len(stage.shape) == 1))

    bodies = []
    for stage, after in itertools.zip_longest(stages, stages[1:]):
        joined = after.labels if after and not after.flattened else 0
        if len(stage.shape) == 1:
            tall = UNITS_TALL * math.log(1 + stage.shape[0]) / math.log(1 + longest)
            class_tall = 10.0 if joined else 0.0
            bodies.append(Body(stage=stage, joined=joined, deep=8, tall=tall, back=(4, 2.4), class_tall=class_tall))
        else:
            maps, *side = stage.shape
            tall, back = (MAP_SIDE * math.sqrt(length / largest) for length in side)
            body = Body(
                stage=stage,
                joined=joined,
                deep=3 + MAPS_DEEP * math.sqrt(maps / deepest),
                tall=tall,
                back=(RECEDE[0] * back, RECEDE[1] * back),
                class_deep=6.0 if joined else 0.0,
                picture=stage is stages[0] or after is None,
            )
            bodies.append(body)
    return bodies


class Placed(NamedTuple):
    """A body on the page. Its own coordinates: along the stack, up, and from 0 to 1 into the page."""

    body: Body
    x: float  # middle
    y: float  # bottom
    way: int  # 1: the data go to the right; -1: mirrored

    def at(self, along: float, up: float, into: float = 0.0) -> Point:
        aside, rise = self.body.back
        return self.x + self.way * (along + into * aside - self.body.wide / 2), self.y + up + into * rise


def box(axes: "Axes", one: Placed, colour: str) -> None:
    body = one.body
    _slab(axes, one, (0.0, body.deep), (0.0, body.tall), colour)
    if body.picture:
        _scene(axes, one, colour)
    if body.class_deep:
        _slab(axes, one, (body.deep, body.deep + body.class_deep), (0.0, body.tall), CLASS)
    if body.class_tall:
        _slab(axes, one, (0.0, body.deep), (body.tall, body.tall + body.class_tall), CLASS)


def _slab(axes: "Axes", one: Placed, along: Point, up: Point, colour: str) -> None:
    """A box's front, its top and the map at the end of the stack, ruled as the stack or the vector that it is."""
    (start, end), (low, high) = along, up
    faces = [
        (0.62, [(start, low, 0), (end, low, 0), (end, high, 0), (start, high, 0)]),
        (0.85, [(start, high, 0), (end, high, 0), (end, high, 1), (start, high, 1)]),
        (0.75, [(end, low, 0), (end, high, 0), (end, high, 1), (end, low, 1)]),
    ]
    for pale, corners in faces:
        _polygon(axes, [one.at(*corner) for corner in corners], _mix(colour, pale), _mix(colour, 0.1))
    if len(one.body.stage.shape) == 1:
        parts = min(round((high - low) / 6), one.body.stage.shape[0])
        rules = [[(start, y, 0), (end, y, 0), (end, y, 1)] for y in _between(low, high, parts)]
    else:
        few = colour != CLASS and one.body.stage.shape[0] <= 4  # a picture's channels, each by itself
        parts = one.body.stage.shape[0] if few else round((end - start) / 5)
        rules = [[(x, low, 0), (x, high, 0), (x, high, 1)] for x in _between(start, end, parts)]
    for rule in rules:
        _line(axes, [one.at(*point) for point in rule], _mix(colour, 0.42), 0.5)


def _between(low: float, high: float, parts: int) -> list[float]:
    return [low + (high - low) * i / parts for i in range(1, parts)]


def _scene(axes: "Axes", one: Placed, colour: str) -> None:
    """The sign for a picture: hills and a sun, on its face."""
    deep, tall = one.body.deep, one.body.tall
    hills = [[(0, 0), (0, 0.32), (0.3, 0.6), (0.75, 0)], [(0.3, 0), (0.72, 0.45), (1, 0.2), (1, 0)]]
    turns = [i * math.tau / 32 for i in range(32)]
    sun = [(0.7 + 0.11 * math.cos(turn), 0.76 + 0.06 * math.sin(turn)) for turn in turns]
    for pale, shape in zip((0.5, 0.35, 0.35), [*hills, sun], strict=True):
        _polygon(axes, [one.at(deep, v * tall, u) for u, v in shape], _mix(colour, pale), None)
    edge = [one.at(deep, v * tall, u) for u, v in [(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)]]
    _line(axes, edge, _mix(colour, 0.1), 0.7)


def reach(axes: "Axes", source: Placed, target: Placed, colour: str) -> None:
    """What a layer joins: all with all, a patch with a point or, when fractionally strided, a point with a patch."""
    a, b = source.body, target.body
    end, stage = a.deep + a.class_deep, b.stage
    if stage.op == "dense":
        corners = [
            source.at(end, 0, 1),
            source.at(end, a.tall + a.class_tall, 1),
            target.at(0, b.tall),
            target.at(0, 0),
        ]
        _polygon(axes, corners, _mix(colour, 0.9), None)
        return
    # Half of the patch as a share of its map; a resized map is read as if it were its target's size.
    sides = (b if stage.op != "convolution" else a).stage.shape[1:]
    high, wide = (min(0.5, stage.kernel / 2 / side) for side in sides)
    if stage.op != "transposed":
        tip = target.at(0, b.tall / 2)
        ends = [(a.tall * (0.5 + i * high), 0.5 + j * wide) for i, j in ((-1, -1), (-1, 1), (1, 1), (1, -1))]
        corners = [source.at(end, up, into) for up, into in ends]
        _polygon(axes, corners, _mix(colour, 0.35), _mix(colour, 0))
        far = [corners[1], corners[2]]
    else:
        tip = source.at(end, a.tall / 2, 0.5)
        far = [target.at(0, b.tall * (0.5 - high)), target.at(0, b.tall * (0.5 + high))]
        _line(axes, far, colour, 2.5)
        axes.plot(*tip, marker="o", markersize=3, color=colour, zorder=2)
    _polygon(axes, [tip, *far], (*_mix(colour, 0), 0.12), None)
    for one in far:
        _line(axes, [tip, one], colour, 0.7, (0, (3, 2)))


def _polygon(axes: "Axes", corners: list[Point], fill: Colour, edge: Colour | None) -> None:
    from matplotlib.patches import Polygon

    style = {"facecolor": fill, "edgecolor": edge or "none", "linewidth": 0.7, "joinstyle": "round"}
    axes.add_patch(Polygon(corners, **style, zorder=2))


def _line(axes: "Axes", points: list[Point], colour: Colour, width: float, dashes: Any = "-") -> None:
    axes.plot(
        *zip(*points, strict=True), color=colour, linewidth=width, linestyle=dashes, zorder=2, solid_capstyle="butt"
    )


def arrow(axes: "Axes", start: Point, end: Point) -> None:
    look = {
        "arrowstyle": "-|>,head_width=0.18,head_length=0.35",
        "color": QUIET,
        "linewidth": 0.8,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", end, start, arrowprops=look)


def _mix(colour: str, white: float) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return tuple(part + (1 - part) * white for part in to_rgb(colour))
