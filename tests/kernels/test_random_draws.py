"""Draws against SciPy's laws, down to shapes whose draws a double cannot hold."""

import numpy as np
import pytest
from scipy import stats

from tsinit.kernels import random
from tsinit.kernels._jit import entry

N = 20_000


@entry
def log_gammas(rng, a, n):
    out = np.empty(n)
    for i in range(n):
        out[i] = random.log_gamma_draw(rng, a)
    return out


@entry
def betas(rng, a, b, n):
    out, logs = np.empty((n, 2)), np.empty(n)
    for i in range(n):
        out[i, 0], out[i, 1] = random.beta_pair(rng, a, b)
        logs[i] = random.log_beta_draw(rng, a, b)
    return out, logs


@entry
def chisquares(rng, df, n):
    out = np.empty(n)
    for i in range(n):
        out[i] = random.chisquare(rng, df)
    return out


@entry
def dirichlets(rng, shape):
    out = np.empty(shape.shape)
    for j in range(shape.shape[0]):
        random.dirichlet(rng, shape, out, j)
    return out


@entry
def chosen(uniform, cumulative):
    return random.choose(uniform, cumulative, cumulative.size)


def assert_law(sample, law):
    assert stats.kstest(sample, law).pvalue > 1e-4


@pytest.mark.parametrize("a", [1e-3, 0.3, 1.0, 2.5, 300.0])
def test_log_gamma(rng, a):
    assert_law(log_gammas(rng, a, N), stats.loggamma(a).cdf)


def test_log_gamma_of_a_shape_that_underflows(rng):
    """As a goes to 0, a log G(a) tends to minus an exponential variable."""
    assert_law(-1e-200 * log_gammas(rng, 1e-200, N), stats.expon.cdf)
    assert (log_gammas(rng, 0.0, 5) == -np.inf).all()


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.7), (0.2, 3.0), (40.0, 2.0)])
def test_beta_pair(rng, a, b):
    pairs, logs = betas(rng, a, b, N)
    assert_law(pairs[:, 0], stats.beta(a, b).cdf)
    assert_law(np.exp(logs), stats.beta(a, b).cdf)
    np.testing.assert_allclose(pairs.sum(axis=1), 1.0, rtol=1e-15)


def test_the_small_share_of_a_pair_is_not_rounded_away(rng):
    """With b = 0.01 most of 1 - x lies below the spacing of doubles at 1; its law has to be right there, too."""
    pairs, _ = betas(rng, 1.0, 0.01, N)
    assert_law(pairs[:, 1], stats.beta(0.01, 1.0).cdf)
    assert (pairs[:, 1] < 1e-30).any()


def test_a_pair_of_vanishing_shapes_is_a_coin(rng):
    pairs, _ = betas(rng, 3e-250, 1e-250, N)
    assert set(np.unique(pairs)) == {0.0, 1.0}
    assert abs(pairs[:, 0].mean() - 0.75) < 4.0 * np.sqrt(0.75 * 0.25 / N)
    assert np.array_equal(betas(rng, 0.0, 0.0, 1)[0], [[0.0, 1.0]])


def test_dirichlet_and_chisquare(rng):
    shape = np.array([0.05, 2.0, 7.0])
    p = dirichlets(rng, np.tile(shape, (N, 1)))
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    for k in range(3):
        assert_law(p[:, k], stats.beta(shape[k], shape.sum() - shape[k]).cdf)
    assert_law(chisquares(rng, 3.5, N), stats.chi2(3.5).cdf)


def test_choose_takes_the_first_that_exceeds():
    cumulative = np.array([0.0, 2.0, 2.0, 4.0])
    for uniform, want in [(0.0, 1), (0.49, 1), (0.5, 3), (0.999, 3)]:
        assert chosen(uniform, cumulative) == want
