"""STL-10's binary files: `train_X.bin`, `train_y.bin`, `unlabeled_X.bin` ...

A record is 3 planes of 96 x 96 bytes, each column by column (Coates' page); labels are 1 to 10.
"""

from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Pictures, Source
from . import naming, pixels

_SIDE = 96


def read(path: Path, split: str | None = None) -> Source:
    if path.is_dir():
        parts = [part for part in ("train", "test", "unlabeled") if (path / f"{part}_X.bin").is_file()]
        images = path / f"{naming.one_of(path, split, parts)}_X.bin"
    else:
        naming.no_split(path, split)
        images = path
    labels = images.with_name(images.name.replace("_X", "_y"))
    files = [images, labels] if labels != images and labels.is_file() else [images]
    return Source(naming.short(path), ["stl10", naming.stamp(files)], lambda: _pictures(files), str(path))


def _pictures(files: list[Path]) -> Pictures:
    records = pixels.Records.of_file(files[0], 3 * _SIDE * _SIDE, "STL-10 pictures")
    found = Pictures(records.count, pixels.picking([records], _upright), size=(_SIDE, _SIDE), channels=3, light=True)
    if len(files) > 1:
        labels = np.fromfile(files[1], np.uint8)
        if len(labels) != records.count or not labels.min(initial=255) >= 1 or labels.max() > 10:
            raise UserError(
                f"{files[1]}: not one label from 1 to 10 for each of {records.count} pictures; fetch it again"
            )
        found.labels, found.classes = labels.astype(np.int64) - 1, _names(files[0].with_name("class_names.txt"))
    return found


def _upright(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 3, 2, 1)  # [N, C, x, y] -> [N, y, x, C]


def _names(path: Path) -> tuple[str, ...]:
    try:
        names = tuple(path.read_text("utf-8").split())
    except (OSError, ValueError):
        names = ()
    return names if len(names) == 10 else tuple(str(i) for i in range(10))
