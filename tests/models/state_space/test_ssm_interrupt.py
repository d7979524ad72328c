"""A fit that is stopped: by Ctrl-C it leaves nothing behind, by its budget it keeps what it has; and what it shows."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl
from helpers import random_params, simulate
from sklearn.exceptions import NotFittedError

from tsinit import LinearGaussianSSM
from tsinit.models import Budget, Monitor
from tsinit.models.state_space.em import EM

RNG = np.random.default_rng(0)
Y = simulate(random_params(RNG, 2, 3), 150, RNG)[1]


def model(**changes):
    return LinearGaussianSSM(2, init="uniform", max_iter=20, tol=0.0, random_state=0).set_params(
        **changes
    )


class Stopped(BaseException):
    """Something that no ``except Exception`` catches."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped, MemoryError])
def test_an_interrupted_fit_leaves_an_unfitted_estimator_that_can_be_fitted_again(error):
    def stop(iteration, objective):
        if iteration == 3:
            raise error

    fresh, refitted = model(), model().fit(Y)
    for estimator in (fresh, refitted):
        with pytest.raises(error):
            estimator.fit_under(Monitor(callback=stop), Y)
        assert [
            name for name in vars(estimator) if name.endswith("_") or name.startswith("_")
        ] == []
        with pytest.raises(NotFittedError):
            estimator.transform(Y)
        np.testing.assert_array_equal(estimator.fit(Y).history_, model().fit(Y).history_)


def test_a_failed_refit_does_not_pass_the_old_fit_off_as_its_own():
    estimator = model().fit(Y)
    with pytest.raises(ValueError):
        estimator.set_params(n_states=0).fit(Y)
    with pytest.raises(NotFittedError):
        estimator.score(Y)


CHILD = """
import sys
import numpy as np
from sklearn.exceptions import NotFittedError
from tsinit import LinearGaussianSSM
from tsinit.models import Monitor

y = np.random.default_rng(0).standard_normal((4000, 6))
estimator = LinearGaussianSSM(8, init="uniform", max_iter=10**7, tol=0.0, random_state=0, accelerate=False)

def tell(iteration, objective):
    if iteration == 2:
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
def test_ctrl_c_ends_a_long_fit_soon_and_leaves_the_process_clean():
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        begin = time.perf_counter()
        out, err = child.communicate(timeout=60)
        # Seconds at most, where the fit would have taken days.
        assert time.perf_counter() - begin < 30
    finally:
        child.kill()
    assert out == "unfitted, and fits again\n"
    assert err == ""
    assert child.returncode == 0


def test_fits_in_several_threads_are_the_same_and_give_the_threads_of_blas_back():
    pieces = [Y[:60], Y[:90], Y] * 4
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda y: model().fit(y).log_likelihood_, pieces))
        # Whoever starts last finds the limit set by the others: it must not take that for what was there before.
        threads = {
            lib["num_threads"]
            for lib in threadpoolctl.threadpool_info()
            if lib["user_api"] == "blas"
        }
    assert threads == {2}
    assert found == [model().fit(y).log_likelihood_ for y in pieces]


# -- budgets


def test_a_budget_of_iterations_is_the_smaller_of_two_limits():
    for own, given, expected in ((20, 5, 5), (5, 20, 5), (20, 0, 0), (20, None, 20)):
        monitor = Monitor(Budget(max_iter=given))
        fitted = model(max_iter=own).fit_under(monitor, Y)
        assert fitted.n_iter_ == expected
        assert not monitor.timed_out
        np.testing.assert_allclose(
            fitted.history_, model().fit(Y).history_[: expected + 1], rtol=1e-12
        )


def test_a_budget_of_seconds_keeps_what_it_has():
    monitor = Monitor(Budget(seconds=0.3), callback=lambda iteration, objective: time.sleep(0.02))
    fitted = model(max_iter=10**6).fit_under(monitor, Y)
    assert monitor.timed_out
    # At most 15 naps fit in, and one more entry notices; at least one iteration was made and is in the result.
    assert 1 <= fitted.n_iter_ <= 16
    assert not fitted.converged_
    assert fitted.score(Y) > model(max_iter=0).fit(Y).score(Y)
    assert 0.3 < monitor.fit_seconds < 5.0


def test_the_seconds_of_a_budget_are_those_of_all_restarts_and_orders_together():
    for changes in ({"n_init": 50}, {"n_states": [1, 2, 3, 4, 5, 6, 7]}):
        monitor = Monitor(
            Budget(seconds=0.3), callback=lambda iteration, objective: time.sleep(0.02)
        )
        fitted = model(max_iter=8, **changes).fit_under(monitor, Y)
        assert monitor.timed_out
        # Each run of nine entries takes 0.18 seconds: without a common clock, all of them would be made.
        assert monitor.fit_seconds < 1.0
        assert np.isfinite(fitted.log_likelihood_)


def test_the_trace_has_an_entry_per_iteration_and_clocks_that_run():
    monitor = Monitor()
    fitted = model().fit_under(monitor, Y)
    assert monitor.objectives == fitted.history_.tolist()
    assert len(monitor.seconds) == 21
    assert (np.diff([0.0, *monitor.seconds]) >= 0.0).all()
    assert monitor.init_seconds > 0.0
    assert monitor.fit_seconds >= monitor.seconds[-1]


# -- what it shows


def test_it_is_silent_unless_asked(capfd):
    model().fit(Y).transform(Y)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, True, 2])
def test_a_bar_on_standard_error_shows_the_objective(capfd, monkeypatch, verbose):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fitted = model(verbose=verbose).fit(Y)
    out, err = capfd.readouterr()
    assert out == ""
    assert "LinearGaussianSSM" in err
    assert "20/20" in err
    assert f"log-likelihood {fitted.log_likelihood_:.6g}" in err


def test_the_bar_is_closed_when_a_fit_fails(capfd):
    from tqdm.auto import tqdm

    with pytest.raises(ZeroDivisionError):
        model(verbose=1, init=lambda y: 1 / 0).fit(Y)
    assert len(getattr(tqdm, "_instances", ())) == 0
    capfd.readouterr()


def test_a_step_that_loses_is_taken_back_and_told_to_those_who_ask(monkeypatch, capfd):
    good = EM.step

    def spoilt(self, state):
        params = good(self, state)
        spoilt.calls += 1
        return params._replace(R=100.0 * params.R) if spoilt.calls == 4 else params

    monkeypatch.setattr(EM, "step", spoilt)
    said = "EM step 4 lost likelihood beyond rounding and was taken back."
    for verbose in (0, 2):
        spoilt.calls = 0
        with (
            pytest.warns(RuntimeWarning, match=said)
            if verbose
            else contextlib.nullcontext() as caught
        ):
            fitted = model(verbose=verbose).fit(Y)
        assert verbose == 0 or caught[0].filename == __file__
        assert fitted.history_[4] == fitted.history_[3] < fitted.log_likelihood_
        assert (np.diff(fitted.history_) >= 0.0).all()
    capfd.readouterr()
