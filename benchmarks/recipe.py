"""The recipe: what improves DCGAN's backbone, one ingredient at a time from `tutorial`, at equal time. docs/recipe.md.

    python benchmarks/recipe.py                      all of it, going on where it stopped
    python benchmarks/recipe.py screen --data cifar10 --only ema "no norm in D"
    python benchmarks/recipe.py look --only default      the same after 2 minutes: what a slow machine can tell in a day
    python benchmarks/recipe.py speed --data cifar10 --only default   on quiet cores, before the finals
    python benchmarks/recipe.py final
    python benchmarks/recipe.py write                docs/recipe.md alone, from the rows that stand

The screen's equal time is equal core-seconds: an ingredient's speed is measured in turns with `tutorial`, by the
processor's own clock, which other work on the machine does not disturb as it does the wall's; then it is trained for
speed x time steps. Each gets 10 core-minutes, of one thread. The finals' 30 minutes, for the best two and `tutorial`
with 3 seeds, are the wall's, by speeds of two threads on quiet cores; so are the minutes of stability.py and
small_data.py.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from judge import PROTOCOL, judge
from record import ROOT, record, workplace
from record import rows as kept

from dcgan import algorithm, feed, planning, run
from dcgan.data import Stream
from dcgan.files import write_whole
from dcgan.metrics import collapse

# One ingredient each; then what they make together.
RECIPES: dict[str, dict[str, Any]] = {
    "tutorial": {},
    "averaging": {"ema": 0.998},
    "two rates": {"lr": 4e-4, "lr_D": 2e-4},
    "larger rates": {"lr": 1e-3},
    "rates of the default": {"lr": 1e-3, "lr_D": 3e-4},
    "average of the default": {"ema": 0.9999},
    "uniform z": {"z": "uniform"},
    "batch 32": {"m": 32},
    "k = 2": {"k": 2},
    "width 32": {"width": 32},
    "no norm in D": {"norm_D": "none"},
    "spectral norm in D": {"norm_D": "spectral"},
    "relativistic": {"loss": "relativistic"},
    "R1": {"r1": 0.05},
    "R2": {"r2": 0.05},
    "R1, no norm in D": {"r1": 0.05, "norm_D": "none"},
    "R1 every 8th step, no norm in D": {"r1": 0.05, "penalty_every": 8, "norm_D": "none"},
    "relativistic, R1, R2, no norm in D": {"loss": "relativistic", "r1": 0.05, "r2": 0.05, "norm_D": "none"},
    "augment": {"augment": True},
    "nearest": {"up": "nearest"},
    "default": {"preset": "default"},
    "default, shorter average": {"preset": "default", "ema": 0.998},
    "default, equal rates": {"preset": "default", "lr_D": 1e-3},
    "default, width 64": {"preset": "default", "width": 64},
    "default, spectral norm in D": {"preset": "default", "norm_D": "spectral", "ema": 0.998},
    "default, spectral norm in D, equal rates": {
        "preset": "default",
        "norm_D": "spectral",
        "lr_D": 1e-3,
        "ema": 0.998,
    },
    "default, augment": {"preset": "default", "augment": True},
    "default, relativistic": {"preset": "default", "loss": "relativistic"},
    "default, relativistic, R1, R2, no norm in D": {
        "preset": "default",
        "loss": "relativistic",
        "r1": 0.05,
        "r2": 0.05,
        "norm_D": "none",
    },
}
# Candidates for D's features (features.py), 7,168 numbers of a D as wide as `tutorial`'s.
FEATURES: dict[str, dict[str, Any]] = {
    "default": {},
    "m 64": {"m": 64},
    "equal rates": {"m": 64, "lr": 5e-4},
    "spectral norm": {"m": 64, "norm_D": "spectral"},
    "augment": {"m": 64, "augment": True},
    "wide D": {"m": 64, "width_D": 128},
}
# Not screened: what other figures train.
OTHERS: dict[str, dict[str, Any]] = {"paper, width 64": {"preset": "paper", "width": 64}} | {
    f"features, {name}": {"preset": "default", "mirror": True, "width": 32, "width_D": 64} | settings
    for name, settings in FEATURES.items()
}
SCREEN = ("cifar10", "faces")
MINUTES = {"look": 2.0, "screen": 5.0}
FINAL = {"cifar10": (30, 3), "fashion-mnist": (30, 3), "mnist": (10, 1), "faces": (10, 1)}  # data: minutes, seeds
GOAL, HELD = 0.5, ("cifar10", "fashion-mnist")  # the default's mean score over `tutorial`'s, at most, on these
SIZE: dict[str, dict[str, Any]] = {"faces": {"size": 32}}  # all others as they are
CORES = 2
BLOCK, ROUNDS = 4, 5  # steps between turns, and turns, when speed is measured
TURN = 1.5  # s of a turn at least, by the wall's clock: the first steps find no caches warm


def plan(data: str, name: str, out: Any = None, **more: Any) -> planning.Plan:
    chosen = SIZE.get(data, {}) | (RECIPES | OTHERS)[name] | more
    preset = chosen.pop("preset", "tutorial")
    return planning.plan(data, out=out or workplace() / "none", preset=preset, settings=chosen)


def seconds_per_step(
    plans: dict[str, planning.Plan], threads: int, clock: Callable[[], float] = time.process_time, turn: float = 0.0
) -> dict[str, float]:
    """Of each, the least of several turns of so many seconds; core-seconds unless by another clock."""
    loops: dict[str, Iterator[algorithm.Progress]] = {}
    for name, p in plans.items():
        state = algorithm.fresh(p.config)
        algorithm.set_precision(p.config, state)
        stream = Stream(p.dataset, 0)
        loops[name] = algorithm.train(p.config, state, feed.batches(p.config, stream, "cpu"), p.own.loss_of(p.config))
    times: dict[str, list[float]] = {name: [] for name in plans}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for _ in range(ROUNDS):
            for name, loop in loops.items():
                block = max(BLOCK, plans[name].config.penalty_every)  # a lazy one is met as often as ever
                began, count = clock(), 0
                while not count or clock() - began < turn:
                    for progress in itertools.islice(loop, block):
                        float(progress.loss_G)
                    count += block
                times[name].append((clock() - began) / count)
    finally:
        torch.set_num_threads(before)
    return {name: min(kept[1:]) for name, kept in times.items()}


def beside_tutorial(data: str, name: str, threads: int, *how: Any) -> dict[str, float]:
    plans = {one: plan(data, one, steps=1, threads=threads) for one in (name, "tutorial")}
    return seconds_per_step(plans, threads, *how)


def speed(data: str, name: str, threads: int) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        found = beside_tutorial(data, name, threads)
        return {"value": found["tutorial"] / found[name], "core_seconds_per_step": found["tutorial"]}

    return record("recipe-speed", f"{data}, {name}", measure, protocol="steps of `tutorial`'s time, in turns with it")


def quiet_speed(data: str, name: str) -> dict[str, Any]:
    """By the wall's clock, with all cores, while nothing else runs."""

    def measure() -> dict[str, Any]:
        found = beside_tutorial(data, name, CORES, time.perf_counter, TURN)
        return {"value": found["tutorial"] / found[name], "seconds_per_step": found[name]}

    protocol = f"steps of `tutorial`'s time, in turns with it: {CORES} threads on quiet cores, the wall's clock"
    return record("recipe-speed", f"{data}, {name}, {CORES} threads", measure, protocol=protocol)


