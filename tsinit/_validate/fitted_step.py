"""Rows that come after a fit are counted by its step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.clocks import ANCHOR, Clock, FittedStep, is_period, seconds_of
from tsinit._validate.number_times import count_by_number, is_number
from tsinit._validate.values import warn

if TYPE_CHECKING:
    from tsinit._typing import IntArray

_SAME = 0.01  # of a step: by how much the step of rounded numbers may be off


def by_fitted_step(indexes: list[Any], own: Clock | None, fitted: FittedStep) -> Clock | None:
    """Count by the step of a fit where times are multiples of it; else by their own, of which it warns."""
    import pandas as pd

    step = fitted.distance
    numbers, periods = (all(map(kind, indexes)) for kind in (is_number, is_period))
    if step is None or (own is not None and own.distance is None):
        return own
    if numbers != isinstance(step, (int, float)):
        return own  # dates after numbers, or numbers after dates
    if numbers and fitted.n_rows is not None and max(i[-1] for i in indexes) >= fitted.n_rows:
        return own  # numbers of rows say nothing of other numbers, of years or seconds
    if isinstance(indexes[0], pd.TimedeltaIndex):
        step = _length(step)
        if step is None:
            return own  # months and working days have no length
    same = own is not None and own.distance == step
    if periods:
        same = all(index.freq == step for index in indexes)
    if same:
        return own
    if numbers:
        counted = _count_by_number(indexes, own, step)
    elif periods:
        counted = _count_by_frequency(indexes, step)
    else:
        counted = _count_by_offset(indexes, step)
        if counted is None and own is not None:
            counted = _count_by_months(indexes, step)
    if counted is not None:
        return Clock(counted, _periods_of_a_step(indexes[-1], counted[-1]) if periods else step)
    if own is not None:
        warn_other_clock(indexes[0].freq if periods else own.distance, step)
    return own


def warn_other_clock(own: Any, fitted: Any) -> None:
    """Warn that rows are another step apart than those of the fit."""
    warn(
        f"The steps of X, {_words(own)}, are not multiples of those of fit, {_words(fitted)}: rows are taken as "
        "consecutive steps. Resample them if that is not meant."
    )


def _count_by_number(indexes: list[Any], own: Clock | None, step: float) -> list[IntArray] | None:
    """Count numbers by a step; both may be known to a few digits only, so that far steps are counted by near ones."""
    if own is not None and own.steps is not None:
        times = round(own.distance / step)
        if times >= 1 and abs(own.distance / step - times) <= _SAME:
            return [steps * times for steps in own.steps]
    return count_by_number(indexes, step)


def _count_by_frequency(indexes: list[Any], frequency: Any) -> list[IntArray] | None:
    """Count periods by others, which begin with them, or by the step between dates, at which they begin or end."""
    try:
        starts = [index.asfreq(frequency, how="start") for index in indexes]
    except ValueError:
        for end in ("start", "end"):
            dates = [index.to_timestamp(how=end).normalize() for index in indexes]
            counted = _count_by_offset(dates, frequency)
            if counted is not None:
                return counted
        return None
    counts = [start.asi8 - start.asi8[0] for start in starts]
    return _whole([count / starts[0].freq.n for count in counts])


def _count_by_offset(indexes: list[Any], step: Any) -> list[IntArray] | None:
    """Count dates or durations by the step between other ones; None where they are no multiples of it."""
    import pandas as pd

    if isinstance(step, (pd.Timedelta, pd.tseries.offsets.Tick)):
        return _whole([((index - index[0]) / pd.Timedelta(step)).to_numpy() for index in indexes])
    local = [index.tz_localize(None) for index in indexes]
    grids = [pd.date_range(index[0], index[-1], freq=step) for index in local]
    found = [grid.get_indexer(index) for grid, index in zip(grids, local, strict=True)]
    return None if any((count < 0).any() for count in found) else found


def _count_by_months(indexes: list[Any], step: Any) -> list[IntArray] | None:
    """Count the months, quarters or years that dates lie in, where those of the fit began or ended otherwise."""
    import pandas as pd

    first = pd.Timestamp(ANCHOR) + step
    months = _month(first + step) - _month(first)
    if months <= 0 or _length(step) is not None:
        return None
    counts = [_month(index) - _month(index[0]) for index in indexes]
    if any((np.diff(count) <= 0).any() for count in counts):
        return None
    return _whole([np.asarray(count) / months for count in counts])


def _month(time: Any) -> Any:
    return time.year * 12 + time.month


def _periods_of_a_step(index: Any, counted: IntArray) -> int:
    """How many periods the last two rows are apart for each step between them."""
    if len(index) < 2:
        return 1
    passed = int(index.asi8[-1] - index.asi8[-2]) / index.freq.n
    return round(passed / int(counted[-1] - counted[-2]))


def _length(step: Any) -> Any:
    """A step as a duration; None where it has no fixed one."""
    import pandas as pd

    if isinstance(step, (pd.Timedelta, pd.tseries.offsets.Tick)):
        return pd.Timedelta(step)
    if isinstance(step, pd.tseries.offsets.Day):
        return pd.Timedelta(days=step.n)
    if isinstance(step, pd.tseries.offsets.Week):
        return pd.Timedelta(weeks=step.n)
    return pd.Timedelta(days=step.days) if hasattr(step, "days") else None


def _whole(counts: list[Any]) -> list[IntArray] | None:
    """Return counts that are whole as such; None where they are not."""
    whole = [np.rint(count) for count in counts]
    if not all(
        np.allclose(near, count, rtol=1e-12, atol=1e-9)
        for near, count in zip(whole, counts, strict=True)
    ):
        return None
    return [near.astype(np.int64) for near in whole]


def _words(distance: Any) -> str:
    import pandas as pd

    if isinstance(distance, (int, float)):
        return f"{distance:g}"
    return str(pd.Timedelta(seconds=seconds_of(distance)))
