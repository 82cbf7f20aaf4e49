"""A run's directory, as every later part reads it; and what a killed or a clumsy hand leaves in one."""

import json
import os
import shutil

import numpy as np
import pytest

from dcgan.errors import UserError
from dcgan.folder import Folder, runs
from support import tree


@pytest.fixture
def folder(trained, tmp_path):
    return Folder(shutil.copytree(trained, tmp_path / "run"))


def test_what_stands_where(folder):
    assert folder.exists
    assert folder.finished()
    assert not folder.training()
    assert folder.config().steps == folder.header().step == 30
    assert [file.name for file in folder.sample_files()] == ["000000.png", "000010.png", "000020.png", "000030.png"]
    assert folder.sample_file(30).is_file()
    assert folder.timelapse_file("webp").is_file()
    assert folder.losses_file.is_file()
    assert [line["step"] for line in folder.reports()] == [5, 10, 15, 20, 25, 30]
    assert len(list(folder.lines())) == 12


def test_asking_leaves_no_trace(folder):
    before = tree(folder.path)
    for ask in (folder.config, folder.header, folder.reports, folder.finished, folder.training, folder.sample_files):
        ask()
    assert tree(folder.path) == before


def test_half_a_line_is_passed_over(folder):
    with open(folder.log_file, "a") as file:
        file.write('not json\n[1]\n\n{"step": "x"}\n{"step": 35}\n{}\n{"step": 31, "ima')
    assert [line["step"] for line in folder.reports()] == [5, 10, 15, 20, 25, 30]


def test_rewind(folder):
    """Back to a step: what was written later, or half, is gone, and what was before stands as it stood."""
    before = [line for line in folder.lines() if line["step"] <= 20]
    (folder.path / "samples" / ".000040.png.x.part").write_bytes(b"half")
    (folder.path / ".log.jsonl.y.part").write_bytes(b"half")
    (folder.path / "samples" / "mine.png").write_bytes(b"not ours")
    folder.rewind(20)
    assert list(folder.lines()) == before
    assert [line.get("event") for line in before] == ["start", "check", None, None, "check", None, None, "check"]
    assert sorted(os.listdir(folder.samples)) == ["000000.png", "000010.png", "000020.png", "mine.png"]
    assert not list(folder.path.rglob("*.part"))


def test_rewinding_leaves_what_others_write(folder):
    """Who saves a point, draws or measures needs no lock of the run's."""
    others = [folder.path / ".points.json.a.part", folder.path / "drawn" / ".0.png.b.part"]
    for part in others:
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(b"half")
    folder.rewind(20)
    assert all(part.exists() for part in others)


def test_rewinding_a_run_that_has_no_checkpoint_yet(folder):
    """Killed in its first steps it begins anew, and so does its log."""
    folder.last.unlink()
    folder.rewind(0)
    assert list(folder.lines()) == []


def test_rewinding_to_the_end_takes_back_the_finish(folder):
    folder.rewind(30)
    assert [line.get("event") for line in folder.lines() if line.get("event") != "check"] == ["start", *[None] * 6]


def test_points(folder):
    assert not folder.points_file.exists()
    with pytest.raises(UserError) as caught:
        folder.saved("smile")
    assert str(caught.value) == f"point #smile: it is not saved in {folder.path}; none is saved yet"
    z = np.random.default_rng(0).standard_normal(100).astype(np.float32)
    folder.save_point("smile", z)
    folder.save_point("turn", 2 * z)
    assert folder.saved("smile").dtype == np.float32
    assert np.array_equal(folder.saved("smile"), z)  # a float32 through JSON is the same float32
    assert np.array_equal(folder.saved("turn"), 2 * z)
    with pytest.raises(UserError, match=r"point #smlie: it is not saved in .*; did you mean 'smile'\?"):
        folder.saved("smlie")


