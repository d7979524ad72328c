"""One HTML file that a colleague can read without Python: verdict, pictures, tables, how it was done."""

import html
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsinit._atomic import check_writable, write_whole
from tsinit._typing import StrPath
from tsinit._validate import check_path
from tsinit.comparison.analysis.tables import FAILED, has_optima
from tsinit.comparison.report import display, page, sections
from tsinit.comparison.report.verdict import verdict

if TYPE_CHECKING:
    from tsinit.comparison.result import Comparison

#: A table of more rows helps nobody in a browser; the CSV has them all.
_MAX_ROWS = 500
_SIZE = (5.2, 3.7)  # inches


def write_report(
    comparisons: list[tuple[str, "Comparison", dict[str, Any]]], path: StrPath, *, title: str
) -> Path:
    """Write one page on one comparison or several; see ``Comparison.report``.

    Parameters
    ----------
    comparisons : list of (str, Comparison, dict)
        Heading (empty for none), comparison, and further figures by their captions.
    path : str or Path
    title : str

    Returns
    -------
    Path
        The file written.
    """
    target, body = check_path("path", path), []
    check_writable(target, "path")  # before pictures are drawn for nothing
    for heading, comparison, figures in comparisons:
        body += [f'<h1 class="part">{html.escape(heading)}</h1>'] if heading else []
        body += [_lead(comparison), _verdict(comparison), _extra(figures), _pictures(comparison)]
        body += [
            _summaries(comparison),
            *sections.sections(comparison),
            _errors(comparison),
            sections.method(comparison),
        ]
        body += [_runs(comparison)]
    write_whole(target, page.page(title, "\n".join(body)).encode("utf-8", "backslashreplace"))
    return target


def _lead(comparison: "Comparison") -> str:
    runs = comparison.runs
    counts = ", ".join(
        f"{n} {str(status).replace('_', ' ')}"
        for status, n in runs["status"].value_counts().items()
    )
    return (
        f'<p class="lead">{len(runs)} runs ({counts}): {page.count(runs, "dataset", "data set")}, '
        f"{page.count(runs, 'model', 'model')}, "
        f"{page.count(runs, 'strategy', 'starting strategy', 'starting strategies')}, "
        f"{page.count(runs, 'replicate', 'seed')}.</p>"
    )


def _verdict(comparison: "Comparison") -> str:
    paragraphs = verdict(comparison.runs, comparison.about.objectives)
    marked = [
        f"<strong>{html.escape(name)}: {html.escape(first)}</strong> {html.escape(' '.join(rest))}"
        for name, (first, *rest) in paragraphs
    ]
    return "<h2>Verdict</h2>" + "".join(f'<p class="verdict">{text}</p>' for text in marked)


def _extra(figures: dict[str, Any]) -> str:
    if not figures:
        return ""
    drawn = "".join(page.figure(drawn, caption) for caption, drawn in figures.items())
    return f'<h2>What the fits show</h2><div class="single">{drawn}</div>'


def _pictures(comparison: "Comparison") -> str:
    from matplotlib import pyplot as plt

    from tsinit import plots

    always = {
        plots.strip: "The final objective of each run; the line is the median.",
        plots.traces: "The way there: thin lines are runs, thick lines the medians of each strategy.",
        plots.waterfall: "Final objectives from best to worst; a plateau is an optimum that several runs share.",
        plots.pairs: "From the same seeds: how often the start in the row came higher than the one in the column, "
        "to the same, or lower.",
    }
    of_optima = {
        plots.time_to_target: "How soon runs reach the best known optimum; a curve that stays low misses it.",
        plots.best_of: "What restarts buy: the distance to the best known optimum that the best of several runs is "
        "expected to have.",
    }
    blocks = ["<h2>Runs in pictures</h2>"]
    cells = comparison.runs[["dataset", "model"]].drop_duplicates()
    for dataset, model in cells.itertuples(index=False):
        blocks.append(
            f"<h3>{html.escape(display.cell_name(comparison.runs, dataset, model))}</h3><div class='figures'>"
        )
        cell = comparison.runs.query("dataset == @dataset and model == @model")
        optima = has_optima(cell)
        for draw, caption in (always | (of_optima if optima else {})).items():
            # A sampler's objective passes its own mean: there is no distance to an optimum to draw.
            more: dict[str, Any] = {"gap": False} if draw is plots.traces and not optima else {}
            # All of one size: pictures of different heights leave holes beside each other.
            figure, ax = plt.subplots(figsize=_SIZE, layout="constrained")
            draw(comparison, dataset=dataset, model=model, ax=ax, **more)
            blocks.append(page.figure(ax, caption))
            plt.close(figure)
        blocks.append("</div>")
    return "".join(blocks)


def _summaries(comparison: "Comparison") -> str:
    blocks = display.summary_rows(comparison.runs, comparison.about.objectives)
    parts = [
        f"<h3>{html.escape(name)}</h3>{page.table(header, rows, cards=True)}"
        for name, header, rows in blocks
    ]
    return "<h2>Summary</h2>" + "".join(parts)


def _errors(comparison: "Comparison") -> str:
    errors = comparison.errors
    if errors.empty:
        return ""
    groups = errors.groupby(
        ["dataset", "strategy", "status", "error_type", "error_message"], sort=False
    )
    rows = [
        [dataset, strategy, str(len(rows)), rows.iloc[0]["status"].replace("_", " "), kind, message]
        for (dataset, strategy, _, kind, message), rows in groups
    ]
    tails = "".join(
        f"<h3>{html.escape(group.iloc[0]['run_id'])}</h3><pre>{html.escape(group.iloc[0]['traceback'])}</pre>"
        for _, group in groups
        if group.iloc[0]["traceback"]
    )
    more = (
        f"<details><summary>Where they were raised, once for each kind</summary>{tails}</details>"
        if tails
        else ""
    )
    header = ["data set", "strategy", "runs", "status", "kind", "message"]
    unscored = "" if errors["status"].isin(FAILED).all() else " or lack a score"
    return (
        f"<h2>Runs that failed{unscored}</h2>"
        + page.table(header, rows, text={5}, cards=True)
        + more
    )


_RUN_COLUMNS = [
    "replicate",
    "status",
    "objective_start",
    "objective_final",
    "gap",
    "n_iter",
    "optimum",
]
_RUN_COLUMNS += ["init_seconds", "fit_seconds", "init_seed", "run_id"]


def _runs(comparison: "Comparison") -> str:
    runs = comparison.runs.head(_MAX_ROWS)
    several = {name: comparison.runs[name].nunique() > 1 for name in ("dataset", "model")}
    names = ["strategy", *(name for name, more in several.items() if more), *_RUN_COLUMNS]
    rows = [
        [
            "" if value is None else value if isinstance(value, str) else display.number(value)
            for value in row
        ]
        for row in runs[names]
        .astype(object)
        .where(runs[names].notna(), math.nan)
        .itertuples(index=False)
    ]
    cut = (
        f"<p>The first {_MAX_ROWS} of {len(comparison.runs)} runs; <code>to_csv</code> writes all.</p>"
        if len(comparison.runs) > _MAX_ROWS
        else ""
    )
    header = [name.replace("objective_", "").replace("_", " ") for name in names]
    return (
        f"<h2>All runs</h2><details><summary>Show the {len(runs)} rows</summary>{cut}"
        f"{page.table(header, rows)}</details>"
    )
