"""Prepared once: found again, never half, the same bytes however it was interrupted and by however many it was made."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import genuine
from dcgan import data
from dcgan.data import cache, children, prepare, table
from dcgan.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def entry(home: Path) -> Path:
    (found,) = (path for path in (home / "prepared").iterdir() if path.is_dir())
    return found


def test_found_again_and_not_decoded_again(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(5, 8, 8))
    first = data.open(folder, workers=0)
    monkeypatch.setattr("dcgan.data.decode.decoded", None)
    again = data.open(folder, workers=0)
    assert np.array_equal(first.images, again.images)
    assert first.fingerprint == again.fingerprint
    assert isinstance(again.images, np.memmap)
    monkeypatch.undo()
    monkeypatch.setenv("DCGAN_CACHE", str(home))
    assert data.open(folder, workers=0, size=(64, 64), channels=3).fingerprint == first.fingerprint  # in so many words
    others = [{"size": 9}, {"channels": 1}, {"size": (8, 12), "fit": "pad"}, {"size": (8, 12), "fit": "squash"}]
    assert len({data.open(folder, workers=0, **other).fingerprint for other in others} | {first.fingerprint}) == 5


def test_other_content_is_noticed_and_another_place_is_not(tmp_path: Path) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(5, 8, 8))
    first = data.open(folder, workers=0)
    shutil.copytree(folder, tmp_path / "copy" / "set", copy_function=shutil.copyfile)
    assert data.open(tmp_path / "copy" / "set", workers=0).fingerprint == first.fingerprint
    genuine.image(genuine.pictures(1, 8, 8, seed=1)[0]).save(folder / "00002.png")
    assert data.open(folder, workers=0).fingerprint != first.fingerprint
    (folder / "00002.png").unlink()
    assert len(data.open(folder, workers=0)) == 4


def test_a_name_in_any_script(tmp_path: Path) -> None:
    """Asked for again by the size that the pictures decided, as a run that goes on does."""
    folder = genuine.folder(tmp_path / "été 漢字", genuine.pictures(5, 8, 8))
    first = data.open(folder, workers=0)
    assert data.open(folder, workers=0, size=first.size, channels=3).fingerprint == first.fingerprint


def test_the_same_for_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(700, 8, 8), [i % 7 for i in range(700)])
    (folder / "class3" / "bad.jpg").write_text("no")
    found = []
    for workers in (0, 1, 3):
        monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / f"cache{workers}"))
        data.open(folder, workers=workers, size=16)
        found.append(contents(entry(tmp_path / f"cache{workers}")))
    assert found[0] == found[1] == found[2]
    assert {"images.npy", "labels.npy", "index.json", "skipped.jsonl", "names.jsonl"} <= found[0].keys()


DRIVER = """
import sys
from dcgan import data
from dcgan.data import prepare
prepare._COMMIT_EVERY = 0.05
found = data.open(sys.argv[1], size=24, workers=int(sys.argv[2]), max_bad=0.5)
print(found.fingerprint)
"""


def started(folder: Path, home: Path, workers: int = 2, stdout: int = subprocess.DEVNULL) -> subprocess.Popen:
    environment = os.environ | {"DCGAN_CACHE": str(home)}
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder), str(workers)], env=environment, stdout=stdout, text=True
    )


def committed(home: Path) -> int:
    """The rows of a set that is being prepared; -1 where it has been."""
    try:
        (state,) = (home / "prepared").glob("*.part/progress.json")
        return json.loads(state.read_text())["rows"]
    except (ValueError, FileNotFoundError):
        done = [path for path in (home / "prepared").glob("*") if path.is_dir() and path.suffix != ".part"]
        return -1 if done else 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_random_it_goes_on(tmp_path: Path) -> None:
    images = genuine.pictures(3000, 96, 96)
    folder = genuine.folder(tmp_path / "set", images, [i % 3 for i in range(3000)])
    for i in range(0, 3000, 50):
        (folder / f"class{i % 3}" / f"bad{i}.png").write_bytes(b"bad")
    assert started(folder, tmp_path / "whole").wait(120) == 0
    rng = random.Random(0)
    rows = [0]
    while (process := started(folder, tmp_path / "cut")).poll() is None:
        while process.poll() is None and committed(tmp_path / "cut") <= rows[-1]:
            time.sleep(0.005)
        if len(rows) > 8:
            process.wait()
            break
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        if process.wait() == 0:
            break
        if (now := committed(tmp_path / "cut")) >= 0:
            rows.append(now)
    assert rows == sorted(rows)
    assert len(rows) >= 5, f"it was killed too seldom: {rows}"
    assert contents(entry(tmp_path / "cut")) == contents(entry(tmp_path / "whole"))


def test_two_processes_prepare_the_same_set(tmp_path: Path, home: Path) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(600, 32, 32))
    processes = [started(folder, home, workers=1, stdout=subprocess.PIPE) for _ in range(3)]
    answers = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(answers) == 1
    assert entry(home)


def test_what_is_damaged_or_incomplete_is_made_anew(tmp_path: Path, home: Path) -> None:
    images = genuine.pictures(5, 8, 8)
    folder = genuine.folder(tmp_path / "set", images)
    first = data.open(folder, workers=0, size=8)
    whole = contents(entry(home))

    def cut(name: str) -> None:
        path = entry(home) / name
        path.write_bytes(path.read_bytes()[:-7])

    for harm in (
        lambda: cut("images.npy"), lambda: cut("index.json"), lambda: (entry(home) / "images.npy").unlink(),
        lambda: (entry(home) / "index.json").unlink(), lambda: cut("digests.npy"),
    ):  # fmt: skip
        harm()
        again = data.open(folder, workers=0, size=8)
        assert np.array_equal(again.images, images)
        assert again.fingerprint == first.fingerprint
        assert contents(entry(home)) == whole


def test_what_a_killed_process_left_is_not_trusted(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows past the last commit, and files nobody knows, are cut away."""
    images = genuine.pictures(40, 8, 8)
    folder = genuine.folder(tmp_path / "set", images)
    wanted = contents(entry(home)) if data.open(folder, workers=0, size=8) else {}
    shutil.rmtree(home)
    monkeypatch.setattr(prepare, "_COMMIT_EVERY", 0.0)
    monkeypatch.setattr(prepare, "_BLOCK_BYTES", 8 * images[0].nbytes)
    real, calls = table.Writer.append, []

    def append(self: table.Writer, columns: dict) -> None:
        calls.append(len(columns["images"]))
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(self, columns)

    monkeypatch.setattr(table.Writer, "append", append)
    with pytest.raises(KeyboardInterrupt):
        data.open(folder, workers=0, size=8)
    part = entry(home)
    assert json.loads((part / "progress.json").read_text())["rows"] == sum(calls[:3])
    with open(part / "images.npy", "ab") as file:
        file.write(b"half a picture")
    (part / "skipped.jsonl").write_text("half a li")
    (part / "stranger.npy").write_text("?")
    monkeypatch.undo()
    monkeypatch.setenv("DCGAN_CACHE", str(home))
    data.open(folder, workers=0, size=8)
    assert contents(entry(home)) == wanted


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: os.truncate(path, 40)])
@pytest.mark.parametrize("name", ["images.npy", "names.jsonl"])
def test_a_table_of_which_a_file_is_gone_begins_anew(tmp_path: Path, name: str, harm) -> None:
    """Never filled up with zeros: what was removed by halves (a full disk, `--clear`) is made again."""

    def stood() -> int:
        with table.Writer(tmp_path, logs=("names.jsonl",)) as writer:
            rows = writer.rows
            if not rows:
                writer.append({"images": np.full((2, 50), 7, np.uint8)})
                writer.line("names.jsonl", "x" * 60)
                writer.commit()
        return rows

    assert (stood(), stood()) == (0, 2)
    harm(tmp_path / name)
    assert (stood(), stood()) == (0, 2)
    assert (tmp_path / "names.jsonl").read_text() == f'"{"x" * 60}"\n'


