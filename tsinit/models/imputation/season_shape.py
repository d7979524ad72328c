"""How many harmonics the profile of a season has: as many as make one period foretell another.

A profile of two harmonics is smooth. That of a week of hours, or of what a plant does in turn, is not, and gaps in
which all columns are out are filled by little else. Numbers of harmonics are compared by cross-validation: periods are
left out whole, so that neighbours in time do not speak for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Harmonics that a period has at least where it is long enough, and at most.
FEWEST, MOST = 2, 64
#: Parts that the periods are dealt into, and the relative gain in squared error that twice the harmonics must bring.
_FOLDS, _GAIN = 5, 0.01
#: Prior precision of a coefficient, columns having variance 1.
_PRECISION = 0.2
#: Rows and columns that the numbers are compared on: of longer and wider tables the first, and some.
_ROWS, _COLUMNS = 20_000, 20


def waves(
    count: FloatArray | IntArray, periods: list[float], harmonics: list[int]
) -> list[FloatArray]:
    """Sines and cosines (T,) of all harmonics of all periods at so many steps."""
    return [
        wave(2.0 * np.pi * k * count / p)
        for p, n in zip(periods, harmonics, strict=True)
        for k in range(1, n + 1)
        for wave in (np.sin, np.cos)
    ]


def chosen_harmonics(
    y: FloatArray, count: FloatArray | IntArray, periods: list[float]
) -> list[int]:
    """Choose the numbers of harmonics, 2 or more, one period after the other.

    Parameters
    ----------
    y : (T, D) float
        NaN where missing.
    count : (T,) float
        Steps that have passed.
    periods : list of float

    Returns
    -------
    list of int
        2 where the rows pass through fewer than as many periods as there are folds.
    """
    chosen = [FEWEST] * len(periods)
    z = _standardised(y)
    count = np.asarray(count, dtype=np.float64)[:_ROWS]
    if z.shape[1] == 0:
        return chosen
    for i, period in enumerate(periods):
        number = np.floor(count / period).astype(np.int64)
        if len(np.unique(number)) < _FOLDS:
            continue
        best = _error(z, count, number, periods, chosen)
        n = FEWEST
        while n < min(MOST, int(period) // 2):
            n = min(2 * n, MOST, int(period) // 2)
            error = _error(z, count, number, periods, [*chosen[:i], n, *chosen[i + 1 :]])
            if error < (1.0 - _GAIN) * best:
                chosen[i], best = n, error
    return chosen


def _standardised(y: FloatArray) -> FloatArray:
    """Some columns that vary, of the first rows, with mean 0 and variance 1."""
    y = y[:_ROWS]
    enough = (~np.isnan(y)).sum(axis=0) > 1
    y = y[:, enough]
    sd = np.nanstd(y, axis=0)
    varies = np.flatnonzero(sd > 0.0)
    varies = varies[:: -(-len(varies) // _COLUMNS) or 1]
    return (y[:, varies] - np.nanmean(y[:, varies], axis=0)) / sd[varies]


def _error(
    z: FloatArray,
    count: FloatArray,
    number: IntArray,
    periods: list[float],
    harmonics: list[int],
) -> float:
    """Mean squared error of profiles in periods that they were not learned from."""
    X = np.column_stack([np.ones(len(z)), *waves(count, periods, harmonics)])
    fold, total, n = number % _FOLDS, 0.0, 0
    prior = _PRECISION * np.eye(X.shape[1])
    for column in z.T:
        seen = ~np.isnan(column)
        parts = [(X[seen & (fold == f)], column[seen & (fold == f)]) for f in range(_FOLDS)]
        grams, sums = [x.T @ x for x, _ in parts], [x.T @ v for x, v in parts]
        gram, right = prior + sum(grams), sum(sums)
        for (x, v), own, moment in zip(parts, grams, sums, strict=True):
            if len(v):
                total += float(((v - x @ np.linalg.solve(gram - own, right - moment)) ** 2).sum())
                n += len(v)
    return total / n
