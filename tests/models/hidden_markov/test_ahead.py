"""The infinite model as data arrive: filtered states and forecasts, against sums over all paths and simulation."""

import itertools

import numpy as np
import pandas as pd
import pytest
from reference.hidden_markov import enumerate_paths
from scipy import stats
from scipy.special import logsumexp

from tsinit import InfiniteHMM
from tsinit.emissions import Autoregressive, VonMises
from tsinit.models.hidden_markov import ahead, posterior

SHORT = {"n_tune": 100, "n_chains": 2, "random_state": 0}


def levels(rng, T=120, D=2):
    z = np.tile(np.repeat([0, 1], 12), T)[:T]
    y = np.array([-3.0, 3.0])[z][:, None] + rng.standard_normal((T, D))
    y[rng.random((T, D)) < 0.1] = np.nan
    return y, z


@pytest.fixture(scope="module")
def fitted():
    y, z = levels(np.random.default_rng(3))
    return InfiniteHMM(emission="gaussian_diag", init=z, n_draws=50, **SHORT).fit(y), y


@pytest.fixture(scope="module")
def one_draw():
    y, z = levels(np.random.default_rng(4))
    model = InfiniteHMM(
        emission="gaussian_diag", init=z, n_tune=20, n_draws=1, n_chains=1, random_state=1
    ).fit(y)
    return model, y


def _states_of(model):
    """Log density of rows (T, D), start and transitions of the one draw, in the order of the estimate."""
    draw = model.draws_.record(0)
    K = len(draw.pi) - 1
    order = np.argsort(model._fitted_mapping[0][:K])
    inside = draw.pi[:, :-1] / draw.pi[:, :-1].sum(axis=1, keepdims=True)
    means = model._fitted_emission.means(draw.params)[order]
    variances = np.diagonal(
        model._fitted_emission.covariances(draw.params)[order], axis1=1, axis2=2
    )

    def density(y):
        each = stats.norm(means, np.sqrt(variances)).logpdf(y[:, None, :])
        return np.nansum(each, axis=2)

    return density, inside[0][order], inside[1:][np.ix_(order, order)], means, variances


def _filtered(density, start, P, offsets):
    """By definition: the last state of every path through the rows up to each."""
    out = []
    for a, b in itertools.pairwise(offsets):
        for t in range(a, b):
            ((_, paths, weights),) = enumerate_paths(density[a : t + 1], start, P, [0, t + 1 - a])
            share = np.exp(weights - logsumexp(weights))
            out.append(np.bincount(paths[:, -1], share, len(start)))
    return np.array(out)


def test_filtered_states_of_one_draw_are_sums_over_paths(one_draw):
    model, y = one_draw
    density, start, P, _, _ = _states_of(model)
    rows, lengths = y[8:20].copy(), [7, 5]
    rows[3], rows[9:] = np.nan, np.nan
    expected = _filtered(density(rows), start, P, [0, 7, 12])
    np.testing.assert_allclose(model.filter_proba(rows, lengths=lengths), expected, rtol=1e-9)


def test_the_forecast_of_one_draw_is_the_chain_and_its_mixture(one_draw):
    model, y = one_draw
    density, start, P, means, variances = _states_of(model)
    rows = np.vstack([y[:10], np.full((2, 2), np.nan)])  # what is missing at the end passes too
    p = _filtered(density(rows), start, P, [0, 12])[-1]
    n = 20_000
    found = model.forecast(3, rows, n_samples=n, random_state=0)
    for step in range(3):
        p = p @ P
        np.testing.assert_allclose(found.probabilities[step], p, rtol=1e-9)
        np.testing.assert_allclose(found.means[step], p @ means, rtol=1e-9, atol=1e-12)
        for q in (0.1, 0.5, 0.97):
            at = found.quantile(q)[step]
            level = (p[:, None] * stats.norm(means, np.sqrt(variances)).cdf(at)).sum(axis=0)
            assert np.abs(level - q).max() < 5.0 * np.sqrt(q * (1.0 - q) / n)
    # One step is not all: two steps of a path are correlated as the chain has it.
    x = found.samples[:, :2, 0]
    now = _filtered(density(rows), start, P, [0, 12])[-1] @ P
    joint = (now[:, None] * P * np.outer(means[:, 0], means[:, 0])).sum()
    product = x[:, 0] * x[:, 1]
    assert abs(product.mean() - joint) < 5.0 * product.std() / np.sqrt(n)


