"""A season that drifts is one regression with a matrix-normal prior, written out here in full."""

import numpy as np
import pytest
from models.imputation.var_problems import complete, problem, with_gaps
from scipy.stats import invwishart

from tsinit.models.imputation import seasonal_drift
from tsinit.models.imputation.seasonal_drift import GRID, SeasonalDrift, drift_terms
from tsinit.models.imputation.var_regressions import (
    NoisePrior,
    draw_parameters,
    lay_out,
    log_prior,
)
from tsinit.models.imputation.vector_autoregression import VARChain, complete_rows

PRIOR = NoisePrior(5.0, 0.7)


class Still:
    """A generator whose normals are zero, whose chi-squares are their means, and that likes what is better."""

    def random(self):
        return 1.0

    def standard_normal(self, shape):
        return np.zeros(shape)

    def chisquare(self, df):
        return np.asarray(df, dtype=float)


def case(rng, F=2, k=3, D=2):
    period = np.array([0, 0, 0, 1, 1, 3, 3, 3, 4, 7, 7, 0, 1, 1, 2, 2, 2])
    sequence = np.repeat([0, 1], [11, 6])
    season, X, Y = (rng.standard_normal((len(period), m)) for m in (F, k, D))
    return SeasonalDrift(season, period, sequence, 2.0, rng), season, period, sequence, X, Y


def dense(season, period, sequence, X, variance, scale):
    """Regressors and prior covariance of path and coefficients together."""
    n, F = season.shape
    names = sorted(set(zip(sequence.tolist(), period.tolist(), strict=True)))
    W = np.zeros((n, len(names) * F))
    for t in range(n):
        at = names.index((sequence[t], period[t])) * F
        W[t, at : at + F] = season[t]
    V = np.zeros((len(names), len(names)))
    for a, (s, p) in enumerate(names):
        for b, (r, q) in enumerate(names):
            if s == r:
                V[a, b] = 2.0 + variance * (min(p, q) - min(w for v, w in names if v == s))
    whole = np.zeros((W.shape[1] + X.shape[1],) * 2)
    whole[: W.shape[1], : W.shape[1]] = np.kron(V, np.eye(F))
    whole[W.shape[1] :, W.shape[1] :] = np.diag(scale)
    return np.hstack([W, X]), whole


def log_evidence(W, V, Y):
    """Log density of Y up to a constant, coefficients and noise integrated out: a matrix t."""
    n, D = Y.shape
    S = np.eye(n) + W @ V @ W.T
    outer = PRIOR.scale * np.eye(D) + Y.T @ np.linalg.solve(S, Y)
    return -0.5 * D * np.linalg.slogdet(S)[1] - 0.5 * (PRIOR.df + n) * np.linalg.slogdet(outer)[1]


def test_evidence_is_that_of_the_whole_regression(rng):
    drift, season, period, sequence, X, Y = case(rng)
    scale, n = np.array([0.5, 1.0, 2.0]), len(Y)
    both = np.hstack([X, Y])
    links = np.matmul(
        drift._by_day.transpose(0, 2, 1), np.vstack([both, np.zeros((1, 5))])[drift._rows]
    )
    choices = [0, 5, 12, 20]
    got = [
        drift._reduced(c, links.reshape(-1, 5), both.T @ both, 3, n, scale, PRIOR).log_evidence
        for c in choices
    ]
    expected = [
        log_evidence(*dense(season, period, sequence, X, GRID[c], scale), Y) for c in choices
    ]
    np.testing.assert_allclose(np.diff(got), np.diff(expected), rtol=1e-9)


