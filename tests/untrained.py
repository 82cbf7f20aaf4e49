"""Runs without training: networks whose statistics and contrasts are those of trained ones, in a moment."""

from pathlib import Path

import torch
from torch import nn

from dcgan import checkpoint, latents, networks
from dcgan.algorithm import NETWORKS
from dcgan.checkpoint import Header
from dcgan.config import Config
from dcgan.folder import Folder
from dcgan.sample import Model


def config(preset: str = "default", **settings) -> Config:
    """Small, and complete as a run's is."""
    small = {"size": (32, 32), "channels": 3, "width": 8, "steps": 5, "precision": "float32"}
    return Config.build(preset, **{**small, **settings})


@torch.no_grad()
def pair(c: Config, seed: int = 0) -> tuple[nn.Module, nn.Module]:
    """G and D: gains and biases of their own, statistics of real inputs, pictures of full contrast."""
    torch.manual_seed(seed)
    G, D = (kind(c) for kind in NETWORKS[c.network])
    for norm in [m for network in (G, D) for m in network.modules() if isinstance(m, networks.BatchNorm)]:
        if norm.weight is not None:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.3)
    for name, parameter in [*G.named_parameters(), *D.named_parameters()]:
        if name.endswith("bias") and "norm" not in name:
            parameter.normal_(0, 0.1)
    z = torch.from_numpy(latents.draw(range(64), c.z_dim, c.z))
    y = torch.arange(64) % c.classes if c.conditional else None
    networks.measure(G, [(z, y)])
    last = G.out[0] if isinstance(G.out, nn.Sequential) else G.out.linear.conv
    before = torch.atanh if c.output == "tanh" else torch.logit
    drawn = G.eval()(z, y).double().clamp(-1 + 1e-9 if c.output == "tanh" else 1e-9, 1 - 1e-9)
    last.weight /= before(drawn).std().float()  # its last function is now given values of spread 1
    networks.measure(G, [(z, y)])
    networks.measure(D, [(G(z, y), y)])
    return G.eval(), D.eval()


def model(preset: str = "default", **settings) -> Model:
    c = config(preset, **settings)
    return Model(Header(c, c.steps or 0), *pair(c), None)


def write(
    path: Path, preset: str = "default", seed: int = 0, class_names: tuple[str, ...] | None = None, **settings
) -> Folder:
    """The folder of a run at its last step."""
    c = config(preset, **settings)
    folder = Folder(path)
    G, D = pair(c, seed)
    parts = {"G_ema": G, "D": D}
    tensors = {f"{name}.{key}": t.contiguous() for name, net in parts.items() for key, t in net.state_dict().items()}
    checkpoint.write(folder.last, tensors, Header(c, c.steps or 0, 60.0, class_names))
    folder.config_file.write_text(c.to_json())
    return folder
