"""Gaps that are too long to be filled: how many steps that is, and which cells lie in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.clocks import seconds_of
from tsinit._validate.imputing_columns import check_max_gap

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, IntArray

#: Share of a step by which a time may fall short of whole steps and still be one: rounding.
_ROUNDING = 1e-9


def steps_of(max_gap: Any, step: Any) -> int | None:
    """Turn the longest gap that is filled into steps of the clock.

    Parameters
    ----------
    max_gap : int, Timedelta, timedelta, str or None
    step : pandas offset, Timedelta, number or None
        Distance of two rows; None where they have no times.

    Returns
    -------
    int or None
        None where gaps are filled however long they are.

    Raises
    ------
    ValueError
        It is less than a step, or a time where rows have none.
    """
    timed = step is not None and not isinstance(step, (int, float))
    found = check_max_gap(max_gap, timed)
    if found is None or isinstance(found, int):
        return found
    n_steps = int(found.total_seconds() / seconds_of(step) + _ROUNDING)
    if n_steps < 1:
        raise ValueError(
            f"max_gap must be at least one step of the clock; got {max_gap!r} where rows are "
            f"{seconds_of(step):g} s apart."
        )
    return n_steps


def open_cells(
    missing: BoolArray, offsets: IntArray, steps: IntArray, max_gap: int | None
) -> BoolArray:
    """Find the missing cells of gaps that are longer than `max_gap` steps.

    A gap reaches from one observed value of its column to the next of the same sequence, or to its first or last row;
    skipped steps between count as missing.

    Parameters
    ----------
    missing : (T, D) bool
    offsets : (N + 1,) int
    steps : (T,) int
        Clock of each row, increasing within a sequence.
    max_gap : int or None

    Returns
    -------
    (T, D) bool
    """
    if max_gap is None or not missing.any():
        return np.zeros_like(missing)
    # Of the sequence of each row.
    starts, stops = (np.repeat(end, np.diff(offsets)) for end in (offsets[:-1], offsets[1:]))
    rows = np.arange(len(missing))
    out = np.zeros_like(missing)
    for j in np.flatnonzero(missing.any(axis=0)):
        seen = ~missing[:, j]
        before = np.maximum.accumulate(np.where(seen, rows, -1))
        after = np.minimum.accumulate(np.where(seen, rows, len(rows))[::-1])[::-1]
        begin = np.where(before >= starts, steps[before], steps[starts] - 1)
        end = np.where(after < stops, steps[np.minimum(after, len(rows) - 1)], steps[stops - 1] + 1)
        out[:, j] = missing[:, j] & (end - begin - 1 > max_gap)
    return out
