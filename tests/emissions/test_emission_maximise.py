"""The M-step of every emission: what it climbs to is a maximum, by finite differences, with gaps and without."""

import numpy as np
import pytest
from emissions.cases import EMISSIONS, bind
from scipy import stats

from tsinit.emissions import (
    DiagonalGaussian,
    Gaussian,
    NegativeBinomial,
    Poisson,
    VonMises,
    resolve,
)
from tsinit.kernels.density import all_log_densities

#: Emissions whose M-step on complete rows is the maximum itself, not a step towards it.
CLOSED = [
    name
    for name in EMISSIONS
    if name not in ("student_t", "by_column") and not name.startswith("zero_inflated")
]


def weighted(on_data, share, params, penalised):
    """What an M-step must not lower."""
    density = on_data.log_densities(params, share.shape[1])
    return float(np.sum(share * density)) + (on_data.log_prior(params) if penalised else 0.0)


def slope(on_data, share, params, penalised, step=1e-5):
    """Gradient of `weighted` in the coordinates, by central differences."""
    v = on_data.coordinates(params)

    def value(at):
        return weighted(on_data, share, on_data.from_coordinates(at, params, penalised), penalised)

    return np.array([(value(v + e) - value(v - e)) / (2 * step) for e in step * np.eye(len(v))])


def climb(on_data, share, penalised, n_steps=400):
    params, values = None, []
    for _ in range(n_steps):
        params = on_data.maximise(share, params, penalised)
        values.append(weighted(on_data, share, params, penalised))
    return params, np.array(values)


@pytest.fixture
def case(rng):
    def make(name, missing, T=50):
        on_data, _, _ = bind(name, rng, T, missing)
        return on_data, rng.dirichlet([0.5, 0.5], T)

    return make


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("name", EMISSIONS)
def test_steps_climb_to_a_point_without_slope(case, name, missing, penalised):
    on_data, share = case(name, missing)
    params, values = climb(on_data, share, penalised)
    assert (np.diff(values) > -1e-10 * abs(values[-1])).all()
    found = slope(on_data, share, params, penalised)
    # Rounding of sums of about 1,000 over a step of 1e-5, and the third derivative times its square.
    assert np.abs(found).max() < 2e-7 * max(1.0, abs(values[-1]))


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("name", CLOSED)
def test_of_complete_rows_one_step_is_the_maximum(case, name, penalised):
    on_data, share = case(name, missing=False)
    first = on_data.maximise(share, None, penalised)
    second = on_data.maximise(share, first, penalised)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_moments_of_many_complete_rows_are_weighted_sums(rng):
    """Over several blocks, normal and Student-t: means and squares by NumPy."""
    for name, df in (("gaussian", np.inf), ("student_t", 3.0)):
        on_data, _, _ = bind(name, rng, 700, missing=False)
        y, share = on_data.data.y, rng.dirichlet([0.3, 0.7], 700)
        now = on_data.maximise(share, None, penalised=False)
        new = on_data.maximise(share, now, penalised=False)
        for k in range(2):
            square = np.sum(((y - now.mean[k]) @ now.whiten[k].T) ** 2, axis=1)
            w = share[:, k] * ((1 + 2 / df) / (1 + square / df))
            mean = w @ y / w.sum()
            cov = (w * (y - mean).T) @ (y - mean) / share[:, k].sum()
            np.testing.assert_allclose(new.mean[k], mean, rtol=1e-9)
            found = np.linalg.inv(new.whiten[k].T @ new.whiten[k])
            np.testing.assert_allclose(found, cov, rtol=1e-8)


def test_a_step_with_gaps_has_the_moments_of_conditional_normals(rng):
    """Row by row from the textbook: conditional means, and the covariance of what is missing added."""
    on_data, _, _ = bind("gaussian", rng, 40)
    y, share = on_data.data.y, rng.dirichlet([1.0, 1.0], 40)
    now = on_data.maximise(share, None, penalised=False)
    new = on_data.maximise(share, now, penalised=False)
    for k in range(2):
        S = np.linalg.inv(now.whiten[k].T @ now.whiten[k])
        n, total, square = 0.0, np.zeros(2), np.zeros((2, 2))
        for row, weight in zip(y, share[:, k], strict=True):
            o = ~np.isnan(row)
            if not o.any():
                continue
            x, C, m = row.copy(), np.zeros((2, 2)), ~o
            H = S[np.ix_(m, o)] @ np.linalg.inv(S[np.ix_(o, o)])
            x[m] = now.mean[k][m] + H @ (row[o] - now.mean[k][o])
            C[np.ix_(m, m)] = S[np.ix_(m, m)] - H @ S[np.ix_(o, m)]
            n += weight
            total += weight * x
            square += weight * (np.outer(x, x) + C)
        mean = total / n
        np.testing.assert_allclose(new.mean[k], mean, rtol=1e-10)
        cov = np.linalg.inv(new.whiten[k].T @ new.whiten[k])
        np.testing.assert_allclose(cov, square / n - np.outer(mean, mean), rtol=1e-9)


@pytest.mark.parametrize("T", [1, 50, 600])
@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("name", EMISSIONS)
def test_densities_of_all_rows_are_those_of_each(case, rng, name, missing, T):
    """Also of blocks that are not full, of rows without any value, and of fewer states than there are."""
    on_data, share = case(name, missing and T > 1, T)
    params = on_data.maximise(share)
    for K in (1, 2):
        few = params._make(values[:K] for values in params)
        asked = on_data.density_arguments(few, on_data.latent(rng))
        np.testing.assert_allclose(
            on_data.log_densities(params, K), all_log_densities(*asked, K), rtol=1e-10, atol=1e-10
        )


