"""What generated pictures show, against what true ones show, both read by the same reader (reader.py): its faults then
stand on both sides. For labelled sets it reads the class, for the built-in pictures every factor they were drawn from.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from dcgan import data
from dcgan.console import Console
from dcgan.data import cache, pictures
from dcgan.errors import UserError
from dcgan.metrics import features, reader
from dcgan.metrics.result import Figure, Result
from dcgan.metrics.sets import PART, Pictures, Progress
from dcgan.metrics.subject import Subject, parsed

SURE = reader.SURE  # above this confidence a picture counts as readable
TAUGHT, TEACHER = 8000, 7  # pictures that a reader learns from, and the seed that drew or chose them
LARGE = 64  # pixels: pictures of such a side are read at it. Of 32 a reader sees 70 % of smiles, of these 95 %
CONTROL = 1000  # pictures whose pixels are shuffled
BINS = 10  # of a continuous factor, each with as many true pictures


class Read(Protocol):
    @property
    def values(self) -> dict[str, np.ndarray]:
        """[N] each: categories whole numbers, -1 where hidden; continuous ones floats, NaN where hidden."""
        ...

    @property
    def confidence(self) -> np.ndarray:
        """[N]"""
        ...


class Reader(Protocol):
    def read(self, images: np.ndarray) -> Read: ...


def learned(judged: Subject, console: Console, why: str = "--metrics truth") -> reader.Reader:
    """A reader of the classes, or of the factors that the pictures were drawn from; kept in the cache."""
    dataset, (name, _) = judged.reference, parsed(judged.spec)
    if name in pictures.FACTORS:
        return of_factors(name, console, size=dataset.size)
    if dataset.labels is None:
        raise UserError(
            f"{why}: {judged.spec} has neither classes nor known factors, so there is nothing to read off; "
            "put each class in a folder of its own, or leave it out"
        )
    order = data.Stream(dataset, TEACHER).order(0)[:TAUGHT]
    return _kept(name, dataset.images[order], {"class": dataset.labels[order]}, console)


def extractor(judged: Subject, console: Console) -> features.Extractor:
    """The features that this reader goes by."""
    return learned(judged, console, "--features reader").extractor("reader")


def of_factors(
    name: str, console: Console, taught: int | None = None, size: tuple[int, int] | None = None, **how: int
) -> reader.Reader:
    """A reader of what the built-in pictures of this name were drawn from, to read pictures of that size; `how`: see
    Reader.train."""
    if size and min(size) >= LARGE:
        how |= {"side": LARGE}
    with console.data_progress() as progress:
        drawn = data.open(
            f"{name}:{taught or TAUGHT}", size=how.get("side", reader.SIDE), seed=TEACHER, progress=progress
        )
    return _kept(name, drawn.images, reader.truths(name, drawn.factors), console, **how)


def _kept(
    name: str, images: np.ndarray, truth: Mapping[str, np.ndarray], console: Console, **how: int
) -> reader.Reader:
    with console.progress(f"learning to read {name}", how.get("steps", reader.STEPS)) as bar:
        return reader.Reader.kept(cache.home() / "readers", images, truth, bar.update, **how)


class Reading(NamedTuple):
    values: dict[str, np.ndarray]
    confidence: np.ndarray

    @property
    def sure(self) -> np.ndarray:
        return self.confidence > SURE

    def part(self, start: int, stop: int) -> "Reading":
        return Reading({name: held[start:stop] for name, held in self.values.items()}, self.confidence[start:stop])


def read(seer: Reader, shown: Pictures, progress: Progress = lambda done: None) -> Reading:
    parts = []
    for start in range(0, shown.count, PART):
        stop = min(start + PART, shown.count)
        parts.append(seer.read(shown.read(start, stop)))
        progress(stop)
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    return Reading(values, np.concatenate([part.confidence for part in parts]))


def coverage(fake: Reading, real: Reading) -> dict[str, float]:
    """For each factor the overlap of its distributions among readable pictures, sum of min(p, q): 1 where they agree,
    0 where nothing true is drawn."""
    if not fake.sure.any() or not real.sure.any():
        return dict.fromkeys(real.values, 0.0)
    return {name: _overlap(fake.values[name][fake.sure], held[real.sure]) for name, held in real.values.items()}


def shares(drawn: Reading, true: Reading, names: Sequence[str]) -> list[dict[str, float]]:
    """Of each class among the readable pictures of both."""
    seen = [one.values["class"][one.sure].astype(int) for one in (drawn, true)]
    names = names or [str(i) for i in range(1 + max(int(one.max(initial=0)) for one in seen))]
    counted = [np.bincount(one[one >= 0], minlength=len(names)) / max(1, len(one)) for one in seen]
    return [{name: round(float(share), 4) for name, share in zip(names, one, strict=True)} for one in counted]


def _off(about: Mapping[str, Any]) -> str:
    """The three classes that are drawn most too often or too seldom, in words."""
    drawn, true = about["shares"], about["shares_of_data"]
    worst = sorted(true, key=lambda name: -abs(drawn[name] - true[name]))[:3]
    told = ", ".join(f"{name} {100 * drawn[name]:.1f} % for {100 * true[name]:.1f} %" for name in worst)
    return f"; furthest off: {told}"


def _overlap(fake: np.ndarray, real: np.ndarray) -> float:
    if real.dtype.kind == "f":
        edges = np.unique(np.nanquantile(real, np.linspace(0, 1, BINS + 1)[1:-1])) if (~np.isnan(real)).any() else []
        fake, real = (np.where(np.isnan(v), -1, np.searchsorted(edges, v, side="right")) for v in (fake, real))
    kinds = np.union1d(fake, real)
    p, q = ((held[:, None] == kinds).mean(0) for held in (fake, real))
    return float(np.minimum(p, q).sum())


def tell(result: Result, judged: Subject, seer: Reader, console: Console) -> None:
    """Readable, confidence, and class balance or factor coverage, each beside its floor and its control."""
    real = judged.real
    half = min(judged.count, real.count // 2)

    def reading(shown: Pictures) -> Reading:
        with console.progress(f"reading {shown.name}", shown.count) as bar:
            return read(seer, shown, bar.update)

    drawn, true = reading(judged.samples), reading(real.first(2 * half))
    left, right = true.part(0, half), true.part(half, 2 * half)
    three = drawn, right, reading(real.first(min(CONTROL, judged.count)).shuffled())
    protocol = {
        "samples": {"of": judged.name, "count": judged.samples.count},
        "reference": {"of": real.name, "count": half, "order": real.seeds},
        "sure_above": SURE,
        "reader": type(seer).__name__ + (f", taught on {TAUGHT:,} at most" if isinstance(seer, reader.Reader) else ""),
        "control": {"shuffled": three[2].confidence.size},
    }

    def add(name: str, values: Iterable[float], about: dict[str, Any]) -> None:
        value, floor, control = (float(value) for value in values)
        result.add(Figure(name, value, protocol | about, judged.samples.seeds, floor=floor, control=control))

    add("readable", (one.sure.mean() for one in three), {})
    add("confidence", (one.confidence.mean() for one in three), {})
    overlaps = each, floor, _ = [coverage(one, left) for one in three]
    labelled = list(left.values) == ["class"]
    name = "class balance" if labelled else "factor coverage"
    about: dict[str, Any] = {"each": each, "each_floor": floor}
    if labelled:
        about["shares"], about["shares_of_data"] = shares(drawn, true, judged.reference.classes or ())
    add(name, (float(np.mean(list(one.values()))) for one in overlaps), about)
    least = ", ".join(sorted(each, key=lambda factor: each[factor] - floor[factor])[:3])
    result.notes.append(
        f"Readable: read with a confidence above {SURE:g}. {name.capitalize()}: "
        + (f"overlap of the classes' shares{_off(about)}." if labelled else f"mean overlap; least covered: {least}.")
    )
    if isinstance(seer, reader.Reader) and parsed(judged.spec)[0] not in pictures.FACTORS:
        taught = min(TAUGHT, len(judged.reference))
        result.notes.append(f"The reader was taught on {taught:,} of {real.name}, so of some it knows the answer.")
