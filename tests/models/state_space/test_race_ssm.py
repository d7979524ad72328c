"""The race for a start of the state-space model: the winner goes on where it stands, and nothing is lost."""

import pickle
import threading
import time

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps

from tsinit import Budget, LinearGaussianSSM, compare
from tsinit.init import Race
from tsinit.init.race import runs_of_budget
from tsinit.models import Monitor
from tsinit.models.state_space import restarts
from tsinit.models.state_space.em import EM

RNG = np.random.default_rng(2)
Y = with_gaps(RNG, simulate(random_params(RNG, 3, 4), 150, RNG)[1], 0.1)
FEW = Race(["lpc_loose", "kmeans", "uniform"], n_seeds=2)


def fit(X=Y, init=FEW, **changes):
    return LinearGaussianSSM(3, init=init, max_iter=30, random_state=0).set_params(**changes).fit(X)


def broken(y, rng):
    raise np.linalg.LinAlgError("Singular matrix")


def explosive(y, rng, n_states):
    return random_params(rng, n_states, y.shape[1], radius=1.5, stationary=False)


@pytest.mark.parametrize(
    "changes", [{}, {"init": "auto"}, {"prior": "weak"}, {"tol": 1e-3}, {"n_init": 2}]
)
def test_the_end_is_that_of_the_winning_start_alone(changes):
    raced = fit(**changes)
    runs = raced.init_race_.runs
    winner = runs.loc[runs["n_iter"].where(runs["objective_final"] == raced.history_[-1]).idxmax()]
    seed = raced.init_race_.seed(winner["init_seed"])
    alone = fit(**changes | {"init": winner["strategy"], "n_init": 1}, random_state=parent(seed))
    np.testing.assert_array_equal(raced.history_, alone.history_)
    for one, other in zip(
        (*raced.start_, *raced.params_), (*alone.start_, *alone.params_), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert raced.n_iter_ == alone.n_iter_ == winner["n_iter"]
    assert raced.converged_ == alone.converged_


def parent(seed):
    return np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key[:-1])


def test_with_a_budget_for_all_the_end_is_the_best_of_all_starts():
    rich, poor = (
        fit(init=Race(FEW.strategies, n_seeds=2, budget=budget)) for budget in (10.0, 1.0)
    )
    runs = rich.init_race_.runs
    assert (runs["n_iter"] == 30).all() or runs.loc[runs["n_iter"] < 30, "status"].eq("ok").all()
    alone = [
        fit(init=row.strategy, random_state=parent(rich.init_race_.seed(row.init_seed))).history_[
            -1
        ]
        for row in runs.itertuples()
    ]
    assert rich.history_[-1] == max(alone)
    assert poor.init_race_.runs["n_iter"].sum() < runs["n_iter"].sum()


def test_the_budget_holds_beyond_the_first_round():
    for budget in (1.0, 2.0, 4.0):
        runs = fit(init=Race(FEW.strategies, n_seeds=2, budget=budget), tol=0.0).init_race_.runs
        first_round = 5 * min(round(2 * budget), 30 // 8)
        assert runs["n_iter"].sum() <= max(budget * 30, first_round + 30)


def test_the_last_word_to_a_progress_bar_is_the_fit_s_even_where_a_dropped_start_won():
    told = []
    monitor = Monitor(callback=lambda iteration, objective: told.append((iteration, objective)))
    model = LinearGaussianSSM(
        3, init=Race(FEW.strategies, n_seeds=3, budget=8.0), max_iter=60, random_state=13
    )
    model.fit_under(monitor, Y)
    assert told[-1] == (model.n_iter_, model.history_[-1])


def test_a_budget_below_one_run_is_refused():
    with pytest.raises(ValueError, match=r"^budget must be a number of at least 1; got 0\.5\.$"):
        fit(init=Race(budget=0.5))
    with pytest.raises(
        ValueError, match=r"^budget must be 'auto' or a number of at least 1; got 'two'\.$"
    ):
        fit(init=Race(budget="two"))


@pytest.fixture
def small_problems_have_threads_too(monkeypatch):
    monkeypatch.setattr(restarts, "_WORTH_THREADS", 0.0)


def race_of(fitted):
    clocks = ["init_seconds", "fit_seconds"]
    return fitted.init_race_.runs.drop(columns=clocks)


@pytest.mark.usefixtures("small_problems_have_threads_too")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"init": "auto"},
        {"init": Race(["uniform", "kmeans"], n_seeds=4, budget=2)},
        {"init": Race([broken, "uniform", explosive, "cva"]), "initial_state": "stationary"},
        {"n_init": 3, "prior": "weak"},
        {"tol": 1e-3, "n_states": [2, 3]},
        {"max_iter": 0},
    ],
)
def test_a_race_is_the_same_for_any_number_of_jobs(changes):
    fits = [fit(**changes, n_jobs=n_jobs) for n_jobs in (None, 1, 2, 3, 7)]
    for other in fits[1:]:
        assert race_of(other).equals(race_of(fits[0]))
        np.testing.assert_array_equal(other.history_, fits[0].history_)
        for a, b in zip(other.params_, fits[0].params_, strict=True):
            np.testing.assert_array_equal(a, b)
        seconds = other.init_race_.traces.groupby("run_id")["seconds"]
        assert (seconds.diff().dropna() >= 0.0).all()


