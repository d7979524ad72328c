"""State space models of statsmodels, fitted from a vector of parameters as the library fits from its own."""

import copy
import itertools
import pickle

import numpy as np
import pandas as pd
import pytest

from tsinit import Budget, compare
from tsinit.adapters import adapter_of, starting
from tsinit.adapters.base import library_adapters
from tsinit.comparison.plan.identity import identify
from tsinit.init import BestOf, Perturb, names
from tsinit.models.monitor import Monitor

pytest.importorskip("statsmodels", "0.14.4")
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.holtwinters import ExponentialSmoothing as HoltWinters
from statsmodels.tsa.statespace.dynamic_factor import DynamicFactor
from statsmodels.tsa.statespace.dynamic_factor_mq import DynamicFactorMQ
from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing
from statsmodels.tsa.statespace.mlemodel import MLEModel
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.statespace.structural import UnobservedComponents
from statsmodels.tsa.statespace.varmax import VARMAX

CLOCK = ["init_seconds", "fit_seconds"]


def _tables(rng):
    walk = rng.standard_normal(100).cumsum()
    gappy = walk.copy()
    gappy[[3, 40, 41]] = np.nan
    factor = rng.standard_normal((100, 1)).cumsum(axis=0) * 0.3
    return walk, gappy, factor + rng.standard_normal((100, 2))


WALK, GAPPY, PAIR = _tables(np.random.default_rng(0))


class Level(MLEModel):
    """A user's own local level, in the library's way; it keeps its argument nowhere else than in its matrices."""

    def __init__(self, endog, signal=1.0):
        super().__init__(
            endog, k_states=1, initialization="approximate_diffuse", loglikelihood_burn=1
        )
        self["design", 0, 0] = signal
        self["transition", 0, 0] = self["selection", 0, 0] = 1.0

    param_names = ("noise", "step")
    start_params = np.array([1.0, 1.0])

    def transform_params(self, unconstrained):
        return unconstrained**2

    def untransform_params(self, constrained):
        return constrained**0.5

    def update(self, params, **kwargs):
        params = super().update(params, **kwargs)
        self["obs_cov", 0, 0], self["state_cov", 0, 0] = params


MODELS = {
    "trend": lambda y=GAPPY: UnobservedComponents(y, "lltrend"),
    "regression": lambda y=WALK: UnobservedComponents(y, "rwalk", exog=PAIR),
    "arma": lambda y=GAPPY: SARIMAX(y, order=(1, 0, 1), trend="c"),
    "differenced": lambda y=WALK: SARIMAX(y, order=(1, 1, 0), simple_differencing=True),
    "arima": lambda y=WALK: ARIMA(y, order=(1, 0, 0), exog=PAIR),
    "smoothing": lambda y=WALK: ExponentialSmoothing(y, trend=True),
    "factor": lambda y=PAIR: DynamicFactor(y, k_factors=1, factor_order=1),
    "vector": lambda y=PAIR: VARMAX(y, order=(1, 0)),
    "own": lambda y=GAPPY: Level(y),
}  # fmt: skip


def _data(model):
    endog = np.asarray(model.data.orig_endog)
    return endog.reshape(len(endog), -1)


def _plain(model, **options):
    return (
        model.fit(method_kwargs=options)
        if isinstance(model, ARIMA)
        else model.fit(disp=0, **options)
    )


def _fit(model, init, data=None, budget=None):
    """Run one start as a comparison does, and give (results, monitor, begun)."""
    data = _data(model) if data is None else data
    adapter, monitor = adapter_of(model), Monitor(budget)
    begun, start = starting.begin(adapter, model, init, data, np.random.SeedSequence(0))
    asked = copy.deepcopy(adapter.start_of(begun))
    results = adapter.run(begun, data, monitor)
    starting.require_kept(adapter, None if start is None else asked, results)
    return results, monitor, asked


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_native_is_the_librarys_own_fit_bit_for_bit(name):
    plain = _plain(MODELS[name]())
    results, monitor, _ = _fit(MODELS[name](), "native")
    np.testing.assert_array_equal(results.params, plain.params)
    assert results.llf == plain.llf == monitor.final
    np.testing.assert_array_equal(results.bse, plain.bse)
    assert monitor.converged == plain.mle_retvals["converged"]
    assert monitor.n_iter == plain.mle_retvals["iterations"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["trend", "arma", "smoothing", "own"])
