"""Options of the state-space model: structures, the first state, priors, the noise floor, acceleration."""

import numpy as np
import pytest
from helpers import random_covariance, random_params, simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.kernels import LinearGaussianParams, solve_lyapunov
from tsinit.models import LinearGaussianPrior, NormalInverseWishart

SCALE = np.array([1e-3, 1.0, 1e4])


def draw(seed=0, T=200, n=2, gaps=0.1, **options):
    rng = np.random.default_rng(seed)
    params = random_params(rng, n, 3, **options)
    return params, with_gaps(rng, simulate(params, T, rng)[1], gaps)


def fit(X, **changes):
    return LinearGaussianSSM(2, max_iter=15, random_state=0).set_params(**changes).fit(X)


def off_diagonal(P):
    return P - np.diag(np.diag(P))


# -- structures


@pytest.mark.parametrize("transition_cov", ["full", "diag", "spherical", "fixed"])
@pytest.mark.parametrize("observation_cov", ["full", "diag", "spherical", "fixed"])
def test_covariances_keep_their_structure(transition_cov, observation_cov):
    start, y = draw(observation_cov="full")
    y = y * SCALE
    start = start._replace(
        C=start.C * SCALE[:, None], R=start.R * np.outer(SCALE, SCALE), d=start.d * SCALE, Q=random_covariance(
            np.random.default_rng(1), 2)
    )  # fmt: skip
    fitted = fit(y, init=start, transition_cov=transition_cov, observation_cov=observation_cov)
    Q, R = fitted.params_.Q, fitted.params_.R / np.outer(np.nanstd(y, axis=0), np.nanstd(y, axis=0))
    for V, structure, fixed, before in (
        (Q, transition_cov, Q, start.Q), (R, observation_cov, fitted.params_.R, start.R)
    ):  # fmt: skip
        np.testing.assert_array_equal(V, V.T)
        if structure == "full":
            assert np.abs(off_diagonal(V)).max() > 1e-3
        elif structure == "fixed":
            np.testing.assert_allclose(fixed, before, rtol=1e-12)
        else:
            assert not off_diagonal(V).any()
        if structure == "spherical":
            # The same on the scale of the fit, where every column has variance 1.
            np.testing.assert_allclose(np.diag(V), V[0, 0], rtol=1e-12)
    assert (np.diff(fitted.history_) >= 0).all()


def test_more_freedom_fits_no_worse_from_the_same_start():
    start, y = draw(observation_cov="full", gaps=0.0)
    y = y / np.std(y, axis=0)
    spherical = start._replace(R=np.eye(3), Q=np.eye(2), P0=solve_lyapunov(start.A, np.eye(2)))
    ends = [
        fit(
            y,
            init=spherical,
            max_iter=300,
            tol=1e-9,
            transition_cov=structure,
            observation_cov=structure,
        )
        for structure in ("fixed", "spherical", "diag", "full")
    ]
    likelihoods = [end.log_likelihood_ for end in ends]
    assert likelihoods == sorted(likelihoods)


# -- the first state


def test_one_sequence_starts_from_the_stationary_state():
    _, y = draw()
    for changes in ({}, {"initial_state": "stationary"}):
        A, _, Q, _, m0, P0, _ = fit(y, **changes).params_
        np.testing.assert_array_equal(m0, np.zeros(2))
        np.testing.assert_allclose(P0, A @ P0 @ A.T + Q, rtol=1e-10)
        assert np.abs(np.linalg.eigvals(A)).max() < 1


def test_a_first_state_of_the_user_s_is_kept():
    start, y = draw()
    start = start._replace(m0=np.array([0.5, -0.5]), P0=np.diag([2.0, 0.1]))
    for changes in ({}, {"initial_state": "fixed"}):
        fitted = fit(y, init=start, **changes)
        np.testing.assert_array_equal(fitted.params_.m0, start.m0)
        np.testing.assert_array_equal(fitted.params_.P0, start.P0)
    stationary = start._replace(m0=np.zeros(2), P0=solve_lyapunov(start.A, start.Q))
    followed = fit(y, init=stationary).params_
    np.testing.assert_allclose(followed.P0, solve_lyapunov(followed.A, followed.Q), rtol=1e-10)


