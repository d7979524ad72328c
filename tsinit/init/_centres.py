"""Cluster centres from data with gaps: seeded on the filled rows, refined on what was observed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from tsinit.init._labels import seed
from tsinit.kernels.jump import jump_path, squared_distances

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

_MAX_ROWS = 10_000  # clustered to begin with; all rows take part in what follows
_MAX_STEPS = 100


def cluster_centres(
    full: FloatArray, n_clusters: int, rng: np.random.Generator, n_init: int = 10
) -> FloatArray:
    """Centres (K, D) by scikit-learn's k-means on rows without gaps, at most 10,000 of them at random."""
    from sklearn.cluster import KMeans as Clusters
    from sklearn.exceptions import ConvergenceWarning

    some = full
    if len(full) > _MAX_ROWS:
        some = full[np.sort(rng.choice(len(full), _MAX_ROWS, replace=False))]
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters in the sample: a centre without rows ends without a label.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = Clusters(n_clusters, n_init=n_init, random_state=seed(rng)).fit(some)
    return model.cluster_centers_


def refine(
    z: FloatArray,
    centres: FloatArray,
    penalty: float,
    offsets: IntArray,
    max_steps: int = _MAX_STEPS,
) -> tuple[IntArray, FloatArray, float]:
    """Alternate labels and means until the labels stay: Lloyd's algorithm with a penalty per change.

    Parameters
    ----------
    z : (T, D) float
        Rows, NaN where missing: distances and means are over what was observed.
    centres : (K, D) float
        Where to begin.
    penalty : float
        Penalty of a change of label within a sequence, in squared distances; 0 is k-means.
    offsets : (N + 1,) int64
        Where each sequence starts.
    max_steps : int
        Largest number of rounds.

    Returns
    -------
    labels : (T,) int64
    centres : (K, D) float
        The centres that the labels were found with.
    objective : float
        Sum of squared distances and penalties, which no round increases.
    """
    labels, before = np.full(len(z), -1), np.inf
    for _ in range(max_steps):
        new, objective = jump_path(squared_distances(z, centres), penalty, offsets)
        # Rounding may make two partitions of one cost take turns.
        if np.array_equal(new, labels) or not objective < before:
            break
        labels, before = new, objective
        centres = means(z, labels, centres)
    return new, centres, objective


def means(z: FloatArray, labels: IntArray, centres: FloatArray) -> FloatArray:
    """Mean of the observed values of each cluster in each column; the old centre where there are none."""
    K, D = centres.shape
    out = centres.copy()
    for i in range(D):
        observed = ~np.isnan(z[:, i])
        count = np.bincount(labels[observed], minlength=K)
        total = np.bincount(labels[observed], weights=z[observed, i], minlength=K)
        out[:, i] = np.where(count > 0, total / np.maximum(count, 1), centres[:, i])
    return out
