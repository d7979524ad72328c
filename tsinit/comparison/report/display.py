"""Numbers as people read them, and the summary as rows of text: for the page, the terminal and the notebook."""

import html
import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from tsinit.comparison.analysis.summary import sampler_columns, summarise
from tsinit.comparison.analysis.tables import cells_of, names_of


def summary_rows(
    runs: pd.DataFrame, objective: str | dict[str, str], brief: bool = False
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Write the summary as text, one block for each data set and model.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.
    objective : str or dict of str to str
        What the models maximise; a dict is keyed by model.
    brief : bool
        Leave out the number of runs, median and spread, and failures where there are none.

    Returns
    -------
    list of (str, list of str, list of list of str)
        Name of the block, header, rows.
    """
    table = summarise(runs)
    blocks = []
    for dataset, model, cell in cells_of(table):
        show = _columns(cell, name_of(objective, model), sampler_columns(runs))
        if brief:
            quiet = {"runs", "median", "IQR"} | (
                {"failed"} if not table["n_failed"].any() else set()
            )
            show = {name: text for name, text in show.items() if name not in quiet}
        rows = [[text(row) for text in show.values()] for _, row in cell.iterrows()]
        blocks.append((cell_name(runs, dataset, model), list(show), rows))
    return blocks


def cell_name(runs: pd.DataFrame, dataset: str, model: str) -> str:
    """Name a data set and model; the model only where there are several."""
    return f"{dataset}, {model}" if runs["model"].nunique() > 1 else dataset


def name_of(objective: str | dict[str, str], model: str) -> str:
    """Look up what a model maximises; one word may serve all."""
    return objective if isinstance(objective, str) else objective[model]


def _columns(
    cell: pd.DataFrame, objective: str, sampler: list[str]
) -> dict[str, Callable[[pd.Series], str]]:
    """List the columns of one block with the text of each; what a model does not have is left out."""
    show: dict[str, Callable] = {
        "strategy": lambda r: r["strategy"],
        "runs": lambda r: str(r["n_runs"]),
        "failed": lambda r: str(r["n_failed"]),
        f"mean {objective}": lambda r: number(r["mean"]),
        "median": lambda r: number(r["median"]),
        "IQR": lambda r: nats(r["iqr"]),
        f"behind the best start (95 %{', all pairs together' if len(cell) > 2 else ''})": lambda r: (
            interval(r["difference"], r["difference_low"], r["difference_high"])
        ),
        _REACHED: lambda r: (
            f"{r['hits']} of {r['n_runs']} ({100 * r['hit_low']:.0f} to {100 * r['hit_high']:.0f} %)"
        ),
        **{
            _SAMPLER_WORDS.get(name, name): lambda r, name=f"median_{name}": number(r[name])
            for name in sampler
        },
        "iterations": lambda r: number(r["median_iter"]),
        "seconds": lambda r: (
            f"{r['median_seconds']:.3g}" if math.isfinite(r["median_seconds"]) else "–"
        ),
    }
    for name in (name for name in names_of(cell) if name.startswith("median_score")):
        show[name.removeprefix("median_").replace("_", " ")] = lambda r, name=name: number(r[name])
    absent = {_REACHED: cell["hits"].isna().all()}
    absent |= {
        _SAMPLER_WORDS.get(name, name): cell[f"median_{name}"].isna().all() for name in sampler
    }
    return {name: text for name, text in show.items() if not absent.get(name, False)}


_REACHED = "reached the best known optimum (95 %)"
_SAMPLER_WORDS = {
    "rhat": "R-hat",
    "ess": "effective draws",
    "ess_per_second": "effective draws a second",
    "n_settle": "iterations to settle",
    "n_mixed": "iterations until R-hat < 1.01",
}


def text_table(header: list[str], rows: list[list[str]]) -> str:
    """Align a table with spaces: text to the left, numbers to the right, headers broken over two lines."""
    top, bottom = zip(*map(_halves, header), strict=True)
    lines = [list(top), list(bottom), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    aligned = [
        "  ".join(
            f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}"
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join(line.rstrip() for line in aligned)


def html_table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table for a notebook, which has a style of its own."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    lines = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def number(value: Any) -> str:
    """Four digits or so, thousands apart; a dash where there is nothing."""
    value = float(value)
    if not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"


def listed(words: Iterable[str]) -> str:
    """Join words as one does in a sentence."""
    words = list(words)
    return "".join(words) if len(words) < 2 else ", ".join(words[:-1]) + " and " + words[-1]


def nats(value: float) -> str:
    """Write a difference of objectives: digits beyond a hundredth of a nat mean nothing."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}".replace("-0.00", "0.00")


def interval(estimate: float, low: float, high: float) -> str:
    """Write an estimate with its limits, where it has two."""
    if not math.isfinite(low) or low == high:
        return nats(estimate)
    return f"{nats(estimate)} ({nats(low)} to {nats(high)})"


def _halves(name: str) -> tuple[str, str]:
    """Break a header near its middle."""
    if len(name) <= 12 or " " not in name:
        return "", name
    cut = min((i for i, c in enumerate(name) if c == " "), key=lambda i: abs(i - len(name) / 2))
    return name[:cut], name[cut + 1 :]
