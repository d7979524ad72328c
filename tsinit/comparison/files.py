"""A comparison on disk: three tables and what they were made with, as CSV or Parquet, and back again."""

import importlib.util
import json
from typing import Any

import numpy as np
import pandas as pd

from tsinit._validate import check_path
from tsinit.comparison.plan.about import About, ModelAbout

TABLES = ("runs", "traces", "errors")
_ABOUT = "about.json"
_TEXT = {
    "run_id", "dataset", "model", "strategy", "init_seed", "run_seed", "status", "error_type", "error_message",
    "versions", "traceback",
}  # fmt: skip
_FLAGS = {"True": True, "False": False, "": pd.NA}
_FLAG_COLUMNS = ("converged", "monotone")
_WHOLE = {"replicate": "int64", "iteration": "int64"}
_WHOLE |= dict.fromkeys(("n_iter", "optimum", "start", "n_settle", "n_mixed"), "Int64")


def write_csv(comparison, folder):
    """Write the tables of a comparison as CSV; see ``Comparison.to_csv``."""
    folder = _prepare(comparison, folder)
    for name in TABLES:
        # Seventeen digits bring every float back exactly.
        getattr(comparison, name).to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
        (folder / f"{name}.parquet").unlink(missing_ok=True)  # of a comparison that was here before
    return folder


def write_parquet(comparison, folder):
    """Write the tables of a comparison as Parquet; see ``Comparison.to_parquet``."""
    _need_pyarrow("to_parquet")
    folder = _prepare(comparison, folder)
    for name in TABLES:
        getattr(comparison, name).to_parquet(
            folder / f"{name}.parquet", engine="pyarrow", index=False
        )
        (folder / f"{name}.csv").unlink(missing_ok=True)
    return folder


def read_tables(folder):
    """Read what :func:`write_csv` or :func:`write_parquet` wrote.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    runs, traces, errors : DataFrame
    about : About

    Raises
    ------
    ValueError
        The folder does not hold a comparison.
    ImportError
        It holds Parquet files, and pyarrow is not installed.
    """
    folder = check_path("path", folder)
    kind = next(
        (k for k in ("csv", "parquet") if all((folder / f"{t}.{k}").is_file() for t in TABLES)),
        None,
    )
    if kind is None or not (folder / _ABOUT).is_file():
        raise ValueError(
            f"path must be a folder that Comparison.to_csv or .to_parquet wrote; got {str(folder)!r}, which lacks "
            f"{'runs, traces and errors' if kind is None else _ABOUT}."
        )
    if kind == "parquet":
        _need_pyarrow("read_comparison")
    read = _read_csv if kind == "csv" else _read_parquet
    runs, traces, errors = (read(folder / f"{name}.{kind}") for name in TABLES)
    return runs, traces, errors, _read_about(folder / _ABOUT)


def _prepare(comparison, folder):
    folder = check_path("folder", folder)
    folder.mkdir(parents=True, exist_ok=True)
    about = comparison.about
    models = {name: model._asdict() for name, model in about.models.items()}
    # The entropy may have more digits than the numbers of other languages.
    text = json.dumps(
        {**about._asdict(), "models": models, "entropy": str(about.entropy)}, indent=1
    )
    (folder / _ABOUT).write_text(text, encoding="utf-8")
    return folder


def _read_about(path):
    read = json.loads(path.read_text(encoding="utf-8"))
    models = {name: ModelAbout(**model) for name, model in read.pop("models").items()}
    return About(**{**read, "entropy": int(read["entropy"]), "models": models})


def _read_csv(path):
    # As text first: an empty cell is an empty text in some columns and a missing value in others, "NaN" may be a name,
    # and Python's float() brings back every digit, which the readers of some versions of pandas do not.
    text = pd.read_csv(path, dtype="str", keep_default_na=False)
    return pd.DataFrame({name: _typed(text[name], name) for name in text})


def _typed(column, name):
    if name in _TEXT:
        return column
    if name in _FLAG_COLUMNS:
        return column.map(_FLAGS).astype("boolean")
    if name in _WHOLE:
        numbers: list[Any] = [int(value) if value else pd.NA for value in column]
        return pd.Series(numbers, dtype=_WHOLE[name])
    return np.array([float(value) if value else np.nan for value in column], dtype=float)


def _read_parquet(path):
    return pd.read_parquet(path, engine="pyarrow")


def _need_pyarrow(what):
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(
            f"{what} must have pyarrow for Parquet files; got none. Install it: pip install pyarrow."
        )
