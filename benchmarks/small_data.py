"""Small data: 1,000 CIFAR-10 pictures, with --augment at most 0.7 times the score of without, at equal steps.

    python benchmarks/small_data.py     goes on where it stopped

Scored against the whole training set: of 1,000 pictures alone a memoriser would score best.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import recipe
from judge import COUNT, judge
from record import record

DATA, WHOLE = "cifar10:train[:1000]", "cifar10"
MINUTES, SEEDS, GOAL = 10, 3, 0.7
PROTOCOL = f"FID (lite0) of {COUNT:,} samples, learned from 1,000 pictures, against as many of all 50,000"


def train(name: str, seed: int, threads: int) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        steps = recipe.steps_by_the_wall(WHOLE, "default", MINUTES)
        return judge(recipe.trained("small-data", "1000", DATA, name, steps, seed, threads), against=WHOLE)

    about = {"data": DATA, "recipe": name, "minutes": MINUTES, "seed": seed, "protocol": PROTOCOL}
    return record("small-data", f"{name}, seed {seed}", measure, **about)


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="see the first lines of benchmarks/small_data.py")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    asked = parser.parse_args(list(words))
    scores = {
        name: [train(name, seed, asked.threads)["value"] for seed in range(asked.seeds)]
        for name in ("default", "default, augment")
    }
    without, augmented = (sum(values) / len(values) for values in scores.values())

    def share() -> dict[str, Any]:
        return {"value": round(augmented / without, 3), "ok": augmented <= GOAL * without}

    record("small-data", f"--augment over without, {asked.seeds} seeds", share, goal=GOAL, protocol=PROTOCOL)


if __name__ == "__main__":
    main(sys.argv[1:])
