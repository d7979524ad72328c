"""Cells that keep their ranks within intervals, and coefficients whose variance is integrated out."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from tsinit.kernels._jit import entry
from tsinit.kernels.imputation import class_transport as kernels
from tsinit.models.imputation import learned_scales
from tsinit.models.imputation.class_transport import _curvature


@entry
def _quantiles(p, guess, out):
    for i in range(p.size):
        out[i] = kernels.upper_quantile(p[i], guess[i])


def test_quantiles_from_any_guess(rng):
    p = np.append(10.0 ** -rng.uniform(0.31, 280, 500), 0.5 * rng.random(500))
    out = np.empty(1000)
    _quantiles(p, rng.normal(0.0, 10.0, 1000), out)
    np.testing.assert_allclose(out, stats.norm.isf(p), rtol=0, atol=1e-12)


def one_column(rng, codes, ends):
    """A table of one column after a lag and a level, with cells in the intervals of their classes."""
    T = len(codes)
    W, F = np.zeros((T + 2, 1)), np.ones((T + 2, 1))
    regression = np.append([-1], np.append(np.zeros(T, dtype=int), [-1]))
    every = np.append([-1], np.append(codes, [-1]))
    low, high = ends[codes], ends[codes + 1]
    W[1:-1, 0] = np.clip(rng.standard_normal(T), low + 0.1, high - 0.1)
    seen = kernels.SeenCells(np.zeros(1, dtype=int), every, ends)
    return W, F, regression, seen, kernels.CellRanks(*np.zeros((3, T + 2, 1)))


def test_cells_keep_their_ranks_and_come_back(rng):
    ends = np.array([-np.inf, 0.0, 0.7, np.inf])
    codes = rng.integers(0, 3, 40)
    W, F, regression, seen, ranks = one_column(rng, codes, ends)
    theta, other = np.array([[[0.5, 0.0, 0.0, 0.3]]]), np.array([[[-0.2, 0.0, 0.0, 1.5]]])
    old = W.copy()
    first = kernels.rank_cells(W, F, regression, theta, seen, ranks)
    found = kernels.place_cells(W, F, regression, other, seen, ranks)
    z, total = old[0, 0], 0.0
    for t in range(1, 41):  # by the definition
        share = [
            stats.norm.cdf(x - 0.5 * old[t - 1, 0] - 0.3)
            for x in (ends[codes[t - 1]], old[t, 0], ends[codes[t - 1] + 1])
        ]
        rank = (share[1] - share[0]) / (share[2] - share[0])
        mean = -0.2 * z + 1.5
        a, b = ends[codes[t - 1]] - mean, ends[codes[t - 1] + 1] - mean
        z = mean + stats.norm.ppf(
            stats.norm.cdf(a) + rank * (stats.norm.cdf(b) - stats.norm.cdf(a))
        )
        total += np.log(stats.norm.cdf(b) - stats.norm.cdf(a))
        assert W[t, 0] == pytest.approx(z, abs=1e-8)
    assert found == pytest.approx(total)
    assert kernels.place_cells(W, F, regression, theta, seen, ranks) == pytest.approx(first)
    np.testing.assert_allclose(W, old, atol=1e-9)


def test_the_cell_of_a_class_is_the_largest_after_a_move(rng):
    codes = np.append([-1], np.append(rng.integers(0, 4, 60), [-1]))
    W = np.zeros((62, 3))
    for t in range(1, 61):
        W[t] = -np.abs(rng.standard_normal(3))
        if codes[t]:
            W[t, codes[t] - 1] = np.abs(rng.standard_normal())
    regression = np.where(codes >= 0, 0, -1)
    seen = kernels.SeenCells(np.arange(3), codes, np.empty(0))
    ranks = kernels.CellRanks(*np.zeros((3, 62, 3)))
    theta = np.zeros((1, 3, 10))
    given = W, np.ones((62, 1)), regression
    kernels.rank_cells(*given, theta, seen, ranks)
    kernels.place_cells(*given, theta + 0.3, seen, ranks)
    largest = np.where(W.max(axis=1) > 0.0, W.argmax(axis=1) + 1, 0)
    np.testing.assert_array_equal(largest[1:-1], codes[1:-1])


@pytest.mark.parametrize(("a", "b"), [(-np.inf, 0.4), (0.3, np.inf), (-0.5, 0.9), (3.0, 4.0)])
def test_curvature_is_that_of_finite_differences(a, b):
    def log_p(low, high):
        return np.log(stats.norm.cdf(-low) - stats.norm.cdf(-high))

    h, found = 1e-4, _curvature(np.array([a]), np.array([b]))[:, 0]
    steps = [(i, j) for i in (-h, 0.0, h) for j in (-h, 0.0, h)]
    p = {(i, j): log_p(a + i, b + j) for i, j in steps}
    low = (2 * p[0.0, 0.0] - p[h, 0.0] - p[-h, 0.0]) / h**2
    high = (2 * p[0.0, 0.0] - p[0.0, h] - p[0.0, -h]) / h**2
    both = (p[h, -h] + p[-h, h] - p[h, h] - p[-h, -h]) / (4 * h**2)
    np.testing.assert_allclose(found, [low, both, high], atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 9, 40])
@pytest.mark.parametrize("median", [0.1, 1.0])
def test_density_under_a_learned_scale(n, median):
    half = 0.5 * (n + 1)
    squares = np.array([0.01, 0.3, 2.0, 30.0])
    exact = np.log(special.hyperu(half, half, squares / (2 * median**2)))
    found = [learned_scales.log_density(s, n, median) for s in squares]
    np.testing.assert_allclose(np.diff(found), np.diff(exact), atol=1e-6)


@pytest.mark.parametrize(
    ("n", "squares", "median"),
    [(1, 0.5, 0.3), (1, 1e-3, 1.0), (1, 9.0, 0.1), (9, 0.02, 1.0), (3, 5.0, 0.1)],
)
def test_draws_of_a_learned_scale(rng, n, squares, median):
    def density(x):  # of the logarithm of the variance
        return np.exp(-0.5 * (n - 1) * x - 0.5 * squares * np.exp(-x)) / (1 + np.exp(x) / median**2)

    def mean(of):
        return integrate.quad(lambda x: of(x) * density(x), -30, 60, points=[-5, 0, 5], limit=400)[
            0
        ]

    total = mean(lambda x: 1.0)
    first = mean(lambda x: x) / total
    variance = mean(lambda x: (x - first) ** 2) / total
    x = [np.log(learned_scales.draw(rng, squares, n, median)) for _ in range(4000)]
    assert abs(np.mean(x) - first) < 4 * np.sqrt(variance / len(x))
    assert np.var(x) == pytest.approx(variance, rel=0.2)
