"""One file for each kind of source. A reader is a module with `read(path, split) -> Source`.

`choose` looks at what lies at a path and names the reader; it is imported only then.
"""

import importlib
import os
import re
from pathlib import Path

from dcgan.errors import UserError

from ..source import Source

# What is in a folder (names below it, "/" between) or what a file is called -> its reader. The first that fits is taken.
_FOLDERS = (
    (r"[^/]*-images-idx3-ubyte(\.gz)?", "idx"),
)
_FILES = (
    (r".*-images-idx3-ubyte(\.gz)?", "idx"),
    (r".*\.np[yz]", "arrays"),
)  # fmt: skip


def read(path: Path, split: str | None = None) -> Source:
    reader = choose(path)
    return importlib.import_module(f"{__name__}.{reader}").read(path, split)


def choose(path: Path) -> str:
    if path.is_dir():
        try:
            names = os.listdir(path)
        except OSError as error:
            raise UserError(f"{path}: the folder cannot be read ({error.strerror}); check its permissions") from None
        return layout(names) or "folder"
    for pattern, reader in _FILES:
        if re.fullmatch(pattern, path.name, re.IGNORECASE):
            return reader
    raise UserError(f"{path}: no kind of data that is known here; give a folder of pictures, an archive of them, or see "
                    "the names and formats in `dcgan data --help`")  # fmt: skip


def layout(names: list[str]) -> str | None:
    """The reader for a folder that holds these names, where it is more than a folder of pictures."""
    return next((reader for pattern, reader in _FOLDERS if any(re.fullmatch(pattern, name) for name in names)), None)
