"""Both networks, as figure 1 of Radford et al. (2015) draws the generator.

Maps are boxes: as tall and as far back as a map's sides, as thick as the stack of maps. G grows from z on the left to
the picture on the right; D is its mirror image below, from the picture back to one number. Every box says its size. All
is read off the networks (`dcgan.layers`), so any Config can be drawn. `dcgan info RUN --figure FILE.png` does it.
"""

import functools
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from dcgan import layers
from dcgan.config import Config
from dcgan.layers import Stage
from dcgan.plots.boxes import Body, Placed, Point, arrow, box, reach, sized
from dcgan.plots.style import D_COLOUR, G_COLOUR, INK, MINUS, QUIET, SEPARATOR, TIMES, png, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Lengths are points, 72 to the inch.
MARGIN = 24.0
LINE = 11.5  # from one line of words to the next
TITLED = 16.0  # a line of the title
GAP = 34.0  # between two columns, at least,
APART = 16.0  # and this much more than the words there
WORDS = 8.0  # from the boxes to the words below them
HEADED = 34.0  # the heading above the boxes,
CLEAR = 8.0  # with this much below its words
BETWEEN = 12.0  # from the words below G to D's heading

TITLE, HEAD, FIRST = (14.0, "bold"), (11.0, "bold"), (9.5, "bold")  # size and weight
OTHER, SMALL = (8.5, "normal"), (8.0, "normal")

CLASS_WORDS = "#9c4f7b"  # the class's colour, dark enough to read


class Line(NamedTuple):
    """A line of words, how it is set, its colour."""

    words: str
    font: tuple[float, str] = OTHER
    colour: str = INK

    @property
    def width(self) -> float:
        return _width(self.words, self.font)


class Row(NamedTuple):
    """One network, from the left of the page to the right: D's last stage comes first."""

    head: Line
    about: Line
    bodies: list[Body]
    names: list[list[Line]]  # what stands below them
    steps: list[list[Line]]  # what is done between two bodies
    way: int

    @property
    def tallest(self) -> float:
        return max(body.high for body in self.bodies)

    @property
    def words_high(self) -> float:
        return WORDS + LINE * max(len(words) for words in [*self.names, *self.steps])

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
    columns = [_widest(row.names[i] for row in rows) for i in range(len(G))]
    columns = [max(a, *(row.bodies[i].wide for row in rows)) for i, a in enumerate(columns)]
    gaps = [max(GAP, APART + _widest(row.steps[i] for row in rows)) for i in range(len(G) - 1)]
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
    below_G = -TITLED * len(title) - HEADED - rows[0].tallest - WORDS - LINE * len(rows[0].names[-1])
    arrow(axes, (middles[-1], below_G - 5), (middles[-1], top + BETWEEN + rows[1].high - 8))  # D is shown what G drew
    return figure


# What is said


def _title(config: Config, stages: list[Stage]) -> list[Line]:
    assert config.size is not None
    names = {"dcgan": "DCGAN", "mlp": "GAN of multilayer perceptrons (2014)", "vae": "Variational autoencoder"}
    name = names[config.network]
    about = [f"preset {config.preset}", f"z: {_count(config.z_dim, 'number')}, {_z(config)}"]
    if any(stage.norm in ("map", "unit") and not stage.affine for stage in stages):
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


def _names(body: Body, first: bool, last: bool, way: int) -> list[Line]:
    """The words below a box: what it is, and its size."""
    more = f" + {body.joined:,}" if body.joined else ""
    maps, *side = body.stage.shape
    if not side:
        if last:
            return [Line("D(x)", FIRST), Line("1 logit")]
        return [Line("z", FIRST), Line(f"{maps:,}{more}")] if first else [Line(f"{maps:,}{more}", FIRST), Line("units")]
    if first or last:
        kind = {1: "grey", 3: "colour", 4: "colour, alpha"}[maps]
        return [Line("G(z)" if way == 1 else "x or G(z)", FIRST), Line(_side(side)), Line(kind + more)]
    return [Line(f"{maps:,}{more} map{'s' if maps + body.joined > 1 else ''}", FIRST), Line(_side(side))]


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
        round_it.append("spectral norm" if stage.norm == "spectral" else "batch norm")
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


# What is drawn, and where


def _row(stages: list[Stage], both: list[Stage], way: int) -> Row:
    name, colour, flow = ("Generator", G_COLOUR, "z → G(z)") if way == 1 else ("Discriminator", D_COLOUR, "x → D(x)")
    bodies = sized(stages, both)
    return Row(
        Line(name, HEAD, colour),
        Line(_network(stages, flow), colour=QUIET),
        bodies[::way],
        [_names(body, body is bodies[0], body is bodies[-1], way) for body in bodies][::way],
        [_step(stage, stage is stages[-1]) for stage in stages[1:]][::way],
        way,
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
        box(axes, one, row.head.colour)
    for x in middles[1::2]:
        arrow(axes, (x - row.way * 9, ground), (x + row.way * 9, ground))
    for columns, words in ((middles[::2], row.names), (middles[1::2], row.steps)):
        for x, lines in zip(columns, words, strict=True):
            _write_below(axes, x, ground, lines)
    for source, target in itertools.pairwise(placed[:: row.way]):
        reach(axes, source, target, row.head.colour)


def _write(axes: "Axes", at: Point, line: Line, align: str = "center") -> None:
    size, weight = line.font
    axes.text(*at, line.words, size=size, weight=weight, color=line.colour, ha=align)


def _write_below(axes: "Axes", x: float, ground: float, lines: list[Line]) -> None:
    for i, line in enumerate(lines, 1):
        _write(axes, (x, ground - WORDS - i * LINE), line)


def _widest(words: Iterable[list[Line]]) -> float:
    return max(line.width for lines in words for line in lines)


@functools.cache
def _width(words: str, font: tuple[float, str]) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    size, weight = font
    path = TextPath((0, 0), words, prop=FontProperties(family="DejaVu Sans", size=size, weight=weight))
    return float(path.get_extents().width)
