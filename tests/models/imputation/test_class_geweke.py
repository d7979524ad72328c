"""Getting it right with classes: coefficients, cut points and latent cells keep their joint distribution.

Two chains share one column of classes. Half of its rows are seen as classes by the one, and missing to the other, the
rest the other way round; whatever class the latent cells make at the moment is what was seen of a row.
"""

import numpy as np
import pytest
from models.imputation.test_tbayes_geweke import (
    LENGTH,
    SCALE,
    SHRINKAGE,
    LearningChain,
    N,
    PriorChain,
)

from tsinit.kernels.imputation import class_moves, class_transport
from tsinit.models.imputation import class_sampler
from tsinit.models.imputation.class_columns import LatentClasses, codes_of
from tsinit.models.imputation.class_sampler import CUT_SPREAD, ClassSampler
from tsinit.models.imputation.problem import ImputationProblem
from tsinit.result import ess

CUTS = {"binary": np.zeros(1), "ordinal": np.array([0.0, 0.3, 0.8]), "categorical": np.empty(0)}
LATENT = {"binary": 1, "ordinal": 1, "categorical": 2}


def problem(kind, seen, learned=False):
    """Many short sequences of one column, whose classes are seen in some rows."""
    D, rows = LATENT[kind], np.flatnonzero(seen)
    z, bound = np.where(seen[:, None], 0.0, np.full((N * LENGTH, D), np.nan)), np.full(D, np.inf)
    one = LatentClasses(
        tuple(range(D)), kind != "categorical", CUTS[kind], rows, np.zeros(len(rows), dtype=int)
    )
    offsets, steps = np.arange(0, N * LENGTH + 1, LENGTH), np.tile(np.arange(LENGTH), N)
    return ImputationProblem(
        z, offsets, steps, np.empty((len(z), 0)), 1, "all", "normal", SCALE, -bound, bound, -bound, bound,
        one.censored(), classes=(one,), learned_scale=learned,
    )  # fmt: skip


def look(chain, cuts):
    """Let a chain see the classes that the latent cells of its table make."""
    sampler = chain._cells.classes
    one = sampler.classes[0]
    codes = codes_of(sampler.classes, cuts, chain.z)[one.rows, one.columns[0]].astype(int)
    sampler.classes = (one._replace(codes=codes),)
    sampler._unordered = {j: sampler.classes[0] for j in sampler._unordered}
    for transport in sampler._transports:
        transport.see(codes, one.rows)
    sampler.set_cuts(cuts)


def draws(kind, n, before=lambda chain: None, n_tune=0, learned=False):
    rng = np.random.default_rng(7)
    seen = rng.random(N * LENGTH) < 0.6
    start = rng.standard_normal((N * LENGTH, LATENT[kind]))
    chain = LearningChain if learned else PriorChain
    first, other = (
        chain(problem(kind, s, learned), start, rng, "gibbs", n_tune=n_tune) for s in (seen, ~seen)
    )
    for one in (first, other):
        before(one)
    design, regression = first.equations.design, first.equations.gaps.regression
    used = np.unique(regression[regression >= 0])
    assert (design.member[used].sum(axis=1) == 1).all()
    k, out = used[0], []
    for _ in range(n):
        look(first, first._cells.classes.cuts)
        first.sweep()
        for own, drawn in zip(other._fits, first._fits, strict=True):
            own[:] = drawn
        other.table.W[:] = first.table.W
        look(other, first._cells.classes.cuts)
        other._redraw()
        first.table.W[:] = other.table.W
        slopes = [
            first._fits.theta[k, j][design.index[k, j, : design.size[k, j]]]
            for j in range(LATENT[kind])
        ]
        if learned:  # the lag in units of its own scale
            variance = first._fits.scale[k, 0]
            slopes = [[np.log(variance)], *(slope / [np.sqrt(variance), 1.0] for slope in slopes)]
        theta, cuts = np.concatenate(slopes), first._cells.classes.cuts[0][1:]
        noise = class_moves.squared_errors(first.table, regression, first._fits.theta, 0)
        theta, first_ones = (theta[1:], theta[:1]) if learned else (theta, [])
        out.append(
            [*first_ones, *theta, *theta**2, cuts.sum(), (cuts**2).sum(), noise / (N * LENGTH)]
        )
    lag = 1.0 if learned else first._fits.scale[k, 0]
    prior = np.tile([lag, SCALE], LATENT[kind])  # of the lag, and of the level
    assert len(prior) == len(theta)
    return np.array(out), prior


