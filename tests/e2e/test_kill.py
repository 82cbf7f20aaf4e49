"""A training killed at any moment ends with the same bits as one that never was (issue 2, claim 5).

Real processes of the real command, SIGKILLed: nine at random moments between the first save and the end, and one while
it saves. Small networks and frequent saves, so that any moment is near a save.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dcgan.checkpoint import read_header
from support import FACES, TINY, differing, flags, log, reports, until

STEPS, EVERY, KILLS = 2000, 20, 10
SETTINGS = TINY | {"steps": STEPS, "save_every": EVERY, "sample_every": 50}


def saved(run: Path) -> int:
    last = run / "checkpoints" / "last.safetensors"
    return read_header(last).step if last.exists() else 0


def saving(run: Path) -> list[Path]:
    """The file that a save is writing now."""
    return list((run / "checkpoints").glob(".*.part"))


def stop_while_saving(process: subprocess.Popen[str], run: Path) -> None:
    while process.poll() is None:
        if saving(run):
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)  # it stands still
            if saving(run):
                return
            process.send_signal(signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and SIGSTOP")
def test_killed_ten_times(tmp_path, dcgan_process, dcgan_command):
    words = ["train", FACES, *flags(SETTINGS), "--out"]
    whole = dcgan_command(*words, straight := tmp_path / "straight")
    assert (whole.code, whole.err) == (0, "")

    run, rng, steps = tmp_path / "killed", random.Random(5), []
    for kill in range(KILLS):
        process = dcgan_process(*words, run)
        before = saved(run)
        # At least one save further than the last time, and leaving room for all the others.
        target = rng.randrange(before + EVERY, before + 2 * EVERY + (STEPS - before) // (KILLS + 1 - kill) // 2)
        until(lambda: process.poll() is not None or saved(run) >= target, f"step {target} is saved", 200)  # noqa: B023
        if kill == KILLS // 2:
            stop_while_saving(process, run)
        else:
            time.sleep(rng.uniform(0, 0.1))
        process.kill()
        assert process.wait() == -signal.SIGKILL, "it had come to its end"
        steps.append(saved(run))
        assert saving(run) or kill != KILLS // 2
    assert steps == sorted(steps)
    assert steps[0] > 0
    assert steps[-1] < STEPS

    assert dcgan_command(*words, run).code == 0
    resumed = [line["step"] for line in log(run) if line.get("event") == "resume"]
    assert resumed == sorted({*resumed})  # each sitting began where the last one had saved ...
    assert set(resumed) <= set(steps)
    assert resumed[-1] == steps[-1]
    assert differing(run, straight) == []  # ... and the end is the same, to the bit
    assert saved(run) == STEPS
    assert reports(run) == reports(straight)
    for folder in ("samples", "checkpoints", "."):
        assert sorted(os.listdir(run / folder)) == sorted(os.listdir(straight / folder))
    for file in (*straight.glob("samples/*.png"), straight / "timelapse.webp", straight / "config.json"):
        assert (run / file.relative_to(straight)).read_bytes() == file.read_bytes()
