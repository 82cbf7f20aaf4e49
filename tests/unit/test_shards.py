"""Rows in numbered files: each once, whole, the same whoever made it, and gone on with after a stop."""

import json
import os
import pickle

import numpy as np
import pytest

import dcgan
from dcgan import data, shards
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.sample import Model
from support import FACES, log, tree

QUIET = Console(quiet=True)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(shards, "ROWS", 32)


def test_pictures_of_seeds(trained, tmp_path):
    done = shards.pictures(trained, 100, tmp_path / "many", False, QUIET)
    assert (done.rows, done.shards, done.rows_a_shard) == (100, 4, 32)
    names = [".lock", "000000000.npy", "000000032.npy", "000000064.npy", "000000096.npy", "shards.json"]
    assert sorted(os.listdir(tmp_path / "many")) == names
    assert np.array_equal(shards.read(tmp_path / "many"), dcgan.load(trained).sample(range(100)))
    assert json.loads((tmp_path / "many" / "shards.json").read_text())["step"] == log(trained)[-1]["step"]


def test_what_is_there_is_not_made_again(trained, tmp_path):
    shards.pictures(trained, 100, tmp_path / "many", False, QUIET)
    whole = shards.read(tmp_path / "many")
    (tmp_path / "many" / "000000032.npy").unlink()
    before = tree(tmp_path)
    shards.pictures(trained, 110, tmp_path / "many", False, QUIET)  # more of them: the last file grows
    after = tree(tmp_path)
    assert {name for name in after if before.get(name) != after[name] and after[name]} == {
        "many/.lock",
        "many/000000032.npy",
        "many/000000096.npy",
    }
    assert len(shards.read(tmp_path / "many")) == 110
    assert np.array_equal(shards.read(tmp_path / "many")[:100], whole)


def test_features_of_pictures(trained, tmp_path):
    done = shards.features(trained, FACES, tmp_path / "seen", False, QUIET)
    model = dcgan.load(trained)
    faces = data.open(FACES, size=model.config.size)
    assert np.array_equal(shards.read(tmp_path / "seen"), model.features(faces.images))
    assert done.rows == len(faces)


def test_what_a_killed_process_left(trained, tmp_path):
    """Before it could say what the rows are, or while it wrote some: the same command goes on."""
    out = tmp_path / "many"
    out.mkdir()
    (out / ".shards.json.ab.part").write_text("{")
    shards.pictures(trained, 40, out, False, QUIET)
    (out / ".000000032.npy.cd.part").write_bytes(b"half")
    shards.pictures(trained, 40, out, False, QUIET)
    assert sorted(os.listdir(out)) == [".lock", "000000000.npy", "000000032.npy", "shards.json"]
    with pytest.raises(UserError, match="40 rows of the same lie there, and 10 are asked for"):
        shards.pictures(trained, 10, out, False, QUIET)
    assert len(shards.read(out)) == 40


def test_two_commands_do_not_write_there_at_once(trained, tmp_path, monkeypatch):
    out, refused = tmp_path / "many", []
    draw = Model.sample

    def sample(model, seeds):
        if not refused:  # while the first one draws, a second one begins
            refused.append("")
            (out / ".000000000.npy.ab.part").write_bytes(b"what the first one writes")
            with pytest.raises(UserError, match=r"^--shards .*many: another command is writing there") as e:
                shards.pictures(trained, 40, out, False, QUIET)
            refused.append(str(e.value))
            assert (out / ".000000000.npy.ab.part").exists()
        return draw(model, seeds)

    monkeypatch.setattr(Model, "sample", sample)
    shards.pictures(trained, 40, out, False, QUIET)
    assert refused[1:]
    assert len(shards.read(out)) == 40


@pytest.mark.parametrize("content", [b"", b"no array", pickle.dumps({"x": 1})], ids=["empty", "text", "pickle"])
def test_a_file_that_is_damaged_is_named(trained, tmp_path, content):
    shards.pictures(trained, 40, tmp_path / "many", False, QUIET)
    (tmp_path / "many" / "000000032.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"000000032.npy: no rows can be read from it; delete it, and run the same"):
        shards.pictures(trained, 40, tmp_path / "many", False, QUIET)


def test_other_rows_are_kept_out(trained, tmp_path):
    shards.pictures(trained, 3, tmp_path / "many", False, QUIET)
    before = tree(tmp_path)
    with pytest.raises(UserError, match="other rows lie there"):
        shards.features(trained, FACES, tmp_path / "many", False, QUIET)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="something else is there"):
        shards.pictures(trained, 3, tmp_path / "mine", False, QUIET)
    with pytest.raises(UserError, match="--count 0"):
        shards.pictures(trained, 0, tmp_path / "none", False, QUIET)
    assert {name: about for name, about in tree(tmp_path).items() if name.startswith("many")} == before
    assert not (tmp_path / "none").exists()
