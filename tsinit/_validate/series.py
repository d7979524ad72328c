"""Whatever a user calls a time series becomes one C-ordered table and the starts of its sequences."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.clocks import FittedStep
from tsinit._validate.tables import KINDS, from_xarray, is_labelled, to_float
from tsinit._validate.times import count_steps
from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    from tsinit._typing import FloatArray, TableLike


class Panel(NamedTuple):
    """Sequences as one C-ordered table, and what it takes to hand results back in the user's form."""

    y: np.ndarray  # (T, D) float, NaN where missing, skipped time steps included; may be the user's: not to write to
    offsets: np.ndarray  # (N + 1,) int64, where each sequence starts
    rows: np.ndarray  # (rows given,) int64, place of each given row in y
    form: str  # "array", "frame" or "list"
    parts: list  # the tables as given: one, or one per sequence of a list
    last_index: Any  # pandas index of the last sequence, None where it has none
    time_step: Any  # distance of two steps in that index, None where there is none
    inputs: Any = None  # (T, m) float, known inputs at every step, None where there are none
    input_names: Any = None  # what their columns are called
    between: Any = (
        None  # IntervalTables (T, D) of missing cells, None where nothing is known of them
    )

    @property
    def columns(self) -> Sequence[Any]:
        """Names of the columns: those of a DataFrame, or 0, 1, ..."""
        return getattr(self.parts[0], "columns", range(self.y.shape[1]))

    def kept(self) -> Panel:
        """Return the same for a model to keep: what becomes of the user's tables later does not reach it."""
        parts = [part.copy(deep=False) if hasattr(part, "iloc") else part for part in self.parts]
        inputs = None if self.inputs is None else self.inputs.copy()
        return self._replace(y=self.y.copy(), parts=parts, inputs=inputs)

    def restore(self, values: FloatArray, columns: Any = None) -> TableLike:
        """Hand back values (T, k) for the rows that were given, in the form in which they were given.

        columns : names for DataFrames; None keeps those of the input.
        """
        if len(self.rows) < len(values):
            values = values[self.rows]
        if self.form == "array":
            return values
        pieces = [
            _like(part, piece, columns)
            for part, piece in zip(self.parts, self.split(values), strict=True)
        ]
        return pieces if self.form == "list" else pieces[0]

    def restore_column(self, values: npt.NDArray, name: str) -> Any:
        """Hand back values (T,) for the rows that were given, a Series of that name for each DataFrame."""
        if len(self.rows) < len(values):
            values = values[self.rows]
        if self.form == "array":
            return values
        pieces = [
            _column_like(part, piece, name)
            for part, piece in zip(self.parts, self.split(values), strict=True)
        ]
        return pieces if self.form == "list" else pieces[0]

    def on_all_steps(self, values: npt.NDArray) -> npt.NDArray:
        """Extend values (rows given,) to the steps that the data skip: there it is the value before."""
        before = np.searchsorted(self.rows, np.arange(len(self.y)), side="right") - 1
        return values[before]

    def split(self, values: FloatArray) -> list[FloatArray]:
        """Cut values (rows given, ...) into the tables as given."""
        return np.split(values, np.cumsum([len(part) for part in self.parts])[:-1])


def _like(part: Any, values: FloatArray, columns: Any) -> FloatArray | pd.DataFrame:
    if not hasattr(part, "iloc"):
        return values
    import pandas as pd

    return pd.DataFrame(
        values, index=part.index, columns=part.columns if columns is None else columns
    )


def _column_like(part: Any, values: npt.NDArray, name: str) -> Any:
    if not hasattr(part, "iloc"):
        return values
    import pandas as pd

    return pd.Series(values, index=part.index, name=name)


class _Sequence(NamedTuple):
    name: str  # how messages call it
    size: int  # rows given
    index: Any  # pandas index of its times, or None
    named: bool  # the index says which level is the time, whatever its type


