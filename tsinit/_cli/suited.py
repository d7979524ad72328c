"""Options of ``tsinit impute`` that do not go with what columns hold: said before the fit, in words of the command."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from tsinit._validate.kinds import (
    CLASS_KINDS,
    NEVER_NEGATIVE,
    WHOLE,
    ColumnKind,
    ColumnKinds,
    class_text,
)
from tsinit.tables.missing import in_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._cli.gaps import Gaps


def require_suited(arguments: argparse.Namespace, gaps: Gaps, kinds: Any) -> None:
    """Require options that go with what the columns hold, before the fit says so in the words of Python.

    Parameters
    ----------
    arguments : argparse.Namespace
    gaps : Gaps
    kinds : "auto" or dict
        What was said of columns.

    Raises
    ------
    ValueError
    """
    said = kinds if isinstance(kinds, dict) else {}
    for name, levels in gaps.levels.items():
        if name in said:
            _require_of_words(name, said[name], levels)
    taken = ColumnKinds.read(kinds, gaps.given).columns
    classes = [column for column in taken if column.levels]
    if classes:
        _require_classes_allowed(arguments, classes)
    limited = set(gaps.found.censored["column"]) if len(gaps.found.censored) else set()
    for column in taken if arguments.match else ():
        what = (
            "has values with a limit" if column.name in limited else f"is taken for {column.kind}"
        )
        if column.name in limited or column.kind in (*NEVER_NEGATIVE, *WHOLE):
            raise ValueError(
                f"--match must go with columns that hold plain numbers; got {column.name!r}, which {what}. Leave out "
                f"--match, or the column with {_exclude([column.name])}."
            )


def _require_classes_allowed(arguments: argparse.Namespace, classes: list[ColumnKind]) -> None:
    """Refuse options that columns of classes do not go with."""
    listed = {
        column.name: f"{column.name!r} holds classes ({', '.join(map(class_text, column.levels))})"
        for column in classes
    }
    got, exclude = ", ".join(listed.values()), _exclude(list(listed))
    if arguments.method not in ("fcs", "auto"):
        raise ValueError(
            f"--method must be fcs or auto where a column holds classes; got {arguments.method}, and {got}. Leave out "
            f"such columns with {exclude}, or use another method."
        )
    if arguments.match:
        raise ValueError(
            f"--match must be left out where a column holds classes; got {arguments.match}, and {got}. Leave out "
            f"--match, or such columns with {exclude}."
        )
    for name, _ in arguments.bounds or ():
        if name in listed:
            raise ValueError(
                f"--bounds must name columns of numbers; got {name!r}, and {listed[name]}."
            )


def _require_of_words(name: str, kind: str, levels: Sequence[str]) -> None:
    """Refuse a kind that words cannot have."""
    listed = ", ".join(levels)
    if kind not in CLASS_KINDS or kind == "ordinal":
        suited = "binary" if len(levels) <= 2 else "categorical"
        raise ValueError(
            f"--kinds {name}={kind} must go with numbers; got the words {listed}. Use {name}={suited}, or "
            f"{_exclude([name])}."
        )
    if kind == "binary" and len(levels) > 2:
        raise ValueError(
            f"--kinds {name}=binary must go with two classes; got {len(levels)}, {listed}. Use {name}=categorical."
        )


def _exclude(names: Sequence[str]) -> str:
    return f"--exclude {shlex.quote(','.join(map(in_list, names)))}"
