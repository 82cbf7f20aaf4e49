"""`dcgan evaluate` on a run, a checkpoint, files of pictures; and `train --evaluate-every`, which keeps the best."""

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import dcgan
from dcgan import checkpoint
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.metrics import lite0, score
from dcgan.metrics.evaluate import evaluate
from support import FACES, TINY, flags, tree

SCORES = [0.5, 0.25, 0.75]  # of steps 5, 10 and 15
SHAPE = ["name", "value", "goal", "side", "paper", "ok", "protocol", "seeds"]


@pytest.fixture
def trained(trained, tmp_path_factory):
    """A copy: what is measured of a run is kept in it."""
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("measured") / "run"))


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    """A small network for features: 12 random maps of 3x3, rectified, in an ONNX file."""
    path = tmp_path_factory.mktemp("network") / "small.onnx"
    weights = np.random.default_rng(0).normal(size=(12, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("Relu", ["y"], ["z"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return path


def discs(n: int, seed: int) -> np.ndarray:
    u = np.random.default_rng(seed).random((n, 9, 1, 1, 1))
    y, x = np.mgrid[:16, :16][..., None] / 16
    inside = (y - u[:, 0]) ** 2 + (x - u[:, 1]) ** 2 < (0.1 + 0.4 * u[:, 2]) ** 2
    ground, disc = (np.concatenate([u[:, i + k] for k in range(3)], -1) for i in (3, 6))
    return (255 * np.where(inside, disc, ground)).astype(np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Sets of discs as .npy files: `seen`, `unseen`, `fresh`, and `copies` of the first in another order."""
    folder = tmp_path_factory.mktemp("sets")
    for seed, (name, n) in enumerate({"seen": 400, "unseen": 300, "fresh": 250}.items()):
        np.save(folder / f"{name}.npy", discs(n, seed))
    seen = discs(400, 0)
    np.save(folder / "copies.npy", seen[np.random.default_rng(9).permutation(400)[:250]])
    np.save(folder / "few.npy", seen[:19])
    return folder


def figures(result) -> dict[str, dict]:
    return {one["name"]: one for one in result.json["figures"]}


def test_a_run_is_measured_against_its_pictures(cli, trained):
    done = cli("evaluate", trained, "--count", 24, "--metrics", "kid,pr", "--json")
    assert done.code == 0, done.err
    found = figures(done)
    assert list(found) == [f"{name} (lite0)" for name in ("KID", "precision", "recall", "density", "coverage")]
    for one in found.values():
        assert list(one) == SHAPE
        assert (one["goal"], one["paper"], one["ok"], one["seeds"]) == (None, None, None, "0-23")
        about = one["protocol"]
        assert about["samples"] == {"of": f"{trained}, step 30", "count": 24}
        assert about["reference"] == {"of": "faces", "count": 24, "among": 48, "order": "the order of seed 0"}
        assert about["extractor"]["numbers"] == 1280
        assert about["extractor"]["name"] == "lite0"
        assert about["resizer"] == "antialiased bicubic to 224x224, in floats, clamped"
        assert (about["floor_counts"], about["control_count"], about["size"]) == ([24, 24], 24, [16, 16])
    kid, coverage = found["KID (lite0)"], found["coverage (lite0)"]
    assert abs(kid["protocol"]["floor"]) < 0.1 * kid["value"]  # thirty steps of a tiny network are far from faces
    assert kid["protocol"]["control"] > 0.1
    assert coverage["value"] < coverage["protocol"]["floor"]
    assert coverage["protocol"]["control"] < 0.5


def test_in_words(cli, trained, network):
    done = cli("evaluate", trained / "checkpoints/last.safetensors", "--against", "numbers:60", "--features", network,
               "--count", 30, "--metrics", "fid, pr", "--quiet")  # fmt: skip
    assert (done.code, done.out) == (0, "")
    done = cli("evaluate", trained, "--against", "numbers:60", "--features", network, "--count", 30, "--metrics", "fid")
    lines = done.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{trained}, step 30: 30 pictures against 30 of "))
    assert lines[at].endswith("30 of numbers, 16x16")
    assert lines[at + 1].split() == ["other", "real", "shuffled"]
    assert re.fullmatch(r"  FID \(small\.onnx\)( +\d+\.?\d*){3}", lines[at + 2])
    assert lines[at + 3] == (
        "Features: small.onnx, 12 numbers a picture. Resizing: none: the network takes pictures as they are. Samples: "
        "0-29. Reference: 30 of 60, the order of seed 0. Other real: 30 against 30 others. Shuffled: the pixels of 30 "
        "real ones."
    )
    assert len(lines) == at + 4
    # Twelve dimensions are not filled by twelve pictures and their mean
    done = cli("evaluate", trained, "--against", "numbers:24", "--features", network, "--count", 24, "--metrics", "fid")
    assert done.out.splitlines()[-1].startswith(
        "FID: 12 pictures do not fill 12 dimensions; their covariance is singular"
    )


def test_two_sets_of_pictures(cli, files, network):
    """New pictures of the same kind score as real ones do; others do not."""

    def fid(what: str) -> tuple[float, float]:
        done = cli("evaluate", files / f"{what}.npy", "--against", files / "seen.npy", "--features", network, "--count",
                   200, "--metrics", "fid,kid,pr", "--json")  # fmt: skip
        found = figures(done)
        kid = found["KID (small.onnx)"]
        assert found["FID (small.onnx)"]["seeds"] == "the order of seed 0"
        return found["FID (small.onnx)"]["value"] / found["FID (small.onnx)"]["protocol"]["floor"], kid["value"]

    ratio, kid = fid("fresh")
    assert 0.3 < ratio < 3
    darker = discs(250, 5) // 2
    np.save(files / "darker.npy", darker)
    other, far = fid("darker")
    assert other > 20
    assert far > 10 * abs(kid)


def test_copies_are_caught_and_new_pictures_are_not(cli, files, network, tmp_path):
    def asked(what: str) -> dict[str, dict]:
        done = cli("evaluate", files / f"{what}.npy", "--against", files / "seen.npy", "--held-out",
                   files / "unseen.npy", "--features", network, "--metrics", "memory", "--count", 250, "--figure",
                   tmp_path / f"{what}.png", "--json")  # fmt: skip
        assert done.code == 0, done.err
        verdict = "copies were found" if what == "copies" else "no sign of copies"
        assert done.json["notes"][-1].endswith(f"{verdict}.")
        assert (tmp_path / f"{what}.png").read_bytes()[:4] == b"\x89PNG"
        return figures(done)

    for name, one in asked("copies").items():
        # By features 250 of the 400 are compared: the estimate makes up for the copies of others.
        assert one["value"] == pytest.approx(1, abs=3 * one["protocol"]["error"] + 1e-9), name
        assert one["ok"] is False
        assert one["protocol"]["verbatim"] > 0.5
    for one in asked("fresh").values():
        assert abs(one["value"]) < one["goal"] < 0.6
        assert one["ok"] is not False
        assert abs(one["protocol"]["floor"]) < 3 * one["goal"]


def test_a_run_that_copied_its_pictures(trained, network):
    """The generator replaced by one that has them by heart: a memoriser planted in a run."""
    model = dcgan.load(trained)
    seen = dcgan.data.open(FACES, size=16).images
    unseen = dcgan.data.open("faces:200", size=16, seed=1)
    model.sample = lambda points: seen[np.asarray(points) % len(seen)]
    found = evaluate(model, metrics=["memory"], features=network, count=200, held_out=unseen)
    for one in found.figures.values():
        assert one.ok is False
        assert one.value == 1
    for near in found.neighbours.values():  # by pixels, by features
        assert near.distances.max() == 0
        assert np.array_equal(near.samples, near.training)


def test_wrong_words_get_a_sentence(cli, trained, files, network, tmp_path, monkeypatch):
    def said(*words: object) -> str:
        done = cli("evaluate", *words)
        assert (done.code, done.out) == (2, "")
        return done.err.strip().removeprefix("dcgan: ")

    run = (trained, "--features", network)
    assert said("nowhere") == "nowhere: it is not a run, so say what to compare it with: --against DATA"
    assert said("nowhere", "--against", "faces:48").startswith("nowhere: there is no such file or folder")
    assert said(*run, "--metrics", "fdi").startswith("--metrics fdi: there is no such measure; did you mean 'fid'?")
    assert said(*run, "--count", 3).startswith("--count 3: nothing can be told from so few; ask for 20 or more")
    assert said(*run, "--against", files / "few.npy").startswith(
        "few: it has 19 pictures, and nothing can be told from"
    )
    assert said(trained, "--features", "lite1").startswith("--features lite1: there is no such file")
    assert said(files / "fresh.npy", "--against", files / "seen.npy", "--metrics", "truth").startswith(
        f"--metrics truth: {files}/seen.npy has neither classes nor known factors"
    )
    picture = tmp_path / "a.png"
    assert said(*run, "--count", 30, "--metrics", "fid", "--figure", picture, "--quiet").startswith(
        f"--figure {picture}: it shows the nearest pictures; add memory to --metrics"
    )
    monkeypatch.setattr(lite0, "PACKAGE", "no_such_package")
    assert said(trained).startswith("lite0: its weights are not installed (18 MB, they come in a package); get them")


def test_a_run_whose_pictures_have_changed(cli, files, network, tmp_path):
    shutil.copy(files / "seen.npy", tmp_path / "mine.npy")
    dcgan.train(str(tmp_path / "mine.npy"), out=tmp_path / "run", quiet=True, steps=2, **TINY | {"size": 16})
    command = ("evaluate", tmp_path / "run", "--features", network, "--count", 30, "--quiet")
    assert cli(*command).code == 0
    shutil.copy(files / "unseen.npy", tmp_path / "mine.npy")
    assert "these are not the pictures that the run was trained on" in cli(*command).err
    assert cli(*command, "--against", files / "unseen.npy").code == 0
    memory = cli(*command, "--against", files / "unseen.npy", "--metrics", "memory", "--held-out", "faces:48")
    assert "the pictures that the run was trained on" in memory.err
    (tmp_path / "mine.npy").unlink()
    error = cli(*command).err
    assert "there is no such file or folder" in error
    assert error.endswith("; or name others to compare with: evaluate RUN --against DATA, neighbours RUN DATA\n")
    assert cli(*command, "--against", files / "unseen.npy").code == 0


# While training


@pytest.fixture
def scripted(monkeypatch) -> list[int]:
    """Scores that are known beforehand, by step; the steps that were scored."""
    steps = []

    class Scripted:
        def __init__(self, *_):
            pass

        def __call__(self, model):
            steps.append(model.header.step)
            assert model.sample([0]).shape == (1, 8, 8, 3)
            return SCORES[model.header.step // 5 - 1]

    monkeypatch.setattr(score, "Score", Scripted)
    return steps


def test_the_best_checkpoint_is_kept_and_drawn_from(cli, tmp_path, scripted):
    run = tmp_path / "run"
    command = ("train", FACES, "--evaluate-every", 5, *flags(TINY), "--quiet")
    assert cli(*command, "--steps", 15, "--out", run).code == 0
    assert scripted == [5, 10, 15]
    folder = Folder(run)
    assert [(line["step"], line["score"], line["metric"]) for line in folder.scores()] == [
        (5 * i, value, "KID (lite0)") for i, value in enumerate(SCORES, 1)
    ]
    assert (checkpoint.read_header(folder.best).step, folder.header().step) == (10, 15)
    assert cli("sample", run, "--count", 4, "--json").json["step"] == 10
    assert cli("sample", run, "--count", 4, "--last", "--json").json["step"] == 15
    assert dcgan.load(run).header.step == 10
    assert dcgan.load(run, last=True).header.step == 15
    assert cli("info", run, "--json").json["best"]["step"] == 10
    assert "score        KID (lite0) 0.2500 at its best, step 10" in cli("info", run).out
    # The best is what the run was at that step: a run that ended there is the same.
    assert cli(*command, "--steps", 10, "--out", tmp_path / "short").code == 0
    short = Folder(tmp_path / "short").last
    ours, theirs = (checkpoint.read(path)[1] for path in (folder.best, short))
    assert [name for name in ours if not (ours[name] == theirs[name]).all()] == []


def test_scores_change_nothing_in_training_and_go_on_where_they_stopped(cli, tmp_path, scripted):
    command = ("train", FACES, *flags(TINY), "--quiet", "--out")
    whole, parts, plain = tmp_path / "whole", tmp_path / "parts", tmp_path / "plain"
    assert cli(*command, whole, "--evaluate-every", 5, "--steps", 15).code == 0
    for steps in (5, 12, 15):
        assert cli(*command, parts, "--evaluate-every", 5, "--steps", steps).code == 0
    assert cli(*command, plain, "--steps", 15).code == 0
    best = [checkpoint.read(Folder(run).best)[1] for run in (whole, parts)]
    last = [checkpoint.read(Folder(run).last)[1] for run in (whole, parts, plain)]
    for group in (best, last):
        for other in group[1:]:
            assert [name for name in other if not (other[name] == group[0][name]).all()] == []
    assert not Folder(plain).best.exists()
    assert Folder(plain).scores() == []
    assert [line["step"] for line in Folder(parts).scores()] == [5, 10, 12, 15]  # and where it ended


def test_a_score_is_kid_of_few_samples(trained, monkeypatch):
    """The very thing, on a budget of 24."""
    monkeypatch.setattr(score, "BUDGET", 24)
    dataset = dcgan.data.open(FACES, size=16)
    found = score.Score(dataset, "cpu", dcgan.console.Console(quiet=True))(dcgan.load(trained))
    wanted = evaluate(trained, metrics=["kid"], count=24).figures["KID (lite0)"].value
    assert found == pytest.approx(wanted, rel=1e-6)
    assert math.isfinite(found)
    assert found > 0.05


def test_without_lite0_no_training_begins(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(lite0, "PACKAGE", "no_such_package")
    before = tree(tmp_path)
    done = cli("train", FACES, "--out", tmp_path / "run", "--evaluate-every", 5, "--steps", 5, *flags(TINY))
    assert done.code == 2
    assert "pip install 'dcgan[measure]'" in done.err
    assert tree(tmp_path) == before
    monkeypatch.undo()
    done = cli("train", "faces:19", "--out", tmp_path / "run", "--evaluate-every", 5, "--steps", 5, *flags(TINY))
    assert done.err == "dcgan: --evaluate-every: faces has 19 pictures, and a score needs 20; leave it out\n"
    assert tree(tmp_path) == before
    monkeypatch.setattr(lite0, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="dcgan\\[measure\\]"):
        dcgan.train(FACES, out=tmp_path / "run", quiet=True, evaluate_every=5, steps=5, **TINY)


def test_json_is_one_object(cli, files, network):
    done = cli("evaluate", files / "fresh.npy", "--against", files / "seen.npy", "--features", network, "--count", 50,
               "--json")  # fmt: skip
    assert list(json.loads(done.out)) == ["title", "figures", "notes"]


def test_copies_to_the_letter_where_nothing_is_held_out(cli, files, network):
    """Of a folder of one's own all was trained on: what can be told is told, and how to tell more."""
    for name, ok in (("fresh", True), ("seen", False)):
        words = ["--against", files / "seen.npy", "--metrics", "memory", "--features", network, "--json"]
        found = cli("evaluate", files / f"{name}.npy", *words).json
        pixels = found["figures"][0]
        assert (pixels["name"], pixels["ok"]) == ("copied to the letter (pixels)", ok)
        assert pixels["value"] == (0 if ok else 1)
        assert "--held-out DATA" in found["notes"][-1]
