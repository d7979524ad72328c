"""Tables as nobody plans them: scales, gaps, few values, types and indexes of all kinds."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from hypothesis import strategies as st

SCALES = [
    *[1.0] * 8,
    1e-3,
    1e4,
    1e-12,
    1e12,
    1e-140,
    1e-150,
    1e-300,
    1e-321,
    1e35,
    1e90,
    1e140,
    1e160,
]
KINDS = [
    "noise",
    "walk",
    "wave",
    "constant",
    "two values",
    "few values",
    "decay",
    "copies",
    "counts",
    "skewed",
]
GAPS = [
    "none",
    "none",
    "some",
    "many",
    "rows",
    "column",
    "half",
    "one value",
    "three values",
    "all",
]
DTYPES = ["float64", "float64", "float64", "float32", "int", "bool", "object", "Float64"]
_GOOD = [
    "array", "range", "years", "holes", "floats", "dates", "date holes", "irregular dates", "periods", "words",
    "durations", "irregular numbers",
]  # fmt: skip
INDEXES = [*_GOOD * 5, "repeated", "unsorted", "missing"]
FORMS = ["table", "table", "table", "list", "lengths", "two levels", "series"]


class TableSpec(NamedTuple):
    """What a table is made of; drawn by Hypothesis, so that it can be made smaller."""

    n_rows: int
    n_columns: int
    kind: str
    scale: float
    other_scale: float  # of the first column
    shift: float  # in scales
    gaps: str
    dtype: str
    index: str
    form: str
    seed: int


def table_specs():
    """Specifications of tables."""
    # Sampled, because Hypothesis draws small integers far more often than others.
    return st.builds(
        TableSpec, st.sampled_from(range(1, 61)), st.sampled_from(range(1, 7)), st.sampled_from(KINDS),
        st.sampled_from(SCALES), st.sampled_from(SCALES), st.sampled_from([0.0, 0.0, 1.0, -30.0, 1e6, 1e12]),
        st.sampled_from(GAPS),
        st.sampled_from(DTYPES), st.sampled_from(INDEXES), st.sampled_from(FORMS), st.integers(0, 10**6),
    )  # fmt: skip


def values(spec):
    """The numbers (T, D) of a table, NaN where missing."""
    rng = np.random.default_rng(spec.seed)
    T, D = spec.n_rows, spec.n_columns
    t, z = np.arange(T)[:, None], rng.standard_normal((T, D))
    y = {
        "noise": z,
        "walk": z.cumsum(axis=0),
        "wave": np.sin(t * rng.uniform(0.1, 3.0, D)) + 0.1 * z,
        "constant": np.ones((T, D)),
        "two values": np.where(z > 0, 1.0, 2.0),
        "few values": np.round(z * 2),
        "decay": 0.8**t * np.ones(D),
        "copies": z[:, :1] * np.ones(D),
        "counts": rng.poisson(3.0, (T, D)).astype(float),
        "skewed": np.exp(2.0 * z),
    }[spec.kind] + spec.shift
    y = y * spec.scale
    y[:, 0] *= spec.other_scale / spec.scale if np.isfinite(spec.other_scale / spec.scale) else 1.0
    return with_gaps(y, spec.gaps, rng)


def with_gaps(y, kind, rng):
    """Put gaps into numbers (T, D)."""
    T, D = y.shape
    share = {"some": 0.15, "many": 0.7}.get(kind, 0.0)
    y[rng.random((T, D)) < share] = np.nan
    if kind == "rows":
        y[T // 3 : T // 3 + rng.integers(1, 12)] = np.nan
    if kind in ("column", "one value", "three values"):
        kept = rng.choice(
            T, min(T, {"column": 0, "one value": 1, "three values": 3}[kind]), replace=False
        )
        column, kept_values = rng.integers(D), y[kept].copy()
        y[:, column] = np.nan
        y[kept, column] = kept_values[:, column]
    if kind == "half":
        y[T // 2 :, rng.integers(D)] = np.nan
    if kind == "all":
        y[:] = np.nan
    return y


def make(spec):
    """The table as a user would give it, and its lengths."""
    y = values(spec)
    X = _typed(pd.DataFrame(y, columns=[f"c{i}" for i in range(y.shape[1])]), spec.dtype)
    cut = max(spec.n_rows // 2, 1)
    if spec.index == "array" and spec.form in ("table", "series"):
        return X.to_numpy(), None
    index = _index(spec)
    if spec.form == "two levels":
        labels = np.where(np.arange(spec.n_rows) < cut, "u", "v")
        return X.set_axis(pd.MultiIndex.from_arrays([labels, index])), None
    X = X.set_axis(index)
    if spec.form == "list" and spec.n_rows > 1:
        return [X.iloc[:cut], X.iloc[cut:]], None
    if spec.form == "lengths" and spec.n_rows > 1:
        return X, [cut, spec.n_rows - cut]
    return (X.iloc[:, 0] if spec.form == "series" else X), None


def _typed(X, dtype):
    with np.errstate(all="ignore"):
        if dtype == "int":
            whole = X.fillna(0.0).clip(-(2.0**62), 2.0**62).round()
            return whole.astype("int64")
        if dtype == "bool":
            return X.gt(X.median())
        return X.astype(dtype)


def _index(spec):
    n, rng = spec.n_rows, np.random.default_rng(spec.seed + 1)
    holes = np.sort(rng.choice(3 * n, n, replace=False))
    days = pd.date_range("2020-01-01", periods=3 * n)
    return {
        "array": lambda: pd.RangeIndex(n),
        "range": lambda: pd.RangeIndex(5, 5 + 2 * n, 2),
        "years": lambda: pd.Index(1900 + np.arange(n)),
        "holes": lambda: pd.Index(holes),
        "floats": lambda: pd.Index(holes * 0.1),
        "dates": lambda: days[:n],
        "date holes": lambda: days[holes],
        "irregular dates": lambda: days[:n] + pd.to_timedelta(rng.integers(0, 80_000, n), unit="s"),
        "periods": lambda: pd.period_range("1900", periods=3 * n, freq="M")[holes],
        "repeated": lambda: pd.Index(np.arange(n) // 2),
        "unsorted": lambda: pd.Index(rng.permutation(n)),
        "words": lambda: pd.Index([f"r{i}" for i in range(n)]),
        "durations": lambda: pd.to_timedelta(holes, unit="h"),
        "irregular numbers": lambda: pd.Index(np.cumsum(rng.uniform(0.1, 5.0, n))),
        "missing": lambda: pd.Index(np.where(np.arange(n) == n // 2, np.nan, np.arange(n))),
    }[spec.index]()
