"""Residuals of a state-space model: innovations, and what the smoother takes for noise of rows and of states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit._validate import check_finite_likelihood
from tsinit.kernels.state_space.diffuse import diffuse_states
from tsinit.models.state_space.one_step import predict_one_step, whitened

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman, LinearGaussianParams

#: Variances of a disturbance, as a share of its noise, below which the data say nothing of it.
_NOTHING = 1e-10


def innovations(kalman: Kalman, params: LinearGaussianParams, standardised: bool) -> FloatArray:
    """One-step prediction errors (T, D), NaN where nothing is observed.

    Standardised, they are independent standard normal if the model is right: entries of one row are freed of each
    other, in the order of the columns.
    """
    ahead = predict_one_step(kalman, params)
    errors = kalman.y - ahead.means
    return whitened(errors, ahead.variances, ahead.store.index) if standardised else errors


def observation_disturbances(
    kalman: Kalman, params: LinearGaussianParams, standardised: bool
) -> FloatArray:
    """Observation noise (T, D) given all the data, NaN where nothing is observed: large ones are outliers.

    Of an observed entry, Var(v | y) = c P c' with P the smoothed covariance of the state, so that the estimate of v has
    variance R - c P c' (Harvey and Koopman, J. Business Econ. Statist. 10, 1992: auxiliary residuals).
    """
    done = kalman.smooth(params, covariances=True)
    check_finite_likelihood(done.succeeded)
    C, R = params.C, params.R
    errors = kalman.y - params.seen_through(done.means, kalman.u)
    errors -= kalman.observation_offset(params)
    if not standardised:
        return errors
    values, index = done.covariances
    if params.C_inputs is None:
        left = np.einsum("di,sij,dj->sd", C, values, C)[index]
    else:
        C = params.loadings(kalman.u)
        left = np.einsum("tdi,tij,tdj->td", C, values[index], C)
    variance = np.diag(R) - left
    return _standardised(errors, variance, np.diag(R))


def state_disturbances(
    kalman: Kalman, params: LinearGaussianParams, standardised: bool
) -> FloatArray:
    """State noise (T, n) that moves the state from the row before, given all the data; NaN in first rows.

    Large ones are breaks. With J = P A' M^-1 (P filtered, M predicted covariance), Cov(x[t+1], x[t] | y) = S J' for the
    smoothed S of t + 1, from which Var(w | y) follows, and the estimate of w has variance Q - Var(w | y).
    """
    done = kalman.smooth(params)
    check_finite_likelihood(done.succeeded)
    A, Q = params.A, params.Q
    x = done.means
    w = np.full_like(x, np.nan)
    w[1:] = x[1:] - x[:-1] @ A.T
    if params.B is not None:
        w[1:] -= kalman.u[:-1] @ params.B.T
    first = kalman.offsets[:-1]
    w[first[first < len(x)]] = np.nan
    if not standardised:
        return w
    if diffuse_states(params).any():
        found = kalman.directions(params)
        _, extra, _ = found.smoothed(found.solve())
        more = np.zeros_like(x)
        more[1:] = ((extra[:, 1:] - extra[:, :-1] @ A.T) ** 2).sum(axis=0)
        return _standardised(w, _explained(kalman, found.known) - more, np.diag(Q))
    return _standardised(w, _explained(kalman, params), np.diag(Q))


def _explained(kalman: Kalman, params: LinearGaussianParams) -> FloatArray:
    """Variances (T, n) of the estimates of state noise; NaN in the first row."""
    A, Q = params.A, params.Q
    done = kalman.smooth(params, covariances=True)
    check_finite_likelihood(done.succeeded)
    filtered = kalman.filter(params, covariances=True).covariances
    P = filtered.values
    M = A @ P @ A.T + Q
    J = (
        np.linalg.solve(M, A @ P).transpose(0, 2, 1)
        if _invertible(M)
        else P @ A.T @ np.linalg.pinv(M)
    )
    now, after = done.covariances.index[:-1], done.covariances.index[1:]
    # Pairs of rows repeat as covariances do.
    keys, inverse = np.unique(
        np.column_stack([now, after, filtered.index[:-1]]), axis=0, return_inverse=True
    )
    before, later = done.covariances.values[keys[:, 0]], done.covariances.values[keys[:, 1]]
    lag = later @ J[keys[:, 2]].transpose(0, 2, 1)  # Cov(x[t+1], x[t])
    cross = lag @ A.T
    left = later - cross - cross.transpose(0, 2, 1) + A @ before @ A.T
    variance = np.full_like(done.means, np.nan)
    variance[1:] = (np.diag(Q) - np.einsum("sii->si", left))[inverse.ravel()]
    return variance


def _standardised(errors: FloatArray, variance: FloatArray, noise: FloatArray) -> FloatArray:
    """Divide by standard deviations; NaN where the data say nothing of a disturbance."""
    known = variance > _NOTHING * noise
    return np.where(known, errors / np.sqrt(np.where(known, variance, 1.0)), np.nan)


def _invertible(M: FloatArray) -> bool:
    return bool(np.linalg.cond(M).max() < 1e12)
