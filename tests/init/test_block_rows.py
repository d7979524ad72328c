"""The number of block rows: the rule where data abound, and how it gives way where they do not."""

import numpy as np
import pytest

from tsinit.init.subspace.orders import autoregressive_order, block_row_choices, memory_of_runs


def columns(lengths, i):
    return sum(max(0, length - 2 * i + 1) for length in lengths)


@pytest.mark.parametrize(
    ("n", "D", "expected"),
    [
        (2, 1, [3, 4]),
        (4, 1, [5, 6]),
        (8, 1, [9, 12]),
        (4, 2, [3, 4]),
        (4, 10, [2, 3]),
        (12, 4, [4, 5]),
    ],
)
def test_the_least_and_the_usual_number_are_offered(n, D, expected):
    assert block_row_choices([5000], D, n) == expected


def test_memory_adds_doubles_as_far_as_the_data_allow():
    assert block_row_choices([5000], 1, 4, "auto", lambda maximum: maximum) == [
        5,
        6,
        12,
        24,
        48,
        64,
    ]
    *_, i = block_row_choices([500], 1, 4, "auto", lambda maximum: maximum)
    assert columns([500], i) >= 20 * i > 0
    assert columns([500], i + 1) < 20 * (i + 1)
    assert block_row_choices([5000], 1, 4, "auto", lambda maximum: 2) == [5, 6]
    assert block_row_choices(
        [50], 1, 4, "auto", lambda maximum: pytest.fail("too few data to ask")
    ) == [5, 6]


@pytest.mark.parametrize("lengths", [[30], [20, 18, 9], [13], [8, 8, 8, 8]])
@pytest.mark.parametrize("D", [1, 3])
def test_few_data_lower_it_but_leave_columns(lengths, D):
    choices = block_row_choices(lengths, D, 8)
    assert choices[0] >= 2
    assert columns(lengths, choices[-1]) >= 1
    usual = max(-(-8 // D) + 2, -(-12 // D))
    assert choices[-1] == usual or columns(lengths, choices[-1] + 1) < 2 * (choices[-1] + 1) * D


def test_a_number_given_is_kept_while_a_window_fits():
    assert block_row_choices([100, 7], 2, 4, 20) == [20]
    assert block_row_choices([31, 7], 2, 4, 20) == [15]


@pytest.mark.parametrize("lengths", [[], [3], [2, 3, 1]])
def test_no_window_at_all_is_an_error_that_says_so(lengths):
    with pytest.raises(ValueError, match=r"4 or more consecutive complete rows .*; got \d"):
        block_row_choices(lengths, 1, 2)


@pytest.mark.parametrize(("coefficient", "order"), [(0.6, 3), (0.0, 0)])
def test_order_is_that_of_separate_least_squares_fits(rng, coefficient, order):
    T, D, maximum = 800, 3, 8
    y = rng.standard_normal((T, D))
    for t in range(3, T):
        y[t] -= coefficient * y[t - 3]
    rows = np.arange(maximum, T)
    target = y[rows]
    aic = []
    for p in range(maximum + 1):
        past = np.hstack([y[rows - k] for k in range(1, p + 1)]) if p else np.zeros((len(rows), 0))
        left = target - past @ np.linalg.lstsq(past, target, rcond=None)[0]
        aic.append(len(rows) * np.linalg.slogdet(left.T @ left / len(rows))[1] + 2 * p * D**2)
    assert memory_of_runs(y, np.array([0, T]), maximum) == int(np.argmin(aic)) == order


def test_a_series_without_noise_has_an_order(rng):
    t = np.arange(300)
    assert 2 <= memory_of_runs(np.sin(0.3 * t)[:, None], np.array([0, 300]), 10) <= 10
    assert autoregressive_order(np.ones((3, 3)), 1, 100) >= 1
