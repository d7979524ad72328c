"""Data with next to nothing in them, or at the ends of the range of floats: an answer that holds, or one sentence."""

import traceback

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tsinit import InfiniteHMM, emissions
from tsinit.init import names

EMISSIONS = emissions.names()
STARTS = sorted(set(names("labels")) - {"auto"})
REAL = ["gaussian", "gaussian_diag", "gaussian_known_variance", "student_t"]
SCALES = [1.0, 1e-321, 1e-310, 1e-160, 1e35, 1e140]
VALUES = st.sampled_from([np.nan, 0.0, 1.0, -1.0, 2.5, 1e35, -1e35, 5e-324])


def short(**more):
    return InfiniteHMM(**{"n_tune": 3, "n_draws": 4, "n_chains": 4, "random_state": 0, **more})


def assert_answers_or_one_sentence(model, y):
    """Fit, and look for a number that is none; an error must come from a check and be one sentence or two."""
    try:
        model.fit(y)
        observed = not np.isnan(y).all()
        scores = [model.score(y)] if observed else []
        found = [
            model.means_, model.transition_matrix_, model.probabilities_, model.history_,
            model.predict_proba(y), scores,
        ]  # fmt: skip
        variances = np.diagonal(model.covariances_, axis1=1, axis2=2)
    except ValueError as caught:
        error = caught
    else:
        error = None
    if error is not None:
        last = traceback.extract_tb(error.__traceback__)[-1].filename
        assert "_validate" in last or "_checks" in last, error
        assert str(error).endswith(".")
        assert "\n" not in str(error)
        return
    assert all(np.isfinite(values).all() for values in found)
    assert np.allclose(model.transition_matrix_.sum(axis=1), 1.0)
    assert model.labels_.shape == (len(y),)
    assert (variances >= 0.0).all()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    y=st.integers(2, 12).flatmap(lambda T: arrays(float, (T, 2), elements=VALUES)),
    emission=st.sampled_from(REAL),
)
def test_any_few_rows_of_few_values(y, emission):
    assert_answers_or_one_sentence(short(emission=emission), y)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("n_observed", [0, 1, 2, 3])
def test_any_start_on_columns_that_are_nearly_empty(start, n_observed):
    y = np.full((60, 2), np.nan)
    y[[5, 30, 9][:n_observed], [0, 0, 1][:n_observed]] = [-1.2, 4.9, 2.4][:n_observed]
    assert_answers_or_one_sentence(short(init=start), y)


@pytest.mark.parametrize("emission", EMISSIONS)
@pytest.mark.parametrize("T", [2, 3])
def test_any_emission_on_two_or_three_rows(emission, T):
    y = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 2.0]])[:T]
    model = short(emission=emission)
    assert_answers_or_one_sentence(model, y)
    assert model.n_states_ <= T


@pytest.mark.parametrize("emission", EMISSIONS)
@pytest.mark.parametrize("kind", ["constant", "one constant column", "two values"])
def test_any_emission_on_columns_without_variety(rng, emission, kind):
    coin = (rng.random((40, 2)) < 0.5).astype(float)
    columns = {
        "constant": np.ones((40, 2)),
        "one constant column": np.column_stack([np.ones(40), coin[:, 0]]),
        "two values": coin,
    }
    model = short(emission=emission)
    assert_answers_or_one_sentence(model, columns[kind])
    if kind == "constant":
        assert (model.labels_ == model.labels_[0]).all()


@pytest.mark.parametrize("emission", REAL)
@pytest.mark.parametrize("second", SCALES)
@pytest.mark.parametrize("first", SCALES)
def test_columns_of_any_two_sizes_side_by_side(rng, emission, first, second):
    y = rng.standard_normal((40, 2)) * np.array([first, second])
    assert_answers_or_one_sentence(short(emission=emission, n_chains=1), y)
