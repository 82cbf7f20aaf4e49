"""How good are a run's pictures, or a folder's? `dcgan evaluate RUN`; each figure with the protocol that made it.

    result = evaluate("runs/faces-64", metrics=("fid", "kid", "pr"), count=5000)
    result.figures["FID (lite0)"].value
    print(result.in_words())

Beside each value stand that of real pictures against other real ones (the floor: nothing is better) and that of real
pictures whose pixels are shuffled (the control: their colours, and nothing of what they show).
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from dcgan.console import Console
from dcgan.data.spec import Spec
from dcgan.errors import UserError, suggest
from dcgan.metrics import collapse, compare, copies, subject, truth
from dcgan.metrics import features as extractors
from dcgan.metrics.result import Result
from dcgan.sample import Model

METRICS = (*compare.METRICS, "memory", "truth")
DEFAULT = compare.METRICS
COUNT = 5000
FEW = 20  # pictures below which nothing is measured


def evaluate(
    what: "Spec | Model",
    against: Spec | None = None,
    *,
    metrics: Sequence[str] = DEFAULT,
    count: int = COUNT,
    features: str | Path = "lite0",
    held_out: Spec | None = None,
    reader: truth.Reader | None = None,
    last: bool = False,
    seed: int = 0,
    console: Console | None = None,
) -> Result:
    """`what`: a run (its folder, a checkpoint, a Model), or pictures in any form that `data.open` takes.

    A run is held against its own training pictures unless `against` names others. `count` samples are drawn, and as
    many reference pictures taken, in an order of the seed's. `held_out`: pictures that a run was not trained on, for
    "memory"; `reader`: for "truth", else one is taught; `last`: the last checkpoint, not the best. `features`: of
    lite0, inception, a file's network, or "reader", the one that is taught to read these pictures.
    """
    console = console or Console(quiet=True)
    for name in metrics:
        if name not in METRICS:
            raise UserError(f"--metrics {name}: there is no such measure{suggest(name, METRICS)}")
    if count < FEW:
        raise UserError(f"--count {count}: nothing can be told from so few; ask for {FEW} or more")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    judged = subject.find(what, against, count, last, seed, device, console)
    for name, size in ((judged.name, judged.samples.count), (judged.real.name, judged.real.count)):
        if size < FEW:
            raise UserError(f"{name}: it has {size} pictures, and nothing can be told from fewer than {FEW}")
    shape = "x".join(map(str, judged.reference.size))
    counts = f"{judged.samples.count:,} pictures against {min(count, judged.real.count):,}"
    result = Result(f"{judged.name}: {counts} of {judged.real.name}, {shape}", of=judged.model)
    if set(metrics) - {"truth"}:
        if features == "reader":
            extractor = truth.extractor(judged, console)
        else:
            with console.data_progress() as report:
                extractor = extractors.load(features, device, report)
        if set(compare.METRICS) & set(metrics):
            compare.compare(result, judged, extractor, metrics, console)
            if features == "lite0" and "pr" in metrics and collapse.extractor(judged.spec) == "reader":
                result.notes.append(
                    f"To lite0, made for photographs, a grey level of grain is much in {judged.real.name}: precision, "
                    "recall, density and coverage are better asked of them with --features reader."
                )
        if "memory" in metrics:
            copies.copies(result, judged, extractor, subject.held_out(judged, held_out, console), console)
    if "truth" in metrics:
        truth.tell(result, judged, reader or truth.learned(judged, console), console)
    return result
