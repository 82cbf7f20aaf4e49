"""Whether a subject's pictures are copies: memorisation.py, asked by pixels and by features."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan import data
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.metrics import sets
from dcgan.metrics.features import Extractor
from dcgan.metrics.memorisation import LEAST, Memory, memorisation, nearest, verbatim
from dcgan.metrics.result import Figure, Neighbours, Result
from dcgan.metrics.sets import Pictures
from dcgan.metrics.subject import Subject

ASKED, HELD_OUT, SEEN = 2000, 5000, 50_000  # samples, held-out and training pictures that are compared, at most
PIXELS = 1 << 27  # numbers in the samples, and in the held-out pictures, that are compared as they are
SHOWN = 8  # samples that are shown with their neighbours


@dataclass(frozen=True)
class Asked:
    """What was compared, and what came of it."""

    by: str
    samples: Pictures
    compared: int  # training pictures
    held_out: Pictures
    found: Memory
    nearest: np.ndarray  # [N]: numbers of training pictures


def copies(
    result: Result, judged: Subject, extractor: Extractor, unseen: data.Dataset | None, console: Console
) -> None:
    """`unseen`: pictures that were held out. Without, only copies to the letter can be told."""
    if unseen is None:
        _to_the_letter(result, judged, extractor, console)
        return
    seen = training(judged)
    order = sets.of_dataset(seen, judged.seed).first(judged.count)
    samples = judged.samples.first(min(ASKED, room(seen)))
    others = sets.of_dataset(unseen, judged.seed).first(min(HELD_OUT, room(seen)))

    def features(pictures: Pictures) -> np.ndarray:
        return sets.features(extractor, pictures, console)

    with console.progress("nearest pictures, by pixels", None):
        rows, step = spread(seen.images)
        mine, theirs = ([view.flat() for view in _views(judged, pictures)] for pictures in (samples, others))
        found = memorisation(mine, rows, theirs)
    _add(result, judged, seen, Asked("pixels", samples, len(rows), others, found, step * found.nearest))

    some = others.first(judged.count)
    mine, theirs = ([features(view) for view in _views(judged, pictures)] for pictures in (samples, some))
    found = memorisation(mine, features(order), theirs)
    numbers = data.Stream(seen, judged.seed).order(0)[found.nearest]
    _add(result, judged, seen, Asked(extractor.name, samples, order.count, some, found, numbers))

    result.notes.append(
        f"Copied: the share of samples that are copies, from how often the nearest picture is one of {len(seen):,} "
        f"trained on, not of {others.count:,} held out ({some.count:,} by features); ± what chance does: "
        f"{verdict(figure for name, figure in result.figures.items() if name.startswith('copied'))}."
    )


def _to_the_letter(result: Result, judged: Subject, extractor: Extractor, console: Console) -> None:
    """How near samples come to training pictures, beside how near those come to each other, half to half."""
    seen = training(judged)
    rows, step = spread(seen.images)
    samples = judged.samples.first(min(ASKED, room(seen)))
    order = sets.of_dataset(seen, judged.seed).first(judged.count)
    numbers = data.Stream(seen, judged.seed).order(0)[: order.count]

    def features(pictures: Pictures) -> np.ndarray:
        return sets.features(extractor, pictures, console)

    with console.progress("nearest pictures, by pixels", None):
        mine, flat = [view.flat() for view in _views(judged, samples)], rows.reshape(len(rows), -1)
        _add_plain(result, judged, seen, "pixels", samples, mine, flat, step * np.arange(len(rows)))
    mine = [features(view) for view in _views(judged, samples)]
    _add_plain(result, judged, seen, extractor.name, samples, mine, features(order), numbers)
    result.notes.append(
        "Copied to the letter: the share of samples nearer to a training picture than half of what 99 % of those are "
        "to each other. Altered copies can only be told with pictures that were not trained on: --held-out DATA."
    )


def _add_plain(
    result: Result,
    judged: Subject,
    seen: data.Dataset,
    by: str,
    samples: Pictures,
    mine: Sequence[np.ndarray],  # views of the samples
    pool: np.ndarray,
    numbers: np.ndarray,
) -> None:
    distances, which = nearest(mine, pool)
    real = nearest([pool[::2][:HELD_OUT]], pool[1::2])[0]  # of every second picture, to the others
    value = verbatim(distances, real)
    protocol = {
        "samples": {"of": judged.name, "count": samples.count},
        "training": {"of": seen.name, "count": len(pool), "among": len(seen)},
        "held_out": None,
        "median_distance": float(np.median(distances)),
        "median_distance_of_training": float(np.median(real)),
    }
    result.add(Figure(f"copied to the letter ({by})", value, protocol, samples.seeds, goal=LEAST, ok=value <= LEAST))
    few = np.argsort(distances, kind="stable")[:SHOWN]
    shown = np.concatenate([samples.read(int(row), int(row) + 1) for row in few])
    of = "training pictures, to each other"
    result.neighbours[by] = Neighbours(distances, real, shown, seen.images[numbers[which[few]]], of)


def room(seen: data.Dataset) -> int:
    """So many pictures are compared as they are, at most."""
    return max(100, PIXELS // seen.images[0].size)


def _views(judged: Subject, pictures: Pictures) -> list[Pictures]:
    return [pictures, pictures.mirrored()] if judged.mirrored else [pictures]


def verdict(figures: Iterable[Figure]) -> str:
    """What the shares of copies come to, by pixels and by features: some may not tell, where all samples are near the
    same few pictures."""
    told = {figure.ok for figure in figures}
    if False in told:
        return "copies were found"
    return "no sign of copies" if True in told else "whether it copies cannot be told"


def spread(seen: np.ndarray) -> tuple[np.ndarray, int]:
    """Every so many-th picture, SEEN at most: of all classes, however they are ordered."""
    step = -(-len(seen) // SEEN)
    return seen[::step], step


def training(judged: Subject) -> data.Dataset:
    """What a subject's generator has seen."""
    if judged.config is not None and judged.training is None:
        raise UserError(
            f"--metrics memory: the pictures that the run was trained on ({judged.config.data}) are not here, or have "
            "changed; leave it out"
        )
    return judged.reference if judged.training is None else judged.training


def _add(result: Result, judged: Subject, seen: data.Dataset, asked: Asked) -> None:
    found, samples = asked.found.scaled(len(seen) / asked.compared), asked.samples
    protocol = {
        "samples": {"of": judged.name, "count": samples.count},
        "training": {"of": seen.name, "count": asked.compared, "among": len(seen)},
        "held_out": {"of": asked.held_out.name, "count": asked.held_out.count, "order": asked.held_out.seeds},
        "mirrored_too": judged.mirrored,
        "verbatim": found.verbatim,
        "median_distance": float(np.median(found.distances)),
        "median_distance_held_out": float(np.median(found.held_out)),
    }
    result.add(
        Figure(
            f"copied ({asked.by})",
            found.copied,
            protocol,
            samples.seeds,
            goal=found.goal if found.goal < 1 else None,  # no share is above 1
            ok=found.ok,
            floor=found.floor,
            error=found.error,
        )
    )
    few = np.argsort(found.distances, kind="stable")[:SHOWN]
    shown = np.concatenate([samples.read(int(row), int(row) + 1) for row in few])
    result.neighbours[asked.by] = Neighbours(found.distances, found.held_out, shown, seen.images[asked.nearest[few]])
