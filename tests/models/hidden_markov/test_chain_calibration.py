"""Simulation-based calibration (Talts et al. 2018): the truth ranks evenly among draws from its posterior.

Data come from the prior, the chain starts from labels that know nothing, and draws are thinned until neighbours hardly
agree, since ranks among autocorrelated draws are not even.
"""

import numpy as np
import pytest
from models.hidden_markov.test_chain_geweke import IN_ORDER, PRIORS, bind
from reference import hdp as twin
from scipy.stats import chisquare

from tsinit.models.hidden_markov.chain import BeamChain

OFFSETS = [0, 25, 40]
T = OFFSETS[-1]
N_DRAWS, N_BINS = 19, 10
NAMES = ("n_states", "alpha", "rho", "gamma")


def ranks_of(on_data, seed, sweeps, thin, priors):
    """Rank of the truth among the draws of one replication; ties (of K) are broken at random."""
    rng = np.random.default_rng(seed)
    values = twin.draw_prior(rng, IN_ORDER)
    z, beta = twin.drop_unused(*twin.draw_labels(rng, twin.begins_of(OFFSETS), [1.0], *values))
    y = on_data.simulate(rng, on_data.prior_params(rng, len(beta) - 1), z)
    y[rng.random(y.shape) < 0.1] = np.nan
    truth = np.array([len(set(z.tolist())), *values])
    chain = BeamChain(on_data.with_data(y), OFFSETS, rng.integers(3, size=T), rng, priors)
    for _ in range(sweeps):
        chain.sweep()
    draws = []
    for _ in range(N_DRAWS):
        for _ in range(thin):
            chain.sweep()
        draws.append([chain.K, chain.alpha, chain.rho, chain.gamma])
    draws = np.array(draws)
    below, equal = (draws < truth).sum(axis=0), (draws == truth).sum(axis=0)
    return below + rng.integers(equal + 1)


def p_values(on_data, n, sweeps=200, thin=25, priors=PRIORS):
    """Chi-square test of evenness for each scalar."""
    ranks = np.array([ranks_of(on_data, seed, sweeps, thin, priors) for seed in range(n)])
    bins = ranks * N_BINS // (N_DRAWS + 1)
    return {
        name: chisquare(np.bincount(b, minlength=N_BINS)).pvalue
        for name, b in zip(NAMES, bins.T, strict=True)
    }


def test_truths_rank_evenly_among_draws():
    on_data, _ = bind("gaussian_diag", gaps=False)
    p = p_values(on_data, 60, sweeps=400, thin=50)
    # Four tests at one level: none of them below 0.01 / 4.
    assert min(p.values()) > 0.0025, p


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian", "gaussian_diag", "poisson"])
def test_truths_rank_evenly_in_many_replications(name):
    on_data, _ = bind(name, gaps=False)
    # K moves by births from the prior, which are rare: at 40 sweeps a draw its ranks still crowd at both ends.
    p = p_values(on_data, 400, sweeps=1500, thin=250)
    assert min(p.values()) > 0.01, p


def test_a_wrong_posterior_is_found_out():
    """A chain whose prior expects far larger concentrations than those that made the data."""
    on_data, _ = bind("gaussian_diag", gaps=False)
    assert p_values(on_data, 30, priors=PRIORS._replace(alpha=(16.0, 2.0)))["alpha"] < 1e-4
