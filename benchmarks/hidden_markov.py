"""Hidden Markov models with normal emissions, tsinit against hmmlearn: log-likelihood, and iterations of EM.

Densities and forward pass together, and E-step with M-step, as users of both ask for them. hmmlearn has two ways to
add up: in logs, its default, and with scaling.
"""

import sys
from pathlib import Path

import _bench
import numpy as np
from _bench import Contender

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from reference.hidden_markov import exact

SIZES = ["5,2,1e5", "5,2,1e4", "20,5,1e4"]
EM_SIZES = ["5,2,1e5", "20,10,1e5"]
N_ITER = 5


def main():
    args = _bench.arguments(__doc__, sizes=SIZES, em=EM_SIZES)
    _bench.versions("tsinit", "hmmlearn")
    for K, D, T in _bench.sizes_of(args.sizes):
        model, y = simulated(K, D, T)
        makers = {
            "tsinit": ("tsinit", lambda m=model, y=y: Contender("tsinit", tsinit(m, y))),
            **{
                f"hmmlearn, {way}": (
                    "hmmlearn",
                    lambda m=model, y=y, way=way: Contender(
                        f"hmmlearn, {way}", hmmlearn(m, y, way)
                    ),
                )
                for way in ("log", "scaling")
            },
        }
        ready, rows = _bench.prepare(makers, args.peers, likelihood_check(model, y))
        rows += _bench.race(ready, args.seconds)
        _bench.show(f"Log-likelihood, K = {K}, D = {D}, T = {T:,}", rows)
    for K, D, T in _bench.sizes_of(args.em):
        for covariance in ("full", "diag"):
            compare_em(args, K, D, T, covariance)


def compare_em(args, K, D, T, covariance):
    """Time iterations from one start, without priors; each must end at the likelihood of the other."""
    _, y = simulated(K, D, T)
    z = np.random.default_rng(1).integers(0, K, T)
    reached = tsinit_em(y, z, K, covariance)()

    def check(found):
        error = abs(found - reached) / abs(reached)
        return f"log-likelihood off by {error:.1e}" if not error < 1e-8 else ""

    makers = {
        "tsinit": ("tsinit", lambda: Contender("tsinit", tsinit_em(y, z, K, covariance), N_ITER)),
        **{
            f"hmmlearn, {way}": (
                "hmmlearn",
                lambda way=way: Contender(
                    f"hmmlearn, {way}", hmmlearn_em(y, z, K, covariance, way), N_ITER
                ),
            )
            for way in ("log", "scaling")
        },
    }
    ready, rows = _bench.prepare(makers, args.peers, check)
    rows += _bench.race(ready, args.seconds)
    _bench.show(f"Iteration of EM, {covariance}, K = {K}, D = {D}, T = {T:,}", rows)


def tsinit_em(y, z, K, covariance):
    """Plain iterations; returns the log-likelihood before the last M-step, as hmmlearn reports it."""
    em, params = em_from(y, z, K, covariance)

    def run():
        state = em.evaluate(params)
        for _ in range(N_ITER - 1):
            state = em.evaluate(em.step(state))
        em.step(state)
        return state.log_likelihood

    return run


def em_from(y, z, K, covariance):
    from tsinit._validate import check_probabilities
    from tsinit.emissions import resolve
    from tsinit.models.hidden_markov.finite_em import HiddenMarkovEM
    from tsinit.models.hidden_markov.transition_rules import TransitionRules

    rules = TransitionRules(
        check_probabilities("start", None, (K,)), check_probabilities("rows", None, (K, K)), 0.0
    )
    emission = resolve("gaussian" if covariance == "full" else "gaussian_diag").bind(y)
    em = HiddenMarkovEM(emission, np.array([0, len(y)]), rules, False, y.size)
    return em, em.begin(z)


def hmmlearn_em(y, z, K, covariance, way):
    from hmmlearn.hmm import GaussianHMM

    em, params = em_from(y, z, K, covariance)
    covs = em.emission.covariances(params.emission)

    def run():
        peer = GaussianHMM(
            K, covariance, implementation=way, init_params="", n_iter=N_ITER, tol=-np.inf,
            covars_prior=0.0, covars_weight=1.0,
        )  # fmt: skip
        peer.n_features = y.shape[1]
        peer.startprob_, peer.transmat_ = params.start, params.P
        peer.means_ = em.emission.means(params.emission)
        peer.covars_ = covs if covariance == "full" else np.diagonal(covs, axis1=1, axis2=2)
        return peer.fit(y).monitor_.history[-1]

    return run


def simulated(K, D, T):
    """Persistent regimes with full covariances, and a series of them."""
    rng = np.random.default_rng(0)
    P = np.full((K, K), 0.05 / (K - 1))
    np.fill_diagonal(P, 0.95)
    z = np.cumsum((rng.random(T) > 0.95) * rng.integers(1, K, T)) % K
    roots = 0.5 * rng.standard_normal((K, D, D)) + np.eye(D)
    means = 2.0 * rng.standard_normal((K, D))
    y = means[z] + np.einsum("tij,tj->ti", roots[z], rng.standard_normal((T, D)))
    covs = roots @ roots.transpose(0, 2, 1)
    return (np.full(K, 1 / K), P, means, covs), y


def likelihood_check(model, y, few=6):
    """A check against the textbook recursion in logs, itself checked by a sum over all paths of a few rows."""
    start, P, _, _ = model
    density = log_densities(model, y)
    offsets = np.array([0, few])
    known, twin = exact(density[:few], start, P, offsets)[0], recursion(density[:few], start, P)
    assert abs(twin - known) < 1e-9 * abs(known)
    expected = recursion(density, start, P)

    def check(found):
        error = abs(found - expected) / abs(expected)
        return f"log-likelihood off by {error:.1e}" if not error < 1e-9 else ""

    return check


def log_densities(model, y):
    from scipy.stats import multivariate_normal

    states = zip(*model[2:], strict=True)
    return np.column_stack([multivariate_normal(mean, cov).logpdf(y) for mean, cov in states])


def recursion(density, start, P):
    log_forward = np.log(start) + density[0]
    for row in density[1:]:
        log_forward = np.logaddexp.reduce(log_forward[:, None] + np.log(P), axis=0) + row
    return np.logaddexp.reduce(log_forward)


def tsinit(model, y):
    from tsinit.init._gaussian_hmm import GaussianHMMParams, densities, observed_patterns
    from tsinit.kernels.hidden_markov.forward_backward import log_likelihood

    params, offsets = GaussianHMMParams(*model), np.array([0, len(y)])
    return lambda: log_likelihood(
        densities(y, observed_patterns(y), params), params.start, params.P, offsets
    )


def hmmlearn(model, y, way):
    from hmmlearn.hmm import GaussianHMM

    peer = GaussianHMM(len(model[0]), "full", implementation=way)
    peer.startprob_, peer.transmat_, peer.means_, peer.covars_ = model
    return lambda: peer.score(y)


if __name__ == "__main__":
    main()
