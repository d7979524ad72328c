"""Draws of the parameters against their conditional laws in closed form, or by quadrature."""

import numpy as np
import pytest
from emissions.cases import MEAN, SIGMA, bind
from reference import emissions as twin
from scipy import integrate, special, stats

from tsinit.emissions import Gaussian, NegativeBinomial, Poisson, StudentT, VonMises, _size
from tsinit.emissions.poisson import PoissonParams
from tsinit.kernels._jit import entry

N = 4000
LEAST = 1e-4  # p-value of a fixed seed


def _draws(name, rng, missing=True):
    on_data, y, z = bind(name, rng, missing=missing)
    return on_data, y, z, [on_data.draw(rng, z, 3, None) for _ in range(N)]


def _described(on_data, draws, name):
    return np.array([on_data.describe(p)[name] for p in draws])


def _agrees(sample, law):
    assert stats.kstest(sample, law.cdf).pvalue > LEAST


def _observed(y, z, k, i):
    x = y[z == k, i]
    return x[~np.isnan(x)]


def test_normal_wishart_posterior(rng):
    """Means are multivariate t, diagonal entries of Sigma inverse gamma, the rest as by scipy's own draws."""
    on_data, y, z, draws = _draws("gaussian", rng, missing=False)
    mean, S = _described(on_data, draws, "mean"), _described(on_data, draws, "covariance")
    for k in range(3):
        x = y[z == k]
        n, weight, df = len(x), 0.5 + len(x), 8.0 + len(x)
        m = (0.5 * MEAN + x.sum(axis=0)) / weight
        Psi = SIGMA * 5.0 + x.T @ x + 0.5 * np.outer(MEAN, MEAN) - weight * np.outer(m, m)
        free = df - 1.0
        combination = np.array([0.6, -1.3])
        spread = np.sqrt(combination @ Psi @ combination / (weight * free))
        _agrees(mean[:, k] @ combination, stats.t(free, m @ combination, spread))
        along = np.einsum("i,nij,j->n", combination, S[:, k], combination)
        _agrees(
            along, stats.invgamma(0.5 * (df - 1.0), scale=0.5 * combination @ Psi @ combination)
        )
        reference = stats.invwishart(df, Psi).rvs(N, random_state=n)
        assert stats.ks_2samp(np.linalg.det(S[:, k]), np.linalg.det(reference)).pvalue > LEAST
        assert stats.ks_2samp(S[:, k, 0, 1], reference[:, 0, 1]).pvalue > LEAST


def test_normal_gamma_posterior(rng):
    on_data, y, z, draws = _draws("gaussian_diag", rng)
    mean, variance = _described(on_data, draws, "mean"), _described(on_data, draws, "variance")
    for k in range(3):
        for i in range(2):
            x = _observed(y, z, k, i)
            weight, a = 0.5 + x.size, 4.0 + 0.5 * x.size
            m = (0.5 * MEAN[i] + x.sum()) / weight
            b = 3.0 * [4.0, 2.0][i] + 0.5 * (x @ x + 0.5 * MEAN[i] ** 2 - weight * m**2)
            _agrees(variance[:, k, i], stats.invgamma(a, scale=b))
            _agrees(mean[:, k, i], stats.t(2.0 * a, m, np.sqrt(b / (a * weight))))


def test_known_variance_posterior(rng):
    on_data, y, z, draws = _draws("gaussian_known_variance", rng)
    mean = _described(on_data, draws, "mean")
    for k in range(3):
        for i in range(2):
            x = _observed(y, z, k, i)
            precision = 1.0 / [9.0, 3.0][i] + x.size / [4.0, 2.0][i]
            m = (MEAN[i] / [9.0, 3.0][i] + x.sum() / [4.0, 2.0][i]) / precision
            _agrees(mean[:, k, i], stats.norm(m, precision**-0.5))
    np.testing.assert_allclose(
        _described(on_data, draws[:1], "variance")[0], np.tile([4.0, 2.0], (3, 1))
    )


