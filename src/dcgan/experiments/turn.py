"""The turn vector (Radford et al., section 6.3.2, figure 8): four samples that look left against four that look right.

Their means' difference is a direction in z along which heads turn; samples are moved along it and turn, keeping who
they are. "A turn vector was created from four averaged samples of faces looking left vs looking right"; they foresee
the same for scale and position, which are done here as well. A reader chooses the samples and sees what came of it: in
how many the factor rises at each of six steps, and how far, and in how many of those of which it is sure the rest stays
as it was. (A vector that hardly turned would keep everything.) A direction at random, as long, is told beside.

Four against four carry eight faces' other traits along. Here sixteen pairs are chosen that are alike (of the same hair
and glasses, and near each other in z), and what tells of other factors linearly is taken out of their difference. And
samples are brought to the middle of the vector before they are moved, by what z tells of the factor linearly: a face
that looks to the left already cannot turn there, and -1 to 1 is then from left to right for everyone. The paper's way,
four at random against four, added to samples as they are, stands beside each figure as its control.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan import plots
from dcgan.console import Console
from dcgan.data.pictures import FACTORS, Continuous
from dcgan.errors import UserError, suggest
from dcgan.experiments import exemplars, result
from dcgan.experiments.exemplars import POOL, Shown
from dcgan.metrics.reader import SURE, TOLERANCE, Reader
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.plots.style import MINUS
from dcgan.sample import Model

PAIRS = 16  # samples at each end
PAPERS = 4
ELSE = 1e6  # apart, those of another category
POINTS = 7  # from -1 to 1
REACH = 0.3  # how far a factor, of -1 to 1, is to move each way, by what z tells of it; the pairs lie farther out
TRIED = 300  # samples that are moved
FIRST_TRIED = 20_000  # their first seed: none of them was looked at before
FARTHEST = 3.0  # ways that a sample may lie from the middle; more is no way along which the factor changes
LEAST = 0.01  # of a vector, that must be left of it
END = 0.1  # of the readable samples, that lie at either end
GOAL_RISES, GOAL_KEPT = 0.9, 0.8
WHAT = {"faces": ("turn", "scale", "x"), "rooms": ("turn", "light"), "numbers": ("turn", "scale")}
KEPT = {"faces": ("hair", "glasses", "skin"), "rooms": ("window", "bed", "door"), "numbers": ("digit",)}
SHOWN = 5  # samples in the picture


@dataclass(frozen=True)
class Axis:
    """A factor, the means of its two ends, and samples moved from the one to the other."""

    factor: str
    ends: list[np.ndarray]  # low and high: seeds [pairs] each
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
    pairs: int = PAIRS,
    tried: int = TRIED,
    pool: int = POOL,
    seer: Reader | None = None,
    console: Console | None = None,
) -> Result:
    """`what`: continuous factors of the pictures that the run learned from; those of the figure unless told."""
    console = console or Console(quiet=True)
    name = exemplars.built_in(model, "turn")
    known = [factor for factor, kind in FACTORS[name].items() if isinstance(kind, Continuous)]
    for factor in what:
        if factor not in known:
            raise UserError(f"--what {factor}: {name} have no such continuous factor{suggest(factor, known)}")
    if pairs < 1:
        raise UserError(f"--pairs {pairs}: it must be a whole number of 1 or more")
    seer = seer or exemplars.reader(model, "turn", console)
    shown = exemplars.look(model, seer, pool, console)
    axes, figures, said = [], [], []
    with console.progress("turning", len(what or WHAT[name])) as bar:
        for number, factor in enumerate(what or WHAT[name]):
            axis, found = _axis(model, seer, shown, factor, KEPT[name], pairs, tried)
            axes.append(axis)
            figures += found
            said.append(f"{factor} rises at each step in {found[0].value:.0%}, by {found[1].value:.2f} of 2 in all")
            bar.update(number + 1)
    first = [figure for figure in figures if figure.name.startswith(axes[0].factor)]
    kept = ", ".join(f"{figure.name.partition(': ')[2]} in {figure.value:.0%}" for figure in first[2:])
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
    return plots.sheet("Moved along a vector, from its one end to its other", rows, [found.found + "."])


def vector(
    shown: Shown, seer: Reader, factor: str, alike: Sequence[str], pairs: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """From low to high along a factor, half of the way [z_dim], and the seeds of the pairs [pairs] at both ends.

    The pairs are those nearest in z of all that have the same categories; and what tells of the other factors is taken
    out of their difference, unless that is all there is (of a short z).
    """
    low, high = ends(shown, factor, pairs)
    apart = (shown.z[low] ** 2).sum(1)[:, None] + (shown.z[high] ** 2).sum(1) - 2 * shown.z[low] @ shown.z[high].T
    for name in alike:
        values = shown.read.values[name]
        if values.dtype.kind == "i":
            apart += ELSE * (values[low][:, None] != values[high])
    chosen = []
    for _ in range(pairs):
        i, j = np.unravel_index(apart.argmin(), apart.shape)
        chosen.append((low[i], high[j]))
        apart[i], apart[:, j] = np.inf, np.inf
    first, last = np.array(chosen).T
    way = (shown.z[last].mean(0) - shown.z[first].mean(0)) / 2
    others = shown.told(factor, seer)
    left = way - others.T @ (others @ way)
    way = left if np.linalg.norm(left) > LEAST * np.linalg.norm(way) else way
    return way.astype(np.float32), [shown.seeds[first], shown.seeds[last]]


def centred(z: np.ndarray, shown: Shown, factor: str, way: np.ndarray) -> np.ndarray:
    """Samples [N, z_dim] moved along `way` to where z, linearly, tells the factor's mean."""
    told = shown.linear(factor)[0]
    share = (z - shown.z.mean(0)) @ told / (told @ way)
    return z - np.clip(share, -FARTHEST, FARTHEST)[:, None] * way


