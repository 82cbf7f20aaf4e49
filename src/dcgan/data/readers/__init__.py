"""One file for each kind of source. A reader is a module with `read(path, split) -> Source`.

`read` looks at what lies at a path and calls the reader for it, which is imported only then.
"""

import importlib
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dcgan.errors import UserError

from ..source import Source
from . import naming

# What is in a folder -> its reader: the first that fits is taken, and a folder of pictures if none does.
_FOLDERS = (
    (r".*-images[.-]idx3-ubyte(\.gz)?", "idx"),
    (r"(data_batch_\d+|test_batch)(\.bin)?", "cifar"),
    (r"fine_label_names\.txt|train\.bin", "cifar"),
    (r"(train|test|unlabeled)_X\.bin", "stl10"),
    (r"(train|test|extra)_32x32\.mat", "svhn"),
    (r"data\.mdb", "lsun"),
    (r"list_attr_celeba\.(txt|csv)|img_align_celeba(\.zip|/)?", "celeba"),
)
_SHARDS = ((r".*\.parquet", "parquet"), (r".*\.(tar|tar\.gz|tgz)", "tar"))  # ... where no picture lies beside them
# What a file is called, or begins with -> its reader.
_FILES = (
    *_FOLDERS,
    *_SHARDS,
    (r".*\.zip", "zip"),
    (r".*\.(tar\.(bz2|xz)|tbz2?|txz)", "tar"),
    (r".*\.np[yz]", "arrays"),
    (r".*\.mat", "svhn"),
    (r".*\.(mdb|lmdb)", "lsun"),
    (r".*\.(txt|lst|list|tsv)", "paths"),
)
_BEGINNINGS = (
    (rb"PK\x03\x04", "zip"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\0|.{257}ustar", "tar"),
    (rb"\x93NUMPY", "arrays"),
    (rb"PAR1", "parquet"),
    (rb"\0\0\x08\x03", "idx"),
    (rb"MATLAB", "svhn"),
)


def read(path: Path, split: str | None = None) -> Source:
    try:
        where, reader = _of_folder(path) if path.is_dir() else (path, _of_file(path))
    except OSError as error:
        raise UserError(f"{path}: it cannot be read ({error.strerror}); check its permissions") from None
    return named(reader).read(where, split)


def named(reader: str):
    return importlib.import_module(f"{__name__}.{reader}")


def of_names(names: Iterable[str]) -> str | None:
    """The reader for a folder that holds these names, where it is more than a folder of pictures."""
    names = list(names)
    if {"train", "test", "meta"} <= set(names):
        return "cifar"  # CIFAR-100's python version
    kinds = _FOLDERS if any(naming.has_suffix(name) for name in names) else _FOLDERS + _SHARDS
    return next((reader for pattern, reader in kinds if any(re.fullmatch(pattern, name) for name in names)), None)


def _listed(folder: Path) -> list[str]:
    """What is in it, folders with a slash behind their name: one called train is not CIFAR-100's file."""
    with os.scandir(folder) as entries:
        names = [entry.name + "/" * _is_dir(entry) for entry in entries if not entry.name.startswith(".")]
    others = [name for name in names if not any(re.fullmatch(pattern, name) for pattern, _ in _SHARDS)]
    beside = len(others) < len(names) and any(_shows(folder / name) for name in others if name.endswith("/"))
    return others if beside else names


def _is_dir(entry: os.DirEntry) -> bool:
    with suppress(OSError):  # a link in a circle
        return entry.is_dir()
    return False


def _shows(folder: Path) -> bool:
    """Whether pictures lie right in it, going by their names."""
    with suppress(PermissionError), os.scandir(folder) as entries:
        return any(naming.has_suffix(entry.name) for entry in entries)
    return False


def _of_folder(path: Path) -> tuple[Path, str]:
    """What is read, and its reader: the only folder in a folder is looked into, and so on, since archives often hold
    everything in one."""
    where = path
    while (reader := of_names(names := _listed(where))) is None:
        folders = [name for name in names if name.endswith("/")]
        if "data/" in folders and of_names(_listed(where / "data")) == "parquet":  # Hugging Face's layout
            folders = ["data/"]
        elif len(names) != 1:
            return path, "folder"
        if len(folders) != 1 or (where / folders[0]).is_symlink():
            return path, "folder"
        where = where / folders[0]
    return where, reader


def _of_file(path: Path) -> str:
    for pattern, reader in _FILES:
        if re.fullmatch(pattern, path.name, re.IGNORECASE):
            return reader
    if not path.is_file():
        raise UserError(f"{path}: neither a file nor a folder")
    with open(path, "rb") as file:
        start = file.read(512)
    if naming.is_picture(path.name, lambda: start[:16]):
        return "folder"
    for pattern, reader in _BEGINNINGS:
        if re.match(pattern, start, re.DOTALL):
            return reader
    raise UserError(
        f"{path}: no kind of data that is known here; DATA is a folder of pictures, an archive (.zip, .tar), an array "
        "(.npy, .npz), a table (.parquet), a list of pictures (.txt), a published set's file, or a name: faces, rooms, "
        "numbers"
    )
