"""What plots of an imputation draw: the rows of a window, the columns with gaps, the draws of their cells."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._plots import style
from tsinit._plots.fits import axis_of, positions

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models import TBayesMICE
    from tsinit.models.imputation.posterior import ImputationPosterior


def posterior_of(model: TBayesMICE) -> ImputationPosterior:
    """Return the posterior of a fitted imputer.

    Raises
    ------
    sklearn.exceptions.NotFittedError, TypeError
        It is not fitted, or no imputer.
    """
    style.require(model, "a fitted TBayesMICE", "diagnostics_", "posterior_")
    return model.posterior_


def shown_columns(posterior: ImputationPosterior, columns: Any) -> list[int]:
    """Positions of the columns that were asked for, or of those with gaps, or of all."""
    if columns is not None:
        return positions(columns, posterior.names)
    gaps = np.flatnonzero(posterior.table.missing.any(axis=0)).tolist()
    return gaps or list(range(len(posterior.names)))


def drawn_columns(model: TBayesMICE) -> pd.DataFrame:
    """The rows of `diagnostics_` of columns whose cells were drawn: constant ones say nothing of chains."""
    posterior, table = model.posterior_, model.diagnostics_
    drawn = [posterior.names[j] for j in np.flatnonzero(np.isnan(posterior.scales.constants))]
    return table[table.index.isin(drawn)]


class RowWindow(NamedTuple):
    """Rows to draw."""

    rows: IntArray  # (n,), of the rows given
    time: Any  # (n,) where they lie on the axis
    pieces: list[tuple[int, int]]  # rows that follow one another, counted within the window
    edges: list[Any]  # where a sequence begins, but the first
    name: str  # of the axis


def window_of(posterior: ImputationPosterior, sequence: Any, start: Any, end: Any) -> RowWindow:
    """Choose the rows from `start` to `end`, of all sequences or one."""
    table = posterior.table
    rows, index = np.arange(len(table.y)), None
    if sequence is not None:
        i = _number_of(posterior, sequence)
        rows = rows[table.offsets[i] : table.offsets[i + 1]]
        index = posterior.index_of(i)
    elif len(table.offsets) == 2:
        index = posterior.index_of(0)
    time = axis_of(index, rows.size)
    inside = _between(time, start, end)
    if not inside.any():
        raise ValueError(f"start and end must have a row between them; got {start!r} and {end!r}.")
    rows, time = rows[inside], time[inside]
    first = np.repeat(np.arange(len(table.offsets) - 1), np.diff(table.offsets))[rows]
    new = np.diff(first) != 0
    cuts = np.flatnonzero(new | (np.diff(table.steps[rows]) != 1)) + 1
    pieces = list(pairwise([0, *cuts.tolist(), rows.size]))
    edges = [time[k + 1] for k in np.flatnonzero(new)]
    return RowWindow(rows, time, pieces, edges, _axis_name(index, time))


def _axis_name(index: Any, time: Any) -> str:
    if getattr(time, "dtype", np.dtype(float)).kind in "MO":  # dates need no name
        return ""
    numbers = isinstance(time, np.ndarray) and time.dtype.kind == "i"
    return "row" if numbers or index is None or index.name is None else str(index.name)


def _number_of(posterior: ImputationPosterior, sequence: Any) -> int:
    """Number of the sequence that was named."""
    labels = posterior.sequences
    if sequence in labels:
        return labels.index(sequence)
    if isinstance(sequence, (int, np.integer)) and 0 <= sequence < len(labels):
        return int(sequence)
    raise ValueError(f"sequence must be one of {_validate.values.short(labels)}; got {sequence!r}.")


def _between(time: Any, start: Any, end: Any) -> BoolArray:
    inside = np.zeros(len(time), dtype=bool)
    try:
        if hasattr(time, "slice_indexer"):
            inside[time.slice_indexer(start, end)] = True
            return inside
        return (time >= (time[0] if start is None else start)) & (
            time <= (time[-1] if end is None else end)
        )
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"start and end must be as the axis counts, from {time[0]} to {time[-1]}; got {start!r} and {end!r}."
        ) from None


class ImputedColumn:
    """One column of an imputation within a window.

    Parameters
    ----------
    posterior : ImputationPosterior
    j : int
        Position of the column.
    rows : (n,) int

    Attributes
    ----------
    y : (n,) float
        NaN where missing.
    cells : (gaps,) int
        Rows of the window that are missing and were filled.
    draws : (draw, gaps) float
        Of a column of classes their codes.
    levels : tuple
        Its classes, in the order of the codes; of numbers none.
    class_shares : (classes, gaps) float
        Share of the draws of each cell that fall into each.
    limits : (rows, lower, upper)
        Rows of the window of which an interval is known, and its ends, infinite where it has none.
    """

    def __init__(self, posterior: ImputationPosterior, j: int, rows: IntArray) -> None:
        self.y = posterior.table.y[rows, j]
        self.cells = np.flatnonzero(posterior.table.to_fill[rows, j])
        self.draws = posterior.column_draws(j, rows)
        self.levels, self.class_shares = posterior.levels[j], posterior.class_shares(j, rows)
        self.limits = _limits(posterior, j, rows)
        self._posterior, self._j, self._rows = posterior, j, rows

    def band(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of a band, as `TBayesMICE.interval` has them."""
        if not self.cells.size:
            return self.y, self.y
        tails = [0.5 - level / 2, 0.5 + level / 2]
        lower, upper = self._posterior.column_quantiles(self._j, tails, self._rows)
        return self.filled(lower), self.filled(upper)

    def filled(self, values: FloatArray) -> FloatArray:
        """(n,) the column with these values in its gaps."""
        y = self.y.copy()
        y[self.cells] = values
        return y


def _limits(
    posterior: ImputationPosterior, j: int, rows: IntArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    cells = posterior.table.censored
    mine = (cells.column == j) & np.isin(cells.row, rows)
    return np.searchsorted(rows, cells.row[mine]), cells.low[mine], cells.high[mine]


def spread(draws: FloatArray, n: int, argument: str) -> FloatArray:
    """Take n draws as far apart as possible, those of the tables that `impute` returns."""
    from tsinit.models.imputation.posterior import spread_out

    if n > len(draws):
        raise ValueError(
            f"{argument} must be at most the {len(draws)} draws that were kept; got {n}."
        )
    return draws[spread_out(n, len(draws))]
