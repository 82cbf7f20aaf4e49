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

SKIPPED, NAMES = "skipped.jsonl", "names.jsonl"  # the logs of an entry of the cache
DIGEST = 16  # bytes of BLAKE2b that stand for a prepared picture


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
        lines = path.read_text("ascii").splitlines()
        return [json.loads(line) for line in lines[self.start : self.start + len(self)]]

    @property
    def skipped(self) -> list[Skipped]:
        """Everything found that is not used, in order, with its reason."""
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
            images=self.images[piece],
            labels=None if self.labels is None else self.labels[piece],
            factors={name: values[piece] for name, values in self.factors.items()},
            start=self.start + first,
            fingerprint=hashlib.sha256(f"{self.fingerprint}[{first}:{last}]".encode()).hexdigest(),
        )


def skipped_lines(folder: Path) -> Iterator[list]:
    with open(folder / SKIPPED, encoding="ascii") as lines:
        yield from map(json.loads, lines)


def _joined(root: str, name: str) -> str:
    """A file's path as the user would type it."""
    return f"{root.rstrip('/')}/{name}" if root and name else root or name


def digests(images: np.ndarray) -> np.ndarray:
    """uint8 [N, DIGEST]: what stands for each picture."""
    each = b"".join(hashlib.blake2b(image, digest_size=DIGEST).digest() for image in np.ascontiguousarray(images))
    return np.frombuffer(each, np.uint8).reshape(len(images), DIGEST)


def seal(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] | None = None,
    known: np.ndarray | None = None,
) -> str:
    """A set's fingerprint; `known` are its digests. Beyond a gigabyte without them, 65,536 rows speak for all."""
    hasher = hashlib.sha256(json.dumps([images.shape, classes]).encode())
    if known is not None:
        hasher.update(known.tobytes())
    else:
        rows = (
            range(len(images)) if images.nbytes <= 1 << 30 else np.linspace(0, len(images) - 1, 1 << 16, dtype=np.int64)
        )
        for i in range(0, len(rows), 1024):
            hasher.update(digests(images[rows[i : i + 1024]]).tobytes())
    if labels is not None:
        hasher.update(labels.astype("<i8").tobytes())
    return hasher.hexdigest()
