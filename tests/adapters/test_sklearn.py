"""scikit-learn's mixtures run as scikit-learn runs them, from wherever a strategy begins."""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from tsinit import compare
from tsinit.adapters import adapter_of, starting
from tsinit.adapters.sklearn import Mixtures
from tsinit.init import BestOf, Perturb
from tsinit.init.registry import names
from tsinit.models.monitor import Budget, Monitor

CLOCK = ["init_seconds", "fit_seconds"]
ADAPTER = Mixtures()
CLASSES = [GaussianMixture, BayesianGaussianMixture]
SHAPES = ["full", "tied", "diag", "spherical"]
EVERY = list(itertools.product(CLASSES, SHAPES))
LEARNT = (
    "means_",
    "covariances_",
    "precisions_",
    "weights_",
    "lower_bound_",
    "n_iter_",
    "converged_",
)


def clusters(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(mean, 1.0 + mean / 3.0, (n, 2)) for mean in (0, 3, 6)])


X = clusters()
TRUTH = np.repeat([0, 1, 2], 40)


def seed():
    return np.random.SeedSequence(3)  # a new one, because it counts its children


def fitted(model, init, data=X, budget=None):
    monitor = Monitor(budget)
    begun, start = starting.begin(ADAPTER, model, init, data, seed())
    asked = copy.deepcopy(ADAPTER.start_of(begun))
    result = ADAPTER.run(begun, data, monitor)
    starting.require_kept(ADAPTER, None if start is None else asked, result)
    return result, monitor


def plain(model, data=X):
    of_run = np.random.default_rng(seed()).spawn(2)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.set_params(random_state=int(of_run.integers(2**31 - 1))).fit(data)


def assert_same_bits(a, b):
    for name in LEARNT:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize(("kind", "shape"), EVERY)
@pytest.mark.parametrize(
    "options", [{"init_params": "kmeans"}, {"init_params": "random", "n_init": 3}]
)
def test_native_is_the_plain_fit_bit_for_bit(kind, shape, options):
    model = kind(n_components=3, covariance_type=shape, max_iter=20, **options)
    ours, monitor = fitted(model, "native")
    theirs = plain(kind(n_components=3, covariance_type=shape, max_iter=20, **options))
    assert_same_bits(ours, theirs)
    assert ADAPTER.objective(ours, X) == ADAPTER.objective(theirs, X)
    assert monitor.n_iter == ours.n_iter_
    if hasattr(theirs, "lower_bounds_"):
        bounds = np.ravel(theirs.lower_bounds_)
        values = np.array(monitor.objectives)
        trace = values[:-1] / len(X) if kind is GaussianMixture else values[1:]
        np.testing.assert_allclose(trace, bounds, rtol=1e-14)


@pytest.mark.parametrize("options", [
    {"weight_concentration_prior_type": "dirichlet_distribution", "weight_concentration_prior": 2.0},
    {"mean_prior": [0.0, 1.0], "degrees_of_freedom_prior": 5, "tol": 1.0},
])  # fmt: skip
def test_native_keeps_the_priors_of_the_user(options):
    model = BayesianGaussianMixture(n_components=3, **options)
    assert_same_bits(
        fitted(model, "native")[0], plain(BayesianGaussianMixture(n_components=3, **options))
    )


def test_native_keeps_what_the_user_began_with():
    options = {
        "means_init": X[[0, 50, 100]],
        "precisions_init": np.tile(np.eye(2), (3, 1, 1)),
        "weights_init": [0.2, 0.3, 0.5],
    }
    assert_same_bits(
        fitted(GaussianMixture(3, **options), "native")[0], plain(GaussianMixture(3, **options))
    )
    begun, _ = starting.begin(
        ADAPTER, GaussianMixture(3, means_init=X[[0, 50, 100]]), TRUTH, X, seed()
    )
    np.testing.assert_array_equal(ADAPTER.start_of(begun)["means_"], X[[0, 50, 100]])
    for labels in (TRUTH, np.zeros(len(X), dtype=int)):
        start, _ = fitted(GaussianMixture(3, **options), labels, budget=Budget(max_iter=0))
        np.testing.assert_allclose(start.covariances_, options["precisions_init"])


@pytest.mark.parametrize(("kind", "shape"), EVERY)
@pytest.mark.parametrize("init", ["native", "random", "random_from_data", "k-means++", TRUTH])
def test_every_trace_begins_at_the_start_and_rises(kind, shape, init):
    own = isinstance(init, str)
    method = {"init_params": init if init != "native" else "kmeans"} if own else {}
    model = kind(n_components=3, covariance_type=shape, max_iter=30, **method)
    result, monitor = fitted(model, "native" if own else init)
    values = np.array(monitor.objectives)
    assert (np.diff(values) > -1e-9 * np.abs(values[1:])).all()
    assert values[-1] == pytest.approx(ADAPTER.objective(result, X), rel=1e-13)
    if not own:
        begun, _ = starting.begin(ADAPTER, model, init, X, seed())
        assert values[0] == pytest.approx(ADAPTER.objective(begun, X), rel=1e-13)
        for name, value in ADAPTER.start_of(begun).items():
            np.testing.assert_array_equal(value, result.start_[name])


@pytest.mark.parametrize(("kind", "shape"), EVERY)
def test_a_start_from_the_librarys_own_labels_ends_where_its_own_does(kind, shape):
    from sklearn.cluster import KMeans

    own = int(np.random.default_rng(seed()).spawn(2)[1].integers(2**31 - 1))
    state = np.random.RandomState(own)
    labels = KMeans(3, n_init=1, random_state=state).fit(X).labels_
    model = kind(n_components=3, covariance_type=shape, max_iter=20)
    assert_same_bits(fitted(model, labels)[0], fitted(model, "native")[0])


