"""Counts that vary more than their mean: two states are two, where Poisson counts make more of them."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from tsinit import HiddenMarkovModel, InfiniteHMM
from tsinit.kernels.hidden_markov import forward_backward

MEANS, SIZE, T = np.array([5.0, 25.0]), 4.0, 500
P = np.array([[0.96, 0.04], [0.04, 0.96]])


def counts(seed):
    """Labels, counts, and the adjusted Rand index of the segmentation by the true parameters."""
    rng = np.random.default_rng(seed)
    z = np.zeros(T, dtype=int)
    for t in range(1, T):
        z[t] = rng.choice(2, p=P[z[t - 1]])
    y = rng.poisson(MEANS[z] * rng.standard_gamma(SIZE, T) / SIZE).astype(float)
    density = stats.nbinom(SIZE, SIZE / (SIZE + MEANS)).logpmf(y[:, None])
    smoothed = forward_backward.smooth(density, np.full(2, 0.5), P, np.array([0, T]))[1]
    return z, y[:, None], adjusted_rand_score(z, smoothed.argmax(axis=1))


@pytest.mark.filterwarnings("ignore:The chains:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_overdispersed_states_are_two(seed):
    z, y, oracle = counts(seed)
    few = {"n_tune": 500, "n_draws": 200, "n_chains": 2, "random_state": seed}
    model = InfiniteHMM(emission="negative_binomial", **few).fit(y)
    assert model.n_states_ == 2
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.03
    sizes = model.to_datatree()["posterior_by_state"]["size"].to_numpy()
    assert (np.abs(np.log(np.median(sizes, axis=(0, 1)) / SIZE)) < 0.7).all()
    assert InfiniteHMM(emission="poisson", **few).fit(y).n_states_ > 2


def test_em_finds_them_too():
    z, y, oracle = counts(1)
    y[::9] = np.nan
    model = HiddenMarkovModel(2, emission="negative_binomial", random_state=0).fit(y)
    assert model.converged_
    assert (np.diff(model.history_) > -1e-8).all()
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.1
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), MEANS, rtol=0.15)
