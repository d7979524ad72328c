"""What an emission accepts, refuses, and makes of awkward data."""

import pickle

import numpy as np
import pytest
from emissions.cases import EMISSIONS, observations, with_defaults
from sklearn.base import clone

from tsinit.emissions import (
    Categorical,
    DiagonalGaussian,
    Gaussian,
    KnownVarianceGaussian,
    NegativeBinomial,
    Poisson,
    StudentT,
    VonMises,
    names,
    resolve,
)

REAL = ["gaussian", "gaussian_diag", "gaussian_known_variance", "student_t"]


def _works(on_data, rng, K=3):
    """One round of everything gives finite numbers; returns the parameters described."""
    T = len(on_data.data[0])
    z = rng.integers(0, 2, T)
    latent = on_data.latent(rng)
    params = on_data.draw(rng, z, K, latent)
    latent = on_data.augment(rng, z, params, latent)
    params = on_data.draw(rng, z, K, latent)
    assert np.isfinite(on_data.log_densities(params, K)).all()
    assert np.isfinite(on_data.log_evidence(z, K, params, latent))
    assert np.isfinite(on_data.means(params)).all()
    assert np.isfinite(on_data.covariances(params)).all()
    assert on_data.simulate(rng, params, z).shape == (T, on_data.n_features)
    return on_data.describe(params)


@pytest.mark.parametrize("name", EMISSIONS)
def test_names_find_defaults_and_defaults_work(rng, name):
    emission = with_defaults(name)
    assert clone(emission).get_params() == emission.get_params()
    assert resolve(emission) is emission
    y = observations(name, rng)
    y[3, 0] = y[5] = np.nan
    _works(emission.bind(y, np.array([0, 10, 30])), rng)


def test_unknown_names_are_told_the_nearest():
    of_a_name = {*EMISSIONS, "autoregressive", "autoregressive_diag"} - {"by_column"}
    assert set(names()) == of_a_name
    with pytest.raises(ValueError, match=r"got 'gausian'\. Did you mean 'gaussian'\?"):
        resolve("gausian")
    with pytest.raises(
        TypeError,
        match=r"emission must be an object, not its class; got Gaussian. Write Gaussian\(\)",
    ):
        resolve(Gaussian)
    with pytest.raises(
        TypeError, match="emission must be a name or an object with a method bind; got 3"
    ):
        resolve(3)


@pytest.mark.parametrize("name", EMISSIONS)
def test_what_is_bound_can_be_sent_to_another_process(rng, name):
    on_data = with_defaults(name).bind(observations(name, rng))
    twin = pickle.loads(pickle.dumps(on_data))
    first, second = (b.prior_params(np.random.default_rng(0), 2) for b in (on_data, twin))
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


def test_heavy_tails_have_no_covariance(rng):
    on_data = StudentT(df=1.5).bind(observations("student_t", rng))
    S = on_data.covariances(on_data.prior_params(rng, 2))
    assert np.isposinf(S[:, [0, 1], [0, 1]]).all()
    assert np.isnan(S[:, 0, 1]).all()


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(
    "kind", ["constant", "never", "one row", "all missing", "outliers", "nearly constant"]
)
def test_awkward_columns_work(rng, name, kind):
    y = rng.standard_normal((1 if kind == "one row" else 40, 3))
    if kind == "constant":
        y[:, 1] = 7.3
    elif kind == "never":
        y[:, 1] = np.nan
    elif kind == "all missing":
        y[:] = np.nan
    elif kind == "outliers":
        y[[3, 9], [0, 2]] = 1e6, -1e6
    elif kind == "nearly constant":
        y[:, 1] = 0.1
        y[4, 1] = 0.1 + 1e-15
    described = _works(with_defaults(name).bind(y), rng)
    if kind == "constant":
        assert all(np.isfinite(v).all() for v in described.values())


@pytest.mark.parametrize("name", EMISSIONS)
@pytest.mark.parametrize("T", [1, 2])
def test_few_rows_work(rng, name, T):
    _works(with_defaults(name).bind(observations(name, rng, T)), rng)


@pytest.mark.parametrize("name", ["poisson", "negative_binomial", "categorical", "von_mises"])
def test_columns_without_a_value_or_without_spread_work(rng, name):
    y = np.zeros((20, 3))
    y[:, 1] = np.nan
    y[:, 2] = 2.0
    _works(with_defaults(name).bind(y), rng)


