"""Algorithm 1 of Goodfellow et al. (2014), as Radford et al. (2015) train it.

`train` is the printed loop, line for line: an iterator that yields after each iteration, so that its caller decides
when to report, sample, save or stop. Everything random in a step comes from (seed, step), so a State continued from
any step goes the way it would have gone. Speed is applied round these lines, not in them.
"""

import contextlib
import copy
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dcgan import augment, distributed, latents, losses, mlp, networks
from dcgan.config import Config
from dcgan.losses import Loss

Batch = Callable[[int], tuple[Tensor, Tensor | None]]  # the number of a minibatch -> its x and labels y
Optimizers = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
NETWORKS = {
    "dcgan": (networks.Generator, networks.Discriminator),
    "mlp": (mlp.Generator, mlp.Discriminator),
    "vae": (networks.Generator, networks.Encoder),
}


@dataclass
class State:
    """All that training changes."""

    G: nn.Module
    D: nn.Module
    G_ema: nn.Module  # the average of G's weights over time: what draws the samples
    opt_G: torch.optim.Optimizer
    opt_D: torch.optim.Optimizer
    step: int = 0
    recoveries: int = 0  # how often it went back to a sound checkpoint (--recover)


class Progress(NamedTuple):
    """What an iteration saw, still on the device: `.item()` it only when reporting."""

    loss_D: Tensor
    loss_G: Tensor
    D_x: Tensor  # D's mean opinion of real pictures, as a probability
    D_Gz: Tensor  # and of generated ones
    D_margin: Tensor  # its mean logit of real pictures above that of generated ones


def train(config: Config, state: State, batch: Batch, loss: Loss) -> Iterator[Progress]:
    """Algorithm 1: k steps on D, one on G, without end."""
    while True:
        begin_step(config, state)
        for i in range(config.k):
            x, y = batch(state.step * config.k + i)
            z = noise(config, x)
            loss_D, *opinions = update_D(config, state, loss, x, z, y)
        z = noise(config, x)
        loss_G = update_G(config, state, loss, x, z, y)
        average(state, config.ema)
        state.step += 1
        yield Progress(loss_D, loss_G, *opinions)


def update_D(config: Config, state: State, loss: Loss, x: Tensor, z: Tensor, y: Tensor | None) -> tuple[Tensor, ...]:
    """One step of D up log D(x) + log(1 - D(G(z))); real and generated pictures go through it apart.

    Its loss, then what it thinks: D_x, D_Gz, D_margin.
    """
    networks.turn(state.D)
    with torch.no_grad():
        fake = state.G(z, y)
    due = bool(config.r1 or config.r2) and state.step % config.penalty_every == 0
    x, fake = (shown(config, pictures).detach().requires_grad_(due) for pictures in (x, fake))
    real_logits, fake_logits = state.D(x, y), state.D(fake, y)
    loss_D = loss.D(real_logits, fake_logits)
    state.opt_D.zero_grad()
    (loss_D + penalty(config, (x, real_logits), (fake, fake_logits)) if due else loss_D).backward()
    state.opt_D.step()
    real_logits, fake_logits = real_logits.detach(), fake_logits.detach()
    margin = real_logits.mean() - fake_logits.mean()
    return loss_D.detach(), real_logits.sigmoid().mean(), fake_logits.sigmoid().mean(), margin


def penalty(config: Config, real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor]) -> Tensor:
    """r1/2 |dD/dx|^2 on real pictures and r2/2 on generated ones (Mescheder et al., 2018), as (pictures, logits);
    computed every so many steps, and then as much heavier (Karras et al., 2020)."""
    weighted = [gamma * losses.slope(*at) for gamma, at in ((config.r1, real), (config.r2, fake)) if gamma]
    return config.penalty_every / 2 * torch.stack(weighted).sum()


def update_G(config: Config, state: State, loss: Loss, x: Tensor, z: Tensor, y: Tensor | None) -> Tensor:
    """One step of G; no gradient is computed for D's weights. A paired loss sets each picture beside a real one."""
    with frozen(state.D):
        logits = [state.D(shown(config, state.G(z, y)), y)]
        if loss.paired:
            logits.append(state.D(shown(config, x), y))
        loss_G = loss.G(*logits)
        state.opt_G.zero_grad()
        loss_G.backward()
    state.opt_G.step()
    return loss_G.detach()


