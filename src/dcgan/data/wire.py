"""Messages between a process and its children: JSON with arrays in it, no pickle, so what comes back is only data.

A message is any tree of dicts, lists, strings, numbers, bytes and numpy arrays. On the pipe: the length of the
JSON, the JSON, then the bytes of each array in the order in which they stand in it.
"""

import json
import struct
from typing import Any, BinaryIO

import numpy as np

_LENGTH = struct.Struct("<Q")
_LEAF = "\0array"  # a key that no message uses: {_LEAF: [dtype, shape]} stands for the next array


def send(pipe: BinaryIO, message: Any) -> None:
    buffers: list[Any] = []

    def outline(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            buffers.append(np.ascontiguousarray(part).reshape(-1).view(np.uint8))
            return {_LEAF: [part.dtype.str, part.shape]}
        if isinstance(part, bytes):
            buffers.append(part)
            return {_LEAF: ["bytes", len(part)]}
        if isinstance(part, dict):
            return {key: outline(value) for key, value in part.items()}
        if isinstance(part, list | tuple):
            return [outline(value) for value in part]
        return part

    text = json.dumps(outline(message)).encode("ascii")  # names that are not UTF-8 travel as lone surrogates
    pipe.write(_LENGTH.pack(len(text)) + text)
    for buffer in buffers:
        pipe.write(buffer)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """The next message; EOFError when the other side is gone."""

    def fill(part: Any) -> Any:
        if isinstance(part, dict):
            if _LEAF not in part:
                return {key: fill(value) for key, value in part.items()}
            dtype, shape = part[_LEAF]
            if dtype == "bytes":
                return _exactly(pipe, shape)
            array = np.empty(shape, dtype=dtype)
            _into(pipe, memoryview(array.reshape(-1).view(np.uint8)))  # pyrefly: ignore
            return array
        if isinstance(part, list):
            return [fill(value) for value in part]
        return part

    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return fill(json.loads(_exactly(pipe, length)))


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError("the other process is gone")
    return data


def _into(pipe: BinaryIO, view: memoryview) -> None:
    done = 0
    while done < len(view):
        got = pipe.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError("the other process is gone")
        done += got
