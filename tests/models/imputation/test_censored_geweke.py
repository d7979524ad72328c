"""Getting it right with censored cells: drawn one by one in their intervals, they keep the joint distribution.

Two chains share a table. Half of its cells are seen only through three intervals by the one, and missing to the other,
the rest the other way round; whatever interval a cell is in at the moment is what was seen of it.
"""

import numpy as np
import pytest
from helpers import geweke_scores, largest_score
from models.imputation import test_tbayes_geweke as equations
from models.imputation import test_var_calibration as joint
from models.imputation.var_problems import complete
from models.imputation.var_problems import problem as joint_problem

from tsinit.models.imputation.censored import CensoredCells
from tsinit.models.imputation.vector_autoregression import VARChain

CUTS = np.array([-np.inf, -0.3, 0.4, np.inf])


def seen_in_intervals(problem, mask):
    """The problem with the cells of a mask censored and all others missing."""
    rows, columns = np.nonzero(mask)
    nowhere = np.full(len(rows), np.inf)
    cells = CensoredCells.of(rows, columns, -nowhere, nowhere)
    return problem._replace(z=np.full(mask.shape, np.nan), censored=cells)


def look(chain, z):
    """Let a chain see in which intervals the cells of a table lie."""
    state = chain.intervals
    value = z[state.cells.row, state.cells.column]
    k = np.searchsorted(CUTS, value) - 1
    state.low[:], state.high[:] = CUTS[k], CUTS[k + 1]


class NoisyChain(equations.PriorChain):
    """A chain that is deliberately wrong: only censored cells are drawn with a quarter more noise."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        right = self._cells.redraw_censored
        self._cells.redraw_censored = lambda fits: right(fits._replace(tau2=1.25 * fits.tau2))


def draws_of_equations(kind, noise, n):
    rng = np.random.default_rng(5)
    mask = rng.random((equations.N * equations.LENGTH, 1)) < 0.5
    start = rng.standard_normal(mask.shape)
    base = equations.problem(mask)._replace(noise=noise)
    first = kind(seen_in_intervals(base, mask), start, rng, "gibbs", n_tune=0)
    other = kind(seen_in_intervals(base, ~mask), start, rng, "gibbs", n_tune=0)
    regression = first.equations.gaps.regression
    k, design, out = regression[regression >= 0].min(), first.equations.design, []
    assert design.size[k, 0] == 2  # a lag and the intercept
    for _ in range(n):
        look(first, first.z)
        first.sweep()
        for own, drawn in zip(other._fits, first._fits, strict=True):
            own[:] = drawn
        other.table.W[:] = first.table.W
        other.table.weights[:] = first.table.weights
        look(other, other.z)
        other._redraw()
        first.table.W[:] = other.table.W
        first.table.weights[:] = other.table.weights
        slope = first._fits.theta[k, 0][design.index[k, 0, : design.size[k, 0]]]
        out.append([np.log(first._fits.tau2[k, 0]), *slope, *slope**2])
    return np.array(out)


@pytest.mark.parametrize("noise", ["normal", "student_t"])
def test_chained_equations_keep_their_prior(noise):
    draws = draws_of_equations(equations.PriorChain, noise, 8000)
    assert np.abs(equations.scores(draws)).max() < 5


def test_censored_cells_that_are_drawn_too_wide_are_found():
    draws = draws_of_equations(NoisyChain, "normal", 4000)
    assert np.abs(equations.scores(draws)).max() > 5


class StaleChain(VARChain):
    """A chain that is deliberately wrong: residuals are not kept in step with the cells."""

    def draw_gaps(self):
        parameters, draw = self.parameters, self.table._draw_censored

        def stale(rng, blocks):
            before = self.table.weighted.copy()
            draw(rng, blocks)
            self.table.weighted[:] = before

        self.table._draw_censored = stale
        self.table.draw_gaps(self._rng, parameters)
        self.table._draw_censored = draw


def scores_of_autoregression(kind, n, seed=5):
    """z-scores of means over forward draws and over a chain that alternates all updates."""
    rng = np.random.default_rng(seed)
    T, D, L = joint.T, joint.D, joint.L
    mask = rng.random((T, D)) < 0.5
    blank = joint_problem(np.zeros((T, D)), lags=L, prior_scale=joint.SCALE)
    chains = [
        kind(seen_in_intervals(blank, m), complete(np.zeros((T, D))), rng, prior=joint.PRIOR)
        for m in (mask, ~mask)
    ]
    forward, around = [], []
    for _ in range(n):
        parameters = joint.prior_parameters(rng, chains[0])
        z = joint.table_given(rng, chains[0], parameters)
        forward.append(joint.quantities(parameters, z, None, 0))
    for _ in range(n):
        for chain in chains:
            chain.table.Z[:] = z
            chain.parameters = parameters
            look(chain, z)
            chain.draw_parameters()
            chain.draw_gaps()
            parameters, z = dict(chain.parameters), chain.table.Z.copy()
        around.append(joint.quantities(parameters, z, None, 0))
    return geweke_scores(forward, around)


@pytest.mark.slow
def test_autoregression_keeps_the_joint_distribution():
    z = scores_of_autoregression(VARChain, 10_000)
    assert np.abs(z).max() < largest_score(z.size, 1e-3)


def test_autoregression_in_a_short_run_and_a_wrong_update_fails():
    z = scores_of_autoregression(VARChain, 750)
    assert np.abs(z).max() < largest_score(z.size, 1e-4)
    z = scores_of_autoregression(StaleChain, 750)
    assert np.abs(z).max() > largest_score(z.size, 1e-4)
