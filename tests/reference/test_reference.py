"""The oracles proved: against each other, against statsmodels, and by their own optimality conditions."""

import numpy as np
import pytest
from helpers import random_covariance, random_params, simulate, with_gaps
from reference import em, kalman

STRUCTURES = ["full", "diag", "spherical", "fixed"]


def drawn(rng, n, D, T, *, gaps=0.3, rows=0.15, **kwargs):
    params = random_params(rng, n, D, **kwargs)
    _, y = simulate(params, T, rng)
    return params, with_gaps(rng, y, gaps, rows=rows)


@pytest.mark.parametrize("observation_cov", ["full", "diag"])
@pytest.mark.parametrize("stationary", [True, False])
@pytest.mark.parametrize(
    ("n", "D", "T"), [(1, 1, 1), (1, 1, 12), (3, 2, 15), (2, 4, 10), (4, 1, 14)]
)
def test_the_recursions_give_the_joint_gaussian(rng, n, D, T, stationary, observation_cov):
    params, y = drawn(rng, n, D, T, observation_cov=observation_cov, stationary=stationary)
    for ours, exact in zip(kalman.smooth(params, y), kalman.dense(params, y), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-9, atol=1e-10)


def test_the_filter_gives_the_joint_gaussian_of_the_past(rng):
    params, y = drawn(rng, 3, 2, 8, stationary=False)
    f = kalman.filter(params, y)
    for t in range(len(y)):
        past = kalman.dense(params, y[: t + 1])
        np.testing.assert_allclose(f.means[t], past.means[t], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(f.covariances[t], past.covariances[t], rtol=1e-9, atol=1e-10)
        hidden = np.vstack([y[:t], np.full((1, 2), np.nan)])
        before = kalman.dense(params, hidden)
        np.testing.assert_allclose(f.predicted_means[t], before.means[t], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(
            f.predicted_covariances[t], before.covariances[t], rtol=1e-9, atol=1e-10
        )


def test_the_prior_of_the_joint_has_the_moments_of_simulated_paths(rng):
    params = random_params(rng, 2, 2, observation_cov="full", stationary=False)
    T, N = 4, 20_000
    draws = [np.concatenate([part.ravel() for part in simulate(params, T, rng)]) for _ in range(N)]
    mean, covariance = kalman.prior_joint(params, T)
    e = np.array(draws) - mean
    sd = np.sqrt(np.diag(covariance))
    # Five standard errors of a mean, and of a product of two Gaussians: var <= 2 s_i^2 s_j^2.
    assert np.all(np.abs(e.mean(0)) < 5 * sd / np.sqrt(N))
    assert np.all(np.abs(e.T @ e / N - covariance) < 5 * np.sqrt(2 / N) * np.outer(sd, sd))


def test_singular_state_noise_is_smoothed_exactly(rng):
    params, y = drawn(rng, 3, 2, 12)
    Q = np.zeros((3, 3))
    Q[0, 0] = 1.0
    params = params._replace(Q=Q, P0=Q)
    for ours, exact in zip(kalman.smooth(params, y), kalman.dense(params, y), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("observation_cov", ["full", "diag"])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_statsmodels_agrees(rng, observation_cov, gaps):
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    params, y = drawn(
        rng, 3, 2, 60, gaps=gaps, rows=gaps / 2, observation_cov=observation_cov, stationary=False
    )
    peer = KalmanSmoother(k_endog=2, k_states=3, loglikelihood_burn=0)
    peer.bind(y.copy())
    peer["design"], peer["obs_intercept"], peer["obs_cov"] = params.C, params.d[:, None], params.R
    peer["transition"], peer["selection"], peer["state_cov"] = params.A, np.eye(3), params.Q
    peer.initialize_known(params.m0, params.P0)
    result = peer.smooth()
    ours, f = kalman.smooth(params, y), kalman.filter(params, y)
    close = {"rtol": 1e-8, "atol": 1e-9}
    np.testing.assert_allclose(ours.log_likelihood, result.llf_obs.sum(), rtol=1e-10)
    np.testing.assert_allclose(f.means, result.filtered_state.T, **close)
    np.testing.assert_allclose(
        f.predicted_covariances, np.moveaxis(result.predicted_state_cov, 2, 0)[:-1], **close
    )
    np.testing.assert_allclose(ours.means, result.smoothed_state.T, **close)
    np.testing.assert_allclose(
        ours.covariances, np.moveaxis(result.smoothed_state_cov, 2, 0), **close
    )


def sequences_of(rng, n=2, D=3, lengths=(14, 1, 9), *, gaps=0.3, observation_cov="full"):
    params = random_params(rng, n, D, observation_cov=observation_cov, stationary=False)
    ys = [with_gaps(rng, simulate(params, T, rng)[1], gaps, rows=gaps / 3) for T in lengths]
    return params, ys


def priors_of(rng, n, D, k):
    def prior(p, k):
        return em.Prior(
            rng.standard_normal((p, k)),
            random_covariance(rng, k),
            random_covariance(rng, p),
            p + 2.0,
        )

    return prior(n, n), prior(D, k)


@pytest.mark.parametrize("with_prior", [False, True])
@pytest.mark.parametrize("learn_mean", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_m_step_is_a_maximum_of_the_expected_log_density(
    rng, structure, learn_mean, with_prior
):
    """No admissible change of any parameter may do better; expectations come from the joint Gaussian."""
    start, ys = sequences_of(
        rng, observation_cov="diag" if structure in ("diag", "spherical") else "full"
    )
    n, D = 2, 3
    tp, op = priors_of(rng, n, D, n + learn_mean) if with_prior else (None, None)
    new, _ = em.em_step(
        start,
        ys,
        transition_cov=structure,
        observation_cov=structure,
        learn_initial=True,
        learn_mean=learn_mean,
        transition_prior=tp,
        observation_prior=op,
    )

    def objective(p):
        value = em.expected_log_density(p, start, ys, impute=structure in ("full", "fixed"))
        if with_prior:
            B = np.column_stack([p.C, p.d]) if learn_mean else p.C
            value += em.log_prior(p.A, p.Q, tp) + em.log_prior(B, p.R, op)
        return value

    best = objective(new)
    for _ in range(12):
        step = 10.0 ** rng.uniform(-4, -1)
        other = new._replace(
            A=new.A + step * rng.standard_normal((n, n)),
            C=new.C + step * rng.standard_normal((D, n)),
            d=new.d + step * rng.standard_normal(D) if learn_mean else new.d,
            Q=perturbed(rng, new.Q, structure, step),
            R=perturbed(rng, new.R, structure, step),
            m0=new.m0 + step * rng.standard_normal(n),
            P0=perturbed(rng, new.P0, "full", step),
        )
        for name in (*new._fields, None):
            candidate = other if name is None else new._replace(**{name: getattr(other, name)})
            assert objective(candidate) <= best + 1e-9 * abs(best)


def perturbed(rng, V, structure, step):
    if structure == "fixed":
        return V
    if structure == "spherical":
        return V * np.exp(step * rng.standard_normal())
    if structure == "diag":
        return V * np.exp(step * rng.standard_normal(len(V)))
    L = np.linalg.cholesky(V) @ (np.eye(len(V)) + step * rng.standard_normal(V.shape))
    return L @ L.T


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("learn_initial", [False, True])
def test_em_never_lowers_the_likelihood(rng, structure, learn_initial):
    _, ys = sequences_of(rng, lengths=(30, 25, 1, 20))
    params = random_params(rng, 2, 3, observation_cov="diag" if structure != "full" else "full")
    history = []
    for _ in range(15):
        params, value = em.em_step(
            params,
            ys,
            transition_cov=structure,
            observation_cov=structure,
            learn_initial=learn_initial,
        )
        history.append(value)
    assert np.diff(history).min() > -1e-9 * abs(history[0])
    assert history[-1] > history[0]


def test_map_em_never_lowers_the_penalised_likelihood(rng):
    _, ys = sequences_of(rng, lengths=(30, 12))
    params = random_params(rng, 2, 3, observation_cov="full")
    tp, op = priors_of(rng, 2, 3, 3)
    history = []
    for _ in range(15):
        before = params
        params, value = em.em_step(
            params, ys, observation_cov="full", transition_prior=tp, observation_prior=op
        )
        B = np.column_stack([before.C, before.d])
        history.append(value + em.log_prior(before.A, before.Q, tp) + em.log_prior(B, before.R, op))
    assert np.diff(history).min() > -1e-9 * abs(history[0])


def test_row_by_row_and_joint_updates_agree_on_complete_data(rng):
    start, ys = sequences_of(rng, gaps=0.0, observation_cov="diag")
    by_row, _ = em.em_step(start, ys, observation_cov="diag")
    jointly, _ = em.em_step(start, ys, observation_cov="full")
    np.testing.assert_allclose(by_row.C, jointly.C, rtol=1e-10)
    np.testing.assert_allclose(by_row.d, jointly.d, rtol=1e-10)
    np.testing.assert_allclose(np.diag(by_row.R), np.diag(jointly.R), rtol=1e-10)


def test_a_variable_that_is_never_seen_keeps_its_parameters(rng):
    start, ys = sequences_of(rng, observation_cov="diag")
    ys = [np.where([False, True, False], np.nan, y) for y in ys]
    new, _ = em.em_step(start, ys, observation_cov="diag")
    np.testing.assert_array_equal(new.C[1], start.C[1])
    assert new.R[1, 1] == start.R[1, 1]
    assert new.d[1] == start.d[1]


def test_the_mean_is_held_exactly_when_asked(rng):
    start, ys = sequences_of(rng)
    for structure in STRUCTURES:
        held, _ = em.em_step(start, ys, observation_cov=structure, learn_mean=False)
        np.testing.assert_array_equal(held.d, start.d)
        shifted, _ = em.em_step(
            start._replace(d=None),
            [y - start.d for y in ys],
            observation_cov=structure,
            learn_mean=False,
        )
        np.testing.assert_allclose(shifted.C, held.C, rtol=1e-8)
        np.testing.assert_allclose(shifted.R, held.R, rtol=1e-8, atol=1e-12)