def check_series(
    X: Any,
    lengths: Sequence[int] | None = None,
    *,
    estimator: Any = None,
    reset: bool = False,
    min_steps: int = 1,
    fitted_step: FittedStep | None = None,
) -> Panel:
    """Turn whatever a user calls a time series into a `Panel`.

    Parameters
    ----------
    X : (T, D) array, DataFrame, DataArray, Series or Dataset, or list of those
        One table with time in rows, a DataFrame with a two-level index (sequence, time), or a list of sequences.
        NaN, None, NA and masked entries are missing. Where regular times (dates, periods, durations, numbers) skip
        steps, the skipped steps become missing rows.
    lengths : sequence of int or None
        Rows of each sequence, where X is one table.
    estimator : object or None
        Learns (``reset=True``) or checks the number and names of the columns.
    min_steps : int
        Rows that at least one sequence must have.
    fitted_step : FittedStep or None
        Of the model that is asked about X: skipped steps are counted by it.

    Raises
    ------
    ValueError
        X is not such a table, holds infinities, repeats or disorders its times, or has a column too many.
    TypeError
        X holds something that is not a number.
    """
    form, parts = split_form(X)
    names = [f"X[{i}]" for i in range(len(parts))] if form == "list" else ["X"]
    tables = [to_float(part, name) for part, name in zip(parts, names, strict=True)]
    _check_alike(parts, tables)
    if estimator is not None:
        _check_columns(estimator, parts[0] if hasattr(parts[0], "iloc") else tables[0], reset)
    sequences = _sequences(parts, tables, names, form, lengths)
    steps, time_step = count_steps(sequences, fitted_step)
    longest = max(sequence.size for sequence in sequences)
    if longest < min_steps:
        raise ValueError(
            f"X must have at least {min_steps} time steps in one sequence; got n_samples = {longest}, "
            "which says nothing about change over time."
        )
    given = tables[0] if len(tables) == 1 else np.concatenate(tables)
    sizes = (
        [sequence.size for sequence in sequences]
        if steps is None
        else [rows[-1] + 1 for rows in steps]
    )
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    if steps is None or offsets[-1] == len(
        given
    ):  # no step was skipped, and nothing need be copied
        return Panel(
            given, offsets, np.arange(len(given)), form, parts, sequences[-1].index, time_step
        )
    places = np.concatenate(
        [rows + offset for rows, offset in zip(steps, offsets[:-1], strict=True)]
    )
    y = np.full((offsets[-1], given.shape[1]), np.nan)
    y[places] = given
    return Panel(y, offsets, places, form, parts, sequences[-1].index, time_step)


def _check_columns(estimator: Any, table: Any, reset: bool) -> None:
    """Let scikit-learn learn or check the number and names of the columns."""
    nameless = isinstance(table, np.ndarray) and not hasattr(estimator, "feature_names_in_")
    if nameless and not reset and estimator.n_features_in_ == table.shape[1]:
        return  # which it would find out in a tenth of a millisecond, a tenth of the time of a short smoother
    from sklearn.utils.validation import validate_data

    validate_data(estimator, table, reset=reset, skip_check_array=True)


def is_list_of_tables(X: Any) -> bool:
    """Tell several sequences from one table, which may be a list of rows."""
    return isinstance(X, (list, tuple)) and any(map(_is_table, X))


def split_form(X: Any) -> tuple[str, list[Any]]:
    X = from_xarray(X)
    if _is_pandas(X):
        return "frame", [_frame(X)]
    if not is_list_of_tables(X):
        if isinstance(X, (list, tuple)) and len(X) == 0:
            raise ValueError(f"X must be {KINDS}; got an empty {type(X).__name__}.")
        if isinstance(X, (list, tuple)) and all(getattr(part, "ndim", 0) == 1 for part in X):
            raise ValueError(
                f"X must be {KINDS}; got a {type(X).__name__} of arrays of one dimension, which may be rows or "
                "sequences. numpy.array(X) makes rows, [x.reshape(-1, 1) for x in X] sequences of one column."
            )
        return "array", [X]
    for i, part in enumerate(X):
        if not _is_table(part):
            raise ValueError(f"X must be {KINDS}; got a list with {short(part)} in place {i}.")
    parts = [from_xarray(part) for part in X]
    return "list", [_frame(part) if _is_pandas(part) else part for part in parts]


def _is_table(part: Any) -> bool:
    return _is_pandas(part) or is_labelled(part) or getattr(part, "ndim", 0) == 2


def _is_pandas(X: Any) -> bool:
    return hasattr(X, "iloc") and hasattr(X, "index")


