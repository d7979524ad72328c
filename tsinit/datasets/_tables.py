"""Air quality: two tables with real gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsinit.datasets._fetch import find

if TYPE_CHECKING:
    from pathlib import Path

    from tsinit._typing import StrPath

# Name in the file -> name here, unit.
_UCI_COLUMNS = {
    "CO(GT)": ("CO", "mg/m3"),
    "PT08.S1(CO)": ("S1_CO", "sensor response"),
    "NMHC(GT)": ("NMHC", "ug/m3"),
    "C6H6(GT)": ("C6H6", "ug/m3"),
    "PT08.S2(NMHC)": ("S2_NMHC", "sensor response"),
    "NOx(GT)": ("NOx", "ppb"),
    "PT08.S3(NOx)": ("S3_NOx", "sensor response"),
    "NO2(GT)": ("NO2", "ug/m3"),
    "PT08.S4(NO2)": ("S4_NO2", "sensor response"),
    "PT08.S5(O3)": ("S5_O3", "sensor response"),
    "T": ("T", "degC"),
    "RH": ("RH", "%"),
    "AH": ("AH", "kPa"),  # see load_air_quality
}
_NEW_YORK_UNITS = {"Ozone": "ppb", "Solar.R": "langley", "Wind": "mile/h", "Temp": "degF"}
_MISSING = -200  # how the file writes a missing value


def load_air_quality(path: StrPath | None = None) -> pd.DataFrame:
    """Load the hourly air quality of an Italian city, March 2004 to April 2005 (fetched once, then kept).

    Reference analysers (CO, NMHC, C6H6, NOx, NO2), five metal-oxide gas sensors (S1 to S5) and the weather,
    measured beside a busy road. NMHC stopped after some weeks: 90 % of it is missing. The data are offered
    for research; `list_datasets` shows their terms.

    Parameters
    ----------
    path : path-like, optional
        A copy of your own of ``AirQualityUCI.csv``, or a folder that holds it.

    Returns
    -------
    pandas.DataFrame, (9357, 13) float
        Missing values are NaN; the index is hourly local time without steps left out. Columns and units:
        ``CO`` mg/m3, ``NMHC``, ``C6H6`` and ``NO2`` ug/m3, ``NOx`` ppb, ``S1_CO``, ``S2_NMHC``, ``S3_NOx``,
        ``S4_NO2``, ``S5_O3`` sensor responses (named after the gas each is meant for), ``T`` degC, ``RH`` %,
        ``AH`` absolute humidity. ``attrs["units"]`` holds the same. The authors give no unit for ``AH``; its
        values are the vapour pressure in kPa that follows from ``T`` and ``RH`` (Magnus formula) to 2.5 %.

    Raises
    ------
    FileNotFoundError
        If the file is nowhere and cannot be downloaded; the message says how to get it by hand.
    ValueError
        If the file is another table.

    References
    ----------
    De Vito, S. et al. (2008). On field calibration of an electronic nose for benzene estimation in an urban
    pollution monitoring scenario. Sensors and Actuators B 129, 750-757.
    """
    path = find("air_quality", path)
    table = pd.read_csv(path, sep=";", decimal=",", dtype={"Date": str, "Time": str})
    _check_columns(table, ["Date", "Time", *_UCI_COLUMNS], path)
    table = table.dropna(subset=["Date"])  # the file ends in rows of separators
    times = pd.to_datetime(table["Date"] + " " + table["Time"], format="%d/%m/%Y %H.%M.%S")
    values = table[list(_UCI_COLUMNS)].astype(float)
    values = values.mask(values == _MISSING)
    values.columns = pd.Index([name for name, _ in _UCI_COLUMNS.values()])
    values.index = pd.DatetimeIndex(times, name="time")
    return _regular(values, "h", dict(_UCI_COLUMNS.values()), path)


def load_new_york_air_quality(path: StrPath | None = None) -> pd.DataFrame:
    """Load the daily air quality of New York, May to September 1973 (ships with the package).

    Parameters
    ----------
    path : path-like, optional
        A copy of your own in the layout of ``data/new_york/airquality.csv``, or a folder that holds it.

    Returns
    -------
    pandas.DataFrame, (153, 4) float
        One row a day; missing values (37 of ``Ozone``, 7 of ``Solar.R``) are NaN. Columns and units:
        ``Ozone`` ppb, mean of 13:00 to 15:00; ``Solar.R`` langley, 08:00 to 12:00; ``Wind`` miles per hour,
        morning mean; ``Temp`` degrees Fahrenheit, daily maximum. ``attrs["units"]`` holds the units.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If the file is another table.

    References
    ----------
    Chambers, J. M., Cleveland, W. S., Kleiner, B., Tukey, P. A. (1983). Graphical Methods for Data Analysis.
    """
    path = find("new_york_air_quality", path)
    table = pd.read_csv(path)
    _check_columns(table, ["date", *_NEW_YORK_UNITS], path)
    values = table[list(_NEW_YORK_UNITS)].astype(float)
    values.index = pd.DatetimeIndex(pd.to_datetime(table["date"]), name="date")
    return _regular(values, "D", _NEW_YORK_UNITS, path)


def _check_columns(table: pd.DataFrame, needed: list[str], path: Path) -> None:
    absent = [column for column in needed if column not in table.columns]
    if absent:
        raise ValueError(
            f"{path} must have the columns {needed}; got {list(table.columns)}. "
            "Is it another table?"
        )


def _regular(values: pd.DataFrame, freq: str, units: dict[str, str], path: Path) -> pd.DataFrame:
    if values.empty:
        raise ValueError(f"{path} must have at least one dated row; got none.")
    if values.index.has_duplicates:
        twice = values.index[values.index.duplicated()][0]
        raise ValueError(f"{path} must have one row per time; got {twice} twice.")
    # A step that the file leaves out is a row of missing values: a row is then always one step of time.
    values = values.sort_index().asfreq(freq)
    values.attrs["units"] = dict(units)
    return values
