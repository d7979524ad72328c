"""The protocol of adapters: whatever library a model is from, a comparison runs it without knowing."""

import numpy as np
import pytest
from comparison.fake_model import Hills, height

from tsinit import adapters, compare
from tsinit.adapters import base
from tsinit.models.monitor import Budget

X = np.zeros((40, 2))
CLOCK = ["init_seconds", "fit_seconds"]


class Halving:
    """A model of no library that we know: it halves its distance to the mean of the data, ten times."""

    def __init__(self, start=None, n_steps=10):
        self.start, self.n_steps = start, n_steps

    def get_params(self, deep=True):
        return {"start": self.start, "n_steps": self.n_steps}


class HalvingAdapter:
    verb = None
    kind = "climbs"

    def accepts(self, model):
        return isinstance(model, Halving)

    def describe(self, model):
        return {"name": "Halving", "library": "halves", "version": "7.1", "objective": "closeness"}

    def begin(self, model, start, data, rng):
        own = rng.spawn(1)[0]
        x = own.normal() if start is None else start(data, own) if callable(start) else start
        return Halving(float(x), model.n_steps)

    def run(self, model, data, monitor):
        model.x = model.start
        going = monitor(0, self.objective(model, data))
        model.n_iter_ = 0
        while going and model.n_iter_ < model.n_steps:
            model.n_iter_ += 1
            model.x += 0.5 * (np.mean(data) - model.x)
            going = monitor(model.n_iter_, self.objective(model, data))
        model.converged_ = model.n_iter_ == model.n_steps
        return model

    def objective(self, model, data):
        return -abs(model.x - float(np.mean(data)))

    def start_of(self, model):
        return np.array([model.start])


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(base, "_ADAPTERS", list(base._ADAPTERS))
    adapters.register(HalvingAdapter)


def test_a_model_that_no_adapter_accepts_is_refused_in_one_sentence():
    with pytest.raises(TypeError, match="model must be a tsinit estimator, for example"):
        compare(Halving(), X, ["native"], progress=False)


@pytest.mark.usefixtures("registered")
def test_a_model_of_another_library_is_compared_like_any_other():
    model, options = Halving(), {"n_seeds": 3, "progress": False}
    result = compare(model, X + 1.0, {"native": "native", "far": 40.0}, **options)
    assert model.start is None  # the user's own stays as it was
    assert set(result.runs["status"]) == {"ok"}
    far = result.runs[result.runs["strategy"] == "far"]
    assert (far["objective_start"] == -39.0).all()
    np.testing.assert_allclose(far["objective_final"], -39.0 / 2**10)
    assert (far["init_seconds"] > 0).all()
    native = result.runs[result.runs["strategy"] == "native"]
    starts = [np.random.default_rng(result.seed(text)).normal() for text in native["init_seed"]]
    np.testing.assert_allclose(native["objective_start"], -np.abs(np.subtract(starts, 1.0)))
    about = result.about.models["Halving"]
    assert (about.objective, about.sampler) == ("closeness", False)
    assert "mean closeness" in result.verdict()
    assert result.rerun(far["run_id"].iloc[0]).n_iter_ == 10


@pytest.mark.usefixtures("registered")
def test_its_runs_go_to_workers_keep_to_a_budget_and_come_back_from_a_store(tmp_path):
    call = {"n_seeds": 3, "progress": False, "budget": Budget(max_iter=4)}
    alone = compare(Halving(), X, ["native"], **call)
    assert (alone.runs["n_iter"] == 4).all()
    pair = compare(Halving(), X, ["native"], n_jobs=2, store=tmp_path, **call)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    again = compare(Halving(), X, ["native"], store=tmp_path, **call)
    assert again.runs.equals(pair.runs)


@pytest.mark.usefixtures("registered")
def test_beside_a_model_of_our_own_both_begin_from_the_same_seeds():
    models = {"ours": Hills(), "theirs": Halving()}
    result = compare(models, X, {"any": lambda X, rng: rng.random()}, n_seeds=3, progress=False)
    runs = result.runs.set_index("model")
    assert set(runs["status"]) == {"ok"}
    starts = -runs.loc["theirs", "objective_start"].to_numpy()
    np.testing.assert_allclose(runs.loc["ours", "objective_start"], height(starts))
