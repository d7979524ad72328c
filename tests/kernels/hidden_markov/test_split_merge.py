"""The kernels of split and merge moves against enumeration of all divisions."""

import numpy as np
import pytest
from reference import hdp
from reference import split_merge as twin
from scipy import stats

from tsinit.kernels.hidden_markov import split_merge as kernels

OFFSETS = [0, 6, 7, 12]
BEGINS = hdp.begins_of(OFFSETS)
#: State 2 is concerned, at the end of a sequence, in a sequence of its own, and in between; 3 where two are there.
Z = np.array([2, 2, 0, 2, 1, 2, 2, 0, 2, 2, 2, 1])
ROWS = np.flatnonzero(Z == 2)
BETA = np.array([0.2, 0.1, 0.4, 0.3])
NO_GOAL = np.empty(0, dtype=np.int64)


def case(rng, rho, launch):
    """What is concerned, with the launch decided as it says, and densities that hold rows 0 and 9 where they are."""
    side = np.full(Z.size, kernels.OUTSIDE)
    side[ROWS] = kernels.UNDECIDED
    for t, part in launch.items():
        side[t] = part
    density = rng.standard_normal((Z.size, 2))
    density[0, 1] = density[9, 0] = -np.inf
    concerned = kernels.Concerned(ROWS, side, Z, BEGINS)
    return concerned, density, np.array([2.5, rho, 1.2])


LAUNCHES = {
    "two rows": {0: 0, 9: 1},
    "some": {0: 0, 1: 0, 3: 1, 9: 1, 10: 0},
    "all": {int(t): i % 2 for i, t in enumerate(ROWS)} | {0: 0, 9: 1},
}


@pytest.mark.parametrize("rho", [0.0, 0.6])
@pytest.mark.parametrize("launch", LAUNCHES.values(), ids=LAUNCHES)
def test_the_probability_of_every_division_is_that_of_enumeration(rng, rho, launch):
    concerned, density, values = case(rng, rho, launch)
    want = twin.allotment(Z, BEGINS, set(ROWS.tolist()), launch, density, BETA, 0.4, values, 0, 9)
    start = concerned.side.copy()
    for parts, p in want.items():
        concerned.side[:] = start
        goal = np.zeros(Z.size, dtype=np.int64)
        goal[ROWS] = parts
        log_q = kernels.allot(rng.random(ROWS.size), concerned, density, BETA, 0.4, values, goal)
        assert np.exp(log_q) == pytest.approx(p, rel=1e-10)
        assert np.array_equal(concerned.side[ROWS], parts)
    assert len(want) == 2 ** (len(ROWS) - 2)


def test_divisions_are_drawn_with_the_probability_that_is_said(rng):
    concerned, density, values = case(rng, 0.6, LAUNCHES["some"])
    start, names = concerned.side.copy(), 2 ** np.arange(len(ROWS))
    want = twin.allotment(
        Z, BEGINS, set(ROWS.tolist()), LAUNCHES["some"], density, BETA, 0.4, values, 0, 9
    )
    code = {int(np.dot(names, parts)): i for i, parts in enumerate(want)}
    p, counts = np.array(list(want.values())), np.zeros(len(want))
    for _ in range(20_000):
        concerned.side[:] = start
        log_q = kernels.allot(rng.random(ROWS.size), concerned, density, BETA, 0.4, values, NO_GOAL)
        drawn = code[int(np.dot(names, concerned.side[ROWS]))]
        assert np.exp(log_q) == pytest.approx(p[drawn], rel=1e-10)
        counts[drawn] += 1
    common = p * counts.sum() >= 5.0
    got = np.append(counts[common], counts[~common].sum())
    expected = np.append(p[common], p[~common].sum()) * counts.sum()
    assert stats.chisquare(got, expected).pvalue > 1e-4


def test_a_row_without_density_is_not_a_number(rng):
    concerned, density, values = case(rng, 0.6, LAUNCHES["some"])
    density[3] = -np.inf
    assert np.isnan(
        kernels.allot(rng.random(ROWS.size), concerned, density, BETA, 0.4, values, NO_GOAL)
    )


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_two_states_are_weighed_against_one_as_their_definitions_say(rng, rho):
    concerned, _, values = case(rng, rho, LAUNCHES["all"])
    alpha, _, gamma = values
    weights = np.array([0.25, 0.15])
    part, rows = LAUNCHES["all"], set(ROWS.tolist())
    two = {0: 0.2, 1: 0.1, ("part", 0): 0.25, ("part", 1): 0.15, None: 0.3}
    one = {0: 0.2, 1: 0.1, 2: 0.4, None: 0.3}
    names = twin.names_of(Z, rows, part)
    want = twin.log_rows(names, BEGINS, two, alpha, rho) + twin.log_sticks(two, gamma)
    want -= twin.log_rows(Z.tolist(), BEGINS, one, alpha, rho) + twin.log_sticks(one, gamma)
    pairs = twin.steps_of(names, BEGINS)
    shapes = [twin.share_shape(x, pairs, 0.4, alpha, rho) for x in (0, 1)]
    # (sum, share) has the density of the two weights times the sum.
    want += np.log(0.4) - twin.log_beta(0.25 / 0.4, *shapes)
    gain = kernels.weigh(rng, concerned, BETA, weights, values, False)
    assert gain == pytest.approx(want, rel=1e-11)
    assert weights.tolist() == [0.25, 0.15]


def test_shares_are_drawn_with_the_density_that_is_said(rng):
    concerned, _, values = case(rng, 0.6, LAUNCHES["all"])
    pairs = twin.steps_of(twin.names_of(Z, set(ROWS.tolist()), LAUNCHES["all"]), BEGINS)
    shapes = [twin.share_shape(x, pairs, 0.4, values[0], 0.6) for x in (0, 1)]
    shares = np.empty(4000)
    for i in range(shares.size):
        weights = np.array([0.2, 0.2])
        gain = kernels.weigh(rng, concerned, BETA, weights, values, True)
        assert weights.sum() == pytest.approx(0.4)
        again = kernels.weigh(rng, concerned, BETA, weights, values, False)
        assert gain == pytest.approx(again, rel=1e-9)
        shares[i] = weights[0] / 0.4
    assert stats.kstest(shares, "beta", args=shapes).pvalue > 1e-3
