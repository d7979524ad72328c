"""Two tables are drawn as one is, by noise and by its negative."""

import numpy as np
import pytest
from kernels.imputation.test_fcs_gaps import gappy, laid_out, problem, random_fits, redraw  # noqa: F401
from reference.fcs import conditional_of_column

from tsinit.kernels.imputation import column_gaps, mirrored_gaps
from tsinit.models.imputation.lagged_regressions import LaggedRegressions


class Pair:
    """Two tables that differ in the other columns, and their draws of one column."""

    def __init__(self, eq, fits, rng):
        p, (table, self.mask, self.regression) = eq.problem, laid_out(eq)
        self.eq, self.fits, self.rng, self.start = eq, fits, rng, table
        self.tables = mirrored_gaps.pair_of(table, eq.gaps, eq.reach)
        none = np.empty((0, 0))
        self.limits = column_gaps.DrawLimits(p.low, p.high, p.lower, p.upper, none)

    def draw(self, j, n):
        """(2, n, cells)."""
        gaps, F = self.eq.gaps, np.ascontiguousarray(self.eq.covariates.T)
        mine = gaps.row[gaps.block[gaps.column[j]] : gaps.block[gaps.column[j + 1]]]
        out = np.empty((2, n, len(mine)))
        for i in range(n):
            mirrored_gaps.redraw_pair(
                self.rng, self.tables, F, np.array([j]), gaps, self.fits, self.limits
            )
            out[:, i] = [table.columns[j, mine] for table in self.tables]
        return out


def test_each_table_of_a_pair_has_the_conditional_mean_and_they_mirror_each_other(rng, gappy):  # noqa: F811
    eq = LaggedRegressions(problem(rng, gappy))
    pair = Pair(eq, random_fits(rng, eq), rng)
    pair.tables[1].columns[0] += rng.standard_normal(eq.n_rows)  # another table
    found, moments = pair.draw(1, 20_000), []
    for table in pair.tables:
        moments.append(
            conditional_of_column(
                np.ascontiguousarray(table.columns.T), eq.covariates, eq.reach, 1, pair.mask,
                pair.regression, pair.fits.theta, pair.fits.tau2,
            )
        )  # fmt: skip
    steps = [own - mean for own, (mean, _) in zip(found, moments, strict=True)]
    np.testing.assert_allclose(steps[0], -steps[1], atol=1e-10)
    covariance = moments[0][1]
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    error = (steps[0].T @ steps[0] / len(steps[0]) - covariance) / scale
    assert np.abs(error).max() < 5 * np.sqrt(2.0 / len(steps[0]))
    assert np.abs(steps[0].mean(axis=0) / np.sqrt(np.diag(covariance))).max() < 5 / np.sqrt(20_000)


def test_bounds_truncate_both_tables(rng):
    missing = np.zeros((60, 2), dtype=bool)
    missing[5:9, 0] = missing[40, 0] = True
    eq = LaggedRegressions(problem(rng, missing, -0.2, 0.6))
    fits = random_fits(rng, eq)
    pair = Pair(eq, fits, rng)
    alone = redraw(rng, eq, pair.start.copy(), fits, 0, 20_000)
    for own in pair.draw(0, 20_000):
        assert own.min() >= -0.2
        assert own.max() <= 0.6
        np.testing.assert_allclose(own.mean(axis=0), alone.mean(axis=0), atol=0.02)
        np.testing.assert_allclose(own.std(axis=0), alone.std(axis=0), rtol=0.05)


@pytest.mark.parametrize("j", [0, 1, 2])
def test_draws_that_went_too_far_are_reflected(rng, gappy, j):  # noqa: F811
    eq = LaggedRegressions(problem(rng, gappy))
    pair = Pair(eq, random_fits(rng, eq), rng)
    pair.limits = pair.limits._replace(low=np.full(3, -0.5), high=np.full(3, 0.5))
    draws = pair.draw(j, 200)
    assert np.abs(draws).max() <= 0.5
    assert np.abs(draws).max() > 0.4
