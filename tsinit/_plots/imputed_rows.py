"""What plots of an imputation draw: the rows of a window, the columns with gaps, the draws of their cells."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._plots import style
from tsinit._plots.fits import _positions, _times


def require_imputer(model):
    """Refuse what is no fitted imputer.

    Raises
    ------
    sklearn.exceptions.NotFittedError, TypeError
    """
    style.require(model, "a fitted TBayesMICE", "diagnostics_", "_fitted_draws")


def names_of(model):
    """Names of all columns of a fit."""
    return list(model._fitted_panel.columns)


def shown_columns(model, columns):
    """Positions of the columns that were asked for, or of those with gaps, or of all."""
    if columns is not None:
        return _positions(columns, names_of(model))
    gaps = np.flatnonzero(model._fitted_rows.missing.any(axis=0)).tolist()
    return gaps or list(range(len(names_of(model))))


class Window(NamedTuple):
    """Rows to draw."""

    rows: np.ndarray  # (n,) int, of the rows given
    time: Any  # (n,) where they lie on the axis
    pieces: list  # (a, b) of rows that follow one another, counted within the window
    edges: list  # where a sequence begins, but the first
    name: str  # of the axis


def window_of(model, sequence, start, end):
    """Choose the rows from `start` to `end`, of all sequences or one."""
    panel, given = model._fitted_panel, model._fitted_rows
    rows = np.arange(len(given.y))
    time = _times(panel)
    index = panel.last_index
    if sequence is not None:
        i = _which(panel, sequence)
        rows = rows[given.offsets[i] : given.offsets[i + 1]]
        index = _index_of(panel, i)
        # Over its own times, as if it were the only one.
        alone = panel._replace(rows=rows, offsets=np.array([0, rows.size]), last_index=index)
        time = _times(alone)
    inside = _between(time, start, end)
    if not inside.any():
        raise ValueError(f"start and end must have a row between them; got {start!r} and {end!r}.")
    rows, time = rows[inside], time[inside]
    first = np.repeat(np.arange(len(given.offsets) - 1), np.diff(given.offsets))[rows]
    new = np.diff(first) != 0
    cuts = np.flatnonzero(new | (np.diff(given.steps[rows]) != 1)) + 1
    pieces = list(pairwise([0, *cuts.tolist(), rows.size]))
    dates = getattr(time, "dtype", np.dtype(float)).kind in "MO"
    numbers = isinstance(time, np.ndarray) and time.dtype.kind == "i"
    name = (
        ""
        if dates
        else "row"
        if numbers or index is None or index.name is None
        else str(index.name)
    )
    return Window(rows, time, pieces, [time[k + 1] for k in np.flatnonzero(new)], name)


def _which(panel, sequence):
    """Number of the sequence that was named."""
    n = len(panel.offsets) - 1
    index: Any = getattr(panel.parts[0], "index", None) if panel.form == "frame" else None
    labels = (
        list(index.get_level_values(0).unique())
        if getattr(index, "nlevels", 1) > 1
        else list(range(n))
    )
    if sequence in labels:
        return labels.index(sequence)
    if isinstance(sequence, (int, np.integer)) and 0 <= sequence < n:
        return int(sequence)
    raise ValueError(f"sequence must be one of {_validate.values.short(labels)}; got {sequence!r}.")


def _index_of(panel, i):
    """Times of one sequence, None where it has none."""
    if panel.form == "list":
        return getattr(panel.parts[i], "index", None) if hasattr(panel.parts[i], "iloc") else None
    index = getattr(panel.parts[0], "index", None) if panel.form == "frame" else None
    if index is None:
        return None
    a, b = np.searchsorted(panel.rows, panel.offsets[i : i + 2])
    return (index.get_level_values(1) if index.nlevels > 1 else index)[a:b]


def _between(time, start, end):
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


class Column(NamedTuple):
    """One column within a window."""

    y: np.ndarray  # (n,) float, NaN where missing
    cells: np.ndarray  # (gaps,) int, rows of the window that are missing
    z: np.ndarray  # (draw, gaps) float draws on the scale of the fit
    back: Any  # function from that scale to the units of the data

    @classmethod
    def of(cls, model, j, rows):
        """Take column `j` of a fitted imputer at some rows."""
        y = model._fitted_rows.y[rows, j]
        return cls(y, np.flatnonzero(np.isnan(y)), *_drawn(model, j, rows))

    @property
    def draws(self):
        """(draw, gaps) in the units of the data."""
        return self.back(self.z)

    def band(self, level):
        """Lower and upper end of a band; quantiles are taken before transforms are undone, as `interval` does."""
        if not self.cells.size:
            return self.y, self.y
        return [
            self.filled(self.back(end))
            for end in np.quantile(self.z, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        ]

    def filled(self, values):
        """(n,) the column with these values in its gaps."""
        y = self.y.copy()
        y[self.cells] = values
        return y


def drawn(model, j):
    """Draws (draw, gaps) of the missing cells of column `j`, in the units of the data."""
    z, back = _drawn(model, j, np.arange(len(model._fitted_rows.y)))
    return back(z)


def spread(draws, n, argument):
    """Take n draws as far apart as possible: the middle of each of n equal parts, as `impute` does."""
    if n > len(draws):
        raise ValueError(
            f"{argument} must be at most the {len(draws)} draws that were kept; got {n}."
        )
    return draws[((np.arange(n) + 0.5) * len(draws) / max(n, 1)).astype(int)]


def _drawn(model, j, rows):
    """Draws of the missing cells of a column at some rows, on the scale of the fit, and the way back."""
    given, scales = model._fitted_rows, model._fitted_scales
    if not np.isnan(scales.constants[j]):
        n_draws, n_cells = len(model._fitted_draws.flat), int(given.missing[rows, j].sum())
        return np.full((n_draws, n_cells), scales.constants[j]), np.asarray
    missing = given.missing[:, scales.active]
    number = (
        np.cumsum(missing.ravel()).reshape(missing.shape) - 1
    )  # of each missing cell, row by row
    i = int(np.flatnonzero(scales.active == j)[0])
    wanted = rows[missing[rows, i]]
    return model._fitted_draws.flat[:, number[wanted, i]].astype(np.float64), scales.transforms[
        i
    ].back
