"""Plots of a comparison: how the runs went and where they ended."""

import numpy as np

from tsinit._plots import style
from tsinit._validate import check_choice
from tsinit.comparison.analysis.tables import end_tolerance, usable


def traces(comparison, *, dataset=None, model=None, gap=True, x="iterations", ax=None):
    """Draw the path of every run, and the median path of each strategy.

    Parameters
    ----------
    comparison : Comparison
    dataset, model : str, optional
        Which ones; without them every data set x model gets a panel.
    gap : bool
        Draw the distance to the best known end on a logarithmic axis, better upwards; False draws the
        objective itself.
    x : {"iterations", "seconds"}
        What to draw against; seconds include the time of the start.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes
    """
    check_choice("x", x, ("iterations", "seconds"))
    cells, axes = panels_of(comparison, dataset, model, ax, (5.2, 3.7))
    looks = style.marks(comparison.runs["strategy"])
    for (name, objective, runs), panel in zip(cells, axes, strict=True):
        wide = _paths(comparison.traces, runs, x)
        best, floor = _best(runs), _floor(runs)
        for strategy, paths in wide.items():
            if not paths:
                continue
            look = {key: looks[strategy][key] for key in ("color", "linestyle")}
            draw = [(t, np.maximum(best - y, floor) if gap else y) for t, y in paths]
            for t, y in draw:
                panel.plot(
                    t, y, color=look["color"], linewidth=0.7, alpha=0.3, rasterized=len(runs) > 200
                )
            panel.plot(*_median_path(draw), linewidth=2.2, label=strategy, **look)
        _scale(panel, runs, gap, floor)
        unit = "iteration" if x == "iterations" else "seconds, start included"
        what = "nats below the best known end" if gap else objective
        style.dress(panel, unit, what, name)
        style.legend(panel)
    return style.one_or_all(axes)


def strip(comparison, *, dataset=None, model=None, ax=None):
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
    strategies = list(dict.fromkeys(comparison.runs["strategy"]))
    cells, axes = panels_of(comparison, dataset, model, ax, (5.2, 1.1 + 0.42 * len(strategies)))
    looks = style.marks(strategies)
    for (name, objective, runs), panel in zip(cells, axes, strict=True):
        for row, strategy in enumerate(strategies):
            ends = _ends(runs, strategy)
            # Fixed offsets instead of random ones: the same table gives the same picture.
            height = row + 0.22 * np.sin(2.4 * np.arange(ends.size))
            panel.scatter(
                ends,
                height,
                s=26,
                alpha=0.75,
                edgecolor="white",
                linewidth=0.4,
                color=looks[strategy]["color"],
                marker=looks[strategy]["marker"],
            )
            if ends.size:
                panel.plot(
                    [np.median(ends)] * 2, [row - 0.36, row + 0.36], color=style.INK, linewidth=2
                )
        panel.set_yticks(range(len(strategies)), [_with_failures(runs, s) for s in strategies])
        panel.set_ylim(len(strategies) - 0.4, -0.6)
        panel.locator_params(axis="x", nbins=5)  # long names leave little room for numbers
        panel.grid(axis="x", color=style.PALE, linewidth=0.5)
        panel.set_axisbelow(True)
        style.dress(panel, f"final {objective} (line: median)", "", name)
    return style.one_or_all(axes)


