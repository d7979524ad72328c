"""Sequences in threads: no bit of a result depends on how many, and blocks of sequences add up to the whole."""

import itertools

import numpy as np
import pytest
from helpers import random_params, simulate

from tsinit.kernels import Kalman
from tsinit.kernels.state_space import blocks

THREADS = (1, 2, 3, 7)


def ragged(rng, params, n_sequences, shortest, longest, missing):
    """Sequences of different lengths, the first of them empty of values, the last complete: (y, offsets)."""
    length = rng.integers(shortest, longest, n_sequences)
    y = np.concatenate([simulate(params, T, rng)[1] for T in length])
    offsets = np.concatenate([[0], np.cumsum(length)])
    inside = slice(0, offsets[-2])
    y[inside][rng.random(y[inside].shape) < missing] = np.nan
    y[: offsets[1]] = np.nan
    return y, offsets


def systems(rng):
    """Small and larger ones; a full R; inputs; gaps that come and go, and one that lasts."""
    small, wide = random_params(rng, 2, 1), random_params(rng, 5, 3)
    y, offsets = ragged(rng, small, 700, 90, 260, 0.1)
    yield "small", small, y, offsets, None
    y, offsets = ragged(rng, wide, 400, 40, 160, 0.1)
    yield "wide", wide, y, offsets, None
    G = rng.standard_normal((3, 3))
    yield "full R", wide._replace(R=G @ G.T + np.eye(3)), y, offsets, None
    u = rng.standard_normal((len(y), 2))
    driven = wide._replace(B=rng.standard_normal((5, 2)), D=rng.standard_normal((3, 2)))
    yield "inputs", driven, y, offsets, u
    y = np.concatenate([simulate(wide, 150, rng)[1] for _ in range(120)])
    offsets = np.arange(121) * 150
    for start in offsets[:-1]:
        y[start + 40 : start + 90, 1] = np.nan
    yield "lasting", wide, y, offsets, None


CASES = {name: case for name, *case in systems(np.random.default_rng(0))}


def assert_equal(one, other):
    assert one.log_likelihood == other.log_likelihood
    assert one.quadratic == other.quadratic
    assert one.succeeded
    assert other.succeeded
    np.testing.assert_array_equal(one.means, other.means)
    if one.moments is not None:
        for a, b in zip(one.moments, other.moments, strict=True):
            np.testing.assert_array_equal(a, b)
    if one.covariances is not None:
        np.testing.assert_array_equal(spread(one), spread(other))


def spread(result):
    return result.covariances.values[result.covariances.index]


@pytest.mark.parametrize("moments", ["by_variable", "jointly"])
@pytest.mark.parametrize("name", CASES)
def test_nothing_depends_on_the_number_of_threads(name, moments):
    params, y, offsets, u = CASES[name]
    kalmans = [Kalman(y, len(params.A), offsets, u, n_threads=k) for k in THREADS]
    assert kalmans[0]._blocks
    for request in (
        {"moments": moments},
        {"covariances": True},
        {"moments": moments},  # in memory that has been used
    ):
        first, *others = [kalman.smooth(params, **request) for kalman in kalmans]
        for other in others:
            assert_equal(first, other)
    first, *others = [kalman.filter(params, covariances=True) for kalman in kalmans]
    for other in others:
        assert_equal(first, other)
    assert len({kalman.log_likelihood(params) for kalman in kalmans}) == 1


@pytest.mark.parametrize("moments", ["by_variable", "jointly"])
@pytest.mark.parametrize("name", CASES)
def test_blocks_add_up_to_the_whole(name, moments):
    params, y, offsets, u = CASES[name]
    whole, cut = (Kalman(y, len(params.A), offsets, u, n_threads=2) for _ in range(2))
    whole._blocks = []
    one, other = (k.smooth(params, covariances=True, moments=moments) for k in (whole, cut))
    np.testing.assert_allclose(other.log_likelihood, one.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(other.quadratic, one.quadratic, rtol=1e-12)
    np.testing.assert_allclose(other.means, one.means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(spread(other), spread(one), rtol=1e-9, atol=1e-11)
    for a, b in zip(other.moments, one.moments, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-8)


def test_complete_sequences_of_one_length_are_what_they_are_in_one_thread(rng):
    params = random_params(rng, 4, 3)
    y = np.concatenate([simulate(params, 60, rng)[1] for _ in range(700)])
    kalmans = [Kalman(y, 4, np.arange(701) * 60, n_threads=k) for k in THREADS]
    assert not kalmans[0]._blocks
    first, *others = [kalman.smooth(params, moments="by_variable") for kalman in kalmans]
    for other in others:
        assert_equal(first, other)


def test_a_block_that_fails_fails_the_pass(rng):
    params, y, offsets, _ = CASES["small"]
    y = y.copy()
    y[offsets[400]] = 1e200  # its square is more than a number can be
    for n_threads in (1, 2):
        done = Kalman(y, 2, offsets, n_threads=n_threads).smooth(params, moments="by_variable")
        assert not done.succeeded


def test_blocks_are_of_about_the_same_work_and_hold_every_sequence_once(rng):
    for n_sequences, n, D in ((1, 2, 1), (2, 3, 2), (50, 8, 5), (5000, 2, 1), (300, 7, 7)):
        length = rng.integers(1, 300, n_sequences)
        offsets = np.concatenate([[0], np.cumsum(length)])
        complete = rng.random(n_sequences) < 0.2
        bounds = blocks.cut(offsets, complete, n, D)
        assert bounds[0] == 0
        assert bounds[-1] == n_sequences
        assert (np.diff(bounds) > 0).all()
        work = [length[a:b] @ ~complete[a:b] for a, b in itertools.pairwise(bounds)]
        assert max(work) - min(work) <= 600 or len(work) == 1
    assert len(blocks.cut(np.array([0, 10**9]), np.array([False]), 4, 4)) == 2
    assert len(blocks.cut(np.arange(20) * 10, np.zeros(19, bool), 4, 4)) == 2  # too little work


def test_memory_is_kept_for_each_thread_not_for_each_block():
    params, y, offsets, _ = CASES["wide"]
    kalman = Kalman(y, 5, offsets, n_threads=2)
    for _ in range(3):
        kalman.smooth(params, moments="by_variable")
    assert len(kalman._blocks) > 2
    assert len(kalman.memories) == 2


def test_siblings_share_data_and_nothing_that_is_written_to():
    params, y, offsets, _ = CASES["wide"]
    for some in (offsets, None):
        kalman = Kalman(y, 5, some)
        before = kalman.smooth(params, moments="by_variable")
        other = kalman.sibling()
        assert other.y is kalman.y
        assert_equal(before, other.smooth(params, moments="by_variable"))
        for name in ("_work", "_trails", "memories", "_parts"):
            assert getattr(other, name) is not getattr(kalman, name)
