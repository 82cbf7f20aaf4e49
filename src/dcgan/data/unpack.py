"""Archives whose content is itself a data set (CIFAR's tar.gz, LSUN's zip): unpacked once, whole or not at all, in the
cache. Only ordinary files leave the archive, none outside its folder, and no more bytes than it announced."""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from dcgan.errors import UserError

from . import cache
from .readers import naming

_Members = Iterator[tuple[str, int, Callable[[], IO[bytes] | None]]]  # name, size, how to open it


def unzipped(path: Path) -> Path:
    def members() -> _Members:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, lambda info=info: archive.open(info)

    return _unpacked(path, "a zip archive", members)


def untarred(path: Path) -> Path:
    def members() -> _Members:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if member.isreg():
                    yield member.name, member.size, lambda member=member: archive.extractfile(member)

    return _unpacked(path, "a tar archive", members)


def place(path: Path) -> Path:
    """Where it is unpacked, if it has been."""
    return cache.home() / "unpacked" / f"{naming.short(path)}-{naming.seal([str(naming.stamp([path]))])[:16]}"


def _unpacked(path: Path, what: str, members: Callable[[], _Members]) -> Path:
    final = place(path)
    if final.exists():  # also where nobody may write
        return final
    with cache.turn(final.with_name(final.name + ".lock"), lambda: None):
        if not final.exists():
            part = final.with_name(final.name + ".part")
            try:
                with cache.writing(part), naming.parsing(path, what):
                    for name, size, opener in members():
                        _extract(part, path, name, size, opener)
                os.rename(part, final)
                cache.sync_folder(final.parent)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return final


def _extract(folder: Path, path: Path, name: str, size: int, opener: Callable[[], IO[bytes] | None]) -> None:
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part != "."]
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0]:
        raise UserError(f"{path}: it holds {name!r}, which would leave its folder; it is not unpacked")
    target = folder.joinpath(*parts)
    cache.check_space(size, f"unpacking {path.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    source = opener()
    if source is None:
        return
    with source, cache.writing(target.parent), open(target, "wb") as file:
        left = size
        while left > 0 and (data := source.read(min(left, 1 << 20))):
            file.write(data)
            left -= len(data)
        os.fsync(file.fileno())
