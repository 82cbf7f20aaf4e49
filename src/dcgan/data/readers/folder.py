"""A folder of pictures, flat or nested, with links in it; a sub-folder is a class.

Where all pictures lie in one sub-folder, that is the folder. Every entry ends up as a picture or among the skipped.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Block, Files, Skipped, Source, spread
from . import naming

# Names that Pillow's formats go by. A file called otherwise is a picture when it begins like one.
_SUFFIXES = frozenset(
    "jpg jpeg jpe jfif jif mpo png apng webp avif avifs gif bmp dib tif tiff ppm pgm pbm pnm pfm tga ico icns jp2 j2k jpx "
    "pcx sgi rgb dds xbm xpm qoi heic heif".split()
)
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"qoif")


def read(path: Path, split: str | None = None) -> Source:
    naming.no_split(path, split)
    found = _Walk(path)
    names = sorted(found.files)
    if not names and not found.skipped:
        raise UserError(f"{path}: the folder is empty; put pictures in it, or name another")
    if not names and not any(one.bad for one in found.skipped):
        raise UserError(f"{path}: no pictures in it, only {_summary(found.skipped)}")
    found.skipped.sort(key=lambda one: one.path)
    stamps = np.array([found.files[name] for name in names], dtype=np.int64).reshape(-1, 2)
    identity = ["files", naming.seal(names), naming.seal([stamps.tobytes().hex()]), [one.path for one in found.skipped]]
    labels, classes = naming.classes_of(names)
    return of_files(naming.short(path), str(path), names, identity, labels, classes, found.skipped)


def of_files(name: str, root: str, names: list[str], identity: object, labels: np.ndarray | None,
             classes: tuple[str, ...] | None, skipped: list[Skipped]) -> Source:  # fmt: skip
    def blocks(start: int, most: int) -> Iterator[Block]:
        for first in range(start, len(names), most):
            yield Files(names[first : first + most], root)

    def sample(n: int) -> Iterator[Block]:
        for i in spread(len(names), n):
            yield Files([names[i]], root)

    return Source(name, identity, len(names), blocks, root, labels=labels, classes=classes, skipped=skipped, sample=sample)


class _Walk:
    """files: {name below the root: (bytes, modified)}; skipped: all else. Real folders are entered before links to
    folders, and none twice: a cycle of links ends, and so does a maze of them."""

    def __init__(self, root: Path):
        self.files: dict[str, tuple[int, int]] = {}
        self.skipped: list[Skipped] = []
        self._seen: set[tuple[int, int]] = set()
        self._links: list[tuple[str, str]] = []
        self._enter(str(root), "")
        while self._links:
            self._links.sort(reverse=True)
            _, path, prefix = (*self._links[-1][:1], *self._links.pop())
            self._enter(path, prefix)

    def _enter(self, path: str, prefix: str) -> None:
        waiting = [(path, prefix)]
        while waiting:
            path, prefix = waiting.pop()
            try:
                about = os.stat(path)
                if (about.st_dev, about.st_ino) in self._seen and about.st_ino:
                    self.skipped.append(Skipped(prefix.rstrip("/"), "a link to a folder that is read already", bad=False))
                    continue
                self._seen.add((about.st_dev, about.st_ino))
                with os.scandir(path) as entries:
                    for entry in entries:
                        if self._entry(entry, prefix + entry.name):
                            waiting.append((entry.path, prefix + entry.name + "/"))
            except OSError as error:
                if not prefix:
                    raise UserError(f"{path}: the folder cannot be read ({error.strerror}); check its permissions") from None
                self.skipped.append(Skipped(prefix.rstrip("/"), f"a folder that cannot be read: {error.strerror}"))

    def _entry(self, entry: os.DirEntry[str], name: str) -> bool:
        """Take note of one entry; whether it is a folder to enter now."""
        try:
            if entry.is_dir(follow_symlinks=False):
                return True
            if entry.is_dir():
                self._links.append((entry.path, name + "/"))
                return False
            about = entry.stat()
        except OSError as error:
            why = "a link to nothing" if entry.is_symlink() else f"cannot be read: {error.strerror}"
            self.skipped.append(Skipped(name, why))
            return False
        if not stat.S_ISREG(about.st_mode):
            self.skipped.append(Skipped(name, "not an ordinary file", bad=False))
        elif _is_picture(entry):
            self.files[name] = (about.st_size, about.st_mtime_ns)
        else:
            self.skipped.append(Skipped(name, "not a picture", bad=False))
        return False


def _is_picture(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("._"):  # macOS's notes beside a file that bears the rest of the name
        return False
    if entry.name.rpartition(".")[2].lower() in _SUFFIXES and "." in entry.name[1:]:
        return True
    return begins_like_picture(entry.path)


def begins_like_picture(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return False
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    return webp or start[4:12] == b"ftypavif" or start.startswith(_BEGINNINGS)


def _summary(skipped: list[Skipped]) -> str:
    rest = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return ", ".join(one.path for one in skipped[:3]) + rest
