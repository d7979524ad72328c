"""A comparison on disk: three tables and what they were made with, as CSV or Parquet, and back again."""

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit._typing import StrPath
from tsinit._validate import check_path
from tsinit.comparison.plan.about import About, ModelAbout

if TYPE_CHECKING:
    from tsinit.comparison.result import Comparison

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


def write_csv(comparison: "Comparison", folder: StrPath) -> Path:
    """Write the tables of a comparison as CSV; see ``Comparison.to_csv``."""
    path = _prepare(comparison, folder)
    for name in TABLES:
        # Seventeen digits bring every float back exactly.
        getattr(comparison, name).to_csv(path / f"{name}.csv", index=False, float_format="%.17g")
        (path / f"{name}.parquet").unlink(missing_ok=True)  # of a comparison that was here before
    return path


def write_parquet(comparison: "Comparison", folder: StrPath) -> Path:
    """Write the tables of a comparison as Parquet; see ``Comparison.to_parquet``."""
    _need_pyarrow("to_parquet")
    path = _prepare(comparison, folder)
    for name in TABLES:
        getattr(comparison, name).to_parquet(
            path / f"{name}.parquet", engine="pyarrow", index=False
        )
        (path / f"{name}.csv").unlink(missing_ok=True)
    return path


def read_tables(folder: StrPath) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, About]:
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
    root = check_path("path", folder)
    kind = next(
        (k for k in ("csv", "parquet") if all((root / f"{t}.{k}").is_file() for t in TABLES)),
        None,
    )
    if kind is None or not (root / _ABOUT).is_file():
        raise ValueError(
            f"path must be a folder that Comparison.to_csv or .to_parquet wrote; got {str(root)!r}, which lacks "
            f"{'runs, traces and errors' if kind is None else _ABOUT}."
        )
    if kind == "parquet":
        _need_pyarrow("read_comparison")
    read = _read_csv if kind == "csv" else _read_parquet
    runs, traces, errors = (read(root / f"{name}.{kind}") for name in TABLES)
    return runs, traces, errors, _read_about(root / _ABOUT)


def _prepare(comparison: "Comparison", folder: StrPath) -> Path:
    root = check_path("folder", folder)
    root.mkdir(parents=True, exist_ok=True)
    about = comparison.about
    models = {name: model._asdict() for name, model in about.models.items()}
    # The entropy may have more digits than the numbers of other languages.
    text = json.dumps(
        {**about._asdict(), "models": models, "entropy": str(about.entropy)}, indent=1
    )
    (root / _ABOUT).write_text(text, encoding="utf-8")
    return root


def _read_about(path: Path) -> About:
    read = json.loads(path.read_text(encoding="utf-8"))
    models = {name: ModelAbout(**model) for name, model in read.pop("models").items()}
    return About(**{**read, "entropy": int(read["entropy"]), "models": models})


def _read_csv(path: Path) -> pd.DataFrame:
    # As text first: an empty cell is an empty text in some columns and a missing value in others, "NaN" may be a name,
    # and Python's float() brings back every digit, which the readers of some versions of pandas do not.
    text = pd.read_csv(path, dtype="str", keep_default_na=False)
    return pd.DataFrame({name: _typed(text[name], name) for name in map(str, text)})


def _typed(column: pd.Series, name: str) -> Any:
    if name in _TEXT:
        return column
    if name in _FLAG_COLUMNS:
        return column.map(_FLAGS).astype("boolean")
    if name in _WHOLE:
        numbers: list[Any] = [int(value) if value else pd.NA for value in column]
        return pd.Series(numbers, dtype=_WHOLE[name])
    return np.array([float(value) if value else np.nan for value in column], dtype=float)


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path, engine="pyarrow")


def _need_pyarrow(what: str) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(
            f"{what} must have pyarrow for Parquet files; got none. Install it: pip install pyarrow."
        )
