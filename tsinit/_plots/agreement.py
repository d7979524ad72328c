"""Plot of how alike the segmentations of chains, or of restarts, are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsinit._typing import FloatArray
    from tsinit.models.hidden_markov.finite_results import RestartEnds

#: Cells on a side from which numbers in them would be too small to read.
_MANY = 12
_DARK = 0.55  # agreement from which a cell is too dark for dark figures


def agreement(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how alike segmentations are: the adjusted Rand index, 1 where they are the same, near 0 by chance.

    Of an `InfiniteHMM` a row for each chain: between chains the mean over pairs of their draws, on the diagonal that of
    different draws of one chain. Chains agree where rows are as dark beside the diagonal as on it. A single chain is
    compared by its halves.

    Of a `HiddenMarkovModel` with ``n_init`` > 1 a row for each start, best end first, with what its objective lacks to
    the best. A frame is around those within half a nat, whose mean is ``agreement_``: they do as well, and if they are
    pale, the data have several answers.

    Parameters
    ----------
    model : fitted InfiniteHMM or HiddenMarkovModel
        With ``convergence_`` or ``restarts_``.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        A `HiddenMarkovModel` has a single end, from one start or from a race.
    """
    kind = "a fitted InfiniteHMM or HiddenMarkovModel"
    if hasattr(model, "restarts_"):
        return _draw_restarts(_several(model.restarts_), ax)
    style.require(model, kind, "convergence_", "draws_")
    matrix, stopped = model.convergence_.agreement, getattr(model, "stopped_", {})
    n_drawn = len(model.draws_.labels)
    halves = n_drawn == 1
    names = [str(c) for c in range(n_drawn + len(stopped)) if c not in stopped]
    ax = _draw(matrix, ["first", "second"] if halves else names, ax)
    return style.dress(ax, *("half of the chain",) * 2 if halves else ("chain",) * 2)


def _several(ends: RestartEnds | None) -> RestartEnds:
    n = 0 if ends is None else len(ends.objectives)
    if ends is None or n < 2:
        found = "one from a race" if ends is None else str(n)
        raise ValueError(
            f"model must have the ends of at least two different starts; got {found}. Fit it with n_init=10, and an "
            'init that differs from seed to seed, such as "dispersed".'
        )
    return ends


def _draw_restarts(ends: RestartEnds, ax: Axes | None) -> Axes:
    from matplotlib.patches import Rectangle

    order = np.argsort(-ends.objectives, kind="stable")
    behind = ends.objectives.max() - ends.objectives[order]
    names = [f"-{lack:.2g}" if lack >= 0.005 else "best" for lack in behind]
    ax = _draw(ends.agreement[np.ix_(order, order)], names, ax)
    n = int(ends.as_good.sum())
    frame = Rectangle((-0.5, -0.5), n, n, fill=False, edgecolor=style.COLOURS[1], linewidth=2.0)
    frame.set(clip_on=False, label="within half a nat of the best")
    ax.add_patch(frame)
    style.dress(ax, "", "start, by nats behind the best")
    ax.set_xticks([])
    style.legend_above(ax)
    return ax


def _draw(matrix: FloatArray, names: list[str], ax: Axes | None) -> Axes:
    """Draw a square of shades, with the numbers where they are few."""
    n = len(matrix)
    ax = style.single(ax, (4.9, 4.0))
    image = ax.imshow(matrix, cmap="Greys", vmin=0.0, vmax=1.0, interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("adjusted Rand index", color=style.INK)
    bar.outline.set_visible(False)
    ticks = _ticks(n)
    ax.set_xticks(ticks, [names[i] for i in ticks])
    ax.set_yticks(ticks, [names[i] for i in ticks])
    if n <= _MANY:
        for (i, j), value in np.ndenumerate(matrix):
            colour = "white" if value > _DARK else style.INK
            ax.text(j, i, _brief(value), ha="center", va="center", color=colour, fontsize="small")
    return ax


def _brief(value: float) -> str:
    """Two decimals without the zero before them, so that narrow cells hold them; nothing for NaN."""
    if np.isnan(value):
        return ""
    return "1" if value > 0.995 else f"{value:.2f}".replace("0.", ".", 1)


def _ticks(n: int) -> list[int]:
    return list(range(0, n, -(-n // _MANY)))
