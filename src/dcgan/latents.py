"""Latent points: z from a seed, and points written in words.

A latent is a function of its seed that any language can repeat: the counter-based hash Philox4x32-10
(Salmon et al., 2011) of (seed, i), mapped to numbers in float64, then rounded to float32. No state, no
order: z of seed 17 is the same alone, in a batch, in Python and in the browser.

A point is weighted seeds, written as words and used as such by every verb, page and URL:

    17                        the latent of seed 17
    0.5*12 + 0.5*40           half way between two
    +12,40,77 -3,9,31         a group counts as the mean of its seeds (Radford et al., section 6.3.2)
    17 ~7                     plus small noise, drawn from seed 7: U(-0.25, 0.25), as for figure 7's neighbours
    0.5*#smile + 17           a point or direction saved in the run
    17 + 0.4*#z.12            latent number 12 moved by 0.4; #n.7 is the noise that ~7 adds: these every run has
    17 @3                     class 3 of a conditional run (without one: its first seed mod the number of classes)
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.errors import UserError

MAX_SEED = 2**53 - 1  # the integers that a JavaScript number holds exactly
MAX_WEIGHT = 1_000_000  # far beyond any picture, and its sums stay finite in float32
MOST_SEEDS = 1_000_000  # in one command
NOISE = 0.25  # Radford et al., section 6.3.2: neighbours differ by U(-0.25, 0.25)
DISTRIBUTIONS = ("uniform", "normal")

# Philox4x32: two multipliers and two key increments (Salmon et al., table 2 and section 3.3)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox4x32(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Ten rounds: counters [..., 4] and keys [..., 2] of 32-bit words (held in uint64) -> [..., 4] such words."""
    a, b, c, d = np.moveaxis(counter, -1, 0)
    key0, key1 = np.moveaxis(key, -1, 0)
    for _ in range(10):
        p, q = a * _M0, c * _M1
        a, b, c, d = (q >> _32) ^ b ^ key0, q & _LOW, (p >> _32) ^ d ^ key1, p & _LOW
        key0, key1 = (key0 + _W0) & _LOW, (key1 + _W1) & _LOW
    return np.stack([a, b, c, d], axis=-1)


def philox(seeds: np.ndarray, counters: np.ndarray, stream: int = 0) -> np.ndarray:
    """Four 32-bit words for each seed (the key) and counter: [N], [K] -> [N, K, 4] of uint64 below 2^32."""
    key = np.stack([seeds & _LOW, seeds >> _32], axis=-1)[:, None]
    counter = np.zeros((1, len(counters), 4), np.uint64)
    counter[..., 0], counter[..., 1] = counters.astype(np.uint64) & _LOW, stream
    return philox4x32(counter, key)


