"""Plots of segmentations: the series with its regimes, and several strips below each other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate
from tsinit._plots import style
from tsinit._plots.fits import positions, tidy_dates, times_of_rows
from tsinit._plots.thin import MAX_POINTS, outline, pieces_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray, SeriesLike
    from tsinit._validate.series import Panel

#: Colours of states; black is left out, for it would read as an axis. Further states have hatches.
_COLOURS = style.COLOURS[:6]
_HATCHES = (None, "////", "....", "xxxx", "\\\\\\\\")
#: Steps beyond which marks of single ones, or probabilities of each, would only be ink.
_MANY_STEPS = 400
MAX_COLUMNS = 2000


def segmentation(
    model: Any,
    X: SeriesLike | None = None,
    *,
    lengths: Sequence[int] | None = None,
    columns: Sequence[Any] | None = None,
    max_points: int = MAX_POINTS,
    ax: Axes | None = None,
) -> Any:
    """Draw a series with its regimes as bands of colour, and below how probable each regime is.

    Thick lines are the posterior means of the regimes. Several sequences are drawn one after the other, over
    row numbers.

    Parameters
    ----------
    model : fitted InfiniteHMM or HiddenMarkovModel
        Or anything with ``labels_`` (T,) and ``probabilities_`` (T, K); ``observed_``, the data of its fit, and
        ``means_`` (K, D) are drawn where it has them.
    X : (T, D) array or DataFrame, Series, or list of those, optional
        The data of the fit; NaN where missing. Without it, ``observed_`` of the model.
    lengths : sequence of int, optional
        Rows of each sequence, where X is one table.
    columns : list, optional
        Which columns, by name or position; all without it.
    max_points : int
        Points of a line at most; a longer one keeps the lowest and the highest of each piece.
    ax : matplotlib Axes, optional
        For a single column, without its probabilities.

    Returns
    -------
    Axes or array of Axes
        One for each column, and the probabilities last.

    Raises
    ------
    ValueError
        If X is no series or not of the rows of the fit, a column is not there, or `ax` is given with several
        columns.
    """
    kind = "a fitted InfiniteHMM or HiddenMarkovModel"
    style.require(model, kind, "labels_", "probabilities_")
    labels, panel = np.asarray(model.labels_), _panel(model, X, lengths)
    if len(labels) != len(panel.rows):
        raise ValueError(f"X must hold the {len(labels)} rows of the fit; got {len(panel.rows)}.")
    names = list(panel.columns)
    shown = positions(columns, names)
    style.require_one_column(ax, len(shown))
    time, y = times_of_rows(panel), panel.y[panel.rows]
    starts = np.searchsorted(panel.rows, panel.offsets)
    edges = _edges(time)
    axes = _axes(ax, len(shown))
    for j, one in zip(shown, axes[: len(shown)], strict=True):
        for a, b in pairwise(starts):
            # Points show what stands alone between gaps; lines alone do where there are many.
            marker = "." if b - a < _MANY_STEPS else ""
            kept = a + outline(y[a:b, j], max(2, max_points * (b - a) // max(len(y), 1)))
            one.plot(
                time[kept],
                y[kept, j],
                color=style.INK,
                linewidth=0.8,
                marker=marker,
                markersize=4,
                zorder=3,
            )
        raster = len(find_runs(labels, starts)[0]) > min(MAX_COLUMNS, max_points)
        _bands(one, labels, edges, starts, _state_means(model, j, len(names)), raster)
        style.dress(one, "", str(names[j]))
    if ax is None:
        _probabilities(axes[-1], np.asarray(model.probabilities_), edges)
    for one in axes:
        for t in edges[starts[1:-1]]:
            one.axvline(t, color=style.INK, linewidth=0.8, linestyle=":")
        one.set_xlim(edges[0], edges[-1])
    style.legend_above(axes[0], ncols=10)
    tidy_dates(axes[-1], time)
    axes[0].figure.align_ylabels(axes)
    return style.one_or_all(axes)


def segmentations(
    labels: Mapping[str, ArrayLike], *, time: Any = None, ax: Axes | None = None
) -> Axes:
    """Draw several segmentations of the same steps below each other, as strips of colour.

    States of each are matched with those of the first by the steps they share (Hungarian algorithm), so that one
    colour is nearly one regime; states without a counterpart take the colours after those.

    Parameters
    ----------
    labels : dict of str to (T,) int
        By the name that stands beside the strip.
    time : (T,) array or index, optional
        Numbers or times of the steps; row numbers without it.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If it is no dict.
    ValueError
        If there is none, or they differ in length.
    """
    if not isinstance(labels, dict):
        raise TypeError(f"labels must be a dict of labels by name; got {type(labels).__name__}.")
    parts = {name: np.unique(np.asarray(z), return_inverse=True)[1] for name, z in labels.items()}
    sizes = sorted({z.size for z in parts.values()})
    if len(sizes) != 1 or sizes == [0]:
        raise ValueError(f"labels must be segmentations of the same steps; got lengths {sizes}.")
    time = np.arange(sizes[0]) if time is None else time
    if len(time) != sizes[0]:
        raise ValueError(f"time must have an entry for each of {sizes[0]} steps; got {len(time)}.")
    ax, edges = style.single(ax, (6.4, 0.7 + 0.3 * len(parts))), _edges(time)
    first = next(iter(parts.values()))
    for row, z in enumerate(parts.values()):
        z = _matched(z, first)
        a, b = find_runs(z)
        for k in np.unique(z):
            own = z[a] == k
            spans: Any = np.column_stack([edges[a[own]], edges[b[own]] - edges[a[own]]])
            dressed = {"linewidth": 0, "alpha": 0.75, "rasterized": len(a) > MAX_COLUMNS} | look(k)
            ax.broken_barh(spans, (row - 0.4, 0.8), **dressed)
    ax.set_yticks(range(len(parts)), list(map(style.plain, parts)))
    ax.set_ylim(len(parts) - 0.5, -0.5)
    ax.set_xlim(edges[0], edges[-1])
    style.dress(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if getattr(time, "dtype", np.dtype(float)).kind == "M":
        ax.xaxis_date()  # the strips themselves are in days
    tidy_dates(ax, time)
    return ax


def look(k: int) -> dict[str, Any]:
    """Face colour and hatch of state k, the same in every plot."""
    return {
        "facecolor": _COLOURS[k % len(_COLOURS)],
        "hatch": _HATCHES[k // len(_COLOURS) % len(_HATCHES)],
    }


def find_runs(labels: IntArray, starts: ArrayLike = (0,)) -> tuple[IntArray, IntArray]:
    """First step of each run and the step after its last; a run ends where its sequence ends."""
    first = np.union1d(np.flatnonzero(np.diff(labels)) + 1, np.asarray(starts)[:-1]).astype(int)
    first = np.union1d(first, [0])
    return first, np.append(first[1:], len(labels))


def _panel(model: Any, X: SeriesLike | None, lengths: Sequence[int] | None) -> Panel:
    if X is not None:
        return _validate.check_series(X, lengths)
    if not hasattr(model, "observed_"):
        raise ValueError(
            "X must be given for a model that does not keep the data of its fit; got None."
        )
    return model.observed_


def _axes(ax: Axes | None, n: int) -> list[Axes]:
    if ax is not None:
        return [ax]
    height = 1.5 if n > 1 else 2.0
    whole = (n * height + 1.1) / (n + 1)
    return list(style.panels(n + 1, (6.4, whole), sharex=True, height_ratios=[height] * n + [1.1]))


def _edges(time: Any) -> FloatArray:
    """Where each step begins and ends on the axis, (T + 1,): halfway to its neighbours."""
    if getattr(time, "dtype", np.dtype(float)).kind in "MO":
        from matplotlib.dates import date2num

        time = date2num(np.asarray(time))
    time = np.asarray(time, dtype=float)
    if len(time) == 1:
        return np.array([time[0] - 0.5, time[0] + 0.5])
    middle = (time[1:] + time[:-1]) / 2
    return np.concatenate([[2 * time[0] - middle[0]], middle, [2 * time[-1] - middle[-1]]])


def _matched(labels: IntArray, reference: IntArray) -> IntArray:
    """Name the states of a segmentation after those of another with which they share most steps."""
    from scipy.optimize import linear_sum_assignment

    shared = np.zeros((labels.max() + 1, reference.max() + 1), dtype=int)
    np.add.at(shared, (labels, reference), 1)
    own, other = linear_sum_assignment(shared, maximize=True)
    met = shared[own, other] > 0
    name = np.full(len(shared), -1)
    name[own[met]] = other[met]
    rest = np.flatnonzero(name < 0)
    name[rest] = shared.shape[1] + np.arange(len(rest))
    return name[labels]


def _bands(
    ax: Axes,
    labels: IntArray,
    edges: FloatArray,
    starts: ArrayLike,
    means: FloatArray | None,
    raster: bool,
) -> None:
    """Colour behind each run, and the mean of its state across it."""
    first, last = find_runs(labels, starts)
    states = np.unique(labels)
    for k in states:
        # Words in front of each of many numbers would not fit.
        name = f"state {k}" if k == states[0] or len(states) < 7 else str(k)
        own = labels[first] == k
        left, right = edges[first[own]], edges[last[own]]
        spans: Any = np.column_stack([left, right - left])
        ax.broken_barh(
            spans, (0, 1), transform=ax.get_xaxis_transform(), alpha=0.28,
            linewidth=0, zorder=0, label=name, rasterized=raster, **look(k),
        )  # fmt: skip
        if means is not None and np.isfinite(means[k]):
            height = np.full(left.size, means[k])
            ax.hlines(height, left, right, color=look(k)["facecolor"], linewidth=2, zorder=2)


def _state_means(model: Any, j: int, D: int) -> FloatArray | None:
    """Means of column j in each state; None where the model has none in the units of the data."""
    means = getattr(model, "means_", None)
    return means[:, j] if means is not None and np.shape(means)[1:] == (D,) else None


def draw_probabilities(ax: Axes, model: Any, X: SeriesLike, max_points: int) -> None:
    """Draw how probable each regime of a fitted model is at each step.

    Parameters
    ----------
    ax : matplotlib Axes
    model : fitted InfiniteHMM or HiddenMarkovModel
        Or anything with ``probabilities_`` (T, K).
    X : (T, D) array or DataFrame, Series, or list of those
        The data of the fit.
    max_points : int
        Pieces at most, over which probabilities are averaged.
    """
    time = times_of_rows(_panel(model, X, None))
    edges = _edges(time)
    if getattr(time, "dtype", np.dtype(float)).kind == "M":
        ax.xaxis_date()  # the edges are in days
    _probabilities(ax, np.asarray(model.probabilities_), edges, max_points)
    ax.set_xlim(edges[0], edges[-1])
    tidy_dates(ax, time)


def _probabilities(
    ax: Axes, probabilities: FloatArray, edges: FloatArray, max_pieces: int = MAX_COLUMNS
) -> None:
    """Stack the probabilities of the states; of long series, their means over equal pieces."""
    T, K = probabilities.shape
    cuts = pieces_of(T, max_pieces)
    pieces = np.add.reduceat(probabilities, cuts[:-1]) / np.diff(cuts)[:, None]
    tops = np.column_stack([np.zeros(len(pieces)), np.cumsum(pieces, axis=1)])
    for k in range(K):
        ax.stairs(
            tops[:, k + 1],
            edges[cuts],
            baseline=tops[:, k],
            fill=True,
            alpha=0.75,
            linewidth=0,
            **look(k),
        )
    ax.set_ylim(0, 1)
    style.dress(ax, "", "probability")
