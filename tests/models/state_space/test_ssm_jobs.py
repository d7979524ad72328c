"""Restarts and sequences in threads: the same fit bit for bit, whatever n_jobs is, and one that can be stopped."""

import os
import select
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.models import Budget, Monitor
from tsinit.models.state_space import restarts

RNG = np.random.default_rng(0)
PARAMS = random_params(RNG, 3, 2)
Y = with_gaps(RNG, simulate(PARAMS, 150, RNG)[1], 0.1)
#: Rows enough for several blocks.
RAGGED = [
    with_gaps(RNG, simulate(PARAMS, T, RNG)[1], 0.15) for T in RNG.integers(30, 400, size=400)
]
FITTED = ("history_", "log_likelihood_", "n_iter_", "converged_")


@pytest.fixture(autouse=True)
def small_problems_have_threads_too(monkeypatch):
    monkeypatch.setattr(restarts, "_WORTH_THREADS", 0.0)


def model(**changes):
    return LinearGaussianSSM(3, init="uniform", max_iter=12, tol=0.0, random_state=0).set_params(
        **changes
    )


def assert_same(one, other):
    for name in FITTED:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for a, b in zip((*one.params_, *one.start_), (*other.params_, *other.start_), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "changes", [{}, {"n_states": [2, 3]}, {"prior": "weak"}, {"init": "subspace"}]
)
def test_restarts_are_the_same_for_any_number_of_jobs(changes):
    fits = [model(n_init=5, n_jobs=k, **changes).fit(Y) for k in (None, 1, 2, 3, -1)]
    for other in fits[1:]:
        assert_same(fits[0], other)


def test_sequences_are_the_same_for_any_number_of_jobs():
    fits = [model(max_iter=4, n_init=2, n_jobs=k).fit(RAGGED) for k in (1, 2, 3)]
    assert len(fits[0]._kalman(fits[0]._read(RAGGED))._blocks) > 2
    for other in fits[1:]:
        assert_same(fits[0], other)
        assert other.score(RAGGED) == fits[0].score(RAGGED)
        for answer in ("smooth", "filter"):
            one, two = (getattr(f, answer)(RAGGED) for f in (fits[0], other))
            assert one.log_likelihood == two.log_likelihood
            for a, b in zip(
                (*one.means, *one.covariances), (*two.means, *two.covariances), strict=True
            ):
                np.testing.assert_array_equal(a, b)
        for a, b in zip(fits[0].impute(RAGGED), other.impute(RAGGED), strict=True):
            np.testing.assert_array_equal(a, b)


def test_restarts_do_run_side_by_side():
    met, threads = threading.Barrier(2, timeout=30), set()

    def meet(iteration, objective):
        if iteration == 1 and len(threads) < 2:
            threads.add(threading.get_ident())
            met.wait()  # breaks unless another run comes here while this one waits

    monitor = Monitor(callback=meet)
    model(n_init=2, n_jobs=2).fit_under(monitor, Y)
    assert len(threads) == 2


def test_small_problems_run_in_one_thread(monkeypatch):
    monkeypatch.undo()
    threads = set()
    monitor = Monitor(callback=lambda iteration, objective: threads.add(threading.get_ident()))
    model(n_init=4, n_jobs=2).fit_under(monitor, Y)
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("value", [0, 1.5, "two", True])
def test_jobs_that_are_no_number_of_jobs(value):
    sentence = r"n_jobs must be a whole number other than 0 \(-1: all processors\), or None; got"
    with pytest.raises(ValueError, match=sentence):
        model(n_jobs=value).fit(Y)