def noise(config: Config, x: Tensor) -> Tensor:
    """A fresh z for each picture of the minibatch x, from the step's own random numbers."""
    if config.z == "normal":
        return distributed.mine(torch.randn(config.m, config.z_dim, device=x.device))
    return distributed.mine(torch.rand(config.m, config.z_dim, device=x.device) * 2 - 1)


def shown(config: Config, pictures: Tensor) -> Tensor:
    """What D sees: pictures altered, real and generated alike, by the step's own random numbers; or as they are."""
    if not config.augment:
        return pictures
    numbers = distributed.mine(torch.rand(config.m, augment.NUMBERS, device=pictures.device))
    if config.output == "tanh":
        return augment.altered(pictures, numbers)
    return augment.altered(pictures * 2 - 1, numbers) / 2 + 0.5


def begin_step(config: Config, state: State) -> None:
    """Seed the step from (seed, step), and set its learning rate and momentum: schedules are in absolute steps.

    After a recovery the noise is another, and the steps are half as large.
    """
    torch.manual_seed(_mix(config.seed, state.step, state.recoveries))
    scale = config.lr_decay**-state.step * 0.5**state.recoveries
    if config.fade_to:
        left = (config.fade_to - state.step) / (config.fade_to - config.fade_from)
        scale *= min(1.0, max(0.0, left))
    ramp = min(1.0, state.step / config.momentum_steps) if config.momentum_steps else 0.0
    for optimizer in (state.opt_G, state.opt_D):
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * scale
            if config.optimizer == "sgd":
                group["momentum"] = config.momentum + ramp * (config.momentum_to - config.momentum)


@torch.no_grad()
def average(state: State, decay: float) -> None:
    """G_ema follows G; early on it follows faster, so that it does not remember the untrained network."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    torch._foreach_lerp_(list(state.G_ema.parameters()), list(state.G.parameters()), 1 - decay)
    for ours, theirs in zip(state.G_ema.buffers(), state.G.buffers(), strict=True):
        ours.copy_(theirs)  # running statistics of a network of one's own; ours are measured before use


@contextlib.contextmanager
def frozen(network: nn.Module) -> Generator[None]:
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def fresh(
    config: Config, device: str = "cpu", own_networks: tuple | None = None, own_optimizer: Optimizers | None = None
) -> State:
    """The State before the first step: weights from the seed, optimizers from the config."""
    torch.manual_seed(_mix(config.seed, -1))
    kinds = own_networks or NETWORKS[config.network]
    G, D = (kind(config).to(device=device, memory_format=torch.channels_last) for kind in kinds)
    G_ema = copy.deepcopy(G).requires_grad_(False)
    opt_G, opt_D = (
        own_optimizer(network.parameters()) if own_optimizer else optimizer(config, lr, network)
        for network, lr in ((G, config.lr), (D, config.lr if config.lr_D is None else config.lr_D))
    )
    for group in opt_G.param_groups + opt_D.param_groups:
        group["initial_lr"] = group["lr"]  # what the schedules scale
    return State(G, D, G_ema, opt_G, opt_D)


def set_precision(config: Config, state: State) -> None:
    for network in (state.G, state.D, state.G_ema):
        network.precision = config.precision  # type: ignore[assignment]


def optimizer(config: Config, lr: float, network: nn.Module) -> torch.optim.Optimizer:
    """Momentum as in 2014, or Adam as in 2015; l2 is added to the gradient, as the authors' code does."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), lr, config.momentum, weight_decay=config.l2, fused=True)
    return torch.optim.Adam(network.parameters(), lr, (config.beta1, config.beta2), weight_decay=config.l2, fused=True)


def _mix(seed: int, step: int, recoveries: int = 0) -> int:
    """One 64-bit number from (seed, step, recoveries), by the hash that latents use.

    torch's CPU generator keeps its low 32 bits: of 100,000 steps about one pair shares its noise, which does no harm.
    """
    words = latents.philox(np.array([seed], np.uint64), np.array([step]), stream=2 + (recoveries << 8))[0, 0]
    return int(words[0]) << 32 | int(words[1])
