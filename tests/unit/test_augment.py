"""Differentiable augmentation: what is altered and how far, for real and generated pictures alike, gradient and all."""

import numpy as np
import pytest
import torch

from dcgan import algorithm, augment
from dcgan.config import Config
from dcgan.losses import LOSSES

N = 64


def pictures(channels=3, size=(16, 24)):
    return torch.rand(N, channels, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def numbers(seed=1):
    return torch.rand(N, augment.NUMBERS, generator=torch.Generator().manual_seed(seed))


def test_the_middle_alters_nothing():
    """At 1/2 each, colours stay and nothing moves; what is left is the hole."""
    x, half = pictures(), torch.full((N, 2), 0.5)
    assert torch.allclose(augment.coloured(x, torch.full((N, 3), 0.5)), x, atol=1e-6)
    assert torch.equal(augment.shifted(x, half), x)


def test_colours():
    x = pictures()
    middle = torch.full((N, 3), 0.5)
    for i, (low, high) in enumerate([(-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)]):
        for end, number in ((low, 0.0), (high, 1.0)):
            given = middle.clone()
            given[:, i] = number
            made = augment.coloured(x, given)
            if i == 0:
                expected = x + end
            elif i == 1:
                grey = x.mean(1, keepdim=True)
                expected = grey + (x - grey) * end
            else:
                mean = x.mean((1, 2, 3), keepdim=True)
                expected = mean + (x - mean) * end
            assert torch.allclose(made, expected, atol=1e-6)
    grey = pictures(1)
    assert torch.allclose(augment.coloured(grey, torch.tensor([[0.5, 0.1, 0.5]]).repeat(N, 1)), grey, atol=1e-6)


def test_alpha_keeps_its_level():
    x = pictures(4)
    assert torch.equal(augment.coloured(x, numbers()[:, :3])[:, 3], x[:, 3])


def test_shifts_are_whole_pixels_and_reach_an_eighth():
    """Equal to slices of the picture laid in grey."""
    x, given = pictures(), numbers()[:, :2]
    made = augment.shifted(x, given)
    seen = set()
    for one, moved, (a, b) in zip(x, made, given.tolist(), strict=True):
        down, right = int(a * 5) - 2, int(b * 7) - 3  # an eighth of 16 and of 24, each way
        around = torch.zeros(3, 16 + 4, 24 + 6)
        around[:, 2:-2, 3:-3] = one
        assert torch.equal(moved, around[:, 2 + down : 18 + down, 3 + right : 27 + right])
        seen.add((down, right))
    assert {down for down, _ in seen} == {-2, -1, 0, 1, 2}
    assert {right for _, right in seen} == {-3, -2, -1, 0, 1, 2, 3}
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_the_hole_is_half_the_side():
    x = torch.ones(N, 2, 16, 24)
    inside = augment.cut(x, torch.full((N, 2), 0.5))
    assert (inside == 0).sum() == N * 2 * 8 * 12  # all of it within the picture
    corner = augment.cut(x, torch.zeros(N, 2))
    assert (corner == 0).sum() == N * 2 * 4 * 6  # its middle in a corner: a quarter of it
    assert torch.equal(corner[:, :, 4:], x[:, :, 4:])
    assert torch.equal(corner[:, :, :, 6:], x[:, :, :, 6:])
    rows = augment.cut(x, numbers()[:, 5:])[:, 0].amin(2) == 0
    assert len({tuple(row) for row in rows.tolist()}) > 8  # anywhere


def test_the_gradient_is_that_of_a_linear_map():
    """For given numbers pictures are altered by an affine map: exact derivatives, in float64, twice over."""
    x = pictures(size=(8, 8))[:2].double().requires_grad_()
    given = numbers()[:2].double()
    assert torch.autograd.gradcheck(lambda x: augment.altered(x, given), x)
    assert torch.autograd.gradgradcheck(lambda x: augment.altered(x, given).square(), x)
    step = torch.randn_like(x)
    there = augment.altered(x + step, given) - augment.altered(x, given)
    assert torch.allclose(there, augment.altered(x + 2 * step, given) - augment.altered(x + step, given), atol=1e-12)


def test_each_picture_by_its_own_numbers():
    x, given = pictures(), numbers()
    together = augment.altered(x, given)
    assert all(
        torch.allclose(augment.altered(x[i : i + 1], given[i : i + 1])[0], together[i], atol=1e-6) for i in range(4)
    )
    assert len({float(picture.sum()) for picture in together}) == N


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_D_sees_altered_pictures_only(loss, monkeypatch):
    """Real and generated, in D's step and in G's, each batch by numbers of its own, all by the same rule."""
    c = Config(size=(16, 16), channels=3, width=4, m=8, augment=True, loss=loss)
    state = algorithm.fresh(c)
    given, rule = [], augment.altered

    def altered(x, numbers):
        given.append((x.clone(), numbers))
        return rule(x, numbers)

    monkeypatch.setattr(augment, "altered", altered)
    seen = []
    state.D.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    x = torch.rand(8, 3, 16, 16) * 2 - 1
    algorithm.begin_step(c, state)
    algorithm.update_D(c, state, LOSSES[loss], x, algorithm.noise(c, x), None)
    algorithm.update_G(c, state, LOSSES[loss], x, algorithm.noise(c, x), None)
    assert len(seen) == len(given) == (4 if loss == "relativistic" else 3)
    for shown, (before, by) in zip(seen, given, strict=True):
        assert torch.equal(shown, rule(before, by))
    assert len({tuple(by.flatten().tolist()) for _, by in given}) == len(given)
    assert torch.equal(given[0][0], x)
    assert all(p.grad.any() for p in state.G.parameters())  # G learns through them


def test_pixels_from_zero_to_one():
    """Under a sigmoid output grey is 1/2, and all else the same."""
    tanh, sigmoid = (Config(size=(16, 16), channels=3, augment=True, m=N, output=name) for name in ("tanh", "sigmoid"))
    x = pictures(size=(16, 16))
    torch.manual_seed(3)
    one = algorithm.shown(tanh, x)
    torch.manual_seed(3)
    other = algorithm.shown(sigmoid, x / 2 + 0.5)
    assert torch.allclose(one, other * 2 - 1, atol=1e-6)
    assert float(one.std()) > 0.1


def test_off_it_takes_no_random_numbers():
    c = Config(size=(16, 16), channels=3)
    torch.manual_seed(0)
    x = pictures()
    assert algorithm.shown(c, x) is x
    assert torch.rand(1) == torch.rand(1, generator=torch.Generator().manual_seed(0))
    assert np.isclose(augment.SHIFT, 0.125)
