"""Plots of one fitted state-space model: its objective by iteration, smoothed data, eigenvalues."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._plots import style
from tsinit._plots.thin import MAX_POINTS, outline
from tsinit._validate import check_inputs, check_series
from tsinit._validate.values import short
from tsinit.models.base import FitKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tsinit._typing import FloatArray, SeriesLike
    from tsinit._validate import Panel


#: Steps from which dots are small.
_MANY_STEPS = 100


def history(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the objective of a fit against its iterations.

    Parameters
    ----------
    model : fitted estimator
        With ``history_``.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
    """
    style.require(model, "a fitted estimator", "history_")
    ax = style.single(ax)
    ax.plot(
        np.arange(len(model.history_)),
        model.history_,
        color=style.COLOURS[0],
        marker="o",
        markersize=3,
    )
    return style.dress(ax, "iteration", getattr(model, "fit_kind", FitKind()).objective)


def smoothed(
    model: Any,
    X: SeriesLike,
    *,
    inputs: SeriesLike | None = None,
    lengths: Sequence[int] | None = None,
    columns: Any = None,
    max_points: int = MAX_POINTS,
    ax: Axes | None = None,
) -> Any:
    """Draw each column as observed, and its smoothed value with the band that holds 95 % of new values.

    Where a value is missing, the band shows what it may have been under the model. One sequence is drawn
    over its times where its index has any; several are drawn one after the other, over row numbers.

    Parameters
    ----------
    model : fitted LinearGaussianSSM
    X : (T, D) array or DataFrame, Series, or list of those
        As the methods of the model take it; NaN where missing.
    inputs : (T, m) array or DataFrame, or list of those, optional
        Known inputs, for a model that was fitted with inputs.
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
    ValueError
        If X is no data for the model, a column is not there, or `ax` is given with several columns.
    """
    style.require(model, "a fitted LinearGaussianSSM", "params_", "smooth")
    panel = check_series(X, lengths, estimator=model)
    names = list(panel.columns)
    shown = positions(columns, names)
    style.require_one_column(ax, len(shown))
    axes = style.column_panels(ax, len(shown), (5.2, 2.2), (5.2, 1.6))
    time, y = times_of_rows(panel), panel.y[panel.rows]
    starts = np.searchsorted(panel.rows, panel.offsets)
    mean, sd = _observed_band(model, X, inputs, lengths)
    for j, one in zip(shown, axes, strict=True):
        for a, b in pairwise(starts):
            most = max(2, max_points * (b - a) // max(len(y), 1))
            sequence = _SmoothedColumn(time[a:b], y[a:b, j], mean[a:b, j], sd[a:b, j])
            _draw_sequence(one, sequence, most, named=a == 0)
        style.dress(one, "", str(names[j]))
    style.legend_above(axes[0])
    tidy_dates(axes[-1], time)
    return style.one_or_all(axes)


class _SmoothedColumn(NamedTuple):
    """One column of one sequence."""

    time: Any  # (T,) places on the axis
    y: FloatArray  # (T,) NaN where missing
    mean: FloatArray  # (T,)
    sd: FloatArray  # (T,)


def _draw_sequence(ax: Axes, sequence: _SmoothedColumn, max_points: int, named: bool) -> None:
    """Draw one column of one sequence; only the first has names for the legend."""
    time, y, mean, sd = sequence
    gaps = np.isnan(y)
    band, line, dots, crosses = (
        ("95 % band", "smoothed", "observed", "missing, filled in") if named else (None,) * 4
    )
    low, high = mean - 1.96 * sd, mean + 1.96 * sd
    wide = np.union1d(outline(low, max_points), outline(high, max_points))
    path, seen = outline(mean, max_points), outline(y, max_points)
    filled = np.flatnonzero(gaps)
    filled = filled[outline(mean[filled], max_points)]
    shade: dict[str, Any] = {"color": style.COLOURS[5], "alpha": 0.35, "linewidth": 0}
    ax.fill_between(time[wide], low[wide], high[wide], label=band, **shade)
    ax.plot(time[path], mean[path], color=style.COLOURS[0], linewidth=1.2, label=line)
    marks: dict[str, Any] = {"linestyle": "", "marker": "o", "color": style.INK, "label": dots}
    ax.plot(time[seen], y[seen], markersize=2.6 if len(y) < _MANY_STEPS else 1.8, **marks)
    marks = {"linestyle": "", "marker": "x", "color": style.COLOURS[1], "label": crosses}
    ax.plot(time[filled], mean[filled], markersize=4.5, **marks)


def positions(columns: Any, names: list[Any]) -> list[int]:
    """Positions of the columns that were asked for, all without any; a name that is a number goes before a position."""
    if columns is None:
        return list(range(len(names)))
    wanted = (
        list(columns)
        if isinstance(columns, (list, tuple, range)) or hasattr(columns, "shape")
        else [columns]
    )
    found = [_position(one, names) for one in wanted]
    if not found:
        raise ValueError(f"columns must name at least one of {names}; got none.")
    return found


def _position(wanted: Any, names: list[Any]) -> int:
    if wanted in names:
        return names.index(wanted)
    if isinstance(wanted, (int, np.integer)) and 0 <= wanted < len(names):
        return int(wanted)
    raise ValueError(
        f"columns must hold names out of {names} or positions below {len(names)}; got {short(wanted)}."
    )


def times_of_rows(panel: Panel) -> Any:
    """Positions of the rows on the axis of one sequence: its times or numbers, else the row numbers."""
    index = None if len(panel.offsets) > 2 else panel.last_index
    return axis_of(index, len(panel.rows))


def axis_of(index: Any, n_rows: int) -> Any:
    """Positions of rows with such an index on the axis: its times or numbers, else the row numbers."""
    rows = np.arange(n_rows)
    if index is None or not index.is_monotonic_increasing:
        return rows
    if hasattr(index, "to_timestamp"):  # matplotlib knows no periods
        index = index.to_timestamp()
    if hasattr(index, "total_seconds"):  # nor durations
        return np.asarray(index.total_seconds())
    plain = getattr(index.dtype, "kind", "O") in "Miuf" or index.inferred_type in (
        "date",
        "datetime",
    )
    return index if plain and not index.hasnans else rows


def eigenvalues(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of A on the complex plane, with the unit circle.

    Parameters
    ----------
    model : fitted LinearGaussianSSM, LinearGaussianParams, or dict of these by name
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
    """
    models = model if isinstance(model, dict) else {"": model}
    for one in models.values():
        kind = "a fitted LinearGaussianSSM, LinearGaussianParams or a dict of these"
        style.require(getattr(one, "params_", one), kind, "A")
    ax = style.single(ax, (4.2, 4.2))
    looks = style.marks(models)
    angle = np.linspace(0, 2 * np.pi, 361)
    ax.plot(np.cos(angle), np.sin(angle), color=style.PALE, linewidth=1)
    ax.axhline(0, color=style.PALE, linewidth=0.5)
    ax.axvline(0, color=style.PALE, linewidth=0.5)
    for name, one in models.items():
        poles = np.linalg.eigvals(getattr(one, "params_", one).A)
        ax.scatter(
            poles.real,
            poles.imag,
            s=42,
            facecolor="none",
            linewidth=1.5,
            edgecolor=looks[name]["color"],
            marker=looks[name]["marker"],
            label=style.plain(name) if name else None,
        )
    ax.set_aspect("equal")
    style.legend(ax)
    return style.dress(ax, "real part", "imaginary part")


def _observed_band(
    model: Any, X: SeriesLike, inputs: SeriesLike | None, lengths: Sequence[int] | None
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the value at each row given, (T, D), given everything observed."""
    C, R, d, D = (getattr(model.params_, name) for name in "CRdD")
    means, covariances, _ = model.smooth(X, inputs=inputs, lengths=lengths)
    if isinstance(means, list):
        means, covariances = np.concatenate(means), np.concatenate(covariances)
    variance = np.einsum("ij,tjk,ik->ti", C, covariances, C) + np.diag(R)
    expected = np.asarray(means) @ C.T + d
    if D is not None:
        panel = check_inputs(inputs, check_series(X, lengths), model.input_names_in_)
        expected += panel.inputs[panel.rows] @ D.T
    return expected, np.sqrt(variance)


def tidy_dates(ax: Axes, time: Any) -> None:
    """Shorten dates, where the axis has dates at all."""
    if getattr(time, "dtype", np.dtype(float)).kind == "M":
        from matplotlib.dates import ConciseDateFormatter

        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
