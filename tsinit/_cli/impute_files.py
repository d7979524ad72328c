"""The files that ``tsinit impute`` writes: which there will be, and what goes into them."""

from __future__ import annotations

import argparse
import gzip
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tsinit._atomic import Content, check_writable, is_stream, write_together
from tsinit._cli.common import (
    draw_without_screen,
    is_same_file,
    require_picture,
    save_picture,
)

if TYPE_CHECKING:
    import pandas as pd

    from tsinit import TBayesMICE
    from tsinit._cli.gaps import Gaps
    from tsinit._typing import FloatArray, StrPath

_MAX_PANELS = 12
_GZIP = b"\x1f\x8b"


class OutputFiles(NamedTuple):
    """Files to write."""

    output: Path
    intervals: Path | None
    imputations: list[Path]
    plot: Path | None
    report: Path | None = None


def output_files(arguments: argparse.Namespace) -> OutputFiles:
    """Name the files, and refuse those that cannot be or must not be written before anything is computed."""
    source, output = Path(arguments.data).expanduser(), Path(arguments.output).expanduser()
    if not source.is_file():
        raise FileNotFoundError(f"IN.csv must be a file; got '{source}', which is none.")
    m = arguments.imputations or 0
    width = max(2, len(str(m)))
    files = OutputFiles(
        output,
        output.with_name(f"{output.stem}.intervals{output.suffix}")
        if arguments.intervals
        else None,
        [
            output.with_name(f"{output.stem}.imputation-{i:0{width}d}{output.suffix}")
            for i in range(1, m + 1)
        ],
        Path(arguments.plot).expanduser() if arguments.plot else None,
        Path(arguments.report).expanduser() if arguments.report else None,
    )
    for place, option in _named(files):
        check_writable(place, option)
    if is_stream(output) and (files.intervals or files.imputations):
        raise ValueError(
            f"OUT.csv must be a file where --intervals and --imputations write others beside it; got '{output}'."
        )
    if files.plot is not None:
        require_picture(files.plot)
    if _same(output, source) and not arguments.overwrite:
        raise ValueError(
            f"OUT.csv must not be IN.csv; got '{output}' twice. Use --overwrite to replace it."
        )
    others = (files.intervals, *files.imputations, files.plot, files.report)
    for place in [place for place in others if place is not None]:
        if _same(place, source) or _same(place, output):
            raise ValueError(
                f"What is written must be files of their own; got '{place}' twice. Rename OUT.csv."
            )
    return files


def _named(files: OutputFiles) -> list[tuple[Path, str]]:
    """Return files with the names of the arguments that ask for them."""
    beside = [(place, "A file beside OUT.csv") for place in (files.intervals, *files.imputations)]
    found = [(files.output, "OUT.csv"), *beside, (files.plot, "--plot"), (files.report, "--report")]
    return [(place, name) for place, name in found if place is not None]


def _same(one: Path, other: Path) -> bool:
    return is_same_file(one, other) or one.resolve() == other.resolve()


def require_kind(gaps: Gaps, files: OutputFiles) -> None:
    """Refuse to write a text as Parquet, or the other way round.

    Raises
    ------
    ValueError
    """
    parquet = gaps.text is None
    for place in (files.output, *files.imputations):
        if (place.suffix.lower() in (".parquet", ".pq")) != parquet:
            kind = "a Parquet file, as IN is" if parquet else "a file of text, as IN is"
            raise ValueError(f"OUT must be {kind}; got '{place}'.")
    if parquet and (files.intervals or gaps.found.n_inserted):
        option = "--intervals" if files.intervals else "--regular"
        raise ValueError(f"{option} must go with a file of text; got Parquet. Save it as CSV.")
    if files.intervals and gaps.found.long:
        raise ValueError(
            "--intervals must go with a table that has a row for each time; got --long."
        )
    if gaps.found.long and gaps.found.n_inserted:
        raise ValueError("--regular must go with a table that has a row for each time; got --long.")


def copy(source: StrPath, output: Path) -> None:
    """Where there is nothing to fill, OUT is IN."""
    given = Path(source).expanduser()
    if _same(output, given):
        return
    data = given.read_bytes()
    if data.startswith(_GZIP) != _is_packed(output):
        data = gzip.decompress(data) if data.startswith(_GZIP) else gzip.compress(data, mtime=0)
    write_together({output: data})


def write_all(
    files: OutputFiles,
    gaps: Gaps,
    model: TBayesMICE,
    filled: pd.DataFrame,
    interval: Sequence[pd.DataFrame],
    page: Callable[[], str],
) -> None:
    """Write all files at once.

    Parameters
    ----------
    files : OutputFiles
    gaps : Gaps
    model : fitted TBayesMICE
    filled : (T, D) DataFrame
        The complete table.
    interval : pair of (T, D) DataFrame, or empty
        Lower and upper bounds of intervals.
    page : callable
        Gives the text of the report.
    """
    write = partial(_write_table, gaps, model.bounds)
    content: dict[Path, Content] = {files.output: write(filled, files.output)}
    if files.intervals:
        text = _intervals(gaps, model, interval)
        content[files.intervals] = _encoded(gaps, text, files.intervals)
    if files.imputations:
        tables = map(gaps.coded, model.impute(len(files.imputations)))
        for place, table in zip(files.imputations, tables, strict=True):
            # One text at a time: together they could be large.
            content[place] = partial(_write_later, write, table, place)
    if files.plot:
        pages = [partial(_draw, model, columns) for columns in _panels(gaps)]
        content |= dict(zip(plot_pages(files.plot, gaps), pages, strict=True))
    if files.report:
        content[files.report] = page().encode("utf-8", "backslashreplace")
    write_together(content)


