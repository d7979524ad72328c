"""Plots to judge an imputation by: how its chains mixed, and how the drawn values look beside the observed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate
from tsinit._plots import style
from tsinit._plots.imputed_rows import drawn_columns, posterior_of, shown_columns, spread
from tsinit._plots.thin import MAX_POINTS, outline
from tsinit._validate.kinds import class_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tsinit._typing import FloatArray
    from tsinit.models import TBayesMICE

#: R-hat below which chains count as agreed, and effective draws that quantiles need.
_AGREED, _ENOUGH = 1.05, 400
#: Missing cells from which the values of one completed table make a density.
_MIN_CELLS = 10
_POINTS = 200


def imputed_chains(model: TBayesMICE, *, columns: Any = None, ax: Axes | None = None) -> Any:
    """Draw the log density sweep by sweep, and below the mean of the drawn cells of each column; warm-up is shaded.

    Chains that agree lie over one another, without a trend, once the warm-up is over. Means are on the scale of the
    fit, on which columns are transformed and have standard deviation 1.

    Parameters
    ----------
    model : fitted TBayesMICE
    columns : list, optional
        Which columns, by name or position; those with gaps without it, an empty list for the log density alone.
    ax : matplotlib Axes, optional
        For the log density alone.

    Returns
    -------
    Axes or array of Axes

    Raises
    ------
    ValueError
        A column is not there or had no gap, or `ax` is given with columns.
    """
    posterior = posterior_of(model)
    rhat, names = drawn_columns(model)["rhat"], posterior.names
    alone = ax is not None if columns is None else len(columns) == 0
    shown = [] if alone else shown_columns(posterior, columns)
    shown = [j for j in shown if columns is not None or names[j] in rhat.index]
    wrong = [names[j] for j in shown if names[j] not in rhat.index]
    if wrong:
        raise ValueError(
            f"columns must name columns with drawn cells, {list(rhat.index)}; got {wrong[0]!r}."
        )
    if ax is not None and shown:
        raise ValueError(
            f"ax must go with the log density alone; got {len(shown)} columns. Use columns=[]."
        )
    size = (6.4, 1.7)
    axes = list(style.panels(1 + len(shown), size, sharex=True)) if ax is None else [ax]
    _trace(axes[0], model.trace_["log_density"], posterior.n_warmup)
    style.dress(axes[0], "", "log density (nats)")
    for j, panel in zip(shown, axes[1:], strict=True):
        means = model.trace_["imputed_mean"][..., posterior.drawn.index(j)]
        _trace(panel, means, posterior.n_warmup)
        style.dress(panel, "", f"{names[j]}\nmean drawn")
        panel.text(1.0, 1.0, f"R-hat {rhat[names[j]]:.2f}", transform=panel.transAxes, ha="right", va="bottom",
                   fontsize="small", color=style.INK)  # fmt: skip
    style.legend_above(axes[0], ncols=6)
    axes[-1].set_xlabel("sweep", color=style.INK)
    axes[0].figure.align_ylabels(axes)
    return style.one_or_all(axes)


def _trace(ax: Axes, chains: FloatArray, n_warmup: int) -> None:
    for c, values in enumerate(chains):
        kept = outline(np.asarray(values, dtype=float), MAX_POINTS // len(chains))
        look: dict[str, Any] = {"color": style.COLOURS[c % 7], "linewidth": 0.6, "alpha": 0.8}
        ax.plot(np.arange(len(values))[kept], values[kept], label=f"chain {c}", **look)
    style.shade_warmup(ax, n_warmup)
    ax.margins(x=0)
    style.compress(ax, chains)


def imputed_rhat(model: TBayesMICE, *, ax: Any = None) -> Any:
    """Draw R-hat and the effective sample size of every column with gaps, worst first.

    Lines mark where chains count as agreed (R-hat 1.05) and where quantiles are stable (400 effective draws).

    Parameters
    ----------
    model : fitted TBayesMICE
    ax : pair of matplotlib Axes, optional
        For R-hat, and for the effective sample size.

    Returns
    -------
    array of Axes

    Raises
    ------
    ValueError
        Nothing was drawn, or `ax` is no pair.
    """
    posterior_of(model)
    table = drawn_columns(model).sort_values("rhat", ascending=False, kind="stable")
    if table.empty:
        raise ValueError(
            "model must have drawn something; got a fit without gaps in columns that vary."
        )
    axes = _pair(ax, 1.1 + 0.28 * len(table))
    height = np.arange(len(table))
    for panel, name, line, label in (
        (axes[0], "rhat", _AGREED, "R-hat"),
        (axes[1], "ess", _ENOUGH, "effective draws"),
    ):
        values = table[name].to_numpy()
        good = values < line if name == "rhat" else values >= line
        panel.axvline(line, color=style.INK, linewidth=0.9, linestyle="--")
        for chosen, colour, marker in (
            (good, style.COLOURS[0], "o"),
            (~good, style.COLOURS[1], "X"),
        ):
            panel.plot(
                values[chosen],
                height[chosen],
                linestyle="",
                marker=marker,
                color=colour,
                markersize=6,
            )
        panel.grid(axis="y", color=style.PALE, linewidth=0.5)
        panel.set_yticks(height, list(map(style.plain, table.index)))
        panel.set_ylim(len(table) - 0.5, -0.5)
        style.dress(panel, label)
    axes[0].set_xlim(
        min(0.995, np.nanmin(table["rhat"])),
        max(1.06, 1.0 + 1.05 * (np.nanmax(table["rhat"]) - 1.0)),
    )
    axes[1].set_xlim(left=0)
    axes[1].tick_params(labelleft=ax is not None)
    return np.asarray(axes, dtype=object)


def _pair(ax: Any, height: float) -> list[Axes]:
    if ax is None:
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(1, 2, figsize=(7.0, height), layout="constrained")
        figure.patch.set_facecolor("white")
        return list(axes)
    axes = np.ravel(np.asarray(ax, dtype=object)).tolist()
    if len(axes) != 2:
        raise ValueError(
            f"ax must be a pair of Axes, for R-hat and effective draws; got {len(axes)}."
        )
    return axes


def imputed_density(
    model: TBayesMICE, *, columns: Any = None, n: int = 20, ax: Axes | None = None
) -> Any:
    """Draw the density of the observed values, and of those that were drawn for the gaps: a line a completed table.

    The two need not agree: what is missing may lie elsewhere. But what is drawn should look possible, and where it
    differs, the other columns or the season should say why. Where a column lacks few cells, all its draws are taken
    together. Of classes there are bars, the share of each among what was observed, and lines across them, its share
    in the gaps of a completed table.

    Parameters
    ----------
    model : fitted TBayesMICE
    columns : list, optional
        Which columns, by name or position; those with gaps without it.
    n : int
        Completed tables.
    ax : matplotlib Axes, optional
        For a single column.

    Returns
    -------
    Axes or array of Axes

    Raises
    ------
    ValueError
        A column is not there, there are fewer draws, or `ax` is given with several columns.
    """
    posterior = posterior_of(model)
    n = _validate.check_count("n", n)
    names, shown = posterior.names, shown_columns(posterior, columns)
    style.require_one_column(ax, len(shown))
    axes = (
        [style.single(ax, (5.2, 2.8))]
        if len(shown) == 1
        else list(style.panels(len(shown), (5.2, 2.1)))
    )
    for j, panel in zip(shown, axes, strict=True):
        y, draws = posterior.table.y[:, j], posterior.column_draws(j)
        observed = y[~np.isnan(y)]
        many, chosen = draws.shape[1] >= _MIN_CELLS, spread(draws, n, "n")
        sets = list(chosen) if many else [draws.ravel()]
        label = f"drawn for {draws.shape[1]} gaps" + ("" if many else ", all draws")
        look: dict[str, Any] = {"linewidth": 0.7, "alpha": 0.6} if many else {"linewidth": 1.5}
        look |= {"color": style.COLOURS[1], "label": label}
        if posterior.levels[j]:
            _shares(panel, observed, sets, posterior.levels[j], look)
        else:
            _densities(panel, observed, sets, look)
        style.dress(panel, str(names[j]), "share" if posterior.levels[j] else "density")
        _name_once(panel, above=bool(posterior.levels[j]))
    return style.one_or_all(axes)


def _densities(
    ax: Axes, observed: FloatArray, sets: list[FloatArray], look: dict[str, Any]
) -> None:
    grid = _grid(observed, sets)
    for values in sets:
        _line(ax, values, grid, **look)
    own: dict[str, Any] = {"color": style.COLOURS[0], "linewidth": 2.0}
    _line(ax, observed, grid, label=f"{observed.size} observed", **own)
    ax.set_ylim(bottom=0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _shares(
    ax: Axes,
    observed: FloatArray,
    sets: list[FloatArray],
    levels: Sequence[Any],
    look: dict[str, Any],
) -> None:
    """Bars of the classes observed, and a line across each for the share among what was drawn."""
    classes = np.arange(len(levels))
    for values in sets:
        if values.size:
            shares = _shares_of(values, len(levels))
            ax.hlines(shares, classes - 0.4, classes + 0.4, zorder=2.5, **look)
    shares = _shares_of(observed, len(levels))
    pale: dict[str, Any] = {"color": style.COLOURS[0], "alpha": 0.5, "width": 0.6}
    ax.bar(classes, shares, label=f"{observed.size} observed", **pale)
    ax.set_xticks(classes, [style.plain(class_text(level)) for level in levels])
    ax.set_ylim(bottom=0)


def _shares_of(codes: FloatArray, n: int) -> FloatArray:
    return np.bincount(codes.astype(int), minlength=n) / codes.size


def _grid(observed: FloatArray, sets: list[FloatArray]) -> FloatArray:
    values = np.concatenate([observed, *sets])
    low, high = values.min(), values.max()
    margin = 0.1 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, _POINTS)


def _line(ax: Axes, values: FloatArray, grid: FloatArray, **look: Any) -> None:
    """A density where there can be one, a mark at the value where there is but one."""
    if values.size == 0:
        return
    if values.size < 2 or np.ptp(values) == 0:
        ax.axvline(values[0], **look)
        return
    from scipy.stats import gaussian_kde

    ax.plot(grid, gaussian_kde(values)(grid), **look)


def _name_once(ax: Axes, above: bool = False) -> None:
    from matplotlib.patches import Patch

    handles, labels = ax.get_legend_handles_labels()
    once = dict(zip(reversed(labels), reversed(handles), strict=True))
    if once:
        place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2}
        legend = ax.legend(
            list(once.values()),
            list(once),
            frameon=False,
            fontsize="small",
            **place if above else {},
        )
        for mark in legend.legend_handles:
            if mark is not None and not isinstance(mark, Patch):
                mark.set(alpha=1.0, linewidth=1.6)
