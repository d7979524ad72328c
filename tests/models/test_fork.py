"""Fits in child processes of a process that has fitted: none of them waits for threads that it does not have."""

import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import multiprocessing, sys, warnings
import numpy as np
from sklearn.cluster import KMeans
from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, compare
from tsinit.init import Race

Y = np.random.default_rng(0).standard_normal((120, 3)).cumsum(axis=0)
GAPPY = np.where(np.random.default_rng(1).random(Y.shape) < 0.1, np.nan, Y)
SHORT = dict(n_tune=2, n_draws=2, n_chains=2, random_state=0)
STATES = dict(n_init_states=3, **SHORT)

def fit():
    warnings.simplefilter("ignore")
    InfiniteHMM(n_jobs=2, **STATES).fit(Y).predict(Y)
    InfiniteHMM(init=Race(["kmeans", "agglomerative", "gaussian_mixture"], budget=2), **STATES).fit(Y)
    LinearGaussianSSM(2, init=Race(["kmeans", "factor_analysis"]), max_iter=2, random_state=0).fit(Y)
    TBayesMICE(init="kmeans", n_jobs=2, **SHORT).fit(GAPPY).transform(GAPPY)
    compare(LinearGaussianSSM(1, max_iter=3), Y, ["kmeans"], n_seeds=2, seed=0, n_jobs=1, progress=False)

if __name__ == "__main__":
    if "clusters" in sys.argv:  # as others use OpenMP, on all the cores
        KMeans(4, random_state=0).fit(np.random.default_rng(0).standard_normal((5000, 3)))
    fit()
    methods = [method for method in sys.argv[1:] if method != "clusters"]
    children = [multiprocessing.get_context(method).Process(target=fit) for method in methods]
    for child in children:
        child.start()
    wrong = []
    for method, child in zip(methods, children):
        child.join(120)
        if child.is_alive():
            child.kill()
            wrong.append(f"the child by {method} hangs")
        elif child.exitcode:
            wrong.append(f"the child by {method} ended with {child.exitcode}")
    sys.exit("; ".join(wrong) or 0)
"""


@pytest.mark.parametrize("methods", ["fork spawn forkserver", "fork clusters"])
def test_a_child_of_a_process_that_fitted_fits_too(tmp_path, methods):
    path = tmp_path / "fits.py"
    path.write_text(textwrap.dedent(SCRIPT))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "4")
    done = subprocess.run(
        [sys.executable, path, *methods.split()], capture_output=True, text=True, timeout=600,
        env={**os.environ, **threads}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_fit_gives_the_threads_back_that_it_held():
    from threadpoolctl import threadpool_info, threadpool_limits

    from tsinit.models.base import one_thread

    with threadpool_limits(3):
        before = threadpool_info()
        with one_thread(), one_thread():
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert threadpool_info() == before