def steps_for(data: str, name: str, minutes: float, threads: int) -> int:
    """As many as fit into so many minutes, of CORES cores that each do as much as one alone."""
    base = speed(data, "tutorial", threads)["core_seconds_per_step"]
    return max(1, round(60 * minutes * CORES / base * speed(data, name, threads)["value"]))


def steps_by_the_wall(data: str, name: str, minutes: float) -> int:
    """As many as all cores make in so many minutes while nothing else runs."""
    return max(1, round(60 * minutes / quiet_speed(data, name)["seconds_per_step"]))


def trained(figure: str, stage: str, data: str, name: str, steps: int, seed: int, threads: int, **more: Any) -> Path:
    """A run's folder; one that was stopped goes on, and one that is there is not trained again."""
    words = f"{stage}-{data}-{name}-{seed}"
    out = workplace() / figure / "".join(letter if letter.isalnum() else "-" for letter in words)
    often = {"save_every": max(1, steps // 8)}
    if run.train(plan(data, name, out, **{"steps": steps, "seed": seed, "threads": threads} | often | more)):
        sys.exit("stopped; the same command goes on")
    return out


def train(data: str, name: str, minutes: float, seed: int, threads: int, stage: str) -> dict[str, Any]:
    """A row: so many steps as fit, trained and judged. A run that was looked at goes on to its place in the screen."""

    def measure() -> dict[str, Any]:
        final = stage == "final"
        steps = steps_by_the_wall(data, name, minutes) if final else steps_for(data, name, minutes, threads)
        return judge(trained("recipe", "final" if final else "screen", data, name, steps, seed, threads))

    about = {"data": data, "recipe": name, "minutes": minutes, "seed": seed, "stage": stage, "protocol": PROTOCOL}
    return record("recipe", f"{stage}: {data}, {name}, seed {seed}", measure, **about, settings=RECIPES[name])


def rows(stage: str) -> list[dict[str, Any]]:
    return [row for row in kept("recipe") if row["stage"] == stage]


def finalists() -> list[str]:
    """The best two by their mean share of `tutorial`'s score over the screen's data, where all of it is there; and the
    default, which the goal is about."""
    shares = screen_shares(rows("screen"))
    whole = {name: sum(by.values()) / len(by) for name, by in shares.items() if len(by) == len(SCREEN)}
    best = sorted((name for name in whole if name != "tutorial"), key=lambda name: whole[name])
    return list(dict.fromkeys([*best[:2], "default", "tutorial"]))


def screen_shares(found: Sequence[dict]) -> dict[str, dict[str, float]]:
    """recipe -> data -> its score over that of `tutorial`."""
    base = {row["data"]: row["value"] for row in found if row["recipe"] == "tutorial"}
    shares: dict[str, dict[str, float]] = {}
    for row in found:
        if row["data"] in base:
            shares.setdefault(row["recipe"], {})[row["data"]] = row["value"] / base[row["data"]]
    return shares


ABOUT = f"""# The recipe

Made by `python benchmarks/recipe.py write` from `docs/results/recipe.json`; `python benchmarks/recipe.py` goes on
with what is missing. Each ingredient alone, from `--preset tutorial`, at equal time: 10 core-minutes, of one
thread, for as many steps as its speed allows, measured in turns with `tutorial`. One seed
each.

{PROTOCOL}. Precision and recall are by the features of a reader that was taught on
such pictures, on CIFAR-10 by lite0's. Collapsed: diversity below {collapse.LEAST_DIVERSITY:g}, or a reader's recall
below {collapse.LEAST_RECALL:g}; by lite0's features no recipe reaches that so soon.

## The screen
"""


def write() -> None:
    """docs/recipe.md."""
    write_whole(ROOT / "docs" / "recipe.md", page(rows("screen"), rows("final"), rows("look")).encode())


def page(screen: Sequence[dict], final: Sequence[dict], look: Sequence[dict] = ()) -> str:
    lines = [ABOUT]
    lines += _table(screen) if screen else ["Not run yet."]
    missing = [f"{data}: {name}" for data in SCREEN for name in RECIPES
               if not any((row["data"], row["recipe"]) == (data, name) for row in screen)]  # fmt: skip
    if missing and screen:
        lines += ["", f"Not run yet, {len(missing)} of {len(SCREEN) * len(RECIPES)}: {'; '.join(missing)}."]
    if look:
        lines += ["", f"## A first look: the same after {MINUTES['look']:g} minutes", "", *_table(look)]
    lines += ["", "## The finals", ""]
    lines += (
        _finals(final) if final else ["Not run yet: the best two of the screen and `tutorial`, 3 seeds, 30 minutes."]
    )
    return "\n".join(lines) + "\n"


def _table(found: Sequence[dict]) -> list[str]:
    shares = screen_shares(found)
    lines = [
        "| recipe | settings | data | steps | FID | of `tutorial`'s | precision | recall | diversity | collapsed? | "
        "findings |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(found, key=lambda row: (row["data"], row["value"])):
        share = shares.get(row["recipe"], {}).get(row["data"])
        words = ", ".join(f"{name} {value}" for name, value in row["settings"].items()) or "-"
        cells = [
            row["recipe"], words, row["data"], f"{row['steps']:,}", f"{row['value']:.1f}",
            "" if share is None else f"{share:.2f}", f"{row['precision']:.2f}", f"{row['recall']:.2f}",
            f"{row['diversity']:.2f}", "yes" if _collapsed(row) else "no", ", ".join(row["findings"]) or "-",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _collapsed(row: dict) -> bool:
    return collapse.collapsed(row["recall"], row["diversity"], row.get("precision and recall by", "lite0"))


def _finals(found: Sequence[dict]) -> list[str]:
    lines = [
        "| recipe | data | minutes | seeds | FID, mean | least to most | of `tutorial`'s |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[dict]] = {}
    for row in found:
        groups.setdefault((row["data"], row["recipe"]), []).append(row)
    means = {key: sum(row["value"] for row in group) / len(group) for key, group in groups.items()}
    verdicts = []
    for (data, name), group in sorted(groups.items(), key=lambda item: (item[0][0], means[item[0]])):
        values = [row["value"] for row in group]
        base = means.get((data, "tutorial"))
        share = f"{means[data, name] / base:.2f}" if base else ""
        if base and name == "default" and data in HELD:
            seeds = f" (so far {len(group)} of {FINAL[data][1]} seeds)" if len(group) < FINAL[data][1] else ""
            verdicts.append(f"{data} {'ok' if means[data, name] <= GOAL * base else 'missed'}{seeds}")
        spread = f"{min(values):.1f} to {max(values):.1f}"
        cells = [name, data, f"{group[0]['minutes']:g}", str(len(group)), f"{means[data, name]:.1f}", spread, share]
        lines.append("| " + " | ".join(cells) + " |")
    told = f": {', '.join(verdicts)}" if verdicts else ""
    return [*lines, "", f"The goal of the default on {' and '.join(HELD)}: at most {GOAL:g} of `tutorial`'s{told}."]


def screen(only: Sequence[str] = (), data: Sequence[str] = (), threads: int = 1, stage: str = "screen") -> None:
    for one in data or SCREEN:
        for name in only or RECIPES:
            train(one, name, MINUTES[stage], 0, threads, stage)


def final(threads: int = 1) -> None:
    for data, (minutes, seeds) in FINAL.items():
        for seed, name in itertools.product(range(seeds), finalists()):
            train(data, name, minutes, seed, threads, "final")


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="see the first lines of benchmarks/recipe.py")
    parser.add_argument("stage", nargs="?", default="all", choices=("all", "look", "screen", "speed", "final", "write"))
    parser.add_argument("--data", nargs="*", default=())
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--threads", type=int, default=1, help="of a run; the steps do not depend on it")
    asked = parser.parse_args(list(words))
    if asked.stage in ("all", "look", "screen"):
        screen(asked.only, asked.data, asked.threads, "look" if asked.stage == "look" else "screen")
    if asked.stage == "speed":
        for data, name in itertools.product(asked.data or FINAL, asked.only or finalists()):
            quiet_speed(data, name)
    if asked.stage in ("all", "final"):
        final(asked.threads)
    write()


if __name__ == "__main__":
    main(sys.argv[1:])
