"""The variational autoencoder: its bound's terms, its step, its run; and that it is one and not the other model."""

import itertools
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

import dcgan
from dcgan import data, feed, images, session, vae
from dcgan.algorithm import fresh
from dcgan.config import Config
from dcgan.errors import UserError
from dcgan.experiments import autoencoder
from dcgan.losses import LOSSES
from dcgan.metrics.result import Figure
from support import differing, reports


def test_the_divergence_is_torchs():
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(vae.kl(mean, log_variance), theirs, atol=1e-5)
    assert not vae.kl(torch.zeros(2, 3), torch.zeros(2, 3)).any()


def test_the_likelihood_is_at_its_best_spread():
    """No other spread makes these pictures likelier; what is left out is a constant."""
    x, decoded = torch.randn(4, 3, 5, 5), torch.randn(4, 3, 5, 5)
    spread = (x - decoded).square().mean().sqrt()

    def exact(s: torch.Tensor) -> float:
        return -float(Normal(decoded, s).log_prob(x).sum()) / 4

    constant = 75 / 2 * (1 + np.log(2 * np.pi))
    assert float(vae.unlikely(decoded, x)) + constant == pytest.approx(exact(spread), rel=1e-5)
    assert exact(spread) < min(exact(0.95 * spread), exact(1.05 * spread))


def settings(**more) -> Config:
    small = {"size": (16, 16), "channels": 3, "width": 8, "steps": 5, "precision": "float32", "z_dim": 16}
    return Config.build("vae", **(small | more))


def test_it_learns_to_say_what_it_saw():
    """After 150 steps its codes tell more than none, and what is decoded is nearer than the mean picture."""
    c = settings(lr=2e-3)
    shown = data.open("faces:64", size=16, workers=0)
    state = fresh(c)
    batch = feed.batches(c, data.Stream(shown, 0), "cpu")
    seen = list(itertools.islice(vae.train(c, state, batch), 150))
    assert all(float(one.D_x) == float(one.D_Gz) == 0.5 for one in seen)
    x, _ = batch(0)
    with torch.no_grad():
        mean, _ = state.D(x).chunk(2, 1)
        error = (state.G(mean) - x).square().mean()
        another = (state.G(mean.roll(1, 0)) - x).square().mean()  # other pictures' codes
    variance = (x - x.mean(0)).square().mean()
    assert error < 0.6 * variance
    assert another > 1.5 * error
    assert float(seen[-1].loss_D) > 5


def test_a_conditional_one_is_told_the_class():
    c = settings(conditional=True).replace(classes=3)
    state = fresh(c)

    def batch(i: int):
        return torch.randn(32, 3, 16, 16), torch.arange(32) % 3

    for progress in itertools.islice(session.steps(c, state, batch, LOSSES["minimax"]), 2):
        assert all(torch.isfinite(value) for value in progress)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("vae") / "run"
    dcgan.train("faces:48", out=out, preset="vae", quiet=True, **SMALL)
    return out


SMALL = {"size": 16, "width": 4, "m": 8, "threads": 1, "precision": "float32", "report_every": 5, "steps": 10}


def test_a_run_resumes_to_the_same_bits(trained, tmp_path):
    half = tmp_path / "half"
    for steps in (5, 10):
        dcgan.train("faces:48", out=half, preset="vae", quiet=True, **SMALL | {"steps": steps})
    assert differing(trained, half) == []
    assert [line["loss_D"] for line in reports(trained)] == [line["loss_D"] for line in reports(half)]


