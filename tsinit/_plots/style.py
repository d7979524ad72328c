"""Colours, markers, panels: what all plots share."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Okabe and Ito's palette without its yellow, which is too pale for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
#: Text and axes: nearly black, legible in print.
INK = "#222222"
PALE = "#bbbbbb"


def require(value: Any, kind: str, *attributes: str, name: str = "model") -> None:
    """Refuse an estimator that has not been fitted, and what lacks that which a plot draws; stand-ins may have it.

    Raises
    ------
    sklearn.exceptions.NotFittedError
    TypeError
        An attribute is not there.
    """
    if hasattr(value, "fit"):
        check_fitted(value)
    if not all(hasattr(value, attribute) for attribute in attributes):
        raise TypeError(f"{name} must be {kind}; got {type(value).__name__}.")


def require_comparison(comparison: Any) -> None:
    """Refuse what is no result of a comparison.

    Raises
    ------
    TypeError
    """
    require(
        comparison,
        "a Comparison, as tsinit.compare returns it",
        "runs",
        "traces",
        "about",
        name="comparison",
    )


def require_one_column(ax: Axes | None, n: int) -> None:
    """Refuse a single Axes for several columns.

    Raises
    ------
    ValueError
    """
    if ax is not None and n > 1:
        raise ValueError(f"ax must go with one column; got {n}. Name one by columns=[...].")


def marks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Give each name a colour, a marker and a line style, the same in every plot of a comparison.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    dict of str to dict
        With ``color``, ``marker``, ``linestyle``.
    """
    return {
        name: {
            "color": COLOURS[i % 7],
            "marker": MARKERS[i % 7],
            "linestyle": LINES[(i + i // 7) % 7],
        }
        for i, name in enumerate(dict.fromkeys(names))
    }


def single(ax: Axes | None, size: tuple[float, float] = (5.2, 3.6)) -> Axes:
    """Return the Axes given, or one on a new figure."""
    if ax is not None:
        return ax
    return panels(1, size)[0]


def panels(n: int, size: tuple[float, float], **shared: Any) -> Any:
    """Return ``n`` Axes below each other on a new figure.

    Parameters
    ----------
    n : int
    size : (width, height)
        Of one panel, in inches.
    **shared
        ``sharex`` or ``sharey``, as ``matplotlib.pyplot.subplots`` has them.
    """
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        n, 1, figsize=(size[0], size[1] * n), squeeze=False, layout="constrained", **shared
    )
    # pyplot makes the figure, so that notebooks show it; colours are set here and not in its settings.
    figure.patch.set_facecolor("white")
    return axes[:, 0]


def dress(ax: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> Axes:
    """Label an Axes and take away the lines that carry nothing."""
    ax.set_xlabel(plain(xlabel), color=INK)
    ax.set_ylabel(plain(ylabel), color=INK)
    if title:
        ax.set_title(plain(title), color=INK, fontsize="medium", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK)
    for axis in (ax.xaxis, ax.yaxis):
        formatter: Any = axis.get_major_formatter()
        if hasattr(formatter, "set_useOffset"):
            formatter.set_useOffset(False)  # "0.6 + 1e3" is hard to read aloud
    return ax


def fold(name: str, letters: int = 26) -> str:
    """Break a long name over lines, so that it leaves space for what it names."""
    return textwrap.fill(plain(name), letters)


def plain(name: Any) -> str:
    """Have a name drawn as it is, whatever is in it.

    A pair of dollar signs would begin a formula, a legend passes over what begins with an underscore, and neither fonts
    nor SVG have control characters and lone surrogates: these are written as Python writes them.
    """
    text = "".join(
        c if c.isprintable() or c == "\n" or unicodedata.category(c) == "Zs"
        else c.encode("unicode_escape").decode("ascii")
        for c in str(name)
    )  # fmt: skip
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def legend(ax: Axes, **options: Any) -> None:
    """Add a legend where there is something to name."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(**{"frameon": False, "fontsize": "small"} | options)


def one_or_all(axes: Sequence[Axes]) -> Any:
    """Return the only Axes, or the array of them."""
    return axes[0] if len(axes) == 1 else np.asarray(axes, dtype=object)
