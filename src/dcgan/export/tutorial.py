"""Ours in the layout of PyTorch's DCGAN tutorial (and pytorch/examples, and huggan): what its users can load.

    netG = Generator(ngpu=0); netG.load_state_dict(torch.load("netG.pth")); netG.eval()

Their network is fixed: 64 px, kernels of 4, one norm for each map. A run that was made otherwise is told why it has
no place there. The files are torch's own (a zip of tensors), since that is what their code reads; `netG.eval()` draws
the pictures that dcgan draws.
"""

import io

import torch

from dcgan.config import Config
from dcgan.errors import UserError
from dcgan.export.layouts import TUTORIAL, from_ours
from dcgan.sample import Model

DEPTH, SIZE = 4, (64, 64)


def make(model: Model) -> dict[str, bytes]:
    reasons = why_not(model.config)
    if reasons:
        raise UserError(
            f"--to tutorial: the tutorial's network is another one, and this run has {', '.join(reasons)}; "
            "train with --preset tutorial at --size 64 for it, or export to onnx or pt2"
        )
    networks = {"netG.pth": ("G", model.G), "netD.pth": ("D", model.D)}
    made = {}
    for name, (kind, network) in networks.items():
        if network is not None:
            buffer = io.BytesIO()
            theirs = from_ours(network.state_dict(), TUTORIAL, kind, DEPTH)
            torch.save({TUTORIAL.root + key: tensor for key, tensor in theirs.items()}, buffer)
            made[name] = buffer.getvalue()
    return made


def why_not(c: Config) -> list[str]:
    """All in which a run's networks are not the tutorial's, in words. Free are width, z, channels and their weights."""
    if c.network != "dcgan":
        return [f"--network {c.network}"]
    slope = f"slope {c.slope:g}"
    wrong = {
        f"size {c.size[0]}x{c.size[1]}": c.size != SIZE,  # type: ignore[index]
        f"kernels of {c.kernel}": c.kernel != 4,
        "nearest-neighbour upsampling": c.up != "transposed",
        "classes": c.conditional,
        "a hidden dense layer": c.dense > 0,
        "no batch norm in G": c.norm_G != "batch",
        "no batch norm in D": c.norm_D != "batch",
        "max-pooling in D": c.down != "strided",
        "batch norm on G's output": c.norm_G_out,
        "batch norm on D's first layer": c.norm_D_in,
        "a norm for each unit of the projection": c.norm_project != "channel",
        f"an epsilon of {c.norm_eps:g} in batch norm (theirs is 1e-05)": c.norm_eps != 1e-5,
        "leaky rectifiers in G": c.activation_G != "relu",
        "plain rectifiers in D": c.activation_D != "leaky",
        f"{slope} in D (theirs is 0.2)": c.activation_D == "leaky" and c.slope != 0.2,
        "a sigmoid output": c.output != "tanh",
    }
    return [words for words, true in wrong.items() if true]
