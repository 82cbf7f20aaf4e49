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


@dataclass(frozen=True)
class Category:
    values: tuple[str, ...]
    unless: tuple[str, str] | None = None

    def pick(self, u: float) -> int:
        return int(u * len(self.values))


@dataclass(frozen=True)
class Detail:
    """The rest of a picture in one number: small jitter of shapes and colours. Not meant to be read back."""

    unless = None

    def pick(self, u: float) -> int:
        return int(u * 2**31)


Factor = Continuous | Category | Detail
Value = float | int


def uniforms(seed: int, index: int, count: int, stream: int = 0) -> list[float]:
    """`count` numbers in [0, 1): the same on every platform (Philox's integers, then one exact division).

    Streams apart from each other for the same (seed, index) are separate sequences.
    """
    key = np.array([seed & MASK, index & MASK], dtype=np.uint64)
    counter = np.array([0, 0, 0, stream], dtype=np.uint64)
    raw = np.random.Philox(key=key, counter=counter).random_raw(count)
    return ((raw >> np.uint64(11)) * 2.0**-53).tolist()
