"""Reading a model off the LQ factor, against the textbook with whole matrices."""

import numpy as np
import pytest
from helpers import random_params, simulate
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import subspace as textbook

from tsinit.init.subspace.hankel import hankel_factor
from tsinit.init.subspace.realise import largest_order, observability, realise, weighted_states

WEIGHTS = ("cva", "n4sid", "moesp")


def factor_of(sequences, n_block_rows):
    offsets = np.concatenate([[0], np.cumsum([len(y) for y in sequences])])
    return hankel_factor(np.vstack(sequences), offsets, n_block_rows)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("n", "D", "n_block_rows"), [(2, 1, 5), (4, 1, 8), (3, 2, 4), (4, 3, 3)])
def test_agrees_with_the_textbook(rng, weights, n, D, n_block_rows):
    params = random_params(rng, n, D)
    sequences = [simulate(params, T, rng)[1] for T in (250, 2 * n_block_rows - 1, 180)]
    sequences[0][100, 0] = np.nan
    sequences = [y - params.d for y in sequences]
    slow = textbook.identify(sequences, n_block_rows, n, weights)
    assert np.abs(np.linalg.eigvals(slow.A)).max() < 0.999  # the twin does not stabilise
    factor = factor_of(sequences, n_block_rows)
    states = weighted_states(factor, weights)
    fast = realise(factor, states, n, weights)
    np.testing.assert_allclose(
        states.singular_values[: 2 * n], slow.singular_values[: 2 * n], rtol=1e-8
    )
    np.testing.assert_allclose(
        np.sort_complex(np.linalg.eigvals(fast.A)),
        np.sort_complex(np.linalg.eigvals(slow.A)),
        atol=1e-8,
    )
    mine = textbook.output_covariances(fast.A, fast.C, fast.Q, fast.S, fast.R, 10)
    theirs = textbook.output_covariances(slow.A, slow.C, slow.Q, slow.S, slow.R, 10)
    np.testing.assert_allclose(mine, theirs, atol=1e-8 * np.abs(theirs).max())
    np.testing.assert_allclose(fast.R, slow.R, atol=1e-8 * np.abs(slow.R).max())


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 5),
    D=st.integers(1, 3),
    T=st.integers(30, 200),
    weights=st.sampled_from(WEIGHTS),
)
def test_noise_is_positive_semidefinite_and_the_system_stable(seed, n, D, T, weights):
    rng = np.random.default_rng(seed)
    y = simulate(random_params(rng, n, D, radius=rng.uniform(0.1, 1.0)), T, rng)[1]
    factor = factor_of([y - y.mean(axis=0)], n + 1)
    states = weighted_states(factor, weights)
    assume(largest_order(factor, states) >= n)
    model = realise(factor, states, n, weights)
    noise = np.block([[model.Q, model.S], [model.S.T, model.R]])
    assert np.linalg.eigvalsh(noise)[0] >= -1e-12 * np.abs(noise).max()
    assert np.abs(np.linalg.eigvals(model.A)).max() <= 0.999 + 1e-6


def test_canonical_correlations_do_not_depend_on_units(rng):
    y = simulate(random_params(rng, 3, 2), 400, rng)[1]
    mixed = y @ np.array([[3.0, 1.0], [-0.5, 1e-3]])
    one, other = (weighted_states(factor_of([z - z.mean(axis=0)], 4), "cva") for z in (y, mixed))
    np.testing.assert_allclose(one.singular_values, other.singular_values, rtol=1e-8)
    assert 0 <= one.singular_values[-1] <= one.singular_values[0] <= 1


def test_orders_nest_in_one_decomposition(rng):
    y = simulate(random_params(rng, 4, 2), 400, rng)[1]
    factor = factor_of([y - y.mean(axis=0)], 5)
    states = weighted_states(factor, "cva")
    for n in range(1, 6):
        model = realise(factor, states, n, "cva")
        assert model.A.shape == (n, n)
        assert model.C.shape == (2, n)


def test_variables_that_repeat_each_other_lower_the_rank(rng):
    y = simulate(random_params(rng, 2, 1, mean=False), 300, rng)[1]
    single, double = factor_of([y], 4), factor_of([np.hstack([y, y])], 4)
    assert largest_order(single, weighted_states(single, "cva")) == 3
    states = weighted_states(double, "cva")
    assert np.isfinite(states.basis).all()
    assert len(states.singular_values) == 4
    assert np.isfinite(realise(double, states, 2, "cva").A).all()


def test_a_stabilised_model_keeps_the_variance_of_the_outputs():
    y = np.sqrt(2) * np.sin(0.3 * np.arange(500))[:, None]
    factor = factor_of([y], 5)
    model = realise(factor, weighted_states(factor, "n4sid"), 2, "n4sid", max_radius=0.99)
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(model.A)), 0.99, rtol=1e-6)
    variance = textbook.output_covariances(model.A, model.C, model.Q, model.S, model.R, 1)[0, 0, 0]
    assert variance == pytest.approx(1.0, rel=0.05)


def test_observability_stacks_powers(rng):
    A, C = rng.standard_normal((3, 3)), rng.standard_normal((2, 3))
    np.testing.assert_allclose(observability(A, C, 3), np.vstack([C, C @ A, C @ A @ A]))
