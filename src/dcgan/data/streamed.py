"""Pictures decoded when they are looked at: for sets larger than the disk, read from their shards where these lie.

A `Streamed` behaves as the uint8 array [N, H, W, C] it stands for, as far as it is indexed by numbers, slices and
arrays of numbers. What is asked for ahead (`request`) is decoded by child processes meanwhile. A picture that cannot be
read gives way to the next one that can, whoever asks: what stands at a number depends on the number alone.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from dcgan.errors import UserError

from . import children, decode
from .children import Pool
from .decode import Options
from .source import Pictures, Skipped

_AT_ONCE = 32  # pictures a child decodes for one answer
_ENOUGH = 256  # pictures looked at before their readability is judged
WINDOW = 16_384  # pictures that are shuffled together
_SHARD = 1024  # where a source has no shards, so many neighbours are one


class Streamed:
    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, name: str, pictures: Pictures, options: Options, max_bad: float, pool: Pool):
        assert pictures.pick is not None
        self.name, self.pictures, self.options, self.max_bad = name, pictures, options, max_bad
        self.shape = (pictures.count, options.height, options.width, options.channels)
        self.bad: dict[int, Skipped] = {}
        self._seen = 0
        self._pool = pool

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def skipped(self) -> list[Skipped]:
        """What was found when the source was opened, and what could not be read since."""
        return [*self.pictures.skipped, *(self.bad[i] for i in sorted(self.bad))]

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, int | np.integer):
            return self.take(np.array([range(len(self))[key]]))[0][0]
        index = np.arange(len(self))[key] if isinstance(key, slice) else np.asarray(key)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        return self.take(np.where(index < 0, index + len(self), index))[0]

    def part(self, first: int, last: int) -> "Streamed":
        """Those of first to before last."""
        whole, pick = self.pictures, self.pictures.pick
        assert pick is not None
        shards = None if whole.shards is None else whole.shards[first:last]
        pictures = replace(
            whole, count=last - first, pick=lambda numbers: pick([first + i for i in numbers]), shards=shards
        )
        return Streamed(self.name, pictures, self.options, self.max_bad, self._pool)

    def take(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pictures [n, H, W, C] and the numbers [n] of those that stand there."""
        return self.gather(self.request(index))

    def request(self, index: np.ndarray) -> list[tuple[list[int], Future]]:
        """Have these decoded; `gather` then gives them."""
        parts = (index[i : i + _AT_ONCE].tolist() for i in range(0, len(index), _AT_ONCE))
        return [(part, self._ask(part)) for part in parts]

    def gather(self, requested: Sequence[tuple[list[int], Future]]) -> tuple[np.ndarray, np.ndarray]:
        answers = [self._settled(numbers, future) for numbers, future in requested]
        if not answers:
            return np.empty((0, *self.shape[1:]), np.uint8), np.empty(0, np.int64)
        return np.concatenate([answer[0] for answer in answers]), np.concatenate([answer[1] for answer in answers])

    def _ask(self, numbers: list[int]) -> Future:
        block = self.pictures.pick(numbers)  # type: ignore[misc] -- checked at the start
        return self._pool.submit("decode:block", block.message(), asdict(self.options))

    def _settled(self, numbers: list[int], future: Future) -> tuple[np.ndarray, np.ndarray]:
        """The answer, with the next readable picture where one cannot be read."""
        images = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        shown = np.array(numbers, dtype=np.int64)
        missing = np.arange(len(numbers))
        while True:
            kept, decoded = self._judged(shown[missing].tolist(), future.result())
            images[missing[kept]] = decoded
            missing = np.delete(missing, kept)
            if not len(missing):
                return images, shown
            shown[missing] = (shown[missing] + 1) % len(self)
            future = self._ask(shown[missing].tolist())

    def _judged(self, numbers: list[int], result: Any) -> tuple[np.ndarray, np.ndarray]:
        """Which of the numbers were decoded, and their pictures; what could not be is counted, and stops it if much."""
        if isinstance(result, children.Died):
            if len(numbers) > 1:
                each = [self._judged([number], self._ask([number]).result()) for number in numbers]
                kept = np.array([i for i, (here, _) in enumerate(each) if len(here)], dtype=np.int64)
                return kept, np.concatenate([images for _, images in each])
            block = self.pictures.pick(numbers)  # type: ignore[misc]
            result = decode.lost(block, self.options, f"its decoder {result}")
        self._seen += len(numbers)
        lost = np.delete(np.arange(len(numbers)), result["kept"]).tolist()
        for i, (name, reason) in zip(lost, result["skipped"], strict=True):
            self.bad[numbers[i]] = Skipped(name, reason)
        if len(self.bad) > self.max_bad * max(self._seen, _ENOUGH) or len(self.bad) == len(self):
            one = next(iter(self.bad.values()))
            raise UserError(
                f"{self.name}: {len(self.bad)} of the {self._seen} pictures looked at so far cannot be read, more "
                f"than --max-bad {self.max_bad:g} allows ({one.path}: {one.reason})"
            )
        return result["kept"], result["images"]


def windowed(shards: np.ndarray | None, raw: np.ndarray, more: np.random.Philox) -> np.ndarray:
    """An order that reads few shards at a time: the shards in an order of their own, cut into windows of about WINDOW
    pictures, each shuffled. `shards` says in which shard each picture lies, `raw` are random integers for the pictures,
    and `more` gives those for the shards."""
    shards = np.arange(len(raw)) // _SHARD if shards is None else shards
    sizes = np.bincount(shards)
    number = len(sizes)
    turn = np.argsort(more.random_raw(number), kind="stable")  # turn[k]: the shard that comes k-th
    window = np.empty(number, dtype=np.int64)
    window[turn] = (np.cumsum(sizes[turn]) - sizes[turn]) // WINDOW
    return np.lexsort((raw, window[shards]))
