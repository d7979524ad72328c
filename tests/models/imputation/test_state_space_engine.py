"""The state-space engine of the imputer against the Kalman smoother that knows the truth, and its contract."""

from types import SimpleNamespace

import numpy as np
import pytest
from models.imputation.var_problems import problem
from models.state_draws.problems import gaps, parameters, simulate, true_model
from reference import kalman

from tsinit import TBayesMICE
from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.models.imputation.censored import CensoredCells, IntervalState
from tsinit.models.imputation.state_space_engine import CensoredTable, StateSpaceEngine
from tsinit.models.state_draws.chain import cells_given
from tsinit.models.state_draws.paths import StatePaths
from tsinit.result import ess

SHORT = {"method": "state_space", "n_tune": 40, "n_draws": 60, "n_chains": 2, "random_state": 0}


def oracle(p, y):
    """Conditional means and standard deviations of all values under the true parameters."""
    done = Kalman(y.copy(), len(p.A)).smooth(p, covariances=True)
    P = done.covariances.values[done.covariances.index]
    spread = np.einsum("ij,tjk,ik->ti", p.C, P, p.C) + np.diag(p.R)
    return done.means @ p.C.T, np.sqrt(spread)


@pytest.mark.parametrize("kind", ["points", "outages", "blackouts"])
def test_it_is_nearly_as_good_as_the_truth_and_as_wide(kind):
    rng = np.random.default_rng(7)
    p = true_model(rng, 8, 3)
    truth = simulate(rng, p, 400)
    hidden = gaps(rng, truth.shape, kind)
    y = np.where(hidden, np.nan, truth)
    model = TBayesMICE(method="state_space", transforms=None, n_chains=2, random_state=0).fit(y)
    mean, sd = oracle(p, y)
    ours, best = (np.sqrt(np.mean((x - truth)[hidden] ** 2)) for x in (model.transform(y), mean))
    assert ours < 1.05 * best
    lower, upper = model.interval(0.95)
    width = np.mean((upper - lower)[hidden]) / np.mean(2 * 1.96 * sd[hidden])
    assert 0.95 < width < 1.10


def table(rng, T=120):
    p = true_model(rng, 4, 2)
    y = simulate(rng, p, T) * [1.0, 100.0, 1e-3, 1.0] + [0.0, 1e3, 0.0, 5.0]
    y[gaps(rng, y.shape, "points")] = np.nan
    return y


def test_observed_cells_stay_and_equal_seeds_give_equal_draws(rng):
    y = table(rng)
    one, two = (TBayesMICE(**SHORT).fit(y) for _ in range(2))
    seen = ~np.isnan(y)
    assert np.array_equal(one.transform(y)[seen], y[seen])
    assert np.array_equal(one.draws_, two.draws_)
    assert np.isfinite(one.draws_).all()
    assert one.method_ == "state_space"


def test_the_units_of_a_column_do_not_matter(rng):
    y = table(rng)
    small, large = (TBayesMICE(**SHORT, transforms=None).fit(x).transform(y) for x in (y, y))
    np.testing.assert_allclose(small, large)
    times = np.array([1e6, 1.0, 1.0, 1e-6])
    other = TBayesMICE(**SHORT, transforms=None).fit(y * times).transform(y * times)
    np.testing.assert_allclose(other / times, small, rtol=1e-6)


def test_chains_begin_at_the_tables_of_the_strategies(rng):
    y = table(rng)
    filled = np.where(np.isnan(y), np.nanmean(y, axis=0), y)
    model = TBayesMICE(**SHORT, init=["linear", filled]).fit(y)
    assert np.array_equal(model.start_[1], filled)
    assert model.trace_["log_density"][0, 0] != model.trace_["log_density"][1, 0]
    expected = filled[:, 0][np.isnan(y[:, 0])].mean()
    scaled = model.posterior_.scales.forward(filled)[:, 0][np.isnan(y[:, 0])].mean()
    assert model.trace_["imputed_mean"][1, 0, 0] == pytest.approx(scaled)
    assert np.isfinite(expected)


def test_bounds_hold_and_other_noise_is_refused(rng):
    y = np.exp(table(rng) * [1.0, 1e-3, 1.0, 0.1])
    model = TBayesMICE(**SHORT, bounds=(0.0, None)).fit(y)
    assert min(x.min() for x in model.impute(5)) >= 0.0
    with pytest.raises(ValueError, match="noise must be 'normal' where method='state_space'"):
        TBayesMICE(method="state_space", noise="student_t").fit(y)
    with pytest.raises(ValueError, match="n_states must be"):
        TBayesMICE(method="state_space", n_states=0).fit(y)


def test_ragged_sequences_and_short_ones(rng):
    parts = [table(rng, T) for T in (40, 3, 1, 60)]
    model = TBayesMICE(**SHORT, n_states=2).fit(parts)
    assert [len(x) for x in model.transform(parts)] == [40, 3, 1, 60]
    assert model.posterior_.draws.shape[-1] == sum(int(np.isnan(x).sum()) for x in parts)