def test_a_model_that_was_fitted_before_is_fitted_as_if_it_were_new(name):
    # What the library compiles for a model goes on evaluating the parameters of the original in a copy.
    model, fresh = MODELS[name](), _plain(MODELS[name]())
    _plain(model)
    for used in (model, pickle.loads(pickle.dumps(model))):
        results, _, _ = _fit(used, "native")
        np.testing.assert_array_equal(results.params, fresh.params)


def test_how_a_model_filters_counts_in_its_key_and_for_a_part_of_its_series():
    model, other = MODELS["trend"](), MODELS["trend"]()
    other.ssm.loglikelihood_burn = 20
    adapter = adapter_of(model)
    assert identify(adapter.settings(model)) != identify(adapter.settings(other))
    part = other.data.orig_endog[:60, None]
    begun = adapter.begin(other, None, part, np.random.default_rng(0))
    assert begun.ssm.loglikelihood_burn == 20


@pytest.mark.filterwarnings("ignore")
def test_drawn_points_stay_inside_the_space_where_the_data_say_nothing():
    # Of an autoregression beside so many other parts nothing can be learned: its roots would be drawn at 1.
    noise = np.random.default_rng(0).standard_normal(400)
    steps = (np.repeat([0.0, 4.0, 8.0, 12.0] * 2, 50) + noise).cumsum()
    model = UnobservedComponents(
        steps, "lltrend", cycle=True, stochastic_cycle=True, autoregressive=2
    )
    space = adapter_of(model).space(model, steps[:, None])
    for corner in itertools.product((-3.0, 3.0), repeat=2):
        x = space.native.copy()
        x[-2:] += corner * space.size[-2:]
        roots = np.abs(np.roots([1.0, *-space.constrain(x)[-2:]]))
        assert (roots < 1.0 - 1e-8).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_a_start_is_kept_and_the_trace_climbs_from_its_objective(name):
    model = MODELS[name]()
    adapter = adapter_of(model)
    results, monitor, asked = _fit(model, Perturb("native", 0.2), budget=Budget(max_iter=5))
    begun = adapter.begin(model, asked, _data(model), np.random.default_rng(0))
    assert monitor.objectives[0] == pytest.approx(adapter.objective(begun, _data(model)), rel=1e-9)
    assert monitor.objectives[0] == pytest.approx(MODELS[name]().loglike(asked), rel=1e-9)
    assert (np.diff(monitor.objectives) >= -1e-9).all()
    assert 1 <= monitor.n_iter <= 5
    assert results.llf == pytest.approx(monitor.objectives[-1], rel=1e-9)
    np.testing.assert_array_equal(asked, adapter.start_of(results))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["trend", "arma", "vector"])
