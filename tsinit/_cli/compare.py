"""``tsinit compare``: which starting point pays on the table in a CSV file."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsinit._atomic import make_folder
from tsinit._cli.common import (
    INTERRUPTED,
    NOTHING_FITTED,
    OK,
    ignore_steps_of_index,
    is_same_file,
    jobs,
    names,
    require_folder,
    say,
    seconds,
    whole,
    words_aside,
)
from tsinit._cli.other_models import STRATEGIES, adapter_named, build, is_other, setting
from tsinit._cli.reading import add_reading, part_inputs, reading_with_inputs
from tsinit._validate import check_number

if TYPE_CHECKING:
    import pandas as pd

    from tsinit.comparison import Comparison

#: The models by their names, with the starting points to compare where none are named.
_MODELS = {
    "state-space": ["kmeans", "subspace", "uniform"],
    "infinite-hmm": ["kmeans", "subspace", "uniform"],
    "hmm": ["kmeans", "jump", "uniform"],
    "tbayes-mice": ["linear", "kmeans", "uniform"],
}
_CODES = "Exit codes: 0 done; 1 nothing could be fitted; 2 wrong usage or input, said in one sentence; 130 interrupted."


def model_name(text: str) -> str:
    """One of the package's models, or one of another library with its library."""
    if text in _MODELS or is_other(text):
        return text
    from tsinit.adapters.base import adapters_of_class

    others = [f"{adapter.package}:{text}" for adapter in adapters_of_class(text)]
    hint = f". Did you mean {' or '.join(others)}?" if others else ""
    raise argparse.ArgumentTypeError(
        f"must be one of {', '.join(_MODELS)}, or LIBRARY:CLASS; got {text!r}{hint}"
    )


def add_compare(commands: Any) -> None:
    """Add the command to those of a parser."""
    compare = commands.add_parser(
        "compare",
        help="compare starting points on your own CSV file",
        description="Fit a model to a table from several starting points and say which start wins. The file has one "
        "row for each time; empty cells are missing values. Separator, decimals, names and times are found, and what "
        "was taken for what is said; tsinit show FILE says it without a fit.",
        epilog="Example: tsinit compare air.csv --states 4 --strategies kmeans,subspace,uniform --seeds 10 "
        f"--jobs 2 --store runs/ --report report.html. {_CODES}",
    )
    compare.add_argument("data", metavar="DATA.csv", help="the file")
    compare.add_argument(
        "--model", type=model_name, default="state-space", metavar="NAME",
        help="what to fit: state-space (trajectories), infinite-hmm (regimes), hmm (a given number of them), "
        "tbayes-mice (missing values), or a model of another library, such as hmmlearn:GaussianHMM, "
        "sklearn:GaussianMixture, statsmodels:MarkovRegression; %(default)s without it",
    )  # fmt: skip
    compare.add_argument(
        "--set", type=setting, action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of a model of another library, for example n_components=5; may be repeated",
    )  # fmt: skip
    compare.add_argument(
        "--states", type=whole(1), metavar="N",
        help="hidden states of a state-space model (4) or an hmm (3), or states that an infinite-hmm starts with",
    )  # fmt: skip
    compare.add_argument(
        "--emission", type=emission, default="gaussian", metavar="NAME",
        help="what a state of an infinite-hmm or hmm emits: gaussian, gaussian_diag, gaussian_known_variance, "
        "student_t, poisson, negative_binomial, zero_inflated_poisson, zero_inflated_negative_binomial, "
        "categorical, von_mises, "
        "autoregressive or autoregressive_diag (%(default)s); or one for every column, "
        "wind=von_mises,u+v=gaussian, of columns that are emitted together with a plus between them",
    )  # fmt: skip
    compare.add_argument("--strategies", type=names, metavar="A,B,...",
                         help="starting points, by name (kmeans,subspace,uniform; linear,kmeans,uniform for "
                         "tbayes-mice); a wrong one lists all")  # fmt: skip
    compare.add_argument(
        "--inputs", type=names, metavar="A,B,...",
        help="columns that are known inputs, such as weather, of a state-space model; without gaps",
    )  # fmt: skip
    add_reading(compare)
    compare.add_argument("--test", type=float, metavar="SHARE",
                         help="hold out this share at the end of the series and score it, for example 0.2")  # fmt: skip
    compare.add_argument("--hide", type=float, metavar="SHARE",
                         help="hide this share of the values and score how well they are filled, for example 0.1 "
                         "(state-space, tbayes-mice)")  # fmt: skip
    compare.add_argument("--max-iter", type=whole(0), metavar="N",
                         help="iterations of each run at most (100; 200 for hmm), or sweeps of each chain (2000; "
                         "500 for tbayes-mice)")  # fmt: skip
    compare.add_argument("--seconds", type=seconds, metavar="S", help="seconds of each run at most")
    compare.add_argument(
        "--store", metavar="FOLDER",
        help="keep every finished run there; the same command then goes on where it was stopped",
    )  # fmt: skip
    compare.add_argument(
        "--report", metavar="FILE", help="write one HTML file with verdict, pictures and tables"
    )
    compare.add_argument(
        "--csv", metavar="FOLDER", help="write runs.csv, traces.csv and errors.csv there"
    )
    add_running(compare, seeds=10)
    compare.set_defaults(command=run)