def scores(kind, drawn, learned=False):
    """Deviations of means from those of the prior, in standard errors."""
    (x, scale), d = drawn, len(drawn[1])
    m, V = max(len(CUTS[kind]) - 1, 0), CUT_SPREAD * SCALE
    means = [*np.zeros(d), *scale, m * np.sqrt(2.0 * V / np.pi), m * V, 1.0]
    variances = [
        *np.full(d, scale),
        *np.full(d, 2 * scale**2),
        m * V * (1 - 2 / np.pi),
        2 * m * V**2,
    ]
    variances.append(2.0 / (N * LENGTH))
    if learned:  # the logarithm of |Cauchy| has mean 0 and variance (pi / 2)^2
        means, variances = [2.0 * np.log(SHRINKAGE), *means], [np.pi**2, *variances]
    use = np.array(variances) > 0
    sizes = np.array([ess(column[None]) for column in x.T[use]])
    return (x.mean(axis=0) - means)[use] / np.sqrt(np.array(variances)[use] / sizes)


@pytest.mark.parametrize("kind", ["binary", "ordinal", "categorical"])
def test_parameters_keep_their_prior(kind):
    assert np.abs(scores(kind, draws(kind, 4000))).max() < 5


@pytest.mark.parametrize("kind", ["binary", "ordinal", "categorical"])
def test_moves_with_ranks_that_the_warm_up_has_fitted_keep_the_prior(kind):
    assert np.abs(scores(kind, draws(kind, 1500, n_tune=60))).max() < 5


def test_moves_with_ranks_under_a_learned_scale_keep_the_prior():
    found = draws("binary", 2000, n_tune=60, learned=True)
    assert np.abs(scores("binary", found, learned=True)).max() < 5


def test_moves_with_ranks_that_ignore_what_was_seen_are_found(monkeypatch):
    ranks, right = class_transport.rank_cells, class_transport.place_cells
    monkeypatch.setattr(class_transport, "rank_cells", lambda *given: 0.0 * ranks(*given))
    monkeypatch.setattr(class_transport, "place_cells", lambda *given: 0.0 * right(*given))
    assert np.abs(scores("binary", draws("binary", 1500, n_tune=60))).max() > 8


def test_a_stretch_without_its_jacobian_is_found(monkeypatch):
    right = class_sampler._stretched
    monkeypatch.setattr(class_sampler, "_stretched", lambda *given: (right(*given)[0], 0.0))
    assert np.abs(scores("ordinal", draws("ordinal", 3000))).max() > 8


class HeavyGamma:
    """A generator whose gamma draws have twice the shape that they should have."""

    def __init__(self, rng):
        self._rng = rng

    def gamma(self, shape, scale):
        return self._rng.gamma(2.0 * shape, scale)


def test_a_scale_of_twice_as_many_cells_is_found(monkeypatch):
    right = ClassSampler._scale
    monkeypatch.setattr(
        ClassSampler, "_scale", lambda self, rng, *given: right(self, HeavyGamma(rng), *given)
    )
    assert np.abs(scores("binary", draws("binary", 1500))).max() > 8


def test_unordered_classes_that_only_have_signs_are_found():
    def signs(chain):
        sampler = chain._cells.classes

        def before(rng, j, values):
            place, own = sampler._places[j], sampler.classes[0].codes == j + 1
            sampler._intervals.low[place] = np.where(own, 0.0, -np.inf)
            sampler._intervals.high[place] = np.where(own, np.inf, 0.0)

        chain.intervals.before = before

    assert np.abs(scores("categorical", draws("categorical", 1500, signs))).max() > 8
