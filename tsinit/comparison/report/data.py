"""The first section of a page: the data, before anything is said of fits."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from tsinit._validate import check_series
from tsinit._validate.kinds import class_text
from tsinit.comparison.plan.inputs import names_of
from tsinit.comparison.report import page
from tsinit.comparison.report.display import number

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit._validate import Panel

#: Classes of columns that hold codes of some, by name.
Classes: TypeAlias = "dict[Any, tuple[Any, ...]]"
#: Panels of a data set; the table has all columns.
MAX_PANELS = 12
#: Panels of all data sets together, from which on no more are drawn.
_MAX_PICTURES = 24
#: Size of a panel in inches, and points of all lines together.
SIZE = (4.6, 1.7)
_POINTS = 6000
#: Fewer occurrences of a value than this are no sign of a code for missing.
_OFTEN = 3


class ColumnFacts(NamedTuple):
    """What a table says of one column."""

    name: str
    n_steps: int
    n_missing: int
    n_gaps: int
    longest: int  # gap, in steps
    values: FloatArray  # those observed
    levels: tuple[Any, ...] = ()  # classes whose codes the values are; of numbers none

    def row(self) -> list[str]:
        """Cells of the table."""
        spread = ["–"] * 3
        if not self.levels:
            known = self.values.size
            spread = list(map(number, np.quantile(self.values, [0, 0.5, 1]) if known else [np.nan] * 3))  # fmt: skip
        gaps = [f"{self.n_gaps:,}", f"{self.longest:,}"]
        share = f"{100 * self.n_missing / self.n_steps:.1f} %"
        return [
            self.name,
            f"{self.n_steps:,}",
            share,
            *gaps,
            *spread,
            self._often(),
        ]

    def caption(self) -> str:
        """What stands below its panel."""
        if not self.values.size:
            return f"{self.name}: nothing observed"
        span = f"{number(self.values.min())} to {number(self.values.max())}"
        if self.levels:
            span = ", ".join(map(class_text, self.levels))
        if not self.n_missing:
            return f"{self.name}: {span}, nothing missing"
        steps = page.number_of(self.longest, "step")
        gaps = (
            f"{self.n_gaps:,} gaps, the longest {steps}"
            if self.n_gaps > 1
            else f"one gap of {steps}"
        )
        return f"{self.name}: {span}; {100 * self.n_missing / self.n_steps:.1f} % missing, {gaps}"

    def _often(self) -> str:
        values, counts = np.unique(self.values, return_counts=True)
        if not counts.size or counts.max() < _OFTEN:
            return "–"
        value = values[counts.argmax()]
        shown = class_text(self.levels[int(value)]) if self.levels else number(value)
        return f"{shown} ({counts.max():,} times)"


_HEADER = ["column", "steps", "missing", "gaps", "longest gap (steps)"]
_HEADER += ["lowest", "median", "highest", "most frequent value"]


def facts(panel: Panel, levels: Classes | None = None) -> Iterator[ColumnFacts]:
    """Describe the columns of a panel; steps that an index skips are missing.

    Parameters
    ----------
    panel : Panel
    levels : dict of column name to tuple, optional
        Classes of the columns that hold codes of some.
    """
    first = np.zeros(len(panel.y) + 1, dtype=bool)
    first[panel.offsets] = True
    for name, y in zip(panel.columns, panel.y.T, strict=True):
        missing = np.isnan(y)
        # A gap ends where its sequence does.
        begins = np.flatnonzero(missing & (first[:-1] | ~np.concatenate([[False], missing[:-1]])))
        ends = np.flatnonzero(missing & (first[1:] | ~np.concatenate([missing[1:], [False]])))
        longest = int((ends - begins).max() + 1) if begins.size else 0
        own = (levels or {}).get(name, ())
        yield ColumnFacts(
            str(name), len(y), int(missing.sum()), begins.size, longest, y[~missing], own
        )


def section(
    data: dict[str, Any],
    note: str = "",
    inputs: dict[str, Any] | None = None,
    levels: Classes | None = None,
) -> str:
    """Write the section: all panels beside each other, and one table.

    Parameters
    ----------
    data : dict of str to table or list of tables
        What was fitted, by name.
    note : str
        A sentence on it.
    inputs : dict of str to table or list of tables, optional
        Known inputs, by the names of the data.
    levels : dict of column name to tuple, optional
        Classes of the columns that hold codes of some.

    Returns
    -------
    str
        HTML.
    """
    from tsinit._plots import keys

    leads: list[str] = []
    pictures: list[str] = []
    rows: list[list[str]] = []
    alone = len(data) == 1
    most = max(1, MAX_PANELS // len(data))
    for name, X in data.items():
        try:
            panel = check_series(X, None)
        except (TypeError, ValueError) as error:  # of another library, perhaps, and no series
            leads.append(f"{name}: not drawn. {error}")
            continue
        columns = [
            one._replace(name=_named(one.name, name, panel, alone)) for one in facts(panel, levels)
        ]
        rows += [one.row() for one in columns]
        known = _named_inputs((inputs or {}).get(name))
        leads.append(("" if alone else f"{name}: ") + _lead(panel, most) + known)
        if len(pictures) < _MAX_PICTURES:
            pictures += list(_panels(panel, columns[:most], _POINTS // (most * len(data))))
    said = f"<p>{html.escape(note)}</p>" if note else ""
    kind, around = ("p", "{}") if alone else ("li", "<ul>{}</ul>")
    said += around.format("".join(f"<{kind}>{html.escape(text)}</{kind}>" for text in leads))
    table = page.table(_HEADER, rows) if rows else ""
    return f"<h2>Data</h2>{said}{page.legend(keys.OBSERVED)}{page.figures(pictures)}{table}"


def _named(column: str, dataset: str, panel: Panel, alone: bool) -> str:
    """Name a column so that it is told from those of other data sets."""
    if alone:
        return column
    return dataset if len(panel.columns) == 1 else f"{dataset}, {column}"


def _lead(panel: Panel, most: int) -> str:
    n_sequences, n_columns = len(panel.offsets) - 1, len(panel.columns)
    steps = page.number_of(len(panel.y), "step")
    several = f" in {n_sequences:,} sequences" if n_sequences > 1 else ""
    absent = len(panel.y) - len(panel.rows)
    skipped = f", of which {absent:,} have no row" if absent else ""
    index = panel.last_index if n_sequences == 1 else None
    span = (
        f", {_short(index[0])} to {_short(index[-1])}" if index is not None and len(index) else ""
    )
    share = 100 * float(np.isnan(panel.y).mean())
    more = f" The first {most} are drawn." if most < n_columns else ""
    columns = page.number_of(n_columns, "column")
    return f"{steps}{several}{skipped}{span}; {columns}, {share:.1f} % of the values missing.{more}"


def _named_inputs(inputs: Any) -> str:
    """Say which inputs stand beside the data, if any."""
    if inputs is None:
        return ""
    first = inputs[0] if isinstance(inputs, list) else inputs
    width = np.shape(first)[1] if np.ndim(first) == 2 else 1
    names = names_of(inputs)
    called = f": {', '.join(names)}" if names else ""
    return f" Beside them {page.number_of(width, 'known input')}{called}."


def _short(time: Any) -> str:
    """A time without a midnight that nobody wrote."""
    return str(time).removesuffix(" 00:00:00")


def _panels(panel: Panel, columns: list[ColumnFacts], points: int) -> Iterator[str]:
    from matplotlib import pyplot as plt

    from tsinit._plots import style
    from tsinit._plots.observed import draw_column

    points = int(np.clip(points, 150, 600))
    for j, one in enumerate(columns):
        figure, ax = plt.subplots(figsize=SIZE, layout="constrained")
        draw_column(ax, panel, j, points, one.levels)
        yield page.figure(style.dress(ax), one.caption(), keys=False)
        plt.close(figure)
