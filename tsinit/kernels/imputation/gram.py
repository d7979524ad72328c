"""Gram matrices of the windows of a table, pattern of available lags by pattern.

The window of row t is v_t = [W[t - L], ..., W[t + L], F[t]]: every predictor of every column's regression at t, and
the columns themselves at lag 0. One matrix S = sum v_t v_t' therefore serves the regressions of all columns.
"""

import llvmlite.binding as llvm
import numpy as np
from numba.core import types
from numba.extending import get_cython_function_address

from tsinit.kernels._jit import blend, blend_with_memory, entry, kernel
from tsinit.kernels.dense import _address, _data

CHUNK = 256  # windows gathered at once: they stay in the cache until they are multiplied

llvm.add_symbol("tsinit_dsyrk", get_cython_function_address("scipy.linalg.cython_blas", "dsyrk"))
_dsyrk = types.ExternalFunction("tsinit_dsyrk", types.void(*[types.voidptr] * 10))


@blend
def _add_products(n, X, S):
    """S += X'X of the first n rows of X, its lower triangle."""
    m = X.shape[1]
    _dsyrk(
        _address(np.uint8(ord("U"))), _address(np.uint8(ord("N"))), _address(np.int32(m)), _address(np.int32(n)),
        _address(1.0), _data(X), _address(np.int32(m)), _address(1.0), _data(S), _address(np.int32(m)),
    )  # fmt: skip


@blend_with_memory
def _window(W, F, L, t, i, X):
    """X[i] <- v_t."""
    D = W.shape[1]
    n = (2 * L + 1) * D
    w, x = W.ravel(), X.ravel()
    start, at = (t - L) * D, i * X.shape[1]
    for k in range(n):
        x[at + k] = w[start + k]
    for k in range(F.shape[1]):
        X[i, n + k] = F[t, k]


@kernel
def _clear(S):
    for i in range(S.shape[0]):
        for j in range(i + 1):
            S[i, j] = 0.0


@kernel
def _mirror(S):
    for i in range(S.shape[0]):
        for j in range(i):
            S[j, i] = S[i, j]


@entry
def grams(W, F, L, rows, starts, X, S):
    """Write S[0, q] = sum of v_t v_t' over rows[starts[q]:starts[q + 1]].

    W : (Tp, D) table; F : (Tp, F) covariates; X : (CHUNK, M) scratch; S : (1, Q, M, M).
    """
    for q in range(starts.size - 1):
        Sq = S[0, q]
        _clear(Sq)
        for first in range(starts[q], starts[q + 1], CHUNK):
            n = min(CHUNK, starts[q + 1] - first)
            for i in range(n):
                _window(W, F, L, rows[first + i], i, X)
            _add_products(n, X, Sq)
        _mirror(Sq)


@kernel
def _scale_row(X, i, weight):
    root = np.sqrt(weight)
    for k in range(X.shape[1]):
        X[i, k] *= root


@entry
def weighted_grams(W, F, L, rows, starts, X, S, weights):
    """Write S[j, q] = sum of weights[t, j] v_t v_t', one matrix for each column j."""
    for j in range(W.shape[1]):
        for q in range(starts.size - 1):
            Sq = S[j, q]
            _clear(Sq)
            for first in range(starts[q], starts[q + 1], CHUNK):
                n = min(CHUNK, starts[q + 1] - first)
                for i in range(n):
                    t = rows[first + i]
                    _window(W, F, L, t, i, X)
                    _scale_row(X, i, weights[t, j])
                _add_products(n, X, Sq)
            _mirror(Sq)
