"""Arithmetic on faces (Radford et al., section 6.3.2, figure 7): a smiling woman - a woman + a man = a smiling man.

Each concept is the mean z of three exemplars, since single ones were unstable. The sum is drawn first in its row, then
eight neighbours (which the paper draws round it), with noise from U(-0.25, 0.25), and last the same sum of the
exemplars' pixels, which shows ghosts. A sum is a point in words, `+12,40,77 -3,9,31 +5,8,61`, of one class in a
conditional run; where a reader of the run's pictures can be had, exemplars are found for it: `man glasses` makes
`+man glasses -man no-glasses +woman no-glasses`.

The authors chose exemplars by eye. Here, where a reader chooses them, several differences (with glasses - without) are
tried on a few last groups, and the one that most often gives what was wished is then added to another last group.

The paper shows three sums. Here some hundred random ones are read for each of glasses, hair and mouth: a sum succeeds
when the reader surely sees a face in it, with the attribute that was added and the last group's way of drawing. All of
them add (hair: give another kind of); none takes away. Sums of pixels are helped as much: the difference that they add
is chosen among the same ones, on the same groups, by what their own sums show. The same is asked of true faces, since
a reader that overlooks smiles would overlook the best generator's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dcgan import data, latents, plots
from dcgan.console import Console
from dcgan.data import Dataset
from dcgan.data.pictures import FACTORS, Category
from dcgan.errors import UserError
from dcgan.experiments import exemplars, result
from dcgan.experiments.exemplars import POOL, Shown, Wish, wish
from dcgan.latents import Point, Term
from dcgan.metrics.reader import SURE, Reader, Reading
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.plots.style import MINUS
from dcgan.sample import Model

MEANS = 6  # exemplars of a concept; the paper takes 3
TRIES, ENDS = 8, 7  # differences that are tried, and last groups that each is tried on
NEIGHBOURS = 8
SUMS, DRAWS = 100, 3  # random ones of each attribute, so many times
TRUE = 2000  # true faces, among which those like a sum's are sought
GOAL, GOAL_PIXELS = 0.9, 0.5  # the latter of our rate
SHOWN = ("woman glasses", "man hair=long", "woman mouth>0.3")  # what is drawn where nothing is asked for
EXAMPLE = "+12,40,77 -3,9,31 +5,8,61"
ATTRIBUTES = {"glasses": "glasses", "hair": "another kind of hair", "mouth": "a smile"}  # and what the sums add
SMILE = 0.3  # a mouth above it smiles


@dataclass(frozen=True)
class Wanted:
    """Groups of samples, each with its sign, and what their sum is to show, where that is known."""

    groups: list[tuple[int, tuple[Wish, ...]]]
    shows: tuple[Wish, ...] = ()


@dataclass(frozen=True)
class Trial:
    """Exemplars of one sum, as rows of the samples: of each difference that is tried, and of the last groups."""

    differences: list[list[np.ndarray]]  # a list for each try: [means] of each group but the last
    ends: list[np.ndarray]  # [means] of each last group that they are tried on ...
    last: np.ndarray  # ... and of the one that the best is for


@dataclass(frozen=True)
class Sum:
    """One sum of groups of pictures, in z and in pixels."""

    words: str  # the point
    about: str  # what was wished, in words; or the point
    groups: list[tuple[str, np.ndarray, np.ndarray]]  # sign and seeds; exemplars [k, H, W, C]; their mean's picture
    drawn: np.ndarray  # [9, H, W, C]: the sum, then its neighbours
    pixels: np.ndarray  # [H, W, C]


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "combine"
    source = "section 6.3.2, figure 7"
    paper = (
        "means of three z combine: man with glasses - man + woman is a woman with glasses, in all nine neighbours; the "
        "same sum of pixels gives overlapped ghosts"
    )
    sums: list[Sum]


def compute(
    model: Model,
    points: Sequence[str] = (),
    find: Sequence[str] = (),
    *,
    means: int = MEANS,
    sums: int = SUMS,
    pool: int = POOL,
    seer: Reader | None = None,
    console: Console | None = None,
) -> Result:
    """The sums of these points and wishes; where neither is given, the paper's, and the measure of random ones."""
    console = console or Console(quiet=True)
    if means < 1:
        raise UserError(f"--means {means}: it must be a whole number of 1 or more")
    asked = [_summed(model, _of_one_class(model, latents.parse(words)), words) for words in points]
    figures: list[Figure] = []
    if find or not points:
        why = f"--find {find[0]!r}" if find else "combine"
        name = exemplars.built_in(model, why, "; name seeds instead")
        if model.config.conditional:
            raise UserError(
                f"{why}: exemplars are sought among samples of all classes, and a sum is of one; name seeds and a "
                f"class instead, like '{EXAMPLE} @1'"
            )
        if not find and name != "faces":
            raise UserError(
                f"combine: its own sums are of faces, and this run learned from {name}; name sums or --find"
            )
        wished = [(words, _wanted(words, name)) for words in find or SHOWN]  # what is wrong with one is said at once
        seer = seer or exemplars.reader(model, why, console)
        shown = exemplars.look(model, seer, pool, console)
        g = np.random.default_rng(0)
        for words, wanted in wished:
            trials = [_trial(shown, wanted, means, g, words)]
            (picked,) = _best(seer.read(_drawn(model, shown, [wanted], trials)), [wanted], trials)
            terms = tuple(
                Term(sign, tuple(map(int, shown.seeds[rows])))
                for (sign, _), rows in zip(wanted.groups, picked, strict=True)
            )
            asked.append(_summed(model, Point(terms), words))
        if not find:
            figures = _measured(model, seer, shown, means, sums, console)
    if figures:
        found = "; ".join(
            f"{figure.name}: {figure.value:.0%} ({figure.control:.0%} in pixels)"
            for figure in figures[: len(ATTRIBUTES)]
        )
        found = f"of {sums * DRAWS} random sums each with the attribute and the last group's drawing style: {found}"
    else:
        found = "sums of latents beside the same sums of pixels: " + ", ".join(one.words for one in asked)
    return Result(subject=result.subject(model), found=found, figures=figures, sums=asked)


