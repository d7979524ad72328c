"""Filter and smoother against statsmodels, over the sizes that the package promises."""

import warnings

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps
from kernels.state_space.panels import GAPPY_KERNELS, assert_same, spread, taking

from tsinit.kernels import Kalman

T, TOL = 200, 1e-9


def statsmodels_answer(params, y):
    """Filtered and smoothed moments, and the log-likelihood, of statsmodels' smoother."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, on import
        from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother
    D, n = params.C.shape
    peer = KalmanSmoother(k_endog=D, k_states=n, loglikelihood_burn=0)
    peer.bind(y.copy())
    peer["design"], peer["obs_intercept"], peer["obs_cov"] = params.C, params.d[:, None], params.R
    peer["transition"], peer["selection"], peer["state_cov"] = params.A, np.eye(n), params.Q
    peer.initialize_known(params.m0, params.P0)
    # It would freeze its covariances at a tolerance of its own.
    peer.tolerance = 0
    result = peer.smooth()
    return {
        "filtered means": result.filtered_state.T,
        "filtered covariances": np.moveaxis(result.filtered_state_cov, 2, 0),
        "smoothed means": result.smoothed_state.T,
        "smoothed covariances": np.moveaxis(result.smoothed_state_cov, 2, 0),
        "log-likelihood": result.llf_obs.sum(),
    }


def our_answer(params, y):
    kalman = Kalman(y, len(params.A))
    f, s = kalman.filter(params, covariances=True), kalman.smooth(params, covariances=True)
    assert f.succeeded
    assert s.succeeded
    assert not f.retried
    assert not s.retried
    assert f.log_likelihood == pytest.approx(s.log_likelihood, rel=1e-14)
    return {
        "filtered means": f.means,
        "filtered covariances": spread(f.covariances),
        "smoothed means": s.means,
        "smoothed covariances": spread(s.covariances),
        "log-likelihood": s.log_likelihood,
    }


@pytest.mark.parametrize("gaps", [None, *GAPPY_KERNELS])
@pytest.mark.parametrize("observation_cov", ["diag", "full"])
@pytest.mark.parametrize("D", [1, 2, 5, 16])
@pytest.mark.parametrize("n", [1, 2, 4, 8, 11, 16, 32])
def test_agrees_with_statsmodels(n, D, observation_cov, gaps):
    rng = np.random.default_rng([n, D, gaps is not None])
    params = random_params(
        rng, n, D, observation_cov=observation_cov, radius=0.95, stationary=False
    )
    _, y = simulate(params, T, rng)
    if gaps:
        y = with_gaps(rng, y, 0.2, rows=0.05)
    exact = statsmodels_answer(params, y)
    with taking(gaps):
        answer = our_answer(params, y)
    for name, found in answer.items():
        assert_same(found, exact[name], TOL, name)