def add_running(parser: argparse.ArgumentParser, seeds: int) -> None:
    """Add the options of every command that runs comparisons."""
    parser.add_argument(
        "--seeds",
        type=whole(1),
        default=seeds,
        metavar="N",
        help="runs of each start (%(default)s)",
    )
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="source of randomness (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=jobs, default=-1, metavar="N", help="processes (-1: one for each core)"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no progress bar, and no word of compiling"
    )


def emission(text: str) -> str | dict[Any, str]:
    """Read the name of an emission, or ``column=name`` for every column, ``u+v=name`` for several together."""
    if "=" not in text:
        return text
    found: dict[Any, str] = {}
    for piece in names(text):
        columns, equals, name = piece.rpartition("=")
        together = tuple(columns.split("+"))
        key = together if len(together) > 1 else columns
        if not equals or not all(together) or key in found:
            raise argparse.ArgumentTypeError(
                f"must be NAME, or COLUMN=NAME,COLUMN=NAME,... with every column once; got {text!r}"
            )
        found[key] = name
    return found


def run(arguments: argparse.Namespace) -> int:
    """Read, compare, and report.

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
    with words_aside(Path(arguments.report).expanduser() if arguments.report else None):
        return _compare(arguments)


def _compare(arguments: argparse.Namespace) -> int:
    from tsinit import Budget, compare
    from tsinit.tables.describe import describe
    from tsinit.tables.read import understand

    _require_places(arguments)
    _require_options(arguments)
    found = understand(arguments.data, reading_with_inputs(arguments))
    say("\n".join([describe(found), *found.notes]))
    ignore_steps_of_index()
    fitted, inputs = part_inputs(found.frame, arguments.inputs)
    shown, truth = _hidden(fitted, arguments)
    try:
        others = is_other(arguments.model)
        result = compare(
            # Without the name of the file, on which no result may depend.
            build(arguments.model, dict(arguments.set), shown) if others else _model(arguments, shown), shown,
            _strategies(arguments),
            n_seeds=arguments.seeds, seed=arguments.seed, test=arguments.test, truth=truth, inputs=inputs,
            budget=Budget(arguments.max_iter if others else None, arguments.seconds),
            n_jobs=arguments.jobs, progress=not arguments.quiet, store=arguments.store,
        )  # fmt: skip
    except KeyboardInterrupt:
        if arguments.store is None:
            raise
        sys.stderr.write(f"\ntsinit: interrupted. The runs that finished are in {arguments.store}; the same command "
                         "goes on from there.\n")  # fmt: skip
        return INTERRUPTED
    _report(result, arguments)
    return (
        OK
        if result.runs["status"].isin(["ok", "not_converged", "timeout"]).any()
        else NOTHING_FITTED
    )


def _require_places(arguments: argparse.Namespace) -> None:
    """Refuse what could not be written, or would replace the data, before anything is computed."""
    from tsinit.comparison.files import TABLES

    source = Path(arguments.data).expanduser()
    if arguments.report:
        report = Path(arguments.report).expanduser()
        require_folder(report, "--report")
        if is_same_file(report, source):
            raise ValueError(f"--report must not be DATA.csv; got {arguments.report!r} twice.")
    if arguments.csv:
        folder = Path(arguments.csv).expanduser()
        if os.path.isfile(folder):  # unlike the method of Path raises nothing
            raise ValueError(f"--csv must name a folder; got {arguments.csv!r}, which is a file.")
        make_folder(folder, "--csv")
        for place in (folder / f"{table}.csv" for table in TABLES):
            if is_same_file(place, source):
                raise ValueError(
                    f"--csv must name a folder in which DATA.csv is not replaced; got {arguments.csv!r} for "
                    f"{arguments.data!r}."
                )


def _require_options(arguments: argparse.Namespace) -> None:
    """Refuse options that a model of another library does not have, or no other than one of another library."""
    if arguments.inputs and arguments.model != "state-space":
        raise ValueError(
            f"--inputs must go with a model that takes them, state-space; got {arguments.model}."
        )
    if not is_other(arguments.model):
        if arguments.set:
            raise ValueError(
                f"--set must go with a model of another library, such as hmmlearn:GaussianHMM; got {arguments.model}."
            )
        return
    adapter_named(arguments.model)
    if arguments.states is not None:
        raise ValueError(
            f"--states must go with a model of this package; got {arguments.model}. --set NAME=VALUE sets what the "
            "library calls it."
        )
    if arguments.hide is not None:
        raise ValueError(
            f"--hide must go with a model that fills values, state-space or tbayes-mice; got {arguments.model}."
        )


def _strategies(arguments: argparse.Namespace) -> list[str]:
    """The starting points named, or those that suit the model."""
    if arguments.strategies is not None:
        return arguments.strategies
    if is_other(arguments.model):
        return STRATEGIES[adapter_named(arguments.model)[0].verb]
    return _MODELS[arguments.model]


def _report(result: "Comparison", arguments: argparse.Namespace) -> None:
    say("\n" + result.verdict())
    say("\n" + result.summary_text(brief=True), wrap=False)
    if arguments.csv:
        say(f"\nTables written to the folder {result.to_csv(arguments.csv)}")
    if arguments.report:
        name = Path(arguments.data).name
        say(
            f"\nReport written to {result.report(arguments.report, title=f'Starting points for {name}')}"
        )


def _model(arguments: argparse.Namespace, shown: "pd.DataFrame") -> Any:
    """Build the estimator that the options describe."""
    from tsinit import HiddenMarkovModel, InfiniteHMM, LinearGaussianSSM, TBayesMICE
    from tsinit.emissions import ByColumn, resolve

    if arguments.model == "state-space":
        return LinearGaussianSSM(
            4 if arguments.states is None else arguments.states,
            max_iter=100 if arguments.max_iter is None else arguments.max_iter,
        )
    if arguments.model == "tbayes-mice":
        sweeps = 500 if arguments.max_iter is None else max(arguments.max_iter, 2)
        return TBayesMICE(
            n_tune=sweeps // 5, n_draws=sweeps - sweeps // 5, n_chains=2
        )  # two can disagree
    # A typing error must not cost a table of failed runs.
    kind = resolve(arguments.emission, list(shown.columns))
    if isinstance(kind, ByColumn):
        kind.bind(shown.to_numpy())
    if arguments.model == "hmm":
        return HiddenMarkovModel(
            3 if arguments.states is None else arguments.states, emission=arguments.emission,
            max_iter=200 if arguments.max_iter is None else arguments.max_iter,
        )  # fmt: skip
    sweeps = 2000 if arguments.max_iter is None else max(arguments.max_iter, 2)
    return InfiniteHMM(
        n_init_states="auto" if arguments.states is None else arguments.states, emission=arguments.emission,
        n_tune=sweeps // 2, n_draws=sweeps - sweeps // 2, n_chains=1,
    )  # fmt: skip


def _hidden(
    table: "pd.DataFrame", arguments: argparse.Namespace
) -> "tuple[pd.DataFrame, pd.DataFrame | None]":
    """Hide a share of the values, from the seed of the command; without that option there is no truth."""
    if arguments.test is not None and arguments.model == "tbayes-mice":
        raise ValueError(
            "--test must go with state-space, infinite-hmm or hmm; got tbayes-mice. --hide scores fillings."
        )
    if arguments.hide is None:
        return table, None
    check_number("--hide", arguments.hide, above=0.0, below=1.0)
    if arguments.model in ("infinite-hmm", "hmm"):
        raise ValueError(
            f"--hide must go with a model that fills values, state-space or tbayes-mice; got {arguments.model}."
        )
    from tsinit.datasets import ampute

    return ampute(table, rate=arguments.hide, random_state=arguments.seed), table
