"""The page on one imputation: the data, the gaps filled, whether the chains agree, how it was computed."""

from __future__ import annotations

import html
import math
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import __version__
from tsinit.comparison.report import data, fits, page
from tsinit.comparison.report.display import number

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import FloatArray
    from tsinit.models import TBayesMICE

_SIZE = (4.6, 2.6)  # inches, of the pictures of chains
_CHAINS = "The log density, sweep by sweep, a line for each chain; the warm-up is shaded."
_RANKS = (
    "Ranks of the log density of each chain after the warm-up, among those of all chains: even at the dotted line "
    "where they agree."
)
_RHAT = (
    "R-hat of every column with gaps, worst first, and its effective draws: below 1.05 chains agree, from 400 draws "
    "on quantiles are stable."
)
_METHOD = (
    "Every missing value was drawn from its posterior, given the other columns, the rows around it and the season, by "
    "several chains that began at different fills. What is written is the mean of the draws; bands hold a missing "
    "value with the probability that is named. R-hat is rank-normalised and split (Vehtari et al., 2021)."
)


def imputation_page(
    model: TBayesMICE, frame: pd.DataFrame, *, title: str, notes: list[str], summary: str
) -> str:
    """Write the page.

    Parameters
    ----------
    model : fitted TBayesMICE
    frame : (T, D) DataFrame
        What it was fitted to.
    title : str
    notes : list of str
        What was understood of the file.
    summary : str
        What was filled and whether the chains agree, a sentence or a few lines.

    Returns
    -------
    str
        HTML, complete.
    """
    told = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in summary.strip().splitlines())
    with page.drawing():
        body = [
            data.section({"": frame}).replace("</h2>", f"</h2>{told}", 1),
            f'<h2>Gaps, filled</h2><div class="verdict">{lines}</div>{_filled(model, frame)}',
            f"<h2>Do the chains agree?</h2>{_agreement(model)}",
            f"<h2>How it was computed</h2><p>{_METHOD}</p><p><code>{html.escape(_settings(model))}</code></p>"
            f"<p>Computed with {html.escape(_versions())}.</p>",
        ]
        return page.page(title, "\n".join(body))


def _filled(model: TBayesMICE, frame: pd.DataFrame) -> str:
    key, drawn = fits.pictures(model, frame, fits.Shown("", data.MAX_PANELS, 400))
    posterior, diagnostics = model.posterior_, model.diagnostics_
    rows = []
    for j, name in enumerate(posterior.names):
        draws = posterior.column_draws(j)
        if not draws.shape[1]:
            continue
        width = np.diff(np.quantile(draws, [0.05, 0.95], axis=0), axis=0).mean()
        observed = posterior.table.y[:, j]
        found: Any = diagnostics.loc[name] if name in diagnostics.index else {}
        rows.append(
            [
                str(name), f"{draws.shape[1]:,}", f"{100 * np.isnan(observed).mean():.1f} %", number(draws.mean()),
                number(np.nanmean(observed)), number(width), number(found.get("rhat", math.nan)),
                number(found.get("ess", math.nan)),
            ]
        )  # fmt: skip
    header = [
        "column",
        "filled",
        "share",
        "mean of what was filled",
        "mean observed",
        "width of a 90 % band, mean",
    ]
    table = page.table([*header, "R-hat", "effective draws"], rows)
    return key + page.figures(drawn) + table


def _agreement(model: TBayesMICE) -> str:
    from tsinit._plots import keys

    chains = [np.asarray(values, dtype=float) for values in model.trace_["log_density"]]
    names = [f"chain {c}" for c in range(len(chains))]
    lines = [(keys.line(_colour(c), name)) for c, name in enumerate(names)]
    return page.legend(lines) + page.figures(
        _pictures(model, dict(zip(names, chains, strict=True)))
    )


def _colour(c: int) -> str:
    from tsinit._plots import style

    return style.COLOURS[c % 7]


def _pictures(model: TBayesMICE, chains: dict[str, FloatArray]) -> Iterator[str]:
    from matplotlib import pyplot as plt

    from tsinit import plots
    from tsinit._plots import style
    from tsinit._plots.rank_bars import draw_ranks

    figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
    plots.imputed_chains(model, columns=[], ax=ax)
    yield page.figure(ax, _CHAINS, keys=False)
    plt.close(figure)
    figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
    n_warmup = model.posterior_.n_warmup
    kept = {name: values[n_warmup + 1 :] for name, values in chains.items()}
    draw_ranks(
        ax, kept, {name: {"color": _colour(c), "linestyle": "-"} for c, name in enumerate(chains)}
    )
    style.dress(ax, "rank of the log density, low to high", "share, 1 if even")
    yield page.figure(ax, _RANKS, keys=False)
    plt.close(figure)
    if model.diagnostics_["acceptance"].notna().any():
        axes = plots.imputed_rhat(model)
        figure = axes[0].figure
        figure.set_size_inches(_SIZE[0], max(_SIZE[1], figure.get_size_inches()[1]))
        yield page.figure(axes, _RHAT, keys=False)
        plt.close(figure)


def _settings(model: TBayesMICE) -> str:
    return " ".join(repr(model).split())


def _versions() -> str:
    return f"python {platform.python_version()}, tsinit {__version__}, numpy {np.__version__}"
