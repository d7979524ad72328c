"""The data say how many states to start from, whatever tells the regimes apart; and chains start apart."""

import numpy as np
import pytest

from tsinit import InfiniteHMM
from tsinit.init import Dispersed, KMeans
from tsinit.init.registry import resolve


def n_init_states(y, seed=0, lengths=None, **more):
    """What a fit of no more than a sweep chooses."""
    model = InfiniteHMM(init="segments", n_tune=0, n_draws=1, n_chains=1, random_state=seed, **more)
    return model.fit(y, lengths=lengths).n_init_states_


def blocks(rng, K, repeats=4, length=25):
    return np.concatenate([np.repeat(rng.permutation(K), length) for _ in range(repeats)])


def levels(rng, K=12, repeats=2):
    z = blocks(rng, K, repeats)
    return 100.0 * z[:, None] + rng.standard_normal((len(z), 1)), z


def wide(rng):
    z = blocks(rng, 3)
    return rng.standard_normal((3, 50))[z] + rng.standard_normal((len(z), 50)), z


def volatility(rng):
    z = blocks(rng, 2, repeats=6, length=60)
    return np.array([1.0, 5.0])[z][:, None] * rng.standard_normal((len(z), 1)), z


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("draw", "K"), [(levels, 12), (wide, 3), (volatility, 2)], ids=["levels", "wide", "volatility"]
)
def test_the_number_follows_the_data(draw, K, seed):
    y, _ = draw(np.random.default_rng([3, seed]))
    assert n_init_states(y, seed) == K


@pytest.mark.parametrize("seed", range(3))
def test_states_that_differ_by_their_neighbours_alone_are_counted(seed):
    y = np.array(["ABCDEF".index(c) for c in "ABCDEFEDCB" * 30], dtype=float)[:, None]
    assert n_init_states(y, seed, emission="categorical") == 10


@pytest.mark.parametrize("emission", ["gaussian", "student_t", "gaussian_diag"])
def test_gaps_and_sequences_leave_the_number(emission):
    rng = np.random.default_rng(0)
    z = blocks(rng, 4)
    y = np.array([[0, 0], [9, 0], [0, 9], [9, 9.0]])[z] + rng.standard_normal((len(z), 2))
    y[rng.random(y.shape) < 0.1] = np.nan
    assert n_init_states(y, lengths=[150, 250], emission=emission) == 4


def test_directions_on_both_sides_of_the_cut_are_one_state():
    rng = np.random.default_rng(0)
    z = blocks(rng, 2)
    y = rng.vonmises(np.where(z == 0, np.pi, 0.0), 20.0)[:, None]
    assert n_init_states(y, emission="von_mises") == 2


def test_of_a_long_series_a_part_is_looked_at():
    y, _ = levels(np.random.default_rng(0), K=5, repeats=400)
    assert len(y) == 50_000
    assert n_init_states(y) == 5


def test_a_number_given_is_taken_and_labels_need_none():
    y, z = levels(np.random.default_rng(0), K=3)
    assert n_init_states(y, n_init_states=7) == 7
    model = InfiniteHMM(init=z, n_tune=0, n_draws=1, n_chains=2, random_state=0).fit(y)
    assert model.n_init_states_ is None


def test_wide_series_are_segmented():
    """States that differ in their covariances too: where only means differ, one state of 50 columns is denser."""
    rng = np.random.default_rng(0)
    z = blocks(rng, 3)
    roots = np.eye(50) + 0.2 * rng.standard_normal((3, 50, 50))
    y = 3.0 * rng.standard_normal((3, 50))[z]
    y += np.einsum("tij,tj->ti", roots[z], rng.standard_normal((len(z), 50)))
    model = InfiniteHMM(n_tune=50, n_draws=50, random_state=0).fit(y)
    from tsinit.metrics import adjusted_rand_index

    assert adjusted_rand_index(z, model.labels_) > 0.95


def test_by_default_each_chain_has_another_strategy_and_more_chains_begin_anew():
    y, _ = volatility(np.random.default_rng(0))
    short = {"n_init_states": 4, "n_tune": 0, "n_draws": 1, "random_state": 0}
    own = InfiniteHMM(n_chains=6, **short).fit(y).start_
    named = ["kmeans", "jump", KMeans(n_delays=3), "short_em", "kmeans", "jump"]
    assert np.array_equal(own, InfiniteHMM(init=named, n_chains=6, **short).fit(y).start_)
    two = InfiniteHMM(n_chains=2, **short).fit(y).start_
    assert np.array_equal(own[:2], two)
    alike = InfiniteHMM(init="kmeans", n_chains=2, **short).fit(y).start_
    assert np.array_equal(alike[0], two[0])


def test_starts_do_not_depend_on_threads():
    y, _ = volatility(np.random.default_rng(0))
    fits = [InfiniteHMM(n_tune=5, n_draws=5, random_state=0, n_jobs=n).fit(y) for n in (1, 2)]
    assert np.array_equal(fits[0].start_, fits[1].start_)
    assert np.array_equal(fits[0].draws_.labels, fits[1].draws_.labels)


def test_dispersed_takes_what_it_is_given(rng):
    strategy = Dispersed(["one_state", lambda y: np.arange(len(y)) % 2])
    y = rng.standard_normal((10, 1))
    found = [resolve(strategy, "labels").propose(y, rng, chain=c).max() for c in range(3)]
    assert found == [0, 1, 0]
    with pytest.raises(ValueError, match="strategies must hold at least one strategy"):
        Dispersed([]).labels(y, rng)
    with pytest.raises(ValueError, match=r"strategies must be one of .* Did you mean 'kmeans'"):
        Dispersed(["kmean"]).labels(y, rng)
