"""Whether rows are independent given their states, as the model takes them to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Lag-one correlation above which a fit warns.
MAX_CORRELATION = 0.3
_MIN_PAIRS = 50
_STANDARD_ERRORS = 4.0


def lag_one_correlations(y: FloatArray, labels: IntArray, offsets: IntArray) -> FloatArray:
    """Correlation of neighbouring residuals in one state, for each column.

    Residuals are the deviations of rows from the mean of their state, over its standard deviation. Pairs are rows that
    follow one another in a sequence, are in one state and are both observed in the column.

    Parameters
    ----------
    y : (T, D) float
        NaN where missing, skipped steps included.
    labels : (T,) int
        -1 for rows without a state.
    offsets : (N + 1,) int
        Where each sequence starts.

    Returns
    -------
    (D,) float
        NaN where there are fewer than 50 pairs, or where the correlation is not four standard errors (of
        independent rows) from zero.
    """
    residual = np.full(y.shape, np.nan)
    for k in np.unique(labels[labels >= 0]):
        rows = y[labels == k]
        n = (~np.isnan(rows)).sum(axis=0)
        deviation = rows - np.nansum(rows, axis=0) / np.maximum(n, 1)
        spread = np.sqrt(np.nansum(deviation**2, axis=0) / np.maximum(n, 1))
        # Of few rows the mean takes up most of what they share.
        usable = (n > 2) & (spread > 0.0)
        residual[labels == k] = np.where(usable, deviation / np.where(usable, spread, 1.0), np.nan)
    neighbours = (labels[1:] == labels[:-1]) & (labels[1:] >= 0)
    neighbours[np.asarray(offsets[1:-1]) - 1] = False
    products = (residual[1:] * residual[:-1])[neighbours]
    n_pairs = (~np.isnan(products)).sum(axis=0)
    correlation = np.nansum(products, axis=0) / np.maximum(n_pairs, 1)
    told = (n_pairs >= _MIN_PAIRS) & (np.abs(correlation) * np.sqrt(n_pairs) > _STANDARD_ERRORS)
    return np.where(told, correlation, np.nan)
