"""The sets of pictures that are compared, read in parts; and their features, kept in the cache where they may recur.

<cache>/features/<key>-<count>.npy      float32 [count, d]: the first `count` pictures of a set
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from dcgan import data
from dcgan.console import Console
from dcgan.data import cache
from dcgan.metrics.features import Extractor
from dcgan.sample import Model

PART = 256  # pictures that are held at a time
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Pictures:
    """The first so many of a set: `read(start, stop)` gives uint8 [stop - start, H, W, C]."""

    name: str  # in words, for the protocol
    count: int
    read: Callable[[int, int], np.ndarray]
    seeds: str  # which they are, or what chose them
    key: str | None = None  # of their content; None: they are not met again

    def first(self, count: int) -> "Pictures":
        return replace(self, count=min(count, self.count))

    def mirrored(self) -> "Pictures":
        return replace(
            self,
            name=f"{self.name}, mirrored",
            read=lambda start, stop: self.read(start, stop)[:, :, ::-1],
            key=self.key and f"{self.key}|",
        )

    def flat(self) -> np.ndarray:
        """All of them, a row each: uint8 [count, H * W * C]."""
        return self.read(0, self.count).reshape(self.count, -1)

    def shuffled(self, seed: int = 0) -> "Pictures":
        """Each with its own pixels in an order of their own: its colours, without what they show."""

        def read(start: int, stop: int) -> np.ndarray:
            out = self.read(start, stop).copy()
            for i, picture in zip(range(start, stop), out, strict=True):
                pixels = picture.reshape(-1, picture.shape[-1])
                pixels[:] = pixels[np.argsort(np.random.Philox(key=[seed, i]).random_raw(len(pixels)), kind="stable")]
            return out

        return replace(
            self, name=f"{self.name}, their pixels shuffled", read=read, key=self.key and f"{self.key}~{seed}"
        )


def of_dataset(dataset: data.Dataset, seed: int = 0) -> Pictures:
    """In an order of the seed's, so that the first so many stand for all."""
    order = data.Stream(dataset, seed).order(0)
    return Pictures(
        dataset.name,
        len(dataset),
        lambda start, stop: dataset.images[order[start:stop]],
        f"the order of seed {seed}",
        f"{dataset.fingerprint}/{seed}",
    )


def of_model(model: Model, count: int, name: str) -> Pictures:
    """Seeds from 0 on; a conditional run draws its classes in turn."""
    return Pictures(name, count, lambda start, stop: model.sample(range(start, stop)), f"0-{count - 1}")


def features(extractor: Extractor, pictures: Pictures, console: Console) -> np.ndarray:
    """float32 [count, d]; a memory map where the cache has them."""
    with console.progress(f"{extractor.name} of {pictures.name}", pictures.count) as bar:
        return _features(extractor, pictures, bar.update)


def _features(extractor: Extractor, pictures: Pictures, progress: Progress) -> np.ndarray:
    if pictures.key is None:
        return np.concatenate(list(_computed(extractor, pictures, progress)))
    key = hashlib.sha256(f"{extractor.key} {pictures.key}".encode()).hexdigest()[:32]
    folder = cache.home() / "features"
    with cache.turn(folder / f"{key}.lock", lambda: None):
        for path in folder.glob(f"{key}-*.npy"):
            if int(path.stem.rpartition("-")[2]) >= pictures.count:
                progress(pictures.count)
                return np.load(path, mmap_mode="r")[: pictures.count]
        final = folder / f"{key}-{pictures.count}.npy"
        part = final.with_suffix(".part")
        with cache.writing(folder):
            out = None
            for i, rows in enumerate(_computed(extractor, pictures, progress)):
                if out is None:
                    cache.check_space(4 * pictures.count * rows.shape[1], f"keeping features of {pictures.name}")
                    out = np.lib.format.open_memmap(part, "w+", np.float32, (pictures.count, rows.shape[1]))
                out[i * PART : i * PART + len(rows)] = rows
            del out
            os.replace(part, final)
        for path in folder.glob(f"{key}-*.npy"):  # fewer of the same
            if path != final:
                with contextlib.suppress(OSError):  # Windows keeps what someone reads
                    path.unlink()
    return np.load(final, mmap_mode="r")


def _computed(extractor: Extractor, pictures: Pictures, progress: Progress) -> Iterator[np.ndarray]:
    for start in range(0, pictures.count, PART):
        stop = min(start + PART, pictures.count)
        yield extractor(pictures.read(start, stop))
        progress(stop)
