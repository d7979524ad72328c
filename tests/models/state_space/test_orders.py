"""Orders by BIC, AIC or rows held out: the table follows from fits to the other rows, and nothing leaks."""

import warnings

import numpy as np
import pytest

from tsinit import Budget, LinearGaussianSSM, plots
from tsinit.models import Monitor
from tsinit.models.held_out_blocks import best_order, folds

SHORT = {"tol": 1e-3, "random_state": 0}


def oscillation(rng, T=150, u=None):
    A = 0.9 * np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    x, y = np.zeros(2), np.empty((T, 2))
    for t in range(T):
        y[t] = [x[0], x[0] + x[1]] + 0.5 * rng.standard_normal(2) + 3.0
        x = A @ x + rng.standard_normal(2) + (0.0 if u is None else u[t])
    return y


@pytest.mark.parametrize("n_rows", [1, 3, 7, 20, 101])
def test_every_row_is_held_out_once_in_blocks(n_rows):
    found = np.array(folds(n_rows))
    np.testing.assert_array_equal(found.sum(axis=0), np.ones(n_rows))
    assert len(found) == min(5, n_rows)
    if n_rows == 101:
        runs = (np.diff(found.astype(int), axis=1) == 1).sum(axis=1) + found[:, 0]
        assert runs.tolist() == [4] * 5


@pytest.mark.parametrize("with_inputs", [False, True])
def test_the_table_holds_the_log_likelihood_of_rows_given_the_others(rng, with_inputs):
    u = rng.standard_normal((150, 1)) if with_inputs else None
    y = oscillation(rng, u=u) * [1.0, 100.0]
    y[rng.random(y.shape) < 0.1] = np.nan
    parts = [y[:40], y[40:]]
    inputs = [u[:40], u[40:]] if with_inputs else None
    model = LinearGaussianSSM([1, 2], order_criterion="held_out", **SHORT)
    table = model.fit(parts, inputs=inputs).order_table_
    for n in (1, 2):
        expected = 0.0
        for hidden in folds(150):
            kept = y.copy()
            kept[hidden] = np.nan
            kept = [kept[:40], kept[40:]]
            one = LinearGaussianSSM(n, **SHORT).fit(kept, inputs=inputs)
            n_all, n_kept = (sum((~np.isnan(x)).sum() for x in X) for X in (parts, kept))
            whole, rest = (one.score(X, inputs=inputs) for X in (parts, kept))
            expected += whole * n_all - rest * n_kept
        assert table.loc[n, "held_out"] == pytest.approx(expected, rel=1e-9)
    assert table["chosen"].tolist() == [False, True]
    assert model.n_states_ == 2
    ax = plots.orders(model)
    assert [line.get_label() for line in ax.lines] == ["BIC", "AIC", "held out"]


@pytest.mark.parametrize("criterion", ["bic", "aic"])
def test_a_criterion_chooses_by_its_column(rng, criterion):
    y = oscillation(rng, 60)
    model = LinearGaussianSSM([1, 2, 3, 4], order_criterion=criterion, **SHORT).fit(y)
    assert model.n_states_ == model.order_table_[criterion].idxmin()
    assert model.order_table_["chosen"].sum() == 1
    assert "held_out" not in model.order_table_


def test_criteria_may_differ():
    rows = [
        {"bic": 5.0, "aic": 9.0, "held_out": -7.0},
        {"bic": 4.0, "aic": 8.0, "held_out": -6.0},
        {"bic": 6.0, "aic": 7.0, "held_out": np.nan},
        {"bic": 8.0, "aic": 9.0, "held_out": -5.0},
    ]
    assert [best_order(rows, name) for name in ("bic", "aic", "held_out")] == [1, 2, 3]
    assert best_order([row | {"held_out": -np.inf} for row in rows], "held_out") == 1


def test_without_time_for_it_bic_decides(rng):
    model = LinearGaussianSSM([1, 2], order_criterion="held_out", **SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit_under(Monitor(Budget(seconds=0.0)), oscillation(rng))
    assert model.order_table_["held_out"].isna().all()
    assert model.n_states_ == model.order_table_["bic"].idxmin()


def test_one_order_needs_no_choice(rng):
    model = LinearGaussianSSM(1, order_criterion="held_out", **SHORT).fit(oscillation(rng))
    assert not hasattr(model, "order_table_")


@pytest.mark.parametrize(
    ("options", "T", "message"),
    [
        ({"order_criterion": "icl"}, 30, r"order_criterion must be one of .*; got 'icl'"),
        ({"n_states": [2, 8]}, 9, "n_states must be smaller than the number of time steps"),
    ],
)
def test_what_cannot_be_chosen_by_is_refused(rng, options, T, message):
    arguments = {"n_states": [1, 2], "order_criterion": "held_out"} | options
    with pytest.raises(ValueError, match=message):
        LinearGaussianSSM(**arguments).fit(oscillation(rng, T))
