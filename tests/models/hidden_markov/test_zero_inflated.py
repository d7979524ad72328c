"""Counts with extra zeros: two states are two, where Poisson counts make one of the zeros."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from tsinit import HiddenMarkovModel, InfiniteHMM
from tsinit.kernels.hidden_markov import forward_backward

RATES, INFLATION, SIZE, T = np.array([4.0, 15.0]), np.array([0.2, 0.5]), 4.0, 500
P = np.array([[0.96, 0.04], [0.04, 0.96]])


def counts(seed, inner):
    """Labels, counts, and the adjusted Rand index of the segmentation by the true parameters."""
    rng = np.random.default_rng(seed)
    z = np.zeros(T, dtype=int)
    for t in range(1, T):
        z[t] = rng.choice(2, p=P[z[t - 1]])
    poisson = inner == "poisson"
    rate = RATES[z] if poisson else RATES[z] * rng.standard_gamma(SIZE, T) / SIZE
    y = np.where(rng.random(T) < INFLATION[z], 0.0, rng.poisson(rate))[:, None]
    law = stats.poisson(RATES) if poisson else stats.nbinom(SIZE, SIZE / (SIZE + RATES))
    density = np.log((1.0 - INFLATION) * law.pmf(y) + INFLATION * (y == 0.0))
    smoothed = forward_backward.smooth(density, np.full(2, 0.5), P, np.array([0, T]))[1]
    return z, y, adjusted_rand_score(z, smoothed.argmax(axis=1))


def test_two_states_with_extra_zeros_are_two():
    z, y, oracle = counts(5, "poisson")
    few = {"n_tune": 500, "n_draws": 90, "n_chains": 2, "random_state": 5}
    model = InfiniteHMM(emission="zero_inflated_poisson", **few).fit(y)
    assert model.n_states_ == 2
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.03
    zeros = model.to_datatree()["posterior_by_state"]["zero_inflation"].mean(("chain", "draw"))
    np.testing.assert_allclose(np.sort(zeros.to_numpy().ravel()), INFLATION, atol=0.1)
    assert InfiniteHMM(emission="poisson", **few).fit(y).n_states_ > 2


@pytest.mark.parametrize("inner", ["poisson", "negative_binomial"])
def test_em_finds_them_too(inner):
    z, y, oracle = counts(1, inner)
    emission = f"zero_inflated_{inner}"
    model = HiddenMarkovModel([1, 2, 3], emission=emission, random_state=0).fit(y)
    assert model.n_states_ == 2
    assert model.converged_
    assert (np.diff(model.history_) >= 0.0).all()
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.05
    expected = np.sort(RATES * (1.0 - INFLATION))
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), expected, rtol=0.2)
    y[::9] = np.nan
    gaps = HiddenMarkovModel(2, emission=emission, random_state=0).fit(y, lengths=[200, 300])
    assert adjusted_rand_score(z, gaps.labels_) > oracle - 0.1
    ahead = gaps.forecast(3, y, random_state=0)
    assert np.isfinite(ahead.covariances).all()
    assert (ahead.quantile(0.05) == 0.0).all()


def test_an_infinite_model_of_overdispersed_counts_chooses_a_start_for_itself():
    z, y, oracle = counts(2, "negative_binomial")
    few = {"n_tune": 400, "n_draws": 90, "n_chains": 2, "random_state": 0}
    model = InfiniteHMM(emission="zero_inflated_negative_binomial", **few).fit(y)
    assert model.n_states_ == 2
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.06
