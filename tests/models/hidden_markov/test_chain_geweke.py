"""Geweke's joint test: sweeps that alternate with new data must give back the prior of everything.

Geweke, Getting it right (JASA 99, 2004). Statistics are bounded where the prior has heavy tails.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import split_constants
from kernels.hidden_markov.test_concentrations import _gamma_of_one_more
from reference import hdp as twin

from tsinit import emissions
from tsinit.models.hidden_markov import chain as module
from tsinit.models.hidden_markov.chain import BeamChain, ConcentrationPriors

OFFSETS = [0, 5, 8]
T = OFFSETS[-1]
BEGINS = twin.begins_of(OFFSETS)
PRIORS = ConcentrationPriors(alpha=(4.0, 2.0), gamma=(3.0, 2.0), rho=(3.0, 2.0))
IN_ORDER = (PRIORS.alpha, PRIORS.rho, PRIORS.gamma)
TYPICAL = {
    "poisson": lambda rng: rng.poisson(3.0, size=(60, 2)).astype(float),
    "negative_binomial": lambda rng: rng.negative_binomial(2.0, 0.4, size=(60, 2)).astype(float),
    "zero_inflated_poisson": lambda rng: rng.poisson(3.0, (60, 2)) * (rng.random((60, 2)) < 0.7),
    "zero_inflated_negative_binomial": lambda rng: (
        rng.negative_binomial(2.0, 0.4, (60, 2)) * (rng.random((60, 2)) < 0.7)
    ),
    "categorical": lambda rng: rng.integers(3, size=(60, 2)).astype(float),
    "von_mises": lambda rng: rng.uniform(-np.pi, np.pi, size=(60, 2)),
    "by_column": lambda rng: np.column_stack([rng.poisson(3.0, 60), rng.standard_normal(60)]),
}
#: With the default prior series explode, and then pin coefficients so well that a chain hardly moves: batch means say
#: nothing of its errors. `test_chain_replicated` has that prior.
TIGHT = {
    "autoregressive": emissions.Autoregressive(1, "full", prior_weight=2.0, prior_df=8.0),
    "autoregressive_diag": emissions.Autoregressive(1, "diag", prior_weight=2.0, prior_df=8.0),
}
BY_COLUMN = {1: "student_t", 0: "poisson"}


def bind(name, gaps):
    """An emission with its priors settled on typical data, and where the data of the test have gaps."""
    y = TYPICAL.get(name, lambda rng: rng.standard_normal((60, 2)))(np.random.default_rng(1))
    missing = np.zeros((T, 2), dtype=bool)
    if gaps:
        missing[[2, 6], [0, 1]] = True
        missing[4] = True
    emission = TIGHT.get(name, BY_COLUMN if name == "by_column" else name)
    on_data = emissions.resolve(emission).bind(y, np.array([0, 60]))
    return on_data, missing


def with_gaps(y, missing):
    return np.where(missing, np.nan, y)


def statistics(values, z, params, y):
    """What is compared; y before the gaps are cut."""
    alpha, rho, gamma = values
    K = len(set(z.tolist()))
    same, far, across = z[0] == z[1], z[0] == z[4], z[3] == z[6]
    a, b, c = np.arctan(y[0]), np.arctan(y[1]), np.arctan(y[2])
    first = [np.arctan(part[z[0]]).mean() for part in params]
    return [
        alpha, rho, gamma, alpha**2, rho**2, gamma**2, alpha * gamma, rho * alpha, K, K * gamma, K * alpha, K * K,
        same, far, across, same * rho, across * gamma, *a, a[0] * a[1], a[0] * b[0], a[1] * b[1], c[0] * c[1], *a**2,
        *first, first[0] * a[0],
    ]  # fmt: skip


def forward_draws(on_data, n, seed=0):
    rng, out = np.random.default_rng(seed), []
    for _ in range(n):
        values = twin.draw_prior(rng, IN_ORDER)
        z, beta = twin.drop_unused(*twin.draw_labels(rng, BEGINS, [1.0], *values))
        params = on_data.prior_params(rng, len(beta) - 1)
        out.append(statistics(values, z, params, on_data.simulate(rng, params, z)))
    return np.array(out)


def successive_draws(on_data, missing, n, seed=1):
    """Alternate sweeps with data drawn from what the sweep left."""
    rng, out = np.random.default_rng(seed), []
    z = np.zeros(T, dtype=int)
    y = on_data.simulate(rng, on_data.prior_params(rng, 1), z)
    chain = BeamChain(on_data.with_data(with_gaps(y, missing)), OFFSETS, z, rng, PRIORS)
    for i in range(n + 200):
        chain.sweep()
        y = on_data.simulate(rng, chain.params, chain.z)
        chain.emission = on_data.with_data(with_gaps(y, missing))
        # What fills the data in belongs to the old ones; given labels and parameters it is drawn afresh.
        chain.latent = chain.emission.augment(
            rng, chain.z, chain.params, chain.emission.latent(rng)
        )
        if i >= 200:
            out.append(statistics((chain.alpha, chain.rho, chain.gamma), chain.z, chain.params, y))
    return np.array(out)


def z_scores(forward, successive, batches=40):
    """Differences of means in standard errors, those of the chain by batch means, of all that varies.

    The number of states is remembered for about 130 sweeps: a batch must be some times as long. The more batches, the
    better the standard errors: of 40, one in a hundred is too small by a quarter.
    """
    varies = split_constants(forward, successive)
    forward, successive = forward[:, varies], successive[:, varies]
    means = successive.reshape(batches, -1, successive.shape[1]).mean(axis=1)
    variance = means.var(axis=0, ddof=1) / batches + forward.var(axis=0) / len(forward)
    return (means.mean(axis=0) - forward.mean(axis=0)) / np.sqrt(variance)


@pytest.mark.parametrize(
    "name", ["gaussian", "autoregressive", "zero_inflated_poisson", "by_column"]
)
def test_a_short_run_gives_back_the_prior(name):
    """The emissions with most to go wrong: full covariances, a past or zeros of two kinds, rows seen in part or not."""
    on_data, missing = bind(name, gaps=True)
    z = z_scores(forward_draws(on_data, 4000), successive_draws(on_data, missing, 10_000))
    assert np.abs(z).max() < 4.0


@pytest.mark.slow
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("name", [*emissions.names(), "by_column"])
def test_long_runs_give_back_the_prior(name, gaps, record_property):
    """Two chains: one alone may stray by chance, and would then show nothing of another size."""
    on_data, missing = bind(name, gaps)
    chains = [successive_draws(on_data, missing, 150_000, seed) for seed in (1, 2)]
    z = z_scores(forward_draws(on_data, 100_000), np.concatenate(chains), batches=400)
    record_property("largest_z", float(np.abs(z).max()))
    assert np.abs(z).max() < 4.0


def test_a_wrong_update_does_not(monkeypatch):
    """Gamma told of one state more than there is: found out on far fewer draws than above."""

    def update(rng, n, beta, K, values, priors):
        wrong, b = twin.update(
            rng, n[: K + 1, :K], beta[: K + 1], values, priors, gamma=_gamma_of_one_more
        )
        values[:], beta[: K + 1] = wrong, b

    monkeypatch.setattr(module, "concentrations", SimpleNamespace(update=update))
    on_data, missing = bind("gaussian_diag", gaps=False)
    z = z_scores(forward_draws(on_data, 2000), successive_draws(on_data, missing, 4000))
    assert np.abs(z).max() > 8.0
