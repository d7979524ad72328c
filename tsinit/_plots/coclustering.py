"""Plot of a segmentation: which steps belong together, and in how many of the draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate
from tsinit._plots import style
from tsinit._plots.segmentation import MAX_COLUMNS, find_runs, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from tsinit._typing import IntArray

#: Runs beyond which outlines of blocks cover what they mark.
_MANY_RUNS = 120


def coclustering(
    model: Any, *, labels: ArrayLike | None = None, max_rows: int = 600, ax: Axes | None = None
) -> Axes:
    """Draw how probable it is that two steps are in one regime, in the order of time.

    Outlines mark the runs of the estimate, strips at the top and on the right its states.

    Parameters
    ----------
    model : fitted InfiniteHMM, or (T, T) array
        A model has ``draws_.labels`` (chain, draw, T) and ``labels_`` (T,).
    labels : (T,) int, optional
        The estimate, where an array is given.
    max_rows : int
        Of longer series, so many steps are drawn, evenly spaced.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the array is not square, the labels are not as many, or `max_rows` is no count.
    """
    if hasattr(model, "fit"):
        style.require(model, "a fitted InfiniteHMM", "draws_", "labels_")
    max_rows = _validate.check_count("max_rows", max_rows, 2)
    together, labels, T = _together(model, labels, max_rows)
    ax = style.single(ax, (4.9, 4.2))
    image = ax.imshow(together, cmap="Greys", vmin=0, vmax=1, extent=(-0.5, T - 0.5, T - 0.5, -0.5),
                      interpolation="nearest")  # fmt: skip
    if labels is not None:
        _mark_runs(ax, labels)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, pad=0.08)
    bar.set_label("probability of one regime", color=style.INK)
    bar.outline.set_visible(False)
    return style.dress(ax, "row", "row")


def _together(
    model: Any, labels: ArrayLike | None, max_rows: int
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Matrix to draw, the estimate, and the number of steps."""
    if hasattr(model, "draws_"):
        from tsinit import partitions

        draws = np.asarray(model.draws_.labels)
        T = draws.shape[-1]
        matrix = partitions.coclustering(draws.reshape(-1, T), _spaced(T, max_rows))
        return matrix, np.asarray(model.labels_), T
    try:
        matrix = np.asarray(model, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"model must be a fitted InfiniteHMM or a square array; got {type(model).__name__}."
        ) from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(
            f"model must be a fitted model or a square array; got shape {matrix.shape}."
        )
    if labels is not None and np.shape(labels) != matrix.shape[:1]:
        raise ValueError(
            f"labels must be one for each of {len(matrix)} rows; got shape {np.shape(labels)}."
        )
    rows = _spaced(len(matrix), max_rows)
    return matrix[np.ix_(rows, rows)], None if labels is None else np.asarray(labels), len(matrix)


def _spaced(T: int, max_rows: int) -> IntArray:
    return np.unique(np.linspace(0, T - 1, min(T, max_rows)).round().astype(int))


def _mark_runs(ax: Axes, labels: IntArray) -> None:
    """Outline the runs on the diagonal, and put the states of the estimate along two sides."""
    from matplotlib.collections import PolyCollection

    first, last = find_runs(labels)
    a, b = first - 0.5, last - 0.5
    if len(first) <= _MANY_RUNS:
        blocks = np.array([(a, a), (b, a), (b, b), (a, b)]).transpose(2, 0, 1)
        outline = PolyCollection(
            list(blocks), facecolor="none", edgecolor=style.COLOURS[1], linewidth=0.9
        )
        ax.add_collection(outline)
    low, high = np.full(a.shape, 1.01), np.full(a.shape, 1.04)  # outside, as shares of the Axes
    strip = np.array([(a, low), (b, low), (b, high), (a, high)]).transpose(2, 0, 1)
    for k in np.unique(labels):
        own = strip[labels[first] == k]
        dressed = {
            "clip_on": False,
            "linewidth": 0,
            "rasterized": len(first) > MAX_COLUMNS,
        } | look(k)
        top = PolyCollection(list(own), transform=ax.get_xaxis_transform(), **dressed)
        right = PolyCollection(list(own[..., ::-1]), transform=ax.get_yaxis_transform(), **dressed)
        ax.add_collection(top, autolim=False)
        ax.add_collection(right, autolim=False)
