"""Delay windows: stretches of consecutive rows of one sequence, where gaps are few enough."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray


def place_in_sequence(T: int, offsets: IntArray | None) -> IntArray:
    """Count the rows of each sequence from zero.

    Parameters
    ----------
    T : int
        Rows in all.
    offsets : (N + 1,) int or None
        Where each sequence starts; None for one sequence.

    Returns
    -------
    (T,) int
    """
    rows = np.arange(T)
    if offsets is None:
        return rows
    starts = np.asarray(offsets)[:-1]
    return rows - starts[np.searchsorted(starts, rows, side="right") - 1]


def place_in_run(y: FloatArray, offsets: IntArray | None) -> IntArray:
    """Count the rows of each unbroken run from zero; a row with a gap has -1.

    A run ends at a row with a missing value and at the end of a sequence.
    """
    whole = ~np.isnan(y).any(axis=1)
    rows = np.arange(len(y))
    # The last row before which a run cannot reach: a broken row itself, or the row before a sequence.
    barrier = np.where(whole, rows - place_in_sequence(len(y), offsets) - 1, rows)
    return rows - np.maximum.accumulate(barrier) - 1


def longest(T: int, offsets: IntArray | None) -> int:
    """Length of the longest sequence."""
    return T if offsets is None else int(np.diff(offsets).max())


def fill_linear(z: FloatArray, offsets: IntArray | None) -> FloatArray:
    """Interpolate the gaps of each column linearly within its sequence and hold the ends.

    A column that a sequence never saw becomes 0 there, its mean on standardised data.

    Parameters
    ----------
    z : (T, D) float
        Standardised observations, NaN where missing.
    offsets : (N + 1,) int or None
        Where each sequence starts.

    Returns
    -------
    (T, D) float
        A new array without NaN.
    """
    full = z.copy()
    bounds = np.array([0, len(z)]) if offsets is None else offsets
    for column in full.T:
        gaps = np.isnan(column)
        if not gaps.any():
            continue
        for a, b in pairwise(bounds):
            gap = gaps[a:b]
            if gap.all():
                column[a:b] = 0.0
            elif gap.any():
                part, observed = column[a:b], np.flatnonzero(~gap)
                part[gap] = np.interp(np.flatnonzero(gap), observed, part[observed])
    return full


def window_ends(z: FloatArray, offsets: IntArray | None, length: int, enough: int) -> IntArray:
    """Choose the windows to learn from.

    Windows without a gap come first. Where there are fewer than `enough` of those, windows of which at least
    half was observed are taken, and where those are too few as well, every window: their gaps are
    left to `fill_linear`.

    Parameters
    ----------
    z : (T, D) float
        Observations, NaN where missing.
    offsets : (N + 1,) int or None
        Where each sequence starts; no window crosses a start.
    length : int
        Rows in a window.
    enough : int
        How many windows are enough.

    Returns
    -------
    (M,) int
        Last row of each window.
    """
    T, D = z.shape
    ends = np.flatnonzero(place_in_sequence(T, offsets) >= length - 1)
    n_observed = np.concatenate([[0], np.cumsum((~np.isnan(z)).sum(axis=1))])
    share = (n_observed[ends + 1] - n_observed[ends + 1 - length]) / (length * D)
    for minimum in (1.0, 0.5):
        chosen = ends[share >= minimum]
        if len(chosen) >= enough:
            return chosen
    return ends


def take(full: FloatArray, ends: IntArray, n_delays: int) -> FloatArray:
    """Write windows out as rows, the newest observation first.

    Parameters
    ----------
    full : (T, D) float
        Observations without gaps.
    ends : (M,) int
        Last row of each window.
    n_delays : int
        Rows in a window.

    Returns
    -------
    (M, n_delays * D) float
        Row m is ``[y[t], y[t - 1], ..., y[t - n_delays + 1]]`` with t = ends[m].
    """
    return np.concatenate([full[ends - k] for k in range(n_delays)], axis=1)


def project(full: FloatArray, ends: IntArray, weights: FloatArray) -> FloatArray:
    """Multiply the windows by weights without writing them all out.

    Parameters
    ----------
    full : (T, D) float
        Observations without gaps.
    ends : (M,) int
        Last row of each window.
    weights : (n_delays * D, k) float
        One column per projection, rows ordered as `take` orders them.

    Returns
    -------
    (M, k) float
        ``take(full, ends, n_delays) @ weights``.
    """
    D = full.shape[1]
    out = np.zeros((len(ends), weights.shape[1]))
    for k in range(len(weights) // D):
        out += full[ends - k] @ weights[k * D : (k + 1) * D]
    return out
