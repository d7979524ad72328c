"""Autoregressive states: densities, evidence, draws and gaps against dense Gaussians and regressions row by row."""

import pickle

import numpy as np
import pytest
from helpers import split_constants
from reference import autoregressive as twin
from scipy import stats

from tsinit.emissions import Autoregressive, DiagonalGaussian, Gaussian, resolve
from tsinit.emissions._regression import log_prior
from tsinit.kernels.density import all_log_densities

OFFSETS = np.array([0, 4, 5, 30])
STARTS = OFFSETS[:-1]
K, T, D = 3, 30, 2
CASES = [(1, "full"), (2, "full"), (1, "diag"), (3, "diag")]


def _series(rng, T=T, D=D):
    """Correlated rows in units of their own."""
    y = rng.standard_normal((T, D)) @ np.triu(np.full((D, D), 0.5) + np.eye(D))
    for t in range(1, T):
        y[t] += 0.6 * y[t - 1]
    return np.array([3.0, -40.0, 0.5])[:D] + y * np.array([2.0, 0.1, 30.0])[:D]


def _gaps(rng, y):
    """Single values, the first row of two sequences, whole rows in a run, and the end."""
    y = y.copy()
    y[rng.random(y.shape) < 0.2] = np.nan
    y[0] = y[4, 0] = y[12:16] = y[-1] = np.nan
    return y


def _bind(rng, order, covariance, missing=False):
    y = _series(rng)
    y = _gaps(rng, y) if missing else y
    on_data = Autoregressive(order, covariance).bind(y, OFFSETS)
    z = rng.integers(0, 2, T)
    return on_data, z, _tamed(on_data, on_data.draw(rng, z, K, on_data.latent(rng)))


def _tamed(on_data, params):
    """Draws from the prior may explode, and dense covariances with them: no state grows by more than a tenth a row."""
    B, D = params.coefficients.copy(), params.whiten.shape[1]
    radius = np.abs(np.linalg.eigvals(on_data._dynamics(params)[1])).max(axis=1)
    factor = np.minimum(1.0, 1.1 / radius)
    for lag in range(on_data.order):
        B[:, :, 1 + lag * D : 1 + (lag + 1) * D] *= factor[:, None, None] ** (lag + 1)
    return params._replace(coefficients=B, whitened=params.whiten @ B)


