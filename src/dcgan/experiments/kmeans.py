"""k-means, and the one-layer features that Coates & Ng make of it (2011; 2012): the paper's baseline of 80.6 %.

`clusters` is Lloyd's, begun at k-means++'s centres. `Layer` learns `k` patches of 6 x 6 pixels, each patch brought to
its own mean and contrast and whitened; a picture's features tell how much nearer than on the average each centre is
to the patches of its four quarters ("triangle" encoding, sum pooling): 4 k numbers.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 6  # of a patch
PATCHES = 100_000
CONTRAST = 10.0  # added to a patch's variance, in grey levels squared
WHITEN = 0.1  # added to the variance along each axis
ROUNDS = 20
CHUNK = 50  # pictures at a time


def clusters(x: Tensor, k: int, seed: int = 0, rounds: int = ROUNDS) -> tuple[Tensor, Tensor]:
    """Centres [k, d] of rows [N, d], and which is each row's, [N]."""
    random = torch.Generator().manual_seed(seed)
    centres = _begin(x, k, random)
    for _ in range(rounds):
        which = nearest(x, centres)
        count = torch.bincount(which, minlength=k)
        moved = torch.zeros_like(centres).index_add_(0, which, x) / count.clamp(min=1)[:, None]
        lost = torch.randint(len(x), (k,), generator=random).to(x.device)
        centres = torch.where(count[:, None] > 0, moved, x[lost])
    return centres, nearest(x, centres)


def _begin(x: Tensor, k: int, random: torch.Generator) -> Tensor:
    """k-means++ (Arthur & Vassilvitskii, 2007) on a sample of the rows."""
    rows = x[torch.randperm(len(x), generator=random)[: max(20 * k, 1000)].to(x.device)]
    chosen = [int(torch.randint(len(rows), (1,), generator=random))]
    away = (rows - rows[chosen[0]]).square().sum(1)
    while len(chosen) < k:
        share = away.double().cpu()
        if float(share.sum()) == 0:
            share = torch.ones_like(share)
        chosen.append(int(torch.multinomial(share, 1, generator=random)))
        away = torch.minimum(away, (rows - rows[chosen[-1]]).square().sum(1))
    return rows[chosen].clone()


def nearest(x: Tensor, centres: Tensor) -> Tensor:
    lengths = centres.square().sum(1)
    return torch.cat([(lengths - 2 * part @ centres.T).argmin(1) for part in x.split(8192)])


@dataclass(frozen=True)
class Layer:
    """Learned patches, and what whitens a patch before it is held against them."""

    mean: Tensor  # [d]
    whiten: Tensor  # [d, d]
    centres: Tensor  # [k, d]

    @classmethod
    def learn(cls, pictures: np.ndarray, k: int, seed: int = 0, device: str = "cpu") -> "Layer":
        """From uint8 [N, H, W, C], without labels."""
        rng = np.random.default_rng(seed)
        n, h, w, _ = pictures.shape
        i, top, left = (rng.integers(0, high, PATCHES) for high in (n, h - SIDE + 1, w - SIDE + 1))
        cut = np.stack([pictures[a, b : b + SIDE, c : c + SIDE] for a, b, c in zip(i, top, left, strict=True)])
        x = _even(torch.from_numpy(cut.transpose(0, 3, 1, 2).reshape(PATCHES, -1)).float().to(device))
        mean = x.mean(0)
        centred = x - mean
        values, axes = torch.linalg.eigh((centred.T @ centred / len(x)).double())
        whiten = (axes * (values + WHITEN).rsqrt() @ axes.T).float()
        return cls(mean, whiten, clusters(centred @ whiten, k, seed)[0])

    def features(self, pictures: np.ndarray) -> Tensor:
        """[N, 4 k]: each quarter's sum of how much nearer than the mean distance each centre is to its patches."""
        return torch.cat([self._chunk(pictures[at : at + CHUNK]) for at in range(0, len(pictures), CHUNK)])

    def _chunk(self, pictures: np.ndarray) -> Tensor:
        device = str(self.centres.device)
        x = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float().to(device)
        rows, columns = x.shape[2] - SIDE + 1, x.shape[3] - SIDE + 1
        patches = F.unfold(x, SIDE).transpose(1, 2)  # [n, places, d]
        flat = (_even(patches.flatten(0, 1)) - self.mean) @ self.whiten
        square = flat.square().sum(1, keepdim=True) + self.centres.square().sum(1) - 2 * flat @ self.centres.T
        away = square.clamp_(min=0).sqrt_()
        near = (away.mean(1, keepdim=True) - away).clamp_(min=0).view(len(x), rows, columns, -1)
        halves = [near[:, :, : columns // 2].sum(2), near[:, :, columns // 2 :].sum(2)]
        return torch.cat([part.sum(1) for half in halves for part in (half[:, : rows // 2], half[:, rows // 2 :])], 1)


def _even(patches: Tensor) -> Tensor:
    """Each at mean 0 and about the same contrast."""
    patches = patches - patches.mean(1, keepdim=True)
    return patches / (patches.var(1, keepdim=True) + CONTRAST).sqrt()
