"""FID, KID, precision, recall, density and coverage of a subject: all from the same features, each beside its floor and
its control.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dcgan.console import Console
from dcgan.metrics import distances, sets
from dcgan.metrics.distances import Matrix, Moments
from dcgan.metrics.features import Extractor
from dcgan.metrics.result import Figure, Result
from dcgan.metrics.subject import Subject

METRICS = ("fid", "kid", "pr")
CONTROL = 1000  # pictures whose pixels are shuffled: what is measured is so far off that it needs no more

# Published FIDs of plain DCGANs; which protocol made them moves them by points.
PUBLISHED = {"cifar10": "34 to 49", "celeba": "21.4"}


def compare(result: Result, judged: Subject, extractor: Extractor, metrics: Sequence[str], console: Console) -> None:
    real = judged.real
    reference, half = min(judged.count, real.count), min(judged.count, real.count // 2)
    pool = sets.features(extractor, real.first(max(reference, 2 * half)), console)
    shuffled = sets.features(extractor, real.first(min(CONTROL, judged.count)).shuffled(), console)
    drawn = sets.features(extractor, judged.samples, console)
    with console.progress("comparing", None):
        values = measure(drawn, pool[:reference], metrics)
        floor = measure(pool[half : 2 * half], pool[:half], metrics)
        control = measure(shuffled, pool[:reference], metrics)
    protocol = {
        "samples": {"of": judged.name, "count": len(drawn)},
        "reference": {"of": real.name, "count": reference, "among": real.count, "order": real.seeds},
        "size": list(judged.reference.size),
        "channels": judged.reference.channels,
        "extractor": {"name": extractor.name, "key": extractor.key, "numbers": drawn.shape[1]},
        "resizer": extractor.resizer,
        "floor_counts": [half, half],
        "control_count": len(shuffled),
    }
    for name, found in values.items():
        result.add(
            Figure(
                extractor.named(name),
                found.value,
                protocol | found.about,
                judged.samples.seeds,
                paper=PUBLISHED.get(real.name) if extractor.standard and name == "FID" else None,
                floor=floor[name].value,
                control=control[name].value,
                error=found.error,
            )
        )
    result.notes.append(
        f"Features: {extractor.name}, {drawn.shape[1]:,} numbers a picture. Resizing: {extractor.resizer}. "
        f"Samples: {judged.samples.seeds}. Reference: {reference:,} of {real.count:,}, {real.seeds}. "
        f"Other real: {half:,} against {half:,} others. Shuffled: the pixels of {len(shuffled):,} real ones."
    )
    fewest = min(len(drawn), half)
    if "fid" in metrics and fewest <= drawn.shape[1]:
        result.notes.append(
            f"FID: {fewest:,} pictures do not fill {drawn.shape[1]:,} dimensions; their covariance is singular and the "
            "distance far too high: compare it at equal counts only, or take more pictures."
        )


@dataclass(frozen=True)
class Value:
    value: float
    error: float | None = None
    about: dict[str, Any] = field(default_factory=dict)


def measure(drawn: Matrix, real: Matrix, metrics: Sequence[str]) -> dict[str, Value]:
    """All distances that are asked for, of matrices of features."""
    values = {}
    if "fid" in metrics:
        values["FID"] = Value(distances.fid(Moments.of(drawn), Moments.of(real)))
    if "kid" in metrics:
        kid = distances.kid(drawn, real)
        values["KID"] = Value(kid.value, kid.error, {"kernel": "(x.y / d + 1)^3", "parts": kid.parts})
    if "pr" in metrics:
        found = distances.support(real, drawn)
        for name in found._fields:
            k = distances.K if name in ("precision", "recall") else distances.K_DENSITY
            values[name] = Value(getattr(found, name), None, {"k": k})
    return values
