"""Lags follow the clock: never across a long hole, never into another sequence."""

import itertools

import numpy as np
import pytest

from tsinit.models.imputation import lagged_regressions as lags


def available(offsets, steps, L):
    """For every row, the lags whose step is in the same sequence or in a hole of at most L steps, row by row."""
    found = []
    for a, b in itertools.pairwise(offsets):
        # Pieces that no long hole parts cover all steps between their ends.
        piece = np.cumsum(np.diff(steps[a:b], prepend=steps[a]) > L + 1)
        for t in range(a, b):
            mine = steps[a:b][piece == piece[t - a]]
            found.append({s for s in range(-L, L + 1) if s and mine[0] <= steps[t] + s <= mine[-1]})
    return found


@pytest.mark.parametrize("L", [0, 1, 2, 3])
def test_patterns_are_the_lags_that_the_clock_allows(rng, L):
    offsets = np.array([0, 9, 10, 12, 40])
    jumps = rng.choice([1, 1, 1, 2, 3, 4, 7, 30], size=40)
    steps = np.concatenate([np.cumsum(jumps[a:b]) for a, b in itertools.pairwise(offsets)])
    layout = lags.lay_out(offsets, steps, L)
    shifts = [*range(-L, 0), *range(1, L + 1)]
    for t, expected in enumerate(available(offsets, steps, L)):
        code = layout.pattern[layout.place[t]]
        assert {s for bit, s in enumerate(shifts) if code >> bit & 1} == expected
    assert (layout.pattern[:L] == -1).all()
    assert (layout.pattern[layout.n_rows - L :] == -1).all()


def test_a_short_hole_becomes_missing_rows_and_a_long_one_does_not():
    layout = lags.lay_out(np.array([0, 6]), np.array([0, 1, 4, 5, 50, 51]), 2)
    assert layout.place[2] - layout.place[1] == 3
    assert (layout.pattern[layout.place[1] : layout.place[2]] >= 0).all()
    between = layout.pattern[layout.place[3] + 1 : layout.place[4]]
    assert len(between) == 2
    assert (between == -1).all()


def test_rare_patterns_are_served_by_fewer_lags_and_informed_by_more_rows():
    layout = lags.lay_out(np.array([0, 500]), np.arange(500), 2)
    patterns = lags.group(layout, 2, lambda code: 10)
    served = lags.serve(layout.pattern, patterns.regressions, 2)
    first = patterns.regressions[served[layout.place[0]]]
    assert first == 0b1100  # nothing before, two steps after
    k = served[layout.place[0]]
    counts = np.diff(patterns.starts)
    # Every row that has the next two steps informs the first row.
    assert counts[patterns.member[k]].sum() == 498
    full = served[layout.place[250]]
    assert counts[patterns.member[full]].sum() == 496


def test_too_few_rows_give_up_the_farthest_lags():
    layout = lags.lay_out(np.array([0, 40]), np.arange(40), 3)
    patterns = lags.group(layout, 3, lambda code: 3 + 2 * int(code).bit_count())
    served = patterns.regressions[
        lags.serve(layout.pattern, patterns.regressions, 3)[layout.place[20]]
    ]
    assert (
        served == 0b001100
    )  # 7 coefficients for 38 rows; three lags would be 9, and five rows each are asked for


def test_a_column_is_explained_by_its_own_past_only():
    places = lags.features(0b1111, 1, 3, 2, 1, "all")
    own = {place // 3 - 2 for place in places if place < 15 and place % 3 == 1}
    assert own == {-2, -1}
    assert len(places) == 2 * 5 + 2 + 1
    assert len(lags.features(0b1111, 1, 3, 2, 1, "own")) == 2 + 2 + 1
