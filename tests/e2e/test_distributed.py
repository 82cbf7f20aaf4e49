"""Two processes train as one does: the same steps, exact resume, and no loss when one is lost (issue 4, claim 4)."""

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import dcgan
from dcgan import checkpoint, networks
from dcgan.folder import Folder
from support import FACES, TINY, differing, flags, log, reports, tree, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc"),
]
PLAIN = TINY | {"optimizer": "sgd", "report_every": 1, "seed": 3}  # a step is its gradient, times the rate
LONG = flags(TINY | {"steps": 400, "save_every": 20, "sample_every": 1000})


joined = networks.BatchNorm.forward


def halves_apart(self: networks.BatchNorm, x: torch.Tensor) -> torch.Tensor:
    """Batch norm as two processes see it, in one; for use it is what it was."""
    if self.seen is not None or not self.training:
        return joined(self, x)
    parts = [F.batch_norm(half, None, None, self.weight, self.bias, True, 0.0, self.eps) for half in x.chunk(2)]
    return torch.cat(parts)


def weights(run: Path) -> dict[str, np.ndarray]:
    tensors = checkpoint.read(Folder(run).last)[1]
    return {name: tensor.numpy() for name, tensor in tensors.items() if name.startswith(("G.", "D."))}


@pytest.mark.parametrize(("norm", "rate"), [("none", 0.05), ("batch", 0.2)])
def test_two_make_the_steps_of_one(norm, rate, dcgan_command, tmp_path, monkeypatch):
    """Without batch norm those of one on the joined batch; with it, of one that normalises the two halves apart."""
    settings = PLAIN | {"lr": rate, "norm_G": norm, "norm_D": norm}
    both, one = tmp_path / "two", tmp_path / "one"
    if norm == "batch":
        monkeypatch.setattr(networks.BatchNorm, "forward", halves_apart)
    for steps in (1, 10):  # the second goes on from the first
        done = dcgan_command("train", FACES, *flags(settings), "--steps", steps, "--out", both, "--nproc", 2)
        assert (done.code, done.err) == (0, "")
        dcgan.train(FACES, out=one, quiet=True, steps=steps, **settings)
        if steps == 1:
            ours, theirs = weights(both), weights(one)
            for name, tensor in ours.items():  # weights that began alike differ by their gradients, times the rate
                assert np.allclose(tensor, theirs[name], rtol=0, atol=1e-5 * rate), name
    seen, expected = reports(both), reports(one)
    assert [line["step"] for line in seen] == list(range(1, 11))
    for line, other in zip(seen, expected, strict=True):
        for name in ("loss_D", "loss_G", "D_x", "D_Gz"):
            assert line[name] == pytest.approx(other[name], abs=2e-4)  # 1e-3 was asked for
    assert abs(seen[-1]["loss_D"] - seen[0]["loss_D"]) > 5e-3  # and they moved
    if norm == "batch":
        monkeypatch.undo()
        dcgan.train(FACES, out=tmp_path / "joined", quiet=True, steps=10, **settings)
        others = reports(tmp_path / "joined")
        assert max(abs(a["loss_D"] - b["loss_D"]) for a, b in zip(seen, others, strict=True)) > 1e-3
        # and two that were never stopped end with the bits of the two that were
        done = dcgan_command("train", FACES, *flags(settings), "--steps", 10, "--out", tmp_path / "on", "--nproc", 2)
        assert (done.code, differing(tmp_path / "on", both)) == (0, [])


def workers(process: subprocess.Popen[str]) -> dict[int, int]:
    """Rank -> process, of those that a launcher started."""
    found = {}
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        held = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        rank = next((word[5:] for word in held if word.startswith(b"RANK=")), None)
        if rank is not None:
            found[int(rank)] = int(child)
    return found


def step(run: Path) -> int:
    header = Folder(run).header()
    return header.step if header else 0


@pytest.mark.parametrize("lost", [0, 1])
def test_one_lost_ends_all_and_the_same_command_goes_on(lost, dcgan_process, dcgan_command, tmp_path):
    words = ["train", FACES, *LONG, "--out", tmp_path / "run", "--nproc", 2]
    process = dcgan_process(*words)
    until(lambda: process.poll() is not None or step(tmp_path / "run") >= 20, "it saves")
    os.kill(workers(process)[lost], signal.SIGKILL)
    _, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (
        2,
        f"dcgan: --nproc 2: process {lost} was lost (SIGKILL), and the others ended with it; run the same command "
        "again to go on from the last checkpoint\n",
    )
    assert 20 <= step(tmp_path / "run") < 400
    if lost:
        return
    done = dcgan_command(*words)
    assert (done.code, done.err, step(tmp_path / "run")) == (0, "", 400)


