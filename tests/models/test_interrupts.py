"""Ctrl-C ends a fit, whatever the code made of it that was running when it came."""

import _thread
import contextlib
import signal
import time

import numpy as np
import pytest

from tsinit import InfiniteHMM, LinearGaussianSSM
from tsinit.init import KMeans, Uniform

Y = np.random.default_rng(0).standard_normal((120, 1))


def interrupt():
    """As a signal would: it is met a moment later."""
    _thread.interrupt_main()
    time.sleep(0.01)


def swallowing(y, rng, n_states):
    with contextlib.suppress(KeyboardInterrupt):
        interrupt()
    return Uniform().dynamics(y, rng, n_states)


def replacing(y, rng, n_states):
    try:
        interrupt()
    except KeyboardInterrupt:
        raise TypeError("cannot compare") from None
    raise AssertionError("no interrupt came")


@pytest.mark.parametrize("start", [swallowing, replacing])
def test_an_interrupt_that_a_start_made_away_with_ends_the_fit(start):
    before = signal.getsignal(signal.SIGINT)
    model = LinearGaussianSSM(1, init=start, max_iter=10**6, tol=0.0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(Y)
    assert not [name for name in vars(model) if name.endswith("_")]
    assert signal.getsignal(signal.SIGINT) is before
    assert LinearGaussianSSM(1, max_iter=2, tol=1.0).fit(Y).n_iter_ <= 2  # nothing is left of it


@pytest.mark.filterwarnings("ignore:The chains:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_that_was_swallowed_keeps_the_draws_too(n_jobs, monkeypatch):
    from tsinit.models.hidden_markov.chain import BeamChain

    sweep, done = BeamChain.sweep, []

    def deaf(self):
        done.append(1)
        if len(done) == 400:
            with contextlib.suppress(KeyboardInterrupt):
                interrupt()
        sweep(self)

    options = {"n_tune": 10, "n_chains": 2, "n_init_states": 2, "random_state": 0}
    model = InfiniteHMM(init=KMeans(), n_draws=10**7, n_jobs=n_jobs, on_interrupt="keep", **options)
    monkeypatch.setattr(BeamChain, "sweep", deaf)
    with pytest.warns(UserWarning, match="Interrupted: kept"):
        model.fit(Y)
    assert 1 <= model.draws_.n_draws < 10**5


def test_an_interrupt_that_is_lost_and_answered_comes_no_second_time():
    """As from a compiler's callback: shown, and raised again; what was to send it again must not meet other code."""

    class Finalised:
        def __del__(self):
            interrupt()  # an exception has nowhere to go from here

    def start(y, rng, n_states):
        Finalised()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LinearGaussianSSM(1, init=start).fit(Y)
    time.sleep(0.2)


def test_a_handler_of_the_users_own_is_left_in_place():
    came = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:

        def start(y, rng, n_states):
            interrupt()
            return Uniform().dynamics(y, rng, n_states)

        LinearGaussianSSM(1, init=start, max_iter=3, tol=1.0).fit(Y)
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [signal.SIGINT]
