"""Restarts begin with k-means, and go on with searches from elsewhere; explicit strategies hear which restart it is."""

import numpy as np
import pytest

from tsinit import HiddenMarkovModel
from tsinit.init import Dispersed, Restarts, SplitMerge
from tsinit.init.registry import resolve


def trial(labels, n_iter):
    return 0.0, labels


def ask(strategy, y, **more):
    return resolve(strategy, "labels").propose(y, np.random.default_rng(3), 3, None, trial, **more)


def test_the_first_is_k_means_and_the_others_search_in_turn(rng):
    y = rng.standard_normal((200, 2))
    np.testing.assert_array_equal(ask("restarts", y), ask("kmeans", y))
    inner = ["gaussian_mixture", "segments", "sticky", "kmeans", "gaussian_mixture"]
    for chain, name in enumerate(inner, start=1):
        np.testing.assert_array_equal(ask(Restarts(), y, chain=chain), ask(SplitMerge(name), y))


def test_an_emission_that_looks_back_starts_from_local_dynamics(rng):
    y = rng.standard_normal((200, 1)).cumsum(axis=0)
    for chain, strategy in enumerate(["local_dynamics", SplitMerge("local_dynamics")]):
        np.testing.assert_array_equal(
            ask("restarts", y, chain=chain, order=2), ask(strategy, y, order=2)
        )


def test_a_restart_has_a_number(rng):
    with pytest.raises(ValueError, match="chain must be"):
        ask("restarts", rng.standard_normal((20, 1)), chain=-1)


def test_a_model_tells_strategies_which_restart_it_is(rng):
    y = rng.standard_normal((60, 1))
    heard = []

    def strategy(y, rng, chain):
        heard.append(chain)
        return rng.integers(0, 2, len(y))

    HiddenMarkovModel(2, init=strategy, n_init=3, tol=1e-2, random_state=0).fit(y)
    assert heard == [0, 1, 2]
    one, other = np.repeat([0, 1], 30), np.tile([0, 1], 30)
    model = HiddenMarkovModel(2, init=Dispersed([one, other]), n_init=2, tol=1e-3).fit(y)
    alone = [HiddenMarkovModel(2, init=z, tol=1e-3).fit(y).history_[-1] for z in (one, other)]
    np.testing.assert_allclose(model.restarts_.objectives, alone)
