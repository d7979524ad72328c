"""A start that an adapter hands over is kept, whatever the library; the shortest adapter does all that others do."""

import subprocess
import sys

import numpy as np
import pytest
from adapters.toy_em import TwoMeans, TwoMeansAdapter

from tsinit import LinearGaussianSSM, adapters, compare
from tsinit.adapters import base, starting
from tsinit.init import BestOf, Perturb
from tsinit.models.monitor import Budget

RNG = np.random.default_rng(0)
X = RNG.permutation(np.concatenate([RNG.normal(-2, 1, 60), RNG.normal(2, 1, 60)]))[:, None]
CLOCK = ["init_seconds", "fit_seconds"]


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(base, "_ADAPTERS", list(base._ADAPTERS))
    adapters.register(TwoMeansAdapter)


def test_the_shortest_adapter_runs_every_start():
    model = TwoMeans()
    result = compare(
        model, X, ["native", "kmeans", "uniform", "auto", Perturb("kmeans", 0.3), BestOf(n_iter=3)],
        n_seeds=3, progress=False, test=0.2,
    )  # fmt: skip
    assert set(result.runs["status"]) == {"ok"}
    assert model.means is None
    steps = result.traces.groupby("run_id")["objective"]
    assert (steps.diff().dropna() > -1e-9).all()
    best = result.best_model()
    assert isinstance(best, TwoMeans)
    np.testing.assert_allclose(np.sort(best.means), [-2.0, 2.0], atol=0.4)
    assert "toy 1.0" in result.runs["versions"][0]
    limited = compare(model, X, ["native"], n_seeds=2, progress=False, budget=Budget(max_iter=2))
    assert (limited.runs["n_iter"] == 2).all()
    assert set(limited.runs["status"]) == {"not_converged"}


def test_a_library_that_overwrites_the_start_is_an_error_of_the_run():
    with pytest.warns(UserWarning, match="StartNotKept"):
        result = compare(
            TwoMeans(forgetful=True), X, ["native", "kmeans"], n_seeds=2, progress=False
        )
    kmeans = result.runs[result.runs["strategy"] == "kmeans"]
    assert set(kmeans["status"]) == {"error"}
    assert kmeans["error_message"].iloc[0] == (
        "TwoMeans must begin with the start it was handed; got another, because the library overwrote it."
    )
    # The library's own start is what it is.
    assert set(result.runs.loc[result.runs["strategy"] == "native", "status"]) == {"ok"}


@pytest.mark.parametrize(
    ("asked", "began", "same"),
    [
        (np.ones(3), np.ones(3) + 1e-12, True),
        (np.ones(3), np.ones(3) + 1e-6, False),
        (np.array([1e9, 0.0]), np.array([1e9, 1e-4]), True),
        (np.ones(3), np.ones((3, 1)), False),
        ({"a": np.ones(2)}, {"a": np.ones(2), "b": 0}, True),
        ({"a": np.ones(2), "b": 0}, {"a": np.ones(2)}, False),
        ((np.ones(2), None), (np.ones(2), None), True),
        ((np.ones(2), None), (np.ones(2), np.ones(1)), False),
        (np.array(["a"]), np.array(["b"]), False),
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0]), True),
        (np.ones(3), None, False),
    ],
)
def test_starts_are_the_same_but_for_rounding(asked, began, same):
    class Says:
        def start_of(self, model):
            return began

    if same:
        starting.require_kept(Says(), asked, object())
    else:
        with pytest.raises(starting.StartNotKept):
            starting.require_kept(Says(), asked, object())


def test_native_is_the_own_start_of_our_models_too():
    y = X[:, [0]].cumsum(axis=0)
    model = LinearGaussianSSM(2, init="lpc", max_iter=5)
    result = compare(model, y, ["native", "lpc", "uniform"], n_seeds=2, progress=False)
    final = result.runs.pivot(index="replicate", columns="strategy", values="objective_final")
    assert (final["native"] == final["lpc"]).all()
    other = compare(
        LinearGaussianSSM(2, init="kmeans", max_iter=5), y, ["native"], n_seeds=2, progress=False
    )
    # Another own start is another run.
    native = result.runs[result.runs["strategy"] == "native"]
    assert not set(other.runs["run_id"]) & set(native["run_id"])


def test_workers_and_a_store_serve_a_model_that_has_no_settings(tmp_path):
    call = {"n_seeds": 2, "progress": False}
    alone = compare(TwoMeans(), X, ["native", "kmeans"], **call)
    pair = compare(TwoMeans(), X, ["native", "kmeans"], n_jobs=2, store=tmp_path, **call)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    assert compare(TwoMeans(), X, ["native", "kmeans"], store=tmp_path, **call).runs.equals(
        pair.runs
    )
    with pytest.warns(UserWarning, match="StartNotKept"):
        other = compare(TwoMeans(True), X, ["native", "kmeans"], store=tmp_path, **call)
    assert not set(other.runs["run_id"]) & set(alone.runs["run_id"])


@pytest.mark.parametrize("adapter", [object(), TwoMeans])
def test_what_is_no_adapter_is_refused(adapter):
    with pytest.raises(TypeError, match=r"adapter must have all parts .* without verb"):
        adapters.register(adapter)


def test_no_library_is_imported_that_is_not_asked_for():
    code = (
        "import sys, tsinit, tsinit.adapters; from tsinit.adapters import adapter_of; "
        "adapter_of(tsinit.LinearGaussianSSM()); "
        "print(sorted({'hmmlearn', 'pykalman', 'statsmodels', 'dynamax', 'jax'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_run_that_has_run_away_is_no_success(monkeypatch):
    monkeypatch.setattr(
        TwoMeansAdapter, "runaway", lambda self, model, data: "no maximum here", raising=False
    )
    with pytest.warns(UserWarning, match="2 x UnboundedObjective: no maximum here"):
        result = compare(TwoMeans(), X, ["native"], n_seeds=2, progress=False)
    assert set(result.runs["status"]) == {"diverged"}
    assert result.runs["objective_final"].notna().all()


def test_a_strategy_is_not_left_to_choose_the_number_of_states(monkeypatch):
    monkeypatch.delattr(TwoMeans, "n_states")
    with pytest.raises(TypeError, match=r"TwoMeansAdapter must have a method n_states.model."):
        compare(TwoMeans(), X, ["kmeans"], n_seeds=1, progress=False)


def test_an_adapter_that_cannot_say_whether_a_run_has_run_away_costs_that_run_only(monkeypatch):
    def broken(self, model, data):
        raise KeyError("variance")

    monkeypatch.setattr(TwoMeansAdapter, "runaway", broken, raising=False)
    with pytest.warns(UserWarning, match="2 x KeyError"):
        result = compare(TwoMeans(), X, ["native"], n_seeds=2, progress=False)
    assert set(result.runs["status"]) == {"error"}
