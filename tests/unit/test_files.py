"""Files are written whole or not at all; a lock dies with its holder."""

import os
import platform
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan import files
from dcgan.errors import UserError


def test_of_several_files_all_are_there_or_none(tmp_path):
    (tmp_path / "old").write_text("kept")
    (tmp_path / "new" / "b").mkdir(parents=True)

    def write(*names):
        with files.all_or_none([tmp_path / name for name in names]):
            for name in names:
                files.write_whole(tmp_path / name, b"1")

    for names in (("new/a", "new/b"), ("newer/c", "new/b"), ("old", "new/b")):
        with pytest.raises(UserError, match="a folder stands there"):
            write(*names)
    assert not (tmp_path / "new" / "a").exists()
    (tmp_path / "new" / "b").rmdir()
    (tmp_path / "new").rmdir()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_write_whole_makes_its_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    files.write_whole(path, b"first")
    files.write_whole(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(path.parent) == ["file.bin"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_what_is_written_has_ordinary_permissions(mask, tmp_path):
    before = os.umask(mask)
    try:
        files.write_whole(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(fails, tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_whole(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(UserError) as caught:
        files.write_whole(path, b"new")
    assert str(caught.value) == (
        f"{path}: it cannot be written (No space left on device); free some space, or choose another place with --out"
    )
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_whole(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder", tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match="it cannot be written"):
            files.write_whole(path, b"x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_write_new_keeps_what_stands_there(tmp_path):
    path = tmp_path / "file"
    files.write_new(path, b"one")
    files.write_new(path, b"one")  # the same again costs nothing
    with pytest.raises(UserError) as caught:
        files.write_new(path, b"two")
    assert str(caught.value) == f"{path}: there is such a file already; choose another name, or add --overwrite"
    assert path.read_bytes() == b"one"
    files.write_new(path, b"two", overwrite=True)
    assert path.read_bytes() == b"two"
    with pytest.raises(UserError, match="it is a folder, and a file is written"):
        files.write_new(tmp_path, b"x")
    with pytest.raises(UserError, match=r"it cannot be written \(a folder stands there\)"):
        files.write_new(tmp_path, b"x", overwrite=True)


def test_remove_parts_clears_what_a_killed_write_left(tmp_path):
    kept = tmp_path / "checkpoints" / "last.safetensors"
    files.write_whole(kept, b"x")
    left = kept.with_name(".last.safetensors.abc123.part")
    left.write_bytes(b"half")
    files.remove_parts(kept.parent, "best.*")
    assert left.exists()
    files.remove_parts(kept.parent)
    assert not left.exists()
    assert kept.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows knows no shared lock of a byte")
def test_those_who_ask_for_a_lock_do_not_see_each_other(tmp_path):
    import fcntl

    with files.lock(tmp_path / "lock", "held"):
        pass
    with open(tmp_path / "lock", "r+b") as asker:
        fcntl.flock(asker, fcntl.LOCK_SH)
        assert not files.held(tmp_path / "lock")


HOLD = """
import sys, time
from dcgan import files
with files.lock(sys.argv[1], "held"):
    print("holding", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_and_freed_by_death(tmp_path):
    path = tmp_path / "run" / ".lock"
    assert not files.held(path)
    assert not path.exists()  # asking leaves no trace
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "holding\n"
        assert files.held(path)
        with pytest.raises(UserError, match=r"^another trains here$"), files.lock(path, "another trains here"):
            pytest.fail("two held the lock")
    finally:
        holder.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        holder.wait()
        holder.stdout.close()
    assert not files.held(path)
    with files.lock(path, "another trains here"):
        assert files.held(path)
    assert not files.held(path)


def test_a_lock_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="it cannot be written"), files.lock(tmp_path / "file" / ".lock", "held"):
        pytest.fail("there is no such place")
    assert not files.held(tmp_path / "file" / ".lock")
    assert not files.held(Path(tmp_path))  # a folder is no lock


def test_a_lock_says_who_holds_it(tmp_path):
    path = tmp_path / "lock"
    assert files.holder(path) is None
    with files.lock(path, "held"):
        assert files.holder(path) == (os.getpid(), platform.node())
        with pytest.raises(UserError), files.lock(path, "held", patience=0):
            pass
        assert files.held(path)
    assert files.holder(path) is None  # whoever held it last
    assert not files.held(path)
    code = "import sys; from dcgan import files\nwith files.lock(sys.argv[1], ''): print(flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        assert files.holder(path) == (other.pid, platform.node())
        path.write_bytes(b"\nnobody knows")
        assert files.holder(path) is None
        assert files.held(path)
    finally:
        other.communicate()


def test_to_ask_for_a_lock_leaves_no_trace(tmp_path):
    path = tmp_path / "lock"
    assert not files.held(path)
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"as it was")
    assert not files.held(path)
    assert path.read_bytes() == b"as it was"
