"""Log evidence against the chain rule of predictive densities and against quadrature, gaps included."""

import numpy as np
import pytest
from emissions.cases import EMISSIONS, MEAN, SIGMA, bind, gaps, observations
from reference import emissions as twin
from scipy import stats

from tsinit.emissions import DiagonalGaussian, Gaussian, VonMises


def _expected(name, y, z, on_data):
    if name == "gaussian":
        return twin.normal_wishart_log_evidence(y, z, MEAN, 0.5, 8.0, SIGMA * 5.0)
    if name == "gaussian_diag":
        return twin.normal_gamma_log_evidence(y, z, MEAN, 0.5, 4.0, np.array([4.0, 2.0]) * 3.0)
    if name == "gaussian_known_variance":
        return twin.known_variance_log_evidence(y, z, [4.0, 2.0], MEAN, [9.0, 3.0])
    if name == "poisson":
        return twin.poisson_log_evidence(y, z, 1.5, 1.5 / np.array([3.0, 0.7]))
    return twin.categorical_log_evidence(y, z, on_data.prior.counts)


@pytest.mark.parametrize(
    "name", ["gaussian", "gaussian_diag", "gaussian_known_variance", "poisson", "categorical"]
)
def test_evidence_is_the_product_of_predictive_densities(rng, name):
    on_data, y, z = bind(name, rng, missing=name != "gaussian")
    if name == "gaussian":
        y[[3, 7]] = np.nan
        on_data = EMISSIONS[name].bind(y)
    assert on_data.collapsed
    assert on_data.log_evidence(z, 3, None, None) == pytest.approx(
        _expected(name, y, z, on_data), rel=1e-11
    )


def test_negative_binomial_evidence_is_the_integral_over_sizes(rng):
    on_data, y, z = bind("negative_binomial", rng)
    mean, size = np.array([3.0, 0.7]), np.array([2.0, 8.0])
    expected = twin.negative_binomial_log_evidence(y, z, mean, 1.5, size, 2.0)
    assert on_data.collapsed
    assert on_data.log_evidence(z, 3, None, None) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_von_mises_evidence_is_the_double_integral(rng, weight):
    y = np.column_stack([rng.vonmises(2.0, 8.0, 9), rng.vonmises(0.0, 0.5, 9)])
    y[3, 0] = np.nan
    z = np.array([0, 1, 1, 0, 1, 0, 1, 1, 1])
    on_data = VonMises(None, [0.5, -2.0], weight, [2.0, 4.0], 2.5).bind(y)
    expected = twin.von_mises_log_evidence(
        y, z, [0.5, -2.0], weight, 2.5, 2.5 / np.array([2.0, 4.0])
    )
    assert on_data.log_evidence(z, 2, None, None) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("name", ["gaussian", "student_t"])
def test_joint_density_where_parameters_stay(rng, name):
    """Rows seen in part, or weights: sum of log densities and the log prior of the states in use."""
    on_data, y, z = bind(name, rng)
    assert not on_data.collapsed
    params = on_data.draw(rng, z, 3, on_data.latent(rng))
    described = on_data.describe(params)
    mean, S = on_data.means(params), described.get("covariance", described.get("scale"))
    rows = (
        twin.normal_log_density(y, mean, S)
        if name == "gaussian"
        else twin.student_t_log_density(y, mean, S, 3.0)
    )
    expected = rows[np.arange(len(z)), z].sum()
    # The prior in the scale of the sampler: the Jacobian of mean and covariance is taken off.
    unit = np.log(on_data.scale.scale).sum()
    for k in range(2):
        expected += stats.invwishart(8.0, SIGMA * 5.0).logpdf(S[k]) + (2 + 1) * unit
        expected += stats.multivariate_normal(MEAN, S[k] / 0.5).logpdf(mean[k]) + unit
    assert on_data.log_evidence(z, 3, params, None) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", EMISSIONS)
def test_evidence_knows_no_order_of_rows_or_names_of_states(rng, name):
    on_data, y, z = bind(name, rng)
    latent = on_data.latent(rng)
    params = on_data.draw(rng, z, 2, latent)
    order = rng.permutation(len(y))
    turned = params._make(a[[1, 0]] for a in params)
    value = on_data.log_evidence(z, 2, params, latent)
    assert on_data.with_data(y[order]).log_evidence(1 - z[order], 2, turned, None) == pytest.approx(
        value, rel=1e-10
    )


@pytest.mark.parametrize("emission", [Gaussian, DiagonalGaussian])
def test_evidence_survives_an_offset_and_a_tight_state(rng, emission):
    """Means 1e4 apart, spread 1e-3: sums about the origin would lose all digits."""
    z = rng.integers(0, 2, 200)
    y = 1e6 + 1e4 * z[:, None] + 1e-3 * rng.standard_normal((200, 2))
    on_data = emission().bind(y)
    s = on_data.scale
    standard = (y - s.loc) / s.scale
    if emission is Gaussian:
        expected = twin.normal_wishart_log_evidence(
            standard, z, np.zeros(2), 0.05, 5.0, 0.5 * np.eye(2)
        )
    else:
        expected = twin.normal_gamma_log_evidence(
            standard, z, np.zeros(2), 0.05, 2.0, np.full(2, 0.25)
        )
    assert on_data.log_evidence(z, 2, None, None) - on_data.log_jacobian == pytest.approx(
        expected, rel=1e-9
    )


def test_defaults_are_the_documented_ones(rng):
    y = gaps(rng, observations("gaussian", rng))
    prior, scale = Gaussian().bind(y).prior, Gaussian().bind(y).scale
    np.testing.assert_allclose(scale.loc, np.nanmean(y, axis=0))
    np.testing.assert_allclose(scale.scale, np.nanstd(y, axis=0))
    assert (prior.k, prior.df) == (0.05, 5.0)
    np.testing.assert_allclose(prior.Psi / (prior.df - 3.0), 0.25 * np.eye(2))
