"""The runs in the named folder, and the only way to their files.

A request names a run by the name that this listing gave it, and a file by what it is (the sample of step 250). No
path is ever made of a request's words, and what a link inside the folder points to outside of it is not served.
"""

import os
import stat
import threading
import time
from pathlib import Path
from typing import BinaryIO

from dcgan import folder as folders
from dcgan.errors import UserError
from dcgan.folder import Folder

EVERY = 2.0  # seconds between two looks for new runs, at least
LARGEST = 64 * 2**20  # bytes of a file that is read whole


class Refused(Exception):
    """There is no such thing, or it is not to be served: 404, without saying which."""


class Library:
    def __init__(self, root: Path | str):
        """A run, or a folder of runs; it may be made later (the run that is just starting)."""
        self.path = Path(root)
        self.root = self.path.resolve()
        self._found: dict[str, Folder] = {}
        self._next = 0.0
        self._lock = threading.Lock()

    def runs(self) -> dict[str, Folder]:
        """By name: the path below the folder, with slashes; a single run's own name."""
        with self._lock:
            now = time.monotonic()
            if now >= self._next:
                self._found = {name: folder for name, folder in self._look() if self.ours(folder.config_file)}
                # A folder that takes long to look through is looked through seldom.
                self._next = time.monotonic() + max(EVERY, 20 * (time.monotonic() - now))
            return self._found

    def _look(self) -> list[tuple[str, Folder]]:
        if Folder(self.root).exists:
            return [(self.root.name, Folder(self.root))]
        try:
            found = folders.runs(self.root)
        except (UserError, OSError):
            return []
        return [(one.path.relative_to(self.root).as_posix(), one) for one in found]

    def run(self, name: str) -> Folder:
        """The run of that name. `Refused` where there is none."""
        found = self.runs().get(name)
        if found is None or not self.ours(found.config_file):
            raise Refused(name)
        return found

    def read(self, path: Path, largest: int = LARGEST) -> bytes:
        """A file of a run, whole. `path` is the program's own, of a Folder that `run` returned."""
        with self.open(path) as file:
            content = file.read(largest + 1)
        if len(content) > largest:
            raise Refused(path)
        return content

    def check(self, path: Path) -> Path:
        """The same path, if it is a plain file inside the named folder: for what opens files by name."""
        self.open(path).close()
        return path

    def open(self, path: Path) -> BinaryIO:
        """To read; `path` as for `read`."""
        if not self.ours(path):
            raise Refused(path)
        # A link that was swapped in since is not followed, and a pipe does not keep us waiting.
        flags = os.O_RDONLY | _flag("O_NOFOLLOW") | _flag("O_NONBLOCK") | _flag("O_BINARY")
        try:
            number = os.open(path.resolve(), flags)
        except OSError:
            raise Refused(path) from None
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise Refused(path)
        return os.fdopen(number, "rb")

    def ours(self, path: Path) -> bool:
        """Whether it lies in the named folder, all links followed."""
        try:
            return path.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):  # a circle of links
            return False


def _flag(name: str) -> int:
    return getattr(os, name, 0)  # Windows has not all of them
