"""A run's log as it grows: for the studio, for TensorBoard, and for a tracker of your own.

    for line in dcgan.follow("runs/faces-64"):     # a dict a line, as it is written, until the run ends
        if "event" not in line:
            wandb.log(line, step=line["step"])

The trainer knows nothing of this: the file is looked at, and only what was appended is read. A log that was rewritten
(a run that went on from an earlier save) is read anew.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dcgan.folder import Folder

CHUNK = 2**18  # bytes of the log read at a time
LONGEST = 2**16  # bytes of a line; a longer one is none of ours
TAIL = 256  # bytes before where we stopped, by which a rewritten log is told
EVERY = 0.5  # seconds between two looks


class Log:
    """The lines appended to a file since the last look."""

    def __init__(self, path: Path, opened: Callable[[Path], BinaryIO] = lambda path: open(path, "rb")):  # noqa: SIM115 -- closed by `read`
        self.path, self._opened = path, opened
        self.forget()

    def forget(self) -> None:
        self._seen: tuple[int, int] | None = None  # inode, size
        self._offset, self._tail, self._half = 0, b"", b""

    def read(self, rewritten: Callable[[], None]) -> Iterator[list[dict[str, Any]]]:
        """Chunks of new lines; before the first of a file that is another than before, `rewritten` is called."""
        try:
            file = self._opened(self.path)
        except OSError:
            if self._seen is not None:
                self.forget()
                rewritten()
            return
        with file:
            about = os.fstat(file.fileno())
            if (about.st_ino, about.st_size) == self._seen:
                return
            file.seek(max(0, self._offset - len(self._tail)))
            if about.st_size < self._offset or file.read(len(self._tail)) != self._tail:
                self.forget()
                rewritten()
                file.seek(0)
            self._seen = about.st_ino, about.st_size
            while chunk := file.read(CHUNK):
                self._offset += len(chunk)
                self._tail = (self._tail + chunk)[-TAIL:]
                whole, newline, rest = chunk.rpartition(b"\n")
                lines = (self._half + whole).decode(errors="replace").split("\n") if newline else []
                self._half = rest if newline else (self._half + rest)[: LONGEST + 1]
                yield objects(lines)


def objects(lines: list[str]) -> list[dict[str, Any]]:
    """What the lines hold, passing over those that hold no object: one a killed run left half-written, say."""
    lines = [line for line in lines if line and len(line) <= LONGEST]
    try:
        found = json.loads(f"[{','.join(lines)}]")  # at once: three times as fast as one by one
    except (ValueError, RecursionError):
        found = map(_object, lines)
    return [held for held in found if isinstance(held, dict)]


def _object(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def follow(run: Path | str, every: float = EVERY) -> Iterator[dict[str, Any]]:
    """Each line once; of a log that was rewritten, only from where it differs from what was given already."""
    folder = Folder.of(run)
    log, given, place = Log(folder.log_file), [], 0  # what was given, as hashes; where in it this reading stands

    def again() -> None:
        nonlocal place
        place = 0

    while True:
        training = folder.training()  # asked first: what was written before it ended is read after
        for lines in log.read(again):
            for line in lines:
                mark = hash(json.dumps(line))
                known = place < len(given) and given[place] == mark
                if not known:
                    del given[place:]
                    given.append(mark)
                place += 1
                if not known:
                    yield line
        if not training:
            return
        time.sleep(every)
