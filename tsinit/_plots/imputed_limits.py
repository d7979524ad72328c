"""Marks of cells of which a limit is known: where the limit lies, and on which side of it the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.gap_lines import joined
from tsinit._plots.thin import outline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from tsinit._plots.imputed_rows import ImputedColumn, RowWindow
    from tsinit._typing import FloatArray, IntArray

#: What the marks are called.
BELOW, ABOVE, BETWEEN = "below this limit", "above this limit", "between these limits"
COLOUR = style.COLOURS[3]
#: Size of a mark, the distance of two, and of the tick that each limit has, in points.
_SIZE, _APART, _TICK = 11.0, 7.0, 3.5


def draw_limits(ax: Axes, column: ImputedColumn, window: RowWindow, max_points: int) -> None:
    """Draw the limits of censored cells: a tick with an arrow to where the value lies, or a bracket around it.

    Where cells are close to one another, only some have the arrow; a line along the limit joins those of a run.

    Parameters
    ----------
    ax : matplotlib Axes
    column : ImputedColumn
    window : RowWindow
    max_points : int
        Of a line.
    """
    rows, low, high = column.limits
    below, above = np.isinf(low), np.isinf(high)
    between = ~below & ~above
    sides = (below, (high,), BELOW), (above, (low,), ABOVE), (between, (low, high), BETWEEN)
    for mine, ends, name in sides:
        if not mine.any():
            continue
        own, drawn = rows[mine], [end[mine] for end in ends]
        for end in drawn:
            line = np.full(len(window.rows), np.nan)
            line[own] = end
            t, join = joined(window.time, _runs(own, window.pieces))
            kept = outline(join(line), max_points)
            ax.plot(t[kept], join(line)[kept], color=COLOUR, linewidth=1.0, marker="_", markersize=_TICK,
                    zorder=1.5)  # fmt: skip
        marked = _apart(ax, np.asarray(ax.convert_xunits(window.time), dtype=float), own)
        _mark(ax, window.time[own[marked]], [end[marked] for end in drawn], name)


def mark_of(name: str) -> Any:
    """Return the mark, a matplotlib Path: a tick with an arrow that begins at it, or a bracket."""
    from matplotlib.path import Path

    move, line = Path.MOVETO, Path.LINETO
    if name == BETWEEN:
        corners = [(-0.4, -1.0), (0.4, -1.0), (0.0, -1.0), (0.0, 1.0), (-0.4, 1.0), (0.4, 1.0)]
        return Path(corners, [move, line, move, line, move, line])
    to = -1.0 if name == BELOW else 1.0
    # The arrow stands to the left of the cell, for there its mean and bands are.
    tick, shaft = [(-1.0, 0.0), (0.4, 0.0)], [(-0.7, 0.0), (-0.7, to)]
    head = [(-1.0, 0.6 * to), (-0.7, to), (-0.4, 0.6 * to)]
    return Path([*tick, *shaft, *head], [move, line, move, line, move, line, line])


def _mark(ax: Axes, t: Any, ends: list[FloatArray], name: str) -> None:
    look: dict[str, Any] = {
        "color": COLOUR, "linestyle": "", "markeredgewidth": 1.1, "markerfacecolor": "none", "zorder": 2.1,
    }  # fmt: skip
    if len(ends) == 1:
        ax.plot(t, ends[0], marker=mark_of(name), markersize=_SIZE, label=name, **look)
        return
    ax.vlines(t, ends[0], ends[1], color=COLOUR, linewidth=1.1, zorder=1.6)
    for end in ends:
        ax.plot(t, end, marker="_", markersize=0.5 * _SIZE, **look | {"zorder": 1.6})
    # What the legend shows: drawn brackets are as high as their limits are apart.
    ax.plot(t[:0], ends[0][:0], marker=mark_of(name), markersize=_SIZE, label=name, **look)


def _runs(rows: IntArray, pieces: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs (a, b) of these rows that follow one another."""
    first = np.zeros(pieces[-1][1] + 1, dtype=bool)
    first[[a for a, _ in pieces]] = True
    starts = np.flatnonzero((np.diff(rows, prepend=-2) != 1) | first[rows])
    for i, j in zip(starts, [*starts[1:], len(rows)], strict=True):
        yield int(rows[i]), int(rows[j - 1]) + 1


def _apart(ax: Axes, places: FloatArray, rows: IntArray) -> IntArray:
    """Choose those of these rows that are far enough apart for a mark each."""
    figure: Any = ax.figure
    points = 72.0 * figure.get_figwidth() * ax.get_position().width
    least = _APART / points * float(np.ptp(places))
    chosen, last = [], -np.inf
    for i, place in enumerate(places[rows]):
        if place >= last + least:
            chosen.append(i)
            last = place
    return np.array(chosen, dtype=int)
