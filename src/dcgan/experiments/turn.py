"""The turn vector (Radford et al., section 6.3.2, figure 8): four samples that look left against four that look right.

Their means' difference is a direction in z along which heads turn; samples are moved along it and turn, keeping who
they are. "A turn vector was created from four averaged samples of faces looking left vs looking right"; they foresee
the same for scale and position, which are done here as well. A reader chooses the samples and sees what came of it: in
how many the factor rises at each of six steps, and how far, and in how many of those of which it is sure the rest stays
as it was. (A vector that hardly turned would keep everything.) A direction at random, as long, is told beside.

Four against four carry eight faces' other traits along. Here sixteen pairs are chosen that are alike (of the same hair
and glasses, and near each other in z), and what tells of other factors linearly is taken out of their difference. And
samples are brought to the middle of the vector before they are moved, by what z tells of the factor linearly and then
by what is read along the vector: a face that looks to the left already cannot turn there, and -1 to 1 is then from left
to right for everyone. The paper's way, four at random against four, added to samples as they are, stands beside each
figure as its control; the protocol tells what comes of four against four from the middle too. What is kept is what is
read in the middle of the way, and, in figures of their own without a goal, what is read off the sample itself, before
it was brought there.

    compute(model, ["turn"])                          # a run on built-in pictures: a reader chooses and sees
    compute(model, left="1,2,3,4", right="5,6,7,8")   # any run: the seeds are named, and nothing is read
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dcgan import latents, plots
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
REACH = 0.2  # how far a factor, of -1 to 1, is to move each way, by what z tells of it (in the middle it moves twice
# as far); the pairs lie farther out
TRIED = 300  # samples that are moved
FIRST_TRIED = 20_000  # their first seed: none of them was looked at before
FARTHEST = 4.0  # ways of REACH that a sample is moved to the middle, by what z tells and again by what is read
HALVINGS = 6  # of them, by reading: the middle is found to 1/16 of a way
LEAST = 0.01  # of a vector, that must be left of it
END = 0.1  # of the readable samples, that lie at either end
GOAL_RISES, GOAL_KEPT = 0.9, 0.8
WHAT = {"faces": ("turn", "scale", "x"), "rooms": ("turn", "light"), "numbers": ("turn", "scale")}
KEPT = {"faces": ("hair", "glasses", "skin"), "rooms": ("window", "bed", "door"), "numbers": ("digit",)}
KEEPS, ITSELF = " kept", " as in the sample itself"  # what such figures' names end in
SHOWN = 5  # samples in the picture


@dataclass(frozen=True)
class Axis:
    """A factor, the means of its two ends, and samples moved from the one to the other."""

    factor: str
    ends: list[np.ndarray]  # low and high: seeds [pairs] each
    pictures: np.ndarray  # uint8 [SHOWN, POINTS, H, W, C]
    values: np.ndarray | None  # [TRIED, POINTS], as read; None where nothing is read


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
    pairs: int | None = None,
    left: str | None = None,
    right: str | None = None,
    tried: int = TRIED,
    pool: int = POOL,
    seer: Reader | None = None,
    console: Console | None = None,
) -> Result:
    """`what`: continuous factors of the pictures that the run learned from; those of the figure unless told.

    `left` and `right` name the seeds at both ends instead, in words: then nothing is read.
    """
    console = console or Console(quiet=True)
    if left is not None or right is not None:
        if what or pairs is not None:
            spare = f"--what {what[0]}" if what else f"--pairs {pairs}"
            raise UserError(f"{spare}: with --left and --right the samples are named and none is read; leave it out")
        return _named(model, left, right)
    pairs = PAIRS if pairs is None else pairs
    name = exemplars.built_in(model, "turn", "; name samples with --left and --right instead")
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
    kept = [
        f"{figure.name.partition(': ')[2]} in {figure.value:.0%} of {figure.protocol['counted']}"
        for figure in figures
        if figure.name.startswith(f"{axes[0].factor}: ") and figure.name.endswith(KEEPS)
    ]
    found = f"of {tried} samples, {'; '.join(said)}; along {axes[0].factor}, {', '.join(kept) or 'nothing is told'}"
    return Result(subject=result.subject(model), found=found, figures=figures, axes=axes)


def _named(model: Model, left: str | None, right: str | None) -> Result:
    """Nobody reads what comes of it but the eye."""
    if left is None or right is None:
        given, other = (f"--left {left}", "--right") if right is None else (f"--right {right}", "--left")
        raise UserError(f"{given}: a vector has two ends; name the seeds of the other with {other}")
    seeds = [_seeds("--left", left), _seeds("--right", right)]
    ((seed, times),) = Counter(seed for end in seeds for seed in end).most_common(1)
    if times > 1:
        raise UserError(f"--left {left} --right {right}: seed {seed} is named {times} times; name each once")
    low, high = (model.latents(end)[0].mean(0) for end in seeds)
    z, labels = model.latents(range(FIRST_TRIED, FIRST_TRIED + SHOWN))
    axis = Axis("left to right", [np.array(end) for end in seeds], _along(model, z, labels, (high - low) / 2), None)
    found = (
        f"seeds {FIRST_TRIED}-{FIRST_TRIED + SHOWN - 1} moved by the mean of {right} less the mean of {left}, half of "
        "it each way; nothing is read, the eye must judge"
    )
    return Result(subject=result.subject(model), found=found, figures=[], axes=[axis])


def _seeds(flag: str, words: str) -> list[int]:
    try:
        return latents.parse_seeds(words)
    except UserError:
        raise UserError(
            f"{flag} {words or repr('')}: name one seed or more, whole numbers up to {latents.MAX_SEED}, like 1,2,3,4"
        ) from None


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


def centred(
    model: Model, seer: Reader, z: np.ndarray, labels: np.ndarray | None, shown: Shown, factor: str, way: np.ndarray
) -> np.ndarray:
    """Samples [N, z_dim] moved along `way` to the factor's mean: to where z, linearly, tells it, and from there by
    halves to where it is read, the nearest of all that were looked at. What does not show the factor lies too far out;
    a sample that does not show it to begin with is left there."""
    told = shown.linear(factor)[0]
    if not told.any():  # all samples look the same way
        return z
    rises, mean = told @ way, shown.mean(factor)
    farthest = FARTHEST * min(1, REACH / abs(rises))  # a longer way is gone along no farther
    share = (z - shown.z.mean(0)) @ told / rises
    z = z - np.clip(share, -farthest, farthest)[:, None] * way
    low, high = np.full(len(z), -farthest), np.full(len(z), farthest)
    best, nearest = np.zeros(len(z)), np.full(len(z), np.inf)
    for _ in range(HALVINGS):
        at = (low + high) / 2
        seen = seer.read(model.generate((z + at[:, None] * way).astype(np.float32), labels)).values[factor]
        off, hidden = np.sign(rises) * (seen - mean), np.isnan(seen)
        best, nearest = np.where(abs(off) < nearest, [at, abs(off)], [best, nearest])
        low = np.where((off < 0) | hidden & (at <= 0), at, low)
        high = np.where((off >= 0) | hidden & (at >= 0), at, high)
    return z + best[:, None] * way


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
    reach = abs(shown.linear(factor)[0] @ way)
    way *= REACH / reach if reach > REACH else 1
    g = np.random.default_rng(0)
    z, labels = model.latents(range(FIRST_TRIED, FIRST_TRIED + tried))
    pictures, ours = _moved(model, seer, centred(model, seer, z, labels, shown, factor, way), labels, way)
    four = papers(shown, factor, g)
    _, theirs = _moved(model, seer, z, labels, four)
    _, brought = _moved(model, seer, centred(model, seer, z, labels, shown, factor, four), labels, four)
    chance = g.standard_normal(len(way))
    _, random = _moved(model, seer, z, labels, chance * np.linalg.norm(way) / np.linalg.norm(chance))
    protocol = {"pairs": pairs, "among": len(shown.seeds), "points": POINTS, "samples": tried, "beside": "4 against 4"}
    of = f"{FIRST_TRIED}-{FIRST_TRIED + tried - 1}"

    figures: list[Figure] = []
    silent: list[str] = []

    def share(name: str, rule: Callable[[Moved], np.ndarray], goal: float | None = None, **how: str) -> None:
        told = rule(ours)
        if not len(told):  # a share of no samples is no number
            silent.append(name)
            return
        value, error = float(told.mean()), float(told.std() / len(told) ** 0.5)
        control, from_middle, by_chance = (_mean(rule(moved)) for moved in (theirs, brought, random))
        about = protocol | how | {"counted": len(told)}
        about |= {"4 against 4, from the middle": from_middle, "a random direction": by_chance}
        figures.append(
            Figure(
                f"{factor}: {name}",
                value,
                about,
                of,
                goal=goal,
                side="≥",
                ok=None if goal is None else value >= goal,
                control=control,
                error=error,
            )
        )

    share("rises at each step", lambda moved: np.all(np.diff(moved.shown(factor), axis=1) > 0, 1), GOAL_RISES)
    share("moves by", lambda moved: moved.shown(factor)[:, -1] - moved.shown(factor)[:, 0])
    for one in kept:
        if one != factor:
            share(f"{one}{KEEPS}", lambda moved, one=one: moved.same(one), GOAL_KEPT, against="the way's middle")
    for one in kept:
        if one != factor:  # theirs were brought nowhere: in the middle of their way stand the samples themselves
            share(f"{one}{ITSELF}", lambda moved, one=one: moved.same(one, theirs), against="the sample, not centred")
    if silent:
        figures = [replace(one, protocol=one.protocol | {"surely read in no sample": silent}) for one in figures]
    return Axis(factor, seeds, pictures[:SHOWN], ours.values[factor]), figures


def _mean(told: np.ndarray) -> float | None:
    return float(told.mean()) if len(told) else None


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

    def same(self, factor: str, of: "Moved | None" = None) -> np.ndarray:
        """Of the samples in whose middle (of the same ones, moved along another way: `of`) it is surely read: whether
        it is read so at all points; a continuous one within the reader's tolerance."""
        of = of or self
        sure = of.confidences[factor][:, POINTS // 2] > SURE
        values, middle = self.values[factor][sure], of.values[factor][sure, POINTS // 2, None]
        if values.dtype.kind == "f":
            return np.all(np.abs(values - middle) <= 2 * TOLERANCE, 1)  # of a range from -1 to 1
        return np.all(values == middle, 1)


def _moved(
    model: Model, seer: Reader, z: np.ndarray, labels: np.ndarray | None, way: np.ndarray
) -> tuple[np.ndarray, Moved]:
    """Samples at each point of their way, uint8 [N, POINTS, H, W, C], and what is read off them."""
    pictures = _along(model, z, labels, way)
    read = seer.read(pictures.reshape(-1, *pictures.shape[2:]))
    values, sure = (
        {name: one.reshape(-1, POINTS) for name, one in held.items()} for held in (read.values, read.confidences)
    )
    return pictures, Moved(values, sure)


def _along(model: Model, z: np.ndarray, labels: np.ndarray | None, way: np.ndarray) -> np.ndarray:
    """uint8 [N, POINTS, H, W, C]: samples [N, z_dim] from one `way` before them to one beyond."""
    moved = (z[:, None] + np.linspace(-1, 1, POINTS)[:, None] * way).reshape(-1, z.shape[1]).astype(np.float32)
    pictures = model.generate(moved, None if labels is None else np.repeat(labels, POINTS))
    return pictures.reshape(-1, POINTS, *pictures.shape[1:])
