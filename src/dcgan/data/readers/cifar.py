"""CIFAR-10 and CIFAR-100: the binary version, and the python version, whose pickles are read without running them.

A record of the binary version is a label (two in CIFAR-100: coarse, fine), then 1024 red, 1024 green and 1024 blue
bytes, row by row (Krizhevsky's page).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Pictures, Source
from . import inert, naming, pixels

_PIXELS = 3 * 32 * 32
_TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read(path: Path, split: str | None = None) -> Source:
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        parts = {part: files for part in ("train", "test") if (files := _files(folder, part))}
        if not parts:
            raise UserError(f"{path}: neither train nor test pictures of CIFAR in it; fetch it again")
        files = parts[naming.one_of(path, split, list(parts))]
    else:
        naming.no_split(path, split)
        files = [path]
    binary = files[0].suffix == ".bin"
    hundred = not files[0].name.startswith(("data_batch", "test_batch"))
    load = _binary if binary else _python
    return Source(naming.short(path), ["cifar", naming.stamp(files)], lambda: load(folder, files, hundred), str(path))


def _files(folder: Path, part: str) -> list[Path]:
    ten = sorted(folder.glob("data_batch_*") if part == "train" else folder.glob("test_batch*"))
    if ten:
        return [path for path in ten if path.suffix == ten[0].suffix]
    return [path for path in (folder / f"{part}.bin", folder / part) if path.is_file()][:1]


def _binary(folder: Path, files: list[Path], hundred: bool) -> Pictures:
    heads = 2 if hundred else 1
    records = [pixels.Records.of_file(path, heads + _PIXELS, "CIFAR records") for path in files]
    labels = np.concatenate([np.array(one.map()[:, :heads]) for one in records])
    names = [
        (_lines(folder / f"{kind}_label_names.txt"), 20 if kind == "coarse" else 100) for kind in ("coarse", "fine")
    ]
    classes, coarse = (names[1], names[0]) if hundred else ((_lines(folder / "batches.meta.txt") or _TEN, 10), None)
    pick = pixels.picking(records, lambda rows: _planes(rows[:, heads:]))
    return _made(len(labels), pick, labels[:, -1], classes, labels[:, 0] if hundred else None, coarse, files[0])


def _python(folder: Path, files: list[Path], hundred: bool) -> Pictures:
    batches = [inert.load(path) for path in files]
    meta = _meta(folder, "meta" if hundred else "batches.meta")
    rows = np.concatenate([_rows(batch, path) for batch, path in zip(batches, files, strict=True)])
    fine, coarse = (
        np.concatenate([_numbers(batch, key, len(rows), path) for batch, path in zip(batches, files, strict=True)])
        for key in (("fine_labels", "coarse_labels") if hundred else ("labels", "labels"))
    )

    def pick(numbers: Sequence[int]) -> pixels.Pixels:
        return pixels.block(rows[numbers], numbers[0], _planes)

    if not hundred:
        return _made(len(rows), pick, fine, (meta.get("label_names") or _TEN, 10), None, None, files[0])
    names, kinds = (meta.get(f"{kind}_label_names", ()) for kind in ("fine", "coarse"))
    return _made(len(rows), pick, fine, (names, 100), coarse, (kinds, 20), files[0])


def _made(count, pick, labels, classes, coarse, coarse_classes, path) -> Pictures:
    names, number = classes
    if labels.max(initial=0) >= number or (coarse is not None and coarse.max(initial=0) >= coarse_classes[1]):
        raise UserError(f"{path}: a label above {number - 1}: not CIFAR, or damaged; fetch it again")
    names = tuple(names) if len(names) == number else tuple(str(i) for i in range(number))
    factors = {} if coarse is None else {"coarse": coarse.astype(np.int64)}
    return Pictures(
        count,
        pick,
        size=(32, 32),
        channels=3,
        labels=labels.astype(np.int64),
        classes=names,
        factors=factors,
        light=True,
    )


def _planes(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _lines(path: Path) -> tuple[str, ...]:
    try:
        return tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, ValueError):
        return ()


def _meta(folder: Path, name: str) -> dict[str, tuple[str, ...]]:
    try:
        found = inert.load(folder / name)
        lists = (
            {key: value for key, value in found.items() if isinstance(value, list)} if isinstance(found, dict) else {}
        )
        return {key: tuple(str(word) for word in value) for key, value in lists.items()}
    except UserError:
        return {}  # only names: pictures and labels are whole without them


def _rows(batch: object, path: Path) -> np.ndarray:
    data = batch.get("data") if isinstance(batch, dict) else None
    if (
        not isinstance(data, np.ndarray)
        or data.dtype != np.uint8
        or data.ndim != 2
        or data.shape[1] != _PIXELS
        or not len(data)
    ):
        raise UserError(
            f"{path}: not a batch of CIFAR's python version (no uint8 data of {_PIXELS} columns); fetch it again"
        )
    return data


def _numbers(batch: dict, key: str, most: int, path: Path) -> np.ndarray:
    values = batch.get(key)
    good = isinstance(values, list) and len(values) == len(batch["data"])
    if not good or not all(isinstance(value, int) and 0 <= value < 100 for value in values):
        raise UserError(f"{path}: its {key} are not a whole number for each picture; fetch it again")
    return np.array(values, dtype=np.int64)
