"""A folder of .npy columns that grow together, row by row, and survive being killed at any moment.

`append` adds the same number of rows to each column, `line` a line to one of the logs beside them; `commit` makes what
was added so far sure (fsync) and notes it in `progress.json`; opened again, the table is cut back to the last commit,
or begins anew where a file of it is gone or shorter than that.
So the bytes of a finished table do not depend on how often the writing was interrupted.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dcgan.files import write_whole

PROGRESS = "progress.json"
_HEADER = 128  # bytes; numpy's own choice for shapes as short as ours, fixed here so that it can be filled in last


class Writer:
    def __init__(self, folder: Path, logs: Sequence[str]):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.rows = 0
        logged: dict[str, int] = {}  # bytes in each log
        self.notes: dict[str, Any] = {}  # what the caller wants back after an interruption
        self._columns: dict[str, tuple[str, tuple[int, ...]]] = {}  # name -> dtype, shape of a row
        self._files: dict[str, BinaryIO] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            state = json.loads((folder / PROGRESS).read_text("utf-8"))
            columns = {name: (dtype, tuple(shape)) for name, (dtype, shape) in state["columns"].items()}
            wanted = {f"{name}.npy": _bytes(*column, state["rows"]) for name, column in columns.items()}
            if all((folder / name).stat().st_size >= size for name, size in (wanted | state["logged"]).items()):
                self.rows, self.notes, logged, self._columns = state["rows"], state["notes"], state["logged"], columns
        for name, (dtype, shape) in self._columns.items():
            self._open(name, dtype, shape)
        for path in folder.iterdir():
            if path.name not in (PROGRESS, *logs) and path.stem not in self._columns:
                path.unlink()
        self._logs = {log: open(folder / log, "a+b") for log in logs}  # noqa: SIM115 -- closed by close()
        for log, file in self._logs.items():
            file.truncate(logged.get(log, 0))
            file.seek(0, os.SEEK_END)  # else tell() goes on from the old end, until a line is written

    def append(self, columns: dict[str, np.ndarray]) -> None:
        counts = {len(values) for values in columns.values()}
        assert len(counts) == 1, f"columns of different length: {counts}"
        if not self.rows and not self._columns:
            for name, values in columns.items():
                self._columns[name] = (values.dtype.str, values.shape[1:])
                self._open(name, *self._columns[name])
        assert columns.keys() == self._columns.keys()
        for name, values in columns.items():
            assert self._columns[name] == (values.dtype.str, values.shape[1:]), name
            self._files[name].write(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
        self.rows += counts.pop()

    def line(self, log: str, entry: Any) -> None:
        self._logs[log].write(json.dumps(entry).encode("ascii") + b"\n")

    def commit(self) -> None:
        for file in (*self._files.values(), *self._logs.values()):
            file.flush()
            os.fsync(file.fileno())
        columns = {name: [dtype, list(shape)] for name, (dtype, shape) in self._columns.items()}
        state = {
            "rows": self.rows,
            "notes": self.notes,
            "columns": columns,
            "logged": {log: file.tell() for log, file in self._logs.items()},
        }
        write_whole(self.folder / PROGRESS, json.dumps(state).encode())

    def finish(self) -> None:
        """Fill in the headers: each column is then an ordinary .npy file. (The notes stay: this may be done again.)"""
        for name, (dtype, shape) in self._columns.items():
            file = self._files[name]
            file.seek(0)
            file.write(_header(dtype, (self.rows, *shape)))
            file.flush()
            os.fsync(file.fileno())
        self.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for file in (*self._files.values(), *self._logs.values()):
            with contextlib.suppress(OSError):  # on a full disk the last buffer cannot be written; it is not committed
                file.close()

    def _open(self, name: str, dtype: str, shape: tuple[int, ...]) -> None:
        path = self.folder / f"{name}.npy"
        file = open(path, "r+b" if path.exists() else "w+b", buffering=1 << 20)  # noqa: SIM115 -- closed by close()
        file.truncate(_bytes(dtype, shape, self.rows))
        file.seek(0, os.SEEK_END)
        self._files[name] = file


def _bytes(dtype: str, shape: tuple[int, ...], rows: int) -> int:
    """Of a column of so many rows."""
    return _HEADER + rows * np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The .npy format, version 1.0, padded to _HEADER bytes."""
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode("latin-1")
    head = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little") + text
    assert len(head) < _HEADER
    return head.ljust(_HEADER - 1) + b"\n"
