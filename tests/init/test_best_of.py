import re

import numpy as np
import pytest
from helpers import random_params
from sklearn.base import clone

from tsinit.init import LPC, BestOf, Jump, KMeans, ShortEM, Uniform

Y = np.random.default_rng(9).standard_normal((100, 2))


def by_radius(start, n_iter):
    """A trial that likes fast forgetting and marks what it has refined."""
    return -np.abs(np.linalg.eigvals(start.A)).max(), start._replace(
        m0=np.full(len(start.A), float(n_iter))
    )


def fixed(radius):
    return random_params(np.random.default_rng(1), 2, 2, radius=radius)


def broken(y, rng):
    raise np.linalg.LinAlgError("Singular matrix")


def infinite(y, rng):
    return fixed(0.1)._replace(Q=np.full((2, 2), np.nan))


def test_the_better_start_wins_and_comes_back_refined(rng):
    best = BestOf([fixed(0.9), fixed(0.3), fixed(0.6)], n_iter=7).dynamics(
        Y, rng, 2, trial=by_radius
    )
    np.testing.assert_array_equal(best.A, fixed(0.3).A)
    np.testing.assert_array_equal(best.m0, [7.0, 7.0])


def test_the_first_wins_a_draw(rng):
    a, b = fixed(0.5), fixed(0.6)
    best = BestOf([a, b]).dynamics(Y, rng, 2, trial=lambda start, n_iter: (1.0, start))
    assert best is a


@pytest.mark.parametrize("bad", [broken, infinite], ids=["raises", "not finite"])
def test_a_candidate_that_fails_numerically_is_passed_over(rng, bad):
    best = BestOf([bad, fixed(0.9), bad]).dynamics(Y, rng, 2, trial=by_radius)
    np.testing.assert_array_equal(best.A, fixed(0.9).A)


def test_a_candidate_whose_fit_fails_is_passed_over(rng):
    def trial(start, n_iter):
        radius = np.abs(np.linalg.eigvals(start.A)).max()
        if radius < 0.4:
            raise FloatingPointError("diverged")
        return (np.nan if radius < 0.7 else radius), start

    best = BestOf([fixed(0.3), fixed(0.6), fixed(0.8), fixed(0.75)]).dynamics(
        Y, rng, 2, trial=trial
    )
    np.testing.assert_array_equal(best.A, fixed(0.8).A)


def test_when_all_fail_the_message_says_how(rng):
    expected = (
        "BestOf must have a candidate that can be fitted; every one failed: strategies=broken (LinAlgError: "
        "Singular matrix); strategies=infinite (FloatingPointError: the start must be finite)."
    )
    with pytest.raises(FloatingPointError, match=re.escape(expected)):
        BestOf([broken, infinite]).dynamics(Y, rng, 2, trial=by_radius)


def test_a_mistake_of_the_user_is_not_passed_over(rng):
    def typo(y, rng):
        raise NameError("name 'foo' is not defined")

    with pytest.raises(NameError):
        BestOf([typo, "uniform"]).dynamics(Y, rng, 2, trial=by_radius)
    calls = []
    with pytest.raises(ValueError, match="Did you mean 'uniform'"):
        BestOf([lambda y: calls.append(1), "unifrom"]).dynamics(Y, rng, 2, trial=by_radius)
    assert not calls  # names are checked before anything runs


def test_each_candidate_draws_for_itself():
    """Adding a candidate changes nothing for the others, and n_starts draws anew each time."""

    def drawn(strategies, n_starts=1):
        tried = []

        def trial(start, n_iter):
            tried.append(start.A)
            return 0.0, start

        BestOf(strategies, n_starts=n_starts).dynamics(Y, np.random.default_rng(3), 2, trial=trial)
        return tried

    one, two = drawn([Uniform()]), drawn([Uniform(), "eigen"])
    np.testing.assert_array_equal(one[0], two[0])
    three = drawn([Uniform()], n_starts=3)
    assert len(three) == 3
    assert not np.array_equal(three[0], three[1])


def test_nested_contests_and_clones_keep_their_parameters(rng):
    strategy = BestOf([LPC(jitter=0.3), "uniform", BestOf(["lpc"], n_iter=2)], n_iter=3)
    copy = clone(strategy)
    assert copy.strategies[0] is not strategy.strategies[0]
    assert copy.strategies[0].jitter == 0.3
    best = copy.dynamics(Y, rng, 2, trial=by_radius)
    assert np.isfinite(best.A).all()


@pytest.mark.parametrize(
    ("strategy", "trial", "error", "expected"),
    [
        (
            BestOf([]),
            by_radius,
            ValueError,
            "strategies must hold at least one strategy; got none.",
        ),
        (
            BestOf("cva"),
            by_radius,
            TypeError,
            "strategies must be a list or tuple of strategies, or 'auto'; got 'cva'.",
        ),
        (
            BestOf(["lpc"], n_iter=-1),
            by_radius,
            ValueError,
            "n_iter must be a whole number of at least 0; got -1.",
        ),
        (
            BestOf(["lpc"], n_starts=0),
            by_radius,
            ValueError,
            "n_starts must be a whole number of at least 1; got 0.",
        ),
        (
            BestOf(["lpc"]),
            None,
            TypeError,
            "trial must be a function trial(start, n_iter) -> (objective, refined); "
            "got None. A model gives it when BestOf is its init.",
        ),
    ],
)
def test_wrong_parameters_are_named(rng, strategy, trial, error, expected):
    with pytest.raises(error, match=re.escape(expected)):
        strategy.dynamics(Y, rng, 2, trial=trial)


def fewest_changes(labels, n_iter):
    """A trial on labels that likes long regimes and marks what it has refined."""
    return -float(np.count_nonzero(np.diff(labels))), np.append(labels[:-1], n_iter)


def test_labels_compete_in_the_same_way(rng):
    slow, fast = np.repeat([5, 2], 50), np.arange(100) % 2
    best = BestOf([fast, slow, "uniform"], n_iter=7).labels(Y, rng, 3, trial=fewest_changes)
    np.testing.assert_array_equal(best, [*np.repeat([1, 0], 50)[:-1], 7])


def test_the_candidates_for_labels_are_those_documented(rng):
    tried = []

    def trial(labels, n_iter):
        tried.append(labels)
        return 0.0, labels

    BestOf().labels(Y, np.random.default_rng(3), 2, trial=trial)
    own = np.random.default_rng(3).spawn(3)
    for labels, strategy, child in zip(tried, (KMeans(), Jump(), ShortEM()), own, strict=True):
        np.testing.assert_array_equal(labels, strategy.labels(Y, child, 2))


def test_labels_that_do_not_fit_the_data_are_a_mistake_of_the_user(rng):
    def short(y):
        return np.zeros(3, dtype=int)

    with pytest.raises(
        ValueError, match=r"^strategies=short must have one label for each of the 100 time steps"
    ):
        BestOf([short]).labels(Y, rng, 2, trial=fewest_changes)
    with pytest.raises(FloatingPointError, match="every one failed: strategies=broken"):
        BestOf([broken]).labels(Y, rng, 2, trial=fewest_changes)
    with pytest.raises(TypeError, match=r"^trial must be a function"):
        BestOf().labels(Y, rng, 2)
