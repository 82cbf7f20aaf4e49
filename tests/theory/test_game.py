"""The game's theory on distributions whose densities are known (Goodfellow et al., 2014, section 4).

D, trained by our own `update_D` against a fixed G, tends to p / (p + q), and V to 2 JSD(p, q) - log 4. All integrals
are sums over a fine grid; the networks are small and of the test's own.
"""

import math

import pytest
import torch
from torch import Tensor, nn

from dcgan.algorithm import State, begin_step, fresh, noise, update_D, update_G
from dcgan.config import Config
from dcgan.losses import LOSSES

GRID = torch.linspace(-12, 12, 2401, dtype=torch.float64)  # sums over it are exact for densities as smooth as these
STEP = 24 / 2400


def normal(x: Tensor, mean: float, deviation: float) -> Tensor:
    return torch.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))


def humps(x: Tensor) -> Tensor:
    return 0.3 * normal(x, -1.5, 0.5) + 0.7 * normal(x, 2.0, 0.8)


def logits_on(grid: Tensor, D: nn.Module) -> Tensor:
    with torch.no_grad():
        return D(grid.float()).double()


class Line(nn.Module):
    """x = scale z + shift: with z from N(0, 1) its density is known."""

    def __init__(self, scale: float, shift: float):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.tensor([scale])), nn.Parameter(torch.tensor([shift]))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.scale * z + self.shift


class Curve(nn.Module):
    """A logit for each x, by two hidden layers."""

    def __init__(self, inputs: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1), nn.Flatten(0)
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.body(x)


def game(G: nn.Module, inputs: int, steps: int) -> tuple[Config, State]:
    config = Config.build(
        z="normal", z_dim=inputs, m=512, lr=0.01, beta1=0.9, ema=0.0, fade_from=steps // 3, fade_to=steps
    )
    return config, fresh(config, own_networks=(lambda _: G, lambda _: Curve(inputs)))


def train_D(config: Config, state: State, steps: int, real) -> None:
    for state.step in range(steps):
        begin_step(config, state)
        x = real(config.m)
        update_D(config, state, LOSSES["minimax"], x, noise(config, x), None)


def optimum(p: Tensor, q: Tensor, cell: float) -> tuple[Tensor, float]:
    """p / (p + q), and 2 JSD - log 4 from the divergences themselves."""
    middle = (p + q) / 2
    jsd = 0.5 * float((torch.xlogy(p, p / middle) + torch.xlogy(q, q / middle)).nan_to_num().sum()) * cell
    assert 0 < jsd < math.log(2)
    return p / (p + q), 2 * jsd - math.log(4)


def V(logits: Tensor, p: Tensor, q: Tensor, cell: float) -> float:
    """E_x[log D(x)] + E_z[log(1 - D(G(z)))], by integration."""
    return float((p * nn.functional.logsigmoid(logits) + q * nn.functional.logsigmoid(-logits)).sum()) * cell


def judge(logits: Tensor, p: Tensor, q: Tensor, cell: float) -> None:
    best, value = optimum(p, q, cell)
    reached = V(logits, p, q, cell)
    # No D has more than the optimum; its own shortfall is the square of D's error, from the minibatches' noise and
    # the network's reach: some 0.002, where an untrained D lies 0.2 below.
    assert value - 0.006 < reached < value + 1e-5
    assert value > -math.log(4) + 0.1
    error = (logits.sigmoid() - best).abs()
    seen = (p + q) / 2 * cell
    assert (error * seen).sum() < 0.02  # where there is data; in the tails no sample says anything
    assert error[p + q > 0.05 * (p + q).max()].max() < 0.08


def two_humps(n: int) -> Tensor:
    side = torch.where(torch.rand(n, 1) < 0.3, -1.5, 2.0)
    return side + torch.where(side < 0, 0.5, 0.8) * torch.randn(n, 1)


def test_trained_D_is_the_ratio_of_densities_in_one_dimension():
    p = humps(GRID)
    q = normal(GRID, 0.5, 1.5)
    assert abs(float(p.sum()) * STEP - 1) < 1e-9
    config, state = game(Line(1.5, 0.5), 1, 800)
    before = logits_on(GRID[:, None], state.D)
    train_D(config, state, 800, two_humps)
    judge(logits_on(GRID[:, None], state.D), p, q, STEP)
    assert V(before, p, q, STEP) < optimum(p, q, STEP)[1] - 0.2  # it was not so before


