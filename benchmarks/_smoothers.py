"""Filter and smoother of each contender: (params, y) to (means, covariances, log-likelihood)."""

from functools import partial

import numpy as np
from _bench import Contender


def makers(params, y):
    """Name -> (module it needs, function that builds the contender)."""
    build = {
        "tsinit": ("tsinit", tsinit),
        "statsmodels": ("statsmodels", statsmodels),
        "statsmodels, univariate": ("statsmodels", partial(statsmodels, univariate=True)),
        "statsmodels, default": ("statsmodels", partial(statsmodels, tuned=False)),
        "dynamax": ("dynamax", dynamax),
        "cuthbert": ("cuthbert", cuthbert),
        "pykalman": ("pykalman", pykalman),
        "filterpy": ("filterpy", filterpy),
    }
    return {
        name: (module, lambda make=make, name=name: Contender(name, make(params, y)))
        for name, (module, make) in build.items()
    }


def tsinit(params, y):
    from tsinit import LinearGaussianSSM

    model = LinearGaussianSSM(n_states=len(params.A), init=params, max_iter=0).fit(y)

    def run():
        result = model.smooth(y)
        return result.means, result.covariances, result.log_likelihood

    return run


def statsmodels(params, y, univariate=False, tuned=True):
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    n, D = len(params.A), len(params.C)
    model = KalmanSmoother(k_endog=D, k_states=n, loglikelihood_burn=0)
    model.bind(np.asfortranarray(y.T))
    model["design"], model["obs_cov"] = params.C, params.R
    model["transition"], model["selection"], model["state_cov"] = params.A, np.eye(n), params.Q
    model.initialize_known(params.m0, params.P0)
    if tuned:  # only what is asked for: no disturbances, no auto-covariances
        model.set_smoother_output(
            smoother_state=True,
            smoother_state_cov=True,
            smoother_disturbance=False,
            smoother_disturbance_cov=False,
            smoother_state_autocov=False,
        )
    if univariate:
        model.set_filter_method(filter_univariate=True)

    def run():
        result = model.smooth()
        return (
            result.smoothed_state.T,
            np.moveaxis(result.smoothed_state_cov, 2, 0),
            result.llf_obs.sum(),
        )

    return run


def dynamax(params, y):
    import jax

    jax.config.update("jax_enable_x64", True)
    from dynamax.linear_gaussian_ssm import lgssm_smoother

    theta, data = dynamax_params(params), jax.numpy.asarray(y)
    smooth = jax.jit(lambda theta, data: _dynamax_answer(lgssm_smoother(theta, data)))
    return lambda: jax.block_until_ready(smooth(theta, data))


def dynamax_params(params):
    from dynamax.linear_gaussian_ssm.inference import make_lgssm_params

    A, C, Q, R, m0, P0, d = params[:7]
    return make_lgssm_params(
        m0, P0, A, Q, C, R, emissions_bias=np.zeros(len(C)) if d is None else d
    )


def _dynamax_answer(posterior):
    return posterior.smoothed_means, posterior.smoothed_covariances, posterior.marginal_loglik


def cuthbert(params, y):
    import jax

    jax.config.update("jax_enable_x64", True)
    from cuthbert import filter, smoother
    from cuthbert.gaussian import kalman

    jnp = jax.numpy
    A, C, Q, R, m0, P0, _ = (None if part is None else jnp.asarray(part) for part in params)
    root_Q, root_R, root_P0 = (jnp.linalg.cholesky(part) for part in (Q, R, P0))
    n, D = len(A), len(C)

    # Its prior is one step before the first observation; ours is at it: a first step that stands still.
    def dynamics(step):
        return (
            jnp.where(step[0] == 0, jnp.eye(n), A),
            jnp.zeros(n),
            jnp.where(step[0] == 0, 0.0, root_Q),
        )

    def observation(step):
        return C, jnp.zeros(D), root_R, step[1]

    passes = kalman.build_filter(m0, root_P0, dynamics, observation)
    back = kalman.build_smoother(dynamics)

    @jax.jit
    def smooth(steps):
        filtered = filter(passes, steps, passes.init_prepare())
        smoothed = smoother(back, filtered)
        roots = smoothed.chol_cov[1:]
        return smoothed.mean[1:], roots @ roots.mT, filtered.log_normalizing_constant[-1]

    steps = (jnp.arange(len(y)), jnp.asarray(y))
    return lambda: jax.block_until_ready(smooth(steps))


def pykalman(params, y):
    from pykalman import KalmanFilter

    A, C, Q, R, m0, P0, _ = params
    model = KalmanFilter(
        transition_matrices=A,
        observation_matrices=C,
        transition_covariance=Q,
        observation_covariance=R,
        initial_state_mean=m0,
        initial_state_covariance=P0,
    )
    data = np.ma.masked_invalid(y)
    return lambda: (*model.smooth(data), model.loglikelihood(data))


def filterpy(params, y):
    from filterpy.kalman import KalmanFilter

    A, C, Q, R, m0, P0, _ = params
    n, D = len(A), len(C)
    seen = ~np.isnan(y)

    def run():
        kf = KalmanFilter(dim_x=n, dim_z=D)
        kf.x, kf.P, kf.F, kf.H, kf.Q, kf.R = m0.copy(), P0.copy(), A, C, Q, R
        means, covariances, log_likelihood = np.empty((len(y), n)), np.empty((len(y), n, n)), 0.0
        for t, o in enumerate(seen):
            if t > 0:
                kf.predict()
            # By itself it knows whole missing rows only; a user can pass the observed part.
            if o.all():
                kf.update(y[t])
            elif o.any():
                kf.update(y[t, o], R=R[np.ix_(o, o)], H=C[o])
            if o.any():
                log_likelihood += kf.log_likelihood
            means[t], covariances[t] = kf.x, kf.P
        smoothed, spread, _, _ = kf.rts_smoother(means, covariances)
        return smoothed, spread, log_likelihood

    return run
