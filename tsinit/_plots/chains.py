"""Plots of a sampler: how its chains went, and how many states they found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.thin import outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

_NAMES = {
    "log_joint": "joint log density (nats)",
    "log_density": "log density (nats)",
    "n_states": "number of states",
    "alpha": "alpha",
    "gamma": "gamma",
    "rho": "rho",
}


def chains(model: Any, *, names: str | Sequence[str] | None = None, ax: Axes | None = None) -> Any:
    """Draw what a sampler recorded, sweep by sweep, a line for each chain; the warm-up is shaded.

    Parameters
    ----------
    model : fitted sampler
        With ``trace_``, a dict of (chain, sweep) arrays that begin with the start, ``n_tune`` sweeps of warm-up and,
        where chains stopped and were left out, ``stopped_`` with their numbers.
    names : sequence of str, optional
        Which records; each gets a panel. Without it, the log density and, where it is drawn, the number of states.
    ax : matplotlib Axes, optional
        For a single record.

    Returns
    -------
    Axes or array of Axes

    Raises
    ------
    ValueError
        If there is no such record, or `ax` is given with several.
    """
    style.require(model, "a fitted sampler, such as InfiniteHMM", "trace_")
    if names is None:
        names = [name for name in ("log_joint", "log_density", "n_states") if name in model.trace_]
    names = [names] if isinstance(names, str) else list(names)
    wrong = [name for name in names if name not in model.trace_]
    if wrong or not names:
        raise ValueError(f"names must be some of {list(model.trace_)}; got {wrong or names}.")
    if ax is not None and len(names) > 1:
        raise ValueError(f"ax must go with one record; got {len(names)}. Name one by names=[...].")
    size = (6.0, 1.9)
    axes = (
        [style.single(ax, size)]
        if len(names) == 1
        else list(style.panels(len(names), size, sharex=True))
    )
    n_tune = getattr(model, "n_tune", 0)
    stopped = getattr(model, "stopped_", {})
    n_chains = len(model.trace_[names[0]]) + len(stopped)
    numbers = [c for c in range(n_chains) if c not in stopped]
    looks = style.marks([f"chain {c}" for c in numbers])
    for name, panel in zip(names, axes, strict=True):
        for (label, line), values in zip(looks.items(), model.trace_[name], strict=True):
            sweep = np.arange(len(values))
            kept = outline(np.asarray(values, dtype=float))
            look = {"color": line["color"], "linewidth": 0.6, "alpha": 0.8, "label": label}
            panel.plot(sweep[kept], np.asarray(values)[kept], **look)
        style.shade_warmup(panel, n_tune)
        panel.margins(x=0)
        style.compress(panel, model.trace_[name])
        style.dress(panel, "", _NAMES.get(name, name))
        if name == "n_states":
            locator: Any = panel.yaxis.get_major_locator()
            locator.set_params(integer=True)
    style.legend_above(axes[0], ncols=6)
    axes[-1].set_xlabel("sweep", color=style.INK)
    axes[0].figure.align_ylabels(axes)
    return style.one_or_all(axes)


def n_states(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the posterior of the number of states: bars over all chains, a mark for each chain.

    Where the marks differ much, the chains have not explored the same posterior. The estimate has the number of
    states that the filled bar shows; it need not be the most probable one.

    Parameters
    ----------
    model : fitted InfiniteHMM, or (chain, draw) int array
        A model has ``draws_.n_states`` and ``n_states_``.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the array is no table.
    """
    if hasattr(model, "fit"):
        style.require(model, "a fitted InfiniteHMM", "draws_", "n_states_")
    draws = np.asarray(model.draws_.n_states if hasattr(model, "draws_") else model)
    if draws.ndim != 2 or draws.size == 0:
        raise ValueError(
            f"model must be a fitted model or a table, a row a chain; got shape {draws.shape}."
        )
    estimate = getattr(model, "n_states_", None)
    ax = style.single(ax, (4.6, 3.0))
    present = [draws.min(), draws.max()] + ([] if estimate is None else [estimate])
    values = np.arange(min(present), max(present) + 1)
    shares = np.array([(draws == k).mean(axis=1) for k in values])
    for chosen, label in ((False, None), (True, "states of the estimate")):
        own = (values == estimate) == chosen
        ax.bar(values[own], shares.mean(axis=1)[own], width=0.8, label=label, linewidth=1.2,
               edgecolor=style.COLOURS[0], color=style.COLOURS[0] if chosen else "white")  # fmt: skip
    for c, own in enumerate(shares.T):
        place = values + 0.5 * ((c + 0.5) / len(draws) - 0.5)
        ax.plot(place, own, linestyle="", markersize=4, marker=style.MARKERS[c % 7], color=style.COLOURS[1],
                markeredgecolor="white", markeredgewidth=0.4, label=None if c else "one chain")  # fmt: skip
    ax.set_xticks(values if len(values) <= 12 else values[:: -(-len(values) // 12)])
    style.legend_above(ax, ncols=2)
    return style.dress(ax, "number of states", "posterior probability")
