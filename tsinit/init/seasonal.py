"""The profile of a season, and straight lines for what departs from it."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_flag, check_number
from tsinit.init._fills import clock, interpolate, one_period
from tsinit.init._labels import bounds
from tsinit.init._scaling import standardise
from tsinit.init._windows import fill_linear

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

_MIN_PERIODS = 3  # periods of a sequence from which the profile may drift
_SMOOTH = 11  # periods that STL smooths the profile over
_MIN_PEAK = 0.3  # height of a peak that counts
_NEARLY = (
    0.85  # share of the highest peak from which an earlier one is preferred: multiples peak as well
)
_MIN_REPEATS = 3  # periods that the longest sequence must hold


class Seasonal(BaseEstimator):
    """Fill gaps by the profile of a season, plus straight lines over time between the departures from it.

    The profile is the mean of each phase of the clock, whatever rows are missing: a skipped step moves nothing. Where a
    sequence is three periods long and `drift` allows it, a seasonal-trend decomposition (STL, statsmodels) of the table
    so filled gives each period a profile of its own, and the gaps are filled once more by that. Without a season all
    this is `Time`.

    Parameters
    ----------
    period : "auto" or float, default "auto"
        Steps of a season. "auto" takes what the model knows, else the lag of the highest peak of the autocorrelation,
        if it is above 0.3.
    drift : bool, default True
        Let the profile change.

    References
    ----------
    Cleveland, Cleveland, McRae and Terpenning, "STL: a seasonal-trend decomposition procedure based on loess" (J. Off.
    Stat. 6, 1990).
    """

    def __init__(self, period: float | str = "auto", drift: bool = True) -> None:
        self.period = period
        self.drift = drift

    def fill(
        self,
        y: FloatArray,
        rng: np.random.Generator | None = None,
        offsets: IntArray | None = None,
        times: FloatArray | None = None,
        period: ArrayLike | None = None,
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
            Clock step of each row; places in the sequence if not given.
        period : float or sequence of float, optional
            What the model knows; of several the shortest counts.

        Returns
        -------
        (T, D) float
            Observed cells as they are.

        Raises
        ------
        ValueError
            If `period` is no number above 1, or `drift` no flag.
        """
        check_flag("drift", self.drift)
        times = clock(len(y), offsets, times)
        z, loc, scale = standardise(y)
        if isinstance(self.period, str) and self.period == "auto":
            steps = one_period(period) or find_period(z, offsets, times)
        else:
            steps = check_number("period", self.period, above=1.0, rule=", or 'auto'")
        filled = interpolate(z, offsets, times)
        # A season that has not passed once says nothing of the gaps, and may be longer than the memory.
        if steps is not None and steps <= np.ptp(times):
            phases = _phase_means(z, times, steps)
            profile = phases[_phase(times, steps)]
            filled = profile + interpolate(z - profile, offsets, times)
            if self.drift and np.isnan(z).any():
                profile = _drifting(filled, phases, times, steps, bounds(len(y), offsets))
                filled = profile + interpolate(z - profile, offsets, times)
        return np.where(np.isnan(y), filled * scale + loc, y)


def find_period(z: FloatArray, offsets: IntArray | None, times: FloatArray) -> float | None:
    """Lag of the first high peak of the autocorrelation, averaged over columns; None where there is none.

    Parameters
    ----------
    z : (T, D) float
        Standardised, NaN where missing.
    offsets : (N + 1,) int or None
    times : (T,) float
        Clock of the rows.

    Returns
    -------
    float or None
    """
    limits = bounds(len(z), offsets)
    longest = int(np.argmax(np.diff(limits)))
    rows = slice(limits[longest], limits[longest + 1])
    part = fill_linear(_on_clock(z[rows], times[rows]), None)
    T, max_lag = len(part), len(part) // _MIN_REPEATS
    if max_lag < 3:
        return None
    t = np.arange(T) - (T - 1) / 2
    part = part - part.mean(axis=0)
    part = part - np.outer(t, t @ part / (t @ t))
    spectrum = np.abs(np.fft.rfft(part, 2 * T, axis=0)) ** 2
    r = np.fft.irfft(spectrum, axis=0)[: max_lag + 2]
    r = (
        r / np.maximum(r[0], np.finfo(float).tiny) * (T / (T - np.arange(max_lag + 2)))[:, None]
    ).mean(axis=1)
    peaks = np.flatnonzero((r[1:-1] > r[:-2]) & (r[1:-1] >= r[2:])) + 1
    # What lies before the first descent to zero is smoothness, not season.
    below = np.flatnonzero(r < 0.5 * _MIN_PEAK)
    peaks = peaks[peaks > below[0]] if below.size else peaks[:0]
    if not peaks.size or r[peaks].max() < _MIN_PEAK:
        return None
    return float(peaks[r[peaks] >= _NEARLY * r[peaks].max()][0])


def _on_clock(z: FloatArray, times: FloatArray) -> FloatArray:
    """Put rows where the clock has them; as they are where that is no whole step, or mostly empty."""
    steps = times - times[:1]
    if not len(z) or (steps != np.round(steps)).any() or steps[-1] >= 2 * len(z):
        return z
    grid = np.full((int(steps[-1]) + 1, z.shape[1]), np.nan)
    grid[steps.astype(int)] = z
    return grid


def _phase(times: FloatArray, period: float) -> IntArray:
    """Whole steps since the period began."""
    return np.floor(np.mod(times, period)).astype(int)


def _phase_means(z: FloatArray, times: FloatArray, period: float) -> FloatArray:
    """Mean (phases, D) of each phase; 0 where a phase was never observed."""
    phase = _phase(times, period)
    n_phases = int(
        min(np.ceil(period), phase.max(initial=0) + 1)
    )  # a period may outlast the series
    out = np.zeros((n_phases, z.shape[1]))
    for column, means in zip(z.T, out.T, strict=True):
        observed = ~np.isnan(column)
        count = np.bincount(phase[observed], minlength=n_phases)
        means[:] = np.bincount(
            phase[observed], weights=column[observed], minlength=n_phases
        ) / np.maximum(count, 1)
    return out


def _drifting(
    filled: FloatArray, phases: FloatArray, times: FloatArray, period: float, limits: IntArray
) -> FloatArray:
    """Profiles (T, D) that change from period to period, in sequences long enough; elsewhere as they were."""
    from statsmodels.tsa.seasonal import STL

    profile, whole = phases[_phase(times, period)], round(period)
    out = profile.copy()
    for a, b in pairwise(limits):
        if (
            b - a < 2
            or whole < 2
            or times[b - 1] - times[a] + 1 < _MIN_PERIODS * whole
            or whole != period
        ):
            continue
        # Decomposed on every step of the clock, those without a row included.
        grid = np.arange(times[a], times[b - 1] + 1)
        for j in range(filled.shape[1]):
            values = np.interp(grid, times[a:b], filled[a:b, j] - profile[a:b, j])
            values += phases[_phase(grid, period), j]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a flat column has no weights
                seasonal = STL(values, period=whole, seasonal=_SMOOTH).fit().seasonal
            if np.isfinite(seasonal).all():
                out[a:b, j] = np.interp(times[a:b], grid, seasonal)
    return out
