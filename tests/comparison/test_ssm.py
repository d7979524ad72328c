"""Comparisons of the real model."""

from functools import partial

import numpy as np
import pytest

from tsinit import LinearGaussianSSM, compare, datasets
from tsinit.init import LPC, Perturb, Subspace, Uniform, register

CLOCK = ["init_seconds", "fit_seconds"]


@pytest.fixture(scope="module")
def truth():
    return datasets.make_lgssm(n_steps=120, n_states=2, n_features=2, random_state=0)


@pytest.fixture(scope="module")
def result(truth):
    strategies = [
        "subspace",
        "uniform",
        Perturb(Subspace(), scale=0.2),
        truth.params,
        lambda y, rng, n_states: Uniform().dynamics(y, rng, n_states),
    ]
    return compare(LinearGaussianSSM(2, max_iter=15), truth.y, strategies, n_seeds=3, truth=truth.params, test=0.25,
                   progress=False)  # fmt: skip


def test_strategies_of_every_kind_run(result):
    assert set(result.runs["status"]) <= {"ok", "not_converged"}
    assert list(dict.fromkeys(result.runs["strategy"])) == [
        "subspace", "uniform", "Perturb(inner=Subspace(), scale=0.2)", "parameters", "function",
    ]  # fmt: skip
    assert result.objective_name == "log-likelihood"
    assert result.runs["monotone"].all()


def test_scores_are_what_the_model_says(result, truth):
    run = result.runs.iloc[0]
    model = result.rerun(run["run_id"])
    head, tail = truth.y[:90], truth.y[90:]
    assert model.log_likelihood_ == run["objective_final"]
    assert model.score(head) == pytest.approx(run["score"])
    assert model.score(tail) == pytest.approx(run["score_test"])
    assert 0 <= run["score_eigenvalue_error"] < 1


def test_a_row_is_the_fit_that_its_seed_gives(result, truth):
    from tsinit.comparison.plan.seeds import seed_from_text

    run = result.runs[result.runs["strategy"] == "uniform"].iloc[1]
    start = Uniform().dynamics(
        truth.y[:90], np.random.default_rng(seed_from_text(run["init_seed"])), 2
    )
    model = LinearGaussianSSM(2, init=start, max_iter=15).fit(truth.y[:90])
    assert model.log_likelihood_ == pytest.approx(run["objective_final"], rel=1e-10)


def test_the_function_and_the_strategy_it_calls_agree(result):
    ends = result.runs.set_index("strategy")["objective_final"]
    np.testing.assert_array_equal(ends["uniform"].to_numpy(), ends["function"].to_numpy())


def test_workers_give_the_same_table_and_know_names_registered_here(truth):
    register("lpc_of_this_test", partial(LPC, jitter=0.05))
    tables = [
        compare(LinearGaussianSSM(2, max_iter=5), truth.y, ["lpc_of_this_test", "uniform"], n_seeds=2, n_jobs=n,
                progress=False).runs.drop(columns=CLOCK)
        for n in (1, 2)
    ]  # fmt: skip
    assert tables[0].equals(tables[1])
    assert set(tables[0]["status"]) <= {"ok", "not_converged"}


def test_a_typing_error_in_a_name_stops_before_anything_runs(truth):
    with pytest.raises(ValueError, match="Did you mean 'kmeans'"):
        compare(LinearGaussianSSM(2), truth.y, ["kmeens"], progress=False)


def test_a_complete_table_scores_the_filling(truth):
    gappy = truth.y.copy()
    gappy[40:60, 0] = np.nan
    runs = compare(
        LinearGaussianSSM(2, max_iter=5),
        gappy,
        ["subspace"],
        n_seeds=1,
        truth=truth.y,
        progress=False,
    ).runs
    assert 0 < runs["score_rmse"].iloc[0] < 2 * truth.y[:, 0].std()


def test_several_sequences_and_data_frames(truth):
    import pandas as pd

    frame = pd.DataFrame(
        truth.y, columns=["a", "b"], index=pd.date_range("2024-01-01", periods=120, freq="D")
    )
    data = {"lengths": (truth.y, [60, 60]), "list": [truth.y[:50], truth.y[50:]], "frame": frame}
    runs = compare(
        LinearGaussianSSM(2, max_iter=3), data, ["uniform"], n_seeds=1, test=0.2, progress=False
    ).runs
    assert set(runs["status"]) == {"not_converged"}
    assert np.isfinite(runs["score_test"]).all()
