"""The Hankel factor of a series with many gaps, from the pairs of values that were seen.

The covariance of any two values k rows apart is estimated from all pairs of which both were seen. Stacked
into the covariance matrix of 2 i consecutive rows they need not be positive definite; eigenvalues are then
lifted. Scattered gaps cost this estimate little (measured on noisy systems: with a fifth of the values
missing at random it was nearly as good as without gaps), but it blurs the smallest eigenvalues, which
decide where there is very little noise and which whitening would blow up.
"""

import numpy as np
from scipy import linalg

from tsinit.init.subspace.hankel import HankelFactor

_LEAST_EIGENVALUE = 1e-2  # on standardised data


def lagged_covariances(z, offsets, n_lags):
    """Average y[t + k] y[t]' over the pairs seen, k = 0 .. n_lags - 1, never across two sequences.

    Parameters
    ----------
    z : (T, D) float
        Standardised observations, NaN where missing.
    offsets : (N + 1,) int
        Starts of the sequences.
    n_lags : int
        Number of lags.

    Returns
    -------
    covariances : (n_lags, D, D) float
        Zero where no pair was seen.
    counts : (n_lags, D, D) float
        Number of pairs.
    """
    T, D = z.shape
    seen = ~np.isnan(z)
    values, weights = np.where(seen, z, 0.0), seen.astype(float)
    lengths = np.diff(offsets)
    rows_left = np.repeat(offsets[1:], lengths) - np.arange(T)
    sums, counts = np.zeros((n_lags, D, D)), np.zeros((n_lags, D, D))
    for k in range(min(n_lags, T)):
        inside = (rows_left[: T - k] > k)[:, None]
        sums[k] = values[k:].T @ (values[: T - k] * inside)
        counts[k] = weights[k:].T @ (weights[: T - k] * inside)
    return sums / np.maximum(counts, 1.0), counts


def toeplitz(covariances):
    """Arrange lagged covariances (w, D, D) as the covariance of w consecutive rows, (w D, w D)."""
    w, D, _ = covariances.shape
    both = np.concatenate([covariances[:0:-1].transpose(0, 2, 1), covariances])
    lag = np.arange(w)[:, None] - np.arange(w)
    return both[lag + w - 1].transpose(0, 2, 1, 3).reshape(w * D, w * D)


def pairs_factor(covariances, counts, n_block_rows):
    """Factor the covariance of 2 i consecutive rows as `hankel_factor` does, from pairs.

    Parameters
    ----------
    covariances, counts : (w, D, D) float
        As `lagged_covariances` returned them, w >= 2 i.
    n_block_rows : int
        Block rows i of each half.

    Returns
    -------
    HankelFactor
        Its ``n_columns`` is the mean number of pairs behind a covariance.
    """
    lags = slice(2 * n_block_rows)
    L = _root(positive_definite(toeplitz(covariances[lags])))
    return HankelFactor(L, n_block_rows, max(1, int(counts[lags].mean())))


def positive_definite(S):
    """Lift the eigenvalues of a symmetric matrix to at least 1e-2, if any is below."""
    if _root(S - _LEAST_EIGENVALUE * np.eye(len(S))) is not None:
        return S
    values, vectors = np.linalg.eigh(S)
    S = (vectors * np.maximum(values, _LEAST_EIGENVALUE)) @ vectors.T
    return (S + S.T) / 2


def _root(S):
    L, info = linalg.lapack.dpotrf(S, lower=1, clean=1)
    return L if info == 0 else None
