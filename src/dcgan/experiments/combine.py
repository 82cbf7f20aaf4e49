"""Arithmetic on faces (Radford et al., section 6.3.2, figure 7): a smiling woman - a woman + a man = a smiling man.

Each concept is the mean z of three exemplars, since single ones were unstable; the sum is drawn in the middle of eight
neighbours, which add noise from U(-0.25, 0.25). Beside them stands the same sum of the exemplars' pixels, which shows
ghosts. A sum is a point in words, `+12,40,77 -3,9,31 +5,8,61`; where a reader of the run's pictures can be had,
exemplars are found for it: `man glasses` makes `+man glasses -man no-glasses +woman no-glasses`.

The paper shows three sums. Here a hundred random ones are read for each of glasses, hair and mouth: a sum succeeds
when the reader surely sees a face in it, with the attribute that was added and the last group's way of drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcgan import latents, plots
from dcgan.console import Console
from dcgan.data.pictures import FACTORS, Category
from dcgan.errors import UserError
from dcgan.experiments import exemplars, result
from dcgan.experiments.exemplars import POOL, Shown, Wish, wish
from dcgan.latents import Point, Term
from dcgan.metrics.reader import SURE, Reader
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.plots.style import MINUS
from dcgan.sample import Model

MEANS = 6  # exemplars of a concept; the paper takes 3
NEIGHBOURS = 8
SUMS = 100  # random ones of each attribute
GOAL, GOAL_PIXELS = 0.9, 0.5  # the latter of our rate
SHOWN = ("woman glasses", "man hair=long", "woman mouth>0.3")  # what is drawn where nothing is asked for
ATTRIBUTES = ("glasses", "hair", "mouth")
SMILE = 0.3  # a mouth above it smiles


@dataclass(frozen=True)
class Sum:
    """One sum of groups of pictures, in z and in pixels."""

    words: str  # the point
    about: str  # what was wished, in words; or the point
    groups: list[tuple[str, np.ndarray, np.ndarray]]  # sign and seeds; exemplars [k, H, W, C]; their mean's picture
    drawn: np.ndarray  # [9, H, W, C]: the sum in the middle of its neighbours
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
    asked = [_summed(model, latents.parse(words), words) for words in points]
    figures: list[Figure] = []
    if find or not points:
        why = f"--find {find[0]!r}" if find else "combine"
        name = exemplars.built_in(model, why)
        if not find and name != "faces":
            raise UserError(
                f"combine: its own sums are of faces, and this run learned from {name}; name sums or --find"
            )
        wished = [(words, _groups(words, name)) for words in find or SHOWN]  # what is wrong with one is said at once
        seer = seer or exemplars.reader(model, why, console)
        shown = exemplars.look(model, seer, pool, console)
        g = np.random.default_rng(0)
        for words, groups in wished:
            picked = [shown.seeds[_pick(shown, wishes, means, g, words)] for _, wishes in groups]
            terms = tuple(Term(sign, tuple(map(int, seeds))) for (sign, _), seeds in zip(groups, picked, strict=True))
            asked.append(_summed(model, Point(terms), words))
        if not find:
            figures = _measured(model, seer, shown, means, sums, console)
    if figures:
        found = "; ".join(f"{figure.name}: {figure.value:.0%} ({figure.control:.0%} in pixels)" for figure in figures)
        found = f"of {sums} random sums each with the attribute and the last group's drawing style: {found}"
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


def _groups(words: str, name: str) -> list[tuple[int, tuple[Wish, ...]]]:
    """`+man glasses -man no-glasses +woman no-glasses`, or `man glasses`, of which that is made."""
    signed: list[tuple[int, str]] = []
    for word in words.split():
        if word[0] in "+-" or not signed:
            signed.append((-1 if word[0] == "-" else 1, word.lstrip("+-")))
        else:
            signed[-1] = signed[-1][0], f"{signed[-1][1]} {word}"
    groups = [(sign, wish(part, name)) for sign, part in signed]
    if len(groups) != 1:
        return groups
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


def _arithmetic(there: Wish, wanted: Wish, without: Wish, here: Wish) -> list[tuple[int, tuple[Wish, ...]]]:
    """Add the attribute to the last group: (there, wanted) - (there, without) + (here, without)."""
    return [(1, (there, wanted)), (-1, (there, without)), (1, (here, without))]


def _pick(shown: Shown, wishes: Sequence[Wish], means: int, g: np.random.Generator, words: str) -> np.ndarray:
    fitting = shown.inner(wishes, means)
    if len(fitting) < means:
        raise UserError(
            f"--find {words!r}: of {len(shown.seeds):,} samples only {len(fitting)} fit one of its groups, and "
            f"{means} are wanted; wish for something commoner, or train longer"
        )
    return g.choice(fitting, means, replace=False)


def _summed(model: Model, point: Point, about: str) -> Sum:
    if len(point.terms) < 2:
        raise UserError(f"point {str(point)!r}: a sum has two groups or more, like '+12,40,77 -3,9,31 +5,8,61'")
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
    """How often random sums give what they should, in z and in pixels."""
    figures = []
    pooled = shown.pictures.astype(np.float32)
    with console.progress("summing", len(ATTRIBUTES) * sums) as bar:
        for number, attribute in enumerate(ATTRIBUTES):
            g = np.random.default_rng(number)
            asked = [_random(attribute, g) for _ in range(sums)]
            rows = np.array([[_pick(shown, one, means, g, attribute) for _, one in groups] for groups in asked])
            signs = np.array([sign for sign, _ in asked[0]], np.float32)
            z = np.einsum("g,ngkd->nd", signs, shown.z[rows]) / means
            pixels = np.einsum("g,ngkhwc->nhwc", signs, pooled[rows]) / means
            ours, theirs = (_share(seer, pictures, asked) for pictures in (model.generate(z), _bytes(pixels)))
            protocol = {
                "sums": sums,
                "exemplars": means,
                "among": len(shown.seeds),
                "readable_above": SURE,
                "reader_right": {one.name: one.right for one in seer.factors if one.name in (attribute, "style")},
            }
            ok = ours >= GOAL and theirs <= GOAL_PIXELS * ours
            seeds = f"0-{len(shown.seeds) - 1}, chosen by {number}"
            figures.append(Figure(attribute, ours, protocol, seeds, goal=GOAL, ok=ok, control=theirs))
            bar.update((number + 1) * sums)
    return figures


def _random(attribute: str, g: np.random.Generator) -> list[tuple[int, tuple[Wish, ...]]]:
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


def _share(seer: Reader, pictures: np.ndarray, asked: Sequence[list[tuple[int, tuple[Wish, ...]]]]) -> float:
    """Of the sums, those in which a face is read, with the first group's attribute and the last group's style."""
    read = seer.read(pictures)
    right = read.confidence > SURE
    for i, groups in enumerate(asked):
        (_, (_, wanted)), *_, (_, (here, _)) = groups
        right[i] &= all(bool(one.fits(read.values[one.factor][i : i + 1])[0]) for one in (wanted, here))
    return float(right.mean())
