"""What observations are expected to be given all the data: gaps filled, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate
from tsinit.kernels.params import is_diagonal, writeable
from tsinit.kernels.state_space.observation import complete

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman
    from tsinit.kernels.params import LinearGaussianParams
    from tsinit.kernels.state_space.arrays import CovarianceStore


def conditional_moments(
    kalman: Kalman, params: LinearGaussianParams, with_spread: bool
) -> tuple[FloatArray, Any]:
    """Conditional means (T, D) of all observations and, if asked for, standard deviations of the missing ones."""
    params = writeable(params)
    result = kalman.smooth(params, covariances=with_spread)
    _validate.check_finite_likelihood(result.succeeded)
    offset, C = kalman.observation_offset(params), params.C
    if params.C_inputs is not None:  # what is left has the mean zero, whatever the states
        offset, C = offset + params.seen_through(result.means, kalman.u), np.zeros_like(C)
    z = kalman.y - offset
    complete(C, params.R, z, result.means, kalman.changed)
    spread = _spread_of_missing(kalman, params, result.covariances) if with_spread else None
    return z + offset, spread


def _spread_of_missing(
    kalman: Kalman, params: LinearGaussianParams, store: CovarianceStore
) -> FloatArray:
    """Standard deviation of every missing entry: Var(C x + v) given what was observed at that step and all others."""
    C, R = params.C, params.R
    each = None if params.C_inputs is None else params.loadings(kalman.u)
    spread = np.zeros(kalman.y.shape)
    diagonal = is_diagonal(R)
    patterns, which = kalman.patterns
    for k, pattern in enumerate(patterns):
        missing = ~pattern
        if not missing.any():
            continue
        steps = np.flatnonzero(which == k)
        rows, left = C[missing], R[np.ix_(missing, missing)]
        rows_each = None if each is None else each[steps][:, missing]
        if pattern.any() and not diagonal:
            R_oo, R_om = R[np.ix_(pattern, pattern)], R[np.ix_(pattern, missing)]
            H = np.linalg.lstsq(R_oo, R_om, rcond=None)[0].T
            rows, left = rows - H @ C[pattern], left - H @ R_om
            if each is not None:
                rows_each = rows_each - H @ each[steps][:, pattern]
        P = store.values[store.index[steps]]
        if rows_each is None:
            variance = np.einsum("ia,tab,ib->ti", rows, P, rows) + np.diag(left)
        else:
            variance = np.einsum("tia,tab,tib->ti", rows_each, P, rows_each) + np.diag(left)
        spread[np.ix_(steps, missing)] = np.sqrt(np.maximum(variance, 0.0))
    return spread
