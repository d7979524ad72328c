"""When things go wrong: one sentence naming the thing, the rule and the value, or a sensible answer; never a NaN."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers import random_params, simulate
from sklearn.exceptions import NotFittedError

from tsinit import LinearGaussianSSM
from tsinit.init import KMeans, Perturb, Subspace, names
from tsinit.models import LinearGaussianPrior, NormalInverseWishart

RNG = np.random.default_rng(0)
PARAMS = random_params(RNG, 2, 3)
Y = simulate(PARAMS, 60, RNG)[1]


def message(X=Y, error=ValueError, lengths=None, **changes):
    model = LinearGaussianSSM(max_iter=3, random_state=0).set_params(**changes)
    with pytest.raises(error) as caught:
        model.fit(X, lengths=lengths)
    assert not hasattr(model, "n_features_in_")
    with pytest.raises(NotFittedError):
        model.transform(Y)
    return str(caught.value)


def missing(place):
    y = Y.copy()
    y[place] = np.nan
    return y


# -- data


def test_a_column_without_values_is_named():
    y = missing((slice(None), 1))
    rule = "X must have at least one observed value in every column; got none in column "
    assert message(y) == rule + "1. Drop it."
    assert message(pd.DataFrame(y, columns=["a", "b", "c"])) == rule + "'b'. Drop it."
    assert message(Y * np.nan) == rule + "0. Drop it."


def test_what_the_border_refuses_never_reaches_a_kernel():
    assert message(Y[:, 0]).startswith(
        "X must have two dimensions (time, feature); got shape (60,). Reshape your data"
    )
    assert message(np.where(Y[4, 2] == Y, np.inf, Y)) == (
        "X must be finite, or NaN where missing; got inf in row 4, column 2."
    )
    assert message(Y.astype(str)[:, :1] + "x", TypeError).startswith("X must hold numbers; got '")
    assert message(Y[:1]) == (
        "X must have at least 2 time steps in one sequence; got n_samples = 1, which says nothing about change over "
        "time."
    )
    assert message(Y, lengths=[20, 20]) == "lengths must sum to the 60 rows of X; got a sum of 40."
    assert message(1e160 * Y).startswith("X must hold values of at most 1e+150 in size; got ")
    assert message(1e-170 * Y).startswith("X must vary by at least 1e-150 in every column; got ")


def test_a_constant_column_is_fitted_by_its_mean_with_a_warning():
    y = Y.copy()
    y[:, 1] = 3.25
    with pytest.warns(
        UserWarning, match=re.escape("Column 1 of X is constant: it says nothing about the states")
    ) as caught:
        fitted = LinearGaussianSSM(max_iter=5, random_state=0).fit(y)
    assert caught[0].filename == __file__
    y[3] = np.nan
    assert fitted.impute(y)[3, 1] == pytest.approx(3.25, abs=1e-6)
    assert fitted.forecast(2).means[:, 1] == pytest.approx(3.25, abs=1e-6)


# -- sizes


@pytest.mark.parametrize("n_states", [0, -1, True, 2.5, None, "2", [], {1, 2}, np.array(2)])
def test_orders_must_be_whole_numbers(n_states):
    assert message(n_states=n_states) == (
        f"n_states must be a whole number of at least 1, or a sequence of those; got {n_states!r}."
    )


@pytest.mark.parametrize(("n_states", "got"), [(60, 60), (10**9, 10**9), ([1, 2, 75], 75)])
def test_more_states_than_steps_are_refused_before_anything_is_fitted(n_states, got):
    assert message(n_states=n_states, init=lambda y: 1 / 0) == (
        f"n_states must be smaller than the number of time steps with data; got n_states={got} with 60 such steps."
    )


def test_rows_without_data_do_not_carry_states():
    assert message(missing(slice(3, None)), n_states=3) == (
        "n_states must be smaller than the number of time steps with data; got n_states=3 with 3 such steps."
    )


def test_a_series_too_short_for_the_strategy_says_which_one_would_do():
    assert message(Y[:3], n_states=1) == (
        "Subspace must have 4 or more consecutive complete rows in some sequence; got 3. Give longer sequences, or "
        "another init such as 'factor_analysis'."
    )
    fitted = LinearGaussianSSM(1, init="factor_analysis", max_iter=5).fit(Y[:3])
    assert np.isfinite(fitted.log_likelihood_)


@pytest.mark.parametrize("init", names("dynamics"))
@pytest.mark.parametrize("n_states", [8, 20])
def test_many_states_on_a_short_series_still_give_numbers(init, n_states):
    fitted = LinearGaussianSSM(n_states, init=init, max_iter=5, random_state=0).fit(Y[:40, :1])
    assert np.isfinite(fitted.log_likelihood_)
    assert np.isfinite(fitted.transform(Y[:40, :1])).all()


# -- parameters


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"max_iter": -1}, "max_iter must be a whole number of at least 0; got -1."),
        ({"max_iter": 2.5}, "max_iter must be a whole number of at least 0; got 2.5."),
        ({"tol": -1e-3}, "tol must be a number of at least 0; got -0.001."),
        ({"tol": np.nan}, "tol must be a number of at least 0; got nan."),
        ({"n_init": 0}, "n_init must be a whole number of at least 1; got 0."),
        ({"noise_floor": 2}, "noise_floor must be a number of at least 0 and at most 1; got 2."),
        ({"accelerate": "no"}, "accelerate must be True or False; got 'no'."),
        ({"verbose": "yes"}, "verbose must be a whole number of at least 0; got 'yes'."),
        ({"transition_cov": "ful"},
         "transition_cov must be one of ['full', 'diag', 'spherical', 'fixed']; got 'ful'. Did you mean 'full'?"),
        ({"observation_cov": "diagonal"},
         "observation_cov must be one of ['full', 'diag', 'spherical', 'fixed']; got 'diagonal'. Did you mean 'diag'?"),
        ({"initial_state": "fix"},
         "initial_state must be one of ['auto', 'stationary', 'learned_mean', 'learned', 'fixed']; got 'fix'. Did you "
         "mean 'fixed'?"),
        ({"random_state": -1},
         "random_state must be a whole number from 0, a SeedSequence, a Generator, a RandomState or None; got -1."),
        ({"prior": "strong"}, "prior must be None, 'weak' or a LinearGaussianPrior; got 'strong'."),
        ({"prior": LinearGaussianPrior(NormalInverseWishart(np.eye(3), np.eye(3), np.eye(3), 5.0))},
         "prior.transition.M0 must have shape (2, 2) for n_states=2 and 3 columns; got (3, 3)."),
    ],
)  # fmt: skip
def test_parameters_are_refused_by_name(changes, expected):
    assert message(**changes) == expected


INIT = "init must be one of THE NAMES, a strategy, a function or LinearGaussianParams; got "
SIZE = " for n_states=2 and 3 columns; got "


@pytest.mark.parametrize(
    ("init", "error", "expected"),
    [
        ("subspac", ValueError, INIT + "'subspac'. Did you mean 'subspace'?"),
        ("Subspace", ValueError, INIT + "'Subspace'. Did you mean 'subspace'?"),
        (None, TypeError, INIT + "None."),
        (np.zeros((2, 2)), TypeError, INIT + "ndarray of shape (2, 2)."),
        (Subspace, TypeError, "init must be a strategy, not its class; got Subspace. Write Subspace()."),
        (lambda y: None, TypeError, "init=<lambda> must return LinearGaussianParams; got None."),
        (lambda y: PARAMS.A, TypeError, "init=<lambda> must return LinearGaussianParams; got ndarray of shape (2, 2)."),
        (lambda y: (1,) * 6, ValueError, "init.A must have shape (2, 2)" + SIZE + "()."),
        (lambda y: PARAMS._replace(A=PARAMS.A * np.nan), ValueError, "init.A must be finite; got nan."),
        (lambda y, order: PARAMS, TypeError,
         "init=<lambda> must take its arguments from the names ['n_states', 'offsets', 'rng', 'trial', 'y']; got "
         "'order'. Rename it or give it a default."),
        (PARAMS._replace(A=np.eye(3)), ValueError, "init.A must have shape (2, 2)" + SIZE + "(3, 3)."),
        (PARAMS._replace(C=PARAMS.C.T), ValueError, "init.C must have shape (3, 2)" + SIZE + "(2, 3)."),
        (PARAMS._replace(R=np.diag(PARAMS.R)), ValueError, "init.R must have shape (3, 3)" + SIZE + "(3,)."),
        (PARAMS._replace(Q=-np.eye(2)), ValueError,
         "init.Q must be positive semi-definite; got an eigenvalue of -1."),
        (PARAMS._replace(Q=[[1.0, 0.5], [0.0, 1.0]]), ValueError,
         "init.Q must be symmetric; got a difference of 0.5 to its transpose."),
        (Perturb(PARAMS._replace(C=PARAMS.C.T)), ValueError, None),
    ],
)  # fmt: skip
def test_starts_are_refused_by_name(init, error, expected):
    said = message(init=init, error=error).replace(str(names("dynamics")), "THE NAMES")
    assert said == expected or (expected is None and said.endswith("(2, 3)."))


def test_an_error_of_the_user_s_function_is_the_user_s():
    assert message(init=lambda y: 1 / 0, error=ZeroDivisionError) == "division by zero"


UNUSABLE = "init must give a model of finite likelihood on these data; got one where "


def test_starts_from_which_no_fit_can_begin_say_why():
    explosive = PARAMS._replace(A=1.5 * np.eye(2))
    assert message(init=explosive, initial_state="stationary") == (
        UNUSABLE
        + "its A has spectral radius 1.5, and no stationary state (from LinearGaussianParams)."
    )
    assert message(init=PARAMS._replace(C=1e200 * PARAMS.C)) == (
        UNUSABLE
        + "its log-likelihood is not finite (from LinearGaussianParams; spectral radius 0.9)."
    )
    flat = (
        UNUSABLE
        + "neither R nor the states reach some direction of the data (from LinearGaussianParams: C and R "
    )
    for changes in ({"max_iter": 0}, {"observation_cov": "fixed"}):
        assert (
            message(init=PARAMS._replace(R=np.zeros((3, 3))), **changes) == flat + "are singular)."
        )


@pytest.mark.parametrize(
    "start",
    [
        PARAMS._replace(R=np.zeros((3, 3))),
        PARAMS._replace(R=np.ones((3, 3))),
        PARAMS._replace(Q=np.zeros((2, 2))),
        PARAMS._replace(P0=np.zeros((2, 2))),
        PARAMS._replace(Q=np.zeros((2, 2)), R=np.zeros((3, 3)), P0=np.zeros((2, 2))),
        PARAMS._replace(A=1.5 * np.eye(2)),
        PARAMS._replace(A=1e3 * np.eye(2)),
        PARAMS._replace(A=np.eye(2)),
        PARAMS._replace(A=np.zeros((2, 2))),
        PARAMS._replace(C=np.zeros((3, 2))),
        PARAMS._replace(R=1e30 * PARAMS.R),
        PARAMS._replace(P0=1e12 * np.eye(2)),
    ],
)
@pytest.mark.parametrize("observation_cov", ["diag", "full"])
@pytest.mark.filterwarnings("ignore:Q of the start holds no noise")
def test_singular_and_unstable_starts_are_taken_as_far_as_they_go(start, observation_cov):
    fitted = LinearGaussianSSM(init=start, observation_cov=observation_cov, max_iter=5).fit(Y)
    for one, other in zip(fitted.start_, start, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(fitted.log_likelihood_)
    assert (np.diff(fitted.history_) >= 0).all()
    assert np.isfinite(fitted.transform(Y)).all()


# -- a fitted model


def test_questions_to_a_fitted_model_are_checked_too():
    fitted = LinearGaussianSSM(max_iter=3, random_state=0).fit(Y)

    def said(call):
        with pytest.raises(ValueError) as caught:
            call()
        return str(caught.value)

    nothing = "X must have at least one observed value to be scored; got only missing ones."
    assert said(lambda: fitted.score(Y * np.nan)) == nothing
    assert said(lambda: fitted.bic(Y * np.nan)) == nothing
    assert (
        said(lambda: fitted.forecast(0)) == "n_steps must be a whole number of at least 1; got 0."
    )
    assert (
        said(lambda: fitted.forecast(2.0))
        == "n_steps must be a whole number of at least 1; got 2.0."
    )
    assert said(lambda: fitted.sample(0)) == "n_steps must be a whole number of at least 1; got 0."
    assert (
        said(lambda: fitted.sample(5, n_sequences=-1))
        == "n_sequences must be a whole number of at least 1; got -1."
    )
    assert said(lambda: fitted.impute(Y + np.inf)) == (
        "X must be finite, or NaN where missing; got inf in row 0, column 0."
    )
    # Without data, the states are what they are before any: the prior carried forward.
    np.testing.assert_array_equal(fitted.transform(Y * np.nan), np.zeros((60, 2)))
    assert np.isfinite(fitted.score(Y[:1]))


@pytest.mark.parametrize(
    "ask", ["transform", "filter", "smooth", "score", "impute", "forecast", "aic", "bic"]
)
def test_an_unfitted_model_says_so(ask):
    with pytest.raises(NotFittedError, match="This LinearGaussianSSM instance is not fitted yet"):
        getattr(LinearGaussianSSM(), ask)(5 if ask == "forecast" else Y)
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        LinearGaussianSSM().sample()


STEPS = np.arange(120.0)
NOISE = np.random.default_rng(1).standard_normal((120, 3))
DIFFICULT = {
    "the same column twice": NOISE[:, [0, 1, 0]],
    "a sum of columns": np.column_stack([NOISE, NOISE.sum(axis=1)]),
    "a ramp": STEPS[:, None],
    "growth": np.exp(STEPS / 5)[:, None],
    "a pure tone": np.column_stack([np.sin(STEPS / 5), np.cos(STEPS / 5)]),
    "a step": (STEPS > 60).astype(float)[:, None],
    "one spike": np.where(STEPS[:, None] == 50, 1e6, NOISE),
    "one rare event": (STEPS[:, None] == 50).astype(float),
    "wild tails": np.random.default_rng(2).standard_cauchy((120, 2)),
    "three rows seen": np.where((STEPS[:, None] < 2) | (STEPS[:, None] == 119), NOISE, np.nan),
    "every other row": np.where(STEPS[:, None] % 2, NOISE, np.nan),
    "never together": np.where((STEPS[:, None] + np.arange(3)) % 2, NOISE, np.nan),
    "nothing at the end": np.where(STEPS[:, None] < 60, NOISE, np.nan),
    "units far apart": NOISE * [1e-9, 1.0, 1e9],
    "a large mean": NOISE * 1e-6 + 1e6,
    "wide": NOISE[:36].reshape(9, 12),
}
WAYS = [
    {}, {"observation_cov": "full"}, {"accelerate": True}, {"prior": "weak"}, {"noise_floor": 0.0},
    {"init": KMeans(), "initial_state": "learned"}, {"init": "uniform", "transition_cov": "diag"},
]  # fmt: skip


@pytest.mark.parametrize("X", DIFFICULT.values(), ids=DIFFICULT)
def test_difficult_data_give_numbers_everywhere(X):
    for way in WAYS:
        fitted = LinearGaussianSSM(2, max_iter=30, random_state=0).set_params(**way).fit(X)
        assert np.isfinite(fitted.history_).all()
        assert (np.diff(fitted.history_) >= 0).all()
        states, ahead = fitted.smooth(X), fitted.forecast(5)
        filled, spread = fitted.impute(X, return_std=True)
        for numbers in (
            states.means,
            states.covariances,
            ahead.means,
            ahead.covariances,
            filled,
            spread,
        ):
            assert np.isfinite(numbers).all()
