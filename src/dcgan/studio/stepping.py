"""Algorithm 1 one update at a time, for a class: a small training in memory, and what each update changed.

The run's own pictures and rules, with narrow networks and small minibatches, so that an update takes a moment. Nothing
is written. The updates are `dcgan.algorithm`'s own: what is shown is what `dcgan train` does.
"""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dcgan import algorithm, data, feed, images, latents
from dcgan.config import Config
from dcgan.errors import UserError
from dcgan.losses import LOSSES
from dcgan.studio import pictures

WIDTH, MINIBATCH, SAMPLES = 16, 16, 16
BUILT_IN = "faces:512"  # where the run's own pictures are not here


@dataclass(frozen=True)
class Opinion:
    real: float
    fake: float


class Stepping:
    def __init__(self, config: Config):
        if any(part.startswith("own:") for part in (config.loss, config.network, config.optimizer)):
            raise UserError("this run was trained with parts of its owner's own, which only their Python has")
        if config.network == "vae":
            raise UserError("this run was trained as an autoencoder, which is another algorithm; open one of a GAN")
        small = {"width": WIDTH, "width_D": None, "m": MINIBATCH, "precision": "float32", "device": "cpu"}
        try:
            dataset = pictures.of_run(config)
        except UserError:
            dataset = data.open(BUILT_IN, size=(32, 32), channels=3)
            small |= {"data": BUILT_IN, "size": (32, 32), "channels": 3, "conditional": False, "classes": 0}
        self.config = config.replace(**small)
        self.state = algorithm.fresh(self.config)
        self.batch = feed.batches(self.config, data.Stream(dataset, self.config.seed), "cpu")
        self.loss = LOSSES[self.config.loss]
        c = self.config
        self.z_fixed = torch.from_numpy(latents.draw(range(SAMPLES), c.z_dim, c.z))
        self.y_fixed = torch.arange(SAMPLES) % c.classes if c.conditional else None
        self.seen = 0  # minibatches
        algorithm.begin_step(self.config, self.state)
        (self.x, self.y), self.z = self.batch(0), self.z_fixed  # to look at, before the first update

    def fresh_batch(self) -> None:
        self.x, self.y = self.batch(self.seen)
        self.z = algorithm.noise(self.config, self.x)
        self.seen += 1

    def step(self, what: str) -> dict[str, Any]:
        """`D` or `G`: one update of it. `start`: things as they are."""
        if what not in ("start", "D", "G"):
            raise UserError(f"what {what[:20]!r}: it is start, D or G")
        state, samples = self.state, self.samples()
        before = {name: _flat(network) for name, network in (("D", state.D), ("G", state.G))}
        losses: dict[str, float | None] = {"loss_D": None, "loss_G": None}
        opinion, line = None, "Both networks are as they were drawn: weights N(0, 0.02). Nothing has been learned yet."
        fake = self.drawn()
        if what == "D":
            self.fresh_batch()
            fake, opinion = self.drawn(), self.opinion()
            loss_D, *_ = algorithm.update_D(self.config, state, self.loss, self.x, self.z, self.y)
            losses["loss_D"] = float(loss_D)
            line = "D was updated: it should believe more in x, and less in G(z), than before."
        elif what == "G":
            self.z = algorithm.noise(self.config, self.x)
            fake, opinion = self.drawn(), self.opinion()
            losses["loss_G"] = float(algorithm.update_G(self.config, state, self.loss, self.x, self.z, self.y))
            algorithm.average(state, self.config.ema)
            state.step += 1
            algorithm.begin_step(self.config, state)
            line = "G was updated: D should believe more in G(z), drawn from the same z, than before."
        after, now = self.samples(), self.opinion()
        return {
            "step": state.step,
            "k": self.config.k,
            "who": "" if what == "start" else what,
            "line": line,
            **losses,
            "D_x": now.real,
            "D_Gz": now.fake,
            "D_x_before": opinion and opinion.real,
            "D_Gz_before": opinion and opinion.fake,
            "moved": {name: _moved(before[name], _flat(getattr(state, name))) for name in before},
            "real": _sheet(images.to_uint8(self.x, self.config.output)),
            "fake": _sheet(fake),
            "before": None if what == "start" else _sheet(samples),
            "after": _sheet(after),
            "difference": float(np.abs(after.astype(np.float32) - samples).mean()),
        }

    @torch.no_grad()
    def opinion(self) -> Opinion:
        """D's mean belief in the minibatch's real and generated pictures, now."""
        state = self.state
        real, fake = state.D(self.x, self.y), state.D(state.G(self.z, self.y), self.y)
        return Opinion(float(real.sigmoid().mean()), float(fake.sigmoid().mean()))

    @torch.no_grad()
    def drawn(self) -> np.ndarray:
        return images.to_uint8(self.state.G(self.z, self.y), self.config.output)

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """The same latents each time, from G itself: each update is seen at once."""
        return images.to_uint8(self.state.G(self.z_fixed, self.y_fixed), self.config.output)


def _flat(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in network.parameters()])


def _moved(before: Tensor, after: Tensor) -> float:
    """In percent of the weights' length."""
    return 100 * float((after - before).norm() / before.norm())


def _sheet(pictures: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(images.png(images.grid(pictures))).decode()
