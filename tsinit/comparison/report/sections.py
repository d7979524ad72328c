"""Sections of the report beyond the summary: restarts, samplers, data sets, how it was computed."""

import html
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit.comparison.analysis.checks import MIN_DATASETS
from tsinit.comparison.analysis.restarts import best_of, recommend
from tsinit.comparison.analysis.summary import best_first
from tsinit.comparison.analysis.tables import cells_of, has_optima
from tsinit.comparison.report import page
from tsinit.comparison.report.display import cell_name, interval, number
from tsinit.comparison.run.convergence import MAX_RHAT

if TYPE_CHECKING:
    from tsinit.comparison.result import Comparison

#: Budgets to advise on, in runs of the cheapest start.
_BUDGETS = (1, 5, 20)


def sections(comparison: "Comparison") -> list[str]:
    """Write the sections that this comparison has something for.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    list of str
        HTML.
    """
    cells = [cell for _, _, cell in cells_of(comparison.runs)]
    any_optima = any(has_optima(cell) and cell["optimum"].notna().any() for cell in cells)
    return [
        _restarts(comparison, cells) if any_optima else "",
        _samplers(comparison),
        _over_datasets(comparison) if comparison.runs["dataset"].nunique() > 1 else "",
    ]


def _restarts(comparison: "Comparison", cells: list[pd.DataFrame]) -> str:
    times: Any = comparison.to_target().set_index(["dataset", "model", "strategy"]).loc
    optima = comparison.optima()
    blocks = ["<h2>How many restarts</h2>"]
    for cell in cells:
        table = best_of(cell)
        if table.empty or table["expected_best"].isna().all():
            continue
        dataset, model = cell[["dataset", "model"]].iloc[0]
        blocks += [
            f"<h3>{html.escape(cell_name(comparison.runs, dataset, model))}</h3>",
            _advice(cell, table),
        ]
        groups = dict(list(table.groupby("strategy", sort=False)))
        sizes = [r for r in _RESTARTS if r <= table["r"].max()]
        rows = [
            _restart_row(groups[name], times[dataset, model, name], sizes)
            for name in best_first(cell)
            if name in groups
        ]
        best = [
            f"best of {r}" + (": below the best known optimum (95 %)" if r == 1 else "")
            for r in sizes
        ]
        blocks.append(page.table(["start", *best, *_TIMES], rows, cards=True))
        own = optima[(optima["dataset"] == dataset) & (optima["model"] == model)]
        blocks.append(_optima(own))
    return "".join(blocks)


_RESTARTS = (1, 3, 5, 10)
_TIMES = ["seconds until half have arrived", "seconds to expect until a success (95 %)"]


def _restart_row(group: pd.DataFrame, times: pd.Series, sizes: list[int]) -> list[str]:
    gaps = group.set_index("r")[["expected_gap", "gap_low", "gap_high"]]
    found = [gaps.loc[r] if r in gaps.index else [math.nan] * 3 for r in sizes]
    return [
        group["strategy"].iloc[0],
        *(interval(*row) for row in found),
        f"{times['median_seconds']:.3g}"
        if math.isfinite(times["median_seconds"])
        else "not half of them",
        _running_time(
            *times[["expected_seconds", "expected_seconds_low", "expected_seconds_high"]]
        ),
    ]


def _running_time(expected: float, low: float, high: float) -> str:
    if not math.isfinite(expected):
        return f"no success (more than {low:.2g})"
    return f"{expected:.3g} ({low:.2g} to {high:.2g})"


