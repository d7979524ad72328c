"""EM for a hidden Markov model with normal emissions, missing values integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels.hidden_markov.forward_backward import smooth
from tsinit.kernels.hidden_markov.normal import log_densities

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray, Trial

_MIN_VARIANCE = (
    1e-3  # on columns of variance 1, in every direction: no state can collapse on a few rows
)
_MIN_WEIGHT = 1e-8  # rows of a state below which its distribution stays
_MIN_PROBABILITY = (
    1e-100  # of a transition: too little to notice, enough for the quick passes to be exact
)
_BITS = 30
#: Sets of observed columns beyond which strategies interpolate.
MAX_PATTERNS = 128
_CHUNK = 4_096  # rows whose products are held at a time


class GaussianHMMParams(NamedTuple):
    """Parameters of K states."""

    start: np.ndarray  # (K,)
    P: np.ndarray  # (K, K), state k after state j
    means: np.ndarray  # (K, D)
    covs: np.ndarray  # (K, D, D)


class Expected(NamedTuple):
    """What an E-step found."""

    probabilities: np.ndarray  # (T, K)
    moves: np.ndarray  # (K, K) expected transitions


class ObservedPattern(NamedTuple):
    """Rows in which the same columns were observed."""

    rows: np.ndarray  # (n,)
    columns: np.ndarray  # (d,), d > 0


def observed_patterns(z: FloatArray) -> list[ObservedPattern]:
    """Group the rows of (T, D) by what was observed of them; rows without anything are in no group."""
    observed = ~np.isnan(z)
    if observed.all():
        return [ObservedPattern(np.arange(len(z)), np.arange(z.shape[1]))]
    kind = np.zeros(len(z), dtype=np.int64)
    for start in range(0, z.shape[1], _BITS):
        # Rows as whole numbers, which sort much faster; as many columns at a time as those have bits to spare.
        bits = observed[:, start : start + _BITS]
        kind = np.unique(
            kind << _BITS | bits @ (1 << np.arange(bits.shape[1])), return_inverse=True
        )[1]
    parts = np.split(np.argsort(kind, kind="stable"), np.cumsum(np.bincount(kind))[:-1])
    return [
        ObservedPattern(rows, np.flatnonzero(observed[rows[0]]))
        for rows in parts
        if observed[rows[0]].any()
    ]


def densities(z: FloatArray, groups: list[ObservedPattern], model: GaussianHMMParams) -> FloatArray:
    """Log density (T, K) of what was observed of each row; zero where nothing was."""
    out = np.zeros((len(z), len(model.start)))
    for rows, columns in groups:
        root = np.linalg.cholesky(model.covs[:, columns[:, None], columns])
        W = np.linalg.inv(root)
        log_norm = np.log(np.diagonal(W, axis1=1, axis2=2)).sum(axis=1) - len(columns) / 2 * np.log(
            2 * np.pi
        )
        means = np.ascontiguousarray(model.means[:, columns])
        log_densities(z, rows, columns, means, np.ascontiguousarray(W), log_norm, out)
    return out


def em_step(
    z: FloatArray,
    groups: list[ObservedPattern],
    offsets: IntArray,
    model: GaussianHMMParams,
    diagonal: bool,
) -> tuple[float, GaussianHMMParams]:
    """One iteration of EM.

    Parameters
    ----------
    z : (T, D) float
        Rows, NaN where missing.
    groups : list of ObservedPattern
        As `observed_patterns` gave them.
    offsets : (N + 1,) int64
        Where each sequence starts.
    model : GaussianHMMParams
        Where to begin.
    diagonal : bool
        Keep the covariances diagonal.

    Returns
    -------
    log_likelihood : float
        Of the model given.
    model : GaussianHMMParams
        Of no smaller likelihood, up to rounding: variances are held above a floor, which the exact maximum
        under that constraint allows (eigenvalues of the unconstrained one below the floor are raised to it).
    """
    total, prob, moves = smooth(densities(z, groups, model), model.start, model.P, offsets)
    return total, _maximise(z, groups, offsets, model, Expected(prob, moves), diagonal)


def _maximise(
    z: FloatArray,
    groups: list[ObservedPattern],
    offsets: IntArray,
    model: GaussianHMMParams,
    expected: Expected,
    diagonal: bool,
) -> GaussianHMMParams:
    """Run the M-step."""
    prob, moves = expected
    first = prob[offsets[:-1][np.diff(offsets) > 0]].sum(axis=0)
    leaving = moves.sum(axis=1, keepdims=True)
    P = np.where(leaving > 0.0, moves / np.where(leaving > 0.0, leaving, 1.0), model.P)
    P = np.maximum(P, _MIN_PROBABILITY)
    weight, shift, square = _expected_moments(z, groups, model, prob)
    kept = weight < _MIN_WEIGHT
    weight = np.where(kept, 1.0, weight)
    shift /= weight[:, None]
    covs = square / weight[:, None, None] - shift[:, :, None] * shift[:, None, :]
    covs = np.where(kept[:, None, None], model.covs, _raised(covs, diagonal))
    means = np.where(kept[:, None], model.means, model.means + shift)
    return GaussianHMMParams(first / first.sum(), P, means, covs)


def short_fits(z: FloatArray, full: FloatArray, offsets: IntArray, K: int) -> Trial:
    """Make short fits from labels, for strategies that compare candidates without a model.

    Parameters
    ----------
    z : (T, D) float
        Rows in standard units, NaN where missing; with more than 128 sets of observed columns, gaps are interpolated.
    full : (T, D) float
        The same, interpolated.
    offsets : (N + 1,) int64
        Where each sequence starts.
    K : int
        States; a state without a row has the moments of all rows.

    Returns
    -------
    callable
        ``trial(labels, n_iter) -> (log-likelihood, most probable state of each row)``.
    """
    if len(observed_patterns(z)) > MAX_PATTERNS:
        z = np.where(np.asarray(np.isnan(z).all(axis=1))[:, None], np.nan, full)
    groups = observed_patterns(z)
    broad = GaussianHMMParams(
        np.full(K, 1 / K), np.full((K, K), 1 / K), np.zeros((K, z.shape[1])),
        np.tile(np.eye(z.shape[1]), (K, 1, 1)),
    )  # fmt: skip
    within = np.setdiff1d(np.arange(1, len(z)), offsets)

    def trial(labels: IntArray, n_iter: int) -> tuple[float, IntArray]:
        moves = np.full((K, K), 1 / K)
        np.add.at(moves, (labels[within - 1], labels[within]), 1.0)
        certain = Expected(np.eye(K)[labels], moves)
        model = _maximise(z, groups, offsets, broad, certain, False)
        for _ in range(n_iter):
            _, model = em_step(z, groups, offsets, model, False)
        total, prob, _ = smooth(densities(z, groups, model), model.start, model.P, offsets)
        return total, prob.argmax(axis=1)

    return trial


def _expected_moments(
    z: FloatArray, groups: list[ObservedPattern], model: GaussianHMMParams, prob: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights (K,), first (K, D) and second (K, D, D) moments about the means, of the completed rows.

    Given what was observed of it and the state, a row is normal: with G = [I; cov_mo cov_oo^-1] its mean is
    G (y_o - mean_o) and its covariance that of the missing columns given the others.
    """
    K, D = model.means.shape
    weight, shift, square = np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
    for rows, columns in groups:
        n, first, second = _weighted_moments(z, rows, columns, prob)
        weight += n
        # From moments about zero, the mean of all rows, to those about the mean of each state.
        mean = model.means[:, columns]
        both = first[:, :, None] * mean[:, None, :]
        second += (
            n[:, None, None] * mean[:, :, None] * mean[:, None, :] - both - both.transpose(0, 2, 1)
        )
        first -= n[:, None] * mean
        if len(columns) == D:
            shift += first
            square += second
            continue
        cov = model.covs
        G = np.linalg.solve(cov[:, columns[:, None], columns], cov[:, columns]).transpose(0, 2, 1)
        shift += (G @ first[:, :, None])[:, :, 0]
        square += G @ second @ G.transpose(0, 2, 1) + n[:, None, None] * (cov - G @ cov[:, columns])
    return weight, shift, square


