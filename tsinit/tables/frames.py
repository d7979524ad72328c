"""The frame of numbers over time, and where in the file each of its cells stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tsinit.tables import columns as kinds
from tsinit.tables import layout
from tsinit.tables.clocks import hinted
from tsinit.tables.missing import in_list

if TYPE_CHECKING:
    from tsinit._typing import IntArray
    from tsinit.tables.missing import MissingOption
    from tsinit.tables.raw import Raw
    from tsinit.tables.times import FileClock

_NAMED = 6  # columns that a note lists


class Options(NamedTuple):
    """What a user says about a file; what is None is found."""

    time: Sequence[str] | None = None  # ["none"]: no column has times
    groups: str | None = None
    columns: Sequence[str] | None = None
    exclude: Sequence[str] | None = None
    missing: MissingOption = None
    decimal: str | None = None
    encoding: str | None = None
    regular: bool = False
    long: bool | tuple[str, str] = False
    tz: str | None = None


class Parts(NamedTuple):
    """What a frame is made of."""

    raw: Raw
    order: pd.DataFrame  # sequence and time of every row of the file
    others: list[kinds.Column]  # beside the clock and the sequences
    clock: FileClock | None
    options: Options
    keep_gaps: bool  # of columns of one value
    notes: list[str]  # what is decided is added


class Frame(NamedTuple):
    """Numbers over time."""

    frame: pd.DataFrame  # (T, D) of floats, sorted by sequence and time
    rows: IntArray  # (T, D) row of the file of each cell; -1 where it has none
    columns: list[kinds.Column]  # of the frame; in a long table that of its values


def build(parts: Parts, labels: pd.Series | None, long: layout.Long | None) -> Frame:
    """Make the frame.

    Parameters
    ----------
    parts : Parts
    labels : (n,) Series, optional
        Names of the sequences of the rows of the file.
    long : Long, optional
        The table has a row for each value.

    Returns
    -------
    Frame

    Raises
    ------
    ValueError
        No column of numbers is left, or a column holds odd cells.
    """
    made = _from_rows(parts) if long is None else _from_long(parts, long)
    pairs = made.frame.index.to_frame(index=False)
    return made._replace(
        frame=made.frame.set_axis(_index(pairs, labels, parts.options.groups, parts.clock))
    )


def known(table: pd.DataFrame, names: Iterable[str], option: str) -> list[str]:
    """Require names of columns.

    Raises
    ------
    ValueError
    """
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        raise ValueError(
            f"{option} must name columns of the file, {list(table.columns)}; got {unknown[0]!r}."
        )
    return list(names)


def _from_rows(parts: Parts) -> Frame:
    """The frame of a table with a row for each time, and the row of the file of each cell."""
    options, clock, order = parts.options, parts.clock, parts.order
    exclude = set(options.exclude or [])
    asked = [column for column in parts.others if column.name not in exclude]
    if options.columns is not None:
        asked = [column for column in asked if column.name in options.columns]
    if not asked:
        raise ValueError("The file must have a column of numbers to fill; got none.")
    if parts.keep_gaps and parts.raw.dialect is not None:
        wanted = options.columns or ()
        asked = [kinds.as_classes(one, one.name in wanted, parts.notes) for one in asked]
    chosen = kinds.choose(parts.raw, asked, clock, options.columns, parts.keep_gaps, parts.notes)
    in_time = order.sort_values(["sequence", "time"], kind="stable")
    if (
        clock is not None
        and not order["time"].groupby(order["sequence"]).is_monotonic_increasing.all()
    ):
        parts.notes.append("Rows are not in the order of time: they are sorted.")
    at = in_time.index.to_numpy()
    values = np.column_stack([column.values[at] for column in chosen])
    frame = pd.DataFrame(values, index=_pairs(in_time), columns=[column.name for column in chosen])
    return Frame(frame, np.repeat(at[:, None], len(chosen), axis=1), chosen)


def _from_long(parts: Parts, long: layout.Long) -> Frame:
    """The frame of a table with a row for each value."""
    options, clock = parts.options, parts.clock
    if clock is None:
        raise ValueError(
            "--long must go with a table that has a column of times; got none. Name it with --time."
        )
    value = next(column for column in parts.others if column.name == long.value)
    kinds.require_numbers(parts.raw, value)
    kinds.refuse_odd(parts.raw, [value])
    wide, rows = layout.widen(
        parts.raw, clock, parts.order["sequence"].to_numpy(), long, value.values
    )
    asked = [str(name) for name in wide if name not in (options.exclude or [])]
    if options.columns is not None:
        asked = known(wide, options.columns, "--columns")
    wide, rows = wide[asked], rows[asked]
    fewest = 1 if parts.keep_gaps else 2
    left = [name for name in asked if wide[name].nunique() < fewest]
    if left and options.columns is None:
        parts.notes.append(f"Left out, for they hold one value or none: {', '.join(left)}.")
        wide, rows = wide.drop(columns=left), rows.drop(columns=left)
    if not wide.shape[1]:
        raise ValueError("The file must have a column of numbers that vary; got none.")
    parts.notes.append(
        f"Long table: one column for each name in {long.variable!r}, with the values of {long.value!r}."
    )
    n_rows = int((rows.to_numpy() < 0).sum())
    if n_rows:
        parts.notes.append(f"{n_rows} cells have no row in the file: they are missing.")
    return Frame(wide, rows.to_numpy(), [value])


def _pairs(order: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([order["sequence"], order["time"]], names=["sequence", "time"])


def _index(
    pairs: pd.DataFrame, labels: pd.Series | None, groups: str | None, clock: FileClock | None
) -> pd.Index:
    """Index of the frame: times, under the names of their sequences where there are several."""
    times = pd.Index(pairs["time"])
    if clock is not None:
        times = pd.Index(times, name=clock.times.name)
    elif labels is None:
        return pd.RangeIndex(len(pairs))
    else:
        times = pd.Index(times, name=None)
    if labels is None:
        return times
    names = pd.Index(labels.unique())
    return pd.MultiIndex.from_arrays(
        [names[pairs["sequence"].to_numpy()], times], names=[groups, times.name]
    )


def say_unread(raw: Raw, others: list[kinds.Column], notes: list[str]) -> None:
    """Point at columns that may be a clock, where none was found."""
    for column in others:
        cells = raw.frame[column.name]
        if column.kind == "words" and hinted(column.name) and cells.is_unique:
            notes.append(
                f"Column {column.name!r} may have times that could not be read, such as "
                f"{str(cells.iloc[0])!r}: rows are "
                "taken as equally spaced."
            )
        if column.kind == "numbers" and len(cells) > 2 and (np.diff(column.values) > 0).all():
            notes.append(
                f"Column {column.name!r} only goes up and is used as data; if it is the time: "
                f"--time {shlex.quote(in_list(column.name))}."
            )


def say_numbers(raw: Raw, chosen: list[kinds.Column], notes: list[str]) -> None:
    """Show how numbers were read that pandas alone takes for text."""
    if raw.decimal == ",":
        notes.append("Decimals have commas.")
    unusual = []
    for column in chosen:
        cells = raw.frame[column.name]
        if column.kind == "classes":
            continue
        if pd.api.types.is_numeric_dtype(cells) or not np.isfinite(column.values).any():  # type: ignore[arg-type]
            continue
        row = int(np.isfinite(column.values).argmax())  # type: ignore[arg-type]
        text = str(cells.iloc[row]).strip()
        if not _plain(text, column.values[row]):
            unusual.append(f"{text!r} in {column.name!r} as {column.values[row]:.10g}")  # type: ignore[index]
    if unusual:
        more = (
            f" and so on in {len(unusual) - _NAMED} more columns" if len(unusual) > _NAMED else ""
        )
        notes.append(f"Numbers are read so: {', '.join(unusual[:_NAMED])}{more}.")


def _plain(text: str, value: float) -> bool:
    """Whether a text is the number that Python reads."""
    try:
        return float(text.replace(",", ".")) == value
    except ValueError:
        return False


def censored(
    raw: Raw, frame: pd.DataFrame, rows: IntArray, chosen: list[kinds.Column], notes: list[str]
) -> pd.DataFrame:
    """Cells beyond a limit of detection, by their place in the frame."""
    found, said = [], []
    for j, name in enumerate(frame):
        column = chosen[j] if len(chosen) == frame.shape[1] else chosen[0]
        if column.limits is None:
            continue
        own = rows[:, j]
        limits = np.where(own < 0, np.nan, column.limits[own])
        at = np.flatnonzero(np.isfinite(limits))
        for i in at:
            found.append(
                (int(i), str(name), float(limits[i]), "above" if column.above[own[i]] else "below")
            )  # type: ignore[index]
        if len(at):
            first = int(own[at].min())
            said.append(
                f"{len(at)} in {name!r} (first {str(raw.frame[column.name].iloc[first]).strip()!r} in "
                f"{raw.place(first)})"
            )
    if said:
        notes.append(f"Values beyond a limit are taken for missing: {', '.join(said)}.")
    return pd.DataFrame(found, columns=["row", "column", "limit", "side"])
