"""Where prepared pictures and downloads are kept: $DCGAN_CACHE, or the platform's usual folder."""

import contextlib
import errno
import os
import shutil
import sys
import time
from collections.abc import Callable, Generator
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
def turn(path: Path, waiting: Callable[[], None]) -> Generator[None]:
    """Hold path's lock; while another process has it, call `waiting` once and wait."""
    with writing(path.parent):
        pass
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


@contextlib.contextmanager
def writing(folder: Path) -> Generator[None]:
    """Make the folder, and say it in one sentence where it or what goes into it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise UserError(
                f"{home()}: the disk is full; free some space, or set DCGAN_CACHE to a larger one"
            ) from None
        raise UserError(
            f"{home()}: the cache cannot be written ({error.strerror or error}); "
            "set DCGAN_CACHE to a folder of your own"
        ) from None


def check_space(needed: int, what: str, folder: Path | None = None) -> None:
    folder = folder or home()
    free = shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.exists())).free
    if needed > free:
        raise UserError(
            f"{folder}: {what} needs {size(needed)} and {size(free)} are free; "
            "free some space, or set DCGAN_CACHE to a larger disk"
        )


def size(count: float) -> str:
    """Bytes for people: "1.4 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError


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
    for part in ("prepared", "downloads", "unpacked", "features", "readers"):
        folder = home() / part
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                freed += path.stat().st_size if path.is_file() else 0
        shutil.rmtree(folder, ignore_errors=True)
    return freed
