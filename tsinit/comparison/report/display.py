"""Numbers as people read them, and the summary as rows of text: for the page, the terminal and the notebook."""

import math
from collections.abc import Callable

from tsinit.comparison.analysis.summary import sampler_columns, summarise


def summary_rows(runs, objective, brief=False):
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
    several_models = runs["model"].nunique() > 1
    blocks = []
    for (dataset, model), cell in table.groupby(["dataset", "model"], sort=False):
        show = _columns(cell, name_of(objective, model), sampler_columns(runs))
        if brief:
            quiet = {"runs", "median", "IQR"} | (
                {"failed"} if not table["n_failed"].any() else set()
            )
            show = {name: text for name, text in show.items() if name not in quiet}
        rows = [[text(row) for text in show.values()] for _, row in cell.iterrows()]
        blocks.append((f"{dataset}, {model}" if several_models else dataset, list(show), rows))
    return blocks


def name_of(objective, model):
    """Look up what a model maximises; one word may serve all."""
    return objective if isinstance(objective, str) else objective[model]


def _columns(cell, objective, told):
    """List the columns of one block with the text of each; what a model does not have is left out."""
    show: dict[str, Callable] = {
        "strategy": lambda r: r["strategy"],
        "runs": lambda r: str(r["n_runs"]),
        "failed": lambda r: str(r["n_failed"]),
        f"mean {objective}": lambda r: number(r["mean"]),
        "median": lambda r: number(r["median"]),
        "IQR": lambda r: nats(r["iqr"]),
        "behind the best start (95 %)": lambda r: interval(
            r["difference"], r["difference_low"], r["difference_high"]
        ),
        _HITS: lambda r: (
            f"{r['hits']} of {r['n_runs']} ({100 * r['hit_low']:.0f} to {100 * r['hit_high']:.0f} %)"
        ),
        **{
            _SAMPLER_WORDS.get(name, name): lambda r, name=f"median_{name}": number(r[name])
            for name in told
        },
        "iterations": lambda r: number(r["median_iter"]),
        "seconds": lambda r: (
            f"{r['median_seconds']:.3g}" if math.isfinite(r["median_seconds"]) else "–"
        ),
    }
    for name in (name for name in cell if name.startswith("median_score")):
        show[name.removeprefix("median_").replace("_", " ")] = lambda r, name=name: number(r[name])
    absent = {_HITS: cell["hits"].isna().all()}
    absent |= {_SAMPLER_WORDS.get(name, name): cell[f"median_{name}"].isna().all() for name in told}
    return {name: text for name, text in show.items() if not absent.get(name, False)}


_HITS = "reached the best end (95 %)"
_SAMPLER_WORDS = {
    "rhat": "R-hat",
    "ess": "effective draws",
    "ess_per_second": "effective draws a second",
    "n_settle": "iterations to settle",
    "n_mixed": "iterations until R-hat < 1.01",
}


def text_table(header, rows):
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


def number(value):
    """Four digits or so, thousands apart; a dash where there is nothing."""
    value = float(value)
    if not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"


def listed(words):
    """Join words as one does in a sentence."""
    words = list(words)
    return "".join(words) if len(words) < 2 else ", ".join(words[:-1]) + " and " + words[-1]


def nats(value):
    """Write a difference of objectives: a hundredth of a nat is the last digit worth reading."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}".replace("-0.00", "0.00")


def interval(estimate, low, high):
    """Write an estimate with its ends, where it has two."""
    if not math.isfinite(low) or low == high:
        return nats(estimate)
    return f"{nats(estimate)} ({nats(low)} to {nats(high)})"


def _halves(name):
    """Break a header near its middle."""
    if len(name) <= 12 or " " not in name:
        return "", name
    cut = min((i for i, c in enumerate(name) if c == " "), key=lambda i: abs(i - len(name) / 2))
    return name[:cut], name[cut + 1 :]
