"""The options that say how a file is to be read: the same in every command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tsinit._cli.common import names

if TYPE_CHECKING:
    import pandas as pd

    from tsinit.tables.read import Options


def add_reading(
    parser: Any, columns: str = "columns to use; all that hold numbers without it"
) -> None:
    """Add the options to a parser, or to a group of options."""
    parser.add_argument("--time", type=names, metavar="COLUMN[,COLUMN]",
                        help="column with the times, or several that hold them together (date and time of day; year, "
                        "month and day), if they are not found; none: rows are equally spaced")  # fmt: skip
    parser.add_argument("--groups", metavar="COLUMN",
                        help="column that names the sequence of each row, such as a patient: nothing is carried from "
                        "one to another")  # fmt: skip
    parser.add_argument("--columns", type=names, metavar="A,B,...", help=columns)
    parser.add_argument("--exclude", type=names, metavar="A,B,...", help="columns to leave alone")
    parser.add_argument("--missing", type=names, metavar="A,B,...",
                        help="what stands for a missing value besides an empty cell, NA, NaN, null, ? and the like; "
                        "write --missing=-200 with the sign of equality, and --missing=CO=0 for one column only; keep: "
                        "numbers such as -999 were measured")  # fmt: skip
    parser.add_argument("--long", action="store_true",
                        help="the file has a row for each value, with the name of its variable: make a column of "
                        "each")  # fmt: skip
    parser.add_argument(
        "--regular", action="store_true", help="insert rows for the steps that have none"
    )
    parser.add_argument("--tz", metavar="ZONE",
                        help="time zone of the times, such as Europe/Berlin, for clocks that go back")  # fmt: skip
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="encoding of the text, if it is not found: latin-1, utf-16 ...",
    )
    parser.add_argument(
        "--decimal", choices=[".", ","], help="sign before decimals, if it is not found"
    )


def reading(arguments: argparse.Namespace) -> Options:
    """What the user says about the file."""
    from tsinit.tables.read import Options

    return Options(
        arguments.time, arguments.groups, arguments.columns, arguments.exclude, arguments.missing, arguments.decimal,
        arguments.encoding, arguments.regular, arguments.long, arguments.tz,
    )  # fmt: skip


def reading_with_inputs(arguments: argparse.Namespace) -> Options:
    """What the user says about the file, whose inputs are read besides the columns."""
    options, inputs = reading(arguments), arguments.inputs or []
    if not options.columns:
        return options
    more = [name for name in inputs if name not in options.columns]
    return options._replace(columns=[*options.columns, *more])


def part_inputs(
    frame: pd.DataFrame, inputs: list[str] | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Part a table into what is fitted and known inputs beside it.

    Raises
    ------
    ValueError
        An input is no column of the file, or nothing is left to fit.
    """
    missing = [name for name in inputs or [] if name not in frame.columns]
    if missing:
        raise ValueError(
            f"--inputs must name columns of the file, {', '.join(map(str, frame.columns))}; got {missing[0]!r}."
        )
    X = frame.drop(columns=inputs or [])
    if not X.shape[1]:
        raise ValueError("--inputs must leave a column to fit; got all of them.")
    return X, frame[inputs] if inputs else None
