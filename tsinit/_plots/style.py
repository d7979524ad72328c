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

    from tsinit._typing import FloatArray

#: Okabe and Ito's palette without its yellow, which is too pale for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
#: Text and axes: nearly black, legible in print.
INK = "#222222"
PALE = "#bbbbbb"
#: Half-ranges of the second halves of chains beyond which a start counts as far off.
_FAR = 5.0


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


def column_panels(
    ax: Axes | None, n: int, alone: tuple[float, float], each: tuple[float, float]
) -> list[Axes]:
    """Return an Axes for each of n columns: the one given, one of size `alone`, or several of size `each` in inches."""
    if ax is not None or n == 1:
        return [single(ax, alone)]
    return list(panels(n, each, sharex=True))


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


def compress(ax: Axes, chains: Iterable[FloatArray]) -> None:
    """Show chains whole: where they begin far off, the scale is compressed beyond the range of their second halves.

    Within that range it is even, beyond it logarithmic, and gets no more height than the range itself.

    Parameters
    ----------
    ax : matplotlib Axes
    chains : iterable of (n,) float
        What is drawn.
    """
    lines = [np.asarray(values, dtype=float) for values in chains]
    lines = [values[np.isfinite(values)] for values in lines]
    halves = np.concatenate([values[len(values) // 2 :] for values in lines] or [np.zeros(0)])
    if not halves.size:
        return
    low, high = (
        min(values.min() for values in lines if values.size),
        max(v.max() for v in lines if v.size),
    )
    middle = (halves.min() + halves.max()) / 2
    spread = max(float(np.ptp(halves)) / 2, 1e-9 * max(1.0, abs(middle)))
    far = max(high - middle, middle - low) / spread
    if far < _FAR:
        return
    slope = min(1.0, 2.0 / np.log(far))

    def forward(y: FloatArray) -> FloatArray:
        u = (np.asarray(y, dtype=float) - middle) / spread
        return np.clip(u, -1, 1) + np.sign(u) * slope * np.log(np.maximum(np.abs(u), 1.0))

    def back(z: FloatArray) -> FloatArray:
        beyond = np.maximum(np.abs(z) - 1, 0) / slope
        return middle + spread * np.clip(z, -1, 1) * np.exp(np.minimum(beyond, 700.0))

    ax.set_yscale("function", functions=(forward, back))
    _tick_compressed(ax, (low, high), (float(halves.min()), float(halves.max())))
    z_low, z_high = forward(np.array([low, high]))
    ax.set_ylim(*back(np.array([z_low - 0.1, z_high + 0.1])))


def _tick_compressed(ax: Axes, limits: tuple[float, float], even: tuple[float, float]) -> None:
    """Set ticks that are even where the scale is, and ever further apart beyond."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    inner = [y for y in MaxNLocator(3).tick_values(*even) if even[0] <= y <= even[1]]
    width = max(even[1] - even[0], 1e-300)
    decades = np.arange(
        np.floor(np.log10(3 * width)), np.log10(max(limits[1] - limits[0], width)) + 1
    )
    steps = 10.0 ** decades[:: max(1, -(-len(decades) // 3))]
    outer = [
        _round(edge + sign * step, step)
        for sign, edge in ((-1, even[0]), (1, even[1]))
        for step in steps
    ]
    ticks = {float(y) for y in [*inner, *outer] if limits[0] <= y <= limits[1]}
    ax.yaxis.set_major_locator(FixedLocator(sorted(ticks)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def _round(value: float, step: float) -> float:
    """A value near by with few digits."""
    digits = -int(np.floor(np.log10(step)))
    return round(value, digits)


def shade_warmup(ax: Axes, n_warmup: int) -> None:
    """Shade the iterations of a warm-up, where there are any."""
    if n_warmup > 0:
        shade: dict[str, Any] = {"color": PALE, "alpha": 0.3, "linewidth": 0, "zorder": 0}
        ax.axvspan(0, n_warmup, label="warm-up", **shade)


def legend(ax: Axes, **options: Any) -> None:
    """Add a legend where there is something to name: beside the data, to the right of the axes."""
    beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    if ax.get_legend_handles_labels()[1]:
        ax.legend(**{"frameon": False, "fontsize": "small"} | beside | options)


def legend_above(ax: Axes, ncols: int = 4) -> None:
    """Add a legend in one line above the axes."""
    place: Any = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderpad": 0}
    legend(ax, ncols=ncols, columnspacing=1.0, handlelength=1.2, **place)


def one_or_all(axes: Sequence[Axes]) -> Any:
    """Return the only Axes, or the array of them."""
    return axes[0] if len(axes) == 1 else np.asarray(axes, dtype=object)
