"""Known inputs beside a series: a table on the same times, complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.tables import from_xarray, to_float
from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import FloatArray, IntArray
    from tsinit._validate.series import Panel


def check_inputs(inputs: Any, panel: Panel, expected: Sequence[Any] | None = None) -> Panel:
    """Put known inputs beside a series.

    Parameters
    ----------
    inputs : (T, m) array, DataFrame, Series or DataArray, or list of those
        In the form of X. A DataFrame is taken at the times of X, and may have others too; where X skips steps, it has
        them, because a step without data has inputs all the same.
    panel : Panel
        Of X.
    expected : sequence, optional
        Columns of the inputs of the fit.

    Returns
    -------
    Panel
        The same with `inputs` (T, m) and `input_names`.

    Raises
    ------
    ValueError
        The inputs are of another form, lack a time of X or a value, or have other columns.
    TypeError
        They hold something that is not a number.
    """
    if inputs is None:
        raise ValueError(
            f"inputs must be given, with the columns {_listed(expected or [])}: the model was fitted with inputs; "
            "got None."
        )
    several = panel.form == "list"
    parts = _parts(inputs, len(panel.parts) if several else None)
    names = [f"inputs[{i}]" if several else "inputs" for i in range(len(parts))]
    pieces, ends = [], np.cumsum([len(part) for part in panel.parts])
    for name, part, table, end in zip(names, parts, panel.parts, ends, strict=True):
        steps = panel.rows[end - len(table) : end]
        # Sequences of one table: steps are counted on within each alone.
        inner = panel.offsets[(panel.offsets > steps[0]) & (panel.offsets <= steps[-1])]
        pieces.append(_on_steps(part, table, steps, inner, name))
    values = np.concatenate(pieces)
    columns = list(getattr(parts[0], "columns", range(values.shape[1])))
    if expected is not None:
        _check_names(getattr(parts[0], "columns", None), values.shape[1], list(expected))
    return panel._replace(inputs=np.ascontiguousarray(values), input_names=columns)


def check_no_inputs(inputs: Any) -> None:
    """Refuse inputs for a model that was fitted without.

    Raises
    ------
    ValueError
        There are some.
    """
    if inputs is not None:
        raise ValueError("inputs must be None for a model that was fitted without; got some.")


def check_inputs_vary(panel: Panel, first: int = 0) -> None:
    """Require that every input varies: a constant one is what the observation mean is.

    Parameters
    ----------
    panel : Panel
    first : int
        The first column that has to.

    Raises
    ------
    ValueError
        One does not.
    """
    if panel.inputs is None:
        return
    spread = np.ptp(panel.inputs, axis=0)
    still = spread <= 4 * np.finfo(float).eps * np.abs(panel.inputs).max(axis=0)
    still[:first] = False
    if still.any():
        name = panel.input_names[int(still.argmax())]
        raise ValueError(
            f"inputs must vary in every column; got a constant {name!r}. Leave it out: the model has a mean."
        )


def check_future_inputs(
    inputs: Any, n_steps: int, expected: Sequence[Any] | None, times: Any
) -> FloatArray | None:
    """Check the inputs of the steps after the data.

    Parameters
    ----------
    inputs : (n_steps, m) table or None
        A DataFrame whose index holds the times that follow, and maybe others, or the rows in order.
    n_steps : int
    expected : sequence or None
        Columns of the inputs of the fit; None for a model without.
    times : pandas.Index or None
        The times that follow, where the data have times.

    Returns
    -------
    (n_steps, m) float or None

    Raises
    ------
    ValueError, TypeError
        Inputs are missing, unasked for, or do not suit.
    """
    if expected is None:
        check_no_inputs(inputs)
        return None
    if inputs is None:
        raise ValueError(
            f"inputs must be given for the {n_steps} steps ahead, with the columns {_listed(expected)}: the model "
            "was fitted with inputs. Take a forecast of them, or scenarios."
        )
    part = _frame(from_xarray(inputs))
    values = to_float(part, "inputs")
    _check_names(getattr(part, "columns", None), values.shape[1], list(expected))
    index = getattr(part, "index", None) if hasattr(part, "iloc") else None
    place = None
    if index is not None and times is not None and not _counts_rows(index):
        place = _places(index, times, "inputs")
        values = values[place]
    if len(values) != n_steps:
        raise ValueError(
            f"inputs must have one row for each of the {n_steps} steps ahead; got {len(values)}."
        )
    return _complete(values, part, "inputs", place)


def _parts(inputs: Any, n_sequences: int | None) -> list[Any]:
    if n_sequences is None:
        if isinstance(inputs, (list, tuple)) and any(hasattr(part, "shape") for part in inputs):
            raise ValueError(
                f"inputs must be one table, as X is; got a {type(inputs).__name__} of {len(inputs)}."
            )
        return [_frame(from_xarray(inputs))]
    if not isinstance(inputs, (list, tuple)) or len(inputs) != n_sequences:
        got = f"{len(inputs)}" if isinstance(inputs, (list, tuple)) else short(type(inputs))
        raise ValueError(
            f"inputs must be a list of {n_sequences} tables, one for each sequence of X; got {got}."
        )
    return [_frame(from_xarray(part)) for part in inputs]


def _frame(part: Any) -> Any:
    is_series = hasattr(part, "iloc") and not hasattr(part, "columns")
    return part.to_frame() if is_series else part


def _on_steps(part: Any, table: Any, steps: IntArray, inner: IntArray, name: str) -> FloatArray:
    """Values (steps, m) of one table of inputs at every step between the first and the last row of X."""
    values = to_float(part, name)
    n_steps = int(steps[-1] - steps[0]) + 1
    timed = hasattr(part, "iloc") and hasattr(table, "iloc")
    if timed and not part.index.equals(table.index):
        place = _places_of_steps(part.index, table.index, steps, inner, name)
        return _complete(values[place], part, name, place)
    if len(values) == len(steps) < n_steps:
        k = _skip(steps, np.diff(steps) > 1)
        after = f"after {table.index[k]}" if hasattr(table, "iloc") else f"after row {k}"
        raise ValueError(
            f"{name} must have a row for every step; the index of X skips {steps[k + 1] - steps[k] - 1} {after}. "
            "Give the inputs of those steps too, as a DataFrame with their times."
        )
    if len(values) != n_steps:
        raise ValueError(f"{name} must have the {len(steps)} rows of X; got {len(values)}.")
    return _complete(values, part, name)


def _places_of_steps(
    index: Any, times: Any, steps: IntArray, inner: IntArray, name: str
) -> IntArray:
    """Rows of the inputs that are the steps of X: its times, and as many rows between two as it skips there."""
    place = _places(index, times, name)
    same_sequence = np.searchsorted(inner, steps[1:], side="right") == np.searchsorted(
        inner, steps[:-1], side="right"
    )
    wrong = same_sequence & (np.diff(steps) > 1) & (np.diff(place) != np.diff(steps))
    if wrong.any():
        k = _skip(steps, wrong)
        raise ValueError(
            f"{name} must have a row for every step; between {times[k]} and {times[k + 1]} X has "
            f"{steps[k + 1] - steps[k] - 1} steps without a row, and {name} {place[k + 1] - place[k] - 1} rows."
        )
    out = np.empty(steps[-1] - steps[0] + 1, dtype=np.int64)
    out[steps - steps[0]] = place
    for k in np.flatnonzero(same_sequence & (np.diff(steps) > 1)).tolist():
        out[steps[k] - steps[0] : steps[k + 1] - steps[0]] = np.arange(place[k], place[k + 1])
    return out


def _places(index: Any, times: Any, name: str) -> IntArray:
    if index.has_duplicates:
        raise ValueError(
            f"The index of {name} must name each time once; got {index[index.duplicated()][0]} twice."
        )
    place = index.get_indexer(times)
    if (place < 0).any():
        raise ValueError(
            f"{name} must have every time of X; {times[int((place < 0).argmax())]} is missing."
        )
    return place


def _skip(steps: IntArray, wrong: np.ndarray) -> int:
    return int(np.flatnonzero(wrong)[0])


def _complete(
    values: FloatArray, part: Any, name: str, place: IntArray | None = None
) -> FloatArray:
    """Require every value; `place` says which rows of the table they are, None for all of them."""
    missing = np.isnan(values)
    if missing.any():
        t, i = map(int, np.argwhere(missing)[0])
        row = t if place is None else int(place[t])
        frame = hasattr(part, "iloc")
        where = str(part.index[row]) if frame else f"row {row}"
        column = repr(part.columns[i]) if frame else f"column {i}"
        raise ValueError(
            f"{name} must be complete; got a missing value of {column} at {where}. Fill it first, with TBayesMICE or "
            "by interpolation: an input is taken as known."
        )
    return values


def _counts_rows(index: Any) -> bool:
    import pandas as pd

    return isinstance(index, pd.RangeIndex)


def _check_names(columns: Any, width: int, expected: list[Any]) -> None:
    """Require the columns of the fit, by name where both have names, else by number."""
    named = columns is not None and expected != list(range(len(expected)))
    if named and list(columns) != expected:
        raise ValueError(
            f"inputs must have the columns of the fit, {_listed(expected)}; got {_listed(columns)}."
        )
    if width != len(expected):
        raise ValueError(
            f"inputs must have the {len(expected)} columns of the fit, {_listed(expected)}; got {width}."
        )


def _listed(names: Sequence[Any]) -> str:
    return "[" + ", ".join(str(name) for name in names) + "]"