def test_poisson_posterior(rng):
    on_data, y, z, draws = _draws("poisson", rng)
    rate = _described(on_data, draws, "rate")
    for k in range(3):
        for i in range(2):
            x = _observed(y, z, k, i)
            _agrees(
                rate[:, k, i],
                stats.gamma(1.5 + x.sum(), scale=1.0 / (1.5 / [3.0, 0.7][i] + x.size)),
            )


def test_categorical_posterior(rng):
    on_data, y, z, draws = _draws("categorical", rng)
    probability = _described(on_data, draws, "probability")
    for k in range(3):
        for i in range(2):
            counts = on_data.prior.counts[i] + np.bincount(
                _observed(y, z, k, i).astype(int), minlength=3
            )
            for c in range(3):
                _agrees(probability[:, k, i, c], stats.beta(counts[c], counts.sum() - counts[c]))


def _concentration_law(R, n, c, a, b):
    """Distribution function of log kappa by quadrature."""
    grid = np.linspace(-25.0, 25.0, 200_001)
    log_f = twin.concentration_log_density(np.exp(grid), R, n, c, a, b) + grid
    cdf = integrate.cumulative_simpson(np.exp(log_f - log_f.max()), x=grid, initial=0.0)
    return lambda kappa: np.interp(np.log(kappa), grid, cdf / cdf[-1])


@pytest.mark.parametrize(
    ("angles", "weight", "shape", "concentration"),
    [
        (np.empty(0), 0.0, 2.0, 3.0),  # no rows: the prior
        (np.array([1.0]), 0.0, 1.0, 0.5),  # one angle says nothing about kappa
        (np.array([1.0, 1.0, 1.0]), 0.0, 2.0, 50.0),  # no spread at all
        (np.array([0.0, np.pi]), 0.0, 2.0, 2.0),  # opposite
        (np.array([0.2, 0.1, 6.0]), 0.8, 2.5, 2.0),  # a prior direction
        (np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False), 0.0, 2.0, 4.0),  # uniform: R is 0
        (np.linspace(0.9, 1.1, 500), 0.3, 2.0, 10.0),  # narrow
        (np.linspace(-2.0, 2.0, 20_000), 0.0, 2.0, 10.0),  # many
        (np.array([0.0, 0.3]), 0.0, 3.0, 1e-3),  # prior and data far apart
        (1e-4 * np.arange(50), 0.0, 2.0, 1e-2),
    ],
)
def test_von_mises_posterior(rng, angles, weight, shape, concentration):
    """Concentration by quadrature of its marginal; directions then have N R-bar kappa, not R-bar kappa."""
    y = np.r_[angles, np.nan][:, None]
    emission = VonMises(None, 0.5, weight, concentration, shape)
    on_data, z = emission.bind(y), np.zeros(len(y), np.int64)
    described = [on_data.describe(on_data.draw(rng, z, 1, None)) for _ in range(N)]
    kappa = np.array([t["concentration"][0, 0] for t in described])
    direction = np.array([t["direction"][0, 0] for t in described])
    x = np.cos(angles).sum() + weight * np.cos(0.5)
    y = np.sin(angles).sum() + weight * np.sin(0.5)
    R = np.hypot(x, y)
    law = _concentration_law(R, angles.size, weight, shape, shape / concentration)
    assert stats.kstest(kappa, law).pvalue > LEAST
    # The probability integral transform of each direction, given its own concentration, is uniform.
    turned = np.angle(np.exp(1j * (direction - np.arctan2(y, x))))
    assert stats.kstest(stats.vonmises.cdf(turned, kappa * R), "uniform").pvalue > LEAST


