"""Levels of sequences: their draw against equations one by one, their joint distribution kept, and panels filled."""

import itertools

import numpy as np
import pytest
from models.imputation import test_tbayes_geweke as equations
from reference.fcs import windows

from tsinit import TBayesMICE
from tsinit.kernels.imputation.column_regressions import ColumnRegressions
from tsinit.models.imputation.chained_equations import FCSChain
from tsinit.models.imputation.problem import ImputationProblem
from tsinit.models.imputation.sequence_levels import SPREAD, draw_precision
from tsinit.result import ess

OFFSETS, STEPS = (
    np.array([0, 5, 9, 16]),
    np.array([0, 1, 2, 3, 4, 0, 1, 3, 4, 0, 1, 2, 9, 10, 11, 12]),
)


@pytest.mark.parametrize("noise", ["normal", "student_t"])
def test_levels_are_drawn_from_what_their_equations_say(rng, noise):
    """A log density at three values of a level is a parabola: its mean and variance are those of the draws."""
    z = rng.standard_normal((16, 2)) + np.repeat([2.0, -1.0, 0.5], np.diff(OFFSETS))[:, None]
    z[rng.random(z.shape) < 0.3] = np.nan
    bound = np.full(2, np.inf)
    problem = ImputationProblem(
        z, OFFSETS, STEPS, np.empty((16, 0)), 1, "all", noise, 5.0, -bound, bound, -bound, bound,
        sequence_effects=True,
    )  # fmt: skip
    chain = FCSChain(problem, np.where(np.isnan(z), 0.3, z), rng, "gibbs", 0)
    eq, cells, table = chain.equations, chain._cells, chain.table
    fits = ColumnRegressions(*(part.copy() for part in chain._fits))
    for k, j in np.ndindex(eq.design.size.shape):
        places = eq.design.index[k, j, : eq.design.size[k, j]]
        fits.theta[k, j, places] = 0.4 * rng.standard_normal(len(places))
        fits.tau2[k, j] = 0.3 + rng.random()
    if table.weights.size:
        table.weights[:] = 0.5 + rng.random(table.weights.shape)
    K = np.array([[1.5, 0.4], [0.4, 0.8]])
    observed = np.zeros(table.W.shape, dtype=bool)
    observed[eq.place] = ~np.isnan(z)
    rows = [eq.place[[a, b - 1]] for a, b in itertools.pairwise(OFFSETS)]

    def log_density(levels):
        W = table.W.copy()
        for s, (first, last) in enumerate(rows):
            inside = slice(first, last + 1)
            W[inside] -= observed[inside] * (levels[s] - cells.levels.levels[s])
        total = -0.5 * np.einsum("si,ij,sj->", levels, K, levels)
        for t in np.flatnonzero(eq.gaps.regression >= 0):
            k, v = eq.gaps.regression[t], windows(W, eq.covariates, eq.reach, t)
            weight = table.weights[t] if table.weights.size else np.ones(2)
            total -= 0.5 * np.sum(weight * (W[t] - fits.theta[k] @ v) ** 2 / fits.tau2[k])
        return total

    # One column at a time, as chained equations draw: the other column's equations do not count.
    j, n = 1, 4000
    fits.tau2[:, 0] = 1e12
    start, W = cells.levels.levels.copy(), table.W.copy()
    cells.levels.columns = np.array([0, 1])
    expected = []
    for s in range(3):
        values = []
        for step in (-1.0, 0.0, 1.0):
            moved = start.copy()
            moved[s, j] += step
            values.append(log_density(moved))
        curvature = 2.0 * values[1] - values[0] - values[2]
        expected.append((start[s, j] + 0.5 * (values[2] - values[0]) / curvature, curvature**-0.5))
    mean, sd = np.array(expected).T
    drawn = np.empty((n, 3))
    only = np.array([j], dtype=np.int64)
    for i in range(n):
        cells.levels.levels[:], table.W[:] = start, W
        cells.levels.columns = only
        # Given the level of column 0: precision of column 1, and its mean, moved into the level.
        cells.levels.draw(rng, table, fits, K[1:, 1:])
        drawn[i] = cells.levels.levels[:, j]
        held = observed & (cells.levels.table != 0.0)
        if i == 0:  # the deviations are kept in step
            before = np.zeros_like(W)
            for s, (first, last) in enumerate(rows):
                before[first : last + 1] = start[s]
            np.testing.assert_allclose(
                (table.W + cells.levels.table)[held], (W + before)[held], atol=1e-12
            )
            np.testing.assert_array_equal(table.W[~observed], W[~observed])
    shift = -K[0, 1] * start[:, 0] * sd**2  # of the mean, by the level of column 0
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - (mean - shift)), 5 * sd / np.sqrt(n))
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.06)


def test_precisions_keep_their_prior():
    """Levels from a covariance, the covariance from levels: standard deviations stay half-Cauchy."""
    rng, n = np.random.default_rng(2), 20_000
    K, out = np.eye(2), np.empty((n, 2))
    for i in range(n):
        levels = rng.standard_normal((3, 2)) @ np.linalg.cholesky(np.linalg.inv(K)).T
        K = draw_precision(rng, levels, K, 0.5)
        out[i] = np.log(np.diag(np.linalg.inv(K)))
    for column in out.T:
        error = np.pi / np.sqrt(ess(column[None]))
        assert abs(column.mean() - 2.0 * np.log(0.5)) < 5 * error


class LevelChain(equations.PriorChain):
    """A chain whose sequences have levels."""


class NarrowChain(LevelChain):
    """A chain that is deliberately wrong: levels are drawn as if they varied by a tenth less than they do."""

    def _draw_levels(self):
        super()._draw_levels()
        self._cells.redraw_levels(self._fits, self._level_precision / 0.9)