def _noise(params):
    return np.linalg.inv(params.whiten.transpose(0, 2, 1) @ params.whiten)


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_densities_are_those_of_the_dense_gaussian(rng, order, covariance):
    """Complete rows: given states, the rows' densities add up to that of all; so they do for own dynamics."""
    on_data, z, params = _bind(rng, order, covariance)
    rows = all_log_densities(params, on_data.data, K)
    B, S = params.coefficients, _noise(params)
    dense = twin.log_density(on_data.data.y, *twin.joint(B, S, z, STARTS, order))
    assert rows[np.arange(T), z].sum() == pytest.approx(dense, rel=1e-9)
    np.testing.assert_allclose(on_data.log_densities(params, K), rows)
    own = twin.own_past(on_data.data.y, B, S, STARTS, order)
    np.testing.assert_allclose(rows, own, rtol=1e-7, atol=1e-7)
    first = rows[on_data.data.n_before < order]
    assert (first == first[:, :1]).all()  # they tell nothing of states


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_evidence_is_the_product_of_predictive_densities(rng, order, covariance):
    on_data, z, _ = _bind(rng, order, covariance)
    assert on_data.collapsed
    expected = twin.log_evidence(on_data.data.y, z, STARTS, order, on_data.prior)
    value = on_data.log_evidence(z, K, None, None) - on_data.log_jacobian
    assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_evidence_is_the_density_over_the_posterior(rng, order, covariance):
    """Bayes' theorem at any parameters ties draws' prior, likelihood and evidence together."""
    on_data, z, params = _bind(rng, order, covariance)
    prior = on_data.prior
    posterior = 0.0
    by_state = twin.regressions(on_data.data.y, z, STARTS, order)
    for k, (X, Y) in by_state.items():
        P = np.diag(prior.weight) + X.T @ X
        M = np.linalg.solve(P, X.T @ Y)
        Psi, df, S = prior.Psi + Y.T @ Y - M.T @ P @ M, prior.df + len(X), _noise(params)[k]
        if covariance == "full":
            posterior += stats.invwishart(df, Psi).logpdf(S)
        else:
            posterior += stats.invgamma(0.5 * df, scale=0.5 * np.diag(Psi)).logpdf(np.diag(S)).sum()
        B = params.coefficients[k]
        posterior += stats.matrix_normal(M.T, S, np.linalg.inv(P)).logpdf(B)
    likelihood = all_log_densities(params, on_data.data, K)[np.arange(T), z].sum()
    expected = likelihood + log_prior(prior, params)[list(by_state)].sum() - posterior
    value = on_data.log_evidence(z, K, None, None) - on_data.log_jacobian
    assert value == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_missing_values_are_integrated_out_given_states(rng, order, covariance):
    on_data, z, params = _bind(rng, order, covariance, missing=True)
    assert not on_data.collapsed
    B, S = params.coefficients, _noise(params)
    dense = twin.log_density(on_data.data.y, *twin.joint(B, S, z, STARTS, order))
    dense += log_prior(on_data.prior, params)[np.unique(z)].sum()
    for latent in (None, on_data.augment(rng, z, params, on_data.latent(rng))):
        value = on_data.log_evidence(z, K, params, latent) - on_data.log_jacobian
        assert value == pytest.approx(dense, rel=1e-9)


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_missing_values_are_drawn_from_their_joint_conditional(rng, order, covariance):
    on_data, z, params = _bind(rng, order, covariance, missing=True)
    y, latent = on_data.data.y, on_data.latent(rng)
    gap = np.isnan(y)
    draws = np.array([on_data.augment(rng, z, params, latent)[gap].copy() for _ in range(4000)])
    np.testing.assert_array_equal(latent[~gap], y[~gap])
    m, C = twin.conditional(y, *twin.joint(params.coefficients, _noise(params), z, STARTS, order))
    white = np.linalg.solve(np.linalg.cholesky(C), (draws - m).T)
    for one in white:
        assert stats.kstest(one, stats.norm.cdf).pvalue > 1e-4
    products = white @ white.T / white.shape[1]
    assert np.abs(products - np.eye(len(m))).max() < 5.0 / np.sqrt(4000 / 2)


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_without_a_sampler_gaps_are_filled_by_the_dynamics_of_each_state(rng, order, covariance):
    on_data, _, params = _bind(rng, order, covariance, missing=True)
    own = twin.own_past(on_data.data.y, params.coefficients, _noise(params), STARTS, order)
    np.testing.assert_allclose(on_data.log_densities(params, K), own, rtol=1e-7, atol=1e-7)


