"""Many short series with gaps of their own: an EM iteration of tsinit beside the smoother alone of statsmodels.

An iteration of tsinit is smoother, sums and M-step; statsmodels has no EM for such a model, so that its row is the
part that it has, series by series. What is timed of tsinit is a fit of 20 iterations less one of none.
"""

import _bench
import _systems
import numpy as np
from _bench import Contender

SIZES = ["1000,200,2,1", "300,48,7,7"]
ITERATIONS = 20


def main():
    args = _bench.arguments(__doc__, sizes=SIZES, missing=["0.1"])
    _bench.versions("tsinit", "statsmodels")
    for N, T, n, D in _bench.sizes_of(args.sizes):
        for missing in map(float, args.missing):
            params, ys = _series(N, T, n, D, missing)
            makers = {
                "tsinit": ("tsinit", lambda params=params, ys=ys: tsinit(params, ys)),
                "statsmodels, smoother only": (
                    "statsmodels",
                    lambda params=params, ys=ys: statsmodels(params, ys),
                ),
            }
            ready, rows = _bench.prepare(makers, args.peers, _check(params, ys))
            rows += _bench.race(ready, args.seconds)
            _bench.show(f"{N:,} series of T = {T}, n = {n}, D = {D}, {missing:.0%} missing", rows)


def _series(N, T, n, D, missing):
    params, _ = _systems.system(n, D, T)
    rng = np.random.default_rng(0)
    ys = np.array([_systems.simulate(params, T, rng)[1] for _ in range(N)])
    ys[rng.random(ys.shape) < missing] = np.nan
    return params, ys


def _check(params, ys):
    """A check of the log-likelihood of all series, against the textbook filter."""
    exact = sum(_systems.kalman.filter(params, y).log_likelihood for y in ys)
    return lambda found: _systems.discrepancy("log-likelihood", found, exact, 1e-8)


def tsinit(params, ys):
    from tsinit import LinearGaussianSSM

    N, T, D = ys.shape
    rows, lengths = ys.reshape(N * T, D), [T] * N

    def fit(iterations):
        model = LinearGaussianSSM(n_states=len(params.A), init=params, max_iter=iterations, tol=0.0)
        return model.fit(rows, lengths=lengths)

    return Contender(
        "tsinit",
        lambda: fit(ITERATIONS),
        units=ITERATIONS,
        answer=lambda: fit(0).log_likelihood_,
    )


def statsmodels(params, ys):
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    n, D = len(params.A), ys.shape[2]
    models = []
    for y in ys:
        model = KalmanSmoother(k_endog=D, k_states=n, loglikelihood_burn=0)
        model.bind(np.asfortranarray(y.T))
        model["design"], model["obs_cov"] = params.C, params.R
        model["transition"], model["selection"], model["state_cov"] = params.A, np.eye(n), params.Q
        model.initialize_known(params.m0, params.P0)
        # What an E-step needs, and no more.
        model.set_smoother_output(
            smoother_state=True,
            smoother_state_cov=True,
            smoother_state_autocov=True,
            smoother_disturbance=False,
            smoother_disturbance_cov=False,
        )
        models.append(model)

    def run():
        return sum(model.smooth().llf_obs.sum() for model in models)

    return Contender("statsmodels, smoother only", run)


if __name__ == "__main__":
    main()
