"""Plots of a comparison: how the runs went and what they came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.thin import outline
from tsinit._validate import check_choice
from tsinit._validate.values import short
from tsinit.comparison.analysis.summary import best_first
from tsinit.comparison.analysis.tables import cells_of, optimum_tolerance, usable
from tsinit.comparison.report.display import cell_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from tsinit._typing import FloatArray
    from tsinit.comparison import Comparison

#: Runs of one start beyond which their points are small.
_FEW_RUNS = 20
#: Points of the thin lines of all runs together, and of each at least.
_ALL_POINTS, _MIN_POINTS = 8_000, 100


def traces(
    comparison: Comparison,
    *,
    dataset: str | None = None,
    model: str | None = None,
    gap: bool = True,
    x: str = "iterations",
    ax: Axes | None = None,
) -> Any:
    """Draw the path of every run, and the median path of each strategy; the warm-up of samplers is shaded.

    Parameters
    ----------
    comparison : Comparison
    dataset, model : str, optional
        Which ones; without them every data set x model gets a panel.
    gap : bool
        Draw the distance to the best known optimum on a logarithmic axis, better upwards; False draws the
        objective itself, on a scale that is compressed beyond the range of the second halves where starts lie far off.
    x : {"iterations", "seconds"}
        What to draw against; seconds include the time of the start.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes
    """
    check_choice("x", x, ("iterations", "seconds"))
    cells, axes = panels_of(comparison, dataset, model, ax, (6.4, 3.7))
    looks = style.marks(comparison.runs["strategy"])
    for (name, objective, runs), panel in zip(cells, axes, strict=True):
        wide = _paths(comparison.traces, runs, x)
        best, floor = _best(runs), _floor(runs)
        for strategy in best_first(runs):
            paths = wide[strategy]
            if not paths:
                continue
            look = {key: looks[strategy][key] for key in ("color", "linestyle")}
            draw = [(t, np.maximum(best - y, floor) if gap else y) for t, y in paths]
            for t, y in draw:
                kept = outline(y, max(_MIN_POINTS, _ALL_POINTS // len(runs)))
                thin: dict[str, Any] = {
                    "linewidth": 0.6,
                    "alpha": 0.35,
                    "rasterized": len(runs) > 200,
                }
                panel.plot(t[kept], y[kept], color=look["color"], **thin)
            # The median of draws is rough itself.
            width = 2.2 if gap else 1.2
            panel.plot(*_median_path(draw), linewidth=width, label=style.plain(strategy), **look)
        if gap:
            _scale_gaps(panel, floor)
        else:
            style.compress(panel, [y for paths in wide.values() for _, y in paths])
        if x == "iterations":
            style.shade_warmup(panel, _n_warmup(comparison, runs))
        unit = "iteration" if x == "iterations" else "seconds, start included"
        what = "nats below the best known optimum" if gap else objective
        style.dress(panel, unit, what, name)
        style.legend(panel)
    return style.one_or_all(axes)


def strip(
    comparison: Comparison,
    *,
    dataset: str | None = None,
    model: str | None = None,
    ax: Axes | None = None,
) -> Any:
    """Draw the final objective of every run, a row for each strategy, with the median.

    Parameters
    ----------
    comparison : Comparison
    dataset, model : str, optional
        Which ones; without them every data set x model gets a panel.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes
    """
    style.require_comparison(comparison)
    looks = style.marks(comparison.runs["strategy"])
    cells, axes = panels_of(comparison, dataset, model, ax, (5.2, 1.1 + 0.42 * len(looks)))
    for (name, objective, runs), panel in zip(cells, axes, strict=True):
        strategies = best_first(runs)
        every = usable(runs)["objective_final"].to_numpy(dtype=float)
        span = float(np.ptp(every)) if every.size else 0.0
        for row, strategy in enumerate(strategies):
            final = _final(runs, strategy)
            panel.scatter(
                final,
                row + _apart(final, 0.03 * span),
                s=26 if final.size <= _FEW_RUNS else 12,
                alpha=0.75,
                edgecolor="white",
                linewidth=0.4,
                color=looks[strategy]["color"],
                marker=looks[strategy]["marker"],
            )
            if final.size:
                # Behind the points, and longer than they reach.
                line: dict[str, Any] = {"color": style.INK, "linewidth": 1.2, "zorder": 1}
                panel.plot([np.median(final)] * 2, [row - 0.42, row + 0.42], **line)
        panel.set_yticks(range(len(strategies)), [_with_failures(runs, s) for s in strategies])
        panel.set_ylim(len(strategies) - 0.4, -0.6)
        panel.locator_params(axis="x", nbins=5)  # long names leave little space for numbers
        panel.grid(axis="x", color=style.PALE, linewidth=0.5)
        panel.set_axisbelow(True)
        style.dress(panel, f"final {objective} (line: median)", "", name)
    return style.one_or_all(axes)


def _apart(values: FloatArray, near: float) -> FloatArray:
    """Offsets that keep values beside each other apart, so that every point is seen: the same ones every time."""
    order, offsets = np.argsort(values, kind="stable"), np.zeros(len(values))
    new = np.flatnonzero(np.diff(values[order], prepend=-np.inf) > near)
    for group in np.split(order, new[new > 0]):
        if len(group) > 1:
            offsets[group] = np.linspace(-0.28, 0.28, len(group))
    return offsets


def waterfall(
    comparison: Comparison,
    *,
    dataset: str | None = None,
    model: str | None = None,
    ax: Axes | None = None,
) -> Any:
    """Draw the final objectives of each strategy from best to worst: plateaus are distinct optima.

    Parameters
    ----------
    comparison : Comparison
    dataset, model : str, optional
        Which ones; without them every data set x model gets a panel.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes
    """
    cells, axes = panels_of(comparison, dataset, model, ax, (6.4, 3.4))
    looks = style.marks(comparison.runs["strategy"])
    for (name, objective, runs), panel in zip(cells, axes, strict=True):
        for strategy in best_first(runs):
            look = looks[strategy]
            final = np.sort(_final(runs, strategy))[::-1]
            if final.size:
                panel.plot(
                    np.arange(1, final.size + 1),
                    final,
                    markersize=5,
                    linewidth=1.2,
                    label=style.plain(strategy),
                    **look,
                )
        locator: Any = panel.xaxis.get_major_locator()
        locator.set_params(integer=True)
        style.dress(panel, "runs, best first", f"final {objective}", name)
        style.legend(panel)
    return style.one_or_all(axes)


def panels_of(
    comparison: Comparison,
    dataset: str | None,
    model: str | None,
    ax: Axes | None,
    size: tuple[float, float],
) -> tuple[list[tuple[str, str, pd.DataFrame]], list[Axes]]:
    """Choose the data sets and models to draw, with a panel for each: [(name, objective, runs)], [Axes]."""
    style.require_comparison(comparison)
    runs = comparison.runs
    for column, wanted in (("dataset", dataset), ("model", model)):
        if wanted is not None and wanted not in set(runs[column]):
            raise ValueError(
                f"{column} must be one of {sorted(set(runs[column]))}; got {short(wanted)}."
            )
        runs = runs if wanted is None else runs[runs[column] == wanted]
    cells = cells_of(runs)
    if ax is not None and len(cells) > 1:
        raise ValueError(
            f"ax must go with one data set and model; got {len(cells)}. Name them by dataset= and model=."
        )
    objectives = comparison.about.objectives
    named = [(cell_name(runs, d, m), objectives[m], cell) for d, m, cell in cells]
    return named, [style.single(ax, size)] if len(cells) == 1 else list(
        style.panels(len(cells), size)
    )


def _final(runs: pd.DataFrame, strategy: str) -> FloatArray:
    """Final objectives of the runs that did not fail."""
    return usable(runs[runs["strategy"] == strategy])["objective_final"].to_numpy(dtype=float)


def _best(runs: pd.DataFrame) -> float:
    """The best known optimum, or where no run has one the highest point that any reached."""
    done = usable(runs)
    last = (done if len(done) else runs)["objective_final"]
    return last[np.isfinite(last)].max()


def _with_failures(runs: pd.DataFrame, strategy: str) -> str:
    own = runs[runs["strategy"] == strategy]
    failed = len(own) - len(usable(own))
    return f"{style.fold(strategy)}\n({failed} failed)" if failed else style.fold(strategy)


def _paths(
    traces: pd.DataFrame, runs: pd.DataFrame, x: str
) -> dict[str, list[tuple[FloatArray, FloatArray]]]:
    """Arrange the traces as {strategy: [(t, objective), ...]}."""
    by_run = dict(list(traces.groupby("run_id", sort=False)))
    paths: dict[str, list[tuple[FloatArray, FloatArray]]] = {
        str(strategy): [] for strategy in dict.fromkeys(runs["strategy"])
    }
    run: Any  # a row
    for run in runs.itertuples():
        if run.run_id in by_run:
            trace = by_run[run.run_id]
            t = trace["iteration"] if x == "iterations" else trace["seconds"] + run.init_seconds
            y = trace["objective"].to_numpy(dtype=float)
            finite = np.isfinite(y)
            if finite.any():
                paths[run.strategy].append((t.to_numpy(dtype=float)[finite], y[finite]))
    return paths


def _median_path(paths: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Median over runs at each point; a run that has ended stays where it is."""
    grid = np.unique(np.concatenate([t for t, _ in paths]))
    if grid.size > 400:
        grid = np.linspace(grid[0], grid[-1], 400)
    rows = [np.interp(grid, t, y) for t, y in paths]
    start = max(t[0] for t, _ in paths)  # before the last start is there, no median is
    return grid[grid >= start], np.median(rows, axis=0)[grid >= start]


def _floor(runs: pd.DataFrame) -> float:
    """Where the logarithmic axis stops: differences below this are the same optimum."""
    best = _best(runs)
    return optimum_tolerance(best) if np.isfinite(best) else 1.0


def _scale_gaps(panel: Axes, floor: float) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_ylim(bottom=0.7 * floor)
    panel.invert_yaxis()
    panel.axhline(floor, color=style.PALE, linewidth=0.8, zorder=0)


def _n_warmup(comparison: Comparison, runs: pd.DataFrame) -> int:
    """Iterations of the warm-up of the model of these runs, 0 where there is none or nobody knows."""
    return comparison.about.models[runs["model"].iloc[0]].n_warmup or 0
