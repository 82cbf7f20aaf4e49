"""MNIST's files and their kin: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, gzipped or not.

IDX (LeCun's page): two zero bytes, 8 for unsigned bytes, the number of dimensions, each dimension as a big-endian
uint32, then the numbers. EMNIST's pictures are stored transposed, and its classes stand in a `-mapping.txt`.
"""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Block, Pixels, Source
from . import naming

_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_SPLITS = {"train": "train", "test": "t10k"}


def read(path: Path, split: str | None = None, name: str | None = None) -> Source:
    if path.is_dir():
        images = _in_folder(path, split)
    else:
        naming.no_split(path, split)
        images = path
    labels_path = _beside(images, "labels-idx1-ubyte")
    pixels = load(images, 3)
    labels = load(labels_path, 1).astype(np.int64) if labels_path else None
    if labels is not None and len(labels) != len(pixels):
        raise UserError(f"{labels_path}: {len(labels)} labels for {len(pixels)} pictures; one of the files is damaged")
    if images.name.startswith("emnist"):
        pixels = pixels.transpose(0, 2, 1)
    classes = None
    if labels is not None:
        labels, classes = _classes(images, labels)

    def blocks(start: int, most: int) -> Iterator[Block]:
        for first in range(start, len(pixels), most):
            yield Pixels.of(np.ascontiguousarray(pixels[first : first + most]), first)

    files = naming.stamp(*([images] if labels_path is None else [images, labels_path]))
    return Source(name or naming.short(path), ["idx", files, classes], len(pixels), blocks, str(path), size=pixels.shape[1:],
                  channels=1, labels=labels, classes=classes, light=True)  # fmt: skip


def load(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array in an IDX file."""
    try:
        with gzip.open(path) if _is_gzip(path) else open(path, "rb") as file:
            head = file.read(4 + 4 * dimensions)
            if len(head) < 4 + 4 * dimensions or head[:4] != bytes((0, 0, 8, dimensions)):
                raise UserError(f"{path}: not an IDX file of {dimensions} dimension{'s'[: dimensions > 1]}; it begins with "
                                f"{head[:4].hex(' ') or 'nothing'}")  # fmt: skip
            shape = struct.unpack(f">{dimensions}I", head[4:])
            return _numbers(file, shape, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: a damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise UserError(f"{path}: it cannot be read ({error.strerror or error})") from None


def _numbers(file, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """As many bytes as the header promises; read piece by piece, so that a false promise takes no memory."""
    wanted = int(np.prod([int(n) for n in shape], dtype=object))
    if not wanted:
        raise UserError(f"{path}: it holds nothing")
    pieces, got = [], 0
    while got <= wanted and (piece := file.read(min(1 << 24, wanted + 1 - got))):
        pieces.append(piece)
        got += len(piece)
    if got != wanted:
        raise UserError(f"{path}: damaged: {'more than ' if got > wanted else ''}{min(got, wanted)} bytes of numbers, "
                        f"where {' x '.join(map(str, shape))} are promised")  # fmt: skip
    return np.frombuffer(b"".join(pieces), dtype=np.uint8).reshape(shape)


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _in_folder(folder: Path, split: str | None) -> Path:
    found = {}
    for path in sorted(folder.iterdir()):
        if match := re.fullmatch(r"(.*)-images-idx3-ubyte(\.gz)?", path.name):
            found.setdefault(match[1], path)
    parts = [part for part in _SPLITS if _SPLITS[part] in found] + [key for key in found if key not in _SPLITS.values()]
    part = naming.one_of(str(folder), split, parts)
    return found[_SPLITS.get(part, part)]


def _beside(images: Path, kind: str) -> Path | None:
    name = images.name.replace("images-idx3-ubyte", kind)
    for path in (images.with_name(name), images.with_name(name.removesuffix(".gz")), images.with_name(name + ".gz")):
        if name != images.name and path.is_file():
            return path
    return None


def _classes(images: Path, labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels from 0, and their names."""
    mapping = images.with_name(re.sub(r"-(train|test)-images.*", "-mapping.txt", images.name))
    if mapping.name != images.name and mapping.is_file():  # "10 65": label 10 is ASCII's 65, A; letters' labels begin at 1
        rows = [[int(number) for number in line.split()] for line in mapping.read_text("ascii").splitlines() if line.strip()]
        names = {row[0]: "".join(dict.fromkeys(chr(code) for code in row[1:])) for row in rows}
        known = np.array(sorted(names), dtype=np.int64)
        if np.isin(labels, known).all():
            return np.searchsorted(known, labels), tuple(names[int(label)] for label in known)
    if "fashion" in str(images.absolute()).lower() and labels.max() < len(_FASHION):
        return labels, _FASHION
    return labels, tuple(str(i) for i in range(max(10, int(labels.max()) + 1)))