def figure(found: Result) -> bytes:
    """For each sum a row of its groups' exemplars and means, then the nine and the pixels' sum."""
    rows = []
    for one in found.sums:
        for sign, pictures, mean in one.groups:
            captions = [""] * len(pictures) + ["their mean"]
            rows.append(Row(sign, np.concatenate([pictures, mean[None]]), captions))
        captions = ["the sum"] + [""] * NEIGHBOURS + ["in pixels"]
        drawn = np.concatenate([one.drawn, one.pixels[None]])
        rows.append(Row(f"= {one.about}", drawn, captions))
    return plots.sheet("Vector arithmetic", rows, [found.found + "."])


def _wanted(words: str, name: str) -> Wanted:
    """`+man glasses -man no-glasses +woman no-glasses`, or `man glasses`, of which that is made."""
    signed: list[tuple[int, str]] = []
    for word in words.split():
        if word[0] in "+-" or not signed:
            signed.append((-1 if word[0] == "-" else 1, word.lstrip("+-")))
        else:
            signed[-1] = signed[-1][0], f"{signed[-1][1]} {word}"
    groups = [(sign, wish(part, name)) for sign, part in signed]
    if not groups or not all(wishes for _, wishes in groups):
        raise UserError(
            f"--find {words!r}: a group is empty; write words, like 'man glasses', or "
            "'+man glasses -man no-glasses +woman no-glasses'"
        )
    if len(groups) != 1:
        return Wanted(groups)
    wishes = groups[0][1]
    kind = FACTORS[name][wishes[0].factor]
    if len(wishes) != 2 or not isinstance(kind, Category) or len(kind.values) != 2:
        raise UserError(
            f"--find {words!r}: a sum takes two words, a way of drawing and an attribute, like 'man glasses', or "
            "groups with signs, like '+man glasses -man no-glasses +woman no-glasses'"
        )
    style, attribute = wishes
    other = Wish(style.factor, style.sign, 1 - style.value)
    return _arithmetic(other, attribute, attribute.negated(), style)


def _arithmetic(there: Wish, wanted: Wish, without: Wish, here: Wish) -> Wanted:
    """Add the attribute to the last group: (there, wanted) - (there, without) + (here, without)."""
    return Wanted([(1, (there, wanted)), (-1, (there, without)), (1, (here, without))], (wanted, here))


