"""Ten steps of `--preset tutorial` give the losses of a plain loop as textbooks write it, on the same numbers.

The loop below is the common torch port's, with z drawn anew for G's step as Algorithm 1 is printed: the one difference.
"""

import copy
import itertools

import pytest
import torch
from torch import nn

from dcgan import algorithm
from dcgan.config import Config
from dcgan.losses import LOSSES

CLOSE = 1e-4  # of losses near 1
# In float64 the two agree to 1e-12 for as long as one likes. In float32 they agree to its rounding until some weight's
# gradient comes out with the other sign: Adam's first steps are lr times the sign. Of 6 million weights a few do at
# once, and from there two float32 programs part tenfold a step, whoever wrote them; of 70,000 none does in ten steps.
# At full size, float32 is therefore compared with a plain loop whose arithmetic is in the same order: dense ends for
# 4x4 convolutions, channels-last, log D and log(1 - D) as softplus, the fused Adam.


def maps(width, depth):
    return [width * min(8, 2**i) for i in range(depth)]


def textbook_G(width, depth):
    layers, wide = [], maps(width, depth)[::-1]
    for i, (a, b) in enumerate(zip([100, *wide], [*wide, 3], strict=True)):
        layers.append(nn.ConvTranspose2d(a, b, 4, 2 if i else 1, 1 if i else 0, bias=False))
        layers += [nn.BatchNorm2d(b), nn.ReLU(True)] if i < depth else [nn.Tanh()]
    return nn.Sequential(*layers)


def textbook_D(width, depth):
    layers, wide = [], maps(width, depth)
    for i, (a, b) in enumerate(zip([3, *wide], wide, strict=False)):
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), *([nn.BatchNorm2d(b)] if i else []), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(wide[-1], 1, 4, 1, 0, bias=False), nn.Flatten(0))


@torch.no_grad()
def copy_weights(ours, theirs):
    """Both hold their layers in the same order; a dense layer here is a 4x4 convolution there."""
    for mine, theirs_ in zip(ours.parameters(), theirs.parameters(), strict=True):
        if mine.shape == theirs_.shape:
            theirs_.copy_(mine)
        elif len(mine) == 1:  # D's last layer
            theirs_.copy_(mine.view(1, -1, 4, 4))
        else:  # G's first
            theirs_.copy_(mine.T.reshape(theirs_.shape))


def dense_ends(netG, netD):
    """The same networks, G's first and D's last layer written as dense ones."""
    first, *rest = netG.children()
    a, b = first.weight.shape[:2]
    G = nn.Sequential(nn.Flatten(), nn.Linear(a, 16 * b, bias=False), nn.Unflatten(1, (b, 4, 4)), *rest)
    *begin, last, _ = netD.children()
    D = nn.Sequential(*begin, nn.Flatten(), nn.Linear(16 * last.in_channels, 1, bias=False), nn.Flatten(0))
    return G.to(memory_format=torch.channels_last), D.to(memory_format=torch.channels_last)


class AsSoftplus(nn.Module):
    """Binary cross entropy of logits: -log D = softplus(-logit), -log(1 - D) = softplus(logit)."""

    def forward(self, logits, labels):
        return nn.functional.softplus(torch.where(labels > 0, -logits, logits)).mean()


def textbook(netG, netD, real, noise, lr=2e-4, beta1=0.5, fresh=True, criterion=None, fused=None):
    """Losses of each step; `noise` holds two draws a step, of which the second is for G's."""
    criterion = criterion or nn.BCEWithLogitsLoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=lr, betas=(beta1, 0.999), fused=fused)
    optimizerG = torch.optim.Adam(netG.parameters(), lr=lr, betas=(beta1, 0.999), fused=fused)
    losses = []
    for x, (z_D, z_G) in zip(real, noise, strict=True):
        ones, zeros = x.new_ones(len(x)), x.new_zeros(len(x))
        netD.zero_grad()
        errD_real = criterion(netD(x), ones)
        errD_real.backward()
        fake = netG(z_D[:, :, None, None])
        errD_fake = criterion(netD(fake.detach()), zeros)
        errD_fake.backward()
        optimizerD.step()

        netG.zero_grad()
        if fresh:
            fake = netG(z_G[:, :, None, None])
        errG = criterion(netD(fake), ones)
        errG.backward()
        optimizerG.step()
        losses.append([errD_real.item() + errD_fake.item(), errG.item()])
    return torch.tensor(losses, dtype=torch.float64)


