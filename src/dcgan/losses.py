"""The two players' losses, as functions of D's logits.

V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))]  (Goodfellow et al., 2014, equation 1), with D = sigmoid(logit), so
log D = -softplus(-logit) and log(1 - D) = -softplus(logit): never a logarithm of zero. Each function returns what
its player descends. A loss of one's own is a `Loss` of two such functions, handed to `dcgan.train(loss=...)`.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.autograd import grad
from torch.nn.functional import softplus


class Loss(NamedTuple):
    """A loss of one's own: a function of D's logits for each player, which descends what it returns."""

    D: Callable[[Tensor, Tensor], Tensor]  # D's logits of real and of generated pictures -> what D descends
    G: Callable[..., Tensor]  # D's logits of generated pictures -> what G descends
    paired: bool = False  # G is given D's logits of real pictures too, after those


def value(real: Tensor, fake: Tensor) -> Tensor:
    """V(D, G) on a minibatch: what D ascends."""
    return -softplus(-real).mean() - softplus(fake).mean()


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-V; its derivative by a real logit is -(1 - D)/m, by a generated one D/m."""
    return -value(real, fake)


def minimax(fake: Tensor) -> Tensor:
    """log(1 - D(G(z))), V's second term; its derivative by a generated logit is -D/m: gone where D wins."""
    return -softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """-log D(G(z)); its derivative by a generated logit is -(1 - D)/m: strong where D wins."""
    return softplus(-fake).mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-log P(this real picture is more real than that generated one), P = sigmoid(difference of the logits)
    (Jolicoeur-Martineau, 2019; Huang et al., 2024). Only differences count: D's level is arbitrary."""
    return softplus(fake - real).mean()


def relativistic_generator(fake: Tensor, real: Tensor) -> Tensor:
    """The same with the pairs turned round."""
    return softplus(real - fake).mean()


def slope(x: Tensor, logits: Tensor) -> Tensor:
    """|d logit / dx|^2 of each picture, their mean; itself differentiable. Through batch norm a logit depends on the
    other pictures too, and their share is in it."""
    (gradient,) = grad(logits.sum(), x, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


LOSSES = {
    "non-saturating": Loss(discriminator, non_saturating),
    "minimax": Loss(discriminator, minimax),
    "relativistic": Loss(relativistic_discriminator, relativistic_generator, paired=True),
}
