"""A vector autoregression written out as one dense Gaussian: slow and obvious."""

import numpy as np


def dense(parameters, layout, covariates_of, added=None):
    """Mean (T D,) and precision (T D, T D) of a whole table, row after row.

    parameters : dict of number of rows before to an object with B (lags, covariates, 1) and precision.
    covariates_of : rows before -> whether the regression has covariates (and a constant).
    added : (T, D) what else is added to each row.
    """
    T, D = len(layout.before), len(next(iter(parameters.values())).precision)
    G, weight, shift = np.zeros((T * D, T * D)), np.zeros((T * D, T * D)), np.zeros(T * D)
    for t, c in enumerate(layout.before):
        one, here = parameters[c], slice(t * D, (t + 1) * D)
        G[here, here] = np.eye(D)
        for lag in range(1, c + 1):
            G[here, (t - lag) * D : (t - lag + 1) * D] = -one.B[(lag - 1) * D : lag * D].T
        rest = one.B[c * D :]
        terms = np.append(layout.covariates[t], 1.0) if covariates_of[c] else np.ones(1)
        if len(rest):
            shift[here] = terms @ rest
        if added is not None:
            shift[here] += added[t]
        weight[here, here] = one.precision
    return np.linalg.solve(G, shift), G.T @ weight @ G


def condition(mean, precision, y):
    """Mean and covariance of the entries of y (T, D) that are NaN, given the others."""
    flat = y.ravel()
    m = np.isnan(flat)
    P = precision[np.ix_(m, m)]
    link = precision[np.ix_(m, ~m)]
    covariance = np.linalg.inv(P)
    return mean[m] - covariance @ link @ (flat[~m] - mean[~m]), covariance


def var1_table(rng, A, Q, T):
    """Draw T rows of a stationary VAR(1) around zero, and its dense covariance (T D, T D)."""
    D = len(A)
    P = np.linalg.solve(np.eye(D * D) - np.kron(A, A), Q.ravel()).reshape(D, D)
    blocks = [P]
    for _ in range(T - 1):
        blocks.append(A @ blocks[-1])
    S = np.empty((T * D, T * D))
    for t in range(T):
        for s in range(t + 1):
            S[t * D : (t + 1) * D, s * D : (s + 1) * D] = blocks[t - s]
            S[s * D : (s + 1) * D, t * D : (t + 1) * D] = blocks[t - s].T
    z = np.empty((T, D))
    z[0] = np.linalg.cholesky(P) @ rng.standard_normal(D)
    root = np.linalg.cholesky(Q)
    for t in range(1, T):
        z[t] = A @ z[t - 1] + root @ rng.standard_normal(D)
    return z, S


def oracle(S, y):
    """Conditional mean and standard deviation (T, D) of the missing entries under the truth; the rest as observed."""
    flat = y.ravel().copy()
    m = np.isnan(flat)
    gain = np.linalg.solve(S[np.ix_(~m, ~m)], S[np.ix_(~m, m)]).T
    sd = np.zeros(flat.size)
    sd[m] = np.sqrt(np.diag(S[np.ix_(m, m)] - gain @ S[np.ix_(~m, m)]))
    flat[m] = gain @ flat[~m]
    return flat.reshape(y.shape), sd.reshape(y.shape)
