"""Bounds that are themselves excluded."""

import numpy as np
import pytest

from tsinit._validate import check_inside


@pytest.mark.parametrize(
    ("value", "options", "sentence"),
    [
        (0, {"low": 0.0}, "f must be a number above 0; got 0."),
        (1.0, {"low": 0.0, "high": 1.0}, "f must be a number above 0 and below 1; got 1.0."),
        (-0.1, {"low": 0.0, "closed": True}, "f must be a number of at least 0; got -0.1."),
        (5, {"high": 5}, "f must be a number below 5; got 5."),
        (np.inf, {"low": 0.0}, "f must be a number above 0; got inf."),
        (float("nan"), {"rule": ", or None"}, "f must be a finite number, or None; got nan."),
        (True, {}, "f must be a finite number; got True."),
        (np.True_, {}, "f must be a finite number; got True."),
        ("3", {}, "f must be a finite number; got '3'."),
        ([1.0], {}, "f must be a finite number; got [1.0]."),
    ],
)
def test_what_is_outside_is_named_with_the_whole_rule(value, options, sentence):
    with pytest.raises(ValueError) as caught:
        check_inside("f", value, **options)
    assert str(caught.value) == sentence


def test_what_is_inside_becomes_a_float():
    for value in (1, np.int32(1), np.float32(1), 1.0):
        number = check_inside("f", value, 0.0, 2.0)
        assert (number, type(number)) == (1.0, float)
    assert check_inside("f", 0, 0.0, closed=True) == 0.0
    assert check_inside("f", -1e300) == -1e300