def test_strategies_start_one_model_whatever_first_state_they_return():
    start, y = draw()
    own = start._replace(m0=np.array([0.5, -0.5]), P0=np.diag([2.0, 0.1]))
    fitted = fit(y, init=lambda y, rng, n_states: own).params_
    np.testing.assert_array_equal(fitted.m0, np.zeros(2))
    np.testing.assert_allclose(fitted.P0, solve_lyapunov(fitted.A, fitted.Q), rtol=1e-10)
    kept = fit(y, init=lambda y, rng, n_states: own, initial_state="fixed").params_
    np.testing.assert_array_equal(kept.P0, own.P0)
    drifting = own._replace(A=np.diag([1.0, 0.5]))
    np.testing.assert_array_equal(fit(y, init=lambda y, rng, n_states: drifting).params_.P0, own.P0)


def test_many_sequences_learn_the_first_state():
    rng = np.random.default_rng(4)
    truth, _ = draw(4)
    truth = truth._replace(m0=np.array([6.0, -4.0]), P0=0.1 * np.eye(2))
    short = [simulate(truth, 12, rng)[1] for _ in range(200)]
    learned = fit(short, init=truth, max_iter=40)
    # Means of 200 draws with a standard deviation near 0.3, seen through noise of about 1.
    np.testing.assert_allclose(learned.params_.C @ learned.params_.m0, truth.C @ truth.m0, atol=0.5)
    assert (
        learned.log_likelihood_
        > fit(short, init=truth, max_iter=40, initial_state="stationary").log_likelihood_
    )
    assert fit(short[:2]).params_.m0.tolist() == [0.0, 0.0]
    assert fit(short[:3]).params_.m0.any()
    one = fit(short[0], n_states=1, initial_state="learned", init="factor_analysis")
    assert one.params_.m0.any()


# -- priors


def density(prior, params, y):
    """Log prior at the parameters, on the scale of the fit."""
    scale = np.nanstd(y, axis=0)
    total = 0.0
    if prior.transition is not None:
        total += prior.transition.log_density(params.A, params.Q)
    if prior.observation is not None:
        total += prior.observation.log_density(
            params.C / scale[:, None], params.R / np.outer(scale, scale)
        )
    return total


@pytest.mark.parametrize(
    "which", [("transition",), ("observation",), ("transition", "observation")]
)
@pytest.mark.parametrize("observation_cov", ["diag", "full"])
def test_with_a_prior_the_objective_is_the_log_posterior(which, observation_cov):
    start, y = draw()
    y = y * SCALE
    start = start._replace(
        C=start.C * SCALE[:, None], R=start.R * np.outer(SCALE, SCALE), d=start.d * SCALE
    )
    parts = {
        "transition": NormalInverseWishart(0.3 * np.eye(2), 5.0 * np.eye(2), 2.0 * np.eye(2), 6.0),
        "observation": NormalInverseWishart(
            np.zeros((3, 2)), 4.0 * np.eye(2), 0.5 * np.eye(3), 7.0
        ),
    }
    prior = LinearGaussianPrior(**{name: parts[name] for name in which})
    fitted = fit(y, init=start, prior=prior, observation_cov=observation_cov)
    assert fitted.history_[0] == pytest.approx(
        LinearGaussianSSM(2, init=start, max_iter=0).fit(y).log_likelihood_
        + density(prior, start, y),
        rel=1e-10,
    )
    assert fitted.history_[-1] == pytest.approx(
        fitted.log_likelihood_ + density(prior, fitted.params_, y), rel=1e-10
    )
    assert (np.diff(fitted.history_) >= 0).all()
    plain = fit(y, init=start, observation_cov=observation_cov)
    assert density(prior, fitted.params_, y) > density(prior, plain.params_, y)


def test_a_strong_prior_wins_and_a_weak_one_hardly_matters():
    start, y = draw(T=400)
    strong = LinearGaussianPrior(
        NormalInverseWishart(0.5 * np.eye(2), 1e8 * np.eye(2), np.eye(2), 4.0)
    )
    np.testing.assert_allclose(
        fit(y, init=start, prior=strong, max_iter=50).params_.A, 0.5 * np.eye(2), atol=1e-3
    )
    weak, plain = fit(y, init=start, prior="weak"), fit(y, init=start)
    spectra = [np.sort_complex(np.linalg.eigvals(end.params_.A)) for end in (weak, plain)]
    np.testing.assert_allclose(*spectra, atol=0.05)
    assert weak.log_likelihood_ == pytest.approx(plain.log_likelihood_, abs=1.0)