def test_rows_of_one_step_only(rng):
    y = table(rng, 60)
    rows = [y[:2], *(row[None] for row in y[2:])]
    model = TBayesMICE(**SHORT, n_states=2).fit(rows)
    assert np.isfinite(np.vstack(model.transform(rows))).all()


def test_new_rows_have_the_mean_that_the_same_rows_had_in_the_fit():
    rng = np.random.default_rng(3)
    p = true_model(rng, 5, 2)
    truth = simulate(rng, p, 600)
    y = np.where(gaps(rng, truth.shape, "points"), np.nan, truth)
    model = TBayesMICE(**SHORT, transforms=None).fit(y)
    new = simulate(rng, p, 300)
    hidden = gaps(rng, new.shape, "outages")
    z = np.where(hidden, np.nan, new)
    ours, best = (
        np.sqrt(np.mean((x - new)[hidden] ** 2)) for x in (model.transform(z), oracle(p, z)[0])
    )
    assert ours < 1.05 * best
    wide = np.vstack([y, np.full((1, 5), np.nan)])  # the table of the fit, one step longer
    again = model.transform(wide)[:-1]
    apart = np.abs(again - model.transform(y))[np.isnan(y)]
    # The fit's mean is over 120 draws, neighbours of which are not quite independent.
    assert np.sqrt(np.mean(apart**2)) < 1.5 / np.sqrt(120) * best


def test_a_season_enters_the_mean():
    rng = np.random.default_rng(4)
    t = np.arange(240)
    truth = (
        3.0 * np.sin(2 * np.pi * t / 12)[:, None] * [1.0, -1.0]
        + rng.standard_normal((240, 2)) * 0.3
    )
    y = truth.copy()
    y[100:130] = np.nan
    model = TBayesMICE(**SHORT, transforms=None, period=12, n_states=1).fit(y)
    assert np.sqrt(np.mean((model.transform(y) - truth)[100:130] ** 2)) < 0.45


def test_censored_cells_have_the_distribution_of_the_truncated_gaussian():
    rng = np.random.default_rng(5)
    p, y = parameters(rng, 2, 2), rng.standard_normal((4, 2))
    y[1], y[2, 0] = np.nan, np.nan  # (1, 0) and (2, 0) lie in intervals, of (1, 1) nothing is known
    cells = CensoredCells.of(
        np.array([1, 2]), np.array([0, 0]), np.array([-np.inf, 0.0]), np.array([-0.5, 1.0])
    )
    given = problem(y)._replace(censored=cells)
    reference = LinearGaussianParams(p.A, p.C, p.Q, np.diag(p.r), p.m, p.V, p.G[:, -1])
    joint = kalman.joint(reference, y)
    here = 4 * 2 + np.array([2, 3, 4])  # behind the states, row by row
    V, mean = joint.covariance[np.ix_(here, here)], joint.mean[here]
    free = rng.multivariate_normal(mean, V, 400_000)
    exact = free[(free[:, 0] < -0.5) & (free[:, 2] > 0.0) & (free[:, 2] < 1.0)]
    assert len(exact) > 5000
    rows = CensoredTable(given, np.zeros((4, 2)), IntervalState(cells))
    drawn = []
    for _ in range(6000):
        states = StatePaths(rows.table, p).draw(rng.standard_normal((4, 2)))
        rows.redraw(rng, p, states)
        free_cell = cells_given(rows.table, p, states, rng.standard_normal(1))
        drawn.append(rows.kept(free_cell))
    drawn = np.array(drawn)
    assert (drawn[:, 0] <= -0.5).all()
    assert ((drawn[:, 2] >= 0.0) & (drawn[:, 2] <= 1.0)).all()
    for power in (1, 2):
        x, expected = drawn**power, (exact**power).mean(axis=0)
        sizes = np.array([ess(column) for column in x.T])
        error = np.sqrt(x.var(axis=0) / sizes + (exact**power).var(axis=0) / len(exact))
        assert np.abs((x.mean(axis=0) - expected) / error).max() < 4.5


def test_a_column_below_its_limit_keeps_its_mean_and_spread():
    rng = np.random.default_rng(6)
    model = true_model(rng, 4, 2)
    truth = simulate(rng, model, 500)
    z = (truth - truth.mean(axis=0)) / truth.std(axis=0)
    below = z[:, 0] < -0.5
    rows = np.flatnonzero(below)
    cells = CensoredCells.of(
        rows, np.zeros(len(rows)), np.full(len(rows), -np.inf), np.full(len(rows), -0.5)
    )
    y = z.copy()
    y[below, 0] = np.nan
    given = problem(y)._replace(censored=cells)
    engine = StateSpaceEngine(given, SimpleNamespace(n_states=2), (), rng)
    chain = engine.chain(np.where(np.isnan(y), -0.6, y), rng, 0)
    means, spreads = [], []
    for i in range(150):
        chain.sweep()
        if i >= 50:
            means.append(chain.z[:, 0].mean())
            spreads.append(chain.z[:, 0].std())
    assert abs(np.mean(means)) < 0.05
    assert abs(np.mean(spreads) - 1.0) < 0.05
    drawn = engine.complete(given, [chain.parameter_draw()] * 5, rng)
    assert drawn.shape == (5, below.sum())
    assert (drawn <= -0.5).all()
