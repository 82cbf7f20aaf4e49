"""Spectral norm against the singular values themselves, penalties and the paired loss against closed forms."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from dcgan import algorithm, losses, networks
from dcgan.config import Config
from dcgan.losses import LOSSES
from dcgan.networks import SpectralNorm

SPECTRAL = Config(size=(16, 16), channels=3, width=8, m=8, norm_D="spectral", dense=12)


def batch(m=8):
    return torch.rand(m, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def norms(D):
    return [module for module in D.modules() if isinstance(module, SpectralNorm)]


# Spectral norm


def test_it_divides_by_the_largest_singular_value():
    D = algorithm.fresh(SPECTRAL).D
    assert len(norms(D)) == 4  # two convolutions, the dense layer and the logit: all of them
    for _ in range(3000):  # the two largest are near each other in random matrices
        networks.turn(D)
    for norm in norms(D):
        weight = norm.of[0].weight.detach().flatten(1)
        assert float(norm.largest.detach()) == pytest.approx(float(np.linalg.svd(weight.numpy())[1][0]), rel=1e-4)


def test_after_ten_turns_it_is_near_and_never_above():
    for norm in norms(algorithm.fresh(SPECTRAL).D):
        true = float(torch.linalg.svdvals(norm.of[0].weight.detach().flatten(1))[0])
        assert 0.9 * true < float(norm.largest.detach()) <= true * (1 + 1e-6)


def test_its_derivative_is_that_of_a_singular_value():
    """d s / dW = u v' (where s stands alone): against finite differences of the SVD's own."""
    torch.manual_seed(0)
    norm = SpectralNorm(nn.Linear(7, 5, bias=False).double()).double()
    for _ in range(500):
        norm.turn()
    weight = norm.of[0].weight
    (gradient,) = torch.autograd.grad(norm.largest, weight)
    toward = torch.randn_like(weight)
    up, down = (torch.linalg.svdvals((weight + h * toward).detach())[0] for h in (1e-5, -1e-5))
    assert float((gradient * toward).sum()) == pytest.approx(float((up - down) / 2e-5), abs=1e-7)


def test_no_layer_stretches():
    """D is 1-Lipschitz for dense layers; a strided convolution stretches at most by the times that a pixel is read."""
    torch.manual_seed(0)
    linear = nn.Linear(20, 30, bias=False)
    norm = SpectralNorm(linear)
    for _ in range(300):
        norm.turn()
    x, y = torch.randn(2, 500, 20)
    apart = (norm(linear(x)) - norm(linear(y))).detach().norm(dim=1) / (x - y).norm(dim=1)
    assert float(apart.max()) <= 1 + 1e-5
    top = torch.linalg.svd(linear.weight.detach())[2][0]
    assert float(norm(linear(top[None])).detach().norm()) == pytest.approx(1, rel=1e-4)  # and the bound is reached


def test_only_Ds_own_step_turns():
    """Looking at D, drawing samples and G's step leave u and v as they are; the weights' size does not matter."""
    state, x = algorithm.fresh(SPECTRAL), batch()
    held = [norm.u.clone() for norm in norms(state.D)]
    z = algorithm.noise(SPECTRAL, x)
    networks.measure(state.D, [(x, None)])
    algorithm.update_G(SPECTRAL, state, LOSSES["non-saturating"], x, z, None)
    assert all(torch.equal(norm.u, u) for norm, u in zip(norms(state.D), held, strict=True))
    algorithm.update_D(SPECTRAL, state, LOSSES["non-saturating"], x, z, None)
    assert not any(torch.equal(norm.u, u) for norm, u in zip(norms(state.D), held, strict=True) if len(u) > 1)
    grown = copy.deepcopy(state.D)
    with torch.no_grad():
        for norm in norms(grown):
            norm.of[0].weight.mul_(7)
        assert torch.allclose(grown(x), state.D(x), atol=1e-5)
        assert float(state.D(x).abs().max()) > 0


def test_it_keeps_bf16():
    D = networks.Discriminator(SPECTRAL)
    D.precision = "bf16"
    logits = D(batch())
    assert logits.dtype == torch.float32
    assert D.maps(batch())[0].dtype == torch.bfloat16
    D.precision = "float32"
    assert torch.allclose(logits, D(batch()), atol=0.02)


# Penalties


def test_R1_of_a_linear_D_is_its_weight():
    """D(x) = w.x + b: the squared gradient is |w|^2, whatever x."""
    w = torch.randn(3 * 16 * 16, dtype=torch.float64, requires_grad=True)
    x = batch().double().requires_grad_()
    found = losses.slope(x, x.flatten(1) @ w + 2)
    assert torch.allclose(found, w.square().sum(), rtol=1e-12)
    assert torch.allclose(torch.autograd.grad(found, w)[0], 2 * w, rtol=1e-12)


def test_R1_of_a_quadratic_D():
    """D(x) = |x|^2 / 2: the gradient is x itself, a mean over the pictures."""
    x = batch().double().requires_grad_()
    found = losses.slope(x, x.square().flatten(1).sum(1) / 2)
    assert torch.allclose(found, x.square().sum() / len(x), rtol=1e-12)


def penalised(step, **settings):
    """What D's weights are moved by, beside what the loss alone moves them by."""
    moves = []
    for more in ({}, settings):
        c = Config(size=(16, 16), channels=3, width=4, m=8, norm_D="none", optimizer="sgd", lr=1.0, momentum=0.0,
                   momentum_to=0.0, **more)  # fmt: skip
        state, x = algorithm.fresh(c), batch()
        state.step = step
        algorithm.begin_step(c, state)
        with torch.no_grad():
            for p in state.D.parameters():
                p.mul_(8)  # of N(0, 0.02) the slope is hardly more than rounding
        before = [p.detach().clone() for p in state.D.parameters()]
        z = algorithm.noise(c, x)
        seen = algorithm.update_D(c, state, LOSSES["non-saturating"], x, z, None)
        moves.append(([b - p.detach() for p, b in zip(state.D.parameters(), before, strict=True)], seen))
    (plain, seen), (more, seen_too) = moves
    assert all(torch.equal(a, b) for a, b in zip(seen, seen_too, strict=True))  # what is logged is the game's alone
    return [b - a for a, b in zip(plain, more, strict=True)], before, x, z