def test_trained_D_is_the_ratio_of_densities_in_two_dimensions():
    line = torch.linspace(-6, 6, 241, dtype=torch.float64)
    a, b = torch.meshgrid(line, line, indexing="ij")
    cell = (12 / 240) ** 2
    p = (normal(a, -1, 0.7) * normal(b, 0, 1.0) + normal(a, 1.0, 0.7) * normal(b, 1.0, 0.6)) / 2
    q = normal(a, 0, 1.2) * normal(b, 0.5, 1.2)

    def real(n):
        left = torch.rand(n, 1) < 0.5
        one = torch.tensor([-1.0, 0.0]) + torch.tensor([0.7, 1.0]) * torch.randn(n, 2)
        two = torch.tensor([1.0, 1.0]) + torch.tensor([0.7, 0.6]) * torch.randn(n, 2)
        return torch.where(left, one, two)

    config, state = game(Line(1.2, 0.0), 2, 800)
    state.G.shift.data = torch.tensor([0.0, 0.5])
    train_D(config, state, 800, real)
    points = torch.stack([a.flatten(), b.flatten()], 1)
    judge(logits_on(points, state.D), p.flatten(), q.flatten(), cell)


def test_against_a_perfect_G_the_trained_D_says_one_half():
    """At equilibrium D = 1/2 everywhere and V = -log 4."""
    q = normal(GRID, 0.5, 1.5)
    config, state = game(Line(1.5, 0.5), 1, 400)
    train_D(config, state, 400, lambda n: 0.5 + 1.5 * torch.randn(n, 1))
    logits = logits_on(GRID[:, None], state.D)
    assert -math.log(4) - 0.002 < V(logits, q, q, STEP) <= -math.log(4) + 1e-6
    near = (GRID - 0.5).abs() < 3  # two deviations
    assert (logits.sigmoid()[near] - 0.5).abs().max() < 0.05


class Ratio(nn.Module):
    """The best D against one fixed q: its logit is log p - log q."""

    def __init__(self, log_p, log_q):
        super().__init__()
        self.log_p, self.log_q, self.unused = log_p, log_q, nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (self.log_p(x) - self.log_q(x)).flatten()


def divergences(scale: float, shift: float) -> dict[str, float]:
    """Of q = N(shift, scale) from p: what each of G's losses falls along when D is best."""
    p, q = humps(GRID), normal(GRID, shift, scale)
    twice_jsd = optimum(p, q, STEP)[1] + math.log(4)
    kl = float(torch.xlogy(q, q / p).nan_to_num().sum()) * STEP
    return {"minimax": twice_jsd, "non-saturating": kl - twice_jsd}


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
def test_G_s_step_against_the_best_D_falls_along_the_divergence(loss):
    """V's gradient at the best D is that of 2 JSD (Goodfellow et al., theorem 1); the non-saturating loss's is that
    of KL(q, p) - 2 JSD (Arjovsky & Bottou, 2017, theorem 2.5). A step of plain descent at rate 1 shows the gradient.
    """
    scale, shift, h = 1.5, 0.5, 1e-4
    by_scale = (divergences(scale + h, shift)[loss] - divergences(scale - h, shift)[loss]) / (2 * h)
    by_shift = (divergences(scale, shift + h)[loss] - divergences(scale, shift - h)[loss]) / (2 * h)

    best = Ratio(lambda x: humps(x).log(), lambda x: normal(x, shift, scale).log())
    config = Config.build(optimizer="sgd", lr=1.0, momentum=0.0, momentum_to=0.0)
    state = fresh(config, own_networks=(lambda _: Line(scale, shift), lambda _: best))
    for network in (state.G, state.D):
        network.double()
    n = 20_000  # quantiles of N(0, 1): the average over them is the integral, but for the last tails
    z = torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]
    update_G(config, state, LOSSES[loss], z, z, None)
    assert scale - state.G.scale.item() == pytest.approx(by_scale, rel=0.01, abs=1e-3)
    assert shift - state.G.shift.item() == pytest.approx(by_shift, rel=0.01, abs=1e-3)
    assert min(abs(by_scale), abs(by_shift)) > 0.02
