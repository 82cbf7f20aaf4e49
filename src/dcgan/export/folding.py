"""Batch norm folded into the layer before it: for use its statistics are constants, so both are one linear map.

    gain * (W x - mean) / sqrt(var + eps) + bias  =  (s W) x + (bias - s mean),   s = gain / sqrt(var + eps)

An exported generator is then linear maps and rectifiers and nothing else: smaller, faster, and the same anywhere.
"""

import copy

import torch
from torch import Tensor, nn

from dcgan.networks import BatchNorm, Doubling, Layer


def folded(network: nn.Module) -> nn.Module:
    """A copy without batch norm that gives the same pictures. Networks of one's own keep their own norms."""
    network = copy.deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, Layer) and layer.norm is not None:
            _fold(layer)
    return network


@torch.no_grad()
def _fold(layer: Layer) -> None:
    norm, linear = layer.norm, layer.linear
    assert isinstance(norm, BatchNorm)
    linear = linear.conv if isinstance(linear, Doubling) else linear
    assert isinstance(linear, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))
    scale = torch.rsqrt(norm.var.double() + norm.eps)  # in float64, and rounded once
    if norm.weight is not None:
        scale *= norm.weight.double()
    shift = -norm.mean.double() * scale
    if norm.bias is not None:
        shift += norm.bias.double()
    if isinstance(linear, nn.ConvTranspose2d):
        linear.weight.copy_(linear.weight.double() * scale[:, None, None])  # [in, out, k, k]
        units = linear.out_channels
    else:
        # A projection has several units for each map that is normalised: unit i lies in map i // (units / maps).
        units = linear.weight.shape[0]
        scale, shift = (_each(part, units) for part in (scale, shift))
        linear.weight.copy_(linear.weight.double() * scale.view(-1, *[1] * (linear.weight.dim() - 1)))
    if linear.bias is None:
        linear.bias = nn.Parameter(linear.weight.new_empty(units), requires_grad=False)
        linear.bias.copy_(shift)
    else:
        linear.bias.copy_(linear.bias.double() * scale + shift)
    layer.norm = None


def _each(maps: Tensor, units: int) -> Tensor:
    return maps.repeat_interleave(units // len(maps))
