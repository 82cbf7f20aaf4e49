"""What a file that leaves the house says of itself: enough to draw any seed's picture without dcgan."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import dcgan
from dcgan import hub
from dcgan.config import Config
from dcgan.sample import Model


def public(config: Config) -> Config:
    """The config without where its maker's pictures lie: `/home/ann/photos` is `photos`."""
    return config if hub.is_hub(config.data) else config.replace(data=Path(config.data).name or "pictures")


def about(model: Model) -> dict[str, Any]:
    c = model.config
    pixel = "round((x + 1) * 127.5)" if c.output == "tanh" else "round(x * 255)"
    labels = {"labels": f"int64 [N], classes 0 to {c.classes - 1}; without one, a seed has class seed mod {c.classes}"}
    return {
        "dcgan": dcgan.__version__,
        "z": f"float32 [N, {c.z_dim}], {'U(-1, 1)' if c.z == 'uniform' else 'N(0, 1)'}; a seed's is drawn by "
        "Philox4x32-10, as dcgan/latents.py says",
        **(labels if c.conditional else {}),
        "images": f"float32 [N, {c.channels}, {c.size[0]}, {c.size[1]}] in "  # type: ignore[index]
        f"{'[-1, 1]' if c.output == 'tanh' else '[0, 1]'}; a pixel of 0 to 255 is {pixel}",
        "step": model.header.step,
        "classes": model.header.classes,
        "origin": model.header.origin,
        "config": json.loads(public(c).to_json()),
    }


class Kind(NamedTuple):
    name: str
    source: str
    tags: list[str]
    steps: str  # what one iteration is of


def kind(config: Config) -> Kind:
    """What such networks are called, wherever a run is shown to others."""
    game = "iterations of Algorithm 1 (Goodfellow et al., 2014)"
    kinds = {
        "dcgan": Kind("A DCGAN", "Radford et al., 2015", ["dcgan", "gan"], game),
        "mlp": Kind("The GAN of 2014", "Goodfellow et al.", ["gan"], game),
        "vae": Kind("A variational autoencoder", "Kingma & Welling, 2014", ["vae"], "steps up the ELBO"),
    }
    return kinds.get(config.network, Kind("A GAN", "its maker's own", ["gan"], game))
