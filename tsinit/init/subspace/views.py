"""Views of a series with gaps that a subspace can be identified from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import linalg

from tsinit.init._windows import fill_linear
from tsinit.init.subspace.hankel import HankelFactor, complete_runs, count_columns, hankel_factor
from tsinit.init.subspace.orders import autoregressive_order, block_row_choices, memory_of_runs
from tsinit.kernels import smooth_means
from tsinit.kernels.state_space import observation

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams

_FEW_LOST = 0.9  # share of the windows that makes every other view needless
_ENOUGH = 4  # windows per row of H, in halves: 4 i D
_MIN_EIGENVALUE = 1e-2  # on standardised data


class GapView(NamedTuple):
    """One way to treat the gaps of a series."""

    name: str
    choices: list[int]  # numbers of block rows to try
    factor: Callable  # factor(n_block_rows) -> HankelFactor


def views(
    z: FloatArray, offsets: IntArray, n_states: int, n_block_rows: int | str, gaps: str
) -> list[GapView]:
    """List the ways to factor the Hankel matrix of a series with gaps that are asked for and possible.

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
    list of GapView
        One or more, with the names above; ``"smooth"`` is the series interpolated, ready for `smoothed_view`.

    Raises
    ------
    ValueError
        If no sequence has 4 rows, or with ``"drop"`` no stretch without a gap.
    """

    def dropped() -> GapView:
        return GapView(
            "drop", _choices(z, offsets, n_states, n_block_rows), partial(hankel_factor, z, offsets)
        )

    if gaps == "drop" or not np.isnan(z).any():
        return [dropped()]
    found = []
    starts, stops = complete_runs(z, offsets)
    if gaps == "auto" and np.max(stops - starts, initial=0) >= 4:
        view = dropped()
        n_columns = count_columns(stops - starts, 2 * view.choices[-1])
        if n_columns >= _ENOUGH * view.choices[-1] * z.shape[1]:
            found.append(view)
            if n_columns >= _FEW_LOST * count_columns(np.diff(offsets), 2 * view.choices[-1]):
                return found
    if gaps in ("auto", "pairs"):
        choices = _choices_of_pairs(z, offsets, n_states, n_block_rows)
        pairs = lagged_covariances(z, offsets, 2 * choices[-1])
        found.append(GapView("pairs", choices, partial(pairs_factor, *pairs)))
    if gaps in ("auto", "smooth"):
        filled = fill_linear(z, offsets)
        choices = _choices(filled, offsets, n_states, n_block_rows)
        found.append(GapView("smooth", choices, partial(_bridged, z, filled, offsets)))
    return found


def smoothed_view(
    z: FloatArray, offsets: IntArray, params: LinearGaussianParams, n_block_rows: int
) -> HankelFactor | None:
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

    Returns
    -------
    HankelFactor or None
        None if the smoother failed.
    """
    means = smooth_means(params, z, offsets)
    if not np.isfinite(means).all():
        return None
    filled = z.copy()
    observation.complete(params.C, params.R, filled, means, np.ones(len(z), dtype=bool))
    return _bridged(z, filled, offsets, n_block_rows)


def lagged_covariances(
    z: FloatArray, offsets: IntArray, n_lags: int
) -> tuple[FloatArray, FloatArray]:
    """Average y[t + k] y[t]' over the pairs observed, k = 0 .. n_lags - 1, never across two sequences.

    Parameters
    ----------
    z : (T, D) float
        Standardised observations, NaN where missing.
    offsets : (N + 1,) int
        Starts of the sequences.
    n_lags : int
        Number of lags.

    Returns
    -------
    covariances : (n_lags, D, D) float
        Zero where no pair was observed.
    counts : (n_lags, D, D) float
        Number of pairs.
    """
    T, D = z.shape
    observed = ~np.isnan(z)
    values, weights = np.where(observed, z, 0.0), observed.astype(float)
    lengths = np.diff(offsets)
    rows_left = np.repeat(offsets[1:], lengths) - np.arange(T)
    sums, counts = np.zeros((n_lags, D, D)), np.zeros((n_lags, D, D))
    for k in range(min(n_lags, T)):
        inside = (rows_left[: T - k] > k)[:, None]
        sums[k] = values[k:].T @ (values[: T - k] * inside)
        counts[k] = weights[k:].T @ (weights[: T - k] * inside)
    return sums / np.maximum(counts, 1.0), counts


