"""The data sets of a comparison: loaded once, split by sequence and by time."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsinit._typing import FloatArray, IntArray
from tsinit._validate.tables import from_xarray
from tsinit.comparison.plan import identity

if TYPE_CHECKING:
    from tsinit.comparison.plan.inputs import KnownInputs

#: The name of a data set that was given without one.
UNNAMED = "data"


class Dataset(NamedTuple):
    """One data set as the runs see it."""

    X: Any  # what is fitted: one table, or a list of tables
    tests: dict[str, Any]  # held-out series by the ending of their score column
    truth: Any  # complete table, labels or parameters, or None
    digest: str
    unknown: str = ""  # the kind of an object in it that cannot be identified
    inputs: "KnownInputs | None" = None  # beside X and the tests


def named(data: Any) -> dict[str, Any]:
    """Return ``data`` as a dictionary; a lone data set is called ``"data"``."""
    return dict(data) if isinstance(data, dict) else {UNNAMED: data}


def unpack(source: Any) -> tuple[Any, Any]:
    """Call a loader, and distinguish ``X`` from ``(X, lengths)``.

    Parameters
    ----------
    source : X, (X, lengths) or function without arguments that returns one of these

    Returns
    -------
    X, lengths
        lengths is None where there are none.
    """
    value = source() if callable(source) else source
    # Two sequences may come as a tuple as well, but lengths have one dimension.
    pair = (
        isinstance(value, tuple)
        and len(value) == 2
        and not hasattr(value, "_fields")
        and np.ndim(value[1]) == 1
    )
    X, lengths = value if pair else (value, None)
    # As DataFrames, xarray's tables keep their times when rows are taken.
    tables = [from_xarray(part) for part in X] if isinstance(X, (list, tuple)) else from_xarray(X)
    return tables, lengths


def by_sequence(X: Any, lengths: Any) -> Any:
    """Cut a table into a list of sequences, if it has lengths."""
    if lengths is None:
        return list(X) if isinstance(X, tuple) else X
    stops = np.cumsum(lengths)
    return [rows(X, slice(stop - n, stop)) for n, stop in zip(lengths, stops, strict=True)]


def like(X: Any, known: Any) -> Any:
    """Bring what is known of the rows of ``X`` into the form of ``X``, so that both are cut alike.

    Parameters
    ----------
    X : table or list of tables
    known : table, labels, or list of these
        As many rows as ``X``.
    """
    if isinstance(X, list) and not isinstance(known, list):
        return by_sequence(known, [len(sequence) for sequence in X])
    if isinstance(X, pd.DataFrame) and not isinstance(known, list):
        return (
            pd.Series(known, index=X.index)
            if np.ndim(known) == 1
            else pd.DataFrame(np.asarray(known), X.index)
        )
    return known


def label_codes(labels: Any) -> Any:
    """Number labels of any kind as floats, NaN where one is missing; a list of arrays stays one.

    Parameters
    ----------
    labels : (T,) array or list of those
    """
    parts = labels if isinstance(labels, list) else [labels]
    joined = pd.concat([pd.Series(np.asarray(part)) for part in parts], ignore_index=True)
    codes = pd.factorize(joined)[0].astype(float)
    codes[joined.isna()] = np.nan
    return by_sequence(codes, [len(part) for part in parts]) if isinstance(labels, list) else codes


def make_dataset(
    X: Any, tests: dict[str, Any], truth: Any, inputs: "KnownInputs | None" = None
) -> Dataset:
    """Bundle a data set with its fingerprint, in which inputs count where there are some."""
    known = () if inputs is None else tuple(inputs)
    return Dataset(X, tests, truth, *identity.identify(X, tests, truth, *known), inputs)


def rows(table: Any, index: Any) -> Any:
    """Take rows of a table or an array."""
    return (
        table.iloc[index]
        if isinstance(table, pd.DataFrame | pd.Series)
        else np.asarray(table)[index]
    )


def split_tail(X: Any, fraction: float) -> tuple[Any, Any]:
    """Cut the last part of every sequence off, in time order.

    Parameters
    ----------
    X : table or list of tables
    fraction : float
        Share of the rows of each sequence that is held out; both parts keep at least one row.

    Returns
    -------
    head, tail
        Of the kind of ``X``.
    """
    if isinstance(X, list):
        parts = [split_tail(sequence, fraction) for sequence in X]
        return [head for head, _ in parts], [tail for _, tail in parts]
    if isinstance(X, pd.DataFrame | pd.Series) and X.index.nlevels == 2:
        # Two-level index (sequence, time): each sequence loses its own tail.
        groups = pd.Series(0, index=X.index).groupby(level=0, sort=False)
        size = groups.transform("size").to_numpy()
        in_head = groups.cumcount().to_numpy() < size - _tail_length(size, fraction)
        return rows(X, in_head), rows(X, ~in_head)
    cut = len(X) - int(_tail_length(len(X), fraction))
    return rows(X, slice(None, cut)), rows(X, slice(cut, None))


def stack(X: Any) -> FloatArray:
    """Return all rows of a table or a list of tables as one float array."""
    if isinstance(X, list):
        return np.vstack([stack(sequence) for sequence in X])
    array = np.asarray(X, dtype=float)
    return array[:, None] if array.ndim == 1 else array


def _tail_length(length: npt.ArrayLike, fraction: float) -> IntArray:
    return np.clip(
        np.round(np.asarray(length) * fraction), 1, np.maximum(np.asarray(length) - 1, 1)
    ).astype(int)
