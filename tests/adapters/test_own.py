"""The adapter of our own models says what they are and fits them as their own `fit` does."""

import numpy as np
import pytest
from comparison.fake_model import Hills, Walker

from tsinit import HiddenMarkovModel, InfiniteHMM, LinearGaussianSSM, TBayesMICE, __version__
from tsinit.adapters import adapter_of
from tsinit.models.monitor import Monitor

Y = np.random.default_rng(0).standard_normal((60, 2)).cumsum(axis=0)


@pytest.mark.parametrize(
    ("model", "verb", "kind"),
    [
        (LinearGaussianSSM(), "dynamics", "climbs"),
        (InfiniteHMM(), "labels", "samples"),
        (HiddenMarkovModel(), "labels", "climbs"),
        (HiddenMarkovModel(prior=None), "labels", "climbs"),
        (TBayesMICE(), "fill", "samples"),
        (Hills(), None, "climbs"),
        (Walker(), "labels", "samples"),
    ],
)
def test_verb_and_kind_are_those_of_the_fit(model, verb, kind):
    adapter = adapter_of(model)
    assert (adapter.verb, adapter.kind) == (verb, kind)
    facts = adapter.describe(model)
    assert facts["name"] == type(model).__name__
    assert (facts["library"], facts["version"]) == ("tsinit", __version__)
    assert facts["objective"] == model.fit_kind.objective


@pytest.mark.parametrize("model", [3, LinearGaussianSSM, object(), "kmeans"])
def test_what_is_no_estimator_is_refused(model):
    with pytest.raises(TypeError, match="model must be a tsinit estimator, for example"):
        adapter_of(model)


def test_a_run_is_the_fit_of_the_same_seed_and_the_users_model_stays_as_it_is():
    model = LinearGaussianSSM(2, max_iter=5, verbose=1, random_state=3)
    before = model.get_params()
    adapter, seed = adapter_of(model), np.random.SeedSequence(7, spawn_key=(1,))
    begun = adapter.begin(model, "uniform", Y, np.random.default_rng(seed))
    monitor = Monitor()
    fitted = adapter.run(begun, Y, monitor)
    plain = LinearGaussianSSM(2, init="uniform", max_iter=5, random_state=seed).fit(Y)
    assert adapter.objective(fitted, Y) == plain.log_likelihood_ == monitor.objectives[-1]
    for ours, theirs in zip(adapter.start_of(fitted), plain.start_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert model.get_params() == before
    assert not hasattr(model, "start_")
