"""A season that drifts is a regression whose path is integrated out, written out here in full."""

import numpy as np
import pytest
from models.imputation.var_problems import complete, problem, with_gaps
from scipy.stats import gamma, invwishart, matrix_normal, multivariate_normal, t

from tsinit.models.imputation import seasonal_drift
from tsinit.models.imputation.seasonal_drift import GRID, SeasonalDrift, drift_terms
from tsinit.models.imputation.var_new_rows import complete_rows
from tsinit.models.imputation.var_regressions import (
    VARPrior,
    begin,
    draw_parameters,
    lay_out,
    log_prior,
)
from tsinit.models.imputation.vector_autoregression import VARChain

PRIOR = VARPrior(4.0, 0.7, 1.5, 0.6, learned=False)


class Still:
    """A generator whose normals are zero and whose chi-squares are their means."""

    def standard_normal(self, shape):
        return np.zeros(shape)

    def chisquare(self, df):
        return np.asarray(df, dtype=float)


def case(rng, F=2, k=3, D=2):
    period = np.array([0, 0, 0, 1, 1, 3, 3, 3, 4, 7, 7, 0, 1, 1, 2, 2, 2])
    sequence = np.repeat([0, 1], [11, 6])
    season, X, Y = (rng.standard_normal((len(period), m)) for m in (F, k, D))
    return SeasonalDrift(season, period, sequence, 2.0, rng), season, period, sequence, X, Y


def covariance(season, period, sequence, variance):
    """Covariance (n, n) of what season and noise of variance 1 add to the rows of one column."""
    W, V = dense(season, period, sequence, variance)
    return np.eye(len(W)) + W @ V @ W.T


def dense(season, period, sequence, variance):
    """Regressors and prior covariance of the path."""
    n, F = season.shape
    names = sorted(set(zip(sequence.tolist(), period.tolist(), strict=True)))
    W = np.zeros((n, len(names) * F))
    for i in range(n):
        at = names.index((sequence[i], period[i])) * F
        W[i, at : at + F] = season[i]
    V = np.zeros((len(names), len(names)))
    for a, (s, p) in enumerate(names):
        for b, (r, q) in enumerate(names):
            if s == r:
                V[a, b] = 2.0 + variance * (min(p, q) - min(w for v, w in names if v == s))
    return W, np.kron(V, np.eye(F))


def given(rng, k=3, D=2):
    """Coefficients and noise."""
    root = np.tril(0.3 * rng.standard_normal((D, D))) + np.eye(D)
    Q = root @ root.T
    log_det = np.linalg.slogdet(Q)[1]
    return begin(k, D, PRIOR)._replace(
        B=rng.standard_normal((k, D)), root=root, precision=np.linalg.inv(Q), log_det=log_det
    )


def test_evidence_is_that_of_the_rows_without_the_path(rng):
    drift, season, period, sequence, X, Y = case(rng)
    present, both = given(rng), np.hstack([X, Y])
    by_day = np.vstack([both, np.zeros((1, 5))])[drift._rows]
    links = np.matmul(drift._by_day.transpose(0, 2, 1), by_day).reshape(-1, 5)
    got, expected = [], []
    for c in (0, 5, 12, 20):
        left = drift._reduced(c, links, both.T @ both, 3)
        got.append(drift.log_evidence(c, left, present))
        rows = covariance(season, period, sequence, GRID[c])
        law = matrix_normal(rowcov=rows, colcov=present.root @ present.root.T)
        expected.append(law.logpdf(Y - X @ present.B))
    np.testing.assert_allclose(np.diff(got), np.diff(expected), rtol=1e-9)


