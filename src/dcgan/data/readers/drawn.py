"""The built-in pictures (data/pictures) as a source: `faces`, `rooms`, `numbers`, any count of them."""

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .. import pictures
from ..source import Block, Drawing, Source

COUNT = 10_000


def read(name: str, count: int, seed: int, size: int) -> Source:
    factor = pictures.CLASS[name]

    def blocks(start: int, most: int) -> Iterator[Block]:
        for first in range(start, count, most):
            numbers = list(range(first, min(first + most, count)))
            yield Drawing([f"picture {i}" for i in numbers], name, numbers, size, seed)

    labels = classes = None
    if factor is not None:
        kind = pictures.FACTORS[name][factor]
        assert isinstance(kind, pictures.Category)
        labels = np.array([pictures.factors_of(name, i, seed)[factor] for i in range(count)], dtype=np.int64)
        classes = kind.values
    return Source(name, ["drawn", name, count, seed, size, _version()], count, blocks, size=(size, size), channels=3,
                  labels=labels, classes=classes)  # fmt: skip


@functools.cache
def _version() -> str:
    """Of the code that draws: pictures from an older one are not found in the cache."""
    seal = hashlib.sha256()
    for path in sorted(Path(pictures.__file__).parent.glob("*.py")):
        seal.update(path.read_bytes())
    return seal.hexdigest()[:16]
