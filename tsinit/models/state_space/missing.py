"""Missing observations under a fitted state-space model: means and spread given everything that was seen."""

import numpy as np

from tsinit._validate import check_finite_likelihood
from tsinit.kernels.params import is_diagonal
from tsinit.kernels.state_space.observation import complete


def complete_table(kalman, params, with_spread):
    """Conditional means (T, D) of all observations, and standard deviations of the missing ones.

    Parameters
    ----------
    kalman : Kalman
    params : LinearGaussianParams
    with_spread : bool
        Otherwise the second table is None.
    """
    done = kalman.smooth(params, covariances=with_spread)
    check_finite_likelihood(done.succeeded)
    z = kalman.y - params.d
    complete(params.C, params.R, z, done.means, kalman.changed)
    spread = _spread(kalman, params, done.covariances) if with_spread else None
    return z + params.d, spread


def _spread(kalman, params, store):
    """Standard deviation of every missing entry: Var(C x + v) given what was seen at that step and all others."""
    C, R, seen = params.C, params.R, kalman.seen
    spread = np.zeros(kalman.y.shape)
    diagonal = is_diagonal(R)
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        missing = ~pattern
        if not missing.any():
            continue
        rows, left = C[missing], R[np.ix_(missing, missing)]
        if pattern.any() and not diagonal:
            H = np.linalg.lstsq(
                R[np.ix_(pattern, pattern)], R[np.ix_(pattern, missing)], rcond=None
            )[0].T
            rows, left = rows - H @ C[pattern], left - H @ R[np.ix_(pattern, missing)]
        steps = np.flatnonzero(which.ravel() == k)
        P = store.values[store.index[steps]]
        variance = np.einsum("ia,tab,ib->ti", rows, P, rows) + np.diag(left)
        spread[np.ix_(steps, missing)] = np.sqrt(np.maximum(variance, 0.0))
    return spread
