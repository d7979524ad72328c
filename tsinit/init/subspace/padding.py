"""Parts of a model that the data say nothing about: missing states and constant columns."""

import numpy as np
from scipy.linalg import block_diag

from tsinit.kernels import LinearGaussianParams

_RADIUS = 0.5  # of states beyond what the data can carry: short-lived


def white(D):
    """Parameters of D standardised variables without states."""
    none = np.zeros((0, 0))
    return LinearGaussianParams(
        none, np.zeros((D, 0)), none, np.eye(D), np.zeros(0), none, np.zeros(D)
    )


def pad(params, n_states, loadings):
    """Add short-lived states of variance 1 that hardly show in the output, up to ``n_states``."""
    missing = n_states - len(params.A)
    if missing == 0:
        return params
    eye = np.eye(missing)
    return params._replace(
        A=block_diag(params.A, _RADIUS * eye),
        C=np.hstack([params.C, loadings[:, :missing]]),
        Q=block_diag(params.Q, (1 - _RADIUS**2) * eye),
        m0=np.zeros(n_states),
        P0=block_diag(params.P0, eye),
    )


def with_constants(params, varies, noise):
    """Put columns that never vary back in: no state shows in them, and their noise is at the floor."""
    C = np.zeros((len(varies), params.C.shape[1]))
    C[varies] = params.C
    R = noise * np.eye(len(varies))
    R[np.ix_(varies, varies)] = params.R
    return params._replace(C=C, R=R, d=np.zeros(len(varies)))
