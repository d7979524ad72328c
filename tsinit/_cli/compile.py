"""``tsinit compile``: fill the cache of compiled kernels ahead, for images, clusters and continuous integration."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._cli.common import OK, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsinit._typing import FloatArray

_DESCRIPTION = """\
Compile the kernels of the models ahead of the first fit. Compiled code is kept
in a cache: NUMBA_CACHE_DIR names its folder, else it lies beside the installed
package, or below the home folder where that cannot be written to. What is
in the cache already is not compiled again."""
_EXAMPLES = """\
examples:
  tsinit compile
  tsinit compile --models state-space imputer
  NUMBA_CACHE_DIR=/opt/tsinit-cache tsinit compile --jobs 4"""


def add_compile(commands: Any) -> None:
    """Add the command to those of a parser."""
    command = commands.add_parser(
        "compile",
        help="compile the kernels ahead of the first fit: for images, clusters and tests",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    command.add_argument(
        "--models", nargs="+", choices=list(CASES), default=list(CASES), help="default: all"
    )
    command.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a processor)"
    )
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Compile, in processes side by side, what the chosen models need."""
    if arguments.jobs < 1:
        raise ValueError(f"--jobs must be at least 1; got {arguments.jobs}.")
    tasks = [(model, k) for model in arguments.models for k in range(len(CASES[model]))]
    start = time.perf_counter()
    n_compiled = sum(_in_processes(tasks, arguments.jobs))
    if n_compiled:
        # Two processes that save at the same moment can lose an entry of an index: what is missing comes now.
        n_compiled += sum(_in_processes(tasks, 1))
    say(
        f"{n_compiled} functions compiled in {time.perf_counter() - start:.0f} s for "
        f"{', '.join(arguments.models)}. They lie {_folder()}.",
    )
    return OK


def _in_processes(tasks: Sequence[tuple[str, int]], jobs: int) -> list[int]:
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=spawned) as pool:
        return list(pool.map(_compile, *zip(*tasks, strict=True)))


def _compile(model: str, k: int) -> int:
    """Run a case; returns how many functions were compiled."""
    from numba.core import event

    with event.install_recorder("numba:compile") as recorder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        CASES[model][k]()
    return sum(made.is_start for _, made in recorder.buffer)


def _folder() -> str:
    from tsinit.kernels import solve_lyapunov

    # Without a folder of the user's, each part of the package has a cache of its own beside it.
    own = os.environ.get("NUMBA_CACHE_DIR")
    return f"below {own or Path(str(solve_lyapunov.stats.cache_path)).parents[1]}"


def _rows(n_columns: int, gaps: bool) -> FloatArray:
    """Rows to fit to: they must have what makes code run, and mean nothing."""
    rng = np.random.default_rng(0)
    y = np.repeat(rng.normal(0.0, 3.0, (4, n_columns)), 20, axis=0)
    y = y + rng.standard_normal(y.shape)
    if gaps:
        y[rng.random(y.shape) < 0.2] = np.nan
    return np.asarray(y)


def _state_space(n_states: int, gaps: bool, observation_cov: str = "diag") -> None:
    from tsinit import LinearGaussianSSM

    y = _rows(3, gaps)
    model = LinearGaussianSSM(n_states, observation_cov=observation_cov, max_iter=3, random_state=0)
    model.fit(y)
    model.impute(y)
    model.forecast(2)
    model.fit([y[:40], y[40:]])


def _finite(emission: str) -> None:
    from tsinit import HiddenMarkovModel

    y = _rows(2, gaps=False)
    HiddenMarkovModel(2, emission=emission, max_iter=3, random_state=0).fit(y).predict(y)


def _infinite() -> None:
    from tsinit import InfiniteHMM

    y = _rows(2, gaps=False)
    InfiniteHMM(n_tune=3, n_draws=3, n_chains=1, random_state=0).fit(y)


def _imputer(method: str) -> None:
    from tsinit import TBayesMICE

    y = _rows(3, gaps=True)
    model = TBayesMICE(method=method, n_tune=3, n_draws=3, n_chains=1, random_state=0)
    model.fit(y)
    model.transform(y[:30])


#: Fits that need, between them, what first fits of a model do; each runs in a process.
CASES: dict[str, list[Callable[[], None]]] = {
    "state-space": [
        partial(_state_space, 2, gaps=False),
        partial(_state_space, 6, gaps=False, observation_cov="full"),
        *(partial(_state_space, n_states, gaps=True) for n_states in (2, 4, 8)),
    ],
    "hmm": [partial(_finite, emission) for emission in ("gaussian", "gaussian_diag", "student_t")],
    "infinite-hmm": [_infinite],
    "imputer": [partial(_imputer, method) for method in ("fcs", "var")],
}
