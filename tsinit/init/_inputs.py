"""Known inputs in a start: regressed out for strategies that know nothing of them, then fitted to given dynamics."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels import Kalman
from tsinit.kernels.state_space.inputs import state_response

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams

_MAX_LAGS = 20  # of the inputs that are regressed out
_ROWS_A_LAG = 10  # observed rows for each coefficient
_RIDGE = 1e-8  # of the regressors' size, so that inputs that repeat each other do no harm
_MAX_RADIUS = 0.999  # dynamics that grow would make a response of any size


def regress_out(y: FloatArray, inputs: FloatArray, offsets: IntArray | None) -> FloatArray:
    """Take out of each column what the inputs of its step and of up to 20 steps before explain.

    Parameters
    ----------
    y : (T, D) float
        Observations, NaN where missing.
    inputs : (T, m) float
        Complete.
    offsets : (N + 1,) int or None
        Where each sequence starts.

    Returns
    -------
    (T, D) float
        Residuals about the mean of each column, NaN where y is.
    """
    m = inputs.shape[1]
    observed = ~np.isnan(y)
    fewest = int(observed.sum(axis=0).min())
    n_lags = max(0, min(_MAX_LAGS, fewest // (_ROWS_A_LAG * m) - 1))
    regressors = _lagged(_standard(inputs), offsets, n_lags)
    residual = y.copy()
    for column, seen, out in zip(y.T, observed.T, residual.T, strict=True):
        if not seen.any():
            continue
        X, mean = regressors[seen], column[seen].mean()
        X_mean = X.mean(axis=0)
        coefficients = _solve(X - X_mean, column[seen] - mean)
        out[seen] = column[seen] - (X - X_mean) @ coefficients
    return residual


class InputEffects(NamedTuple):
    """What inputs do to the outputs of given dynamics."""

    B: np.ndarray  # (n, m)
    D: np.ndarray  # (D, m)
    d: np.ndarray  # (D,) mean of the outputs where the inputs are at their means
    outputs: np.ndarray  # (T, D) what they and the mean make of the outputs


def least_squares(
    A: FloatArray,
    C: FloatArray,
    scale: FloatArray,
    y: FloatArray,
    inputs: FloatArray,
    offsets: IntArray | None,
    effect: str,
) -> InputEffects:
    """Fit B, D and d to dynamics that are given: outputs are linear in them.

    Parameters
    ----------
    A : (n, n) float
    C : (D, n) float
    scale : (D,) float
        Of the noise of each column: what is far off in its units counts.
    y : (T, D) float
        Observations, NaN where missing.
    inputs : (T, m) float
        Centred.
    offsets : (N + 1,) int or None
        Where each sequence starts.
    effect : {"state", "output", "both"}
        What the inputs act on; B or D is zero where they do not.

    Returns
    -------
    InputEffects
    """
    n, m, n_columns = len(A), inputs.shape[1], y.shape[1]
    bounds = np.array([0, len(y)] if offsets is None else offsets, dtype=np.int64)
    at_once = np.ones((len(y), 1))
    if effect != "state":
        at_once = np.column_stack([inputs, at_once])
    seen = ~np.isnan(y)
    B, response = np.zeros((n, m)), np.zeros((len(y), n))
    if effect != "output":
        responses = _unit_responses(A, inputs, bounds)
        stacked = []
        for i in np.flatnonzero(seen.any(axis=0)):
            rows = seen[:, i]
            columns = np.einsum("ktn,n->tk", responses[:, rows], C[i])
            both = np.column_stack([columns, y[rows, i]])
            left = both - at_once[rows] @ _solve(at_once[rows], both)
            stacked.append(left / scale[i])
        left = np.vstack(stacked)
        B = _solve(left[:, :-1], left[:, -1]).reshape(n, m)
        response = np.einsum("ktn,k->tn", responses, B.ravel())
    D, d = np.zeros((n_columns, m)), np.zeros(n_columns)
    for i in np.flatnonzero(seen.any(axis=0)):
        rows = seen[:, i]
        found = _solve(at_once[rows], y[rows, i] - response[rows] @ C[i])
        D[i], d[i] = found[:-1] if effect != "state" else 0.0, found[-1]
    return InputEffects(B, D, d, response @ C.T + inputs @ D.T + d)


def fit_inputs(
    params: LinearGaussianParams,
    y: FloatArray,
    inputs: FloatArray,
    offsets: IntArray | None,
    effect: str,
) -> LinearGaussianParams:
    """Give dynamics the effects of known inputs, by least squares, and the first state that then fits.

    Parameters
    ----------
    params : LinearGaussianParams
        Without B and D.
    y : (T, D) float
        Observations, NaN where missing.
    inputs : (T, m) float
        Complete.
    offsets : (N + 1,) int or None
        Where each sequence starts.
    effect : {"state", "output", "both"}
        What the inputs act on.

    Returns
    -------
    LinearGaussianParams
    """
    n, centre, spread = len(params.A), inputs.mean(axis=0), _spread(inputs)
    scale = np.sqrt(np.maximum(np.diag(params.R), np.finfo(float).tiny))
    found = least_squares(params.A, params.C, scale, y, _standard(inputs), offsets, effect)
    # From standardised inputs to those given: what mean inputs do for ever in B, and at once in D.
    B, D = found.B / spread, found.D / spread
    d, m0 = found.d - D @ centre, params.m0
    if effect == "output":
        return params._replace(d=d, D=D)
    g = np.linalg.lstsq(np.eye(n) - params.A, B @ centre, rcond=None)[0]
    params = params._replace(m0=m0 + g, d=d - params.C @ g, B=B, D=None if effect == "state" else D)
    first = np.array([0]) if offsets is None else offsets[:-1]
    done = Kalman(np.ascontiguousarray(y), n, offsets, np.ascontiguousarray(inputs)).smooth(params)
    if not done.succeeded:
        return params
    return params._replace(m0=done.means[first[first < len(y)]].mean(axis=0))


def _unit_responses(A: FloatArray, u: FloatArray, offsets: IntArray) -> FloatArray:
    """Response of the states (n m, T, n) to each input through each state alone."""
    n, m = len(A), u.shape[1]
    radius = np.abs(np.linalg.eigvals(A)).max(initial=0.0)
    if radius > _MAX_RADIUS:
        A = A * (_MAX_RADIUS / radius)
    out = np.empty((n * m, len(u), n))
    for k in range(n * m):
        B = np.zeros((n, m))
        B.flat[k] = 1.0
        out[k] = state_response(A, B, u, offsets)
    return out


def _lagged(u: FloatArray, offsets: IntArray | None, n_lags: int) -> FloatArray:
    """Inputs of each step and of the n_lags before, zero (their mean) before a sequence begins."""
    T, m = u.shape
    bounds = [0, T] if offsets is None else offsets
    out = np.zeros((T, (n_lags + 1) * m))
    for start, stop in pairwise(bounds):
        for lag in range(min(n_lags + 1, stop - start)):
            out[start + lag : stop, lag * m : (lag + 1) * m] = u[start : stop - lag]
    return out


def _standard(inputs: FloatArray) -> FloatArray:
    return (inputs - inputs.mean(axis=0)) / _spread(inputs)


def _spread(inputs: FloatArray) -> FloatArray:
    spread = inputs.std(axis=0)
    return np.where(spread > 0.0, spread, 1.0)


def _solve(X: FloatArray, y: FloatArray) -> FloatArray:
    """Least squares with a ridge that only directions without information feel."""
    G = X.T @ X
    G[np.diag_indices_from(G)] += _RIDGE * max(np.trace(G) / max(len(G), 1), 1e-300)
    return np.asarray(np.linalg.solve(G, X.T @ y), dtype=np.float64)
