"""benchmarks/gpu.py in a small form, on the CPU: each figure is there, and is what its parts make of it."""

from pathlib import Path

import pytest


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    import gpu
    import train

    monkeypatch.setattr(train, "ROUNDS", 1)
    monkeypatch.setattr(train, "SECONDS", 0.1)
    monkeypatch.setattr(gpu, "EPOCH", 384)
    return gpu


def test_against_the_textbook_loop(gpu):
    found = gpu.against("cpu", size=16, width=4, m=16)
    assert found["value"] == pytest.approx(found["images_per_s"]["ours"] / found["images_per_s"]["textbook"], rel=0.05)


def test_the_share_of_the_cards_rate(gpu):
    found = gpu.rate("cpu", size=16, width=8, m=16, side=128)
    assert 0 < found["value"] < 1.5
    assert not found["ok"] or found["value"] >= 0.5


def test_an_epoch(gpu):
    found = gpu.epoch("cpu", "numbers:50")
    assert found["steps"] == 3
    assert found["ok"] == (found["value"] < 1)
