"""Numbers of states by rows held out: what the table says follows from fits to the others, and nothing leaks."""

import warnings

import numpy as np
import pytest
from models.hidden_markov.test_finite import levels

from tsinit import Budget, HiddenMarkovModel
from tsinit.models import Monitor
from tsinit.models.held_out_blocks import best_order, folds

SHORT = {"tol": 1e-4, "random_state": 0}


@pytest.mark.parametrize("n_rows", [1, 3, 7, 20, 101])
def test_every_row_is_held_out_once_in_blocks(n_rows):
    found = np.array(folds(n_rows))
    np.testing.assert_array_equal(found.sum(axis=0), np.ones(n_rows))
    assert len(found) == min(5, n_rows)
    if n_rows == 101:
        runs = (np.diff(found.astype(int), axis=1) == 1).sum(axis=1) + found[:, 0]
        assert runs.tolist() == [4] * 5


@pytest.mark.parametrize("emission", ["gaussian", "student_t"])
def test_the_table_holds_the_log_likelihood_of_rows_given_the_others(rng, emission):
    y = np.hstack([levels(rng, 100)[0], levels(rng, 100)[0]])
    y[rng.random(y.shape) < 0.1] = np.nan
    parts = [y[:30], y[30:]]
    model = HiddenMarkovModel([2, 3], emission=emission, order_criterion="held_out", **SHORT)
    table = model.fit(parts).order_table_
    for n in (2, 3):
        expected = 0.0
        for hidden in folds(100):
            kept = y.copy()
            kept[hidden] = np.nan
            kept = [kept[:30], kept[30:]]
            one = HiddenMarkovModel(n, emission=emission, **SHORT).fit(kept)
            n_all, n_kept = (sum((~np.isnan(x)).sum() for x in X) for X in (parts, kept))
            expected += one.score(parts) * n_all - one.score(kept) * n_kept
        assert table.loc[n, "held_out"] == pytest.approx(expected, rel=1e-9)
    assert table["chosen"].tolist() == [False, True]
    assert model.n_states_ == 3


def test_each_criterion_chooses_by_its_column():
    rows = [
        {"n_states": 1, "bic": 5.0, "icl": 9.0, "held_out": -7.0},
        {"n_states": 2, "bic": 4.0, "icl": 8.0, "held_out": -6.0},
        {"n_states": 3, "bic": 6.0, "icl": 7.0, "held_out": np.nan},
        {"n_states": 4, "bic": 8.0, "icl": 9.0, "held_out": -5.0},
    ]
    assert [best_order(rows, name) for name in ("bic", "icl", "held_out")] == [1, 2, 3]
    unknown = [row | {"held_out": -np.inf} for row in rows]
    assert best_order(unknown, "held_out") == 1


def test_icl_asks_for_states_that_are_told_apart(rng):
    """Noise with a long tail on one side: BIC mends its form by further states."""
    z = np.tile(np.repeat([0, 1], 50), 6)
    y = (12.0 * z + rng.exponential(1.0, 600))[:, None]
    tables = {
        name: HiddenMarkovModel([1, 2, 3, 4], order_criterion=name, **SHORT).fit(y)
        for name in ("bic", "icl")
    }
    assert tables["icl"].n_states_ <= tables["bic"].n_states_
    for name, model in tables.items():
        assert model.n_states_ == model.order_table_[name].idxmin()
        assert "held_out" not in model.order_table_
    assert tables["bic"].n_states_ > 2


def test_without_time_for_it_bic_decides(rng):
    y, _ = levels(rng)
    model = HiddenMarkovModel([2, 3], order_criterion="held_out", **SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit_under(Monitor(Budget(seconds=0.0)), y)
    assert model.order_table_["held_out"].isna().all()
    assert model.n_states_ == model.order_table_["bic"].idxmin()


def test_one_number_of_states_needs_no_choice(rng):
    y, _ = levels(rng)
    model = HiddenMarkovModel(3, order_criterion="held_out", **SHORT).fit(y)
    assert not hasattr(model, "order_table_")


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({"order_criterion": "aic"}, np.zeros((30, 1)), r"order_criterion must be one of .*; got 'aic'"),
        ({"emission": "autoregressive"}, np.zeros((30, 1)), "must be 'bic' or 'icl' where rows look back"),
        ({"n_states": [2, 8]}, np.arange(9.0)[:, None], "n_states must be smaller than the number of time steps"),
    ],
)  # fmt: skip
def test_what_cannot_be_held_out_is_refused(options, X, message):
    arguments = {"n_states": [1, 2], "order_criterion": "held_out"} | options
    with pytest.raises(ValueError, match=message):
        HiddenMarkovModel(**arguments).fit(X + np.arange(len(X))[:, None])
