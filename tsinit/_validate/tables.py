"""Tables of all kinds, xarray's too, as float64 with NaN where something is missing, or the entry that is no number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from tsinit._typing import FloatArray


KINDS = "a table of numbers (time x feature), a DataFrame, a Series or a list of those"
#: Libraries whose tables know how to become those of pandas.
_FRAMES = ("polars", "pyarrow")
_LARGEST = 1e150  # values whose squares are still numbers


def to_float(part: Any, name: str) -> FloatArray:
    """Convert one table to a (T, D) C-ordered array of float64.

    Parameters
    ----------
    part : array-like or DataFrame
    name : str
        How messages call it.

    Raises
    ------
    TypeError
        An entry is not a real number.
    ValueError
        It is not a table, has no row or no column, or holds an infinity or complex numbers.
    """
    if hasattr(part, "iloc"):
        _check_distinct(part.columns, name)
        columns = [_column(part.iloc[:, i], name) for i in range(part.shape[1])]
        table = np.column_stack(columns) if columns else np.empty(part.shape)
        names = list(part.columns)
    else:
        table = _array(part, name)
        names = list(range(table.shape[1]))
    if table.shape[1] == 0:
        raise ValueError(
            f"{name} must have at least one column; got 0 feature(s) (shape={table.shape}) while a minimum of 1 is "
            "required."
        )
    if len(table) == 0:
        raise ValueError(f"{name} must have at least one row; got 0 sample(s) (an empty table).")
    table = np.ascontiguousarray(table, dtype=np.float64)
    _check_size(table, names, name)
    return table


def _check_distinct(columns: pd.Index, name: str) -> None:
    if not columns.is_unique:
        raise ValueError(
            f"{name} must have distinct column names; got {short(columns[columns.duplicated()][0])} twice. Rename one."
        )


def _column(column: pd.Series, name: str) -> FloatArray:
    """One column of a DataFrame."""
    import pandas as pd

    dtype, place = column.dtype, f" in column {column.name!r}"
    if pd.api.types.is_complex_dtype(dtype):
        raise _complex(name, dtype)
    if pd.api.types.is_numeric_dtype(dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype):
        values = column.to_numpy(dtype=object, na_value=np.nan)
        return _entries(values[:, None], name, lambda row, _: f"row {row},{place[3:]}")[:, 0]
    if isinstance(dtype, pd.CategoricalDtype):
        raise TypeError(
            f"{name} must hold numbers; got the dtype category{place}. Convert it to numbers, or drop it."
        )
    raise TypeError(
        f"{name} must hold numbers; got the dtype {dtype}{place}. Drop the column, or make it the index if it is the "
        "time."
    )


def _array(part: Any, name: str) -> np.ndarray:
    """Anything NumPy makes a table of."""
    if hasattr(part, "toarray"):
        raise TypeError(
            f"{name} must be dense; got sparse data ({type(part).__name__}). Use {name}.toarray()."
        )
    if isinstance(part, np.ma.MaskedArray):
        part = np.ma.filled(
            part.astype(np.float64 if part.dtype.kind in "biuf" else object), np.nan
        )
    try:
        array = np.asarray(part)
    except ValueError:
        raise ValueError(
            f"{name} must have as many values in every row; got rows of different lengths."
        ) from None
    if array.ndim != 2:
        raise ValueError(_wrong_dimensions(part, array, name))
    if array.dtype.kind == "c":
        raise _complex(name, array.dtype)
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind in "OUS":
        return _entries(array, name, lambda row, column: f"row {row}, column {column}")
    raise TypeError(f"{name} must hold numbers; got an array of {array.dtype}.")


def _wrong_dimensions(part: Any, array: np.ndarray, name: str) -> str:
    if array.ndim == 0:
        return f"{name} must be {KINDS}; got {short(part)}."
    rule = f"{name} must have two dimensions (time, feature); got shape {array.shape}."
    if array.ndim == 1:
        return f"{rule} Reshape your data: X.reshape(-1, 1) makes one series a table."
    return f"{rule} Give several sequences as a list of tables."


def _complex(name: str, dtype: Any) -> ValueError:
    return ValueError(f"Complex data not supported: {name} must hold real numbers; got {dtype}.")


def _entries(values: np.ndarray, name: str, place: Callable[[int, int], str]) -> FloatArray:
    """Convert objects and strings one by one where NumPy cannot do it at once."""
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        pass
    import pandas as pd

    table = np.empty(values.shape)
    for (row, column), value in np.ndenumerate(values):
        try:
            table[row, column] = (
                np.nan if value is None or value is pd.NA or value is pd.NaT else float(value)
            )
        except (TypeError, ValueError):
            raise TypeError(
                f"{name} must hold numbers; got {short(value)} in {place(row, column)}. Every entry of the argument "
                "must be a number, a string of a number, or missing."
            ) from None
    return table


def _check_size(table: FloatArray, names: Sequence[Any], name: str) -> None:
    if (
        np.fmax.reduce(table, axis=None) <= _LARGEST
        and np.fmin.reduce(table, axis=None) >= -_LARGEST
    ):
        return
    bad = np.argwhere(np.abs(table) > _LARGEST)
    if not len(bad):  # nothing but NaN
        return
    row, column = bad[0]
    got = f"got {table[row, column]:g} in row {row}, column {names[column]!r}"
    if np.isinf(table[row, column]):
        raise ValueError(f"{name} must be finite, or NaN where missing; {got}.")
    raise ValueError(
        f"{name} must hold values of at most {_LARGEST:g} in size; {got}. Change its units."
    )


def is_labelled(X: Any) -> bool:
    """Whether X is a table of xarray, polars or pyarrow, without importing any of them."""
    return _library(X) in ("xarray", *_FRAMES) and hasattr(X, "to_pandas")


def _library(X: Any) -> str:
    return type(X).__module__.partition(".")[0]


def _from_frame(X: Any) -> Any:
    """Make a DataFrame of a table of polars or pyarrow; a first column of dates becomes the index."""
    kind = f"{_library(X)} {type(X).__name__}"
    try:
        table = X.to_pandas()
    except (ImportError, AttributeError) as error:  # polars asks for pyarrow there
        raise TypeError(
            f"X must be something that pandas takes; got a {kind} ({error}). Use X.to_pandas()."
        ) from None
    if not hasattr(table, "columns"):
        return table.to_frame(table.name if table.name is not None else 0)
    dates = [name for name in table if table[name].dtype.kind == "M"]
    return table.set_index(dates[0]) if dates else table


def from_xarray(X: Any) -> Any:
    """Make a DataFrame of a DataArray (time, feature) or (time,), or of the variables of a Dataset over time.

    Tables of polars and pyarrow become DataFrames too, with their dates for an index.

    Anything else is returned as it is. Results then come back as DataFrames too.

    Raises
    ------
    ValueError
        It has other dimensions, or "time" is not the first of them.
    """
    if not is_labelled(X):
        return X
    if _library(X) in _FRAMES:
        return _from_frame(X)
    dims, whole = tuple(X.dims), hasattr(X, "data_vars")
    kind, most = ("Dataset", 1) if whole else ("DataArray", 2)
    if not 1 <= len(dims) <= most:
        rule = "one dimension (time)" if whole else "dimensions (time, feature)"
        raise ValueError(
            f"X must have {rule} as a {kind}; got {dims}. Give several sequences as a list of tables."
        )
    if "time" in dims[1:]:
        raise ValueError(
            f"X must have time as its first dimension; got {dims}. Use X.transpose('time', ...)."
        )
    # What stands beside the data, such as the name of a station, is no variable.
    table = X.reset_coords(drop=True).to_pandas()
    if hasattr(table, "columns"):
        return table
    return table.to_frame(X.name if X.name is not None else 0)
