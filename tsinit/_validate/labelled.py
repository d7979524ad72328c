"""Arrays of xarray as the DataFrames that keep their times."""

from __future__ import annotations

from typing import Any


def is_labelled(X: Any) -> bool:
    """Whether X is an `xarray.DataArray` or `xarray.Dataset`, without importing xarray."""
    return type(X).__module__.partition(".")[0] == "xarray" and hasattr(X, "to_pandas")


def from_xarray(X: Any) -> Any:
    """Make a DataFrame of a DataArray (time, feature) or (time,), or of the variables of a Dataset over time.

    Anything else is returned as it is. Results then come back as DataFrames too.

    Raises
    ------
    ValueError
        It has other dimensions, or "time" is not the first of them.
    """
    if not is_labelled(X):
        return X
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
    table = X.to_pandas()
    if hasattr(table, "columns"):
        return table
    return table.to_frame(X.name if X.name is not None else 0)
