import numpy as np
import pytest

from tsinit.init._labels import count_distinct, finish, wanted_states


@pytest.mark.parametrize(
    ("T", "expected"), [(1, 2), (99, 2), (149, 2), (150, 3), (499, 9), (500, 10), (10**6, 10)]
)
def test_one_state_for_every_fifty_rows_within_two_and_ten(T, expected):
    assert wanted_states(None, T) == expected
    assert wanted_states(7, T) == 7


def slowly(labels, observed, offsets):
    """Search for a label row by row."""
    out = []
    for t in range(len(observed)):
        n = np.flatnonzero((offsets[:-1] <= t) & (t < offsets[1:]))[0]
        a, b = offsets[n], offsets[n + 1]
        wanted = [
            *range(t, a - 1, -1),
            *range(t + 1, b),
            *range(a - 1, -1, -1),
            *range(b, len(observed)),
        ]
        out.append(next((labels[s] for s in wanted if observed[s]), 0))
    return np.unique(out, return_inverse=True)[1]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 1.0])
def test_unseen_rows_look_back_then_ahead_then_at_other_sequences(rng, share):
    for _ in range(50):
        offsets = np.concatenate([[0], np.sort(rng.integers(0, 21, 4)), [20]])
        offsets = np.minimum(offsets, 20)
        labels, observed = rng.integers(5, size=20), rng.random(20) < share
        np.testing.assert_array_equal(
            finish(labels, observed, offsets), slowly(labels, observed, offsets)
        )


def test_distinct_rows_are_counted_as_far_as_needed(rng):
    few = np.repeat(rng.standard_normal((4, 2)), 100, axis=0)
    assert count_distinct(few, 10) == 4
    assert count_distinct(few, 3) == 3
    assert count_distinct(few[:0], 3) == 0