def draw(seeds: Sequence[int] | np.ndarray, z_dim: int, distribution: str = "uniform", stream: int = 0) -> np.ndarray:
    """z of each seed: float32 [N, z_dim], uniform on [-1, 1] or standard normal (Box-Muller)."""
    seeds = np.asarray(seeds, np.uint64).reshape(-1)
    blocks = -(-z_dim // 4)
    words = philox(seeds, np.arange(blocks), stream).reshape(len(seeds), 4 * blocks)
    u = (words.astype(np.float64) + 0.5) * 2.0**-32  # never 0 and never 1
    if distribution == "uniform":
        return (2 * u - 1).astype(np.float32)[:, :z_dim]
    radius, angle = np.sqrt(-2 * np.log(u[:, 0::2])), 2 * np.pi * u[:, 1::2]
    return (
        np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
        .astype(np.float32)
        .reshape(len(seeds), 4 * blocks)[:, :z_dim]
    )


@dataclass(frozen=True)
class Term:
    """weight * the mean of some seeds, or weight * a saved point."""

    weight: float
    of: tuple[int, ...] | str


@dataclass(frozen=True)
class Point:
    """Weighted seeds: what a verb, a page or a URL means by one picture."""

    terms: tuple[Term, ...]
    noise: tuple[int, ...] = ()
    label: int | None = None

    def __str__(self) -> str:
        words = []
        for number, (weight, of) in enumerate((term.weight, term.of) for term in self.terms):
            sign = "-" if weight < 0 else ("+" if number else "")
            what = f"#{of}" if isinstance(of, str) else ",".join(map(str, of))
            words.append(sign + ("" if abs(weight) == 1 else f"{_number(abs(weight))}*") + what)
        words += [f"~{seed}" for seed in self.noise]
        return " ".join(words + ([] if self.label is None else [f"@{self.label}"]))

    @property
    def seed(self) -> int:
        """The first seed it names: what a conditional run takes its class from when none is given."""
        return next((term.of[0] for term in self.terms if not isinstance(term.of, str)), 0)


_NAME = r"[\w.-]*\w"
_BUILT_IN = re.compile(r"([zn])\.(\d+)")
_TOKEN = re.compile(
    rf"""\s*(?: (?P<sign>[+-])
             | ~(?P<noise>\d+)
             | @(?P<label>\d+)
             | (?:(?P<weight>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)\s*\*\s*)?
               (?:\#(?P<name>{_NAME}) | (?P<seeds>\d+(?:\s*,\s*\d+)*)) (?![\w.*])
           )""",
    re.VERBOSE,
)


def is_name(name: str) -> bool:
    """Whether a point in words can say `#name` and mean one of a run's own."""
    return re.fullmatch(_NAME, name) is not None and not _BUILT_IN.fullmatch(name)


def parse(words: str) -> Point:
    """Read a point from words; a UserError names the place where they stop making sense."""
    terms: list[Term] = []
    noise: list[int] = []
    label: int | None = None
    sign, at, text = None, 0, words.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found or (sign and not (found["name"] or found["seeds"])):
            raise _unreadable(words, at)
        if found["sign"]:
            sign = found["sign"]
        elif found["noise"]:
            noise.append(_seed(found["noise"], words))
        elif found["label"]:
            if label is not None:
                raise UserError(f"point {words!r}: it names two classes; keep one @CLASS")
            label = _whole(found["label"], "a class", words)
        else:
            if terms and not sign:
                raise UserError(
                    f"point {words!r}: two terms with no sign between them; "
                    "write + or -, or a comma for the mean of a group"
                )
            weight = float(found["weight"] or 1) * (-1 if sign == "-" else 1)
            if abs(weight) > MAX_WEIGHT:
                raise UserError(
                    f"point {words!r}: a weight is at most {MAX_WEIGHT:,}, and {found['weight']} is above it"
                )
            of = found["name"] or tuple(_seed(s, words) for s in found["seeds"].split(","))
            terms.append(Term(weight, of))
            sign = None
        at = found.end()
    if sign or not terms:
        raise _unreadable(words, at)
    return Point(tuple(terms), tuple(noise), label)


def resolve(
    point: Point, z_dim: int, distribution: str = "uniform", saved: Callable[[str], np.ndarray] | None = None
) -> np.ndarray:
    """The point's z, float32 [z_dim]; `saved` gives the run's own `#name`s."""
    z = np.zeros(z_dim, np.float64)
    for term in point.terms:
        if isinstance(term.of, str):
            if built_in := _BUILT_IN.fullmatch(term.of):
                z += term.weight * _built_in(built_in[1], built_in[2], z_dim, str(point))
                continue
            if saved is None:
                raise UserError(f"point {str(point)!r}: #{term.of} is a point saved in a run, and there is none here")
            kept = saved(term.of).astype(np.float64)
            if kept.shape != z.shape or not np.isfinite(kept).all():
                raise UserError(f"point {str(point)!r}: #{term.of} is no latent of this run; save it anew")
            z += term.weight * kept
        else:
            z += term.weight * draw(term.of, z_dim, distribution).astype(np.float64).mean(axis=0)
    for seed in point.noise:
        z += NOISE * draw([seed], z_dim, "uniform", stream=1)[0].astype(np.float64)
    return z.astype(np.float32)


def resolve_all(
    points: Sequence[Point], z_dim: int, distribution: str = "uniform", saved: Callable[[str], np.ndarray] | None = None
) -> np.ndarray:
    """z of each, float32 [N, z_dim]; single seeds, which most are, in one go."""
    seeds = {i: p.seed for i, p in enumerate(points) if p.terms == (Term(1.0, (p.seed,)),) and not p.noise}
    z = np.empty((len(points), z_dim), np.float32)
    z[list(seeds)] = draw(list(seeds.values()), z_dim, distribution)
    for i in range(len(points)):
        if i not in seeds:
            z[i] = resolve(points[i], z_dim, distribution, saved)
    return z


def _built_in(kind: str, digits: str, z_dim: int, words: str) -> np.ndarray:
    """`#z.12` is the unit vector of latent number 12; `#n.7` the noise that `~7` adds, so that it can be weighted."""
    number = _whole(digits, "the number of a latent" if kind == "z" else "a seed", words)
    if kind == "n":
        return NOISE * draw([number], z_dim, "uniform", stream=1)[0].astype(np.float64)
    if number >= z_dim:
        raise UserError(f"point {words!r}: this run's latents have {z_dim} numbers, #z.0 to #z.{z_dim - 1}")
    return np.eye(1, z_dim, number)[0]


def walk(a: np.ndarray, b: np.ndarray, steps: int, distribution: str = "uniform") -> np.ndarray:
    """From a (included) to b (left out) in equal steps: [steps, z_dim]; a line, or an arc where z is normal."""
    t = (np.arange(steps) / steps)[:, None]
    if distribution == "uniform":
        return ((1 - t) * a + t * b).astype(np.float32)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    angle = np.arccos(np.clip(np.dot(a, b) / lengths, -1, 1)) if lengths else 0.0
    if np.sin(angle) < 1e-6:  # the same direction, the opposite one, or none: no single arc
        return ((1 - t) * a + t * b).astype(np.float32)
    return ((np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)).astype(np.float32)


def parse_seeds(words: str) -> list[int]:
    """`0-63`, `3,9,17`, `0-3,17`: seeds in the order written."""
    seeds: list[int] = []
    for part in words.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not found:
            raise UserError(f"--seeds {words}: {part.strip()!r} is not a seed or a range; write 17, 0-63 or 0-3,17")
        first = _seed(found[1], words)
        last = _seed(found[2], words) if found[2] else first
        if last - first + len(seeds) >= MOST_SEEDS:
            raise UserError(f"--seeds {words}: at most {MOST_SEEDS:,} at once; ask for them in parts")
        if last < first:
            raise UserError(f"--seeds {words}: the range {first}-{last} runs backwards; write {last}-{first}")
        seeds.extend(range(first, last + 1))
    return seeds


def _seed(digits: str, words: str) -> int:
    return _whole(digits.strip(), "a seed", words)


def _whole(digits: str, what: str, words: str) -> int:
    if len(digits) > 100 or int(digits) > MAX_SEED:  # Python itself refuses to read thousands of digits
        raise UserError(f"{words!r}: {what} is a whole number from 0 to {MAX_SEED}, and {digits} is above it")
    return int(digits)


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")  # the shortest that reads back as the same number


def _unreadable(words: str, at: int) -> UserError:
    rest = words[at:].strip()
    what = f"cannot read {rest!r}" if rest else "it ends too soon"
    return UserError(
        f"point {words!r}: {what}; write seeds with weights, like 17, '0.5*12 + 0.5*40' or '+12,40,77 -3,9,31'"
    )
