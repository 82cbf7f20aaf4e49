"""Where prepared pictures and downloads are kept: $DCGAN_CACHE, or the platform's usual folder."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dcgan.errors import UserError
from dcgan.files import lock


def home() -> Path:
    if chosen := os.environ.get("DCGAN_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "dcgan" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/dcgan"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dcgan"


@contextlib.contextmanager
def turn(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold path's lock; while another process has it, call `waiting` once and wait."""
    _make(path.parent)
    told = False
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock(path, "held"))
            except UserError as error:
                if str(error) != "held":
                    raise
                if not told:
                    told = True
                    waiting()
                time.sleep(0.1)
                continue
            yield
            return


def sync_folder(path: Path) -> None:
    """Make a rename in this folder sure, where the system can."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def clear() -> int:
    """Remove all that is kept there; returns the bytes freed."""
    freed = 0
    for part in ("prepared", "downloads", "unpacked"):
        folder = home() / part
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                freed += path.stat().st_size if path.is_file() else 0
        shutil.rmtree(folder, ignore_errors=True)
    return freed


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the cache cannot be written ({error.strerror or error}); "
                        "set DCGAN_CACHE to a folder of your own") from None  # fmt: skip