def test_unstable_dynamics_stay_finite_over_long_gaps(rng):
    y = rng.standard_normal((3000, 1)).cumsum(axis=0)
    y[100:2900] = np.nan
    on_data = Autoregressive(2).bind(y)
    params = on_data.prior_params(rng, 30)
    assert (np.abs(params.coefficients[:, 0, 1:]).sum(axis=1) > 2.0).any()
    assert np.isfinite(on_data.log_densities(params, 30)).all()


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_draws_are_from_the_conjugate_posterior(rng, order, covariance):
    """A combination of coefficients is Student-t, one of the noise inverse gamma; without rows, the prior."""
    on_data, z, _ = _bind(rng, order, covariance)
    draws = [on_data.draw(rng, z, K, None) for _ in range(4000)]
    B, S = np.array([p.coefficients for p in draws]), np.array([_noise(p) for p in draws])
    prior, a = on_data.prior, np.array([0.6, -1.3])
    v = rng.standard_normal(len(prior.weight))
    by_state = twin.regressions(on_data.data.y, z, STARTS, order)
    by_state[2] = np.empty((0, len(v))), np.empty((0, D))
    for k, (X, Y) in by_state.items():
        P = np.diag(prior.weight) + X.T @ X
        M = np.linalg.solve(P, X.T @ Y)
        Psi, df = prior.Psi + Y.T @ Y - M.T @ P @ M, prior.df + len(X)
        free = df - 1.0 if covariance == "full" else df
        for u in [a] if covariance == "full" else np.eye(D):
            law = stats.invgamma(0.5 * free, scale=0.5 * u @ Psi @ u)
            assert stats.kstest(np.einsum("i,nij,j->n", u, S[:, k], u), law.cdf).pvalue > 1e-4
            scale = np.sqrt(u @ Psi @ u * (v @ np.linalg.solve(P, v)) / free)
            law = stats.t(free, v @ M @ u, scale)
            assert stats.kstest(np.einsum("i,nih,h->n", u, B[:, k], v), law.cdf).pvalue > 1e-4
    np.testing.assert_allclose(
        draws[0].whitened, draws[0].whiten @ draws[0].coefficients, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(("covariance", "plain"), [("full", Gaussian), ("diag", DiagonalGaussian)])
def test_order_zero_is_the_emission_without_a_past(rng, covariance, plain):
    y, z = _gaps(rng, _series(rng)), rng.integers(0, 2, T)
    ours, theirs = (e.bind(y, OFFSETS) for e in (Autoregressive(0, covariance), plain()))
    a, b = (
        e.draw(np.random.default_rng(1), z, K, e.latent(np.random.default_rng(2)))
        for e in (ours, theirs)
    )
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)
    assert ours.log_evidence(z, K, a, None) == theirs.log_evidence(z, K, b, None)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_units_and_offsets_change_nothing_but_the_units(rng, covariance, missing):
    y = _gaps(rng, _series(rng)) if missing else _series(rng)
    z, factor, shift = rng.integers(0, 2, T), np.array([1e-6, 2e9]), np.array([5.0, 1e10])
    found = []
    for table in (y, shift + factor * y):
        on_data, own = Autoregressive(2, covariance).bind(table, OFFSETS), np.random.default_rng(2)
        latent = on_data.latent(own)
        params = on_data.draw(own, z, 2, latent)
        latent = on_data.augment(own, z, params, latent)
        found.append((on_data.describe(params), on_data.log_evidence(z, 2, params, latent)))
    (a, value), (b, scaled) = found
    A = a["coefficients"]
    np.testing.assert_allclose(
        b["coefficients"], A * (factor[:, None] / factor), rtol=1e-5, atol=0.0
    )
    np.testing.assert_allclose(
        b["intercept"], shift + factor * a["intercept"] - (b["coefficients"].sum(axis=1)) @ shift,
        rtol=1e-4,
    )  # fmt: skip
    np.testing.assert_allclose(
        b["noise_covariance"], a["noise_covariance"] * np.outer(factor, factor), rtol=1e-5
    )
    jacobian = -np.sum(~np.isnan(y), axis=0) @ np.log(factor)
    assert scaled == pytest.approx(value + jacobian, rel=1e-7)


def test_a_long_run_has_the_means_and_covariances_told(rng):
    """And rows whose coefficients are those described, in the units of the data."""
    n = 60_000
    on_data = Autoregressive(2).bind(_series(rng))
    params = next(p for p in iter(lambda: on_data.prior_params(rng, 1), 0) if _slow(on_data, p))
    y = on_data.simulate(rng, params, np.zeros(n, np.int64))[100:]
    blocks = y[: 590 * 100].reshape(100, 590, D).mean(axis=1)
    assert (
        np.abs(y.mean(axis=0) - on_data.means(params)[0]) < 5.0 * blocks.std(axis=0) / 10.0
    ).all()
    np.testing.assert_allclose(np.cov(y.T), on_data.covariances(params)[0], rtol=0.1, atol=0.02)
    told = on_data.describe(params)
    A = told["coefficients"][0]
    e = y[2:] - told["intercept"][0] - y[1:-1] @ A[0].T - y[:-2] @ A[1].T
    np.testing.assert_allclose(np.cov(e.T), told["noise_covariance"][0], rtol=0.05, atol=1e-3)
    assert np.abs(np.corrcoef(np.hstack([e, y[1:-1]]).T)[:D, D:]).max() < 5.0 / np.sqrt(n)


