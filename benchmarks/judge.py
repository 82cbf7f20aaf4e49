"""How a trained run is judged in these figures: its score, its recall, and how different its samples are."""

from pathlib import Path
from typing import Any

import dcgan
from dcgan import data
from dcgan.folder import Folder
from dcgan.metrics import collapse
from dcgan.metrics.evaluate import evaluate

COUNT = 5000  # samples, and reference pictures
PROTOCOL = f"FID (lite0) of {COUNT:,} samples of the last checkpoint against as many training pictures; lower is better"


def judge(out: Path, against: str | None = None) -> dict[str, Any]:
    """A run's last checkpoint, against its own training pictures unless told."""
    figures = evaluate(out, against, metrics=("fid", "kid", "pr"), count=COUNT, last=True).figures
    held = {name.partition(" (")[0].lower(): figure for name, figure in figures.items()}
    model = dcgan.load(out, last=True)
    pictures = data.like(model.config, model.config.data)
    recall, diversity = held["recall"].value, collapse.diversity(model, pictures, min(COUNT, collapse.COUNT))
    return {
        "value": round(held["fid"].value, 2),
        "floor": round(held["fid"].floor or 0.0, 2),
        "kid": round(held["kid"].value, 5),
        "precision": round(held["precision"].value, 3),
        "recall": round(recall, 3),
        "diversity": diversity,
        "collapsed": collapse.collapsed(recall, diversity),
        "findings": sorted({line["name"] for line in Folder(out).findings()}),
        "steps": model.header.step,
        "training_s": round(model.header.seconds, 1),
    }
