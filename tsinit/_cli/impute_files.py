"""The files that ``tsinit impute`` writes: which there will be, and what goes into them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tsinit._atomic import Content, check_writable, is_stream, write_together

if TYPE_CHECKING:
    import pandas as pd

    from tsinit import TBayesMICE
    from tsinit._cli.gaps import CSVGaps
    from tsinit._typing import StrPath

_MAX_PANELS = 12


class OutputFiles(NamedTuple):
    """Files to write."""

    output: Path
    intervals: Path | None
    imputations: list[Path]
    plot: Path | None


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
    )
    for place, option in _named(files):
        check_writable(place, option)
    if is_stream(output) and (files.intervals or files.imputations):
        raise ValueError(
            f"OUT.csv must be a file where --intervals and --imputations write others beside it; got '{output}'."
        )
    if files.plot is not None:
        _require_picture(files.plot)
    if _same(output, source) and not arguments.overwrite:
        raise ValueError(
            f"OUT.csv must not be IN.csv; got '{output}' twice. Use --overwrite to replace it."
        )
    others = (files.intervals, *files.imputations, files.plot)
    for place in [place for place in others if place is not None]:
        if _same(place, source) or _same(place, output):
            raise ValueError(
                f"What is written must be files of their own; got '{place}' twice. Rename OUT.csv."
            )
    return files


def _named(files: OutputFiles) -> list[tuple[Path, str]]:
    """Return files with the names of the arguments that ask for them."""
    beside = [(place, "A file beside OUT.csv") for place in (files.intervals, *files.imputations)]
    found = [(files.output, "OUT.csv"), *beside, (files.plot, "--plot")]
    return [(place, name) for place, name in found if place is not None]


def _require_picture(path: Path) -> None:
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in kinds:
        raise ValueError(
            f"--plot must end in one of {', '.join('.' + kind for kind in kinds)}; got '{path}'."
        )


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def copy(source: StrPath, output: Path) -> None:
    """Where there is nothing to fill, OUT is IN."""
    given = Path(source).expanduser()
    if not _same(output, given):
        write_together({output: given.read_bytes()})


def write_all(
    files: OutputFiles,
    gaps: CSVGaps,
    model: TBayesMICE,
    filled: pd.DataFrame,
    interval: Sequence[pd.DataFrame],
) -> None:
    """Write all files at once.

    Parameters
    ----------
    files : OutputFiles
    gaps : CSVGaps
    model : fitted TBayesMICE
    filled : (T, D) DataFrame
        The complete table.
    interval : pair of (T, D) DataFrame, or empty
        Lower and upper bounds of intervals.
    """

    def text(table: Any) -> str:
        return gaps.text.filled(gaps.cells(table, model.bounds))

    content: dict[Path, Content] = {files.output: text(filled)}
    if files.intervals:
        content[files.intervals] = _intervals(gaps, model.bounds, interval)
    if files.imputations:
        tables = model.impute(len(files.imputations))
        for place, table in zip(files.imputations, tables, strict=True):
            # One text at a time: together they could be large.
            content[place] = partial(_write_table, text, table)
    if files.plot:
        content[files.plot] = lambda path: _draw(gaps, model, path)
    write_together(content)


def _write_table(text: Callable[[Any], str], table: Any, path: Path) -> None:
    path.write_bytes(text(table).encode())


def _intervals(gaps: CSVGaps, bounds: Any, interval: Sequence[pd.DataFrame]) -> str:
    """Text of the table of intervals."""
    sides = [gaps.cells(table, bounds) for table in interval]
    rows = range(len(gaps.text.rows))
    columns = {
        f"{name}_{side}": [cells.get((i, gaps.fields[name]), "") for i in rows]
        for name in gaps.counts.index
        for side, cells in zip(("lower", "upper"), sides, strict=True)
    }
    return gaps.text.table({name: gaps.fields[name] for name in gaps.keys}, columns)


def _draw(gaps: CSVGaps, model: TBayesMICE, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")  # there may be no screen
    from matplotlib import pyplot as plt

    from tsinit import plots

    counts = gaps.counts.sort_values(ascending=False, kind="stable").index[:_MAX_PANELS]
    axes = plots.imputed(model, columns=[name for name in gaps.frame if name in counts])
    figure = axes.figure if len(counts) == 1 else axes[0].figure
    figure.savefig(path, dpi=150)
    plt.close(figure)
