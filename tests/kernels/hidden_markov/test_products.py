"""Products of padded vectors and matrices, four columns at a time, against NumPy."""

import numpy as np
import pytest
from numba import njit

from tsinit.kernels.hidden_markov import products


@njit
def multiplied(x, M, turned):
    matrix = products.padded(M, turned)
    out = np.full(products.padded_size(x.size), np.nan)
    even = np.zeros(x.size + x.size % 2)
    even[: x.size] = x
    products.multiply(even, matrix, out)
    return matrix, out


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("K", range(1, 14))
def test_products_are_those_of_numpy_and_zeros_behind_them(rng, K, turned):
    x, M = rng.random(K), rng.random((K, K))
    matrix, out = multiplied(x, M, turned)
    assert len(out) == len(matrix) == 4 * -(-K // 4)
    right = M.T if turned else M
    np.testing.assert_array_equal(matrix[:K, :K], right)
    assert not matrix[K:].any()
    assert not matrix[:, K:].any()
    np.testing.assert_allclose(out[:K], x @ right, rtol=1e-14)
    np.testing.assert_array_equal(out[K:], 0.0)


def test_the_stand_in_of_the_interpreter_does_the_same(rng):
    x, M = rng.random(6), np.zeros((8, 8))
    M[:5, :5] = rng.random((5, 5))
    x[5] = 0.0  # padded to an even size
    out = np.full(8, np.nan)
    for k in (0, 4):
        products._four_columns(x, M, k, out)
    np.testing.assert_allclose(out[:5], x[:5] @ M[:5, :5], rtol=1e-14)