def _trial(shown: Shown, wanted: Wanted, means: int, g: np.random.Generator, words: str) -> Trial:
    differences = [
        [_pick(shown, wishes, means, g, words) for _, wishes in wanted.groups[:-1]]
        for _ in range(TRIES if wanted.shows else 1)
    ]
    *ends, last = [_pick(shown, wanted.groups[-1][1], means, g, words) for _ in range(ENDS + 1)]
    return Trial(differences, ends, last)


def _tried(of: np.ndarray, wanted: Wanted, trial: Trial) -> np.ndarray:
    """Each difference added to each last group that it is tried on: [differences * ENDS, ...] of `of` [N, ...]."""
    ways = np.array([_sum(of, wanted.groups[:-1], rows) for rows in trial.differences])
    bases = np.array([_sum(of, wanted.groups[-1:], [rows]) for rows in trial.ends])
    return (ways[:, None] + bases).reshape(-1, *of.shape[1:])


def _drawn(model: Model, shown: Shown, asked: Sequence[Wanted], trials: Sequence[Trial]) -> np.ndarray:
    """All that is tried, as the generator draws it."""
    z = [_tried(shown.z, one, trial) for one, trial in zip(asked, trials, strict=True)]
    return model.generate(np.concatenate(z).astype(np.float32))


def _best(read: Reading, asked: Sequence[Wanted], trials: Sequence[Trial]) -> list[list[np.ndarray]]:
    """Of each sum the rows of all its groups: the difference that most often showed what it should, the first of
    equals, and the last group that it was not tried on. `read` is of all that was tried, in order."""
    chosen, start = [], 0
    for one, trial in zip(asked, trials, strict=True):
        part = slice(start, start + len(trial.differences) * len(trial.ends))
        works = _right(read, part, one.shows).reshape(len(trial.differences), -1).mean(1)
        chosen.append([*trial.differences[int(works.argmax())], trial.last])
        start = part.stop
    return chosen


def _sum(of: np.ndarray, groups: Sequence[tuple[int, tuple[Wish, ...]]], rows: Sequence[np.ndarray]) -> np.ndarray:
    """Of the groups' means, with their signs."""
    return np.sum([sign * of[few].mean(0) for (sign, _), few in zip(groups, rows, strict=True)], 0)


