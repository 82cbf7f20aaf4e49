"""What a reader sees in generated pictures against true ones; here the reader reads the pixels themselves."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dcgan import data
from dcgan.console import Console
from dcgan.data import pictures
from dcgan.errors import UserError
from dcgan.metrics import sets, truth
from dcgan.metrics.evaluate import evaluate
from dcgan.metrics.reader import Reader
from dcgan.metrics.result import Result
from dcgan.metrics.subject import Subject, parsed

QUIET = Console(quiet=True)


class Literal:
    """Red is the class, green a continuous factor (hidden where it is 255), blue how sure it is."""

    def read(self, images):
        red, green, blue = (images[:, 0, 0, i] for i in range(3))
        height = np.where(green == 255, np.nan, green / 255).astype(np.float32)
        return SimpleNamespace(values={"kind": red.astype(np.int64), "height": height}, confidence=blue / 255)


def painted(red, green, blue) -> np.ndarray:
    rows = np.stack(np.broadcast_arrays(red, green, blue), 1).astype(np.uint8)
    return np.broadcast_to(rows[:, None, None], (len(rows), 8, 8, 3)).copy()


def subject(samples: np.ndarray, real: np.ndarray) -> Subject:
    drawn = sets.of_dataset(data.open(samples))
    return Subject("samples", drawn, data.open(real), "array", count=1000, seed=0)


def told(samples: np.ndarray, real: np.ndarray) -> dict:
    result = Result("")
    truth.tell(result, subject(samples, real), Literal(), QUIET)
    return result.figures


REAL = painted(np.tile(np.arange(4), 100), np.repeat(np.arange(0, 250, 5), 8), 250)


def test_true_pictures_cover_true_pictures():
    figures = told(REAL, REAL)
    assert (figures["readable"].value, figures["readable"].floor) == (1, 1)
    assert figures["confidence"].value == pytest.approx(250 / 255)
    coverage = figures["factor coverage"]
    # The reference is a half, drawn at random: 200 of 4 kinds and of 10 bins, each share within a few hundredths.
    assert coverage.value > 0.9
    assert coverage.protocol["each"]["kind"] > 0.85
    assert abs(coverage.value - coverage.floor) < 0.1


def test_a_missing_kind_is_missed():
    half = painted(np.tile([0, 1], 200), np.repeat(np.arange(0, 250, 5), 8), 250)
    each = told(half, REAL)["factor coverage"].protocol["each"]
    assert each["kind"] == pytest.approx(0.5, abs=0.1)
    assert each["height"] > 0.9


def test_a_missing_stretch_is_missed():
    low = painted(np.tile(np.arange(4), 100), np.tile(np.arange(0, 125, 5), 16), 250)
    each = told(low, REAL)["factor coverage"].protocol["each"]
    assert each["height"] == pytest.approx(0.5, abs=0.1)


def test_what_cannot_be_read_covers_nothing():
    figures = told(painted(np.tile(np.arange(4), 100), 10, 100), REAL)
    assert figures["readable"].value == 0
    assert figures["factor coverage"].value == 0
    assert figures["factor coverage"].floor > 0.9


def test_only_what_can_be_read_counts():
    """Half of the samples are surely of kind 0; the others, of all kinds, cannot be read."""
    kinds = np.where(np.arange(400) % 2, 0, np.arange(400) // 2 % 4)
    figures = told(painted(kinds, np.repeat(np.arange(0, 250, 5), 8), np.where(np.arange(400) % 2, 250, 20)), REAL)
    assert figures["readable"].value == 0.5
    assert figures["factor coverage"].protocol["each"]["kind"] == pytest.approx(0.25, abs=0.08)


def test_hidden_values_are_a_kind_of_their_own():
    hidden = painted(np.tile(np.arange(4), 100), np.where(np.arange(400) % 2, 255, 100), 250)
    assert told(hidden, hidden)["factor coverage"].protocol["each"]["height"] > 0.85
    assert told(REAL, hidden)["factor coverage"].protocol["each"]["height"] < 0.65


def test_shares_overlap():
    assert truth._overlap(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 3])) == 0.5
    assert truth._overlap(np.array([7, 8]), np.array([0, 1])) == 0


@pytest.mark.parametrize(("size", "side"), [((8, 8), 32), ((63, 90), 32), ((64, 64), 64), ((128, 96), 64)])
def test_large_pictures_are_read_at_a_larger_side(size, side, monkeypatch):
    taught = {}
    monkeypatch.setattr(
        truth.reader.Reader, "kept", lambda folder, images, known, progress, **how: taught.update(images=images, **how)
    )
    truth.of_factors("faces", QUIET, 30, size)
    assert taught.pop("images").shape == (30, side, side, 3)
    assert taught == ({"side": 64} if side == 64 else {})  # what is as ever has the key that it had


@pytest.mark.parametrize("spec", ["faces:40", "labelled"])
def test_a_reader_is_taught_what_is_known(spec, monkeypatch, tmp_path):
    """Of built-in pictures every factor, drawn anew; of others their classes."""
    taught = {}
    monkeypatch.setattr(truth, "TAUGHT", 30)
    monkeypatch.setattr(
        truth.reader.Reader, "kept", lambda folder, images, known, progress: taught.update(images=images, **known)
    )
    if spec == "labelled":
        for i, name in enumerate(("ant", "bee")):
            (tmp_path / name).mkdir()
            for j in range(25):
                Image.fromarray(np.full((8, 8, 3), 100 * i + j, np.uint8)).save(tmp_path / name / f"{j}.png")
        dataset = data.open(tmp_path)
    else:
        dataset = data.open(spec, size=8)
    judged = Subject("samples", sets.of_dataset(dataset), dataset, spec, count=10, seed=0)
    truth.learned(judged, QUIET)
    images = taught.pop("images")
    assert len(images) == 30
    if spec == "labelled":
        assert list(taught) == ["class"]
        assert np.array_equal(images[:, 0, 0, 0] >= 100, taught["class"] == 1)
    else:
        assert images.shape == (30, 32, 32, 3)
        assert {"glasses", "mouth", "hair"} <= set(taught)
        assert (taught["glasses"] != pictures.draw("faces", range(30), 8)[1]["glasses"]).any()


@pytest.mark.parametrize(("spec", "said"), [("array", True), ("faces", False)])
def test_it_is_told_where_the_reader_has_seen_the_real_ones(spec, said, monkeypatch):
    monkeypatch.setattr(truth.reader, "Reader", Literal)
    result, drawn = Result(""), sets.of_dataset(data.open(REAL))
    truth.tell(result, Subject("samples", drawn, data.open(REAL), spec, count=1000, seed=0), Literal(), QUIET)
    assert any("The reader was taught on 400 of" in note for note in result.notes) is said


def test_which_class_is_missing_is_said():
    """Among what can be read surely: the shares of both, and the three classes furthest off in words."""

    def read(*classes, unsure=0):
        values = {"class": np.array([*classes, *[0] * unsure])}
        return truth.Reading(values, np.array([0.9] * len(classes) + [0.5] * unsure))

    found = truth.shares(read(0, 0, 0, 1, unsure=4), read(0, 1, 2, 2), ("ant", "bee", "cat"))
    assert found == [{"ant": 0.75, "bee": 0.25, "cat": 0.0}, {"ant": 0.25, "bee": 0.25, "cat": 0.5}]
    said = truth._off(dict(zip(("shares", "shares_of_data"), found, strict=True)))
    assert said == "; furthest off: ant 75.0 % for 25.0 %, cat 0.0 % for 50.0 %, bee 25.0 % for 25.0 %"
    assert truth.shares(read(1), read(2), ()) == [{"0": 0, "1": 1, "2": 0}, {"0": 0, "1": 0, "2": 1}]


def test_there_must_be_something_to_read():
    with pytest.raises(UserError, match="array has neither classes nor known factors"):
        truth.learned(subject(REAL, REAL), QUIET)
    with pytest.raises(UserError, match="--features reader: array has neither"):
        evaluate(REAL, REAL, features="reader", count=20)
    with pytest.raises(UserError, match=r"^array: it is not a run"):
        evaluate(REAL)


def test_all_is_compared_by_the_features_of_a_reader(monkeypatch):
    """Of the classes of the pictures that are compared with; one that learned nothing tells copies all the same."""

    def taught(name, images, truth, console):
        return Reader.train(images[:40], {"digit": truth["digit"][:40]}, steps=1, m=16)

    monkeypatch.setattr(truth, "_kept", taught)
    found = evaluate("numbers:60", "numbers:60", features="reader", metrics=("fid", "pr"), count=60).figures
    assert found["FID (reader)"].value == pytest.approx(0, abs=1e-3)
    assert found["recall (reader)"].value == 1
    assert found["FID (reader)"].protocol["extractor"]["numbers"] == 2048


@pytest.mark.parametrize(
    ("spec", "name"),
    [("faces", ("faces", "")), ("mnist:train[:50000]", ("mnist", "train")), ("numbers:900", ("numbers", "900")),
     ("./faces", ("./faces", ""))],
)  # fmt: skip
def test_specs_are_taken_apart(spec, name):
    assert parsed(spec) == name
