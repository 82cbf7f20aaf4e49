"""The networks of the first GAN (Goodfellow et al., 2014, section 5 and its MNIST settings), beside DCGAN's.

    G: z -> two layers of rectifiers -> one sigmoid a pixel
    D: pixels -> two layers of maxout -> one logit, with dropout

`dcgan train --preset goodfellow` uses them.
"""

import math

import torch
from torch import Tensor, nn

from dcgan.config import Config
from dcgan.networks import Network

PIECES = 5  # linear functions whose maximum is one maxout unit (Goodfellow et al., 2013)
KEEP_INPUT, KEEP_HIDDEN = 0.8, 0.5  # chances that dropout leaves a number in


class Generator(Network):
    """[N, z_dim] -> pictures [N, C, H, W]."""

    def __init__(self, config: Config):
        super().__init__(config)
        assert config.size is not None
        assert config.channels is not None
        self.shape = (config.channels, *config.size)
        rectifier = nn.LeakyReLU(config.slope) if config.activation_G == "leaky" else nn.ReLU()
        self.hidden = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(config.z_dim, config.width), rectifier),
                nn.Sequential(nn.Linear(config.width, config.width), rectifier),
            ]
        )
        self.out = nn.Sequential(
            nn.Linear(config.width, math.prod(self.shape)), nn.Tanh() if config.output == "tanh" else nn.Sigmoid()
        )
        _uniform(self, 0.05)

    def maps(self, z: Tensor, y: Tensor | None = None) -> list[Tensor]:
        """Both hidden layers, and the picture last."""
        kept = [z]
        with self.lowered(z):
            for layer in self.hidden:
                kept.append(layer(kept[-1]))
            return [*kept[1:], self.out(kept[-1]).to(z.dtype).view(-1, *self.shape)]

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.maps(z)[-1]


class Maxout(nn.Module):
    """The largest of PIECES linear functions, for each unit."""

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.linear = nn.Linear(inputs, units * PIECES)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, PIECES)).amax(2)  # [N, units * PIECES] -> [N, units]


class Discriminator(Network):
    """Pictures [N, C, H, W] -> one logit each, [N]."""

    def __init__(self, config: Config):
        super().__init__(config)
        assert config.size is not None
        assert config.channels is not None
        units = config.width_D or config.width
        pixels = config.channels * math.prod(config.size)
        self.hidden = nn.ModuleList(
            [
                nn.Sequential(nn.Dropout(1 - KEEP_INPUT), Maxout(pixels, units)),
                nn.Sequential(nn.Dropout(1 - KEEP_HIDDEN), Maxout(units, units)),
            ]
        )
        self.out = nn.Sequential(nn.Dropout(1 - KEEP_HIDDEN), nn.Linear(units, 1))
        _uniform(self, 0.005)

    def maps(self, x: Tensor, y: Tensor | None = None) -> list[Tensor]:
        """Both hidden layers, each unit as a map of one number: [N, units, 1, 1]."""
        kept = [x.flatten(1)]
        with self.lowered(x):
            for layer in self.hidden:
                kept.append(layer(kept[-1]))
        return [h[:, :, None, None] for h in kept[1:]]

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        top = self.maps(x)[-1].flatten(1)
        with self.lowered(top):
            return self.out(top).to(x.dtype).squeeze(1)


@torch.no_grad()
def _uniform(network: nn.Module, reach: float) -> None:
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.uniform_(module.weight, -reach, reach)
            nn.init.zeros_(module.bias)
