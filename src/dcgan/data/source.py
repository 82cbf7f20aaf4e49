"""What a reader hands over: a Source, known cheaply, whose `load()` gives the Pictures, known before one is decoded.

Pictures come as blocks. A block holds a few of them in a form that is cheap to pass to another process: names of
files, places inside an archive, encoded bytes, pixels, or an order to draw; `load(i)` gives encoded bytes or pixels,
where the work is done.
"""

import bz2
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar

import numpy as np

LARGEST = 1 << 30  # bytes; no encoded picture is larger, and nothing larger is read into memory


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

    @property
    def has_names(self) -> bool:
        """Whether these are names of something, not mere numbers."""
        return True

    def load(self, i: int) -> "bytes | np.ndarray":
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.names)

    def only(self, i: int) -> "Block":
        """The block of its picture i alone."""
        fields = vars(self).items()
        return type(self)(**{name: value[i : i + 1] if name in self.PER_PICTURE else value for name, value in fields})

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
        with open(handle, "rb", buffering=0) as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise Unreadable("not an ordinary file")
            if about.st_size > LARGEST:
                raise Unreadable("larger than a gigabyte")
            return file.read(about.st_size) or b""


@dataclass
class Slices(Block):
    """Pictures that lie in larger files as they are: [which of `paths`, offset, length] (the members of a tar)."""

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "places")

    paths: list[str]
    places: list[list[int]]

    def load(self, i: int) -> bytes:
        file, offset, length = self.places[i]
        if length > LARGEST:
            raise Unreadable("larger than a gigabyte")
        with open(self.paths[file], "rb") as archive:
            archive.seek(offset)
            data = archive.read(length)
        if len(data) < length:
            raise Unreadable("the archive ends inside it")
        return data


@dataclass
class ZipMembers(Block):
    """Members of a zip: [offset of its header, packed length, length, method, CRC-32], from the zip's index."""

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "places")
    STORED: ClassVar[int] = 0  # methods, as the format numbers them
    DEFLATED: ClassVar[int] = 8
    BZIP2: ClassVar[int] = 12

    path: str
    places: list[list[int]]

    def load(self, i: int) -> bytes:
        offset, packed, length, method, crc = self.places[i]
        if max(packed, length) > LARGEST:
            raise Unreadable("larger than a gigabyte")
        with open(self.path, "rb") as archive:
            archive.seek(offset)
            head = archive.read(30)
            if len(head) < 30 or head[:4] != b"PK\x03\x04":
                raise Unreadable("damaged: it is not where the zip's index says")
            archive.seek(sum(struct.unpack_from("<HH", head, 26)), os.SEEK_CUR)  # over its name and extra field
            data = archive.read(packed)
        if len(data) < packed:
            raise Unreadable("the archive ends inside it")
        if method != self.STORED:
            if method not in (self.DEFLATED, self.BZIP2):
                raise Unreadable(f"packed by a method ({method}) that is not known here; pack it as an ordinary zip")
            unpacker = zlib.decompressobj(-15) if method == self.DEFLATED else bz2.BZ2Decompressor()
            try:
                data = unpacker.decompress(data, length + 1)  # never more than the index promised
            except (zlib.error, OSError, EOFError) as error:
                raise Unreadable(f"damaged in the archive ({error})") from None
        if len(data) != length or zlib.crc32(data) != crc:
            raise Unreadable("damaged in the archive: its checksum is wrong")
        return data


@dataclass
class Blobs(Block):
    """Encoded pictures, read already."""

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "data")

    data: list[bytes]

    def load(self, i: int) -> bytes:
        return self.data[i]


@dataclass
class Pixels(Block):
    """Decoded pictures, uint8 [N, H, W] or [N, H, W, C]; their names are their numbers."""

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "pixels")

    pixels: np.ndarray

    @property
    def has_names(self) -> bool:
        return False

    def load(self, i: int) -> np.ndarray:
        return self.pixels[i]


@dataclass
class Drawing(Block):
    """Built-in pictures to be drawn."""

    PER_PICTURE: ClassVar[tuple[str, ...]] = ("names", "numbers")

    @property
    def has_names(self) -> bool:
        return False

    picture: str
    numbers: list[int]
    size: int
    seed: int


KINDS: dict[str, type[Block]] = {kind.__name__: kind for kind in (Files, Slices, ZipMembers, Blobs, Pixels, Drawing)}


@dataclass
class Pictures:
    """All that is known of a source's pictures before one is decoded.

    Either `pick(numbers)` gives any of them as a block, or `read(start, most)` gives them in order from number `start`
    on, in blocks of at most `most`. `size` and `channels` are the source's own where it has one. `light`: a block is
    pixels that cost nothing to get, so that no child process is worth its while.
    """

    count: int
    pick: Callable[[Sequence[int]], Block] | None = None
    read: Callable[[int, int], Iterator[Block]] | None = None
    size: tuple[int, int] | None = None
    channels: int | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] | None = None
    factors: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    names: Sequence[str] = ()  # of the files, where they are known beforehand
    shards: np.ndarray | None = None  # in which of the source's files each picture lies, where these are few and large
    light: bool = False

    def blocks(self, start: int, most: int) -> Iterator[Block]:
        if self.read is not None:
            yield from self.read(start, most)
        else:
            assert self.pick is not None
            for first in range(start, self.count, most):
                yield self.pick(range(first, min(first + most, self.count)))

    def sample(self, n: int) -> Iterator[Block]:
        """About n pictures one by one: from all over where that is cheap, else the first."""
        if self.pick is None:
            yield from islice(self.blocks(0, 1), n)
        else:
            for i in sorted({i * self.count // n for i in range(n)}) if self.count > n else range(self.count):
                yield self.pick([i])


@dataclass
class Source:
    """Where pictures come from. `identity`, which the cache is keyed by, is cheap to know and differs when the content
    does; `load` does the rest, when they are not in the cache. `root` is what the names of its files are below; `array`
    the pictures themselves where they lie ready, as [N, H, W, C] in memory or in a mapped file."""

    name: str
    identity: Any
    load: Callable[[], Pictures]
    root: str = ""
    only_prepared: bool = False  # it has what comes with the pixels: the factors of drawn pictures
    array: np.ndarray | None = None

    @cached_property
    def pictures(self) -> Pictures:
        return self.load()
