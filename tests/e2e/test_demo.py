"""What was learned can be read: the demo's faces, and MNIST's digits by class."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import dcgan
from dcgan import data
from dcgan.metrics.reader import Reader, truths

DEMO = Path(__file__).resolve().parents[2] / "runs" / "demo"
MNIST = Path(os.environ.get("DCGAN_DATA", "nowhere")) / "mnist"
SMALL = {"width": 16, "dense": 128, "m": 64, "lr": 1e-3, "ema": 0.99, "steps": 900, "threads": 1}

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not (DEMO / "losses.png").exists(), reason="runs/demo is not there: make demo makes it")
def test_a_reader_of_true_drawings_reads_the_demos_faces():
    """Issue: >= 90 % of 64 samples with confidence > 0.8. The reader is the small one (half the steps of figures')."""
    faces = data.open("faces", size=(32, 32))
    reader = Reader.train(faces.images, truths("faces", faces.factors), steps=600)
    model = dcgan.load(DEMO)
    assert reader.read(model.sample(range(64))).readable() >= 0.9
    mud = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), np.uint8)
    assert reader.read(mud).readable() <= 0.05
    assert json.loads((DEMO / "config.json").read_text())["data"] == "faces"


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not in $DCGAN_DATA")
def test_a_classifier_of_real_digits_reads_generated_ones_as_their_class(tmp_path):
    """The small form of `make figures`' mnist: narrow networks and under a minute of training, for 80 % of the 95 %.

    Generators that have learned nothing, or that leave the class out, are read right one time in ten.
    """
    real = data.open("mnist:train[:20000]")
    reader = Reader.train(real.images, {"class": real.labels}, steps=300)
    test = data.open("mnist:test[:1000]")
    assert (reader.read(test.images).values["class"] == test.labels).mean() >= 0.95
    model = dcgan.train("mnist", preset="mnist", out=tmp_path / "digits", quiet=True, **SMALL)
    right = reader.read(model.sample(range(1000))).values["class"] == np.arange(1000) % 10
    assert right.mean() >= 0.8
    assert min(right[c::10].mean() for c in range(10)) >= 0.5
