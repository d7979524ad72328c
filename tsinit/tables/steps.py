"""Steps of a clock that have no row: counted, said, and inserted on request."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit._validate.clocks import as_times
from tsinit._validate.clocks import find_clock as find_step
from tsinit._validate.times import MAX_SKIPPED, times_after

_UNITS = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


class Steps(NamedTuple):
    """The steps of all sequences of a table."""

    counts: (
        list[np.ndarray] | None
    )  # (rows,) of each sequence, from its first; None where they are irregular
    distance: Any  # of two steps; None where there is none

    @property
    def n_steps(self) -> int:
        """Steps from the first row of each sequence to its last."""
        return sum(int(count[-1]) + 1 for count in self.counts or [])

    @property
    def n_absent(self) -> int:
        """Steps without a row."""
        return self.n_steps - sum(map(len, self.counts or []))

    @property
    def words(self) -> str:
        """What a step is: hours, steps of 10 minutes."""
        return step_words(self.distance)

    def note(self) -> str | None:
        """Sentence about rows that are not there."""
        if self.counts is None:
            return (
                "The times are not multiples of one step: rows are taken as equally spaced. Resample "
                "them if that is not "
                "meant."
            )
        if not self.n_absent:
            return None
        return (
            f"{self.n_absent} of {self.n_steps} {self.words} {'have' if self.n_absent > 1 else 'has'} "
            f"no row: fits pass over them as missing; --regular "
            "inserts them."
        )


def count(index: pd.Index) -> Steps:
    """Count the steps of the sequences of a table, which is sorted."""
    indexes = [as_times(part) for part in _sequences(index)]
    if all(isinstance(part, pd.RangeIndex) for part in indexes):
        return Steps([np.arange(len(part)) for part in indexes], None)
    clock = find_step(indexes)
    if clock is None:
        return Steps(None, None)
    counts = clock.steps or [np.arange(len(part)) for part in indexes]
    return Steps(counts, clock.distance)


def make_regular(frame: pd.DataFrame, steps: Steps) -> tuple[pd.DataFrame, np.ndarray]:
    """Insert rows for the steps that have none.

    Returns
    -------
    frame : DataFrame
    rows : (n,) int64
        Row of the table given of each row; -1 for those inserted.

    Raises
    ------
    ValueError
        The times have no step, or far more rows would be inserted than there are.
    """
    if steps.counts is None:
        raise ValueError(
            "--regular must go with times that are multiples of one step; got others. Resample them first."
        )
    if steps.n_absent > MAX_SKIPPED * len(frame) + 10_000:
        raise ValueError(
            f"--regular must insert at most {MAX_SKIPPED} times the rows; got {steps.n_absent} "
            f"{steps.words} without a row."
        )
    if not steps.n_absent:
        return frame, np.arange(len(frame))
    parts, rows, begin = [], [], 0
    for part, counted in zip(_sequences(frame.index), steps.counts, strict=True):
        full = (
            part[:1].append(times_after(part[:1], steps.distance, int(counted[-1])))
            if counted[-1]
            else part
        )
        own = np.full(len(full), -1)
        own[counted] = begin + np.arange(len(part))
        values = full.to_series(index=pd.RangeIndex(len(full)))
        values.iloc[counted] = part  # a time that was rounded stays as it is
        parts.append(pd.Index(values, name=part.name))
        rows.append(own)
        begin += len(part)
    taken = np.concatenate(rows)
    if frame.index.nlevels == 2:
        labels = frame.index.get_level_values(0)[[own[0] for own in rows]]
        index: pd.Index = pd.MultiIndex.from_arrays(
            [np.repeat(labels, [len(own) for own in rows]), parts[0].append(parts[1:])],
            names=frame.index.names,
        )
    else:
        index = parts[0]
    cells = np.where(taken[:, None] < 0, np.nan, frame.to_numpy()[taken])
    return pd.DataFrame(cells, index=index, columns=frame.columns), taken


def step_words(distance: Any) -> str:
    """Say what a step is, in the plural."""
    if isinstance(distance, (int, float)):
        return "steps" if distance == 1 else f"steps of {distance:g}"
    if isinstance(distance, pd.DateOffset) and getattr(distance, "kwds", None):
        unit, n = next(iter(distance.kwds.items()))
        return str(unit) if n == 1 else f"steps of {n} {unit}"
    if isinstance(distance, (pd.Timedelta, pd.tseries.offsets.Tick)):
        seconds = pd.Timedelta(distance).total_seconds()
        for unit, size in _UNITS:
            if seconds % size == 0:
                n = int(seconds // size)
                return unit if n == 1 else f"steps of {n} {unit}"
        return f"steps of {seconds:g} seconds"
    names = {
        "BusinessDay": "working days",
        "MonthEnd": "months",
        "BusinessMonthEnd": "months",
        "BusinessMonthBegin": "months",
    }
    n = getattr(distance, "n", 1)
    word = names.get(type(distance).__name__, "steps")
    return word if n == 1 else f"steps of {n} {word}"


def _sequences(index: pd.Index) -> list[pd.Index]:
    if index.nlevels == 1:
        return [index]
    labels = index.get_level_values(0)
    times = index.get_level_values(1)
    ends = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    pieces = zip([0, *ends], [*ends, len(index)], strict=True)
    return [times[a:b] for a, b in pieces]
