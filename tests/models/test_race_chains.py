"""The race for starts of the samplers: over before half of the warm-up is, and its chains are those of the fit."""

import pickle

import numpy as np
import pytest

from tsinit import Budget, InfiniteHMM, TBayesMICE, compare
from tsinit.datasets import make_hmm
from tsinit.init import Race
from tsinit.models import Monitor

Y = make_hmm(60, 2, 2, persistence=0.9, missing=0.1, random_state=0).y
MODELS = [
    InfiniteHMM(
        init=Race(["kmeans", "segments", "uniform"]),
        n_tune=16,
        n_draws=6,
        n_chains=2,
        random_state=0,
    ),
    TBayesMICE(
        init=Race(["linear", "mean", "uniform"]),
        lags=1,
        n_tune=16,
        n_draws=6,
        n_chains=2,
        random_state=0,
    ),
]
SCALAR = {"InfiniteHMM": "log_joint", "TBayesMICE": "log_density"}


def clone_with(model, **changes):
    return type(model)(**{**model.get_params(deep=False), **changes})


def broken(y, rng):
    raise np.linalg.LinAlgError("Singular matrix")


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: type(model).__name__)
def raced(request):
    return clone_with(request.param).fit(Y)


def test_every_row_is_the_beginning_of_a_chain_from_its_start_alone(raced):
    race, scalar = raced.init_race_, SCALAR[type(raced).__name__]
    compared = 0
    for row in race.runs.itertuples():
        if row.replicate and row.strategy in ("linear", "mean"):
            continue  # moved, because all seeds were given the same table
        seed = race.seed(row.init_seed)
        parent = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key[:-1])
        alone = clone_with(raced, init=row.strategy, n_chains=1, random_state=parent).fit(Y)
        trace = race.traces.loc[race.traces["run_id"] == row.run_id, "objective"].to_numpy()
        np.testing.assert_array_equal(trace, alone.trace_[scalar][0, : len(trace)])
        compared += len(trace) > 17
    assert compared  # among them whole chains of the fit


def test_the_race_is_over_half_way_through_the_warm_up(raced):
    runs = raced.init_race_.runs
    sweeps = raced.n_tune + raced.n_draws
    assert len(runs) == 6
    assert (runs["n_iter"] == sweeps).sum() == 2
    assert runs.loc[runs["n_iter"] < sweeps, "n_iter"].max() <= raced.n_tune // 2
    assert len(raced.history_) == sweeps + 1
    assert raced.trace_[SCALAR[type(raced).__name__]].shape == (2, sweeps + 1)
    assert len(raced.start_) == 2


def test_survivors_do_not_all_come_from_one_strategy(raced):
    runs = raced.init_race_.runs
    assert runs.loc[runs["status"] == "ok", "strategy"].nunique() == 2


def test_threads_change_nothing(raced):
    again = clone_with(raced, n_jobs=2).fit(Y)
    np.testing.assert_array_equal(raced.history_, again.history_)
    columns = ["run_id", "objective_start", "objective_final", "n_iter", "rounds", "start"]
    assert raced.init_race_.runs[columns].equals(again.init_race_.runs[columns])


def test_the_race_survives_pickling_and_answers(raced):
    race = pickle.loads(pickle.dumps(raced)).init_race_
    assert race.summary()["n_runs"].sum() == 6
    assert race.mixing()["n_runs"].max() > 0
    assert "data" in race.verdict()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_chains_that_failures_leave_wanting_begin_near_a_survivor(model):
    few = clone_with(model, init=Race([broken, "uniform"], n_seeds=1), n_chains=3).fit(Y)
    runs = few.init_race_.runs
    assert set(few.init_race_.errors["strategy"]) == {"broken"}
    assert (runs["status"] == "ok").sum() == len(few.start_) == 3
    with pytest.raises(
        ValueError,
        match=r"init must race strategies of which one can be fitted; got none: .*broken",
    ):
        clone_with(model, init=Race([broken])).fit(Y)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize(
    "changes", [{"n_tune": 0}, {"n_tune": 1}, {"n_chains": 1}, {"n_chains": 7}], ids=str
)
def test_any_schedule_and_number_of_chains_will_do(model, changes):
    fitted = clone_with(model, **changes).fit(Y)
    assert len(fitted.start_) == fitted.n_chains
    assert np.isfinite(fitted.history_[1:]).all()
    assert fitted.n_iter_ == fitted.n_tune + fitted.n_draws


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_budget_ends_race_and_fit(model):
    for budget in (Budget(seconds=0.0), Budget(max_iter=4)):
        monitor = Monitor(budget)
        fitted = clone_with(model).fit_under(monitor, Y)
        assert fitted.n_iter_ <= 4
        assert monitor.timed_out == (budget.seconds is not None)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_comparison_takes_a_race_as_one_of_its_strategies(model):
    runs = compare(model, Y, ["auto", "uniform"], n_seeds=1, score={}, progress=False).runs
    assert list(runs["strategy"]) == ["auto", "uniform"]
    assert np.isfinite(runs["objective_final"]).all()
