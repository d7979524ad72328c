"""The border of a finished comparison: what it is asked is checked here."""

from tsinit._validate import check_choice
from tsinit.comparison.analysis.over_datasets import LOWER, MIN_DATASETS
from tsinit.comparison.analysis.summary import has_optima


def check_optima(runs):
    """Restarts and targets need ends that are points; at least one model must have them."""
    if not any(has_optima(cell) for _, cell in runs.groupby(["dataset", "model"])):
        raise ValueError(
            "Restarts and targets must be about ends that are points; got samplers only, whose draws would be "
            "spoiled by keeping the chain of the highest density. Look at mixing() instead."
        )


def check_column(runs, column):
    """A column to compare by must be one that holds an end, a score or iterations, of which more or less is better."""
    good = ("objective_start", "objective_final", *LOWER)
    names = [
        name
        for name in runs
        if name in good or (name.startswith("score") and name != "score_coverage")
    ]
    check_choice("column", column, names)


def check_several_datasets(runs):
    """Only data sets generalise: a statement over them needs two."""
    n = runs["dataset"].nunique()
    if n < 2:
        raise ValueError(
            f"data must hold two data sets or more for a statement over data sets; got {n}. Seeds say how variable "
            "the fit is on these data; only further data sets say whether a start is better in general."
        )


def check_ranks(runs, model):
    """Pick the runs to rank: one model, enough data sets, two strategies."""
    names = list(dict.fromkeys(runs["model"]))
    if model is None and len(names) > 1:
        raise ValueError(f"model must name the one whose starts are ranked, of {names}; got None.")
    if model is not None:
        check_choice("model", model, names)
        runs = runs[runs["model"] == model]
    n, k = runs["dataset"].nunique(), runs["strategy"].nunique()
    if n < MIN_DATASETS:
        raise ValueError(
            f"Mean ranks must rest on {MIN_DATASETS} data sets at least; got {n}. With fewer, no difference of ranks "
            "can be told from chance, whatever the number of seeds: add data sets, or look at each in summary()."
        )
    if k < 2:
        raise ValueError("Mean ranks must compare two strategies at least; got one.")
    return runs
