"""The clock of a table: its step, its season, and where in both other rows lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.clocks import ANCHOR, seconds_of
from tsinit._validate.fitted_step import warn_other_clock
from tsinit._validate.number_times import number_times
from tsinit.models.imputation.season_shape import chosen_harmonics, waves

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate import Panel
    from tsinit.models.imputation.problem import ImputationTable

#: Periods that the rows must pass through before "auto" accepts one.
MIN_PERIODS = 3
_HOUR = 3600.0
_DAY = 24 * _HOUR
_MONTH = 30.4 * _DAY
#: Of a step: by how much numbers that were rounded may lie beside one.
_ROUNDED = 0.2


class SeasonalClock(NamedTuple):
    """What a fit learns of the clock, for other rows too."""

    step: Any  # distance of two rows as a pandas offset, Timedelta, DateOffset or number; None without times
    periods: list[float]  # in steps
    harmonics: list[int]  # of each period
    origin: float  # step of the first row, counted from a fixed date or from 0; 0 without dates and numbers
    kept: BoolArray  # (k,), waves of the periods that vary

    def terms(self, panel: Panel, steps: IntArray) -> FloatArray:
        """Sine and cosine terms (T, F) of rows, those of the fit or others."""
        count = _count(panel, self.step)
        columns = waves(steps if count is None else count, self.periods, self.harmonics)
        return np.ascontiguousarray(np.reshape(columns, (len(self.kept), len(steps)))[self.kept].T)

    def steps(self, panel: Panel, table: ImputationTable) -> IntArray:
        """Steps (T,) of rows by the clock of the fit, from its first row on.

        Without dates their distance is unknown: they are counted from the first row of each sequence.
        """
        own, count = step_of(panel), _count(panel, self.step)
        same = own is None or self.step is None or own == self.step
        if count is None:  # durations, or nothing known
            return table.steps if same else table.steps * self._ratio(own)
        if not same and _are_steps(count, table.offsets, _ROUNDED if _is_number(own) else 1e-6):
            return np.rint(count - self.origin).astype(np.int64)
        if not same:
            warn_other_clock(own, self.step)
        sizes = np.diff(table.offsets)
        first = np.rint(count[table.offsets[:-1][sizes > 0]] - self.origin).astype(np.int64)
        return table.steps + np.repeat(first, sizes[sizes > 0])

    def _ratio(self, own: Any) -> int:
        """Steps of the fit in one step of rows with a clock of their own."""
        alike = _is_number(own) == _is_number(self.step)
        ratio = seconds_of(own) / seconds_of(self.step) if alike else 0.0
        if round(ratio) >= 1 and np.isclose(ratio, round(ratio), rtol=1e-9):
            return round(ratio)
        warn_other_clock(own, self.step)
        return 1


def _are_steps(count: FloatArray, offsets: IntArray, tolerance: float) -> bool:
    """Whether rows are whole steps apart, at least one within a sequence."""
    passed = count - count[0]
    onwards = np.diff(passed) > 0.5
    onwards[offsets[1:-1] - 1] = True
    return bool(onwards.all() and np.abs(passed - np.rint(passed)).max() < tolerance)


def learn(
    panel: Panel, table: ImputationTable, period: str | list[float], harmonics: int | str
) -> SeasonalClock:
    """Take the clock and the season from the rows of a fit.

    Parameters
    ----------
    panel : Panel
    table : ImputationTable
    period : "auto" or list of float
        In steps. "auto" is a day for steps of at most six hours, a week for (working) days, a year for months
        and quarters.
    harmonics : int or "auto"
        Of each period; "auto" is as many as other periods foretell.

    Returns
    -------
    SeasonalClock
    """
    step = step_of(panel)
    count = _count(panel, step)
    if isinstance(period, str):
        found = None if count is None else usual_period(step)
        period = [found] if found and np.ptp(table.steps) >= MIN_PERIODS * found else []
    passed = table.steps if count is None else count
    given = None if isinstance(harmonics, str) else [harmonics] * len(period)
    n = chosen_harmonics(table.y, passed, period) if given is None else given
    # Half the period of an even one has no sine.
    kept = np.array([np.ptp(wave) > 1e-6 for wave in waves(passed, period, n)], dtype=bool)
    return SeasonalClock(step, period, n, 0.0 if count is None else float(count[0]), kept)


def step_of(panel: Panel) -> Any:
    """Distance of two rows; None where the index has no times, or one row only."""
    import pandas as pd

    index = panel.last_index
    return index.freq if isinstance(index, pd.PeriodIndex) else panel.time_step


def _is_number(step: Any) -> bool:
    return isinstance(step, (int, float))


def _months(seconds: float) -> int:
    """Months in a step of so many seconds, 0 where it is shorter than one, or longer than a quarter."""
    return round(seconds / _MONTH) if 27 * _DAY < seconds < 95 * _DAY else 0


def _count(panel: Panel, step: Any) -> FloatArray | None:
    """Steps (T,) since a fixed date, of numbers since 0; None where the index has neither."""
    if _is_number(step):
        values = number_times(_indexes(panel))
        return None if values is None else values / step
    dates = None if step is None else _dates(panel)
    if dates is None:
        return None
    import pandas as pd

    seconds = seconds_of(step)
    if isinstance(step, pd.offsets.BusinessDay):
        return np.busday_count(ANCHOR, dates.to_numpy().astype("datetime64[D]")) / step.n
    if _months(seconds):
        return ((dates.year * 12 + dates.month - 1) / _months(seconds)).to_numpy()
    return ((dates - pd.Timestamp(ANCHOR)) / pd.Timedelta(seconds=seconds)).to_numpy()


def _indexes(panel: Panel) -> list[Any]:
    """Times of the tables as given, None where one has none."""
    indexes: list[Any] = [getattr(part, "index", None) for part in panel.parts]
    return [
        index.get_level_values(-1) if hasattr(index, "get_level_values") else None
        for index in indexes
    ]


def _dates(panel: Panel) -> pd.DatetimeIndex | None:
    import pandas as pd

    indexes: list[Any] = [
        index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
        for index in _indexes(panel)
    ]
    if not all(isinstance(index, pd.DatetimeIndex) for index in indexes):
        return None
    joined = indexes[0].append(indexes[1:])
    return joined.tz_localize(None) if joined.tz is not None else joined


def usual_period(step: Any) -> float | None:
    """Period that such steps usually have; of numbers nobody knows."""
    import pandas as pd

    if _is_number(step):
        return None
    seconds = seconds_of(step)
    if isinstance(step, pd.offsets.BusinessDay):
        return 5.0 / step.n
    if seconds <= 6 * _HOUR:
        return _DAY / seconds
    if seconds == _DAY:
        return 7.0
    return 12.0 / _months(seconds) if _months(seconds) else None
