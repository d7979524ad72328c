"""Lags follow the clock: never across a long hole, never into another sequence."""

import itertools

import numpy as np
import pytest

from tsinit.models.imputation import lag_patterns as lags
from tsinit.models.imputation.model import TBayesMICE


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


@pytest.mark.parametrize("L", [0, 1, 2, 3, 40])
def test_patterns_are_the_lags_that_the_clock_allows(rng, L):
    offsets = np.array([0, 9, 10, 12, 40])
    jumps = rng.choice([1, 1, 1, 2, 3, 4, 7, 30], size=40)
    steps = np.concatenate([np.cumsum(jumps[a:b]) for a, b in itertools.pairwise(offsets)])
    layout = lags.lay_out(offsets, steps, L)
    for t, expected in enumerate(available(offsets, steps, L)):
        before, after = lags.decode(int(layout.pattern[layout.place[t]]), L)
        assert {s for s in range(-before, after + 1) if s} == expected
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
    assert lags.decode(int(first), 2) == (0, 2)  # nothing before, two steps after
    k = served[layout.place[0]]
    counts = np.diff(patterns.starts)
    # Every row that has the next two steps informs the first row.
    assert counts[patterns.member[k]].sum() == 498
    full = served[layout.place[250]]
    assert counts[patterns.member[full]].sum() == 496


def test_too_few_rows_give_up_the_farthest_lags():
    layout = lags.lay_out(np.array([0, 40]), np.arange(40), 3)
    patterns = lags.group(layout, 3, lambda code: 3 + 2 * sum(lags.decode(code, 3)))
    served = patterns.regressions[
        lags.serve(layout.pattern, patterns.regressions, 3)[layout.place[20]]
    ]
    # 7 coefficients for 38 rows; three lags would be 9, and five rows each are asked for.
    assert lags.decode(int(served), 3) == (1, 1)


def test_a_column_is_explained_by_its_own_past_only():
    places = lags.features((2, 2), 1, 3, 2, 1, "all")
    own = {place // 3 - 2 for place in places if place < 15 and place % 3 == 1}
    assert own == {-2, -1}
    assert len(places) == 2 * 5 + 2 + 1
    assert len(lags.features((2, 2), 1, 3, 2, 1, "own")) == 2 + 2 + 1


def test_many_lags_need_few_regressions_and_few_gram_matrices():
    layout = lags.lay_out(np.array([0, 4000]), np.arange(4000), 100)
    patterns = lags.group(layout, 100, lambda code: 1 + sum(lags.decode(code, 100)))
    assert len(patterns.codes) == 201
    assert len(patterns.regressions) < 40
    few = lags.merged(patterns)
    assert few.member.shape[1] < 40
    assert few.codes[0] == patterns.codes[0]
    np.testing.assert_array_equal(np.sort(few.rows), np.sort(patterns.rows))
    counts, all_counts = np.diff(few.starts), np.diff(patterns.starts)
    np.testing.assert_array_equal(few.member @ counts, patterns.member @ all_counts)


@pytest.mark.parametrize("lags_asked", [31, 32, 33, 64, 90, 200])
@pytest.mark.parametrize("D", [1, 3])
def test_any_number_of_lags_works(rng, lags_asked, D):
    """As many as one likes, more than there are rows for too: a sine is continued, noise is filled by noise."""
    y = rng.standard_normal((160, D))
    y[:, 0] = np.sin(np.arange(160) / 3.0) + 0.01 * rng.standard_normal(160)
    full = y.copy()
    y[[20, 90, 140], 0] = y[[21, 100], -1] = np.nan
    model = TBayesMICE(lags=lags_asked, n_tune=30, n_draws=50, n_chains=1, random_state=0).fit(y)
    assert np.abs(model.transform(y) - full)[[20, 90, 140], 0].max() < 0.3
    other = full[:50].copy()
    other[25, 0] = np.nan
    assert abs(model.transform(other)[25, 0] - full[25, 0]) < 0.3


def test_a_race_with_many_lags_and_columns(rng):
    y = np.where(rng.random((39, 12)) < 0.05, np.nan, rng.standard_normal((39, 12)))
    settings = {"n_tune": 10, "n_draws": 2, "n_chains": 1, "sampler": "gibbs", "random_state": 0}
    model = TBayesMICE(init="auto", lags=50, **settings).fit(y)
    assert np.isfinite(model.transform(y)).all()
