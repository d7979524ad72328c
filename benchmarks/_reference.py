"""What reference results are made of: a function registered by `result`, and its answer taken apart into arrays."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

#: Every reference result by name, in the order in which they are computed.
RESULTS = {}


def result(function):
    """Register a function without arguments; its name, and a dict of whatever it returns, is a reference result."""
    RESULTS[function.__name__] = function
    return function


def read(estimator, *names):
    """Read public attributes of a fitted estimator into a dict."""
    return {name: getattr(estimator, name) for name in names}


def race_of(model):
    """Read the race of a fit, but for clocks, versions, and names that hold a hash."""
    race = model.init_race_
    return {"runs": timeless(race.runs), "traces": traces_of(race)}


def timeless(runs):
    """Leave out the columns of runs that no seed decides, or that hold a hash."""
    clocks = [name for name in runs if "second" in name]
    return runs.drop(columns=["run_id", "versions", *clocks])


def traces_of(comparison):
    """Number the runs of traces by their rows, and leave out the clock."""
    rows = {run_id: row for row, run_id in enumerate(comparison.runs["run_id"])}
    traces = comparison.traces
    return traces.drop(columns="seconds").assign(run_id=traces["run_id"].map(rows))


def variables(tree):
    """Read the values of a tree of draws, group by group."""
    groups = sorted(tree.children)
    return {
        group: {name: tree[group][name].values for name in sorted(tree[group].data_vars)}
        for group in groups
    }


def pieces(value, path):
    """Take a value apart into arrays that files can hold without pickles.

    Tuples, lists and columns of tables go by position, so that a new name of a field or a column touches one piece,
    the names, and not the numbers.

    Yields
    ------
    (str, array)
        The path of a piece, and numbers, truth values or texts.
    """
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from pieces(part, f"{path}/{key}")
    elif isinstance(value, (pd.DataFrame, pd.Series)):
        yield from _pieces_of_table(value, path)
    elif isinstance(value, (tuple, list)):
        for place, part in enumerate(value):
            yield from pieces(part, f"{path}/{place}")
    elif value is None or isinstance(value, str):
        yield path, np.array(str(value))
    else:
        yield path, _plain(np.asarray(value))


def _pieces_of_table(table, path):
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    yield f"{path}/columns", np.array([str(name) for name in frame.columns], dtype=str)
    yield f"{path}/index", np.array([str(label) for label in frame.index], dtype=str)
    for place in range(frame.shape[1]):
        yield f"{path}/{place}", _column(frame.iloc[:, place])


def _column(column):
    if pd.api.types.is_numeric_dtype(column) and not isinstance(column.dtype, np.dtype):
        return column.to_numpy(
            dtype=float, na_value=np.nan
        )  # integers and truth values that may be missing
    return _plain(column.to_numpy())


def _plain(array):
    """Write objects and times as text; everything else stays as it is."""
    return (
        array
        if array.dtype.kind in "biufcU"
        else np.array([str(v) for v in array.ravel()], dtype=str)
    )
