"""`dcgan paper --quick`: every experiment is made, the page holds them all, and a second call makes nothing again.

    python benchmarks/paper.py
    python benchmarks/paper.py full            the same of `dcgan paper`: half an hour
    python benchmarks/paper.py keep RUN ...    what was measured on a run (RUN/experiments/*.json), as rows of its own
    python benchmarks/paper.py keep --last RUN ...             the same, where it was measured on its last checkpoint

docs/paper.md quotes those rows.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from record import record, workplace

from dcgan.experiments import paper

LEAST = 0.7  # of the goals, which a page reaches where nothing is broken


def main(words: Sequence[str] = ()) -> None:
    if words[:1] == ["keep"]:
        flag = " --last" if "--last" in words else ""
        for run in words[1:]:
            if run != "--last":
                keep(Path(run), flag)
        return
    name, flag = ("full", "") if words[:1] == ["full"] else ("quick", " --quick")
    record(
        "paper",
        name,
        lambda: made(name),
        command=f"dcgan paper{flag}",
        goal=len(list(paper.entries())),
        seeds="0",
        protocol=f"all are made, and {LEAST:.0%} of the goals reached; value: "
        "experiments of which the page has a picture and figures; seconds of the first call and of the second",
    )


def keep(run: Path, flag: str) -> None:
    for file in sorted((run / "experiments").glob("*.json")):
        held = json.loads(file.read_text(encoding="utf-8"))
        for figure in held["figures"]:
            about = {name: figure[name] for name in ("value", "goal", "ok", "seeds", "protocol")}
            record(
                "paper-runs",
                f"{run.name}: {held['experiment']}: {figure['name']}",
                lambda about=about: about,
                command=f"dcgan {held['experiment']} {run.name}{flag}",
            )


def made(name: str) -> dict:
    place = workplace() / f"paper-{name}"
    page = paper.make(place, quick=name == "quick")
    began = time.perf_counter()
    paper.make(place, quick=name == "quick")
    told = [figure["ok"] for one in page.results for figure in one.get("figures", ()) if figure["ok"] is not None]
    goals, reached = len(told), sum(told)
    done = [one["experiment"] for one in page.results if "reason" not in one]
    reasons = {one["experiment"]: one["reason"] for one in page.results if "reason" in one}
    return {
        "value": len(done),
        "ok": not reasons and reached >= LEAST * goals,
        "not_made": reasons,
        "seconds": round(page.seconds),
        "goals": goals,
        "reached": reached,
        "seconds_again": round(time.perf_counter() - began),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
