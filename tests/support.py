"""What tests of runs share: tiny settings, the command in a process, and what lies in a folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan.config import flag

FACES = "faces:48"  # so few are drawn in a moment
TINY = {"size": 8, "width": 4, "m": 8, "threads": 1, "precision": "float32", "report_every": 5}  # ms a step


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


def flags(settings: dict[str, Any]) -> list[str]:
    """Settings as they are typed."""
    return [word for name, value in settings.items() for word in (flag(name), str(value))]


def command(*words: Any) -> list[str]:
    """The command's words for a process of its own."""
    return [sys.executable, "-m", "dcgan", *map(str, words)]


def start(*words: Any, program: list[str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """The command, or another program, in a process of its own, which hears Ctrl-C even where these tests do not."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": os.environ} | options
    # a pipe is written to at once because the command sees to it, not because these tests' Python does
    options["env"] = {name: value for name, value in options["env"].items() if name != "PYTHONUNBUFFERED"}
    if os.name == "posix":  # a job in a shell's background is started deaf to SIGINT, and so are its children
        options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return subprocess.Popen(program or command(*words), **options)


def until(happens: Callable[[], Any], what: str, patience: float = 200) -> Any:
    """Wait for something that comes soon, on however busy a machine."""
    end = time.monotonic() + patience
    while not (value := happens()):
        assert time.monotonic() < end, f"not within {patience:g} s: {what}"
        time.sleep(0.005)
    return value


def tree(folder: Path) -> dict[str, Any]:
    """All that lies below a folder, to see that nothing was left there or touched."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
        for path in folder.rglob("*")
    }


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def told(run: Path) -> list[dict[str, Any]]:
    """The log without the checks of the samples."""
    return [line for line in log(run) if line.get("event") != "check"]


def reports(run: Path) -> list[dict[str, Any]]:
    """A run's reports, without what the clock decides."""
    clock = ("seconds", "images_per_s")
    return [{k: v for k, v in line.items() if k not in clock} for line in log(run) if "event" not in line]


def differing(a: Path, b: Path) -> list[str]:
    """The tensors of two runs' last checkpoints that are not the same bits."""
    from dcgan import checkpoint
    from dcgan.folder import Folder

    one, other = (checkpoint.read(Folder(run).last)[1] for run in (a, b))
    assert one.keys() == other.keys()
    return [name for name in one if one[name].numpy().tobytes() != other[name].numpy().tobytes()]
