"""One EM iteration over all parameters (A, C, d, Q, full R): tsinit against dynamax and pykalman.

Before the timing every contender does one iteration from the same start, checked against the textbook twin.
"""

import _bench
import _smoothers
import _systems
import numpy as np
from _bench import Contender
from reference import em as twin

SIZES = ["4,2,1e4", "10,5,5e3"]
ITERATIONS = 20


def main():
    args = _bench.arguments(__doc__, sizes=SIZES)
    _bench.versions("tsinit", "dynamax", "jax", "pykalman")
    for n, D, T in _bench.sizes_of(args.sizes):
        params, y = _systems.system(n, D, T)
        start = _systems.other_start(params)
        makers = {
            "tsinit": ("tsinit", lambda start=start, y=y: tsinit(start, y)),
            "dynamax": ("dynamax", lambda start=start, y=y: dynamax(start, y)),
            "pykalman": ("pykalman", lambda start=start, y=y: pykalman(start, y)),
        }
        ready, rows = _bench.prepare(makers, args.peers, one_iteration_check(start, y))
        rows += _bench.race(ready, args.seconds)
        _bench.show(f"One EM iteration, n = {n}, D = {D}, T = {T:,}", rows)


def one_iteration_check(start, y, tolerance=1e-6):
    """A check of (learn_mean, A, C, Q, R) after one iteration."""
    exact = {
        learn: twin.em_step(start, [y], observation_cov="full", learn_mean=learn)[0]
        for learn in (False, True)
    }

    def check(answer):
        learn, *found = answer
        for name, value in zip("ACQR", found, strict=True):
            fault = _systems.discrepancy(name, value, getattr(exact[learn], name), tolerance)
            if fault:
                return fault
        return ""

    return check


def tsinit(start, y):
    from tsinit import LinearGaussianSSM

    def fit(iterations):
        return LinearGaussianSSM(
            n_states=len(start.A), init=start, observation_cov="full", max_iter=iterations, tol=0.0
        ).fit(y)

    def answer():
        p = fit(1).params_
        return True, p.A, p.C, p.Q, p.R

    # The whole fit, checks and last likelihood included, shared over its iterations.
    return Contender("tsinit", lambda: fit(ITERATIONS), ITERATIONS, answer)


def dynamax(start, y):
    import jax

    jax.config.update("jax_enable_x64", True)
    from dynamax.linear_gaussian_ssm import LinearGaussianSSM

    model = LinearGaussianSSM(len(start.A), len(start.C), has_dynamics_bias=False)
    _, properties = model.initialize()
    theta, data = _smoothers.dynamax_params(start), jax.numpy.asarray(y)

    @jax.jit
    def step(theta, data):
        statistics, log_likelihood = model.e_step(theta, data)
        batch = jax.tree.map(lambda leaf: jax.numpy.asarray(leaf)[None], statistics)
        return model.m_step(theta, properties, batch, None)[0], log_likelihood

    def answer():
        new = step(theta, data)[0]
        return (
            True,
            new.dynamics.weights,
            new.emissions.weights,
            new.dynamics.cov,
            new.emissions.cov,
        )

    return Contender("dynamax", lambda: jax.block_until_ready(step(theta, data)), answer=answer)


def pykalman(start, y):
    from pykalman import KalmanFilter

    A, C, Q, R, m0, P0, _ = start
    learned = [
        "transition_matrices",
        "observation_matrices",
        "transition_covariance",
        "observation_covariance",
        "initial_state_mean",
        "initial_state_covariance",
    ]

    def run():
        model = KalmanFilter(
            transition_matrices=A,
            observation_matrices=C,
            transition_covariance=Q,
            observation_covariance=R,
            initial_state_mean=m0,
            initial_state_covariance=P0,
            em_vars=learned,
        )
        model.em(y, n_iter=1)
        # Its offsets are updated one after another, not jointly with C: left out, so it does a little less.
        return (
            False,
            *map(
                np.asarray,
                (
                    model.transition_matrices,
                    model.observation_matrices,
                    model.transition_covariance,
                    model.observation_covariance,
                ),
            ),
        )

    return Contender("pykalman", run)


if __name__ == "__main__":
    main()