def _advice(cell: pd.DataFrame, table: pd.DataFrame) -> str:
    """Say what a small, a middling and a large budget are best spent on."""
    cheapest = table.loc[table["r"] == 1, "seconds"].min()
    said: dict[str, str] = {}
    for budget in (times * cheapest for times in _BUDGETS):
        advice = recommend(cell, budget * (1 + 1e-9))["advice"].iloc[0]
        said.setdefault(advice, f"{budget:.2g}")
    lines = "".join(
        f"<li>With {seconds} s or more: {html.escape(_small(text))}</li>"
        for text, seconds in said.items()
    )
    return f"<ul>{lines}</ul>"


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _optima(optima: pd.DataFrame) -> str:
    """List the distinct optima in one sentence; a table of many would help nobody."""
    distinct = optima.groupby("optimum").agg(
        objective=("objective", "first"), n_runs=("n_runs", "sum")
    )
    shown = "; ".join(
        f"{number(row.objective)} ({row.n_runs} runs)" for row in distinct.head(5).itertuples()
    )
    more = f"; and {len(distinct) - 5} more" if len(distinct) > 5 else ""
    return (
        f"<p>Distinct optima, best first: {shown}{more}.</p>"
        if len(distinct) > 1
        else "<p>All runs reach one optimum.</p>"
    )


def _samplers(comparison: "Comparison") -> str:
    table: Any = comparison.mixing()
    if table["rhat"].isna().all():
        return ""
    blocks = [
        "<h2>Do the starts come to the same distribution?</h2><p>R-hat across runs compares the second halves of their "
        f"traces: near 1 (up to about {MAX_RHAT}) where runs cannot be told apart. Where the runs of each start agree "
        "but all together do not, the draws still depend on the start: run longer, or do not trust the worse one.</p>"
    ]
    cells = {(dataset, model): cell for dataset, model, cell in cells_of(comparison.runs)}
    for dataset, model, cell in cells_of(table):
        own = cells[dataset, model]
        table_of = cell.set_index("strategy")
        order = [name for name in best_first(own) if name in table_of.index]
        order += [name for name in table_of.index if name not in order]  # all together
        rows = [
            [str(name), str(table_of.loc[name, "n_runs"]), number(table_of.loc[name, "rhat"])]
            for name in order
        ]
        name = html.escape(cell_name(comparison.runs, dataset, model))
        blocks.append(f"<h3>{name}</h3>{page.table(['start', 'runs', 'R-hat across runs'], rows)}")
    return "".join(blocks)


def _over_datasets(comparison: "Comparison") -> str:
    table: Any = comparison.across()
    if table.empty:
        return ""
    several = table["model"].nunique() > 1
    rows = [
        [
            f"{row.strategy} against {row.rival}" + (f" ({row.model})" if several else ""),
            str(row.n_datasets),
            interval(row.difference, row.low, row.high),
            *(f"{p:.2f}" for p in (row.p_better, row.p_same, row.p_worse)),
        ]
        for row in table.itertuples()
    ]
    header = [
        "pair",
        "data sets",
        "mean difference (95 % of each pair)",
        "probability: first better",
        "same",
        "second better",
    ]
    few = ""
    if np.max(table["n_datasets"]) < MIN_DATASETS:
        few = f" With fewer than {MIN_DATASETS} data sets the mean has no interval, and nothing here is firm."
    text = (
        "<p>Each data set counts once, however many seeds it was run from. Intervals and probabilities are those of "
        f"each pair by itself: of many pairs some differ by chance.{few}</p>"
    )
    return (
        f"<h2>Over data sets</h2>{text}{page.table(header, rows, cards=True)}{_ranks(comparison)}"
    )


def _ranks(comparison: "Comparison") -> str:
    """Draw the mean ranks of each model, where there are data sets enough."""
    from matplotlib import pyplot as plt

    pictures = []
    for model, runs in comparison.runs.groupby("model", sort=False):
        if runs["dataset"].nunique() < MIN_DATASETS:
            continue
        ax: Any = comparison.plot.critical_difference(model=model)
        of_model = f" ({model})" if comparison.runs["model"].nunique() > 1 else ""
        pictures.append(page.figure(ax, f"Mean ranks of the starts{of_model}. {_RANKS}"))
        plt.close(ax.figure)
    return f'<div class="single">{"".join(pictures)}</div>' if pictures else ""