class Stopped(BaseException):
    """Something that no ``except Exception`` catches."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped, MemoryError])
def test_an_error_in_one_restart_ends_them_all(error):
    def stop(iteration, objective):
        if iteration == 3:
            raise error

    before, fresh = threading.active_count(), model(n_init=4, n_jobs=2, max_iter=10**7)
    with pytest.raises(error):
        fresh.fit_under(Monitor(callback=stop), Y)
    assert not hasattr(fresh, "params_")
    assert threading.active_count() == before


def test_a_budget_of_seconds_holds_for_restarts_side_by_side():
    monitor = Monitor(Budget(seconds=0.3), callback=lambda iteration, objective: time.sleep(0.02))
    fitted = model(n_init=6, n_jobs=2, max_iter=10**6).fit_under(monitor, Y)
    assert monitor.timed_out
    assert not fitted.converged_
    assert fitted.n_iter_ <= 16


def test_the_last_word_to_a_progress_bar_is_the_fit_s():
    told = []
    fitted = model(n_init=4, n_jobs=2).fit_under(
        Monitor(callback=lambda iteration, objective: told.append((iteration, objective))), Y
    )
    assert told[-1] == (fitted.n_iter_, fitted.history_[-1])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_race_tells_of_its_iterations_while_they_are_made(n_jobs):
    told = []

    def tell(iteration, objective):
        told.append((iteration, objective))
        if len(told) == 200:
            raise Stopped

    race = model(init="auto", n_init=2, max_iter=10**7, accelerate=False, n_jobs=n_jobs)
    with pytest.raises(Stopped):
        race.fit_under(Monitor(callback=tell), Y)
    assert max(iteration for iteration, _ in told) >= 20


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_iteration_of_a_race_that_is_told_is_told_once(n_jobs):
    told = []
    race = model(init="auto", n_init=2, max_iter=40, n_jobs=n_jobs)
    race.fit_under(Monitor(callback=lambda i, objective: told.append((i, objective))), Y)
    final = told[:-1]  # the last repeats where the winner ended
    assert told[-1] == (race.n_iter_, race.history_[-1])
    assert 40 <= len(final) <= 100  # rounds, and two runs to their ends
    if n_jobs == 2:
        serial = []
        race.set_params(n_jobs=1)
        race.fit_under(Monitor(callback=lambda i, objective: serial.append((i, objective))), Y)
        assert sorted(told) == sorted(serial)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_of_the_callback_is_no_failure_of_a_contender(n_jobs):
    def tell(iteration, objective):
        if iteration == 20:
            raise RuntimeError("the bar is broken")

    with pytest.raises(RuntimeError, match="the bar is broken"):
        model(init="auto", n_init=2, max_iter=40, n_jobs=n_jobs).fit_under(
            Monitor(callback=tell), Y
        )


CHILD = """
import sys
import numpy as np
from sklearn.exceptions import NotFittedError
from tsinit import LinearGaussianSSM
from tsinit.models import Monitor
from tsinit.models.state_space import restarts

restarts._WORTH_THREADS = 0.0
y = np.random.default_rng(0).standard_normal((2000, 4))
estimator = LinearGaussianSSM(
    4, init=INIT, max_iter=10**7, tol=0.0, random_state=0, accelerate=False, n_init=3, n_jobs=2
)

told = []

def tell(iteration, objective):
    if not told:
        told.append(iteration)
        sys.stdout.write("running\\n")
        sys.stdout.flush()

try:
    estimator.fit_under(Monitor(callback=tell), y)
except KeyboardInterrupt:
    try:
        estimator.transform(y)
    except NotFittedError:
        LinearGaussianSSM(1, max_iter=2, tol=0.0).fit(y[:100])
        sys.stdout.write("unfitted, and fits again\\n")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("init", ["'uniform'", "'auto'"])
def test_ctrl_c_ends_restarts_and_entrants_side_by_side_soon(init):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.replace("INIT", init)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert select.select([child.stdout], [], [], 120)[0], "it never told that it runs"
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        begin = time.perf_counter()
        out, err = child.communicate(timeout=60)
        # Seconds at most, where the fit would have taken days.
        assert time.perf_counter() - begin < 30
    finally:
        child.kill()
    assert out.endswith("unfitted, and fits again\n")
    assert err == ""
    assert child.returncode == 0
