"""What readers share: short names, classes from paths, and what a file is known by."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dcgan.errors import UserError


def short(path: Path) -> str:
    """A name for runs and cache folders: "Holiday Pictures.zip" -> "holiday-pictures"."""
    path = Path(path.absolute())
    name = path.name if path.is_dir() else path.name.split(".")[0] or path.name
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return "-".join(words)[:60] or "pictures"


def seal(texts: Iterable[str]) -> str:
    """One short text that stands for many."""
    hasher = hashlib.sha256()
    for text in texts:
        hasher.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return hasher.hexdigest()[:32]


def stamp(*paths: Path) -> list[list[object]]:
    """What the cache knows these files by: cheap, and different when they are written anew."""
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in paths]


def classes_of(names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels int64 [N] and class names from "class/picture.png"; a folder that holds everything is looked through."""
    depth = 0
    while len({name.split("/")[depth] for name in names}) == 1 and all(name.count("/") > depth for name in names):
        depth += 1
    tops = [name.split("/")[depth] if name.count("/") > depth else "." for name in names]
    if set(tops) <= {"."}:
        return None, None
    classes = tuple(sorted(set(tops)))
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[top] for top in tops], dtype=np.int64), classes


def no_split(path: Path, split: str | None) -> None:
    if split is not None:
        raise UserError(f"{path}:{split}: this kind of data has no parts by name; give its path alone")


def one_of(name: str, split: str | None, splits: Sequence[str]) -> str:
    """The part that is asked for, the first by default."""
    if split is not None and split not in splits:
        raise UserError(f"{name}:{split}: there is no such part; there are: {', '.join(splits)}")
    return split or splits[0]
