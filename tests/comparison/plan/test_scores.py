"""Scores: the model's own, held-out tails, a known truth."""

import re

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills

from tsinit import LinearGaussianParams, LinearGaussianSSM, TBayesMICE
from tsinit.comparison import compare
from tsinit.comparison.plan import scores
from tsinit.comparison.plan.data import by_sequence, split_tail, unpack
from tsinit.comparison.plan.scores import eigenvalue_error
from tsinit.comparison.run.convergence import scalars

X = np.arange(40.0)[:, None] * [1.0, 0.1]


class WithParams(Hills):
    def fit_under(self, monitor, X, lengths=None):
        super().fit_under(monitor, X, lengths=lengths)
        eye = np.eye(2)
        self.params_ = LinearGaussianParams(np.diag([0.9, 0.5]), eye, eye, eye, np.zeros(2), eye)
        return self


def _mean(estimator, X):
    return float(np.mean(np.asarray(X)))


def _compare(data=X, model=None, **more):
    return compare(model or Hills(), data, ["fixed"], n_seeds=1, progress=False, **more).runs.iloc[
        0
    ]


def test_a_share_holds_out_the_tail_in_time_order():
    run = _compare(score={"mean": _mean}, test=0.25)
    assert run["score_mean"] == X[:30].mean()
    assert run["score_mean_test"] == X[30:].mean()


@pytest.mark.parametrize("name", ["test", "mean_test"])
def test_a_name_that_reads_like_a_held_out_score_is_refused(name):
    rule = f"score names must not be or end in that of held-out data, 'test'; got '{name}'"
    with pytest.raises(ValueError, match=rule):
        _compare(score={name: _mean}, test=0.25)
    assert _compare(score={name: _mean})[f"score_{name}"] == X.mean()
    assert _compare(score={"latest": _mean}, test=0.25)["score_latest_test"] == X[30:].mean()


def test_a_name_that_truth_fills_is_refused():
    gappy = X.copy()
    gappy[3, 0] = np.nan
    with pytest.raises(
        ValueError, match="score names must leave 'rmse' to the score that truth gives"
    ):
        _compare(gappy, truth=X, score={"rmse": _mean})


def test_the_models_own_score_is_the_default():
    run = _compare(test=0.25)
    assert run["score"] == pytest.approx(run["objective_final"] - X[:30].mean())
    assert run["score_test"] == pytest.approx(run["objective_final"] - X[30:].mean())


def test_every_sequence_loses_its_own_tail():
    head, tail = split_tail([X[:10], X[:20]], 0.2)
    assert [len(h) for h in head] == [8, 16]
    np.testing.assert_array_equal(tail[0], X[8:10])
    index = pd.MultiIndex.from_product([["a", "b"], range(10)])
    frame = pd.DataFrame(np.arange(20.0), index=index, columns=["x"])
    head, tail = split_tail(frame, 0.3)
    assert tail.loc["a", "x"].tolist() == [7.0, 8.0, 9.0]
    assert tail.loc["b", "x"].tolist() == [17.0, 18.0, 19.0]
    assert len(head) == 14


def test_both_parts_keep_a_row():
    head, tail = split_tail(X[:3], 0.01)
    assert (len(head), len(tail)) == (2, 1)
    head, tail = split_tail(X[:3], 0.99)
    assert (len(head), len(tail)) == (1, 2)


def test_lengths_cut_a_table_into_sequences():
    parts = by_sequence(*unpack(lambda: (X, [10, 30])))
    assert [len(part) for part in parts] == [10, 30]
    np.testing.assert_array_equal(np.vstack(parts), X)
    assert unpack((X, X))[1] is None  # two sequences


def test_test_data_by_name():
    run = _compare(score={"mean": _mean}, test={"later": X + 5.0, "other": X * 0.0})
    assert run["score_mean_later"] == pytest.approx(X.mean() + 5.0)
    assert run["score_mean_other"] == 0.0
    assert _compare(score={"mean": _mean}, test=X + 1.0)["score_mean_test"] == pytest.approx(
        X.mean() + 1.0
    )


