"""A trained run as a row of a table of runs: its score, what its samples reach, and what was said while it trained."""

from pathlib import Path
from typing import Any

from dcgan import data, sample
from dcgan.console import Console
from dcgan.data.spec import Spec
from dcgan.folder import Folder
from dcgan.metrics import collapse
from dcgan.metrics.evaluate import evaluate
from dcgan.metrics.result import Figure


def judge(
    run: Path, count: int, against: Spec | None = None, *, scored: bool = True, console: Console | None = None
) -> dict[str, Any]:
    """Of its last checkpoint, by so many samples, against its own training pictures unless told.

    The score is by lite0; precision and recall by whose features tell a collapse of such pictures (collapse.py).
    `floor` is the score of real pictures; without `scored` there is neither, and most of the time is saved.
    """
    model = sample.load(run, last=True)
    by = collapse.extractor(str(against or model.config.data))
    found: dict[str, Figure] = {}
    for features, metrics in [("lite0", ("fid", "kid"))] * scored + [(by, ("pr",))]:
        figures = evaluate(model, against, metrics=metrics, features=features, count=count, console=console).figures
        found |= {name.partition(" (")[0].lower(): figure for name, figure in figures.items()}
    values = {name: round(figure.value, 5) for name, figure in found.items()}
    diversity = collapse.diversity(model, data.like(model.config, model.config.data), min(count, collapse.COUNT))
    return values | {
        "floor": found["fid"].floor if scored else None,
        "diversity": diversity,
        "by": by,
        "collapsed": collapse.collapsed(values["recall"], diversity, by),
        "findings": sorted({line["name"] for line in Folder(run).findings()}),
        "steps": model.header.step,
        "seconds": round(model.header.seconds, 1),
    }
