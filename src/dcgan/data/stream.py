"""The order of the pictures: what batch stands at a position is a function of (seed, position) and nothing else.

Epoch e goes through a permutation of (seed, e); a picture's mirror and shift depend on (seed, e, picture). So a batch
is the same whoever asks for it, however often, and no place in the data has to be saved.
"""

from concurrent.futures import Future
from typing import Any

import numpy as np

from dcgan.errors import UserError

from .dataset import Dataset
from .streamed import Streamed, windowed

_MASK = 2**64 - 1
_AHEAD = 4  # batches of streamed pictures that are decoded before they are asked for


class Stream:
    """Batches of a set. `mirror`: left and right are exchanged in half of the pictures; `translate`: shifts of at most
    so many pixels each way, the picture mirrored at its edge."""

    def __init__(self, dataset: Dataset, seed: int, mirror: bool = False, translate: int = 0):
        if translate < 0 or translate >= min(dataset.size):
            raise UserError(
                f"--translate {translate}: a shift must be at least 0 and less than the picture, "
                f"{min(dataset.size)} pixels"
            )
        self.dataset, self.seed, self.mirror, self.translate = dataset, seed, mirror, translate
        self.images: Any = dataset.images  # or a tensor of the same: what it is read from, and so what batches are
        self._orders: dict[int, np.ndarray] = {}
        self._ahead: dict[tuple[int, int], list[tuple[list[int], Future]]] = {}

    def batch(self, position: int, m: int, step: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """uint8 [m, H, W, C] and labels [m]: pictures position to position + m, counted from the start of training.

        The next batch is expected `step` further on: m, unless other processes take some of the pictures between.
        """
        index, epoch = self.numbers(position, m)
        images, place, shown = self.images, index, index
        if isinstance(images, Streamed):
            images, shown = self._decoded(images, position, m, step or m, index)
            place = np.arange(m)
        if self.mirror or self.translate:
            rows, columns = self._moves(epoch, index)
            images = images[place[:, None, None], rows[:, :, None], columns[:, None, :]]
        elif images is self.images:
            images = images[place]
        return images, None if self.dataset.labels is None else self.dataset.labels[shown]

    def numbers(self, position: int, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Which pictures those are, and in which epoch each stands: int64 [m] both."""
        place = np.arange(position, position + m, dtype=np.int64)
        epoch, offset = np.divmod(place, len(self.dataset))
        index = np.empty(m, dtype=np.int64)
        for one in range(int(epoch[0]), int(epoch[-1]) + 1) if m else ():
            here = epoch == one
            index[here] = self.order(one)[offset[here]]
        return index, epoch

    def order(self, epoch: int) -> np.ndarray:
        """The permutation of an epoch: where Philox's integers would be sorted. (numpy promises those integers for
        ever, and does not promise Generator.permutation.)"""
        if epoch not in self._orders:
            key = np.array([self.seed & _MASK, epoch], dtype=np.uint64)
            random = np.random.Philox(key=key)
            raw = random.random_raw(len(self.dataset))
            images = self.dataset.images
            streamed = isinstance(images, Streamed)
            order = windowed(images.pictures.shards, raw, random) if streamed else np.argsort(raw, kind="stable")
            before = {old: self._orders[old] for old in (epoch - 1,) if old in self._orders}
            self._orders = before | {epoch: order}
        return self._orders[epoch]

    def _decoded(
        self, images: Streamed, position: int, m: int, step: int, index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What stands at these numbers; the batches that come next are decoded meanwhile."""
        places = [position + k * step for k in range(_AHEAD + 1)]
        held = {place: self._ahead[place, m] for place in places if (place, m) in self._ahead}
        for place in places:
            if place not in held:
                held[place] = images.request(index if place == position else self.numbers(place, m)[0])
        self._ahead = {(place, m): futures for place, futures in held.items() if place != position}
        return images.gather(held[position])

    def _moves(self, epoch: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each row and column of a picture comes from: [m, H], [m, W]."""
        height, width = self.dataset.size
        random = _hash(
            _hash(_hash(np.full(len(index), self.seed & _MASK, np.uint64)) ^ epoch.astype(np.uint64))
            ^ index.astype(np.uint64)
        )
        flip = (random & np.uint64(1)).astype(bool) & self.mirror
        span = np.uint64(2 * self.translate + 1)
        down = ((random >> np.uint64(8)) % span).astype(np.int64) - self.translate
        right = ((random >> np.uint64(32)) % span).astype(np.int64) - self.translate
        rows = _reflected(np.arange(height) - down[:, None], height)
        columns = _reflected(np.arange(width) - right[:, None], width)
        return rows, np.where(flip[:, None], width - 1 - columns, columns)


def _reflected(place: np.ndarray, size: int) -> np.ndarray:
    """Places beyond an edge, mirrored at it: -1 -> 0, -2 -> 1, size -> size - 1."""
    place = np.where(place < 0, -1 - place, place)
    return np.where(place >= size, 2 * size - 1 - place, place)


def _hash(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser: 64 well-mixed bits for each number (Steele, Lea and Flood, 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
