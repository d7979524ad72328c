"""Markov switching models of statsmodels: begun at labels, otherwise fitted as the library does."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from tsinit import Budget, compare
from tsinit.adapters import adapter_of, starting
from tsinit.adapters.base import library_adapters
from tsinit.init import BestOf, Perturb, names
from tsinit.models.monitor import Monitor

pytest.importorskip("statsmodels", "0.14.4")
from statsmodels.tsa.regime_switching.markov_autoregression import MarkovAutoregression
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

TRUTH = np.repeat([0, 1, 0, 1], 30)
CLOCK = ["init_seconds", "fit_seconds"]


def _series(rng):
    """Two regimes that differ in mean, slope and spread."""
    z = rng.standard_normal((len(TRUTH), 2))
    noise = rng.standard_normal(len(TRUTH)) * np.where(TRUTH == 0, 1.0, 0.4)
    return np.where(TRUTH == 0, 0.0, 2.0) + np.where(TRUTH == 0, 0.5, -0.5) * z[:, 0] + noise, z


Y, Z = _series(np.random.default_rng(0))
TVTP = np.column_stack([np.ones(len(Y)), Z[:, 1]])
MODELS = {
    "means": (MarkovRegression, {"k_regimes": 2}),
    "variances": (MarkovRegression, {"k_regimes": 2, "switching_variance": True}),
    "slopes": (MarkovRegression, {"k_regimes": 2, "exog": Z, "switching_exog": [True, False]}),
    "common mean": (MarkovRegression, {"k_regimes": 2, "switching_trend": False, "switching_variance": True}),
    "no trend": (MarkovRegression, {"k_regimes": 2, "trend": "n", "switching_variance": True}),
    "three": (MarkovRegression, {"k_regimes": 3, "switching_variance": True}),
    "covariates": (MarkovRegression, {"k_regimes": 2, "exog_tvtp": TVTP}),
    "autoregression": (MarkovAutoregression, {"k_regimes": 2, "order": 2, "switching_variance": True}),
    "common lags": (MarkovAutoregression, {"k_regimes": 2, "order": 1, "switching_ar": False, "exog": Z}),
    "lags alone": (MarkovAutoregression, {"k_regimes": 2, "order": 1, "trend": "n"}),
}  # fmt: skip


def _model(name="means", y=Y):
    kind, settings = MODELS[name]
    return kind(y, **settings)


def _fit(model, init, y=Y, budget=None, seed=0):
    """Run one start as a comparison does, and give (results, monitor, begun)."""
    adapter, monitor = adapter_of(model), Monitor(budget)
    data = y.reshape(-1, 1) if isinstance(y, np.ndarray) else y
    begun, _ = starting.begin(adapter, model, init, data, np.random.SeedSequence(seed))
    asked = copy.deepcopy(begun)
    results = adapter.run(begun, data, monitor)
    starting.require_kept(
        adapter, None if isinstance(init, str) else adapter.start_of(asked), results
    )
    return results, monitor, asked


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_native_is_the_librarys_own_fit_bit_for_bit(name):
    limit = None if name in ("means", "autoregression") else 20
    plain = _model(name).fit(disp=0, maxiter=limit or 100)
    results, monitor, _ = _fit(_model(name), "native", budget=Budget(max_iter=limit))
    np.testing.assert_array_equal(results.params, plain.params)
    assert results.llf == plain.llf == monitor.final
    np.testing.assert_array_equal(results.bse, plain.bse)
    assert monitor.converged == plain.mle_retvals["converged"]


@pytest.mark.parametrize("name", MODELS)
def test_a_start_is_kept_and_the_trace_climbs_from_its_objective(name):
    model = _model(name)
    results, monitor, begun = _fit(model, TRUTH, budget=Budget(max_iter=5))
    adapter = adapter_of(model)
    at_start = model.loglike(adapter.start_of(begun))
    assert monitor.objectives[0] == pytest.approx(at_start, rel=1e-12)
    assert adapter.objective(begun, Y[:, None]) == pytest.approx(at_start, rel=1e-12)
    assert (np.diff(monitor.objectives) >= -1e-9).all()
    assert monitor.n_iter == 5
    assert results.llf == pytest.approx(monitor.objectives[-1], rel=1e-12)
    np.testing.assert_array_equal(adapter.start_of(begun), adapter.start_of(results))


def test_true_labels_give_the_regression_of_each_regime():
    model = _model("variances")
    _, _, begun = _fit(model, TRUTH, budget=Budget(max_iter=0))
    start = dict(zip(model.param_names, begun.start_, strict=True))
    for k, rows in enumerate([Y[TRUTH == 0], Y[TRUTH == 1]]):
        assert start[f"const[{k}]"] == pytest.approx(rows.mean(), rel=1e-3)
        assert start[f"sigma2[{k}]"] == pytest.approx(rows.var() + 1e-3 * Y.var(), rel=1e-3)
    # Two of the 60 steps from regime 0 leave it, one of the 59 from the other; one count is shared out.
    assert start["p[0->0]"] == pytest.approx(1.0 - (2 + 0.5) / (60 + 1), rel=1e-9)
    assert start["p[1->0]"] == pytest.approx((1 + 0.5) / (59 + 1), rel=1e-9)


def test_lags_follow_from_labels_and_stay_stationary():
    rng = np.random.default_rng(3)
    e, y = rng.standard_normal(600), np.zeros(600)
    states = np.repeat([0, 1, 0], 200)
    for t in range(1, 600):
        y[t] = (0.8, -0.5)[states[t]] * y[t - 1] + e[t]
    model = MarkovAutoregression(y, k_regimes=2, order=1, trend="n")
    _, _, begun = _fit(model, states, y, Budget(max_iter=0))
    start = dict(zip(model.param_names, begun.start_, strict=True))
    assert start["ar.L1[0]"] == pytest.approx(0.8, abs=0.1)
    assert start["ar.L1[1]"] == pytest.approx(-0.5, abs=0.15)
    walk = np.exp(0.05 * np.arange(100.0))  # explosive: 1.05
    _, _, begun = _fit(
        MarkovAutoregression(walk, 2, 1), np.repeat([0, 1], 50), walk, Budget(max_iter=0)
    )
    assert np.abs(begun.start_[-2:]).max() < 1.0


def test_a_regime_without_rows_begins_apart_from_the_others():
    for name in ("three", "autoregression"):
        _, monitor, begun = _fit(
            _model(name), np.zeros(len(Y), dtype=int), budget=Budget(max_iter=3)
        )
        assert np.isfinite(begun.start_).all()
        assert np.isfinite(monitor.objectives).all()
        means = [v for v, n in zip(begun.start_, begun.param_names, strict=True) if "const" in n]
        assert len(set(np.round(means, 6))) == len(means)


def test_a_library_that_overwrites_the_start_is_found():
    class Stubborn(MarkovRegression):
        def fit(self, start_params=None, transformed=True, **kwargs):
            return super().fit(**kwargs)

    with pytest.raises(starting.StartNotKept, match="must begin with the start it was handed"):
        _fit(Stubborn(Y, 2), TRUTH)


def test_every_strategy_of_labels_runs():
    strategies = {name: name for name in names("labels")} | {
        "best": BestOf(["kmeans", "uniform"], n_iter=2),
        "near": Perturb("kmeans", 0.3),
    }
    result = compare(
        _model(), Y[:, None], strategies, n_seeds=1, budget=Budget(max_iter=2), progress=False
    )
    assert set(result.runs["status"]) <= {"ok", "not_converged"}


def test_the_users_model_stays_as_it_is_and_results_are_the_librarys():
    model = _model()
    before = pickle.dumps(model)
    result = compare(model, Y[:, None], ["kmeans"], n_seeds=1, progress=False, truth=TRUTH)
    assert pickle.dumps(model) == before
    assert result.runs["score_ari"].iloc[0] > 0.8
    best = result.best_model()
    again = pickle.loads(pickle.dumps(best))
    assert str(again.summary()) == str(best.summary())
    assert again.llf == result.runs["objective_final"].iloc[0]


def test_two_processes_and_the_store_give_the_same_runs(tmp_path):
    call = {"n_seeds": 2, "progress": False, "budget": Budget(max_iter=3)}
    alone = compare(_model(), Y[:, None], ["native", "uniform"], **call)
    pair = compare(_model(), Y[:, None], ["native", "uniform"], n_jobs=2, store=tmp_path, **call)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    fitted = _model()
    fitted.fit(disp=0)  # leaves traces in the model, none of which counts
    again = compare(fitted, Y[:, None], ["native", "uniform"], store=tmp_path, **call)
    assert again.runs.equals(pair.runs)
    other = compare(_model("variances"), Y[:, None], ["native", "uniform"], store=tmp_path, **call)
    assert not set(other.runs["run_id"]) & set(pair.runs["run_id"])


def test_budgets_end_a_run():
    results, monitor, begun = _fit(_model(), TRUTH, budget=Budget(max_iter=0))
    np.testing.assert_array_equal(results.params, begun.start_)
    assert monitor.objectives == [pytest.approx(results.llf)]
    assert monitor.converged is False
    results, monitor, _ = _fit(_model(), TRUTH, budget=Budget(seconds=0.0))
    assert monitor.timed_out
    assert np.isfinite(results.llf)
    _, monitor, _ = _fit(_model(), "native", budget=Budget(max_iter=3))
    assert monitor.n_iter == 3


@pytest.mark.parametrize("name", ["slopes", "common lags", "covariates"])
def test_held_out_rows_of_its_own_series_have_their_exogenous_variables(name):
    model = _model(name)
    result = compare(
        model, Y[:, None], ["kmeans"], n_seeds=1, test=0.2, truth=TRUTH, progress=False
    )
    run = result.runs.iloc[0]
    kind, settings = MODELS[name]
    arrays = {k: v for k, v in settings.items() if isinstance(v, np.ndarray)}
    tail = kind(Y[96:], **settings | {k: v[96:] for k, v in arrays.items()})
    params = result.best_model().params
    assert run["score_test"] == pytest.approx(tail.loglike(params), rel=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda y: MarkovRegression(y, 2, trend="ct"),
        lambda y: MarkovAutoregression(y, 2, order=1, trend="ct", exog=Z[-len(y) :]),
    ],
)
def test_time_goes_on_in_the_trend_of_held_out_rows(make):
    model = make(Y)
    adapter = adapter_of(model)
    results, _, _ = _fit(model, TRUTH[:96], Y[:96], Budget(max_iter=0))
    tail = make(Y[96:])
    lags = len(Y[96:]) - len(tail.endog)
    for name in {"exog", "orig_exog"} & set(vars(tail)):
        array = getattr(tail, name)
        first = 97 + (lags if name == "exog" else 0)
        array[:, 1] = first + np.arange(len(array))
    expected = tail.loglike(np.asarray(results.params))
    assert adapter.objective(results, Y[96:, None]) == pytest.approx(expected, rel=1e-9)


def test_a_class_of_the_users_runs_on_the_series_it_holds():
    class Own(MarkovRegression):
        def __init__(self, endog, spread):
            super().__init__(endog, 2)
            self.spread_ = spread

    runs = compare(Own(Y, 1.0), Y[:, None], ["kmeans"], n_seeds=1, progress=False).runs
    assert runs["status"].iloc[0] == "ok"
    with pytest.raises(
        TypeError, match=r"keep the arguments of its constructor.*Own without spread"
    ):
        _fit(Own(Y, 1.0), TRUTH[:50], Y[:50])


def test_other_data_build_the_model_anew_and_keep_its_initial_regime():
    model = _model("variances")
    model.initialize_known([0.9, 0.1])
    other = pd.DataFrame({"y": Y[::-1] + 1.0}, index=pd.date_range("2020", periods=len(Y)))
    results, _, _ = _fit(model, TRUTH, other)
    same = MarkovRegression(other["y"], 2, switching_variance=True)
    same.initialize_known([0.9, 0.1])
    assert results.llf == pytest.approx(same.loglike(results.params), rel=1e-12)
    assert results.smoothed_marginal_probabilities.index.equals(other.index)
    adapter = adapter_of(model)
    labels = adapter.labels(results, Y[:, None])
    assert labels.shape == Y.shape
    assert adapter.labels(_fit(_model("autoregression"), TRUTH)[0], Y[:, None]).shape == Y.shape


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ("means", np.where(np.arange(len(Y)) == 3, np.nan, Y)[:, None], "must be complete for Mar.*; got 1 missing"),
        ("means", np.column_stack([Y, Y]), "must have one column for MarkovRegression; got 2"),
        ("means", [Y[:60, None], Y[60:, None]], "must be one series for statsmodels; got 2 sequences"),
        ("slopes", Y[::-1, None], "because the model has exogenous variables; got others"),
    ],
)  # fmt: skip
def test_data_that_it_cannot_take_are_refused_in_one_row(model, data, message):
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(_model(model), data, ["native", "uniform"], n_seeds=1, progress=False)
    assert (result.runs["status"] == "error").all()
    assert result.runs["error_message"].str.contains(message).all()


def test_start_and_model_of_wrong_kinds():
    with pytest.raises(ValueError, match="must give at most 2 states"):
        _fit(_model(), np.arange(len(Y)) % 3)
    with pytest.raises(ValueError, match="one label for each"):
        _fit(_model(), TRUTH[:5])
    with pytest.raises(TypeError, match="statsmodels"):
        adapter_of(MarkovRegression)


def test_the_command_line_makes_one():
    adapter = next(a for a in library_adapters("statsmodels") if "MarkovRegression" in a.classes)
    model = adapter.make("MarkovRegression", pd.DataFrame({"y": Y}), {"k_regimes": 2})
    assert adapter_of(model) is adapter
    assert adapter.describe(model)["n_states"] == 2
