"""Densities against scipy.stats, missing entries left out or integrated out."""

import numpy as np
import pytest
from emissions.cases import EMISSIONS, bind, gaps, observations
from reference import emissions as twin
from scipy import stats

from tsinit.kernels.density import all_log_densities

K = 3


def _expected(name, y, bound, params):
    told = bound.describe(params)
    if name in ("gaussian", "gaussian_diag", "gaussian_known_variance"):
        return twin.normal_log_density(y, bound.means(params), bound.covariances(params))
    if name == "student_t":
        return twin.student_t_log_density(y, told["location"], told["scale"], 3.0)
    one = {
        "poisson": lambda v, k, i: stats.poisson(told["rate"][k, i]).logpmf(v),
        "categorical": lambda v, k, i: np.log(told["probability"][k, i, int(v)]),
        "von_mises": lambda v, k, i: stats.vonmises(told["concentration"][k, i]).logpdf(
            v - told["direction"][k, i]
        ),
    }[name]
    return twin.columns_log_density(y, K, one)


def _densities(bound, y, params):
    """In the units of the data: every seen value brings its own Jacobian."""
    ours = all_log_densities(params, bound.data, K)
    scale = getattr(bound, "scale", None)
    return ours if scale is None else ours - (~np.isnan(y) @ np.log(scale.scale))[:, None]


@pytest.mark.parametrize("name", EMISSIONS)
def test_density_is_that_of_what_is_seen(rng, name):
    bound, y, z = bind(name, rng)
    params = bound.draw(rng, z, K, bound.latent(rng))
    ours = _densities(bound, y, params)
    np.testing.assert_allclose(ours, _expected(name, y, bound, params), rtol=1e-10, atol=1e-10)
    assert (ours[1] == 0.0).all()  # never seen


@pytest.mark.parametrize("name", EMISSIONS)
def test_new_rows_keep_priors_and_scale(rng, name):
    bound, _, z = bind(name, rng)
    params = bound.draw(rng, z, K, bound.latent(rng))
    new = gaps(rng, observations(name, rng, 12))
    ours = _densities(bound.with_data(new), new, params)
    np.testing.assert_allclose(ours, _expected(name, new, bound, params), rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="X must have the 2 columns of the fit; got 3"):
        bound.with_data(observations(name, rng, D=3))


@pytest.mark.parametrize("name", ["gaussian", "student_t"])
@pytest.mark.parametrize("D", [1, 6])
def test_any_number_of_columns_may_be_missing(rng, name, D):
    y = rng.standard_normal((80, D)) @ (np.eye(D) + rng.standard_normal((D, D)))
    for t in range(len(y)):
        y[t, rng.permutation(D)[: t % (D + 1)]] = np.nan
    bound = type(EMISSIONS[name])().bind(y)
    params = bound.draw(rng, rng.integers(0, K, len(y)), K, bound.latent(rng))
    ours = _densities(bound, y, params)
    if name == "gaussian":
        expected = twin.normal_log_density(y, bound.means(params), bound.covariances(params))
    else:
        told = bound.describe(params)
        expected = twin.student_t_log_density(y, told["location"], told["scale"], 4.0)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", EMISSIONS)
def test_simulated_data_have_the_density_and_the_moments_told(rng, name):
    """The sample is likeliest where it comes from; means and covariances are the sample's."""
    bound, _, z = bind(name, rng)
    params = bound.draw(rng, z, K, bound.latent(rng))
    n = 20_000
    y = bound.simulate(rng, params, np.full(n, 1))
    own = all_log_densities(params, bound.with_data(y).data, K).mean(axis=0)
    assert own.argmax() == 1
    x, mean = y, bound.means(params)[1]
    if name == "von_mises":  # a circular mean: the sine of the distance vanishes on average
        x = np.sin(y - mean)
        mean = np.zeros(2)
        variance = np.mean(2.0 - 2.0 * np.cos(y - bound.means(params)[1]), axis=0)
        np.testing.assert_allclose(variance, np.diag(bound.covariances(params)[1]), rtol=0.05)
    elif name != "student_t":  # with 3 degrees of freedom squares have no variance
        error = 5.0 * np.std((x - mean) ** 2, axis=0) / np.sqrt(n)
        assert (
            np.abs(np.mean((x - mean) ** 2, axis=0) - np.diag(bound.covariances(params)[1])) < error
        ).all()
    assert (np.abs(x.mean(axis=0) - mean) < 5.0 * x.std(axis=0) / np.sqrt(n)).all()
