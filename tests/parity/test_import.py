"""Checkpoints of other projects: networks in each layout, written here after its source, draw the same once imported.

The modules below are those projects' by name and order of layers: pytorch/examples dcgan/main.py, huggan's
modeling_dcgan.py, lightning-bolts' dcgan components, pytorch_GAN_zoo's DCGAN_nets.py.
"""

from collections import OrderedDict

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import untrained
from dcgan import draw, export, sample
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.export import importing
from dcgan.folder import Folder


def up(a, b, first=False):
    return nn.ConvTranspose2d(a, b, 4, 1 if first else 2, 0 if first else 1, bias=False)


def down(a, b, last=False):
    return nn.Conv2d(a, b, 4, 1 if last else 2, 0 if last else 1, bias=False)


def widths(depth, width):
    return [width * 2**i for i in reversed(range(depth))]  # up to 8 x width, as all of them have it at 64 px


class Net(nn.Module):
    """A Sequential under the name that a project gives it."""

    def __init__(self, name, layers):
        super().__init__()
        setattr(self, name, layers)
        self.name = name

    def forward(self, x):
        return getattr(self, self.name)(x)


def numbered(name, depth, width, channels, z):
    G, a = [], z
    for i, b in enumerate(widths(depth, width)):
        G += [up(a, b, i == 0), nn.BatchNorm2d(b), nn.ReLU(True)]
        a = b
    D, d = [down(channels, width), nn.LeakyReLU(0.2)], width
    for b in widths(depth, width)[::-1][1:]:
        D += [down(d, b), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        d = b
    G, D = [*G, up(a, channels), nn.Tanh()], [*D, down(d, 1, True), nn.Sigmoid()]
    return Net(name, nn.Sequential(*G)), Net(name, nn.Sequential(*D))


def blocks(depth, width, channels, z):
    """lightning-bolts: a Sequential of Sequentials."""
    G, a = [], z
    for i, b in enumerate(widths(depth, width)):
        G.append(nn.Sequential(up(a, b, i == 0), nn.BatchNorm2d(b), nn.ReLU(True)))
        a = b
    G.append(nn.Sequential(up(a, channels), nn.Tanh()))
    D, d = [], channels
    for i, b in enumerate(widths(depth, width)[::-1]):
        D.append(nn.Sequential(down(d, b), nn.BatchNorm2d(b) if i else nn.Identity(), nn.LeakyReLU(0.2)))
        d = b
    D.append(nn.Sequential(down(d, 1, True), nn.Sigmoid()))
    return Net("gen", nn.Sequential(*G)), Net("disc", nn.Sequential(*D))


class ZooG(nn.Module):
    def __init__(self, depth, width, channels, z):
        super().__init__()
        first, *rest = widths(depth, width)
        self.formatLayer = up(z, first, True)
        layers, a = OrderedDict(batchNorm0=nn.BatchNorm2d(first), relu0=nn.ReLU(True)), first
        for i, b in enumerate(rest, 1):
            layers |= {f"convTranspose{i}": up(a, b), f"batchNorm{i}": nn.BatchNorm2d(b), f"relu{i}": nn.ReLU(True)}
            a = b
        self.main = nn.Sequential(OrderedDict(layers, outlayer=up(a, channels)))

    def forward(self, z):
        return torch.tanh(self.main(self.formatLayer(z)))


class ZooD(nn.Module):
    def __init__(self, depth, width, channels):
        super().__init__()
        layers, a = OrderedDict(), channels
        for i, b in zip(reversed(range(depth)), widths(depth, width)[::-1], strict=True):
            layers[f"convTranspose{i}"] = down(a, b)
            if layers.keys() != {f"convTranspose{i}"}:
                layers[f"batchNorm{i}"] = nn.BatchNorm2d(b)
            layers[f"relu{i}"] = nn.LeakyReLU(0.2)
            a = b
        self.main, self.decisionLayer = nn.Sequential(layers), down(a, 1, True)

    def forward(self, x):
        return torch.sigmoid(self.decisionLayer(self.main(x)))


def lived(*networks):
    """With weights, gains and running statistics that no initialisation gives."""
    torch.manual_seed(3)
    for network in networks:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
                nn.init.normal_(module.running_mean, 0, 0.3)
                nn.init.uniform_(module.running_var, 0.3, 2)
            elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                taps = 1 if module.padding == (0, 0) else 4  # of each map that one output number sees
                nn.init.normal_(module.weight, 0, (module.in_channels * taps) ** -0.5)
                if isinstance(module, nn.Conv2d) and module.out_channels == 1:
                    module.weight.data *= 0.2  # logits that their sigmoid does not flatten
    return [network.eval() for network in networks]


LAYOUTS = {
    "pytorch/examples": lambda *a: (numbered("main", *a), "{}"),
    "huggan": lambda *a: (numbered("model", *a), "{}"),
    "lightning-bolts": lambda *a: (blocks(*a), "state_dict"),
    "pytorch_GAN_zoo": lambda *a: ((ZooG(*a), ZooD(*a[:3])), "zoo"),
}
SHAPES = [(4, 6, 3, 20), (2, 5, 1, 100), (3, 4, 4, 7)]  # doublings, width, channels, length of z


def save(path, layout, G, D):
    """One file or two, as the project writes them."""
    if layout == "state_dict":
        parts = {"generator": G, "discriminator": D}
        flat = {f"{name}.{key}": t for name, net in parts.items() for key, t in net.state_dict().items()}
        torch.save({"epoch": 3, "state_dict": flat, "optimizer_states": [{"state": {0: torch.ones(3)}}]}, path)
        return [path]
    if layout == "zoo":
        torch.save({"netG": G.state_dict(), "netD": D.state_dict()}, path)
        return [path]
    torch.save(G.state_dict(), path)
    torch.save(D.state_dict(), path.with_name("netD.pth"))
    return [path, path.with_name("netD.pth")]


def compare(run, G, D=None):
    model = sample.load(run)
    z, _ = model.latents(range(9))
    with torch.inference_mode():
        theirs = G(torch.from_numpy(z)[:, :, None, None])
        # float32 sums in another order: 1e-7 of values near 1. A layer or statistic amiss would show at 1e-2.
        assert (model.G(torch.from_numpy(z)) - theirs).abs().max() <= 1e-6
        assert (model.floats(z) - theirs).abs().max() <= 5e-6  # batch norm multiplied into the weights: rounded again
        assert theirs.std() > 0.1
        if D is not None:
            pictures = model.sample(range(9))
            x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
            theirs = D(x).flatten().numpy()
            assert 1 / (1 + np.exp(-model.score(pictures))) == pytest.approx(theirs, abs=1e-5)
            assert theirs.std() > 0.01
    return model


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_draws_and_judges_as_its_own_network_does(name, shape, tmp_path):
    (G, D), layout = LAYOUTS[name](*shape)
    lived(G, D)
    done = importing.import_run(save(tmp_path / "netG_epoch_9.pth", layout, G, D), tmp_path / "run")
    model = compare(tmp_path / "run", G, D)
    depth, width, channels, z_dim = shape
    c = model.config
    assert (c.size, c.width, c.width_D, c.channels, c.z_dim) == ((4 << depth,) * 2, width, width, channels, z_dim)
    assert name in done.layout
    assert done.discriminator


@pytest.mark.parametrize("prefix", ["module.", "netG.", "_orig_mod.module.", "any.thing.at.all."])
def test_any_prefix_will_do(prefix, tmp_path):
    (G,) = lived(numbered("main", 2, 4, 3, 9)[0])
    torch.save({prefix + key: tensor for key, tensor in G.state_dict().items()}, tmp_path / "netG.pth")
    importing.import_run([tmp_path / "netG.pth"], tmp_path / "run")
    compare(tmp_path / "run", G)


def test_safetensors_and_half_precision(tmp_path):
    (G,) = lived(numbered("main", 2, 4, 3, 9)[0])
    G.half().float()  # weights that 16 bits hold
    held = {k: t.half() if t.is_floating_point() else t for k, t in G.state_dict().items()}
    safetensors.torch.save_file(held, tmp_path / "netG.safetensors")
    importing.import_run([tmp_path / "netG.safetensors"], tmp_path / "run")
    compare(tmp_path / "run", G)


def test_old_pickles_without_a_zip(tmp_path):
    (G,) = lived(numbered("main", 2, 4, 3, 9)[0])
    torch.save(G.state_dict(), tmp_path / "netG.pth", _use_new_zipfile_serialization=False)
    importing.import_run([tmp_path / "netG.pth"], tmp_path / "run")
    compare(tmp_path / "run", G)


def test_the_average_is_taken_where_it_is_kept_too(tmp_path):
    G, average = lived(ZooG(2, 4, 3, 9), ZooG(2, 4, 3, 9))
    torch.save({"netG": G.state_dict(), "avgG": average.state_dict()}, tmp_path / "zoo.pth")
    importing.import_run([tmp_path / "zoo.pth"], tmp_path / "run")
    compare(tmp_path / "run", average)


def test_wider_at_the_small_end_than_8_times_is_refused_by_shape(tmp_path):
    G, _ = numbered("main", 5, 2, 3, 9)  # 128 px with 16 x width, as some extend the tutorial
    torch.save(G.state_dict(), tmp_path / "netG.pth")
    with pytest.raises(UserError, match=r"main\.0\.weight has the shape \[9, 32, 4, 4\].* it is \[9, 16, 4, 4\]"):
        importing.import_run([tmp_path / "netG.pth"], tmp_path / "run")


# The way there and back


def tutorial_run(path, **settings):
    return untrained.write(path, "tutorial", size=(64, 64), width=4, z_dim=9, **settings)


def test_ours_loads_in_their_code_and_draws_the_same(tmp_path):
    tutorial_run(tmp_path / "run")
    export.export(tmp_path / "run", "tutorial", tmp_path / "theirs")
    G, D = numbered("main", 4, 4, 3, 9)
    G.load_state_dict(torch.load(tmp_path / "theirs" / "netG.pth", weights_only=True), strict=True)
    D.load_state_dict(torch.load(tmp_path / "theirs" / "netD.pth", weights_only=True), strict=True)
    compare(tmp_path / "run", G.eval(), D.eval())


@pytest.mark.parametrize("affine", [True, False])
def test_there_and_back_is_the_same_to_the_bit(affine, tmp_path):
    tutorial_run(tmp_path / "run", norm_affine=affine, width_D=5, z="uniform")
    export.export(tmp_path / "run", "tutorial")
    files = [tmp_path / "run" / "exported" / "tutorial" / name for name in ("netD.pth", "netG.pth")]
    importing.import_run(files, tmp_path / "back", z="uniform")
    there, back = sample.load(tmp_path / "run"), sample.load(tmp_path / "back")
    for ours, theirs in ((there.G, back.G), (there.D, back.D)):
        held = theirs.state_dict()
        assert all(torch.equal(tensor, held[key]) for key, tensor in ours.state_dict().items())
    assert np.array_equal(there.sample(range(40)), back.sample(range(40)))


# Every verb works on it


def test_a_generator_alone_draws_and_says_where_a_discriminator_is_missing(tmp_path):
    (G,) = lived(numbered("main", 2, 4, 1, 9)[0])
    torch.save(G.state_dict(), tmp_path / "netG.pth")
    done = importing.import_run([tmp_path / "netG.pth"], tmp_path / "run")
    assert not done.discriminator
    folder = Folder.of(tmp_path / "run")
    assert folder.sample_files() == [folder.sample_file(0)]
    assert [line["event"] for line in folder.lines()] == ["import"]
    assert folder.header().origin.startswith("netG.pth (pytorch/examples")
    drawn = draw.draw(tmp_path / "run", draw.Asked(seeds="3"), None, False, Console(quiet=True))
    assert drawn.images == 1
    with pytest.raises(UserError, match="no discriminator"):
        draw.draw(tmp_path / "run", draw.Asked(best=2), None, False, Console(quiet=True))
    made = export.export(tmp_path / "run", "pt2")
    assert made.difference <= 1e-5
