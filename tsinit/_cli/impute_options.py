"""The options of ``tsinit impute``, and what may stand behind them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from tsinit._cli.common import jobs, level, whole
from tsinit._cli.kinds import read_kinds
from tsinit._cli.reading import add_reading

_METHODS = ("auto", "fcs", "var", "state_space")
_SAMPLERS = ("mala", "rwm", "gibbs")
_DESCRIPTION = """\
Fill the empty cells of a CSV file with what they probably were, given the other
columns, the rows around and the season; cells such as <0.5 with what lies beyond
the limit. Every other cell that was there stays as it was written. The file has
one row for each time; separator, decimals, names and times are found, and
tsinit show IN.csv says what was taken for what."""
_EXAMPLES = """\
examples:
  tsinit impute air.csv full.csv --intervals 0.9 --plot full.png
  tsinit impute station.csv full.csv --missing=-200 --columns ozone,wind
  tsinit impute rain.csv full.csv --kinds rain=semicontinuous
  tsinit impute ward.csv full.csv --groups patient --bounds glucose=0: --imputations 20

exit code: 0 all went well; 1 the fit failed; 2 wrong usage or input, reported in
one sentence; 130 interrupted. Unless it is 0, nothing is written."""


def add_impute(commands: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Add the command to those of a parser; `run` takes what was read."""
    impute = commands.add_parser(
        "impute",
        help="fill the gaps of your own CSV file, and say how sure that is",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    impute.add_argument("data", metavar="IN.csv", help="the file with gaps")
    impute.add_argument(
        "output", metavar="OUT.csv", help="the file to write; IN.csv itself only with --overwrite"
    )
    add_reading(
        impute.add_argument_group("what is in the file"),
        "columns to fill and to learn from; without it all that hold numbers, or a few words and gaps",
    )
    _add_model(impute.add_argument_group("how gaps are filled"))
    _add_writing(impute.add_argument_group("what is written"))
    impute.set_defaults(command=run)


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--method", choices=_METHODS, default="auto",
                       help="chained equations (fcs), a joint vector autoregression (var), a state-space model "
                       "for wide tables and blocks (state_space), or what suits the gaps (%(default)s)")  # fmt: skip
    group.add_argument(
        "--sampler",
        choices=_SAMPLERS,
        help="how regressions are drawn (mala); the posterior is the same",
    )
    group.add_argument("--init", metavar="NAME",
                       help="fill that the chains begin with, such as linear, seasonal or knn; a wrong one lists "
                       "all")  # fmt: skip
    group.add_argument(
        "--lags", type=whole(0), metavar="N", help="steps before and after that are looked at (1)"
    )
    group.add_argument("--period", type=_period, metavar="STEPS",
                       help="steps of a season, or several (24,168), or none; without it, found from the "
                       "dates")  # fmt: skip
    group.add_argument("--bounds", type=_bounds, action="append", metavar="COLUMN=LOW:HIGH",
                       help="lower and upper bound; CO=0: has no upper one, 0: holds for all columns; may be "
                       "repeated")  # fmt: skip
    group.add_argument("--kinds", type=read_kinds, action="append", metavar="COLUMN=KIND",
                       help="what a column holds: numbers that are continuous, semicontinuous (never negative, often "
                       "exactly 0, such as rain), a count or rounded to whole ones, or classes, which are binary, "
                       "ordinal or categorical; rain=semicontinuous,wet=binary for two; may be repeated")  # fmt: skip
    group.add_argument("--max-gap", type=_max_gap, metavar="STEPS",
                       help="longest gap to fill, in steps (24) or as a time (6h); longer ones stay empty")  # fmt: skip
    group.add_argument("--match", type=whole(1), metavar="N",
                       help="give a missing cell the value of one of the N observed ones that are predicted alike, "
                       "such as 5")  # fmt: skip
    group.add_argument("--sequence-effects", action="store_true", default=None,
                       help="give every sequence a level of its own, as the subjects of a panel have")  # fmt: skip
    group.add_argument("--draws", type=whole(1), metavar="N", help="draws of each chain (400)")
    group.add_argument(
        "--tune",
        type=whole(0),
        metavar="N",
        help="sweeps of each chain before its first draw (100)",
    )
    group.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="source of randomness (%(default)s)"
    )
    group.add_argument("--jobs", type=jobs, default=-1, metavar="N",
                       help="chains that run at the same time (-1: one for each core)")  # fmt: skip


def _add_writing(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--intervals", type=level, metavar="LEVEL",
                       help="write OUT.intervals.csv beside OUT.csv: for every filled column NAME_lower and "
                       "NAME_upper, between which the value lies with this probability, such as 0.9, for one of "
                       "classes NAME_probability of the class filled in; empty where it was observed")  # fmt: skip
    group.add_argument("--imputations", type=whole(1), metavar="M",
                       help="write M complete tables that differ as much as is uncertain, OUT.imputation-01.csv and so "
                       "on: analyse each, and pool")  # fmt: skip
    group.add_argument(
        "--plot",
        metavar="FILE.png",
        help="draw the filled columns with bands, twelve to a file (FILE-2.png ...); .pdf and .svg work too",
    )
    group.add_argument(
        "--report",
        metavar="FILE.html",
        help="write one page: the data, the filled gaps with bands, whether the chains agree",
    )
    group.add_argument("--overwrite", action="store_true", help="allow OUT.csv to be IN.csv")
    group.add_argument(
        "--quiet", action="store_true", help="no progress bar, and no word of compiling"
    )


def _period(text: str) -> str | list[float]:
    """Read "auto", "none" or numbers of steps; none is an empty list."""
    if text.lower() in ("auto", "none"):
        return "auto" if text.lower() == "auto" else []
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be auto, none or numbers of steps, such as 24 or 24,168; got {text!r}"
        ) from None


def _max_gap(text: str) -> int | str:
    """Read a number of steps, or leave a time to the imputer."""
    return int(text) if text.lstrip("+-").isdigit() else text


def _bounds(text: str) -> tuple[str | None, tuple[float | None, float | None]]:
    """Read COLUMN=LOW:HIGH, or LOW:HIGH for all columns."""
    name, _, pair = text.rpartition("=")
    try:
        low, high = (float(part) if part.strip() else None for part in pair.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be COLUMN=LOW:HIGH, such as CO=0: or RH=0:100; got {text!r}"
        ) from None
    return name or None, (low, high)