def _write_later(write: Callable[[Any, Path], bytes], table: Any, place: Path, path: Path) -> None:
    path.write_bytes(write(table, place))


def _write_table(gaps: Gaps, bounds: Any, table: Any, place: Path) -> bytes:
    """The file with its gaps filled, in its own encoding, packed where its name says so."""
    if gaps.text is None:
        return _parquet(gaps, table)
    text = gaps.text.filled(gaps.cells(table, bounds), gaps.inserted(table, bounds))
    return _encoded(gaps, text, place)


def _encoded(gaps: Gaps, text: str, place: Path) -> bytes:
    data = text.encode(gaps.found.raw.source.encoding)
    return gzip.compress(data, mtime=0) if _is_packed(place) else data


def _is_packed(place: Path) -> bool:
    return place.suffix.lower() == ".gz"


def _parquet(gaps: Gaps, table: Any) -> bytes:
    """The Parquet file with its gaps filled; columns, index and types stay, but whole numbers that get others."""
    import pandas as pd

    frame = pd.read_parquet(gaps.found.raw.source.path)
    names = {str(name): j for j, name in enumerate(frame.columns)}
    columns = {name: _numbers(gaps, frame.iloc[:, names[name]], name) for name in gaps.counts.index}
    for (row, name), value in gaps.values(table).items():
        columns[name][row] = value
    for name, values in columns.items():
        frame[frame.columns[names[name]]] = values
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def _numbers(gaps: Gaps, column: pd.Series, name: str) -> FloatArray:
    """Numbers of a column of a Parquet file; a text of them with limits holds what was read of it."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float, na_value=float("nan"), copy=True)
    values, j = np.full(len(column), np.nan), gaps.frame.columns.get_loc(name)
    own = gaps.rows[:, j]
    values[own[own >= 0]] = gaps.frame[name].to_numpy()[own >= 0]
    return values


def _intervals(gaps: Gaps, model: TBayesMICE, interval: Sequence[pd.DataFrame]) -> str:
    """Text of the table of intervals, and of probabilities of classes, which have none."""
    text, bounds = gaps.text, model.bounds
    assert text is not None  # Parquet was refused before
    sides = [(gaps.cells(table, bounds), gaps.inserted(table, bounds)) for table in interval]
    fields = gaps.found.raw.fields
    inserted = sides[0][1]
    # Rows of the file, each followed by those inserted behind it.
    order: list[tuple[int, int]] = [(i, -1) for i in range(len(text.rows))]
    order = sorted([*order, *((i, k) for k, (i, _) in enumerate(inserted))])
    columns = {
        name: [
            text.field(i, fields[name]) if k < 0 else inserted[k][1].get(fields[name], "")
            for i, k in order
        ]
        for name in gaps.keys
    }
    for name in map(str, gaps.counts.index):
        if name in gaps.classes:
            shares, added = gaps.numbers(name, _certainty(model, name), 3)
            columns[f"{name}_probability"] = [
                shares.get(i, "") if k < 0 else added[k] for i, k in order
            ]
            continue
        for side, (cells, lines) in zip(("lower", "upper"), sides, strict=True):
            field = gaps.field(name)
            columns[f"{name}_{side}"] = [
                cells.get((i, field), "") if k < 0 else lines[k][1].get(field, "") for i, k in order
            ]
    return text.table(columns)


def _certainty(model: TBayesMICE, name: str) -> FloatArray:
    """(T,) probability of the class that is filled in, NaN where there is none."""
    import numpy as np

    posterior = model.posterior_
    j, out = posterior.names.index(name), np.full(len(posterior.table.y), np.nan)
    out[posterior.table.to_fill[:, j]] = posterior.class_shares(j).max(axis=0)
    return out


def plot_pages(plot: Path, gaps: Gaps) -> list[Path]:
    """Name the files of a plot: one for every twelve columns with gaps, the second and later ones numbered."""
    n = len(_panels(gaps))
    return [plot, *(plot.with_name(f"{plot.stem}-{i}{plot.suffix}") for i in range(2, n + 1))]


def _panels(gaps: Gaps) -> list[list[Any]]:
    """Columns with gaps, in their order, by page."""
    columns = [name for name in gaps.frame if name in gaps.counts.index]
    return [columns[i : i + _MAX_PANELS] for i in range(0, len(columns), _MAX_PANELS)]


def _draw(model: TBayesMICE, columns: list[Any], path: Path) -> None:
    from tsinit import plots

    draw_without_screen()
    save_picture(plots.imputed(model, columns=columns), path)
