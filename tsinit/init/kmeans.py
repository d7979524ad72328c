"""States from clusters: the space that centres span, or the clusters themselves."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count_or_word
from tsinit.init._centres import cluster_centres, refine
from tsinit.init._fills import keep_observed
from tsinit.init._labels import bounds, count_distinct, finish, prepare, wanted_states
from tsinit.init._regress import delay_windows, learn_dynamics
from tsinit.init._scaling import standardise, unscale
from tsinit.init._windows import place_in_sequence, take
from tsinit.kernels.jump import squared_distances

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams

_MAX_WINDOWS = 10_000  # clustered; more of them move the centres by less than their own uncertainty
_N_INIT = 3
_ROWS_PER_CENTRE, _MAX_CENTRES = 20, 100  # of fills


class KMeans(BaseEstimator):
    """Start from the clusters of the rows, or of windows of them.

    For `dynamics`, windows of consecutive observations are clustered. The centred centroids span the
    directions in which windows differ most from one another; projected on those, the windows become the state
    path, and ridge regressions on it give A and C, their residuals Q and R.

    Gaps are filled by linear interpolation within each sequence, and windows that are complete (or, if those
    are few, at least half observed) are preferred. No window crosses the start of a sequence.

    For `labels`, the rows themselves are clustered, on columns of variance 1, the best of 10 seedings (of
    more than 10,000 rows that many, drawn at random, are clustered first and all then refine the centres).
    Seeding interpolates gaps within each sequence; after that distances and means are over observed values
    only. A row never observed takes the label of the last row observed before it in its sequence, else of the next.

    For `fill`, the rows are clustered in the same way (3 seedings), and a gap takes the value of the centre
    that is nearest in the observed values of the row; a row without any is taken as interpolated.

    Parameters
    ----------
    n_clusters : "auto" or int, default "auto"
        Number of clusters; "auto" is for dynamics n_states + 1, the fewest whose centres span n_states
        directions, for labels n_states, and for fills one for 20 rows, at most 100. There are never more than
        distinct rows.
    n_delays : "auto" or int, default "auto"
        Observations in a window; "auto" is for dynamics ceil(n_states / D) + 4, else 1. But for dynamics the
        window lies around its row; beyond the ends of a sequence its first and last rows are repeated.

    References
    ----------
    Lloyd's algorithm with k-means++ seeding (Arthur and Vassilvitskii, 2007), by scikit-learn; on observed
    values only as in Chi, Chi and Baraniuk, "k-POD: a method for k-means clustering of missing data"
    (The American Statistician 70, 2016). The step from centroids to dynamics is this package's own.
    """

    def __init__(self, n_clusters: int | str = "auto", n_delays: int | str = "auto") -> None:
        self.n_clusters = n_clusters
        self.n_delays = n_delays

    def dynamics(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int,
        offsets: IntArray | None = None,
    ) -> LinearGaussianParams:
        """Guess the parameters of a state-space model.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds the centroids.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        LinearGaussianParams
            In the units of y.

        Raises
        ------
        ValueError
            If `n_clusters` or `n_delays` is not allowed.
        """
        n_clusters, n_delays = self._check()
        z, loc, scale = standardise(y)
        full, n_delays, ends = delay_windows(z, offsets, n_delays, n_states)
        some = ends
        if len(ends) > _MAX_WINDOWS:
            some = np.sort(rng.choice(ends, _MAX_WINDOWS, replace=False))
        wanted = n_clusters or n_states + 1
        weights = _centroid_directions(take(full, some, n_delays), wanted, n_states, rng)
        return unscale(learn_dynamics(z, full, ends, weights, n_states, rng), loc, scale)

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by its cluster.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds the centroids.
        n_states : int, optional
            Number of clusters where `n_clusters` is "auto"; ``min(10, max(2, T // 50))`` if not given.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `n_clusters`, `n_delays` or `n_states` is not allowed.
        """
        n_clusters, n_delays = self._check()
        z, full, observed = prepare(y, offsets)
        K = wanted_states(n_clusters or n_states, len(y))
        if n_delays is not None and n_delays > 1:
            z, full = (_around(rows, n_delays, offsets) for rows in (z, full))
        K = count_distinct(full[observed], K)
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        centres = cluster_centres(full[observed], K, rng)
        return finish(refine(z, centres, 0.0, bounds(len(y), offsets))[0], observed, offsets)

    def fill(
        self, y: FloatArray, rng: np.random.Generator, offsets: IntArray | None = None
    ) -> FloatArray:
        """Fill the gaps of each row from the nearest centre.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds the centroids.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Observed cells as they are.

        Raises
        ------
        ValueError
            If `n_clusters` or `n_delays` is not allowed.
        """
        n_clusters, n_delays = self._check()
        z, full, observed = prepare(y, offsets)
        _, loc, scale = standardise(y)
        D, limits = y.shape[1], bounds(len(y), offsets)
        K = n_clusters or min(_MAX_CENTRES, max(2, len(y) // _ROWS_PER_CENTRE))
        n_delays = n_delays or 1
        if n_delays > 1:
            z, full = (_around(rows, n_delays, offsets) for rows in (z, full))
        if not observed.any():
            return keep_observed(y, loc)
        K = count_distinct(full[observed], K)
        labels, centres, _ = refine(
            z, cluster_centres(full[observed], K, rng, _N_INIT), 0.0, limits
        )
        own = n_delays // 2 * D
        # A row without a value is placed by its interpolation.
        blank = np.isnan(z).all(axis=1)
        if blank.any():
            labels[blank] = squared_distances(full[blank], centres).argmin(axis=1)
        return keep_observed(y, centres[labels][:, own : own + D] * scale + loc)

    def _check(self) -> tuple[int | None, int | None]:
        """Number of clusters and of delays, None where it is for the verb to say."""
        return (
            check_count_or_word("n_clusters", self.n_clusters, 1, "auto"),
            check_count_or_word("n_delays", self.n_delays, 1, "auto"),
        )


def _around(rows: FloatArray, length: int, offsets: IntArray | None) -> FloatArray:
    """Put `length` rows around each row side by side; beyond the ends of a sequence the last ones again."""
    T = len(rows)
    t = np.arange(T)
    first = t - place_in_sequence(T, offsets)
    stop = bounds(T, offsets)[1:]
    last = stop[np.searchsorted(stop, t, side="right")] - 1
    lags = np.arange(length) - length // 2
    return np.concatenate([rows[np.clip(t + lag, first, last)] for lag in lags], axis=1)


def _centroid_directions(
    windows: FloatArray, n_clusters: int, n_states: int, rng: np.random.Generator
) -> FloatArray:
    """Orthonormal directions in which the centroids differ, at most n_states, the widest first."""
    from sklearn.cluster import KMeans as Clusters
    from sklearn.exceptions import ConvergenceWarning

    M, p = windows.shape
    seed = int(rng.integers(2**31 - 1))
    if M == 0:
        return np.zeros((p, 0))
    with warnings.catch_warnings():
        # Fewer distinct windows than clusters: the rank below counts what there is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = Clusters(min(n_clusters, M), n_init=_N_INIT, random_state=seed).fit(windows)
    centroids = model.cluster_centers_ - model.cluster_centers_.mean(axis=0)
    _, size, directions = np.linalg.svd(centroids, full_matrices=False)
    directions = directions[size > 1e-8 * max(size[0], 1.0)][:n_states].T
    return directions
