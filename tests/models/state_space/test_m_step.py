"""The M-step against the textbook twin: gaps, several sequences, every structure, priors."""

import numpy as np
import pytest
from helpers import random_covariance, random_params, simulate, with_gaps
from reference import em as twin

from tsinit.kernels import Kalman
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.m_step import MStepSettings
from tsinit.models.state_space.prior import LinearGaussianPrior, NormalInverseWishart

LENGTHS = (30, 1, 22)


def draw(rng, n, D, gaps, observation_cov="diag"):
    params = random_params(rng, n, D, observation_cov=observation_cov, stationary=False)
    sequences = [simulate(params, T, rng)[1] for T in LENGTHS]
    if gaps:
        sequences = [with_gaps(rng, y, 0.25, rows=0.1) for y in sequences]
        sequences[0][:20, 0] = np.nan  # a variable mostly missing is summed the other way round
        sequences[2][:, 0] = np.nan
        sequences[2][3, 0] = 1.0
    return params, sequences


def step(params, sequences, **changes):
    y = np.concatenate(sequences)
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sequences])])
    settings = MStepSettings(
        "full", "diag", "fixed", np.zeros(y.shape[1]), LinearGaussianPrior()
    )._replace(**changes)
    em = EM(Kalman(y, len(params.A), offsets), settings)
    state = em.evaluate(params)
    return em.step(state), state


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("start_cov", ["diag", "full"])
@pytest.mark.parametrize("observation_cov", ["full", "diag", "spherical", "fixed"])
@pytest.mark.parametrize("transition_cov", ["full", "diag", "spherical", "fixed"])
def test_one_step_equals_the_twin(rng, gaps, start_cov, observation_cov, transition_cov):
    params, sequences = draw(rng, 3, 4, gaps, start_cov)
    got, state = step(
        params, sequences, transition_cov=transition_cov, observation_cov=observation_cov
    )
    want, log_likelihood = twin.em_step(
        params, sequences, transition_cov=transition_cov, observation_cov=observation_cov
    )
    assert state.objective == pytest.approx(log_likelihood, rel=1e-11)
    for name in params._fields:
        np.testing.assert_allclose(
            getattr(got, name), getattr(want, name), rtol=1e-8, atol=1e-9, err_msg=name
        )


def test_the_first_state_is_learned_over_sequences(rng):
    params, sequences = draw(rng, 2, 3, True)
    got, _ = step(params, sequences, initial_state="learned")
    want, _ = twin.em_step(params, sequences, learn_initial=True)
    np.testing.assert_allclose(got.m0, want.m0, rtol=1e-9)
    np.testing.assert_allclose(got.P0, want.P0, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("observation_cov", ["full", "diag", "spherical"])
def test_priors_enter_as_in_the_twin(rng, observation_cov):
    n, D = 2, 3
    params, sequences = draw(rng, n, D, True)
    covariances = [random_covariance(rng, n) for _ in range(2)]
    transition = NormalInverseWishart(rng.normal(size=(n, n)), *covariances, 5.0)
    own = NormalInverseWishart(
        rng.normal(size=(D, n)), random_covariance(rng, n), random_covariance(rng, D), 6.0
    )
    # The twin counts the flat column of the mean among those that the prior knows, ours does not.
    bordered = np.zeros((n + 1, n + 1))
    bordered[:n, :n] = own.Lam
    other = twin.Prior(np.column_stack([own.M0, np.zeros(D)]), bordered, own.Psi, own.nu - 1.0)
    got, _ = step(
        params,
        sequences,
        observation_cov=observation_cov,
        prior=LinearGaussianPrior(transition, own),
    )
    want, _ = twin.em_step(
        params, sequences, observation_cov=observation_cov, observation_prior=other,
        transition_prior=twin.Prior(*transition),
    )  # fmt: skip
    for name in ("A", "Q", "C", "R", "d"):
        np.testing.assert_allclose(
            getattr(got, name), getattr(want, name), rtol=1e-7, atol=1e-9, err_msg=name
        )


@pytest.mark.parametrize("initial_state", ["stationary", "learned", "fixed"])
@pytest.mark.parametrize("observation_cov", ["full", "diag"])
def test_no_step_loses_likelihood(rng, initial_state, observation_cov):
    _, sequences = draw(rng, 3, 4, True)
    params = random_params(rng, 3, 4)
    for _ in range(40):
        after, state = step(
            params, sequences, initial_state=initial_state, observation_cov=observation_cov
        )
        gain = step(after, sequences, initial_state=initial_state, observation_cov=observation_cov)[
            1
        ].objective
        assert gain >= state.objective - 1e-8 * abs(state.objective)
        params = after


@pytest.mark.parametrize("observation_cov", ["full", "diag"])
def test_the_sums_of_the_e_step_give_the_gradient(rng, observation_cov):
    """Fisher's identity against central differences, by A, Q, C and R, with gaps and several sequences."""
    params, sequences = draw(rng, 3, 4, True, observation_cov)
    y, offsets = np.concatenate(sequences), np.concatenate([[0], np.cumsum(LENGTHS)])
    em = EM(
        Kalman(y, 3, offsets),
        MStepSettings("full", observation_cov, "fixed", np.zeros(4), LinearGaussianPrior()),
    )
    state = em.evaluate(params)
    x, sums = state.smoothed.means, state.smoothed.moments
    _, (S_00, S_10, S_11, _) = em.data.products(x)
    S_00, S_10, S_11 = S_00 + sums.P - sums.P_last, S_10 + sums.lag, S_11 + sums.P - sums.P_first
    A, Q = params.A, params.Q
    scatter = S_11 - A @ S_10.T - S_10 @ A.T + A @ S_00 @ A.T
    score = {"A": np.linalg.solve(Q, S_10 - A @ S_00)}
    score["Q"] = 0.5 * np.linalg.solve(Q, np.linalg.solve(Q, scatter - em.data.n_pairs * Q).T)
    for name, gradient in score.items():
        value = getattr(params, name)
        direction = rng.standard_normal(value.shape)
        direction = direction + direction.T if name == "Q" else direction
        h = 1e-6
        up, down = (
            em.kalman.log_likelihood(
                params._replace(**{name: np.ascontiguousarray(value + s * h * direction)})
            )
            for s in (1, -1)
        )
        assert (up - down) / (2 * h) == pytest.approx(
            (gradient * direction).sum(), rel=1e-6, abs=1e-5
        )