def test_none_outlives_its_launcher(dcgan_process, tmp_path):
    """Killed outright it tells nobody; what it started would hold the run."""
    process = dcgan_process("train", FACES, *LONG, "--out", tmp_path / "run", "--nproc", 2)
    until(lambda: process.poll() is not None or step(tmp_path / "run") >= 20, "it saves")
    left = list(workers(process).values())
    assert len(left) == 2
    process.kill()
    process.communicate()
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in left), "they end")
    assert step(tmp_path / "run") < 400


def test_torchrun_restarts_a_lost_one(dcgan_process, tmp_path, monkeypatch):
    """By docs/distributed.md's command."""
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "--", "dcgan", "train", FACES, *LONG, "--out", str(tmp_path / "run")]
    process = dcgan_process(program=[*torchrun, "--max-restarts", "1", *words])
    until(lambda: process.poll() is not None or step(tmp_path / "run") >= 20, "it saves")
    os.kill(workers(process)[1], signal.SIGKILL)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert [line["event"] for line in log(tmp_path / "run") if line.get("event") in ("start", "resume", "finish")] == [
        "start",
        "resume",
        "finish",
    ]


def test_a_stop_is_heard_by_all(dcgan_process, tmp_path):
    process = dcgan_process("train", FACES, *LONG, "--out", tmp_path / "run", "--nproc", 2)
    until(lambda: process.poll() is not None or step(tmp_path / "run") >= 20, "it saves")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (130, "")
    assert out.endswith(
        f"stopped and saved at step {step(tmp_path / 'run'):,}. To go on, run the same command again.\n"
    )


def test_what_cannot_be_shared_is_said_once(dcgan_command, tmp_path):
    done = dcgan_command("train", FACES, *flags(TINY | {"m": 9}), "--out", tmp_path / "run", "--nproc", 2)
    sentence = "dcgan: --m 9: 2 processes share each minibatch evenly; ask for a multiple of that\n"
    assert (done.code, done.err) == (2, sentence)
    assert not (tmp_path / "run").exists()


def test_pictures_are_shared_out(trained, dcgan_command, tmp_path):
    words = ["sample", trained, "--count", 70_000, "--shards", tmp_path / "many"]
    done = dcgan_command(*words, "--nproc", 2)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"{tmp_path / 'many'}: 70,000 rows in 2 files of 65,536\n")
    made = tree(tmp_path)
    assert sorted(made) == ["many", "many/.lock", "many/000000000.npy", "many/000065536.npy", "many/shards.json"]
    last = np.load(tmp_path / "many" / "000065536.npy", mmap_mode="r")
    assert np.array_equal(last[-40:], dcgan.load(trained).sample(range(69_960, 70_000)))
    assert dcgan_command(*words).code == 0
    assert tree(tmp_path) | {"many/.lock": None} == made | {"many/.lock": None}  # nothing twice


@pytest.fixture
def hosts() -> Iterator[list[list[str]]]:
    """Two machines on one: network namespaces joined by a cable. Gives what to type before a command on each."""
    if not shutil.which("ip") or os.geteuid():
        pytest.skip("two hosts on one machine need the ip command and root")
    name = uuid.uuid4().hex[:6]
    a, b = f"dc{name}a", f"dc{name}b"
    try:
        subprocess.run(["ip", "netns", "add", a], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        subprocess.run(["ip", "netns", "add", b], check=True)
        subprocess.run(
            ["ip", "link", "add", "cable", "netns", a, "type", "veth", "peer", "cable", "netns", b], check=True
        )
        for i, host in enumerate((a, b), 1):
            for words in (f"addr add 10.77.0.{i}/24 dev cable", "link set cable up", "link set lo up"):
                subprocess.run(["ip", "-n", host, *words.split()], check=True)
        yield [["ip", "netns", "exec", host] for host in (a, b)]
    finally:
        for host in (a, b):
            subprocess.run(["ip", "netns", "del", host], check=False, capture_output=True)


def test_two_hosts_train_together(hosts, dcgan_process, tmp_path, monkeypatch):
    """By docs/distributed.md's command; they share no folder, and only the first writes."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "cable")
    torchrun = "torch.distributed.run --nnodes 2 --nproc-per-node 1 --rdzv-backend c10d --rdzv-endpoint 10.77.0.1:29400"
    words = ["-m", "--", "dcgan", "train", FACES, *flags(TINY | {"steps": 20}), "--out"]
    runs, started = [tmp_path / "a", tmp_path / "b"], []
    for i, (host, run) in enumerate(zip(hosts, runs, strict=True), 1):
        # real hosts find out by their names and addresses which of them has the endpoint's
        ours = f"--local-addr 10.77.0.{i} --rdzv-conf is_host={i == 1}"
        program = [*host, sys.executable, "-m", *torchrun.split(), *ours.split(), *words, str(run)]
        started.append(dcgan_process(program=program))
    for process in started:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    written = [run for run in runs if run.exists()]
    assert len(written) == 1
    assert log(written[0])[0]["processes"] == 2
    assert step(written[0]) == 20
