"""What the commands share: how they end, how they speak, how they read an option."""

import argparse
import math
import shutil
import sys
import textwrap
from pathlib import Path

#: How a command ends.
OK, NOTHING_FITTED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


def say(text="", wrap=True):
    """Write to standard output, wrapped to the window."""
    width = max(40, min(110, shutil.get_terminal_size((100, 24)).columns))
    lines = text.splitlines() or [""]
    for line in lines:
        sys.stdout.write((textwrap.fill(line, width) if wrap else line) + "\n")
    sys.stdout.flush()


def require_folder(path, option):
    """Refuse a place that cannot be written before an hour of computing and not after."""
    folder = Path(path).expanduser().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{option} must lie in a folder that exists; got '{path}'.")
    if Path(path).is_dir():
        raise IsADirectoryError(f"{option} must be a file; got the folder '{path}'.")


def whole(least):
    """Make a reader of whole numbers that are at least so large."""

    def number(text):
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(
                f"must be a whole number of at least {least}; got {text!r}"
            )
        return value

    return number


def seconds(text):
    """Read a duration."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0; got {text!r}")
    return value


def jobs(text):
    """Read a number of processes; negative ones count from the cores."""
    if text.lstrip("-").isdigit() and int(text) != 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number other than 0; got {text!r}")


def names(text):
    """Read names separated by commas."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"must be names separated by commas; got {text!r}")
    return names
