"""What a fit says of the data: smoothed series, regimes, or filled gaps, by what the fitted model offers."""

from __future__ import annotations

import contextlib
import html
import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit._validate import check_series
from tsinit.comparison.analysis.summary import standings
from tsinit.comparison.analysis.tables import cells_of, has_optima, usable
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
    cells, spent, blocks = cells_of(comparison.runs), 0.0, []
    for dataset, model, cell in cells:
        run = best_run(cell)
        name = cell_name(comparison.runs, dataset, model)
        heading = f"<h3>{html.escape(name)}</h3>" if len(cells) > 1 else ""
        if run is None:
            blocks.append(f"{heading}<p>No run could be fitted.</p>")
            continue
        spent += run["init_seconds"] + run["fit_seconds"]
        if fits is None and blocks and spent > _PATIENCE:
            left = f"The best run, from {run['strategy']}, was not fitted again, to save time."
            blocks.append(f"{heading}<p>{html.escape(left)}</p>")
            continue
        objective = name_of(comparison.about.objectives, model)
        blocks.append(heading + _of_run(comparison, run, objective, len(cells)))
    return f"<h2>What the best fits show</h2>{''.join(blocks)}"


def best_run(cell: pd.DataFrame) -> pd.Series | None:
    """Choose the run to show of one data set and model.

    Of samplers the run of the best start whose chains agree best: the chain of the highest density would be no sample.

    Parameters
    ----------
    cell : DataFrame

    Returns
    -------
    Series or None
        None where every run failed.
    """
    done: Any = usable(cell)
    if done.empty:
        return None
    if has_optima(cell):
        return done.loc[done["objective_final"].idxmax()]
    own = done[done["strategy"] == standings(cell)[0]]
    if "rhat" in own and own["rhat"].notna().any():
        return own.loc[own["rhat"].astype(float).idxmin()]
    return own.iloc[0]


def _of_run(comparison: Comparison, run: pd.Series, objective: str, n_cells: int) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the row of the run says what they would
            model = comparison.rerun(run["run_id"])
            X = comparison.data[run["dataset"]] if comparison.data else None
            drawn = pictures(model, X, max(150, _POINTS // (n_cells * MAX_COLUMNS)))
    except Exception as error:  # whatever a model or its pictures do wrong must not cost the page
        said = f"could not be shown: {type(error).__name__}: {error}"
        return f"<p>{html.escape(f'The best run, from {run.strategy}, {said}')}</p>"
    rhat = run.get("rhat", math.nan)
    chosen = f"the highest {objective}, {number(run['objective_final'])}"
    if not pd.isna(rhat):
        chosen = f"the best start by {objective}, and of its runs the lowest R-hat, {number(rhat)}"
    which = f"The run from {run['strategy']} with seed {run['replicate']}"
    said = f"{which}: {chosen}. It was fitted once more for this page."
    nothing = "" if drawn else " Models of this kind have no pictures of their own."
    return f"<p>{html.escape(said)}{nothing}</p>{drawn}"


def pictures(model: Any, X: Any, max_points: int) -> str:
    """Draw what a fitted model says of its data, by what it offers.

    Parameters
    ----------
    model : fitted estimator
        With ``smooth`` and ``params_``, ``labels_`` and ``probabilities_``, or ``posterior_`` and ``diagnostics_``.
    X : table or list of tables
        What it was fitted to.
    max_points : int
        Of a line.

    Returns
    -------
    str
        HTML: key and pictures; nothing for models of other kinds.
    """
    from tsinit._plots import keys

    if hasattr(model, "smooth") and hasattr(model, "params_"):
        key, found = keys.SMOOTHED, _smoothed(model, X, max_points)
    elif hasattr(model, "labels_") and hasattr(model, "probabilities_"):
        key, found = keys.regimes(np.asarray(model.labels_)), _regimes(model, X, max_points)
    elif hasattr(model, "posterior_") and hasattr(model, "diagnostics_"):
        key, found = keys.IMPUTED, _imputed(model, max_points)
    else:
        return ""
    return page.legend(key) + page.figures(found)


def _smoothed(model: Any, X: Any, max_points: int) -> Iterator[str]:
    from tsinit import plots

    for name in list(check_series(X, None).columns)[:MAX_COLUMNS]:
        with _panel() as ax:
            plots.smoothed(model, X, columns=[name], max_points=max_points, ax=ax)
            yield page.figure(
                ax, f"{name}: smoothed, and what may have been where it is missing.", keys=False
            )


def _regimes(model: Any, X: Any, max_points: int) -> Iterator[str]:
    from tsinit import plots
    from tsinit._plots.segmentation import draw_probabilities

    names = list(check_series(X, None).columns)
    for name in names[:MAX_COLUMNS]:
        with _panel() as ax:
            plots.segmentation(model, X, columns=[name], max_points=max_points, ax=ax)
            yield page.figure(ax, f"{name}, with its regimes and their means.", keys=False)
    with _panel() as ax:
        draw_probabilities(ax, model, X, max_points)
        yield page.figure(ax, "How probable each regime is at each step.", keys=False)


def _imputed(model: Any, max_points: int) -> Iterator[str]:
    from tsinit import plots

    posterior = model.posterior_
    missing = np.isnan(posterior.table.y).sum(axis=0)
    worst = [int(j) for j in np.argsort(-missing, kind="stable") if missing[j]]
    for j in worst[:MAX_COLUMNS]:
        with _panel() as ax:
            plots.imputed(model, columns=[posterior.names[j]], max_points=max_points, ax=ax)
            n = page.number_of(int(missing[j]), "missing value")
            yield page.figure(ax, f"{posterior.names[j]}: {n}, filled.", keys=False)


@contextlib.contextmanager
def _panel() -> Iterator[Axes]:
    """An Axes of the common size, closed afterwards."""
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
    try:
        yield ax
    finally:
        plt.close(figure)
