"""``tsinit impute``: a CSV file with gaps becomes one without, and a few lines say how."""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tsinit._cli import impute_options
from tsinit._cli.common import (
    NOTHING_FITTED,
    OK,
    draw_without_screen,
    ignore_steps_of_index,
    say,
    words_aside,
)
from tsinit._cli.kinds import all_kinds, kinds_text
from tsinit._cli.reading import reading

if TYPE_CHECKING:
    from pathlib import Path

    from tsinit import TBayesMICE
    from tsinit._cli.gaps import Gaps
    from tsinit._cli.impute_files import OutputFiles

_METHODS = {
    "fcs": "chained equations",
    "var": "a joint vector autoregression",
    "state_space": "a linear Gaussian state-space model",
}


def add_impute(commands: Any) -> None:
    """Add the command to those of a parser."""
    impute_options.add_impute(commands, run)


def run(arguments: argparse.Namespace) -> int:
    """Read, fit, write, and report.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ValueError, TypeError, OSError
        An argument or the file is not what it should be.
    """
    from tsinit._cli.impute_files import output_files

    files = output_files(arguments)
    with words_aside(files.output):
        return _impute(arguments, files)


def _impute(arguments: argparse.Namespace, files: OutputFiles) -> int:
    from tsinit._cli.advice import advice
    from tsinit._cli.gaps import read_gaps
    from tsinit._cli.impute_files import copy, plot_pages, require_kind, write_all
    from tsinit._cli.suited import require_suited
    from tsinit.tables.describe import describe

    gaps = read_gaps(arguments.data, reading(arguments))
    require_kind(gaps, files)
    # At once: who reads the first line only must not stop the work.
    say("\n".join([describe(gaps.found), *gaps.notes]))
    if not len(gaps.counts):
        copy(arguments.data, files.output)
        say(
            f"\nNothing is missing in these columns: {files.output} is a copy of the file. Nothing else is written."
        )
        return OK
    model = _model(arguments, [str(name) for name in gaps.frame])
    require_suited(arguments, gaps, model.kinds)
    from numpy.linalg import LinAlgError

    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            # The last lines say so in the words of this command.
            warnings.filterwarnings("ignore", message="The chains do not agree yet")
            warnings.filterwarnings("ignore", message=".* went far outside of what was observed")
            ignore_steps_of_index()
            model.fit(gaps.given, between=gaps.between)
    except (RuntimeError, ArithmeticError, LinAlgError) as error:
        sys.stderr.write(f"tsinit: nothing is written, for the fit failed. {error}\n")
        return NOTHING_FITTED
    seconds = time.perf_counter() - began
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # what there is to say of the data, the fit has said
        filled: Any = gaps.coded(model.transform(gaps.given))
    sides: Any = model.interval(arguments.intervals) if arguments.intervals else ()
    interval = [gaps.coded(side) for side in sides]
    gaps, n_open = gaps.without_open(filled)
    gaps = gaps.taken(model.kinds_)
    summary = _summary(gaps, model, seconds, n_open)
    write_all(files, gaps, model, filled, interval, lambda: _page(arguments, gaps, model, summary))
    say("\n" + kinds_text(model.kinds_), wrap=False)
    say(summary)
    for line in advice(gaps, model, [filled, *interval]):
        say(line)
    say(_written(arguments, files, plot_pages(files.plot, gaps) if files.plot else []))
    return OK


