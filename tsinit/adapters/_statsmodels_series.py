"""The series that models of statsmodels hold, and what data are of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit.adapters.library import rows_of

if TYPE_CHECKING:
    from tsinit._typing import FloatArray


def own_series(model: Any) -> FloatArray:
    """The series that a model was built on, before it was differenced or cut: (T, D)."""
    endog = np.asarray(model.data.orig_endog, dtype=float)
    return endog.reshape(len(endog), -1)


def one_series(data: Any) -> FloatArray:
    """Read data as one table (T, D).

    Raises
    ------
    ValueError
        There are several sequences.
    """
    rows = rows_of(data)
    if len(rows.lengths) > 1:
        raise ValueError(
            f"data must be one series for statsmodels; got {len(rows.lengths)} sequences. Compare them as data sets "
            "of their own, in a dict."
        )
    return rows.y


def stretch(model: Any, y: FloatArray) -> slice | None:
    """Find data in a model's own series: from its beginning, or up to its end; None where they are others."""
    own = own_series(model)
    T = len(y)
    if own.shape[1] != y.shape[1] or len(own) < T:
        return None
    for rows in (slice(0, T), slice(len(own) - T, len(own))):
        if np.array_equal(own[rows], y, equal_nan=True):
            return rows
    return None


def covers(model: Any, y: FloatArray) -> bool:
    """Whether data are the very series that a model was built on."""
    return np.array_equal(own_series(model), y, equal_nan=True)


def table_of(data: Any, y: FloatArray) -> Any:
    """Hand on a table of pandas with its index; others as they were read."""
    table = data[0] if isinstance(data, list) else data
    if isinstance(table, pd.DataFrame) and table.index.nlevels == 1:
        return table.iloc[:, 0] if y.shape[1] == 1 else table
    if isinstance(table, pd.Series) and table.index.nlevels == 1:
        return table
    return y[:, 0] if y.shape[1] == 1 else y
