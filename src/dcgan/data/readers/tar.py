"""Tar archives and WebDataset's shards, compressed or not; a plain tar is read where it lies.

In shards a sample is a key and its members: `000017.jpg` and its class in `000017.cls`, or `label` or `cls` in its
`000017.json`. Elsewhere a sub-folder is a class, as in a folder.
"""

import itertools
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import UserError

from .. import unpack
from ..source import LARGEST, Blobs, Block, Pictures, Skipped, Slices, Source
from . import naming, of_names
from . import read as read_any

_LABELS = (".cls", ".json")
_LABEL_LARGEST = 1 << 16  # bytes
_BLOCK_BYTES = 8 << 20  # of encoded pictures that travel to a child at once


def read(path: Path, split: str | None = None) -> Source:
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.name.lower().endswith((".tar", ".tar.gz", ".tgz")))
        return read_all(naming.short(path), str(path), found, split)
    if unpack.place(path).exists():
        return read_any(unpack.place(path), split)
    with naming.parsing(path, "a tar archive"), _open(path, "r|*") as archive:
        names = [member.name for member in itertools.islice(archive, 64) if member.isreg()]
    if of_names(Path(name).name for name in names) is not None:
        return read_any(unpack.untarred(path), split)
    return read_all(naming.short(path), str(path), [path], split)


def read_all(name: str, root: str, paths: list[Path], split: str | None) -> Source:
    """Some shards as one set, in the order given."""
    naming.no_split(Path(root), split)
    return Source(name, ["tar", naming.stamp(paths)], lambda: _pictures(root, paths), root)


@dataclass
class _Index:
    names: list[str] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)  # shard, offset, length
    labels: dict[str, str] = field(default_factory=dict)  # of keys
    other: list[str] = field(default_factory=list)


def _pictures(root: str, paths: list[Path]) -> Pictures:
    index = _Index()
    for number, path in enumerate(paths):
        with naming.parsing(path, "a tar archive"):
            _look_through(path, number, f"{path.name}/" if len(paths) > 1 else "", index)
    if not index.names:
        raise UserError(f"{root}: no pictures in it, only {len(index.other)} other files")
    keys = [_key(name) for name in index.names]
    samples = set(keys)
    skipped = [Skipped(name, "not a picture", bad=False) for name in index.other if _key(name) not in samples]
    if all(key in index.labels for key in keys):
        labels, classes = naming.labelled([index.labels[key] for key in keys])
    else:
        inner = index.names if len(paths) == 1 else [name.partition("/")[2] for name in index.names]
        labels, classes = naming.classes_of(inner)
    places = np.array(index.places, dtype=np.int64)

    def pick(numbers: Sequence[int]) -> Slices:
        here = places[numbers]
        shards, which = np.unique(here[:, 0], return_inverse=True)
        where = np.column_stack([which, here[:, 1:]]).tolist()
        return Slices([index.names[i] for i in numbers], [str(paths[i]) for i in shards], where)

    def read(start: int, most: int) -> Iterator[Block]:
        return _unpacking(paths, places, index.names, start, most)

    packed = any(_is_packed(path) for path in paths)
    how: dict[str, Any] = {"read": read} if packed else {"pick": pick}
    return Pictures(len(index.names), **how, labels=labels, classes=classes, skipped=skipped, shards=places[:, 0])


def _look_through(path: Path, number: int, prefix: str, index: _Index) -> None:
    with _open(path, "r|*" if _is_packed(path) else "r:") as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined] -- tarfile would keep them all
            if not member.isreg() or member.issparse():
                continue
            name = prefix + member.name.removeprefix("./")
            suffix = Path(member.name).suffix.lower()
            start = b""  # read once: a compressed tar cannot go back
            if not naming.has_suffix(name):
                known = suffix in _LABELS and member.size <= _LABEL_LARGEST
                start = _content(archive, member, _LABEL_LARGEST if known else 16)
                if known and (text := _label(suffix, start)) is not None:
                    index.labels[_key(name)] = text
            if naming.is_picture(name, lambda: start[:16]):  # noqa: B023 -- called at once
                index.names.append(name)
                index.places.append((number, member.offset_data, member.size))
            else:
                index.other.append(name)


def _unpacking(paths: list[Path], places: np.ndarray, names: list[str], start: int, most: int) -> Iterator[Block]:
    """Compressed shards from picture `start` on: unpacked here, decoded elsewhere."""
    block, held = Blobs([], []), 0
    for number in np.unique(places[start:, 0]).tolist():
        mine = np.flatnonzero(places[:, 0] == number)
        mine = mine[mine >= start]
        wanted = dict(zip(places[mine, 1].tolist(), mine.tolist(), strict=True))
        with naming.parsing(paths[number], "a tar archive"), _open(paths[number], "r|*") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]
                if member.offset_data not in wanted:
                    continue
                data = _content(archive, member, LARGEST)
                block.names.append(names[wanted[member.offset_data]])
                block.data.append(data)
                held += len(data)
                if len(block) >= most or held >= _BLOCK_BYTES:
                    yield block
                    block, held = Blobs([], []), 0
    if len(block):
        yield block


class _Strict(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive; here it is an error."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:  # pyrefly: ignore
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(f"damaged at byte {tarfile_.offset}: {error}") from None


def _open(path: Path, mode: str) -> tarfile.TarFile:
    return tarfile.open(path, mode, tarinfo=_Strict)  # type: ignore[call-overload]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> bytes:
    file = archive.extractfile(member)
    return file.read(min(most, member.size)) if file else b""


def _label(suffix: str, data: bytes) -> str | None:
    text = data.decode("utf-8", "replace").strip()
    if suffix == ".cls":
        return text or None
    try:
        known = json.loads(text)
    except ValueError:
        return None
    value = known.get("label", known.get("cls")) if isinstance(known, dict) else None
    return str(value) if isinstance(value, int | str) else None


def _key(name: str) -> str:
    """WebDataset's key: up to the first dot of the last part."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.split(".")[0]


def _is_packed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"))
