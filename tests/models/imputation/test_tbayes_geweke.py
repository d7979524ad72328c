"""Getting it right (Geweke, JASA 99, 2004): parameters and cells drawn in turn keep their joint distribution.

With one column, chained equations are one joint model: coefficients and noise from the prior, then each sequence step
by step. Two chains have the same table, one with some cells missing, the other with all the others; between them
everything is drawn again and again, and what comes out must have the distribution of the prior.
"""

import numpy as np
import pytest

from tsinit.models.imputation.chained_equations import NOISE_SPREAD, FCSChain
from tsinit.models.imputation.problem import ImputationProblem
from tsinit.result import ess

N, LENGTH, SCALE = 30, 4, 0.05
SHRINKAGE = 0.1
N_DRAWS = 8000


def problem(missing, learned=False):
    """Many short sequences, so that every pattern of lags has rows of its own."""
    offsets, steps = np.arange(0, N * LENGTH + 1, LENGTH), np.tile(np.arange(LENGTH), N)
    z, bound = np.where(missing, np.nan, 0.0), np.array([np.inf])
    return ImputationProblem(
        z, offsets, steps, np.empty((len(z), 0)), 1, "all", "normal", SCALE, -bound, bound, -bound, bound,
        learned_scale=learned,
    )  # fmt: skip


class PriorChain(FCSChain):
    """Draws from the prior may vary as they like."""

    def _check_spread(self):
        pass


class NoisyChain(PriorChain):
    """A chain that is deliberately wrong: cells are drawn with a tenth more noise than the regressions say."""

    def _redraw(self):
        right = self._fits
        self._fits = right._replace(tau2=1.1 * right.tau2)
        super()._redraw()
        self._fits = right


class LearningChain(PriorChain):
    """The variance of the coefficients is drawn too; a narrow prior, for explosive series are no numbers soon."""

    def _begin(self):
        super()._begin()
        self._prior = self._prior._replace(shrinkage=SHRINKAGE)


class GrowingChain(LearningChain):
    """A chain that is deliberately wrong: the variance is four times too large, as if no coefficient counted."""

    def _regress(self, settings, columns):
        log_density = super()._regress(settings, columns)
        self._fits.scale[:] *= 4.0
        return log_density


def draws(kind, sampler, n, learned=False):
    rng = np.random.default_rng(5)
    missing = rng.random((N * LENGTH, 1)) < 0.4
    start = rng.standard_normal(missing.shape)
    first = kind(problem(missing, learned), start, rng, sampler, n_tune=0)
    other = kind(problem(~missing, learned), start, rng, sampler, n_tune=0)
    assert (
        first.equations.design.member.sum(axis=1).max() > 1
    )  # the regression without lags, which serves no row
    used = np.unique(first.equations.gaps.regression[first.equations.gaps.regression >= 0])
    assert (first.equations.design.member[used].sum(axis=1) == 1).all()
    out = []
    for _ in range(n):
        first.sweep()
        for own, drawn in zip(other._fits, first._fits, strict=True):
            own[:] = drawn
        other.table.W[:] = first.table.W
        other._redraw()
        first.table.W[:] = other.table.W
        k = used[0]
        slope = first._fits.theta[k, 0][
            first.equations.design.index[k, 0, : first.equations.design.size[k, 0]]
        ]
        out.append([np.log(first._fits.tau2[k, 0]), *slope, *slope**2])
        if learned:
            assert slope.size == 2  # a lag and the level
            variance = first._fits.scale[k, 0]
            lag = slope[0] / np.sqrt(variance)
            out[-1] = [
                np.log(first._fits.tau2[k, 0]),
                np.log(variance),
                lag,
                lag**2,
                slope[1],
                slope[1] ** 2,
            ]
    return np.array(out)


def scores(x):
    """Deviations of means from those of the prior, in standard errors."""
    d = (x.shape[1] - 1) // 2
    # The logarithm of |Cauchy| has mean 0 and variance (pi / 2)^2.
    means = [2.0 * np.log(NOISE_SPREAD), *np.zeros(d), *np.full(d, SCALE)]
    variances = [np.pi**2, *np.full(d, SCALE), *np.full(d, 2 * SCALE**2)]
    sizes = np.array([ess(column[None]) for column in x.T])
    return (x.mean(axis=0) - means) / np.sqrt(np.array(variances) / sizes)


def learned_scores(x):
    """The same where the variance of the lag's coefficient is learned: its root is half-Cauchy."""
    means = [2.0 * np.log(NOISE_SPREAD), 2.0 * np.log(SHRINKAGE), 0.0, 1.0, 0.0, SCALE]
    variances = [np.pi**2, np.pi**2, 1.0, 2.0, SCALE, 2 * SCALE**2]
    sizes = np.array([ess(column[None]) for column in x.T])
    return (x.mean(axis=0) - means) / np.sqrt(np.array(variances) / sizes)


@pytest.mark.parametrize("sampler", ["gibbs", "mala", "rwm"])
def test_parameters_keep_their_prior(sampler):
    assert np.abs(scores(draws(PriorChain, sampler, N_DRAWS))).max() < 5


def test_a_wrong_update_is_found():
    assert np.abs(scores(draws(NoisyChain, "gibbs", N_DRAWS))).max() > 10


@pytest.mark.parametrize("sampler", ["gibbs", "mala", "rwm"])
def test_parameters_and_their_scale_keep_their_prior(sampler):
    assert np.abs(learned_scores(draws(LearningChain, sampler, N_DRAWS, learned=True))).max() < 5


def test_a_scale_that_grows_is_found():
    found = learned_scores(draws(GrowingChain, "gibbs", N_DRAWS, learned=True))
    assert np.abs(found).max() > 10
