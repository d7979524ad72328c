"""pykalman's filter runs as pykalman runs it, from wherever a strategy begins."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from tsinit import LinearGaussianParams, compare
from tsinit.adapters import adapter_of, starting
from tsinit.adapters.pykalman import PyKalman
from tsinit.init import BestOf, Perturb, propose
from tsinit.init.registry import names
from tsinit.models.monitor import Budget, Monitor

pykalman = pytest.importorskip("pykalman")
KalmanFilter = pykalman.KalmanFilter

CLOCK = ["init_seconds", "fit_seconds"]
ADAPTER = PyKalman()
LEARNT = (
    "transition_matrices", "transition_offsets", "transition_covariance", "observation_matrices",
    "observation_offsets", "observation_covariance", "initial_state_mean", "initial_state_covariance",
)  # fmt: skip
SIZE = {"n_dim_state": 2, "n_dim_obs": 3}


def series(n=24, seed=0):
    """A noisy rotation, seen in three columns; pykalman takes a millisecond for each row."""
    rng = np.random.default_rng(seed)
    x, y = np.zeros(2), np.empty((n, 3))
    for t in range(n):
        x = np.array([[0.9, 0.3], [-0.3, 0.9]]) @ x + rng.normal(size=2)
        y[t] = [x[0], x[1], x[0] + x[1]] + 0.3 * rng.normal(size=3) + 1.0
    return y


Y = series()
GAPS = Y.copy()
GAPS[3, 1] = GAPS[10:12] = np.nan


def fitted(model, init, data=Y, budget=None):
    monitor = Monitor(Budget(max_iter=3) if budget is None else budget)
    begun, start = starting.begin(ADAPTER, model, init, data, np.random.SeedSequence(3))
    asked = copy.deepcopy(ADAPTER.start_of(begun))
    result = ADAPTER.run(begun, data, monitor)
    starting.require_kept(ADAPTER, None if start is None else asked, result)
    return result, monitor


def dynamics(data=Y):
    return propose("uniform", "dynamics", data, n_states=2, random_state=0)


def assert_same_bits(a, b):
    for name in LEARNT:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("data", [Y, GAPS, pd.DataFrame(Y).astype(np.float32)])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"em_vars": "all"},
        {"em_vars": ["transition_matrices", "observation_offsets"]},
        {"transition_matrices": 0.5 * np.eye(2), "transition_offsets": [0.1, 0.2]},
        {"transition_covariance": 0.3 * np.eye(2), "observation_offsets": np.ones(3)},
    ],
)
def test_native_is_the_plain_fit_bit_for_bit(given, data):
    ours, monitor = fitted(KalmanFilter(**SIZE, **given), "native", data)
    masked = np.ma.masked_invalid(data) if np.isnan(np.asarray(data)).any() else np.asarray(data)
    theirs = KalmanFilter(**SIZE, **given).em(masked, n_iter=3)
    assert_same_bits(ours, theirs)
    assert ADAPTER.objective(ours, data) == theirs.loglikelihood(masked)
    assert monitor.objectives[-1] == pytest.approx(theirs.loglikelihood(masked), rel=1e-6)


def test_parameters_that_change_with_time_are_the_librarys_business():
    A = np.tile(0.9 * np.eye(2), (len(Y) - 1, 1, 1))
    model = KalmanFilter(transition_matrices=A, **SIZE)
    ours, monitor = fitted(model, "native")
    assert_same_bits(ours, KalmanFilter(transition_matrices=A, **SIZE).em(Y, n_iter=3))
    assert monitor.objectives[-1] == ours.loglikelihood(Y)
    with pytest.raises(ValueError, match="init must have the transition_matrices of the model"):
        fitted(model, dynamics())


@pytest.mark.parametrize("data", [Y, GAPS])
@pytest.mark.parametrize("em_vars", [None, "all"])
def test_a_start_is_kept_and_the_trace_begins_with_it(data, em_vars):
    model, start = KalmanFilter(em_vars=em_vars, **SIZE), dynamics()
    begun, _ = starting.begin(ADAPTER, model, start, data, np.random.SeedSequence(3))
    result, monitor = fitted(model, start, data)
    for name, value in ADAPTER.start_of(begun).items():
        np.testing.assert_array_equal(value, result.start_[name])
    np.testing.assert_array_equal(result.start_["transition_matrices"], start.A)
    assert monitor.objectives[0] == pytest.approx(ADAPTER.objective(begun, data), rel=1e-6)
    assert (np.diff(monitor.objectives) > 0).all()
    found = ADAPTER.params(result)
    np.testing.assert_allclose(found.R, result.observation_covariance, rtol=1e-12)


def test_a_fixed_parameter_stays_and_one_to_be_learnt_is_set():
    start = dynamics()
    model = KalmanFilter(
        observation_covariance=np.eye(3), transition_covariance=np.eye(2), em_vars=["transition_covariance"], **SIZE
    )  # fmt: skip
    result, _ = fitted(model, start)
    np.testing.assert_array_equal(result.observation_covariance, np.eye(3))
    np.testing.assert_array_equal(result.observation_matrices, start.C)
    np.testing.assert_array_equal(result.start_["transition_covariance"], start.Q)
    fixed = KalmanFilter(observation_matrices=np.eye(3, 2))
    with pytest.raises(ValueError, match="init must have the observation_matrices of the model"):
        fitted(fixed, start)
    fitted(fixed, start._replace(C=np.eye(3, 2)), budget=Budget(max_iter=0))


def test_a_library_that_begins_elsewhere_is_found():
    class Own(KalmanFilter):
        def em(self, X, n_iter=10):
            self.initial_state_mean = np.full(2, 7.0)
            return super().em(X, n_iter=n_iter)

    Own.__module__ = "pykalman.own"
    with pytest.raises(starting.StartNotKept, match="overwrote initial_state_mean"):
        fitted(Own(**SIZE), dynamics())


@pytest.mark.parametrize("kind", ["CholeskyKalmanFilter", "BiermanKalmanFilter"])
def test_the_filters_by_square_roots_are_run_as_well(kind):
    sqrt = pytest.importorskip("pykalman.sqrt")
    # The library's own default of em_vars does not work in these.
    options = SIZE | {"em_vars": ["transition_covariance", "observation_covariance"]}
    model = getattr(sqrt, kind)(**options)
    assert isinstance(adapter_of(model), PyKalman)
    ours, monitor = fitted(model, "native", budget=Budget(max_iter=1))
    assert_same_bits(ours, getattr(sqrt, kind)(**options).em(Y, n_iter=1))
    assert monitor.objectives[-1] == pytest.approx(ours.loglikelihood(Y), rel=1e-6)


def test_iterations_are_the_librarys_unless_a_budget_says_more_or_less():
    short = Y[:5]
    for budget, n in ((Budget(), 10), (Budget(max_iter=12), 12), (Budget(max_iter=0), 0)):
        result, monitor = fitted(KalmanFilter(**SIZE), "native", short, budget)
        assert (result.n_iter_, len(monitor.objectives)) == (n, n + 1)
    result, monitor = fitted(KalmanFilter(**SIZE), dynamics(), budget=Budget(10**6, 0.1))
    assert monitor.timed_out
    assert result.n_iter_ < 1000


def test_the_users_model_stays_as_it_is_and_the_fitted_one_can_be_sent():
    model = KalmanFilter(transition_covariance=np.eye(2), em_vars="all", **SIZE)
    before = copy.deepcopy(vars(model))
    for init in ("native", dynamics()):
        result, _ = fitted(model, init, budget=Budget(max_iter=1))
        assert vars(model).keys() == before.keys()
        assert model.transition_matrices is None
        np.testing.assert_array_equal(model.transition_covariance, np.eye(2))
        again = pickle.loads(pickle.dumps(result))
        assert again.loglikelihood(Y) == result.loglikelihood(Y)
        assert again.em(Y, n_iter=1).smooth(Y)[0].shape == (len(Y), 2)


def test_every_strategy_of_dynamics_begins_one():
    known = {name: name for name in ("native", *names("dynamics"))}
    inner = {"best": BestOf(["uniform", "subspace"]), "apart": Perturb("uniform", 0.1)}
    result = compare(
        KalmanFilter(n_dim_state=2, n_dim_obs=3), Y, known | inner, n_seeds=1, budget=Budget(max_iter=0), progress=False
    )  # fmt: skip
    assert set(result.runs["status"]) == {"not_converged"}


def test_runs_are_the_same_in_processes_and_come_back_from_a_store(tmp_path):
    A = np.array([[0.9, 0.3], [-0.3, 0.9]])
    truth = LinearGaussianParams(A, np.ones((3, 2)), np.eye(2), np.eye(3), np.zeros(2), np.eye(2))
    call = {
        "n_seeds": 2, "progress": False, "test": 0.25, "truth": truth, "budget": Budget(max_iter=1)
    }  # fmt: skip
    model, starts = KalmanFilter(**SIZE), ["native", "uniform"]
    alone = compare(model, Y, starts, **call)
    pair = compare(model, Y, starts, n_jobs=2, store=tmp_path, **call)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    assert compare(KalmanFilter(**SIZE), Y, starts, store=tmp_path, **call).runs.equals(pair.runs)
    for other in ({"em_vars": "all"}, {"initial_state_mean": np.ones(2)}):
        runs = compare(KalmanFilter(**SIZE, **other), Y, starts, store=tmp_path, **call).runs
        assert not set(runs["run_id"]) & set(pair.runs["run_id"])
    best, row = alone.best_model(), alone.runs.loc[alone.runs["objective_final"].idxmax()]
    assert best.loglikelihood(Y[:18]) == row["objective_final"]
    assert best.loglikelihood(Y[18:]) == row["score_test"]
    assert np.isfinite(alone.runs["score_eigenvalue_error"]).all()


def test_what_cannot_be_run_is_said_in_one_sentence():
    with pytest.raises(ValueError, match="data must be one series for pykalman; got 2"):
        fitted(KalmanFilter(**SIZE), "native", [Y, Y])
    with pytest.raises(
        ValueError, match="data must have 1 columns, the n_dim_obs of the model; got 3"
    ):
        fitted(KalmanFilter(n_dim_state=2), "native")
    with pytest.raises(ValueError, match="3"):
        fitted(KalmanFilter(n_dim_state=3, n_dim_obs=3), dynamics())
    with pytest.raises(TypeError, match="model must be a tsinit estimator"):
        adapter_of(pykalman.UnscentedKalmanFilter())
