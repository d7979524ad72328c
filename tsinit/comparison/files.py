"""A comparison on disk: three tables and what they were made with, as CSV or Parquet, and back again."""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit._atomic import make_folder, write_whole
from tsinit._typing import StrPath
from tsinit._validate import check_path
from tsinit.comparison.plan.about import About, ModelAbout

if TYPE_CHECKING:
    from tsinit.comparison.result import Comparison

TABLES = ("runs", "traces", "errors")
_ABOUT = "about.json"
_KINDS = ("csv", "parquet")
_ZEROS = "0" * 64
#: A text that a spreadsheet would compute, and one that was kept from it.
_FORMULA = re.compile(r"\A'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"\A'(?='*[=+\-@\t\r])")
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
    return _write(comparison, folder, "csv", _csv_bytes)


def write_parquet(comparison: "Comparison", folder: StrPath) -> Path:
    """Write the tables of a comparison as Parquet; see ``Comparison.to_parquet``."""
    _need_pyarrow("to_parquet")
    return _write(
        comparison, folder, "parquet", lambda table: table.to_parquet(engine="pyarrow", index=False)
    )


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
        The folder does not hold a comparison, or a file of it is not as it was written.
    ImportError
        It holds Parquet files, and pyarrow is not installed.
    """
    root = check_path("path", folder)
    kind = next((k for k in _KINDS if all(_places(root, f"{t}.{k}") for t in TABLES)), None)
    if kind is None or not (root / _ABOUT).is_file():
        raise ValueError(
            f"path must be a folder that Comparison.to_csv or .to_parquet wrote; got {str(root)!r}, which lacks "
            f"{'runs, traces and errors' if kind is None else _ABOUT}."
        )
    about, written = _read_about(root / _ABOUT)
    names = list(written) if written else [f"{table}.{kind}" for table in TABLES]
    if names[0].endswith(".parquet"):
        _need_pyarrow("read_comparison")
    runs, traces, errors = (_read(root, name, written.get(name)) for name in names)
    return runs, traces, errors, about


def _write(
    comparison: "Comparison", folder: StrPath, kind: str, content: Callable[[pd.DataFrame], bytes]
) -> Path:
    """Write the tables under names of their own, then the settings with their checksums, then rename the tables.

    The settings decide: until they are replaced the folder holds the old comparison, from then on the new one, because
    a table that a process did not come to rename is found by its checksum.
    """
    root = make_folder(check_path("folder", folder), "folder")
    _finish(root)
    try:
        written = {}
        for table in TABLES:
            name, data = f"{table}.{kind}", content(getattr(comparison, table))
            written[name] = hashlib.sha256(data).hexdigest()
            write_whole(_waiting(root, name, written[name]), data)
        write_whole(root / _ABOUT, _about_bytes(comparison.about, written))
    finally:
        _finish(root)
    for name in (f"{table}.{other}" for table in TABLES for other in _KINDS if other != kind):
        (root / name).unlink(missing_ok=True)  # of a comparison that was here before
    return root


def _waiting(root: Path, name: str, digest: str) -> Path:
    """Name a table until the settings name it: hidden, and like no other content."""
    table, kind = name.split(".")
    return root / f".{table}-{digest}.{kind}"


def _finish(root: Path) -> None:
    """Give tables that the settings name their names, and remove those that a process left which broke off earlier."""
    try:
        written = _read_about(root / _ABOUT)[1]
    except (OSError, ValueError):  # no settings, or damaged ones
        written = {}
    for name, digest in written.items():
        with contextlib.suppress(FileNotFoundError):
            os.replace(_waiting(root, name, digest), root / name)
    for table in TABLES:
        for kind in _KINDS:
            for path in root.glob(f".{table}-{'?' * 64}.{kind}"):
                path.unlink(missing_ok=True)


def _places(root: Path, name: str) -> list[Path]:
    """List where a table may be: under its name, or still under one of those it had before."""
    table, kind = name.split(".")
    return [
        path for path in (root / name, *root.glob(f".{table}-{'?' * 64}.{kind}")) if path.is_file()
    ]


def _read(root: Path, name: str, digest: str | None) -> pd.DataFrame:
    """Read one table, and hold it to its checksum; version 0.1 wrote none, and is believed."""
    waiting = root / name if digest is None else _waiting(root, name, digest)
    path = waiting if waiting.is_file() else root / name
    if not path.is_file():
        raise ValueError(_damaged(path, "no such file"))
    data = path.read_bytes()
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(_damaged(path, "its checksum is another one"))
    try:
        return _read_csv(data) if name.endswith(".csv") else _read_parquet(data)
    except (ValueError, TypeError, KeyError, OSError) as error:  # those of pyarrow are among them
        raise ValueError(_damaged(path, f"{type(error).__name__}: {error}")) from None


def _damaged(path: Path, why: str) -> str:
    return (
        f"{path.name} must be as Comparison.to_csv or .to_parquet wrote it; got {str(path)!r}, which is not ({why}). "
        "Write the comparison again."
    )


def _about_bytes(about: About, written: dict[str, str]) -> bytes:
    """Write the settings, the checksums of the tables, and that of this text itself, in which it counts as zeros."""
    models = {name: model._asdict() for name, model in about.models.items()}
    # The entropy may have more digits than the numbers of other languages.
    settings = {**about._asdict(), "models": models, "entropy": str(about.entropy)}
    text = json.dumps({"sha256": _ZEROS, "files": written, **settings}, indent=1).encode()
    return text.replace(_ZEROS.encode(), hashlib.sha256(text).hexdigest().encode(), 1)


def _read_about(path: Path) -> tuple[About, dict[str, str]]:
    """Read the settings and the checksums of the tables; none from a folder that version 0.1 wrote."""
    data = path.read_bytes()
    found = re.search(rb'"sha256": "([0-9a-f]{64})"', data)
    if found:
        text = data.replace(found[1], _ZEROS.encode(), 1)
        if hashlib.sha256(text).hexdigest().encode() != found[1]:
            raise ValueError(_damaged(path, "its checksum is another one"))
    try:
        read = json.loads(data.decode("utf-8"))
        written = read.pop("files") if found and read.pop("sha256") else {}
        models = {name: ModelAbout(**model) for name, model in read.pop("models").items()}
        return About(**{**read, "entropy": int(read["entropy"]), "models": models}), written
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(_damaged(path, f"{type(error).__name__}: {error}")) from None


def _csv_bytes(table: pd.DataFrame) -> bytes:
    table = _escaped(table)
    # Python before 3.13 quotes a carriage return only where lines end in one.
    returns = any(table[name].str.contains("\r").any() for name in table if name in _TEXT)
    # Seventeen digits bring every float back exactly.
    text = table.to_csv(
        index=False, float_format="%.17g", lineterminator="\r\n" if returns else "\n"
    )
    return text.encode("utf-8", "backslashreplace")


def _escaped(table: pd.DataFrame) -> pd.DataFrame:
    """Have spreadsheets take texts for texts: one that begins like a formula gets an apostrophe in front.

    So does one that begins with apostrophes before it, so that reading takes off what writing put on.
    """
    text = {
        name: table[name].str.replace(_FORMULA, r"'\g<0>", regex=True)
        for name in table
        if name in _TEXT
    }
    table = table.assign(**text)
    return table.set_axis([_FORMULA.sub(r"'\g<0>", str(name)) for name in table], axis=1)


def _read_csv(data: bytes) -> pd.DataFrame:
    # As text first: an empty cell is an empty text in some columns and a missing value in others, "NaN" may be a name,
    # and Python's float() brings back every digit, which the readers of some versions of pandas do not.
    text = pd.read_csv(io.BytesIO(data), dtype="str", keep_default_na=False)
    names = {name: _ESCAPED.sub("", name) for name in map(str, text)}
    return pd.DataFrame({to: _typed(text[name], to) for name, to in names.items()})


def _typed(column: pd.Series, name: str) -> Any:
    if name in _TEXT:
        return column.str.replace(_ESCAPED, "", regex=True)
    if name in _FLAG_COLUMNS:
        return column.map(_FLAGS).astype("boolean")
    if name in _WHOLE:
        numbers: list[Any] = [int(value) if value else pd.NA for value in column]
        return pd.Series(numbers, dtype=_WHOLE[name])
    return np.array([float(value) if value else np.nan for value in column], dtype=float)


def _read_parquet(data: bytes) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(data), engine="pyarrow")


def _need_pyarrow(what: str) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(
            f"{what} must have pyarrow for Parquet files; got none. Install it: pip install pyarrow."
        )
