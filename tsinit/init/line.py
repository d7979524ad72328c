"""Straight lines between what was seen."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.init._fills import by_sequence, clock


class Linear(BaseEstimator):
    """Fill gaps by straight lines over rows, within each sequence; the ends are held constant.

    A column that a sequence never saw takes its mean over all sequences.
    """

    def fill(self, y, rng=None, offsets=None):
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
            Seen cells as they are.
        """
        return interpolate(y, offsets, np.arange(len(y), dtype=float))


class Time(BaseEstimator):
    """Fill gaps by straight lines over time, within each sequence; the ends are held constant.

    Where the clock skips steps, a gap beside them is closer to its nearer neighbour in time, which `Linear` does not
    see. Without times both are the same.
    """

    def fill(self, y, rng=None, offsets=None, times=None):
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
            Seen cells as they are.
        """
        return interpolate(y, offsets, clock(len(y), offsets, times))


def interpolate(y, offsets, times):
    """Straight lines over `times` (T,), sequence by sequence."""

    def lines(values, seen, part):
        t = times[part]
        return np.interp(t, t[seen], values[seen])

    return by_sequence(y, offsets, lines)
