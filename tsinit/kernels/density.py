"""One name for the log density of every emission: Numba picks the function by the class of the parameters.

A kernel that took the density as an argument would be compiled anew in every process. Here the choice is made
by type while the caller compiles, so that a cached caller carries the density it was compiled with.
"""

from types import FunctionType
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from tsinit.kernels._jit import entry

_DENSITIES: dict = {}  # class of the parameters -> f(params, data, t, k)


def log_density(params, data, t, k):
    """Log density of row t of the data in state k, missing entries integrated out; compiled callers only.

    Parameters
    ----------
    params : NamedTuple of arrays, leading axis K
    data : NamedTuple of arrays, the first with one row per time step
    t, k : int
    """
    return _DENSITIES[type(params)](params, data, t, k)


def density(Params):
    """Register the decorated f(params, data, t, k) as the density of parameters of the class `Params`.

    The function stays plain Python and must use exactly these four names; it may call kernels. It gives 0.0
    for a row of which nothing is observed.
    """

    def register(function):
        # Numba compares signatures, annotations and all: a copy without them.
        _DENSITIES[Params] = FunctionType(
            function.__code__, function.__globals__, function.__name__, None, function.__closure__
        )
        return function

    return register


class Tabulated(NamedTuple):
    """Log densities that were computed before, in the place of parameters."""

    log_density: np.ndarray  # (T, K)


@density(Tabulated)
def _tabulated_log_density(params, data, t, k):
    return params.log_density[t, k]


# A density may make arrays, whoever calls it: see `_jit`.
@overload(log_density, jit_options={"error_model": "numpy", "forceinline": True, "_nrt": True})
def _log_density(params, data, t, k):
    return _DENSITIES.get(getattr(params, "instance_class", None))


@entry
def all_log_densities(params, data, K):
    """Log density of every row in every state, (T, K)."""
    T = data[0].shape[0]
    out = np.empty((T, K))
    for t in range(T):
        for k in range(K):
            out[t, k] = log_density(params, data, t, k)
    return out


@entry
def fill_log_densities(params, data, rows, out):
    """Fill out[rows] (of (T, K)) with their log densities."""
    for r in range(rows.size):
        for k in range(out.shape[1]):
            out[rows[r], k] = log_density(params, data, rows[r], k)


@entry
def sum_log_density(params, data, z):
    """Sum over rows of the log density in the row's own state z (T,)."""
    total = 0.0
    for t in range(z.size):
        total += log_density(params, data, t, z[t])
    return total
