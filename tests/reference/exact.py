"""Filter and smoother in exact rational arithmetic, read off the joint Gaussian: the oracle where digits run out.

Floats are taken at face value, so that the answer has no rounding but that of its return to floats. For a handful of
steps and states: numbers grow by thousands of digits.
"""

from fractions import Fraction
from math import log, pi
from typing import NamedTuple

import numpy as np


class Answer(NamedTuple):
    means: np.ndarray  # (T, n) smoothed
    covariances: np.ndarray  # (T, n, n)
    lag_one: np.ndarray  # (T - 1, n, n) Cov(x_{t+1}, x_t | Y)
    filtered_means: np.ndarray  # (T, n)
    filtered_covariances: np.ndarray  # (T, n, n)
    log_likelihood: float


def smooth(params, y):
    """Condition the joint Gaussian of all states on the observed entries of y (T, D)."""
    T, n = len(y), len(params.A)
    mean, V = _states(params, T)
    C, R = _rational(params.C), _rational(params.R)
    d = np.zeros(len(params.C)) if params.d is None else params.d
    seen = [(t, i) for t in range(T) for i in range(y.shape[1]) if not np.isnan(y[t, i])]
    # Rows of H pick the observed entries: y_o = H x + v.
    H = [[C[i, j] if s == t else Fraction(0) for s in range(T) for j in range(n)] for t, i in seen]
    H = np.array(H, dtype=object).reshape(len(seen), T * n)
    noise = [[R[i, j] if s == t else Fraction(0) for s, j in seen] for t, i in seen]
    S = H @ V @ H.T + np.array(noise, dtype=object).reshape(len(seen), len(seen))
    e = _rational([y[t, i] for t, i in seen]) - _rational([d[i] for _, i in seen]) - H @ mean
    cross = H @ V
    filtered = []
    for t in range(T):
        past = [k for k, (s, _) in enumerate(seen) if s <= t]
        now = slice(t * n, (t + 1) * n)
        filtered.append(
            _condition(mean[now], V[now, now], cross[past][:, now], S[np.ix_(past, past)], e[past])[
                :2
            ]
        )
    m, P, log_likelihood = _condition(mean, V, cross, S, e)
    P = _floats(P).reshape(T, n, T, n)
    now = np.arange(T)
    return Answer(
        _floats(m).reshape(T, n), P[now, :, now, :], P[now[1:], :, now[:-1], :],
        np.array([_floats(f[0]) for f in filtered]), np.array([_floats(f[1]) for f in filtered]), log_likelihood,
    )  # fmt: skip


def _states(params, T):
    """Mean (T n,) and covariance of all states, in rationals."""
    A, Q, P, m = (_rational(a) for a in (params.A, params.Q, params.P0, params.m0))
    n = len(m)
    mean, V = np.empty(T * n, dtype=object), np.empty((T * n, T * n), dtype=object)
    for t in range(T):
        if t > 0:
            m, P = A @ m, A @ P @ A.T + Q
        mean[t * n : (t + 1) * n] = m
        across = P
        for s in range(t, T):
            V[s * n : (s + 1) * n, t * n : (t + 1) * n] = across
            V[t * n : (t + 1) * n, s * n : (s + 1) * n] = across.T
            across = A @ across
    return mean, V


def _condition(mean, V, cross, S, e):
    """Moments given e ~ N(0, S) of covariance `cross` (k, N) with the states; and log N(e; 0, S)."""
    # Gaussian elimination of S beside [cross, e]: what it subtracts from V and mean is the conditioning.
    k = len(e)
    rows = np.column_stack([S, cross, e]) if k else np.empty((0, 1), dtype=object)
    log_likelihood = -0.5 * k * log(2 * pi)
    mean, V = mean.copy(), V.copy()
    for i in range(k):
        pivot = rows[i, i]
        if pivot <= 0:
            raise ZeroDivisionError("the observations are linearly dependent without noise")
        row = rows[i, k:-1] / pivot
        mean = mean + row * rows[i, -1]
        V = V - np.multiply.outer(row, rows[i, k:-1])
        log_likelihood -= 0.5 * (_log(pivot) + float(rows[i, -1] ** 2 / pivot))
        for j in range(i + 1, k):
            rows[j] = rows[j] - rows[i] * (rows[j, i] / pivot)
    return mean, V, log_likelihood


def _log(q):
    # Of numerator and denominator, which may be far outside the range of floats.
    return log(q.numerator) - log(q.denominator)


def _rational(a):
    a = np.asarray(a, dtype=float)
    return np.array([Fraction(v) for v in a.ravel()], dtype=object).reshape(a.shape)


def _floats(a):
    return np.array([float(v) for v in a.ravel()]).reshape(a.shape)
