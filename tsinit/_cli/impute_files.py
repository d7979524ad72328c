"""The files that ``tsinit impute`` writes: which there will be, and what goes into them."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from tsinit._cli.common import require_folder
from tsinit._cli.sheet import write, write_together

_MOST_PANELS = 12


class Places(NamedTuple):
    """Files to write."""

    output: Path
    intervals: Path | None
    imputations: list
    plot: Path | None


def places_of(arguments):
    """Name the files, and refuse those that cannot be or must not be written before anything is computed."""
    source, output = Path(arguments.data).expanduser(), Path(arguments.output).expanduser()
    if not source.is_file():
        raise FileNotFoundError(f"IN.csv must be a file; got '{source}', which is none.")
    m = arguments.imputations or 0
    width = max(2, len(str(m)))
    places = Places(
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
    for place, option in ((output, "OUT.csv"), (places.plot, "--plot")):
        if place is not None:
            _require_place(place, option)
    if places.plot is not None:
        _require_picture(places.plot)
    if _same(output, source) and not arguments.overwrite:
        raise ValueError(
            f"OUT.csv must not be IN.csv; got '{output}' twice. Use --overwrite to replace it."
        )
    several = [
        place for place in (places.intervals, *places.imputations, places.plot) if place is not None
    ]
    for place in several:
        if _same(place, source) or _same(place, output):
            raise ValueError(
                f"What is written must be files of their own; got '{place}' twice. Rename OUT.csv."
            )
    return places


def _require_place(path, option):
    require_folder(path, option)
    if path.exists() and not path.is_file():
        raise OSError(f"{option} must be a file; got '{path}', which is none.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"{option} must lie in a folder that may be written to; got '{path}'."
        )


def _require_picture(path):
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in kinds:
        raise ValueError(
            f"--plot must end in one of {', '.join('.' + kind for kind in kinds)}; got '{path}'."
        )


def _same(one, other):
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def copy(source, places):
    """Where there is nothing to fill, OUT is IN."""
    source = Path(source).expanduser()
    if not _same(places.output, source):
        write_together({places.output: lambda path: shutil.copyfile(source, path)})


def write_all(places, gaps, model, filled, ends):
    """Write all files at once.

    Parameters
    ----------
    places : Places
    gaps : Gaps
    model : fitted TBayesMICE
    filled : (T, D) DataFrame
        The complete table.
    ends : pair of (T, D) DataFrame, or empty
        Lower and upper ends of intervals.
    """

    def text(table):
        return gaps.sheet.filled(gaps.cells(table, model.bounds))

    files = {places.output: text(filled)}
    if places.intervals:
        files[places.intervals] = _intervals(gaps, model.bounds, ends)
    if places.imputations:
        tables = model.impute(len(places.imputations))
        for place, table in zip(places.imputations, tables, strict=True):
            # One text at a time: together they could be large.
            files[place] = lambda path, table=table: write(path, text(table))
    if places.plot:
        files[places.plot] = lambda path: _draw(gaps, model, path)
    write_together(files)


def _intervals(gaps, bounds, ends):
    """Text of the table of intervals."""
    ends = [gaps.cells(table, bounds) for table in ends]
    rows = range(len(gaps.sheet.rows))
    columns = {
        f"{name}_{side}": [cells.get((i, gaps.fields[name]), "") for i in rows]
        for name in gaps.counts.index
        for side, cells in zip(("lower", "upper"), ends, strict=True)
    }
    return gaps.sheet.table({name: gaps.fields[name] for name in gaps.keys}, columns)


def _draw(gaps, model, path):
    import matplotlib

    matplotlib.use("Agg")  # there may be no screen
    from matplotlib import pyplot as plt

    from tsinit import plots

    counts = gaps.counts.sort_values(ascending=False, kind="stable").index[:_MOST_PANELS]
    axes = plots.imputed(model, columns=[name for name in gaps.frame if name in counts])
    figure = axes.figure if len(counts) == 1 else axes[0].figure
    figure.savefig(path, dpi=150)
    plt.close(figure)