@pytest.mark.parametrize(("every", "step"), [(1, 3), (4, 8)])
def test_the_penalty_is_added_to_D_s_loss(every, step):
    """r1/2 |dD/dx|^2, by autograd on its own; when it is due every so many steps, as much heavier."""
    extra, weights, x, _ = penalised(step, r1=2.0, penalty_every=every)
    c = Config(size=(16, 16), channels=3, width=4, norm_D="none")
    D = networks.Discriminator(c)
    with torch.no_grad():
        for p, w in zip(D.parameters(), weights, strict=True):
            p.copy_(w)
    x = x.clone().requires_grad_()
    squares = torch.stack([torch.autograd.grad(D(x)[i], x, create_graph=True)[0][i].square().sum() for i in range(8)])
    expected = torch.autograd.grad(every * squares.mean(), list(D.parameters()), allow_unused=True)
    for got, want in zip(extra, expected, strict=True):
        assert torch.allclose(got, torch.zeros_like(got) if want is None else want, atol=2e-6, rtol=1e-3)
    assert max(float(e.abs().max()) for e in extra) > 1e-3


def test_between_them_no_penalty():
    extra, *_ = penalised(9, r1=2.0, r2=2.0, penalty_every=4)
    assert all(not e.any() for e in extra)


def test_R2_is_of_the_generated_pictures():
    real, _, _, _ = penalised(0, r1=2.0)
    fake, _, _, _ = penalised(0, r2=2.0)
    both, _, _, _ = penalised(0, r1=2.0, r2=2.0)
    assert any(not torch.allclose(a, b, atol=1e-6) for a, b in zip(real, fake, strict=True))
    for a, b, c in zip(real, fake, both, strict=True):
        assert torch.allclose(a + b, c, atol=2e-6, rtol=1e-3)


# The paired loss


def test_the_paired_loss_by_each_logit():
    """With p = sigmoid(real - fake): D's derivative is -(1 - p)/m by a real logit and (1 - p)/m by a generated one;
    G's is the same of 1 - p. A level added to both changes nothing."""
    torch.manual_seed(0)
    real, fake = (3 * torch.randn(2, 9, dtype=torch.float64)).unbind()
    real.requires_grad_()
    fake.requires_grad_()
    p = torch.sigmoid(real - fake).detach()
    loss = LOSSES["relativistic"]
    assert loss.paired
    by_real, by_fake = torch.autograd.grad(loss.D(real, fake), (real, fake))
    assert torch.allclose(by_real, -(1 - p) / 9, atol=1e-15)
    assert torch.allclose(by_fake, (1 - p) / 9, atol=1e-15)
    by_real, by_fake = torch.autograd.grad(loss.G(fake, real), (real, fake))
    assert torch.allclose(by_real, p / 9, atol=1e-15)
    assert torch.allclose(by_fake, -p / 9, atol=1e-15)
    assert torch.isclose(loss.D(real, fake), -p.log().mean())
    assert torch.isclose(loss.D(real + 50, fake + 50), loss.D(real, fake))
    even = torch.zeros(4)
    assert float(loss.D(even, even)) == float(loss.G(even, even)) == pytest.approx(np.log(2), abs=1e-6)


def test_G_s_step_sees_the_real_pictures_too():
    c = Config(size=(16, 16), channels=3, width=4, m=8, loss="relativistic")
    moved = []
    for x in (batch(), -batch()):
        state = algorithm.fresh(c)
        algorithm.begin_step(c, state)
        algorithm.update_G(c, state, LOSSES["relativistic"], x, algorithm.noise(c, x), None)
        assert all(p.grad is None for p in state.D.parameters())
        moved.append([p.detach().clone() for p in state.G.parameters()])
    assert any(not torch.equal(a, b) for a, b in zip(*moved, strict=True))
