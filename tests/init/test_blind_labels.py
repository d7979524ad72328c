"""Labels that do not look at the data: Uniform, OneState, Segments, Sticky, Perturb."""

import re

import numpy as np
import pytest
from scipy.stats import chisquare

from tsinit import init
from tsinit.init import KMeans, OneState, Perturb, Segments, Sticky, Uniform

Y = np.zeros((20_000, 1))


def fresh():
    return np.random.default_rng(5)


def test_uniform_labels_are_independent_and_equally_frequent():
    z = Uniform().labels(Y, fresh(), 4)
    assert chisquare(np.bincount(z)).pvalue > 1e-4
    assert chisquare(np.bincount(4 * z[:-1:2] + z[1::2])).pvalue > 1e-4


def test_one_state_is_one_state():
    np.testing.assert_array_equal(OneState().labels(Y), 0)


def test_segments_are_equal_blocks_of_each_sequence():
    offsets = np.array([0, 10, 10, 13, 14, 22])
    z = Segments().labels(Y[:22], None, 4, offsets)
    exact = [4 * t // L for L in (10, 3, 1, 8) for t in range(L)]
    np.testing.assert_array_equal(z, exact)
    np.testing.assert_array_equal(Segments().labels(Y[:6], None, 3), [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(Segments().labels(Y[:3], None, 7), [0, 1, 2])


@pytest.mark.parametrize("stay", [0.0, 0.6, 0.95, 1.0])
def test_a_sticky_chain_stays_with_its_probability_and_else_goes_anywhere(stay):
    K, T = 4, len(Y)
    z = Sticky(stay).labels(Y, fresh(), K)
    stays = np.mean(z[1:] == z[:-1])
    assert abs(stays - stay) <= 5 * np.sqrt(stay * (1 - stay) / T)
    if stay < 1.0:
        moved = (z[1:] - z[:-1])[z[1:] != z[:-1]] % K
        assert chisquare(np.bincount(moved, minlength=K)[1:]).pvalue > 1e-4


def test_every_sequence_of_a_sticky_chain_starts_anew():
    offsets = np.arange(0, len(Y) + 1, 5)
    z = Sticky(1.0).labels(Y, fresh(), 3, offsets)
    assert (z.reshape(-1, 5) == z[::5, None]).all()
    assert chisquare(np.bincount(3 * z[:-5:10] + z[5::10])).pvalue > 1e-4


@pytest.mark.parametrize("stay", [-0.1, 1.1, "no", None])
def test_a_probability_is_a_probability(stay):
    with pytest.raises(
        ValueError, match=r"^stay must be a number of at least 0 and at most 1; got "
    ):
        Sticky(stay).labels(Y, fresh(), 3)


def test_a_share_of_the_labels_is_drawn_anew():
    inner = np.repeat([0, 1, 2, 3], 5_000)
    z = Perturb(inner, 0.25).labels(Y, fresh())
    # A quarter of those drawn keep theirs: the number that does is binomial.
    changed, drawn = np.count_nonzero(z != inner), 5_000
    assert abs(changed - 0.75 * drawn) < 5 * np.sqrt(drawn * 0.75 * 0.25)
    np.testing.assert_array_equal(Perturb(inner, 0.0).labels(Y, fresh()), inner)


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_a_share_of_one_or_more_forgets_the_inner_labels(scale):
    inner = np.repeat([0, 1], 10_000)
    z = Perturb(inner, scale).labels(Y, fresh())
    assert chisquare(np.bincount(2 * inner + z)).pvalue > 1e-4


def test_new_labels_come_from_all_states_asked_for():
    z = Perturb("one_state", 0.5).labels(Y, fresh(), 5)
    assert chisquare(np.bincount(z)[1:]).pvalue > 1e-4
    assert z.max() == 4
    np.testing.assert_array_equal(Perturb(np.array([7] * 20_000), 0.5).labels(Y, fresh()), 0)


def test_ready_labels_are_not_touched_and_inner_parameters_are_reached(rng):
    inner = np.repeat([3, 1], 10)
    before = inner.copy()
    Perturb(inner, 0.5).labels(Y[:20], rng)
    np.testing.assert_array_equal(inner, before)
    outer = Perturb(KMeans()).set_params(inner__n_clusters=3, scale=0.0)
    y = rng.standard_normal((60, 2))
    np.testing.assert_array_equal(
        outer.labels(y, fresh(), 2), KMeans(n_clusters=3).labels(y, fresh(), 2)
    )


@pytest.mark.parametrize(
    ("strategy", "error", "expected"),
    [
        (Perturb("kmeans", -0.5), ValueError, "scale must be a number of at least 0; got -0.5."),
        (
            Perturb(np.zeros(3, int)),
            ValueError,
            "inner must have one label for each of the 20 time steps; got shape (3,).",
        ),
        (Perturb("lpc"), ValueError, "got 'lpc'. 'lpc' does not offer 'labels'."),
        (
            Perturb(lambda y: np.full(20, -1)),
            ValueError,
            "inner must hold whole numbers of at least 0; got -1 at time",
        ),
    ],
)
def test_wrong_parameters_are_named(rng, strategy, error, expected):
    with pytest.raises(error, match=re.escape(expected)):
        strategy.labels(Y[:20], rng, 3)


def test_the_names_are_those_the_documentation_gives():
    names = {
        "agglomerative",
        "auto",
        "best_of",
        "cva",
        "dispersed",
        "gaussian_mixture",
        "jump",
        "kmeans",
        "kmeans++",
        "kmedoids",
        "local_dynamics",
        "moesp",
        "n4sid",
        "one_state",
        "restarts",
        "segments",
        "short_em",
        "split_merge",
        "sticky",
        "subspace",
        "uniform",
    }
    assert names == set(init.names("labels"))
