"""Plot of imputed series: what was observed, and what the gaps may have held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._plots import style
from tsinit._plots.fits import tidy_dates
from tsinit._plots.gap_lines import gaps, joined, lone_gaps, lone_values
from tsinit._plots.imputed_classes import KEY_SHADES, MOST_PROBABLE, PROBABILITY, draw_classes
from tsinit._plots.imputed_limits import ABOVE, BELOW, BETWEEN, draw_limits
from tsinit._plots.imputed_rows import (
    ImputedColumn,
    RowWindow,
    posterior_of,
    shown_columns,
    spread,
    window_of,
)
from tsinit._plots.thin import MAX_POINTS, outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsinit.models import TBayesMICE

#: Rows beyond which a mark for each would only be ink.
_MANY_ROWS = 400
#: Sequences beyond which lines between them would cover what they hold.
_MANY_EDGES = 60
#: Inches of a letter of a legend, of a mark with the space around it, and of what stands left of an Axes.
_LETTER, _MARK, _AXIS = 0.062, 0.4, 0.6
#: Shares of colour in the widest and in the narrowest of several bands; the rest is white.
PALEST, DEEPEST = 0.28, 0.5


def imputed(
    model: TBayesMICE,
    *,
    columns: Any = None,
    start: Any = None,
    end: Any = None,
    sequence: Any = None,
    levels: float | Sequence[float] = (0.5, 0.9),
    n_draws: int = 0,
    max_points: int = MAX_POINTS,
    ax: Axes | None = None,
) -> Any:
    """Draw the columns that had gaps: what was observed, and in the gaps the posterior mean with its bands.

    A band holds the value of each step with the probability that is named. In a gap of a column of classes, the line
    goes through the most probable class, and every class is shaded the darker, the more probable it is. A cell of which
    a limit is known has it as a tick with an arrow to where the value lies, or as a bracket around it, beside the mean
    and the bands of what it may have been. Several sequences are drawn one after the other, over row numbers, unless
    one is named.

    Parameters
    ----------
    model : fitted TBayesMICE
    columns : list, optional
        Which columns, by name or position; those with gaps without it.
    start, end : time or number, optional
        First and last to draw, as the horizontal axis counts: dates may be strings such as "2004-04", which is the
        whole month.
    sequence : label or int, optional
        One of several sequences, by its label in the index or by its number.
    levels : float or sequence of float
        Probabilities of the bands; columns of classes have none.
    n_draws : int
        Completed series to draw as thin lines.
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
        A column or sequence is not there, no row lies between `start` and `end`, a level is no probability, there
        are fewer draws, or `ax` is given with several columns.
    """
    posterior = posterior_of(model)
    levels = sorted(
        _validate.check_number("level", level, above=0.0, below=1.0)
        for level in np.atleast_1d(np.asarray(levels, dtype=object)).tolist()
    )
    n_draws = _validate.check_count("n_draws", n_draws, 0)
    names, shown = posterior.names, shown_columns(posterior, columns)
    style.require_one_column(ax, len(shown))
    window = window_of(posterior, sequence, start, end)
    axes = style.column_panels(ax, len(shown), (7.0, 2.6), (7.0, 1.7))
    for j, one in zip(shown, axes, strict=True):
        column, few = ImputedColumn(posterior, j, window.rows), len(window.rows) < _MANY_ROWS
        if column.levels:
            draw_classes(one, column, window, n_draws, max_points, few)
        else:
            _draw(one, column, window, _Lines(levels, n_draws, max_points, few))
            draw_limits(one, column, window, max_points)
        style.dress(one, "", str(names[j]))
    for one in axes:
        for t in window.edges if len(window.edges) <= _MANY_EDGES else ():
            one.axvline(t, color=style.INK, linewidth=0.8, linestyle=":")
        one.margins(x=0.01)
    _legend(axes)
    axes[-1].set_xlabel(style.plain(window.name), color=style.INK)
    tidy_dates(axes[-1], window.time)
    axes[0].figure.align_ylabels(axes)
    return style.one_or_all(axes)


class _Lines(NamedTuple):
    """What to draw of a column."""

    levels: list[float]  # of bands
    n_draws: int
    max_points: int
    few: bool  # rows, so that each has a mark


def _draw(ax: Axes, column: ImputedColumn, window: RowWindow, lines: _Lines) -> None:
    """Draw one column; bands and lines of a gap reach to the observed values beside it."""
    levels, n_draws, max_points, few = lines
    draws, time = column.draws, window.time
    mean, bands = column.filled(draws.mean(axis=0)), [column.band(level) for level in levels]
    paths = [column.filled(values) for values in spread(draws, n_draws, "n_draws")]
    t, join = joined(time, gaps(column.y, window.pieces))
    for level, (low, high), shade in zip(
        levels[::-1], bands[::-1], _shades(len(levels)), strict=True
    ):
        lower, upper, label = join(low), join(high), f"{100 * level:g} % band"
        kept = np.union1d(outline(lower, max_points), outline(upper, max_points))
        lower, upper, there = lower[kept], upper[kept], np.isfinite(lower[kept])
        ax.fill_between(t[kept], lower, upper, where=there, color=shade, linewidth=0, label=label)
        lone = lone_gaps(column.y, window.pieces)  # nothing is beside them: a band has no width
        lone = lone[outline(high[lone], max_points)]
        ax.vlines(time[lone], low[lone], high[lone], color=shade, linewidth=3)
    for k, path in enumerate(paths):
        kept = outline(join(path), max_points)
        ax.plot(
            t[kept],
            join(path)[kept],
            color=style.COLOURS[2],
            linewidth=0.6,
            alpha=0.7,
            label=None if k else "draws",
        )
    kept = outline(join(mean), max_points)
    ax.plot(
        t[kept], join(mean)[kept], color=style.COLOURS[1], linewidth=1.2, label="posterior mean"
    )
    t, join = joined(time, window.pieces)
    look: dict[str, Any] = {"marker": "o" if few else "", "markersize": 2.2}
    kept = outline(join(column.y), max_points)
    seen = join(column.y)[kept]
    ax.plot(t[kept], seen, color=style.INK, linewidth=0.8, label="observed", **look)
    if not few:  # what stands alone between gaps has no line
        alone = lone_values(~np.isnan(column.y), window.pieces)
        alone = alone[outline(column.y[alone], max_points)]
        ax.plot(
            time[alone], column.y[alone], linestyle="", marker=".", markersize=2, color=style.INK
        )
    cells = column.cells if few else lone_gaps(column.y, window.pieces)
    cells = cells[outline(mean[cells], max_points)]
    ax.plot(time[cells], mean[cells], linestyle="", marker="o", markersize=3.2 if few else 2, markerfacecolor="white",
            markeredgecolor=style.COLOURS[1], markeredgewidth=0.9)  # fmt: skip


def _shades(n: int) -> list[tuple[float, ...]]:
    """Colours of bands from the widest to the narrowest: opaque, so that the legend shows what is drawn."""
    blue = np.array([int(style.COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)]) / 255
    shares = np.linspace(PALEST, DEEPEST if n > 1 else PALEST, n)
    return [tuple((1 - share * (1 - blue)).tolist()) for share in shares]


#: The shades of two bands as ``#rrggbb``, the wider first.
SHADES = ["#" + "".join(f"{round(255 * one):02x}" for one in shade) for shade in _shades(2)]


def _legend(axes: Sequence[Axes]) -> None:
    """Name each kind of mark once, above the first of the Axes."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.patches import Patch

    once: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True)) | once
    if PROBABILITY in once:  # several shades: more is darker
        shade: dict[str, Any] = {"facecolor": style.COLOURS[0], "linewidth": 0}
        once[PROBABILITY] = tuple(Patch(alpha=alpha, **shade) for alpha in KEY_SHADES)
    bands = sorted((k for k in once if k.endswith("band")), key=_percent)
    order = ["observed", "posterior mean", MOST_PROBABLE, "draws", *bands, PROBABILITY]
    there = [name for name in [*order, BELOW, ABOVE, BETWEEN] if name in once]
    if there:
        axes[0].legend(
            [once[name] for name in there], there, frameon=False, fontsize="small", loc="lower left",
            bbox_to_anchor=(0, 1), borderpad=0, ncols=_n_columns(axes[0], there),
            columnspacing=1.0, handlelength=1.4, handler_map={tuple: HandlerTuple(None, pad=0)},
        )  # fmt: skip


def _n_columns(ax: Axes, names: list[str]) -> int:
    """Entries of a line of a legend, so that it is no wider than its Axes."""
    figure: Any = ax.figure
    room = figure.get_figwidth() * ax.get_position().width
    if figure.get_layout_engine() is not None:  # which will give the Axes all there is
        room = max(room, figure.get_figwidth() - _AXIS)
    wide = np.array([_LETTER * len(name) + _MARK for name in names])
    for n in range(len(names), 1, -1):  # filled column by column
        if sum(part.max() for part in np.array_split(wide, n)) <= room:
            return n
    return 1


def _percent(label: str) -> float:
    return float(label.partition(" ")[0])
