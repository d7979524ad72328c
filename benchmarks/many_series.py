"""Many short series under one model, smoothed: tsinit against dynamax under vmap."""

import _bench
import _smoothers
import _systems
import numpy as np
from _bench import Contender

SIZES = ["1000,200,2,1"]


def main():
    args = _bench.arguments(__doc__, sizes=SIZES)
    _bench.versions("tsinit", "dynamax", "jax")
    for N, T, n, D in _bench.sizes_of(args.sizes):
        params, _ = _systems.system(n, D, T)
        rng = np.random.default_rng(0)
        ys = np.array([_systems.simulate(params, T, rng)[1] for _ in range(N)])
        makers = {
            "tsinit": (
                "tsinit",
                lambda params=params, ys=ys: Contender("tsinit", tsinit(params, ys)),
            ),
            "dynamax": (
                "dynamax",
                lambda params=params, ys=ys: Contender("dynamax", dynamax(params, ys)),
            ),
        }
        ready, rows = _bench.prepare(makers, args.peers, first_series_check(params, ys))
        rows += _bench.race(ready, args.seconds)
        _bench.show(f"{N:,} series of T = {T}, n = {n}, D = {D}", rows)


def first_series_check(params, ys, some=5):
    """A check of the first few series against the textbook smoother, and of the total likelihood's."""
    checks = [_systems.smoother_check(params, y) for y in ys[:some]]

    def check(answer):
        means, covariances, log_likelihoods = (np.asarray(part) for part in answer)
        total = sum(_systems.kalman.filter(params, y).log_likelihood for y in ys)
        fault = _systems.discrepancy("log-likelihood", log_likelihoods.sum(), total, 1e-6)
        for k, one in enumerate(checks):
            exact_ll = _systems.kalman.filter(params, ys[k]).log_likelihood
            fault = fault or one((means[k], covariances[k], exact_ll))
        return fault

    return check


def tsinit(params, ys):
    from tsinit import LinearGaussianSSM

    N, T, D = ys.shape
    n = len(params.A)
    rows, lengths = ys.reshape(N * T, D), [T] * N
    model = LinearGaussianSSM(n_states=n, init=params, max_iter=0).fit(rows, lengths=lengths)

    def run():
        result = model.smooth(rows, lengths=lengths)
        return (
            result.means.reshape(N, T, n),
            result.covariances.reshape(N, T, n, n),
            result.log_likelihood,
        )

    return run


def dynamax(params, ys):
    import jax

    jax.config.update("jax_enable_x64", True)
    from dynamax.linear_gaussian_ssm import lgssm_smoother

    theta, data = _smoothers.dynamax_params(params), jax.numpy.asarray(ys)

    def one(y):
        posterior = lgssm_smoother(theta, y)
        return posterior.smoothed_means, posterior.smoothed_covariances, posterior.marginal_loglik

    smooth = jax.jit(jax.vmap(one))
    return lambda: jax.block_until_ready(smooth(data))


if __name__ == "__main__":
    main()
