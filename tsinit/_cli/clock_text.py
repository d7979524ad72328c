"""Times in the words of a file, for the rows that it lacks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit.tables.clocks import WRITERS, part_of

if TYPE_CHECKING:
    from tsinit._typing import IntArray
    from tsinit.tables.read import Understood

_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
         "%d/%m/%y", "%m/%d/%y", "%Y%m%d", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%b %Y", "%d %B %Y", "%B %d, %Y",
         "%Y-%m", "%m/%Y")  # fmt: skip
_HOURS = ("%H:%M:%S", "%H:%M", "%H.%M.%S", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%H", "%H%M")
_ZONES = ("", "Z", "%:z", "%z")
_CHECKED = 200  # rows whose times must come out as they stand in the file

_Writer = Callable[[pd.Index], list[str]]


def clock_texts(found: Understood, absent: IntArray) -> list[dict[int, str]]:
    """Texts of the clock, and of the sequence, for rows of the frame that the file lacks.

    Parameters
    ----------
    found : Understood
    absent : (n,) int64
        Rows of the frame.

    Returns
    -------
    list of dict of field to str

    Raises
    ------
    ValueError
        How the file writes its times is not known.
    """
    raw, index = found.raw, found.frame.index
    times = index.get_level_values(-1)
    fields: dict[int, list[str]] = {}
    if found.clock is not None:
        present = np.flatnonzero((found.rows >= 0).all(axis=1))
        present = present[:: max(1, len(present) // _CHECKED)]
        dialect = raw.dialect
        assert dialect is not None  # only texts are written line by line
        lines = [
            dialect.lines.fields(int(dialect.rows[i]), dialect.separator)
            for i in found.rows[present, 0]
        ]
        for name in found.clock.columns:
            own = [line[raw.fields[name]] for line in lines]
            writer = _writer(name, times[present], own, bool(found.clock.words))
            if writer is None:
                raise ValueError(
                    f"--regular must go with times that can be written like {own[0]!r} in {name!r}; "
                    f"how that is done is not "
                    "known. Leave out --regular, or write the times as 2024-01-31 13:00."
                )
            fields[raw.fields[name]] = writer(times[absent])
    if found.groups is not None:
        fields[raw.fields[found.groups]] = [
            str(label) for label in index.get_level_values(0)[absent]
        ]
    return [{field: texts[k] for field, texts in fields.items()} for k in range(len(absent))]


def _writer(name: str, times: pd.Index, texts: list[str], numbers: bool) -> _Writer | None:
    """The way of writing that gives the texts of all times."""
    for write in _candidates(name, times, texts, numbers):
        try:
            if write(times) == texts:
                return write
        except (ValueError, AttributeError):
            continue
    return None


def _candidates(name: str, times: pd.Index, texts: list[str], numbers: bool) -> list[_Writer]:
    if not isinstance(times, pd.DatetimeIndex):
        return [lambda index: [f"{value:g}" if value < 1e6 else str(int(value)) for value in index]]
    found: list[_Writer] = list(WRITERS.values()) if numbers else []
    # A date of text or of 20240131 may stand beside a column of hours.
    forms = [
        *_DAYS,
        *_HOURS,
        *(f"{day}{gap}{hour}" for day, gap, hour in itertools.product(_DAYS, (" ", "T"), _HOURS)),
    ]
    plausible = [form for form in forms if _alike(form, texts[0])]
    for form in plausible:
        for zone in _ZONES if times.tz is not None else ("", "Z"):
            for strip in (False, True):
                found.append(_strftime(form, zone, strip))
    part = part_of(name)
    if part == "doy":
        found.append(lambda index: [str(time.day_of_year) for time in index])
    elif part is not None:
        found.append(lambda index: [str(getattr(time, part)) for time in index])
    found.append(lambda index: [str(time.hour) for time in index])
    # Hours of 1 to 24, the last of which belongs to the day that ends.
    found.append(lambda index: [str((time.hour - 1) % 24 + 1) for time in index])
    hour = pd.Timedelta(hours=1)
    found += [partial(_shifted, form=form, by=hour) for form in plausible if form in _DAYS]
    decimals = max(len(text.partition(".")[2]) for text in texts)
    found += [partial(_serial, decimals=decimals, fewest=fewest) for fewest in (decimals, 1, 0)]
    found += [partial(_epoch, unit=unit) for unit in (10**9, 10**6, 10**3, 1)]
    return found


def _shifted(index: Any, form: str, by: pd.Timedelta) -> list[str]:
    return list((index - by).strftime(form))


def _serial(index: Any, decimals: int, fewest: int) -> list[str]:
    """Days of a spreadsheet; zeros at the end are left out down to the fewest decimals."""
    days = (index - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)
    split = [f"{day:.{decimals}f}".partition(".") for day in days]
    parts = [(whole, part.rstrip("0").ljust(fewest, "0")) for whole, _, part in split]
    return [f"{whole}.{part}" if part else whole for whole, part in parts]


def _epoch(index: Any, unit: int) -> list[str]:
    """Times as counts of so many nanoseconds since 1970."""
    return [str(value // unit) for value in index.as_unit("ns").asi8]


def _alike(form: str, text: str) -> bool:
    """Whether the signs between the digits of a form are those of a text."""
    signs = [sign for sign in form if sign in "./:,"]
    return all(text.count(sign) >= form.count(sign) for sign in signs)


def _strftime(form: str, zone: str, strip: bool) -> _Writer:
    def write(index: pd.Index) -> list[str]:
        texts = []
        for time in index:
            text = time.strftime(form)
            if strip:  # 1/3/2024 for 01/03/2024
                text = "/".join(part.lstrip("0") or "0" for part in text.split("/"))
            offset = time.strftime("%z")
            ends = {"": "", "Z": "Z", "%z": offset, "%:z": f"{offset[:3]}:{offset[3:]}"}
            texts.append(text + ends[zone])
        return texts

    return write
