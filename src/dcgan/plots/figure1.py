"""Both networks, as figure 1 of Radford et al. (2015) draws the generator.

Maps are boxes: as tall and as far back as a map's sides, as thick as the stack of maps. G grows from z on the left to
the picture on the right; D is its mirror image below, from the picture back to one number. Lengths are square roots of
sizes, so that 4 and 512 fit on one page, and every box says its size. All is read off the networks (`dcgan.layers`),
so any Config can be drawn. `dcgan info RUN --figure FILE.png` does it.
"""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dcgan import layers
from dcgan.config import Config
from dcgan.layers import Stage
from dcgan.plots.style import CLASS, D_COLOUR, G_COLOUR, INK, MINUS, QUIET, SEPARATOR, TIMES, png, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Lengths are points, 72 to the inch.
MAP_SIDE = 130.0  # the longest side of the largest map
MAPS_DEEP = 60.0  # the deepest stack of maps
UNITS_TALL = 110.0  # the longest vector
RECEDE = (0.40, 0.24)  # where a map's own width goes on the page, as shares of its length: aside, up
MARGIN = 24.0
LINE = 11.5  # from one line of words to the next
TITLED = 16.0  # a line of the title
GAP = 34.0  # between two columns, at least
WORDS = 8.0  # from the boxes to the words below them
HEADED = 34.0  # the heading above the boxes,
CLEAR = 8.0  # with this much below its words
BETWEEN = 12.0  # from the words below G to D's heading

TITLE, HEAD, FIRST = (14.0, "bold"), (11.0, "bold"), (9.5, "bold")  # size and weight
OTHER, SMALL = (8.5, "normal"), (8.0, "normal")

CLASS_WORDS = "#9c4f7b"  # the class's colour, dark enough to read

Point = tuple[float, float]
Colour = str | tuple[float, ...]


class Line(NamedTuple):
    """A line of words, how it is set, its colour."""

    words: str
    font: tuple[float, str] = OTHER
    colour: str = INK

    @property
    def width(self) -> float:
        return _width(self.words, self.font)


@dataclass(frozen=True, kw_only=True)
class Body:
    """A stage as a box: `deep` along the stack of maps, `tall`, receding by `back`; and the class joined to it."""

    stage: Stage
    words: list[Line]
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


class Placed(NamedTuple):
    """A body on the page. Its own coordinates: along the stack, up, and from 0 to 1 into the page."""

    body: Body
    x: float  # middle
    y: float  # bottom
    way: int  # 1: the data go to the right; -1: mirrored

    def at(self, along: float, up: float, into: float = 0.0) -> Point:
        aside, rise = self.body.back
        return self.x + self.way * (along + into * aside - self.body.wide / 2), self.y + up + into * rise


class Row(NamedTuple):
    """One network, from the left of the page to the right: D's last stage comes first."""

    head: Line
    about: Line
    bodies: list[Body]
    steps: list[list[Line]]  # what is done between two bodies
    way: int

    @property
    def tallest(self) -> float:
        return max(body.high for body in self.bodies)

    @property
    def words_high(self) -> float:
        return WORDS + LINE * max(len(words) for words in [*(body.words for body in self.bodies), *self.steps])

    @property
    def high(self) -> float:
        return HEADED + self.tallest + self.words_high


def architecture(config: Config) -> bytes:
    with style():
        return png(_figure(config))