COUNTS = {
    "no rows": [],
    "a zero": [0],
    "one count": [7],
    "zeros": [0] * 300,
    "equal": [20] * 200,
    "Poisson": np.random.default_rng(1).poisson(9.0, 2000),
    "overdispersed": np.random.default_rng(2).negative_binomial(0.5, 0.02, 500),
    "many": np.random.default_rng(3).negative_binomial(3.0, 0.2, 5000),
    "large": np.random.default_rng(4).negative_binomial(5.0, 1e-5, 300),
    "an outlier": [2] * 100 + [10**6],
    "rare": [0] * 1000 + [1] * 3 + [40],
}


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize(("size", "shape"), [(2.0, 2.0), (1e-3, 1.0), (1e4, 4.0)])
def test_negative_binomial_posterior(kind, size, shape):
    """Sizes by quadrature, means given their sizes a BetaPrime; evidence by the same quadrature."""
    rng = np.random.default_rng(5)
    counts = np.array(COUNTS[kind], dtype=float)
    y = np.r_[counts, np.nan][:, None]
    emission = NegativeBinomial(4.0, 1.5, size, shape)
    on_data, z = emission.bind(y), np.zeros(len(y), np.int64)
    draws = [on_data.draw(rng, z, 1, None) for _ in range(1000)]
    x = np.array([p.log_size[0, 0] for p in draws])
    # To the right the textbook's formula has no digits left, and the prior hardly any mass.
    grid = np.linspace(-40.0, 14.0, 2001)
    log_f = twin.size_log_posterior(grid, counts, 4.0, 1.5, size, shape)
    near = grid[log_f > log_f.max() - 60.0]
    grid = np.linspace(near[0] - 0.03, near[-1] + 0.03, 5001)
    log_f = twin.size_log_posterior(grid, counts, 4.0, 1.5, size, shape)
    cdf = integrate.cumulative_simpson(np.exp(log_f - log_f.max()), x=grid, initial=0.0)
    assert stats.kstest(x, lambda v: np.interp(v, grid, cdf / cdf[-1])).pvalue > LEAST
    a, b = 1.5 + counts.sum(), 1.0 + (1.5 / 4.0 + counts.size) * np.exp(x)
    odds = np.exp(np.array([p.log_mean[0, 0] for p in draws]) - x)
    assert stats.kstest(stats.betaprime.cdf(odds, a, b), "uniform").pvalue > LEAST
    if counts.size and size == 2.0:  # elsewhere the prior has 1e-7 of its mass beyond the grid
        log_sum = special.logsumexp(log_f) + np.log(grid[1] - grid[0])
        assert on_data.log_evidence(z, 1, None, None) == pytest.approx(log_sum, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize(("size", "shape"), [(2.0, 2.0), (1e-3, 1.0), (1e4, 4.0)])
def test_sizes_are_proposed_from_above_their_density(kind, size, shape):
    """Nine points between every two of the envelope: nowhere is the density higher."""
    counts = np.array(COUNTS[kind], dtype=float)
    if counts.size == 0:
        return
    value, weight = np.unique(counts, return_counts=True)
    summary = _size.SizeSummary(
        value, weight.astype(float), len(value), float(counts.size), counts.sum(),
        1.5, 1.5 / 4.0, np.log(size), shape,
    )  # fmt: skip
    at, above, below = _envelope(summary)
    slack = 1e-9 * np.abs(below).max()  # rounding of sums of many counts
    assert (below <= above + slack).all()
    assert np.mean(np.exp(below - above)) > 0.8  # and it is not much lower
    assert (np.diff(at) > 0).all()


@entry
def _envelope(summary):
    height = np.empty(2 * _size.ROOM + 1)
    x, step, first, last, _ = _size._points(summary, height)
    n = (last - first) * 9
    at, above, below = np.empty(n), np.empty(n), np.empty(n)
    for i in range(first, last):
        raised = max(_size._bend(height, i, first, last), _size._bend(height, i + 1, first, last))
        for j in range(9):
            share = (j + 0.5) / 9.0
            m = (i - first) * 9 + j
            at[m] = x + (i - _size.ROOM + share) * step
            above[m] = height[i] + raised + share * (height[i + 1] - height[i])
            below[m] = _size.log_posterior(summary, at[m])
    return at, above, below


def test_every_state_uses_its_own_angles(rng):
    """A published code overwrites its labels and draws all states after the first from the prior."""
    z = np.repeat([0, 1, 2], 100)
    y = rng.vonmises(np.array([0.0, 2.0, 4.0])[z], 500.0)[:, None]
    on_data = VonMises(prior_concentration=500.0).bind(y)
    params = on_data.draw(rng, z, 3, None)
    np.testing.assert_allclose(
        np.exp(1j * on_data.means(params)[:, 0]), np.exp([0j, 2j, 4j]), atol=0.05
    )
    assert (
        np.abs(on_data.describe(params)["concentration"] - 500.0) < 5.0 * 500.0 * np.sqrt(2.0 / 100)
    ).all()


@pytest.mark.parametrize("name", ["gaussian", "student_t"])
def test_missing_entries_are_drawn_from_their_conditional(rng, name):
    """Given the weight of its row, N(m + S_mo S_oo^-1 (y_o - m_o), S_mm.o / weight)."""
    D = 4
    y = rng.standard_normal((3, D)) @ (np.eye(D) + 0.5 * rng.standard_normal((D, D)))
    y[0, [0, 2]], y[1, 3], y[2] = np.nan, np.nan, np.nan
    on_data = (Gaussian() if name == "gaussian" else StudentT()).bind(y)
    z = np.zeros(3, np.int64)
    latent = on_data.latent(rng)
    params = on_data.prior_params(rng, 1)
    m, S = on_data.means(params)[0], np.linalg.inv(params.whiten[0].T @ params.whiten[0])
    S = S * np.outer(on_data.scale.scale, on_data.scale.scale)
    filled, weight = np.empty((N, 3, D)), np.ones((N, 3))
    for n in range(N):
        latent = on_data.augment(rng, z, params, latent)
        filled[n] = on_data.scale.undo(latent if name == "gaussian" else latent.y)
        if name == "student_t":
            weight[n] = latent.weight
    for t, gap in ((0, [0, 2]), (1, [3])):
        seen = np.setdiff1d(np.arange(D), gap)
        B = S[np.ix_(gap, seen)] @ np.linalg.inv(S[np.ix_(seen, seen)])
        C = S[np.ix_(gap, gap)] - B @ S[np.ix_(seen, gap)]
        e = (filled[:, t, gap] - m[gap] - B @ (y[t, seen] - m[seen])) * np.sqrt(weight[:, t])[
            :, None
        ]
        white = np.linalg.solve(np.linalg.cholesky(C), e.T)
        for row in white:
            _agrees(row, stats.norm)
        if len(gap) == 2:
            assert abs(np.mean(white[0] * white[1])) < 4.0 / np.sqrt(N)
        if name == "student_t":
            d = (y[t, seen] - m[seen]) @ np.linalg.solve(
                S[np.ix_(seen, seen)], y[t, seen] - m[seen]
            )
            _agrees(weight[:, t], stats.gamma(0.5 * (4.0 + seen.size), scale=2.0 / (4.0 + d)))


def test_counts_too_large_for_numpy_are_drawn_too(rng):
    """Beside small ones, which are drawn as ever."""
    rate = np.array([[3.0], [1e30]])
    params = PoissonParams(rate, np.log(rate))
    on_data = Poisson().bind(np.ones((4, 1)))
    y = on_data.simulate(rng, params, np.repeat([0, 1], 20_000))
    small, large = np.split(y[:, 0], 2)
    assert abs(small.mean() - 3.0) < 5 * np.sqrt(3.0 / 20_000)
    z = (large - 1e30) / 1e15
    assert abs(z.mean()) < 5 / np.sqrt(20_000)
    assert z.std() == pytest.approx(1.0, abs=0.03)
