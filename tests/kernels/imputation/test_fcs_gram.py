"""Gram matrices of windows are sums of outer products, pattern by pattern."""

import numpy as np
import pytest
from reference.fcs import windows

from tsinit.kernels.imputation.column_regressions import CHUNK, grams, weighted_grams


@pytest.mark.parametrize("L", [0, 1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_grams_are_sums_of_outer_products(rng, L, weighted):
    T, D, F = 3 * CHUNK, 3, 2
    W, C = rng.standard_normal((T, D)), rng.standard_normal((T, F))
    rows = rng.permutation(np.arange(L, T - L))
    starts = np.array([0, CHUNK + 7, len(rows)])
    M = (2 * L + 1) * D + F
    weights = rng.random((T, D))
    S, X = np.full((D if weighted else 1, 2, M, M), np.nan), np.empty((CHUNK, M))
    if weighted:
        weighted_grams(W, C, L, rows, starts, X, S, weights)
    else:
        grams(W, C, L, rows, starts, X, S)
    for q in range(2):
        V = np.array([windows(W, C, L, t) for t in rows[starts[q] : starts[q + 1]]])
        for j in range(len(S)):
            w = weights[rows[starts[q] : starts[q + 1]], j] if weighted else np.ones(len(V))
            np.testing.assert_allclose(S[j, q], V.T @ (w[:, None] * V), rtol=1e-10, atol=1e-10)
