"""What `compare` costs beyond the fits: 100 fits of about 20 ms, bare and compared, taking turns.

Bare means the fits alone: in a loop, or in `joblib.Parallel` with as many workers. CPU seconds are those of this
process and of the workers, which are alive and warm before anything is timed. What `compare` adds: seeds, clones, one
warm-up per start and process, the model's own score of every run, a fingerprint of its start, the tables.

python -W ignore benchmarks/overhead.py [--rounds 7] [--jobs 1 2] [--store]
"""

# Threads are limited before NumPy is imported.
# ruff: noqa: E402
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import statistics
import tempfile
import time

import joblib
import numpy as np
from sklearn.base import clone

from tsinit import LinearGaussianSSM, compare

FITS, MILLISECONDS = 100, 20.0
STRATEGIES = ["uniform", "lpc"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--store", action="store_true", help="keep every run on disk as well")
    options = parser.parse_args()
    y = np.random.default_rng(0).standard_normal((1000, 2)).cumsum(axis=0)
    model = _of_the_right_length(y)
    print(
        f"{FITS} fits of {1000 * _seconds(model, y):.1f} ms ({model.max_iter} iterations), CPU s, medians\n"
    )
    print(
        "| processes | bare | compare | overhead, median of rounds | wall, bare | wall, compare |"
    )
    print("|---|---|---|---|---|---|")
    for n_jobs in options.jobs:
        _line(model, y, n_jobs, options)


def _of_the_right_length(y):
    """Choose the iterations so that a fit takes the time that is asked for."""
    model = LinearGaussianSSM(4, tol=0.0, max_iter=20)
    _seconds(model, y)
    per_iteration = (_seconds(model, y) - _seconds(clone(model).set_params(max_iter=0), y)) / 20
    return clone(model).set_params(max_iter=max(1, round(1e-3 * MILLISECONDS / per_iteration)))


def _seconds(model, y):
    times = []
    for seed in range(7):
        start = time.process_time()
        _fit(model, y, "uniform", seed)
        times.append(time.process_time() - start)
    return statistics.median(times)


def _fit(model, y, init, seed):
    return clone(model).set_params(init=init, random_state=seed).fit(y)


def _bare(model, y, n_jobs, _):
    jobs = [(init, seed) for seed in range(FITS // len(STRATEGIES)) for init in STRATEGIES]
    if n_jobs == 1:
        return [_fit(model, y, init, seed).log_likelihood_ for init, seed in jobs]
    calls = (joblib.delayed(_end)(model, y, init, seed) for init, seed in jobs)
    return joblib.Parallel(n_jobs=n_jobs, batch_size=1)(calls)


def _end(model, y, init, seed):
    return _fit(model, y, init, seed).log_likelihood_


def _compared(model, y, n_jobs, store):
    compare(
        model,
        y,
        STRATEGIES,
        n_seeds=FITS // len(STRATEGIES),
        n_jobs=n_jobs,
        store=store,
        progress=False,
    )


def _line(model, y, n_jobs, options):
    rounds = []
    for i in range(options.rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            bare = _cost(_bare, model, y, n_jobs, None)
            ours = _cost(_compared, model, y, n_jobs, folder if options.store else None)
        rounds += [(*bare, *ours, ours[0] / bare[0] - 1.0)] * (
            i > 0
        )  # the first starts the workers
    cpu, wall, cpu_ours, wall_ours, share = map(statistics.median, zip(*rounds, strict=True))
    print(
        f"| {n_jobs} | {cpu:.2f} | {cpu_ours:.2f} | {100 * share:.1f} % | {wall:.2f} | {wall_ours:.2f} |",
        flush=True,
    )


def _cost(run, model, y, n_jobs, store):
    cpu, wall = _cpu(n_jobs), time.perf_counter()
    run(model, y, n_jobs, store)
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