def _slow(on_data, params):
    """Stationary, with some memory."""
    radius = np.abs(np.linalg.eigvals(on_data._dynamics(params)[1][0])).max()
    return 0.5 < radius < 0.9


def test_a_state_that_is_not_stationary_has_no_mean(rng):
    on_data = Autoregressive().bind(_series(rng))
    params = on_data.prior_params(rng, 50)
    radius = np.abs(np.linalg.eigvals(on_data._dynamics(params)[1])).max(axis=1)
    means, S = on_data.means(params), on_data.covariances(params)
    np.testing.assert_array_equal(np.isnan(means).any(axis=1), radius >= 1.0)
    np.testing.assert_array_equal(np.isnan(S).any(axis=(1, 2)), radius >= 1.0)
    averaged = on_data.average_means(means[:, None])
    np.testing.assert_allclose(averaged[0], np.nanmedian(means, axis=0))
    assert np.isnan(on_data.average_means(np.full((5, 2, D), np.nan))).all()


@pytest.mark.parametrize("name", ["autoregressive", "autoregressive_diag"])
@pytest.mark.parametrize(
    "kind", ["constant", "never", "short", "one row", "all missing", "outliers", "ramp"]
)
def test_awkward_data_work(rng, name, kind):
    y = rng.standard_normal((1 if kind == "one row" else 40, 3))
    offsets = np.array([0, len(y)])
    if kind == "constant":
        y[:, 1] = 7.3
    elif kind == "never":
        y[:, 1] = np.nan
    elif kind == "short":
        offsets = np.arange(41)
    elif kind == "all missing":
        y[:] = np.nan
    elif kind == "outliers":
        y[[3, 9], [0, 2]] = 1e6, -1e6
    elif kind == "ramp":
        y = np.arange(120.0).reshape(40, 3)
    on_data = pickle.loads(pickle.dumps(resolve(name).bind(y, offsets)))
    z, latent = rng.integers(0, 2, len(y)), on_data.latent(rng)
    for _ in range(3):
        params = on_data.draw(rng, z, K, latent)
        latent = on_data.augment(rng, z, params, latent)
    assert np.isfinite(on_data.log_densities(params, K)).all()
    assert np.isfinite(on_data.log_evidence(z, K, params, latent))
    assert all(np.isfinite(v).all() for v in on_data.describe(params).values())


@pytest.mark.parametrize(
    ("emission", "sentence"),
    [
        (Autoregressive(order=-1), "order must be a whole number of at least 0; got -1."),
        (
            Autoregressive(covariance="none"),
            r"covariance must be one of \['full', 'diag'\]; got 'none'",
        ),
        (Autoregressive(prior_weight=0.0), "prior_weight must be a number above 0; got 0.0."),
        (Autoregressive(prior_df=3.0), "prior_df must be a number above 3; got 3.0."),
        (
            Autoregressive(covariance="diag", prior_df=2),
            "prior_df must be a number above 2; got 2.",
        ),
        (Autoregressive(prior_noise=1.0), r"prior_noise must have shape \(2, 2\)"),
        (
            Autoregressive(1, "diag", prior_noise=[1.0, 0.0]),
            "prior_noise must be finite and above 0",
        ),
    ],
)
def test_wrong_arguments_are_refused_when_used(emission, sentence):
    with pytest.raises(ValueError, match=sentence):
        emission.bind(np.ones((6, 2)))


def test_a_prior_of_ones_own_means_what_it_says(rng):
    """The mean of the drawn noise is prior_noise, in the units of the data."""
    y = _series(rng)
    noise = np.array([[4.0, 0.1], [0.1, 0.04]])
    for covariance, prior in (("full", noise), ("diag", np.diag(noise))):
        on_data = Autoregressive(1, covariance, prior_noise=prior, prior_df=12.0).bind(y)
        told = on_data.describe(on_data.prior_params(rng, 20_000))["noise_covariance"]
        expected = noise if covariance == "full" else np.diag(np.diag(noise))
        np.testing.assert_allclose(told.mean(axis=0), expected, rtol=0.05, atol=0.01)


