"""What a fit says of the data: smoothed series, regimes, or filled gaps, by what the fitted model offers."""

from __future__ import annotations

import contextlib
import html
import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit._validate import check_series
from tsinit.comparison.analysis.best import best_run
from tsinit.comparison.analysis.tables import cells_of
from tsinit.comparison.report import page
from tsinit.comparison.report.display import cell_name, name_of, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsinit.comparison.result import Comparison

#: Columns to draw of one fit, size of a panel in inches, and points of all lines of a page.
MAX_COLUMNS, _SIZE, _POINTS = 8, (4.6, 1.9), 4000
#: Best runs are fitted again while they take no longer than this together, in seconds; the first always is.
_PATIENCE = 60.0


def section(comparison: Comparison, fits: bool | None) -> str:
    """Fit the best run of each data set and model again, and draw what it says of the data.

    Parameters
    ----------
    comparison : Comparison
        One that still has its data.
    fits : bool or None
        Whether to; None as long as it takes a minute or so.

    Returns
    -------
    str
        HTML.
    """
    if fits is False or comparison.data is None:
        return ""
    cells, spent = cells_of(comparison.runs), 0.0
    said: list[str] = []
    blocks: dict[str, list[str]] = {}  # pictures by their key
    for dataset, model, cell in cells:
        run = best_run(cell)
        name = cell_name(comparison.runs, dataset, model) if len(cells) > 1 else ""
        where = f"{name}: " if name else ""
        if run is None:
            said.append(f"{where}{'n' if where else 'N'}o run could be fitted.")
            continue
        spent += run["init_seconds"] + run["fit_seconds"]
        if fits is None and said and spent > _PATIENCE:
            said.append(
                f"{where}the best run, from {run['strategy']}, was not fitted again, to save time."
            )
            continue
        sentence, key, drawn = _of_run(comparison, run, model, name, len(cells))
        said.append(where + sentence)
        blocks.setdefault(key, []).extend(drawn)
    kind, around = ("li", "<ul>{}</ul>") if len(cells) > 1 else ("p", "{}")
    words = around.format("".join(f"<{kind}>{html.escape(text)}</{kind}>" for text in said))
    pictures = "".join(key + page.figures(drawn) for key, drawn in blocks.items() if drawn)
    return f"<h2>What the best fits show</h2>{words}{pictures}"


