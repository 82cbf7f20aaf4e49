"""dcgan invert: what a run drew is found again; what it could not have drawn is not; names come and go."""

import json
import shutil

import numpy as np
import pytest

import untrained
from dcgan import data, images, latents, sample
from dcgan.errors import UserError
from dcgan.experiments import invert
from dcgan.experiments.invert import difference, inside

NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    return untrained.model(size=(16, 16), width=8, z_dim=8)


def test_a_drawn_picture_is_found_again(model):
    """A seed that is none of the samples begun from; without descent (one step) the nearest of them is what is left."""
    picture = model.sample([123_456])[0]
    found = invert.invert(model, picture, samples=64)
    assert found.error < 0.3 * found.error_nearest
    assert found.error == pytest.approx(difference(model.generate(found.z[None])[0], picture))
    assert found.error_nearest == pytest.approx(difference(model.sample([found.seed])[0], picture))
    assert np.abs(found.z).max() <= 1
    still = invert.invert(model, picture, steps=1, samples=64)
    assert still.error > 0.8 * still.error_nearest
    assert invert.invert(model, NOISE, steps=50, samples=64).error > 3 * found.error


def test_the_class_of_a_conditional_run_is_found_or_given():
    model = untrained.model(size=(8, 8), width=4, z_dim=4, conditional=True, classes=3)
    picture = model.sample(["7777 @2"])[0]
    one = invert.invert(model, picture, steps=100, samples=96)
    as_1 = invert.invert(model, picture, label=1, steps=100, samples=96)
    assert one.label is not None
    assert as_1.label == 1
    assert np.array_equal(model.generate(one.z[None], [one.label])[0], one.drawn)
    assert one.error < 10


@pytest.mark.parametrize("distribution", latents.DISTRIBUTIONS)
def test_z_stays_where_it_could_have_been_drawn(distribution):
    import torch

    drawn = torch.from_numpy(latents.draw(range(50), 20, distribution))
    assert torch.equal(inside(drawn, distribution), drawn)
    far = inside(10 * drawn, distribution)
    assert float(far.norm(dim=1).max()) <= 20**0.5 + (invert.BEYOND if distribution == "normal" else 0) + 1e-5
    assert float((far - 10 * drawn).norm(dim=1).min()) > 1


@pytest.fixture
def run(tmp_path):
    folder = untrained.write(tmp_path / "run", size=(16, 16), z_dim=8)
    picture = sample.load(folder.path).sample([123_456])[0]
    (tmp_path / "my face.png").write_bytes(images.png(picture))
    return folder


def test_command(cli, run, tmp_path):
    done = cli("invert", run.path, tmp_path / "my face.png", "--steps", 60, "--json")
    assert (done.code, done.err) == (0, "")
    (figure,) = done.json["figures"]
    assert done.json["ok"] is True
    assert figure["goal"] == figure["protocol"]["nearest sample"] / 2
    assert figure["value"] < 0.7 * figure["goal"]
    assert done.json["point"] == "#my-face"
    assert [path.rpartition("/")[2] for path in done.json["files"]] == ["invert-my-face.png", "invert-my-face.json"]
    assert cli("sample", run.path, "--point", "0.5*#my-face + 0.5*17", "--out", tmp_path / "half.png").code == 0
    assert "has one of this name" in cli("invert", run.path, tmp_path / "my face.png").err
    again = cli("invert", run.path, tmp_path / "my face.png", "--overwrite", "--quiet", "--steps", 2)
    assert (again.code, again.out, again.err) == (0, "", "")
    removed = cli("invert", run.path, "--remove", "my-face")
    assert removed.out == f"{run.path}: #my-face is taken out\n"
    assert run.points() == {}
    assert json.loads(run.points_file.read_text()) == {}


def test_what_a_run_could_not_have_drawn_misses_the_goal():
    """An untrained generator, its descent begun at the nearest sample: 0.8 of that on a face, 0.9 on a grey sheet."""
    model = untrained.model(size=(16, 16), width=8)
    face = data.open("faces:1", size=16).images[0]
    for name, picture in (("face", face), ("noise", NOISE), ("sheet", np.full_like(face, 200))):
        found = invert.compute(model, picture, name, steps=40)
        assert found.ok is False
        assert 0.6 * found.inverted.error_nearest < found.inverted.error < found.inverted.error_nearest


def test_the_nearest_sample_itself_is_found(model):
    """Half of nothing could not be reached: the same picture is one that rounds to it."""
    found = invert.compute(model, model.sample([17])[0], "its own", steps=20)
    assert found.inverted.seed == 17
    assert found.inverted.error_nearest < invert.SAME
    assert found.ok is True


def test_a_picture_of_a_conditional_run_says_how_it_is_drawn_again(cli, tmp_path):
    """A saved latent holds no class, and without one it is drawn as class 0."""
    folder = untrained.write(tmp_path / "run", size=(8, 8), width=4, z_dim=4, conditional=True, classes=3)
    (tmp_path / "me.png").write_bytes(images.png(sample.load(folder.path).sample(["7777 @2"])[0]))
    done = cli("invert", folder.path, tmp_path / "me.png", "--class", 2, "--steps", 100, "--json")
    assert done.code == 0, done.err
    assert done.json["point"] == "#me @2"
    assert "write '#me @2' to draw it, since #me alone is drawn as class 0" in done.json["found"]
    wanted, again, as_0 = sample.load(folder.path).sample(["7777 @2", done.json["point"], "#me"])
    assert difference(again, wanted) < 0.3 * difference(as_0, wanted)
    words = cli("invert", folder.path, tmp_path / "me.png", "--class", 0, "--steps", 5, "--overwrite").out
    assert "it is #me @0, " in words
    assert "is drawn as class 0" not in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "IMAGE: it is missing"),
        (["one.png", "--remove", "me"], "--remove me: a picture is named too"),
        (["--remove", "me"], "#me: it is not saved"),
        (["nowhere.png"], "nowhere.png: there is no such file"),
        (["one.png", "--name", "a b"], "#a b: a point in words could not say it"),
        (["one.png", "--steps", "0"], "--steps 0: it must be"),
        (["one.png", "--class", "3"], "--class 3: this run was not trained with classes"),
        (["folder"], "folder: it holds 2 pictures"),
        (["one.png", "--out", "x.jpg"], "--out x.jpg: the picture is written as PNG"),
    ],
)
def test_bad_input(cli, run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    shutil.copy("my face.png", "one.png")
    (tmp_path / "folder").mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy("one.png", tmp_path / "folder" / name)
    done = cli("invert", run.path, *words)
    assert done.code == 2
    assert done.err.startswith("dcgan: ")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert run.points() == {}
    assert not (run.path / "experiments").exists()


def test_pictures_of_another_shape(model):
    with pytest.raises(UserError, match=r"picture of type uint8 and shape \[8, 8, 3\]: this run needs uint8"):
        invert.invert(model, np.zeros((8, 8, 3), np.uint8))
