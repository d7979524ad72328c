"""Missing cells of a column are drawn from the Gaussian that its equations define."""

import numpy as np
import pytest
from reference.fcs import conditional_of_column
from scipy import stats

from tsinit.kernels._jit import entry
from tsinit.kernels.imputation import column_gaps
from tsinit.kernels.imputation.column_regressions import ColumnRegressions
from tsinit.models.imputation.lagged_regressions import LaggedRegressions, gap_blocks
from tsinit.models.imputation.problem import ImputationProblem

L = 2


def problem(rng, missing, low=-np.inf, high=np.inf):
    """Two sequences and a long hole in one; the values do not matter."""
    T, D = missing.shape
    z = rng.standard_normal((T, D))
    z[missing] = np.nan
    steps = np.concatenate([np.arange(20), np.arange(T - 20)])
    steps[30:] += 9
    bound = np.full(D, np.inf)
    return ImputationProblem(
        z, np.array([0, 20, T]), steps, rng.standard_normal((T, 1)), L, "all", "normal", 5.0, -bound, bound,
        np.full(D, low), np.full(D, high),
    )  # fmt: skip


def random_fits(rng, eq):
    """Regressions that no data would give: the draw must suit any."""
    K, D, M = len(eq.regressions), eq.problem.z.shape[1], eq.width
    theta = np.zeros((K, D, M))
    for k in range(K):
        for j in range(D):
            places = eq.design.index[k, j, : eq.design.size[k, j]]
            theta[k, j, places] = 0.3 * rng.standard_normal(len(places))
    return ColumnRegressions(theta, 0.2 + rng.random((K, D)), *np.ones((2, K, D)))


def redraw(rng, eq, values, fits, j, n):
    """n draws of the missing cells of column j."""
    p, gaps = eq.problem, eq.gaps
    table = column_gaps.WindowTable(values, eq.covariates, np.empty((0, 0)))
    limits = column_gaps.DrawLimits(p.low, p.high, p.lower, p.upper, np.empty((0, 0)))
    w, n_reflected = column_gaps.workspace(gaps, L), np.zeros(values.shape[1], dtype=np.int64)
    mine = gaps.row[gaps.block[gaps.column[j]] : gaps.block[gaps.column[j + 1]]]
    out = np.empty((n, len(mine)))
    for i in range(n):
        column_gaps.redraw(rng, table, np.array([j]), gaps, fits, limits, w, n_reflected)
        out[i] = values[mine, j]
    return out


@pytest.fixture
def gappy(rng):
    missing = rng.random((60, 3)) < 0.15
    missing[8:14, 1] = True  # a run
    missing[16:23, 1] = True  # across the end of a sequence
    missing[-3:, 1] = True
    return missing


def laid_out(eq):
    """Table, mask and regression of each row in the layout."""
    mask = np.zeros((eq.n_rows, eq.problem.z.shape[1]), dtype=bool)
    mask[eq.place] = eq.problem.missing
    filled = np.where(eq.problem.missing, 0.0, eq.problem.z)
    return eq.spread(filled), mask, eq.gaps.regression


def test_gaps_are_drawn_from_the_conditional_of_their_column(rng, gappy):
    eq = LaggedRegressions(problem(rng, gappy))
    table, mask, regression = laid_out(eq)
    fits = random_fits(rng, eq)
    mean, covariance = conditional_of_column(
        table, eq.covariates, L, 1, mask, regression, fits.theta, fits.tau2
    )
    draws = redraw(rng, eq, table, fits, 1, 20_000)
    n = len(draws)
    assert np.abs(draws.mean(axis=0) - mean).max() < 5 * np.sqrt(np.diag(covariance) / n).max()
    spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)) * 2 / n)
    assert (np.abs(np.cov(draws.T) - covariance) < 6 * spread).all()


def test_cells_of_different_blocks_share_no_equation(rng, gappy):
    rows = [np.flatnonzero(column) for column in gappy.T]
    gaps = gap_blocks(
        rows, np.ones(len(gappy), dtype=bool), np.zeros(len(gappy), dtype=np.int64), L
    )
    for j in range(3):
        for b in range(gaps.column[j], gaps.column[j + 1]):
            mine = gaps.row[gaps.block[b] : gaps.block[b + 1]]
            near = {t + lag for t in mine for lag in range(L + 1) if t + lag < len(gappy)}
            assert set(gaps.time[gaps.equation[b] : gaps.equation[b + 1]]) == near
            others = set(rows[j]) - set(mine)
            assert all(abs(t - s) > L for t in mine for s in others)


def test_bounds_truncate_the_conditional(rng):
    missing = np.zeros((60, 1), dtype=bool)
    missing[40:42] = True
    eq = LaggedRegressions(problem(rng, missing, low=0.3, high=1.1))
    table, mask, regression = laid_out(eq)
    table[mask] = 0.5
    fits = random_fits(rng, eq)
    mean, covariance = conditional_of_column(
        table, eq.covariates, L, 0, mask, regression, fits.theta, fits.tau2
    )
    draws = redraw(rng, eq, table, fits, 0, 40_000)
    free = np.random.default_rng(3).multivariate_normal(mean, covariance, 400_000)
    inside = free[((free > 0.3) & (free < 1.1)).all(axis=1)]
    assert draws.min() >= 0.3
    assert draws.max() <= 1.1
    # Draws one by one are dependent: a quarter of them is taken to count.
    error = inside.std(axis=0) * np.sqrt(4 / len(draws) + 1 / len(inside))
    assert (np.abs(draws.mean(axis=0) - inside.mean(axis=0)) < 5 * error).all()


@entry
def truncated(rng, mean, sd, lower, upper, out):
    for i in range(out.size):
        out[i] = column_gaps.truncated_normal(rng, mean, sd, lower, upper)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(-1.0, 0.5), (2.0, np.inf), (-np.inf, -3.0), (1.0, 1.2), (-0.1, 8.0), (6.0, 6.5), (-9.0, 9.0)],
)
def test_truncated_normals(rng, lower, upper):
    x = np.empty(4_000)
    truncated(rng, 0.3, 1.5, lower, upper, x)
    expected = stats.truncnorm((lower - 0.3) / 1.5, (upper - 0.3) / 1.5, 0.3, 1.5)
    assert stats.kstest(x, expected.cdf).pvalue > 1e-4


def test_a_truncated_draw_without_a_mean_ends(rng):
    x = np.empty(1)
    truncated(rng, np.nan, 1.0, 0.0, 1.0, x)
    assert np.isnan(x[0])
