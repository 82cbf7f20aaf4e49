"""What the Explore half asks of Python: answers that are right, and for what makes no sense a sentence."""

import base64
import io

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from starlette.testclient import TestClient

import dcgan
import untrained
from dcgan import feed, images, latents
from dcgan.folder import Folder
from dcgan.studio import server
from dcgan.studio.library import Library
from dcgan.studio.neighbours import Neighbours

BYTES = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    untrained.write(place / "colour", size=(16, 16), width=4)
    digits = {"size": (28, 28), "channels": 1, "classes": 10, "dense": 32, "width": 4, "steps": 5}
    untrained.write(place / "digits", "mnist", class_names=tuple("0123456789"), **digits)
    (place / "new").mkdir()
    (place / "new" / "config.json").write_bytes((place / "colour" / "config.json").read_bytes())
    return place


@pytest.fixture(scope="module")
def client(runs):
    return TestClient(server.application(Library(runs)), base_url="http://localhost:8421")


def get(client, path, **query):
    return client.get(f"/api/explore/{path}", params=query)


def post(client, path, content=b"", **query):
    return client.post(f"/api/explore/{path}", params=query, content=content, headers=BYTES)


def test_runs_and_what_the_explorer_must_know(client, runs):
    listed = {one["name"]: one for one in get(client, "runs").json()}
    assert {name: one["ready"] for name, one in listed.items()} == {"colour": True, "digits": True, "new": False}
    about = get(client, "about", run="digits").json()
    assert (about["size"], about["channels"], about["classes"], about["step"]) == ([28, 28], 1, 10, 5)
    assert about["class_names"] == list("0123456789")
    assert about["layers"] == [[8, 7, 7], [4, 14, 14]]
    made = get(client, "generator", run="digits", step=5)
    session = onnxruntime.InferenceSession(made.content, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == ["images", "maps0", "maps1"]
    assert "reload the page" in get(client, "generator", run="digits", step=4).json()["error"]
    assert "nothing is saved" in get(client, "about", run="new").json()["error"]


def test_a_run_that_may_not_be_read_hides_no_other(client, monkeypatch):
    header = Folder.header

    def may_not(folder):
        if folder.path.name == "colour":
            raise PermissionError(folder.last)
        return header(folder)

    monkeypatch.setattr(Folder, "header", may_not)
    assert {one["name"] for one in get(client, "runs").json()} == {"digits", "new"}


def test_points_are_kept_once(client, runs):
    made = post(client, "points", run="colour", name="smile", words="+3,9 -12").json()
    wanted = latents.resolve(latents.parse("+3,9 -12"), 100)
    assert np.array_equal(np.float32(made["z"]), wanted)
    assert np.array_equal(Folder(runs / "colour").saved("smile"), wanted)
    assert "choose another" in post(client, "points", run="colour", name="smile", words="4").json()["error"]
    assert np.array_equal(np.float32(get(client, "about", run="colour").json()["names"]["smile"]), wanted)
    for name, words in (("z.1", "3"), ("a b", "3"), ("../up", "3"), ("x", "3 4"), ("x", "#gone")):
        assert post(client, "points", run="colour", name=name, words=words).status_code == 400
    assert list(Folder(runs / "colour").points()) == ["smile"]


@pytest.mark.parametrize("run", ["colour", "digits"])
def test_D_is_asked_about_pixels(client, runs, run):
    model = dcgan.load(runs / run)
    picture = model.sample("3 @4" if run == "digits" else "3")
    label = {"label": 4} if run == "digits" else {}
    said = post(client, "opinion", picture.tobytes(), run=run, **label).json()
    logit = float(model.score(picture, [4] if label else None)[0])
    assert said["logit"] == pytest.approx(logit, abs=1e-5)
    assert said["probability"] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)
    guided = np.asarray(Image.open(io.BytesIO(base64.b64decode(said["guided"].partition(",")[2]))))
    assert guided.shape == picture[0].shape if run == "colour" else guided.shape == picture[0].shape[:2]
    assert guided.std() > 1
    layers = post(client, "maps", picture.tobytes(), run=run, **label).json()["layers"]
    with torch.inference_mode():
        y = torch.tensor([4]) if label else None
        wanted = [layer[0].numpy() for layer in model.D.maps(images.to_float(picture, model.config.output), y)]
    assert [(one["maps"], one["height"], one["width"]) for one in layers] == [one.shape for one in wanted]
    shown = np.frombuffer(base64.b64decode(layers[1]["pixels"]), np.uint8).reshape(wanted[1].shape)
    low, high = (edge(wanted[1], axis=(1, 2), keepdims=True) for edge in (np.min, np.max))
    assert np.abs(shown - 255 * (wanted[1] - low) / np.maximum(high - low, 1e-12)).max() <= 0.6


