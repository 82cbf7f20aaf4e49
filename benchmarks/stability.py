"""Does it fall apart? 20 runs of 5 minutes on `faces` (32 px) and 20 on MNIST: the default, and `tutorial` beside it.

    python benchmarks/stability.py [--data faces] [--only default]     goes on where it stopped

Collapsed is a run whose samples have recall < 0.1, or a diversity < 0.5 of the data's: 0 of 40 may be. Then 3 seeds at
four times that length: the last score at most 1.1 times the best. And the paper's recipe, at width 64, 3 seeds. None of
the healthy runs may be given a finding by the diagnosis. Minutes are the wall's, of two quiet cores: see recipe.py.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import recipe
from judge import COUNT, health
from record import record

from dcgan.diagnosis import NO_NUMBER
from dcgan.folder import Folder
from dcgan.session import Diverged

DATA = ("faces", "mnist")
SEEDS = {"default": 20, "tutorial": 20, "paper, width 64": 3}
MINUTES, LONG, LONG_SEEDS = 5, 4, 3  # of a run; times that; of so many
SCORES = 12  # of a long run, on its way
WORSE = 1.1
PROTOCOL = f"recall of {COUNT:,} samples of the last checkpoint among as many training pictures, by a reader's features"


def short(data: str, name: str, seed: int, threads: int) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        steps = recipe.steps_by_the_wall(data, name, MINUTES)
        try:
            found = health(recipe.trained("stability", "short", data, name, steps, seed, threads))
        except Diverged as ended:
            found = {"recall": 0.0, "diversity": 0.0, "collapsed": True, "findings": [NO_NUMBER], "words": str(ended)}
        return {"value": found["recall"], "ok": not found["collapsed"] and not found["findings"]} | found

    about = {"data": data, "recipe": name, "minutes": MINUTES, "seed": seed, "goal": "not collapsed, and no finding"}
    return record("stability", f"{data}, {name}, seed {seed}", measure, **about, protocol=PROTOCOL)


def long(data: str, name: str, seed: int, threads: int) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        steps = recipe.steps_by_the_wall(data, name, MINUTES * LONG)
        every = max(1, steps // SCORES)
        out = recipe.trained("stability", "long", data, name, steps, seed, threads, evaluate_every=every)
        scores = [line["score"] for line in Folder(out).scores()]
        worse = scores[-1] / max(min(scores), 1e-6)
        found = health(out)
        ok = worse <= WORSE and not found["collapsed"] and not found["findings"]
        return found | {"value": round(worse, 3), "scores": scores, "ok": ok}

    protocol = (
        f"last over best of the scores on the way, {SCORES} and that of the end: KID (lite0) of 1,000 samples against "
        "training pictures"
    )
    about = {"data": data, "recipe": name, "minutes": MINUTES * LONG, "seed": seed, "goal": WORSE}
    return record("stability", f"long: {data}, {name}, seed {seed}", measure, **about, protocol=protocol)


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="see the first lines of benchmarks/stability.py")
    parser.add_argument("--data", nargs="*", default=DATA)
    parser.add_argument("--only", nargs="*", default=list(SEEDS))
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(list(words))
    for data in asked.data:
        for name in asked.only:
            found = [short(data, name, seed, asked.threads) for seed in range(SEEDS[name])]
            fell = sum(row["collapsed"] for row in found)
            print(f"{data}, {name}: {fell} of {len(found)} collapsed", flush=True)
        if "default" in asked.only:
            for seed in range(LONG_SEEDS):
                long(data, "default", seed, asked.threads)


if __name__ == "__main__":
    main(sys.argv[1:])
