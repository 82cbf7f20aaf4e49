"""How other projects name the layers of a DCGAN, beside our names: read by `dcgan import`, written by `export`.

They are all one network, the common torch port: kernels of 4, a 4x4 transposed convolution as projection, norm over
each map, no biases; they differ in the names. A layout gives the names of its convolutions and norms in order, from
the number of doublings; ours are given in the same form, so that translating is walking along both lists.

    numbered, as in pytorch/examples (dcgan/main.py), its tutorial, and huggan (huggan/pytorch/dcgan):
        G 0 conv, 1 norm, 2 ReLU, 3 conv, 4 norm ...      D 0 conv, 1 LeakyReLU, 2 conv, 3 norm, 4 LeakyReLU, 5 ...
    blocks, as in lightning-bolts (pl_bolts/models/gans/dcgan): block.0 conv, block.1 norm
    named, as in pytorch_GAN_zoo (models/networks/DCGAN_nets.py)
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Names(NamedTuple):
    """A convolution and the batch norm behind it."""

    conv: str
    norm: str | None

    def keys(self, norm: Iterable[str]) -> list[str]:
        return [f"{self.conv}.weight", *(f"{self.norm}.{part}" for part in norm if self.norm)]


Naming = Callable[[int], list[Names]]  # from the number of doublings, input to output


@dataclass(frozen=True)
class Layout:
    name: str  # whose it is
    root: str  # under which their generator's layers usually lie; any other will do
    G: Naming
    D: Naming


# Their batch norm (torch's) and ours: the same four vectors. torch's also counts batches, which nothing here needs.
NORM = {"weight": "weight", "bias": "bias", "running_mean": "mean", "running_var": "var"}
COUNT = "num_batches_tracked"


def our_G(depth: int) -> list[Names]:
    hidden = [Names(f"hidden.{i}.linear.conv", f"hidden.{i}.norm") for i in range(depth - 1)]
    return [Names("project.linear", "project.norm"), *hidden, Names("out.linear.conv", None)]


def our_D(depth: int) -> list[Names]:
    hidden = [Names(f"hidden.{i}.linear", f"hidden.{i}.norm" if i else None) for i in range(depth)]
    return [*hidden, Names("out", None)]


def _numbered_G(depth: int) -> list[Names]:
    return [*(Names(f"{3 * i}", f"{3 * i + 1}") for i in range(depth)), Names(f"{3 * depth}", None)]


def _numbered_D(depth: int) -> list[Names]:
    hidden = [Names(f"{3 * i - 1}", f"{3 * i}") for i in range(1, depth)]
    return [Names("0", None), *hidden, Names(f"{3 * depth - 1}", None)]


def _blocks_G(depth: int) -> list[Names]:
    return [*(Names(f"{i}.0", f"{i}.1") for i in range(depth)), Names(f"{depth}.0", None)]


def _blocks_D(depth: int) -> list[Names]:
    hidden = [Names(f"{i}.0", f"{i}.1") for i in range(1, depth)]
    return [Names("0.0", None), *hidden, Names(f"{depth}.0", None)]


def _named_G(depth: int) -> list[Names]:
    hidden = [Names(f"main.convTranspose{i}", f"main.batchNorm{i}") for i in range(1, depth)]
    return [Names("formatLayer", "main.batchNorm0"), *hidden, Names("main.outlayer", None)]


def _named_D(depth: int) -> list[Names]:
    # "convTranspose" is their name for D's convolutions too, and they are counted from the small end.
    hidden = [Names(f"main.convTranspose{i}", f"main.batchNorm{i}") for i in reversed(range(depth - 1))]
    return [Names(f"main.convTranspose{depth - 1}", None), *hidden, Names("decisionLayer", None)]


TUTORIAL = Layout("pytorch/examples, its tutorial or huggan", "main.", _numbered_G, _numbered_D)
LAYOUTS = (
    TUTORIAL,
    Layout("lightning-bolts", "generator.gen.", _blocks_G, _blocks_D),
    Layout("pytorch_GAN_zoo", "", _named_G, _named_D),
)


def to_ours(part: dict[str, Tensor], layout: Layout, network: str, depth: int) -> dict[str, Tensor]:
    """A network's tensors under our names and in our shapes."""
    made = {}
    for theirs, ours in _pairs(layout, network, depth):
        weight = part[f"{theirs.conv}.weight"]
        if ours.conv == "project.linear":  # [z, maps, 4, 4] -> [maps * 16, z]
            weight = weight.permute(1, 2, 3, 0).flatten(0, 2)
        elif ours.conv == "out":  # [1, maps, 4, 4] -> [1, maps * 16]
            weight = weight.flatten(1)
        made[f"{ours.conv}.weight"] = weight.contiguous()
        if theirs.norm and ours.norm:
            made |= {f"{ours.norm}.{our}": part[f"{theirs.norm}.{their}"] for their, our in NORM.items()}
    return made


def from_ours(part: dict[str, Tensor], layout: Layout, network: str, depth: int) -> dict[str, Tensor]:
    """The way back, with all that torch's own `load_state_dict` asks for."""
    made = {}
    for theirs, ours in _pairs(layout, network, depth):
        weight = part[f"{ours.conv}.weight"]
        if ours.conv == "project.linear":
            weight = weight.unflatten(0, (-1, 4, 4)).permute(3, 0, 1, 2)
        elif ours.conv == "out":
            weight = weight.unflatten(1, (-1, 4, 4))
        made[f"{theirs.conv}.weight"] = weight.contiguous()
        if theirs.norm and ours.norm:
            for their, our in NORM.items():
                made[f"{theirs.norm}.{their}"] = _or_neutral(part, ours.norm, our)
            made[f"{theirs.norm}.{COUNT}"] = torch.zeros((), dtype=torch.int64)
    return made


def _or_neutral(part: dict[str, Tensor], norm: str, role: str) -> Tensor:
    """Norm without its own gain and bias has gain 1 and bias 0."""
    held = part.get(f"{norm}.{role}")
    if held is not None:
        return held
    like = part[f"{norm}.mean"]
    return torch.ones_like(like) if role == "weight" else torch.zeros_like(like)


def _pairs(layout: Layout, network: str, depth: int) -> Iterator[tuple[Names, Names]]:
    theirs, ours = (layout.G, our_G) if network == "G" else (layout.D, our_D)
    return zip(theirs(depth), ours(depth), strict=True)
