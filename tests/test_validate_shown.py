"""Wrong values are shown in errors on one line and without the names of NumPy's types."""

import re

import numpy as np
import pandas as pd
import pytest

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE
from tsinit._validate.values import short

#: No argument takes any of these.
WRONG = {
    "number": np.float64(-2.5),
    "text": np.str_("nonsense"),
    "pair": (np.float64(2.0), np.float64(1.0)),
    "list": [np.int64(-1), [np.str_("nonsense")]],
    "dict": {np.int64(7): (np.float64(0.0), np.int64(1))},
    "long list": [np.int64(-1)] * 70,
    "array": np.arange(-1, 60),
    "Series": pd.Series(np.arange(-1.0, 60.0)),
    "DataFrame": pd.DataFrame(np.eye(3)),
}


class Lines:
    """Prints on three lines."""

    def __repr__(self):
        return "a\nb\nc"


MODELS = [LinearGaussianSSM, TBayesMICE, InfiniteHMM]
#: What these take of the above.
TAKEN = {"random_state", "n_jobs", "verbose"}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("model", MODELS)
def test_errors_of_the_models_show_plain_values_on_one_line(model, kind, rng):
    X = np.where(rng.random((20, 2)) < 0.1, np.nan, rng.standard_normal((20, 2)))
    for name in sorted(set(model().get_params()) - TAKEN):
        with pytest.raises((ValueError, TypeError)) as caught:
            model(**{name: WRONG[kind]}).fit(X)
        message = str(caught.value)
        assert name in message
        assert "\n" not in message
        assert not re.search(r"np\.\w+\(", message), message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.5), "0.5"),
        ((np.int64(1), {"a": np.float32(2.0)}), "(1, {'a': 2.0})"),
        ({np.str_("b")}, "{'b'}"),
        (np.ones(2), "array([1., 1.])"),
        (np.ones((3, 2)), "ndarray of shape (3, 2)"),
        (Lines(), "a b c"),
        ([np.datetime64("2020", "ns")], "[np.datetime64('2020-01-01T00:00:00.000000000')]"),
    ],
)
def test_a_value_is_shown_short(value, text):
    assert short(value) == text
