"""The Inception v3 of the published FIDs (inception-2015-12-05, TensorFlow's), to its 2,048 pooled features.

The weights are in no package: a user brings one of the two files below, or has the first fetched. They are known by
their SHA-256, and only with them is a figure called plain "FID".

    weights-inception-2015-12-05-6726825d.pth   tensors, from torch-fidelity (the same: pytorch-fid's pt_inception-...)
    inception-2015-12-05.pt                     a TorchScript network, from NVIDIA's StyleGAN codes

Where this differs from torchvision's Inception, it follows TensorFlow's graph: averages that leave out the padding, a
maximum in the last block, and a bilinear resize whose first pixels' corners, not centres, lie upon each other.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.data.download import Remote
from dcgan.metrics.folded import fold

SIDE = 299
EPSILON = 1e-3  # of its batch norm
TENSORS = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SCRIPT = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
REMOTE = Remote(
    "weights-inception-2015-12-05-6726825d.pth",
    95_628_359,
    TENSORS,
    (
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    ),
)


class Inception(nn.Module):
    """Float [N, 3, 299, 299], as (grey level - 128) / 128 -> [N, 2048]."""

    def __init__(self, held: dict[str, Tensor]):
        super().__init__()
        for name in sorted(key.removesuffix(".conv.weight") for key in held if key.endswith(".conv.weight")):
            weight, bias = fold(held, f"{name}.conv", f"{name}.bn", EPSILON)
            flat = name.replace(".", "/")
            self.register_buffer(f"{flat} weight", weight)
            self.register_buffer(f"{flat} bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.path(x, "Conv2d_1a_3x3", stride=2, pad=False)
        x = self.path(x, "Conv2d_2a_3x3", pad=False)
        x = F.max_pool2d(self.path(x, "Conv2d_2b_3x3"), 3, 2)
        x = self.path(x, "Conv2d_3b_1x1")
        x = F.max_pool2d(self.path(x, "Conv2d_4a_3x3", pad=False), 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self.block_A(x, f"{name}/")
        x = self.block_B(x, "Mixed_6a/")
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.block_C(x, f"{name}/")
        x = self.block_D(x, "Mixed_7a/")
        x = self.block_E(x, "Mixed_7b/", _mean(x))
        x = self.block_E(x, "Mixed_7c/", F.max_pool2d(x, 3, 1, 1))
        return x.mean((2, 3))

    def path(self, x: Tensor, *names: str, stride: int = 1, pad: bool = True) -> Tensor:
        """Convolutions and rectifiers in a row; stride and padding are the last one's."""
        for name in names:
            weight, bias = self.get_buffer(f"{name} weight"), self.get_buffer(f"{name} bias")
            last = name == names[-1]
            around = (weight.shape[2] // 2, weight.shape[3] // 2) if pad or not last else 0
            x = F.conv2d(x, weight, bias, stride if last else 1, around).relu_()
        return x

    def block_A(self, x: Tensor, at: str) -> Tensor:
        return torch.cat([
            self.path(x, f"{at}branch1x1"),
            self.path(x, f"{at}branch5x5_1", f"{at}branch5x5_2"),
            self.path(x, *(f"{at}branch3x3dbl_{i}" for i in (1, 2, 3))),
            self.path(_mean(x), f"{at}branch_pool"),
        ], 1)  # fmt: skip

    def block_B(self, x: Tensor, at: str) -> Tensor:
        return torch.cat([
            self.path(x, f"{at}branch3x3", stride=2, pad=False),
            self.path(x, *(f"{at}branch3x3dbl_{i}" for i in (1, 2, 3)), stride=2, pad=False),
            F.max_pool2d(x, 3, 2),
        ], 1)  # fmt: skip

    def block_C(self, x: Tensor, at: str) -> Tensor:
        return torch.cat([
            self.path(x, f"{at}branch1x1"),
            self.path(x, *(f"{at}branch7x7_{i}" for i in (1, 2, 3))),
            self.path(x, *(f"{at}branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5))),
            self.path(_mean(x), f"{at}branch_pool"),
        ], 1)  # fmt: skip

    def block_D(self, x: Tensor, at: str) -> Tensor:
        return torch.cat([
            self.path(x, f"{at}branch3x3_1", f"{at}branch3x3_2", stride=2, pad=False),
            self.path(x, *(f"{at}branch7x7x3_{i}" for i in (1, 2, 3, 4)), stride=2, pad=False),
            F.max_pool2d(x, 3, 2),
        ], 1)  # fmt: skip

    def block_E(self, x: Tensor, at: str, pooled: Tensor) -> Tensor:
        once = self.path(x, f"{at}branch3x3_1")
        twice = self.path(x, f"{at}branch3x3dbl_1", f"{at}branch3x3dbl_2")
        return torch.cat([
            self.path(x, f"{at}branch1x1"),
            self.path(once, f"{at}branch3x3_2a"),
            self.path(once, f"{at}branch3x3_2b"),
            self.path(twice, f"{at}branch3x3dbl_3a"),
            self.path(twice, f"{at}branch3x3dbl_3b"),
            self.path(pooled, f"{at}branch_pool"),
        ], 1)  # fmt: skip


def _mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def resize(x: Tensor) -> Tensor:
    """Float [N, C, H, W] -> [N, C, 299, 299] as TensorFlow 1 does: row i is read at i * H / 299, unsmoothed."""
    return _stretch(_stretch(x, 3), 2)


def _stretch(x: Tensor, axis: int) -> Tensor:
    side = x.shape[axis]
    at = torch.arange(SIDE, dtype=torch.float32, device=x.device) * torch.tensor(side / SIDE, dtype=torch.float32)
    low = at.long()
    share = (at - low).view(-1, *[1] * (3 - axis))
    below, above = x.index_select(axis, low), x.index_select(axis, (low + 1).clamp(max=side - 1))
    return below + (above - below) * share