@pytest.mark.parametrize(
    ("size", "width", "m", "steps", "kind"),
    [
        (32, 8, 16, 10, torch.float32),
        (64, 64, 8, 1, torch.float32),
        (64, 8, 8, 10, torch.float64),
        pytest.param(64, 64, 2, 10, torch.float64, marks=pytest.mark.slow),
    ],
)
def test_tutorial_gives_a_textbook_loop_s_losses(size, width, m, steps, kind, monkeypatch):
    config = Config.build("tutorial", size=size, width=width, m=m, channels=3, precision="float32")
    state = algorithm.fresh(config)
    depth = {32: 3, 64: 4}[size]
    netG, netD = textbook_G(width, depth).to(kind), textbook_D(width, depth).to(kind)
    for network in (state.G, state.D, state.G_ema):
        network.to(kind)
    copy_weights(state.G, netG)
    copy_weights(state.D, netD)
    port_G, port_D = copy.deepcopy(netG), copy.deepcopy(netD)
    torch.manual_seed(7)
    real = [torch.rand(m, 3, size, size, dtype=kind) * 2 - 1 for _ in range(steps)]

    drawn, draw = [], algorithm.noise
    monkeypatch.setattr(algorithm, "noise", lambda *given: drawn.append(draw(*given).to(kind)) or drawn[-1].clone())
    loop = algorithm.train(config, state, lambda i: (real[i], None), LOSSES[config.loss])
    ours = [[p.loss_D.item(), p.loss_G.item()] for p in itertools.islice(loop, steps)]
    ours = torch.tensor(ours, dtype=torch.float64)
    noise = list(zip(drawn[::2], drawn[1::2], strict=True))

    theirs = textbook(netG, netD, real, noise)
    assert (ours - theirs).abs().max() < (CLOSE if kind is torch.float32 else 1e-10)
    if steps > 1:
        assert theirs.std(0).min() > 0.01  # they move, so that agreeing says something
    reused = textbook(port_G, port_D, real[:2], noise[:2], fresh=False)
    assert (
        ours[: len(reused)] - reused
    ).abs().max() > 10 * CLOSE  # the port's reuse of D's generated batch would be noticed


@pytest.mark.slow
def test_tutorial_at_full_size_gives_a_plain_loop_s_losses_in_float32(monkeypatch):
    """64 px, width 64; the loops differ, and the arithmetic of both is in one order."""
    m, steps = 8, 10
    config = Config.build("tutorial", size=64, m=m, channels=3, precision="float32")
    state = algorithm.fresh(config)
    netG, netD = dense_ends(textbook_G(config.width, 4), textbook_D(config.width, 4))
    copy_weights(state.G, netG)
    copy_weights(state.D, netD)
    torch.manual_seed(7)
    real = [(torch.rand(m, 3, 64, 64) * 2 - 1).contiguous(memory_format=torch.channels_last) for _ in range(steps)]
    drawn, draw = [], algorithm.noise
    monkeypatch.setattr(algorithm, "noise", lambda *given: drawn.append(draw(*given)) or drawn[-1].clone())
    loop = algorithm.train(config, state, lambda i: (real[i], None), LOSSES[config.loss])
    ours = torch.tensor([[p.loss_D.item(), p.loss_G.item()] for p in itertools.islice(loop, steps)]).double()
    noise = list(zip(drawn[::2], drawn[1::2], strict=True))
    theirs = textbook(netG, netD, real, noise, criterion=AsSoftplus(), fused=True)
    assert config.width == 64
    assert (ours - theirs).abs().max() < CLOSE
    assert theirs.std(0).min() > 0.1
