"""Autoregressive states written out: one dense Gaussian of all values, and regressions one row at a time.

Standardised throughout; B (K, D, q) holds intercept and lags, S (K, D, D) the covariance of the noise.
"""

import numpy as np
from scipy import stats


def joint(B, S, z, starts, order):
    """Mean (T D,) and covariance (T D, T D) of all rows given their states z: y = L^-1 (b + e), L unit lower."""
    T, D = len(z), B.shape[1]
    L, b, C = np.eye(T * D), np.zeros(T * D), np.zeros((T * D, T * D))
    for t in range(T):
        at = slice(t * D, t * D + D)
        if t - max(s for s in starts if s <= t) < order:
            C[at, at] = np.eye(D)
            continue
        b[at], C[at, at] = B[z[t], :, 0], S[z[t]]
        for lag in range(1, order + 1):
            L[at, (t - lag) * D : (t - lag + 1) * D] = -B[z[t], :, 1 + (lag - 1) * D : 1 + lag * D]
    inverse = np.linalg.inv(L)
    return inverse @ b, inverse @ C @ inverse.T


def log_density(y, mean, C):
    """Log density of what is there of y (T, D)."""
    seen = ~np.isnan(y.ravel())
    if not seen.any():
        return 0.0
    root = np.linalg.cholesky(C[np.ix_(seen, seen)])
    e = np.linalg.solve(root, y.ravel()[seen] - mean[seen])
    return stats.norm.logpdf(e).sum() - np.log(np.diag(root)).sum()


def conditional(y, mean, C):
    """Mean and covariance of what is missing of y (T, D), given the rest."""
    gap = np.isnan(y.ravel())
    G = C[np.ix_(gap, ~gap)] @ np.linalg.inv(C[np.ix_(~gap, ~gap)])
    m = mean[gap] + G @ (y.ravel()[~gap] - mean[~gap])
    return m, C[np.ix_(gap, gap)] - G @ C[np.ix_(~gap, gap)]


def own_past(y, B, S, starts, order):
    """Log density (T, K) of each row given those before it, had its state been there all along."""
    out = np.zeros((len(y), len(B)))
    for k in range(len(B)):
        for t in range(len(y)):
            first = max(s for s in starts if s <= t)
            mean, C = joint(B, S, np.full(t + 1 - first, k), [0], order)
            D = y.shape[1]
            before = log_density(y[first:t], mean[:-D], C[:-D, :-D]) if t > first else 0.0
            out[t, k] = log_density(y[first : t + 1], mean, C) - before
    return out


def regressions(y, z, starts, order):
    """Regressors (n, q) and rows (n, D) of each state, by state, of rows with all of their past."""
    out = {}
    for k in np.unique(z):
        rows = [t for t in np.flatnonzero(z == k) if t - max(s for s in starts if s <= t) >= order]
        past = [np.r_[1.0, y[t - order : t][::-1].ravel()] for t in rows]
        out[int(k)] = np.array(past).reshape(len(rows), -1), y[rows]
    return out


def log_evidence(y, z, starts, order, prior):
    """Log p(y | z): rows without their past are standard normal, each other is Student-t given those before it."""
    D, total = y.shape[1], 0.0
    for t in range(len(y)):
        if t - max(s for s in starts if s <= t) < order:
            total += stats.norm.logpdf(y[t]).sum()
    for X, Y in regressions(y, z, starts, order).values():
        P, M, Psi, df = np.diag(prior.weight), np.zeros((len(prior.weight), D)), prior.Psi, prior.df
        for x, row in zip(X, Y, strict=True):
            spread, mean = 1.0 + x @ np.linalg.solve(P, x), x @ M
            if prior.diagonal:
                scale = np.sqrt(np.diag(Psi) * spread / df)
                total += stats.t(df, mean, scale).logpdf(row).sum()
            else:
                free = df - D + 1.0
                total += stats.multivariate_t(mean, Psi * spread / free, free).logpdf(row)
            e = row - mean
            update = np.outer(e, e) / spread
            Psi = Psi + (np.diag(np.diag(update)) if prior.diagonal else update)
            M = np.linalg.solve(P + np.outer(x, x), P @ M + np.outer(x, row))
            P, df = P + np.outer(x, x), df + 1.0
    return total
