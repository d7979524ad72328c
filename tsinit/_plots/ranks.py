"""The critical-difference diagram: mean ranks of the starts over data sets, and which of them do not differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsinit._plots import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from tsinit.comparison import Comparison

_BAR, _LINE = 0.45, 0.8  # heights of a bar and of a name, in units of the y axis
_INCH = 0.28  # of such a unit


def critical_difference(
    comparison: Comparison,
    *,
    column: str = "objective_final",
    model: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean ranks of the starts over data sets; a bar joins starts that differ by less than chance explains.

    Parameters
    ----------
    comparison : Comparison
        Of six data sets at least.
    column : str
        ``"objective_final"`` or a score; higher must be better.
    model : str, optional
        Which model; not needed where there is one.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        With fewer than six data sets, on which ranks cannot tell anything from chance, or fewer than two starts.

    References
    ----------
    Demšar, Journal of Machine Learning Research 7 (2006), p. 1-30, figure 1.
    """
    style.require(
        comparison, "a Comparison, as tsinit.compare returns it", "mean_ranks", name="comparison"
    )
    found = comparison.mean_ranks(column, model)
    groups, k = found.groups(), len(found.ranks)
    first = 0.6 + _BAR * len(groups)  # below the bars come the names
    depth = first + _LINE * ((k + 1) // 2)
    ax = style.single(ax, (6.4, 1.5 + _INCH * (depth + 1.2)))
    _names(ax, found.ranks, first)
    for i, group in enumerate(groups):
        first_rank, last_rank = found.ranks[group[0]], found.ranks[group[-1]]
        height = 0.5 + _BAR * i
        ax.plot([first_rank - 0.03, last_rank + 0.03], [height, height], color=style.INK, linewidth=4, label="level",
                solid_capstyle="butt")  # fmt: skip
    _ruler(ax, found.critical_difference, k)
    ax.set_xlim(1, k)
    ax.set_ylim(depth, -1.3)
    certainty = "" if k == 2 else f"\nFriedman's test that all are alike: p = {found.p_value:.2g}"
    style.dress(ax, f"mean rank over {found.n_datasets} data sets, 1 the best{certainty}")
    ax.xaxis.set_ticks_position("top")
    ax.set_xticks(range(1, k + 1))
    ax.set_yticks([])
    ax.spines[["left", "right", "bottom"]].set_visible(False)
    ax.spines["top"].set(visible=True, position=("data", 0.0))
    return ax


def _names(ax: Axes, ranks: pd.Series, first: float) -> None:
    """Lead from each rank to its name: the better half to the left, the others to the right."""
    looks, half = style.marks(ranks.index), (len(ranks) + 1) // 2
    for i, (name, rank) in enumerate(zip(map(str, ranks.index), ranks, strict=True)):
        left = i < half
        # The outermost rank comes first on its side, so that no line crosses another.
        height = first + _LINE * (i if left else len(ranks) - 1 - i)
        edge = 1 if left else len(ranks)
        ax.plot(
            [rank, rank, edge],
            [0, height, height],
            color=looks[name]["color"],
            linewidth=1.2,
            clip_on=False,
        )
        text = style.fold(f"{name} ({rank:.2f})")
        ax.annotate(text, (edge, height), ((-4 if left else 4), 0), textcoords="offset points", color=style.INK,
                    ha="right" if left else "left", va="center", annotation_clip=False)  # fmt: skip


def _ruler(ax: Axes, difference: float, k: int) -> None:
    """Show how long the critical difference is, above the axis; one wider than the axis says so in words."""
    length = min(difference, k - 1)
    ax.plot(
        [1, 1 + length], [-0.8, -0.8], color=style.INK, linewidth=1.2, marker="|", clip_on=False
    )
    wide = "" if length == difference else ", more than any ranks can differ"
    ax.annotate(f"critical difference {difference:.2f}{wide}", (1, -0.8), (0, 5), textcoords="offset points",
                color=style.INK, fontsize="small", annotation_clip=False)  # fmt: skip
