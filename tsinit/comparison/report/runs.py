"""The runs of a comparison in pictures, best start first, with one key for all pictures of a block."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from tsinit.comparison.analysis.summary import best_first
from tsinit.comparison.analysis.tables import cells_of, has_optima
from tsinit.comparison.report import page
from tsinit.comparison.report.display import cell_name

if TYPE_CHECKING:
    import pandas as pd

    from tsinit.comparison.result import Comparison

_SIZE = (4.6, 3.3)  # inches
_STRIP = "The final objective of each run, a point each; the line is the median."
_WATERFALL = "Final objectives from best to worst; a plateau is an optimum that several runs share."
_PATHS = "The way there: thin lines are runs, thick lines the medians of each strategy."
_TRACES = (
    "The way there: thin lines are runs, thick lines the medians of each start; the warm-up is shaded. Beyond the "
    "range of the second half the scale is compressed."
)
_RANKS = (
    "Ranks of the second halves of the runs among those of all starts: even at the dotted line where the starts have "
    "come to the same distribution."
)
_PAIRS = (
    "From the same seeds: how often the start in the row came higher than the one in the column, to the same, or "
    "lower."
)
_TIMES = "How soon runs reach the best known optimum; a curve that stays low misses it."
_RESTARTS = (
    "What restarts buy: the distance to the best known optimum that the best of several runs is expected to "
    "have."
)


def pictures(comparison: Comparison) -> str:
    """Draw the runs of each data set and model.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        HTML.
    """
    from tsinit._plots import keys

    blocks = ["<h2>Runs in pictures</h2>"]
    names = list(comparison.runs["strategy"])
    for dataset, model, cell in cells_of(comparison.runs):
        heading = html.escape(cell_name(comparison.runs, dataset, model))
        if cell["objective_final"].isna().all():  # empty axes would say nothing
            blocks.append(f"<h3>{heading}</h3><p>No run could be fitted.</p>")
            continue
        key = page.legend(keys.strategies(names, best_first(cell)))
        drawn, said = _of_cell(comparison, cell)
        blocks.append(f"<h3>{heading}</h3>{key}{said}{page.figures(drawn)}")
    return "".join(blocks)


def _of_cell(comparison: Comparison, cell: pd.DataFrame) -> tuple[list[str], str]:
    """Pictures of one data set and model, and what is said instead of one."""
    from matplotlib import pyplot as plt

    from tsinit import plots
    from tsinit._plots.comparison import win_tie_loss

    dataset, model = cell[["dataset", "model"]].iloc[0]
    optima, ties = has_optima(cell), win_tie_loss(cell)
    draws: dict[Any, str] = {plots.strip: _STRIP}
    if optima:
        draws |= {plots.traces: _PATHS, plots.waterfall: _WATERFALL}
    else:
        draws |= {plots.traces: _TRACES, plots.trace_ranks: _RANKS}
    decided = any(wins or losses for wins, _, losses in ties.values())
    draws |= {plots.pairs: _PAIRS} if decided else {}
    draws |= {plots.time_to_target: _TIMES, plots.best_of: _RESTARTS} if optima else {}
    drawn = []
    for draw, caption in draws.items():
        # A sampler's objective passes its own mean: there is no distance to an optimum to draw.
        more: dict[str, Any] = {"gap": False} if draw is plots.traces and not optima else {}
        # All of one size: pictures of different heights leave holes beside each other.
        figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
        draw(comparison, dataset=dataset, model=model, ax=ax, **more)
        ax.set_title("", loc="left")  # the heading says it
        drawn.append(page.figure(ax, caption, keys=False))
        plt.close(figure)
    return drawn, "" if decided else _all_equal(ties)


def _all_equal(ties: dict[tuple[str, str], tuple[int, int, int]]) -> str:
    n_seeds = max((n for _, n, _ in ties.values()), default=0)
    if not n_seeds:  # one start only, or no run could be fitted
        return ""
    seeds = page.number_of(n_seeds, "seed")
    return f"<p>From the same seeds all starts come to the same objective ({seeds}).</p>"
