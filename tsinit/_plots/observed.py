"""Plot of data as they came: values, and where there are none."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.fits import axis_of, positions, tidy_dates
from tsinit._plots.imputed_classes import name_classes
from tsinit._plots.thin import MAX_POINTS, outline, pieces_of
from tsinit._validate import check_count, check_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tsinit._typing import BoolArray, SeriesLike
    from tsinit._validate import Panel

#: Steps beyond which a mark for each would only be ink.
_MANY_STEPS = 400
#: Pieces in which the share of missing steps is shown.
_MAX_PIECES = 150


def observed(
    X: SeriesLike,
    *,
    lengths: Sequence[int] | None = None,
    columns: Any = None,
    max_points: int = MAX_POINTS,
    ax: Axes | None = None,
) -> Any:
    """Draw each column as observed; shades mark steps that are missing, as high as their share where steps are many.

    Steps that a regular index skips count as missing. Several sequences are drawn one after the other, over step
    numbers.

    Parameters
    ----------
    X : (T, D) array, DataFrame or Series, or list of those
        NaN where missing.
    lengths : sequence of int, optional
        Rows of each sequence, where X is one table.
    columns : list, optional
        Which columns, by name or position; all without it.
    max_points : int
        Points of a line at most; a longer one keeps the lowest and the highest of each piece.
    ax : matplotlib Axes, optional
        For a single column.

    Returns
    -------
    Axes or array of Axes

    Raises
    ------
    ValueError, TypeError
        X is no series, a column is not there, or `ax` is given with several columns.
    """
    panel, max_points = check_series(X, lengths), check_count("max_points", max_points, 2)
    names = list(panel.columns)
    shown = positions(columns, names)
    style.require_one_column(ax, len(shown))
    axes = style.column_panels(ax, len(shown), (6.4, 2.2), (6.4, 1.5))
    for j, one in zip(shown, axes, strict=True):
        draw_column(one, panel, j, max_points)
        style.dress(one, "", str(names[j]))
    style.legend_above(axes[0])
    axes[0].figure.align_ylabels(axes)
    return style.one_or_all(axes)


def draw_column(
    ax: Axes, panel: Panel, j: int, max_points: int, levels: Sequence[Any] = ()
) -> None:
    """Draw one column of a panel.

    Parameters
    ----------
    ax : matplotlib Axes
    panel : Panel
    j : int
        Position of the column.
    max_points : int
        Of the line.
    levels : sequence, optional
        Classes, where the column holds codes of some: the line is one of steps.
    """
    time = _step_times(panel)
    few = len(panel.y) < _MANY_STEPS
    look: dict[str, Any] = {"marker": "o" if few else "", "markersize": 2.2}
    if levels:
        look["drawstyle"] = "steps-mid"
        name_classes(ax, levels)
    for k, (a, b) in enumerate(pairwise(panel.offsets)):
        y, t = panel.y[a:b, j], time[a:b]
        kept = outline(y, max(2, max_points * (b - a) // max(len(panel.y), 1)))
        label = None if k else "observed"
        ax.plot(t[kept], y[kept], color=style.COLOURS[0], linewidth=0.8, label=label, **look)
        if k:
            ax.axvline(t[0], color=style.INK, linewidth=0.8, linestyle=":")
    _shade_gaps(ax, np.isnan(panel.y[:, j]), time)
    ax.margins(x=0.01)
    tidy_dates(ax, time)


def _shade_gaps(ax: Axes, missing: BoolArray, time: Any) -> None:
    """Shade missing steps; where pieces hold several, as high as their share."""
    if not missing.any():
        return
    n_pieces = len(missing) if len(missing) <= _MANY_STEPS else _MAX_PIECES
    cuts = pieces_of(len(missing), n_pieces)
    share = np.add.reduceat(missing.astype(float), cuts[:-1]) / np.diff(cuts)
    new = np.flatnonzero(np.diff(share, prepend=-1.0))  # pieces alike are drawn as one
    share, cuts = share[new], np.append(cuts[new], cuts[-1])
    # From half a step before the first of a piece to half a step after its last.
    places = ax.convert_xunits(np.asarray(time))
    middles = (places[1:] + places[:-1]) / 2 if len(places) > 1 else places[:0]
    borders = np.concatenate([[places[0]], middles, [places[-1]]])[cuts]
    ax.fill_between(
        np.repeat(borders, 2)[1:-1], np.repeat(share, 2), transform=ax.get_xaxis_transform(), linewidth=0,
        color=style.COLOURS[1], alpha=0.3, label="missing", zorder=0,
    )  # fmt: skip


def _step_times(panel: Panel) -> Any:
    """Positions of all steps on the axis, those without a row included: times or numbers, else step numbers."""
    steps = np.arange(len(panel.y))
    if len(panel.offsets) > 2 or panel.last_index is None:
        return steps
    time = axis_of(panel.last_index, len(panel.rows))
    if len(panel.rows) == len(steps):
        return time
    values = np.asarray(time)
    numbers = values.astype("int64") if values.dtype.kind == "M" else values.astype(float)
    filled = np.interp(steps, panel.rows, numbers)
    return filled.astype("int64").view(values.dtype) if values.dtype.kind == "M" else filled
