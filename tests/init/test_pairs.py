"""Covariances from pairs of observed values against loops over the pairs."""

from itertools import pairwise

import numpy as np

from tsinit.init.subspace.hankel import hankel_factor
from tsinit.init.subspace.views import lagged_covariances, pairs_factor, positive_definite, toeplitz


def test_lagged_covariances_are_the_averages_over_pairs_within_sequences(rng):
    y = rng.standard_normal((40, 2))
    y[rng.random(y.shape) < 0.4] = np.nan
    offsets = np.array([0, 13, 13, 15, 40])
    covariances, counts = lagged_covariances(y, offsets, 6)
    for k in range(6):
        for a in range(2):
            for b in range(2):
                pairs = [
                    y[t + k, a] * y[t, b]
                    for start, stop in pairwise(offsets)
                    for t in range(start, stop - k)
                ]
                pairs = [pair for pair in pairs if not np.isnan(pair)]
                assert counts[k, a, b] == len(pairs)
                expected = np.mean(pairs) if pairs else 0.0
                np.testing.assert_allclose(covariances[k, a, b], expected, atol=1e-14)


def test_toeplitz_places_lag_p_minus_q_at_block_p_q(rng):
    covariances = rng.standard_normal((4, 2, 2))
    covariances[0] += covariances[0].T
    S = toeplitz(covariances).reshape(4, 2, 4, 2)
    for p in range(4):
        for q in range(4):
            block = covariances[p - q] if p >= q else covariances[q - p].T
            np.testing.assert_array_equal(S[p, :, q], block)


def test_repair_leaves_good_matrices_alone_and_lifts_the_others(rng):
    good = np.diag([1.0, 0.5, 0.02])
    assert positive_definite(good) is good
    bad = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    repaired = positive_definite(bad)
    values = np.linalg.eigvalsh(repaired)
    np.testing.assert_allclose(values, np.maximum(np.linalg.eigvalsh(bad), 1e-2), rtol=1e-9)


def test_without_gaps_it_is_the_ordinary_factor_up_to_the_ends(rng):
    y = rng.standard_normal((20_000, 2))
    y[1:] += 0.8 * y[:-1]
    offsets = np.array([0, len(y)])
    pairs, usual = pairs_factor(*lagged_covariances(y, offsets, 9), 4), hankel_factor(y, offsets, 4)
    # Either average leaves out at most 2 i of the T rows.
    np.testing.assert_allclose(pairs.L, usual.L, atol=20 * 8 / len(y))
    assert pairs.n_columns > 0.99 * usual.n_columns
