"""A pickle read as data: what it would import or call is never imported or called.

`load` walks the pickle's opcodes (pickletools.genops, which executes nothing) with a stack of its own that knows
dicts, lists, tuples, strings, numbers, and one built thing: a plain numpy array, made from its own bytes. Any other
class or function in the pickle stays a name, and a pickle that needs one is refused.
"""

import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import UserError

from . import naming

_MARK = object()
_ARRAY = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_DTYPE = "numpy dtype"
_ENCODE = "_codecs encode"  # how Python 3 writes bytes for Python 2: encode(text, "latin1")
_ITEMS = 10_000_000  # opcodes; CIFAR's largest file has some 200,000


@dataclass
class _Named:
    name: str


@dataclass
class _Made:
    """What `of(*arguments)` would have made, and the state that was put into it."""

    of: Any
    arguments: Any
    state: Any = None


def load(path: Path) -> Any:
    with naming.parsing(path, "a pickle of plain data"), open(path, "rb") as file:
        return _plain(_run(file), path, 0)


def _run(file) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def to_mark() -> list[Any]:
        for i in range(len(stack) - 1, -1, -1):
            if stack[i] is _MARK:
                found = stack[i + 1 :]
                del stack[i:]
                return found
        raise ValueError("no mark on the stack")

    for number, (code, argument, _) in enumerate(pickletools.genops(file)):
        name = code.name
        if number > _ITEMS:
            raise ValueError("longer than any data set's")
        if name in ("PROTO", "FRAME"):
            continue
        if name == "STOP":
            return stack[-1]
        if name == "MARK":
            stack.append(_MARK)
        elif name in ("NONE", "NEWTRUE", "NEWFALSE"):
            stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
        elif name in _LITERALS:
            stack.append(argument)
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
        elif name in ("TUPLE", "LIST"):
            items = to_mark()
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "DICT":
            items = to_mark()
            stack.append(_pairs(items))
        elif name in ("SETITEM", "SETITEMS"):
            items = to_mark() if name == "SETITEMS" else [stack.pop() for _ in range(2)][::-1]
            stack[-1].update(_pairs(items))
        elif name in ("APPEND", "APPENDS"):
            items = to_mark() if name == "APPENDS" else [stack.pop()]
            if not isinstance(stack[-1], list):
                raise ValueError("it appends to what is no list")
            stack[-1].extend(items)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]  # pyrefly: ignore
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])  # pyrefly: ignore
        elif name == "GLOBAL":
            stack.append(_Named(argument))  # pyrefly: ignore
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_Named(f"{module} {attribute}"))
        elif name == "REDUCE":
            arguments, of = stack.pop(), stack.pop()
            stack.append(_Made(of, arguments))
        elif name == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], _Made):
                raise ValueError("it puts a state into plain data")
            stack[-1].state = state
        elif name == "POP":
            stack.pop()
        else:
            raise ValueError(f"opcode {name} is not one that plain data needs")
    raise ValueError("it ends without an end")


_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "  # noqa: SIM905
    "SHORT_BINBYTES BINBYTES8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8".split()
)


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise ValueError("a dictionary with half an entry")
    return dict(zip(items[::2], items[1::2], strict=True))


def _plain(value: Any, path: Path, depth: int) -> Any:
    if depth > 8:
        raise ValueError("nested deeper than data sets are")
    if isinstance(value, dict):
        return {_word(key): _plain(one, path, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_plain(one, path, depth + 1) for one in value])
    if isinstance(value, _Made | _Named):
        return _array(value, path)
    return _word(value)


def _word(value: Any) -> Any:
    """Python 2's strings are bytes; those of these files are text."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _array(value: Any, path: Path) -> np.ndarray:
    """_reconstruct(...) given (version, shape, dtype, is Fortran, bytes), and nothing else."""
    name = getattr(getattr(value, "of", value), "name", "?")
    state = getattr(value, "state", None)
    if name not in _ARRAY or not isinstance(state, tuple) or len(state) != 5:
        raise UserError(f"{path}: its pickle wants to use {name!r}; only plain data is read, and nothing in it is run")
    _, shape, dtype, fortran, data = state
    if isinstance(data, _Made) and getattr(data.of, "name", "") == _ENCODE:
        data = data.arguments[0]
    data = data.encode("latin-1") if isinstance(data, str) else data
    if (
        not isinstance(dtype, _Made)
        or getattr(dtype.of, "name", "") != _DTYPE
        or dtype.arguments[0] not in ("u1", b"u1")
    ):
        raise ValueError("an array of something other than bytes")
    array = np.frombuffer(data, np.uint8)
    return array.reshape(shape, order="F" if fortran else "C")