_RANKS = (
    "A bar joins starts whose ranks differ by less than the critical difference: they do not differ at the 5 % "
    "level. It asks how often a start is better, the table above by how much."
)


def method(comparison: "Comparison") -> str:
    """Write how a comparison was computed, as the methods section of a paper would.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        HTML.
    """
    about, runs = comparison.about, comparison.runs
    given = {"iterations": about.max_iter, "seconds": about.seconds}
    limits = [f"{value} {unit}" for unit, value in given.items() if value is not None]
    limited = f"Each run was limited to {' and '.join(limits)}. " if limits else ""
    models = "".join(
        f"<li><strong>{html.escape(name)}</strong>: <code>{html.escape(model.text)}</code></li>"
        for name, model in about.models.items()
    )
    seeds = page.count(runs, "replicate", "seed")
    versions = html.escape("; ".join(dict.fromkeys(runs["versions"])))
    kinds = {model.sampler for model in about.models.values()}
    words = " ".join([_OPTIMA] * (False in kinds) + [_STATISTICS] + [_SAMPLERS] * (True in kinds))
    words += f" {_OVER_DATASETS}" if runs["dataset"].nunique() > 1 else ""
    return (
        f"<h2>How it was computed</h2><p>Every strategy was run from {seeds} on every data set. In one replicate all "
        "strategies share two random streams, one for the start and one for the run, so that their differences are "
        f"paired. The streams are children of <code>SeedSequence(entropy={about.entropy}, spawn_key=(crc32(data set), "
        "replicate))</code>; columns init_seed and run_seed hold them as <code>entropy:key</code>, from which "
        f"<code>Comparison.seed</code> rebuilds them. {limited}{words}</p><ul>{models}</ul><p>"
        f"Computed with {versions}. Times are "
        "wall-clock seconds on one thread, after everything was compiled.</p>"
    )


_STATISTICS = (
    "&ldquo;Behind the best start&rdquo; is the mean paired "
    "difference to the best strategy over the seeds that both finished, "
    "with a 95 % BCa bootstrap interval over seeds, widened where Student's t interval or its correction for "
    "skewness (Hall, 1992) reaches further. With more than two strategies the intervals of all pairs hold together in "
    "95 % of cases (Bonferroni), because the best strategy is known from the same runs; a start is said to beat "
    "another by these intervals. Seeds show how much a fit varies on these data; "
    "only further data sets show whether a start is better in general, so seeds of different data sets are never "
    "pooled."
)

_OPTIMA = (
    "The gap of a run is the best known optimum on its data set and model minus its own objective; a run reached "
    "that optimum if its gap is within 0.5 nats plus 1e-5 of the objective; such rates have Wilson intervals, each by "
    "itself. The expected best of r restarts is the exact mean over all choices of r of the runs; its interval carries "
    "Wilson's interval of every share of runs through. Times to the best known optimum are Kaplan-Meier estimates, in "
    "which runs that a limit stopped are censored; the expected running time is the total time of all runs over the "
    "number of successes, with Wilson's interval of the share of successes carried through and the spread of the "
    "costs added (Zou and Donner, 2008)."
)
_SAMPLERS = (
    "Runs of a sampler end in a distribution: their objective is the mean joint log density over the draws kept. R-hat "
    "is rank-normalised and split (Vehtari et al., 2021); across runs it is that of the second halves of their traces. "
    "Iterations to settle are those until the trace first enters the central 95 % of its second half; iterations until "
    "R-hat is below 1.01 are those after which R-hat of all scalars of the chains of a run, over the second half of "
    "what there is so far, stays below it."
)
_OVER_DATASETS = (
    "Over data sets, each of which counts once, differences have a bootstrap interval that draws data sets with their "
    "seeds (from six data sets on, widened as above), and a Bayesian signed-rank test (Benavoli et al., 2014, 2017) "
    "says how probable it is that a start is better on another data set."
)