def _figure(config: Config) -> "Figure":
    from matplotlib.figure import Figure

    G, D = layers.read(config)
    assert len(G) == len(D), "D mirrors G"
    rows = [_row(G, [*G, *D], 1), _row(D, [*G, *D], -1)]
    title = _title(config, [*G, *D])

    # A column is as wide as the widest thing in it, words too, so that nothing can overlap.
    columns = [
        max(max(body.wide, *(line.width for line in body.words)) for body in pair)
        for pair in zip(*(row.bodies for row in rows), strict=True)
    ]
    gaps = [
        max(GAP, *(line.width + 16 for words in pair for line in words))
        for pair in zip(*(row.steps for row in rows), strict=True)
    ]
    inner = sum(columns) + sum(gaps)
    wide = max(inner, *(line.width for line in title), *(row.head.width + 10 + row.about.width for row in rows))
    lengths = [length for pair in zip([0.0, *gaps], columns, strict=True) for length in pair]
    edges = list(itertools.accumulate(lengths, initial=MARGIN + (wide - inner) / 2))
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)][1:]  # of a column, a gap, a column ...
    high = TITLED * len(title) + rows[0].high + BETWEEN + rows[1].high

    figure = Figure(figsize=((wide + 2 * MARGIN) / 72, (high + 2 * MARGIN) / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, wide + 2 * MARGIN), ylim=(-MARGIN - high, MARGIN))
    axes.axis("off")
    for i, line in enumerate(title, 1):
        _write(axes, (MARGIN, -TITLED * i), line, "left")
    top = -TITLED * len(title)
    for row in rows:
        _draw(axes, row, middles, top)
        top -= row.high + BETWEEN
    below_G = -TITLED * len(title) - HEADED - rows[0].tallest - WORDS - LINE * len(rows[0].bodies[-1].words)
    _arrow(axes, (middles[-1], below_G - 5), (middles[-1], top + BETWEEN + rows[1].high - 8))  # D is shown what G drew
    return figure


# What is said


def _title(config: Config, stages: list[Stage]) -> list[Line]:
    assert config.size is not None
    name = "DCGAN" if config.network == "dcgan" else "GAN of multilayer perceptrons (2014)"
    about = [f"preset {config.preset}", f"z: {_count(config.z_dim, 'number')}, {_z(config)}"]
    if any(stage.norm and not stage.affine for stage in stages):
        about.append("batch norm without gain and bias")
    lines = [Line(f"{name}, {_side(config.size)} pictures", TITLE), Line(SEPARATOR.join(about), colour=QUIET)]
    if config.conditional:
        joins = f"+ {config.classes:,}: the class, one-hot, as so many numbers or maps"
        lines.append(Line(joins, colour=CLASS_WORDS))
    return lines


def _z(config: Config) -> str:
    return f"uniform on [{MINUS}1, 1]" if config.z == "uniform" else "normal"


def _network(stages: list[Stage], flow: str) -> str:
    kinds = {
        "transposed": "fractionally-strided convolutions",
        "nearest": "nearest-neighbour resizing and convolutions",
        "convolution": "strided convolutions",
    }
    kind = next((kinds[stage.op] for stage in stages if stage.op in kinds), "dense layers")
    return SEPARATOR.join([flow, kind, _count(sum(stage.parameters for stage in stages), "parameter")])


def _names(stage: Stage, joined: int, first: bool, last: bool, way: int) -> list[Line]:
    """The words below a box: what it is, and its size."""
    more = f" + {joined:,}" if joined else ""
    maps, *side = stage.shape
    if not side:
        if last:
            return [Line("D(x)", FIRST), Line("1 logit")]
        return [Line("z", FIRST), Line(f"{maps:,}{more}")] if first else [Line(f"{maps:,}{more}", FIRST), Line("units")]
    if first or last:
        kind = {1: "grey", 3: "colour", 4: "colour, alpha"}[maps]
        return [Line("G(z)" if way == 1 else "x or G(z)", FIRST), Line(_side(side)), Line(kind + more)]
    return [Line(f"{maps:,}{more} map{'s' if maps + joined > 1 else ''}", FIRST), Line(_side(side))]


def _step(stage: Stage, last: bool) -> list[Line]:
    """The words between two boxes: the linear map, then discreetly what goes round it."""
    if stage.op == "nearest":
        linear = [f"nearest {TIMES} {stage.stride}", f"{stage.kernel} {TIMES} {stage.kernel}"]
    elif stage.op != "dense":
        linear = [f"{stage.kernel} {TIMES} {stage.kernel}", f"stride {stage.stride}"]
    elif len(stage.shape) == 3:
        linear = ["dense" if last else "project", "reshape"]
    elif stage.flattened:
        linear = ["flatten" + (f" + {stage.labels:,}" if stage.labels else ""), "dense"]
    else:
        linear = ["dense"]
    round_it = []
    if stage.dropout:
        round_it.append(f"dropout {stage.dropout:g}")
    if stage.norm:
        round_it.append("batch norm")
        if stage.norm == "unit" and len(stage.shape) == 3:
            round_it.append("per unit")
    if stage.pieces > 1:
        round_it.append(f"maxout of {stage.pieces}")
    elif stage.activation:
        round_it.append(stage.activation)
    return [Line(words) for words in linear] + [Line(words, SMALL, QUIET) for words in round_it]


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _side(size: tuple[int, ...] | list[int]) -> str:
    return f"{size[0]} {TIMES} {size[1]}"


