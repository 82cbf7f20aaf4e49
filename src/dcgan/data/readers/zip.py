"""A .zip of pictures, read where it lies: sub-folders are classes as in a folder. Any other data in a zip is unpacked
into the cache, once, and read from there."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from .. import unpack
from ..source import Pictures, Skipped, Source, ZipMembers
from . import naming, of_names
from . import read as read_any


def read(path: Path, split: str | None = None) -> Source:
    with naming.parsing(path, "a zip archive"), zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    tops = {name.rpartition("/")[2] for name in names}
    if of_names(tops) is not None:
        return read_any(unpack.unzipped(path), split)
    naming.no_split(path, split)
    return Source(naming.short(path), ["zip", naming.stamp([path])], lambda: index(path), str(path))


def index(path: Path) -> Pictures:
    """What the zip's own index says of the pictures in it."""
    names: list[str] = []
    places: list[tuple[int, ...]] = []
    skipped = []
    with naming.parsing(path, "a zip archive"), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                skipped.append(Skipped(info.filename, "encrypted", bad=naming.has_suffix(info.filename)))
            elif not naming.is_picture(info.filename, lambda: _start(archive, info)):  # noqa: B023 -- called at once
                skipped.append(Skipped(info.filename, "not a picture", bad=False))
            else:
                names.append(info.filename)
                places.append((info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC))
    if not names:
        raise UserError(
            f"{path}: no pictures in it, only {len(skipped)} other files" if skipped else f"{path}: an empty zip"
        )
    order = sorted(range(len(names)), key=names.__getitem__)
    names, table = [names[i] for i in order], np.array(places, dtype=np.int64)[order]

    def pick(numbers: Sequence[int]) -> ZipMembers:
        return ZipMembers([names[i] for i in numbers], str(path), table[numbers].tolist())

    labels, classes = naming.classes_of(names)
    return Pictures(len(names), pick, labels=labels, classes=classes, skipped=skipped, names=names)


def _start(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            return file.read(16)
    except Exception:  # not even its beginning can be had: it is not taken for a picture
        return b""
