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
SHORT = dict(n_tune=5, n_draws=5, n_chains=2, random_state=0)

def fit():
    warnings.simplefilter("ignore")
    InfiniteHMM(n_jobs=2, **SHORT).fit(Y).predict(Y)
    InfiniteHMM(init=Race(["kmeans", "agglomerative", "gaussian_mixture"], budget=2), **SHORT).fit(Y)
    LinearGaussianSSM(2, init=Race(["kmeans", "factor_analysis"]), max_iter=5, random_state=0).fit(Y)
    TBayesMICE(init="kmeans", n_jobs=2, **SHORT).fit(GAPPY).transform(GAPPY)
    compare(LinearGaussianSSM(1, max_iter=3), Y, ["kmeans"], n_seeds=2, seed=0, n_jobs=1, progress=False)

if __name__ == "__main__":
    if "clusters" in sys.argv:  # as others use OpenMP, on all the cores
        KMeans(4, random_state=0).fit(np.random.default_rng(0).standard_normal((5000, 3)))
    fit()
    child = multiprocessing.get_context(sys.argv[1]).Process(target=fit)
    child.start()
    child.join(120)
    if child.is_alive():
        child.kill()
        sys.exit("the child hangs")
    sys.exit(child.exitcode)
"""


@pytest.mark.parametrize("method", ["fork", "fork clusters", "spawn", "forkserver"])
def test_a_child_of_a_process_that_fitted_fits_too(tmp_path, method):
    path = tmp_path / "fits.py"
    path.write_text(textwrap.dedent(SCRIPT))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "4")
    done = subprocess.run(
        [sys.executable, path, *method.split()], capture_output=True, text=True, timeout=600,
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
