"""numpy arrays: a .npy of pictures, a .npz with pictures and perhaps labels, or an array handed over in Python.

Pictures are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels: uint8, other integers up to 255 or 65535,
or floats in 0 to 1, -1 to 1 or 0 to 255 (which of them, the whole array decides). Pickled objects are never read.
"""

import hashlib
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from dcgan.errors import UserError

from ..source import Block, Pictures, Pixels, Source
from . import naming

_IMAGES = (
    "images",
    "x",
    "x_train",
    "train_images",
    "pictures",
    "data",
    "arr_0",
)  # names that people give, in this order
_LABELS = ("labels", "y", "y_train", "train_labels", "label", "arr_1")
_PIECE = 16 << 20  # bytes looked at at once


def read(path: Path, split: str | None = None) -> Source:
    naming.no_split(path, split)
    name, identity = naming.short(path), ["numpy", naming.stamp([path])]
    with open(path, "rb") as file:
        if file.read(4) == b"PK\x03\x04":
            return Source(name, identity, lambda: _of_npz(path), str(path))
    with naming.parsing(path, "a numpy array"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    array = _pictures_last(array, str(path))
    return Source(name, identity, lambda: _of_array(array, str(path)), str(path), array=array)


def of_array(array: np.ndarray) -> Source:
    """A source of what somebody has in memory."""
    array = _pictures_last(array, "the array")
    seal = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    for piece in _pieces(array):
        seal.update(np.ascontiguousarray(piece).data)
    return Source("array", ["array", seal.hexdigest()], lambda: _of_array(array, "the array"), array=array)


def _pictures_last(array: np.ndarray, where: str) -> np.ndarray:
    """[N, H, W, C], as a view."""
    _check(array.shape, array.dtype, where)
    array = array[..., None] if array.ndim == 3 else array
    return array.transpose(0, 2, 3, 1) if array.shape[3] not in (1, 3, 4) else array


def _check(shape: tuple[int, ...], dtype: np.dtype, where: str) -> None:
    fits = len(shape) == 3 or (len(shape) == 4 and (shape[3] in (1, 3, 4) or shape[1] in (1, 3, 4)))
    if not fits or 0 in shape:
        raise UserError(
            f"{where}: its shape is {tuple(shape)}; "
            "pictures are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels"
        )
    if dtype.kind not in "iufb":
        raise UserError(f"{where}: its numbers are of type {dtype}; pictures are integers or floats")


def _of_array(array: np.ndarray, where: str) -> Pictures:
    scale = _scale(array.dtype, ((piece.min(), piece.max()) for piece in _pieces(array)), where)

    def pick(numbers: Sequence[int]) -> Pixels:
        piece = array[numbers[0] : numbers[-1] + 1] if isinstance(numbers, range) else array[list(numbers)]
        return _block(piece, numbers[0], scale)

    return Pictures(len(array), pick, size=array.shape[1:3], channels=array.shape[3], light=True)


def _of_npz(path: Path) -> Pictures:
    """The pictures in a .npz, unpacked as they are read: however large they claim to be, a block of them is held."""
    with naming.parsing(path, "a numpy archive"):
        members = _members(path)
        found = next(
            (members[name] for name in (*_IMAGES, *sorted(members)) if name in members and members[name].fits), None
        )
        if found is None:
            raise UserError(f"{path}: no array of pictures in it, only {', '.join(sorted(members)) or 'nothing'}")
        _check(found.shape, found.dtype, f"{path}: {found.name}")
        labels = next(
            (members[name] for name in _LABELS if name in members and members[name].shape == found.shape[:1]), None
        )
        scale = _scale(found.dtype, ((rows.min(), rows.max()) for rows in _stream(path, found, 0, 256)), str(path))
        known = (
            None
            if labels is None or labels.dtype.kind not in "iu"
            else np.concatenate([*_stream(path, labels, 0, 1 << 16)])
        )

    def blocks(start: int, most: int) -> Iterator[Block]:
        with naming.parsing(path, "a numpy archive"):
            for rows in _stream(path, found, start, most):
                yield _block(_pictures_last(rows, str(path)), start, scale)
                start += len(rows)

    height, width, channels = _pictures_last(np.empty((1, *found.shape[1:]), np.uint8), str(path)).shape[1:]
    pictures = Pictures(found.shape[0], read=blocks, size=(height, width), channels=channels, light=True)
    if known is not None and known.min(initial=0) >= 0:
        pictures.labels, pictures.classes = naming.labelled([str(label) for label in known.tolist()])
    return pictures


@dataclass
class _Member:
    name: str
    file: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def fits(self) -> bool:
        return len(self.shape) in (3, 4) and self.dtype.kind in "iufb" and 0 not in self.shape


def _members(path: Path) -> dict[str, _Member]:
    found = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                with archive.open(info) as file:
                    shape, fortran, dtype = _header(file)
                    size = file.tell() + int(np.prod(np.array(shape, dtype=object))) * dtype.itemsize
                if dtype.hasobject or (fortran and len(shape) > 1):
                    continue  # pickled objects, or an order in which rows cannot be read one after another
                if size != info.file_size:
                    raise ValueError(f"{info.filename} promises {size} bytes and has {info.file_size}")
                name = info.filename.removesuffix(".npy")
                found[name.lower()] = _Member(name, info.filename, shape, dtype)
    return found


def _header(file: IO[bytes]) -> Any:
    version = np.lib.format.read_magic(file)
    return (np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)


def _stream(path: Path, member: _Member, start: int, most: int) -> Iterator[np.ndarray]:
    """Rows of a member, in order."""
    width = int(np.prod(member.shape[1:], dtype=np.int64)) * member.dtype.itemsize
    with _opened(path, member.file) as file:
        _header(file)
        left = start * width
        while left and (passed := len(file.read(min(left, _PIECE)))):
            left -= passed
        for first in range(start, member.shape[0], most):
            count = min(most, member.shape[0] - first)
            data = file.read(count * width)
            if len(data) < count * width:
                raise ValueError(f"{member.file} is cut short")
            yield np.frombuffer(data, member.dtype).reshape(count, *member.shape[1:])


@contextmanager
def _opened(path: Path, name: str) -> Generator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive, archive.open(name) as file:
        yield file


def _block(piece: np.ndarray, first: int, scale: tuple[float, float]) -> Pixels:
    low, factor = scale
    if piece.dtype != np.uint8:
        piece = np.rint((piece.astype(np.float64) - low) * factor).astype(np.uint8)
    return Pixels([f"picture {first + i}" for i in range(len(piece))], np.ascontiguousarray(piece))


def _scale(dtype: np.dtype, ends: Iterator[tuple[Any, Any]], where: str) -> tuple[float, float]:
    """(lowest, factor) that bring the numbers to 0 .. 255; `ends` are looked at only where they matter."""
    if dtype == np.uint8:
        return 0.0, 1.0
    pairs = np.array([(float(low), float(high)) for low, high in ends])
    low, high = float(pairs[:, 0].min()), float(pairs[:, 1].max())  # numpy's: NaN in any piece is NaN
    whole = {"b": ((0.0, 1.0),), "f": ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))}
    for least, most in whole.get(dtype.kind, ((0.0, 255.0), (0.0, 65535.0))):
        if least <= low and high <= most:
            return least, 255 / (most - least)
    raise UserError(
        f"{where}: its numbers go from {low:g} to {high:g}; "
        "pictures are 0 to 255 or 65535, or floats in 0 to 1 or -1 to 1"
    )


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, _PIECE // max(1, array[0].nbytes))
    return (array[i : i + rows] for i in range(0, len(array), rows))
