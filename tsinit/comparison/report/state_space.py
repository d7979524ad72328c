"""The page on one state-space model: the data, the fit, what it leaves, and what comes next."""

from __future__ import annotations

import html
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import __version__
from tsinit.comparison.report import data, page
from tsinit.comparison.report.display import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

    from tsinit.models import LinearGaussianSSM

_MAX_COLUMNS = 8
_SIZE = (4.6, 2.4)  # inches
_ROWS_BEFORE = 4  # rows of the data before a forecast, in lengths of it
_MIDNIGHT = " 00:00:00"
_METHOD = (
    "The parameters are those of largest likelihood, by EM from the start that is named and quasi-Newton steps at the "
    "end; gaps are integrated out. One-step errors are those of predicting each row from the rows before, in units of "
    "their standard deviation. Intervals take the parameters as known."
)
_TESTS = (
    "P-values of three tests of the one-step errors: small ones say that errors are correlated (Ljung-Box), not normal "
    "(Jarque-Bera), or of another spread at the end than at the beginning."
)


def fit_page(
    model: LinearGaussianSSM,
    X: pd.DataFrame,
    inputs: pd.DataFrame | None,
    *,
    title: str,
    notes: list[str],
    summary: str,
    tests: pd.DataFrame,
    forecast: pd.DataFrame | None,
    level: float,
) -> str:
    """Write the page.

    Parameters
    ----------
    model : fitted LinearGaussianSSM
    X : (T, D) DataFrame
        What it was fitted to.
    inputs : (T, m) DataFrame or None
    title : str
    notes : list of str
        What was understood of the file.
    summary : str
        How the fit went, in lines.
    tests : DataFrame
        From ``model.diagnostics``.
    forecast : DataFrame or None
        With columns ``<name>``, ``<name>_lower``, ``<name>_upper``.
    level : float
        Of its intervals.

    Returns
    -------
    str
        HTML, complete.
    """
    told = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in summary.splitlines())
    with page.drawing():
        body = [
            data.section({"": X}).replace("</h2>", f"</h2>{told}", 1),
            f'<h2>The fit</h2><div class="verdict">{lines}</div>{page.figures(_fit(model, X, inputs))}',
            f"<h2>What it leaves</h2>{_left(model, X, inputs, tests)}",
        ]
        if forecast is not None:
            body.append(f"<h2>What comes next</h2>{_ahead(X, forecast, level)}")
        body.append(
            f"<h2>How it was computed</h2><p>{_METHOD}</p><p><code>{html.escape(repr(model))}</code></p>"
            f"<p>Computed with python {platform.python_version()}, tsinit {__version__}, numpy {np.__version__}.</p>"
        )
        return page.page(title, "\n".join(body))


def _fit(model: LinearGaussianSSM, X: pd.DataFrame, inputs: pd.DataFrame | None) -> Iterator[str]:
    from matplotlib import pyplot as plt

    from tsinit import plots

    figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
    yield page.figure(
        plots.history(model, ax=ax), "Log-likelihood of the start and after every iteration."
    )
    plt.close(figure)
    if hasattr(model, "order_table_"):
        ax = plots.orders(model)
        yield page.figure(ax, "Criteria of the numbers of states that were tried.")
        plt.close(ax.figure)
    for name in list(X.columns)[:_MAX_COLUMNS]:
        figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
        plots.smoothed(model, X, inputs=inputs, columns=[name], max_points=600, ax=ax)
        yield page.figure(
            ax, f"{name}: observed, smoothed, and the band that holds 95 % of values."
        )
        plt.close(figure)


def _left(
    model: LinearGaussianSSM, X: pd.DataFrame, inputs: pd.DataFrame | None, tests: pd.DataFrame
) -> str:
    from matplotlib import pyplot as plt

    from tsinit import plots

    pictures = []
    for name in list(X.columns)[:_MAX_COLUMNS]:
        axes = plots.diagnostics(model, X, column=name, inputs=inputs)
        caption = (
            f"{name}: one-step errors over time, their distribution, their quantiles beside normal ones, and their "
            "autocorrelations."
        )
        pictures.append(page.figure(axes, caption))
        plt.close(axes[0, 0].figure)
    rows = [
        [
            str(name), f"{int(row.n):,}", number(row.ljung_box_p), number(row.jarque_bera_p),
            number(row.heteroscedasticity_p), number(row["skew"]), number(row["kurtosis"]),
        ]
        for name, row in tests.iterrows()
    ]  # fmt: skip
    header = ["column", "errors", "Ljung-Box p", "Jarque-Bera p", "spread p", "skew", "kurtosis"]
    return f"<p>{_TESTS}</p>{page.table(header, rows)}{page.figures(pictures)}"


def _ahead(X: pd.DataFrame, forecast: pd.DataFrame, level: float) -> str:
    from matplotlib import pyplot as plt

    pictures = []
    for name in list(X.columns)[:_MAX_COLUMNS]:
        figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
        _draw_ahead(ax, X[name], forecast, level)
        caption = f"{name}: the last rows, and the forecast with its interval of {100 * level:g} %."
        pictures.append(page.figure(ax, caption))
        plt.close(figure)
    times = [str(time) for time in forecast.index]
    if all(time.endswith(_MIDNIGHT) for time in times):
        times = [time.removesuffix(_MIDNIGHT) for time in times]
    rows = [[time, *map(number, row)] for time, row in zip(times, forecast.to_numpy(), strict=True)]
    return page.figures(pictures) + page.table(["time", *map(str, forecast.columns)], rows)


def _draw_ahead(ax: Axes, column: pd.Series, forecast: pd.DataFrame, level: float) -> None:
    from tsinit._plots import style
    from tsinit._plots.fits import axis_of, tidy_dates

    n, name = len(forecast), column.name
    before = column.iloc[-max(_ROWS_BEFORE * n, 40) :]
    same = forecast.index.name != "step" and before.index.nlevels == 1
    past: Any = axis_of(before.index, len(before)) if same else np.arange(-len(before), 0)
    future: Any = axis_of(forecast.index, n) if same else np.arange(n)
    ax.plot(
        past,
        before.to_numpy(),
        color=style.INK,
        linewidth=0.9,
        marker="o",
        markersize=2,
        label="observed",
    )
    ax.fill_between(
        future, forecast[f"{name}_lower"].to_numpy(), forecast[f"{name}_upper"].to_numpy(),
        color=style.COLOURS[5], alpha=0.35, linewidth=0, label=f"{100 * level:g} % interval",
    )  # fmt: skip
    ax.plot(
        future,
        forecast[str(name)].to_numpy(),
        color=style.COLOURS[0],
        linewidth=1.4,
        label="forecast",
    )
    style.legend_above(ax)
    style.dress(ax, "", str(name))
    tidy_dates(ax, future)
