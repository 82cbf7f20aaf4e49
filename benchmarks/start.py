"""How long one waits: for the help, for training's first step on a prepared set, for a first picture.

Each is a new process, five times; the best counts, on quiet cores. Goals: 0.4 s, 4 s and 10 s.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from record import record

import dcgan
from dcgan import data

TIMES = 5


def main() -> None:
    for key, goal, work in (("help", 0.4, help_), ("step", 4.0, first_step), ("picture", 10.0, first_picture)):
        record(
            "start",
            key,
            lambda work=work, goal=goal: best(work, goal),
            goal=goal,
            command=work.__doc__,
            protocol=f"seconds in a new process; the best of {TIMES}",
        )


def best(work: Callable[[], float], goal: float) -> dict:
    seconds = sorted(work() for _ in range(TIMES))
    return {"value": round(seconds[0], 3), "ok": seconds[0] < goal, "seconds": [round(each, 3) for each in seconds]}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "dcgan", *words]


def help_() -> float:
    """dcgan --help"""
    begin = time.perf_counter()
    subprocess.run(command("--help"), check=True, capture_output=True)
    return time.perf_counter() - begin


def first_step() -> float:
    """dcgan train faces --report-every 1"""
    data.open("faces")  # prepared
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        words = command("train", "faces", "--out", f"{folder}/run", "--report-every", "1", "--steps", "2")
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            next(line for line in process.stdout if "training" in line)
            seconds = time.perf_counter() - begin
            process.stdout.read()
    return seconds


def first_picture() -> float:
    """dcgan sample RUN --seeds 0 --out picture.png"""
    with tempfile.TemporaryDirectory() as folder:
        dcgan.train("faces", out=Path(folder) / "run", quiet=True, steps=1)
        begin = time.perf_counter()
        words = command("sample", f"{folder}/run", "--seeds", "0", "--out", f"{folder}/picture.png")
        subprocess.run(words, check=True, capture_output=True)
        return time.perf_counter() - begin


if __name__ == "__main__":
    main()
