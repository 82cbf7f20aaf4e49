"""Section 3: the paper's rules, each broken in turn, at equal time; docs/guidelines.md.

    python benchmarks/guidelines.py                          all of it, going on where it stopped
    python benchmarks/guidelines.py "no batch norm" ...      these alone: two such can go on side by side
    python benchmarks/guidelines.py write                    docs/guidelines.md alone, from the rows that stand

`dcgan guidelines faces --threads 1`, a row a run: five minutes of one core by the wall's clock, so no more than one may
go on beside it on two cores. The picture of all of them is drawn when none is missing.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from record import ROOT, record, rows, workplace

from dcgan.config import Config
from dcgan.console import Console
from dcgan.experiments import guidelines
from dcgan.experiments.guidelines import COUNT, KEPT, MINUTES, RULES, SEEDS, SIZE, TIE
from dcgan.files import write_whole
from dcgan.metrics import collapse

DATA = "faces"
SETTINGS = {"minutes": MINUTES, "threads": 1}
PICTURE = "images/paper/guidelines.png"
PROTOCOL = f"FID (lite0) of {COUNT:,} samples of the last checkpoint against as many training pictures; lower is better"
ABOUT = f"""# The guidelines, each broken in turn

Made by `python benchmarks/guidelines.py` from `docs/results/guidelines.json`. The paper (section 3) gives its rules as
what made training stable, and shows no run without them. Here each is broken alone, in `--preset {Config().preset}`:
`{DATA}` at {SIZE} px, {MINUTES:g} minutes of one core each, seeds 0 to {SEEDS - 1}. Of your own pictures:
`dcgan guidelines photos/`.

{PROTOCOL}. Collapsed: diversity below
{collapse.LEAST_DIVERSITY:g} of the data's, or a reader's recall below {collapse.LEAST_RECALL:g}. Of two seeds, 0 and 1
in this order.

| rule broken | settings | FID, mean | of the full set's | each | steps | recall | diversity | collapsed? | findings |
|---|---|---|---|---|---|---|---|---|---|
"""


def main(words: Sequence[str] = ()) -> None:
    only = [] if list(words) == ["write"] else list(words) or list(RULES)
    for rule in only:
        if rule not in RULES:
            sys.exit(f"guidelines: there is no rule {rule!r}; there are: {', '.join(RULES)}")
    for rule in only:
        for seed in range(SEEDS):
            trial(rule, seed)
    if not words:
        found = guidelines.compute(DATA, runs(), length=SETTINGS, seeds=SEEDS)
        write_whole(ROOT / "docs" / PICTURE, guidelines.figure(found))
    write_whole(ROOT / "docs" / "guidelines.md", page(rows("guidelines")).encode())


def runs() -> Path:
    return workplace() / f"guidelines-{DATA}"


def trial(rule: str, seed: int) -> None:
    def measure() -> dict[str, Any]:
        console = Console(quiet=True)
        plan = guidelines.planned(DATA, runs(), rule, seed, SETTINGS, console)
        found = guidelines.judged(rule, seed, plan, COUNT, console).as_json()
        return {"value": found.pop("fid")} | found

    about = {"data": DATA, **SETTINGS, "protocol": PROTOCOL, "command": "python benchmarks/guidelines.py"}
    record("guidelines", f"{DATA}: {rule}, seed {seed}", measure, **about)


def page(found: Sequence[dict]) -> str:
    groups = {rule: [row for row in found if row["rule"] == rule] for rule in RULES}
    means = {rule: _mean(group) for rule, group in groups.items() if group}
    lines = []
    for rule in sorted(means, key=lambda rule: means[rule]):
        group = sorted(groups[rule], key=lambda row: row["seed"])
        cells = [
            rule,
            ", ".join(f"`{name} {value}`" for name, value in RULES[rule].items()) or "-",
            _shown(means[rule]),
            f"{means[rule] / means[KEPT]:.2f}" if KEPT in means else "",
            "; ".join(_shown(_mean([row])) for row in group),
            "; ".join(f"{row['steps']:,}" for row in group),
            "; ".join(f"{row['recall']:.2f}" for row in group),
            "; ".join(f"{row['diversity']:.2f}" for row in group),
            "; ".join("yes" if row["collapsed"] else "no" for row in group),
            ", ".join(sorted({name for row in group for name in row["findings"]})) or "-",
        ]
        lines.append("| " + " | ".join(cells) + " |\n")
    if missing := len(RULES) * SEEDS - len(found):
        return ABOUT + "".join(lines) + f"\n{missing} of {len(RULES) * SEEDS} runs are to come.\n"
    better = [rule for rule, mean in means.items() if mean * TIE < means[KEPT]]
    told = f"better are: {', '.join(better)}" if better else "none is better than the full set"
    drawn = f"![Eight samples of each run, the best rule first]({PICTURE})"
    return ABOUT + "".join(lines) + f"\nBy more than a tie ({TIE:g} times its score): {told}.\n\n{drawn}\n"


def _mean(group: Sequence[dict]) -> float:
    """Infinite where one diverged."""
    return sum(float("inf") if row["value"] is None else row["value"] for row in group) / len(group)


def _shown(value: float) -> str:
    return "diverged" if value == float("inf") else f"{value:.1f}"


if __name__ == "__main__":
    main(sys.argv[1:])
