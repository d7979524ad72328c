"""Counts with extra zeros: evidence by enumeration, draws in closed form, and the ends of the range."""

from itertools import product

import numpy as np
import pytest
from reference import emissions as twin
from scipy import special, stats

from tsinit.emissions import NegativeBinomial, Poisson, ZeroInflated, names, resolve

LEAST = 1e-4  # p-value of a fixed seed
INNER = ["poisson", "negative_binomial"]


def test_evidence_is_the_sum_over_which_zeros_are_extra_ones(rng):
    y = np.array([[0, 3], [0, 0], [2, np.nan], [0, 0], [5, 0], [0, 1], [1, 0], [np.nan, 0.0]])
    z = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    a, b, rate = 0.6, 1.4, 1.5 / np.array([3.0, 0.7])
    on_data = ZeroInflated(Poisson([3.0, 0.7], 1.5), 0.3, 2.0).bind(y)
    zeros, values = np.argwhere(y == 0.0), []
    for extra in product([False, True], repeat=len(zeros)):
        masked, value = y.copy(), 0.0
        for (t, i), is_extra in zip(zeros, extra, strict=True):
            masked[t, i] = np.nan if is_extra else 0.0
        for k in range(2):
            for i in range(2):
                n = np.sum(~np.isnan(y[z == k, i]))
                m = n - np.sum(~np.isnan(masked[z == k, i]))
                value += special.betaln(a + m, b + n - m) - special.betaln(a, b)
        values.append(value + twin.poisson_log_evidence(masked, z, 1.5, rate))
    assert on_data.collapsed
    assert on_data.log_evidence(z, 3, None, None) == pytest.approx(
        special.logsumexp(values), rel=1e-11
    )


def test_evidence_of_many_zeros_is_the_sum_of_its_terms(rng):
    """Ratio after ratio, nothing is lost over ten thousand zeros."""
    y = np.r_[np.zeros(10_000), rng.poisson(4.0, 3_000)][:, None].astype(float)
    a, b, shape, rate = 1.0, 1.0, 1.0, 0.25
    on_data = ZeroInflated(Poisson(4.0)).bind(y)
    n, zeros, S = len(y), int(np.sum(y == 0.0)), y.sum()
    m = np.arange(zeros + 1.0)
    terms = special.gammaln(zeros + 1) - special.gammaln(m + 1) - special.gammaln(zeros - m + 1)
    terms += special.betaln(a + m, b + n - m) - special.betaln(a, b)
    terms += shape * np.log(rate) - special.gammaln(shape) + special.gammaln(shape + S)
    terms -= (shape + S) * np.log(rate + n - m)
    expected = special.logsumexp(terms) - special.gammaln(y + 1.0).sum()
    z = np.zeros(n, np.int64)
    assert on_data.log_evidence(z, 1, None, None) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("inner", INNER)
def test_given_which_zeros_are_extra_ones_draws_are_conjugate(rng, inner):
    counts = Poisson(3.0, 1.5) if inner == "poisson" else NegativeBinomial(3.0, 1.5, 2.0, 2.0)
    y = rng.poisson(3.0, (60, 1)) * (rng.random((60, 1)) < 0.6).astype(float)
    y[4] = np.nan
    z = np.arange(60) % 2
    on_data = ZeroInflated(counts, 0.3, 5.0).bind(y)
    latent = rng.integers(0, 2, np.sum(y == 0.0))
    extra = np.zeros(60, dtype=bool)
    extra[np.flatnonzero(y[:, 0] == 0.0)[latent == 1]] = True
    draws = [on_data.draw(rng, z, 3, latent) for _ in range(2000)]
    described = [on_data.describe(p) for p in draws]
    alone = counts.bind(np.where(extra[:, None], np.nan, y))
    apart = [alone.describe(alone.draw(rng, z, 3, None)) for _ in range(2000)]
    for k in range(3):
        n, m = np.sum(~np.isnan(y[z == k])), extra[z == k].sum()
        zeros = np.array([d["zero_inflation"][k, 0] for d in described])
        assert stats.kstest(zeros, stats.beta(1.5 + m, 3.5 + n - m).cdf).pvalue > LEAST
        for name in apart[0]:
            a, b = (np.array([d[name][k, 0] for d in some]) for some in (described, apart))
            assert stats.ks_2samp(a, b).pvalue > LEAST
    # Counts that are extra zeros are not lost from the data that densities see.
    assert not np.isnan(on_data.data.y[extra]).any()


