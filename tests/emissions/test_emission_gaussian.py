"""The Gaussian emissions: densities and evidence against textbook twins."""

import numpy as np
import pytest
from helpers import with_gaps
from reference import emissions as twin

from tsinit.emissions import DiagonalGaussian, Gaussian
from tsinit.kernels.density import all_log_densities


def _setup(rng, D=3, T=40, K=3, gaps=0.3):
    y = 100.0 + rng.standard_normal((T, D)) @ rng.standard_normal((D, D)) * 10.0
    z = rng.integers(0, K, T)
    return with_gaps(rng, y, gaps, rows=0.1), z, K


@pytest.mark.parametrize("emission", [Gaussian(), DiagonalGaussian()])
@pytest.mark.parametrize("D", [1, 2, 5])
def test_density_is_the_normal_of_what_is_seen(rng, emission, D):
    y, z, K = _setup(rng, D)
    bound = emission.bind(y, None)
    params = bound.draw(rng, z, K, bound.latent(rng))
    ours = all_log_densities(params, bound.data, K)
    expected = twin.normal_log_density(y, bound.means(params), bound.covariances(params))
    jacobian = (~np.isnan(y)) @ -np.log(bound.scale.scale)
    np.testing.assert_allclose(ours + jacobian[:, None], expected, rtol=1e-10, atol=1e-10)