def toeplitz(covariances: FloatArray) -> FloatArray:
    """Arrange lagged covariances (w, D, D) as the covariance of w consecutive rows, (w D, w D)."""
    w, D, _ = covariances.shape
    both = np.concatenate([covariances[:0:-1].transpose(0, 2, 1), covariances])
    lag = np.arange(w)[:, None] - np.arange(w)
    return both[lag + w - 1].transpose(0, 2, 1, 3).reshape(w * D, w * D)


def pairs_factor(covariances: FloatArray, counts: FloatArray, n_block_rows: int) -> HankelFactor:
    """Factor the covariance of 2 i consecutive rows as `hankel_factor` does, from pairs.

    The covariance of any two values k rows apart is estimated from all pairs of which both were observed. Stacked
    into the covariance matrix of 2 i consecutive rows they need not be positive definite; eigenvalues are then
    lifted. Scattered gaps cost this estimate little (measured on noisy systems: with a fifth of the values
    missing at random it was nearly as good as without gaps), but it blurs the smallest eigenvalues, which
    decide where there is very little noise and which whitening would blow up.

    Parameters
    ----------
    covariances, counts : (w, D, D) float
        As `lagged_covariances` returned them, w >= 2 i.
    n_block_rows : int
        Block rows i of each half.

    Returns
    -------
    HankelFactor
        Its ``n_columns`` is the mean number of pairs behind a covariance.
    """
    lags = slice(2 * n_block_rows)
    L = _root(positive_definite(toeplitz(covariances[lags])))
    assert L is not None  # no eigenvalue is below 1e-2
    return HankelFactor(L, n_block_rows, max(1, int(counts[lags].mean())))


def positive_definite(S: FloatArray) -> FloatArray:
    """Lift the eigenvalues of a symmetric matrix to at least 1e-2, if any is below."""
    if _root(S - _MIN_EIGENVALUE * np.eye(len(S))) is not None:
        return S
    values, vectors = np.linalg.eigh(S)
    S = (vectors * np.maximum(values, _MIN_EIGENVALUE)) @ vectors.T
    return (S + S.T) / 2


def _choices(z: FloatArray, offsets: IntArray, n_states: int, n_block_rows: int | str) -> list[int]:
    """Numbers of block rows for the gap-free runs of z."""
    starts, stops = complete_runs(z, offsets)
    memory = partial(memory_of_runs, z, offsets)
    return block_row_choices(stops - starts, z.shape[1], n_states, n_block_rows, memory)


def _choices_of_pairs(
    z: FloatArray, offsets: IntArray, n_states: int, n_block_rows: int | str
) -> list[int]:
    D = z.shape[1]

    def memory(maximum: int) -> int:
        covariances, counts = lagged_covariances(z, offsets, maximum + 1)
        return autoregressive_order(positive_definite(toeplitz(covariances)), D, counts.mean())

    return block_row_choices(np.diff(offsets), D, n_states, n_block_rows, memory)


def _bridged(
    z: FloatArray, filled: FloatArray, offsets: IntArray, n_block_rows: int
) -> HankelFactor:
    """Factor a filled series, without the gaps longer than i rows if enough windows are left."""
    bridged = np.where(_long_gaps(np.isnan(z), offsets, n_block_rows), np.nan, filled)
    starts, stops = complete_runs(bridged, offsets)
    n_columns = count_columns(stops - starts, 2 * n_block_rows)
    enough = n_columns >= _ENOUGH * n_block_rows * z.shape[1]
    return hankel_factor(bridged if enough else filled, offsets, n_block_rows)


def _long_gaps(missing: BoolArray, offsets: IntArray, longest: int) -> BoolArray:
    """Mark the missing values of each column that lie in a gap of more than ``longest`` rows."""
    long = np.zeros_like(missing)
    for column, out in zip(missing.T, long.T, strict=True):
        starts, stops = complete_runs(np.where(column, 0.0, np.nan)[:, None], offsets)
        for start, stop in zip(starts, stops, strict=True):
            if stop - start > longest:
                out[start:stop] = True
    return long


def _root(S: FloatArray) -> FloatArray | None:
    L, info = linalg.lapack.dpotrf(S, lower=1, clean=1)
    return L if info == 0 else None
