"""dcgan one-nn: the nearest found exactly; a generator that knows its classes told from one that does not."""

import json
from pathlib import Path

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


@pytest.mark.parametrize("size", [128, 256])
def test_the_nearest_of_large_colour_pictures(size):
    """196,608 products of up to 2^14: black on black sums to 3.2e9, which int32 would turn below zero; and at 128 px
    black is as far from white: a length of 8e8 less twice a product of -8e8."""
    grey = np.array([0, 255, 128], np.uint8)  # black, white, grey
    shown = np.broadcast_to(grey[:, None, None, None], (3, size, size, 3)).copy()
    near = shown.copy()
    near[:, 0, 0, 0] ^= 1
    found = in_parts(shown, np.concatenate([near[::-1], shown[::-1]]), np.array([0, 1, 2, 3, 4, 5]), 4)
    assert found.which.tolist() == [5, 4, 3]
    assert in_parts(shown, near[::-1], np.array([7, 8, 9]), 3).label.tolist() == [9, 8, 7]


def digits(counts, name: str = "mnist", fingerprint: str = "x") -> data.Dataset:
    labels = np.repeat(np.arange(10), counts)
    return data.Dataset(
        name, np.zeros((len(labels), 8, 8, 1), np.uint8), fingerprint, labels, tuple(map(str, range(10)))
    )


def test_the_papers_goal_is_of_the_whole_test_set_alone():
    assert sum(one_nn.TEST) == 10_000
    assert one_nn._goal(digits(one_nn.TEST), 50_000)[0] == 2.98
    assert one_nn._goal(digits(one_nn.TEST), 10_000_000)[0] == 1.48
    assert one_nn._goal(digits(one_nn.TEST), 1_000_000) == (None, None)
    held_out = (991, 1064, 990, 1030, 983, 915, 967, 1090, 1009, 961)
    for other in (digits(held_out), digits(one_nn.TEST).part(0, 5000), digits(one_nn.TEST, "mnist-like")):
        assert one_nn._goal(other, 50_000) == (None, None)


def test_what_was_learned_from_does_not_judge(cli, tmp_path):
    folder = untrained.write(
        tmp_path / "run",
        "mnist",
        size=(8, 8),
        channels=1,
        width=4,
        dense=8,
        classes=10,
        data="mnist:test",
        fingerprint="learned",
    )
    said = "these are the pictures that the run learned from"
    done = cli("one-nn", folder.path, "--test", "mnist:test")  # by its name, before any is opened
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"dcgan: --test mnist:test: {said}")
    model = dcgan.load(folder.path)
    with pytest.raises(UserError, match=f"--test twin: {said}"):
        one_nn.compute(model, digits([2] * 10, "twin", "learned"), count=50)
    assert one_nn.compute(model, digits([2] * 10), count=50).ok is None
    one_nn.check_test(untrained.model(data="numbers:30"), "numbers:30")  # of which others are drawn


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


# benchmarks/one_nn.py: its rows are of one recipe, the best of those that were judged


@pytest.fixture
def bench(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    import one_nn as bench
    import record

    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setenv("DCGAN_FIGURES", str(tmp_path))
    return bench


def stand(bench, tmp_path, choice: list[str], recipes: list[str]) -> None:
    judged = [{"key": name, "value": 4.0 + i, "steps": 10} for i, name in enumerate(choice)]
    (tmp_path / "one-nn-choice.json").write_text(json.dumps(judged))
    made = [
        {"key": f"an hour: {count:,}, seed {seed}", "value": 3.0 + seed, "recipe": recipe}
        for count in (50_000, 1_000_000)
        for seed, recipe in enumerate(recipes)
    ]
    (tmp_path / "one-nn.json").write_text(json.dumps(made))


def test_the_mean_is_of_rows_of_one_recipe(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "train", None)  # nothing is left to make
    stand(bench, tmp_path, [*bench.RECIPES], ["mnist"] * 3)
    bench.seeds()
    mean = next(row for row in bench.rows("one-nn") if row["key"] == "an hour: 50,000, mean")
    assert (mean["value"], mean["recipe"], mean["ok"]) == (4.0, "mnist", False)
    stand(bench, tmp_path, [*bench.RECIPES], ["mnist", "dense", "mnist"])
    before = (tmp_path / "one-nn.json").read_text()
    with pytest.raises(
        SystemExit, match=r"'an hour: 50,000, seed 1' stands in .* the recipe 'dense' of 280 steps, and 'mnist' of 280"
    ):
        bench.seeds()
    assert (tmp_path / "one-nn.json").read_text() == before


def test_recipes_that_were_not_judged_are_told(bench, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "measure", lambda budget, recipe, *rest: print(f"{budget} of {recipe}"))
    every = [*bench.RECIPES]
    stand(bench, tmp_path, every[2:], [])
    bench.seeds()
    said = capsys.readouterr().out
    assert f"2 of 8 recipes are not judged yet ({every[0]}; {every[1]}), so the best of the others is taken" in said
    assert said.endswith(f"an hour of {every[2]}\n")
    stand(bench, tmp_path, every, [])
    bench.seeds()
    assert "judged" not in capsys.readouterr().out


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
