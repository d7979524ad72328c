"""Simulation-based calibration (Talts et al. 2018) of cells that are seen as classes, limits or rounded numbers.

Parameters are drawn from the prior, a table from these, and a chain that sees of it what a user would: true values rank
evenly among its draws. Many short sequences of one column, whose regressions are one joint model.
"""

import numpy as np
import pytest
from helpers import even_ranks, largest_normal
from models.imputation.test_tbayes_geweke import SCALE, PriorChain

from tsinit.models.imputation.censored import CensoredCells
from tsinit.models.imputation.chained_equations import NOISE_SPREAD
from tsinit.models.imputation.class_columns import LatentClasses, codes_of
from tsinit.models.imputation.class_sampler import CUT_SPREAD
from tsinit.models.imputation.problem import ImputationProblem

N, LENGTH, N_DRAWS, WARM_UP = 30, 4, 19, 25
ROWS = N * LENGTH
#: Latent columns, and classes where they are ordered.
CLASSES = {"binary": (1, 2), "ordinal": (1, 4), "categorical": (2, None)}
#: Limits of what is seen of numbers, and the value below which counts are zero.
LOW, HIGH, ZERO = -0.5, 0.8, -2.0


def below_limit(z):
    """Ends of the interval of each cell: itself, or what lies below the limit."""
    return np.where(z < LOW, -np.inf, z), np.maximum(z, LOW)


def between_limits(z):
    return np.where(z < LOW, -np.inf, np.minimum(z, HIGH)), np.where(
        z > HIGH, np.inf, np.maximum(z, LOW)
    )


def rounded(z):
    return np.rint(z) - 0.5, np.rint(z) + 0.5


def counted(z):
    low, high = rounded(np.maximum(z, ZERO))
    return np.where(low < ZERO, -np.inf, low), high


LOOKS = {"limit": below_limit, "limits": between_limits, "rounded": rounded, "count": counted}


def problem(z, censored, classes=()):
    offsets, steps = np.arange(0, ROWS + 1, LENGTH), np.tile(np.arange(LENGTH), N)
    bound = np.full(z.shape[1], np.inf)
    return ImputationProblem(
        z, offsets, steps, np.empty((ROWS, 0)), 1, "all", "normal", SCALE, -bound, bound, -bound, bound,
        censored, classes=classes,
    )  # fmt: skip


def seen_classes(kind, cuts, codes, seen):
    """What a chain is told of a table of classes."""
    D, rows = CLASSES[kind][0], np.flatnonzero(seen)
    first = np.arange(len(cuts), dtype=float)  # not the true ones
    one = LatentClasses(tuple(range(D)), kind != "categorical", first, rows, codes[rows])
    z = np.where(seen[:, None], 0.0, np.full((ROWS, D), np.nan))
    return problem(z, one.censored(), (one,))


def seen_numbers(kind, z, seen):
    """What a chain is told of a table of numbers."""
    low, high = (end[:, 0] for end in LOOKS[kind](z))
    rows = np.flatnonzero(seen & (low < high))
    cells = CensoredCells.of(rows, np.zeros(len(rows), dtype=int), low[rows], high[rows])
    return problem(np.where((seen & (low == high))[:, None], z, np.nan), cells)


def prior_table(rng, fits, equations, noise):
    """Coefficients of all regressions and a table from their prior; written to `fits`."""
    design, regression = equations.design, equations.gaps.regression[equations.place]
    z = np.zeros((ROWS, fits.theta.shape[1]))
    for k, j in np.ndindex(design.size.shape):
        places = design.index[k, j, : design.size[k, j]]
        variance = np.append(np.full(len(places) - 1, fits.scale[k, j]), SCALE)
        fits.theta[k, j] = 0.0
        fits.theta[k, j, places] = np.sqrt(variance) * rng.standard_normal(len(places))
        fits.tau2[k, j] = 1.0 if noise is None else (noise * rng.standard_cauchy()) ** 2
    D = z.shape[1]
    for t in range(ROWS):
        past = z[t - 1] if t % LENGTH else np.zeros(D)
        for j in range(D):
            theta, tau2 = fits.theta[regression[t], j], fits.tau2[regression[t], j]
            z[t, j] = past @ theta[:D] + theta[-1] + np.sqrt(tau2) * rng.standard_normal()
    return z


def main_regression(equations):
    """The regression that serves most rows, and the places of its lag and its level."""
    regression = equations.gaps.regression
    k = int(np.bincount(regression[regression >= 0]).argmax())
    assert (equations.design.member[np.unique(regression[regression >= 0])].sum(axis=1) == 1).all()
    assert equations.design.size[k, 0] == 2
    return k, equations.design.index[k, 0, :2]


