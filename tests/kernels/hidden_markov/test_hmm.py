"""The finite hidden Markov model against the sum over every path."""

import itertools

import numpy as np
import pytest
from reference.hidden_markov import exact

from tsinit.kernels.hidden_markov import forward_backward


def draw(rng, T, K, zeros=0.0):
    """Densities and probabilities, a share of them zero."""
    start, P = rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K), size=K)
    log_density = 3.0 * rng.standard_normal((T, K))
    if zeros:
        P = np.where(rng.random(P.shape) < zeros, 0.0, P) + np.diag(np.full(K, 0.1))
        P /= P.sum(axis=1, keepdims=True)
        log_density[rng.random((T, K)) < zeros / 2] = -np.inf
    return log_density, start, P


def assert_exact(log_density, start, P, offsets):
    offsets = np.asarray(offsets, dtype=np.int64)
    total, prob, transitions, z = exact(log_density, start, P, offsets)
    alone = forward_backward.log_likelihood(log_density, start, P, offsets)
    np.testing.assert_allclose(alone, total, rtol=1e-12, atol=1e-12)
    found = forward_backward.smooth(log_density, start, P, offsets)
    np.testing.assert_allclose(found[0], total, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[1], prob, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found[2], transitions, rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(forward_backward.viterbi(log_density, start, P, offsets), z)
    over = forward_backward.smooth_over(lambda: log_density.copy(), start, P, offsets)
    for one, other in zip(found, over, strict=True):
        np.testing.assert_array_equal(one, other)
    filtered = forward_backward.filter_states(log_density, start, P, offsets)
    for a, b in itertools.pairwise(offsets):
        for t in range(a, b):
            # The filter of a row is the smoother of a sequence that ends there.
            up_to = exact(log_density[a : t + 1], start, P, [0, t + 1 - a])[1]
            np.testing.assert_allclose(filtered[t], up_to[-1], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    ("K", "offsets"),
    [
        (1, [0, 3]),
        (2, [0, 1]),
        (2, [0, 9]),
        (3, [0, 6]),
        (4, [0, 5]),
        (3, [0, 4, 4, 5, 9]),
        (9, [0, 3]),
    ],
)
def test_everything_is_the_sum_over_all_paths(rng, K, offsets):
    assert_exact(*draw(rng, offsets[-1], K), offsets)


def test_rows_without_a_value_are_passed_over(rng):
    log_density, start, P = draw(rng, 8, 3)
    log_density[[0, 3, 4, 7]] = 0.0
    assert_exact(log_density, start, P, [0, 5, 8])
    log_density[:] = 0.0
    assert forward_backward.log_likelihood(
        log_density, start, P, np.array([0, 5, 8])
    ) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_zeros_among_densities_and_transitions_are_exact(seed):
    log_density, start, P = draw(np.random.default_rng(seed), 7, 3, zeros=0.4)
    total = (
        exact(log_density, start, P, [0, 7])[0]
        if np.isfinite(log_density).any(axis=1).all()
        else -np.inf
    )
    if total > -np.inf:
        assert_exact(log_density, start, P, [0, 7])
        return
    offsets = np.array([0, 7])
    assert forward_backward.log_likelihood(log_density, start, P, offsets) == -np.inf
    value, prob, transitions = forward_backward.smooth(log_density, start, P, offsets)
    assert value == -np.inf
    assert np.isnan(prob).all()
    assert np.isnan(transitions).all()
    over = forward_backward.smooth_over(lambda: log_density.copy(), start, P, offsets)
    assert over[0] == -np.inf
    assert np.isnan(over[1]).all()
    assert np.isnan(forward_backward.filter_states(log_density, start, P, offsets)).all()
    assert forward_backward.viterbi(log_density, start, P, offsets).shape == (7,)


@pytest.mark.parametrize("case", ["one way", "separate", "wrong start", "tiny"])
def test_what_falls_far_behind_may_still_be_all_that_survives(rng, case):
    """States 2,000 nats behind, and transitions that never bring them back."""
    log_density = rng.standard_normal((6, 2)) * [1.0, 1.0] + [0.0, -2000.0]
    log_density[4:] += [-9000.0, 0.0]
    P = {
        "one way": np.array([[1.0, 0.0], [0.5, 0.5]]),
        "separate": np.eye(2),
        "wrong start": np.full((2, 2), 0.5),
        "tiny": np.array([[1.0, 0.0], [1e-250, 1.0]]),
    }[case]
    start = np.array([0.0, 1.0]) if case == "wrong start" else np.array([0.5, 0.5])
    assert_exact(log_density, start, P, [0, 6])


def test_a_share_that_has_no_inverse_divides_nothing(rng):
    log_density = rng.standard_normal((6, 2))
    log_density[[1, 3], 1] = -np.inf  # where next to nothing is predicted
    P = np.array([[1.0, 1e-320], [0.5, 0.5]])
    assert_exact(log_density, np.array([1.0, 0.0]), P, [0, 6])


def test_log_densities_of_any_size_only_shift_the_likelihood(rng):
    log_density, start, P = draw(rng, 8, 3)
    shift = np.array([0.0, 1e5, -1e5, 700.0, -800.0, 3.0, 0.0, 1e4])
    assert_exact(log_density + shift[:, None], start, P, [0, 8])


def test_the_pass_in_logs_agrees_on_a_long_series(rng):
    log_density, start, P = draw(rng, 5_000, 4)
    offsets = np.array([0, 1_000, 5_000])
    logs = np.log(start), np.log(P)
    prob, transitions = np.empty((5_000, 4)), np.zeros((4, 4))
    total = forward_backward.forward_log(log_density, *logs, offsets, prob)
    forward_backward.backward_log(logs[1], offsets, prob, transitions)
    found = forward_backward.smooth(log_density, start, P, offsets)
    assert found[0] == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(found[1], prob, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[2], transitions, rtol=1e-9)
    over = forward_backward.smooth_over(lambda: log_density.copy(), start, P, offsets)
    for one, other in zip(found, over, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[2].sum() == pytest.approx(4_998)


def test_arguments_are_not_touched(rng):
    log_density, start, P = draw(rng, 50, 3)
    before = [a.copy() for a in (log_density, start, P)]
    for function in (
        forward_backward.log_likelihood,
        forward_backward.smooth,
        forward_backward.viterbi,
    ):
        function(log_density, start, P, np.array([0, 50]))
    for a, b in zip((log_density, start, P), before, strict=True):
        np.testing.assert_array_equal(a, b)
