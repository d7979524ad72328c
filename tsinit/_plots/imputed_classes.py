"""Panel of an imputed column of classes: a step line through the classes, and how probable each is in a gap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.gap_lines import gaps, joined, lone_gaps, lone_values
from tsinit._plots.imputed_rows import spread
from tsinit._plots.thin import outline, pieces_of
from tsinit._validate.kinds import class_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsinit._plots.imputed_rows import ImputedColumn, RowWindow
    from tsinit._typing import FloatArray, IntArray

#: What the marks are called.
MOST_PROBABLE, PROBABILITY = "most probable class", "probability of a class"
#: Opacity of the shade of a certain class, and of those that a key shows; less probable ones are not drawn.
_CERTAIN, KEY_SHADES, _LEAST = 0.75, (0.15, 0.45, 0.75), 0.02
#: Height of a shade; classes are 1 apart.
_HEIGHT = 0.8
#: Shades of a window at most.
_MAX_SHADES = 1200


def draw_classes(
    ax: Axes, column: ImputedColumn, window: RowWindow, n_draws: int, max_points: int, few: bool
) -> None:
    """Draw one column of classes: shades in its gaps, and lines with a step half-way between two rows.

    Parameters
    ----------
    ax : matplotlib Axes
    column : ImputedColumn
        Of a column with `levels`.
    window : RowWindow
    n_draws : int
        Completed series to draw as thin lines.
    max_points : int
        Of a line.
    few : bool
        Whether rows are so few that each has a mark.
    """
    time, y = window.time, column.y
    probability = column.class_shares
    best = column.filled(probability.argmax(axis=0).astype(float))
    # What was observed goes first: it tells the axis that there are dates.
    t, join = joined(time, window.pieces, before=True)
    steps: dict[str, Any] = {"drawstyle": "steps-mid"}
    _line(ax, t, join(y), max_points, **steps, color=style.INK, linewidth=0.8, label="observed", zorder=2.2,
          marker="o" if few else "", markersize=2.2)  # fmt: skip
    _shade(ax, column, window, probability)
    t, join = joined(time, gaps(y, window.pieces), before=True)
    for k, values in enumerate(spread(column.draws, n_draws, "n_draws")):
        look = {"color": style.COLOURS[2], "linewidth": 0.6, "alpha": 0.7}
        name = None if k else "draws"
        _line(ax, t, join(column.filled(values)), max_points, **steps, **look, label=name)
    look = {"color": style.COLOURS[1], "linewidth": 1.2, "label": MOST_PROBABLE}
    _line(ax, t, join(best), max_points, **steps, **look)
    if not few:
        lone = lone_values(~np.isnan(y), window.pieces)
        _line(ax, time[lone], y[lone], max_points, linestyle="", marker=".", markersize=2, color=style.INK)  # fmt: skip
    cells = column.cells if few else lone_gaps(y, window.pieces)
    _line(ax, time[cells], best[cells], max_points, linestyle="", marker="o", markersize=3.2 if few else 2,
          markerfacecolor="white", markeredgecolor=style.COLOURS[1], markeredgewidth=0.9)  # fmt: skip
    name_classes(ax, column.levels)


def name_classes(ax: Axes, levels: Sequence[Any]) -> None:
    """Write the names of the classes at the vertical axis, the first at the bottom."""
    names = [style.plain(class_text(level)) for level in levels]
    ax.set_yticks(range(len(names)), names, fontsize="small" if len(names) > 4 else None)
    ax.set_ylim(-0.6, len(names) - 0.4)


def _line(ax: Axes, t: Any, values: FloatArray, max_points: int, **look: Any) -> None:
    kept = outline(values, max_points)
    ax.plot(t[kept], values[kept], **look)


def _shade(ax: Axes, column: ImputedColumn, window: RowWindow, probability: FloatArray) -> None:
    """Shade the classes of every gap by how probable they are: the darker, the more."""
    from matplotlib.collections import PolyCollection

    if not column.cells.size:
        return
    places = np.asarray(ax.convert_xunits(window.time), dtype=float)
    half = _half_step(places, window.pieces)
    first = _groups(column.cells, len(places), len(probability))
    last = np.append(first[1:], len(column.cells)) - 1
    counts = last - first + 1
    left, right = places[column.cells[first]] - half, places[column.cells[last]] + half
    corners, alphas = [], []
    for k, own in enumerate(np.add.reduceat(probability, first, axis=1) / counts):
        shown = np.flatnonzero(own >= _LEAST)
        low, high = np.full((2, shown.size), [[k - _HEIGHT / 2], [k + _HEIGHT / 2]])
        a, b = left[shown], right[shown]
        corners.append(np.stack([[a, low], [b, low], [b, high], [a, high]]).transpose(2, 0, 1))
        alphas.append(_CERTAIN * own[shown])
    shades = PolyCollection(
        list(np.concatenate(corners)),
        facecolors=style.COLOURS[0],
        alpha=np.concatenate(alphas),
        linewidth=0,
        label=PROBABILITY,
        zorder=0.5,
    )
    ax.add_collection(shades, autolim=False)


def _half_step(places: FloatArray, pieces: list[tuple[int, int]]) -> float:
    """Half the usual distance of two rows that follow one another."""
    near = [np.diff(places[a:b]) for a, b in pieces if b - a > 1]
    return float(np.median(np.concatenate(near))) / 2 if near else 0.5


def _groups(cells: IntArray, n_rows: int, n_classes: int) -> IntArray:
    """Where among the cells each shade begins: one for every cell, or for a piece of the rows where they are many."""
    most = _MAX_SHADES // n_classes
    if len(cells) <= most:
        return np.arange(len(cells))
    piece = np.searchsorted(pieces_of(n_rows, most), cells, side="right")
    return np.flatnonzero(np.diff(piece, prepend=-1))
