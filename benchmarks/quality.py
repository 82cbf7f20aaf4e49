"""The standard long run, on a GPU: CIFAR-10, 100,000 steps, 50,000 samples; the default and `tutorial`.

    python benchmarks/quality.py [--steps 100000]     goes on where it stopped

Published for DCGAN's backbone (Inception's features): 36.9 at best, 42.7 after 100,000 steps, 49.0 at best and 137
after 200,000; improved: 23.6 with spectral norm, 24.7 with large batches and averaging, 19.8 as WGAN-GP. Here Inception
judges where its weights are to be had, else lite0, and each row names its extractor. Best and last are both judged.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import recipe
import torch
from record import record

from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.metrics.evaluate import evaluate
from dcgan.metrics.features import load

STEPS, BATCH, SAMPLES, SCORES = 100_000, 64, 50_000, 20
RECIPES = ("tutorial", "default")


def train(name: str, steps: int, features: str, count: int = SAMPLES) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        more = {"m": BATCH, "evaluate_every": max(1, steps // SCORES)}
        out = recipe.trained("quality", str(steps), "cifar10", name, steps, 0, 1, **more)
        found: dict[str, Any] = {"scores": [line["score"] for line in Folder(out).scores()]}
        for which in ("best", "last"):
            done = evaluate(out, metrics=("fid", "kid", "pr"), count=count, features=features, last=which == "last")
            found[which] = [one.as_json() for one in done.figures.values()]
        return found | {"value": found["best"][0]["value"], "last_value": found["last"][0]["value"]}

    protocol = (
        f"FID ({features}) of {count:,} samples against the training set's pictures; batch {BATCH}, {steps:,} steps"
    )
    about = {"data": "cifar10", "recipe": name, "steps": steps, "protocol": protocol}
    return record("quality", f"{name}, {steps:,} steps", measure, **about)


def extractor() -> str:
    try:
        load("inception")
    except UserError:
        return "lite0"
    return "inception"


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="see the first lines of benchmarks/quality.py")
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args(list(words))
    if not torch.cuda.is_available():
        print("quality: it needs a GPU, and torch finds none here; nothing was run")
        return
    for name in RECIPES:
        train(name, asked.steps, extractor())


if __name__ == "__main__":
    main(sys.argv[1:])
