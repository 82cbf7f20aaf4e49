"""What can differ between two pictures: each factor's kind, and its value in picture (seed, index).

A kind turns one uniform number into a value, so a picture's factors are independent by construction.
`unless` names the value of another factor that hides this one (no hair colour on a bald head): a factor reader
trained on pictures leaves such cases out.
"""

from dataclasses import dataclass

import numpy as np

MASK = 2**64 - 1


@dataclass(frozen=True)
class Continuous:
    low: float = -1.0
    high: float = 1.0
    unless: tuple[str, str] | None = None

    def pick(self, u: float) -> float:
        # Rounded to float32, so that values kept in float32 arrays draw the same bytes again.
        return float(np.float32(self.low + (self.high - self.low) * u))

    def read(self, value: float | str) -> float:
        return float(value)


@dataclass(frozen=True)
class Category:
    values: tuple[str, ...]
    unless: tuple[str, str] | None = None
    first: float | None = None  # the first value's share, where it is not that of the others

    def pick(self, u: float) -> int:
        if self.first is None:
            return int(u * len(self.values))
        return 0 if u < self.first else 1 + int((u - self.first) / (1 - self.first) * (len(self.values) - 1))

    def read(self, value: float | str) -> str:
        """The value's name, from its index or its name."""
        if isinstance(value, str) and value not in self.values:
            raise ValueError(f"{value!r} is none of {', '.join(self.values)}")
        return value if isinstance(value, str) else self.values[int(value)]


@dataclass(frozen=True)
class Detail:
    """The rest of a picture in one number: small jitter of shapes and colours. Not meant to be read back."""

    unless: None = None

    def pick(self, u: float) -> int:
        return int(u * 2**31)

    def read(self, value: float | str) -> int:
        return int(value)


Factor = Continuous | Category | Detail
Value = float | int


def _philox(seed: int, index: int, stream: int) -> np.random.Philox:
    key = np.array([seed & MASK, index & MASK], dtype=np.uint64)
    return np.random.Philox(key=key, counter=np.array([0, 0, 0, stream], dtype=np.uint64))


def uniforms(seed: int, index: int, count: int, stream: int = 0) -> list[float]:
    """`count` numbers in [0, 1): the same on every platform (Philox's integers, then one exact division).

    Streams apart from each other for the same (seed, index) are separate sequences.
    """
    raw = _philox(seed, index, stream).random_raw(count)
    return ((raw >> np.uint64(11)) * 2.0**-53).tolist()


def random_bytes(seed: int, count: int, stream: int) -> np.ndarray:
    """`count` bytes, a multiple of 8."""
    return _philox(seed, 0, stream).random_raw(count // 8).astype("<u8").view(np.uint8)
