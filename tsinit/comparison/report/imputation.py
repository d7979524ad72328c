"""The page on one imputation: the data, the gaps filled, whether the chains agree, how it was computed."""

from __future__ import annotations

import html
import math
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import __version__
from tsinit._validate.kinds import class_text
from tsinit.comparison.report import data, fits, page
from tsinit.comparison.report.display import number

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import FloatArray
    from tsinit.models import TBayesMICE
    from tsinit.models.imputation.posterior import ImputationPosterior

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
    "several chains that began at different fills.",
    "What is written is the mean of the draws; bands hold a missing value with the probability that is named.",
    "R-hat is rank-normalised and split (Vehtari et al., 2021).",
)
_CLASSES = "Of classes, what is written is the most probable one; the probability of a class is its share of the draws."
_LIMITS = (
    "Values of which a limit is known were drawn from what lies beyond it, or between two of them."
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
            _data(model, frame).replace("</h2>", f"</h2>{told}", 1),
            f'<h2>Gaps, filled</h2><div class="verdict">{lines}</div>{_filled(model, frame)}',
            f"<h2>Do the chains agree?</h2>{_agreement(model)}",
            f"<h2>How it was computed</h2><p>{_method(model)}</p><p><code>{html.escape(_settings(model))}</code></p>"
            f"<p>Computed with {html.escape(_versions())}.</p>",
        ]
        return page.page(title, "\n".join(body))


def _data(model: TBayesMICE, frame: pd.DataFrame) -> str:
    """The section on the data; columns of classes by their codes, of which it is told."""
    posterior, coded = model.posterior_, frame.copy(deep=False)
    panel = posterior.panel
    levels = {name: own for name, own in zip(posterior.names, posterior.levels, strict=True) if own}
    for j, name in enumerate(posterior.names):
        if name in levels:
            coded.isetitem(j, panel.y[panel.rows, j])
    return data.section({"": coded}, levels=levels)


def _filled(model: TBayesMICE, frame: pd.DataFrame) -> str:
    key, drawn = fits.pictures(model, frame, fits.Shown("", data.MAX_PANELS, 400))
    tables = f"{_columns_table(model)}{_classes_table(model.posterior_)}"
    return key + page.figures(drawn) + tables


def _columns_table(model: TBayesMICE) -> str:
    """A row for each filled column; of classes only what is about cells and chains."""
    posterior, diagnostics = model.posterior_, model.diagnostics_
    rows = []
    for j, name in enumerate(posterior.names):
        draws = posterior.column_draws(j)
        if not draws.shape[1]:
            continue
        observed = posterior.table.y[:, j]
        values = ["–"] * 3
        if not posterior.levels[j]:
            width = np.diff(np.quantile(draws, [0.05, 0.95], axis=0), axis=0).mean()
            values = [number(draws.mean()), number(np.nanmean(observed)), number(width)]
        found: Any = diagnostics.loc[name] if name in diagnostics.index else {}
        share = f"{100 * np.isnan(observed).mean():.1f} %"
        mixing = [number(found.get(what, math.nan)) for what in ("rhat", "ess")]
        rows.append([str(name), f"{draws.shape[1]:,}", share, *values, *mixing])
    header = [
        "column",
        "filled",
        "share",
        "mean of what was filled",
        "mean observed",
        "width of a 90 % band, mean",
    ]
    return page.table([*header, "R-hat", "effective draws"], rows)


def _classes_table(posterior: ImputationPosterior) -> str:
    """A row for each class of the filled columns of classes; nothing without any."""
    rows = []
    for j, (name, levels) in enumerate(zip(posterior.names, posterior.levels, strict=True)):
        if not levels or not posterior.table.to_fill[:, j].any():
            continue
        probability, y = posterior.class_shares(j), posterior.table.y[:, j]
        written = np.bincount(probability.argmax(axis=0), minlength=len(levels))
        codes = y[~np.isnan(y)].astype(int)
        observed = np.bincount(codes, minlength=len(levels)) / len(codes)
        for k, level in enumerate(levels):
            shares = (f"{100 * share:.1f} %" for share in (observed[k], probability[k].mean()))
            rows.append([str(name), class_text(level), *shares, f"{written[k]:,}"])
    header = ["column", "class", "share of what was observed", "mean probability in gaps"]
    return page.table([*header, "gaps in which it is most probable"], rows) if rows else ""


def _method(model: TBayesMICE) -> str:
    drawn, written, judged = _METHOD
    posterior = model.posterior_
    gaps = np.flatnonzero(posterior.table.missing.any(axis=0))
    classes = _CLASSES if any(posterior.levels[j] for j in gaps) else ""
    limits = _LIMITS if posterior.table.censored.row.size else ""
    return " ".join(part for part in (drawn, limits, written, classes, judged) if part)


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