def _sums(of: np.ndarray, asked: Sequence[Wanted], picked: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """float32 [sums, ...] of `of` [N, ...], with these rows for each sum's groups."""
    return np.array([_sum(of, one.groups, rows) for one, rows in zip(asked, picked, strict=True)], np.float32)


def _right(read: Reading, part: slice, shows: Sequence[Wish]) -> np.ndarray:
    """Of those pictures, in which a face is surely read, with all that it is to show: bool."""
    right = read.confidence[part] > SURE
    for one in shows:
        right &= one.fits(read.values[one.factor][part])
    return right


def _pick(shown: Shown, wishes: Sequence[Wish], means: int, g: np.random.Generator, words: str) -> np.ndarray:
    fitting = shown.inner(wishes, means)
    if len(fitting) < means:
        raise UserError(
            f"--find {words!r}: of {len(shown.seeds):,} samples only {len(fitting)} fit one of its groups, and "
            f"{means} are wanted; wish for something commoner, or train longer"
        )
    return g.choice(fitting, means, replace=False)


def _of_one_class(model: Model, point: Point) -> Point:
    """In a conditional run: of the class that is named, or of its first exemplar's. Each seed alone has its own."""
    _, labels = model.latents([point])
    return point if labels is None else replace(point, label=int(labels[0]))


def _summed(model: Model, point: Point, about: str) -> Sum:
    if len(point.terms) < 2:
        raise UserError(f"point {str(point)!r}: a sum has two groups or more, like '{EXAMPLE}'")
    neighbours = [point, *(Point(point.terms, (seed,), point.label) for seed in range(NEIGHBOURS))]
    groups, pixels = [], 0.0
    for term in point.terms:
        seeds = [f"#{term.of}"] if isinstance(term.of, str) else [str(seed) for seed in term.of]
        pictures = model.sample([latents.parse(f"{one}" + _label(point)) for one in seeds])
        mean = model.sample([Point((Term(1.0, term.of),), (), point.label)])[0]
        sign = "+" if term.weight > 0 else MINUS
        groups.append((f"{sign} {', '.join(seeds)}", pictures, mean))
        pixels = pixels + term.weight * pictures.astype(np.float64).mean(0)
    return Sum(str(point), about, groups, model.sample(neighbours), _bytes(np.asarray(pixels)))


def _label(point: Point) -> str:
    return "" if point.label is None else f" @{point.label}"


def _bytes(pixels: np.ndarray) -> np.ndarray:
    return pixels.round().clip(0, 255).astype(np.uint8)


def _measured(model: Model, seer: Reader, shown: Shown, means: int, sums: int, console: Console) -> list[Figure]:
    """How often random sums give what they should: in z, with the best difference and with the first; and in pixels,
    with that which is best there."""
    figures, of_pixels = [], []
    pooled = shown.pictures.astype(np.float32)
    true = data.like(model.config, f"faces:{TRUE}", seed=1)
    seen = seer.read(true.images[:])
    with console.progress("summing", len(ATTRIBUTES) * DRAWS) as bar:
        for number, attribute in enumerate(ATTRIBUTES):
            rates, real = [], []
            for draw in range(DRAWS):
                g = np.random.default_rng([number, draw])
                asked = [_random(attribute, g) for _ in range(sums)]
                trials = [_trial(shown, one, means, g, attribute) for one in asked]
                chosen = _best(seer.read(_drawn(model, shown, asked, trials)), asked, trials)
                first = [[*trial.differences[0], trial.last] for trial in trials]
                faded = [_bytes(_tried(pooled, one, trial)) for one, trial in zip(asked, trials, strict=True)]
                by_pixels = _best(seer.read(np.concatenate(faded)), asked, trials)
                drawn = [model.generate(_sums(shown.z, asked, picked)) for picked in (chosen, first)]
                drawn.append(_bytes(_sums(pooled, asked, by_pixels)))
                rates.append([_share(seer.read(pictures), asked) for pictures in drawn])
                real += [_of_true(true, seen, one.shows) for one in asked]
                bar.update(number * DRAWS + draw + 1)
            ours, unaided, theirs = np.mean(rates, 0).tolist()
            protocol = {
                "sums": sums * DRAWS,
                "exemplars": means,
                "among": len(shown.seeds),
                "what is added": f"{ATTRIBUTES[attribute]}; no sum takes it away",
                "differences tried": TRIES,
                "on": ENDS,
                "the first of them": unaided,
                "in pixels": "the best of as many, by what their own sums show",
                "readable_above": SURE,
                "reader_right": {one.name: one.right for one in seer.factors if one.name in (attribute, "style")},
            }
            seeds = f"0-{len(shown.seeds) - 1}, chosen by {number}, 0-{DRAWS - 1}"
            error = float(np.std([rate for rate, *_ in rates], ddof=1) / DRAWS**0.5)
            floor = float(np.nanmean(real))
            ok, bound = ours >= GOAL, GOAL_PIXELS * ours
            figures.append(
                Figure(
                    attribute,
                    ours,
                    protocol,
                    seeds,
                    goal=GOAL,
                    side="≥",
                    ok=ok,
                    floor=floor,
                    control=theirs,
                    error=error,
                )
            )
            of_pixels.append(Figure(f"{attribute}, in pixels", theirs, protocol, seeds, goal=bound, ok=theirs <= bound))
    return figures + of_pixels


def _random(attribute: str, g: np.random.Generator) -> Wanted:
    """A sum's groups: a way of drawing and a value of the attribute at random, another of each to begin with."""
    kinds = FACTORS["faces"]

    def two(factor: str) -> list[Wish]:
        return [Wish(factor, "=", float(value)) for value in g.permutation(len(kinds[factor].values))[:2]]  # type: ignore[union-attr]

    here, there = two("style")
    if attribute == "hair":
        wanted, without = two("hair")
    else:  # to put glasses on, to make smile; taking away is another sum
        (wanted,) = wish({"glasses": "glasses", "mouth": f"mouth>{SMILE}"}[attribute], "faces")
        without = wanted.negated()
    return _arithmetic(there, wanted, without, here)


def _share(read: Reading, asked: Sequence[Wanted]) -> float:
    """Of the sums, in order, those that show what they are to show."""
    return float(np.mean([_right(read, slice(i, i + 1), one.shows)[0] for i, one in enumerate(asked)]))


def _of_true(true: Dataset, seen: Reading, shows: Sequence[Wish]) -> float:
    """Of true faces that show this, those in which it is read."""
    those = np.all([one.fits(true.factors[one.factor]) for one in shows], 0)
    return float(_right(seen, slice(None), shows)[those].mean()) if those.any() else np.nan
