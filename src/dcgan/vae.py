"""A variational autoencoder (Kingma & Welling, 2014) with DCGAN's generator as its decoder: the lecture's other model.

    encoder: picture -> mean and spread of q(z | x)      networks.Encoder: D's layers, 2 z_dim numbers at the end
    decoder: z -> picture                                 networks.Generator, as it is

`train` has the shape of Algorithm 1's loop and goes through the same State, where D is the encoder: so a run of
`--preset vae` is saved, resumed, drawn from and measured as any other. Both descend -ELBO(x) = KL(q(z|x) || N(0, 1)) -
E[log p(x|z)], p a normal distribution of each pixel about what is decoded. Its spread is the one most likely on the
minibatch, whence log p(x|z) = -n/2 log MSE and a constant (Rybkin et al., 2021): nothing is left to weigh by hand.

Of a report, loss_D is KL in nats a picture, loss_G -log p(x|z); nobody tells real from drawn, so opinions stand at 1/2.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from dcgan import distributed
from dcgan.algorithm import Batch, Progress, State, average, begin_step
from dcgan.config import Config


def train(config: Config, state: State, batch: Batch) -> Iterator[Progress]:
    """A step of both networks up the ELBO of each minibatch, without end."""
    while True:
        begin_step(config, state)
        x, y = batch(state.step)
        divergence, missed = update(config, state, x, y)
        average(state, config.ema)
        state.step += 1
        half = torch.full_like(missed, 0.5)
        yield Progress(divergence, missed, half, half, torch.zeros_like(missed))


def update(config: Config, state: State, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    """One step up the ELBO; both of its terms, in nats a picture."""
    mean, log_variance = state.D(x, y).chunk(2, 1)
    drawn = distributed.mine(torch.randn(config.m, config.z_dim, device=x.device))
    z = code(mean, log_variance, drawn)
    divergence, missed = kl(mean, log_variance).mean(), unlikely(state.G(z, y), x)
    state.opt_D.zero_grad()
    state.opt_G.zero_grad()
    (divergence + missed).backward()
    state.opt_D.step()
    state.opt_G.step()
    return divergence.detach(), missed.detach()


def code(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """z of q(z | x) from noise of N(0, 1)."""
    return mean + noise * (log_variance / 2).exp()


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of each row: [N]."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def unlikely(decoded: Tensor, x: Tensor) -> Tensor:
    """-log p(x | decoded), at its most likely spread, without its constant: n/2 log MSE for n numbers a picture."""
    return x[0].numel() / 2 * (decoded - x).square().mean().log()
