"""Sweeps from exact draws of the joint distribution must leave it alone, in many independent replicates.

Gandy and Scott, Unit testing for MCMC and other Monte Carlo methods (2020). Labels, parameters and data of
a replicate come from the prior; a chain at that place is swept, data held. Replicates are independent, so standard
errors are right however slowly a chain moves. That is the point for autoregressive states under their default prior: of
the series of eight rows that it makes half grow beyond a hundred standard deviations, one in a hundred beyond a
million, and such data pin the coefficients so well that the chain of `test_chain_geweke` hardly leaves them: its errors
by batch means are far too small there.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from kernels.hidden_markov.test_concentrations import _gamma_of_one_more
from models.hidden_markov.test_chain_geweke import (
    IN_ORDER,
    OFFSETS,
    PRIORS,
    TIGHT,
    T,
    bind,
    statistics,
    with_gaps,
)
from reference import hdp as twin

from tsinit import emissions
from tsinit.emissions.autoregressive import AutoregressiveOnData
from tsinit.models.hidden_markov import chain as module
from tsinit.models.hidden_markov.chain import BeamChain


def chain_at(on_data, offsets, values, z, beta, params, rng):
    """A chain that stands at a draw of the joint distribution; on_data has the data of that draw."""
    chain = BeamChain(on_data, offsets, z, rng, PRIORS)
    chain._values[:] = values
    chain._transitions.beta[: len(beta)] = beta
    chain.latent = chain.emission.augment(rng, z, params, chain.emission.latent(rng))
    return chain


def z_scores(on_data, missing, n, sweeps=3, offsets=OFFSETS):
    """Mean differences of all statistics after `sweeps`, in standard errors, of those that moved."""
    rng, moved, offsets = np.random.default_rng(0), [], np.array(offsets)
    apart = {"offsets": offsets} if on_data.order else {}
    begins = twin.begins_of(offsets)
    for _ in range(n):
        values = twin.draw_prior(rng, IN_ORDER)
        z, beta = twin.drop_unused(*twin.draw_labels(rng, begins, [1.0], *values))
        params = on_data.prior_params(rng, len(beta) - 1)
        y = on_data.simulate(rng, params, z, **apart)
        given = on_data.with_sequences(with_gaps(y, missing), offsets)
        chain = chain_at(given, offsets, values, z, beta, params, rng)
        for _ in range(sweeps):
            chain.sweep()
        after = statistics((chain.alpha, chain.rho, chain.gamma), chain.z, chain.params, y)
        moved.append(np.subtract(after, statistics(values, z, params, y), dtype=float))
    moved = np.array(moved)
    moved = moved[:, moved.any(axis=0)]
    return moved.mean(axis=0) / (moved.std(axis=0, ddof=1) / np.sqrt(n))


def bind_by_default(name, gaps):
    """As `bind` of the joint test, but with the default prior, under which series explode."""
    _, missing = bind(name, gaps)
    y = np.random.default_rng(1).standard_normal((60, 2))
    return emissions.resolve(name).bind(y, np.array([0, 60])), missing


@pytest.mark.parametrize("offsets", [[0, T], OFFSETS])
@pytest.mark.parametrize("name", TIGHT)
def test_autoregressive_states_keep_the_joint_law_under_their_default_prior(name, offsets):
    on_data, missing = bind_by_default(name, gaps=True)
    z = z_scores(on_data, missing, 2000, offsets=offsets)
    assert len(z) > 20
    assert np.abs(z).max() < 4.0


@pytest.mark.slow
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("name", emissions.names())
def test_all_emissions_keep_the_joint_law(name, gaps, record_property):
    on_data, missing = (bind_by_default if name in TIGHT else bind)(name, gaps)
    z = z_scores(on_data, missing, 20_000)
    record_property("largest_z", float(np.abs(z).max()))
    assert np.abs(z).max() < 4.0


def _gamma_wrong(monkeypatch):
    """Told of one state more than there is."""

    def update(rng, n, beta, K, values, priors):
        wrong, b = twin.update(
            rng, n[: K + 1, :K], beta[: K + 1], values, priors, gamma=_gamma_of_one_more
        )
        values[:], beta[: K + 1] = wrong, b

    monkeypatch.setattr(module, "concentrations", SimpleNamespace(update=update))


def _never_filled(monkeypatch):
    """Missing values stay as interpolated."""
    start = AutoregressiveOnData.latent
    monkeypatch.setattr(
        AutoregressiveOnData, "augment", lambda self, rng, z, params, latent: start(self, rng)
    )


def _across_starts(monkeypatch):
    """Rows of the second sequence follow from the first."""
    one = AutoregressiveOnData.with_sequences
    monkeypatch.setattr(
        AutoregressiveOnData, "with_sequences", lambda self, y, _: one(self, y, None)
    )


@pytest.mark.parametrize("wrong", [_gamma_wrong, _never_filled, _across_starts])
def test_wrong_updates_do_not(monkeypatch, wrong):
    wrong(monkeypatch)
    on_data, missing = bind_by_default("autoregressive", gaps=True)
    assert np.abs(z_scores(on_data, missing, 2000)).max() > 6.0
