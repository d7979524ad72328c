"""Censored cells are drawn from the truncated conditional of one dense Gaussian, by either engine."""

import numpy as np
import pytest
from models.imputation.var_problems import complete, problem
from reference import var as twin
from reference.fcs import conditional_of_column
from scipy import stats

from tsinit.kernels._jit import entry
from tsinit.kernels.imputation import censored_cells, column_gaps
from tsinit.kernels.imputation.column_regressions import ColumnRegressions
from tsinit.models.imputation.censored import CensoredCells
from tsinit.models.imputation.lagged_regressions import LaggedRegressions
from tsinit.models.imputation.var_regressions import fill_lags, precision_blocks
from tsinit.models.imputation.vector_autoregression import VARChain

T, D, N_DRAWS = 30, 2, 4000
OFFSETS, STEPS = [0, 12, T], [*range(12), *range(9), *range(11, 20)]  # two steps are skipped
#: Ends and middle of sequences, beside the skipped steps, and neighbours.
ROWS = np.array([0, 1, 11, 12, 20, 21, 25, 26, 29])


def censored(table, reach=0.4):
    """Cells of column 1 in intervals around their values, some of them open."""
    low, high = table[ROWS, 1] - reach, table[ROWS, 1] + 1.5 * reach
    low[::3], high[1::3] = -np.inf, np.inf
    return CensoredCells.of(ROWS, np.ones(len(ROWS), dtype=int), low, high)


def of_conditional(x, mean, sd, low, high):
    """Kolmogorov-Smirnov p value of draws against the truncated normal."""
    return stats.kstest(x, stats.truncnorm((low - mean) / sd, (high - mean) / sd, mean, sd).cdf)[1]


@pytest.mark.parametrize("lags", [0, 1, 2])
def test_given_regressions(rng, lags):
    z = rng.standard_normal((T, D))
    cells = censored(z)
    eq = LaggedRegressions(
        problem(z, offsets=OFFSETS, steps=STEPS, lags=lags)._replace(censored=cells)
    )
    K, M = len(eq.regressions), eq.width
    theta = np.zeros((K, D, M))
    for k in range(K):
        for j in range(D):
            places = eq.design.index[k, j, : eq.design.size[k, j]]
            theta[k, j, places] = 0.3 * rng.standard_normal(len(places))
    fits = ColumnRegressions(theta, 0.2 + rng.random((K, D)), *np.ones((2, K, D)))
    table, where = eq.spread(z), eq.place[ROWS]
    for c, row in enumerate(where):
        mask = np.zeros(table.shape, dtype=bool)
        mask[row, 1] = True
        given = eq.covariates, eq.reach, 1, mask, eq.gaps.regression, fits.theta, fits.tau2
        mean, variance = conditional_of_column(table, *given)
        draws = []
        for _ in range(N_DRAWS // 10):
            W = table.copy()
            inputs = column_gaps.WindowTable(W, eq.covariates, np.empty((0, 0)))
            only = one_cell(eq.censored, c)
            censored_cells.redraw_by_regressions(
                rng, inputs, only, fits, 1, cells.low[[c]], cells.high[[c]]
            )
            draws.append(W[row, 1])
            W[row, 1] = table[row, 1]
            np.testing.assert_array_equal(W, table)
        sd = np.sqrt(variance[0, 0])
        assert of_conditional(draws, mean[0], sd, cells.low[c], cells.high[c]) > 1e-4


def one_cell(gaps, c):
    """The c-th of several single cells, all of column 1."""
    first, last = gaps.equation[c : c + 2]
    return gaps._replace(
        row=gaps.row[[c]], block=np.array([0, 1]), column=np.array([0, 0, 1]),
        equation=np.array([0, last - first]), time=gaps.time[first:last],
    )  # fmt: skip


@pytest.mark.parametrize("lags", [1, 2])
def test_given_an_autoregression(rng, lags):
    z = rng.standard_normal((T, D))
    cells = censored(z)
    stated = problem(z, offsets=OFFSETS, steps=STEPS, lags=lags, prior_scale=0.1)
    chain = VARChain(stated._replace(censored=cells), complete(z), rng)
    table, layout = chain.table, chain.layout
    blocks = precision_blocks(chain.parameters, lags, D)
    mean, precision = twin.dense(chain.parameters, layout, dict.fromkeys(range(lags + 1), False))
    Z, weighted = table.Z.copy(), table.weighted.copy()
    draws = np.empty((N_DRAWS // 4, len(ROWS)))
    for c, row in enumerate(layout.rows[ROWS]):
        only = Z.copy()
        only[row, 1] = np.nan
        centre, variance = twin.condition(mean, precision, only)
        for i in range(len(draws)):
            table.Z[:], table.weighted[:] = Z, weighted
            censored_cells.redraw_by_autoregression(
                rng, table.Z, table.weighted, blocks, layout.before, table._censored, c, c + 1
            )
            draws[i, c] = table.Z[row, 1]
        low, high, sd = cells.low[c], cells.high[c], np.sqrt(variance[0, 0])
        assert of_conditional(draws[:, c], centre[0], sd, low, high) > 1e-4


def test_residuals_keep_step_with_the_cells_of_an_autoregression(rng):
    z = rng.standard_normal((T, D))
    stated = problem(z, offsets=OFFSETS, steps=STEPS, lags=2, prior_scale=0.1)
    chain = VARChain(stated._replace(censored=censored(z)), complete(z), rng)
    table = chain.table
    before = table.weighted.copy()
    table._draw_censored(rng, precision_blocks(chain.parameters, 2, D))
    assert np.abs(table.weighted - before).max() > 0.1
    for part in chain.regressions:
        one = chain.parameters[part.before]
        own = (fill_lags(part, table.Z) - part.X @ one.B) @ one.precision
        np.testing.assert_allclose(table.weighted[part.rows], own, atol=1e-10)


@entry
def inside(rng, mean, sd, low, high, out):
    for i in range(out.size):
        out[i] = censored_cells._draw_inside(rng, mean, sd, low, high)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (9.0, np.inf),
        (-np.inf, -12.0),
        (8.0, 8.001),
        (40.0, 41.0),
        (-1e4, -9e3),
        (0.0, 1e-9),
        (1.0, 1.0),
    ],
)
def test_tails_and_slices(rng, low, high):
    x = np.empty(2000)
    inside(rng, 0.0, 1.0, low, high, x)
    assert x.min() >= low
    assert x.max() <= high
    if high > low:
        a, b = (low, high) if low >= 0 else (-high, -low)
        # Share of the tail beyond a that lies beyond |x|, in logarithms, which do not underflow.
        tail, end = stats.norm.logsf(a), stats.norm.logsf(b)
        share = -np.expm1(stats.norm.logsf(np.abs(x)) - tail) / -np.expm1(end - tail)
        if b - a > 1e-6:
            assert stats.kstest(share, "uniform").pvalue > 1e-4
        else:
            assert stats.kstest((x - low) / (high - low), "uniform").pvalue > 1e-4