def test_filter_and_forecast_average_over_draws(fitted):
    """Every draw as a model of its own, the probabilities then matched and averaged."""
    model, y = fitted
    filtered, steps = np.zeros((len(y), model.n_states_)), np.zeros((2, model.n_states_))
    mean = []
    emission = model._fitted_emission
    for i in range(len(model.draws_)):
        log_density, start, P = posterior.occupied(model.draws_.record(i), emission)
        now, own = start, np.zeros((len(y), len(start)))
        for t in range(len(y)):
            now = now * np.exp(log_density[t] - log_density[t].max())
            own[t] = now = now / now.sum()
            now = now @ P
        ahead_of = np.array([own[-1] @ P, own[-1] @ P @ P])
        mean.append(ahead_of @ emission.means(model.draws_.record(i).params))
        for k, to in enumerate(model._fitted_mapping[i, : len(start)]):
            if to >= 0:
                filtered[:, to] += own[:, k]
                steps[:, to] += ahead_of[:, k]
    assert len(model.draws_) <= posterior._MAX_DRAWS
    expected = filtered / filtered.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.filter_proba(y), expected, rtol=1e-9)
    found = model.forecast(2)
    expected = steps / steps.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-9)
    np.testing.assert_allclose(found.means, np.mean(mean, axis=0), rtol=1e-9)
    # Where a sequence ends, all has been seen.
    np.testing.assert_allclose(model.filter_proba(y)[-1], model.predict_proba(y)[-1], rtol=1e-9)


def test_simulated_paths_have_the_mean_told_and_their_intervals_hold_what_they_say(fitted):
    model, _ = fitted
    found = model.forecast(4, n_samples=5000, random_state=1)
    assert found.samples.shape == (5000, 4, 2)
    error = found.samples.std(axis=0) / np.sqrt(5000)
    assert (np.abs(found.samples.mean(axis=0) - found.means) < 5.0 * error).all()
    lower, upper = found.interval(0.8)
    inside = (found.samples > lower) & (found.samples < upper)
    np.testing.assert_allclose(inside.mean(axis=0), 0.8, atol=1e-3)
    again = model.forecast(4, n_samples=5000, random_state=1)
    np.testing.assert_array_equal(found.samples, again.samples)


def test_frames_are_continued_by_the_dates_that_follow():
    y, z = levels(np.random.default_rng(5), 60)
    days = pd.date_range("2024-03-01", periods=60, freq="D")
    frame = pd.DataFrame(y, index=days, columns=["a", "b"]).drop(days[20:23])
    model = InfiniteHMM(init=z, n_draws=20, **SHORT).fit(frame)
    found = model.forecast(3)
    following = pd.date_range("2024-04-30", periods=3, freq="D")
    for table in (found.probabilities, found.means, found.quantile(0.25), *found.interval()):
        assert list(table.index) == list(following)
    assert list(found.means.columns) == ["a", "b"]
    assert list(found.probabilities.columns) == list(range(model.n_states_))
    filtered = model.filter_proba(frame)
    assert filtered.index.equals(frame.index)
    np.testing.assert_allclose(filtered.sum(axis=1), 1.0)
    earlier = model.forecast(1, frame.iloc[:30])
    assert earlier.means.index[0] == frame.index[29] + pd.Timedelta(days=1)


def test_the_last_of_several_sequences_goes_on():
    y, z = levels(np.random.default_rng(6), 90)
    model = InfiniteHMM(init=z, n_draws=20, **SHORT).fit([y[:50], y[50:]])
    with_both = model.forecast(2, [y[:50], y[50:]])
    for other in (model.forecast(2), model.forecast(2, y[50:])):
        np.testing.assert_allclose(with_both.probabilities, other.probabilities, rtol=1e-12)
        np.testing.assert_allclose(with_both.means, other.means, rtol=1e-12)


