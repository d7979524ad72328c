"""``tsinit fit``: a state-space model of one file, with known inputs, tests of what it leaves, and a forecast."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._cli.common import (
    NOTHING_FITTED,
    OK,
    draw_without_screen,
    ignore_steps_of_index,
    is_same_file,
    jobs,
    level,
    names,
    require_folder,
    say,
    whole,
    words_aside,
)
from tsinit._cli.reading import add_reading, part_inputs, reading_with_inputs
from tsinit._cli.structure_text import WORDS, structure_text

if TYPE_CHECKING:
    import pandas as pd

    from tsinit import LinearGaussianSSM
    from tsinit.tables.read import Understood

_DESCRIPTION = """\
Fit a linear Gaussian state-space model to the columns of a file, test what it
leaves of them, and forecast. Other columns may be known inputs, such as weather,
which act on the states and on the columns. Gaps may be anywhere but in inputs.

A forecast under inputs needs them for the rows ahead: rows at the end of the file
that have inputs and nothing else, or a file of their own (--future)."""
_EXAMPLES = """\
examples:
  tsinit fit air.csv --states 4 --forecast 24 --report fit.html
  tsinit fit air.csv --columns ozone,no2 --inputs temp,wind --states 2,3,4
  tsinit fit air.csv --inputs temp --forecast 24 --future weather.csv --output next.csv
  tsinit fit sales.csv --columns sales --structure trend+seasonal:12 --forecast 24

exit code: 0 all went well; 1 the fit failed; 2 wrong usage or input, reported in
one sentence; 130 interrupted."""


class FitData(NamedTuple):
    """The parts of a file: what is fitted, inputs beside it, and inputs of rows ahead."""

    found: Understood
    X: pd.DataFrame
    inputs: pd.DataFrame | None
    future: pd.DataFrame | None


def add_fit(commands: Any) -> None:
    """Add the command to those of a parser."""
    fit = commands.add_parser(
        "fit",
        help="fit a state-space model to your own file: test it, forecast, write a report",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    fit.add_argument("data", metavar="FILE", help="the file")
    add_reading(
        fit.add_argument_group("what is in the file"),
        "columns to fit, and inputs are taken besides; all others that hold numbers without it",
    )
    model = fit.add_argument_group("the model")
    model.add_argument(
        "--states", type=_orders, default=[2], metavar="N[,N...]",
        help="states; of several numbers the one of smallest BIC is kept (2)",
    )  # fmt: skip
    model.add_argument(
        "--structure", type=structure_text, metavar="PART[+PART...]",
        help=f"parts of one column instead of free states: {WORDS}",
    )  # fmt: skip
    model.add_argument(
        "--inputs", type=names, metavar="A,B,...", help="columns that are known inputs"
    )
    model.add_argument(
        "--init", default="subspace", metavar="NAME", help="start of the fit (%(default)s)"
    )
    model.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="source of randomness (%(default)s)"
    )
    model.add_argument(
        "--jobs", type=jobs, default=-1, metavar="N",
        help="threads for sequences and for the starts of --init auto (-1: one for each core)",
    )  # fmt: skip
    writing = fit.add_argument_group("what is written")
    writing.add_argument("--forecast", type=whole(1), metavar="N", help="rows ahead to predict")
    writing.add_argument(
        "--future", metavar="FILE", help="file with the inputs of the rows ahead, read like FILE"
    )
    writing.add_argument(
        "--level", type=level, default=0.9, metavar="LEVEL",
        help="probability that an interval of a forecast holds the value (%(default)s)",
    )  # fmt: skip
    writing.add_argument(
        "--output", metavar="OUT.csv", help="write the forecast: NAME, NAME_lower, NAME_upper"
    )
    writing.add_argument(
        "--report", metavar="FILE.html", help="write one page: data, fit, tests, forecast"
    )
    writing.add_argument(
        "--quiet", action="store_true", help="no progress bar, and no word of compiling"
    )
    fit.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, fit, test, forecast, and write.

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
        An argument or a file is not what it should be.
    """
    for option in ("output", "report"):
        if place := getattr(arguments, option):
            require_folder(place, f"--{option}")
            if is_same_file(Path(place), Path(arguments.data)):
                raise ValueError(f"--{option} must not be FILE; got {place!r} twice.")
    if arguments.output and not arguments.forecast:
        raise ValueError("--output needs --forecast, whose rows it has; got none.")
    with words_aside(Path(arguments.output) if arguments.output else None):
        return _fit(arguments)


def _fit(arguments: argparse.Namespace) -> int:
    from numpy.linalg import LinAlgError

    from tsinit import LinearGaussianSSM
    from tsinit.structures import regression
    from tsinit.tables.describe import describe

    read = _read(arguments)
    say("\n".join([describe(read.found), *read.found.notes]))
    _check_future(arguments, read)
    orders, structure = arguments.states, arguments.structure
    n_inputs = 0 if read.inputs is None else read.inputs.shape[1]
    if structure is not None and n_inputs > structure.n_varying:
        structure = structure + regression()
    model = LinearGaussianSSM(
        orders[0] if len(orders) == 1 else orders,
        init=arguments.init,
        random_state=arguments.seed,
        verbose=0 if arguments.quiet else 1,
        max_iter=300,
        structure=structure,
        n_jobs=arguments.jobs,
    )
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            ignore_steps_of_index()
            model.fit(read.X, inputs=read.inputs)
    except (RuntimeError, ArithmeticError, LinAlgError) as error:
        sys.stderr.write(f"tsinit: the fit failed. {error}\n")
        return NOTHING_FITTED
    seconds = time.perf_counter() - began
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the fit has said what there is to say
        tests = model.diagnostics(read.X, inputs=read.inputs)
        ahead = _forecast(arguments, model, read)
    summary = _summary(model, read, tests, seconds)
    say("\n" + summary)
    if ahead is not None:
        say(f"\nForecast, with intervals of {100 * arguments.level:g} %:")
        say(_digits(ahead.head(12)).to_string(), wrap=False)
        if len(ahead) > 12:
            say(f"... {len(ahead)} rows in all.")
    for line in _write(arguments, model, read, tests, ahead, summary):
        say(line)
    return OK


