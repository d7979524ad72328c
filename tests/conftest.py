"""Shared set-up: a compile cache that belongs to exactly these sources, and a fixed generator."""

import hashlib
import os
import signal
import tempfile
import warnings
from pathlib import Path

# What is compiled lies among the kernels, or takes its decorators from there.
_SOURCES = {
    path: path.read_bytes() for path in sorted((Path(__file__).parents[1] / "tsinit").rglob("*.py"))
}
_COMPILED = [
    text for path, text in _SOURCES.items() if "kernels" in path.parts or b"kernels._jit" in text
]
_KEY = hashlib.sha256(b"".join(_COMPILED)).hexdigest()[:16]
# Numba does not notice an edited callee in another module, so each state of the compiled sources has its own cache.
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"tsinit-numba-{_KEY}")
os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COLUMNS", None)  # a worker is told the width of a window that it does not have
    # Two processes have two cores to themselves: threads of their own would only wait for each other, and busily.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

# A shell that runs the tests in the background lets them ignore Ctrl-C, which some of them press.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Share whole folders of tests between two processes, unless the command line says ``-n`` itself.

    Each takes one half of the tests in their order, and then from what the other has left (``worksteal``): so the two
    rarely compile the same kernels. A file alone is faster without.
    """
    folders = any(Path(argument).is_dir() for argument in config.args)
    if folders and getattr(config.option, "numprocesses", 0) is None and not _is_alone(config):
        config.option.numprocesses, config.option.dist = 2, "worksteal"


def _is_alone(config):
    """Tell whether this is a worker already, a run that talks with a person, only lists tests or measures coverage."""
    option = config.option
    talks = option.usepdb or option.trace or option.capture == "no"
    covers = getattr(option, "cov_source", None)  # pytest-cov has asked for the processes before
    return hasattr(config, "workerinput") or option.tx or talks or option.collectonly or covers


@pytest.fixture(scope="session", autouse=True)
def kernels_shared_out(request):
    """Have one process compile the kernels of one model first and the other those of the rest, to load each other's."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None or len(request.session.items) < 1000:
        return
    from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE

    y = np.random.default_rng(0).standard_normal((60, 3)).cumsum(axis=0)
    y[[3, 20, 41], [0, 1, 2]] = np.nan
    short = {"n_tune": 1, "n_draws": 1, "n_chains": 1, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if worker == "gw0":
            for noise in ("diag", "full"):
                LinearGaussianSSM(2, observation_cov=noise, max_iter=1).fit([y, y[4:20], y[22:38]])
        else:
            InfiniteHMM(n_init_states=3, **short).fit(y)
            for method in ("fcs", "var", "state_space"):
                TBayesMICE(method=method, **short).fit(y)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def matplotlib_left_alone():
    """Close the figures of a test, and fail it if it changed how matplotlib draws."""
    import matplotlib
    from matplotlib import pyplot as plt

    before = matplotlib.rcParams.copy()
    yield
    plt.close("all")
    assert matplotlib.rcParams == before