def papers(shown: Shown, factor: str, g: np.random.Generator) -> np.ndarray:
    """The paper's own: four at random against four."""
    low, high = (g.choice(rows, PAPERS, replace=False) for rows in ends(shown, factor, PAPERS))
    return (shown.z[high].mean(0) - shown.z[low].mean(0)) / 2


def ends(shown: Shown, factor: str, least: int) -> list[np.ndarray]:
    """Rows of the readable samples that lie farthest out on either side."""
    values = shown.read.values[factor]
    rows = np.flatnonzero((shown.read.drawn > SURE) & ~np.isnan(values))
    count = max(least, round(END * len(rows)))
    if len(rows) < 2 * count:
        raise UserError(
            f"--what {factor}: of {len(shown.seeds):,} samples only {len(rows)} are readable, and {2 * count} are "
            "wanted; train longer"
        )
    rows = rows[np.argsort(values[rows], kind="stable")]
    return [rows[:count], rows[-count:]]


def _axis(
    model: Model, seer: Reader, shown: Shown, factor: str, kept: Sequence[str], pairs: int, tried: int
) -> tuple[Axis, list[Figure]]:
    way, seeds = vector(shown, seer, factor, kept, pairs)
    way *= min(1, REACH / abs(shown.linear(factor)[0] @ way))
    g = np.random.default_rng(0)
    z, labels = model.latents(range(FIRST_TRIED, FIRST_TRIED + tried))
    pictures, ours = _moved(model, seer, centred(z, shown, factor, way), labels, way)
    _, theirs = _moved(model, seer, z, labels, papers(shown, factor, g))
    chance = g.standard_normal(len(way))
    _, random = _moved(model, seer, z, labels, chance * np.linalg.norm(way) / np.linalg.norm(chance))
    protocol = {"pairs": pairs, "among": len(shown.seeds), "points": POINTS, "samples": tried, "beside": "4 against 4"}
    of = f"{FIRST_TRIED}-{FIRST_TRIED + tried - 1}"

    def share(name: str, rule: Callable[[Moved], np.ndarray], goal: float | None = None) -> Figure:
        told, control, by_chance = (rule(moved) for moved in (ours, theirs, random))
        value = float(told.mean())
        about = protocol | {"counted": len(told), "a random direction": float(by_chance.mean())}
        error = float(told.std() / len(told) ** 0.5)
        return Figure(
            f"{factor}: {name}",
            value,
            about,
            of,
            goal=goal,
            side="≥",
            ok=None if goal is None else value >= goal,
            control=float(control.mean()),
            error=error,
        )

    figures = [
        share("rises at each step", lambda moved: np.all(np.diff(moved.shown(factor), axis=1) > 0, 1), GOAL_RISES),
        share("moves by", lambda moved: moved.shown(factor)[:, -1] - moved.shown(factor)[:, 0]),
    ]
    for one in kept:
        if one != factor:
            figures.append(share(f"{one} kept", lambda moved, one=one: moved.same(one), GOAL_KEPT))
    return Axis(factor, seeds, pictures[:SHOWN], ours.values[factor]), figures


@dataclass(frozen=True)
class Moved:
    """What is read off samples at each point of their way; each array is [N, POINTS]."""

    values: dict[str, np.ndarray]
    confidences: dict[str, np.ndarray]

    def shown(self, factor: str) -> np.ndarray:
        """Of the samples that show a continuous factor at every point: its values [n, POINTS]."""
        values = self.values[factor]
        shown = values[~np.isnan(values).any(1)]
        if not len(shown):
            raise UserError(f"--what {factor}: no sample shows it at all points of its way; train longer")
        return shown

    def same(self, factor: str) -> np.ndarray:
        """Of the samples in whose middle it is surely read: whether it is read so at all points; a continuous one
        within the reader's tolerance."""
        values = self.values[factor][self.confidences[factor][:, POINTS // 2] > SURE]
        middle = values[:, POINTS // 2, None]
        if values.dtype.kind == "f":
            return np.all(np.abs(values - middle) <= 2 * TOLERANCE, 1)  # of a range from -1 to 1
        return np.all(values == middle, 1)


def _moved(
    model: Model, seer: Reader, z: np.ndarray, labels: np.ndarray | None, way: np.ndarray
) -> tuple[np.ndarray, Moved]:
    """Samples at each point of their way, uint8 [N, POINTS, H, W, C], and what is read off them."""
    moved = (z[:, None] + np.linspace(-1, 1, POINTS)[:, None] * way).reshape(-1, z.shape[1]).astype(np.float32)
    pictures = model.generate(moved, None if labels is None else np.repeat(labels, POINTS))
    read = seer.read(pictures)
    values, sure = (
        {name: one.reshape(-1, POINTS) for name, one in held.items()} for held in (read.values, read.confidences)
    )
    return pictures.reshape(-1, POINTS, *pictures.shape[1:]), Moved(values, sure)