@pytest.mark.parametrize("unit", ["radians", "degrees"])
def test_forecasts_of_angles_go_round(unit):
    """Angles on both sides of where the circle is cut: the mean is there, not opposite, and intervals are narrow."""
    rng, half = np.random.default_rng(7), {"radians": np.pi, "degrees": 180.0}[unit]
    y = rng.vonmises(np.pi, 30.0, (80, 1)) * half / np.pi
    assert (y > 0.0).any()
    assert (y < 0.0).any()
    model = InfiniteHMM(emission=VonMises(unit), init="one_state", n_draws=20, **SHORT).fit(y)
    found = model.forecast(5, n_samples=4000, random_state=0)
    assert np.cos(found.means * np.pi / half).max() < -0.99
    assert np.abs(found.samples - found.means).max() <= half * (1.0 + 1e-12)
    lower, upper = found.interval(0.9)
    # Of 80 angles the spread is known to a twelfth.
    normal = 2.0 * 1.645 / np.sqrt(30.0) * half / np.pi
    np.testing.assert_allclose(upper - lower, normal, rtol=0.25)


@pytest.mark.parametrize("n_past", [6, 1])
def test_autoregressive_paths_go_on_from_their_past(rng, n_past):
    """Two rows back, each step by its own state; after a single row the first step has too little past to look at."""
    y, z = rng.standard_normal((200, 2)), rng.integers(0, 2, 200)
    on_data = Autoregressive(2).bind(y)
    params = on_data.draw(rng, z, 2, None)
    n, past = 40_000, 5.0 + rng.standard_normal((n_past, 2))
    paths = on_data.simulate_after(rng, params, np.tile([1, 0, 1], (n, 1)), past)
    assert paths.shape == (n, 3, 2)
    told = on_data.describe(params)
    rows = np.concatenate([np.tile(past, (n, 1, 1)), paths], axis=1)
    for step, k in enumerate([1, 0, 1]):
        t = n_past + step
        if t < 2:
            continue
        A = told["coefficients"][k]
        expected = told["intercept"][k] + rows[:, t - 1] @ A[0].T + rows[:, t - 2] @ A[1].T
        noise = rows[:, t] - expected
        assert (np.abs(noise.mean(axis=0)) < 5.0 * noise.std(axis=0) / np.sqrt(n)).all()
        S = told["noise_covariance"][k]
        np.testing.assert_allclose(
            np.cov(noise.T), S, atol=0.05 * np.sqrt(np.prod(np.diag(S))) ** 0.5
        )


def test_forecasts_of_autoregressions_begin_where_the_data_end():
    rng = np.random.default_rng(8)
    y = np.zeros((300, 1))
    for t in range(1, 300):
        y[t] = 0.9 * y[t - 1] + rng.standard_normal()
    model = InfiniteHMM(emission=Autoregressive(1), init="one_state", n_draws=50, **SHORT).fit(y)
    y[-1] = 8.0
    found = model.forecast(2, y, n_samples=4000, random_state=0)
    described = [
        model._fitted_emission.describe(model.draws_.record(i).params)
        for i in range(len(model.draws_))
    ]
    # Whatever the state, the coefficients are about .9.
    largest = [d["intercept"][0, 0] + 8.0 * d["coefficients"][0, 0, 0, 0] for d in described]
    assert abs(found.means[0, 0] - np.median(largest)) < 0.5
    y[-1] = np.nan
    with pytest.raises(
        ValueError, match=r"X must end in 1 complete rows .* got 1 missing values there\."
    ):
        model.forecast(3, y)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m, y: m.forecast(0), "n_steps must be a whole number of at least 1; got 0."),
        (lambda m, y: m.forecast(1, n_samples=0), "n_samples must be a whole number of at least 1"),
        (
            lambda m, y: m.forecast(1).quantile(1.0),
            "q must be a number above 0 and below 1; got 1.0.",
        ),
        (lambda m, y: m.forecast(1).interval(0.0), "level must be a number above 0 and below 1"),
        (lambda m, y: m.filter_proba(y[:, :1]), "X has 1 features"),
    ],
)
def test_wrong_arguments_are_told(fitted, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(*fitted)


def test_paths_are_drawn_from_the_chain():
    """Frequencies of all paths of three steps, against their probabilities."""
    rng = np.random.default_rng(9)
    P, now = rng.dirichlet([1.0, 1.0, 1.0], 3), np.array([0.2, 0.5, 0.3])
    z = ahead.paths_ahead(now, P, 40_000, 2, rng)
    counts = np.zeros((3, 3))
    np.add.at(counts, (z[:, 0], z[:, 1]), 1.0)
    expected = (now @ P)[:, None] * P
    assert stats.chisquare(counts.ravel(), 40_000 * expected.ravel()).pvalue > 1e-4
