"""Section 3: the paper's rules, each broken in turn, at equal time; docs/guidelines.md.

    python benchmarks/guidelines.py                          all of it, going on where it stopped
    python benchmarks/guidelines.py "no batch norm" ...      these alone: two such can go on side by side
    python benchmarks/guidelines.py write                    docs/guidelines.md alone, from the rows that stand

`dcgan guidelines faces --threads 1`, a row a run. Equal time is five minutes of one core: speeds are measured in turns
with the full set by the processor's own clock, as recipe.py does, and a run gets as many steps as fit, so it may go on
beside other work. The picture shows all whose rows stand, once each rule has one; it wants their runs here.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import recipe
from record import ROOT, record, rows, workplace

from dcgan.config import Config
from dcgan.console import Console
from dcgan.experiments import guidelines
from dcgan.experiments.guidelines import COUNT, KEPT, MINUTES, RULES, SEEDS, SIZE, Judged, Result
from dcgan.files import write_whole
from dcgan.metrics import collapse
from dcgan.planning import Plan

DATA = "faces"
THREADS = 1
QUIET = Console(quiet=True)
PICTURE = "images/paper/guidelines.png"
PROTOCOL = f"FID (lite0) of {COUNT:,} samples of the last checkpoint against as many training pictures; lower is better"
ABOUT = f"""# The guidelines, each broken in turn

Made by `python benchmarks/guidelines.py` from `docs/results/guidelines.json`. The paper (section 3) gives its rules as
what made training stable, and shows no run without them. Here each is broken alone, in `--preset {Config().preset}`:
`{DATA}` at {SIZE} px, as many steps as {MINUTES:g} minutes of one core allow (`docs/results/guidelines-speed.json`).
Of your own pictures: `dcgan guidelines photos/`.

{PROTOCOL}.
Recall is by a reader's features. Collapsed: diversity below {collapse.LEAST_DIVERSITY:g} of the data's, or a reader's
recall below {collapse.LEAST_RECALL:g}. Two figures are of seeds 0 and 1.

| rule broken | settings | FID, mean | of the full set's | each | steps | recall | diversity | collapsed? | findings |
|---|---|---|---|---|---|---|---|---|---|
"""


def main(words: Sequence[str] = ()) -> None:
    if list(words) != ["write"]:
        make(words or list(RULES))
    write_whole(ROOT / "docs" / "guidelines.md", page(rows("guidelines")).encode())


def make(only: Sequence[str]) -> None:
    for rule in only:
        if rule not in RULES:
            sys.exit(f"guidelines: there is no rule {rule!r}; there are: {', '.join(RULES)}")
    for seed in range(SEEDS):
        for rule in only:
            trial(rule, seed)
    draw()


def trial(rule: str, seed: int) -> None:
    def measure() -> dict[str, Any]:
        found = guidelines.judged(rule, seed, planned(rule, seed, steps(rule)), COUNT, QUIET).as_json()
        return {"value": found.pop("fid")} | found

    about = {"data": DATA, "minutes": MINUTES, "threads": THREADS, "protocol": PROTOCOL}
    record("guidelines", f"{DATA}: {rule}, seed {seed}", measure, command="python benchmarks/guidelines.py", **about)


def planned(rule: str, seed: int, steps: int) -> Plan:
    settings = {"steps": steps, "threads": THREADS}
    return guidelines.planned(DATA, workplace() / f"guidelines-{DATA}", rule, seed, settings, QUIET)


def steps(rule: str) -> int:
    return max(1, round(60 * MINUTES / speed(KEPT)["core_seconds_per_step"] * speed(rule)["value"]))


def draw() -> None:
    """The strips of samples, where the runs of all rows lie here: none is trained again for it."""
    found = sorted(rows("guidelines"), key=lambda row: row["seed"])
    plans = {(row["rule"], row["seed"]): planned(row["rule"], row["seed"], row["steps"]) for row in found}
    here = all((plan.folder.path / "judged.json").is_file() for plan in plans.values())
    if here and {rule for rule, _ in plans} == {*RULES}:
        runs = [guidelines.judged(*key, plan, COUNT, QUIET) for key, plan in plans.items()]
        subject = f"{DATA}, {SIZE} px, {MINUTES:g} minutes of one core each"
        made = Result(subject=subject, found=guidelines.verdict(runs), figures=[], runs=runs)
        write_whole(ROOT / "docs" / PICTURE, guidelines.figure(made))


def speed(rule: str) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        found = recipe.seconds_per_step({one: planned(one, 0, 1) for one in (rule, KEPT)}, THREADS)
        return {"value": found[KEPT] / found[rule], "core_seconds_per_step": found[rule]}

    return record("guidelines-speed", f"{DATA}: {rule}", measure, protocol="steps of the full set's time, in turns")


def page(found: Sequence[dict]) -> str:
    runs = sorted((_judged(row) for row in found), key=lambda one: one.seed)
    scores = guidelines.means(runs)
    lines = []
    for rule, value in scores.items():
        group = [one for one in runs if one.rule == rule]
        cells = [
            rule,
            ", ".join(f"`{name} {setting}`" for name, setting in RULES[rule].items()) or "-",
            _shown(value),
            f"{value / scores[KEPT]:.2f}" if KEPT in scores else "",
            "; ".join(_shown(one.fid) for one in group),
            f"{group[0].steps:,}",
            "; ".join(f"{one.recall:.2f}" for one in group),
            "; ".join(f"{one.diversity:.2f}" for one in group),
            "; ".join("yes" if one.collapsed else "no" for one in group),
            ", ".join(sorted({name for one in group for name in one.findings})) or "-",
        ]
        lines.append("| " + " | ".join(cells) + " |\n")
    text = ABOUT + "".join(lines)
    if missing := len(RULES) * SEEDS - len(runs):
        text += f"\n{missing} of {len(RULES) * SEEDS} runs are to come.\n"
    if {*scores} == {*RULES}:
        told = guidelines.verdict(runs)
        text += f"\n{told[0].upper()}{told[1:]}.\n"
        text += f"\n![Eight samples of each run, the best rule first]({PICTURE})\n"
    return text


def _judged(row: dict) -> Judged:
    """Without its pictures."""
    fid = math.inf if row["value"] is None else row["value"]
    kept = {name: row[name] for name in ("rule", "seed", "steps", "kid", "recall", "diversity", "by", "findings")}
    return Judged(**kept, fid=fid, pictures=np.zeros(0))


def _shown(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "diverged"


if __name__ == "__main__":
    main(sys.argv[1:])
