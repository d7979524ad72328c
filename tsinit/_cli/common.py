"""What the commands share: exit codes, output, how options are read."""

from __future__ import annotations

import argparse
import contextlib
import csv
import math
import os
import shutil
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsinit._atomic import check_writable, is_standard_output

if TYPE_CHECKING:
    from tsinit._typing import StrPath

#: Exit codes.
OK, NOTHING_FITTED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


def say(text: str = "", wrap: bool = True) -> None:
    """Write to standard output, wrapped to the window."""
    width = max(40, min(110, shutil.get_terminal_size((100, 24)).columns))
    # A path stays in one piece, to be copied.
    wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    lines = text.splitlines() or [""]
    # A name that the terminal's encoding lacks must not cost a result.
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        text = (wrapper.fill(line) if wrap else line) + "\n"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def require_folder(path: StrPath, option: str) -> None:
    """Refuse a place that cannot be written before an hour of computing and not after."""
    check_writable(Path(path).expanduser(), option)


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file that is there; unlike the methods of Path this raises nothing."""
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


@contextlib.contextmanager
def words_aside(place: Path | None) -> Iterator[None]:
    """Say on standard error what there is to say where a file goes to standard output."""
    if place is not None and is_standard_output(place):
        with contextlib.redirect_stdout(sys.stderr):
            yield
    else:
        yield


def ignore_steps_of_index() -> None:
    """Ignore a warning about times that the notes on the file have given already, of the whole table."""
    warnings.filterwarnings(
        "ignore", message="The (times|numbers) in the index of X are not multiples"
    )


def draw_without_screen() -> None:
    """Draw into files: there may be no screen."""
    import matplotlib

    matplotlib.use("Agg")


def save_picture(axes: Any, path: Path) -> None:
    """Save the figure of one Axes or of several, and close it."""
    from matplotlib import pyplot as plt

    figure = getattr(axes, "flat", [axes])[0].figure
    figure.savefig(path, dpi=150)
    plt.close(figure)


def require_picture(path: Path) -> None:
    """Refuse a name that does not end as a picture."""
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in kinds:
        raise ValueError(
            f"--plot must end in one of {', '.join('.' + kind for kind in kinds)}; got '{path}'."
        )


def whole(minimum: int) -> Callable[[str], int]:
    """Make a reader of whole numbers that are at least so large."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise argparse.ArgumentTypeError(
                f"must be a whole number of at least {minimum}; got {text!r}"
            )
        return value

    return number


def seconds(text: str) -> float:
    """Read a duration."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0; got {text!r}")
    return value


def level(text: str) -> float:
    """Read a probability."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(
            f"must be a probability between 0 and 1, such as 0.9; got {text!r}"
        )
    return value


def jobs(text: str) -> int:
    """Read a number of processes; negative ones count from the cores."""
    if text.lstrip("-").isdigit() and int(text) != 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number other than 0; got {text!r}")


def names(text: str) -> list[str]:
    """Read names separated by commas; one with commas of its own stands in double quotes."""
    cells = next(csv.reader([text], skipinitialspace=True), [])
    found = [name.strip() for name in cells if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"must be names separated by commas; got {text!r}")
    return found
