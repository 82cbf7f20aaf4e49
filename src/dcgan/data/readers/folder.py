"""A folder of pictures, flat or nested, with links in it; a sub-folder is a class. Or one picture.

Where everything lies in one sub-folder, that is looked through. Every entry ends up as a picture or among the skipped.
What a system hides there and what this program left there (a run's folder) are no pictures of the user's, and may come
and go: they do not make the set another.
"""

import os
import stat
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Files, Pictures, Skipped, Source
from . import naming

HIDDEN, RUN = "hidden", "a run of dcgan's"  # reasons of what may come and go
THUMBNAILS = "@eaDir"  # what some network drives put beside pictures


def read(path: Path, split: str | None = None) -> Source:
    naming.no_split(path, split)
    if path.is_file():
        names, root = [path.name], str(path.parent)
        return Source(naming.short(path), ["files", naming.stamp([path])], lambda: of_files(names, root), root)
    found = Walk(path)
    if not found.names and not found.skipped:
        raise UserError(f"{path}: the folder is empty; put pictures in it, or name another")
    if not found.names and not any(one.bad for one in found.skipped):
        raise UserError(f"{path}: no pictures in it, only {_summary(found.skipped)}; name a folder that holds some")
    identity = ["folder", found.identity]
    return Source(naming.short(path), identity, lambda: of_files(found.names, str(path), found.skipped), str(path))


def of_files(names: Sequence[str], root: str, skipped: Sequence[Skipped] = ()) -> Pictures:
    def pick(numbers: Sequence[int]) -> Files:
        return Files([names[i] for i in numbers], root)

    labels, classes = naming.classes_of(names)
    return Pictures(len(names), pick, labels=labels, classes=classes, skipped=list(skipped), names=names)


class Walk:
    """All that lies below a folder: `names` of pictures, sorted, and `skipped`, which is the rest.

    Real folders are entered before links to folders, and none twice: a cycle of links ends, and so does a maze.
    """

    def __init__(self, root: Path, wanted: Callable[[str], bool] = lambda name: True):
        names: list[str] = []
        self._names, self._wanted = names, wanted
        self._stamps = array("q")  # size, mtime of each: a million of them take 16 MB
        self.skipped: list[Skipped] = []
        self._seen: set[tuple[int, int]] = set()
        self._links: list[tuple[str, str]] = []
        self._enter(str(root), "")
        while self._links:
            self._links.sort(key=lambda link: link[1], reverse=True)
            self._enter(*self._links.pop())
        order = sorted(range(len(names)), key=names.__getitem__)
        self.names = [names[i] for i in order]
        stamps = np.array(self._stamps, dtype=np.int64).reshape(-1, 2)[order]
        self.skipped.sort(key=lambda one: one.path)
        rest = (f"{one.path}: {one.reason}" for one in self.skipped if one.reason not in (HIDDEN, RUN))
        self.identity = [naming.seal(self.names), naming.seal([stamps.tobytes().hex()]), naming.seal(rest)]

    def _enter(self, path: str, prefix: str) -> None:
        waiting = [(path, prefix)]
        while waiting:
            path, prefix = waiting.pop()
            try:
                about = os.stat(path)
                if about.st_ino and (about.st_dev, about.st_ino) in self._seen:
                    self._skip(prefix[:-1], "a link to a folder that is read already", bad=False)
                    continue
                self._seen.add((about.st_dev, about.st_ino))
                with os.scandir(path) as entries:
                    waiting += [
                        (entry.path, f"{prefix}{entry.name}/") for entry in entries if self._note(entry, prefix)
                    ]
            except OSError as error:
                if not prefix:
                    raise UserError(
                        f"{path}: the folder cannot be read ({error.strerror}); check its permissions"
                    ) from None
                self._skip(prefix[:-1], f"a folder that cannot be read: {error.strerror}")

    def _note(self, entry: os.DirEntry[str], prefix: str) -> bool:
        """Take note of one entry; whether it is a folder to enter now."""
        name = prefix + entry.name
        if entry.name.startswith(".") or entry.name == THUMBNAILS:
            self._skip(name, HIDDEN, bad=False)
            return False
        try:
            if entry.is_dir():
                if _is_run(entry.path):
                    self._skip(name, RUN, bad=False)
                    return False
                if entry.is_dir(follow_symlinks=False):
                    return True
                self._links.append((entry.path, name + "/"))
                return False
            about = entry.stat()
            if not stat.S_ISREG(about.st_mode):
                self._skip(name, "not an ordinary file", bad=False)
            elif not naming.is_picture(name, lambda: _start(entry.path)):
                self._skip(name, "not a picture", bad=False)
            elif self._wanted(name):
                self._names.append(name)
                self._stamps.extend((about.st_size, about.st_mtime_ns))
        except OSError as error:
            self._skip(name, "a link to nothing" if entry.is_symlink() else f"cannot be read: {error.strerror}")
        return False

    def _skip(self, name: str, reason: str, bad: bool = True) -> None:
        self.skipped.append(Skipped(name, reason, bad))


def _is_run(path: str) -> bool:
    return all(os.path.isfile(os.path.join(path, name)) for name in ("config.json", "log.jsonl"))


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(16)


def _summary(skipped: list[Skipped]) -> str:
    rest = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return ", ".join(one.path for one in skipped[:3]) + rest
