"""Rubin's rules against the formulas by hand, and against the coverage they promise."""

import re

import numpy as np
import pytest
from scipy import stats

from tsinit.pooling import pool


def test_the_formulas_by_hand():
    Q, U, m, complete = np.array([1.0, 1.5, 0.7, 1.2]), np.array([0.1, 0.2, 0.15, 0.12]), 4, 57.0
    W, B = U.mean(), Q.var(ddof=1)
    T = W + (1 + 1 / m) * B
    share = (1 + 1 / m) * B / T
    old, observed = (m - 1) / share**2, (complete + 1) / (complete + 3) * complete * (1 - share)
    df = old * observed / (old + observed)
    r = (1 + 1 / m) * B / W
    fmi = (r + 2 / (df + 3)) / (1 + r)
    pooled = pool(Q, U, df_complete=complete)
    np.testing.assert_allclose(pooled, [Q.mean(), W, B, T, df, fmi, 1 / (1 + fmi / m)], rtol=1e-12)
    np.testing.assert_allclose(
        pooled.interval(0.9), stats.t.interval(0.9, df, Q.mean(), np.sqrt(T)), rtol=1e-10
    )
    assert pool(Q, U).df == pytest.approx(old)


def test_several_estimates_are_pooled_one_by_one(rng):
    Q, U = rng.standard_normal((5, 3)), rng.random((5, 3))
    both = pool(Q, U, 20)
    for k in range(3):
        np.testing.assert_allclose(
            [part[k] for part in both], pool(Q[:, k], U[:, k], 20), rtol=1e-12
        )
    assert both.interval()[0].shape == (3,)


def test_tables_that_agree_leave_the_complete_analysis():
    pooled = pool([2.0, 2.0], [0.5, 0.5], df_complete=30)
    assert pooled.missing_information == 0.0
    assert pooled.efficiency == 1.0
    assert pooled.df == pytest.approx(31 / 33 * 30)
    assert pool([2.0, 2.0], [0.5, 0.5]).df == np.inf
    np.testing.assert_allclose(
        pool([2.0, 2.0], [0.5, 0.5]).interval(), stats.norm.interval(0.95, 2.0, np.sqrt(0.5))
    )


def test_degrees_of_freedom_never_exceed_those_of_the_complete_table(rng):
    for _ in range(50):
        pooled = pool(rng.standard_normal(5), 10 ** rng.uniform(-3, 3, 5), df_complete=12)
        assert 0 < pooled.df < 12
        assert 0 <= pooled.missing_information <= 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ([1.0], [1.0]),
            "estimates must have shape (m,) or (m, k) with at least two tables; got (1,).",
        ),
        (
            ([1.0, 2.0], [1.0, 2.0, 3.0]),
            "variances must have the shape of estimates, (2,); got (3,).",
        ),
        (
            ([1.0, 2.0], [1.0, -2.0]),
            "variances must be at least 0; got -2. Square standard errors first.",
        ),
        (([1.0, np.nan], [1.0, 2.0]), "estimates must be finite; got nan."),
        (([1.0, 2.0], [1.0, 2.0], 0), "df_complete must be a number above 0, or None; got 0."),
    ],
)
def test_wrong_arguments_are_named(args, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pool(*args)


def slope(x, y):
    """Least squares slope and its squared standard error."""
    fit = stats.linregress(x, y)
    return fit.slope, fit.stderr**2


def imputations(rng, x, y, m):
    """Proper draws of missing y given x from a normal regression with the usual flat prior."""
    observed = ~np.isnan(y)
    X = np.column_stack([np.ones(x.size), x])
    inverse = np.linalg.inv(X[observed].T @ X[observed])
    best = inverse @ X[observed].T @ y[observed]
    rss, df = ((y[observed] - X[observed] @ best) ** 2).sum(), observed.sum() - 2
    for _ in range(m):
        variance = rss / rng.chisquare(df)
        beta = rng.multivariate_normal(best, variance * inverse)
        full = y.copy()
        full[~observed] = X[~observed] @ beta + np.sqrt(variance) * rng.standard_normal(
            int((~observed).sum())
        )
        yield full


def covered(rng, n=60, m=20):
    """Whether the pooled 95 % interval of the slope of x on y holds the truth, 30 % of y missing given x."""
    x = rng.standard_normal(n)
    y = 0.7 * x + rng.standard_normal(n)
    y[rng.random(n) < stats.norm.cdf(-0.62 + x)] = np.nan  # about 30 %
    truth = 0.7 / (0.7**2 + 1.0)
    fits = [slope(full, x) for full in imputations(rng, x, y, m)]
    low, high = pool(*map(np.array, zip(*fits, strict=True)), df_complete=n - 2).interval(0.95)
    return low <= truth <= high


def test_pooled_intervals_cover_in_a_short_run(rng):
    share = np.mean([covered(rng) for _ in range(60)])
    assert share >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 60)


@pytest.mark.slow
def test_pooled_intervals_cover_what_they_say():
    """500 repetitions: the standard error of the coverage is 0.01."""
    rng = np.random.default_rng(11)
    assert 0.93 <= np.mean([covered(rng) for _ in range(500)]) <= 0.97


def test_tables_that_disagree_without_errors_of_their_own_say_nothing_of_small_tables():
    pooled = pool([1.0, 2.0], [0.0, 0.0], df_complete=20)
    assert pooled.df == 0.0
    assert pooled.interval() == (-np.inf, np.inf)