# What is drawn


def _row(stages: list[Stage], both: list[Stage], way: int) -> Row:
    name, colour, flow = ("Generator", G_COLOUR, "z → G(z)") if way == 1 else ("Discriminator", D_COLOUR, "x → D(x)")
    return Row(
        Line(name, HEAD, colour),
        Line(_network(stages, flow), colour=QUIET),
        [_body(stages, i, both, way) for i in range(len(stages))][::way],
        [_step(stage, stage is stages[-1]) for stage in stages[1:]][::way],
        way,
    )


def _body(stages: list[Stage], i: int, both: list[Stage], way: int) -> Body:
    """One scale for both networks; few maps and short vectors stay small where nothing larger stands beside them."""
    stage, first, last = stages[i], i == 0, i == len(stages) - 1
    joined = 0 if last or stages[i + 1].flattened else stages[i + 1].labels
    words = _names(stage, joined, first, last, way)
    if len(stage.shape) == 1:
        longest = max(100, *(one.shape[0] for one in both if len(one.shape) == 1))
        tall = UNITS_TALL * math.log(1 + stage.shape[0]) / math.log(1 + longest)
        return Body(stage=stage, words=words, deep=8.0, tall=tall, back=(4.0, 2.4), class_tall=10.0 if joined else 0.0)
    stacks = [one.shape for one in both if len(one.shape) == 3]
    deepest = max(64, *(maps for maps, *_ in stacks))
    largest = max(max(side) for _, *side in stacks)
    maps, height, width = stage.shape
    tall, back = (MAP_SIDE * math.sqrt(side / largest) for side in (height, width))
    return Body(
        stage=stage,
        words=words,
        deep=3 + MAPS_DEEP * math.sqrt(maps / deepest),
        tall=tall,
        back=(RECEDE[0] * back, RECEDE[1] * back),
        class_deep=6.0 if joined else 0.0,
        picture=first or last,
    )


def _draw(axes: "Axes", row: Row, middles: list[float], top: float) -> None:
    heading = (MARGIN, top - HEADED + CLEAR)
    _write(axes, heading, row.head, "left")
    _write(axes, (heading[0] + row.head.width + 10, heading[1]), row.about, "left")
    ground = top - HEADED - row.tallest
    placed = [
        Placed(body, x, ground + (row.tallest - body.high) / 2, row.way)
        for body, x in zip(row.bodies, middles[::2], strict=True)
    ]
    for one in placed:
        _box(axes, one, row.head.colour)
        _write_below(axes, one.x, ground, one.body.words)
    for x, words in zip(middles[1::2], row.steps, strict=True):
        _arrow(axes, (x - row.way * 9, ground), (x + row.way * 9, ground))
        _write_below(axes, x, ground, words)
    for source, target in itertools.pairwise(placed[:: row.way]):
        _reach(axes, source, target, row.head.colour)


def _box(axes: "Axes", one: Placed, colour: str) -> None:
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


def _reach(axes: "Axes", source: Placed, target: Placed, colour: str) -> None:
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


def _arrow(axes: "Axes", start: Point, end: Point) -> None:
    look = {
        "arrowstyle": "-|>,head_width=0.18,head_length=0.35",
        "color": QUIET,
        "linewidth": 0.8,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", end, start, arrowprops=look)


def _write(axes: "Axes", at: Point, line: Line, align: str = "center") -> None:
    size, weight = line.font
    axes.text(*at, line.words, size=size, weight=weight, color=line.colour, ha=align)


def _write_below(axes: "Axes", x: float, ground: float, lines: list[Line]) -> None:
    for i, line in enumerate(lines, 1):
        _write(axes, (x, ground - WORDS - i * LINE), line)


@functools.cache
def _width(words: str, font: tuple[float, str]) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    size, weight = font
    path = TextPath((0, 0), words, prop=FontProperties(family="DejaVu Sans", size=size, weight=weight))
    return float(path.get_extents().width)


def _mix(colour: str, white: float) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return tuple(part + (1 - part) * white for part in to_rgb(colour))
