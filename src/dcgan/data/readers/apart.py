"""Parsers that a damaged file can bring down (lmdb, parquet, .mat) run in a child process, with bounded memory.

The child stays for the next call, so its imports are paid once; where it dies, that is the file's error.
"""

import atexit
import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcgan.errors import UserError

from ..children import Child, Died

_GIB = 2**30
_idle: list[Child] = []
_lock = threading.Lock()


def call(function: str, path: Path, *arguments: Any, memory: int = 2 * _GIB) -> Any:
    return next(_talk(function, path, arguments, memory, many=False))


def iterate(function: str, path: Path, *arguments: Any, memory: int = 2 * _GIB) -> Iterator[Any]:
    return _talk(function, path, arguments, memory, many=True)


def _talk(function: str, path: Path, arguments: tuple[Any, ...], memory: int, many: bool) -> Iterator[Any]:
    with _lock:
        child = _idle.pop() if _idle else None
    if child is None or child.memory != memory:
        if child is not None:
            child.close()
        child = Child(memory)
    done = False
    try:
        if many:
            yield from child.iterate(f"readers.{function}", str(path), *arguments)
            done = True
        else:
            answer = child.call(f"readers.{function}", str(path), *arguments)
            done = True
            yield answer
    except Died as death:
        raise UserError(f"{path}: damaged: its reader {death}; fetch or make it again") from None
    except UserError:
        done = True
        raise
    finally:
        if done and child.process.poll() is None:
            with _lock:
                _idle.append(child)
        else:
            child.close()


def package(name: str, what: str) -> Any:
    """Import what only these readers need, or say how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f"reading {what} needs the package {name.split('.')[0]}: pip install 'dcgan[formats]'"
        ) from None


@atexit.register
def _end() -> None:
    while _idle:
        _idle.pop().close()
