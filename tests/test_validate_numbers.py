"""Numbers within bounds that may themselves be excluded."""

from fractions import Fraction

import numpy as np
import pytest

from tsinit._validate import check_number


@pytest.mark.parametrize(
    ("value", "options", "sentence"),
    [
        (0, {"above": 0.0}, "f must be a number above 0; got 0."),
        (
            1.0,
            {"above": 0.0, "below": 1.0},
            "f must be a number above 0 and below 1; got 1.0.",
        ),
        (-0.1, {"minimum": 0.0}, "f must be a number of at least 0; got -0.1."),
        (
            2,
            {"minimum": 0.0, "maximum": 1.0},
            "f must be a number of at least 0 and at most 1; got 2.",
        ),
        (1, {"minimum": 0, "below": 1}, "f must be a number of at least 0 and below 1; got 1."),
        (0, {"above": 0, "maximum": 1}, "f must be a number above 0 and at most 1; got 0."),
        (5, {"below": 5}, "f must be a number below 5; got 5."),
        (7, {"maximum": 5}, "f must be a number of at most 5; got 7."),
        (np.inf, {"above": 0.0}, "f must be a number above 0; got inf."),
        (10**400, {"minimum": 0}, f"f must be a number of at least 0; got {str(10**400)[:50]}...."),
        (float("nan"), {"rule": ", or None"}, "f must be a finite number, or None; got nan."),
        (True, {}, "f must be a finite number; got True."),
        (np.True_, {}, "f must be a finite number; got True."),
        (1j, {}, "f must be a finite number; got 1j."),
        ("3", {}, "f must be a finite number; got '3'."),
        ([1.0], {}, "f must be a finite number; got [1.0]."),
        (np.ones(1), {}, "f must be a finite number; got array([1.])."),
    ],
)
def test_what_is_outside_is_named_with_the_whole_rule(value, options, sentence):
    with pytest.raises(ValueError) as caught:
        check_number("f", value, **options)
    assert str(caught.value) == sentence


def test_what_is_inside_becomes_a_float():
    for value in (1, np.int32(1), np.float32(1), 1.0, Fraction(1)):
        number = check_number("f", value, above=0.0, below=2.0)
        assert (number, type(number)) == (1.0, float)
    assert check_number("f", 0, 0.0, 0.0) == 0.0
    assert check_number("f", -1e300) == -1e300
