"""Training processes among others: signals, two at once, a reader beside one."""

import signal
import sys
import time

import pytest

from dcgan.folder import Folder
from support import FACES, TINY, flags, log, reports, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="signals to one process"),
]
LONG = flags(TINY | {"steps": 100_000, "save_every": 20, "sample_every": 1000})


def step(run) -> int:
    header = Folder(run).header()
    return header.step if header else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_saves_and_says_how_to_go_on(number, dcgan_process, dcgan_command, tmp_path):
    """It ends as shells count a process that the signal ended: what was asked for is not all done."""
    run = tmp_path / "run"
    process = dcgan_process("train", FACES, *LONG, "--out", run)
    until(lambda: step(run) > 20, "it trains")
    process.send_signal(number)
    out, err = process.communicate(timeout=200)
    done = step(run)
    assert (process.returncode, err) == (128 + number, "")
    assert "stopping after this step; once more to leave at once\n" in out
    assert out.endswith(f"stopped and saved at step {done:,}. To go on, run the same command again.\n")
    assert reports(run)[-1]["step"] == done
    assert (run / "samples" / f"{done:06d}.png").is_file()
    shorter = [*LONG, "--out"]
    shorter[shorter.index("--steps") + 1] = str(done + 20)
    assert dcgan_command("train", FACES, *shorter, run).code == 0
    assert [line["step"] for line in log(run) if line.get("event") == "resume"] == [done]
    assert step(run) == done + 20


SLEEPY = """
import sys, time, dcgan
from dcgan.losses import LOSSES

def G(fake):
    if fake.shape[0] and len(calls) == 7:
        print("sleeping", flush=True)
        time.sleep(600)
    calls.append(1)
    return LOSSES["non-saturating"].G(fake)

calls = []
dcgan.train("faces:48", out=sys.argv[1], loss=dcgan.Loss(LOSSES["non-saturating"].D, G), steps=100,
            size=8, width=4, m=8, threads=1, save_every=5, quiet=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_one_leaves_at_once(number, dcgan_process, tmp_path):
    """Though the step takes ten minutes: with what was saved before."""
    process = dcgan_process(program=[sys.executable, "-c", SLEEPY, str(tmp_path / "run")])
    assert process.stdout.readline() == "sleeping\n"
    process.send_signal(number)
    time.sleep(0.5)
    assert process.poll() is None  # the first waits for the step
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    if number == signal.SIGINT:
        assert process.returncode == -signal.SIGINT  # Python's own way of ending after KeyboardInterrupt
        assert err.rstrip().endswith("KeyboardInterrupt")
    else:
        assert (process.returncode, err) == (143, "")
    assert step(tmp_path / "run") == 5


def test_two_at_once(dcgan_process, dcgan_command, cli, tmp_path):
    """The second is told and changes nothing; who only reads may read."""
    run = tmp_path / "run"
    process = dcgan_process("train", FACES, *LONG, "--out", run)
    until(lambda: step(run) > 20, "it trains")
    second = dcgan_command("train", FACES, *LONG, "--out", run)
    assert (second.code, second.err) == (
        2,
        f"dcgan: {run}: another process is training this run; wait for it, stop it, or choose another --out\n",
    )
    found = cli("info", run, "--json").json
    assert (found["training"], found["finished"]) == (True, False)
    assert found["step"] >= 20
    assert cli("sample", run, "--count", 4, "--out", tmp_path / "a.png").code == 0
    assert process.poll() is None
    before = step(run)
    until(lambda: step(run) > before, "the first goes on")
    process.kill()
    process.wait()
    assert not cli("info", run, "--json").json["training"]  # the lock died with it
