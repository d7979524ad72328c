"""From labels to the parameters of a hidden Markov model or a mixture: moments, with floors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.adapters.library import Rows

#: Share of a column's variance below which no state begins.
_FLOOR = 1e-3
#: Share of the variance of a series below which that of a state is on its way to nothing.
RUNAWAY = 1e-8


class StateMoments(NamedTuple):
    """What a labelled series says of its states."""

    start: FloatArray  # (K,) probabilities of the first state
    transition: FloatArray  # (K, K)
    weights: FloatArray  # (K,) shares of the rows
    means: FloatArray  # (K, D)
    covariances: FloatArray  # (K, D, D)


def state_moments(
    rows: Rows, labels: IntArray, n_states: int, rng: np.random.Generator
) -> StateMoments:
    """Estimate the states of a labelled series.

    Every probability has one count more, shared out evenly, because EM never leaves a zero. The covariance of a state
    of fewer than D + 1 rows is that of all rows about the means of their states; all have a thousandth of the variance
    of each column added. A state without rows begins at a row drawn at random.

    Parameters
    ----------
    rows : Rows
        Without gaps.
    labels : (T,) int
    n_states : int
    rng : numpy.random.Generator
        Draws the rows of empty states.

    Returns
    -------
    StateMoments
    """
    y, K = rows.y, n_states
    T, D = y.shape
    counts = np.bincount(labels, minlength=K)
    means = y[rng.integers(T, size=K)]
    for k in np.flatnonzero(counts):
        means[k] = y[labels == k].mean(axis=0)
    residuals = y - means[labels]
    floor = _FLOOR * np.diag(np.where(np.var(y, axis=0) > 0, np.var(y, axis=0), 1.0))
    pooled = residuals.T @ residuals / T + floor
    covariances = np.tile(pooled, (K, 1, 1))
    for k in np.flatnonzero(counts > D):
        own = residuals[labels == k]
        covariances[k] = own.T @ own / len(own) + floor
    return StateMoments(
        _shares(np.bincount(labels[rows.offsets[:-1]], minlength=K)),
        transition_shares(rows, labels, K),
        _shares(counts),
        means,
        covariances,
    )


def transition_shares(rows: Rows, labels: IntArray, n_states: int) -> FloatArray:
    """Estimate transition probabilities from the steps within sequences: (K, K), rows sum to 1."""
    steps = np.ones(len(labels) - 1, dtype=bool)
    steps[rows.offsets[1:-1] - 1] = False
    counts = np.zeros((n_states, n_states))
    np.add.at(counts, (labels[:-1][steps], labels[1:][steps]), 1.0)
    return _shares(counts)


def shaped(covariances: FloatArray, weights: FloatArray, covariance_type: str) -> FloatArray:
    """Bring covariances (..., K, D, D) to the shape of a type, as other libraries name them; "tied" averages over K."""
    if covariance_type == "full":
        return covariances
    if covariance_type == "tied":
        return np.einsum("...k,...kij->...ij", weights, covariances)
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    return variances if covariance_type == "diag" else variances.mean(axis=-1)


def _shares(counts: FloatArray | IntArray) -> FloatArray:
    smoothed = counts + 1.0 / counts.shape[-1]
    return smoothed / smoothed.sum(axis=-1, keepdims=True)
