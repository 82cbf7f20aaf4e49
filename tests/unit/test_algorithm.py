"""Algorithm 1's steps: who is moved by what, on which pictures and noise, at which rate."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from dcgan import algorithm
from dcgan.algorithm import State, average, begin_step, fresh, noise, train, update_D, update_G
from dcgan.config import PRESETS, Config
from dcgan.losses import LOSSES, Loss

NON_SATURATING = LOSSES["non-saturating"]


def config(preset="default", **settings):
    small = {"size": (16, 16), "channels": 1, "width": 4, "z_dim": 6, "m": 4, "classes": 3 if preset == "mnist" else 0}
    return Config.build(preset, **(small | settings))


def batch(i: int):
    """The i-th minibatch, a function of i alone."""
    return torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(i)) * 2 - 1, torch.arange(4) % 3


def tensors(state: State) -> dict[str, torch.Tensor]:
    named = {f"{name}.{key}": t for name in ("G", "D", "G_ema") for key, t in getattr(state, name).state_dict().items()}
    for name in ("opt_G", "opt_D"):
        for i, held in getattr(state, name).state_dict()["state"].items():
            named |= {f"{name}.{i}.{key}": t for key, t in held.items() if t is not None}
    return {key: t.clone() for key, t in named.items()}


def moved(before: State | dict, after: State) -> set[str]:
    """Which parts of the State differ."""
    now = tensors(after)
    assert before.keys() <= now.keys()
    return {key.split(".")[0] for key in now if key not in before or not torch.equal(before[key], now[key])}


# Who is moved


def test_update_D_moves_D_alone_and_no_gradient_reaches_G():
    c = config()
    state, (x, y) = fresh(c), batch(0)
    before = tensors(state)
    update_D(c, state, NON_SATURATING, x, noise(c, x), y)
    assert moved(before, state) == {"D", "opt_D"}
    assert all(p.grad is None for p in state.G.parameters())
    assert all(p.grad is not None and p.grad.any() for p in state.D.parameters())


def test_update_G_moves_G_alone_and_no_gradient_is_computed_for_D():
    c = config()
    state, (x, y) = fresh(c), batch(0)
    before = tensors(state)
    asked = []
    handles = [p.register_hook(asked.append) for p in state.D.parameters()]
    update_G(c, state, NON_SATURATING, x, noise(c, x), y)
    assert moved(before, state) == {"G", "opt_G"}
    assert all(p.grad is None for p in state.D.parameters())
    assert asked == []
    assert all(p.grad is not None and p.grad.any() for p in state.G.parameters())
    assert all(p.requires_grad for p in state.D.parameters())  # ready for D's next step
    update_D(c, state, NON_SATURATING, x, noise(c, x), y)
    assert len(asked) >= len(handles)  # D's own step asks for each


def test_update_G_leaves_D_s_last_gradients_alone():
    c = config()
    state, (x, y) = fresh(c), batch(0)
    update_D(c, state, NON_SATURATING, x, noise(c, x), y)
    before = [p.grad.clone() for p in state.D.parameters()]
    update_G(c, state, NON_SATURATING, x, noise(c, x), y)
    assert all(torch.equal(p.grad, grad) for p, grad in zip(state.D.parameters(), before, strict=True))


def test_a_network_s_own_frozen_part_stays_frozen():
    c = config()
    state, (x, y) = fresh(c), batch(0)
    fixed = next(iter(state.D.parameters()))
    fixed.requires_grad_(False)
    update_G(c, state, NON_SATURATING, x, noise(c, x), y)
    assert [p.requires_grad for p in state.D.parameters()] == [p is not fixed for p in state.D.parameters()]


def test_D_is_thawed_when_G_s_step_fails():
    c = config()
    state, (x, y) = fresh(c), batch(0)

    def fails(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        update_G(c, state, Loss(NON_SATURATING.D, fails), x, noise(c, x), y)
    assert all(p.requires_grad for p in state.D.parameters())


# On which pictures


def test_real_and_generated_pictures_go_through_D_apart():
    """Batch norm would mix them: the losses are those of two passes, and not those of one."""
    c = config(norm_D_in=True)
    state, (x, y) = fresh(c), batch(0)
    z = noise(c, x)
    D, sizes = copy.deepcopy(state.D), []
    state.D.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    with torch.no_grad():
        fake = state.G(z, y)
        apart = NON_SATURATING.D(D(x, y), D(fake, y))
        mixed = NON_SATURATING.D(*D(torch.cat([x, fake])).chunk(2))
    loss_D, D_x, D_Gz, D_margin = update_D(c, state, NON_SATURATING, x, z, y)
    assert sizes == [4, 4]
    assert abs(loss_D - apart) < 1e-6
    assert abs(loss_D - mixed) > 1e-3
    with torch.no_grad():
        assert abs(D_x - D(x, y).sigmoid().mean()) < 1e-6
        assert abs(D_Gz - D(fake, y).sigmoid().mean()) < 1e-6
        assert abs(D_margin - (D(x, y).mean() - D(fake, y).mean())) < 1e-6


@pytest.mark.parametrize("k", [1, 3])
def test_an_iteration_is_k_steps_of_D_and_one_of_G_with_fresh_x_and_z(k, monkeypatch):
    c = config(k=k)
    state, events = fresh(c), []

    def recorded(name):
        original = getattr(algorithm, name)

        def call(*given):
            result = original(*given)
            events.append((name, [t.clone() for t in given if isinstance(t, torch.Tensor)], result))
            return result

        monkeypatch.setattr(algorithm, name, call)

    for name in ("noise", "update_D", "update_G", "average"):
        recorded(name)
    numbers = []

    def numbered(i):
        numbers.append(i)
        return batch(i)

    steps = [state.step for _ in itertools.islice(train(c, state, numbered, NON_SATURATING), 3)]
    assert steps == [1, 2, 3]
    assert numbers == list(range(3 * k))  # minibatches in their order, each once
    assert [name for name, *_ in events] == 3 * (k * ["noise", "update_D"] + ["noise", "update_G", "average"])
    drawn = [result for name, _, result in events if name == "noise"]
    assert len({tuple(z.flatten().tolist()) for z in drawn}) == 3 * (k + 1)  # never the same twice
    used = [given for name, given, _ in events if name in ("update_D", "update_G")]
    for z, given in zip(drawn, used, strict=True):
        assert any(torch.equal(t, z) for t in given)
    real = [given[0] for name, given, _ in events if name == "update_D"]
    assert all(torch.equal(x, batch(i)[0]) for i, x in enumerate(real))
    assert {int(held["step"]) for held in state.opt_D.state.values()} == {3 * k}
    assert {int(held["step"]) for held in state.opt_G.state.values()} == {3}


def test_labels_reach_both_networks():
    c = config("mnist", size=(16, 16), width=4, dense=8)
    state, given = fresh(c), []
    for network in (state.G, state.D):
        network.register_forward_pre_hook(lambda _, args: given.append(args[1].tolist()))
    next(train(c, state, batch, NON_SATURATING))
    assert given == [[0, 1, 2, 0]] * 5  # G; D on real and generated; G and D once more


@pytest.mark.parametrize(("z", "moments"), [("uniform", (1 / 3, 1 / 5)), ("normal", (1, 3))])
def test_noise_has_the_distribution_asked_for(z, moments):
    torch.manual_seed(0)
    drawn = noise(config(z=z, z_dim=100, m=2000), torch.zeros(2000, 1)).double()
    assert drawn.shape == (2000, 100)
    second, fourth = moments
    assert abs(drawn.mean()) < 5 * (second / 200_000) ** 0.5
    assert abs((drawn**2).mean() - second) < 5 * ((fourth - second**2) / 200_000) ** 0.5
    assert (drawn.abs().max() <= 1) == (z == "uniform")


def test_progress_is_what_the_iteration_saw():
    c = config()
    state = fresh(c)
    progress = next(train(c, state, batch, NON_SATURATING))
    assert all(isinstance(value, torch.Tensor) and not value.requires_grad for value in progress)
    assert 0 < progress.D_x < 1
    assert 0 < progress.D_Gz < 1
    assert abs(progress.loss_D - 2 * np.log(2)) < 1  # an untrained D says about 1/2


# From which numbers: (seed, step) and nothing else


def test_a_step_depends_on_seed_and_step_alone():
    c = config()
    one, two = fresh(c), fresh(c)
    assert moved(tensors(one), two) == set()
    next(train(c, one, batch, NON_SATURATING))
    torch.rand(1000)  # what happens outside does not matter
    next(train(c, two, batch, NON_SATURATING))
    assert moved(tensors(one), two) == set()
    other = fresh(c.replace(seed=1))
    assert moved(tensors(fresh(c)), other) == {"G", "D", "G_ema"}


def test_each_step_and_each_seed_has_its_own_numbers():
    seen = set()
    for c in (config(seed=seed) for seed in (0, 1, 2**53 - 1)):
        state = fresh(c)
        for state.step in (*range(200), 10**9):
            begin_step(c, state)
            seen.add(tuple(torch.rand(2).tolist()))
    assert len(seen) == 3 * 201
    assert 0 <= algorithm._mix(2**53 - 1, 10**9) < 2**64


# At which rate


def rates(c, step):
    state = fresh(c)
    state.step = step
    begin_step(c, state)
    groups = state.opt_G.param_groups + state.opt_D.param_groups
    return [group["lr"] for group in groups], [group.get("momentum") for group in groups]


def test_the_rate_falls_in_a_line_in_absolute_steps():
    c = config(lr=0.1, lr_D=0.3, fade_from=100, fade_to=300)
    for step, left in [(0, 1), (99, 1), (100, 1), (101, 0.995), (200, 0.5), (299, 0.005), (300, 0), (999, 0)]:
        assert rates(c, step)[0] == pytest.approx([0.1 * left, 0.3 * left], abs=1e-15)
    assert rates(config(lr=0.1), 10**6)[0] == [0.1, 0.1]


def test_the_rate_decays_by_a_factor_a_step():
    c = config("goodfellow", size=(16, 16), channels=1)
    for step in (0, 1, 1000, 125_000):
        lr, _ = rates(c, step)
        assert lr == pytest.approx([0.1 / 1.000004**step, 0.05 / 1.000004**step], rel=1e-9)
    assert 0.060 < rates(c, 125_000)[0][0] < 0.061


def test_momentum_rises_in_a_line_and_stays():
    c = config("goodfellow", size=(16, 16), channels=1)
    for step, expected in [(0, 0.5), (62_500, 0.6), (125_000, 0.7), (200_000, 0.7)]:
        assert rates(c, step)[1] == pytest.approx([expected] * 2)
    steady = config(optimizer="sgd", momentum=0.9)
    assert [rates(steady, step)[1] for step in (0, 10**6)] == [[0.9, 0.9]] * 2


def test_rates_of_a_resumed_run_are_those_of_the_step():
    """Set from the step each time, not carried along: two states at one step have one rate, whatever lies behind."""
    c = config(lr=0.1, fade_from=1, fade_to=9)
    state = fresh(c)
    for _ in itertools.islice(train(c, state, batch, NON_SATURATING), 5):
        pass
    begin_step(c, state)
    assert state.opt_G.param_groups[0]["lr"] == rates(c, 5)[0][0]


def test_a_rate_of_zero_moves_nothing():
    c = config(lr_D=0.0)
    state = fresh(c)
    before = tensors(state)
    next(train(c, state, batch, NON_SATURATING))
    after = tensors(state)
    assert all(torch.equal(before[key], after[key]) for key in before if key.startswith("D."))


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_optimizers_are_the_printed_rules(kind):
    """Adam with bias correction (Kingma & Ba, algorithm 1), momentum as v = mu v + g; l2 is added to the gradient."""
    c = config(optimizer=kind, lr=0.01, beta1=0.5, beta2=0.9, momentum=0.7, l2=0.1)
    layer = nn.Linear(3, 2, bias=False).double()
    w = layer.weight.detach().clone()
    opt = algorithm.optimizer(c, c.lr, layer)
    first, second = torch.zeros_like(w), torch.zeros_like(w)
    for t in range(1, 5):
        g = torch.randn(2, 3, dtype=torch.float64)
        layer.weight.grad = g.clone()
        opt.step()
        g = g + 0.1 * w
        if kind == "sgd":
            first = 0.7 * first + g
            w = w - 0.01 * first
        else:
            first, second = 0.5 * first + 0.5 * g, 0.9 * second + 0.1 * g * g
            w = w - 0.01 * (first / (1 - 0.5**t)) / ((second / (1 - 0.9**t)).sqrt() + 1e-8)
        assert torch.allclose(layer.weight, w, atol=1e-12)


# The average


def test_the_average_follows_by_its_decay_and_faster_at_first():
    c = config()
    state = fresh(c)
    nn.init.zeros_(state.G.project.linear.weight)
    for step, decay, expected in [(0, 0.9, 0.1), (4, 0.9, 5 / 14), (10_000, 0.9, 0.9), (10_000, 0.999, 0.999)]:
        state.step = step
        nn.init.ones_(state.G_ema.project.linear.weight)
        average(state, decay)
        assert torch.allclose(state.G_ema.project.linear.weight, torch.tensor(expected), atol=1e-6)
    assert not any(p.requires_grad for p in state.G_ema.parameters())


def test_without_an_average_G_ema_is_G():
    c = config(ema=0.0)
    state = fresh(c)
    for _ in itertools.islice(train(c, state, batch, NON_SATURATING), 3):
        assert all(torch.equal(a, b) for a, b in zip(state.G_ema.parameters(), state.G.parameters(), strict=True))


class Own(nn.Module):
    """A generator of one's own, with torch's running statistics."""

    def __init__(self, config):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(config.z_dim, 256), nn.BatchNorm1d(256))

    def forward(self, z, y=None):
        return self.body(z).view(-1, 1, 16, 16)


class OwnD(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.out = nn.Linear(256, 1)

    def forward(self, x, y=None):
        return self.out(x.flatten(1)).squeeze(1)


def test_networks_and_optimizers_of_one_s_own():
    c = config()
    state = fresh(c, own_networks=(Own, OwnD), own_optimizer=lambda p: torch.optim.RMSprop(p, lr=0.01))
    for _ in itertools.islice(train(c, state, batch, NON_SATURATING), 3):
        pass
    assert isinstance(state.opt_D, torch.optim.RMSprop)
    ours, theirs = state.G_ema.body[1], state.G.body[1]
    assert torch.equal(ours.running_mean, theirs.running_mean)  # buffers are carried over, weights averaged
    assert int(ours.num_batches_tracked) == 6
    assert not torch.equal(ours.weight, theirs.weight)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "vae"])
def test_every_preset_trains(preset, loss):
    c = config(preset, **({"width_D": 4} if preset == "goodfellow" else {}))
    state = fresh(c)
    before = tensors(state)
    for progress in itertools.islice(train(c, state, batch, LOSSES[loss]), 2):
        assert all(torch.isfinite(value) for value in progress)
    assert {"G", "D", "G_ema", "opt_G", "opt_D"} == moved(before, state)
