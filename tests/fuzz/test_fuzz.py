"""Whatever the table and the options: finite, consistent answers, or one sentence of the package, within seconds."""

import contextlib
import os
import signal

import pytest
from fuzz import models
from fuzz.invariants import attempt
from fuzz.tables import make, table_specs
from hypothesis import HealthCheck, given, settings

MODELS = {
    "state space": models.state_space,
    "hidden Markov": models.hidden_markov,
    "finite hidden Markov": models.finite_hidden_markov,
    "imputation": models.imputation,
}
_SECONDS = 300.0  # in which each case must end, compilation on a busy machine included
_LONG = int(os.environ.get("TSINIT_FUZZ", "7000"))  # fits of each model in the long run


@contextlib.contextmanager
def within(seconds):
    def stop(*ignored):
        raise AssertionError(f"no answer within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def run(kind, n_examples, seed=None):
    @settings(
        max_examples=n_examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(spec=table_specs(), model=MODELS[kind]())
    def holds(spec, model):
        X, lengths = make(spec)
        with within(_SECONDS):
            attempt(model, X, lengths)

    holds()


@pytest.mark.parametrize(
    ("kind", "n"),
    [("state space", 60), ("hidden Markov", 25), ("finite hidden Markov", 40), ("imputation", 60)],
)
def test_any_table_gets_an_answer_or_a_sentence(kind, n):
    run(kind, n)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_twenty_thousand_tables_get_an_answer_or_a_sentence(kind):
    run(kind, _LONG)
