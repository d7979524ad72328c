import numpy as np
import pytest

from tsinit.init._scaling import standardise, unscale
from tsinit.kernels import LinearGaussianParams


@pytest.fixture
def y(rng):
    y = rng.standard_normal((50, 3)) * [1.0, 1e-3, 40.0] + [0.0, 1e6, -5.0]
    y[rng.random(y.shape) < 0.3] = np.nan
    return y


def test_standardise_is_the_mean_and_standard_deviation_of_what_was_seen(y):
    z, loc, scale = standardise(y)
    np.testing.assert_allclose(loc, np.nanmean(y, axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale, np.nanstd(y, axis=0), rtol=1e-12)
    np.testing.assert_allclose(z, (y - loc) / scale, atol=1e-7)
    np.testing.assert_array_equal(np.isnan(z), np.isnan(y))


def test_a_large_mean_costs_only_the_digits_it_took_from_the_data(rng):
    y = rng.standard_normal((100, 1))
    z, _, _ = standardise(y)
    far, _, _ = standardise(y + 1e9)
    np.testing.assert_allclose(far, z, atol=1e-6)  # 1e9 leaves 1e-7 of the digits


@pytest.mark.parametrize(
    "column",
    [
        np.full(7, 0.1),
        np.r_[np.nan, 3.0, np.full(5, np.nan)],
        np.r_[0.3, np.full(6, 0.1 + 0.2)],  # differs by rounding only
    ],
    ids=["constant", "observed once", "rounding"],
)
def test_a_column_that_never_varies_gets_scale_one(column):
    z, loc, scale = standardise(column[:, None])
    assert scale[0] == 1.0
    assert loc[0] == pytest.approx(np.nanmean(column))
    np.testing.assert_allclose(z[~np.isnan(column), 0], 0.0, atol=1e-15)


def test_a_column_never_seen_stays_missing_at_location_zero():
    z, loc, scale = standardise(np.full((4, 1), np.nan))
    assert np.isnan(z).all()
    assert (loc[0], scale[0]) == (0.0, 1.0)


def test_unscale_gives_the_same_outputs_in_the_units_of_the_data(rng):
    C, d, x = rng.standard_normal((3, 2)), rng.standard_normal(3), rng.standard_normal(2)
    loc, scale = np.array([1.0, -2.0, 30.0]), np.array([0.1, 5.0, 1e4])
    params = LinearGaussianParams(
        np.eye(2) / 2, C, np.eye(2), np.eye(3) + 0.5, np.zeros(2), np.eye(2), d
    )
    out = unscale(params, loc, scale)
    np.testing.assert_allclose(out.C @ x + out.d, loc + scale * (C @ x + d), rtol=1e-13)
    np.testing.assert_allclose(out.R, np.diag(scale) @ params.R @ np.diag(scale), rtol=1e-13)
    np.testing.assert_array_equal(unscale(params._replace(d=None), loc, scale).d, loc)