def _weighted_moments(
    z: FloatArray, rows: IntArray, columns: IntArray, prob: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sums over rows, weighted by the states: of 1 (K,), of y (K, d) and of y y' (K, d, d)."""
    d, K = len(columns), prob.shape[1]
    lower, other = np.tril_indices(d)
    sums = np.zeros((K, 1 + d + len(lower)))
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        y = z[part[:, None], columns]
        sums += prob[part].T @ np.hstack([np.ones((len(y), 1)), y, y[:, lower] * y[:, other]])
    second = np.empty((K, d, d))
    second[:, lower, other] = second[:, other, lower] = sums[:, 1 + d :]
    return sums[:, 0], sums[:, 1 : 1 + d], second


def _raised(covs: FloatArray, diagonal: bool) -> FloatArray:
    """Hold the covariances (K, D, D) above the floor."""
    if diagonal:
        variances = np.maximum(np.diagonal(covs, axis1=1, axis2=2), _MIN_VARIANCE)
        return variances[:, :, None] * np.eye(covs.shape[1])
    values, vectors = np.linalg.eigh((covs + covs.transpose(0, 2, 1)) / 2)
    raised = (vectors * np.maximum(values, _MIN_VARIANCE)[:, None, :]) @ vectors.transpose(0, 2, 1)
    return (raised + raised.transpose(0, 2, 1)) / 2
