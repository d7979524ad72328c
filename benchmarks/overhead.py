"""What `compare` costs beyond the fits: 100 fits of about 20 ms (other libraries: 50 ms), bare and compared, in turns.

Bare means the fits alone: in a loop, or in `joblib.Parallel` with as many workers. CPU seconds are those of this
process and of the workers, which are alive and warm before anything is timed. What `compare` adds: seeds, clones, one
warm-up per start and process, the model's own score of every run, a fingerprint of its start, the tables.

python -W ignore benchmarks/overhead.py [--rounds 7] [--jobs 1 2] [--store] [--libraries tsinit hmmlearn ...]
"""

# Threads are limited before NumPy is imported.
# ruff: noqa: E402
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import copy
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone

from tsinit import LinearGaussianSSM, compare

FITS, MILLISECONDS, OTHERS_MILLISECONDS = 100, 20.0, 50.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--store", action="store_true", help="keep every run on disk as well")
    parser.add_argument("--libraries", nargs="+", choices=list(CASES), default=["tsinit"])
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # hmmlearn says at length which iteration lost what
    y = np.random.default_rng(0).standard_normal((1000, 2)).cumsum(axis=0)
    print(
        "| library | ms a fit | processes | bare | compare | overhead, median of rounds | wall, bare | wall, compare |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for library in options.libraries:
        case = CASES[library](y)
        for n_jobs in options.jobs:
            _line(case, n_jobs, options)


class Case(NamedTuple):
    """A model, what fits it alone, and the starts to compare."""

    library: str
    model: Any
    y: Any
    fit: Callable  # (model, y, start, seed): the library alone
    starts: tuple[str, ...] = ("native",)


def _tsinit(y):
    def at(n):
        return Case(
            "tsinit", LinearGaussianSSM(4, tol=0.0, max_iter=n), y, _fit_ours, ("uniform", "lpc")
        )

    return _of_the_right_length(at, MILLISECONDS)


def _hmmlearn(y):
    from hmmlearn.hmm import GaussianHMM

    return _of_the_right_length(
        lambda n: Case("hmmlearn", GaussianHMM(5, n_iter=n, tol=-np.inf), y, _fit_seeded)
    )


def _scikit_learn(y):
    from sklearn.mixture import GaussianMixture

    return _of_the_right_length(
        lambda n: Case("scikit-learn", GaussianMixture(8, max_iter=n, tol=0.0), y, _fit_seeded)
    )


def _pykalman(y):
    from pykalman import KalmanFilter

    model = KalmanFilter(n_dim_state=2, n_dim_obs=2, em_vars="all")
    return Case("pykalman", model, y[:60], _fit_kalman)


def _statsmodels(y):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    return Case("statsmodels", UnobservedComponents(y[:300, 0], "lltrend"), y[:300, [0]], _fit_mle)


CASES = {
    "tsinit": _tsinit, "hmmlearn": _hmmlearn, "scikit-learn": _scikit_learn, "pykalman": _pykalman,
    "statsmodels": _statsmodels,
}  # fmt: skip


def _fit_ours(model, y, start, seed):
    clone(model).set_params(init=start, random_state=seed).fit(y)


def _fit_seeded(model, y, start, seed):
    clone(model).set_params(random_state=seed).fit(y)


def _fit_kalman(model, y, start, seed):
    copy.deepcopy(model).em(y)


def _fit_mle(model, y, start, seed):
    copy.deepcopy(model).fit(disp=0)


def _of_the_right_length(case_of, milliseconds=OTHERS_MILLISECONDS):
    """Choose the iterations so that a fit takes the time that is asked for."""
    _seconds(case_of(20))
    per_iteration = (_seconds(case_of(20)) - _seconds(case_of(1))) / 19
    return case_of(max(1, round(1e-3 * milliseconds / per_iteration)))


def _seconds(case):
    times = []
    for seed in range(7):
        start = time.process_time()
        case.fit(case.model, case.y, case.starts[0], seed)
        times.append(time.process_time() - start)
    return statistics.median(times)


def _bare(case, n_jobs, _):
    jobs = [(start, seed) for seed in range(FITS // len(case.starts)) for start in case.starts]
    if n_jobs == 1:
        for start, seed in jobs:
            case.fit(case.model, case.y, start, seed)
        return
    calls = (joblib.delayed(case.fit)(case.model, case.y, start, seed) for start, seed in jobs)
    joblib.Parallel(n_jobs=n_jobs, batch_size=1)(calls)


def _compared(case, n_jobs, store):
    compare(
        case.model,
        case.y,
        list(case.starts),
        n_seeds=FITS // len(case.starts),
        n_jobs=n_jobs,
        store=store,
        progress=False,
    )


def _line(case, n_jobs, options):
    rounds = []
    for i in range(options.rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            bare = _cost(_bare, case, n_jobs, None)
            ours = _cost(_compared, case, n_jobs, folder if options.store else None)
        rounds += [(*bare, *ours, ours[0] / bare[0] - 1.0)] * (
            i > 0
        )  # the first starts the workers
    cpu, wall, cpu_ours, wall_ours, share = map(statistics.median, zip(*rounds, strict=True))
    cells = [
        case.library,
        f"{1000 * _seconds(case):.0f}",
        str(n_jobs),
        f"{cpu:.2f}",
        f"{cpu_ours:.2f}",
    ]
    cells += [f"{100 * share:.1f} %", f"{wall:.2f}", f"{wall_ours:.2f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def _cost(run, case, n_jobs, store):
    cpu, wall = _cpu(n_jobs), time.perf_counter()
    run(case, n_jobs, store)
    wall = time.perf_counter() - wall
    return _cpu(n_jobs) - cpu, wall


def _cpu(n_jobs):
    """CPU seconds of this process and its workers so far."""
    here = time.process_time()
    if n_jobs == 1:
        return here
    told = joblib.Parallel(n_jobs=n_jobs, batch_size=1)(
        joblib.delayed(_clock)() for _ in range(4 * n_jobs)
    )
    return here + sum(dict(sorted(told)).values())


def _clock():
    time.sleep(0.02)  # long enough for the other workers to get their turn
    return os.getpid(), time.process_time()


if __name__ == "__main__":
    main()
