"""How a trained run is judged in these figures: its score, its recall, and how different its samples are."""

from pathlib import Path
from typing import Any

import numpy as np

import dcgan
from dcgan import data, diagnosis
from dcgan.config import PICTURES
from dcgan.folder import Folder
from dcgan.metrics.evaluate import evaluate

COUNT = 5000  # samples, and reference pictures
DIVERSITY = 1000  # samples whose diversity is taken
COLLAPSED = {"recall": 0.1, "diversity": 0.5}  # a run below either has collapsed
PROTOCOL = f"FID (lite0) of {COUNT:,} samples of the last checkpoint against as many training pictures; lower is better"


def judge(out: Path, count: int = COUNT, diverse: int = DIVERSITY) -> dict[str, Any]:
    figures = evaluate(out, metrics=("fid", "kid", "pr"), count=count, last=True).figures
    held = {name.partition(" (")[0].lower(): figure for name, figure in figures.items()}
    folder, model = Folder(out), dcgan.load(out, last=True)
    found = {
        "value": round(held["fid"].value, 2),
        "floor": round(held["fid"].floor or 0.0, 2),
        "kid": round(held["kid"].value, 5),
        "precision": round(held["precision"].value, 3),
        "recall": round(held["recall"].value, 3),
        "diversity": diversity(model, diverse),
        "findings": sorted({line["name"] for line in folder.findings()}),
        "steps": model.header.step,
        "training_s": round(model.header.seconds, 1),
    }
    return found | {"collapsed": any(found[name] < least for name, least in COLLAPSED.items())}


def diversity(model: "dcgan.Model", count: int = DIVERSITY) -> float:
    """Mean distance of a sample to the one most like it, of so many, over the same of training pictures."""
    c = model.config
    pictures = data.open(c.data, **{name: getattr(c, name) for name in PICTURES})
    real = diagnosis.Data(lambda numbers: pictures.images[np.sort(numbers)], len(pictures), count)
    return float(real.check(model.sample(range(count)))["diversity"] or 0.0)