def test_what_makes_no_sense_is_said_in_a_sentence(client):
    pixels = bytes(28 * 28)
    for answer in (
        post(client, "opinion", pixels[1:], run="digits", label=4),
        post(client, "opinion", pixels, run="digits", label=10),
        post(client, "maps", pixels, run="digits", label=10),
        post(client, "maps", pixels, run="digits", label="x"),
        post(client, "step", run="colour", session="none", what="D"),
        post(client, "step", run="colour", session="", what="start it"),
        post(client, "invert", b"", run="colour", name="me"),
        post(client, "invert", b"PK\x03\x04 an archive", run="colour", name="me"),
        post(client, "invert", b"x", run="colour", name="a/b"),
    ):
        assert answer.status_code == 400
        assert 10 < len(answer.json()["error"]) < 300
        assert "Traceback" not in answer.text
    for path in ("about", "generator", "directions"):
        assert get(client, path, run="../colour").status_code == 404
        assert get(client, path).status_code == 404
    assert client.post("/api/explore/points?run=colour&name=x&words=3").status_code == 415
    assert "x" not in get(client, "about", run="colour").json()["names"]


def test_names_are_not_read_through_a_link_that_leads_out(runs, tmp_path):
    place = tmp_path / "runs"
    untrained.write(place / "one", size=(16, 16), width=4)
    (tmp_path / "secret.json").write_text('{"secret": [1.0]}')
    (place / "one" / "points.json").symlink_to(tmp_path / "secret.json")
    client = TestClient(server.application(Library(place)), base_url="http://localhost:8421")
    assert get(client, "about", run="one").status_code == 404
    assert post(client, "points", run="one", name="x", words="3").status_code == 404


def test_the_nearest_are_the_nearest():
    from dcgan import data

    rng = np.random.default_rng(0)
    stored = rng.integers(0, 256, (300, 24, 32, 3), np.uint8)
    neighbours = Neighbours(data.open(stored))
    picture = np.clip(stored[7].astype(int) + rng.integers(-9, 10, stored[7].shape), 0, 255).astype(np.uint8)
    found = neighbours.nearest(picture, 3)
    assert np.array_equal(found[0][0], stored[7])
    exact = np.sort(np.sqrt(np.square(stored.astype(float) - picture).mean((1, 2, 3))))
    assert found[0][1] == pytest.approx(exact[0], rel=1e-5)
    assert [distance for _, distance in found] == sorted(distance for _, distance in found)
    assert "all 300" in neighbours.measure


def test_pictures_that_are_back_are_found_again(runs, monkeypatch):
    from dcgan import data
    from dcgan.errors import UserError

    def gone(config):
        raise UserError("pics: there is no such folder")

    client, picture = (
        TestClient(server.application(Library(runs)), base_url="http://localhost:8421"),
        bytes(16 * 16 * 3),
    )
    monkeypatch.setattr(Neighbours, "of", gone)
    said = post(client, "nearest", picture, run="colour").json()
    assert said == {
        "nearest": [],
        "measure": "The nearest training pictures cannot be shown: pics: there is no such folder.",
    }
    stored = Neighbours(data.open(np.zeros((9, 16, 16, 3), np.uint8)))
    monkeypatch.setattr(Neighbours, "of", lambda config: stored)
    assert len(post(client, "nearest", picture, run="colour").json()["nearest"]) == 6


def test_algorithm_1_goes_as_training_does(trained):
    """D, then G: the same weights as an iteration of `algorithm.train` on the same minibatch."""
    from dcgan import algorithm, data
    from dcgan.losses import LOSSES
    from dcgan.studio.stepping import Stepping

    stepping = Stepping(Folder(trained).config())
    said = [stepping.step(what) for what in ("D", "G")]
    c = stepping.config
    state = algorithm.fresh(c)
    dataset = data.open(c.data, size=c.size, channels=c.channels)
    batch = feed.batches(c, data.Stream(dataset, c.seed), "cpu")
    next(algorithm.train(c, state, batch, LOSSES[c.loss]))
    assert state.step == stepping.state.step == 1
    moved = {name: one["moved"] for name, one in zip("DG", said, strict=True)}
    assert moved["D"]["G"] == moved["G"]["D"] == 0
    assert 0 < moved["D"]["D"] < 50
    for name in ("G", "D"):
        ours, theirs = (getattr(s, name).state_dict() for s in (stepping.state, state))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert said[1]["D_Gz"] > said[1]["D_Gz_before"]  # G's step does what it is for
    assert said[0]["D_x"] - said[0]["D_Gz"] > said[0]["D_x_before"] - said[0]["D_Gz_before"]


def test_what_is_no_gan_is_not_stepped_through(runs):
    from dcgan.errors import UserError
    from dcgan.studio.stepping import Stepping

    config = Folder(runs / "colour").config()
    with pytest.raises(UserError, match="trained as an autoencoder"):
        Stepping(config.build("vae", size=(16, 16), channels=3, steps=5))
    with pytest.raises(UserError, match="parts of its owner's own"):
        Stepping(config.replace(loss="own:mine"))
