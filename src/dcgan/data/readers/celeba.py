"""CelebA: `img_align_celeba` (a folder or a .zip) with `list_attr_celeba` and `list_eval_partition` beside it, as the
makers' .txt or as .csv. The 40 attributes and the identities come along as factors; the parts are train, valid, test.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Block, Pictures, Source
from . import folder, naming
from . import zip as zip_

_PARTS = {"train": 0, "valid": 1, "test": 2}  # as list_eval_partition numbers them


def read(path: Path, split: str | None = None) -> Source:
    images = path if path.name.startswith("img_align_celeba") else path / "img_align_celeba"
    images = images if images.exists() else images.with_name("img_align_celeba.zip")
    if not images.exists():
        raise UserError(
            f"{path}: CelebA's attributes without its pictures; put img_align_celeba.zip or its folder there"
        )
    tables = {
        name: _table(images.parent, name) for name in ("list_attr_celeba", "list_eval_partition", "identity_CelebA")
    }
    files = [file for file in tables.values() if file is not None]
    if tables["list_eval_partition"] is None:
        naming.no_split(path, split)
        part = None
    else:
        part = naming.one_of(path, split, [*_PARTS, "all"])
    if images.is_dir():
        walk = folder.Walk(images)
        identity, load = walk.identity, lambda: folder.of_files(walk.names, str(images), walk.skipped)
    else:
        identity, load = naming.stamp([images]), lambda: zip_.index(images)
    about = ["celeba", identity, naming.stamp(files), part]
    return Source("celeba", about, lambda: _known(load(), tables, part), str(images))


def _table(where: Path, name: str) -> Path | None:
    return next((path for suffix in (".txt", ".csv") if (path := where / f"{name}{suffix}").is_file()), None)


def _known(pictures: Pictures, tables: dict[str, Path | None], part: str | None) -> Pictures:
    keep = np.arange(pictures.count)
    stems = [name.rpartition("/")[2].rpartition(".")[0] for name in pictures.names]
    if part is not None and part != "all":
        (numbers,) = _columns(tables["list_eval_partition"], stems).values()
        keep = np.flatnonzero(numbers == _PARTS[part])
    factors = {}
    for name in ("list_attr_celeba", "identity_CelebA"):
        if tables[name] is not None:
            factors |= _columns(tables[name], [stems[i] for i in keep])
    factors = {name: values > 0 if set(np.unique(values)) <= {-1, 0, 1} else values for name, values in factors.items()}
    inner = pictures.pick
    assert inner is not None

    def pick(numbers: Sequence[int]) -> Block:
        return inner(keep[numbers].tolist())

    return replace(pictures, count=len(keep), pick=pick, labels=None, classes=None, factors=factors)


def _columns(path: Path | None, stems: list[str]) -> dict[str, np.ndarray]:
    """A table's columns of whole numbers, in the order of our pictures."""
    assert path is not None
    with naming.parsing(path, "one of CelebA's tables"):
        lines = [re.split(r"[\s,]+", line.strip()) for line in path.read_text("utf-8").splitlines() if line.strip()]
        if len(lines[0]) == 1 and lines[0][0].isdigit():  # the .txt begin with a count
            lines = lines[1:]
        heads = lines.pop(0) if not re.fullmatch(r"-?\d+", lines[0][-1]) else [path.stem] * (len(lines[0]) - 1)
        heads = heads[len(heads) - len(lines[0]) + 1 :]  # the .csv name their first column too
        rows = {line[0].rpartition(".")[0]: number for number, line in enumerate(lines)}
        values = np.array([line[1:] for line in lines], dtype=np.int64)
        missing = next((stem for stem in stems if stem not in rows), None)
        if missing is not None:
            raise UserError(
                f"{path}: nothing in it about {missing}; it does not belong to these pictures, or is cut short"
            )
        chosen = values[[rows[stem] for stem in stems]]
    return {name: chosen[:, i] for i, name in enumerate(heads)}