def _of_run(
    comparison: Comparison, run: pd.Series, model: str, name: str, n_cells: int
) -> tuple[str, str, list[str]]:
    """Fit a run again: what is said of it, the key of its pictures, and these."""
    shown = Shown(name, -(-MAX_COLUMNS // n_cells), max(150, _POINTS // (n_cells * MAX_COLUMNS)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the row of the run says what they would
            fitted = comparison.rerun(run["run_id"])
            X = comparison.data[run["dataset"]] if comparison.data else None
            adapter = (comparison.adapters or {}).get(run["model"])
            inputs = (comparison.inputs or {}).get(run["dataset"])
            key, drawn = pictures(_labelled(fitted, X, adapter), X, shown, inputs)
    except Exception as error:  # whatever a model or its pictures do wrong must not cost the page
        why = f"could not be shown: {type(error).__name__}: {error}"
        return f"the best run, from {run['strategy']}, {why}", "", []
    rhat, objective = run.get("rhat", math.nan), name_of(comparison.about.objectives, model)
    chosen = f"the highest {objective}, {number(run['objective_final'])}"
    if not pd.isna(rhat):
        chosen = f"the best start by {objective}, and of its runs the lowest R-hat, {number(rhat)}"
    which = f"The run from {run['strategy']} with seed {run['replicate']}"
    nothing = "" if drawn else " Models of this kind have no pictures of their own."
    return f"{which}: {chosen}. It was fitted once more for this page.{nothing}", key, drawn


class Shown(NamedTuple):
    """What to draw of a fit."""

    name: str  # of the data set and model, where there are several
    max_columns: int
    max_points: int  # of a line

    def caption(self, column: Any, words: str) -> str:
        """Say of which column a picture is."""
        parts = [self.name, "" if self.name and column == 0 else str(column)]
        return ", ".join(part for part in parts if part) + words


class _Labelled(NamedTuple):
    """A fit of another library, of which its states are known."""

    labels_: np.ndarray  # (T,)
    probabilities_: np.ndarray  # (T, K), 0 and 1


def _labelled(fitted: Any, X: Any, adapter: Any) -> Any:
    """Ask the adapter of another library's model for its states; other models come back as they are."""
    labels = getattr(adapter, "labels", None)
    if labels is None:
        return fitted
    states = np.asarray(labels(fitted, X), dtype=np.int64)
    return _Labelled(states, np.eye(states.max() + 1)[states])


def pictures(model: Any, X: Any, shown: Shown, inputs: Any = None) -> tuple[str, list[str]]:
    """Draw what a fitted model says of its data, by what it offers.

    Parameters
    ----------
    model : fitted estimator
        With ``smooth`` and ``params_``, ``labels_`` and ``probabilities_``, or ``posterior_`` and ``diagnostics_``.
    X : table or list of tables
        What it was fitted to.
    shown : Shown
    inputs : table or list of tables, optional
        Known inputs beside X.

    Returns
    -------
    (str, list of str)
        HTML: key and pictures; nothing for models of other kinds.
    """
    from tsinit._plots import keys

    if hasattr(model, "smooth") and hasattr(model, "params_"):
        return page.legend(keys.SMOOTHED), list(_smoothed(model, X, shown, inputs))
    if hasattr(model, "labels_") and hasattr(model, "probabilities_"):
        return page.legend(keys.regimes(np.asarray(model.labels_))), list(_regimes(model, X, shown))
    if hasattr(model, "posterior_") and hasattr(model, "diagnostics_"):
        return page.legend(_imputed_keys(model.posterior_)), list(_imputed(model, shown))
    return "", []


def _smoothed(model: Any, X: Any, shown: Shown, inputs: Any) -> Iterator[str]:
    from tsinit import plots

    panel = check_series(X, None)
    for name, y in list(zip(panel.columns, panel.y.T, strict=True))[: shown.max_columns]:
        words = ", and what may have been where it is missing" if np.isnan(y).any() else ""
        with _panel() as ax:
            most = shown.max_points
            plots.smoothed(model, X, inputs=inputs, columns=[name], max_points=most, ax=ax)
            yield _figure(ax, shown.caption(name, f": smoothed{words}."))


def _regimes(model: Any, X: Any, shown: Shown) -> Iterator[str]:
    from tsinit import plots
    from tsinit._plots.segmentation import draw_probabilities

    names = list(check_series(X, None).columns)
    for name in names[: shown.max_columns]:
        with _panel() as ax:
            plots.segmentation(model, X, columns=[name], max_points=shown.max_points, ax=ax)
            means = " and their means" if hasattr(model, "means_") else ""
            yield _figure(ax, shown.caption(name, f", with its regimes{means}."))
    if isinstance(model, _Labelled):
        return
    with _panel() as ax:
        draw_probabilities(ax, model, X, shown.max_points)
        where = f"{shown.name}: how" if shown.name else "How"
        yield page.figure(ax, f"{where} probable each regime is at each step.", keys=False)


def _imputed_keys(posterior: Any) -> list[tuple[str, str]]:
    from tsinit._plots import keys
    from tsinit._plots.imputed_limits import ABOVE, BELOW, BETWEEN

    gaps, cells = posterior.table.missing.any(axis=0), posterior.table.censored
    classes = [bool(levels) for levels, there in zip(posterior.levels, gaps, strict=True) if there]
    below, above = np.isinf(cells.low), np.isinf(cells.high)
    limits = {BELOW: below, ABOVE: above, BETWEEN: ~below & ~above}
    there = [name for name, mine in limits.items() if mine.any()]
    return keys.imputed(not all(classes), any(classes), there)


def _imputed(model: Any, shown: Shown) -> Iterator[str]:
    from tsinit import plots

    posterior = model.posterior_
    missing = np.isnan(posterior.table.y).sum(axis=0)
    worst = [int(j) for j in np.argsort(-missing, kind="stable") if missing[j]]
    for j in worst[: shown.max_columns]:
        with _panel() as ax:
            plots.imputed(model, columns=[posterior.names[j]], max_points=shown.max_points, ax=ax)
            yield _figure(ax, shown.caption(posterior.names[j], f": {_counted(posterior, j)}."))


def _counted(posterior: Any, j: int) -> str:
    """Say how many values of a column are filled, left open and known by a limit."""
    table = posterior.table
    told = f"{page.number_of(int(table.missing[:, j].sum()), 'missing value')}, filled"
    if n_limits := int((table.censored.column == j).sum()):
        told += f", {n_limits:,} of them within {'a limit' if n_limits == 1 else 'limits'}"
    if n_open := int(table.left_open[:, j].sum()):
        told += f"; {n_open:,} left open"
    return told


def _figure(ax: Axes, caption: str) -> str:
    """Write a picture whose caption names the column."""
    ax.set_ylabel("")
    return page.figure(ax, caption, keys=False)


@contextlib.contextmanager
def _panel() -> Iterator[Axes]:
    """An Axes of the common size, closed afterwards."""
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
    try:
        yield ax
    finally:
        plt.close(figure)
