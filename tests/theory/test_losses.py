"""Both players' losses are Goodfellow et al.'s, and so are their derivatives by each of D's logits."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan import losses
from dcgan.losses import LOSSES

M = 7
torch.manual_seed(0)
REAL, FAKE = (3 * torch.randn(2, M, dtype=torch.float64)).unbind()


def derivative(loss, *logits: Tensor) -> tuple[Tensor, ...]:
    given = [t.clone().requires_grad_() for t in logits]
    return torch.autograd.grad(loss(*given), given)


def D(logits: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-logits))


def test_the_losses_are_the_paper_s():
    assert torch.isclose(losses.value(REAL, FAKE), D(REAL).log().mean() + (1 - D(FAKE)).log().mean())
    assert torch.isclose(losses.discriminator(REAL, FAKE), -losses.value(REAL, FAKE))
    assert torch.isclose(losses.minimax(FAKE), (1 - D(FAKE)).log().mean())
    assert torch.isclose(losses.non_saturating(FAKE), -D(FAKE).log().mean())
    assert LOSSES["minimax"] == (losses.discriminator, losses.minimax, False)
    assert LOSSES["non-saturating"] == (losses.discriminator, losses.non_saturating, False)


def test_they_are_binary_cross_entropies():
    ones, zeros, bce = torch.ones_like(REAL), torch.zeros_like(REAL), F.binary_cross_entropy_with_logits
    assert torch.isclose(losses.discriminator(REAL, FAKE), bce(REAL, ones) + bce(FAKE, zeros))
    assert torch.isclose(losses.non_saturating(FAKE), bce(FAKE, ones))
    assert torch.isclose(losses.minimax(FAKE), -bce(FAKE, zeros))


def test_derivatives_by_each_logit():
    by_real, by_fake = derivative(losses.discriminator, REAL, FAKE)
    assert torch.allclose(by_real, -(1 - D(REAL)) / M, atol=1e-15)
    assert torch.allclose(by_fake, D(FAKE) / M, atol=1e-15)
    assert torch.allclose(derivative(losses.minimax, FAKE)[0], -D(FAKE) / M, atol=1e-15)
    assert torch.allclose(derivative(losses.non_saturating, FAKE)[0], -(1 - D(FAKE)) / M, atol=1e-15)


def test_where_D_wins_only_the_non_saturating_loss_pulls():
    sure = torch.full((M,), -20.0, dtype=torch.float64)  # D gives generated pictures 2e-9
    weak, strong = derivative(losses.minimax, sure)[0], derivative(losses.non_saturating, sure)[0]
    assert (weak < 0).all()
    assert (-weak < 1e-8 / M).all()
    assert torch.allclose(strong, torch.tensor(-1 / M, dtype=torch.float64), atol=1e-8)


@pytest.mark.parametrize("logit", [-1e4, -100.0, 100.0, 1e4])
def test_no_logarithm_of_zero(logit):
    """float32's sigmoid is exactly 0 or 1 here; the losses stay a number, and a logit large."""
    held = torch.full((3,), logit)
    for loss, given in (
        (losses.discriminator, (held, -held)),
        (losses.minimax, (held,)),
        (losses.non_saturating, (held,)),
    ):
        value = loss(*given)
        assert torch.isfinite(value)
        assert min(abs(abs(value) - n * abs(logit)) for n in (0, 1, 2)) < 1e-3
        assert all(torch.isfinite(grad).all() for grad in derivative(loss, *given))
