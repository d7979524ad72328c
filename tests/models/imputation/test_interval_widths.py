"""Intervals are as wide as they should be, neither more nor less, however well a column is predicted.

The response is a line in a series that is observed, plus noise; a fifth of it is missing. Least squares on the
regressors of an engine gives the exact predictive interval: Student-t, from the true lags.
"""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from tsinit.models.imputation.model import TBayesMICE
from tsinit.pooling import pool

SLOPE = 3.0
EXPLAINED = [0.5, 0.9, 0.99, 0.999, 0.9999]


class Line(NamedTuple):
    """A series x and the response y of which the rows `hidden` are missing."""

    x: np.ndarray
    y: np.ndarray
    hidden: np.ndarray


class Figures(NamedTuple):
    """What a study of many tables comes to."""

    width: float  # mean width over that of the exact intervals
    covered: float
    error: float  # standard error of `covered`, tables being what is independent
    slope_error: float  # standard error of the pooled slope over that of the rows that are complete


def make_line(seed, T, explained):
    rng = np.random.default_rng(seed)
    x, steps = np.zeros(T), rng.standard_normal(T)
    for i in range(T):
        x[i] = 0.9 * x[i - 1] * (i > 0) + steps[i]
    x /= x.std()
    noise = SLOPE * np.sqrt((1.0 - explained) / explained)
    return Line(x, SLOPE * x + noise * rng.standard_normal(T), rng.random(T) < 0.2)


def regressors(line, method):
    """(T - 2, k) of the rows with a neighbour on either side: the engine's own."""
    x, y = line.x, line.y
    ahead = [x[2:]] if method == "fcs" else []
    return np.column_stack([np.ones(len(x) - 2), x[1:-1], x[:-2], y[:-2], *ahead])


def exact_widths(line, method):
    """Widths of 95 % predictive intervals at the hidden rows with neighbours."""
    X, hidden, y = regressors(line, method), line.hidden[1:-1], line.y[1:-1]
    rest = np.linalg.lstsq(X[~hidden], y[~hidden], rcond=None)[1]
    df = (~hidden).sum() - X.shape[1]
    leverage = np.einsum(
        "ij,jk,ik->i", X[hidden], np.linalg.inv(X[~hidden].T @ X[~hidden]), X[hidden]
    )
    return 2.0 * stats.t.isf(0.025, df) * np.sqrt(rest[0] / df * (1.0 + leverage))


def slope(x, y):
    """Slope of y on x and its squared standard error."""
    fit = stats.linregress(x, y)
    return fit.slope, fit.stderr**2


def study(method, T, explained, n_tables, n_draws=300):
    ours, exact, covered, ratios = [], [], [], []
    for seed in range(n_tables):
        line = make_line(seed, T, explained)
        table = np.column_stack([line.x, np.where(line.hidden, np.nan, line.y)])
        model = TBayesMICE(
            method=method, transforms=None, n_chains=2, n_draws=n_draws, random_state=seed
        ).fit(table)
        low, high = (end[:, 1] for end in model.interval())
        inner = line.hidden.copy()
        inner[[0, -1]] = False
        ours.append((high - low)[inner].sum())
        exact.append(exact_widths(line, method).sum())
        inside = (low <= line.y) & (line.y <= high)
        covered.append([inside[line.hidden].sum(), line.hidden.sum()])
        pooled = pool(*zip(*(slope(*table.T) for table in model.impute(100)), strict=True))
        complete = slope(line.x[~line.hidden], line.y[~line.hidden])
        ratios.append(np.sqrt(pooled.total / complete[1]))
    inside, cells = np.array(covered).T
    share = inside.sum() / cells.sum()
    error = np.sqrt(((inside - share * cells) ** 2).sum()) / cells.sum()
    return Figures(np.sum(ours) / np.sum(exact), share, error, np.mean(ratios))


@pytest.mark.parametrize("method", ["fcs", "var"])
@pytest.mark.parametrize(("T", "explained"), [(60, 0.9999), (150, 0.9)])
def test_widths_of_a_few_tables(method, T, explained):
    found = study(method, T, explained, 5, n_draws=150)
    assert 0.93 < found.width < 1.08
    assert abs(found.covered - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / T)
    assert 0.9 < found.slope_error < 1.1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The chains do not agree")
@pytest.mark.parametrize("method", ["fcs", "var"])
@pytest.mark.parametrize("T", [60, 150, 300, 1000])
@pytest.mark.parametrize("explained", EXPLAINED)
def test_widths_and_coverage(method, T, explained):
    """Bars of the package: widths within 5 and 10 %, coverage within 2 points, standard errors within 5 %."""
    found = study(method, T, explained, 3600 // T)
    assert 0.95 < found.width < 1.10
    assert 0.93 - 2.0 * found.error < found.covered < 0.97 + 2.0 * found.error
    assert 0.95 < found.slope_error < 1.05


def smooth(rng, T):
    """An autoregression of order two whose noise is a thousandth of its variance."""
    z = np.zeros(T + 200)
    for i in range(2, len(z)):
        z[i] = 1.9 * z[i - 1] - 0.95 * z[i - 2] + rng.standard_normal()
    return z[200:] / z[200:].std()


@pytest.mark.parametrize("method", ["fcs", "var"])
def test_a_smooth_series_is_filled_as_surely_as_its_dynamics_allow(method):
    """Against the conditional distribution under the truth, dense; one column, two lags."""
    rng, ours, oracle = np.random.default_rng(3), [], []
    for seed in range(3):
        z = smooth(rng, 200)
        hidden = rng.random(200) < 0.2
        A = np.eye(200)[2:] - 1.9 * np.eye(200, k=-1)[2:] + 0.95 * np.eye(200, k=-2)[2:]
        noise = np.mean((A @ z) ** 2)
        sd = np.sqrt(np.diag(np.linalg.inv((A.T @ A)[np.ix_(hidden, hidden)])) * noise)
        model = TBayesMICE(
            method=method, transforms=None, lags=2, n_chains=2, n_draws=150, random_state=seed
        ).fit(np.where(hidden, np.nan, z)[:, None])
        low, high = model.interval()
        ours.append((high - low)[hidden].mean())
        oracle.append(2.0 * 1.96 * sd.mean())
    assert 0.9 < np.sum(ours) / np.sum(oracle) < 1.15


@pytest.mark.parametrize("method", ["fcs", "var"])
def test_columns_that_determine_each_other_mix(method):
    """A copy in other units, and a sum: all chains agree, and what is determined is known to three digits."""
    rng = np.random.default_rng(5)
    a, b = np.cumsum(rng.standard_normal((2, 250)), axis=1) * 0.2 + rng.standard_normal((2, 250))
    truth = np.column_stack([a, 2.0 - 3.0 * a, b, a + b])
    y = np.where(rng.random(truth.shape) < 0.15, np.nan, truth)
    model = TBayesMICE(method=method, transforms=None, random_state=1).fit(y)
    assert model.sampler_summary()["rhat"] < 1.05
    known = np.isnan(y[:, 0]) & ~np.isnan(y[:, 1])
    low, high = model.interval()
    assert (high - low)[known, 0].max() < 5e-3 * a.std()
    assert np.abs(model.transform(y) - truth)[known, 0].max() < 2e-3 * a.std()