def draws(kind, n):
    rng = np.random.default_rng(5)
    missing = rng.random((equations.N * equations.LENGTH, 1)) < 0.4
    start = rng.standard_normal(missing.shape)
    first, other = (
        kind(equations.problem(mask)._replace(sequence_effects=True), start, rng, "gibbs", 0)
        for mask in (missing, ~missing)
    )
    out = []
    for _ in range(n):
        first.sweep()
        for own, drawn in zip(other._fits, first._fits, strict=True):
            own[:] = drawn
        other.table.W[:] = first.table.W
        other._redraw()
        first.table.W[:] = other.table.W
        levels, precision = first._cells.levels.levels[:, 0], first._level_precision[0, 0]
        scaled = levels * np.sqrt(precision)
        k = first.equations.gaps.regression[first.equations.place[1]]
        out.append(
            [np.log(first._fits.tau2[k, 0]), -np.log(precision), scaled[3], np.mean(scaled**2)]
        )
    return np.array(out)


def scores(x):
    means = [2.0 * np.log(equations.NOISE_SPREAD), 2.0 * np.log(SPREAD), 0.0, 1.0]
    variances = [np.pi**2, np.pi**2, 1.0, 2.0 / equations.N]
    sizes = np.array([ess(column[None]) for column in x.T])
    return (x.mean(axis=0) - means) / np.sqrt(np.array(variances) / sizes)


def test_levels_keep_their_prior():
    assert np.abs(scores(draws(LevelChain, 6000))).max() < 5


def test_a_wrong_draw_of_levels_is_found():
    assert np.abs(scores(draws(NarrowChain, 6000))).max() > 10


def panel(seed, n_subjects=40, n_weeks=5):
    """Three measurements around levels of standard deviation 3, noise 1.6; a quarter is missing."""
    rng = np.random.default_rng(seed)
    levels = 3.0 * rng.standard_normal((n_subjects, 1, 3))
    z = levels + 1.6 * rng.standard_normal((n_subjects, n_weeks, 3))
    return z, rng.random(z.shape) < 0.25


def oracle(z, hidden):
    """Conditional means and standard deviations of the hidden cells given the true variances."""
    n = (~hidden).sum(axis=1, keepdims=True)
    sums = np.where(hidden, 0.0, z).sum(axis=1, keepdims=True)
    precision = n / 1.6**2 + 1.0 / 9.0
    return sums / 1.6**2 / precision + 0.0 * z, np.sqrt(1.0 / precision + 1.6**2) + 0.0 * z


@pytest.mark.filterwarnings("ignore:The chains do not agree")  # of two short chains
def test_a_panel_is_filled_nearly_as_well_as_by_who_knows_its_variances():
    errors, widths, covered = [], [], []
    for seed in range(3):
        z, hidden = panel(seed)
        y = list(np.where(hidden, np.nan, z))
        best, sd = oracle(z, hidden)
        options = {"transforms": None, "n_chains": 2, "n_draws": 200, "random_state": 0}
        model = TBayesMICE(sequence_effects=True, **options).fit(y)
        plain = TBayesMICE(**options).fit(y)
        tables = [np.array(model.transform(y)), np.array(plain.transform(y)), best]
        errors.append([np.mean((table - z)[hidden] ** 2) for table in tables])
        low, high = map(np.array, model.interval())
        widths.append((high - low)[hidden].mean() / (2 * 1.96 * sd[hidden].mean()))
        covered.append(((low <= z) & (z <= high))[hidden].mean())
    own, without, best = np.sqrt(np.mean(errors, axis=0))
    assert own < 1.055 * best < without  # 1.90 for 1.80
    assert 0.95 < np.mean(widths) < 1.10
    assert 0.92 < np.mean(covered) < 0.98


@pytest.mark.filterwarnings("ignore:The chains do not agree")
def test_new_sequences_have_levels_given_their_data():
    z, hidden = panel(7, 60)
    y = np.where(hidden, np.nan, z)
    model = TBayesMICE(
        sequence_effects=True, transforms=None, n_chains=2, n_draws=150, random_state=0
    ).fit(list(y[:40]))
    done = np.array(model.transform(list(y[40:])))
    best, _ = oracle(z[40:], hidden[40:])
    new = hidden[40:]
    assert np.sqrt(np.mean((done - z[40:])[new] ** 2)) < 1.1 * np.sqrt(
        np.mean((best - z[40:])[new] ** 2)
    )


def test_bounds_hold_whatever_the_levels():
    z, hidden = panel(3)
    y = list(np.where(hidden, np.nan, np.clip(z, -4.0, 4.0)))
    model = TBayesMICE(
        sequence_effects=True, bounds=(-4.0, 4.0), n_chains=1, n_draws=30, random_state=0
    ).fit(y)
    assert np.abs(model.draws_).max() <= 4.0


def test_levels_are_refused_where_there_can_be_none(rng):
    y = rng.standard_normal((40, 2))
    y[5, 0] = np.nan
    with pytest.raises(ValueError, match="must go with several sequences; got 1"):
        TBayesMICE(sequence_effects=True).fit(y)
    with pytest.raises(ValueError, match="must go with method='fcs' or 'auto'; got 'var'"):
        TBayesMICE(sequence_effects=True, method="var").fit(y)
    with pytest.raises(ValueError, match="sequence_effects must be True or False"):
        TBayesMICE(sequence_effects="yes").fit(y)
    assert TBayesMICE(sequence_effects=True, method="auto", n_draws=5).fit([y, y]).method_ == "fcs"
