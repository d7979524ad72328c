"""What each column of a table holds, by its dtype or as the user says, and tables in the dtypes in which they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.series import split_form
from tsinit._validate.values import check_choice, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    import pandas as pd

    from tsinit._typing import FloatArray, SeriesLike, TableLike
    from tsinit._validate.series import Panel

#: What a column may be taken for.
COLUMN_KINDS = ("continuous", "semicontinuous", "count", "rounded")


class ColumnKind(NamedTuple):
    """What one column was taken for."""

    name: Any
    dtype: str  # as the user has it
    kind: str  # one of COLUMN_KINDS


class ColumnKinds:
    """What the columns of a fit were taken for.

    Parameters
    ----------
    columns : list of ColumnKind
        In the order of the table; empty where the table is none that could be read.
    """

    def __init__(self, columns: Sequence[ColumnKind]) -> None:
        self.columns = list(columns)

    @classmethod
    def read(cls, kinds: Any, X: SeriesLike) -> Self:
        """Take every column for what the user says, and the others for what their dtype says.

        Parameters
        ----------
        kinds : "auto" or dict of column name to one of `COLUMN_KINDS`
        X : as in ``fit``

        Raises
        ------
        ValueError
            A kind or a column is unknown.
        """
        if kinds != "auto" and not isinstance(kinds, dict):
            raise ValueError(
                f"kinds must be 'auto' or a dict of column name to one of {list(COLUMN_KINDS)}; got {short(kinds)}."
            )
        part = split_form(X)[1][0]
        if not hasattr(part, "iloc"):
            part = _array(part)
        if part.ndim != 2:
            return cls([])
        given, names = ({} if kinds == "auto" else kinds), _names(part)
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(
                f"kinds must name columns of X, {short(names)}; got {short(unknown[0])}."
            )
        dtypes = part.dtypes if hasattr(part, "iloc") else [part.dtype] * len(names)
        return cls(
            [
                ColumnKind(
                    name,
                    str(dtype),
                    check_choice(f"kinds[{name!r}]", given.get(name, "continuous"), COLUMN_KINDS),
                )
                for name, dtype in zip(names, dtypes, strict=True)
            ]
        )

    def of(self, names: Iterable[Any]) -> list[str]:
        """Return the kinds of some columns."""
        kinds = {column.name: column.kind for column in self.columns}
        return [kinds[name] for name in names]

    def table(self) -> pd.DataFrame:
        """Return a row for each column: its dtype, and what it was taken for."""
        import pandas as pd

        rows = [(column.dtype, column.kind) for column in self.columns]
        index = pd.Index(
            [column.name for column in self.columns], name="column", tupleize_cols=False
        )
        return pd.DataFrame(rows, columns=["dtype", "kind"], index=index)

    def restored(self, panel: Panel, y: FloatArray) -> TableLike:
        """Hand back a table (T, D) in the form in which it came, every column in its own dtype.

        Whole numbers are the nearest ones that the dtype holds.
        """
        tables = panel.restore(y)
        if panel.form == "list":
            return [_typed(table, part) for table, part in zip(tables, panel.parts, strict=True)]
        return _typed(tables, panel.parts[0])


def check_values_of_kind(kind: str, y: FloatArray, name: Any) -> None:
    """Refuse values that a column of some kind cannot have.

    Raises
    ------
    ValueError
    """
    if kind in ("semicontinuous", "count") and y.min(initial=0.0) < 0.0:
        raise ValueError(
            f"A column of kind {kind!r} must hold no negative value; got {y.min():g} in column {name!r}."
        )
    wrong = y[y != np.rint(y)] if kind in ("count", "rounded") else y[:0]
    if wrong.size:
        raise ValueError(
            f"A column of kind {kind!r} must hold whole numbers; got {wrong[0]:g} in column {name!r}."
        )


def _array(part: Any) -> np.ndarray:
    """What NumPy makes of a table; nothing where it makes none, which whoever reads it says."""
    try:
        return np.asarray(part)
    except (TypeError, ValueError):
        return np.empty(0)


def _names(part: Any) -> list[Any]:
    return list(part.columns) if hasattr(part, "iloc") else list(range(part.shape[1]))


def _typed(table: Any, part: Any) -> Any:
    """Bring a table to the dtypes of the part that it completes."""
    if not hasattr(part, "iloc"):
        dtype: Any = getattr(part, "dtype", None)
        small = isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8
        return _small_float(table, dtype) if small else table
    changed = [j for j, dtype in enumerate(part.dtypes) if dtype != np.float64]
    for j in changed:
        table.isetitem(j, _as_dtype(table.iloc[:, j].to_numpy(), part.iloc[:, j]))
    return table


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
