import numpy as np
import pytest

from tsinit.kernels._jit import entry
from tsinit.kernels.hidden_markov.exponential import exponentials


@entry
def call(x):
    power = np.empty(x.size)
    exponentials(x, x.size, power, power.view(np.int64))


@pytest.mark.parametrize("size", [1e-300, 1e-3, 1.0, 30.0, 700.0])
def test_only_the_last_place_may_be_off(rng, size):
    x = -size * rng.random(100_000)
    found = x.copy()
    call(found)
    exact = np.exp(x)
    # Two units of our own, and one that the comparison may be off.
    assert (np.abs(found - exact) <= 3 * np.spacing(exact)).all()


def test_special_values():
    found = np.array([0.0, -np.inf, -708.0, -708.1, -1e300, np.nan, -np.log(2.0)])
    call(found)
    np.testing.assert_allclose(found, [1.0, 0.0, np.exp(-708.0), 0.0, 0.0, np.nan, 0.5], rtol=1e-15)
    assert found[0] == 1.0
