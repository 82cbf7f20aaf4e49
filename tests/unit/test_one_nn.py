"""dcgan one-nn: the nearest found exactly; a generator that knows its classes told from one that does not."""

import numpy as np
import pytest

import dcgan
import untrained
from dcgan import data
from dcgan.errors import UserError
from dcgan.experiments import one_nn
from dcgan.experiments.one_nn import Nearest


def in_parts(few: np.ndarray, many: np.ndarray, labels: np.ndarray, part: int) -> Nearest:
    found = Nearest(few)
    for start in range(0, len(many), part):
        found.add(many[start : start + part], labels[start : start + part])
    return found


@pytest.mark.parametrize("shape", [(7, 9, 1), (32, 32, 3)])  # the latter's 3,072 products are summed in parts
def test_the_nearest_exactly(shape):
    """Against whole numbers; among near copies, whose distances differ by units in tens of millions."""
    rng = np.random.default_rng(0)
    few = rng.choice([0, 255], (20, *shape)).astype(np.uint8)  # the largest products
    many = np.repeat(few, 15, 0)
    for i, one in enumerate(many):
        flat = one.reshape(-1)
        flat[rng.integers(0, flat.size, i % 15)] ^= 1
    many = many[rng.permutation(300)]
    many[17] = many[200]  # equals: the first counts
    away = np.square(few[:, None].astype(np.int64) - many[None].astype(np.int64)).reshape(20, 300, -1).sum(2)
    for part in (300, 64, 7):
        found = in_parts(few, many, np.arange(300) % 10, part)
        assert found.which.tolist() == away.argmin(1).tolist()
        assert found.label.tolist() == (away.argmin(1) % 10).tolist()
        assert found.seen == 300


def test_what_is_generated_is_what_sample_draws():
    model = untrained.model(size=(8, 8), conditional=True, classes=3, channels=1)
    (drawn, labels), *rest = one_nn.generated(model, 50)
    assert rest == []
    assert labels.tolist() == [i % 3 for i in range(50)]
    assert np.abs(drawn.astype(int) - model.sample(range(50))).max() <= 1  # batches of another size


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A conditional run on house numbers that has learned how its digits look: seconds."""
    out = tmp_path_factory.mktemp("one-nn") / "run"
    return dcgan.train(
        "numbers:2000", out=out, quiet=True, conditional=True, size=16, channels=1, width=16, dense=128, m=32, lr=2e-3,
        ema=0.99, steps=400, threads=1, precision="float32", sample_every=400, save_every=400,
    )  # fmt: skip


@pytest.mark.slow
def test_numbers(learned, cli):
    """Of 10 classes a guess is wrong 90 times in 100: so is a generator before training."""
    done = cli("one-nn", learned.folder.path, "--count", 3000, "--test", "numbers:1000", "--real", "--json")
    assert done.code == 0
    (figure,) = done.json["figures"]
    assert figure["value"] < 75
    assert figure["protocol"]["floor"] < figure["value"]
    before = untrained.model(size=(16, 16), width=8, conditional=True, classes=10, channels=1)
    judge = data.open("numbers:1000", size=16, channels=1, seed=1)
    assert one_nn.compute(before, judge, count=3000).figures[0].value > 80


def test_bad_input(cli, tmp_path, classes):
    plain = untrained.write(tmp_path / "run", size=(8, 8)).path
    assert "it was not trained with classes" in cli("one-nn", plain, "--test", "numbers:30").err
    assert "faces: it has no classes" in cli("one-nn", classes, "--test", "faces:30").err
    assert "--count 3: there are 10 classes" in cli("one-nn", classes, "--test", "numbers:30", "--count", 3).err
    few = data.Dataset("few", np.zeros((9, 8, 8, 3), np.uint8), "x", np.arange(9) % 3, ("a", "b", "c"))
    model = dcgan.load(classes)
    with pytest.raises(UserError, match="it has 3 classes, and the run 10"):
        one_nn.compute(model, few)
    assert not (classes / "experiments").exists()
