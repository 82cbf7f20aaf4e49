"""The paper's verbs, from the command to their files; and the page of them all, which goes on where it stopped."""

import io
import json
import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import dcgan
import genuine
from dcgan import images
from dcgan.experiments import combine, epochs, neighbours, paper, result, walk
from dcgan.metrics import subject
from dcgan.metrics.result import Figure
from support import TINY, flags

SUM = "+12,40,77 -3,9,31 +5,8,61"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few held-out pictures: to draw thousands takes longer than all that is tested."""
    monkeypatch.setattr(subject, "HELD_OUT", 60)


def test_combine(cli, run: Path):
    done = cli("combine", run, SUM, "--json")
    assert done.code == 0, done.err
    folder = run / "experiments"
    assert done.json["files"] == [str(folder / "combine.png"), str(folder / "combine.json")]
    assert json.loads((folder / "combine.json").read_text())["found"].endswith(SUM[1:])
    with Image.open(folder / "combine.png") as opened:
        assert opened.width > 10 * 64  # the sum, its eight neighbours and the pixels' sum, in a row
    words = cli("combine", run, SUM).out  # again: the latest stands
    assert "the paper   means of three z combine" in words
    assert "section 6.3.2, figure 7" in words


def test_sums_of_runs_that_were_trained(run: Path, classes: Path):
    """Sums are drawn as sample draws them, with neighbours near them; those of pixels are something else."""
    model = dcgan.load(run)
    (one,) = combine.compute(model, [SUM]).sums
    assert np.array_equal(one.drawn[0], model.sample(SUM)[0])
    away = np.abs(one.drawn.astype(float) - one.drawn[0]).mean((1, 2, 3))
    others = np.abs(model.sample(range(20)).astype(float) - one.drawn[0]).mean((1, 2, 3))
    assert 0 < away[1:].max() < others.mean()
    assert np.abs(one.pixels.astype(float) - one.drawn[0]).mean() > 1
    of_class = dcgan.load(classes)
    (one,) = combine.compute(of_class, [SUM]).sums  # 12 is of class 2 of 10
    assert one.words == f"{SUM[1:]} @2"
    assert np.array_equal(one.groups[1][1], of_class.sample(["3 @2", "9 @2", "31 @2"]))


def test_turn_of_samples_that_are_named(cli, run: Path):
    done = cli("turn", run, "--left", "1,2,3,4", "--right", "5-8", "--json")
    assert done.code == 0, done.err
    assert done.json["figures"] == []
    assert "by the mean of 5-8 less the mean of 1,2,3,4" in done.json["found"]
    assert (run / "experiments" / "turn.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_walk(cli, run: Path):
    out = run.parent / "strip.png"
    done = cli("walk", run, "--points", "1", "--point", "2", "--steps", "5", "--out", out, "--json")
    assert done.code == 0, done.err
    assert [Path(path).name for path in done.json["files"]] == ["strip.png", "strip.webp", "strip.json"]
    assert [figure["goal"] for figure in done.json["figures"]] == [walk.GOAL, walk.PART]
    with Image.open(out.with_suffix(".webp")) as opened:
        assert opened.n_frames == 10
        assert opened.info["loop"] == 0
    assert not (run / "experiments").exists()
    again = cli("walk", run, "--point", "1", "--point", "2", "--steps", "6", "--out", out)
    assert (again.code, again.out) == (2, "")
    assert "there is such a file already; choose another name, or add --overwrite" in again.err


@pytest.mark.slow
def test_epochs_begin_again_to_the_same_bits(run: Path, small, monkeypatch):
    monkeypatch.setattr(epochs, "SHOWN", 20)
    model = dcgan.load(run)
    found = epochs.compute(model, (1, 5), count=24)
    assert [one.step for one in found.passes] == [6, 30]  # 48 pictures in eights
    assert np.array_equal(found.passes[1].pictures, model.sample(range(20)))  # five passes are all that the run has
    assert not np.array_equal(found.passes[0].pictures, found.passes[1].pictures)
    assert sum(figure.name.startswith("copied") for figure in found.figures) == 4
    assert found.figures[3].goal == found.figures[0].value  # KID after five, against that after one
    before = {path: path.stat().st_mtime_ns for path in (run / "experiments" / "passes").glob("after-*")}
    epochs.compute(model, (1, 5), count=24)
    assert before == {path: path.stat().st_mtime_ns for path in before}  # nothing was trained again
    with Image.open(io.BytesIO(epochs.figure(found))) as opened:
        assert opened.height > 5 * 64  # two rows a pass, and one of training pictures


@pytest.mark.slow
def test_epochs_that_teach_nothing(small, tmp_path):
    """At a rate of zero five passes draw what one does: that they are better is not said."""
    model = dcgan.train("faces:48", out=tmp_path / "run", quiet=True, **TINY | {"m": 8, "steps": 30, "lr": 0.0})
    found = epochs.compute(model, (1, 5), count=24)
    first, later = (one for one in found.figures if one.name.startswith("KID"))
    assert later.value == pytest.approx(first.value, abs=1e-6)
    assert later.ok is False


@pytest.mark.slow
def test_epochs_of_one_s_own_pictures(cli, tmp_path: Path, monkeypatch):
    """Nobody knows others like them; with some that are named, copies are told too."""
    for name, seed in (("mine", 0), ("others", 1)):
        genuine.folder(tmp_path / name, genuine.pictures(40, 8, 8, seed=seed))
    made = cli("train", tmp_path / "mine", "--out", tmp_path / "run", *flags(TINY | {"m": 8, "steps": 10}), "--quiet")
    assert made.code == 0, made.err
    monkeypatch.setattr(epochs, "SHOWN", 20)
    done = cli("epochs", tmp_path / "run", "--passes", "1,2", "--count", 24, "--json")
    assert done.code == 0, done.err
    assert [figure["name"].partition(" ")[0] for figure in done.json["figures"]] == ["KID", "KID"]
    assert "--held-out DATA" in done.json["found"]
    done = cli("epochs", tmp_path / "run", "--passes", "1", "--count", 24, "--held-out", tmp_path / "others", "--json")
    assert [figure["name"].partition(" ")[0] for figure in done.json["figures"]] == ["KID", "copied", "copied"]


@pytest.mark.slow
def test_a_planted_memoriser_is_caught(run: Path, small, monkeypatch):
    model = dcgan.load(run)
    caught = neighbours.compute(model, count=60).figures[-1]
    assert caught.ok
    assert caught.protocol["verbatim"] == pytest.approx(neighbours.PLANTED, abs=0.05)
    others = neighbours.compute(model, "rooms:40", held_out="rooms:30", count=60)
    assert others.figures[0].protocol["training"] == {"of": "rooms", "count": 40, "among": 40}
    assert neighbours.compute(model, count=60).figures[0].ok is not False  # a run that learned nothing copies nothing
    with monkeypatch.context() as alone:  # a folder of one's own, all of it trained on
        alone.setattr("dcgan.metrics.subject.others", lambda learned: None)
        found = neighbours.compute(model, count=60)
        assert [one.name for one in found.figures] == [
            "copied to the letter (pixels)",
            "copied to the letter (lite0)",
            "copied (pixels), a planted memoriser",
        ]
        assert [one.ok for one in found.figures] == [True, True, True]
        assert (
            found.found
            == "0.0% of samples copy to the letter, by pixels; a memoriser that copies one in five is caught"
        )
        assert neighbours.figure(found).startswith(b"\x89PNG")
    monkeypatch.setattr(neighbours, "PLANTED", 0.0)  # nothing planted, nothing caught
    assert neighbours.compute(model, count=60).figures[-1].ok is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("walk {run} --point 1", "--point 1: a walk needs two points or more"),
        ("walk {run} --steps 0", "--steps 0: from one point to the next it must be 5 to 1,000 steps"),
        ("walk {run} --points 1 --steps 4", "--point 1: a walk needs two points or more"),
        ("walk {run} --out strip.jpg", "--out strip.jpg: the picture is written as PNG"),
        ("combine {run} 17", "point '17': a sum has two groups or more"),
        ("combine {run} +12,x", "point '+12,x': cannot read"),
        ("combine {run} --find moustache", "--find 'moustache': faces have no 'moustache'"),
        ("turn {run} --what hair", "--what hair: faces have no such continuous factor"),
        (
            "turn {run} --left 1,2,3,4",
            "--left 1,2,3,4: a vector has two ends; name the seeds of the other with --right",
        ),
        ("turn {run} --left 1,2 --right 2,3", "--left 1,2 --right 2,3: seed 2 is named 2 times; name each once"),
        ("forget {run}", "--what window: only of a window, bed, door or lamp in rooms"),
        ("forget {run} --boxes none.json", "--boxes none.json: it cannot be read"),
        ("epochs {run} --passes 5,1", "--passes 5,1: write whole numbers that rise, like 1,5"),
        ("epochs {run} --passes one", "--passes one: write whole numbers that rise, like 1,5"),
        ("neighbours {run} --count 3", "--count 3: nothing can be told from so few"),
        ("walk {run}/checkpoints", "{run}/checkpoints: it is a folder without config.json, not a run"),
        ("paper {run} --size 32", "--size 32: the run {run} has its own"),
        ("epochs {apart}", "epochs: this model stands outside a run's folder"),
    ],
)
def test_bad_input(cli, run: Path, words: str, said: str):
    apart = run.parent / "apart.safetensors"
    if "{apart}" in words:
        shutil.copy(run / "checkpoints" / "last.safetensors", apart)
        words += f" --out {run.parent / 'x.png'}"
    done = cli(*(word.format(run=run, apart=apart) for word in words.split()))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"dcgan: {said.format(run=run)}")
    assert not (run / "experiments").exists()


# The page


class Looked(result.Result):
    name = "look"
    source = "section 0"
    paper = "what it <showed>"


def entries(made: list[str]):
    def look(work: paper.Work):
        made.append("look")
        picture = work.model("faces").sample([0])[0]
        told = {"good": 1.0, "bad": 0.0}
        figures = [Figure(name, value, {}, "0", goal=0.5, side="≥", ok=value > 0.5) for name, value in told.items()]
        found = Looked(subject="faces", found="a face", figures=figures)
        return found, {".png": images.png(picture)}

    def fail(work: paper.Work):
        raise dcgan.UserError("nothing to see: it is dark; light a lamp")

    return [paper.Entry("look", "faces", paper.any_run, look), paper.Entry("fail", "faces", paper.any_run, fail)]


def test_the_page_goes_on_where_it_stopped(tmp_path: Path, monkeypatch, cli):
    made: list[str] = []
    monkeypatch.setattr(paper, "entries", lambda: entries(made))
    monkeypatch.setattr(paper, "QUICK", replace(paper.QUICK, pictures=48, steps=4))
    monkeypatch.setitem(paper.SETTINGS, "faces", {"width": 4, "m": 8, "threads": 1, "precision": "float32"})
    place = tmp_path / "paper"
    done = cli("paper", "--quick", "--size", "8", "--out", place, "--json")
    assert done.code == 0, done.err
    assert [one["experiment"] for one in done.json["experiments"]] == ["look", "fail"]
    assert done.json["experiments"][1]["reason"] == "nothing to see: it is dark; light a lamp"
    page = (place / "paper.html").read_text(encoding="utf-8")
    assert "what it &lt;showed&gt;" in page
    assert "1 of 2 goals reached" in page
    assert page.count("<td>≥ 0.5</td>") == 2
    assert page.count('<td class="missed">missed</td>') == 1
    assert "<th>control</th>" not in page  # neither has one
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []  # nothing is fetched
    assert "<script" not in page
    words = cli("paper", "--quick", "--size", "8", "--out", place).out
    assert made == ["look"]  # once
    assert "look         1 of 2 goals reached" in words
    assert "fail         not made: nothing to see" in words
    (place / "look.png").unlink()
    cli("paper", "--quick", "--size", "8", "--out", place)
    assert made == ["look", "look"]


@pytest.mark.slow
def test_each_experiment_of_the_page_is_made_or_says_why_not(small, tmp_path, monkeypatch):
    """The page's own calls, each at its smallest: what wants a generator that draws may say so, in a sentence."""
    least = paper.Effort(
        pictures=200, steps=4, taught=2000, lessons=20, samples=24, tried=24, pool=200, sums=2, centres=5, supervised=2,
        generated=200, hashing=2,
    )  # fmt: skip
    monkeypatch.setattr(paper, "QUICK", least)
    monkeypatch.setattr(walk, "compute", partial(walk.compute, steps=walk.LEAST))
    for name, settings in paper.SETTINGS.items():
        monkeypatch.setitem(paper.SETTINGS, name, settings | {"width": 4, "m": 8, "threads": 1, "precision": "float32"})
    page = paper.make(tmp_path / "paper", size=16, quick=True)
    reasons = {one["experiment"]: one.get("reason") for one in page.results}
    assert list(reasons) == [one.name for one in paper.entries()]
    wants_a_good_one = {"forget", "combine", "turn"}
    assert {name for name, reason in reasons.items() if reason} <= wants_a_good_one, reasons
    told = [figure["ok"] for one in page.results for figure in one.get("figures", ()) if figure["ok"] is not None]
    assert sum(told) < 0.7 * len(told)  # an untrained run does not pass for one that learned


def test_each_experiment_of_the_page_can_be_made_of_some_built_in_pictures():
    names = [one.name for one in paper.entries()]
    assert len(set(names)) == len(names) >= 10
    assert {one.on for one in paper.entries()} <= set(paper.SETTINGS)


def test_which_experiments_are_made_of_a_run_of_ones_own():
    def made(data, conditional=False):
        model = SimpleNamespace(config=SimpleNamespace(data=data, conditional=conditional))
        return {one.name for one in paper.entries() if one.fits(model)}

    of_any = {"epochs", "neighbours", "dedup", "walk", "filters", "invert"}
    assert made("photos/") == of_any
    assert made("faces:500") == of_any | {"combine", "turn"}
    assert made("faces", conditional=True) == of_any | {"turn", "one-nn"}
    assert made("rooms") == of_any | {"forget"}
    assert made("numbers") == of_any | {"classify"}
    assert made("numbers", conditional=True) == made("mnist", conditional=True) == of_any | {"one-nn"}
