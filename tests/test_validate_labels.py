"""Ready labels: what is taken, and one sentence for each mistake."""

import re

import numpy as np
import pandas as pd
import pytest

from tsinit._validate import check_labels


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, 1, 2, 1], [0, 1, 2, 1]),
        ((7, 7, 3, 100), [1, 1, 0, 2]),
        (np.array([2.0, 1.0, 2.0, 1.0], dtype=np.float32), [1, 0, 1, 0]),
        (np.array([True, False, True, True]), [1, 0, 1, 1]),
        (pd.Series([5, 5, 5, 6], index=[9, 8, 7, 6]), [0, 0, 0, 1]),
        (np.array([3, 2, 1, 2], dtype=np.uint8), [2, 1, 0, 1]),
        (np.array([1, 2, 2, 2], dtype=object), [0, 1, 1, 1]),
    ],
    ids=str,
)
def test_whole_numbers_of_any_kind_become_labels_without_holes(given, expected):
    labels = check_labels(given, 4)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.int64
    assert labels.flags.c_contiguous


def test_what_was_given_is_not_touched():
    given = np.array([4, 0, 4])
    given.flags.writeable = False
    labels = check_labels(given, 3)
    labels[0] = 9
    np.testing.assert_array_equal(given, [4, 0, 4])


@pytest.mark.parametrize(
    ("given", "error", "expected"),
    [
        (
            [0, 1],
            ValueError,
            "init must have one label for each of the 4 time steps; got shape (2,).",
        ),
        (
            np.zeros((4, 1), int),
            ValueError,
            "init must have one label for each of the 4 time steps; got shape (4, 1).",
        ),
        (3, ValueError, "init must have one label for each of the 4 time steps; got shape ()."),
        (
            [0, 1, 1.5, 0],
            ValueError,
            "init must hold whole numbers of at least 0; got 1.5 at time step 2.",
        ),
        (
            [0, 1, 1, -1],
            ValueError,
            "init must hold whole numbers of at least 0; got -1 at time step 3.",
        ),
        (
            [0, np.nan, 1, 0],
            ValueError,
            "init must hold whole numbers of at least 0; got nan at time step 1.",
        ),
        (
            [0, np.inf, 1, 0],
            ValueError,
            "init must hold whole numbers of at least 0; got inf at time step 1.",
        ),
        (
            ["a", "b", "a", "b"],
            TypeError,
            "init must hold whole numbers; got <U1 such as 'a'. numpy.unique(labels, return_inverse=True)[1] turns "
            "words into numbers.",
        ),
    ],
    ids=str,
)
def test_every_mistake_gets_one_sentence(given, error, expected):
    with pytest.raises(error, match=f"^{re.escape(expected)}$"):
        check_labels(given, 4)


def test_the_message_names_the_argument():
    with pytest.raises(
        ValueError, match=r"^inner must have one label for each of the 5 time steps"
    ):
        check_labels([0], 5, "inner")
