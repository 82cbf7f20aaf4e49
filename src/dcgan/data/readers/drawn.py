"""The built-in pictures (data/pictures) as a source: `faces`, `rooms`, `numbers`, any count of them."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan import files

from .. import pictures
from ..source import Drawing, Pictures, Source

COUNT = 10_000
MOST = 10_000_000


def read(name: str, count: int, size: int, seed: int) -> Source:
    return Source(
        name,
        ["drawn", name, count, seed, size, _version()],
        lambda: _pictures(name, count, size, seed),
        only_prepared=True,
    )


def _pictures(name: str, count: int, size: int, seed: int) -> Pictures:
    def pick(numbers: Sequence[int]) -> Drawing:
        return Drawing([f"picture {i}" for i in numbers], name, list(numbers), size, seed)

    found = Pictures(count, pick, size=(size, size), channels=3)
    factor = pictures.CLASS[name]
    if factor is not None:
        kind = pictures.FACTORS[name][factor]
        assert isinstance(kind, pictures.Category)
        found.labels = np.array([pictures.factors_of(name, i, seed)[factor] for i in range(count)], dtype=np.int64)
        found.classes = kind.values
    return found


@functools.cache
def _version() -> str:
    """Of the code that draws: pictures from an older one are not found in the cache."""
    return files.seal(Path(pictures.__file__).parent.glob("*.py"))[:16]
