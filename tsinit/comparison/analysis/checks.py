"""The border of a finished comparison and of its statistics: what they are asked is checked here."""

from typing import Any

import numpy as np
import pandas as pd

from tsinit._typing import FloatArray
from tsinit._validate import check_choice, check_count
from tsinit._validate.values import short
from tsinit.comparison.analysis.tables import cells_of, has_optima, names_of

#: From this many data sets on the mean over them has an interval, and ranks over them mean something: with fewer, the
#: resampled means take a handful of values (measured coverage of 95 % intervals at four data sets: 86 %).
MIN_DATASETS = 6
#: Columns in which less is better.
LOWER = ("score_rmse", "score_crps", "score_eigenvalue_error", "n_iter", "n_settle", "n_mixed")


def check_optima(runs: pd.DataFrame) -> None:
    """Restarts and targets need runs that end at an optimum; at least one model must have them."""
    if not any(has_optima(cell) for _, _, cell in cells_of(runs)):
        raise ValueError(
            "Restarts and targets must be about runs that end at an optimum; got samplers only, whose draws would be "
            "spoiled by keeping the chain of the highest density. Look at mixing() instead."
        )


def check_column(runs: pd.DataFrame, column: str) -> None:
    """A column to compare by must be one that holds an objective, a score or iterations."""
    good = ("objective_start", "objective_final", *LOWER)
    names = [
        name
        for name in names_of(runs)
        if name in good or (name.startswith("score") and name != "score_coverage")
    ]
    check_choice("column", column, names)


def check_several_datasets(runs: pd.DataFrame) -> None:
    """Only data sets generalise: a statement over them needs two."""
    n = runs["dataset"].nunique()
    if n < 2:
        raise ValueError(
            f"data must hold two data sets or more for a statement over data sets; got {n}. Seeds say how variable "
            "the fit is on these data; only further data sets say whether a start is better in general."
        )


def check_ranks(runs: pd.DataFrame, model: str | None) -> pd.DataFrame:
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


def check_cell(runs: pd.DataFrame, dataset: Any, model: Any) -> pd.DataFrame:
    """Pick the runs of one data set and model; where there are several, it must be named."""
    for column, value in (("dataset", dataset), ("model", model)):
        names = list(dict.fromkeys(runs[column]))
        if value is None and len(names) > 1:
            raise ValueError(f"{column} must name one of {names}; got None.")
        if value is not None and value not in names:
            raise KeyError(f"{column} must be one of {names}; got {short(value)}.")
        runs = runs[runs[column] == (names[0] if value is None else value)]
    return runs


def check_differences(values: Any, name: str = "differences") -> FloatArray:
    """Return differences as (n,) float; infinite ones stay, missing ones are none.

    Raises
    ------
    ValueError
        They are no sequence of numbers, or one is NaN.
    """
    try:
        d = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a sequence of numbers; got {short(values)}.") from None
    if d.ndim != 1:
        raise ValueError(f"{name} must be one sequence of numbers; got shape {d.shape}.")
    if np.isnan(d).any():
        raise ValueError(
            f"{name} must hold no NaN; got one in place {int(np.isnan(d).argmax())}. Drop such pairs."
        )
    return d


def check_successes(successes: Any, trials: Any) -> tuple[int, int]:
    """Require counts, of which the first is not above the second.

    Raises
    ------
    ValueError
    """
    successes, trials = check_count("successes", successes, 0), check_count("trials", trials, 0)
    if successes > trials:
        raise ValueError(f"successes must be at most the trials, {trials}; got {successes}.")
    return successes, trials
