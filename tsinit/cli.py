"""The command line: ``tsinit`` and its commands, from ``demo`` to ``compile``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from tsinit import __version__
from tsinit._cli.common import INTERRUPTED, NOTHING_FITTED, OK, WRONG_INPUT, require_folder, say
from tsinit._cli.compare import add_compare, add_running
from tsinit._cli.compile import add_compile
from tsinit._cli.fit import add_fit
from tsinit._cli.impute import add_impute
from tsinit._cli.show import add_show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; those of the process without it.

    Returns
    -------
    int
        0 done; 1 nothing could be fitted; 2 wrong usage or input, reported in one sentence; 130 interrupted.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return WRONG_INPUT
    try:
        with warnings.catch_warnings(), _hush(getattr(arguments, "quiet", False)):
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _warning_shower()
            return arguments.command(arguments)
    except BrokenPipeError:
        # Whoever reads the output has read enough (``tsinit datasets | head``); nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, ImportError) as error:
        sys.stderr.write(f"tsinit: {error}\n")
        return WRONG_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("\ntsinit: interrupted\n")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tsinit",
        description="Fits of time-series models depend on where they start. tsinit fits from several starting points "
        "and reports which start is worth its cost.",
        epilog="Begin with: tsinit demo. Then your own: tsinit show DATA.csv, tsinit compare DATA.csv --report r.html",
    )
    parser.add_argument("--version", action="version", version=f"tsinit {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    add_compare(commands)
    add_fit(commands)
    add_impute(commands)
    add_show(commands)
    add_compile(commands)
    datasets = commands.add_parser(
        "datasets", help="list the data sets, and where they are on this machine"
    )
    datasets.set_defaults(command=_datasets)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="compare starting points on real data that come with the package (under a minute)",
        description="Fit a state-space model to daily air quality in New York and to a spoken sentence, from several "
        "starting points; print which start wins, and write one HTML report with pictures. Needs no network.",
    )
    demo.add_argument(
        "--output",
        default="tsinit-demo.html",
        metavar="FILE",
        help="the report to write (%(default)s)",
    )
    add_running(demo, seeds=5)
    demo.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from tsinit import demo

    require_folder(arguments.output, "--output")
    return OK if demo.run(arguments.output, n_seeds=arguments.seeds, seed=arguments.seed, n_jobs=arguments.jobs,
                          progress=not arguments.quiet, say=say) else NOTHING_FITTED  # fmt: skip


def _datasets(arguments: argparse.Namespace) -> int:
    from tsinit.datasets import list_datasets

    table = list_datasets()
    width = max(map(len, table["name"]))
    for name, size, found in zip(
        table["name"], table["bytes"].tolist(), table["found"], strict=True
    ):
        say(f"{name:<{width}}  {size / 1024:8,.0f} KB  {found}", wrap=False)
    say("\nLoad them in Python: tsinit.datasets.load_new_york_air_quality(), load_air_quality(), load_speech(name). "
        "What is not here yet is fetched on first use.")  # fmt: skip
    return OK


@contextlib.contextmanager
def _hush(is_quiet: bool) -> Iterator[None]:
    """Have nothing said of compiling, in the processes that a command starts neither."""
    if not is_quiet or "TSINIT_QUIET" in os.environ:
        yield
        return
    os.environ["TSINIT_QUIET"] = "1"
    try:
        yield
    finally:
        del os.environ["TSINIT_QUIET"]


def _warning_shower() -> Callable[..., None]:
    """Show the message of a warning, once, without the line of code that a user of the command line never wrote."""
    shown: set[str] = set()

    def show(message: Warning | str, *details: Any, **more: Any) -> None:
        if (
            str(message) not in shown
        ):  # every fit of a comparison would say the same of the same data
            shown.add(str(message))
            sys.stderr.write(f"tsinit: note: {message}\n")

    return show
