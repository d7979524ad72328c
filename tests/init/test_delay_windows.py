import numpy as np
import pytest

from tsinit.init._windows import (
    fill_linear,
    longest,
    place_in_run,
    place_in_sequence,
    project,
    take,
    window_ends,
)

NAN = np.nan


def test_places_count_from_the_start_of_each_sequence_and_of_each_run():
    offsets = np.array([0, 4, 4, 7])  # the second sequence is empty
    y = np.array([1, NAN, 1, 1, 1, 1, NAN])[:, None]
    np.testing.assert_array_equal(place_in_sequence(7, offsets), [0, 1, 2, 3, 0, 1, 2])
    np.testing.assert_array_equal(place_in_sequence(3, None), [0, 1, 2])
    np.testing.assert_array_equal(place_in_run(y, offsets), [0, -1, 0, 1, 0, 1, -1])
    np.testing.assert_array_equal(place_in_run(y, None), [0, -1, 0, 1, 2, 3, -1])
    assert (longest(7, offsets), longest(7, None)) == (4, 7)


def test_place_in_run_is_what_a_walk_counts(rng):
    y = np.where(rng.random((200, 2)) < 0.1, NAN, 1.0)
    offsets = np.array([0, 17, 18, 90, 200])
    expected, count = [], 0
    for t, row in enumerate(y):
        count = 0 if t in offsets else count
        count = 0 if np.isnan(row).any() else count + 1
        expected.append(count - 1)
    np.testing.assert_array_equal(place_in_run(y, offsets), expected)


def test_fill_interpolates_inside_a_sequence_holds_its_ends_and_leaves_the_rest():
    y = np.array([[NAN, 1], [2, NAN], [NAN, NAN], [4, 5], [10, NAN], [NAN, NAN]])
    before = y.copy()
    full = fill_linear(y, np.array([0, 4, 6]))
    np.testing.assert_allclose(
        full, [[2, 1], [2, 1 + 4 / 3], [3, 1 + 8 / 3], [4, 5], [10, 0], [10, 0]]
    )
    np.testing.assert_array_equal(y, before)
    np.testing.assert_allclose(fill_linear(y, None)[4:], [[10, 5], [10, 5]])


def test_windows_stay_inside_sequences_and_prefer_complete_ones():
    y = np.ones((12, 1))
    y[[2, 6], 0] = NAN
    offsets = np.array([0, 5, 12])
    by_hand = [e for a, b in ((0, 5), (5, 12)) for e in range(a + 2, b)]
    whole = [e for e in by_hand if not np.isnan(y[e - 2 : e + 1]).any()]
    np.testing.assert_array_equal(window_ends(y, offsets, 3, enough=len(whole)), whole)
    half = [e for e in by_hand if np.isnan(y[e - 2 : e + 1]).mean() <= 0.5]
    np.testing.assert_array_equal(window_ends(y, offsets, 3, enough=len(whole) + 1), half)
    y[3:] = NAN
    np.testing.assert_array_equal(window_ends(y, offsets, 3, enough=5), by_hand)
    assert window_ends(y, offsets, 8, enough=1).size == 0


@pytest.mark.parametrize("D", [1, 3])
def test_project_is_take_times_weights(rng, D):
    full, ends, weights = (
        rng.standard_normal((30, D)),
        np.array([4, 9, 29]),
        rng.standard_normal((5 * D, 2)),
    )
    windows = take(full, ends, 5)
    np.testing.assert_array_equal(windows[1], np.concatenate([full[9 - k] for k in range(5)]))
    np.testing.assert_allclose(
        project(full, ends, weights), windows @ weights, rtol=1e-12, atol=1e-12
    )
