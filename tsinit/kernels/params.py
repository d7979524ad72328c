"""Parameters of a linear Gaussian state-space model, as the kernels pass them around."""

from typing import NamedTuple

import numpy as np


def is_diagonal(R):
    """Whether a covariance has nothing beside its diagonal."""
    return np.count_nonzero(R) == np.count_nonzero(R.diagonal())


def writeable(values):
    """Return the same NamedTuple with copies of those arrays that may not be written to.

    Kernels are compiled for one kind of array: for those of a model that was mapped from a file (``mmap_mode="r"``) all
    would be compiled once more.
    """
    return values._make(
        np.array(value) if isinstance(value, np.ndarray) and not value.flags.writeable else value
        for value in values
    )


class LinearGaussianParams(NamedTuple):
    """Parameters of the model x[t+1] = A x[t] + w, y[t] = C x[t] + d + v.

    The state noise is w ~ N(0, Q), the observation noise v ~ N(0, R), independent of each other, and (m0, P0)
    is the prior of the state *at the first observation*.

    Parameters
    ----------
    A : (n, n) float
        State transition.
    C : (D, n) float
        Observation matrix, in units of the data per unit of state.
    Q : (n, n) float
        Covariance of the state noise, positive semi-definite.
    R : (D, D) float
        Covariance of the observation noise, positive semi-definite.
    m0 : (n,) float
        Prior mean of the first state.
    P0 : (n, n) float
        Prior covariance of the first state, positive semi-definite.
    d : (D,) float or None
        Observation mean; None stands for zero.
    """

    A: np.ndarray
    C: np.ndarray
    Q: np.ndarray
    R: np.ndarray
    m0: np.ndarray
    P0: np.ndarray
    d: np.ndarray | None = None
