"""The strongest directions of a run: where the activations of G's first hidden layer vary most (Härkönen et al., 2020).

PCA of that layer over many latents; each component's direction in z is the mean of z weighted by its coordinate, so
that one unit on a slider is one standard deviation of it. They are kept in the run as `#pc1.2500`: the first one, as
found at step 2,500, for `dcgan sample RUN --point '17 + 2*#pc1.2500'`; a name never comes to mean another point.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dcgan import latents
from dcgan.errors import UserError
from dcgan.networks import Generator
from dcgan.sample import Model

COUNT = 10
SAMPLES = 1024
STREAM = 4  # of the seeds' hash: these latents are no seed's picture


@dataclass(frozen=True)
class Direction:
    name: str
    z: np.ndarray  # float32 [z_dim]
    share: float  # of the layer's variance


def find(model: Model, count: int = COUNT, samples: int = SAMPLES) -> list[Direction]:
    c = model.config
    z = torch.from_numpy(latents.draw(range(samples), c.z_dim, c.z, stream=STREAM))
    y = torch.arange(samples) % c.classes if c.conditional else None
    with torch.no_grad():
        activations = _first(model, z.to(model.device), None if y is None else y.to(model.device)).flatten(1).cpu()
    activations -= activations.mean(0)
    total = float(activations.square().sum())
    if total == 0:
        return []
    # The Gram matrix has the samples' coordinates as eigenvectors: samples x samples, however wide the layer.
    values, vectors = torch.linalg.eigh(activations @ activations.T)
    found = []
    for i in range(min(count, c.z_dim)):
        coordinate = vectors[:, -1 - i] * samples**0.5  # of variance 1
        direction = (coordinate[:, None] * z).mean(0)
        direction *= 1 if direction[direction.abs().argmax()] > 0 else -1  # an eigenvector has no sign of its own
        share = max(0.0, float(values[-1 - i]) / total)
        found.append(Direction(f"pc{i + 1}.{model.header.step}", direction.numpy(), share))
    return found


def _first(model: Model, z: Tensor, y: Tensor | None) -> Tensor:
    if isinstance(model.G, Generator):
        return model.G.small(z, y)
    return model.G.maps(z, y)[0]  # type: ignore[operator]


def kept(model: Model) -> list[Direction]:
    """The same, kept in the run where there is one; those that were kept before are taken as they stand."""
    if model.folder is None:
        return find(model)
    held = model.folder.points()
    found = []
    for one in find(model):
        if one.name in held:
            one = replace(one, z=np.asarray(held[one.name], np.float32))
        else:
            with suppress(UserError):  # a run that is only read has them all the same
                model.folder.save_point(one.name, one.z)
        found.append(one)
    return found