def test_path_and_coefficients_are_the_posterior_means(rng):
    drift, season, period, sequence, X, Y = case(rng)
    drift._rng, scale = Still(), np.array([0.5, 1.0, 2.0])
    drawn, profile = drift.draw(X, Y, scale, PRIOR)
    W, V = dense(season, period, sequence, X, drift.variance, scale)
    mean = V @ W.T @ np.linalg.solve(np.eye(len(Y)) + W @ V @ W.T, Y)
    np.testing.assert_allclose(drawn.B, mean[-3:], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(drift.path.reshape(-1, 2), mean[:-3], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(profile, W[:, :-3] @ mean[:-3], rtol=1e-9, atol=1e-12)


def test_draws_of_the_path_spread_as_the_posterior(rng):
    drift, season, period, sequence, X, Y = case(rng, D=1)
    scale = np.array([0.5, 1.0, 2.0])
    W, V = dense(season, period, sequence, X, GRID[8], scale)
    mean = V @ W.T @ np.linalg.solve(np.eye(len(Y)) + W @ V @ W.T, Y)[:, 0]
    z = []
    for _ in range(4000):
        drift.choice = 8
        drawn, _ = drift.draw(X, Y, scale, PRIOR)
        if drift.choice == 8:
            z.append(
                (np.concatenate([drift.path.ravel(), drawn.B.ravel()]) - mean) / drawn.root[0, 0]
            )
    posterior = V - V @ W.T @ np.linalg.solve(np.eye(len(Y)) + W @ V @ W.T, W @ V)
    spread = np.sqrt(np.diag(posterior))
    error = 5 * np.sqrt(2 / len(z))  # of a covariance of standard normals, at most
    np.testing.assert_allclose(
        np.cov(np.array(z).T) / np.outer(spread, spread),
        posterior / np.outer(spread, spread),
        atol=error,
    )


def sums(W, Y):
    return W.T @ W, W.T @ Y, Y.T @ Y


def test_a_season_drifts_where_outages_are_long_and_a_period_is_known(rng):
    t = np.arange(24 * 10)
    wave = np.sin(2 * np.pi * t / 24)[:, None] + 0.1 * rng.standard_normal((len(t), 2))
    scattered, outage = with_gaps(rng, wave, 0.1), with_gaps(rng, wave, 0.0, range(100, 110))
    assert VARChain(problem(outage), complete(outage), rng, periods=[24]).drifts
    assert not VARChain(problem(outage), complete(outage), rng).drifts
    assert not VARChain(problem(outage), complete(outage), rng, periods=[24], drift=False).drifts
    assert not VARChain(problem(scattered), complete(scattered), rng, periods=[24]).drifts
    short = outage[90:200]
    assert not VARChain(problem(short), complete(short), rng, periods=[24]).drifts


def test_an_outage_follows_the_profile_of_the_days_around_it(rng):
    """The profile of one half of the year is the opposite of the other's."""
    days, out = 60, range(24 * 50, 24 * 52)
    t = np.arange(24 * days)
    wave = np.where(t < 24 * days // 2, 1.0, -1.0) * np.sin(2 * np.pi * t / 24)
    truth = wave[:, None] + 0.3 * rng.standard_normal((len(t), 1))
    y = with_gaps(rng, truth, 0.0, out)
    found = {}
    for drift in (True, False):
        cov = np.column_stack([np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24)])
        chain = VARChain(
            problem(y, covariates=cov),
            complete(y),
            np.random.default_rng(1),
            periods=[24],
            drift=drift,
        )
        means = []
        for i in range(60):
            chain.sweep()
            if i >= 20:
                means.append(chain.mean[list(out), 0])
        found[drift] = np.sqrt(np.mean((np.mean(means, axis=0) - wave[list(out)]) ** 2))
    assert found[True] < 0.35
    assert found[True] < 0.6 * found[False]


def test_a_season_known_at_every_phase_bridges_skipped_steps(rng):
    steps = np.delete(np.arange(60), [20, 21, 40])
    season = np.column_stack([np.sin(2 * np.pi * steps / 12), np.cos(2 * np.pi * steps / 12)])
    y = rng.standard_normal((57, 1))
    bridged = lay_out(problem(y, steps=steps, covariates=season), [12])
    assert len(bridged.before) == 60
    np.testing.assert_allclose(
        bridged.covariates[:, 0], np.sin(2 * np.pi * np.arange(60) / 12), atol=1e-9
    )
    other = lay_out(
        problem(y, steps=steps, covariates=np.hstack([season, rng.standard_normal((57, 1))])), [12]
    )
    assert len(other.before) == 57
    assert (other.before == 0).sum() == 3


@pytest.mark.parametrize("drift", [True, False])
def test_other_rows_are_completed_by_what_was_learned(rng, drift):
    t = np.arange(24 * 12)
    wave = np.sin(2 * np.pi * t / 24)[:, None] * [1.0, -1.0] + 0.1 * rng.standard_normal(
        (len(t), 2)
    )
    cov = np.column_stack([np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24)])
    y = with_gaps(rng, wave, 0.1)
    chain = VARChain(problem(y, covariates=cov), complete(y), rng, periods=[24], drift=drift)
    for _ in range(20):
        chain.sweep()
    new = with_gaps(rng, wave[:50], 0.2, range(20, 30))
    z, mean = complete_rows(
        chain.parameter_draw(), problem(new, covariates=cov[:50]), complete(new), rng, periods=[24]
    )
    observed = ~np.isnan(new)
    np.testing.assert_array_equal(z[observed], new[observed])
    assert np.sqrt(np.mean((mean - wave[:50])[~observed] ** 2)) < 0.4
    assert not np.array_equal(z, mean)
    # One row alone is a sequence too.
    single = problem(new[25:26], covariates=cov[:1])
    one, _ = complete_rows(chain.parameter_draw(), single, np.zeros((1, 2)), rng, periods=[24])
    assert np.isfinite(one).all()


def test_parameters_are_drawn_from_their_posterior(rng):
    """Noise against SciPy's inverse Wishart, coefficients against their conditional mean."""
    X, Y = rng.standard_normal((30, 3)), rng.standard_normal((30, 2))
    scale = np.array([0.5, 1.0, 2.0])
    drawn = [draw_parameters(rng, *sums(X, Y), 30, scale, PRIOR) for _ in range(4000)]
    S = X.T @ X + np.diag(1 / scale)
    M = np.linalg.solve(S, X.T @ Y)
    rest = PRIOR.scale * np.eye(2) + Y.T @ Y - M.T @ S @ M
    Q = np.array([one.root @ one.root.T for one in drawn])
    expected = invwishart(PRIOR.df + 30, rest)
    assert (np.abs(Q.mean(axis=0) - expected.mean()) < 5 * np.sqrt(expected.var() / 4000)).all()
    assert (np.abs(Q.std(axis=0) / np.sqrt(expected.var()) - 1) < 0.1).all()
    B = np.array([one.B for one in drawn])
    assert (np.abs(B.mean(axis=0) - M) < 5 * B.std(axis=0) / np.sqrt(4000)).all()
    z = np.array([np.linalg.solve(one.root, (one.B - M).T) for one in drawn])
    np.testing.assert_allclose(np.cov(z[:, 0].T), np.linalg.inv(S), atol=0.005)
    one = drawn[0]
    np.testing.assert_allclose(one.precision @ one.root @ one.root.T, np.eye(2), atol=1e-10)
    assert one.log_det == pytest.approx(np.linalg.slogdet(Q[0])[1])


def test_the_prior_density_is_that_of_the_parts(rng):
    one = draw_parameters(rng, np.eye(2), np.ones((2, 2)), 3 * np.eye(2), 5, np.ones(2), PRIOR)
    scale, Q = np.array([0.5, 2.0]), one.root @ one.root.T
    from scipy.stats import matrix_normal

    expected = matrix_normal(rowcov=np.diag(scale), colcov=Q).logpdf(one.B)
    expected += invwishart(PRIOR.df, PRIOR.scale * np.eye(2)).logpdf(Q)
    assert log_prior(one, scale, PRIOR) == pytest.approx(expected)


def test_terms_of_a_short_period():
    assert drift_terms(np.arange(5), 3).shape == (5, 3)
    assert drift_terms(np.arange(5), 24).shape == (5, 9)
    assert drift_terms(np.arange(5), 4).shape == (5, 4)  # the second harmonic has no sine
    assert seasonal_drift.GRID.size > 10
