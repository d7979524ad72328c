"""Read a table as people have it, and say what was taken for what."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit.tables import columns as kinds
from tsinit.tables import frames, layout, steps
from tsinit.tables.frames import Options, Parts, known
from tsinit.tables.missing import Missing, MissingOption, Sentinel, find_sentinels, refuse
from tsinit.tables.raw import Raw, read_raw
from tsinit.tables.table import Table
from tsinit.tables.times import FileClock, find_clock, in_zone, read_clock

if TYPE_CHECKING:
    from tsinit._typing import IntArray, StrPath

_NAMED = 6  # columns that a note lists


class Understood(NamedTuple):
    """A file as it was understood."""

    raw: Raw
    frame: pd.DataFrame  # (T, D) of floats, sorted by sequence and time, which its index holds
    rows: IntArray  # (T, D) row of the file of each cell; -1 where it has none
    columns: list[kinds.Column]  # of the frame; in a long table that of its values
    others: list[kinds.Column]  # all of the file beside its clock and its sequences
    clock: FileClock | None
    groups: str | None
    long: layout.Long | None
    censored: pd.DataFrame
    sentinels: list[Sentinel]
    steps: steps.Steps
    notes: list[str]

    @property
    def n_inserted(self) -> int:
        """Rows of the frame that the file lacks."""
        return int((self.rows < 0).all(axis=1).sum())

    @property
    def keys(self) -> list[str]:
        """Columns that identify a row: sequence, then times."""
        return [
            *([self.groups] if self.groups else []),
            *(self.clock.columns if self.clock else []),
        ]


def read_table(
    path: StrPath,
    *,
    time: str | Sequence[str] | None = None,
    groups: str | None = None,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    missing: MissingOption = None,
    decimal: str | None = None,
    encoding: str | None = None,
    regular: bool = False,
    long: bool | tuple[str, str] = False,
    tz: str | None = None,
) -> Table:
    r"""Read a table of numbers over time, as people have them.

    Separator, decimal sign, encoding, names, units, times and their step are found; `Table.notes` says what was taken
    for what. What could be read in two ways, and numbers that seem to stand for missing values, is asked for in an
    error of one sentence. The options are those of the command line.

    Parameters
    ----------
    path : str or Path
        A text with one row for each time, packed or not, or a Parquet file.
    time : str or list of str, optional
        Column with the times, or several that hold them together; "none" where rows are equally spaced.
    groups : str, optional
        Column that names the sequence of each row.
    columns, exclude : list of str, optional
        Columns to use, or not to.
    missing : str, number, list or dict, optional
        What stands for a missing value beside an empty cell, NA, NaN, null, ? and the like; by column in a dict.
        "keep" takes numbers such as -999 for measured ones.
    decimal : "." or ",", optional
    encoding : str, optional
    regular : bool
        Insert rows of missing values for the steps that have none.
    long : bool or (str, str)
        The table has a row for each value; the columns with the name and the value of each may be named.
    tz : str, optional
        Time zone of the times, such as "Europe/Berlin".

    Returns
    -------
    Table
        A DataFrame of floats, sorted by time, with a two-level index (sequence, time) where there are groups.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        The file is not there or no table, or something in it must be asked for.

    Examples
    --------
    >>> table = tsinit.read_table("air.csv", missing=-200)  # doctest: +SKIP
    >>> print("\n".join(table.notes))  # doctest: +SKIP
    """
    names = [time] if isinstance(time, str) else time
    options = Options(
        names, groups, columns, exclude, missing, decimal, encoding, regular, long, tz
    )
    return as_table(understand(path, options))


def understand(
    path: StrPath, options: Options, *, keep_gaps: bool = False, ask: bool = True
) -> Understood:
    """Read a file and find its parts.

    Parameters
    ----------
    path : str or Path
    options : Options
    keep_gaps : bool
        Keep columns of one value that have gaps.
    ask : bool
        Whether numbers that seem to stand for missing values are an error.

    Returns
    -------
    Understood

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
    """
    raw = read_raw(path, options.encoding, options.decimal)
    notes = list(raw.notes)
    raw = _without_row_numbers(raw, options, notes)
    _check_names(raw, options)
    missing = Missing.read(options.missing, raw.frame.columns)
    labels, codes = layout.group_codes(raw, options.groups)
    given = (
        layout.find_long(raw, _dates_of(options), options.groups, options.long)
        if options.long
        else None
    )
    clock = _settled_clock(raw, codes, options, given, notes)
    keys = [*([options.groups] if options.groups else []), *(clock.columns if clock else [])]
    others = kinds.read_columns(raw, [name for name in raw.names if name not in keys], missing)
    order = pd.DataFrame({"sequence": codes, "time": _times(clock, codes)})
    made = frames.build(Parts(raw, order, others, clock, options, keep_gaps, notes), labels, given)
    frames.say_numbers(raw, made.columns, notes)
    if clock is None and options.time is None:
        frames.say_unread(raw, others, notes)
    words = [column.name for column in made.columns if column.kind == "classes"]
    sentinels = [] if missing.keep else find_sentinels(made.frame.drop(columns=words))
    if sentinels and ask:
        at = sentinels[0]
        column = made.frame.columns.get_loc(next(iter(at.columns)))
        raise refuse(sentinels, raw.place(int(made.rows[at.row, column])))
    made, counted = _counted(made, options, notes)
    censored = frames.censored(raw, made.frame, made.rows, made.columns, notes)
    return Understood(
        raw, made.frame, made.rows, made.columns, others, clock, options.groups, given, censored, sentinels, counted,
        notes,
    )  # fmt: skip


def _check_names(raw: Raw, options: Options) -> None:
    """Require that what the user names is there; in a long table columns are named by its cells."""
    known(raw.frame, [options.groups] if options.groups else [], "--groups")
    if not options.long:
        known(raw.frame, options.columns or [], "--columns")
        known(raw.frame, options.exclude or [], "--exclude")


def _settled_clock(
    raw: Raw, codes: IntArray, options: Options, given: layout.Long | None, notes: list[str]
) -> FileClock | None:
    """The clock in its zone; why times repeat is asked for."""
    if given is None:
        clock = _clock(raw, codes, options, [])
    else:
        pairs = pd.DataFrame({"s": codes, "v": raw.frame[given.variable].factorize()[0]})
        series = pairs.groupby(["s", "v"]).ngroup().to_numpy().astype(np.int64)
        clock = _clock(raw, series, options, list(given))
    if clock is None:
        if options.tz is not None:
            raise ValueError("--tz must go with a column of dates; got none. Name it with --time.")
        if options.groups is None and options.time is None:
            layout.suggest_groups(raw, list(options.columns or []))
        return None
    clock = clock._replace(times=in_zone(clock.times, options.tz, raw, notes))
    _say_clock(clock, notes)
    if given is None:
        layout.refuse_repeated(raw, clock, codes, options.groups)
    return clock


def _counted(
    made: frames.Frame, options: Options, notes: list[str]
) -> tuple[frames.Frame, steps.Steps]:
    """Count the steps without a row, and insert rows for them on request."""
    found = steps.count(made.frame.index)
    if not options.regular:
        if (note := found.note()) is not None:
            notes.append(note)
        return made, found
    frame, taken = steps.make_regular(made.frame, found)
    n, words = found.n_absent, found.words
    inserted = f"{n} row{'s are' if n > 1 else ' is'} inserted for {words} that had none."
    notes.append(inserted if n else "No step lacks a row.")
    rows = np.where(taken[:, None] < 0, -1, made.rows[taken])
    return made._replace(frame=frame, rows=rows), steps.count(frame.index)


def as_table(found: Understood) -> Table:
    """Make the table that people get of a file as it was understood."""
    from tsinit.tables.describe import columns_found

    table = Table(found.frame)
    table.notes = found.notes
    table.censored = found.censored
    table.columns_found = columns_found(found)
    table.sentinels = [
        f"{sentinel}; --missing={shlex.quote(sentinel.option)}" for sentinel in found.sentinels
    ]
    table.step, table.n_absent = found.steps.distance, found.steps.n_absent
    return table


def _without_row_numbers(raw: Raw, options: Options, notes: list[str]) -> Raw:
    """Drop the nameless first column of row numbers that R and pandas write."""
    first = raw.frame.columns[0] if raw.frame.shape[1] > 1 else None
    asked = {*(options.time or []), *(options.columns or [])}
    if first is None or first in asked or not (first.startswith("Unnamed") or first == "rownames"):
        return raw
    if (
        pd.api.types.is_numeric_dtype(raw.frame[first])
        and (raw.frame[first].diff().dropna() == 1).all()
    ):
        notes.append("The first column, which has no name, counts rows and is left out.")
        return raw._replace(frame=raw.frame.drop(columns=first))
    return raw


def _dates_of(options: Options) -> list[str]:
    return [] if options.time is None else [name for name in options.time if name != "none"]


def _clock(raw: Raw, codes: IntArray, options: Options, others: list[str]) -> FileClock | None:
    """The clock that the user names, or the one that is found."""
    wanted = list(options.columns or [])
    if options.time is None:
        groups = [options.groups] if options.groups else []
        clock = find_clock(raw, codes, [*groups, *others], wanted)
    elif [name.lower() for name in options.time] == ["none"] and "none" not in raw.frame:
        clock = None
    else:
        clock = read_clock(raw, known(raw.frame, options.time, "--time"), codes)
    if clock is not None and (twice := [name for name in clock.columns if name in wanted]):
        raise ValueError(
            f"--columns must name columns to fill; got {twice[0]!r}, which has times or sequences."
        )
    return clock


def _times(clock: FileClock | None, codes: IntArray) -> Any:
    """Times of all rows; where there are none, rows are counted in each sequence."""
    return (
        clock.times if clock is not None else pd.Series(codes).groupby(codes).cumcount().to_numpy()
    )


def _say_clock(clock: FileClock, notes: list[str]) -> None:
    name = " ".join(clock.columns)
    if clock.words:
        kind = "columns" if len(clock.columns) > 1 else "column"
        shown = (
            f" ({clock.times[0]} to {clock.times[-1]})"
            if isinstance(clock.times, pd.DatetimeIndex)
            else ""
        )
        notes.append(
            f"The {kind} {name!r} is taken for the clock: {clock.words}{shown}; --time names another, or none."
        )
    elif len(clock.columns) > 1:
        notes.append(
            f"Times are made of {', '.join(map(repr, clock.columns))}: {clock.times[0]} to {clock.times[-1]}."
        )
