"""Time to quality: how soon the default is as good as the textbook loop after 30 minutes. Goal: a fifth of the time.

    python benchmarks/time_to_quality.py [--threads 1] [--data cifar10]     goes on where it stopped

The textbook loop is Algorithm 1 as `tutorial` has it, so `tutorial` stands for it, for as many steps as the loop makes
in that time: its own over the ratio of their speeds (benchmarks/train.py, 32 px, width 64, m 128, on quiet cores). The
default is judged as it goes, each time after the minutes that its steps take on quiet cores.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import recipe
import train
from judge import PROTOCOL, judge
from record import record, rows

DATA = ("cifar10", "mnist")
MINUTES, GOAL = 30, 0.2
LOOKS = (1, 2, 3, 4, 5, 6, 9, 12, 18, 30)  # minutes after which the default is judged, until it is as good
PAIR = "32 px, width 64, m 128"


def textbook(data: str, threads: int) -> dict[str, Any]:
    """The row of its quality."""

    def measure() -> dict[str, Any]:
        ratio = next(row["value"] for row in rows("train") if row["key"] == PAIR)
        steps = round(recipe.steps_for(data, "tutorial", MINUTES, threads) / ratio)
        return judge(recipe.trained("time", "textbook", data, "tutorial", steps, 0, threads))

    about = {"data": data, "minutes": MINUTES, "protocol": PROTOCOL}
    return record("time", f"{data}: the textbook loop", measure, **about)


def default(data: str, minutes: float, threads: int) -> dict[str, Any]:
    """The row of the default's quality after so long; its run goes on from look to look."""

    def measure() -> dict[str, Any]:
        steps = recipe.steps_for(data, "default", minutes, threads)
        return judge(recipe.trained("time", "ours", data, "default", steps, 0, threads))

    about = {"data": data, "minutes": minutes, "protocol": PROTOCOL}
    return record("time", f"{data}: the default, {minutes} minutes", measure, **about)


def share(data: str, threads: int) -> dict[str, Any]:
    wanted, looks = textbook(data, threads)["value"], {}
    for minutes in LOOKS:
        looks[minutes] = default(data, minutes, threads)["value"]
        if looks[minutes] <= wanted:
            value = round(minutes / MINUTES, 3)
            return {"value": value, "ok": value <= GOAL, "wanted": wanted, "looks": looks}
    return {"value": None, "ok": False, "wanted": wanted, "looks": looks}


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="see the first lines of benchmarks/time_to_quality.py")
    parser.add_argument("--data", nargs="*", default=DATA)
    parser.add_argument("--threads", type=int, default=recipe.CORES)
    asked = parser.parse_args(list(words))
    if not any(row["key"] == PAIR for row in rows("train")):
        train.main()
    for data in asked.data:
        protocol = (
            f"the default's minutes to the textbook loop's quality after {MINUTES}, over those; looked at {LOOKS}"
        )
        record("time", f"{data}: share", lambda data=data: share(data, asked.threads), goal=GOAL, protocol=protocol)


if __name__ == "__main__":
    main(sys.argv[1:])
