"""`train --dry-run`: the whole config, the layers, and an estimate; nothing is written."""

import os
import re
from dataclasses import fields

import pytest
import torch

from dcgan import estimate, feed, planning, run
from dcgan.config import Config
from support import FACES, TINY, flags, tree


@pytest.fixture
def plan(tmp_path):
    return planning.plan(FACES, out=tmp_path / "run", settings=TINY | {"steps": 1000})


def test_nothing_is_written(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for asked in ([], ["--json"], ["--out", "deep/run"]):
        assert cli("train", FACES, *flags(TINY), "--dry-run", *asked).code == 0
    assert os.listdir(tmp_path) == []


def test_in_words(cli, tmp_path):
    words = cli("train", FACES, *flags(TINY), "--steps", 1000, "--dry-run", "--out", tmp_path / "run").out
    assert f"{tmp_path / 'run'} would learn from 48 pictures.\n" in words
    for field in fields(Config):
        assert re.search(rf"^  {field.name.replace('_', '-')} +\S*", words, re.MULTILINE), field.name
    assert re.search(r"^  size +8$", words, re.MULTILINE)
    # G: 100 -> 4x4x4 (a gain and a bias a map) -> 8x8x3, with 4x4 kernels; D: the same way back to one number
    assert "G: 6,600 parameters" in words
    assert re.search(r"^  input +100 +0$", words, re.MULTILINE)
    assert re.search(r"^  dense, batch norm per map, ReLU +4x4x4 +6,408$", words, re.MULTILINE)
    assert re.search(r"^  transposed convolution 4x4 / 2, tanh +3x8x8 +192$", words, re.MULTILINE)
    assert "D: 256 parameters" in words
    assert re.search(
        r"^1,000 steps at \d+ images/s \(measured just now\): about \d+ (seconds|minutes), \d+\.\d GiB of memory\.$",
        words.splitlines()[-1],
    )


def test_json(cli, tmp_path):
    found = cli("train", FACES, *flags(TINY), "--steps", 1000, "--dry-run", "--json", "--out", tmp_path / "run").json
    assert found["out"] == str(tmp_path / "run")
    assert found["images"] == 48
    assert set(found["config"]) == {field.name for field in fields(Config)}
    assert found["config"]["steps"] == 1000
    assert found["networks"]["G"]["parameters"] == sum(one["parameters"] for one in found["networks"]["G"]["layers"])
    assert found["networks"]["G"]["layers"][-1]["shape"] == [3, 8, 8]
    assert found["networks"]["D"]["layers"][0] == {"op": "input", "shape": [3, 8, 8], "parameters": 0}
    # 1,000 steps of 8 pictures, as fast as it says
    assert found["minutes"] == pytest.approx(1000 * 8 / found["images_per_s"] / 60, abs=0.01)
    assert found["memory"] is None or 50 * 2**20 < found["memory"] < 2**36


def test_what_is_measured_is_the_run(plan, monkeypatch):
    """Its minibatches, in its order; then a save's statistics, for which D has a layer with batch norm at 16 px."""
    plan = planning.plan(FACES, out=plan.folder.path, settings=TINY | {"size": 16})
    asked = []
    batches = feed.batches

    def spy(config, stream, device):
        batch = batches(config, stream, device)
        return lambda i: asked.append((i, config.m)) or batch(i)

    monkeypatch.setattr(feed, "batches", spy)
    found = estimate.estimate(plan)
    steps = [one for one in asked if one[1] == 8]
    assert steps == [(i, 8) for i in range(len(steps))]
    assert 2 <= len(steps) <= 12
    assert len(asked) > len(steps)
    assert found.seconds_per_step > 0


def test_of_a_run_half_done(plan, cli):
    plan = planning.plan(FACES, out=plan.folder.path, settings=TINY | {"steps": 10})
    assert run.train(plan) == 0
    before = tree(plan.folder.path)
    words = cli("train", "--out", plan.folder.path, "--steps", 3000, "--dry-run").out.splitlines()[-1]
    assert words.startswith("3,000 steps, 10 of them done, at ")
    found = estimate.estimate(planning.plan(out=plan.folder.path, settings={"steps": 3000}))
    assert found.minutes == pytest.approx(2990 * found.seconds_per_step / 60, rel=1e-9)
    assert tree(plan.folder.path) == before


def test_of_minutes(cli, tmp_path):
    words = cli("train", FACES, *flags(TINY), "--minutes", 2.5, "--dry-run", "--out", tmp_path / "run").out
    assert re.match(r"2\.5 minutes at \d+ images/s \(measured just now\): about 2 minutes, ", words.splitlines()[-1])


def test_other_networks(cli, tmp_path):
    words = cli(
        *f"train {FACES} --preset goodfellow --size 8 --channels 1 --width 8 --width-d 6 --m 8 --threads 1".split(),
        "--dry-run",
        "--out",
        tmp_path / "run",
    ).out
    assert "dense, maxout" in words
    assert "dense, sigmoid" in words


def test_threads_are_given_back(plan):
    before = torch.get_num_threads()
    estimate.estimate(plan)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.2, "12 seconds"), (1.0, "60 seconds"), (2.4, "2 minutes"), (59.6, "60 minutes"), (125.0, "2.1 hours")],
)
def test_durations(minutes, words):
    assert estimate._duration(minutes) == words