@pytest.mark.usefixtures("small_problems_have_threads_too")
def test_entrants_do_run_side_by_side(monkeypatch):
    threads = set()
    original = EM.step

    def step(self, state):
        threads.add(threading.get_ident())
        time.sleep(0.002)  # long enough that another thread takes the next run
        return original(self, state)

    monkeypatch.setattr(EM, "step", step)
    fit(n_jobs=1)
    assert len(threads) == 1
    fit(n_jobs=2)
    assert len(threads) > 1


@pytest.mark.usefixtures("small_problems_have_threads_too")
def test_an_error_that_no_run_may_keep_to_itself_ends_a_race_in_threads(monkeypatch):
    class Stopped(BaseException):
        pass

    def step(self, state):
        raise Stopped

    monkeypatch.setattr(EM, "step", step)
    with pytest.raises(Stopped):
        fit(n_jobs=2)


@pytest.mark.usefixtures("small_problems_have_threads_too")
def test_a_budget_of_seconds_holds_in_threads():
    monitor = Monitor(Budget(seconds=0.0))
    raced = LinearGaussianSSM(3, init=FEW, random_state=0, n_jobs=2).fit_under(monitor, Y)
    assert monitor.timed_out
    assert np.isfinite(raced.log_likelihood_)


def test_the_budget_of_a_cheap_race_is_four_runs_and_of_a_dear_one_two():
    auto, two, four = (fit(init=Race(FEW.strategies, n_seeds=2, budget=b)) for b in ("auto", 2, 4))
    assert race_of(auto).equals(race_of(four))
    assert not race_of(auto).equals(race_of(two))
    assert runs_of_budget(Race(), 3e8) == 4.0
    assert runs_of_budget(Race(), 3.1e8) == 2.0
    assert runs_of_budget(Race(budget=3), 1e12) == 3


def test_dear_problems_are_raced_for_two_runs(monkeypatch):
    two = fit(init=Race(FEW.strategies, n_seeds=2, budget=2))
    monkeypatch.setattr("tsinit.init.race._CHEAP", 150 * (9 * 7 + 20) * 30 - 1.0)
    dear = fit(init=Race(FEW.strategies, n_seeds=2))
    assert race_of(dear).equals(race_of(two))
    monkeypatch.setattr("tsinit.init.race._CHEAP", 150 * (9 * 7 + 20) * 30 + 1.0)
    cheap = fit(init=Race(FEW.strategies, n_seeds=2))
    assert not race_of(cheap).equals(race_of(two))


def test_every_row_is_the_beginning_of_the_fit_from_its_start():
    race = fit().init_race_
    for row in race.runs.itertuples():
        trace = race.traces.loc[race.traces["run_id"] == row.run_id, "objective"].to_numpy()
        alone = fit(init=row.strategy, random_state=parent(race.seed(row.init_seed)))
        np.testing.assert_array_equal(trace, alone.history_[: len(trace)])
        assert row.objective_start == trace[0]
        assert row.objective_final == trace[-1]
        assert row.n_iter == len(trace) - 1


def test_the_race_lists_all_and_the_winner_is_the_best_of_them():
    raced = fit()
    runs = raced.init_race_.runs
    assert sorted(zip(runs["strategy"], runs["replicate"], strict=True)) == [
        ("kmeans", 0), ("kmeans", 1), ("lpc_loose", 0), ("uniform", 0), ("uniform", 1)
    ]  # fmt: skip
    assert raced.history_[-1] == runs["objective_final"].max()
    assert raced.init_race_.summary()["n_runs"].sum() == 5


