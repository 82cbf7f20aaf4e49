"""`dcgan sample`: which points its words mean, and what it writes where."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dcgan
import genuine
from dcgan import images
from dcgan.console import Console
from dcgan.draw import Asked, choose
from dcgan.errors import UserError
from dcgan.folder import Folder
from support import TINY, flags, tree


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A run to draw into, and a folder of one's own to stand in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "run")
    return dcgan.load("run")


def read(path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


def recipe(path) -> dict[str, str]:
    with Image.open(path) as opened:
        opened.load()
        return opened.text


def words(points) -> list[str]:
    return [str(point) for point in points]


def test_64_on_a_sheet_in_the_run_by_default(run, cli):
    result = cli("sample", "run")
    assert (result.code, result.out, result.err) == (
        0,
        "run/drawn/seeds-0-63-step-000030.png: 64 pictures of step 30\n",
        "",
    )
    sheet = read("run/drawn/seeds-0-63-step-000030.png")
    assert np.array_equal(sheet, images.grid(run.sample(range(64))))
    assert recipe("run/drawn/seeds-0-63-step-000030.png") == {
        "dcgan:run": "run",
        "dcgan:step": "30",
        "dcgan:points": "\n".join(map(str, range(64))),
    }


def test_the_same_again_costs_nothing(run, cli):
    assert [cli("sample", "run", "--count", 4).code for _ in range(2)] == [0, 0]
    assert cli("sample", "run", "--count", 4, "--out", "a").code == 0
    before = tree(Folder("run").path.parent / "a")
    assert cli("sample", "run", "--count", 4, "--out", "a").code == 0
    assert tree(Folder("run").path.parent / "a") == before


def test_seed_17_everywhere(run, cli):
    """Alone, in grids, in folders; in any order and among any others; in Python."""
    alone = run.sample([17])[0]
    cli("sample", "run", "--seeds", 17, "--out", "one.png")
    assert np.array_equal(read("one.png"), alone)
    for name, asked, place in (
        ("a", ["--count", 18], 17),
        ("b", ["--seeds", "17-90"], 0),
        ("c", ["--seeds", "99,98,17,3", "--columns", 2], 2),
        ("d", ["--point", "5", "--point", "17", "--columns", 5], 1),
    ):
        assert cli("sample", "run", *asked, "--out", f"{name}.png").code == 0
        sheet = read(f"{name}.png")
        columns = (sheet.shape[1] - 2) // 18
        top, left = 2 + place // columns * 18, 2 + place % columns * 18
        assert np.array_equal(sheet[top : top + 16, left : left + 16], alone)
        assert recipe(f"{name}.png")["dcgan:points"].split("\n")[place] == "17"
    cli("sample", "run", "--seeds", "40,17,3", "--out", "many")
    assert np.array_equal(read("many/000017.png"), alone)


def test_a_folder_holds_one_file_an_image(run, cli):
    result = cli("sample", "run", "--seeds", "5,0-2,123456789,5", "--out", "new/many")
    assert result.out == "new/many: 6 pictures of step 30\n"
    assert sorted(os.listdir("new/many")) == [
        "000000.png",
        "000001.png",
        "000002.png",
        "000005.png",
        "123456789.png",
    ]
    for name in os.listdir("new/many"):
        seed = int(name.removesuffix(".png"))
        assert np.array_equal(read(f"new/many/{name}"), run.sample([seed])[0])
        assert recipe(f"new/many/{name}") == {"dcgan:run": "run", "dcgan:step": "30", "dcgan:points": str(seed)}


def test_points_in_a_folder(run, cli):
    points = ["0.5*12 + 0.5*40", "17", "17 ~3", "+12,40"]
    assert cli("sample", "run", *[word for point in points for word in ("--point", point)], "--out", "many").code == 0
    assert sorted(os.listdir("many")) == ["000017.png", "point-000000.png", "point-000002.png", "point-000003.png"]
    for name, point in zip(("point-000000", "000017", "point-000002", "point-000003"), points, strict=True):
        assert np.array_equal(read(f"many/{name}.png"), run.sample([point])[0])


def test_columns(run, cli):
    for columns, shape in ((1, (182, 20)), (3, (74, 56)), (10, (20, 182)), (99, (20, 182))):
        cli("sample", "run", "--count", 10, "--columns", columns, "--out", f"{columns}.png")
        assert read(f"{columns}.png").shape == (*shape, 3)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (["--count", 1], "seeds-0"),
        (["--count", 9], "seeds-0-8"),
        (["--seeds", "3, 9"], "seeds-3,9"),
        (["--count", 9, "--columns", 2], "seeds-0-8-columns-2"),
        (["--best", 2], "best-2-of-0-19"),
        (["--best", 2, "--of", 5], "best-2-of-0-4"),
        (["--best", 2, "--seeds", "7-9"], "best-2-of-7-9"),
        (["--best", 2, "--count", 8], "best-2-of-0-7"),
        (["--point", "0.5*12 + 0.5*40", "--point", "3 ~7"], "points-0.5x12+0.5x40_3~7"),
    ],
)
def test_names_by_default(asked, name, run, cli):
    assert cli("sample", "run", *asked, "--json").json["path"] == f"run/drawn/{name}-step-000030.png"


def test_long_names_are_cut_and_differ(run, cli):
    names = {
        cli("sample", "run", "--seeds", ",".join(map(str, range(a, 60))), "--json").json["path"] for a in (0, 1, 2)
    }
    names.add(cli("sample", "run", "--seeds", ",".join(map(str, range(61))), "--json").json["path"])
    assert len(names) == 4
    assert max(map(len, names)) < 110


def test_json(run, cli):
    assert cli("sample", "run", "--seeds", "3,9", "--out", "a.png", "--json").json == {
        "path": "a.png",
        "files": 1,
        "images": 2,
        "step": 30,
        "points": ["3", "9"],
    }
    assert cli("sample", "run", "--count", 3, "--out", "many", "--json").json == {
        "path": "many",
        "files": 3,
        "images": 3,
        "step": 30,
        "points": ["0", "1", "2"],
    }


def test_the_best(run, cli):
    scores = run.score(run.sample(range(40)))
    expected = [str(seed) for seed in np.argsort(-scores)[:6]]
    assert cli("sample", "run", "--best", 6, "--of", 40, "--json").json["points"] == expected
    assert words(choose(run, Asked(best=6, count=40), Console(quiet=True))) == expected
    assert words(choose(run, Asked(best=3, seeds="0-39"), Console(quiet=True))) == expected[:3]
    assert len(choose(run, Asked(best=2), Console(quiet=True))) == 2


def test_what_stands_there_is_kept(run, cli):
    cli("sample", "run", "--seeds", "2", "--out", "many")
    (folder := Folder("run").path.parent / "many").joinpath("000004.png").write_bytes(b"mine")
    before = tree(folder)
    result = cli("sample", "run", "--count", 6, "--out", "many")
    assert (result.code, result.err) == (
        2,
        "dcgan: many/000004.png: there is such a file already; choose another name, or add --overwrite\n",
    )
    assert tree(folder) == before
    assert cli("sample", "run", "--count", 6, "--out", "many", "--overwrite").code == 0
    assert np.array_equal(read("many/000004.png"), run.sample([4])[0])
    assert cli("sample", "run", "--seeds", "1", "--out", "many/000000.png").code == 2
    assert cli("sample", "run", "--seeds", "1", "--out", "many/000000.png", "--overwrite").code == 0


def test_not_among_the_pictures_that_the_run_learns_from(cli, tmp_path):
    photos = genuine.folder(tmp_path / "photos", genuine.pictures(40, 16, 16))
    made = cli("train", photos, "--out", tmp_path / "run", *flags(TINY | {"steps": 1, "size": 16}), "--quiet")
    assert made.code == 0, made.err
    done = cli("sample", tmp_path / "run", "--count", 2, "--out", photos)
    assert (done.code, done.err.count("learns from the pictures in this folder")) == (2, 1)
    inside = cli("sample", tmp_path / "run", "--count", 2, "--out", photos / "drawn")  # it would be a class
    assert (inside.code, inside.err.count("learns from the pictures in this folder")) == (2, 1)
    assert len(list(photos.iterdir())) == 40


def test_a_folder_called_as_the_built_in_pictures_is_like_any_other(run, cli):
    assert run.config.data.startswith("faces")
    assert cli("sample", "run", "--count", 2, "--out", "faces").code == 0
    assert cli("sample", "run", "--count", 3, "--out", "faces").code == 0
    assert sorted(path.name for path in Path("faces").iterdir()) == ["000000.png", "000001.png", "000002.png"]


def test_a_run_has_its_name_wherever_it_is_named_from(run, cli, monkeypatch):
    monkeypatch.chdir("run")
    assert cli("sample", ".", "--seeds", "5", "--out", "../five.png").code == 0
    assert recipe("../five.png")["dcgan:run"] == "run"


@pytest.mark.parametrize("z", [[0.5], [0.5] * 7, None], ids=["one", "seven", "no number"])
def test_a_saved_point_of_another_length_is_none_of_this_run_s(run, cli, z):
    z = [float("nan")] * run.config.z_dim if z is None else z
    Path("run/points.json").write_text(json.dumps({"smile": z}))
    done = cli("sample", "run", "--point", "#smile")
    assert (done.code, done.err) == (2, "dcgan: point '#smile': #smile is no latent of this run; save it anew\n")


def test_from_a_checkpoint_alone(trained, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(Folder(trained).last, "mine.safetensors")
    assert cli("sample", "mine.safetensors").err == (
        "dcgan: --out: mine.safetensors stands outside a run's folder; say where the pictures should go\n"
    )
    assert cli("sample", "mine.safetensors", "--count", 1, "--out", "a.png").code == 0
    assert recipe("a.png")["dcgan:run"] == "mine.safetensors"


def test_quiet(run, cli):
    for asked in ([], ["--best", 3], ["--out", "many"]):
        result = cli("sample", "run", "--quiet", *asked)
        assert (result.code, result.out, result.err) == (0, "", "")


@pytest.fixture
def digits(classes, tmp_path, monkeypatch):
    """A conditional run: the classes are named by their digits."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(classes, tmp_path / "run")
    return dcgan.load("run")


