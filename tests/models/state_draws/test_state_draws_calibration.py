"""The sampler of the state-space model draws from the posterior it claims: Geweke's joint test and calibration."""

import numpy as np
import pytest
from helpers import geweke_scores, largest_score
from models.state_draws.problems import table_of
from reference.state_draws import draw_prior, draw_table
from scipy import stats

from tsinit.models.state_draws.chain import StateSpaceChain
from tsinit.models.state_draws.parameters import StatePrior
from tsinit.models.state_draws.paths import StatePaths

T, D, N, F = 8, 2, 2, 1
OFFSETS = np.array([0, 5, 8])
#: Lighter tails than the imputer's own, under which most tables are enormous.
PRIOR = StatePrior(dof=12.0, level=0.5, first=12.0)
COVARIATES = np.array([1.0, -1.0, 0.5, 0.0, 2.0, -0.5, 1.0, 0.3])[:, None]


class Smoothed(StateSpaceChain):
    """A deliberately wrong update: states at their smoothed means, not drawn."""

    def draw_states(self, table):
        self.states = StatePaths(table, self.parameters).mean()


def quantities(p, states, y):
    """Bounded functions of everything: the tails of the prior are heavy."""
    scales = [p.s, *p.b, *p.loadings, *p.r, *np.diag(p.Q), *np.diag(p.V)]
    return np.concatenate(
        [
            np.tanh(p.A.ravel()),
            np.tanh(np.log(scales)),
            np.tanh([p.Q[0, 1], p.V[0, 1], *p.m, *p.C.ravel(), *p.G.ravel()]),
            np.tanh(0.5 * states[[0, 2, 5]].ravel()),
            np.tanh(0.5 * y[[0, 3, 7]].ravel()),
            np.tanh([y[1] @ y[2], y[2, 0] * y[2, 1], states[3] @ states[4]]),
        ]
    )


def geweke(rng, n, kind):
    """z-scores of the means over forward draws and over a chain that alternates all updates."""
    mask = rng.random((T, D)) < 0.5
    forward, around = [], []
    for _ in range(n):
        p = draw_prior(rng, N, D, F + 1, PRIOR)
        forward.append(quantities(p, *draw_table(rng, p, OFFSETS, COVARIATES)))
    p = draw_prior(rng, N, D, F + 1, PRIOR)
    _, y = draw_table(rng, p, OFFSETS, COVARIATES)
    for _ in range(n):
        for hidden in (mask, ~mask):
            table = table_of(np.where(hidden, np.nan, y), OFFSETS, COVARIATES)
            # The same columns in every step: a choice that depends on the draws would change their distribution.
            chain = kind(table, p, rng, PRIOR, close=np.arange(D))
            chain.draw_states(table)
            chain.draw_parameters(table)
            chain.draw_cells()  # after the parameters, from whose draws they were left out
            y = y.copy()
            y[hidden] = chain.cells
            p, states = chain.parameters, chain.states
        around.append(quantities(p, states, y))
    return geweke_scores(forward, around)


@pytest.mark.slow
def test_geweke_joint_distribution():
    z = geweke(np.random.default_rng(5), 10_000, StateSpaceChain)
    assert np.abs(z).max() < largest_score(z.size, 1e-3)


def test_geweke_in_a_short_run_and_a_wrong_update_fails():
    z = geweke(np.random.default_rng(5), 1000, StateSpaceChain)
    assert np.abs(z).max() < largest_score(z.size, 1e-4)
    z = geweke(np.random.default_rng(5), 500, Smoothed)
    assert np.abs(z).max() > largest_score(z.size, 1e-4)


def ranks(rng, n_runs, kind=StateSpaceChain, n_draws=19, thin=8):
    """Rank of the truth among draws of its posterior: noise, dynamics up to the basis, missing cells."""
    mask = np.zeros((T, D), dtype=bool)
    mask[[0, 3, 4, 5], [0, 1, 0, 0]] = mask[6] = True
    out = []
    for _ in range(n_runs):
        truth = draw_prior(rng, N, D, F + 1, PRIOR)
        _, y = draw_table(rng, truth, OFFSETS, COVARIATES)
        chain = kind(
            table_of(np.where(mask, np.nan, y), OFFSETS, COVARIATES),
            draw_prior(rng, N, D, F + 1, PRIOR), rng, PRIOR,
        )  # fmt: skip
        below = 0
        for i in range(n_draws + 1):
            for _ in range(thin if i else 10 * thin):
                chain.sweep()
            if i:
                below = below + (known(chain.parameters, chain.cells) < known(truth, y[mask]))
        out.append(below)
    return np.array(out)


def known(p, cells):
    """What does not depend on the basis of the states."""
    gain = p.C @ p.A @ p.Q @ p.C.T
    return np.concatenate([p.r, [np.trace(p.A), np.linalg.det(p.A)], np.diag(gain), cells])


def not_uniform(found, bins):
    """Smallest p-value of a chi-square test of uniform ranks, over quantities."""
    counts = np.array([np.bincount(one * bins // 20, minlength=bins) for one in found.T])
    return stats.chisquare(counts, axis=1).pvalue.min() * len(counts)


@pytest.mark.slow
def test_ranks_of_the_truth_are_uniform():
    assert not_uniform(ranks(np.random.default_rng(1), 600), 10) > 1e-3


def test_ranks_in_a_short_run_and_a_wrong_update_fails():
    assert not_uniform(ranks(np.random.default_rng(1), 60, thin=4), 5) > 1e-3
    assert not_uniform(ranks(np.random.default_rng(1), 60, Smoothed, thin=4), 5) < 1e-3
