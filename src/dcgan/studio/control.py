"""Stop a training from the page, and go on with it: by the signal and the command that a person would use.

The trainer is asked by SIGTERM, on which it finishes its step and saves. To go on is `dcgan train --out RUN`, which
takes all settings from the run. A training that the studio started ends, saved, with the studio.
"""

import atexit
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from dcgan import files
from dcgan.errors import UserError
from dcgan.folder import Folder

PATIENCE = 30.0  # seconds for trainings to save when the studio ends

_asked: set[tuple[Path, int, int | None]] = set()  # who was told to end: run, process, sitting
_asking = threading.Lock()


def stop(folder: Folder) -> None:
    """Ask whoever trains it to save and end."""
    found = files.holder(folder.lock_file)
    if found is None or found[0] <= 1:  # numbers by which a signal would reach many
        if folder.training():
            raise UserError(f"{folder.path}: what trains it does not say who it is; stop it where it was started")
        raise UserError(f"{folder.path}: nothing trains it now")
    number, machine = found
    if machine != platform.node():
        raise UserError(f"{folder.path}: it is trained on another machine, {machine}; stop it there")
    try:
        _ask(folder, number)
    except OSError as error:
        raise UserError(f"{folder.path}: its training cannot be stopped from here ({error.strerror})") from None


def _ask(folder: Folder, number: int) -> None:
    """By the signal, and once: on a second one the trainer leaves at once, and what it was saving is lost."""
    with _asking:
        who = folder.path, number, _sitting(folder)
        if who not in _asked:
            os.kill(number, signal.SIGTERM)
            _asked.add(who)


def _sitting(folder: Folder) -> int | None:
    """When its lock was last signed or given back, ns: a notebook trains a run again under the same number."""
    try:
        return os.stat(folder.lock_file).st_mtime_ns
    except OSError:
        return None


class Trainings:
    """Those that this studio started."""

    def __init__(self) -> None:
        self._running: dict[Path, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        self._trouble: dict[Path, tuple[str, int | None]] = {}  # and after which sitting
        self._lock = threading.Lock()
        atexit.register(self.end)  # however the studio ends

    def go_on(self, folder: Folder, steps: int | None = None) -> None:
        """Train it to the end that its config names; with `steps`, to so many."""
        with self._lock:
            self._sweep()
            if folder.training() or folder.path in self._running:
                raise UserError(f"{folder.path}: it is being trained already")
            config = folder.config()
            if config.data.startswith("own:"):
                raise UserError(f"{folder.path}: its pictures came from a Python program; go on with it there")
            words = [sys.executable, "-m", "dcgan", "train", "--out", str(folder.path), "--quiet"]
            words += ["--steps", str(steps)] if steps is not None else []
            said = tempfile.TemporaryFile()  # noqa: SIM115 -- closed when the training has ended
            # In a session of its own: Ctrl-C in the studio's terminal is the studio's to hear.
            started = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=os.name == "posix"
            )
            self._running[folder.path] = started, said
            self._trouble.pop(folder.path, None)

    def starting(self, folder: Folder) -> bool:
        """Whether one was started and has not ended."""
        with self._lock:
            self._sweep()
            return folder.path in self._running

    def trouble(self, folder: Folder) -> str | None:
        """What the last one said that did not go well, until the run is trained again, by whomever."""
        with self._lock:
            self._sweep()
            words, sitting = self._trouble.get(folder.path, (None, None))
            if words and (folder.training() or _sitting(folder) != sitting):
                del self._trouble[folder.path]
                return None
            return words

    def _sweep(self) -> None:
        for path, (process, said) in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            del self._running[path]
            with said:
                said.seek(max(0, said.seek(0, 2) - 4096))
                last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
            if code not in (0, 128 + signal.SIGTERM, -signal.SIGTERM):
                words = last.removeprefix("dcgan: ") or f"the training ended with exit code {code}"
                self._trouble[path] = words, _sitting(Folder(path))

    def end(self) -> None:
        """Have all of them save and end; wait for that."""
        with self._lock:
            for path, (process, _) in self._running.items():
                with suppress(OSError):  # it has just ended
                    if process.poll() is None:
                        _ask(Folder(path), process.pid)
            until = time.monotonic() + PATIENCE
            for process, said in self._running.values():
                try:
                    process.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()  # at the last save it goes on from
                said.close()
            self._running.clear()
