"""Rank plots: whether several samples come from one distribution, by the ranks of each among all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.starts import panels_of
from tsinit.comparison.analysis.summary import best_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from tsinit._typing import FloatArray
    from tsinit.comparison import Comparison

_MAX_BINS, _MIN_PER_BIN = 20, 5


def trace_ranks(
    comparison: Comparison,
    *,
    dataset: str | None = None,
    model: str | None = None,
    ax: Axes | None = None,
) -> Any:
    """Draw how the second halves of the traces of each start rank among those of all starts.

    Lines are even, within chance, where the starts have come to the same distribution; one that is high to the left
    has seen lower values than the others.

    Parameters
    ----------
    comparison : Comparison
        Of samplers: runs that climb end at points.
    dataset, model : str, optional
        Which ones; without them every data set x model gets a panel.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner, Bayesian Analysis 16 (2021), p. 667-718, section 4.2.
    """
    cells, axes = panels_of(comparison, dataset, model, ax, (6.4, 3.4))
    looks = style.marks(comparison.runs["strategy"])
    by_run = dict(list(comparison.traces.groupby("run_id", sort=False)["objective"]))
    for (name, objective, runs), panel in zip(cells, axes, strict=True):
        halves = {}
        for strategy in best_first(runs):
            ids = runs.loc[runs["strategy"] == strategy, "run_id"]
            found = [by_run[i].to_numpy(dtype=float) for i in ids if i in by_run]
            halves[strategy] = np.concatenate([y[len(y) // 2 :] for y in found] or [np.zeros(0)])
        draw_ranks(panel, halves, looks)
        style.dress(panel, f"rank of the {objective}, low to high", "share, 1 if even", name)
        style.legend(panel)
    return style.one_or_all(axes)


def draw_ranks(
    ax: Axes, samples: Mapping[str, FloatArray], looks: Mapping[str, dict[str, Any]]
) -> None:
    """Draw the ranks of each sample among all, as the share in each of equal pieces relative to an even one.

    Parameters
    ----------
    ax : matplotlib Axes
    samples : dict of str to (n,) float
        By name; what is not finite is left out.
    looks : dict of str to dict
        As :func:`tsinit._plots.style.marks` gives them.
    """
    from scipy.stats import rankdata

    kept = {name: values[np.isfinite(values)] for name, values in samples.items()}
    kept = {name: values for name, values in kept.items() if values.size}
    if not kept:
        return
    sizes = [values.size for values in kept.values()]
    n_bins = int(np.clip(min(sizes) // _MIN_PER_BIN, 1, _MAX_BINS))
    ranks = (rankdata(np.concatenate(list(kept.values()))) - 0.5) / sum(sizes)
    for name, own in zip(kept, np.split(ranks, np.cumsum(sizes)[:-1]), strict=True):
        share = np.histogram(own, bins=n_bins, range=(0, 1))[0] / own.size * n_bins
        look = {key: looks[name][key] for key in ("color", "linestyle")}
        edges = np.linspace(0, 1, n_bins + 1)
        ax.stairs(share, edges, baseline=None, linewidth=1.6, label=style.plain(name), **look)
    ax.axhline(1.0, color=style.INK, linewidth=0.9, linestyle=":")
    ax.set_xlim(0, 1)
    ax.set_ylim(bottom=0)
