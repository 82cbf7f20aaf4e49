"""How a trained run is judged in these figures: its score, its recall, and how different its samples are."""

from pathlib import Path
from typing import Any

from dcgan.metrics import judge as of_a_run

COUNT = 5000  # samples, and reference pictures
PROTOCOL = f"FID (lite0) of {COUNT:,} samples of the last checkpoint against as many training pictures; lower is better"


def judge(out: Path, against: str | None = None) -> dict[str, Any]:
    """A run's last checkpoint, against its own training pictures unless told."""
    found = of_a_run.judge(out, COUNT, against)
    score = {"value": round(found["fid"], 2), "floor": round(found["floor"] or 0.0, 2), "kid": found["kid"]}
    return score | _row(found)


def health(out: Path) -> dict[str, Any]:
    """Whether it has collapsed, and what the diagnosis said while it trained."""
    return _row(of_a_run.judge(out, COUNT, scored=False))


def _row(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "precision": round(found["precision"], 3),
        "recall": round(found["recall"], 3),
        "precision and recall by": found["by"],
        "diversity": found["diversity"],
        "collapsed": found["collapsed"],
        "findings": found["findings"],
        "steps": found["steps"],
        "training_s": found["seconds"],
    }
