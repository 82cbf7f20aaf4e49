"""A prepared set: pictures as one uint8 array that lies in a file, and what is known of each."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import UserError

from .source import Skipped
from .streamed import Streamed

SKIPPED, NAMES = "skipped.jsonl", "names.jsonl"  # the logs of an entry of the cache


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
    root: str = ""  # what the names of files start from
    start: int = 0  # the first picture's number in the cache's entry

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        return self.images.shape[1:3]

    @property
    def streamed(self) -> bool:
        """Whether the pictures are decoded when they are looked at."""
        return isinstance(self.images, Streamed)

    @property
    def channels(self) -> int:
        return self.images.shape[3]

    @property
    def names(self) -> list[str] | None:
        """The file each picture came from, where it came from one."""
        names = self.names_below()
        return None if names is None else [_joined(self.root, name) for name in names]

    def names_below(self) -> list[str] | None:
        """`names`, from the root on."""
        path = self.folder / NAMES if self.folder else None
        if path is None or not path.stat().st_size:
            return None
        lines = path.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines[self.start : self.start + len(self)]]

    @property
    def skipped(self) -> list[Skipped]:
        """Everything found that is not used, in order, with its reason."""
        if self.folder is None:  # an array has none; streamed pictures know theirs
            return [replace(one, path=_joined(self.root, one.path)) for one in getattr(self.images, "skipped", ())]
        return [Skipped(_joined(self.root, name), reason, bad) for name, reason, bad in self.skipped_below()]

    def skipped_below(self) -> Iterator[list]:
        """`skipped` as [name from the root on, reason, bad]."""
        return skipped_lines(self.folder) if self.folder else iter(())

    def part(self, start: int | None, stop: int | None) -> "Dataset":
        """Pictures start to stop, as in a Python slice; the array is a view."""
        piece = slice(start, stop)
        first, last, _ = piece.indices(len(self))
        if (first, last) == (0, len(self)):
            return self
        if first >= last:
            raise UserError(
                f"{self.name}[{start}:{stop}]: there are {len(self)} pictures, and none of them is in this range"
            )
        return replace(
            self,
            images=self.images.part(first, last) if isinstance(self.images, Streamed) else self.images[piece],
            labels=None if self.labels is None else self.labels[piece],
            factors={name: values[piece] for name, values in self.factors.items()},
            start=self.start + first,
            fingerprint=hashlib.sha256(f"{self.fingerprint}[{first}:{last}]".encode()).hexdigest(),
        )


def skipped_lines(folder: Path) -> Iterator[list]:
    with open(folder / SKIPPED, encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _joined(root: str, name: str) -> str:
    """A file's path as the user would type it."""
    return f"{root.rstrip('/')}/{name}" if root and name else root or name