def stretched(params, k):
    """The same model in states k times as long."""
    A, C, Q, R, m0, P0, d = params
    return LinearGaussianParams(A, C / k, Q * k**2, R, m0 * k, P0 * k**2, d)


def test_the_weak_prior_follows_the_scale_of_the_states():
    start, y = draw()
    plain, long = (fit(y, init=stretched(start, k), prior="weak") for k in (1.0, 1e4))
    np.testing.assert_allclose(long.params_.A, plain.params_.A, atol=1e-8)
    np.testing.assert_allclose(np.diff(long.history_), np.diff(plain.history_), atol=1e-6)
    # So restarts are compared by their likelihood: a short state is not a probable one.
    better, worse = start, stretched(start._replace(A=0.1 * start.A), 1e-4)
    turns = iter((better, worse))
    kept = fit(y, init=lambda y: next(turns), n_init=2, prior="weak", max_iter=1)
    np.testing.assert_array_equal(kept.start_.A, better.A)


# -- noise


def test_the_noise_floor_is_relative_to_the_variance_of_the_column():
    t = np.arange(300.0)
    y = np.column_stack([np.sin(t / 5), 1e3 * np.cos(t / 5), 1e-3 * np.sin(t / 5 + 1)])
    for floor in (1e-6, 1e-3):
        for changes in (
            {},
            {"observation_cov": "full"},
            {"observation_cov": "spherical"},
            {"accelerate": True},
        ):
            fitted = fit(y, noise_floor=floor, max_iter=100, **changes)
            scale = np.std(y, axis=0)
            least = np.linalg.eigvalsh(fitted.params_.R / np.outer(scale, scale))[0]
            assert least >= floor * (1 - 1e-6)
            assert least < 10 * floor


def test_a_start_below_the_floor_may_stay_there():
    start, y = draw()
    low = start._replace(R=1e-12 * start.R)
    assert np.isfinite(fit(y, init=low).log_likelihood_)
    np.testing.assert_allclose(
        fit(y, init=low, observation_cov="fixed").params_.R, low.R, rtol=1e-12
    )


# -- acceleration


def bank():
    """Problems of many kinds."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n, D, T = (1, 2, 3, 4)[seed % 4], (1, 2, 4)[seed % 3], (80, 200)[seed % 2]
        y = simulate(random_params(rng, n, D, radius=(0.7, 0.9, 0.98)[seed % 3]), T, rng)[1]
        yield with_gaps(rng, y, 0.2 * (seed % 2)), LinearGaussianSSM(
            n, init=("subspace", "kmeans", "lpc")[seed // 4], observation_cov=("diag", "full", "spherical")[seed % 3],
            initial_state=("stationary", "learned")[seed % 2], max_iter=120, tol=0.0, random_state=seed,
        )  # fmt: skip


def test_acceleration_never_falls_and_gets_further_with_the_same_number_of_passes():
    ahead = []
    for y, model in bank():
        plain, fast = (
            model.set_params(accelerate=choice).fit(y).history_ for choice in (False, True)
        )
        assert (np.diff(fast) >= 0).all()
        assert len(fast) <= 121
        # A run that can gain no more ends early and stays where it is.
        plain, fast = (
            np.pad(history, (0, 121 - len(history)), mode="edge") for history in (plain, fast)
        )
        ahead.append(fast[-1] - plain[-1])
    # A path that leaps may end at another top, so this cannot be had for certain: half a nat is no evidence.
    assert min(ahead) > -0.5
    assert np.median(ahead) > 0.05


def test_a_fixed_state_noise_is_kept_to_the_bit():
    start, y = draw()
    np.testing.assert_array_equal(
        fit(y, init=start, transition_cov="fixed", max_iter=40).params_.Q, start.Q
    )


def test_acceleration_ends_where_plain_steps_end():
    start, y = draw(T=150)
    ends = [fit(y, init=start, accelerate=fast, max_iter=5000, tol=1e-12) for fast in (False, True)]
    # Not lower; plain steps stop some thousandths of a nat short of the top, as the stationary prior shortens them.
    assert -1e-3 < ends[1].log_likelihood_ - ends[0].log_likelihood_ < 0.05
    assert ends[1].n_iter_ < ends[0].n_iter_
