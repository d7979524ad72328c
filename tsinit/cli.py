"""The command line: ``tsinit demo``, ``tsinit compare``, ``tsinit impute``, ``tsinit datasets``."""

import argparse
import os
import sys
import warnings
from pathlib import Path

from tsinit import __version__
from tsinit._cli.common import (
    INTERRUPTED,
    NOTHING_FITTED,
    OK,
    WRONG_INPUT,
    jobs,
    names,
    require_folder,
    say,
    seconds,
    whole,
)
from tsinit._cli.impute import add_impute

_MODELS = ("state-space", "infinite-hmm")


def main(argv=None):
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; those of the process without it.

    Returns
    -------
    int
        0 done; 1 nothing could be fitted; 2 wrong usage or input, told in one sentence; 130 interrupted.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return WRONG_INPUT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _show_warning
            return arguments.command(arguments)
    except BrokenPipeError:
        # Whoever reads the output has seen enough (``tsinit datasets | head``); nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError) as error:
        sys.stderr.write(f"tsinit: {error}\n")
        return WRONG_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("\ntsinit: interrupted\n")
        return INTERRUPTED


def _parser():
    parser = argparse.ArgumentParser(
        prog="tsinit",
        description="Fits of time-series models depend on where they start. tsinit fits from several starting points "
        "and tells which start is worth its cost.",
        epilog="Begin with: tsinit demo. Then your own data: tsinit compare DATA.csv --report report.html",
    )
    parser.add_argument("--version", action="version", version=f"tsinit {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="")
    _add_demo(commands)
    _add_compare(commands)
    add_impute(commands)
    datasets = commands.add_parser("datasets", help="list the data sets, and where they are on this machine")
    datasets.set_defaults(command=_datasets)
    return parser


def _add_demo(commands):
    demo = commands.add_parser(
        "demo",
        help="compare starting points on real data that come with the package (under a minute)",
        description="Fit a state-space model to daily air quality in New York and to a spoken sentence, from several "
        "starting points; print which start wins, and write one HTML report with pictures. Needs no network.",
    )
    demo.add_argument("--output", default="tsinit-demo.html", metavar="FILE", help="the report to write (%(default)s)")
    _add_running(demo, seeds=5)
    demo.set_defaults(command=_demo)


def _add_compare(commands):
    compare = commands.add_parser(
        "compare",
        help="compare starting points on your own CSV file",
        description="Fit a model to a CSV file from several starting points and tell which start wins. The file has "
        "names in its first line and one row for each time; empty cells are missing values. A column of dates is "
        "found by itself.",
        epilog="Example: tsinit compare air.csv --states 4 --strategies kmeans,subspace,uniform --seeds 10 "
        "--jobs 2 --report report.html",
    )
    compare.add_argument("data", metavar="DATA.csv", help="the file")
    compare.add_argument("--model", choices=_MODELS, default=_MODELS[0], help="the model to fit (%(default)s)")
    compare.add_argument(
        "--states", type=whole(1), metavar="N",
        help="hidden states of a state-space model (4), or states that an infinite-hmm starts with",
    )  # fmt: skip
    compare.add_argument(
        "--emission", default="gaussian", metavar="NAME",
        help="what a state of an infinite-hmm emits: gaussian, gaussian_diag, gaussian_known_variance, student_t, "
        "poisson, categorical or von_mises (%(default)s)",
    )  # fmt: skip
    compare.add_argument("--strategies", type=names, default=["kmeans", "subspace", "uniform"], metavar="A,B,...",
                         help="starting points, by name (kmeans,subspace,uniform); a wrong one lists all")  # fmt: skip
    compare.add_argument("--time", type=names, metavar="COLUMN[,COLUMN]",
                         help="column with the times, or date and time of day, if it is not found")  # fmt: skip
    compare.add_argument("--columns", type=names, metavar="A,B,...", help="columns to use; all others without it")
    compare.add_argument("--test", type=float, metavar="SHARE",
                         help="hold out this share at the end of the series and score it, for example 0.2")  # fmt: skip
    compare.add_argument("--max-iter", type=whole(0), metavar="N",
                         help="iterations of each run at most (100), or sweeps of each chain (2000)")  # fmt: skip
    compare.add_argument("--seconds", type=seconds, metavar="S", help="seconds of each run at most")
    compare.add_argument(
        "--store", metavar="FOLDER",
        help="keep every finished run there; the same command then goes on where it was stopped",
    )  # fmt: skip
    compare.add_argument("--report", metavar="FILE", help="write one HTML file with verdict, pictures and tables")
    compare.add_argument("--csv", metavar="FOLDER", help="write runs.csv, traces.csv and errors.csv there")
    _add_running(compare, seeds=10)
    compare.set_defaults(command=_compare)


def _add_running(parser, seeds):
    parser.add_argument("--seeds", type=whole(1), default=seeds, metavar="N", help="runs of each start (%(default)s)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="source of randomness (%(default)s)")
    parser.add_argument("--jobs", type=jobs, default=-1, metavar="N", help="processes (-1: one for each core)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _demo(arguments):
    from tsinit import demo

    require_folder(arguments.output, "--output")
    return OK if demo.run(arguments.output, n_seeds=arguments.seeds, seed=arguments.seed, n_jobs=arguments.jobs,
                          progress=not arguments.quiet, say=say) else NOTHING_FITTED  # fmt: skip


def _compare(arguments):
    from tsinit import Budget, compare
    from tsinit._csv import read_table

    if arguments.report:
        require_folder(arguments.report, "--report")
    if arguments.csv and Path(arguments.csv).expanduser().is_file():
        raise ValueError(f"--csv must name a folder; got {arguments.csv!r}, which is a file.")
    table = read_table(arguments.data, arguments.time, arguments.columns)
    say(_describe(table))
    result = compare(
        _model(arguments), {Path(arguments.data).stem: table},
        arguments.strategies, n_seeds=arguments.seeds, seed=arguments.seed, test=arguments.test,
        budget=Budget(seconds=arguments.seconds), n_jobs=arguments.jobs, progress=not arguments.quiet,
        store=arguments.store,
    )  # fmt: skip
    say("\n" + result.verdict())
    say("\n" + result.summary_text(brief=True), wrap=False)
    if arguments.csv:
        say(f"\nTables written to the folder {result.to_csv(arguments.csv)}")
    if arguments.report:
        name = Path(arguments.data).name
        say(f"\nReport written to {result.report(arguments.report, title=f'Starting points for {name}')}")
    return OK if result.runs["status"].isin(["ok", "not_converged", "timeout"]).any() else NOTHING_FITTED


def _model(arguments):
    """Build the estimator that the options describe."""
    from tsinit import InfiniteHMM, LinearGaussianSSM
    from tsinit.emissions import resolve

    if arguments.model == "state-space":
        return LinearGaussianSSM(
            4 if arguments.states is None else arguments.states,
            max_iter=100 if arguments.max_iter is None else arguments.max_iter,
        )
    resolve(arguments.emission)  # a typing error must not cost a table of failed runs
    sweeps = 2000 if arguments.max_iter is None else max(arguments.max_iter, 2)
    return InfiniteHMM(
        n_init_states="auto" if arguments.states is None else arguments.states, emission=arguments.emission,
        n_tune=sweeps // 2, n_draws=sweeps - sweeps // 2, n_chains=1,
    )  # fmt: skip


def _datasets(arguments):
    from tsinit.datasets import list_datasets

    table = list_datasets()
    width = max(map(len, table["name"]))
    for name, size, found in zip(table["name"], table["bytes"].tolist(), table["found"], strict=True):
        say(f"{name:<{width}}  {size / 1024:8,.0f} KB  {found}", wrap=False)
    say("\nLoad them in Python: tsinit.datasets.load_new_york_air_quality(), load_air_quality(), load_speech(name). "
        "What is not here yet is fetched on first use.")  # fmt: skip
    return OK


def _describe(table):
    index = table.index
    span = f"{index[0]} to {index[-1]}, column {index.name!r}" if index.name else "no times"
    columns = f"{len(table.columns)} columns: {', '.join(table.columns)}"
    return f"{len(table)} rows ({span}), {columns}; {100 * table.isna().to_numpy().mean():.1f} % missing."


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Show what a warning says, without the line of code that a user of the command line never wrote."""
    sys.stderr.write(f"tsinit: note: {message}\n")
