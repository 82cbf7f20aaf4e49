"""numpy arrays: a .npy of pictures, a .npz with pictures and perhaps labels, or an array handed over in Python.

Pictures are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels: uint8, other integers up to 255 or 65535,
or floats in 0 to 1, -1 to 1 or 0 to 255 (which of them, the whole array decides).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Block, Pixels, Source
from . import naming


def read(path: Path, split: str | None = None) -> Source:
    naming.no_split(path, split)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not an array that can be read ({error})") from None
    return of_array(array, naming.short(path), str(path), ["npy", naming.stamp(path)])


def of_array(array: np.ndarray, name: str = "array", root: str = "", identity: object = None,
             labels: np.ndarray | None = None) -> Source:  # fmt: skip
    where = root or "the array"
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4) or 0 in array.shape:
        raise UserError(f"{where}: its shape is {array.shape}; pictures are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 "
                        "channels")  # fmt: skip
    low, factor = _scale(array, where)

    def blocks(start: int, most: int) -> Iterator[Block]:
        for first in range(start, len(array), most):
            piece = array[first : first + most]
            if piece.dtype != np.uint8:
                piece = np.rint((piece.astype(np.float64) - low) * factor).astype(np.uint8)
            yield Pixels.of(np.ascontiguousarray(piece), first)

    def sample(n: int) -> Iterator[Block]:
        yield from blocks(0, n)

    identity = identity or ["array", array.shape, array.dtype.str, _content(array)]
    return Source(name, identity, len(array), blocks, root, size=array.shape[1:3], channels=array.shape[3], labels=labels,
                  light=True, sample=sample)  # fmt: skip


def _scale(array: np.ndarray, where: str) -> tuple[float, float]:
    """(lowest, factor) that bring the numbers to 0 .. 255."""
    if array.dtype == np.uint8:
        return 0.0, 1.0
    if array.dtype.kind not in "iufb":
        raise UserError(f"{where}: its numbers are of type {array.dtype}; pictures are integers or floats")
    rows = max(1, (16 << 20) // max(1, array[0].nbytes))
    ends = [(array[i : i + rows].min(), array[i : i + rows].max()) for i in range(0, len(array), rows)]
    low, high = float(min(end[0] for end in ends)), float(max(end[1] for end in ends))
    if array.dtype.kind == "f":
        known = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
    else:
        known = ((0.0, 1.0),) if array.dtype.kind == "b" else ((0.0, 255.0), (0.0, 65535.0))
    for least, most in known:
        if least <= low and high <= most:
            return least, 255 / (most - least)
    raise UserError(f"{where}: its numbers go from {low:g} to {high:g}; pictures are 0 to 255 or 65535, or floats in 0 to 1 or -1 to 1")


def _content(array: np.ndarray) -> str:
    seal = hashlib.sha256()
    rows = max(1, (16 << 20) // max(1, array[0].nbytes))
    for i in range(0, len(array), rows):
        seal.update(np.ascontiguousarray(array[i : i + rows]).data)
    return seal.hexdigest()