def _frame(X: Any) -> pd.DataFrame:
    return X if hasattr(X, "columns") else X.to_frame()


def _check_alike(parts: list[Any], tables: list[FloatArray]) -> None:
    """Require the same columns in all tables of a list."""
    widths = [table.shape[1] for table in tables]
    for i, width in enumerate(widths):
        if width != widths[0]:
            raise ValueError(
                f"X must have the same columns in every sequence; got {widths[0]} in X[0] and {width} in X[{i}]."
            )
    frames = [(i, list(part.columns)) for i, part in enumerate(parts) if hasattr(part, "iloc")]
    for i, columns in frames:
        if columns != frames[0][1]:
            raise ValueError(
                f"X must have the same columns in every sequence; got {frames[0][1]} in X[{frames[0][0]}] and "
                f"{columns} in X[{i}]."
            )


def _sequences(
    parts: list[Any], tables: list[FloatArray], names: list[str], form: str, lengths: Any
) -> list[_Sequence]:
    if form == "list":
        if lengths is not None:
            raise ValueError("lengths must be None where X is a list of sequences; got both.")
        whole = [
            _Sequence(
                name,
                len(table),
                getattr(part, "index", None) if hasattr(part, "iloc") else None,
                False,
            )
            for name, part, table in zip(names, parts, tables, strict=True)
        ]
        deep = [sequence for sequence in whole if getattr(sequence.index, "nlevels", 1) > 1]
        if deep:
            raise ValueError(
                f"{deep[0].name} must have an index of one level (time), as one sequence of a list; "
                f"got {deep[0].index.nlevels} levels."
            )
        return whole
    table, index = tables[0], parts[0].index if hasattr(parts[0], "iloc") else None
    levels = getattr(index, "nlevels", 1)
    if levels > 2:
        raise ValueError(
            f"X must have an index of one level (time) or two (sequence, time); got {levels} levels."
        )
    if levels == 2:
        if lengths is not None:
            raise ValueError(
                "lengths must be None where the index of X names the sequences; got both."
            )
        return _by_label(index)
    if lengths is None:
        return [_Sequence("X", len(table), index, False)]
    sizes = _check_lengths(lengths, len(table))
    if index is None:
        return [_Sequence("X", size, None, False) for size in sizes]
    return [
        _Sequence(f"sequence {i} of X", b - a, index[a:b], False)
        for i, (a, b) in enumerate(pairwise([0, *np.cumsum(sizes)]))
    ]


def _check_lengths(lengths: Any, n_rows: int) -> list[int]:
    try:
        sizes = [] if isinstance(lengths, bytes) else list(lengths)
    except TypeError:
        sizes = []
    # By type, of which there are few, not by length, of which there may be thousands.
    kinds = set(map(type, sizes))
    whole = all(
        issubclass(kind, (int, np.integer)) and kind not in (bool, np.timedelta64) for kind in kinds
    )
    if not sizes or not whole or min(sizes) <= 0:
        raise ValueError(
            f"lengths must be positive whole numbers, one per sequence; got {short(lengths)}."
        )
    total = sum(map(int, sizes))
    if total != n_rows:
        raise ValueError(f"lengths must sum to the {n_rows} rows of X; got a sum of {total}.")
    return sizes


def _by_label(index: Any) -> list[_Sequence]:
    """Cut a table with a (sequence, time) index where the sequence changes."""
    labels, times = index.get_level_values(0), index.get_level_values(1)
    if labels.hasnans:
        raise ValueError(
            f"The index of X must name a sequence in every row; got {labels[labels.isna()][0]} in row "
            f"{labels.isna().argmax()}."
        )
    codes = labels.factorize()[0]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
    order = codes[starts]
    if len(set(order)) < len(order):
        again = next(i for i in range(len(order)) if order[i] in order[:i])
        raise ValueError(
            f"X must keep the rows of a sequence together; got sequence {_plain(labels[starts[again]])!r} in several "
            "places. Sort the index first."
        )
    return [
        _Sequence(f"sequence {_plain(labels[a])!r} of X", int(b - a), times[a:b], True)
        for a, b in pairwise([*starts, len(codes)])
    ]


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
