"""Fills of a column from itself, and from rows that are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count
from tsinit.init._fills import by_sequence, clock, column_means, interpolate, keep_observed
from tsinit.init._scaling import standardise

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray

_MAX_DONORS = 2_000  # candidates for neighbours: more of them cost more than they add


class Mean(BaseEstimator):
    """Fill every gap of a column by the mean of its observed values, in all sequences.

    A column never observed becomes 0.
    """

    def fill(self, y: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        (T, D) float
            Observed cells as they are.
        """
        return keep_observed(y, column_means(y))


class Median(BaseEstimator):
    """Fill every gap of a column by the median of its observed values, in all sequences.

    A column never observed becomes 0.
    """

    def fill(self, y: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Fill the gaps; parameters as of `Mean`.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        (T, D) float
            Observed cells as they are.
        """
        columns = [column[~np.isnan(column)] for column in y.T]
        return keep_observed(
            y, [np.median(observed) if observed.size else 0.0 for observed in columns]
        )


class Forward(BaseEstimator):
    """Fill a gap by the last value observed before it in its sequence (LOCF); before the first, by the first.

    A column that a sequence never saw takes its mean over all sequences.
    """

    def fill(
        self, y: FloatArray, rng: np.random.Generator | None = None, offsets: IntArray | None = None
    ) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Observed cells as they are.
        """
        return by_sequence(y, offsets, _last)


class Backward(BaseEstimator):
    """Fill a gap by the next value observed after it in its sequence (NOCB); after the last, by the last.

    A column that a sequence never saw takes its mean over all sequences.
    """

    def fill(
        self, y: FloatArray, rng: np.random.Generator | None = None, offsets: IntArray | None = None
    ) -> FloatArray:
        """Fill the gaps; parameters as of `Forward`.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Observed cells as they are.
        """
        return by_sequence(
            y, offsets, lambda values, observed, _: _last(values[::-1], observed[::-1], None)[::-1]
        )


def _last(values: FloatArray, observed: BoolArray, _: slice | None) -> FloatArray:
    before = np.maximum.accumulate(np.where(observed, np.arange(observed.size), -1))
    return values[np.where(before >= 0, before, observed.argmax())]


class Linear(BaseEstimator):
    """Fill gaps by straight lines over rows, within each sequence; the ends are held constant.

    A column that a sequence never saw takes its mean over all sequences.
    """

    def fill(
        self, y: FloatArray, rng: np.random.Generator | None = None, offsets: IntArray | None = None
    ) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Observed cells as they are.
        """
        return interpolate(y, offsets, np.arange(len(y), dtype=float))


class Time(BaseEstimator):
    """Fill gaps by straight lines over time, within each sequence; the ends are held constant.

    Where the clock skips steps, a gap beside them is closer to its nearer neighbour in time, which `Linear` does not
    use. Without times both are the same.
    """

    def fill(
        self,
        y: FloatArray,
        rng: np.random.Generator | None = None,
        offsets: IntArray | None = None,
        times: FloatArray | None = None,
    ) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        times : (T,) float, optional
            Time of each row, increasing within a sequence; places in the sequence if not given.

        Returns
        -------
        (T, D) float
            Observed cells as they are.
        """
        return interpolate(y, offsets, clock(len(y), offsets, times))


class KNN(BaseEstimator):
    """Fill each gap by the mean of its column over the rows nearest in the columns observed in both.

    Columns are standardised; distances are Euclidean over the columns observed in both rows, scaled up to all columns
    (scikit-learn's ``KNNImputer``). Of more than 2,000 rows that many, drawn at random, are donors. Time plays no part,
    so sequences do not matter; a row without a value takes the column's mean, and a column never observed becomes 0.

    Parameters
    ----------
    n_neighbors : int, default 10
        Rows to average over.

    References
    ----------
    Troyanskaya et al., "Missing value estimation methods for DNA microarrays" (Bioinformatics 17, 2001).
    """

    def __init__(self, n_neighbors: int = 10) -> None:
        self.n_neighbors = n_neighbors

    def fill(self, y: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Chooses the donors where there are many rows.

        Returns
        -------
        (T, D) float
            Observed cells as they are.

        Raises
        ------
        ValueError
            If `n_neighbors` is no whole number from 1.
        """
        from sklearn.impute import KNNImputer

        n_neighbors = check_count("n_neighbors", self.n_neighbors)
        z, loc, scale = standardise(y)
        gaps = np.isnan(z)
        some = np.flatnonzero(~gaps.all(axis=1))
        if len(some) > _MAX_DONORS:
            some = np.sort(rng.choice(some, _MAX_DONORS, replace=False))
        rows = np.flatnonzero(gaps.any(axis=1) & ~gaps.all(axis=1))
        filled = np.zeros(z.shape)
        if rows.size and some.size:
            model = KNNImputer(n_neighbors=n_neighbors, keep_empty_features=True).fit(z[some])
            filled[rows] = model.transform(z[rows])
        return keep_observed(y, filled * scale + loc)


class HotDeck(BaseEstimator):
    """Fill each gap by a value drawn from the observed ones of its column, in all sequences, all equally likely.

    The fill has the distribution of the column and nothing of its course: a start that spreads chains widely. A column
    never observed becomes 0.
    """

    def fill(self, y: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Draws the donors.

        Returns
        -------
        (T, D) float
            Observed cells as they are.
        """
        filled = np.zeros(y.shape)
        for column, out in zip(y.T, filled.T, strict=True):
            observed = column[~np.isnan(column)]
            if observed.size:
                out[:] = observed[rng.integers(observed.size, size=out.size)]
        return keep_observed(y, filled)
