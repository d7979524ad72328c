"""What each row is expected to be, given the rows before: one-step predictions, and the innovations they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate import check_finite_likelihood
from tsinit.kernels.state_space.arrays import CovarianceStore
from tsinit.kernels.state_space.diffuse import diffuse_states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.kernels import Kalman, LinearGaussianParams


class OneStep(NamedTuple):
    """Distribution of every row given those before it in its sequence.

    Parameters
    ----------
    states : (T, n) float
        Predicted means of the states.
    store : CovarianceStore
        Predicted covariances of the states: distinct ones, and which row has which.
    means : (T, D) float
        Of the observations.
    variances : (S, D, D) float
        Covariances of the observations, noise included, for each distinct one of the states.
    """

    states: np.ndarray
    store: Any
    means: np.ndarray
    variances: np.ndarray


def predict_one_step(kalman: Kalman, params: LinearGaussianParams) -> OneStep:
    """Predict every row from those before.

    Parameters
    ----------
    kalman : Kalman
        The sequences.
    params : LinearGaussianParams

    Returns
    -------
    OneStep

    Raises
    ------
    ValueError
        The data have no density under the parameters.
    """
    if diffuse_states(params).any():
        return _predict_diffuse(kalman, params)
    done = kalman.filter(params, covariances=True)
    check_finite_likelihood(done.succeeded)
    A, C, Q, R, m0, P0 = params[:6]
    first = kalman.offsets[:-1]
    first = first[first < len(kalman.y)]
    states = np.empty_like(done.means)
    states[1:] = done.means[:-1] @ A.T
    if params.B is not None:
        states[1:] += kalman.u[:-1] @ params.B.T
    states[first] = m0
    filtered: CovarianceStore = done.covariances
    # The last distinct one is that of first rows.
    values = np.concatenate([A @ filtered.values @ A.T + Q, P0[None]])
    index = np.empty(len(states), dtype=np.int64)
    index[1:] = filtered.index[:-1]
    index[first] = len(values) - 1
    means = params.seen_through(states, kalman.u) + kalman.observation_offset(params)
    if params.C_inputs is not None:
        values, index, C = values[index], np.arange(len(index)), params.loadings(kalman.u)
        variances = C @ values @ C.transpose(0, 2, 1) + R
        return OneStep(states, CovarianceStore(values, index), means, variances)
    return OneStep(
        states, filtered._replace(values=values, index=index), means, C @ values @ C.T + R
    )


def _predict_diffuse(kalman: Kalman, params: LinearGaussianParams) -> OneStep:
    """Predict with diffuse first states: nothing (NaN, with infinite variances) until the rows before tell of them."""
    found = kalman.directions(params)
    check_finite_likelihood(found.succeeded)
    delta, inverse, nothing = found.so_far()
    T, D = kalman.y.shape
    first = kalman.offsets[:-1]
    known = np.zeros(T, dtype=bool)
    known[1:] = ~nothing.any(axis=(1, 2))[:-1]
    known[first[first < T]] = False
    rows = np.flatnonzero(known)
    N = found.predicted[1:, rows].transpose(1, 2, 0)
    states = np.full((T, len(params.A)), np.nan)
    states[rows] = found.predicted[0, rows] + np.einsum("tnk,tk->tn", N, delta[rows - 1])
    values = np.zeros((T, *params.A.shape)) + np.diag(np.full(len(params.A), np.inf))
    values[rows] = found.values[found.index[rows]] + N @ inverse[rows - 1] @ N.transpose(0, 2, 1)
    variances = np.zeros((T, D, D)) + np.diag(np.full(D, np.inf))
    if params.C_inputs is None:
        variances[rows] = params.C @ values[rows] @ params.C.T + params.R
    else:
        C = params.loadings(kalman.u)[rows]
        variances[rows] = C @ values[rows] @ C.transpose(0, 2, 1) + params.R
    means = params.seen_through(states, kalman.u) + kalman.observation_offset(params)
    return OneStep(states, CovarianceStore(values, np.arange(T)), means, variances)


def whitened(errors: FloatArray, variances: FloatArray, index: IntArray) -> FloatArray:
    """Scale errors (T, D), NaN where missing, to independent ones of variance 1.

    Entries of a row are taken in the order of the columns: each is freed of what those before it in the row explain
    (Cholesky factor of the covariance of the observed entries).

    Parameters
    ----------
    errors : (T, D) float
    variances : (S, D, D) float
        Distinct covariances.
    index : (T,) int
        Which row has which.

    Returns
    -------
    (T, D) float
    """
    out = np.full_like(errors, np.nan)
    for rows, pattern in by_pattern(~np.isnan(errors)):
        which, inverse = np.unique(index[rows], return_inverse=True)
        L = np.linalg.cholesky(variances[which][:, pattern][:, :, pattern])
        for k in range(pattern.sum()):
            # Forward substitution, column by column, of all rows at once.
            done = np.einsum("ij,ij->i", L[inverse, k, :k], out[np.ix_(rows, pattern)][:, :k])
            column = np.flatnonzero(pattern)[k]
            out[rows, column] = (errors[rows, column] - done) / L[inverse, k, k]
    return out


def by_pattern(observed: BoolArray) -> Iterator[tuple[IntArray, BoolArray]]:
    """Group rows by which of their entries are observed; rows without any are left out."""
    patterns, which = np.unique(observed, axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        if pattern.any():
            yield np.flatnonzero(which.ravel() == k), pattern
