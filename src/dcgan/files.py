"""Files that are written whole or not at all, and locks that die with their holder."""

import contextlib
import hashlib
import os
import platform
import secrets
import time
from collections.abc import Generator, Iterable
from itertools import chain, takewhile
from pathlib import Path
from typing import IO

from dcgan.errors import UserError

PART = ".*.part"  # a file of ours while it is written


def write_whole(path: Path | str, content: bytes, sync: bool = True) -> None:
    """A temporary file beside it, fsync, rename: a reader sees the old file or the new one, never half of one.

    Without `sync` that holds as long as the machine runs: enough for one of thousands that a command draws again.
    """
    path = Path(path)
    name = None
    made = missing(path.parent)
    try:
        if made:
            path.parent.mkdir(parents=True, exist_ok=True)
        part = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
        with open(part, "xb") as file:
            name = part
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
        name, made = None, []
    except OSError as error:
        why = error.strerror or error
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            why = "a file stands where a folder is needed"
        elif isinstance(error, IsADirectoryError):
            why = "a folder stands there"
        raise UserError(
            f"{path}: it cannot be written ({why}); free some space, or choose another place with --out"
        ) from None
    finally:
        if name:
            name.unlink(missing_ok=True)
        remove_empty(made)


def write_new(path: Path | str, content: bytes, overwrite: bool = False) -> None:
    """`write_whole`, but what stands there already is kept unless it is the same, or the user said so."""
    if not overwrite:
        check_new(path, content)
    write_whole(path, content)


def check_new(path: Path | str, content: bytes | None = None) -> None:
    """Whether this may be written there without --overwrite; None: what is to come, and so not the same."""
    if os.path.isdir(path):
        raise UserError(f"{path}: it is a folder, and a file is written; name one in it")
    if os.path.lexists(path) and (content is None or not _holds(Path(path), content)):
        raise UserError(f"{path}: there is such a file already; choose another name, or add --overwrite")


@contextlib.contextmanager
def all_or_none(wanted: Iterable[Path]) -> Generator[None]:
    """While these are written, in one folder: where one cannot be, those that are new are taken back."""
    new = [path for path in wanted if not os.path.lexists(path)]
    made = missing(new[0].parent) if new else []
    try:
        yield
    except UserError:
        for path in new:
            with contextlib.suppress(OSError):
                path.unlink()
        remove_empty(made)
        raise


def seal(paths: Iterable[Path]) -> str:
    """Of what these files hold, in the order of their names: another where any of them has changed."""
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.read_bytes())
    return found.hexdigest()


def missing(folder: Path) -> list[Path]:
    """Of this folder and those above it, the ones that are not there yet, lowest first."""
    with contextlib.suppress(OSError):  # where one may not even look, nothing will be made
        return list(takewhile(lambda one: not one.exists(), chain([folder], folder.parents)))
    return []


def remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def lock(path: Path | str, held: str, patience: float = 0.3) -> Generator[None]:
    """Hold a file's lock, or raise `held` as a UserError; the system frees it when this process ends, anyhow.

    Patience, in seconds, outlasts someone who only asks whether it is held.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b", buffering=0)  # noqa: SIM115 -- open for as long as the lock is held
    except OSError as error:
        raise UserError(f"{path}: it cannot be written ({error.strerror}); choose another place") from None
    until = time.monotonic() + patience
    with file:
        while not _taken(file):
            if time.monotonic() >= until:
                raise UserError(held)
            time.sleep(0.02)
        _sign(file)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # nobody holds it now
                file.truncate(0)


def _taken(file: IO[bytes], shared: bool = False) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def held(path: Path | str) -> bool:
    """Whether some process holds this lock now."""
    try:
        with open(path, "r+b") as file:
            return not _taken(file, shared=True)  # those who ask do not see each other
    except OSError:  # there is none, or it is in a folder that is only read
        return False


def _sign(file: IO[bytes]) -> None:
    """Who holds it, for `holder`. The first byte is what Windows locks, and so lets nobody read."""
    with contextlib.suppress(OSError):  # a full disk keeps nobody from holding a lock
        file.truncate(0)
        file.write(f"\n{os.getpid()} {platform.node()}".encode())


def holder(path: Path | str) -> tuple[int, str] | None:
    """The process that holds this lock, and the machine that it runs on; None where nobody does, or it is not said."""
    if not held(path):
        return None
    try:
        with open(path, "rb") as file:
            file.seek(1)
            number, _, machine = file.read(1000).decode().partition(" ")
        return int(number), machine
    except (OSError, ValueError):
        return None


def remove_parts(folder: Path, name: str = "*") -> None:
    """Clear what a killed `write_whole` left of files of this name: call it under the lock of all who write these."""
    for left in folder.glob(f".{name}.*.part"):
        left.unlink(missing_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