def waterfall(comparison, *, dataset=None, model=None, ax=None):
    """Draw the final objectives of each strategy from best to worst: plateaus are distinct end points.

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
    cells, axes = panels_of(comparison, dataset, model, ax, (5.2, 3.4))
    looks = style.marks(comparison.runs["strategy"])
    for (name, objective, runs), panel in zip(cells, axes, strict=True):
        for strategy, look in looks.items():
            ends = np.sort(_ends(runs, strategy))[::-1]
            if ends.size:
                panel.plot(
                    np.arange(1, ends.size + 1),
                    ends,
                    markersize=5,
                    linewidth=1.2,
                    label=strategy,
                    **look,
                )
        panel.xaxis.get_major_locator().set_params(integer=True)
        style.dress(panel, "runs, best first", f"final {objective}", name)
        style.legend(panel)
    return style.one_or_all(axes)


def panels_of(comparison, dataset, model, ax, size):
    """Choose the data sets and models to draw, with a panel for each: [(name, objective, runs)], [Axes]."""
    style.require_comparison(comparison)
    runs = comparison.runs
    for column, wanted in (("dataset", dataset), ("model", model)):
        if wanted is not None and wanted not in set(runs[column]):
            raise ValueError(
                f"{column} must be one of {sorted(set(runs[column]))}; got {wanted!r}."
            )
        runs = runs if wanted is None else runs[runs[column] == wanted]
    cells = list(runs.groupby(["dataset", "model"], sort=False))
    if ax is not None and len(cells) > 1:
        raise ValueError(
            f"ax must go with one data set and model; got {len(cells)}. Name them by dataset= and model=."
        )
    several_models = runs["model"].nunique() > 1
    words = comparison.about.objectives
    named = [
        (f"{key[0]}, {key[1]}" if several_models else key[0], words[key[1]], cell)
        for key, cell in cells
    ]
    return named, [style.single(ax, size)] if len(cells) == 1 else list(
        style.panels(len(cells), size)
    )


def _ends(runs, strategy):
    """Final objectives of the runs that did not fail."""
    return usable(runs[runs["strategy"] == strategy])["objective_final"].to_numpy(dtype=float)


def _best(runs):
    """The best known end, or where no run has one the highest point that any reached."""
    done = usable(runs)
    last = (done if len(done) else runs)["objective_final"]
    return last[np.isfinite(last)].max()


def _with_failures(runs, strategy):
    own = runs[runs["strategy"] == strategy]
    failed = len(own) - len(usable(own))
    return f"{style.fold(strategy)}\n({failed} failed)" if failed else style.fold(strategy)


def _paths(traces, runs, x):
    """Arrange the traces as {strategy: [(t, objective), ...]}."""
    by_run = dict(list(traces.groupby("run_id", sort=False)))
    paths: dict[str, list] = {strategy: [] for strategy in dict.fromkeys(runs["strategy"])}
    for run in runs.itertuples():
        if run.run_id in by_run:
            trace = by_run[run.run_id]
            t = trace["iteration"] if x == "iterations" else trace["seconds"] + run.init_seconds
            y = trace["objective"].to_numpy(dtype=float)
            finite = np.isfinite(y)
            if finite.any():
                paths[run.strategy].append((t.to_numpy(dtype=float)[finite], y[finite]))
    return paths


def _median_path(paths):
    """Median over runs at each point; a run that has ended stays where it is."""
    grid = np.unique(np.concatenate([t for t, _ in paths]))
    if grid.size > 400:
        grid = np.linspace(grid[0], grid[-1], 400)
    rows = [np.interp(grid, t, y) for t, y in paths]
    start = max(t[0] for t, _ in paths)  # before the last start is there, no median is
    return grid[grid >= start], np.median(rows, axis=0)[grid >= start]


def _floor(runs):
    """Where the logarithmic axis ends: differences below this are the same end."""
    best = _best(runs)
    return end_tolerance(best) if np.isfinite(best) else 1.0


def _scale(panel, runs, gap, floor):
    if gap:
        from matplotlib.ticker import FuncFormatter, NullFormatter

        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_ylim(bottom=0.7 * floor)
        panel.invert_yaxis()
        panel.axhline(floor, color=style.PALE, linewidth=0.8, zorder=0)
    else:
        ends = usable(runs)["objective_final"]
        if len(ends):
            # Starts can lie so far below that the ends become one line: show the ends and as much again.
            spread = max(np.ptp(ends), 10 * floor)
            panel.set_ylim(ends.min() - 1.5 * spread, ends.max() + 0.1 * spread)
