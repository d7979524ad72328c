"""A table in words: its rows, its times, its columns, how it is written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit.tables.steps import step_words

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
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


def written_as(found: Understood) -> str:
    """Say how a file is written: its kind, encoding, separator, decimal sign."""
    raw = found.raw
    if raw.dialect is None:
        return "a Parquet file"
    separator = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars"}[
        raw.dialect.separator
    ]
    between = f", {separator} between columns" if len(raw.dialect.names) > 1 else ""
    sign = "commas" if raw.decimal == "," else "points"
    return f"text in {raw.source.encoding}{between}, decimal {sign}"


def season(found: Understood) -> str | None:
    """Say which season the imputer takes from the clock; None where it takes none."""
    from tsinit.models.imputation.season import MIN_PERIODS, usual_period

    steps = found.steps
    if (
        not isinstance(found.frame.index.get_level_values(-1), pd.DatetimeIndex)
        or steps.distance is None
    ):
        return None
    period = usual_period(steps.distance)
    passed = max((int(part[-1]) for part in steps.counts or []), default=0)
    if not period or passed < MIN_PERIODS * period:
        return None
    return f"Season of the imputer, from the dates: {period:g} steps (--period of tsinit impute)."


def columns_found(found: Understood) -> pd.DataFrame:
    """One row for each column of the file: what it is, numbers, missing cells, gaps, range.

    Returns
    -------
    DataFrame
    """
    rows = [
        {"column": name, "kind": "sequences" if name == found.groups else "clock"}
        for name in found.keys
    ]
    used = {column.name for column in found.columns}
    for column in found.others:
        if found.long and column.name == found.long.value:
            continue
        kind = column.kind if column.kind != "numbers" or column.name in used else "left out"
        if found.long:
            kind = "variables" if column.name == found.long.variable else "left out"
        rows.append(
            {"column": column.name, "kind": kind, **_facts(column.values, column.n_limits, kind)}
        )
    if found.long:
        rows += [
            {
                "column": str(name),
                "kind": "numbers",
                **_facts(found.frame[name].to_numpy(), 0, "numbers"),
            }
            for name in found.frame
        ]
    else:
        order = {str(name): j for j, name in enumerate(found.frame)}
        for row in rows:
            if row["column"] in order and row["kind"] == "numbers":
                row |= _gaps(found.frame[row["column"]].to_numpy())
    return pd.DataFrame(rows)


def _facts(values: FloatArray, n_limits: int, kind: str) -> dict[str, Any]:
    seen = values[np.isfinite(values)]
    if kind in ("words", "variables", "empty"):
        return {}
    facts: dict[str, Any] = {"numbers": len(seen), "missing": len(values) - len(seen) - n_limits}
    if n_limits:
        facts["beyond a limit"] = n_limits
    if len(seen):
        facts |= {"lowest": f"{seen.min():.6g}", "highest": f"{seen.max():.6g}"}
    return {**facts, **_gaps(values)} if kind == "numbers" else facts


def _gaps(values: FloatArray) -> dict[str, Any]:
    """Runs of missing cells, and the longest of them, in the order of time."""
    missing = np.concatenate([[False], np.isnan(values), [False]]).astype(int)
    begins, ends = np.flatnonzero(np.diff(missing) == 1), np.flatnonzero(np.diff(missing) == -1)
    return {"gaps": len(begins), "longest gap": int((ends - begins).max(initial=0))}


def text_of_table(table: pd.DataFrame) -> str:
    """Text of a table, with nothing where it has nothing."""
    order = [
        "column",
        "kind",
        "numbers",
        "missing",
        "beyond a limit",
        "gaps",
        "longest gap",
        "lowest",
        "highest",
    ]
    shown = [name for name in order if name in table]
    cells = [[_cell(value) for value in row] for row in table[shown].to_numpy(dtype=object)]
    widths = [max(map(len, column)) for column in zip(shown, *cells, strict=True)]
    left = {"column", "kind"}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in left else cell.rjust(width)
            for name, cell, width in zip(shown, row, widths, strict=True)
        ).rstrip()
        for row in [shown, *cells]
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:,.0f}"
    return str(value)
