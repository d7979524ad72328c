"""Strategies on data that hold next to nothing."""

import numpy as np
import pytest

from tsinit import InfiniteHMM, TBayesMICE
from tsinit.init import Seasonal, Subspace

SHORT = {"n_tune": 3, "n_draws": 3, "n_chains": 1, "random_state": 0}


def sparse():
    y = np.full((60, 2), np.nan)
    y[5, 0], y[30, 0], y[9, 1] = -1.2, 4.9, 2.4
    return y


@pytest.mark.parametrize(
    "y", [sparse(), np.ones((60, 2)), sparse() * 0.0], ids=["sparse", "constant", "both"]
)
def test_subspace_labels_and_fills_what_has_no_order(y):
    rng = np.random.default_rng(0)
    labels = Subspace().labels(y, rng, n_states=3)
    assert labels.shape == (60,)
    assert labels.min() >= 0
    assert np.isfinite(Subspace().fill(y, rng)).all()
    assert InfiniteHMM(init="subspace", **SHORT).fit(y).n_states_ >= 1


@pytest.mark.parametrize("period", [61.0, 1e6, 1e300])
def test_a_season_longer_than_the_series_is_none(period):
    rng = np.random.default_rng(0)
    y = rng.standard_normal((60, 2))
    y[3:9, 0] = np.nan
    filled = Seasonal(period=period).fill(y)
    np.testing.assert_allclose(filled, Seasonal(period=60.0).fill(y))
    assert np.isfinite(
        TBayesMICE(period=period, init="seasonal", **SHORT).fit(y).transform(y)
    ).all()


@pytest.mark.parametrize("scale", [1e-321, 1e-300, 1e-160])
@pytest.mark.parametrize("model", [InfiniteHMM(**SHORT), TBayesMICE(**SHORT)])
def test_variation_without_a_variance_is_refused(model, scale):
    y = np.round(np.random.default_rng(0).standard_normal((60, 2)) * 2) * scale
    with pytest.raises(ValueError, match="must vary by at least 1e-150 in every column"):
        model.fit(y)


def test_rows_without_a_value_have_labels():
    """Of five columns there are more than principal components that so few rows can carry."""
    for init in ("segments", "one_state", "uniform"):
        model = InfiniteHMM(init=init, **SHORT).fit(np.full((17, 5), np.nan))
        assert model.labels_.shape == (17,)
