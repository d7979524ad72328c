"""One HTML file that a colleague can read without Python: verdict, pictures, tables, how it was done."""

import html
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsinit._atomic import check_writable, write_whole
from tsinit._typing import StrPath
from tsinit._validate import check_path
from tsinit.comparison.analysis.summary import best_first
from tsinit.comparison.analysis.tables import FAILED, cells_of
from tsinit.comparison.report import data, display, page, runs, sections
from tsinit.comparison.report.fits import section as fit_section
from tsinit.comparison.report.verdict import verdict

if TYPE_CHECKING:
    import pandas as pd

    from tsinit.comparison.result import Comparison

#: A table of more rows helps nobody in a browser; the CSV has them all.
_MAX_ROWS = 500


def write_report(
    comparisons: list[tuple[str, "Comparison", dict[str, Any]]],
    path: StrPath,
    *,
    title: str,
    fits: bool | None = None,
) -> Path:
    """Write one page on one comparison or several; see ``Comparison.report``.

    Parameters
    ----------
    comparisons : list of (str, Comparison, dict)
        Heading (empty for none), comparison, and further figures by their captions.
    path : str or Path
    title : str
    fits : bool or None
        Whether to draw the best fits, as in ``Comparison.report``.

    Returns
    -------
    Path
        The file written.
    """
    target, body = check_path("path", path), []
    check_writable(target, "path")  # before pictures are drawn for nothing
    with page.drawing():
        for heading, comparison, pictures in comparisons:
            body += [f'<h1 class="part">{html.escape(heading)}</h1>'] if heading else []
            body += [_lead(comparison), _data(comparison), _fits(comparison, pictures, fits)]
            body += [_verdict(comparison), _summaries(comparison), runs.pictures(comparison)]
            body += [*sections.sections(comparison), _errors(comparison)]
            body += [sections.method(comparison), _runs(comparison)]
    write_whole(target, page.page(title, "\n".join(body)).encode("utf-8", "backslashreplace"))
    return target


def _data(comparison: "Comparison") -> str:
    if comparison.data is None:
        return f"<h2>Data</h2><p>{_NO_DATA}</p>"
    held_out = "score_test" in comparison.runs
    note = "What was held out is not shown." if held_out else ""
    return data.section(comparison.data, note, comparison.inputs)


_NO_DATA = (
    "The data and the fits are not shown: this comparison was read from files, which hold the tables of runs but "
    "neither data nor models, or is a race. Call compare() again with a store, and the report has both."
)


def _fits(comparison: "Comparison", pictures: dict[str, Any], fits: bool | None) -> str:
    drawn = fit_section(comparison, fits)
    if pictures:
        drawn = drawn or "<h2>What the fits show</h2>"
    more = (page.figure(one, caption) for caption, one in pictures.items())
    return drawn + page.figures(more, single=True)


def _lead(comparison: "Comparison") -> str:
    table = comparison.runs
    counts = ", ".join(
        f"{n} {str(status).replace('_', ' ')}"
        for status, n in table["status"].value_counts().items()
    )
    return (
        f'<p class="lead">{len(table)} runs ({counts}): {page.count(table, "dataset", "data set")}, '
        f"{page.count(table, 'model', 'model')}, "
        f"{page.count(table, 'strategy', 'starting strategy', 'starting strategies')}, "
        f"{page.count(table, 'replicate', 'seed')}.</p>"
    )


def _verdict(comparison: "Comparison") -> str:
    paragraphs = verdict(comparison.runs, comparison.about.objectives)
    marked = [
        f"<strong>{html.escape(name)}: {html.escape(first)}</strong> {html.escape(' '.join(rest))}"
        for name, (first, *rest) in paragraphs
    ]
    return "<h2>Verdict</h2>" + "".join(f'<p class="verdict">{text}</p>' for text in marked)


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


def _best_first(runs: "pd.DataFrame") -> "pd.DataFrame":
    """Order the runs as all tables are: by data set and model, then the best start first."""
    order = []
    for _, _, cell in cells_of(runs):
        for name in best_first(cell):
            order += cell.index[cell["strategy"] == name].tolist()
    return runs.loc[order]


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
    table = _best_first(comparison.runs).head(_MAX_ROWS)
    several = {name: comparison.runs[name].nunique() > 1 for name in ("dataset", "model")}
    names = ["strategy", *(name for name, more in several.items() if more), *_RUN_COLUMNS]
    rows = [
        [
            "" if value is None else value if isinstance(value, str) else display.number(value)
            for value in row
        ]
        for row in table[names]
        .astype(object)
        .where(table[names].notna(), math.nan)
        .itertuples(index=False)
    ]
    cut = (
        f"<p>The first {_MAX_ROWS} of {len(comparison.runs)} runs; <code>to_csv</code> writes all.</p>"
        if len(comparison.runs) > _MAX_ROWS
        else ""
    )
    header = [name.replace("objective_", "").replace("_", " ") for name in names]
    return (
        f"<h2>All runs</h2><details><summary>Show the {len(table)} rows</summary>{cut}"
        f"{page.table(header, rows)}</details>"
    )