def test_test_data_by_data_set():
    runs = compare(
        Hills(),
        {"a": X, "b": X},
        ["fixed"],
        n_seeds=1,
        score={"mean": _mean},
        test={"a": X + 1, "b": X + 2},
        progress=False,
    ).runs
    np.testing.assert_allclose(runs["score_mean_test"], [X.mean() + 1, X.mean() + 2])


def test_a_complete_table_scores_the_missing_cells_only():
    gappy = X.copy()
    gappy[[3, 7], 0] = np.nan
    run = _compare(gappy, truth=X)
    end = Hills(init="fixed", random_state=np.random.SeedSequence(0)).fit(X).x_
    assert run["score_rmse"] == pytest.approx(
        np.sqrt(((end - 3.0) ** 2 + (end - 7.0) ** 2) / 2), rel=1e-6
    )


def test_parameters_score_the_eigenvalues():
    eye = np.eye(2)
    truth = LinearGaussianParams(np.diag([0.4, 0.95]), eye, eye, eye, np.zeros(2), eye)
    assert _compare(model=WithParams(), truth=truth)["score_eigenvalue_error"] == pytest.approx(
        0.075
    )


def test_eigenvalue_error_ignores_basis_and_order(rng):
    A = np.diag([0.9, 0.5, -0.2])
    T = rng.standard_normal((3, 3))
    assert eigenvalue_error(T @ A @ np.linalg.inv(T), A) < 1e-12
    assert eigenvalue_error(np.diag([0.5, 0.9]), A) < 1e-12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"truth": "a"},
            "truth must be LinearGaussianParams, a complete table or one label for each row; got 'a'.",
        ),
        (
            {"truth": [1, 2]},
            "truth must have one label for each row of data set 'data', 40; got 2.",
        ),
        (
            {"n_jobs": 0},
            "n_jobs must be a whole number other than 0 (-1: all processors), or None; got 0.",
        ),
    ],
)
def test_what_a_comparison_cannot_use_is_named_before_it_runs(change, message):
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(message)}$"):
        compare(Hills(), X, {"a": lambda y, rng: rng.random()}, n_seeds=1, progress=False, **change)


def test_a_target_is_a_number_and_a_seed_a_text_of_a_run():
    result = compare(Hills(), X, {"a": lambda y, rng: rng.random()}, n_seeds=1, progress=False)
    with pytest.raises(ValueError, match=r"^target must be a finite number; got 'high'\.$"):
        result.to_target("high")
    for wrong in ("x", 3, "0:1,a"):
        with pytest.raises(
            ValueError, match=r"^text must be a seed of a run, such as '0:2271034571,3,0'; got "
        ):
            result.seed(wrong)


def test_the_crps_of_a_normal_is_that_of_its_draws(rng):
    from tsinit.metrics import crps

    error, spread = np.array([0.3, -2.0, 0.0]), np.array([1.0, 0.5, 0.0])
    draws = spread * rng.normal(size=(20_000, 3))
    for i, value in enumerate(scores._normal_crps(error, spread)):
        assert value == pytest.approx(crps(error[i : i + 1], draws[:, i : i + 1]), abs=0.02)


@pytest.mark.parametrize(
    "model", [LinearGaussianSSM(1, max_iter=5), TBayesMICE(n_tune=20, n_draws=60, n_chains=2)]
)
def test_fillings_are_scored_by_what_the_model_says(model, rng):
    full = rng.normal(size=(80, 2)).cumsum(axis=0)
    holes = np.where(rng.random(full.shape) < 0.15, np.nan, full)
    strategy = "linear" if isinstance(model, TBayesMICE) else "uniform"
    result = compare(model, holes, [strategy], n_seeds=1, truth=full, progress=False)
    assert result.errors.empty
    run, cells = result.runs.iloc[0], np.isnan(holes)
    fitted = result.rerun(run["run_id"])
    mean = fitted.transform(holes) if isinstance(model, TBayesMICE) else fitted.impute(holes)
    assert run["score_rmse"] == pytest.approx(np.sqrt(np.mean((mean - full)[cells] ** 2)))
    assert 0.0 < run["score_crps"] < run["score_rmse"]
    assert 0.5 < run["score_coverage"] <= 1.0
    assert len(scalars(fitted)) == (7 if isinstance(model, TBayesMICE) else 0)
