"""Minibatches as Algorithm 1 asks for them: the i-th of a run is a function of (seed, i) alone.

Where a GPU computes and the prepared pictures fit beside the networks, they are sent there once, as bytes; a step then
sends numbers only: which pictures, and how each is mirrored and shifted.
"""

import numpy as np
import torch
from torch import Tensor

from dcgan import data, images
from dcgan.algorithm import Batch
from dcgan.config import Config
from dcgan.data.streamed import Streamed

SHARE = 0.5  # of the GPU's free memory that pictures may take
PART = 1024  # pictures that are sent at a time


def stream(dataset: data.Dataset, config: Config, device: str) -> data.Stream:
    """A run's pictures in its order, where they are best kept."""
    found = data.Stream(dataset, config.seed, config.mirror, config.translate)
    if device == "cuda" and not isinstance(dataset.images, Streamed):
        free, _ = torch.cuda.mem_get_info()
        if dataset.images.nbytes <= SHARE * free:
            found.images = sent(dataset.images, device)
    return found


def sent(pictures: np.ndarray, device: str) -> Tensor:
    """The same on a device: uint8 [N, H, W, C]."""
    held = torch.empty(pictures.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(pictures), PART):
        part = pictures[start : start + PART]
        held[start : start + len(part)] = torch.tensor(part)
    return held


def batches(config: Config, stream: data.Stream, device: str, rows: tuple[int, int] | None = None) -> Batch:
    """The i-th minibatch; or so many of its rows, from one on."""
    first, count = rows or (0, config.m)

    def batch(i: int) -> tuple[Tensor, Tensor | None]:
        pictures, labels = stream.batch(i * config.m + first, count, config.m)
        x = images.to_float(pictures, config.output, device)
        y = torch.as_tensor(labels, device=device) if config.conditional else None
        return x, y

    return batch
