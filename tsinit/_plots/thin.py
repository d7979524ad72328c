"""Fewer points for long lines: the lowest and the highest of each piece, so that the outline stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Points of a line beyond which a screen shows no difference.
MAX_POINTS = 4000


def outline(values: FloatArray, max_points: int = MAX_POINTS) -> IntArray:
    """Choose the points to draw of a long line.

    Parameters
    ----------
    values : (n,) float
        NaN where the line is broken; a piece without values keeps one of them.
    max_points : int
        Of what is returned.

    Returns
    -------
    (m,) int
        Positions, rising; all where there are few, else the lowest and the highest of equal pieces.
    """
    n = len(values)
    if n <= max_points:
        return np.arange(n)
    size = -(-n // max(max_points // 2, 1))
    cut = np.full(-(-n // size) * size, np.nan)
    cut[:n] = values
    pieces = cut.reshape(-1, size)
    lowest = np.where(np.isnan(pieces), np.inf, pieces).argmin(axis=1)
    highest = np.where(np.isnan(pieces), -np.inf, pieces).argmax(axis=1)
    first = np.arange(len(pieces)) * size
    return np.unique(np.concatenate([[0], first + lowest, first + highest, [n - 1]]))


def pieces_of(n: int, max_pieces: int) -> IntArray:
    """Borders of at most so many equal pieces of n steps: (m + 1,) int from 0 to n."""
    return np.unique(np.linspace(0, n, min(n, max_pieces) + 1).astype(int))
