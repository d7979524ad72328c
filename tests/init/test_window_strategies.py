"""KMeans and FactorAnalysis: what they find in the windows."""

import re

import numpy as np
import pytest
from helpers import simulate
from sklearn.cluster import KMeans as Clusters
from sklearn.decomposition import FactorAnalysis as Factors

from tsinit.init import FactorAnalysis, KMeans
from tsinit.init._windows import take
from tsinit.init.factor_analysis import _factors, _window_covariance
from tsinit.init.kmeans import _centroid_directions
from tsinit.kernels import LinearGaussianParams

ROTATION = 0.97 * np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
OSCILLATOR = LinearGaussianParams(
    ROTATION,
    np.array([[1.0, 0.0], [0.3, 1.0]]),
    0.05 * np.eye(2),
    0.02 * np.eye(2),
    np.zeros(2),
    0.05 / (1 - 0.97**2) * np.eye(2),
    np.array([5.0, -3.0]),
)


@pytest.mark.parametrize(
    "strategy", [KMeans(), FactorAnalysis(), FactorAnalysis(method="pca")], ids=str
)
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_an_oscillation_is_found_with_its_frequency(rng, strategy, gaps):
    _, y = simulate(OSCILLATOR, 5_000, rng)
    y[rng.random(y.shape) < gaps] = np.nan
    p = strategy.dynamics(y, rng, 2)
    angle = np.abs(np.angle(np.linalg.eigvals(p.A)))
    # Complete windows of 6 rows are left 0.8^12 of the time, and an angle has standard error
    # sqrt((1 - 0.97^2) / windows) = 0.013 then: 5 of those and 0.01 for what windows of 5 rows cannot resolve.
    np.testing.assert_allclose(
        angle, 0.4, atol=0.01 + 5 * np.sqrt((1 - 0.97**2) / (5_000 * (1 - gaps) ** 12))
    )
    # Without gaps windows and variance see the same rows. With gaps only the rows of whole windows count, and the
    # squares are independent every (1 + 0.97^2) / (1 - 0.97^2) = 33 steps: five of those standard errors.
    rtol = 0.05 if gaps == 0.0 else 5 * np.sqrt(2 / (5_000 / 33))
    np.testing.assert_allclose(np.diag(p.C @ p.P0 @ p.C.T + p.R), np.nanvar(y, axis=0), rtol=rtol)


def test_centroid_directions_span_the_centred_centroids_of_scikit_learn(rng):
    windows = rng.standard_normal((300, 6)) + 4.0 * rng.integers(0, 2, (300, 1))
    directions = _centroid_directions(windows, 4, 3, np.random.default_rng(5))
    seed = int(np.random.default_rng(5).integers(2**31 - 1))
    centres = Clusters(4, n_init=3, random_state=seed).fit(windows).cluster_centers_
    centres = centres - centres.mean(axis=0)
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(centres @ directions @ directions.T, centres, atol=1e-8)


def test_fewer_distinct_windows_than_clusters_give_fewer_directions(rng):
    windows = np.repeat(np.eye(3, 5), 10, axis=0)
    assert _centroid_directions(windows, 6, 5, rng).shape == (5, 2)
    assert _centroid_directions(np.zeros((4, 5)), 3, 2, rng).shape == (5, 0)
    assert _centroid_directions(np.zeros((0, 5)), 3, 2, rng).shape == (5, 0)


def test_window_covariance_is_that_of_all_windows_written_out(rng):
    full, ends = rng.standard_normal((9_000, 2)), np.arange(3, 9_000)
    written = take(full, ends, 3)
    np.testing.assert_allclose(
        _window_covariance(full, ends, 3), np.cov(written.T, bias=True), atol=1e-12
    )
    np.testing.assert_array_equal(_window_covariance(full, ends[:0], 3), 0.0)


def test_factor_scores_from_the_covariance_are_those_of_scikit_learn_on_the_rows(rng):
    loading = rng.standard_normal((2, 7))
    rows = rng.standard_normal((2_000, 2)) @ loading + rng.standard_normal(
        (2_000, 7)
    ) * rng.uniform(0.3, 1.0, 7)
    rows -= rows.mean(axis=0)
    scores = rows @ _factors(rows.T @ rows / len(rows), 2)
    model = Factors(2, tol=1e-8, max_iter=5_000, svd_method="lapack").fit(rows)
    np.testing.assert_allclose(
        np.abs(np.corrcoef(scores.T, model.transform(rows).T)[:2, 2:]), np.eye(2), atol=0.02
    )


def test_clusters_are_sought_in_part_of_a_long_series_only(rng, monkeypatch):
    monkeypatch.setattr("tsinit.init.kmeans._MAX_WINDOWS", 500)
    _, y = simulate(OSCILLATOR, 3_000, rng)
    p = KMeans().dynamics(y, np.random.default_rng(1), 2)
    np.testing.assert_allclose(np.abs(np.angle(np.linalg.eigvals(p.A))), 0.4, atol=0.03)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (KMeans(n_clusters=0), "n_clusters must be a whole number of at least 1 or 'auto'; got 0."),
        (
            KMeans(n_delays="many"),
            "n_delays must be a whole number of at least 1 or 'auto'; got 'many'.",
        ),
        (
            FactorAnalysis(n_delays=2.5),
            "n_delays must be a whole number of at least 1 or 'auto'; got 2.5.",
        ),
        (FactorAnalysis(method="ica"), "method must be one of ['fa', 'pca']; got 'ica'."),
    ],
    ids=str,
)
def test_wrong_parameters_are_named(rng, strategy, expected):
    with pytest.raises(ValueError, match=re.escape(expected)):
        strategy.dynamics(np.zeros((10, 1)), rng, 2)