def test_classes_in_turn_by_default(digits, cli):
    cli("sample", "run", "--count", 12, "--out", "a.png")
    assert np.array_equal(read("a.png"), images.grid(digits.sample([f"{seed}@{seed % 10}" for seed in range(12)])))


def test_one_class(digits, cli):
    result = cli("sample", "run", "--class", 7, "--count", 2, "--json").json
    assert result["path"] == "run/drawn/seeds-0-1-class-7-step-000010.png"
    assert result["points"] == ["0 @7", "1 @7"]
    assert np.array_equal(read(result["path"]), images.grid(digits.sample(["0@7", "1@7"])))


def test_classes_share_a_folder(digits, cli):
    for label in (3, 4):
        assert cli("sample", "run", "--class", label, "--count", 2, "--out", "many").code == 0
    assert cli("sample", "run", "--point", "0", "--point", "0@3", "--point", "1@4", "--out", "many").code == 0
    assert sorted(os.listdir("many")) == [
        "000000-class-3.png",
        "000000-class-4.png",
        "000000.png",
        "000001-class-3.png",
        "000001-class-4.png",
    ]
    assert np.array_equal(read("many/000000-class-4.png"), digits.sample(["0@4"])[0])


def test_a_point_s_own_class_counts_more(digits):
    asked = Asked(points=("3", "4 @2"), class_="5")
    assert words(choose(digits, asked, Console(quiet=True))) == ["3 @5", "4 @2"]


def test_classes_by_name(digits, monkeypatch):
    """A class may be called by a number that is not its own."""
    from dataclasses import replace

    named = replace(digits.header, classes=("cat", "dog", "0", "a b", "e", "f", "g", "h", "i", "j"))
    monkeypatch.setattr(digits, "header", named)
    for class_, label in (("dog", 1), ("0", 2), ("a b", 3), ("1", 1), ("9", 9)):
        assert words(choose(digits, Asked(count=1, class_=class_), Console(quiet=True))) == [f"0 @{label}"]
    for class_, sentence in (
        ("dgo", "--class dgo: this run has no such class; did you mean 'dog'?"),
        ("10", "--class 10: this run has no such class; did you mean '0'?"),
        ("-1", "--class -1: this run has no such class; there are: cat, dog, 0, a b, e, f, g, h, i, j"),
    ):
        with pytest.raises(UserError) as caught:
            choose(digits, Asked(class_=class_), Console(quiet=True))
        assert str(caught.value) == sentence
    monkeypatch.setattr(digits, "header", replace(digits.header, classes=None))
    with pytest.raises(UserError, match="--class x: this run has no such class; they go from 0 to 9"):
        choose(digits, Asked(class_="x"), Console(quiet=True))
