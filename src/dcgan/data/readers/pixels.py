"""What the readers of raw pixels share: pictures in equal records, one after another, in one file or several."""

import contextlib
import gzip
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Block, Pixels

Shape = Callable[[np.ndarray], np.ndarray]  # uint8 [N, bytes of a record] -> uint8 [N, H, W] or [N, H, W, C]


@dataclass
class Records:
    """`count` records of `length` bytes in a file, after `offset` bytes."""

    path: Path
    offset: int
    length: int
    count: int

    @classmethod
    def of_file(cls, path: Path, length: int, what: str) -> "Records":
        """A plain file that is nothing but records."""
        size = path.stat().st_size
        if not size or size % length:
            raise UserError(
                f"{path}: {size} bytes are no whole number of {what} ({length} bytes each); "
                "it is cut short or damaged: fetch it again"
            )
        return cls(path, 0, length, size // length)

    def map(self) -> np.ndarray:
        return np.memmap(self.path, np.uint8, "r", self.offset, (self.count, self.length))


def picking(files: Sequence[Records], shape: Shape) -> Callable[[Sequence[int]], Block]:
    """Any records of plain files, by memory map."""
    maps = [one.map() for one in files]
    starts = np.cumsum([0] + [one.count for one in files])

    def pick(numbers: Sequence[int]) -> Pixels:
        index = np.asarray(numbers)
        which = np.searchsorted(starts, index, side="right") - 1
        rows = np.empty((len(index), files[0].length), np.uint8)
        for i in np.unique(which):
            rows[which == i] = maps[i][index[which == i] - starts[i]]
        return block(rows, int(index[0]), shape)

    return pick


def unzipping(file: Records, shape: Shape) -> Callable[[int, int], Iterator[Block]]:
    """The records of a gzipped file, in order; only a block of them is held."""

    def read(start: int, most: int) -> Iterator[Block]:
        with unzipped(file.path) as stream:
            stream.seek(file.offset + start * file.length)
            for first in range(start, file.count, most):
                count = min(most, file.count - first)
                data = exactly(stream, count * file.length, file.path)
                yield block(np.frombuffer(data, np.uint8).reshape(count, file.length), first, shape)

    return read


def block(rows: np.ndarray, first: int, shape: Shape) -> Pixels:
    return Pixels([f"picture {first + i}" for i in range(len(rows))], np.ascontiguousarray(shape(rows)))


def is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextlib.contextmanager
def unzipped(path: Path) -> Generator[gzip.GzipFile]:
    """The stream in a gzip file; its damage is told in one sentence."""
    try:
        with gzip.open(path) as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: a damaged gzip file ({error}); fetch it again") from None


def exactly(stream: gzip.GzipFile, wanted: int, path: Path) -> bytes:
    """So many bytes, piece by piece: a false promise of length takes no memory."""
    pieces, got = [], 0
    while got < wanted and (piece := stream.read(min(1 << 22, wanted - got))):
        pieces.append(piece)
        got += len(piece)
    if got < wanted:
        raise UserError(f"{path}: cut short: its header promises more than it holds; fetch it again")
    return b"".join(pieces)
