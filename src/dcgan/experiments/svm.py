"""A linear L2-SVM, one class against the rest, as liblinear defines it: the paper's classifier on D's features.

    minimise  |w|^2 / 2 + C sum_i max(0, 1 - y_i (w . x_i + b))^2        for each class; y_i is 1 or -1

(Fan et al., 2008, equation 2; b is the weight of a constant feature 1.) The squared hinge has a gradient everywhere,
so L-BFGS descends it, all classes at once. Features are brought to mean 0 and spread 1 and a row to length about 1
first (`Scale`), so that one grid of C serves any of them; C is chosen on a fifth of the training rows.

D's features are far from independent, and L-BFGS alone takes hundreds of steps. It descends v = L' w instead, L L' what
the Hessian would be if half of the rows were inside their margin: some twenty steps, a tenth of the time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

CS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)  # that are tried, until two in a row bring nothing
HELD_OUT = 5  # one in so many training rows tells which C is best
CLOSE = 1e-3  # the gradient's length, over that at zero, at which it has arrived; liblinear's own is about there
ROUND, ROUNDS = 5, 60  # steps between looks at that length; looks at most
MEMORY = 20  # steps whose curvature L-BFGS remembers
INSIDE = 0.5  # of the rows, whose errors count: for the Hessian that is expected


@dataclass(frozen=True)
class Scale:
    """What makes rows of length about 1, as seen on the training rows; a constant feature stays 0."""

    mean: Tensor
    factor: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> "Scale":
        spread = rows.std(0, correction=0)
        return cls(rows.mean(0), torch.where(spread > 1e-6, 1 / (spread * rows.shape[1] ** 0.5), 0))

    def apply_(self, rows: Tensor) -> Tensor:
        """In place: the features of a whole set fill gigabytes."""
        return rows.sub_(self.mean).mul_(self.factor)


def fit(
    x: Tensor,
    labels: Tensor,
    classes: int,
    C: float,
    start: Tensor | None = None,
    close: float = CLOSE,
    products: Tensor | None = None,
) -> Tensor:
    """Weights [d + 1, classes] of rows x [N, d]; the last row is b. `products`: x.T @ x, where it is known."""
    sign = torch.where(labels[:, None] == torch.arange(classes, device=x.device), 1.0, -1.0)
    expected = Expected.of(x.T @ x if products is None else products, len(x), C)
    v = x.new_zeros(x.shape[1] + 1, classes) if start is None else expected.apply(start)
    optimizer = torch.optim.LBFGS(
        [v], max_iter=ROUND, history_size=MEMORY, line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0
    )

    def value() -> Tensor:
        loss, gradient = cost(x, sign, expected.solve(v), C)
        v.grad = expected.solve_transposed(gradient)
        return loss

    first = cost(x, sign, torch.zeros_like(v), C)[1].norm()
    for _ in range(ROUNDS):
        optimizer.step(value)  # its memory of curvature goes on
        if cost(x, sign, expected.solve(v), C)[1].norm() <= close * first:
            break
    return expected.solve(v)


@dataclass(frozen=True)
class Expected:
    """The Hessian with so many rows inside their margin, I + 2 C INSIDE x' x, as L L' (its transpose is applied)."""

    L: Tensor  # [d, d]
    b: float  # the same for the weight of the constant

    @classmethod
    def of(cls, products: Tensor, rows: int, C: float) -> "Expected":
        hessian = products * (2 * C * INSIDE)
        hessian.diagonal().add_(1 + 1e-6 * hessian.trace())  # what float32 needs; it is a guess anyhow
        return cls(torch.linalg.cholesky(hessian), (1 + 2 * C * INSIDE * rows) ** 0.5)

    def apply(self, w: Tensor) -> Tensor:
        return torch.cat([self.L.T @ w[:-1], w[-1:] * self.b])

    def solve(self, v: Tensor) -> Tensor:
        return torch.cat([torch.linalg.solve_triangular(self.L.T, v[:-1], upper=True), v[-1:] / self.b])

    def solve_transposed(self, g: Tensor) -> Tensor:
        return torch.cat([torch.linalg.solve_triangular(self.L, g[:-1], upper=False), g[-1:] / self.b])


def cost(x: Tensor, sign: Tensor, w: Tensor, C: float) -> tuple[Tensor, Tensor]:
    """What is minimised, summed over classes, and its gradient: by hand, in half of the memory that autograd takes."""
    short = (1 - sign * scores(x, w)).clamp_(min=0)
    pull = sign * short
    down = (pull.T @ x).T  # ten times as fast as x.T @ pull, where x fills a gigabyte row by row
    gradient = w - 2 * C * torch.cat([down, pull.sum(0, keepdim=True)])
    return w.square().sum() / 2 + C * short.square().sum(), gradient


def scores(x: Tensor, w: Tensor) -> Tensor:
    return x @ w[:-1] + w[-1]


def predict(x: Tensor, w: Tensor) -> Tensor:
    return scores(x, w).argmax(1)


@dataclass(frozen=True)
class Trained:
    right: float  # of the test rows
    C: float
    held_out: float  # right of the held-out training rows, by which C was chosen


def judge(train: Tensor, labels: Tensor, test: Tensor, truth: Tensor, classes: int, seed: int = 0) -> Trained:
    """Scale, choose C on held-out training rows, train on all of them, count what is right of the test rows."""
    scale = Scale.of(train)
    x, rows = scale.apply_(train.clone()), scale.apply_(test.clone())
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).to(x.device)
    part = max(classes, len(x) // HELD_OUT)
    inner, held = x[order[part:]], x[order[:part]]
    products = inner.T @ inner
    w = start = None
    best, chosen = -1.0, 0
    for i, C in enumerate(CS):
        # as close as the last fit will be: one that stops short overfits less, so a larger C looks good by it
        w = fit(inner, labels[order[part:]], classes, C, w, products=products)
        right = accuracy(predict(held, w), labels[order[:part]])
        if right > best:
            best, chosen, start = right, i, w
        elif i == chosen + 2:
            break
    products += held.T @ held
    del inner, held
    w = fit(x, labels, classes, CS[chosen], start, products=products)
    return Trained(accuracy(predict(rows, w), truth), CS[chosen], best)


def accuracy(told: Tensor, truth: Tensor) -> float:
    return float((told == truth).float().mean())
