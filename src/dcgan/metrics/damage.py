"""What a picture may suffer and still be read, and what leaves nothing to read.

The factor reader (reader.py) learns both: `mild` keeps a picture's truth, `mud` takes it away. A softmax trained on
true pictures alone is as sure of mud as of them; so it is shown mud, in as many kinds as generators are known to make.

Pictures here are float [N, C, H, W] in [0, 1]; every random number comes from `g`.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


def mild(x: Tensor, g: Generator) -> Tensor:
    """Softness, a slight sway of the shapes, a tint, a little grain: between none and what a person would forgive."""
    n, c = x.shape[:2]
    x = warp(x, 0.05 * torch.rand(n, 1, 1, 1, generator=g), g)
    x = torch.lerp(x, soften(x), torch.rand(n, 1, 1, 1, generator=g))
    tint = 0.05 * torch.randn(n, c, 1, 1, generator=g)
    x = (x - 0.5) * (1 + 0.06 * torch.randn(n, 1, 1, 1, generator=g)) + 0.5 + 0.5 * tint
    return (x + 0.04 * torch.rand(n, 1, 1, 1, generator=g) * grain(x, g)).clamp(0, 1)


def mud(x: Tensor, g: Generator) -> tuple[Tensor, Tensor]:
    """Ruin of every kind, and whether each picture [N] is ruined indeed: not where it stays near one that was whole."""
    other = x.roll(1, 0)
    kinds = (blend, blend, patched, melted, smeared, noisy, shuffled, erased, static)
    parts = zip(x.tensor_split(len(kinds)), other.tensor_split(len(kinds)), kinds, strict=True)
    ruined = torch.cat([kind(a, b, g) for a, b, kind in parts])
    change = torch.minimum(_apart(ruined, x), _apart(ruined, other))
    return ruined, change > 0.25 * _apart(x, other)


def blend(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """Two pictures at once: what a generator draws between two modes."""
    return torch.lerp(x, other, _between(0.3, 0.7, x, g))


def patched(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """Parts of one picture and parts of the other, with soft borders."""
    n, _, h, w = x.shape
    mask = F.interpolate(torch.randn(n, 1, 3, 3, generator=g), (h, w), mode="bicubic", align_corners=False)
    return torch.lerp(x, other, (4 * mask + 0.5).clamp(0, 1))


def melted(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """Shapes pulled out of shape."""
    return warp(x, _between(0.25, 0.6, x, g), g)


def smeared(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """So soft that only the large colours are left."""
    side = int(torch.randint(2, 6, (), generator=g))
    return F.interpolate(F.adaptive_avg_pool2d(x, side), x.shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)


def noisy(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """Grain as strong as the picture, which may have paled under it."""
    pale = torch.lerp(x, x.mean((2, 3), True), _between(0, 0.6, x, g))
    return (pale + _between(0.25, 0.5, x, g) * grain(x, g)).clamp(0, 1)


def shuffled(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """The picture's own quarters, ninths or sixteenths in another order."""
    n, c, h, w = x.shape
    cells = int(torch.randint(2, 5, (), generator=g))
    a, b = h // cells, w // cells
    tiles = x[:, :, : a * cells, : b * cells].reshape(n, c, cells, a, cells, b).permute(0, 2, 4, 1, 3, 5)
    order = torch.rand(n, cells * cells, generator=g).argsort(1)
    tiles = tiles.flatten(1, 2)[torch.arange(n)[:, None], order].view(n, cells, cells, c, a, b)
    out = x.clone()
    out[:, :, : a * cells, : b * cells] = tiles.permute(0, 3, 1, 4, 2, 5).reshape(n, c, a * cells, b * cells)
    return out


def erased(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """A half of it, or more, painted over with its own mean colour or one at random."""
    n, c, h, w = x.shape
    angle = 6.2832 * torch.rand(n, 1, 1, 1, generator=g)
    down, across = torch.linspace(-1, 1, h)[:, None], torch.linspace(-1, 1, w)
    gone = angle.sin() * down + angle.cos() * across > _between(-0.4, 0.1, x, g)
    own, any_colour = x.mean((2, 3), True), torch.rand(n, c, 1, 1, generator=g)
    return torch.where(gone, torch.where(torch.rand(n, 1, 1, 1, generator=g) < 0.5, any_colour, own), x)


def static(x: Tensor, other: Tensor, g: Generator) -> Tensor:
    """No picture at all: grain of any size and strength on any colour, as from an untrained generator."""
    n, c, _, _ = x.shape
    return (torch.rand(n, c, 1, 1, generator=g) + 0.5 * torch.rand(n, 1, 1, 1, generator=g) * grain(x, g)).clamp(0, 1)


def warp(x: Tensor, strength: Tensor, g: Generator) -> Tensor:
    """Move each point by a smooth random field; `strength` [N, 1, 1, 1] is its deviation in half-sides."""
    n, _, h, w = x.shape
    field = F.interpolate(torch.randn(n, 2, 5, 5, generator=g), (h, w), mode="bicubic", align_corners=True) * strength
    still = F.affine_grid(torch.eye(2, 3).expand(n, 2, 3), [n, 1, h, w], align_corners=False)
    return F.grid_sample(x, still + field.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


def soften(x: Tensor) -> Tensor:
    """The kernel (1 2 1)/4 both ways: a deviation of 0.7 pixels."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = (x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]) / 4
    return (x[..., :-2, :] + 2 * x[..., 1:-1, :] + x[..., 2:, :]) / 4


def grain(x: Tensor, g: Generator) -> Tensor:
    """Noise like x with a deviation near 1: fine, or blotches of up to an eighth of the side; grey or in colours."""
    n, c, h, w = x.shape
    cell = int(torch.randint(1, 5, (), generator=g))
    colours = c if torch.rand((), generator=g) < 0.5 else 1
    noise = torch.randn(n, colours, -(-h // cell), -(-w // cell), generator=g)
    return F.interpolate(noise, (h, w), mode="nearest").expand_as(x)


def _between(low: float, high: float, x: Tensor, g: Generator) -> Tensor:
    return low + (high - low) * torch.rand(len(x), 1, 1, 1, generator=g)


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean((1, 2, 3))
