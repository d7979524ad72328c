"""Densities against scipy.stats, missing entries left out or integrated out."""

import numpy as np
import pytest
from emissions.cases import EMISSIONS, bind, gaps, observations
from reference import emissions as twin
from scipy import stats

K = 3


def _expected(name, y, on_data, params):
    described = on_data.describe(params)

    def _nbinom(k, i):
        size, mean = described["size"][k, i], described["mean"][k, i]
        return stats.nbinom(size, size / (size + mean))

    if name in ("gaussian", "gaussian_diag", "gaussian_known_variance"):
        return twin.normal_log_density(y, on_data.means(params), on_data.covariances(params))
    if name == "by_column":
        t = twin.student_t_log_density(
            y[:, 1:], described["location[1]"], described["scale[1]"], 8.0
        )
        return t + twin.columns_log_density(
            y[:, :1], K, lambda v, k, i: stats.poisson(described["rate[0]"][k, i]).logpmf(v)
        )
    if name == "student_t":
        return twin.student_t_log_density(y, described["location"], described["scale"], 3.0)
    zeros = described.get("zero_inflation")
    if zeros is not None:

        def inflated(v, k, i):
            law = stats.poisson(described["rate"][k, i]) if "rate" in described else _nbinom(k, i)
            return np.log((1.0 - zeros[k, i]) * law.pmf(v) + zeros[k, i] * (v == 0))

        return twin.columns_log_density(y, K, inflated)
    one = {
        "poisson": lambda v, k, i: stats.poisson(described["rate"][k, i]).logpmf(v),
        "negative_binomial": lambda v, k, i: _nbinom(k, i).logpmf(v),
        "categorical": lambda v, k, i: np.log(described["probability"][k, i, int(v)]),
        "von_mises": lambda v, k, i: stats.vonmises(described["concentration"][k, i]).logpdf(
            v - described["direction"][k, i]
        ),
    }[name]
    return twin.columns_log_density(y, K, one)


def _densities(on_data, y, params):
    """In the units of the data: every seen value brings its own Jacobian."""
    ours = on_data.log_densities(params, K)
    for part, at in zip(
        getattr(on_data, "parts", [on_data]), getattr(on_data, "places", [slice(None)]), strict=True
    ):
        if hasattr(part, "scale"):
            ours = ours - (~np.isnan(y[:, at]) @ np.log(part.scale.scale))[:, None]
    return ours


@pytest.mark.parametrize("name", EMISSIONS)
def test_density_is_that_of_what_is_seen(rng, name):
    on_data, y, z = bind(name, rng)
    params = on_data.draw(rng, z, K, on_data.latent(rng))
    ours = _densities(on_data, y, params)
    np.testing.assert_allclose(ours, _expected(name, y, on_data, params), rtol=1e-10, atol=1e-10)
    assert (ours[1] == 0.0).all()  # never seen


@pytest.mark.parametrize("name", EMISSIONS)
def test_new_rows_keep_priors_and_scale(rng, name):
    on_data, _, z = bind(name, rng)
    params = on_data.draw(rng, z, K, on_data.latent(rng))
    new = gaps(rng, observations(name, rng, 12))
    ours = _densities(on_data.with_data(new), new, params)
    np.testing.assert_allclose(ours, _expected(name, new, on_data, params), rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="X must have the 2 columns of the fit; got 3"):
        on_data.with_data(observations(name, rng, D=3))


@pytest.mark.parametrize("name", ["gaussian", "student_t"])
@pytest.mark.parametrize("D", [1, 6])
def test_any_number_of_columns_may_be_missing(rng, name, D):
    y = rng.standard_normal((80, D)) @ (np.eye(D) + rng.standard_normal((D, D)))
    for t in range(len(y)):
        y[t, rng.permutation(D)[: t % (D + 1)]] = np.nan
    on_data = type(EMISSIONS[name])().bind(y)
    params = on_data.draw(rng, rng.integers(0, K, len(y)), K, on_data.latent(rng))
    ours = _densities(on_data, y, params)
    if name == "gaussian":
        expected = twin.normal_log_density(y, on_data.means(params), on_data.covariances(params))
    else:
        described = on_data.describe(params)
        expected = twin.student_t_log_density(y, described["location"], described["scale"], 4.0)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", EMISSIONS)
def test_simulated_data_have_the_density_and_the_moments_told(rng, name):
    """The sample is likeliest where it comes from; means and covariances are the sample's."""
    on_data, _, z = bind(name, rng)
    params = on_data.draw(rng, z, K, on_data.latent(rng))
    n = 20_000
    y = on_data.simulate(rng, params, np.full(n, 1))
    own = on_data.with_data(y).log_densities(params, K).mean(axis=0)
    assert own.argmax() == 1
    x, mean = y, on_data.means(params)[1]
    if name == "von_mises":  # a circular mean: the sine of the distance vanishes on average
        x = np.sin(y - mean)
        mean = np.zeros(2)
        variance = np.mean(2.0 - 2.0 * np.cos(y - on_data.means(params)[1]), axis=0)
        np.testing.assert_allclose(variance, np.diag(on_data.covariances(params)[1]), rtol=0.05)
    elif name != "student_t":  # with 3 degrees of freedom squares have no variance
        error = 5.0 * np.std((x - mean) ** 2, axis=0) / np.sqrt(n)
        assert (
            np.abs(np.mean((x - mean) ** 2, axis=0) - np.diag(on_data.covariances(params)[1]))
            < error
        ).all()
    assert (np.abs(x.mean(axis=0) - mean) < 5.0 * x.std(axis=0) / np.sqrt(n)).all()
