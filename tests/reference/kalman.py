"""Textbook Kalman filter, RTS smoother, and the joint Gaussian they compute: slow, obvious, exact.

Everything is a line of linear algebra per formula; nothing is shared with the kernels under test.
"""

from typing import NamedTuple

import numpy as np


class Filtered(NamedTuple):
    predicted_means: np.ndarray  # (T, n) E[x_t | y_1..y_{t-1}]
    predicted_covariances: np.ndarray  # (T, n, n)
    means: np.ndarray  # (T, n) E[x_t | y_1..y_t]
    covariances: np.ndarray  # (T, n, n)
    log_likelihood: float


class Smoothed(NamedTuple):
    means: np.ndarray  # (T, n) E[x_t | Y]
    covariances: np.ndarray  # (T, n, n)
    lag_one: np.ndarray  # (T-1, n, n) Cov(x_{t+1}, x_t | Y)
    log_likelihood: float


class Joint(NamedTuple):
    """Conditional moments of z = (x_1, ..., x_T, y_1, ..., y_T) given the observed entries of y."""

    mean: np.ndarray  # (T (n + D),)
    covariance: np.ndarray  # (T (n + D), T (n + D)); zero rows and columns for observed entries
    log_likelihood: float


def filter(params, y):
    """Kalman filter with the missing rows dropped at each step; R may be full."""
    A, C, Q, R, m, P, d = _full(params)
    T, n = len(y), len(A)
    out = Filtered(
        np.empty((T, n)), np.empty((T, n, n)), np.empty((T, n)), np.empty((T, n, n)), 0.0
    )
    log_likelihood = 0.0
    for t in range(T):
        if t > 0:
            m = A @ m
            P = A @ P @ A.T + Q
        out.predicted_means[t], out.predicted_covariances[t] = m, P
        o = ~np.isnan(y[t])
        if o.any():
            Co, Ro = C[o], R[np.ix_(o, o)]
            e = y[t, o] - d[o] - Co @ m
            S = Co @ P @ Co.T + Ro
            K = np.linalg.solve(S, Co @ P).T
            m = m + K @ e
            F = np.eye(n) - K @ Co
            P = F @ P @ F.T + K @ Ro @ K.T
            log_likelihood += log_density(e, S)
        out.means[t], out.covariances[t] = m, P
    return out._replace(log_likelihood=log_likelihood)


def smooth(params, y):
    """Rauch-Tung-Striebel smoother: J_t = P_f(t) A' P_p(t+1)^-1, Cov(x_{t+1}, x_t | Y) = P_s(t+1) J_t'."""
    A = params.A
    f = filter(params, y)
    means, covariances = f.means.copy(), f.covariances.copy()
    lag_one = np.empty((len(y) - 1, *A.shape))
    for t in range(len(y) - 2, -1, -1):
        # The pseudo-inverse, because the predicted covariance is singular where Q and P0 are.
        J = f.covariances[t] @ A.T @ np.linalg.pinv(f.predicted_covariances[t + 1], hermitian=True)
        means[t] = f.means[t] + J @ (means[t + 1] - f.predicted_means[t + 1])
        covariances[t] = (
            f.covariances[t] + J @ (covariances[t + 1] - f.predicted_covariances[t + 1]) @ J.T
        )
        lag_one[t] = covariances[t + 1] @ J.T
    return Smoothed(means, covariances, lag_one, f.log_likelihood)


def joint(params, y):
    """Condition the joint Gaussian of all states and all observations on the observed entries of y.

    A state with infinite variance in P0 is diffuse: its first value is a coefficient of generalised least squares.
    """
    diffuse = np.isinf(np.diag(params.P0))
    if diffuse.any():
        return _joint_by_least_squares(params, y, np.flatnonzero(diffuse))
    mean, covariance = prior_joint(params, len(y))
    T, D = y.shape
    values = np.concatenate([np.full(len(mean) - T * D, np.nan), y.ravel()])
    o = ~np.isnan(values)
    if not o.any():
        return Joint(mean, covariance, 0.0)
    S = covariance[np.ix_(o, o)]
    e = values[o] - mean[o]
    gain = np.linalg.solve(S, covariance[o]).T
    conditional = covariance - gain @ covariance[o]
    conditional[o], conditional[:, o] = 0.0, 0.0
    conditional_mean = mean + gain @ e
    conditional_mean[o] = values[o]
    return Joint(conditional_mean, conditional, log_density(e, S))


