"""Lines that break where a gap or a sequence does, and what stands alone between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray


def joined(
    time: Any, pieces: Iterator[tuple[int, int]] | list[tuple[int, int]], before: bool = False
) -> tuple[Any, Callable[[FloatArray], FloatArray]]:
    """Positions of all pieces one after the other, and what puts values there: not a number where a piece ends.

    Nor `before` it begins, if need be: half-way to it a line of steps would begin otherwise.
    """
    places = [np.r_[[a] * before, a:b, b - 1].astype(int) for a, b in pieces]
    if not places:
        return time[:0], lambda values: values[:0]
    where = np.concatenate(places)
    ends = np.cumsum([part.size for part in places])
    breaks = np.concatenate([ends - 1, np.append(0, ends[:-1])[: before * len(ends)]])

    def join(values: FloatArray) -> FloatArray:
        values = values[where]
        values[breaks] = np.nan
        return values

    return time[where], join


def gaps(y: FloatArray, pieces: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs (a, b) of missing values, with the observed one on either side."""
    for first, last in pieces:
        missing = np.concatenate([[False], np.isnan(y[first:last]), [False]])
        turns = first + np.flatnonzero(np.diff(missing.astype(int)))
        for a, b in zip(turns[::2], turns[1::2], strict=True):
            yield max(a - 1, first), min(b + 1, last)


def lone_gaps(y: FloatArray, pieces: list[tuple[int, int]]) -> IntArray:
    """Missing values that are pieces of their own."""
    return np.array([a for a, b in pieces if b - a == 1 and np.isnan(y[a])], dtype=int)


def lone_values(observed: BoolArray, pieces: list[tuple[int, int]]) -> IntArray:
    """Rows of observed values whose neighbours are missing."""
    found = []
    for first, last in pieces:
        near = np.concatenate([[False], observed[first:last], [False]])
        found.append(first + np.flatnonzero(near[1:-1] & ~near[:-2] & ~near[2:]))
    return np.concatenate(found)
