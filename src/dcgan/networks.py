"""DCGAN's two networks at any size (Radford et al., section 3 and figure 1), from one definition each.

    G: z -> projected to a 4x4 map (4 to 7 a side, by the size) -> doubled until the picture's size -> tanh
    D: picture -> halved until that small map -> flattened -> one logit

Maps double towards the small end, up to 8 x width. Every layer of the paper is a line here; every guideline is a
setting of Config. `Generator.maps` and `Discriminator.maps` give what lies between: the hidden maps that forgetting,
guided backprop, feature extraction and the studio look at.
"""

import contextlib
import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import Config, doublings


class BatchNorm(nn.Module):
    """y = gain * (x - mean) / sqrt(variance + eps) + bias (Ioffe & Szegedy, 2015), each map over batch and place.

    In training the statistics are the minibatch's, always, and nothing is kept. For use they are those that
    `measure` computed; before that there are none, and a batch's own would make a picture depend on its neighbours.
    """

    def __init__(self, maps: int, eps: float, affine: bool):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(maps)) if affine else None
        self.bias = nn.Parameter(torch.zeros(maps)) if affine else None
        self.mean: Tensor
        self.var: Tensor
        self.register_buffer("mean", torch.zeros(maps))
        self.register_buffer("var", torch.ones(maps))
        self.seen: list[tuple[Tensor, Tensor]] | None = None  # while measuring: (mean, variance) of each batch

    def forward(self, x: Tensor) -> Tensor:
        if self.seen is not None:
            var, mean = torch.var_mean(x.to(self.mean.dtype), [d for d in range(x.dim()) if d != 1], correction=0)
            self.seen.append((mean, var))
        if self.training:
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return F.batch_norm(x, self.mean, self.var, self.weight, self.bias, False, 0.0, self.eps)


class SpectralNorm(nn.Module):
    """x = W h -> x / s + bias, s the largest singular value of W (Miyato et al., 2018): no layer stretches its input.

    W is read as a matrix [outputs, all the rest]. `turn` takes s a step of power iteration further; what was found, u
    and v, is kept, so that a forward pass alone changes nothing.
    """

    def __init__(self, linear: nn.Linear | nn.Conv2d):
        super().__init__()
        self.of = (linear,)  # not a part of this one
        outputs, inputs = linear.weight.flatten(1).shape
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.u: Tensor
        self.v: Tensor
        self.register_buffer("u", F.normalize(torch.randn(outputs), dim=0))
        self.register_buffer("v", torch.zeros(inputs))

    @torch.no_grad()
    def turn(self) -> None:
        weight = self.of[0].weight.flatten(1)
        self.v.copy_(F.normalize(weight.T @ self.u, dim=0))
        self.u.copy_(F.normalize(weight @ self.v, dim=0))

    @property
    def largest(self) -> Tensor:
        """s, whose derivative by W is u v', as that of a singular value is."""
        return self.u @ self.of[0].weight.flatten(1) @ self.v

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            s = self.largest
        return x / s + self.bias.to(x.dtype).view(-1, *[1] * (x.dim() - 2))


def turn(network: nn.Module) -> None:
    """One step of power iteration for each spectral norm."""
    for module in network.modules():
        if isinstance(module, SpectralNorm):
            module.turn()


@torch.no_grad()
def measure(network: nn.Module, batches: Iterable[tuple]) -> None:
    """Set batch norm's statistics for use, computed in one pass over fixed inputs (not averaged along the way).

    Each batch is normalised by its own statistics, as in training; the variance over all is the mean of the
    batches' variances plus the variance of their means. Equal batches are assumed.
    """
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    if not norms:
        return
    for norm in norms:
        norm.seen = []
    network.train()
    for inputs in batches:
        network(*inputs)
    for norm in norms:
        means, variances = (torch.stack(kind) for kind in zip(*norm.seen or [], strict=True))
        norm.mean.copy_(means.mean(0))
        norm.var.copy_(variances.mean(0) + means.var(0, correction=0))
        norm.seen = None


class Layer(nn.Module):
    """A linear or convolutional map, its norm, its rectifier; where norm is taken out, a bias stands in."""

    def __init__(self, linear: nn.Module, norm: BatchNorm | SpectralNorm | None, activation: nn.Module):
        super().__init__()
        self.linear, self.norm, self.activation = linear, norm, activation

    def forward(self, x: Tensor) -> Tensor:
        return self.finish(self.linear(x))

    def finish(self, x: Tensor) -> Tensor:
        return self.activation(x if self.norm is None else self.norm(x))


def _activation(kind: str, slope: float) -> nn.Module:
    return nn.LeakyReLU(slope) if kind == "leaky" else nn.ReLU()