def _model(arguments: argparse.Namespace, columns: list[str]) -> TBayesMICE:
    """Build the imputer that the options describe."""
    from tsinit import TBayesMICE

    given = {
        "period": arguments.period,
        "sampler": arguments.sampler,
        "init": arguments.init,
        "lags": arguments.lags,
        "n_draws": arguments.draws,
        "n_tune": arguments.tune,
        "max_gap": arguments.max_gap,
        "match": arguments.match,
        "kinds": all_kinds(arguments.kinds, columns),
        "sequence_effects": arguments.sequence_effects,
    }
    model = TBayesMICE(
        method=arguments.method, bounds=_all_bounds(arguments.bounds), random_state=arguments.seed,
        n_jobs=arguments.jobs, verbose=0 if arguments.quiet else 1,
        **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    n_draws = model.n_draws * model.n_chains
    if arguments.imputations and arguments.imputations > n_draws:
        raise ValueError(
            f"--imputations must be at most the {n_draws} draws of all chains; got {arguments.imputations}. "
            "Use a larger --draws."
        )
    return model


def _all_bounds(given: list[tuple[str | None, tuple]] | None) -> Any:
    """What the imputer takes: nothing, a pair for all columns, or a pair for some."""
    if not given:
        return None
    if any(name is None for name, _ in given):
        if len(given) > 1:
            raise ValueError(
                "--bounds must be given for all columns once, or for each by its name; got both."
            )
        return given[0][1]
    return dict(given)


def _summary(gaps: Gaps, model: TBayesMICE, seconds: float, n_open: int) -> str:
    """What was filled, how, and whether the chains agree."""
    counts = gaps.counts
    filled = ", ".join(_share(gaps, str(name), n) for name, n in counts.items())
    drawn = f", sampler {model.sampler}" if model.method_ == "fcs" else ""
    summary = model.sampler_summary()
    if len(counts) and gaps.frame[counts.index].nunique().max() == 1:
        verdict = "Nothing had to be drawn, for these columns have one value only."
    elif not math.isfinite(summary["rhat"]):
        verdict = "So few draws do not show whether the chains agree: R-hat is not defined. Use a larger --draws."
    elif model.converged_:
        verdict = (
            f"The chains agree: R-hat is at most {summary['rhat']:.2f}, and effective draws are at least "
            f"{summary['ess']:.0f}."
        )
    else:
        worst = model.diagnostics_["rhat"].idxmax()
        verdict = (
            f"The chains do not agree yet: R-hat is {summary['rhat']:.3f}, worst in column {worst!r}, and should be "
            f"below 1.05. Use a larger --tune and --draws; here they were {model.n_tune} and {model.n_draws}."
        )
    mean = "the posterior mean"
    if n_classes := sum(name in gaps.classes for name in counts.index):
        most = "the most probable class"
        mean = most if n_classes == len(counts) else f"{mean} (of classes, the most probable one)"
    told = f"Filled {_count(int(counts.sum()), 'cell')} with {mean}: {filled}.\n"
    if n_open:
        told = (told if len(counts) else "Nothing is filled.\n") + (
            f"Left open: {_count(n_open, 'cell')} in gaps longer than --max-gap {model.max_gap}.\n"
        )
    return (
        f"\n{told}"
        f"Method: {_METHODS[model.method_]} ({model.method_}){drawn}, {_count(model.lags, 'lag')}; "
        f"{_count(model.n_chains, 'chain')} of {_count(model.n_draws, 'draw')} after "
        f"{_count(model.n_tune, 'sweep')}; {seconds:.1f} seconds.\n{_trial(model)}{_season(model)}{verdict}"
    )


def _share(gaps: Gaps, name: str, n: int) -> str:
    """Say how many cells of a column are filled, and how many of these have a limit."""
    limits = int((gaps.found.censored["column"] == name).sum()) if len(gaps.found.censored) else 0
    known = f", {limits} of them within {'a limit' if limits == 1 else 'limits'}" if limits else ""
    return f"{name} {n} ({100 * n / len(gaps.frame):.1f} %{known})"


def _trial(model: TBayesMICE) -> str:
    """Say what a trial of the methods expected of each."""
    table = getattr(model, "method_table_", None)
    if table is None:
        return ""
    told = ", ".join(f"{name} {crps:.3f}" for name, crps in table["crps"].items())
    return f"Chosen by a trial on hidden cells; expected CRPS, in standard deviations: {told}.\n"


def _season(model: TBayesMICE) -> str:
    """Say which season was found in the dates, or given."""
    periods = model.posterior_.scales.periods
    if not periods:
        return "No season was found in the times.\n" if model.period == "auto" else ""
    told = "found in the dates" if model.period == "auto" else "as given"
    return f"Season, {told}: {', '.join(f'{period:g}' for period in periods)} steps.\n"


def _page(arguments: argparse.Namespace, gaps: Gaps, model: TBayesMICE, summary: str) -> str:
    from pathlib import Path

    from tsinit.comparison.report.imputation import imputation_page

    draw_without_screen()
    title = f"Gaps of {Path(arguments.data).name}, filled"
    return imputation_page(model, gaps.frame, title=title, notes=gaps.notes, summary=summary)


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" + ("" if n == 1 else "s")


def _written(arguments: argparse.Namespace, files: OutputFiles, pages: Sequence[Path]) -> str:
    lines = [f"Written to {files.output}"]
    if files.intervals:
        lines.append(f"Intervals of {100 * arguments.intervals:g} % in {files.intervals}")
    if files.imputations:
        one, last = files.imputations[0], files.imputations[-1]
        lines.append(f"Imputations in {one}" + (f" to {last.name}" if last != one else ""))
    if pages:
        lines.append(f"Plot in {', '.join(map(str, pages))}")
    if files.report:
        lines.append(f"Report in {files.report}")
    return "\n".join(lines)
