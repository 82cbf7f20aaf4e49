"""Differentiable augmentation (Zhao et al., 2020): D sees no picture as it is, real or generated.

So it cannot learn a small set by heart; and G's gradient goes through the alterations, so that it need not draw them.

Each picture's alterations are a function of its own NUMBERS random ones, U(0, 1): brightness, saturation and contrast,
a shift of up to an eighth of the side, and a grey square of half the side. `train --augment` uses all of them.
"""

import torch
from torch import Tensor

NUMBERS = 7  # for each picture
SHIFT = 1 / 8  # of the side, at most, each way
HOLE = 1 / 2  # of the side


def altered(x: Tensor, numbers: Tensor) -> Tensor:
    """Pictures [N, C, H, W] in [-1, 1] (0 is middle grey), by numbers [N, NUMBERS]."""
    return cut(shifted(coloured(x, numbers[:, :3]), numbers[:, 3:5]), numbers[:, 5:])


def coloured(x: Tensor, numbers: Tensor) -> Tensor:
    """Brighter or darker by up to a quarter of the range, 0 to 2 times the saturation, 0.5 to 1.5 times the contrast;
    alpha, a fourth channel, stays."""
    brightness, saturation, contrast = numbers[:, :, None, None, None].unbind(1)
    colour, alpha = x[:, :3], x[:, 3:]
    colour = colour + (brightness - 0.5)
    grey = colour.mean(1, keepdim=True)
    colour = grey + (colour - grey) * (2 * saturation)
    middle = colour.mean((1, 2, 3), keepdim=True)
    colour = middle + (colour - middle) * (contrast + 0.5)
    return torch.cat([colour, alpha], 1) if alpha.shape[1] else colour


def shifted(x: Tensor, numbers: Tensor) -> Tensor:
    """Moved by whole pixels, grey where nothing comes in: a product with 0-1 matrices from either side."""
    down, right = (_moves(side, number) for side, number in zip(x.shape[2:], numbers.unbind(1), strict=True))
    return torch.einsum("nij,ncjk,nlk->ncil", down, x, right).contiguous(memory_format=torch.channels_last)


def _moves(side: int, numbers: Tensor) -> Tensor:
    """[N] -> [N, side, side]: one where row i takes row i + shift."""
    most = round(side * SHIFT)
    shift = (numbers * (2 * most + 1)).floor() - most
    i = torch.arange(side, device=numbers.device)
    return (i[:, None] + shift[:, None, None] == i).to(numbers.dtype)


def cut(x: Tensor, numbers: Tensor) -> Tensor:
    """A square of half the side made grey, its middle anywhere in the picture."""
    inside = [
        (torch.arange(side, device=x.device) - (number * side).floor()[:, None] + int(side * HOLE) // 2)
        for side, number in zip(x.shape[2:], numbers.unbind(1), strict=True)
    ]
    rows, columns = ((at >= 0) & (at < int(side * HOLE)) for at, side in zip(inside, x.shape[2:], strict=True))
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])