class Doubling(nn.Module):
    """Twice the side: a fractionally-strided convolution, or nearest-neighbour resizing and a convolution."""

    def __init__(self, maps_in: int, maps_out: int, kernel: int, up: str, bias: bool):
        super().__init__()
        self.up = up
        if up == "transposed":
            # exactly doubling: 4x4 pads 1; 5x5 pads 2 and adds one row and column at the end
            self.conv = nn.ConvTranspose2d(maps_in, maps_out, kernel, 2, (kernel - 1) // 2, kernel % 2, bias=bias)
        else:
            side = kernel - 1 + kernel % 2  # an odd side keeps the size: 4 -> 3x3, 5 -> 5x5
            self.conv = nn.Conv2d(maps_in, maps_out, side, 1, side // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x if self.up == "transposed" else F.interpolate(x, scale_factor=2.0, mode="nearest"))


class PooledConv2d(nn.Conv2d):
    """Half the side, against the paper's advice: the largest of each 2x2 after a convolution that keeps it."""

    def __init__(self, maps_in: int, maps_out: int, kernel: int, bias: bool):
        side = kernel - 1 + kernel % 2  # as in Doubling
        super().__init__(maps_in, maps_out, side, 1, side // 2, bias=bias)

    def forward(self, input: Tensor) -> Tensor:  # torch's name for it
        return F.max_pool2d(super().forward(input), 2)


class Network(nn.Module):
    """What both share: labels that join every layer's input, and bf16 inside with the input's type at the border."""

    precision = "float32"

    def __init__(self, config: Config):
        super().__init__()
        self.classes = config.classes if config.conditional else 0

    def lowered(self, x: Tensor) -> contextlib.AbstractContextManager:
        if self.precision == "bf16":
            return torch.autocast(x.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def join(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Concatenate the one-hot label, as numbers to a vector or as constant maps to maps (authors' MNIST code)."""
        if not self.classes:
            return x
        assert y is not None, "a conditional network needs labels"
        hot = F.one_hot(y, self.classes).to(x.dtype)
        if x.dim() == 4:
            hot = hot[:, :, None, None].expand(-1, -1, *x.shape[2:])
            return torch.cat([x, hot], 1).contiguous(memory_format=torch.channels_last)
        return torch.cat([x, hot], 1)

    def initialise(self) -> None:
        """Weights N(0, 0.02), gains N(1, 0.02), biases 0 (Radford et al., section 4; their code)."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(module.weight, 0.0, 0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, BatchNorm) and module.weight is not None:
                nn.init.normal_(module.weight, 1.0, 0.02)


class Generator(Network):
    """[N, z_dim] (and labels [N]) -> pictures [N, C, H, W]."""

    def __init__(self, config: Config):
        super().__init__(config)
        assert config.size is not None
        assert config.channels is not None
        depth, labels = doublings(config.size), self.classes
        self.base = (config.size[0] >> depth, config.size[1] >> depth)
        widths = [config.width * min(8, 2 ** (depth - 1 - i)) for i in range(depth)]
        hidden_norm = config.norm_G == "batch"

        def layer(linear: nn.Module, maps: int) -> Layer:
            norm = BatchNorm(maps, config.norm_eps, config.norm_affine) if hidden_norm else None
            return Layer(linear, norm, _activation(config.activation_G, config.slope))

        inputs = config.z_dim + labels
        self.dense = None
        if config.dense:
            self.dense = layer(nn.Linear(inputs, config.dense, bias=not hidden_norm), config.dense)
            inputs = config.dense + labels
        # Projection without bias; its norm over each map (as a 4x4 transposed convolution from 1x1 would have it)
        # or over each unit (authors' code).
        units = widths[0] * self.base[0] * self.base[1]
        self.per_unit = config.norm_project == "unit"
        self.project = layer(nn.Linear(inputs, units, bias=not hidden_norm), units if self.per_unit else widths[0])
        self.hidden = nn.ModuleList(
            layer(Doubling(a + labels, b, config.kernel, config.up, bias=not hidden_norm), b)
            for a, b in itertools.pairwise(widths)
        )
        out = Doubling(widths[-1] + labels, config.channels, config.kernel, config.up, bias=not hidden_norm)
        norm_out = BatchNorm(config.channels, config.norm_eps, config.norm_affine) if config.norm_G_out else None
        self.out = Layer(out, norm_out, nn.Tanh() if config.output == "tanh" else nn.Sigmoid())
        self.initialise()

    def small(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The first hidden maps, from which the rest grows."""
        x = self.join(z, y)
        if self.dense is not None:
            x = self.join(self.dense(x), y)
        shape = (z.shape[0], -1, *self.base)  # not len(z): exported, the batch stays free
        x = self.project.linear(x)
        x = self.project.finish(x).view(shape) if self.per_unit else self.project.finish(x.view(shape))
        return x.contiguous(memory_format=torch.channels_last)

    def maps(self, z: Tensor, y: Tensor | None = None, gates: Sequence[Tensor] = ()) -> list[Tensor]:
        """Every hidden map after its rectifier, small to large, and the picture last.

        `gates`: a factor for each map [maps] of the first hidden layers; 0 switches a map off.
        """

        def gated(x: Tensor) -> Tensor:
            return x * gates[len(kept)][None, :, None, None] if len(kept) < len(gates) else x

        kept: list[Tensor] = []
        with self.lowered(z):
            kept.append(gated(self.small(z, y)))
            for layer in self.hidden:
                kept.append(gated(layer(self.join(kept[-1], y))))
            kept.append(self.out(self.join(kept[-1], y)).to(z.dtype))
        return kept

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.maps(z, y)[-1]


class Discriminator(Network):
    """Pictures [N, C, H, W] (and labels [N]) -> one logit each, [N]."""

    def __init__(self, config: Config, outputs: int = 1):
        super().__init__(config)
        assert config.size is not None
        assert config.channels is not None
        depth, labels = doublings(config.size), self.classes
        width = config.width_D or config.width
        widths = [width * min(8, 2**i) for i in range(depth)]
        hidden_norm, spectral = config.norm_D == "batch", config.norm_D == "spectral"
        bias = config.norm_D == "none"

        def layer(linear: nn.Linear | nn.Conv2d, maps: int, normed: bool) -> Layer:
            norm: BatchNorm | SpectralNorm | None = SpectralNorm(linear) if spectral else None
            if normed:
                norm = BatchNorm(maps, config.norm_eps, config.norm_affine)
            return Layer(linear, norm, _activation(config.activation_D, config.slope))

        self.hidden = nn.ModuleList()
        for i, (a, b) in enumerate(itertools.pairwise([config.channels, *widths])):
            normed = hidden_norm if i else config.norm_D_in
            if config.down == "strided":
                conv = nn.Conv2d(a + labels, b, config.kernel, 2, (config.kernel - 1) // 2, bias=bias)
            else:
                conv = PooledConv2d(a + labels, b, config.kernel, bias)
            self.hidden.append(layer(conv, b, normed))
        inputs = widths[-1] * (config.size[0] >> depth) * (config.size[1] >> depth) + labels
        self.dense = None
        if config.dense:
            linear = nn.Linear(inputs, config.dense, bias=bias)
            self.dense = layer(linear, config.dense, hidden_norm)
            inputs = config.dense + labels
        out = nn.Linear(inputs, outputs, bias=bias or outputs > 1)
        self.out = Layer(out, SpectralNorm(out), nn.Identity()) if spectral else out
        self.initialise()
        for _ in range(TURNS):
            turn(self)

    def maps(self, x: Tensor, y: Tensor | None = None) -> list[Tensor]:
        """Every convolution's maps after its rectifier, large to small: D's features."""
        kept = []
        with self.lowered(x):
            for layer in self.hidden:
                x = layer(self.join(x, y))
                kept.append(x)
        return kept

    def told(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """What its end makes of a picture: [N, outputs]."""
        top = self.maps(x, y)[-1]
        with self.lowered(top):
            flat = self.join(top.flatten(1), y)
            if self.dense is not None:
                flat = self.join(self.dense(flat), y)
            return self.out(flat).to(x.dtype)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.told(x, y).squeeze(1)


TURNS = 10  # of power iteration before the first step: s is then right within a few per cent


class Encoder(Discriminator):
    """D's layers with another end: pictures [N, C, H, W] -> mean and log variance of their z, [N, 2 z_dim] (vae.py)."""

    def __init__(self, config: Config):
        super().__init__(config, 2 * config.z_dim)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.told(x, y)


def pooled(maps: list[Tensor]) -> Tensor:
    """Each layer's maps max-pooled to 4x4, flattened, concatenated (Radford et al., section 5.1): [N, features].

    Of the network of 2014, whose maps have one place, each number once.
    """
    kept = [m.float() if m.shape[2:] == (1, 1) else F.adaptive_max_pool2d(m.float(), 4) for m in maps]
    return torch.cat([m.flatten(1) for m in kept], 1)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def has_bf16(device: str) -> bool:
    """Whether the processor itself multiplies bf16; emulated, it is slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and torch.cpu._is_avx512_bf16_supported()
