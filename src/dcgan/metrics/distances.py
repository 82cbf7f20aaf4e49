"""How far apart two sets of pictures are, as pure functions of their features: matrices [N, d], one row a picture.

FID      Frechet distance of two Gaussians with the sets' means and covariances (Heusel et al., 2017)
KID      squared maximum mean discrepancy under a cubic kernel, without bias (Binkowski et al., 2018)
precision, recall    share of generated pictures near a real one, and the other way round (Kynkaanniemi et al., 2019)
density, coverage    the same two aims, less moved by outliers (Naeem et al., 2020)

All sums are in float64. Matrices are read in parts, so memory maps may be given.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Matrix = np.ndarray  # [N, d], of any float type, or a memory map of one
ROWS = 4096  # that are widened to float64 at a time
K, K_DENSITY = 3, 5  # neighbours: of precision and recall, of density and coverage, as published


class Moments:
    """Mean and covariance of rows that come in parts (Chan, Golub & LeVeque, 1979)."""

    def __init__(self, d: int):
        self.n = 0
        self.mean = torch.zeros(d, dtype=torch.float64)
        self.scatter = torch.zeros(d, d, dtype=torch.float64)  # sum of outer products of the deviations

    @classmethod
    def of(cls, features: Matrix) -> "Moments":
        return cls(features.shape[1]).add(features)

    def add(self, features: Matrix) -> "Moments":
        for start in range(0, len(features), ROWS):
            x = _rows(features, start, start + ROWS)
            part = Moments(x.shape[1])
            part.n, part.mean = len(x), x.mean(0)
            deviations = x - part.mean
            part.scatter = deviations.T @ deviations
            self.merge(part)
        return self

    def merge(self, other: "Moments") -> "Moments":
        n = self.n + other.n
        if other.n:
            apart = other.mean - self.mean
            self.scatter += other.scatter + torch.outer(apart, apart) * (self.n * other.n / n)
            self.mean = self.mean + apart * (other.n / n)
            self.n = n
        return self

    @property
    def covariance(self) -> Tensor:
        return self.scatter / (self.n - 1)


def fid(a: Moments, b: Moments) -> float:
    """|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^1/2).

    With roots A = S S', B = T T', the last trace is the sum of the singular values of S'T: no root of an unsymmetric
    product, no complex numbers, and singular covariances do no harm. (The eigenvalues of S'B S are their squares, and
    lose half of the digits: 0.06 of 6,219 at d = 1,280 with 1,000 rows, where this is right to 3e-10.)
    """
    shared = torch.linalg.svdvals(_root(a).T @ _root(b)).sum()
    spread = a.covariance.trace() + b.covariance.trace()
    return float((a.mean - b.mean).square().sum() + spread - 2 * shared)


def _root(moments: Moments) -> Tensor:
    """S [d, r] with S S' the covariance; of n rows it has rank n - 1 at most, and what goes beyond is rounding."""
    values, vectors = torch.linalg.eigh(moments.covariance)  # in rising order
    rank = min(moments.n - 1, len(values))
    return vectors[:, -rank:] * values[-rank:].clamp(min=0).sqrt()


class Kid(NamedTuple):
    value: float
    error: float | None  # standard error, from the spread over parts; None where there are too few
    parts: int


def kid(a: Matrix, b: Matrix, size: int = 1000) -> Kid:
    """Mean of the unbiased estimate over disjoint parts of about `size` rows each.

    The common recipe draws 100 overlapping subsets of 1,000 at random; disjoint ones use each row once, need no seed,
    have the same expectation, and are independent, so that their spread gives an honest error.
    """
    parts = max(1, min(len(a), len(b)) // size)
    estimates = [_mmd(_rows(a, *_part(len(a), i, parts)), _rows(b, *_part(len(b), i, parts))) for i in range(parts)]
    error = float(np.std(estimates, ddof=1) / math.sqrt(parts)) if parts > 3 else None
    return Kid(float(np.mean(estimates)), error, parts)


def _part(n: int, i: int, parts: int) -> tuple[int, int]:
    return n * i // parts, n * (i + 1) // parts


def _mmd(x: Tensor, y: Tensor) -> float:
    """Squared MMD under k(x, y) = (x.y / d + 1)^3, without bias: no row is compared with itself."""

    def within(z: Tensor) -> Tensor:
        k = _kernel(z, z)
        return (k.sum() - k.diagonal().sum()) / (len(z) * (len(z) - 1))

    return float(within(x) + within(y) - 2 * _kernel(x, y).mean())


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


class Support(NamedTuple):
    precision: float
    recall: float
    density: float
    coverage: float


def support(real: Matrix, fake: Matrix, k: int = K, k_density: int = K_DENSITY) -> Support:
    """Whether each set lies in the other's support: the union of balls round its rows, to their k-th neighbour.

    precision: share of `fake` inside some ball of `real`; recall: of `real` inside some ball of `fake`;
    density: mean number of balls of `real` round a row of `fake`, over k; coverage: share of `real`'s balls that hold
    a row of `fake`. The first two with k = 3 and a closed ball, the others with k = 5 and an open one, as published.
    """
    radii = _radii(real, (k, k_density))
    real_radii, wide = radii[:, 0], radii[:, 1]
    fake_radii = _radii(fake, (k,))[:, 0]
    inside = np.zeros(len(fake), bool)
    held = np.zeros(len(fake), np.int64)
    reached, covered = [], []
    for start, distances in _distances(real, fake):  # [rows of real, all of fake]
        here = slice(start, start + len(distances))
        inside |= (distances <= real_radii[here, None]).any(0).numpy()
        within = distances < wide[here, None]
        held += within.sum(0).numpy()
        covered.append(within.any(1))
        reached.append((distances <= fake_radii).any(1))
    return Support(
        float(inside.mean()),
        float(torch.cat(reached).double().mean()),
        float(held.mean() / k_density),
        float(torch.cat(covered).double().mean()),
    )


def _radii(x: Matrix, ks: tuple[int, ...]) -> Tensor:
    """Each row's distance to its k-th nearest other row: [N, len(ks)]."""
    found = []
    for start, distances in _distances(x, x):
        at = torch.arange(len(distances))
        distances[at, start + at] = math.inf
        found.append(distances.topk(max(ks), largest=False).values[:, [k - 1 for k in ks]])
    return torch.cat(found)


def _distances(x: Matrix, y: Matrix, budget: int = 1 << 23):
    """Euclidean distances of a few rows of x at a time to all of y: (first row, [rows, len(y)]).

    |x|^2 + |y|^2 - 2 x.y is exact enough in float64 round a common centre; what is left of a distance of zero is zero.
    """
    centre = _rows(y, 0, ROWS).mean(0)
    all_y = torch.cat([_rows(y, start, start + ROWS) - centre for start in range(0, len(y), ROWS)])
    squares_y = all_y.square().sum(1)
    step = max(1, budget // len(y))
    for start in range(0, len(x), step):
        some_x = _rows(x, start, start + step) - centre
        squares = some_x.square().sum(1)[:, None] + squares_y
        apart = torch.addmm(squares, some_x, all_y.T, alpha=-2)
        yield start, apart.where(apart > 1e-13 * squares, 0.0).sqrt_()


def _rows(features: Matrix, start: int, stop: int) -> Tensor:
    return torch.from_numpy(np.array(features[start:stop], np.float64))
