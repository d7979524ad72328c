"""hmmlearn's models: native is the library alone, a start is kept, and everything that a comparison promises holds."""

import copy
import pickle
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest

from tsinit import compare, init
from tsinit.adapters import adapter_of
from tsinit.init import BestOf, Perturb
from tsinit.models.monitor import Budget, Monitor

hmm = pytest.importorskip("hmmlearn.hmm")

RNG = np.random.default_rng(0)
Z = (np.arange(240) // 40) % 3
X = RNG.normal(size=(240, 2)) + 3.0 * Z[:, None]
COUNTS = RNG.poisson(2 + 5 * Z)[:, None]
CLOCK = ["init_seconds", "fit_seconds"]
PARAMETERS = (
    "startprob_", "transmat_", "means_", "covars_", "weights_", "emissionprob_", "lambdas_",
)  # fmt: skip
KINDS = ("diag", "full", "tied", "spherical")
MODELS = {
    **{f"gaussian {kind}": (hmm.GaussianHMM(3, kind, n_iter=30), X) for kind in KINDS},
    **{f"mixtures {kind}": (hmm.GMMHMM(3, 2, covariance_type=kind, n_iter=8), X) for kind in KINDS},
    "scaling": (hmm.GaussianHMM(3, n_iter=30, implementation="scaling"), X),
    "categorical": (hmm.CategoricalHMM(3, n_iter=30), COUNTS),
    "poisson": (hmm.PoissonHMM(3, n_iter=30), COUNTS),
}


def _parameters(model):
    return {name: getattr(model, name) for name in PARAMETERS if hasattr(model, name)}


def _assert_same(a, b):
    assert _parameters(a).keys() == _parameters(b).keys()
    for name, value in _parameters(a).items():
        np.testing.assert_array_equal(value, getattr(b, name), err_msg=name)


def _begun(model, data=X, start=None, seed=0):
    adapter = adapter_of(model)
    return adapter, adapter.begin(model, start, data, np.random.default_rng(seed))


@pytest.mark.parametrize("name", MODELS)
def test_native_is_the_fit_of_the_library_bit_for_bit(name):
    model, data = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a mixture may run away, alone as here
        result = compare(model, data, ["native"], n_seeds=2, progress=False)
    assert not (result.runs["status"] == "error").any()
    for row in result.runs.itertuples():
        fitted = result.rerun(row.run_id)
        alone = copy.deepcopy(model).set_params(random_state=fitted.random_state).fit(data)
        _assert_same(fitted, alone)
        assert row.objective_final == alone.score(data)
        trace = result.traces[result.traces["run_id"] == row.run_id]["objective"]
        np.testing.assert_array_equal(trace[:-1], alone.monitor_.history)
        assert list(fitted.monitor_.history) == list(alone.monitor_.history)
        assert type(fitted.monitor_) is type(alone.monitor_)
        # The seed that the library was given follows from the table.
        rng = np.random.default_rng(result.seed(row.run_seed))
        assert fitted.random_state == rng.integers(2**31 - 1)
    assert not hasattr(model, "means_")


@pytest.mark.parametrize("name", MODELS)
def test_a_start_is_kept_and_its_objective_begins_the_trace(name):
    model, data = MODELS[name]
    labels = np.array(Z)
    adapter, begun = _begun(model, data, labels)
    asked = copy.deepcopy(adapter.start_of(begun))
    at_start = copy.deepcopy(begun)
    at_start.n_iter = 0
    at_start.fit(data)  # the library's own initialisation, and nothing else
    monitor = Monitor()
    fitted = adapter.run(begun, data, monitor)
    assert asked.keys() == adapter.start_of(fitted).keys()
    for part, value in asked.items():
        np.testing.assert_array_equal(value, adapter.start_of(fitted)[part])
    assert monitor.objectives[0] == pytest.approx(at_start.score(data), rel=1e-12)
    assert monitor.final == adapter.objective(fitted, data) == monitor.objectives[-1]
    assert monitor.n_iter == len(fitted.monitor_.history)
    # Labels that are right give a start that is nearly an end.
    assert monitor.objectives[0] > monitor.objectives[-1] - 60
    for setting in ("n_iter", "tol", "params", "init_params", "n_components"):
        assert getattr(fitted, setting) == getattr(model, setting)
    pickled = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(pickled.predict(data), fitted.predict(data))


def test_labels_give_the_moments_of_their_rows():
    _, begun = _begun(hmm.GaussianHMM(3, "full"), X, Z)
    for k in range(3):
        own = X[k == Z]
        np.testing.assert_allclose(begun.means_[k], own.mean(axis=0))
        floor = 1e-3 * np.diag(X.var(axis=0))
        np.testing.assert_allclose(begun._covars_[k], np.cov(own.T, bias=True) + floor)
    # 239 steps, of which 2 + 2 + 1 change the regime; one more of each row, shared out evenly.
    np.testing.assert_allclose(begun.transmat_[0], np.array([78 + 1 / 3, 2 + 1 / 3, 1 / 3]) / 81)
    np.testing.assert_allclose(begun.startprob_, np.array([4 / 3, 1 / 3, 1 / 3]) / 2)


@pytest.mark.parametrize("labels", [np.zeros(240, int), np.r_[np.zeros(238, int), 1, 2]])
@pytest.mark.parametrize("name", ["gaussian full", "gaussian diag", "mixtures full", "poisson"])
def test_empty_states_and_states_of_one_row_are_no_error(name, labels):
    model, data = MODELS[name]
    adapter, begun = _begun(model, data, labels)
    with np.errstate(all="ignore"):
        fitted = adapter.run(begun, data, Monitor(Budget(max_iter=2)))
    assert np.isfinite(adapter.objective(fitted, data))


@pytest.mark.parametrize("form", ["C", "F", "int", "float32", "frame", "list", "series"])
def test_native_is_bit_for_bit_whatever_the_form_of_the_data(form):
    data = {
        "C": X, "F": np.asfortranarray(X), "int": np.round(10 * X).astype(int), "float32": X.astype(np.float32),
        "frame": pd.DataFrame({"a": X[:, 0], "b": X[:, 1]}, pd.date_range("2020", periods=240)),
        "list": [X], "series": pd.Series(X[:, 0]),
    }[form]  # fmt: skip
    result = compare(hmm.GaussianHMM(3, n_iter=30), data, ["native"], n_seeds=1, progress=False)
    native = result.best_model()
    taken = {"list": X, "series": X[:, [0]]}.get(form, data)
    alone = hmm.GaussianHMM(3, n_iter=30, random_state=native.random_state).fit(taken)
    _assert_same(native, alone)
    assert result.runs["objective_final"][0] == alone.score(taken)


def test_only_what_the_library_would_have_set_is_set():
    model = hmm.GaussianHMM(3, init_params="mc", n_iter=5)
    model.startprob_, model.transmat_ = np.array([1.0, 0, 0]), np.full((3, 3), 1 / 3)
    adapter, begun = _begun(model, X, Z)
    np.testing.assert_array_equal(begun.transmat_, model.transmat_)
    assert begun.means_[0] == pytest.approx(X[Z == 0].mean(axis=0))
    fitted = adapter.run(begun, X, Monitor())
    assert fitted.init_params == "mc"
    native = compare(model, X, ["native"], n_seeds=1, progress=False)
    alone = copy.deepcopy(model).set_params(random_state=native.best_model().random_state).fit(X)
    _assert_same(native.best_model(), alone)


class Forgetful(hmm.GaussianHMM):
    """Sets means of its own, whatever ``init_params`` says."""

    def _init(self, X, lengths=None):
        super()._init(X, lengths)
        self.means_ = np.zeros((self.n_components, X.shape[1]))


def test_a_library_that_overwrites_the_start_is_found():
    with pytest.warns(UserWarning, match="2 of 4 runs failed: 2 x StartNotKept"):
        result = compare(Forgetful(3, n_iter=5), X, ["native", "kmeans"], n_seeds=2, progress=False)
    rows = result.runs.set_index("strategy")
    assert set(rows.loc["kmeans", "status"]) == {"error"}
    assert "overwrote means_" in rows.loc["kmeans", "error_message"].iloc[0]
    assert "error" not in set(rows.loc["native", "status"])


def test_a_start_without_init_params_would_be_overwritten(monkeypatch):
    adapter = adapter_of(hmm.GaussianHMM())
    begin = type(adapter).begin

    def careless(self, model, start, data, rng):
        begun = begin(self, model, start, data, rng)
        begun.init_params = "stmc"
        return begun

    monkeypatch.setattr(type(adapter), "begin", careless)
    with pytest.warns(UserWarning, match="StartNotKept"):
        result = compare(hmm.GaussianHMM(3), X, ["kmeans"], n_seeds=1, progress=False)
    assert result.runs["status"].tolist() == ["error"]


def test_every_strategy_for_labels_runs():
    names = init.names("labels")
    strategies = [*names, "native", Perturb("kmeans", 0.2), BestOf(["kmeans", "segments"], 3), Z]
    result = compare(hmm.GaussianHMM(3, n_iter=5), X, strategies, n_seeds=1, progress=False)
    assert not result.runs["status"].isin(["error", "diverged"]).any()
    assert len(result.runs) == len(strategies)
    assert result.runs["objective_final"].max() == pytest.approx(
        result.runs.set_index("strategy").loc["kmeans", "objective_final"], abs=5
    )


def test_sequences_of_different_lengths_stay_apart():
    parts, lengths = [X[:50], X[50:170], X[170:]], [50, 120, 70]
    result = compare(
        hmm.GaussianHMM(3, n_iter=20), parts, ["native", "kmeans"], n_seeds=1, progress=False,
        truth=[Z[:50], Z[50:170], Z[170:]],
    )  # fmt: skip
    native = result.rerun(result.runs["run_id"][0])
    alone = hmm.GaussianHMM(3, n_iter=20, random_state=native.random_state).fit(X, lengths)
    _assert_same(native, alone)
    assert result.runs["objective_final"][0] == alone.score(X, lengths)
    assert result.runs["score_ari"][1] > 0.9
    tables = pd.DataFrame(X)
    tables.index = pd.MultiIndex.from_arrays([np.repeat([0, 1, 2], lengths), np.arange(240)])
    same = compare(hmm.GaussianHMM(3, n_iter=20), tables, ["native"], n_seeds=1, progress=False)
    assert same.runs["objective_final"][0] == result.runs["objective_final"][0]


def test_held_out_rows_are_scored_by_their_log_likelihood():
    result = compare(
        hmm.GaussianHMM(3, n_iter=20), X, ["kmeans"], n_seeds=1, progress=False, test=0.25
    )
    assert "score" not in result.runs
    fitted = result.best_model()
    assert result.runs["score_test"][0] == fitted.score(X[180:])
    assert result.runs["objective_final"][0] == fitted.score(X[:180])


def test_missing_values_are_refused_in_one_row():
    gaps = X.copy()
    gaps[3, 0] = np.nan
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(hmm.GaussianHMM(3), gaps, ["native", "kmeans"], n_seeds=1, progress=False)
    assert set(result.runs["status"]) == {"error"}
    assert (
        "data must be complete for hmmlearn; got 1 missing value" in result.runs["error_message"][1]
    )
    assert "NaN" in result.runs["error_message"][0]


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_budget_of_iterations_is_kept(limit):
    result = compare(
        hmm.GaussianHMM(3, n_iter=20), X, ["native", "kmeans"], n_seeds=1, progress=False,
        budget=Budget(max_iter=limit),
    )  # fmt: skip
    assert (result.runs["n_iter"] == limit).all()
    assert (result.traces.groupby("run_id").size() == limit + 1).all()
    if limit == 0:
        assert (result.runs["objective_start"] == result.runs["objective_final"]).all()


def test_a_budget_of_seconds_ends_a_run_early():
    result = compare(
        hmm.GaussianHMM(3, n_iter=10_000, tol=-1), X, ["kmeans"], n_seeds=1, progress=False,
        budget=Budget(seconds=0.05),
    )  # fmt: skip
    assert result.runs["status"].tolist() == ["timeout"]
    assert 1 <= result.runs["n_iter"][0] < 5_000


def test_workers_and_the_store_give_the_same_table(tmp_path):
    call = {"n_seeds": 2, "progress": False}
    strategies = ["native", "kmeans++"]
    alone = compare(hmm.GaussianHMM(3, n_iter=10), X, strategies, **call)
    pair = compare(hmm.GaussianHMM(3, n_iter=10), X, strategies, n_jobs=2, store=tmp_path, **call)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    again = compare(hmm.GaussianHMM(3, n_iter=10), X, strategies, store=tmp_path, **call)
    assert again.runs.equals(pair.runs)
    fixed = hmm.GaussianHMM(3, n_iter=10, init_params="mc")
    fixed.startprob_, fixed.transmat_ = np.full(3, 1 / 3), np.full((3, 3), 1 / 3)
    with_start = compare(fixed, X, strategies, store=tmp_path, **call)
    fixed.transmat_ = 0.5 * np.eye(3) + np.full((3, 3), 0.5 / 3)
    with_other = compare(fixed, X, strategies, store=tmp_path, **call)
    ids = [set(r.runs["run_id"]) for r in (again, with_start, with_other)]
    assert not ids[0] & ids[1]
    assert not ids[1] & ids[2]


_COMPARED = """
import sys
import numpy as np
from hmmlearn.hmm import GaussianHMM
from tsinit import compare
X = np.load(sys.argv[1])
compare(GaussianHMM(3, n_iter=40, tol=-1), X, ["native", "kmeans"], n_seeds=15, store=sys.argv[2], progress=False)
"""


def test_what_was_killed_goes_on_from_its_store(tmp_path):
    np.save(tmp_path / "X.npy", X)
    store = tmp_path / "runs"
    command = [sys.executable, "-c", _COMPARED, str(tmp_path / "X.npy"), str(store)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while len(list(store.glob("*.run"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()  # SIGKILL: nothing can be tidied up
    process.wait()
    kept = len(list(store.glob("*.run")))
    assert 3 <= kept < 30
    call = {"n_seeds": 15, "progress": False}
    model = hmm.GaussianHMM(3, n_iter=40, tol=-1)
    resumed = compare(model, X, ["native", "kmeans"], store=store, **call)
    whole = compare(model, X, ["native", "kmeans"], **call)
    assert resumed.runs.drop(columns=CLOCK).equals(whole.runs.drop(columns=CLOCK))
    assert len(list(store.glob("*.run"))) == 30


def test_a_component_on_a_single_row_has_run_away():
    model = hmm.GMMHMM(3, 2, n_iter=8)
    adapter, begun = _begun(model, X, Z)
    fitted = adapter.run(begun, X, Monitor())
    assert adapter.runaway(fitted, X) == ""
    fitted.covars_[1, 0] = 0.0
    assert "has no maximum" in adapter.runaway(fitted, X)
    assert adapter.runaway(hmm.GaussianHMM(3).fit(X), X) == ""


def test_the_table_and_the_report_name_the_library(tmp_path):
    result = compare(hmm.GaussianHMM(3), X, ["native", "kmeans"], n_seeds=2, progress=False)
    version = adapter_of(hmm.GaussianHMM()).describe(hmm.GaussianHMM())["version"]
    assert all(f"hmmlearn {version}" in text for text in result.runs["versions"])
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"hmmlearn {version}: GaussianHMM(n_components=3)" in page
    assert "with its regimes" in page
    assert isinstance(result.best_model(), hmm.GaussianHMM)


def test_a_library_that_is_too_old_is_refused(monkeypatch):
    adapter = adapter_of(hmm.GaussianHMM())
    monkeypatch.setattr(adapter, "_version", lambda: "0.2.8", raising=False)
    with pytest.raises(ImportError, match=r"hmmlearn must be of version 0.3.3 or newer.*got 0.2.8"):
        compare(hmm.GaussianHMM(3), X, ["native"], progress=False)


def test_other_models_of_the_library_are_refused():
    with pytest.raises(TypeError, match=r"hmmlearn .GaussianHMM, GMMHMM, CategoricalHMM, PoissonH"):
        compare(hmm.MultinomialHMM(3), X, ["native"], progress=False)


def test_a_strategy_without_the_verb_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="'linear' does not offer 'labels'"):
        compare(hmm.GaussianHMM(3), X, ["linear"], progress=False)


def test_labels_of_more_states_than_the_model_has_are_refused():
    with pytest.warns(UserWarning, match="at most 2 states, as many as the model has; got 3"):
        compare(hmm.GaussianHMM(2), X, {"ready": Z}, n_seeds=1, progress=False)
