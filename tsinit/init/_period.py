"""Find the period of a table by its autocorrelation."""

import numpy as np

from tsinit.init._labels import bounds
from tsinit.init._windows import fill_linear

_LEAST = 0.3  # height of a peak that counts
_NEARLY = (
    0.85  # share of the highest peak from which an earlier one is preferred: multiples peak as well
)
_REPEATS = 3  # periods that the longest sequence must hold


def find_period(z, offsets, times):
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
    T, most = len(part), len(part) // _REPEATS
    if most < 3:
        return None
    t = np.arange(T) - (T - 1) / 2
    part = part - part.mean(axis=0)
    part = part - np.outer(t, t @ part / (t @ t))
    spectrum = np.abs(np.fft.rfft(part, 2 * T, axis=0)) ** 2
    r = np.fft.irfft(spectrum, axis=0)[: most + 2]
    r = (
        r / np.maximum(r[0], np.finfo(float).tiny) * (T / (T - np.arange(most + 2)))[:, None]
    ).mean(axis=1)
    peaks = np.flatnonzero((r[1:-1] > r[:-2]) & (r[1:-1] >= r[2:])) + 1
    # What lies before the first descent to zero is smoothness, not season.
    below = np.flatnonzero(r < 0.5 * _LEAST)
    peaks = peaks[peaks > below[0]] if below.size else peaks[:0]
    if not peaks.size or r[peaks].max() < _LEAST:
        return None
    return float(peaks[r[peaks] >= _NEARLY * r[peaks].max()][0])


def _on_clock(z, times):
    """Put rows where the clock has them; as they are where that is no whole step, or mostly empty."""
    steps = times - times[:1]
    if not len(z) or (steps != np.round(steps)).any() or steps[-1] >= 2 * len(z):
        return z
    grid = np.full((int(steps[-1]) + 1, z.shape[1]), np.nan)
    grid[steps.astype(int)] = z
    return grid
