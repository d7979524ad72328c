"""Strategies for a vector of parameters, on a space whose unconstrained scale is the logarithm."""

import numpy as np
import pytest

from tsinit.init import BestOf, Perturb, Uniform, names
from tsinit.init.native import Native, ParameterSpace
from tsinit.init.registry import is_native, resolve

Y = np.zeros((5, 1))
NATIVE = np.array([0.0, np.log(3.0), -2.0])
SIZE = np.array([0.5, 2.0, 10.0])
SPACE = ParameterSpace(NATIVE, np.exp, np.log, SIZE)
BARE = ParameterSpace(NATIVE, np.exp, np.log)


def _ask(init, rng, space=SPACE, trial=None):
    return resolve(init, "point").propose(Y, rng, trial=trial, space=space)


def _hill(start, n_iter):
    """A short fit: half of the way to (1, 1, 1) in every iteration."""
    end = 1.0 + (start - 1.0) * 0.5**n_iter
    return -float(np.abs(end - 1.0).sum()), start


def test_the_names_of_points_are_these():
    assert names("point") == ["best_of", "native", "uniform"]
    assert is_native("native")
    assert not is_native("uniform")


@pytest.mark.parametrize(
    "init", ["native", "uniform", Perturb("uniform", 0.3), BestOf(n_iter=1)], ids=str
)
def test_a_point_is_inside_and_repeats_with_the_seed(init):
    first, again = (_ask(init, np.random.default_rng(4), trial=_hill) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == NATIVE.shape
    assert (first > 0.0).all()


def test_native_is_where_the_library_begins():
    np.testing.assert_array_equal(Native().point(SPACE), np.exp(NATIVE))


@pytest.mark.parametrize("space", [SPACE, BARE], ids=["sizes", "no sizes"])
def test_uniform_fills_a_box_of_three_sizes_to_either_side(rng, space):
    half = 3.0 * (SIZE if space is SPACE else np.array([1.0, np.log(3.0), 2.0]))
    moves = np.array([np.log(Uniform().point(space, rng)) - NATIVE for _ in range(4_000)]) / half
    assert np.abs(moves).max() <= 1.0 + 1e-12
    # The mean of N uniform numbers on (-1, 1) has variance 1 / (3 N), that of their squares 4 / (45 N) about 1 / 3.
    np.testing.assert_allclose(moves.mean(axis=0), 0.0, atol=5 * np.sqrt(1 / (3 * 4_000)))
    np.testing.assert_allclose((moves**2).mean(axis=0), 1 / 3, atol=5 * np.sqrt(4 / (45 * 4_000)))


@pytest.mark.parametrize("space", [SPACE, BARE], ids=["sizes", "no sizes"])
def test_the_spread_of_perturb_is_as_stated(rng, space):
    scale, draws = 0.2, 4_000
    size = SIZE if space is SPACE else np.array([1.0, np.log(3.0), 2.0])
    moves = np.array([np.log(_ask(Perturb("native", scale), rng, space)) for _ in range(draws)])
    np.testing.assert_allclose(moves.std(axis=0), scale * size, rtol=5 / np.sqrt(2 * draws))
    away = (moves.mean(axis=0) - NATIVE) / (scale * size)
    np.testing.assert_allclose(away, 0.0, atol=5 / np.sqrt(draws))


def test_scale_zero_is_the_inner_start(rng):
    vector = np.array([0.3, 0.2, 7.0])
    np.testing.assert_array_equal(_ask(Perturb(vector, 0.0), rng), vector)
    np.testing.assert_array_equal(_ask(Perturb("native", 0.0), rng), np.exp(NATIVE))


def test_units_of_a_parameter_move_with_its_size(rng):
    # The second parameter in thousandths: its logarithm shifts, its size there does not.
    shift = np.array([0.0, np.log(1e3), 0.0])
    other = ParameterSpace(NATIVE + shift, np.exp, np.log, SIZE)
    for init in ("uniform", Perturb("native", 0.5)):
        here, there = (_ask(init, np.random.default_rng(2), space) for space in (SPACE, other))
        np.testing.assert_allclose(there, here * [1.0, 1e3, 1.0], rtol=1e-12)


def test_the_best_of_points_wins_and_failures_are_passed_over(rng):
    near, far = np.full(3, 1.1), np.full(3, 9.0)
    won = _ask(BestOf([far, near], n_iter=2), rng, trial=_hill)
    np.testing.assert_array_equal(won, near)

    def breaks(space):
        raise np.linalg.LinAlgError("no")

    np.testing.assert_array_equal(_ask(BestOf([breaks, far]), rng, trial=_hill), far)


def test_the_candidates_for_points_are_those_documented(rng):
    tried = []

    def trial(start, n_iter):
        tried.append(start)
        return _hill(start, n_iter)

    _ask(BestOf(), rng, trial=trial)
    assert len(tried) == 2
    np.testing.assert_array_equal(tried[0], np.exp(NATIVE))


def test_functions_and_ready_vectors_are_taken(rng):
    given = _ask(lambda space, rng: space.constrain(space.native + 1.0), rng)
    np.testing.assert_allclose(given, np.exp(NATIVE + 1.0))
    vector = np.ones(3)
    assert _ask(vector, rng) is vector


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        (Perturb(np.ones(2)), ValueError, "inner must have a number for each of the 3 parameters"),
        (Perturb(np.array([1.0, np.nan, 1.0])), ValueError, "inner must be finite"),
        (Perturb("native", -1.0), ValueError, "scale must"),
        (BestOf([np.ones(4)]), ValueError, "for each of the 3 parameters; got shape"),
        ("kmeans", ValueError, "'kmeans' does not offer 'point'"),
        (lambda: 3.0, TypeError, "must return a vector of parameters; got 3.0"),
    ],
)
def test_what_is_no_point_is_named(rng, init, error, message):
    with pytest.raises(error, match=message):
        _ask(init, rng, trial=_hill)
