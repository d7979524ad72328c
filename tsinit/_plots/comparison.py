"""Plots of what a comparison advises: how soon a target is reached, who beats whom, how many restarts pay."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.starts import panels_of
from tsinit._validate import check_choice
from tsinit.comparison.analysis import restarts, targets
from tsinit.comparison.analysis.checks import check_optima
from tsinit.comparison.analysis.summary import best_first, wide
from tsinit.comparison.analysis.tables import names_of, tolerance_in

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from tsinit._typing import FloatArray
    from tsinit.comparison import Comparison


def time_to_target(
    comparison: Comparison,
    *,
    dataset: str | None = None,
    model: str | None = None,
    target: float | dict[str, float] | None = None,
    x: str = "seconds",
    ax: Axes | None = None,
) -> Any:
    """Draw the share of runs that have reached the target by each time; runs that never do are censored.

    Parameters
    ----------
    comparison : Comparison
    dataset, model : str, optional
        Which ones; without them every data set x model gets a panel.
    target : float, dict of str to float by data set, or None
        None takes the best known optimum, less the tolerance within which optima are the same.
    x : {"seconds", "iterations"}
        What to draw against; seconds include the time of the start.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes
    """
    style.require_comparison(comparison)
    check_choice("x", x, ("seconds", "iterations"))
    if target is None:
        check_optima(comparison.runs)
    cells, axes = panels_of(comparison, dataset, model, ax, (6.4, 3.4))
    looks = style.marks(comparison.runs["strategy"])
    for (name, _, runs), panel in zip(cells, axes, strict=True):
        times = targets.reach_times(runs, comparison.traces, target)
        groups = dict(list(times.groupby("strategy", sort=False)))
        for strategy in (name for name in best_first(runs) if name in groups):
            group = groups[strategy]
            t, share = targets.arrival_curve(targets.waits(group, x), group["reached"])
            # From nothing at the left edge to where the last run was given up.
            left = (
                0.8 * times.loc[times[x] > 0, x].min() if x == "seconds" else 0.0
            )  # a logarithmic axis has no 0
            t = np.concatenate([[left], t, [times[x].max()]])
            look = {key: looks[strategy][key] for key in ("color", "linestyle")}
            arrived = np.concatenate([[0.0], share, [share[-1] if share.size else 0.0]])
            panel.step(t, arrived, where="post", linewidth=2.0, label=style.plain(strategy), **look)
        panel.set_ylim(-0.03, 1.03)
        if x == "seconds":
            _plain_log(panel)
        unit = "seconds, start included" if x == "seconds" else "iterations"
        style.dress(panel, unit, "share of runs at the target", name)
        style.legend(panel)
    return style.one_or_all(axes)


def pairs(
    comparison: Comparison,
    *,
    dataset: str | None = None,
    model: str | None = None,
    ax: Axes | None = None,
) -> Any:
    """Draw who beats whom: wins, ties and losses of each start (row) against each other (column), seed by seed.

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
    n_names = comparison.runs["strategy"].nunique()
    cells, axes = panels_of(comparison, dataset, model, ax, (5.2, 1.4 + 0.5 * n_names))
    for (name, _, runs), panel in zip(cells, axes, strict=True):
        names = best_first(runs)
        lead = np.full((len(names), len(names)), np.nan)
        for (strategy, rival), (wins, ties, losses) in win_tie_loss(runs).items():
            i, j = names.index(strategy), names.index(rival)
            n = wins + ties + losses
            lead[i, j] = (wins - losses) / n if n else 0.0
            text = f"{wins} / {ties} / {losses}"
            panel.text(j, i, text, ha="center", va="center", color=style.INK, fontsize="small")
        _tiles(panel, lead)
        panel.set_xticks(range(len(names)), map(style.fold, names), rotation=20, ha="right")
        panel.set_yticks(range(len(names)), map(style.fold, names))
        panel.set_xlim(-0.5, len(names) - 0.5)
        panel.set_ylim(len(names) - 0.5, -0.5)
        style.dress(panel, "wins / ties / losses\nof the row against the column", "", name)
    return style.one_or_all(axes)


