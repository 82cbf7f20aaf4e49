"""What the networks are made of, read off the networks themselves: what `train --dry-run` prints and figure 1 draws.

They are built on torch's meta device, where a tensor has a shape and no numbers, so that the widest costs nothing;
a batch is sent through and each layer is noted as it is passed. What is drawn is therefore what is trained.

    G, D = read(config)      G[0] is z, G[-1] the picture; D[0] the picture, D[-1] the logit
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dcgan import mlp, networks
from dcgan.algorithm import NETWORKS
from dcgan.config import Config
from dcgan.errors import UserError

Shape = tuple[int, ...]  # without the batch: (units,) or (maps, height, width)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One layer, from its linear map to its rectifier, and the shape of what it hands on."""

    op: str  # "input", "dense", "convolution", "transposed" (fractionally strided) or "nearest" (resized, convolved)
    shape: Shape
    kernel: int = 0  # side of its convolution; 0 where it has none
    stride: int = 1  # how far the sides fall (convolution) or grow (the other two)
    pooled: bool = False  # the sides fall by max-pooling, not by a stride
    flattened: bool = False  # its input was maps, read as one vector
    labels: int = 0  # numbers of the one-hot class that joined its input
    norm: str = ""  # "map" or "unit": what batch norm's statistics belong to; "spectral"; "" where there is none
    affine: bool = False  # batch norm has its own gain and bias
    activation: str = ""
    pieces: int = 1  # linear functions in a maxout unit
    dropout: float = 0.0  # chance that a number of its input is left out in training
    parameters: int = 0


def read(config: Config) -> tuple[list[Stage], list[Stage]]:
    """G's and D's stages, each beginning with its input."""
    if config.network not in NETWORKS:
        raise UserError(
            f"--network {config.network}: only the networks that come with dcgan can be listed and drawn; "
            "print your own in Python"
        )
    assert config.size is not None
    assert config.channels is not None
    with torch.device("meta"):
        y = torch.zeros(1, dtype=torch.long) if config.conditional else None
        G, D = (kind(config) for kind in NETWORKS[config.network])
        stages_G = _walk(G, torch.zeros(1, config.z_dim), y)
        stages_D = _walk(D, torch.zeros(1, config.channels, *config.size), y)
    return stages_G, stages_D


class Passed(NamedTuple):
    part: nn.Module
    given: Shape
    made: Shape


def _walk(network: nn.Module, x: Tensor, y: Tensor | None) -> list[Stage]:
    passed: list[Passed] = []
    for part in _parts(network):
        part.register_forward_hook(
            lambda part, given, made: passed.append(Passed(part, tuple(given[0].shape[1:]), tuple(made.shape[1:])))
        )
    result = tuple(network.eval()(x, y).shape[1:]) or (1,)
    starts = [i for i, one in enumerate(passed) if _linear(one.part) is not None]
    ends = [*starts[1:], len(passed)]
    stages = [Stage(op="input", shape=tuple(x.shape[1:]))]
    before = passed[: starts[0]]
    for start, end in zip(starts, ends, strict=True):
        # What a layer makes may be reshaped after it: that shows in what the next one is given.
        then = result if end == len(passed) else passed[end].given
        stages.append(_stage(stages[-1].shape, before, passed[start:end], then))
        before = passed[start:end]
    assert sum(stage.parameters for stage in stages) == networks.parameters(network)
    return stages


def _stage(shape: Shape, before: list[Passed], passed: list[Passed], then: Shape) -> Stage:
    (part, given, made), *rest = passed
    flattened = len(given) < len(shape)
    if len(then) > len(made):  # a vector becomes maps
        made = (math.prod(made) // math.prod(then[1:]), *then[1:])
    linear: Any = _linear(part)
    details: dict[str, Any] = {"op": "dense"}
    if isinstance(part, networks.Doubling):
        details |= {"op": part.up, "stride": made[1] // given[1]}
    elif isinstance(part, nn.Conv2d):
        details |= {"op": "convolution", "stride": linear.stride[0], "pooled": isinstance(part, networks.PooledConv2d)}
    elif isinstance(part, mlp.Maxout):
        details |= {"activation": "maxout", "pieces": linear.out_features // made[0]}
    if not isinstance(linear, nn.Linear):
        details["kernel"] = linear.kernel_size[0]
    for one in rest:
        if isinstance(one.part, networks.BatchNorm):
            norm = "unit" if one.part.mean.numel() > made[0] or len(made) == 1 else "map"
            details |= {"norm": norm, "affine": one.part.weight is not None}
        elif isinstance(one.part, networks.SpectralNorm):
            details["norm"] = "spectral"
        elif not isinstance(one.part, (nn.Dropout, nn.Identity)):
            details["activation"] = _name(one.part)
    return Stage(
        shape=made,
        flattened=flattened,
        labels=given[0] - (math.prod(shape) if flattened else shape[0]),
        dropout=sum(one.part.p for one in before if isinstance(one.part, nn.Dropout)),
        parameters=sum(networks.parameters(one.part) for one in passed),
        **details,
    )


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """The modules to note: those without parts of their own, and the two that are one layer to a reader."""
    if isinstance(module, (networks.Doubling, mlp.Maxout)) or not list(module.children()):
        yield module
    else:
        for child in module.children():
            yield from _parts(child)


def _linear(part: nn.Module) -> nn.Module | None:
    if isinstance(part, networks.Doubling):
        return part.conv
    if isinstance(part, mlp.Maxout):
        return part.linear
    return part if isinstance(part, (nn.Linear, nn.Conv2d)) else None


def _name(part: nn.Module) -> str:
    if isinstance(part, nn.LeakyReLU):
        return f"LeakyReLU {part.negative_slope:g}"
    return {"ReLU": "ReLU", "Tanh": "tanh", "Sigmoid": "sigmoid"}[type(part).__name__]