def _joint_by_least_squares(params, y, diffuse):
    n, T = len(params.A), len(y)
    P0 = params.P0.copy()
    P0[diffuse], P0[:, diffuse] = 0.0, 0.0
    m0 = params.m0.copy()
    m0[diffuse] = 0.0
    mean, covariance = prior_joint(params._replace(m0=m0, P0=P0), T)
    states = np.concatenate([np.linalg.matrix_power(params.A, t)[:, diffuse] for t in range(T)])
    X = np.vstack([states, np.kron(np.eye(T), params.C) @ states])
    values = np.concatenate([np.full(T * n, np.nan), y.ravel()])
    o = ~np.isnan(values)
    e, inverse = values[o] - mean[o], np.linalg.inv(covariance[np.ix_(o, o)])
    S = X[o].T @ inverse @ X[o]
    delta = np.linalg.solve(S, X[o].T @ inverse @ e)
    gain = covariance[:, o] @ inverse
    left = X - gain @ X[o]
    conditional = covariance - gain @ covariance[o] + left @ np.linalg.inv(S) @ left.T
    conditional[o], conditional[:, o] = 0.0, 0.0
    conditional_mean = mean + gain @ e + left @ delta
    conditional_mean[o] = values[o]
    density = log_density(e - X[o] @ delta, covariance[np.ix_(o, o)])
    return Joint(conditional_mean, conditional, density - 0.5 * np.linalg.slogdet(S)[1])


def dense(params, y):
    """The smoother's answer read off the joint Gaussian, without any recursion."""
    T, n = len(y), len(params.A)
    z = joint(params, y)
    covariance = z.covariance[: T * n, : T * n].reshape(T, n, T, n)
    now = np.arange(T)
    return Smoothed(
        z.mean[: T * n].reshape(T, n),
        covariance[now, :, now, :],
        covariance[now[1:], :, now[:-1], :],
        z.log_likelihood,
    )


def paths_of_shocks(A, T):
    """G with x = G (x_1, w_1 .. w_{T-1}): x_t = A^(t-1) x_1 + sum of A^(t-1-s) w_s, one block row per state."""
    n = len(A)
    power = [np.linalg.matrix_power(A, k) for k in range(T)]
    G = np.zeros((T * n, T * n))
    for t in range(T):
        for s in range(t + 1):
            G[t * n : (t + 1) * n, s * n : (s + 1) * n] = power[t - s]
    return G


def prior_joint(params, T):
    """Mean (T (n + D),) and covariance of z = (x_1..x_T, y_1..y_T), written as z = mean + G (shocks)."""
    A, C, Q, R, m0, P0, d = _full(params)
    n = len(A)
    G = paths_of_shocks(A, T)
    shocks = np.kron(np.eye(T), Q)
    shocks[:n, :n] = P0
    V = G @ shocks @ G.T
    x_mean = G[:, :n] @ m0
    CC = np.kron(np.eye(T), C)
    y_mean = CC @ x_mean + np.tile(d, T)
    covariance = np.block([[V, V @ CC.T], [CC @ V, CC @ V @ CC.T + np.kron(np.eye(T), R)]])
    return np.concatenate([x_mean, y_mean]), (covariance + covariance.T) / 2


def log_density(e, S):
    """Log N(e; 0, S)."""
    L = np.linalg.cholesky(S)
    w = np.linalg.solve(L, e)
    return float(-0.5 * (len(e) * np.log(2 * np.pi) + w @ w) - np.log(np.diag(L)).sum())


def _full(params):
    return params if params.d is not None else params._replace(d=np.zeros(len(params.C)))
