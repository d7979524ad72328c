"""What a fit says of itself: that it has not converged, and that states without noise stay as they are."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from tsinit import LinearGaussianParams, LinearGaussianSSM, compare
from tsinit.datasets import make_lgssm

Y = make_lgssm(100, n_states=2, n_features=2, random_state=0).y


def said(model, y=Y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = model.fit(y)
    assert all(warning.category is ConvergenceWarning for warning in caught)
    assert all(warning.filename == __file__ for warning in caught)
    return fitted, [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    "changes", [{}, {"n_init": 3, "init": "uniform"}, {"n_states": [1, 2]}, {"init": "auto"}]
)
def test_a_fit_that_has_not_converged_says_so_once(changes):
    fitted, messages = said(LinearGaussianSSM(2, max_iter=3, random_state=0).set_params(**changes))
    assert not fitted.converged_
    assert [text[:37] for text in messages] == ["EM has not converged after 3 E-steps:"]


@pytest.mark.parametrize("changes", [{}, {"max_iter": 0}, {"tol": 0.0, "max_iter": 5}])
def test_a_fit_that_did_what_was_asked_says_nothing(changes):
    fitted, messages = said(LinearGaussianSSM(2, random_state=0).set_params(**changes))
    assert fitted.converged_ is (not changes)
    assert messages == []


def test_a_comparison_says_it_in_its_table_only():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compare(
            LinearGaussianSSM(2, max_iter=3), Y, ["subspace", "kmeans"], n_seeds=1, progress=False
        )
    assert not result.runs["converged"].any()


@pytest.mark.parametrize("frozen", [[0], [1], [0, 1]])
def test_states_without_noise_are_named_once(frozen):
    Q = np.eye(2)
    Q[frozen, frozen] = 0.0
    start = LinearGaussianParams(
        np.array([[0.5, 0.1], [0.2, 0.7]]),
        np.eye(2),
        Q,
        np.eye(2),
        np.zeros(2),
        np.eye(2),
        np.zeros(2),
    )
    _, messages = said(
        LinearGaussianSSM(2, init=start, initial_state="fixed", tol=0.0, max_iter=20)
    )
    names = ", ".join(f"state{i}" for i in frozen)
    assert len(messages) == 1
    assert messages[0].startswith(f"Q of the start holds no noise for {names}: EM cannot move")