# Geweke's joint test with labels held, as in test_emission_geweke: two sequences, values missing at starts, in runs, at
# the end.
Z = np.array([0, 1, 0, 0, 1, 1, 0, 1, 1])
CUTS = np.array([0, 3, 9])
MISSING = np.zeros((9, 2), dtype=bool)
MISSING[[0, 2, 4, 8], [1, 0, 1, 0]] = MISSING[5] = MISSING[6] = True


def _settle(order, covariance):
    noise = np.array([[4.0, 1.0], [1.0, 2.0]]) if covariance == "full" else [4.0, 2.0]
    y = 2.0 * np.random.default_rng(5).standard_normal((60, 2))
    return Autoregressive(order, covariance, 1.0, noise, 8.0).bind(y)


def _statistics(params, y):
    n = len(y)
    parts = [np.arctan(part.reshape(n, -1)) for part in params]
    x = np.arctan(y / 4.0)
    own = np.concatenate(
        [x.reshape(n, -1), (x[:, 1:] * x[:, :-1]).reshape(n, -1), x.prod(axis=2)], axis=1
    )
    return np.concatenate([*parts, own, parts[0] * np.roll(x[:, 3, :1], 1)], axis=1)


def _z_scores(order, covariance, step, n, seed=0):
    """Distance of every statistic between both simulators, in standard errors by batch means."""
    rng, on_data, batches = np.random.default_rng(seed), _settle(order, covariance), 50
    apart = 4 * n
    params = on_data.prior_params(rng, 2 * apart)
    cuts = np.append((9 * np.arange(apart)[:, None] + CUTS[:-1]).ravel(), 9 * apart)
    y = on_data.simulate(rng, params, (2 * np.arange(apart)[:, None] + Z).ravel(), cuts)
    a = _statistics([p.reshape(apart, 2, *p.shape[1:]) for p in params], y.reshape(apart, 9, 2))
    now, kept, data = on_data.prior_params(rng, 2), [], np.empty((n, 9, 2))
    for i in range(n):
        data[i] = on_data.simulate(rng, now, Z, CUTS)
        kept.append(now)
        now = step(rng, on_data.with_sequences(np.where(MISSING, np.nan, data[i]), CUTS), now)
    b = _statistics(list(map(np.array, zip(*kept, strict=True))), data)
    varies = split_constants(a, b)
    a, b = a[:, varies], b[:, varies]
    means = b.reshape(batches, -1, b.shape[1]).mean(axis=1)
    error = np.sqrt(means.var(axis=0, ddof=1) / batches + a.var(axis=0) / len(a))
    return np.abs((means.mean(axis=0) - a.mean(axis=0)) / error).max()


def _right(rng, on_data, params):
    latent = on_data.augment(rng, Z, params, on_data.latent(rng))
    return on_data.draw(rng, Z, 2, latent)


def _across_starts(rng, on_data, params):
    """Rows look at the sequence before, as an implementation without offsets would."""
    y = on_data.scale.undo(on_data.data.y)
    return _right(rng, on_data.with_sequences(y, None), params)


def _interpolated(rng, on_data, params):
    """Missing values are taken for what lies between their neighbours."""
    return on_data.draw(rng, Z, 2, on_data.latent(rng))


GEWEKE = [(1, "full"), (2, "diag")]


@pytest.mark.parametrize(("order", "covariance"), GEWEKE)
def test_updates_leave_the_joint_law_alone(order, covariance):
    assert _z_scores(order, covariance, _right, 5000) < 4.0


@pytest.mark.slow
@pytest.mark.parametrize(("order", "covariance"), [*GEWEKE, (2, "full"), (1, "diag")])
def test_updates_leave_the_joint_law_alone_in_long_runs(order, covariance):
    assert _z_scores(order, covariance, _right, 100_000) < 4.5


@pytest.mark.parametrize(("order", "covariance"), GEWEKE)
@pytest.mark.parametrize("wrong", [_across_starts, _interpolated])
def test_a_wrong_update_is_caught(order, covariance, wrong):
    assert _z_scores(order, covariance, wrong, 5000) > 4.0
