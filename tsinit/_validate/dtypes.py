"""Tables in the dtypes in which they came: whole numbers as the nearest ones, codes as classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tsinit._typing import FloatArray


def typed(table: Any, part: Any, levels: Sequence[Sequence[Any]]) -> Any:
    """Bring a table of numbers to the dtypes of the part that it completes.

    Parameters
    ----------
    table : (T, D) array or DataFrame
    part : the same with gaps, as the user gave it
    levels : sequence of sequence
        Classes of each column, whose values are codes; empty where it holds numbers.

    Returns
    -------
    (T, D) array or DataFrame
        Missing where the table is NaN.
    """
    if not hasattr(part, "iloc"):
        return _typed_array(table, part, levels)
    for j, dtype in enumerate(part.dtypes):
        values = table.iloc[:, j].to_numpy()
        if levels[j]:
            table.isetitem(j, decoded(values, levels[j], dtype))
        elif dtype != np.float64:
            table.isetitem(j, _as_dtype(values, part.iloc[:, j]))
    return table


def decoded(codes: FloatArray, levels: Sequence[Any], dtype: Any) -> Any:
    """Return the classes that codes stand for, in a dtype of pandas; missing where NaN."""
    import pandas as pd

    missing = np.isnan(codes)
    values = np.empty(len(codes), dtype=object)
    values[:] = [levels[k] for k in np.where(missing, 0, codes).astype(int)]
    if missing.any():
        values[missing] = None if isinstance(dtype, np.dtype) and dtype.kind == "O" else pd.NA
        if isinstance(dtype, np.dtype) and dtype.kind in "biu":  # which have no missing value
            dtype = {"b": "boolean", "i": "Int64", "u": "UInt64"}[dtype.kind]
        elif isinstance(dtype, np.dtype) and dtype.kind == "f":
            values[missing] = np.nan
    return pd.array(values, dtype=dtype)


def _typed_array(table: FloatArray, part: Any, levels: Sequence[Sequence[Any]]) -> FloatArray:
    dtype: Any = getattr(part, "dtype", None)
    for j, mine in enumerate(levels):
        if mine:
            values, there = np.array(mine, dtype=np.float64), ~np.isnan(table[:, j])
            table[there, j] = values[table[there, j].astype(int)]
    small = isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8
    return _small_float(table, dtype) if small else table


def _small_float(values: FloatArray, dtype: np.dtype) -> Any:
    """Values that are beyond what the dtype holds become its largest."""
    largest = float(np.finfo(dtype).max)
    return np.clip(values, -largest, largest).astype(dtype)


def _as_dtype(values: FloatArray, column: pd.Series) -> Any:
    """Bring the values of a complete column to its dtype, where that is one of real numbers."""
    import pandas as pd

    dtype: Any = column.dtype
    if pd.api.types.is_bool_dtype(dtype) or isinstance(dtype, pd.SparseDtype):
        return values
    kind = getattr(dtype, "numpy_dtype", dtype)
    if not isinstance(kind, np.dtype):
        return values
    if kind.kind == "f":
        return pd.array(_small_float(values, kind), dtype=dtype)
    if kind.kind not in "iu":
        return values
    return _whole(values, column, kind)


def _whole(values: FloatArray, column: pd.Series, kind: np.dtype) -> Any:
    """Nearest whole numbers within the dtype, missing where NaN; what was observed stays exact, beyond 2^53 too."""
    import pandas as pd

    limits, observed = np.iinfo(kind), column.to_numpy(dtype=np.float64, na_value=np.nan)
    drawn = ~np.isnan(values) & (np.isnan(observed) | (observed != values))
    # The largest number of 64 bits is no float64: what would round up to beyond it ends below it.
    high = float(limits.max) if limits.bits < 64 else np.nextafter(float(limits.max), 0.0)
    dtype: Any = column.dtype
    whole: Any = pd.array(column, dtype=dtype).copy()
    if drawn.any():
        whole[drawn] = np.clip(np.rint(values[drawn]), float(limits.min), high).astype(kind)
    return whole