def _read(arguments: argparse.Namespace) -> FitData:
    """Read the file, and part it into what is fitted, inputs, and rows ahead that have inputs alone."""
    from tsinit.tables.read import understand

    options, inputs = reading_with_inputs(arguments), arguments.inputs
    found = understand(arguments.data, options)
    frame, future = found.frame, None
    X, U = part_inputs(frame, inputs)
    if U is None:
        return FitData(found, X, None, None)
    told = np.flatnonzero(X.notna().any(axis=1).to_numpy())
    if len(told) and told[-1] + 1 < len(X) and frame.index.nlevels == 1:
        rest = U.iloc[told[-1] + 1 :]
        if rest.notna().all(axis=None):
            future, X, U = rest, X.iloc[: told[-1] + 1], U.iloc[: told[-1] + 1]
    if arguments.future:
        there = understand(arguments.future, options._replace(columns=inputs, exclude=None))
        future = there.frame[inputs]
    return FitData(found, X, U, future)


def _check_future(arguments: argparse.Namespace, read: FitData) -> None:
    if read.inputs is None or not arguments.forecast:
        return
    n_rows = 0 if read.future is None else len(read.future)
    if n_rows < arguments.forecast:
        raise ValueError(
            f"--forecast needs the inputs of {arguments.forecast} rows ahead; got {n_rows}. Add rows with inputs alone "
            "to the end of the file, or name a file that has them: --future."
        )


def _forecast(
    arguments: argparse.Namespace, model: LinearGaussianSSM, read: FitData
) -> pd.DataFrame | None:
    if not arguments.forecast:
        return None
    future = None
    if read.future is not None:
        future = read.future.to_numpy()[: arguments.forecast]
    return model.forecast(arguments.forecast, inputs=future, level=arguments.level, as_frame=True)


def _summary(model: LinearGaussianSSM, read: FitData, tests: pd.DataFrame, seconds: float) -> str:
    n, lines = model.n_states_, []
    from_inputs = (
        "" if read.inputs is None else f" and the inputs {', '.join(map(str, read.inputs.columns))}"
    )
    lines.append(
        f"{n} state{'s' if n > 1 else ''} for {', '.join(map(str, read.X.columns))}{from_inputs}: log-likelihood "
        f"{model.log_likelihood_:.2f}, BIC {model.bic():.2f}, {model.n_iter_} iterations in {seconds:.1f} s, "
        f"{'converged' if model.converged_ else 'not converged'}."
    )
    gain = model.history_[-1] - model.history_[0]
    method = "EM" if model.structure is None else "The fit"
    lines.append(f"{method} raised the log-likelihood of the start by {gain:.1f}.")
    poles = np.linalg.eigvals(model.params_.A)
    poles = poles[np.argsort(-np.abs(poles))]
    texts = [f"{abs(p):.3f}" + (f" (period {2 * np.pi / abs(np.angle(p)):.4g} rows)" if p.imag > 0 else "")
             for p in poles if p.imag >= 0]  # fmt: skip
    lines.append(f"What the states keep from one row to the next: {', '.join(texts)}.")
    for test, words in (
        ("ljung_box_p", "one-step errors still tell the next ones (Ljung-Box)"),
        ("jarque_bera_p", "one-step errors are not normal (Jarque-Bera)"),
        ("heteroscedasticity_p", "the spread of one-step errors changes over time"),
    ):
        found = [f"{name} (p = {p:.2g})" for name, p in tests[test].items() if p < 0.01]
        if found:
            lines.append(f"In {', '.join(found)}, {words}.")
    if (tests[["ljung_box_p", "jarque_bera_p", "heteroscedasticity_p"]].fillna(1.0) >= 0.01).all(
        axis=None
    ):
        lines.append("No test of the one-step errors objects at the 1 % level.")
    return "\n".join(lines)


def _digits(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda value: float(f"{value:.5g}"))


def _write(
    arguments: argparse.Namespace,
    model: LinearGaussianSSM,
    read: FitData,
    tests: pd.DataFrame,
    ahead: pd.DataFrame | None,
    summary: str,
) -> list[str]:
    from tsinit._atomic import write_whole

    said = []
    if arguments.output and ahead is not None:
        text = ahead.to_csv()
        write_whole(Path(arguments.output), lambda path: path.write_text(text, encoding="utf-8"))
        said.append(f"Forecast in {arguments.output}")
    if arguments.report:
        draw_without_screen()
        from tsinit.comparison.report.state_space import fit_page

        name = Path(arguments.data).name
        html = fit_page(
            model, read.X, read.inputs, title=f"State-space model of {name}",
            notes=list(read.found.notes), summary=summary, tests=tests, forecast=ahead, level=arguments.level,
        )  # fmt: skip
        write_whole(Path(arguments.report), lambda path: path.write_text(html, encoding="utf-8"))
        said.append(f"Report in {arguments.report}")
    return said


def _orders(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(
            f"must be numbers of at least 1, such as 4 or 2,3,4; got {text!r}"
        )
    return found