def test_a_log_stays_as_committed_however_often_it_is_opened(tmp_path: Path) -> None:
    """Killed after a line was flushed and before it was committed, then again after a commit without a line."""
    for number in range(4):
        with table.Writer(tmp_path, logs=("skipped.jsonl",)) as writer:
            assert writer.rows == number
            writer.append({"images": np.full((1, 2), number, np.uint8)})
            if number == 0:
                writer.line("skipped.jsonl", "first")
            writer.commit()
            writer.line("skipped.jsonl", "lost")
    with table.Writer(tmp_path, logs=("skipped.jsonl",)):
        pass
    assert (tmp_path / "skipped.jsonl").read_text() == '"first"\n'


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 1 MB."""
    where = tmp_path / "small"
    where.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", where]).returncode
    ):
        pytest.skip("no right to mount a small file system")
    yield where
    subprocess.run(["umount", where], check=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may mount a small file system")
def test_full_disk(tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = genuine.tarred(tmp_path / "set.tar.gz", genuine.named(genuine.pictures(300, 48, 48)))
    monkeypatch.setenv("DCGAN_CACHE", str(small_disk / "cache"))
    with pytest.raises(UserError, match=r"preparing set needs 2.07 MB and 1.\d+ MB are free.*DCGAN_CACHE"):
        data.open(packed, workers=0, size=48)
    monkeypatch.setattr(cache, "check_space", lambda *_: None)  # as if another took it meanwhile
    with pytest.raises(UserError, match="the disk is full"):
        data.open(packed, workers=0, size=48)
    left = [path for path in small_disk.rglob("*") if path.is_file() and path.stat().st_size]
    assert left == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(3, 8, 8))
    (tmp_path / "closed").mkdir(mode=0o555)
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "closed" / "cache"))
    with pytest.raises(UserError, match="the cache cannot be written"):
        data.open(folder, workers=0)


def test_a_cache_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(3, 8, 8))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="the cache cannot be written"):
        data.open(folder, workers=0)


def test_clear(tmp_path: Path, home: Path) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(3, 8, 8))
    data.open(folder, workers=0)
    (home / "mine.txt").write_text("not ours")
    assert data.clear_cache() > 3 * 8 * 8 * 3
    assert [path.name for path in home.iterdir()] == ["mine.txt"]
    assert data.clear_cache() == 0
    assert len(data.open(folder, workers=0)) == 3


def test_places_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DCGAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setenv("LOCALAPPDATA", "/l")
    wanted = {"linux": "/x/dcgan", "darwin": str(Path.home() / "Library/Caches/dcgan"), "win32": "/l/dcgan/cache"}
    for system, place in wanted.items():
        monkeypatch.setattr(sys, "platform", system)
        assert cache.home() == Path(place)


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import os, time, sys; from dcgan.data.children import Child; c = Child(); print(c.process.pid, flush=True); "
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if (
            not Path(f"/proc/{child}").exists()
            or Path(f"/proc/{child}/stat").read_text().split(")")[1].split()[0] == "Z"
        ):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def test_a_child_answers_refuses_and_dies() -> None:
    with children.Child(timeout=20) as child:
        assert child.call("cache:size", 1234) == "1.23 kB"
        with pytest.raises(UserError, match="there is no such part"):
            child.call("readers.naming:one_of", "x", "y", ["z"])
        with pytest.raises(RuntimeError, match="KeyError"):
            child.call("decode:unpacked", {"kind": "Nothing"})
        assert list(child.iterate("readers.paths:_braces", "a{1..3}b")) == ["a1b", "a2b", "a3b"]
        assert child.call("cache:size", 5) == "5 bytes"
        os.kill(child.process.pid, signal.SIGSEGV)
        with pytest.raises(children.Died, match="SIGSEGV"):
            child.call("cache:size", 5)


def test_a_child_that_hangs_is_ended() -> None:
    with children.Child(timeout=0.5) as child:
        os.kill(child.process.pid, signal.SIGSTOP)
        with pytest.raises(children.Died, match=r"gave no answer in 0.5 s"):
            child.call("cache:size", 5)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA bounds memory only there")
def test_a_child_has_bounded_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1 << 28,), np.uint8))
    with children.Child(memory=1 << 28) as child, pytest.raises(UserError, match=r"more than the 0.25 GiB of memory"):
        child.call("readers.idx:_load", str(tmp_path / "x.npy"), 1 << 28)


def test_a_script_without_a_main_guard_may_use_every_core(tmp_path: Path) -> None:
    genuine.folder(tmp_path / "set", genuine.pictures(300, 8, 8))
    (tmp_path / "script.py").write_text(
        "import threading\nfrom dcgan import data\nprint('once')\n"
        "threading.Thread(target=lambda: None).start()\nprint(len(data.open('set', size=8, workers=2)))\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "once\n300\n"), done.stderr


WATCHED = """
import sys
from dcgan import data
from dcgan.data import prepare
def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon:")) / 1024
peak, start = 0, anonymous()
def watch(what, done, total):
    global peak
    peak = max(peak, anonymous())
dataset = data.open(sys.argv[1], channels=1, workers=2, progress=watch)
stream = data.Stream(dataset, 0, mirror=True)
for position in range(0, 20 * 128, 128):
    stream.batch(position, 128)
print(len(dataset), max(peak, anonymous()) - start)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RssAnon")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """Four times the pictures take no more memory, but for a few numbers each. (The rest: benchmarks/million.py.)"""
    taken = []
    for count in (20_000, 80_000):
        np.lib.format.open_memmap(tmp_path / f"{count}.npy", "w+", np.uint8, (count, 32, 32, 3)).flush()  # sparse
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, str(tmp_path / f"{count}.npy")], capture_output=True, text=True, timeout=200
        )
        number, size = done.stdout.split()
        assert int(number) == count, done.stderr
        taken.append(float(size))
    assert taken[1] < 120, taken  # MB; the larger set has 80 MB of pixels, 240 MB before
    assert taken[1] - taken[0] < 20, taken
