"""Rows of measured figures: one file a figure, docs/results/NAME.json, one row a finished run.

A figure's script asks `record(name, key, ...)` for each of its runs; a row that stands is not made again, so a script
that was stopped goes on where it was. Runs themselves lie outside the checkout, under $DCGAN_FIGURES.
"""

import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcgan.data import cache
from dcgan.files import lock, write_whole

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"


def workplace() -> Path:
    """Where long runs keep their files between sessions."""
    return Path(os.environ.get("DCGAN_FIGURES") or cache.home() / "figures")


def record(figure: str, key: str, compute: Callable[[], dict[str, Any]], **about: Any) -> dict[str, Any]:
    """The row of this key: the one that stands, or what `compute` finds now; with the words that made it, unless
    `about` names another `command`."""
    file = RESULTS / f"{figure}.json"
    found = next((row for row in rows(figure) if row["key"] == key), None)
    if found is None:
        made_by = {"machine": machine(), "commit": commit()}  # before: the checkout may move on meanwhile
        found = {
            "key": key,
            "command": shlex.join(["python", os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]]),
            **about,
            **compute(),
            **made_by,
            "date": datetime.date.today().isoformat(),
        }
        with lock(workplace() / f"{figure}.lock", f"{file}: another script is writing it", patience=10):
            others = [row for row in rows(figure) if row["key"] != key]
            write_whole(file, (json.dumps([*others, found], indent=2) + "\n").encode())
    shown = {name: found[name] for name in ("value", "goal", "ok") if name in found}
    print(f"{figure:<16} {key:<12} {json.dumps(shown)}", flush=True)
    return found


def rows(figure: str) -> list[dict[str, Any]]:
    """Those that stand now; two scripts may make one figure's."""
    file = RESULTS / f"{figure}.json"
    return json.loads(file.read_text()) if file.exists() else []


def chosen(figure: str, pick: Callable[..., Any] = max) -> dict[str, Any]:
    """The best row that stands: of the most value, or of the least (`min`)."""
    return pick(rows(figure), key=lambda row: row["value"])


def machine() -> str:
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}"


def commit() -> str:
    """The code's; rows that were added since do not make it another."""
    name = _git("describe", "--always")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/results")
    return f"{name}-dirty" if name and changed else name or "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