def test_one_outlier_does_not_squeeze_the_scale(rng):
    """Ordinary data keep their mean and sd; a value of 10^6 sd counts as one of 13."""
    y = rng.standard_normal((500, 1))
    scale = Gaussian().bind(y).scale
    assert (scale.loc[0], scale.scale[0]) == pytest.approx((y.mean(), y.std()))
    y[7] = 1e6
    assert Gaussian().bind(y).scale.scale[0] < 1.5


@pytest.mark.parametrize(
    ("name", "bad", "sentence"),
    [
        (
            "poisson",
            -1.0,
            "X must hold counts 0, 1, 2, ... for a Poisson emission; got -1 in row 2, column 1.",
        ),
        (
            "poisson",
            1.5,
            "X must hold counts 0, 1, 2, ... for a Poisson emission; got 1.5 in row 2, column 1.",
        ),
        (
            "negative_binomial",
            0.5,
            "X must hold counts 0, 1, 2, ... for a negative binomial emission; got 0.5 in row 2",
        ),
        (
            "negative_binomial",
            2e12,
            r"X must hold counts up to 1e\+12 for a negative binomial emission; got 2e\+12 in row 2",
        ),
        (
            "categorical",
            0.5,
            "X must hold whole numbers that name categories; got 0.5 in row 2, column 1.",
        ),
        (
            "von_mises",
            350.0,
            "X must hold angles between -2 pi and 2 pi unless their unit is given; got 350 in row 2",
        ),
        ("gaussian", np.inf, r"X must lie within \+-1e\+100; got inf in row 2, column 1."),
    ],
)
def test_wrong_values_are_named_with_their_place(name, bad, sentence):
    y = np.ones((5, 2))
    y[2, 1] = bad
    with pytest.raises(ValueError, match=sentence):
        resolve(name).bind(y)


def test_wrong_tables_are_refused():
    with pytest.raises(
        ValueError,
        match=r"X must be a table with at least one row and one column; got shape \(3,\)",
    ):
        Gaussian().bind(np.ones(3))
    with pytest.raises(ValueError, match="X must hold numbers"):
        Gaussian().bind([["a"]])


@pytest.mark.parametrize(
    ("emission", "sentence"),
    [
        (Gaussian(prior_df=3.0), "prior_df must be a number above 3; got 3.0."),
        (Gaussian(prior_weight=0), "prior_weight must be a number above 0; got 0."),
        (
            Gaussian(prior_mean=[1.0]),
            r"prior_mean must be a number or have one for each of .*; got shape \(1,\)",
        ),
        (Gaussian(prior_covariance=np.ones((2, 2))), "prior_covariance must be positive definite"),
        (
            Gaussian(prior_covariance=[[1.0, 0.5], [0.0, 1.0]]),
            "prior_covariance must be finite and symmetric",
        ),
        (Gaussian(prior_covariance=1.0), r"prior_covariance must have shape \(2, 2\)"),
        (DiagonalGaussian(prior_variance=[1.0, 0.0]), "prior_variance must be finite and above 0"),
        (DiagonalGaussian(prior_mean="x"), "prior_mean must hold real numbers; got 'x'."),
        (KnownVarianceGaussian(variance=-1.0), "variance must be finite and above 0; got -1.0."),
        (StudentT(df=0.0), "df must be a number above 0; got 0.0."),
        (Poisson(prior_shape=True), "prior_shape must be a number above 0; got True."),
        (
            NegativeBinomial(prior_size_shape=0.5),
            "prior_size_shape must be a number of at least 1; got 0.5.",
        ),
        (NegativeBinomial(prior_size=0.0), "prior_size must be finite and above 0; got 0.0."),
        (
            Categorical(categories=[0, 0]),
            r"categories must be distinct whole numbers; got \[0, 0\].",
        ),
        (
            Categorical(categories=[0, 2]),
            r"X must hold in column 0 categories of the fit, \[0, 2\]; got 1.",
        ),
        (VonMises(unit="turns"), "unit must be 'radians' or 'degrees'; got 'turns'."),
        (VonMises(prior_shape=0.5), "prior_shape must be a number of at least 1; got 0.5."),
    ],
)
def test_wrong_priors_are_refused_when_used(emission, sentence):
    with pytest.raises(ValueError, match=sentence):
        emission.bind(np.ones((6, 2)))


