"""Minibatches: the same from pictures that lie on the device as from the prepared file; sent there where they fit."""

import numpy as np
import pytest
import torch

from dcgan import data, feed
from dcgan.config import Config
from dcgan.data.dataset import Dataset


@pytest.fixture
def dataset():
    return data.open("faces:20", size=16)


@pytest.mark.parametrize("moves", [{}, {"mirror": True}, {"translate": 3}, {"mirror": True, "translate": 2}], ids=str)
def test_pictures_on_the_device_give_the_same_minibatches(dataset, moves):
    config = Config(size=(16, 16), channels=3, m=8, **moves)
    here, there = (feed.stream(dataset, config, "cpu") for _ in range(2))
    there.images = feed.sent(dataset.images, "cpu")
    for i in (0, 1, 2, 7):  # the third runs over the end of an epoch
        (x, y), (also_x, also_y) = (feed.batches(config, stream, "cpu")(i) for stream in (here, there))
        assert y is also_y is None
        assert torch.equal(x, also_x)
        assert x.is_contiguous(memory_format=torch.channels_last)
    rows = feed.batches(config, there, "cpu", (2, 3))(1)[0]
    assert torch.equal(rows, feed.batches(config, here, "cpu")(1)[0][2:5])


def test_all_are_sent_whole(monkeypatch):
    monkeypatch.setattr(feed, "PART", 3)
    pictures = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 3), np.uint8)
    pictures.setflags(write=False)  # as a prepared file is
    assert np.array_equal(feed.sent(pictures, "cpu").numpy(), pictures)


@pytest.mark.parametrize(("free", "held"), [(2.1, True), (1.9, False)])
def test_they_are_sent_where_they_fit(dataset: Dataset, monkeypatch, free, held):
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (int(free * dataset.images.nbytes), 10**12))
    monkeypatch.setattr(feed, "sent", lambda pictures, device: asked.append(device))
    feed.stream(dataset, Config(size=(16, 16), channels=3), "cuda")
    assert asked == ["cuda"] * held
    feed.stream(dataset, Config(size=(16, 16), channels=3), "cpu")
    assert asked == ["cuda"] * held
