"""Does a generator draw, or does it copy? A set that it has seen against one that it has not.

For each sample the nearest of all real pictures is sought, among T that it was trained on and H held out. One that
copies nothing does not know which are which: its nearest picture is a training picture with probability
p = T / (T + H). One that copies a fraction c of the time comes to c + (1 - c) p. So

    copied = (share - p) / (1 - p)        0: draws as if it had not seen the pictures; 1: copies always

Absolute distances do not tell: a smooth picture lies nearer to everything, in pixels, than a sharp one, and a fair
generator that blurs looks like a thief. Here both sets profit alike from what a picture is like (the idea of Meehan et
al., 2020, without its cells). The distances are given too, beside those of held-out pictures to the training ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

Matrix = np.ndarray
LEAST = 0.02  # copies fewer than this are not called such
TELLS = 1 / 3  # where chance gives more than this, one copy in three would go unnoticed, and nothing can be told
NUMBERS = 1 << 25  # in the rows that are compared at a time


@dataclass(frozen=True)
class Memory:
    copied: float
    error: float  # standard error of `copied` where nothing is copied
    distances: np.ndarray  # [N]: of each sample to its nearest training picture
    nearest: np.ndarray  # [N]: which that is
    held_out: np.ndarray  # [H / 2]: of held-out pictures to theirs
    floor: float  # `copied` of those held-out pictures, against the other half: 0, but for chance and unlike sets

    @property
    def goal(self) -> float:
        """What chance seldom exceeds: three standard errors, and at least LEAST."""
        return max(3 * self.error, LEAST)

    @property
    def verbatim(self) -> float:
        return verbatim(self.distances, self.held_out)

    @property
    def ok(self) -> bool | None:
        """Whether it is within the goal; None where so few neighbours are distinct that copies would hardly show."""
        if self.copied > self.goal or self.verbatim > LEAST:
            return False
        return True if self.goal <= TELLS else None

    def scaled(self, scale: float) -> "Memory":
        """Where one in `scale` training pictures was compared: a copy of another went unnoticed."""
        return replace(self, copied=self.copied * scale, error=self.error * scale, floor=self.floor * scale)


def verbatim(distances: np.ndarray, real: np.ndarray) -> float:
    """Share of samples nearer to a training picture than half of what 99 % of other real ones are."""
    return float((distances < np.quantile(real, 0.01) / 2).mean())


def memorisation(samples: Sequence[Matrix], seen: Matrix, held_out: Sequence[Matrix]) -> Memory:
    """`samples` and `held_out` are views: the pictures [N, d], and them mirrored where training mirrored too.

    Rows may be of any numbers: pixels or features. The error takes into account that many samples may have the same
    neighbour, as smooth pictures do: they count as one.
    """
    mine, nearest, copied, error = _copied(samples, seen, held_out[0])
    half = len(held_out[0]) // 2
    theirs, _, floor, _ = _copied([view[:half] for view in held_out], seen, held_out[0][half:])
    return Memory(copied, error, mine, nearest, theirs, floor)


def _copied(views: Sequence[Matrix], seen: Matrix, unseen: Matrix) -> tuple[np.ndarray, np.ndarray, float, float]:
    near, which = nearest(views, seen)
    far, other = nearest(views, unseen)
    p = len(seen) / (len(seen) + len(unseen))
    share = float(np.mean((near < far) + 0.5 * (near == far)))
    one = np.where(near < far, which, len(seen) + other)  # the nearest of all
    clusters = np.unique(one, return_counts=True)[1].astype(np.float64)
    error = math.sqrt(p * (1 - p) * float((clusters**2).sum())) / len(near)
    return near, which, (share - p) / (1 - p), error / (1 - p)


def nearest(views: Sequence[Matrix], pool: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Distance [N] of each row, in whichever view is nearer, to the nearest of `pool`, and which that is [N]."""
    found = [_nearest(view, pool) for view in views]
    distances = np.stack([one[0] for one in found])
    view, rows = distances.argmin(0), np.arange(len(views[0]))
    return distances[view, rows], np.stack([one[1] for one in found])[view, rows]


def _nearest(x: Matrix, pool: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Sought in float32 round the pool's centre; the distance of what is found is then computed straight."""
    step = max(16, NUMBERS // max(1, x[0].size))
    centre = _rows(pool[:step]).mean(0)
    mine = _rows(x) - centre
    best, which = torch.full((len(x),), math.inf), torch.zeros(len(x), dtype=torch.int64)
    for start in range(0, len(pool), step):
        part = _rows(pool[start : start + step]) - centre
        apart = torch.addmm(part.square().sum(1), mine, part.T, alpha=-2)  # squared, less |mine|^2
        values, places = apart.min(1)
        nearer = values < best
        best[nearer], which[nearer] = values[nearer], places[nearer] + start
    numbers = which.numpy()
    distances = np.empty(len(x))
    for start in range(0, len(x), step):
        here = slice(start, start + step)
        gap = _rows(x[here]).double() - _rows(pool[numbers[here]]).double()
        distances[here] = gap.square().sum(1).sqrt().numpy()
    return distances, numbers


def _rows(part: Matrix) -> torch.Tensor:
    return torch.from_numpy(np.array(part, np.float32).reshape(len(part), -1))
