"""A prepared set: pictures as one uint8 array that lies in a file, and what is known of each."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .source import Skipped


@dataclass(frozen=True)
class Dataset:
    name: str
    images: np.ndarray  # uint8 [N, H, W, C], usually a memory map: only what is looked at is read
    fingerprint: str  # of the pixels, labels and classes: equal wherever the same pictures were prepared the same way
    labels: np.ndarray | None = None  # int64 [N]
    classes: tuple[str, ...] | None = None
    factors: dict[str, np.ndarray] = field(default_factory=dict)  # what else is known, by name, each [N]
    facts: dict[str, Any] = field(default_factory=dict)  # what preparing saw: kinds, sizes, how many were skipped
    folder: Path | None = None  # where it lies in the cache
    root: str = ""  # what the names of skipped files start from

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        return self.images.shape[1:3]

    @property
    def channels(self) -> int:
        return self.images.shape[3]

    @property
    def skipped(self) -> list[Skipped]:
        """Everything found that is not used, in order, with its reason."""
        return [] if self.folder is None else list(read_skipped(self.folder, self.root))

    def part(self, start: int | None, stop: int | None) -> "Dataset":
        """Pictures start to stop, as in a Python slice; the array is a view."""
        piece = slice(start, stop)
        first, last, _ = piece.indices(len(self))
        if (first, last) == (0, len(self)):
            return self
        return replace(
            self, images=self.images[piece], labels=None if self.labels is None else self.labels[piece],
            factors={name: values[piece] for name, values in self.factors.items()},
            fingerprint=hashlib.sha256(f"{self.fingerprint}[{first}:{last}]".encode()).hexdigest(),
        )  # fmt: skip


def read_skipped(folder: Path, root: str) -> Iterator[Skipped]:
    """Of an entry of the cache; `root` makes paths of names, as the user would type them."""
    with open(folder / "skipped.jsonl", encoding="ascii") as lines:
        for line in lines:
            name, reason, bad = json.loads(line)
            yield Skipped(f"{root.rstrip('/')}/{name}" if root and name else root or name, reason, bad)