def test_a_category_not_seen_in_the_fit_is_named(rng):
    on_data = Categorical().bind(np.array([[0.0, 5.0], [1.0, 7.0]]))
    with pytest.raises(
        ValueError, match=r"X must hold in column 1 categories of the fit, \[5, 7\]; got 6."
    ):
        on_data.with_data(np.array([[1.0, 6.0]]))
    assert set(on_data.simulate(rng, on_data.prior_params(rng, 1), np.zeros(50, int))[:, 1]) <= {
        5.0,
        7.0,
    }
    wide = Categorical(categories=[5, 6, 7, 0, 1]).bind(np.array([[0.0, 5.0]]))
    assert wide.with_data(np.array([[1.0, 6.0]])).data.code.tolist() == [[1, 3]]


def test_degrees_are_radians_in_other_words(rng):
    """Same draws, reported in degrees; the density is per degree; a full turn makes no difference."""
    y, z = rng.vonmises(2.0, 3.0, (40, 1)), rng.integers(0, 2, 40)
    first = VonMises(unit="radians").bind(y)
    second = VonMises(unit="degrees").bind(np.degrees(y) + 360.0 * rng.integers(-3, 4, y.shape))
    a = first.draw(np.random.default_rng(1), z, 2, None)
    b = second.draw(np.random.default_rng(1), z, 2, None)
    around = np.radians(second.means(b)) - first.means(a)
    np.testing.assert_allclose(np.sin(around), 0.0, atol=1e-9)
    np.testing.assert_allclose(
        first.describe(a)["concentration"], second.describe(b)["concentration"], rtol=1e-9
    )
    per_degree = first.log_evidence(z, 2, a, None) + 40 * np.log(np.pi / 180.0)
    assert second.log_evidence(z, 2, b, None) == pytest.approx(per_degree, rel=1e-9)


@pytest.mark.parametrize("name", REAL)
def test_units_and_offsets_change_nothing_but_the_units(rng, name):
    y = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 3))
    y[rng.random(y.shape) < 0.2] = np.nan
    factor, offset, z = (
        np.array([1e-6, 3.0, 2e9]),
        np.array([5.0, -1e3, 1e10]),
        rng.integers(0, 2, 60),
    )
    both = [resolve(name).bind(y), resolve(name).bind(offset + factor * y)]
    described, value = [], []
    for on_data in both:
        rng = np.random.default_rng(2)
        latent = on_data.latent(rng)
        params = on_data.draw(rng, z, 2, latent)
        latent = on_data.augment(rng, z, params, latent)
        params = on_data.draw(rng, z, 2, latent)
        described.append((on_data.means(params), on_data.covariances(params)))
        value.append(on_data.log_evidence(z, 2, params, latent))
    np.testing.assert_allclose(described[1][0], offset + factor * described[0][0], rtol=1e-6)
    np.testing.assert_allclose(
        described[1][1], np.outer(factor, factor) * described[0][1], rtol=1e-5
    )
    jacobian = -np.sum(~np.isnan(y), axis=0) @ np.log(factor)
    assert value[1] == pytest.approx(value[0] + jacobian, rel=1e-8)


@pytest.mark.parametrize("name", EMISSIONS)
def test_whole_numbers_are_numbers(rng, name):
    y = rng.integers(0, 4, (30, 2))
    z = rng.integers(0, 2, 30)
    a, b = (with_defaults(name).bind(table) for table in (y, y.astype(float)))
    for left, right in zip(
        a.prior_params(np.random.default_rng(0), 2),
        b.prior_params(np.random.default_rng(0), 2),
        strict=True,
    ):
        np.testing.assert_array_equal(left, right)
    assert a.log_densities(a.prior_params(rng, 2), 2).shape == (30, 2)
    assert np.isfinite(a.log_evidence(z, 2, a.prior_params(rng, 2), a.latent(rng)))


def test_the_old_name_of_an_emission_on_data_works_for_one_more_release():
    import tsinit.emissions.base as base
    from tsinit import emissions

    for module in (emissions, base):
        with pytest.warns(FutureWarning, match=r"EmissionOnData; the old name goes in 0\.3"):
            assert module.Bound is emissions.EmissionOnData
        with pytest.raises(AttributeError, match="has no attribute 'Bond'"):
            module.Bond  # noqa: B018
