"""Views of a series with gaps that a subspace can be identified from."""

import numpy as np

from tsinit.init._block_rows import autoregressive_order, choose_block_rows, memory_of_runs
from tsinit.init._hankel import complete_runs, count_columns, hankel_factor
from tsinit.init._pairs import lagged_covariances, pairs_factor, positive_definite, toeplitz
from tsinit.init._windows import fill_linear
from tsinit.kernels import observation

_FEW_LOST = 0.9  # share of the windows that makes every other view needless
_ENOUGH = 4  # windows per row of H, in halves: 4 i D


def views(z, offsets, n_states, n_block_rows, gaps):
    """Factor the Hankel matrix of a series with gaps in every way that is asked for and possible.

    Parameters
    ----------
    z : (T, D) float
        Standardised observations, NaN where missing.
    offsets : (N + 1,) int
        Starts of the sequences.
    n_states : int
        Order that is to be identified.
    n_block_rows : int or "auto"
        As the user gave it.
    gaps : {"auto", "drop", "pairs", "smooth"}
        What to do about gaps.

    Returns
    -------
    dict of str to HankelFactor
        One or more of the names above; ``"smooth"`` is the series interpolated, ready for `smoothed_view`.

    Raises
    ------
    ValueError
        If no sequence has 4 rows, or with ``"drop"`` no stretch without a gap.
    """
    if gaps == "drop" or not np.isnan(z).any():
        return {"drop": _dropped(z, offsets, n_states, n_block_rows)}
    found = {}
    if gaps == "auto":
        factor = _dropped_if_enough(z, offsets, n_states, n_block_rows)
        if factor is not None:
            found["drop"] = factor
            if factor.n_columns >= _FEW_LOST * count_columns(np.diff(offsets), 2 * factor.n_block_rows):
                return found
    if gaps in ("auto", "pairs"):
        found["pairs"] = _paired(z, offsets, n_states, n_block_rows)
    if gaps in ("auto", "smooth"):
        filled = fill_linear(z, offsets)
        rows = _rows(filled, offsets, n_states, n_block_rows)
        found["smooth"] = _bridged(z, filled, offsets, rows)
    return found


def smoothed_view(z, offsets, params, n_block_rows, kalman):
    """Factor the series with its gaps filled by what the Kalman smoother expects there under a first model.

    Parameters
    ----------
    z : (T, D) float
        Standardised observations, NaN where missing.
    offsets : (N + 1,) int
        Starts of the sequences.
    params : LinearGaussianParams
        The first model.
    n_block_rows : int
        Block rows i of each half.
    kalman : Kalman
        Smoother over z.

    Returns
    -------
    HankelFactor or None
        None if the smoother failed.
    """
    smoothed = kalman.smooth(params)
    if not smoothed.sound:
        return None
    filled = z.copy()
    observation.complete(params.C, params.R, filled, smoothed.means, np.ones(len(z), dtype=bool))
    return _bridged(z, filled, offsets, n_block_rows)


def _dropped(z, offsets, n_states, n_block_rows):
    return hankel_factor(z, offsets, _rows(z, offsets, n_states, n_block_rows))


def _dropped_if_enough(z, offsets, n_states, n_block_rows):
    starts, stops = complete_runs(z, offsets)
    if np.max(stops - starts, initial=0) < 4:
        return None
    rows = _rows(z, offsets, n_states, n_block_rows)
    enough = _ENOUGH * rows * z.shape[1]
    return hankel_factor(z, offsets, rows) if count_columns(stops - starts, 2 * rows) >= enough else None


def _rows(z, offsets, n_states, n_block_rows):
    """Block rows for the gap-free runs of z."""
    starts, stops = complete_runs(z, offsets)

    def memory(most):
        return memory_of_runs(z, offsets, most)

    return choose_block_rows(stops - starts, z.shape[1], n_states, n_block_rows, memory)


def _paired(z, offsets, n_states, n_block_rows):
    D = z.shape[1]

    def memory(most):
        covariances, counts = lagged_covariances(z, offsets, most + 1)
        return autoregressive_order(positive_definite(toeplitz(covariances)), D, counts.mean())

    rows = choose_block_rows(np.diff(offsets), D, n_states, n_block_rows, memory)
    return pairs_factor(z, offsets, rows)


def _bridged(z, filled, offsets, n_block_rows):
    """Factor a filled series, without the gaps longer than i rows if enough windows are left."""
    bridged = np.where(_long_gaps(np.isnan(z), offsets, n_block_rows), np.nan, filled)
    starts, stops = complete_runs(bridged, offsets)
    n_columns = count_columns(stops - starts, 2 * n_block_rows)
    enough = n_columns >= _ENOUGH * n_block_rows * z.shape[1]
    return hankel_factor(bridged if enough else filled, offsets, n_block_rows)


def _long_gaps(missing, offsets, longest):
    """Mark the missing values of each column that lie in a gap of more than ``longest`` rows."""
    long = np.zeros_like(missing)
    for column, out in zip(missing.T, long.T, strict=True):
        starts, stops = complete_runs(np.where(column, 0.0, np.nan)[:, None], offsets)
        for start, stop in zip(starts, stops, strict=True):
            if stop - start > longest:
                out[start:stop] = True
    return long
