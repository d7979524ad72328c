"""The season of a table: its period by the clock, and sine and cosine terms."""

from typing import Any

import numpy as np

#: Harmonics of each period.
_HARMONICS = 2
#: Periods that the rows must pass through before "auto" believes in them.
_FEWEST_PERIODS = 3
_HOUR = 3600.0
_DAY = 24 * _HOUR


def terms(panel, steps, period):
    """Sine and cosine terms of every given row.

    Parameters
    ----------
    panel : Panel
    steps : (T,) int64
        Clock steps of the rows within their sequences.
    period : "auto" or list of float
        In steps. "auto" is a day for steps of at most six hours, a week for days, a year for months and quarters.

    Returns
    -------
    covariates : (T, F) float
    periods : list of float
    """
    count, seconds = _clock(panel)
    if isinstance(period, str):
        found = _usual(seconds)
        period = [found] if found and np.ptp(steps) >= _FEWEST_PERIODS * found else []
    if count is None:
        count = steps
    columns = [
        wave(2.0 * np.pi * k * count / p) for p in period for k in range(1, _HARMONICS + 1) for wave in (np.sin, np.cos)
    ]
    # Half the period of an even one has no sine.
    columns = [column for column in columns if np.ptp(column) > 1e-6]
    return np.column_stack(columns) if columns else np.zeros((len(steps), 0)), period


def _clock(panel):
    """Steps since a fixed date, and seconds of a step; None where the index has no dates."""
    dates = _dates(panel)
    if dates is None or panel.time_step is None:
        return None, None
    import pandas as pd

    anchor = pd.Timestamp("2001-01-01")
    seconds = (anchor + panel.time_step - anchor).total_seconds()
    if 27 * _DAY < seconds < 95 * _DAY:
        months = 1 if seconds < 60 * _DAY else 3
        return (dates.year * 12 + dates.month - 1).to_numpy() / months, seconds
    return ((dates - anchor) / pd.Timedelta(seconds=seconds)).to_numpy(), seconds


def _dates(panel):
    import pandas as pd

    indexes: list[Any] = [getattr(part, "index", None) for part in panel.parts]
    indexes = [index.get_level_values(-1) if hasattr(index, "get_level_values") else None for index in indexes]
    indexes = [index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index for index in indexes]
    if not all(isinstance(index, pd.DatetimeIndex) for index in indexes):
        return None
    joined = indexes[0].append(indexes[1:])
    return joined.tz_localize(None) if joined.tz is not None else joined


def _usual(seconds):
    """Period that steps of so many seconds usually have."""
    if seconds is None:
        return None
    if seconds <= 6 * _HOUR:
        return _DAY / seconds
    if seconds == _DAY:
        return 7.0
    return {True: 12.0, False: 4.0}[seconds < 60 * _DAY] if 27 * _DAY < seconds < 95 * _DAY else None
