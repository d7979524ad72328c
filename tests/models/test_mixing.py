"""R-hat and effective sample size are ArviZ's."""

import arviz as az
import numpy as np
import pytest

from tsinit.models import mixing


def walks(rng, phi, shape=(4, 500)):
    x = np.zeros(shape)
    for t in range(1, shape[1]):
        x[:, t] = phi * x[:, t - 1] + rng.standard_normal(shape[0])
    return x


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.95])
@pytest.mark.skipif(
    int(az.__version__.split(".")[0]) > 0,
    reason="other versions have other doors to the same numbers",
)
def test_they_are_those_of_arviz(rng, phi):
    x = walks(rng, phi)
    x[0] += 0.3
    assert abs(mixing.rhat(x) - float(az.rhat(x))) < 1e-6
    assert abs(mixing.ess(x) / float(az.ess(x)) - 1) < 1e-6
    assert mixing.rhat(x[:1]) < 1.2  # the halves of one chain


def test_a_constant_agrees_and_says_nothing():
    assert mixing.rhat(np.ones((4, 100))) == 1.0
    assert np.isnan(mixing.ess(np.ones((4, 100))))
    assert np.isnan(mixing.rhat(np.ones((4, 2))))


def test_chains_apart_are_noticed(rng):
    x = rng.standard_normal((4, 200)) + np.arange(4)[:, None]
    assert mixing.rhat(x) > 1.5
