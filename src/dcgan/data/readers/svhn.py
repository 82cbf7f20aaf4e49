"""SVHN's cropped digits: `train_32x32.mat`, MATLAB 5, with X [32, 32, 3, N] and y [N, 1], where 10 stands for 0.

Any .mat with such an X is read. scipy parses it in a child process.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import UserError

from ..source import Block, Pictures, Pixels, Source
from . import apart, naming

_BLOCK = 512
_GIB = 2**30


def read(path: Path, split: str | None = None) -> Source:
    if path.is_dir():
        parts = [part for part in ("train", "test", "extra") if (path / f"{part}_32x32.mat").is_file()]
        path = path / f"{naming.one_of(path, split, parts)}_32x32.mat"
    else:
        naming.no_split(path, split)
    return Source(naming.short(path), ["mat", naming.stamp([path])], lambda: _pictures(path), str(path))


def _pictures(path: Path) -> Pictures:
    memory = _GIB * (2 + 4 * path.stat().st_size // _GIB)  # SVHN's files grow by a quarter when unpacked
    shape, y = apart.call("svhn:describe", path, memory=memory)
    labels = classes = None
    if y is not None:
        labels, classes = naming.labelled([str(0 if label == 10 else label) for label in y.tolist()])

    def blocks(start: int, most: int) -> Iterator[Block]:
        for piece in apart.iterate("svhn:pictures", path, start, min(most, _BLOCK), memory=memory):
            yield Pixels([f"picture {start + i}" for i in range(len(piece))], piece)
            start += len(piece)

    height, width, channels, count = shape
    return Pictures(
        count, read=blocks, size=(height, width), channels=channels, labels=labels, classes=classes, light=True
    )


def describe(path: str) -> tuple[Any, np.ndarray | None]:
    """In the child: the shape of X as [height, width, channels, N], and y."""
    io = apart.package("scipy.io", ".mat files")
    with naming.parsing(path, "a MATLAB file"):
        found = {name: (shape, kind) for name, shape, kind in io.whosmat(path)}
        shape, kind = found.get("X", ((), ""))
        if kind != "uint8" or len(shape) != 4 or shape[2] not in (1, 3, 4) or 0 in shape:
            raise UserError(
                f"{path}: no uint8 pictures X [height, width, channels, N] in it, as SVHN's cropped digits have"
            )
        y = io.loadmat(path, variable_names=["y"]).get("y") if "y" in found else None
    if y is not None:
        if y.size != shape[3] or y.dtype.kind not in "iuf" or not ((y >= 0) & (y < 1000)).all():
            raise UserError(f"{path}: its y is not one class for each of the {shape[3]} pictures; fetch it again")
        y = y.reshape(-1).astype(np.int64)
    return [int(n) for n in shape], y


def pictures(path: str, start: int, most: int) -> Iterator[np.ndarray]:
    """In the child: blocks of uint8 [n, H, W, C]."""
    io = apart.package("scipy.io", ".mat files")
    with naming.parsing(path, "a MATLAB file"):
        X = io.loadmat(path, variable_names=["X"])["X"]
    for first in range(start, X.shape[3], most):
        yield np.ascontiguousarray(X[..., first : first + most].transpose(3, 0, 1, 2))
