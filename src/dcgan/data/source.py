"""What a reader hands over: a Source, which gives its pictures as blocks, in order, from any place on.

A block holds a few pictures in a form that is cheap to pass to another process: names of files, places inside an
archive, encoded bytes, pixels, or an order to draw. `load(i)` then gives encoded bytes or pixels, where the work is done.
"""

import bz2
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True)
class Skipped:
    """A file that is not used. `bad`: it should have been a picture (notes beside the pictures are not)."""

    path: str
    reason: str
    bad: bool = True


class Unreadable(Exception):
    """Why one picture cannot be used, in words."""


@dataclass
class Block:
    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names",)  # the fields that hold something for each picture

    names: list[str]

    def load(self, i: int) -> "bytes | np.ndarray":
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.names)

    def only(self, i: int) -> "Block":
        """The block of its picture i alone."""
        return type(self)(**{name: value[i : i + 1] if name in self.PER_PICTURE else value for name, value in vars(self).items()})

    def message(self) -> dict[str, Any]:
        return {"kind": type(self).__name__} | vars(self)


@dataclass
class Files(Block):
    """Files of their own: `names` below the folder `root`."""

    root: str

    def load(self, i: int) -> bytes:
        # Only what was there when we opened it: a file that grows meanwhile cannot keep us reading.
        # O_NONBLOCK: a named pipe that took the file's place since the folder was listed does not stop us.
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        handle = os.open(os.path.join(self.root, self.names[i]), flags)
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise Unreadable("not an ordinary file")
            return _read(handle, about.st_size)
        finally:
            os.close(handle)


@dataclass
class Slices(Block):
    """Members of an archive that lie in it in one piece: [offset, stored length, length, packing]."""

    path: str
    places: list[list[int]]

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "places")
    STORED: ClassVar[int] = 0  # the numbers of the zip format; a tar's members are all stored
    DEFLATED: ClassVar[int] = 8
    BZIP2: ClassVar[int] = 12

    def load(self, i: int) -> bytes:
        offset, stored, length, packing = self.places[i]
        with open(self.path, "rb") as archive:
            archive.seek(offset)
            data = archive.read(stored)
        if len(data) < stored:
            raise Unreadable("the archive ends inside it")
        if packing == self.STORED:
            return data
        if packing not in (self.DEFLATED, self.BZIP2):
            raise Unreadable(f"packed by a method ({packing}) that is not supported; pack the archive anew as an ordinary zip")
        unpack = zlib.decompressobj(-15) if packing == self.DEFLATED else bz2.BZ2Decompressor()
        try:
            data = unpack.decompress(data, length + 1)  # never more than the archive promised
        except (zlib.error, OSError) as error:
            raise Unreadable(f"damaged in the archive ({error})") from None
        if len(data) != length:
            raise Unreadable("damaged in the archive (not of the length it promises)")
        return data


@dataclass
class Blobs(Block):
    """Encoded pictures, read already."""

    data: list[bytes]

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "data")

    def load(self, i: int) -> bytes:
        return self.data[i]


@dataclass
class Pixels(Block):
    """Decoded pictures, uint8 [N, H, W] or [N, H, W, C]; their names are their numbers."""

    pixels: np.ndarray

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "pixels")

    @classmethod
    def of(cls, pixels: np.ndarray, first: int) -> "Pixels":
        return cls([f"picture {first + i}" for i in range(len(pixels))], pixels)

    def load(self, i: int) -> np.ndarray:
        return self.pixels[i]


@dataclass
class Drawing(Block):
    """Built-in pictures to be drawn."""

    picture: str
    numbers: list[int]
    size: int
    seed: int

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "numbers")


KINDS: dict[str, type[Block]] = {kind.__name__: kind for kind in (Files, Slices, Blobs, Pixels, Drawing)}


@dataclass
class Source:
    """All that is known of some pictures before one is decoded.

    `identity` is what the cache is keyed by: cheap to compute, different when the content is. `read(start, count)`
    gives the pictures from number `start` on, in order, in blocks of at most `count`. `size` and `channels` are the
    source's own where it has one. `light`: blocks cost little (pixels as they are), so that no child is worth it.
    """

    name: str
    identity: Any
    count: int
    read: Callable[[int, int], Iterator[Block]]
    root: str = ""
    size: tuple[int, int] | None = None
    channels: int | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] | None = None
    factors: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    sample: Callable[[int], Iterator[Block]] | None = None  # a few pictures from all over, where that is cheap
    light: bool = False


def _read(handle: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(handle, min(size, 1 << 30))):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def spread(count: int, n: int) -> list[int]:
    """At most n numbers, evenly over range(count)."""
    return sorted({i * count // n for i in range(n)}) if count > n else list(range(count))


def zip_local_header(head: bytes) -> int:
    """How many bytes a member's own header takes in a zip, from its fixed first 30."""
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        raise Unreadable("its place in the zip is not where the zip's index says")
    name, extra = struct.unpack_from("<HH", head, 26)
    return 30 + name + extra
