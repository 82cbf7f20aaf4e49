"""FID, KID, precision, recall, density and coverage: against closed forms and against the definitions, written out."""

import itertools
import math

import numpy as np
import pytest

from dcgan.metrics import distances
from dcgan.metrics.distances import Moments, fid, kid, support


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def exactly(mean: np.ndarray, covariance: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Rows whose sample mean and covariance are these, to rounding."""
    x = normal(n, len(mean), seed)
    x -= x.mean(0)
    whitened = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return mean + whitened @ np.linalg.cholesky(covariance).T


# Moments


@pytest.mark.parametrize("sizes", [[50], [1, 49], [20, 0, 30], [7] * 7 + [1]])
def test_moments_of_parts_are_those_of_the_whole(sizes):
    x = normal(50, 4) @ np.diag([1, 2, 3, 100])
    moments = Moments(4)
    for part in np.split(x, np.cumsum(sizes)[:-1]):
        moments.add(part)
    assert moments.n == 50
    np.testing.assert_allclose(moments.mean, x.mean(0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(x, rowvar=False), rtol=1e-12, atol=1e-12)


def test_moments_merge_in_any_order():
    a, b = normal(30, 3), normal(40, 3, 1) + 5
    for one, other in ((a, b), (b, a)):
        merged = Moments.of(one).merge(Moments.of(other))
        np.testing.assert_allclose(merged.covariance, np.cov(np.concatenate([a, b]), rowvar=False), rtol=1e-12)


def test_moments_stand_far_from_zero():
    """The textbook E[x^2] - E[x]^2 has no digit left at a mean of 1e8 and a deviation of 1."""
    x = normal(9000, 2) + 1e8  # in three parts of 4,096 rows at most
    np.testing.assert_allclose(Moments.of(x).covariance, np.cov(x, rowvar=False), atol=1e-6)


# FID


def test_fid_of_gaussians_with_common_axes():
    """|m - m'|^2 + sum of (s - s')^2."""
    s, t, apart = np.array([1.0, 2, 3, 0.1]), np.array([2.0, 2, 0.5, 0.2]), np.array([1.0, -2, 0, 3])
    turn = np.linalg.qr(normal(4, 4, 5))[0]
    a = exactly(np.zeros(4), turn @ np.diag(s**2) @ turn.T, 200)
    b = exactly(apart, turn @ np.diag(t**2) @ turn.T, 300, 1)
    assert fid(Moments.of(a), Moments.of(b)) == pytest.approx((apart**2).sum() + ((s - t) ** 2).sum(), rel=1e-10)


def test_fid_of_gaussians_whose_axes_cross():
    """In two dimensions the trace of the root of A B is the root of tr(A B) + 2 sqrt(det(A B))."""
    A, B = np.array([[2.0, 0.9], [0.9, 1.0]]), np.array([[0.5, -0.4], [-0.4, 3.0]])
    root = math.sqrt(np.trace(A @ B) + 2 * math.sqrt(np.linalg.det(A @ B)))
    a, b = exactly(np.zeros(2), A, 100), exactly(np.ones(2), B, 100, 1)
    wanted = 2 + np.trace(A) + np.trace(B) - 2 * root
    assert fid(Moments.of(a), Moments.of(b)) == pytest.approx(wanted, rel=1e-10)
    assert fid(Moments.of(b), Moments.of(a)) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize(("n", "m", "d"), [(40, 60, 100), (60, 400, 100), (100, 101, 100)])
def test_fid_of_singular_covariances(n, m, d):
    """The trace of the root of A B is the sum of the singular values of X Y', with A = X'X and B = Y'Y: no roots, and
    so the truth where eigenvalues of zero turn slightly negative. Spectra fall by 12 powers of e, as features' do."""
    falling = np.exp(-12 * np.arange(d) / d)
    a, b = normal(n, d) * falling, normal(m, d, 1) * falling + 0.1
    x, y = (a - a.mean(0)) / math.sqrt(n - 1), (b - b.mean(0)) / math.sqrt(m - 1)
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + (x**2).sum() + (y**2).sum() - 2 * root
    assert fid(Moments.of(a), Moments.of(b)) == pytest.approx(wanted, rel=1e-9)
    assert fid(Moments.of(a), Moments.of(a)) == pytest.approx(0, abs=1e-9)


def test_fid_of_real_against_real_is_at_its_floor():
    """Of two sets of one normal distribution, unit covariance, to the first order in 1/n: the means lie d (1/n + 1/m)
    apart, squared, and the trace is a quarter of |A - B|^2, d (d + 1) (1/n + 1/m) / 4."""
    n, m, d = 1500, 3000, 10
    found = [fid(Moments.of(normal(n, d, 2 * i)), Moments.of(normal(m, d, 2 * i + 1))) for i in range(40)]
    expected = (1 / n + 1 / m) * (d + d * (d + 1) / 4)
    assert np.std(found) / math.sqrt(40) < 0.04 * expected
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


# KID


def kernel(x: np.ndarray, y: np.ndarray) -> float:
    return float((x @ y / len(x) + 1) ** 3)


