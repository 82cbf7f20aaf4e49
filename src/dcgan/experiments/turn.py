"""The turn vector (Radford et al., section 6.3.2, figure 8): four samples that look left against four that look right.

Their means' difference is a direction in z along which heads turn; samples are moved along it and turn, keeping who
they are. "A turn vector was created from four averaged samples of faces looking left vs looking right"; they foresee
the same for scale and position, which are done here as well. The reader chooses the eight and sees what came of it:
in how many of a hundred samples the factor rises at each of six steps, and in how many the rest stays as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcgan import plots
from dcgan.console import Console
from dcgan.data.pictures import FACTORS, Continuous
from dcgan.errors import UserError, suggest
from dcgan.experiments import exemplars, result
from dcgan.experiments.exemplars import POOL, Shown, Wish
from dcgan.metrics.reader import TOLERANCE, Reader
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.plots.style import MINUS
from dcgan.sample import Model

EACH = 4  # samples at each end
POINTS = 7  # from -1 to 1
TRIED = 100  # samples that are moved
FIRST_TRIED = 10_000  # their first seed: none of them was looked at before
FAR = 0.6  # a factor beyond it, of -1 to 1, is at its end
GOAL_RISES, GOAL_KEPT = 0.9, 0.8
WHAT = {"faces": ("turn", "scale", "x"), "rooms": ("turn", "light"), "numbers": ("turn", "scale")}
KEPT = {"faces": ("hair", "glasses", "skin"), "rooms": ("window", "bed", "door"), "numbers": ("digit",)}
SHOWN = 5  # samples in the picture


@dataclass(frozen=True)
class Axis:
    """A factor, the means of its two ends, and samples moved from the one to the other."""

    factor: str
    ends: list[np.ndarray]  # low and high: seeds [EACH] each
    pictures: np.ndarray  # uint8 [SHOWN, POINTS, H, W, C]
    values: np.ndarray  # [TRIED, POINTS], as read


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "turn"
    source = "section 6.3.2, figure 8"
    paper = "a vector from four samples looking left against four looking right turns other samples reliably"
    axes: list[Axis]


def compute(
    model: Model,
    what: Sequence[str] = (),
    *,
    each: int = EACH,
    tried: int = TRIED,
    pool: int = POOL,
    console: Console | None = None,
) -> Result:
    """`what`: continuous factors of the pictures that the run learned from; those of the figure unless told."""
    console = console or Console(quiet=True)
    name = exemplars.built_in(model, "turn")
    known = [factor for factor, kind in FACTORS[name].items() if isinstance(kind, Continuous)]
    for factor in what:
        if factor not in known:
            raise UserError(f"--what {factor}: {name} have no such continuous factor{suggest(factor, known)}")
    seer = exemplars.reader(model, "turn", console)
    shown = exemplars.look(model, seer, pool, console)
    axes, figures, said = [], [], []
    with console.progress("turning", len(what or WHAT[name])) as bar:
        for number, factor in enumerate(what or WHAT[name]):
            axis, found = _axis(model, seer, shown, factor, KEPT[name], each, tried)
            axes.append(axis)
            figures += found
            said.append(f"{factor} rises at each step in {found[0].value:.0%}")
            bar.update(number + 1)
    first = [figure for figure in figures if figure.name.startswith(axes[0].factor)]
    kept = ", ".join(f"{figure.name.partition(': ')[2]} in {figure.value:.0%}" for figure in first[1:])
    found = f"of {tried} samples, {'; '.join(said)}; along {axes[0].factor}, {kept}"
    return Result(subject=result.subject(model), found=found, figures=figures, axes=axes)


def figure(found: Result) -> bytes:
    """Samples as they are moved along each axis, from its one end to the other."""
    places = [f"{place:+.2f}".replace("-", MINUS) for place in np.linspace(-1, 1, POINTS)]
    rows = []
    for axis in found.axes:
        for i, pictures in enumerate(axis.pictures):
            captions = places if i == len(axis.pictures) - 1 else ()
            rows.append(Row(axis.factor if i == 0 else "", pictures, captions))
    return plots.sheet("Moved along a vector of four against four", rows, [found.found + "."])


def direction(
    shown: Shown, factor: str, each: int, g: np.random.Generator
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Half of the way from the mean z of some at one end of a factor to that of some at its other: [z_dim]."""
    ends = []
    for sign, bound in (("<", -FAR), (">", FAR)):
        fitting = np.flatnonzero(shown.which([Wish(factor, sign, bound)]))
        if len(fitting) < each:
            raise UserError(
                f"--what {factor}: of {len(shown.seeds):,} samples only {len(fitting)} lie {sign} {bound:g}, and "
                f"{each} are wanted at each end; train longer"
            )
        ends.append(g.choice(fitting, each, replace=False))
    low, high = ends
    return (shown.z[high].mean(0) - shown.z[low].mean(0)) / 2, [shown.seeds[low], shown.seeds[high]]


def _axis(
    model: Model, seer: Reader, shown: Shown, factor: str, kept: Sequence[str], each: int, tried: int
) -> tuple[Axis, list[Figure]]:
    vector, ends = direction(shown, factor, each, np.random.default_rng(0))
    seeds = range(FIRST_TRIED, FIRST_TRIED + tried)
    z, labels = model.latents(seeds)
    places = np.linspace(-1, 1, POINTS, dtype=np.float32)
    moved = (z[:, None] + places[:, None] * vector).reshape(-1, z.shape[1])
    pictures = model.generate(moved, None if labels is None else np.repeat(labels, POINTS))
    values = {one: held.reshape(tried, POINTS) for one, held in seer.read(pictures).values.items()}
    pictures = pictures.reshape(tried, POINTS, *pictures.shape[1:])
    protocol = {"each": each, "among": len(shown.seeds), "points": POINTS, "samples": tried}
    of = f"{seeds.start}-{seeds.stop - 1}"

    def share(name: str, of_each: np.ndarray, goal: float) -> Figure:
        value = float(of_each.mean())
        return Figure(f"{factor}: {name}", value, protocol, of, goal=goal, ok=value >= goal)

    rises = share("rises at each step", np.all(np.diff(values[factor], axis=1) > 0, 1), GOAL_RISES)
    stays = [share(f"{one} kept", _same(values[one]), GOAL_KEPT) for one in kept if one != factor]
    axis = Axis(factor, ends, pictures[:SHOWN], values[factor])
    return axis, [rises, *stays]


def _same(values: np.ndarray) -> np.ndarray:
    """[N, POINTS] -> [N]: read alike at all points as in the middle; a continuous one within the reader's tolerance."""
    middle = values[:, POINTS // 2, None]
    if values.dtype.kind == "f":
        return np.all(np.abs(values - middle) <= 2 * TOLERANCE, 1)  # of a range from -1 to 1
    return np.all(values == middle, 1)