def test_path_and_coefficients_are_the_posterior_means(rng):
    drift, season, period, sequence, X, Y = case(rng)
    drift._rng = Still()
    drawn, profile = drift.draw(X, Y, 1, PRIOR)
    W, V = dense(season, period, sequence, drift.variance)
    inner = np.linalg.inv(covariance(season, period, sequence, drift.variance))
    # Noise of variance 1 to begin with.
    scale = np.array([PRIOR.lags, PRIOR.level, PRIOR.level])
    B = np.linalg.solve(X.T @ inner @ X + np.diag(1 / scale), X.T @ inner @ Y)
    path = V @ W.T @ inner @ (Y - X @ B)
    np.testing.assert_allclose(drawn.B, B, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(drift.path.reshape(-1, 2), path, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(profile, W @ path, rtol=1e-9, atol=1e-12)


def test_draws_of_path_and_coefficients_spread_as_the_posterior(rng):
    drift, season, period, sequence, X, Y = case(rng, D=1)
    W, V = dense(season, period, sequence, GRID[8])
    inner = np.linalg.inv(covariance(season, period, sequence, GRID[8]))
    present, paths, coefficients = given(rng, D=1), [], []
    for _ in range(4000):
        drift.choice = 8
        drawn, _ = drift.draw(X, Y, 3, PRIOR, present)
        if drift.choice == 8:
            mean = V @ W.T @ inner @ (Y - X @ drawn.B)
            paths.append((drift.path.ravel() - mean[:, 0]) / drawn.root[0, 0])
            coefficients.append(drawn.B[:, 0])
    square = present.root[0, 0] ** 2
    expected = np.linalg.inv(X.T @ inner @ X / square + np.eye(3) / PRIOR.lags)
    assert_spread(coefficients, expected)
    assert_spread(paths, V - V @ W.T @ inner @ W @ V)


def assert_spread(draws, expected):
    spread = np.sqrt(np.diag(expected))
    error = 5 * np.sqrt(2 / len(draws))  # of a covariance of standard normals, at most
    np.testing.assert_allclose(
        np.cov(np.array(draws).T) / np.outer(spread, spread),
        expected / np.outer(spread, spread),
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


def test_coefficients_and_noise_are_drawn_from_their_conditionals(rng):
    """Coefficients against weighted least squares with all columns at once, noise against its mean given them."""
    X, Y, present = rng.standard_normal((30, 3)), rng.standard_normal((30, 2)), given(rng)
    prior, n = PRIOR._replace(learned=True), 6000
    present = present._replace(lag_scale=0.05)
    drawn = [draw_parameters(rng, sums(X, Y), 30, 2, prior, present) for _ in range(n)]
    scale = np.array([0.05, 0.05, PRIOR.level])
    precision = np.kron(X.T @ X, present.precision) + np.diag(np.repeat(1 / scale, 2))
    mean = np.linalg.solve(precision, (X.T @ Y @ present.precision).ravel())
    B = np.array([one.B.ravel() for one in drawn])
    expected = np.linalg.inv(precision)
    assert (np.abs(B.mean(axis=0) - mean) < 5 * np.sqrt(np.diag(expected) / n)).all()
    assert_spread(B, expected)
    away, scales = [], []
    for one in drawn:
        E, Q = Y - X @ one.B, one.root @ one.root.T
        away.append(Q - invwishart(PRIOR.dof + 1 + 30, np.diag(present.psi) + E.T @ E).mean())
        rate = PRIOR.spread**-2 + PRIOR.dof * np.diag(one.precision)
        scales.append(one.psi * rate / (2 * PRIOR.dof))  # Gamma((dof + D) / 2)
    for values, center in ((away, 0.0), (scales, 0.5 * (PRIOR.dof + 2))):
        values = np.array(values)
        assert (np.abs(values.mean(axis=0) - center) < 5 * values.std(axis=0) / np.sqrt(n)).all()
    one = drawn[0]
    np.testing.assert_allclose(one.precision @ one.root @ one.root.T, np.eye(2), atol=1e-10)
    assert one.log_det == pytest.approx(np.linalg.slogdet(one.root @ one.root.T)[1])


def test_the_prior_density_is_that_of_the_parts(rng):
    one = given(rng)._replace(lag_scale=0.4)
    Q, scale = one.root @ one.root.T, np.array([0.4, 0.4, PRIOR.level])
    wishart = invwishart(PRIOR.dof + 1, np.diag(one.psi)).logpdf(Q)
    expected = wishart + multivariate_normal(cov=np.diag(np.repeat(scale, 2))).logpdf(one.B.ravel())
    assert log_prior(one, 2, PRIOR) == pytest.approx(expected)
    # Bayes' rule takes the scales out: p(Q) = p(Q | psi) p(psi) / p(psi | Q), whatever psi is.
    inverse, dof, A = one.psi / (2 * PRIOR.dof), PRIOR.dof, PRIOR.spread
    expected += gamma(0.5, scale=A**2).logpdf(inverse).sum()
    rate = A**-2 + dof * np.diag(one.precision)
    expected -= gamma(0.5 * (dof + 2), scale=1 / rate).logpdf(inverse).sum()
    sd = np.sqrt(0.4)
    expected += t(dof, scale=np.sqrt(PRIOR.lags)).logpdf(sd) - np.log(sd)
    assert log_prior(one, 2, PRIOR._replace(learned=True)) == pytest.approx(expected)


def test_a_standard_deviation_alone_is_half_t_a_priori(rng):
    one = begin(1, 1, PRIOR)._replace(precision=np.array([[4.0]]), log_det=np.log(0.25))
    normal = -0.5 * np.log(2 * np.pi * PRIOR.level)
    own = log_prior(one, 0, PRIOR._replace(learned=True)) - normal
    # The density of the variance .25 is that of the standard deviation .5, twice the half of a t, over 2 x .5.
    assert own == pytest.approx(t(PRIOR.dof, scale=PRIOR.spread).logpdf(0.5) + np.log(2.0))


def test_terms_of_a_short_period():
    assert drift_terms(np.arange(5), 3).shape == (5, 3)
    assert drift_terms(np.arange(5), 24).shape == (5, 9)
    assert drift_terms(np.arange(5), 4).shape == (5, 4)  # the second harmonic has no sine
    assert seasonal_drift.GRID.size > 10
