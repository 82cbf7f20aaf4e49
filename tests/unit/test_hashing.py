"""The paper's de-duplication: planted copies are found, strangers are left, and codes that learned nothing fail."""

from pathlib import Path

import numpy as np
import pytest
import torch

import genuine
from dcgan import data
from dcgan.config import Config
from dcgan.data import hashing
from dcgan.errors import UserError
from dcgan.experiments import dedup

STEPS = 200


@pytest.fixture(scope="module")
def rooms():
    return data.open("rooms:400", size=32, workers=0)


@pytest.mark.slow
def test_planted_copies_are_found(rooms, monkeypatch):
    found = dedup.compute(rooms, steps=STEPS)
    told = {figure.name: figure for figure in found.figures}
    assert told["recall of planted copies"].value > 0.7
    assert told["false positives"].value <= 0.1  # of about 35: a few rooms are all but alike
    for kind in ("cropped", "JPEG", "light", "shifted"):
        assert told[f"recall, {kind}"].value > 0.8, kind
    assert 0.5 < told["recall of planted copies"].protocol["cosine"] < 1
    assert dedup.figure(found)[:4] == b"\x89PNG"
    # codes of the light alone put all together, so that none is believed
    monkeypatch.setattr(hashing, "even", lambda x: x.flatten(1).mean(1, keepdim=True).expand(-1, 3072).contiguous())
    blind = dedup.compute(rooms, steps=5)
    assert blind.figures[0].value < 0.3
    assert blind.ok is False


def test_a_set_without_copies_keeps_nearly_all(rooms):
    learned = hashing.train(rooms, steps=60)
    assert (hashing.duplicates(rooms, learned) >= 0).mean() <= 0.02
    code = hashing.codes(rooms.images[:50], learned)
    assert code.shape == (hashing.VIEWS, 50, hashing.CODE)
    assert code.norm(dim=2).flatten().tolist() == pytest.approx([1.0] * 50 * hashing.VIEWS, abs=1e-5)


def test_views_are_what_second_copies_look_like():
    """A copy that is shifted by a pixel, or cropped by a sixteenth, is nearly one of its picture's views."""
    shown = genuine.pictures(12, 32, 32)
    views = [255 * view.permute(0, 2, 3, 1).numpy() for view in hashing.views(hashing.cropped(shown))]
    assert len(views) == hashing.VIEWS
    assert np.abs(views[0] - shown).max() < 1e-3
    random = np.random.default_rng(0)
    for kind, near in (("shifted", 1e-3), ("cropped", 6.0)):
        made = np.stack([hashing.KINDS[kind](one, random) for one in shown]).astype(float)
        apart = np.min([np.abs(view - made).mean((1, 2, 3)) for view in views], 0)
        assert apart.max() < near
        assert np.abs(shown - made).mean((1, 2, 3)).min() > 2 * near


def test_views_that_share_a_bucket_meet():
    """However many do, each is held against NEIGHBOURS others, and against its own picture never."""
    bits = np.zeros((hashing.VIEWS, 100, hashing.CODE), bool)
    for view, one, other in hashing._near(bits):
        assert len(one) > 80
        assert (one != other).all()
        assert 0 <= view < hashing.VIEWS
    bits[:, 1:] = np.random.default_rng(0).random((hashing.VIEWS, 99, hashing.CODE)) < 0.5
    bits[3, 7] = bits[0, 42]  # one view of picture 7 is picture 42
    met = {(view, int(a), int(b)) for view, one, other in hashing._near(bits) for a, b in zip(one, other, strict=True)}
    assert (3, 7, 42) in met
    assert len(met) < 60


def test_the_network_is_the_papers():
    network = hashing.Autoencoder()
    assert [tuple(p.shape) for p in network.parameters()] == [(128, 3072), (128,), (3072, 128), (3072,)]
    x = torch.randn(2, 3072)
    hidden = network.encode(x).clamp(min=0)
    assert torch.equal(network(x), network.decode(hidden))


def test_copies_differ_a_little_each_in_its_way():
    shown = np.random.default_rng(0).integers(0, 200, (12, 16, 16, 3)).astype(np.uint8)
    made = hashing.copies(shown, 0)
    assert made.shape == shown.shape
    for i in (3, 9):  # shifted: all but a line is there, one pixel on
        inner = made[i][1:-1, 1:-1]
        moved = [shown[i][1 + a : 15 + a, 1 + b : 15 + b] for a, b in ((0, 1), (0, -1), (1, 0), (-1, 0))]
        assert sum(np.array_equal(inner, one) for one in moved) == 1
    ratio = made[2] / np.maximum(shown[2], 1)
    assert np.median(ratio) == pytest.approx(1.12, abs=0.02) or np.median(ratio) == pytest.approx(0.88, abs=0.02)
    assert all(not np.array_equal(a, b) for a, b in zip(made, shown, strict=True))
    for channels in (1, 4):
        assert hashing.copies(shown[..., [0] * channels], 0).shape == (12, 16, 16, channels)


def test_left_out_and_remembered(rooms, tmp_path, monkeypatch):
    """--dedup --dedup-by bits: exact copies go; the second time nothing is learned again."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path))
    monkeypatch.setattr(hashing, "STEPS", 20)
    array = np.concatenate([rooms.images[:250], rooms.images[:10]])
    monkeypatch.setattr(hashing.train, "__defaults__", (0, 20, hashing.prepare.silent))
    once = data.open(array, dedup=True, dedup_by="bits")
    assert 200 <= len(once) <= 250
    monkeypatch.setattr(hashing, "train", None)
    assert data.open(array, dedup=True, dedup_by="bits").fingerprint == once.fingerprint
    assert len(data.open(array, dedup=True)) == 250
    with pytest.raises(UserError, match="--dedup-by bits: codes are learned from 200 pictures or more"):
        data.open(array[:50], dedup=True, dedup_by="bits")


def test_command(cli, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("dedup", "rooms:240", "--size", 16, "--steps", 10, "--json")
    assert done.code == 0
    assert done.json["files"] == ["dedup.png", "dedup.json"]
    few = cli("dedup", "rooms:50", "--size", 8, "--out", "other.png")
    assert "rooms: it has 50 pictures, and codes are learned from 200" in few.err
    assert "dedup.png: there is such a file already" in cli("dedup", "rooms:50", "--size", 8).err
    assert "--steps 0: it must be" in cli("dedup", "rooms:240", "--steps", 0).err
    assert "is written as PNG" in cli("dedup", "rooms:240", "--out", "a.jpg").err
    assert "--dedup-by bit: there is no such choice; did you mean 'bits'" in cli("train", "--dedup-by", "bit").err
    assert Config().dedup_by == "pixels"