def test_adding_a_strategy_changes_no_other_row():
    few = fit().init_race_.runs
    more = fit(init=Race([broken, *FEW.strategies], n_seeds=2)).init_race_.runs
    columns = ["strategy", "replicate", "init_seed", "objective_start"]
    assert few[columns].merge(more[columns]).shape == few[columns].shape


def test_starts_that_fail_are_rows():
    raced = fit(init=Race([broken, "uniform", explosive]), initial_state="stationary")
    errors = raced.init_race_.errors
    assert sorted(errors["strategy"].unique()) == ["broken", "explosive"]
    assert set(errors["error_type"]) == {"LinAlgError", "ValueError"}
    assert "Singular matrix" in errors["traceback"].iloc[0] + errors["traceback"].iloc[-1]


def test_when_all_fail_one_sentence_says_how():
    said = r"^init must race strategies of which one can be fitted; got none: .*broken \(LinAlgError: Singular matrix\)"
    with pytest.raises(ValueError, match=said + r"\.$"):
        fit(init=Race([broken]))


def test_there_is_no_race_without_one():
    assert not hasattr(fit(init="uniform"), "init_race_")
    assert not hasattr(LinearGaussianSSM(init="auto"), "init_race_")
    refitted = fit()
    refitted.set_params(init="uniform").fit(Y)
    assert not hasattr(refitted, "init_race_")


def test_the_race_survives_pickling():
    raced = fit()
    again = pickle.loads(pickle.dumps(raced))
    columns = ["run_id", "objective_final", "start", "n_iter"]
    assert again.init_race_.runs[columns].equals(raced.init_race_.runs[columns])


@pytest.mark.parametrize("seconds", [0.0, 1e-3])
def test_out_of_time_the_race_ends_and_keeps_what_it_has(seconds):
    model = LinearGaussianSSM(3, init=FEW, random_state=0)
    monitor = Monitor(Budget(seconds=seconds))
    model.fit_under(monitor, Y)
    assert monitor.timed_out
    assert model.n_iter_ == len(model.history_) - 1 < 100
    assert np.isfinite(model.log_likelihood_)


def test_a_limit_of_iterations_holds_for_every_run():
    for limit in (0, 1, 7):
        model = LinearGaussianSSM(3, init=FEW, random_state=0)
        model.fit_under(Monitor(Budget(max_iter=limit)), Y)
        assert model.n_iter_ <= limit
        assert (model.init_race_.runs["n_iter"] <= limit).all()


def test_the_cost_of_the_race_is_in_the_row_of_a_comparison():
    runs = compare(
        LinearGaussianSSM(3, max_iter=20), Y, [FEW, "uniform"], n_seeds=1, progress=False
    ).runs
    raced = fit(max_iter=20)
    race = raced.init_race_.runs
    total = race["n_iter"].sum() / raced.n_iter_
    assert total > 1.5
    seconds = runs["init_seconds"] + runs["fit_seconds"]
    assert seconds[0] > seconds[1]
    assert runs["status"].isin(["ok", "not_converged"]).all()


@pytest.mark.parametrize("X", [[Y[:70], Y[70:]], Y[:12]], ids=["two sequences", "a dozen rows"])
def test_sequences_and_short_series_race_too(X):
    raced = fit(X, init="auto", n_states=2)
    assert np.isfinite(raced.log_likelihood_)


def test_of_several_orders_the_race_of_the_chosen_one_is_kept():
    raced = fit(n_states=[1, 2])
    assert raced.init_race_.runs["objective_final"].max() == raced.history_[-1]


def test_the_progress_bar_counts_iterations_and_shows_the_best():
    told = []
    monitor = Monitor(callback=lambda iteration, objective: told.append((iteration, objective)))
    model = LinearGaussianSSM(3, init=FEW, random_state=0)
    model.fit_under(monitor, Y)
    assert told[-1] == (model.n_iter_, model.history_[-1])
    assert np.all(np.diff([iteration for iteration, _ in told]) >= 0)


@pytest.mark.parametrize("n_init", [1, 3])
def test_one_candidate_is_a_race_too(n_init):
    raced = fit(init=Race(["lpc_loose"]), n_init=n_init)
    np.testing.assert_array_equal(raced.history_, fit(init="lpc_loose").history_)
