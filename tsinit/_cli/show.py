"""``tsinit show``: what a file was understood to be, and a picture of it, without a fit."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsinit._cli.common import (
    OK,
    draw_without_screen,
    is_same_file,
    require_picture,
    save_picture,
    say,
)
from tsinit._cli.reading import add_reading, reading

if TYPE_CHECKING:
    import pandas as pd

    from tsinit.tables.read import Understood

_MAX_PANELS = 24
_DESCRIPTION = """\
Say what a file was understood to be: its text, its times and their step, its
columns, its gaps, numbers that seem to stand for missing values. Nothing is
fitted. A picture with one panel for each column, gaps marked, is written to the
current folder."""
_EXAMPLES = """\
examples:
  tsinit show air.csv
  tsinit show station.csv --missing=-200 --plot station.pdf
  tsinit show ward.csv --groups patient --no-plot

exit code: 0 the file was understood; 2 it was not, which is said in one sentence."""


def add_show(commands: Any) -> None:
    """Add the command to those of a parser."""
    show = commands.add_parser(
        "show",
        help="say what your own file was understood to be, and draw it, without a fit",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    show.add_argument("data", metavar="FILE", help="the file")
    add_reading(show.add_argument_group("what is in the file"), "columns to show")
    picture = show.add_mutually_exclusive_group()
    picture.add_argument(
        "--plot",
        metavar="FILE.png",
        help="the picture to write (FILE-shown.png in the current folder); .pdf and .svg work too",
    )
    picture.add_argument("--no-plot", action="store_true", help="draw nothing")
    show.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, print, and draw.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ValueError, OSError
        An argument or the file is not what it should be.
    """
    from tsinit.tables.describe import columns_found, describe, season, text_of_table, written_as
    from tsinit.tables.read import understand

    place = None if arguments.no_plot else _place(arguments)
    found = understand(arguments.data, reading(arguments), ask=False)
    say(f"{Path(arguments.data).name}: {written_as(found)}.")
    say("\n".join([describe(found), *filter(None, [season(found)]), *found.notes]))
    say("\n" + text_of_table(columns_found(found)), wrap=False)
    for sentinel in found.sentinels:
        say(
            f"{sentinel}. Fits stop there until --missing={shlex.quote(sentinel.option)} or --missing keep says what "
            "it is."
        )
    if place is not None:
        _draw(found, place)
        say(f"Drawn in {place}")
    return OK


def _place(arguments: argparse.Namespace) -> Path:
    """Where the picture goes; refused before anything is read if it cannot."""
    from tsinit._atomic import check_writable

    source = Path(arguments.data).expanduser()
    stem = source.name.removesuffix(".gz")
    name = arguments.plot or f"{Path(stem).stem}-shown.png"
    place = Path(name).expanduser()
    check_writable(place, "--plot")
    require_picture(place)
    if is_same_file(place, source):
        raise ValueError(f"--plot must not be FILE; got {name!r} twice.")
    return place


def _draw(found: Understood, place: Path) -> None:
    import warnings

    from tsinit import plots
    from tsinit._atomic import write_whole

    draw_without_screen()
    frame = _shown(found.frame)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # what there is to say of the data, the notes have said
        axes = plots.observed(frame)
    write_whole(place, lambda path: save_picture(axes, path))


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    if frame.shape[1] > _MAX_PANELS:
        say(
            f"The picture has the first {_MAX_PANELS} of {frame.shape[1]} columns; --columns chooses others."
        )
    return frame.iloc[:, :_MAX_PANELS]