def test_without_noise_a_perturbed_start_is_the_native_one(name):
    native, _, _ = _fit(MODELS[name](), "native")
    same, _, _ = _fit(MODELS[name](), Perturb("native", 0.0))
    np.testing.assert_allclose(same.params, native.params, rtol=1e-3, atol=1e-6)
    assert same.llf == pytest.approx(native.llf, rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_every_strategy_of_points_runs():
    strategies = {name: name for name in names("point")} | {
        "near": Perturb("native", 0.5),
        "best": BestOf(n_iter=2),
        "function": lambda space, rng: space.constrain(space.native + rng.uniform(size=2)),
        "vector": np.array([0.5, 2.0]),
    }
    result = compare(MODELS["own"](), GAPPY[:, None], strategies, n_seeds=2, progress=False)
    assert set(result.runs["status"]) <= {"ok", "not_converged"}
    vector = result.runs[result.runs["strategy"] == "vector"]
    expected = Level(GAPPY).loglike(np.array([0.5, 2.0]))
    np.testing.assert_allclose(vector["objective_start"], expected, rtol=1e-12)


@pytest.mark.parametrize("init", ["uniform", Perturb("native", 0.5)])
def test_units_and_origin_of_the_data_do_not_matter(init):
    def at_start(y, order):
        model = SARIMAX(y, order=order, trend="c")
        return _fit(model, init, budget=Budget(max_iter=0))[1].objectives[0]

    y = WALK - 0.5 * np.roll(WALK, 1)
    here = at_start(y, (1, 0, 0))
    for factor in (1e-4, 1e5):  # the density of y is that of factor * y times factor, row by row
        elsewhere = at_start(factor * y, (1, 0, 0)) + len(y) * np.log(factor)
        assert elsewhere == pytest.approx(here, rel=1e-5)
    far = at_start(y + 1e4, (0, 0, 0))  # where the constant is the mean
    assert far == pytest.approx(at_start(y, (0, 0, 0)), rel=1e-3)


def test_a_library_that_overwrites_the_start_is_found():
    class Stubborn(Level):
        def fit(self, start_params=None, transformed=True, **kwargs):
            return super().fit(**kwargs)

    with pytest.raises(starting.StartNotKept, match="must begin with the start it was handed"):
        _fit(Stubborn(WALK), np.array([0.5, 2.0]))


def test_a_fit_that_nobody_can_listen_to_shows_its_ends():
    class Deaf(Level):
        def fit(self, start_params=None, transformed=True, includes_fixed=False):
            return super().fit(start_params, transformed=transformed, disp=0)

    results, monitor, _ = _fit(Deaf(WALK), np.array([0.5, 2.0]))
    expected = [Level(WALK).loglike(np.array([0.5, 2.0])), results.llf]
    np.testing.assert_allclose(monitor.objectives, expected)


@pytest.mark.filterwarnings("ignore")
def test_a_model_fitted_by_em_has_the_trace_that_it_tells():
    plain = DynamicFactorMQ(PAIR).fit(maxiter=15)
    results, monitor, _ = _fit(DynamicFactorMQ(PAIR), "native", budget=Budget(max_iter=15))
    np.testing.assert_array_equal(results.params, plain.params)
    assert (results.llf, monitor.n_iter) == (plain.llf, 15)
    np.testing.assert_array_equal(monitor.objectives[:15], plain.mle_retvals["llf"][:15])
    assert monitor.objectives[-1] == plain.llf
    assert monitor.converged is False
    _, monitor, asked = _fit(DynamicFactorMQ(PAIR), "uniform", budget=Budget(max_iter=3))
    assert monitor.objectives[0] == pytest.approx(DynamicFactorMQ(PAIR).loglike(asked))
    _, monitor, _ = _fit(DynamicFactorMQ(PAIR), "native", budget=Budget(max_iter=0))
    assert len(monitor.objectives) == 1


def test_parameters_that_the_user_holds_fixed_stay_so():
    model = SARIMAX(WALK, order=(1, 0, 1))
    with model.fix_params({"ar.L1": 0.7}):
        plain = model.fit(disp=0)
        held = copy.copy(model)
        result = compare(
            held, WALK[:, None], ["native", "uniform", Perturb("native", 0.5)], n_seeds=1,
            progress=False, test=0.2,
        )  # fmt: skip
        results, _, _ = _fit(model, "native")
    assert set(result.runs["status"]) <= {"ok", "not_converged"}
    assert np.isfinite(result.runs["score_test"]).all()
    np.testing.assert_array_equal(results.params, plain.params)
    assert result.best_model().params[0] == results.params[0] == 0.7


def test_the_users_model_stays_as_it_is_and_results_are_the_librarys():
    model = MODELS["trend"]()
    before = {name: np.array(model.ssm[name]) for name in ("obs_cov", "state_cov")}
    attributes = set(vars(model))
    result = compare(model, GAPPY[:, None], ["native", "uniform"], n_seeds=1, progress=False)
    for name, value in before.items():
        np.testing.assert_array_equal(model.ssm[name], value)
    assert set(vars(model)) == attributes
    best = result.best_model()
    again = pickle.loads(pickle.dumps(best))
    assert str(again.summary()) == str(best.summary())
    assert again.llf == result.runs["objective_final"].max()
    assert len(best.forecast(3)) == 3


def test_two_processes_and_the_store_give_the_same_runs(tmp_path):
    call = {"n_seeds": 2, "progress": False, "budget": Budget(max_iter=3)}
    alone = compare(Level(WALK), WALK[:, None], ["native", "uniform"], **call)
    pair = compare(
        SARIMAX(WALK), WALK[:, None], ["native", "uniform"], n_jobs=2, store=tmp_path, **call
    )
    single = compare(SARIMAX(WALK), WALK[:, None], ["native", "uniform"], **call)
    assert pair.runs.drop(columns=CLOCK).equals(single.runs.drop(columns=CLOCK))
    fitted = SARIMAX(WALK)
    fitted.fit(disp=0)
    again = compare(fitted, WALK[:, None], ["native", "uniform"], store=tmp_path, **call)
    assert again.runs.equals(pair.runs)
    for other in (SARIMAX(WALK, order=(1, 0, 1)), SARIMAX(WALK, enforce_stationarity=False)):
        result = compare(other, WALK[:, None], ["native", "uniform"], store=tmp_path, **call)
        assert not set(result.runs["run_id"]) & set(pair.runs["run_id"])
    # An argument that is kept in a matrix only counts as well.
    other = compare(Level(WALK, signal=2.0), WALK[:, None], ["native", "uniform"], **call)
    assert not set(other.runs["run_id"]) & set(alone.runs["run_id"])


def test_budgets_end_a_run():
    results, monitor, asked = _fit(MODELS["trend"](), "uniform", budget=Budget(max_iter=0))
    np.testing.assert_array_equal(results.params, asked)
    assert monitor.objectives == [pytest.approx(results.llf)]
    assert monitor.converged is False
    results, monitor, _ = _fit(MODELS["trend"](), "native", budget=Budget(seconds=0.0))
    assert monitor.timed_out
    assert results.summary()
    _, monitor, _ = _fit(MODELS["factor"](), "native", budget=Budget(max_iter=3))
    assert monitor.n_iter == 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["regression", "arima", "trend"])
