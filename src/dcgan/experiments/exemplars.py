"""Exemplars by attribute: a run's samples, what a reader sees in them, and those that fit a wish.

    shown = look(model, reader(model, "--find", console), 2000, console)  # seeds 0-1999, drawn and read
    shown.which(wish("man no-glasses mouth>0.3", "faces"))                # [2000]: where all of it is surely read
    shown.inner(wish("man no-glasses", "faces"))                          # those of them farthest from the border

A wish names factors of the built-in pictures: a category's value (`glasses`, `hair=long`), not that value
(`no-glasses`), or a bound of a continuous factor (`turn>0.5`). Radford et al. chose their exemplars by eye (section
6.3.2); a reader has more patience, and says beforehand how often it is right.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dcgan.console import Console
from dcgan.data.pictures import FACTORS, Category, Continuous
from dcgan.errors import UserError, suggest
from dcgan.metrics import truth
from dcgan.metrics.reader import COUNTS, SURE, Reader, Reading
from dcgan.metrics.subject import parsed
from dcgan.sample import Model

POOL = 2000  # samples that exemplars are sought among
PART = 500  # pictures at a time
INNER = 1 / 3  # of those that fit: exemplars
RIDGE = 10.0  # penalty on what z tells of a factor, in samples


@dataclass(frozen=True)
class Wish:
    """One factor: `value` is a category's index (wanted, or not) or a continuous factor's bound."""

    factor: str
    sign: str  # "=", "!", "<", ">"
    value: float

    def fits(self, values: np.ndarray) -> np.ndarray:
        """[N]; hidden values (-1, NaN) fit nothing but a category that is not wanted."""
        with np.errstate(invalid="ignore"):
            return {
                "=": values == self.value,
                "!": values != self.value,
                "<": values < self.value,
                ">": values > self.value,
            }[self.sign]

    def surely(self, read: Reading) -> np.ndarray:
        """[N]: the probability that the reader is right about it; of a bound, by its own error."""
        if self.sign in "=!":
            return read.confidences[self.factor]
        beyond = (read.values[self.factor] - self.value) / read.errors[self.factor] * (1 if self.sign == ">" else -1)
        return read.drawn * torch.special.ndtr(torch.from_numpy(beyond)).nan_to_num().numpy()

    def negated(self) -> "Wish":
        return Wish(self.factor, {"=": "!", "!": "=", "<": ">", ">": "<"}[self.sign], self.value)


_BOUND = re.compile(r"(\w+)([<>])(-?\d*\.?\d+)")


def wish(words: str, name: str, flag: str = "--find") -> tuple[Wish, ...]:
    """What is wished of pictures of this built-in set, in words."""
    return tuple(_one(word, name, f"{flag} {words!r}") for word in words.split())


def _one(word: str, name: str, where: str) -> Wish:
    kinds = FACTORS[name]
    if found := _BOUND.fullmatch(word):
        factor, sign, bound = found.groups()
        if not isinstance(kinds.get(factor), Continuous):
            known = [other for other, kind in kinds.items() if isinstance(kind, Continuous)]
            raise UserError(f"{where}: {name} have no continuous factor {factor!r}{suggest(factor, known)}")
        return Wish(factor, sign, float(bound))
    sign, value = ("!", word[3:]) if word.startswith("no-") else ("=", word)
    given, _, value = value.rpartition("=")
    holding = [
        factor
        for factor, kind in kinds.items()
        if isinstance(kind, Category) and value in kind.values and given in ("", factor)
    ]
    if len(holding) > 1:
        raise UserError(f"{where}: {value} may be one of {', '.join(holding)}; write {holding[0]}={value}")
    if not holding:
        known = [one for kind in kinds.values() if isinstance(kind, Category) for one in kind.values if one != "none"]
        raise UserError(f"{where}: {name} have no {word!r}{suggest(value, known)}")
    return Wish(holding[0], sign, kinds[holding[0]].values.index(value))  # type: ignore[union-attr]


@dataclass(frozen=True)
class Shown:
    """Samples of a run and what is read off them."""

    seeds: np.ndarray  # [N]
    z: np.ndarray  # [N, z_dim]
    pictures: np.ndarray  # uint8 [N, H, W, C]
    read: Reading
    _linear: dict[str, np.ndarray] = field(default_factory=dict)

    def which(self, wishes: Sequence[Wish], sure: float = SURE) -> np.ndarray:
        """[N]: readable, and each wish fulfilled with that probability at least."""
        found = self.read.drawn > sure
        for one in wishes:
            found &= one.fits(self.read.values[one.factor]) & (one.surely(self.read) > sure)
        return found

    def inner(self, wishes: Sequence[Wish], least: int) -> np.ndarray:
        """Of the rows that fit, the third that lies farthest inside (`least` or more): there noise does little."""
        fitting = np.flatnonzero(self.which(wishes))
        if len(fitting) < least:
            return fitting
        depth = np.min([self._depth(one)[fitting].argsort().argsort() for one in wishes], 0)
        return fitting[np.argsort(-depth, kind="stable")[: max(least, round(INNER * len(fitting)))]]

    def _depth(self, one: Wish) -> np.ndarray:
        """[N]: how far inside a wish each latent lies, by what z tells of the factor linearly."""
        told = self.z @ self.linear(one.factor).T  # [N, values], or [N, 1]
        if one.sign in "<>":
            return told[:, 0] * (1 if one.sign == ">" else -1)
        if one.value >= told.shape[1] or told.shape[1] == 1:  # no sample shows it, or all do: z tells nothing
            return np.zeros(len(told))
        margin = told[:, int(one.value)] - np.delete(told, int(one.value), 1).max(1)
        return margin if one.sign == "=" else -margin

    def linear(self, factor: str) -> np.ndarray:
        """What z tells of a factor linearly, by readable samples that show it: [values, z_dim] of a category, by
        logistic regression; [1, z_dim] of a continuous factor, by ridge regression."""
        if factor not in self._linear:
            seen = self._seen(factor)
            z, y = torch.from_numpy(self.z[seen]).double(), torch.from_numpy(self.read.values[factor][seen])
            self._linear[factor] = (_ridge(z, y) if y.is_floating_point() else _logistic(z, y)).numpy()
        return self._linear[factor]

    def mean(self, factor: str) -> float:
        """Of a continuous factor, by the same samples."""
        return float(self.read.values[factor][self._seen(factor)].mean())

    def _seen(self, factor: str) -> np.ndarray:
        values = self.read.values[factor]
        seen = (self.read.confidence > SURE) & (values >= 0 if values.dtype.kind == "i" else ~np.isnan(values))
        if not seen.any():
            raise UserError(f"{factor}: of {len(self.seeds):,} samples none that shows it is surely read; train longer")
        return seen

    def told(self, without: str, seer: Reader) -> np.ndarray:
        """An orthonormal basis of all that tells, linearly, of the other factors that the reader reads well."""
        names = [one.name for one in seer.factors if one.right >= COUNTS and one.name != without]
        rows = np.concatenate([self.linear(name) for name in names])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows = (rows / lengths.clip(1e-12))[lengths[:, 0] > 0]  # 0: all samples have one value of it
        _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
        return basis[sizes > 1e-6 * sizes.max(initial=0.0)]


def _ridge(z: Tensor, y: Tensor) -> Tensor:
    y = (y - y.mean()).double()
    centred = z - z.mean(0)
    grip = RIDGE * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.linalg.solve(centred.T @ centred + grip, centred.T @ y)[None]


def _logistic(z: Tensor, y: Tensor) -> Tensor:
    """Of as many values as there are: weights [values, z_dim]."""
    values = int(y.max()) + 1
    weight = torch.zeros(values, z.shape[1] + 1, dtype=z.dtype, requires_grad=True)
    x = torch.cat([z, torch.ones(len(z), 1, dtype=z.dtype)], 1)
    optimizer = torch.optim.LBFGS([weight], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(x @ weight.T, y) + RIDGE / len(z) * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach()[:, :-1]


def built_in(model: Model, why: str, instead: str = "") -> str:
    """The name of the built-in pictures that the run learned from, or a UserError that says why they are wanted."""
    name, _ = parsed(model.config.data)
    if name not in FACTORS:
        raise UserError(
            f"{why}: a reader of pictures is wanted for this, and only the built-in ones ({', '.join(FACTORS)}) come "
            f"with the truth that teaches one; this run learned from {model.config.data}{instead}"
        )
    return name


def reader(model: Model, why: str, console: Console) -> Reader:
    """Of the factors of the built-in pictures that a run learned from; taught once, then kept in the cache."""
    return truth.of_factors(built_in(model, why), console, size=model.config.size)


def look(model: Model, seer: Reader, count: int, console: Console) -> Shown:
    """Seeds from 0 on."""
    seeds = np.arange(count)
    z, labels = model.latents(seeds)
    parts = []
    with console.progress("drawing samples to read", count) as bar:
        for start in range(0, count, PART):
            part = slice(start, start + PART)
            parts.append(model.generate(z[part], None if labels is None else labels[part]))
            bar.update(min(start + PART, count))
    pictures = np.concatenate(parts)
    return Shown(seeds, z, pictures, seer.read(pictures))
