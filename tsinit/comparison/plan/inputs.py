"""Known inputs beside the data sets of a comparison: checked once, cut with the data, and told from other inputs."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit._validate import check_inputs, check_inputs_vary, check_series
from tsinit._validate.tables import from_xarray
from tsinit._validate.values import short
from tsinit.adapters import Adapter
from tsinit.comparison.plan import data as datasets_of


class KnownInputs(NamedTuple):
    """The inputs of one data set, in the form of its data."""

    fitted: Any  # beside what is fitted
    tests: dict[str, Any]  # beside held-out series, by the ending of their score column


def takes_inputs(model: Any, adapter: Adapter) -> bool:
    """Whether a model can be fitted with known inputs."""
    ask = getattr(adapter, "takes_inputs", None)
    return ask is not None and bool(ask(model))


def check_takers(inputs: Any, models: dict[str, Any], adapters: dict[str, Adapter]) -> None:
    """Refuse inputs where one of the models takes none: it would be fitted to other information than the rest.

    Raises
    ------
    TypeError
        A model takes none.
    """
    if inputs is None:
        return
    without = [name for name, model in models.items() if not takes_inputs(model, adapters[name])]
    if without:
        raise TypeError(
            f"inputs must go with models that take them, such as LinearGaussianSSM; got {' and '.join(without)}."
        )


def by_dataset(inputs: Any, names: list[str]) -> dict[str, Any]:
    """Inputs by data set; one table is for all of them, and a dict may leave some out.

    Raises
    ------
    ValueError
        A dict names none of the data sets, or something else.
    """
    if inputs is None:
        return {}
    if not isinstance(inputs, dict):
        return dict.fromkeys(names, inputs)
    unknown = set(inputs) - set(names)
    if unknown or not inputs:
        raise ValueError(
            f"inputs must be keyed by data sets, {sorted(names)}; got {sorted(map(str, inputs))}."
        )
    return {name: value for name, value in inputs.items() if value is not None}


def load(name: str, X: Any, source: Any) -> Any:
    """Bring the inputs of a data set into the form of the data, and refuse here what every fit would.

    Parameters
    ----------
    name : str
        Of the data set, for messages.
    X : table or list of tables
    source : table, list of tables, or function without arguments that returns one of these
        One table beside a list is cut like the data, or, with times, looked up for every sequence.

    Returns
    -------
    table or list of tables
    """
    inputs = source() if callable(source) else source
    if isinstance(X, list):
        inputs = _as_list(X, inputs)
    elif not isinstance(inputs, list | tuple):
        inputs = from_xarray(inputs)
        if not _is_timed(inputs) and len(inputs) == len(X):
            inputs = datasets_of.like(X, np.asarray(inputs))
    _check(f"data set {name!r}", X, inputs)
    return inputs


def split(X: Any, inputs: Any, fraction: float) -> tuple[Any, Any]:
    """Cut inputs where the data are cut.

    Parameters
    ----------
    X, inputs : table or list of tables
    fraction : float
        Share of the rows of each sequence that is held out.

    Returns
    -------
    head, tail
        Of the kind of `inputs`; with times of their own they stay whole: each part of the data looks up its own.
    """
    if isinstance(X, list):
        parts = [split(part, known, fraction) for part, known in zip(X, inputs, strict=True)]
        return [head for head, _ in parts], [tail for _, tail in parts]
    if _is_timed(inputs) and _is_timed(X) and not inputs.index.equals(X.index):
        return inputs, inputs
    if len(inputs) != len(X):
        raise ValueError(
            f"inputs must have the {len(X)} rows of X to be cut by test; got {len(inputs)}. Give them as a DataFrame "
            "with their times."
        )
    return datasets_of.split_tail(inputs, fraction)


def of_test(name: str, X: Any, inputs: Any) -> Any:
    """Look up the inputs of a held-out series, by its times.

    Raises
    ------
    ValueError
        The inputs have no times, or lack those of the series.
    """
    first = inputs[0] if isinstance(inputs, list) else inputs
    several = isinstance(inputs, list) and any(part is not first for part in inputs)
    got = "" if _is_timed(first) and not several else short(type(inputs))
    if any(_counts_from_zero(part) for part in (X if isinstance(X, list) else [X])):
        got = got or "rows that are counted from 0"
    if got:
        raise ValueError(
            f"inputs must be one DataFrame that has the times of {name} too, where test is a table; got {got}. Give "
            "test as a share, and they are cut with the data."
        )
    found = [first] * len(X) if isinstance(X, list) else first
    _check(name, X, found)
    return found


def names_of(inputs: Any) -> list[str] | None:
    """Names of the columns, None where they have only numbers."""
    first = inputs[0] if isinstance(inputs, list) else inputs
    if hasattr(first, "name") and not hasattr(first, "columns"):
        return [str(first.name)]
    columns = list(getattr(first, "columns", []))
    return list(map(str, columns)) if columns and columns != list(range(len(columns))) else None


def _as_list(X: list[Any], inputs: Any) -> Any:
    """One table for a list of tables: cut like these, or looked up by times for each."""
    if isinstance(inputs, list | tuple):
        return [from_xarray(part) for part in inputs]
    inputs = from_xarray(inputs)
    sizes = [len(part) for part in X]
    if len(inputs) == sum(sizes):
        return datasets_of.by_sequence(inputs, sizes)
    return [inputs] * len(X) if _is_timed(inputs) else inputs


def _counts_from_zero(table: Any) -> bool:
    """Whether rows have no times, but numbers that those of other tables have too."""
    index = getattr(table, "index", None) if _is_timed(table) else pd.RangeIndex(1)
    return isinstance(index, pd.RangeIndex) and index.start == 0


def _is_timed(table: Any) -> bool:
    return hasattr(table, "iloc")


def _check(what: str, X: Any, inputs: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the models will say it again
        panel = check_series(X, None)
    try:
        check_inputs_vary(check_inputs(inputs, panel))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}") from None