@pytest.mark.parametrize(("kind", "shape"), EVERY)
def test_states_of_few_rows_or_none_are_no_error(kind, shape):
    labels = np.zeros(len(X), dtype=int)
    labels[:2] = 1  # fewer than three rows; and state 2 has none
    result, monitor = fitted(kind(n_components=3, covariance_type=shape, reg_covar=0), labels)
    assert np.isfinite(monitor.objectives).all()
    assert np.isfinite(result.means_).all()
    if kind is GaussianMixture:
        assert (result.start_["weights_"] > 1e-3).all()
        assert (result.start_["means_"][2] == X).all(axis=1).any()


@pytest.mark.parametrize("kind", CLASSES)
def test_a_budget_ends_a_fit_and_a_run_goes_on_as_one_call_would(kind):
    model = kind(n_components=3, tol=0.0, max_iter=50)
    start, monitor = fitted(model, TRUTH, budget=Budget(max_iter=0))
    assert (len(monitor.objectives), start.n_iter_, start.max_iter) == (1, 0, 50)
    assert monitor.objectives[0] == pytest.approx(ADAPTER.objective(start, X), rel=1e-13)
    three, monitor = fitted(model, TRUTH, budget=Budget(max_iter=3))
    assert (len(monitor.objectives), three.n_iter_, three.converged_) == (4, 3, False)
    long = kind(n_components=3, tol=0.0, max_iter=10**6, n_init=2)
    for init in ("native", TRUTH):
        short, monitor = fitted(long, init, budget=Budget(seconds=0.05))
        assert monitor.timed_out
        assert (short.converged_, short.tol) == (False, 0.0)
        assert monitor.n_iter == short.n_iter_ < 10**6


@pytest.mark.parametrize("kind", CLASSES)
def test_the_users_model_stays_as_it_is_and_the_fitted_one_is_an_ordinary_one(kind):
    table = pd.DataFrame(X, columns=["a", "b"], index=pd.date_range("2020", periods=len(X)))
    model = plain(kind(n_components=3, warm_start=True, n_init=2), clusters(seed=5))
    before, means = model.get_params(), model.means_.copy()
    for init in ("native", TRUTH):
        result, _ = fitted(model, init, table)
        assert model.get_params() == before
        np.testing.assert_array_equal(model.means_, means)
        assert type(result) is kind
        assert list(result.feature_names_in_) == ["a", "b"]
        assert result.get_params() == before | {"random_state": result.random_state}
        again = pickle.loads(pickle.dumps(result))
        np.testing.assert_array_equal(again.predict(table), ADAPTER.labels(result, table))
        assert result.score(table) * len(X) == pytest.approx(ADAPTER.score(result, table))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_library_that_begins_elsewhere_is_found(kind):
    class Own(kind):
        def __init__(self, n_components=3):
            super().__init__(n_components=n_components)

        def fit(self, X, y=None):
            self.means_ = self.means_ + 1.0
            return super().fit(X)

    with pytest.raises(starting.StartNotKept, match="overwrote means_"):
        fitted(Own(), TRUTH)


def test_every_strategy_of_labels_begins_one():
    model = GaussianMixture(3, max_iter=5)
    inner = {"best": BestOf(["kmeans", "uniform"]), "apart": Perturb("kmeans", 0.1)}
    result = compare(
        model, X, {n: n for n in ("native", *names("labels"))} | inner, n_seeds=1, progress=False
    )
    assert set(result.runs["status"]) <= {"ok", "not_converged"}


@pytest.mark.parametrize("kind", CLASSES)
def test_runs_are_the_same_in_processes_and_come_back_from_a_store(kind, tmp_path):
    model, call = (
        kind(n_components=3),
        {"n_seeds": 2, "progress": False, "test": 0.2, "truth": TRUTH},
    )
    starts = ["native", "kmeans++"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        alone = compare(model, X, starts, **call)
    pair = compare(model, X, starts, n_jobs=2, store=tmp_path, **call)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    assert compare(model, X, starts, store=tmp_path, **call).runs.equals(pair.runs)
    other = compare(kind(n_components=3, tol=1e-5), X, starts, store=tmp_path, **call)
    assert not set(other.runs["run_id"]) & set(pair.runs["run_id"])
    best = alone.best_model()
    row = alone.runs.loc[alone.runs["objective_final"].idxmax()]
    head, tail = X[:96], X[96:]
    assert ADAPTER.objective(best, head) == row["objective_final"]
    assert row["score_test"] == pytest.approx(best.score(tail) * len(tail))
    about = alone.about.models[kind.__name__]
    assert about.objective == ("log-likelihood" if kind is GaussianMixture else "lower bound")


def test_several_sequences_are_rows_one_after_another():
    parts = [X[:50], X[50:]]
    together, _ = fitted(GaussianMixture(3), TRUTH, parts)
    assert_same_bits(together, fitted(GaussianMixture(3), TRUTH)[0])
    assert len(ADAPTER.labels(together, parts)) == len(X)


def test_what_cannot_be_run_is_said_in_one_sentence():
    gaps = X.copy()
    gaps[3, 0] = np.nan
    for init in ("native", TRUTH):
        with pytest.raises(
            ValueError, match="data must be complete for scikit-learn; got 1 missing"
        ):
            fitted(GaussianMixture(3), init, gaps)
    with pytest.raises(ValueError, match="120"):
        fitted(GaussianMixture(3), TRUTH[:-1])
    with pytest.raises(ValueError, match="at most 2 states"):
        fitted(GaussianMixture(2), TRUTH)
    from sklearn.cluster import KMeans

    with pytest.raises(TypeError, match="model must be a tsinit estimator"):
        adapter_of(KMeans(3))