def test_command(cli, trained, tmp_path):
    mine = shutil.copytree(trained, tmp_path / "run")
    words = cli("info", mine, "--figure", tmp_path / "f.png").out
    assert "losses       KL " in words
    assert "D(x)" not in words
    assert cli("sample", mine, "--count", 4).code == 0
    examined = cli("doctor", mine).out  # it has no D that tells real from drawn
    assert "diversity" in examined
    assert "D's l" not in examined
    assert "an autoencoder has no D" in cli("sample", mine, "--best", 2).err
    assert dcgan.load(mine).features(np.zeros((2, 16, 16, 3), np.uint8)).shape == (2, 16 * (4 + 8))
    dry = cli("train", "faces:48", "--preset", "vae", "--size", 16, "--dry-run", "--out", tmp_path / "x").out
    assert dry.split()[dry.split().index("205,000") - 1] == "200"  # mean and spread of 100 numbers
    assert cli("evaluate", mine, "--count", 24, "--metrics", "kid", "--json").code == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"z": "uniform"}, r"--z uniform: an autoencoder's codes are drawn towards N\(0, 1\); use --z normal"),
        ({"loss": "minimax"}, "--loss minimax: it belongs to the game of two"),
        ({"k": 2}, "--k 2: it belongs"),
        ({"augment": True}, "--augment True: it belongs"),
        ({"r1": 0.5}, "--r1 0.5: it belongs"),
    ],
)
def test_what_belongs_to_the_game_is_refused(asked, said):
    with pytest.raises(UserError, match=said):
        settings(**asked)


def test_beside_the_game(monkeypatch, trained):
    """Held against each other the right way round, by each measure; the better one as the autoencoder misses all."""
    game, other = dcgan.load(trained), dcgan.load(trained)
    values = {"KID (lite0)": (0.1, 0.3), "readable": (0.9, 0.2), "factor coverage": (0.8, 0.7)}

    def evaluate(model, **_):
        at = 0 if model is game else 1
        return SimpleNamespace(figures={name: Figure(name, both[at], {}, "0-1") for name, both in values.items()})

    def sample(model, seeds):
        tile = np.uint8([[0, 200], [200, 0]] if model is game else [[90, 110], [110, 90]])
        return np.tile(tile[..., None], (len(seeds), 8, 8, 3))

    monkeypatch.setattr(autoencoder, "evaluate", evaluate)
    monkeypatch.setattr(dcgan.Model, "sample", sample)
    reader: Any = None  # evaluate's, which is not asked here
    found = autoencoder.compute(game, other, count=20, reader=reader)
    told = {figure.name: figure.ok for figure in found.figures if figure.ok is not None}
    assert told == {"KID (lite0), the game": True, "readable, the game": True, "sharpness, the game": True}
    turned = autoencoder.compute(other, game, count=20, reader=reader)
    assert [figure.ok for figure in turned.figures if figure.goal is not None] == [False, False, False]
    assert autoencoder.figure(found).startswith(b"\x89PNG")


def test_what_is_encoded_comes_back_as_in_training(tmp_path):
    """With the statistics of what was encoded, the decoder is the one that was trained; with those of
    drawn z's it is another."""
    run = tmp_path / "run"
    dcgan.train(
        "faces:64", out=run, preset="vae", quiet=True, **SMALL | {"steps": 150, "width": 8, "m": 32, "lr": 2e-3}
    )
    model, shown = dcgan.load(run, last=True), data.open("faces:64", size=16, workers=0).images
    back = autoencoder.encoded(model, shown, shown[:10])

    def away(pictures):
        return np.square(pictures.astype(float) - shown[:10]).mean()

    with torch.no_grad():
        mean, _ = model.D(images.to_float(np.ascontiguousarray(shown[:10]))).chunk(2, 1)
    assert away(back) < 0.7 * away(model.generate(mean))
    assert away(back) < 0.4 * away(np.broadcast_to(shown.mean(0), back.shape))


def test_sharpness_is_of_neighbours():
    noise = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
    soft = (noise // 2 + np.roll(noise, 1, 2) // 2).astype(np.uint8)
    assert autoencoder.sharpness(soft) < 0.7 * autoencoder.sharpness(noise)
    assert autoencoder.sharpness(np.full_like(noise, 7)) == 0
