"""Clusters of windows by how their rows follow one another."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count, check_count_or_word, check_number
from tsinit.init._centres import cluster_centres
from tsinit.init._labels import bounds, count_distinct, finish, wanted_states
from tsinit.init._scaling import standardise
from tsinit.init._windows import place_in_run
from tsinit.kernels.jump import jump_path, squared_distances

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray

_PARTS = 5  # of a window: it moves on by one of them
_MIN_LENGTH, _ROWS_PER_REGRESSOR = 25, 5
_MIN_VARIANCE = 1e-8  # of standardised values
_CHUNK = 4096  # rows whose products are held at a time
_MAX_ROUNDS = 10


class LocalDynamics(BaseEstimator):
    """Start from clusters of windows by their autoregressions: coefficients, variance of what these leave, mean.

    Regimes may have one level and one spread and still differ in how a row follows from those before it; clusters of
    rows cannot tell them apart. To every window an autoregression is fitted by ridge least squares, and k-means
    clusters what is found, on columns of variance 1: coefficients, half the logarithm of the variance of the
    residuals, means. Labels of single rows are then found by turns with one regression for each cluster: the path
    that costs least, where a change costs as much as in a hidden Markov model that keeps its state with a
    probability of .95. The same is done from clusters of the rows, which see regimes shorter than a window where their
    levels differ, and the cheaper path of the two is taken.

    Windows never cross the start of a sequence. Rows with a gap in themselves or in the rows they look back at are
    left out of the regressions, and take the label of their neighbours.

    Parameters
    ----------
    order : int, optional
        Rows that a regression looks back; None is that of the emission of the model, and 1 without one.
    window : "auto" or int
        Rows of a window, which moves on by a fifth of them; "auto" is 25, and five for every regressor.
    ridge : float, default 0.05
        Penalty of the coefficients, as a share of the variance of the window.
    """

    def __init__(
        self, order: int | None = None, window: int | str = "auto", ridge: float = 0.05
    ) -> None:
        self.order = order
        self.window = window
        self.ridge = ridge

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
        order: int | None = None,
    ) -> IntArray:
        """Label every time step.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds k-means, of the windows and then of the rows.
        n_states : int, optional
            Largest number of states; ``min(10, max(2, T // 50))`` if not given.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        order : int, optional
            Rows that the emission of the model looks back.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `order` is no whole number from 1, `window` none from 3, `ridge` negative, or `n_states` no whole
            number from 1.
        """
        if self.order is not None or order is None:
            order = 1 if self.order is None else check_count("order", self.order)
        ridge, K = check_number("ridge", self.ridge, 0.0), wanted_states(n_states, len(y))
        length = check_count_or_word("window", self.window, 3, "auto")
        if length is None:
            length = max(_MIN_LENGTH, _ROWS_PER_REGRESSOR * (1 + order * y.shape[1]))
        z, _, _ = standardise(y)
        whole = place_in_run(z, offsets) >= order
        limits, q = bounds(len(y), offsets), 1 + order * y.shape[1]
        rows = _rows_with_past(z, whole, order)
        part = _parts(limits, max(length // _PARTS, 1))
        features, usable = _features(_window_products(rows, part, limits), q, ridge)
        K = count_distinct(features[usable], K)
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        centres = cluster_centres(features[usable], K, rng)
        of_windows = squared_distances(features, centres).argmin(axis=1)[part]
        of_rows = squared_distances(z, cluster_centres(rows[whole][:, q:], K, rng)).argmin(axis=1)
        found = [
            _refined(rows, labels, known, q, ridge, limits)
            for labels, known in ((of_windows, usable[part] & whole), (of_rows, whole))
        ]
        return finish(min(found, key=lambda one: one[1])[0], whole, offsets)


def _rows_with_past(z: FloatArray, whole: BoolArray, order: int) -> FloatArray:
    """Constant, past and row (T, 1 + (order + 1) D) of every row that has all of them, zeros for the others."""
    T, D = z.shape
    out = np.zeros((T, 1 + (order + 1) * D))
    rows = np.flatnonzero(whole)
    out[rows, 0] = 1.0
    for lag in range(order + 1):
        at = 1 + (lag - 1) * D if lag else 1 + order * D
        out[rows, at : at + D] = z[rows - lag]
    return out


def _parts(limits: IntArray, length: int) -> IntArray:
    """Number the parts of windows, (T,); a new one with every sequence."""
    starts = np.unique(np.concatenate([np.arange(a, b, length) for a, b in pairwise(limits)]))
    return np.searchsorted(starts, np.arange(limits[-1]), side="right") - 1


def _window_products(rows: FloatArray, part: IntArray, limits: IntArray) -> FloatArray:
    """Sums of products of the rows of windows, (parts, N, N): each part with its neighbours in the sequence."""
    M, N = int(part[-1]) + 1, rows.shape[1]
    own = np.zeros((M, N, N))
    for a in range(0, len(rows), _CHUNK):
        block = rows[a : a + _CHUNK]
        np.add.at(own, part[a : a + _CHUNK], block[:, :, None] * block[:, None, :])
    out, reach = np.zeros_like(own), _PARTS // 2
    for a, b in pairwise(limits):
        if a == b:
            continue
        first, end = part[a], part[b - 1] + 1
        total = np.concatenate([np.zeros((1, N, N)), np.cumsum(own[first:end], axis=0)])
        n = end - first
        left = np.clip(np.arange(n) - reach, 0, max(n - _PARTS, 0))
        out[first:end] = total[np.minimum(left + _PARTS, n)] - total[left]
    return out


def _regress(products: FloatArray, q: int, ridge: float) -> tuple[FloatArray, FloatArray]:
    """Coefficients (M, q, D), intercept first, and variances (M, D) of residuals, from sums of products (M, N, N)."""
    n = np.maximum(products[:, 0, 0], 1.0)[:, None]
    mean = products[:, 0] / n
    centred = products / n[:, :, None] - mean[:, :, None] * mean[:, None, :]
    X, XY = centred[:, 1:q, 1:q], centred[:, 1:q, q:]
    variance = np.maximum(np.trace(X, axis1=1, axis2=2) / (q - 1), _MIN_VARIANCE)
    A = np.linalg.solve(X + max(ridge, _MIN_VARIANCE) * variance[:, None, None] * np.eye(q - 1), XY)
    left = np.diagonal(centred[:, q:, q:] - 2.0 * A.transpose(0, 2, 1) @ XY, axis1=1, axis2=2)
    left = left + np.einsum("mid,mij,mjd->md", A, X, A)
    intercept = mean[:, None, q:] - mean[:, None, 1:q] @ A
    return np.concatenate([intercept, A], axis=1), np.maximum(left, _MIN_VARIANCE)


def _features(products: FloatArray, q: int, ridge: float) -> tuple[FloatArray, BoolArray]:
    """What windows are clustered by, (M, features), and whether they have rows enough for that."""
    B, left = _regress(products, q, ridge)
    n = products[:, 0, 0]
    mean = products[:, 0, q:] / np.maximum(n, 1.0)[:, None]
    features = np.hstack([B[:, 1:].reshape(len(B), -1), 0.5 * np.log(left), mean])
    return features, n >= q + 2


def _refined(
    rows: FloatArray, labels: IntArray, known: BoolArray, q: int, ridge: float, limits: IntArray
) -> tuple[IntArray, float]:
    """Alternate one regression for each cluster and the path of least cost; the path and that cost.

    known : (T,) rows whose labels the first regressions go by.
    """
    K = int(labels.max()) + 1
    penalty = 2.0 * np.log(max(K - 1, 1) * 0.95 / 0.05)
    total = np.inf
    for _ in range(_MAX_ROUNDS):
        products = np.array([_products(rows[known & (labels == k)]) for k in range(K)])
        B, left = _regress(products, q, ridge)
        cost = np.full((len(rows), K), np.inf)
        for k in np.flatnonzero(products[:, 0, 0] >= q + 2):
            e = rows[:, q:] - rows[:, :q] @ B[k]
            cost[:, k] = (e**2 / left[k] + np.log(left[k])).sum(axis=1)
        cost[rows[:, 0] == 0.0] = 0.0
        new, total = jump_path(cost, penalty, limits)
        known = rows[:, 0] > 0.0
        if np.array_equal(new, labels):
            break
        labels = new
    return labels, total


def _products(rows: FloatArray) -> FloatArray:
    return rows.T @ rows
