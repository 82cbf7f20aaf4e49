"""How a trained run is judged in these figures: its score, its recall, and how different its samples are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dcgan
from dcgan import data
from dcgan.folder import Folder
from dcgan.metrics import collapse
from dcgan.metrics.evaluate import evaluate
from dcgan.metrics.result import Figure

COUNT = 5000  # samples, and reference pictures
PROTOCOL = f"FID (lite0) of {COUNT:,} samples of the last checkpoint against as many training pictures; lower is better"


def judge(out: Path, against: str | None = None) -> dict[str, Any]:
    """A run's last checkpoint, against its own training pictures unless told."""
    held = _figures(out, against, ("fid", "kid"), "lite0")
    return {
        "value": round(held["fid"].value, 2),
        "floor": round(held["fid"].floor or 0.0, 2),
        "kid": round(held["kid"].value, 5),
    } | health(out, against)


def health(out: Path, against: str | None = None) -> dict[str, Any]:
    """Whether it has collapsed, and what the diagnosis said while it trained."""
    model = dcgan.load(out, last=True)
    by = collapse.extractor(against or model.config.data)
    held = _figures(out, against, ("pr",), by)
    recall = held["recall"].value
    diversity = collapse.diversity(model, data.like(model.config, model.config.data), min(COUNT, collapse.COUNT))
    return {
        "precision": round(held["precision"].value, 3),
        "recall": round(recall, 3),
        "precision and recall by": by,
        "diversity": diversity,
        "collapsed": collapse.collapsed(recall, diversity, by),
        "findings": sorted({line["name"] for line in Folder(out).findings()}),
        "steps": model.header.step,
        "training_s": round(model.header.seconds, 1),
    }


def _figures(out: Path, against: str | None, metrics: Sequence[str], features: str) -> dict[str, Figure]:
    """Each by its measure's name alone."""
    found = evaluate(out, against, metrics=metrics, features=features, count=COUNT, last=True).figures
    return {name.partition(" (")[0].lower(): figure for name, figure in found.items()}
