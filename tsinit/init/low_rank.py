"""A matrix of few directions through neighbouring rows."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count
from tsinit.init._fills import keep_observed
from tsinit.init._labels import bounds
from tsinit.init._scaling import standardise
from tsinit.init._windows import fill_linear

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsinit._typing import FloatArray, IntArray

_HELD_OUT = 0.1  # share of the observed cells that choose the penalty
_PENALTIES = 2.0 ** -np.arange(1.0, 9.0)  # in units of the largest singular value
_STEPS, _LAST_STEPS = 8, 30


class LowRank(BaseEstimator):
    """Fill gaps by a low-rank matrix that agrees with the observed values (soft-impute), on rows with their neighbours.

    Row t of the matrix holds the rows t - lags .. t + lags of the table, so that few directions carry both how columns
    go together and how they move. Its singular values are shrunk by a penalty and the gaps replaced by the result,
    until they stay; the penalty is the one that predicts a tenth of the observed cells best. Rows beyond the ends of a
    sequence are missing, so nothing crosses from one sequence to another but the directions. A row that is missing with
    all its neighbours is interpolated, and a column never observed becomes 0.

    Parameters
    ----------
    lags : int, default 2
        Rows before and after.

    References
    ----------
    Mazumder, Hastie and Tibshirani, "Spectral regularization algorithms for learning large incomplete matrices" (JMLR
    11, 2010).
    """

    def __init__(self, lags: int = 2) -> None:
        self.lags = lags

    def fill(
        self, y: FloatArray, rng: np.random.Generator, offsets: IntArray | None = None
    ) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Chooses the cells held out.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Observed cells as they are.

        Raises
        ------
        ValueError
            If `lags` is no whole number from 0.
        """
        lags = check_count("lags", self.lags, 0)
        z, loc, scale = standardise(y)
        if not np.isnan(z).any():
            return np.array(y)
        held = ~np.isnan(z) & (rng.random(z.shape) < _HELD_OUT)
        hidden = np.where(held, np.nan, z)
        best, error, n_steps = _PENALTIES[-1], np.inf, len(_PENALTIES)
        for i, filled in enumerate(_path(hidden, offsets, lags, _PENALTIES)):
            now = float(np.mean((filled[held] - z[held]) ** 2)) if held.any() else -float(i)
            if now < error:
                best, error, n_steps = _PENALTIES[i], now, i + 1
        last = list(_path(z, offsets, lags, _PENALTIES[:n_steps]))[-1]
        observed = _windows(z, offsets, lags)
        filled = _centre(
            _shrink(observed, _windows(last, offsets, lags), best, _LAST_STEPS), z.shape[1], lags
        )
        # Nothing of such a row was observed, and would shrink to the mean.
        blank = np.isnan(observed).all(axis=1)
        filled[blank] = fill_linear(z, offsets)[blank]
        return keep_observed(y, filled * scale + loc)


def _path(
    z: FloatArray, offsets: IntArray | None, lags: int, penalties: FloatArray
) -> Iterator[FloatArray]:
    """Complete tables for smaller and smaller penalties, each from the one before."""
    observed = _windows(z, offsets, lags)
    full = _windows(fill_linear(z, offsets), offsets, lags)
    for penalty in penalties:
        full = _shrink(observed, full, penalty, _STEPS)
        yield _centre(full, z.shape[1], lags)


def _shrink(observed: FloatArray, full: FloatArray, penalty: float, n_steps: int) -> FloatArray:
    """Alternate between shrunken singular values and the observed cells; NaN of `full` count as 0."""
    gaps = np.isnan(observed)
    X = np.where(gaps, np.nan_to_num(full), observed)
    for _ in range(n_steps):
        squares, V = np.linalg.eigh(X.T @ X)
        s = np.sqrt(np.maximum(squares, 0.0))
        kept = np.where(
            s > 0.0, np.maximum(s - penalty * s[-1], 0.0) / np.where(s > 0.0, s, 1.0), 0.0
        )
        X = np.where(gaps, X @ ((V * kept) @ V.T), observed)
    return X


def _windows(z: FloatArray, offsets: IntArray | None, lags: int) -> FloatArray:
    """Rows with their neighbours (T, (2 lags + 1) D); NaN beyond the ends of a sequence."""
    T, D = z.shape
    out = np.full((T, (2 * lags + 1) * D), np.nan)
    for a, b in pairwise(bounds(T, offsets)):
        for i, lag in enumerate(range(-lags, lags + 1)):
            low, high = max(a, a - lag), min(b, b - lag)
            if low < high:
                out[low:high, i * D : (i + 1) * D] = z[low + lag : high + lag]
    return out


def _centre(windows: FloatArray, D: int, lags: int) -> FloatArray:
    return windows[:, lags * D : (lags + 1) * D]