def quantities(kind, k, places, fits, cuts, z, hidden):
    """What is ranked: the lag, the level and its square, all cut points or the noise, and the hidden cells."""
    lag, level = fits.theta[k, 0, places]
    values = z[:, 0] if kind in LOOKS else z[:, 0] == 1
    own = [np.log(fits.tau2[k, 0])] if kind in LOOKS else cuts[1:]
    return np.array([lag, level, level**2, *own, values[hidden].mean()])


def rank(rng, kind, thin, before):
    """Rank of the truth among draws of its posterior; equals, which classes have, take any order."""
    hidden = rng.random(ROWS) < 0.3
    if kind in LOOKS:
        blank = seen_numbers(kind, np.ones((ROWS, 1)), ~hidden)
        cuts = np.empty(0)
    else:
        _, n = CLASSES[kind]
        spread = np.sqrt(CUT_SPREAD * SCALE)
        cuts = (
            np.append(0.0, np.sort(spread * np.abs(rng.standard_normal(n - 2))))
            if n
            else np.empty(0)
        )
        blank = seen_classes(kind, cuts, np.zeros(ROWS, dtype=int), ~hidden)
    start = rng.standard_normal((ROWS, blank.z.shape[1]))
    forward = PriorChain(blank, start, rng, "gibbs", n_tune=0)
    noise = NOISE_SPREAD if kind in LOOKS else None
    k, places = main_regression(forward.equations)
    z = prior_table(rng, forward._fits, forward.equations, noise)
    if kind in LOOKS:
        shown, given = z, seen_numbers(kind, z, ~hidden)
    else:
        shown = codes_of(blank.classes, [cuts], z)
        given = seen_classes(kind, cuts, shown[:, 0].astype(int), ~hidden)
    truth = quantities(kind, k, places, forward._fits, cuts, shown, hidden)
    if kind in LOOKS:
        start = np.where(np.isnan(given.z), start, given.z)
    chain = PriorChain(given, start, rng, "gibbs", n_tune=WARM_UP)
    before(chain)
    below, equal = np.zeros(len(truth)), np.zeros(len(truth))
    for _ in range(WARM_UP):
        chain.sweep()
    for _ in range(N_DRAWS):
        for _ in range(thin):
            chain.sweep()
        own = chain._cells.classes.cuts
        drawn = quantities(
            kind, k, places, chain._fits, own[0] if own else cuts, chain.coded, hidden
        )
        below += drawn < truth
        equal += drawn == truth
    return below + rng.integers(equal + 1)


def scores(kind, n, thin=2, before=lambda chain: None):
    rng = np.random.default_rng(11)
    return even_ranks([rank(rng, kind, thin, before) for _ in range(n)], N_DRAWS)


def within(found, alpha=1e-4):
    return np.abs(found).max() < largest_normal(found.size, alpha)


@pytest.mark.parametrize("kind", CLASSES)
def test_truths_of_classes_rank_evenly_in_a_short_run(kind):
    assert within(scores(kind, 40))


@pytest.mark.parametrize("kind", LOOKS)
def test_truths_of_numbers_rank_evenly_in_a_short_run(kind):
    assert within(scores(kind, 60, thin=6))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*CLASSES, *LOOKS])
def test_truths_rank_evenly_in_many_tables(kind, record_property):
    found = scores(kind, 300, thin=12)
    record_property("largest score", f"{kind}: {np.abs(found).max():.2f}")
    assert within(found, 1e-3)


def noisy(chain):
    """A chain that is deliberately wrong: cells that are seen in part are drawn with twice the noise."""
    right = chain._cells.redraw_censored
    chain._cells.redraw_censored = lambda fits: right(fits._replace(tau2=4.0 * fits.tau2))


def lifted(chain):
    """A chain that is deliberately wrong: the levels of latent columns are drawn a fifth of their noise too high."""
    right = chain._regress_latent

    def regress():
        log_density = right()
        chain._fits.theta[:, :, -1] += 0.2
        return log_density

    chain._regress_latent = regress


TWINS = {"binary": lifted, "ordinal": lifted, "categorical": lifted, "limit": noisy}


@pytest.mark.parametrize("kind", TWINS)
def test_a_wrong_update_is_found(kind):
    assert not within(scores(kind, 40, thin=6 if kind in LOOKS else 2, before=TWINS[kind]))
