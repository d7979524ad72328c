"""What can go wrong with a long run: bad arguments, a chain that stops, Ctrl-C, a budget."""

import _thread
import re
import threading

import numpy as np
import pytest

from tsinit import Budget, InfiniteHMM, datasets, emissions, plot
from tsinit.models import Monitor
from tsinit.models.hidden_markov.chain import BeamChain, ChainStopped

Y = datasets.make_hmm(120, random_state=0).y


def quick(**more):
    """A short fit whose start is settled, so that the chains made are those of the fit."""
    settled = {"n_init_states": 3, "n_tune": 5, "n_draws": 5, "n_chains": 2, "random_state": 0}
    return InfiniteHMM(**{**settled, **more})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_chains": 0}, "n_chains must be a whole number of at least 1; got 0"),
        ({"n_draws": 0}, "n_draws must be a whole number of at least 1; got 0"),
        ({"n_tune": -1}, "n_tune must be a whole number of at least 0; got -1"),
        ({"thin": 1.5}, "thin must be a whole number of at least 1; got 1.5"),
        (
            {"n_init_states": "many"},
            "n_init_states must be a whole number of at least 1, or 'auto'; got 'many'",
        ),
        ({"sticky": "no"}, "sticky must be True or False; got 'no'"),
        ({"emission": "gausian"}, "emission must be one of .* Did you mean 'gaussian'"),
        ({"init": "kmean"}, "init must be one of .* Did you mean 'kmeans'"),
        ({"init": "lpc"}, "'lpc' does not offer 'labels'"),
        (
            {"init": ["kmeans", "uniform", "segments"]},
            "init must hold one start for each of the 2 chains; got 3",
        ),
        ({"init": np.zeros(7, int)}, "init must have one label for each of the 120 time steps"),
        ({"priors": {"beta": (1, 1)}}, "priors must have keys among .*; got 'beta'"),
        ({"priors": {"alfa": (1, 1)}}, "got 'alfa'. Did you mean 'alpha'"),
        (
            {"priors": {"alpha": 3.0}},
            r"priors\['alpha'\] must be a pair of positive numbers; got 3.0",
        ),
        ({"on_interrupt": "stop"}, "on_interrupt must be one of"),
        ({"n_jobs": 0}, "n_jobs must be a whole number other than 0"),
        ({"n_jobs": 2.5}, "n_jobs must be a whole number other than 0"),
    ],
)
def test_a_wrong_argument_gets_one_sentence(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        quick(**arguments).fit(Y)


class Forgetful(emissions.Gaussian):
    """An emission whose ``bind`` forgets to return."""

    def bind(self, y, offsets=None):
        super().bind(y, offsets)


class Nameless(emissions.Gaussian):
    """An emission whose parameters are of a class that no density knows."""

    def bind(self, y, offsets=None):
        on_data = super().bind(y, offsets)
        on_data.draw = lambda *arguments: (np.zeros(1),)
        return on_data


@pytest.mark.parametrize(
    ("emission", "message"),
    [
        (
            Forgetful(),
            "that returns a tsinit.emissions.EmissionOnData; got one that returns NoneType.",
        ),
        (Nameless(), "emission must draw parameters of a class that has a density; got tuple."),
    ],
)
def test_an_emission_that_is_not_whole_is_named(emission, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        quick(emission=emission).fit(Y)


@pytest.mark.parametrize("y", [np.full((20, 1), np.inf), np.array([["a"]] * 20), np.zeros((1, 1))])
def test_data_that_say_nothing_are_refused(y):
    model = quick()
    with pytest.raises((ValueError, TypeError), match="X must"):
        model.fit(y)
    assert not hasattr(model, "labels_")


def stop_chain(monkeypatch, which):
    """Let some of the chains, by the order in which they are made, stop in their third sweep."""
    made, sweep, init = [], BeamChain.sweep, BeamChain.__init__

    def __init__(self, *args, **more):
        init(self, *args, **more)
        made.append(self)

    def failing(self):
        if made.index(self) in which and self.n_sweeps == 2:
            raise ChainStopped("The chain stopped in sweep 3: for the test.")
        sweep(self)

    monkeypatch.setattr(BeamChain, "__init__", __init__)
    monkeypatch.setattr(BeamChain, "sweep", failing)


def test_a_chain_that_stops_stops_alone(monkeypatch):
    alone = quick().fit(Y)
    stop_chain(monkeypatch, {0})
    with pytest.warns(
        RuntimeWarning, match=r"1 of 2 chains stopped and are left out; chain 0: .* sweep 3"
    ):
        model = quick().fit(Y)
    assert list(model.stopped_) == [0]
    assert np.array_equal(model.draws_.labels, alone.draws_.labels[1:])
    assert np.allclose(model.history_, model.trace_["log_joint"].mean(axis=0))
    assert model.to_datatree()["posterior"]["chain"].to_numpy().tolist() == [1]
    drawn = plot.chains(model, names="log_joint").get_legend_handles_labels()[1]
    assert drawn == ["chain 1", "warm-up"]


def test_a_fit_without_a_chain_is_an_error(monkeypatch):
    stop_chain(monkeypatch, {0, 1})
    model = quick()
    with pytest.raises(
        RuntimeError, match=r"Every one of the 2 chains stopped; chain 0: .* sweep 3"
    ):
        model.fit(Y)
    assert not hasattr(model, "labels_")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_leaves_the_estimator_unfitted(n_jobs):
    model = quick(n_draws=10**7, n_jobs=n_jobs)
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(Y)
    timer.join()
    assert not [name for name in vars(model) if name.endswith("_")]


@pytest.mark.filterwarnings("ignore:The chains:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_keeps_what_was_drawn_where_the_user_asked_for_it(n_jobs):
    model = quick(n_draws=10**7, n_jobs=n_jobs, on_interrupt="keep")
    timer = threading.Timer(0.8, _thread.interrupt_main)
    timer.start()
    with pytest.warns(UserWarning, match="Interrupted: kept .* draws of each chain"):
        model.fit(Y)
    timer.join()
    assert 1 <= model.draws_.n_draws < 10**7
    assert model.history_.shape == (model.n_iter_ + 1,)
    assert model.labels_.shape == (120,)
    full = quick(n_draws=model.draws_.n_draws).fit(Y)
    assert np.array_equal(full.draws_.labels, model.draws_.labels)


def test_a_budget_of_sweeps_shrinks_tuning_and_draws_alike():
    monitor = Monitor(Budget(max_iter=20))
    model = quick(n_tune=100, n_draws=100).fit_under(monitor, Y)
    assert (model.n_iter_, model.draws_.n_draws) == (20, 10)
    assert len(monitor.objectives) == 21
    assert monitor.extras["n_states"][-1] == np.mean(model.trace_["n_states"][:, -1])
    assert monitor.final == pytest.approx(model.draws_.log_joint.mean())


def test_a_budget_of_no_sweep_makes_one_because_there_is_no_draw_without():
    model = quick().fit_under(Monitor(Budget(max_iter=0)), Y)
    assert model.n_iter_ == 1
    assert np.isfinite(model.history_).all()


def test_out_of_time_is_said_and_the_last_state_kept():
    monitor = Monitor(Budget(seconds=0.05))
    model = quick(n_tune=10**7).fit_under(monitor, Y)
    assert monitor.timed_out
    assert model.draws_.n_draws == 1


def test_an_interrupt_that_numba_wrapped_is_still_one(monkeypatch):
    sweep = BeamChain.sweep

    def interrupted(self):
        sweep(self)
        if self.n_sweeps == 9:
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                raise SystemError("returned a result with an exception set") from error

    monkeypatch.setattr(BeamChain, "sweep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick().fit(Y)
    with pytest.warns(UserWarning, match="Interrupted: kept"):
        model = quick(n_draws=50, on_interrupt="keep", n_chains=1).fit(Y)
    assert model.draws_.n_draws == 3


def test_plots_of_an_unfitted_model_say_so():
    from sklearn.exceptions import NotFittedError

    for draw in (plot.agreement, plot.segmentation, plot.coclustering, plot.n_states, plot.chains,
                 plot.history):  # fmt: skip
        with pytest.raises(NotFittedError, match="not fitted yet"):
            draw(quick())
