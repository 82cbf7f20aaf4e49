"""Precision may not cost quality: the default in bf16 and in float32, equal steps, three seeds each.

    python benchmarks/precision.py [--threads 1] [--seeds 3]     goes on where it stopped

The value is how far apart the two means are, in standard errors of their difference (Welch): within noise is below the
5 % point of Student's distribution. Three seeds tell a difference of the size of their spread, and no smaller one, so
the ratio of the means stands beside it.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import recipe
from judge import PROTOCOL, judge
from record import record

DATA, STEPS, SEEDS = "cifar10", 5000, 3
PRECISIONS = ("bf16", "float32")


def train(precision: str, seed: int, threads: int) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        out = recipe.trained("precision", precision, DATA, "default", STEPS, seed, threads, precision=precision)
        return judge(out)

    about = {"data": DATA, "recipe": "default", "arithmetic": precision, "seed": seed, "protocol": PROTOCOL}
    return record("precision", f"{precision}, seed {seed}", measure, **about)


def apart(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The difference of two means in its standard errors, and its degrees of freedom (Welch, Satterthwaite)."""
    parts = [statistics.variance(values) / len(values) for values in (first, second)]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    return abs(statistics.mean(first) - statistics.mean(second)) / sum(parts) ** 0.5, freedom


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="see the first lines of benchmarks/precision.py")
    parser.add_argument("--threads", type=int, default=recipe.CORES)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    asked = parser.parse_args(list(words))
    found: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for seed in range(asked.seeds):
        for precision in PRECISIONS:
            found[precision].append(train(precision, seed, asked.threads)["value"])

    def difference() -> dict[str, Any]:
        from scipy.stats import t  # pyrefly: ignore[untyped-import]

        low, full = (found[precision] for precision in PRECISIONS)
        errors, freedom = apart(low, full)
        goal = float(t.ppf(0.975, freedom))
        ratio = statistics.mean(low) / statistics.mean(full)
        return {"value": round(errors, 2), "goal": round(goal, 2), "ok": errors <= goal, "ratio": round(ratio, 3)}

    protocol = f"difference of the means over its standard error, {asked.seeds} seeds of {STEPS:,} steps; {PROTOCOL}"
    record("precision", f"bf16 against float32, {asked.seeds} seeds", difference, **found, protocol=protocol)


if __name__ == "__main__":
    main(sys.argv[1:])