@pytest.mark.parametrize("inner", INNER)
def test_zeros_are_extra_ones_as_often_as_bayes_says(rng, inner):
    y = np.array([[0.0], [3.0], [0.0], [0.0], [1.0], [np.nan]])
    z = np.array([0, 0, 1, 1, 1, 0])
    on_data = ZeroInflated(inner).bind(y)
    params = on_data.draw(rng, z, 2, on_data.latent(rng))
    about = on_data.describe(params)
    if inner == "poisson":
        none = np.exp(-about["rate"][:, 0])
    else:
        size, mean = about["size"][:, 0], about["mean"][:, 0]
        none = (size / (size + mean)) ** size
    w = about["zero_inflation"][:, 0]
    share = w / (w + (1.0 - w) * none)
    latent = on_data.latent(rng)
    found = np.mean([on_data.augment(rng, z, params, latent).copy() for _ in range(20_000)], axis=0)
    expected = share[[0, 1, 1]]
    assert (np.abs(found - expected) < 5.0 * np.sqrt(0.25 / 20_000)).all()


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("inner", INNER)
def test_a_state_of_zeros_alone_and_one_without_any(rng, inner, penalised):
    y = np.column_stack([np.repeat([0.0, 5.0], 20), np.r_[np.zeros(20), rng.poisson(9.0, 20) + 1]])
    y[3, 0] = y[30] = np.nan
    z = np.repeat([0, 1], 20)
    on_data = ZeroInflated(inner).bind(y)
    params = None
    for _ in range(200):
        params = on_data.maximise(np.eye(2)[z], params, penalised)
        assert np.isfinite(on_data.log_densities(params, 2)[np.arange(40), z]).all()
    assert (on_data.means(params)[0] < 0.3).all()  # half a count in the prior of 20 rows
    np.testing.assert_allclose(on_data.means(params)[1], [5.0, np.nanmean(y[20:, 1])], rtol=0.1)
    assert (on_data.describe(params)["zero_inflation"][1] < 0.1).all()
    latent = on_data.latent(rng)
    for _ in range(50):
        drawn = on_data.draw(rng, z, 2, latent)
        latent = on_data.augment(rng, z, drawn, latent)
        assert np.isfinite(on_data.log_evidence(z, 2, drawn, latent))
        assert np.isfinite(on_data.covariances(drawn)).all()


@pytest.mark.parametrize("inner", INNER)
def test_em_finds_what_the_data_were_drawn_from(rng, inner):
    n, w = 40_000, np.array([0.2, 0.6])
    counts = (
        rng.poisson(4.0, (n, 2)) if inner == "poisson" else rng.negative_binomial(3.0, 0.3, (n, 2))
    )
    y = np.where(rng.random((n, 2)) < w, 0.0, counts)
    on_data, params = ZeroInflated(inner).bind(y), None
    for _ in range(300):
        params = on_data.maximise(np.ones((n, 1)), params)
    about = on_data.describe(params)
    np.testing.assert_allclose(about["zero_inflation"][0], w, atol=0.02)
    mean = about["rate"] if inner == "poisson" else about["mean"]
    np.testing.assert_allclose(mean[0], 4.0 if inner == "poisson" else 7.0, rtol=0.02)
    np.testing.assert_allclose(on_data.means(params)[0], y.mean(axis=0), rtol=0.01)


def test_the_prior_is_a_beta_of_its_mean_and_weight(rng):
    on_data = ZeroInflated(Poisson(3.0, 1.5), 0.3, 5.0).bind(rng.poisson(1.0, (20, 1)))
    params = on_data.maximise(rng.dirichlet([1.0, 1.0], 20))
    w = on_data.describe(params)["zero_inflation"]
    # The density of log odds is that of the number times w (1 - w).
    expected = stats.beta(1.5, 3.5).logpdf(w) + np.log(w * (1.0 - w))
    rate = params.rate
    expected += stats.gamma(1.5, scale=2.0).logpdf(rate) + np.log(rate)
    assert on_data.log_prior(params) == pytest.approx(expected.sum(), rel=1e-12)


def test_names_and_what_is_wrong():
    assert resolve("zero_inflated_poisson").inner == "poisson"
    assert resolve("zero_inflated_negative_binomial").inner == "negative_binomial"
    assert {"zero_inflated_poisson", "zero_inflated_negative_binomial"} <= set(names())
    y = np.zeros((4, 1))
    for inner in ("gaussian", Poisson, ZeroInflated(), None):
        with pytest.raises(ValueError, match=r"inner must be one of \['poisson', 'negative_bin"):
            ZeroInflated(inner).bind(y)
    for share in (0.0, 1.0, "half"):
        with pytest.raises(ValueError, match="prior_inflation must be a number"):
            ZeroInflated(prior_inflation=share).bind(y)
    with pytest.raises(ValueError, match="prior_weight must be a number"):
        ZeroInflated(prior_weight=0.0).bind(y)
    with pytest.raises(ValueError, match="X must hold counts"):
        ZeroInflated().bind(y + 0.5)