def test_held_out_rows_of_its_own_series_are_scored(name):
    model = MODELS[name]()
    result = compare(model, _data(model), ["native"], n_seeds=1, test=0.2, progress=False)
    tail, exog = _data(model)[80:, 0], None if name == "trend" else PAIR[80:]
    expected = model.clone(tail, exog=exog).loglike(result.best_model().params)
    assert result.runs["score_test"].iloc[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_time_goes_on_in_the_trend_of_held_out_rows():
    model = SARIMAX(WALK, order=(1, 0, 0), trend="ct")
    result = compare(model, WALK[:, None], ["native"], n_seeds=1, test=0.2, progress=False)
    tail = SARIMAX(WALK[80:], order=(1, 0, 0), trend="ct", trend_offset=81)
    expected = tail.loglike(result.best_model().params)
    assert result.runs["score_test"].iloc[0] == pytest.approx(expected, rel=1e-9)


def test_other_data_build_the_model_anew_with_their_index():
    other = pd.DataFrame({"y": WALK[::-1] + 1.0}, index=pd.date_range("2020", periods=len(WALK)))
    results, _, _ = _fit(MODELS["trend"](), "uniform", other)
    assert results.model.data.row_labels.equals(other.index)
    same = UnobservedComponents(other["y"], "lltrend")
    assert results.llf == pytest.approx(same.loglike(results.params), rel=1e-12)


class Unstartable(Level):
    @property
    def start_params(self):
        raise RuntimeError("nothing to start from")


@pytest.mark.parametrize(
    ("model", "data", "init", "message"),
    [
        (MODELS["own"](), GAPPY[:, None], np.ones(3), "for each of the 2 parameters, noise, step; got shape"),
        (MODELS["own"](), GAPPY[:, None], np.array([1.0, -1.0]), "inside the space of Level; got step=-1"),
        (MODELS["own"](), [WALK[:50, None], WALK[50:, None]], "native", "one series for statsmodels; got 2"),
        (MODELS["own"](), WALK[::-1, None], "native", "not implemented"),
        (MODELS["regression"](), WALK[::-1, None], "native", "has exogenous variables; got others"),
        (Unstartable(WALK), WALK[:, None], "native", "nothing to start from"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said_in_one_row(model, data, init, message):
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(model, data, {"it": init}, n_seeds=1, progress=False)
    assert (result.runs["status"] == "error").all()
    assert result.runs["error_message"].str.contains(message).all()


def test_models_of_other_kinds_are_refused():
    with pytest.raises(TypeError, match="UnobservedComponents, SARIMAX"):
        adapter_of(HoltWinters(WALK))


def test_the_command_line_makes_one():
    adapter = next(a for a in library_adapters("statsmodels") if "SARIMAX" in a.classes)
    model = adapter.make("SARIMAX", pd.DataFrame({"y": WALK}), {"order": (1, 0, 0)})
    assert adapter_of(model) is adapter
    assert adapter.describe(model)["name"] == "SARIMAX"
