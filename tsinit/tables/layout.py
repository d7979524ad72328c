"""How rows make series: panels told apart by a column, and long tables with a row for each value."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tsinit.tables.times import FileClock, clock_went_back, find_clock, holds_dates

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.tables.raw import Raw

_VARIABLE = re.compile(
    r"(variable|parameter|param|name|quantity|sensor|element|pollutant|species|item|series|metric|measure|type|key|"
    r"indicator|field|signal|channel|tag|what)(_?(name|code|id))?",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"(value|val|wert|valeur|valor|valore|amount|reading|measurement|result|obs(ervation)?)s?([ _].*)?",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r".*(id|group|gruppe|subject|patient|site|station|unit|series|sequence|who|person|case|device|sensor|location|plot|"
    r"country|region|city|ward|animal|trial|run|batch|entity|panel)s?",
    re.IGNORECASE,
)


class Long(NamedTuple):
    """Columns of a table with a row for each value."""

    variable: str
    value: str


def group_codes(raw: Raw, groups: str | None) -> tuple[pd.Series | None, IntArray]:
    """Labels of the sequences of all rows, and their numbers.

    Raises
    ------
    ValueError
        A row has none.
    """
    if groups is None:
        return None, np.zeros(len(raw.frame), dtype=np.int64)
    labels = raw.frame[groups]
    if labels.isna().any():
        row = int(labels.isna().argmax())
        raise ValueError(
            f"column {groups!r} must name a sequence in every row; got none in {raw.place(row)}."
        )
    return labels, labels.factorize()[0].astype(np.int64)


def find_long(
    raw: Raw, clock: list[str], groups: str | None, given: bool | tuple[str, str]
) -> Long:
    """Name the columns of a long table.

    Parameters
    ----------
    raw : Raw
    clock : list of str
        Columns that are known to have times.
    groups : str or None
    given : bool or (str, str)

    Raises
    ------
    ValueError
        Which they are cannot be told.
    """
    if isinstance(given, tuple):
        return Long(*given)
    rest = [name for name in raw.names if name not in (*clock, groups)]
    words = [name for name in rest if not pd.api.types.is_numeric_dtype(raw.frame[name])]
    numbers = [name for name in rest if pd.api.types.is_numeric_dtype(raw.frame[name])] or [
        n for n in words if _VALUE.fullmatch(n)
    ]
    words = [name for name in words if name not in numbers and not holds_dates(raw.frame[name])]
    variables = [name for name in words if _VARIABLE.fullmatch(name)] or words
    values = [name for name in numbers if _VALUE.fullmatch(name)] or numbers
    if len(variables) != 1 or len(values) != 1:
        raise ValueError(
            "--long must go with a table that has one column of names of variables and one of values; got "
            f"{', '.join(map(repr, variables)) or 'none'} and {', '.join(map(repr, values)) or 'none'}. In Python, "
            "long=(variable, value) names them."
        )
    return Long(variables[0], values[0])


def refuse_repeated(raw: Raw, clock: FileClock, codes: IntArray, groups: str | None) -> None:
    """Say why times repeat: a clock that went back, series below each other, a long table; or that they do.

    Raises
    ------
    ValueError
    """
    keys = pd.DataFrame({"sequence": codes, "time": clock.times})
    again = keys.duplicated()
    if not again.any():
        return
    row = int(again.argmax())
    first = int((keys == keys.iloc[row]).all(axis=1).argmax())
    name, time = " ".join(clock.columns), clock.times[row]
    label = f" in sequence {raw.frame[groups].iloc[row]!s}" if groups else ""
    lines = f"{raw.place(first)} and {raw.place(row)}"
    got = f"column {name!r} must not repeat a time; got {time} twice{label}, in {lines}."
    if raw.frame.iloc[first].equals(raw.frame.iloc[row]):
        raise ValueError(f"{got} Both lines are the same: delete one.")
    if clock_went_back(clock.times, row):
        raise ValueError(
            f"{got} The clock went back on {time:%Y-%m-%d}: give the times with offsets, or say where it stood, with "
            "--tz Europe/Berlin or another zone."
        )
    if (long := looks_long(raw, clock, codes)) is not None:
        raise ValueError(
            f"{got} The table seems to be a long one, with a row for each value: --long makes a column of each name in "
            f"{long.variable!r}."
        )
    if (group := group_column(raw, clock, codes, groups)) is not None:
        raise ValueError(
            f"{got} The file seems to hold {raw.frame[group].nunique()} series, told apart by "
            f"{group!r}: use --groups {shlex.quote(group)}."
        )
    hint = (
        ""
        if groups
        else " If the file holds several series, name the column that separates them: --groups."
    )
    raise ValueError(f"{got}{hint}")


def looks_long(raw: Raw, clock: FileClock, codes: IntArray) -> Long | None:
    """The columns of a long table, where names and structure are those of one."""
    frame = raw.frame
    rest = [name for name in raw.names if name not in clock.columns]
    variables = [
        n for n in rest if _VARIABLE.fullmatch(n) and not pd.api.types.is_numeric_dtype(frame[n])
    ]
    values = [n for n in rest if _VALUE.fullmatch(n)]
    if len(variables) != 1 or len(values) != 1:
        return None
    others = [n for n in rest if n not in (variables[0], values[0])]
    keys = pd.DataFrame(
        {"sequence": codes, "time": clock.times, "variable": frame[variables[0]].to_numpy()}
    )
    for name in others:
        keys[f"other {name}"] = frame[name].to_numpy()
    return None if keys.duplicated().any() else Long(variables[0], values[0])


def group_column(
    raw: Raw, clock: FileClock, codes: IntArray, groups: str | None = None
) -> str | None:
    """A column within whose values no time repeats."""
    for name in group_candidates(raw, [*clock.columns, *([groups] if groups else [])]):
        keys = pd.DataFrame({"g": raw.frame[name].to_numpy(), "s": codes, "t": clock.times})
        if not keys.duplicated().any():
            return name
    return None


def group_candidates(raw: Raw, others: list[str]) -> list[str]:
    """Columns that may name series: a few words, or whole numbers, each for at least three rows."""
    frame = raw.frame
    found: list[str] = []
    for name in raw.names:
        column = frame[name]
        number = pd.api.types.is_numeric_dtype(column)
        if (
            name in others
            or column.isna().any()
            or (number and not pd.api.types.is_integer_dtype(column))
        ):
            continue
        n = column.nunique()
        if 2 <= n <= len(column) / 3 and (
            not number or _GROUP.fullmatch(name) or _in_blocks(column)
        ):
            found.append(name)
    return sorted(found, key=lambda name: _GROUP.fullmatch(name) is None)


def _in_blocks(column: pd.Series) -> bool:
    """Whether each value comes in one block of rows."""
    changes = int((column != column.shift()).sum())
    return changes == column.nunique()


def suggest_groups(raw: Raw, wanted: list[str]) -> None:
    """Point at the column of a panel whose clock shows within its series only.

    Raises
    ------
    ValueError
    """
    for name in group_candidates(raw, wanted):
        codes = raw.frame[name].factorize()[0].astype(np.int64)
        clock = find_clock(raw, codes, [name, *wanted])
        if (
            clock is not None
            and not pd.DataFrame({"s": codes, "t": clock.times}).duplicated().any()
        ):
            raise ValueError(
                f"column {' '.join(clock.columns)!r} must not repeat a time; got {clock.times[0]} and "
                f"others several times. "
                f"The file seems to hold {raw.frame[name].nunique()} series, told apart by {name!r}: "
                f"use --groups {shlex.quote(name)}."
            )


def widen(
    raw: Raw, clock: FileClock, codes: IntArray, long: Long, values: FloatArray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a column of each variable of a long table.

    Returns
    -------
    wide : DataFrame
        Values by (sequence, time), sorted.
    rows : DataFrame of the same shape
        Row of the file of each cell; -1 where it has none.

    Raises
    ------
    ValueError
        A value comes twice.
    """
    names = raw.frame[long.variable]
    if names.isna().any():
        row = int(names.isna().argmax())
        raise ValueError(
            f"column {long.variable!r} must name a variable in every row; got none in {raw.place(row)}."
        )
    keys = pd.DataFrame(
        {
            "sequence": codes,
            "time": clock.times,
            "variable": names.to_numpy(),
            "row": np.arange(len(names)),
        }
    )
    again = keys.duplicated(["sequence", "time", "variable"])
    if again.any():
        row = int(again.argmax())
        group = group_column(raw, clock, keys["variable"].factorize()[0].astype(np.int64))
        hint = f" Use --groups {shlex.quote(group)}." if group else ""
        raise ValueError(
            f"column {long.value!r} must hold one value of {names.iloc[row]!r} for each time; got two for "
            f"{clock.times[row]}, the second in {raw.place(row)}.{hint}"
        )
    rows = keys.pivot(index=["sequence", "time"], columns="variable", values="row")
    rows = rows[list(dict.fromkeys(names))].fillna(-1).astype(np.int64)
    wide = pd.DataFrame(
        np.where(rows.to_numpy() < 0, np.nan, values[rows.to_numpy()]),
        index=rows.index,
        columns=rows.columns,
    )
    return wide, rows
