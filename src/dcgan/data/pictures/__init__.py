"""The built-in pictures: drawn by code, endless, each with its truth known.

    images, factors = draw("faces", range(64), size=64)       # uint8 [64, 64, 64, 3], factors by name
    one = factors_of("faces", index=17) | {"mouth": 1.0}      # picture 17's factors, but smiling
    image = render("faces", one, size=64)

Picture i of a seed is a function of (seed, i) alone: the same bytes in any batch, any order, any process.
`FACTORS[name]` says what each factor is (factors.py); a category's value is an index into its names, and `render`
takes the name as well. `CLASS` is the factor that labels the pictures where a label is wanted.
"""

import operator
from collections.abc import Iterable, Mapping

import numpy as np

from . import faces, numbers, rooms
from .factors import Category, Continuous, Detail, Factor, Value, uniforms

__all__ = [
    "CLASS", "FACTORS", "NAMES", "Category", "Continuous", "Detail", "draw", "factors_of", "render", "visible",
]  # fmt: skip

_MODULES = {"faces": faces, "rooms": rooms, "numbers": numbers}
NAMES: dict[str, int] = {"faces": 64, "rooms": 64, "numbers": 32}  # each with its default size
FACTORS: dict[str, dict[str, Factor]] = {name: module.FACTORS for name, module in _MODULES.items()}
CLASS: dict[str, str | None] = {"faces": None, "rooms": None, "numbers": "digit"}


def factors_of(name: str, index: int, seed: int = 0) -> dict[str, Value]:
    kinds = FACTORS[name]
    stream = list(NAMES).index(name)
    u = uniforms(seed, index, len(kinds), stream)
    values = {f: kind.pick(each) for (f, kind), each in zip(kinds.items(), u, strict=True)}
    label = CLASS[name]
    if label is not None:  # each run of as many pictures as there are classes holds every class once, shuffled
        count = len(kinds[label].values)  # pyrefly: ignore
        order = np.argsort(uniforms(seed, index // count, count, stream + len(NAMES)), kind="stable")
        values[label] = int(order[index % count])
    return values


def render(name: str, factors: Mapping[str, Value | str], size: int) -> np.ndarray:
    """One picture, uint8 [size, size, 3], from all of its factors."""
    kinds = FACTORS[name]
    if factors.keys() != kinds.keys():
        raise ValueError(f"{name} needs the factors {', '.join(kinds)}; got {', '.join(factors)}")
    return _MODULES[name].render({f: kind.read(factors[f]) for f, kind in kinds.items()}, size)


def draw(name: str, indices: Iterable[int], size: int, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Pictures uint8 [N, size, size, 3], and each factor as an array [N] (continuous ones float32, the rest int64)."""
    each = [factors_of(name, operator.index(i), seed) for i in indices]
    images = np.empty((len(each), size, size, 3), dtype=np.uint8)
    for image, values in zip(images, each, strict=True):
        image[:] = render(name, values, size)
    arrays = {
        f: np.array([values[f] for values in each], dtype=np.float32 if isinstance(kind, Continuous) else np.int64)
        for f, kind in FACTORS[name].items()
    }
    return images, arrays


def visible(name: str, factor: str, factors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Where the factor can be seen at all [N]: the hair's colour cannot on a bald head."""
    unless = FACTORS[name][factor].unless
    if unless is None:
        return np.ones(len(factors[factor]), dtype=bool)
    other, value = unless
    kind = FACTORS[name][other]
    assert isinstance(kind, Category)
    return visible(name, other, factors) & (factors[other] != kind.values.index(value))
