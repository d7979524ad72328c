"""One sentence about a table: its rows, its times, its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsinit.tables.steps import step_words

if TYPE_CHECKING:
    from tsinit.tables.read import Understood

_NAMED = 12  # columns that are listed


def describe(found: Understood) -> str:
    """Say how many rows there are, from when to when, and which columns."""
    frame = found.frame
    times = frame.index.get_level_values(-1)
    if found.clock is None:
        span = "no times: rows are taken as equally spaced"
    else:
        span = f"{short(times.min())} to {short(times.max())}, column {' '.join(found.clock.columns)!r}"
    if found.groups:
        span += f", {frame.index.get_level_values(0).nunique()} sequences by {found.groups!r}"
    distance = found.steps.distance
    by = f", in {step_words(distance)}" if distance is not None and distance != 1 else ""
    names = [str(name) for name in frame]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    columns = f"{count(len(names), 'column')}: {', '.join(names[:_NAMED])}{more}"
    share = 100 * frame.isna().to_numpy().mean()
    return f"{count(len(frame), 'row')} ({span}){by}; {columns}; {share:.1f} % missing."


def short(time: Any) -> str:
    """A time without a midnight that nobody wrote."""
    return str(time).removesuffix(" 00:00:00")


def count(n: int, thing: str) -> str:
    """A number of things."""
    return f"{n} {thing}" + ("" if n == 1 else "s")
