"""Cells that determine each other are found, and drawn given all that is not missing in their rows."""

import numpy as np
import pytest
from models.imputation.var_problems import problem, with_gaps
from reference.fcs import interpolate

from tsinit import result
from tsinit.models.imputation import joint_cells
from tsinit.models.imputation.chained_equations import FCSChain
from tsinit.models.imputation.lagged_regressions import LaggedRegressions
from tsinit.models.imputation.model import TBayesMICE
from tsinit.models.imputation.var_regressions import (
    VARPrior,
    draw_parameters,
    fill_lags,
    informing_rows,
    regressions_of,
)


@pytest.fixture
def copies(rng):
    """Two columns that are nearly the same, a third of its own; standardised."""
    x = np.cumsum(rng.standard_normal(300)) * 0.1
    x = (x - x.mean()) / x.std()
    return np.column_stack([x, x + 0.02 * rng.standard_normal(300), rng.standard_normal(300)])


def found(z, noise="normal", **change):
    stated = problem(z, **change)._replace(noise=noise)
    return joint_cells.find(stated, joint_cells.pilot_run(stated, np.random.default_rng(0)))


def test_copies_are_sampled_jointly_where_both_are_missing(copies):
    copies[[20, 40], 0] = copies[[20, 60], 1] = copies[[20, 40, 60], 2] = np.nan
    assert np.argwhere(found(copies)).tolist() == [[20, 0], [20, 1]]


def test_runs_in_common_are_sampled_jointly(copies):
    copies[20:30, 0] = copies[25:40, 2] = copies[100:110, 2] = np.nan
    expected = np.zeros((300, 3), dtype=bool)
    expected[25:30, [0, 2]] = True
    np.testing.assert_array_equal(found(copies), expected)
    assert not found(copies, offsets=[0, 29, 300]).any()  # a run ends with its sequence


def test_where_nothing_can_be(copies):
    copies[20] = np.nan
    assert not found(copies, noise="student_t").any()
    assert not found(copies[:, :1]).any()
    assert joint_cells.pilot_run(problem(copies[:2], lags=3), np.random.default_rng(0)) is None


@pytest.mark.parametrize("lags", [0, 1, 2])
def test_parameters_are_those_of_the_rows(copies, lags):
    """The Gram matrices of the windows give the regressions that the rows themselves give."""
    y = with_gaps(np.random.default_rng(1), copies, 0.3)
    stated = problem(y, lags=lags, offsets=[0, 150, 300])
    equations = LaggedRegressions(
        stated, pilot=joint_cells.pilot_run(stated, np.random.default_rng(0))
    )
    chain = FCSChain(equations, interpolate(y), np.random.default_rng(2))
    chain._gather()
    joint = chain._cells.joint
    joint.draw_parameters(np.random.default_rng(3), chain._S)
    rng, layout = np.random.default_rng(3), joint._table.layout
    for part in regressions_of(layout, stated, None):
        fill_lags(part, chain.z)
        X, Y = informing_rows(part, chain.z)
        own = draw_parameters(rng, (X.T @ X, X.T @ Y, Y.T @ Y), len(Y), part.n_lags, part.prior)
        np.testing.assert_allclose(joint.parameters[part.before].B, own.B, atol=1e-9)
        np.testing.assert_allclose(
            joint.parameters[part.before].precision, own.precision, rtol=1e-7
        )


def test_draws_have_the_distribution_of_the_cells_given_all_others(rng):
    """Against weighted least squares on the equations one by one."""
    z = rng.standard_normal((14, 3))
    z[4:7, :2] = z[10, 1:] = np.nan
    stated = problem(z)
    which = np.isnan(z)
    equations = LaggedRegressions(stated)
    equations.joint = which
    start = np.where(which, 0.3, z)
    joint = joint_cells.JointCells(equations, start)
    for c, k in ((0, 1), (1, 4)):
        X, Y = rng.standard_normal((40, k)), rng.standard_normal((40, 3))
        joint.parameters[c] = draw_parameters(
            rng, (X.T @ X, X.T @ Y, Y.T @ Y), 40, 3 * c, VARPrior(3.0, 1.0, 1.0, 1.0)
        )
    mean, covariance = conditional(start, which, joint.parameters)
    draws = []
    for _ in range(4000):
        table = equations.spread(start)
        joint.redraw(rng, table, np.zeros(3, dtype=np.int64))
        draws.append(table[equations.place][which])
    draws = np.array(draws)
    sd = np.sqrt(np.diag(covariance))
    assert np.abs((draws.mean(axis=0) - mean) / sd).max() < 5 / np.sqrt(4000)
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (draws - mean).T)
    assert np.abs(whitened @ whitened.T / 4000 - np.eye(len(sd))).max() < 5 * np.sqrt(2 / 4000)


def conditional(table, which, parameters):
    def errors(cells):
        z = table.copy()
        z[which] = cells
        out = []
        for t in range(len(z)):
            own = parameters[min(t, 1)]
            x = np.append(z[t - 1], 1.0) if t else np.ones(1)
            out.append(np.linalg.cholesky(own.precision).T @ (z[t] - own.B.T @ x))
        return np.concatenate(out)

    n = which.sum()
    base = errors(np.zeros(n))
    A = np.column_stack([errors(unit) - base for unit in np.eye(n)])
    return np.linalg.solve(A.T @ A, -A.T @ base), np.linalg.inv(A.T @ A)


class ColumnByColumn(FCSChain):
    """A chain that samples no cell jointly."""

    def __init__(self, equations, *given, **options):
        super().__init__(LaggedRegressions(equations.problem), *given, **options)


def test_chains_agree_where_columns_alone_would_creep(copies, monkeypatch):
    y = copies.copy()
    y[np.random.default_rng(4).random(300) < 0.3, :2] = np.nan
    settings = {
        "init": interpolate,
        "transforms": None,
        "n_draws": 150,
        "n_tune": 50,
        "random_state": 0,
    }
    model = TBayesMICE(**settings).fit(y)
    assert worst(model) < 1.05
    monkeypatch.setattr("tsinit.models.imputation.engines.FCSChain", ColumnByColumn)
    with pytest.warns(UserWarning, match="do not agree"):
        assert worst(TBayesMICE(**settings).fit(y)) > 1.2


def worst(model):
    return max(
        result.rhat(cell) for cell in np.moveaxis(model.posterior_.stored.cells, 2, 0).astype(float)
    )


def test_other_rows_are_as_uncertain_as_those_of_the_fit(copies):
    """Two sweeps a draw would leave cells where they began."""
    settings = {
        "init": interpolate,
        "transforms": None,
        "n_draws": 100,
        "n_tune": 50,
        "n_chains": 2,
        "random_state": 0,
    }
    model = TBayesMICE(**settings).fit(copies)  # nothing is missing
    rest = copies[:60].copy()
    rest[20:50, :2] = np.nan
    draws = model._draws_for(model._read(rest, None))[1].reshape(-1, 30, 2)
    assert np.abs(draws[..., 0] - draws[..., 1]).std() < 0.2
    again = TBayesMICE(**settings).fit(np.vstack([rest, copies[60:]])).draws_.reshape(-1, 30, 2)
    ratio = draws[:, 15, 0].std() / again[:, 15, 0].std()
    assert 0.7 < ratio < 1.4
