"""Memory: a sentence where there is too little, and how much was held at most."""

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from dcgan.config import Config, show_size
from dcgan.errors import UserError

_NO_MEMORY = re.compile(r"not enough memory|can't allocate memory|out of memory", re.IGNORECASE)  # torch's words


@contextmanager
def enough(config: Config) -> Generator[None]:
    """Where it is not, say so in a sentence. (torch's CPU allocator raises a plain RuntimeError.)"""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not _NO_MEMORY.search(str(error)):
            raise
        raise UserError(
            f"--m {config.m}, --width {config.width}: at {show_size(config.size or (0, 0))} they need more memory than "
            "there is; ask for less of one of them"
        ) from None


def peak(device: str) -> int | None:
    """Bytes that this process held at most, of the GPU where one computes; None where the system does not tell."""
    if device == "cuda":
        return torch.cuda.max_memory_reserved()
    with suppress(OSError, StopIteration):  # Linux, whose getrusage counts what the starting program held, too
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