def test_kid_is_its_definition():
    x, y = normal(6, 3), normal(7, 3, 1) + 0.5
    mean = np.mean
    wanted = (
        mean([kernel(a, b) for a, b in itertools.permutations(x, 2)])
        + mean([kernel(a, b) for a, b in itertools.permutations(y, 2)])
        - 2 * mean([kernel(a, b) for a in x for b in y])
    )
    found = kid(x, y)
    assert found.value == pytest.approx(wanted, rel=1e-12)
    assert (found.error, found.parts) == (None, 1)


def test_kid_is_the_mean_over_disjoint_parts():
    x, y = normal(40, 3), normal(50, 3, 1)
    found = kid(x, y, size=10)
    each = [kid(a, b).value for a, b in zip(np.split(x, 4), np.array_split(y, [12, 25, 37]), strict=True)]
    assert found.parts == 4
    assert found.value == pytest.approx(np.mean(each), rel=1e-12)
    assert found.error == pytest.approx(np.std(each, ddof=1) / 2, rel=1e-12)


def test_kid_has_no_bias_and_knows_its_error():
    """Equal distributions: zero, give or take the error; FID of the same sets is far from zero."""
    values = [kid(normal(400, 8, 2 * i), normal(400, 8, 2 * i + 1), size=100) for i in range(40)]
    scores = [one.value / one.error for one in values if one.error]
    assert abs(np.mean(scores)) < 4 / math.sqrt(40)  # of Student's t with 3 degrees of freedom, deviation sqrt(3)
    assert 0.5 < np.median(np.abs(scores)) < 1.2  # its median: 0.76
    assert fid(Moments.of(normal(100, 8)), Moments.of(normal(100, 8, 1))) > 0.1


# Precision, recall, density, coverage


def by_definition(real: np.ndarray, fake: np.ndarray, k: int, wide: int) -> tuple[float, ...]:
    """Kynkaanniemi et al. (2019), equation 2; Naeem et al. (2020), equations 4 and 5: in loops."""

    def radius(x: np.ndarray, i: int, k: int) -> float:
        return sorted(float(np.linalg.norm(x[i] - x[j])) for j in range(len(x)) if j != i)[k - 1]

    apart = np.linalg.norm(real[:, None] - fake, axis=2)
    in_real = apart <= np.array([radius(real, i, k) for i in range(len(real))])[:, None]
    in_fake = apart <= np.array([radius(fake, j, k) for j in range(len(fake))])
    in_wide = apart < np.array([radius(real, i, wide) for i in range(len(real))])[:, None]
    return in_real.any(0).mean(), in_fake.any(1).mean(), in_wide.sum(0).mean() / wide, in_wide.any(1).mean()


@pytest.mark.parametrize("seed", range(4))
def test_support_is_its_definition(seed, monkeypatch):
    real, fake = normal(70, 3, seed).astype(np.float32), (normal(90, 3, seed + 9) + 1).astype(np.float32)
    whole = support(real, fake)
    assert whole == pytest.approx(by_definition(real.astype(float), fake.astype(float), 3, 5), abs=1e-12)
    assert all(0.2 < value < 0.98 for value in whole)  # so that the comparison says something
    monkeypatch.setattr(distances, "ROWS", 16)
    monkeypatch.setattr(distances._distances, "__defaults__", (128,))  # a row or two at a time
    assert support(real, fake) == whole


def test_support_on_a_line():
    """Real at 0, 1, ... 5. Fake: two between them, two far off."""
    real, fake = np.arange(6.0)[:, None], np.array([0.5, 4.5, 100, 101])[:, None]
    found = support(real, fake, k=1, k_density=2)
    assert found.precision == 0.5
    assert found.recall == 1  # the ball round 0.5 reaches 4.5, and the other way round
    # Open balls to the second neighbour have radii 2, 1, 1, 1, 1, 2: 0.5 is in the first two, 4.5 in the last.
    assert found.coverage == pytest.approx(4 / 6)
    assert found.density == pytest.approx((2 + 2 + 0 + 0) / 4 / 2)
    on_the_edges = support(real, np.array([[2.0], [2.0], [99.0]]), k=1, k_density=2)
    assert on_the_edges.precision == pytest.approx(2 / 3)
    assert on_the_edges.density == pytest.approx((1 + 1 + 0) / 3 / 2)  # of 2's own ball alone


def test_copies_and_strangers():
    real = normal(60, 5)
    same = support(real, real.copy())
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    assert support(real, real + 1000) == (0, 0, 0, 0)
    one = support(real, np.repeat(real[:1], 60, 0))  # collapsed onto a real picture: right, and all alike
    assert one.precision == 1
    assert one.recall <= 1 / 60
    assert one.coverage < 0.5


def test_equal_rows_are_no_distance_apart():
    """A radius of zero, where pictures stand more than k times in a set, still holds their copies."""
    real = np.repeat(normal(3, 40) * 100, 5, 0)
    assert support(real, real[::5]).precision == 1
    assert support(real, real[::5] + 1e-3).precision == 0


def test_a_memory_map_will_do(tmp_path):
    np.save(tmp_path / "a.npy", normal(30, 4).astype(np.float32))
    held, mapped = np.load(tmp_path / "a.npy"), np.load(tmp_path / "a.npy", mmap_mode="r")
    other = normal(20, 4, 1)
    assert support(mapped, other) == support(held, other)
    assert kid(mapped, other) == kid(held, other)
    assert fid(Moments.of(mapped), Moments.of(other)) == fid(Moments.of(held), Moments.of(other))
