"""State-space models with an observation matrix of every step, as one joint Gaussian: slow, obvious, exact."""

from typing import NamedTuple

import numpy as np
from reference.kalman import paths_of_shocks


class Answer(NamedTuple):
    means: np.ndarray  # (T, n) of the states given all observed values
    covariances: np.ndarray  # (T, n, n)
    log_likelihood: float


def smoothed(params, loadings, y, shift):
    """Generalised least squares on all rows of one sequence at once.

    Diffuse first states are regression coefficients; loadings (T, D, n), shift (T, n) is added to the state on its
    way to each row.
    """
    A, _, Q, R, m0, P0, d = params[:7]
    T, n = len(y), len(A)
    diffuse = np.isinf(np.diag(P0))
    P0 = np.where(diffuse[:, None] | diffuse, 0.0, P0)
    G = paths_of_shocks(A, T)
    shocks = np.kron(np.eye(T), Q)
    shocks[:n, :n] = P0
    moved = shift.copy()
    moved[0] = np.where(diffuse, 0.0, m0)
    mean, V = G @ moved.ravel(), G @ shocks @ G.T
    X = G[:, :n][:, diffuse]
    seen = ~np.isnan(y.ravel())
    H = np.zeros((T * y.shape[1], T * n))
    for t in range(T):
        D = y.shape[1]
        H[t * D : (t + 1) * D, t * n : (t + 1) * n] = loadings[t]
    H = H[seen]
    e = y.ravel()[seen] - np.tile(d, T)[seen] - H @ mean
    S = H @ V @ H.T + np.kron(np.eye(T), R)[np.ix_(seen, seen)]
    inverse = np.linalg.inv(S)
    K = V @ H.T @ inverse
    W = H @ X
    information = W.T @ inverse @ W
    delta = np.linalg.solve(information, W.T @ inverse @ e)
    left = e - W @ delta
    N = X - K @ W
    means = mean + K @ e + N @ delta
    P = V - K @ H @ V + N @ np.linalg.solve(information, N.T)
    log_likelihood = -0.5 * (
        seen.sum() * np.log(2.0 * np.pi)
        + np.linalg.slogdet(S)[1]
        + left @ inverse @ left
        + np.linalg.slogdet(information)[1]
    )
    now = np.arange(T)
    return Answer(means.reshape(T, n), P.reshape(T, n, T, n)[now, :, now, :], float(log_likelihood))