def win_tie_loss(cell: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Count for every ordered pair of starts how often the first comes higher, from the same seed.

    Final objectives within the tolerance of an optimum tie. A run that failed loses to one that did not; seeds on which
    both failed are left out.

    Parameters
    ----------
    cell : DataFrame
        Runs of one data set and model.

    Returns
    -------
    dict of (str, str) to (int, int, int)
        Wins, ties and losses of the first strategy against the second.
    """
    final = wide(cell, "objective_final")
    tolerance = tolerance_in(final) if final.notna().any(axis=None) else 0.0
    counts = {}
    for strategy, rival in itertools.permutations(names_of(final), 2):
        both = final[[strategy, rival]].dropna(how="all").fillna(-np.inf)
        lead = (both[strategy] - both[rival]).to_numpy()
        wins, losses = int((lead > tolerance).sum()), int((lead < -tolerance).sum())
        counts[strategy, rival] = wins, len(lead) - wins - losses, losses
    return counts


def best_of(
    comparison: Comparison,
    *,
    dataset: str | None = None,
    model: str | None = None,
    x: str = "r",
    ax: Axes | None = None,
) -> Any:
    """Draw how far the best of r restarts is expected to stay below the best known optimum, with 95 % intervals.

    Parameters
    ----------
    comparison : Comparison
    dataset, model : str, optional
        Which ones; without them every data set x model gets a panel.
    x : {"r", "seconds"}
        Number of restarts, or what they cost.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes
    """
    style.require_comparison(comparison)
    check_choice("x", x, ("r", "seconds"))
    check_optima(comparison.runs)
    cells, axes = panels_of(comparison, dataset, model, ax, (6.4, 3.4))
    looks = style.marks(comparison.runs["strategy"])
    for (name, _, runs), panel in zip(cells, axes, strict=True):
        table = restarts.best_of(runs)
        finite = table[np.isfinite(table["expected_gap"])]
        groups = dict(list(finite.groupby("strategy", sort=False)))
        for strategy in (name for name in best_first(runs) if name in groups):
            group = groups[strategy]
            look = looks[strategy]
            shade = {"color": look["color"], "alpha": 0.12, "linewidth": 0}
            panel.fill_between(group[x], group["gap_low"], group["gap_high"], **shade)
            panel.plot(
                group[x],
                group["expected_gap"],
                markersize=4,
                linewidth=1.4,
                label=style.plain(strategy),
                **look,
            )
        if x == "seconds":
            _plain_log(panel)
        else:
            locator: Any = panel.xaxis.get_major_locator()
            locator.set_params(integer=True)
        panel.invert_yaxis()  # better is up, as in the other plots
        unit = "restarts" if x == "r" else "seconds, start included"
        style.dress(
            panel, unit, "expected best: nats below\nthe best known optimum (shade: 95 %)", name
        )
        style.legend(panel)
    return style.one_or_all(axes)


def _plain_log(panel: Axes) -> None:
    """Write 0.01 and not ten to the minus two."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not panel.lines:
        return
    panel.set_xscale("log")
    low, high = panel.get_xlim()
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high > 50.0 * low else (1.0, 2.0, 5.0)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _tiles(panel: Axes, lead: FloatArray) -> None:
    """Colour each field: blue for wins, orange for losses, the deeper the more."""
    from matplotlib.patches import Rectangle

    for (i, j), share in np.ndenumerate(lead):
        if share:  # a start against itself is not a number
            known = np.isfinite(share)
            colour = style.COLOURS[0 if share > 0 else 1] if known else style.PALE
            alpha = 0.6 * abs(share) if known else 0.2
            field: dict[str, Any] = {
                "facecolor": colour,
                "alpha": alpha,
                "linewidth": 0,
                "zorder": 0,
            }
            panel.add_patch(Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, **field))