@pytest.mark.parametrize("name", EMISSIONS)
def test_coordinates_are_the_parameters_in_other_words(case, name):
    on_data, share = case(name, missing=True)
    params = on_data.maximise(share)
    again = on_data.from_coordinates(on_data.coordinates(params), params)
    for a, b in zip(params, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    broken = np.full_like(on_data.coordinates(params), np.nan)
    with pytest.raises(FloatingPointError, match="must be finite"):
        on_data.from_coordinates(broken, params)


@pytest.mark.parametrize("name", EMISSIONS)
def test_the_slope_test_would_notice_a_wrong_step(case, name):
    """Parameters a hundredth of a unit away have a slope far above the tolerance."""
    on_data, share = case(name, missing=False)
    params, _ = climb(on_data, share, True, 200)
    v = on_data.coordinates(params)
    off = on_data.from_coordinates(v + 0.01 * (np.arange(len(v)) % 2), params)
    assert np.abs(slope(on_data, share, off, True)).max() > 1e-2


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("name", EMISSIONS)
def test_states_without_rows_and_of_one_row_have_finite_parameters(case, name, penalised):
    on_data, _ = case(name, missing=True)
    share = np.zeros((50, 3))
    share[:, 0] = 1.0
    share[7] = [0.0, 1.0, 0.0]
    params = None
    for _ in range(3):
        params = on_data.maximise(share, params, penalised)
        assert np.isfinite(on_data.log_densities(params, 3)).all()
        assert np.isfinite(on_data.means(params)).all()
        assert not penalised or np.isfinite(on_data.log_prior(params))


def test_variances_stop_at_the_floor():
    y = np.array([[0.0, 0.0], [1.0, 2.0], [5.0, 9.0], [5.0, 9.0]])
    share = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    for emission in (Gaussian(), DiagonalGaussian()):
        on_data = emission.bind(y)
        params = on_data.maximise(share, penalised=False)
        variances = np.diagonal(on_data.covariances(params)[1]) / on_data.scale.scale**2
        np.testing.assert_allclose(variances, 1e-6, rtol=1e-6)


def test_log_priors_are_those_of_scipy(rng):
    a, b = 1.5, 1.5 / np.array([3.0, 0.7])
    on_data = Poisson([3.0, 0.7], a).bind(rng.poisson(2.0, (9, 2)))
    params = on_data.maximise(rng.dirichlet([1.0, 1.0], 9))
    # The density of a logarithm is that of the number times the number.
    expected = stats.gamma(a, scale=1 / b).logpdf(params.rate) + params.log_rate
    assert on_data.log_prior(params) == pytest.approx(expected.sum(), rel=1e-12)

    on_data = NegativeBinomial(3.0, 1.5, 2.0, 2.5).bind(rng.poisson(2.0, (9, 1)))
    params = on_data.maximise(rng.dirichlet([1.0, 1.0], 9))
    mean, size = np.exp(params.log_mean), params.size
    # size / 2 is a ratio of two Gamma variables, and so is mean / size.
    expected = stats.betaprime(2.5, 2.5, scale=2.0).logpdf(size) + params.log_size
    expected += stats.betaprime(1.5, 1.0 + 0.5 * size, scale=size).logpdf(mean) + params.log_mean
    assert on_data.log_prior(params) == pytest.approx(expected.sum(), rel=1e-12)

    on_data = DiagonalGaussian(0.0, 0.5, 2.0, 8.0).bind(rng.standard_normal((9, 1)))
    params = on_data.maximise(rng.dirichlet([1.0, 1.0], 9))
    m, k, a, b = on_data.prior
    variance = 1.0 / params.precision
    expected = stats.invgamma(a, scale=b).logpdf(variance)
    expected = expected + stats.norm(m, np.sqrt(variance / k)).logpdf(params.mean)
    assert on_data.log_prior(params) == pytest.approx(expected.sum(), rel=1e-12)

    on_data = VonMises(None, 0.5, 0.3, 2.0, 2.5).bind(rng.vonmises(0.0, 2.0, (9, 1)))
    params = on_data.maximise(rng.dirichlet([1.0, 1.0], 9))
    kappa, direction = np.hypot(params.cos, params.sin), np.arctan2(params.sin, params.cos)
    m, c, a, b = on_data.prior
    expected = stats.gamma(a, scale=1 / b).logpdf(kappa) + np.log(kappa)
    expected = expected + stats.vonmises(c * kappa).logpdf(direction - m)
    assert on_data.log_prior(params) == pytest.approx(expected.sum(), rel=1e-10)

    on_data = resolve("categorical").bind(rng.integers(0, 3, (9, 1)))
    params = on_data.maximise(rng.dirichlet([1.0, 1.0], 9))
    prob = np.exp(params.log_prob[:, 0])
    expected = sum(stats.dirichlet(on_data.prior.counts[0]).logpdf(p / p.sum()) for p in prob)
    expected += np.log(prob).sum()
    assert on_data.log_prior(params) == pytest.approx(expected, rel=1e-10)


def test_parameters_are_counted(rng):
    known = {
        "gaussian": 5, "gaussian_diag": 4, "gaussian_known_variance": 2, "student_t": 5,
        "poisson": 2, "negative_binomial": 4, "categorical": 4, "von_mises": 4, "by_column": 3,
        "zero_inflated_poisson": 4, "zero_inflated_negative_binomial": 6,
    }  # fmt: skip
    for name in EMISSIONS:
        assert bind(name, rng)[0].n_parameters == known[name], name