@pytest.mark.parametrize("damage", ["{", "[1]", '{"a": 3}', '{"a": ["x"]}', '{"a": null}'])
def test_damaged_points(damage, folder):
    folder.points_file.write_text(damage)
    with pytest.raises(UserError) as caught:
        folder.saved("a")
    assert str(caught.value) == (
        f"{folder.points_file}: it does not hold points (each a name and a list of numbers); delete it, and save them "
        "anew"
    )


def test_where_a_run_may_begin(tmp_path):
    assert Folder(tmp_path / "new").vacant
    assert Folder(tmp_path).vacant
    (tmp_path / ".lock").touch()
    (tmp_path / ".config.json.ab.part").touch()
    assert Folder(tmp_path).vacant
    (tmp_path / ".hidden").touch()
    assert not Folder(tmp_path).vacant
    assert not Folder(tmp_path / ".hidden").vacant
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert not Folder(tmp_path / "dangling").vacant


def test_damaged_configs(folder):
    for text in ("{", "[]", '{"architectures": ["GPT"]}', "{}", '{"size": [8, 8], "channels": 3}'):
        folder.config_file.write_text(text)
        with pytest.raises(UserError) as caught:
            folder.config()
        assert str(caught.value).startswith(f"{folder.config_file}: it ")


def test_runs_in_and_below(folder, tmp_path):
    for name in ("b", "a/x", "a/y", "deep/er/and"):
        shutil.copytree(folder.path, tmp_path / "all" / name)
    (tmp_path / "all" / ".hidden").mkdir()
    shutil.copytree(folder.path, tmp_path / "all" / ".hidden" / "run")
    shutil.copytree(folder.path, tmp_path / "all" / "b" / "inside")
    shutil.copytree(folder.path, tmp_path / "all" / "one" / "two" / "three" / "four")
    (tmp_path / "all" / "notes.txt").touch()
    assert [str(one.path.relative_to(tmp_path / "all")) for one in runs(tmp_path / "all")] == [
        "a/x",
        "a/y",
        "b",
        "deep/er/and",
    ]
    assert [one.path for one in runs(folder.path)] == [folder.path]
    assert runs(tmp_path / "all" / "a" / "x" / "samples") == []
    with pytest.raises(UserError):
        runs(tmp_path / "none")


def test_runs_where_one_may_not_look(folder, tmp_path, monkeypatch):
    from pathlib import Path

    closed = tmp_path / "closed"
    closed.mkdir()
    iterdir = Path.iterdir

    def refuse(path):
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    is_dir = Path.is_dir

    def hidden(path):
        if path.name == "link":
            raise PermissionError(13, "Permission denied", str(path))
        return is_dir(path)

    (tmp_path / "link").symlink_to(closed / "below")
    monkeypatch.setattr(Path, "is_dir", hidden)
    assert [one.path for one in runs(tmp_path)] == [folder.path]


def test_a_disk_that_is_full(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(UserError) as caught:
        folder.write(step=31)
    assert str(caught.value) == (
        f"{folder.log_file}: it cannot be written (No space left on device); free some space, then run the same "
        "command again"
    )


def test_each_line_is_json(folder):
    for line in folder.log_file.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)  # NaN is none


def test_points_kept_and_removed(tmp_path):
    (tmp_path / "run").mkdir()
    folder = Folder(tmp_path / "run")
    z, other = np.ones(3, np.float32), np.zeros(3, np.float32)
    folder.save_point("me", z)
    with pytest.raises(UserError, match=r"#me: .* has one of this name; choose another, or add --overwrite"):
        folder.check_point("me")
    folder.check_point("me", overwrite=True)
    folder.check_point("you")
    assert np.array_equal(folder.saved("me"), z)
    folder.save_point("me", other)
    assert folder.points() == {"me": [0.0] * 3}
    for bad in ("", "a b", "a+b", "end-", "#x", "z.3"):
        with pytest.raises(UserError, match="a point in words could not say it"):
            folder.save_point(bad, z)
    with pytest.raises(UserError, match=r"#my: it is not saved in .*; there are: me"):
        folder.remove_point("my")
    folder.remove_point("me")
    assert folder.points() == {}
