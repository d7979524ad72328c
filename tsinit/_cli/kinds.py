"""What columns are taken for: the option that says it, and the table that shows it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tsinit._cli.common import names

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 12  # of the table; of wider files only what is not continuous is listed


def read_kinds(text: str) -> dict[str, str]:
    """Read COLUMN=KIND, or several with commas between them.

    Raises
    ------
    argparse.ArgumentTypeError
        A part has another form, or a kind is unknown.
    """
    from tsinit._validate.kinds import COLUMN_KINDS

    found = {}
    for part in names(text):
        name, _, kind = (piece.strip() for piece in part.rpartition("="))
        if not name or kind not in COLUMN_KINDS:
            raise argparse.ArgumentTypeError(
                f"must be COLUMN=KIND, such as rain=semicontinuous, with one of {', '.join(COLUMN_KINDS)}; got {part!r}"
            )
        found[name] = kind
    return found


def all_kinds(given: list[dict[str, str]] | None, columns: list[str]) -> dict[str, str] | None:
    """Join what was said of columns, and require that these are used.

    Raises
    ------
    ValueError
    """
    if not given:
        return None
    joined = {name: kind for one in given for name, kind in one.items()}
    unknown = [name for name in joined if name not in columns]
    if unknown:
        raise ValueError(
            f"--kinds must name columns that are used, {columns}; got {unknown[0]!r}. --columns chooses those that are."
        )
    return joined


def kinds_text(kinds: pd.DataFrame) -> str:
    """Show what columns were taken for: a table, or one line where all are plain numbers.

    Parameters
    ----------
    kinds : DataFrame
        `TBayesMICE.kinds_`.
    """
    from tsinit._validate.kinds import class_text

    special = (kinds["kind"] != "continuous").to_numpy()
    if not special.any():
        return "All columns are taken for continuous numbers."
    shown = kinds if len(kinds) <= _MOST_ROWS else kinds[special]
    rows = [("column", "taken for", "classes")]
    for name, kind, classes in zip(shown.index, shown["kind"], shown["classes"], strict=True):
        rows.append((str(name), kind, ", ".join(map(class_text, classes))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(shown) < len(kinds):
        lines.append("All other columns are taken for continuous numbers.")
    return "\n".join(lines)
