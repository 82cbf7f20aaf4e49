"""LSUN's scenes: an lmdb whose values are encoded pictures (LSUN's own are WebP). lmdb runs in a child process: it maps
the file, and a file that is shorter than its own index says ends the process that reads it (SIGBUS).
"""

from collections.abc import Iterator
from pathlib import Path

from dcgan.errors import UserError

from ..source import LARGEST, Blobs, Block, Pictures, Source
from . import apart, naming

_BLOCK_BYTES = 8 << 20


def read(path: Path, split: str | None = None) -> Source:
    naming.no_split(path, split)
    data = path / "data.mdb" if path.is_dir() else path
    return Source(naming.short(path), ["lmdb", naming.stamp([data])], lambda: _pictures(data), str(path))


def _pictures(path: Path) -> Pictures:
    count = apart.call("lsun:describe", path)

    def blocks(start: int, most: int) -> Iterator[Block]:
        for names, data in apart.iterate("lsun:pictures", path, start, most):
            yield Blobs(names, data)

    return Pictures(count, read=blocks)


def describe(path: str) -> int:
    """In the child: how many pictures."""
    with naming.parsing(path, "an lmdb"), _opened(path) as store:
        count = store.stat()["entries"]
        if not count:
            raise UserError(f"{path}: an empty lmdb")
        return count


def pictures(path: str, start: int, most: int) -> Iterator[tuple[list[str], list[bytes]]]:
    """In the child: keys and values in the order of the keys, some at a time."""
    with naming.parsing(path, "an lmdb"), _opened(path) as store, store.begin() as reading, reading.cursor() as cursor:
        names, data, held = [], [], 0
        for number, key in enumerate(cursor.iternext(keys=True, values=False)):
            if number < start:
                continue
            value = cursor.value()
            names.append(key.decode("ascii", "backslashreplace"))
            data.append(bytes(value) if len(value) <= LARGEST else b"")
            held += len(data[-1])
            if len(names) >= most or held >= _BLOCK_BYTES:
                yield names, data
                names, data, held = [], [], 0
        if names:
            yield names, data


def _opened(path: str):
    lmdb = apart.package("lmdb", "LSUN's lmdb")
    return lmdb.open(path, subdir=False, readonly=True, lock=False, readahead=False, max_readers=1)
