"""Regimes in which rows follow from those before them: as well found as by those who know all parameters."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from tsinit import HiddenMarkovModel, InfiniteHMM
from tsinit.emissions import Autoregressive
from tsinit.init import LocalDynamics
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.models.hidden_markov import chain
from tsinit.models.hidden_markov.posterior import of_rows

STAY = 0.98
#: Means, standard deviations and correlations of neighbours in the two regimes.
REGIMES = {
    "means": ((-2.0, 2.0), (1.0, 1.0), (0.7, 0.7)),
    "variances": ((0.0, 0.0), (1.0, 3.0), (0.7, 0.7)),
    "dynamics": ((0.0, 0.0), (1.0, 1.0), (0.9, -0.5)),
}
SHORT = {"n_tune": 300, "n_draws": 300}
quiet = pytest.mark.filterwarnings("ignore:The chains:sklearn.exceptions.ConvergenceWarning")


def simulate(kind, T, seed):
    """Rows (T, 1), regimes (T,), and how well the smoother with the true parameters finds these."""
    m, s, phi = (np.array(v) for v in REGIMES[kind])
    rng = np.random.default_rng([seed, T])
    z = np.cumsum(rng.random(T) > STAY) % 2
    e, y, noise = rng.standard_normal(T), np.zeros(T), s * np.sqrt(1.0 - phi**2)
    y[0] = m[z[0]] + s[z[0]] * e[0]
    for t in range(1, T):
        k = z[t]
        y[t] = m[k] + phi[k] * (y[t - 1] - m[k]) + noise[k] * e[t]
    log_density = np.zeros((T, 2))
    expected = m + phi * (y[:-1, None] - m)
    log_density[1:] = -0.5 * ((y[1:, None] - expected) / noise) ** 2 - np.log(noise)
    P = np.array([[STAY, 1.0 - STAY], [1.0 - STAY, STAY]])
    _, p, _ = forward_backward.smooth(log_density, np.full(2, 0.5), P, np.array([0, T]))
    return y[:, None], z, adjusted_rand_score(z, p.argmax(axis=1))


def fit(y, seed=0, emission="autoregressive", **more):
    return InfiniteHMM(emission=emission, random_state=seed, **{**SHORT, **more}).fit(y)


@quiet
@pytest.mark.parametrize("kind", REGIMES)
def test_two_regimes_are_found_as_by_who_knows_them(kind):
    y, z, oracle = simulate(kind, 500, 4)
    model = fit(y)
    assert model.n_states_ == 2
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.05


@quiet
@pytest.mark.slow
@pytest.mark.parametrize("T", [500, 1000])
@pytest.mark.parametrize("kind", ["variances", "dynamics"])
def test_two_regimes_are_found_in_twenty_series(kind, T, record_property):
    gaps, counts = [], []
    for seed in range(20):
        y, z, oracle = simulate(kind, T, seed)
        model = fit(y, seed, n_tune=400, n_draws=400)
        gaps.append(oracle - adjusted_rand_score(z, model.labels_))
        counts.append(model.n_states_ == len(set(z)))
    record_property("behind", float(np.mean(gaps)))
    assert np.mean(gaps) < 0.05
    assert sum(counts) >= 18


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_levels_are_one_regime_or_two_whatever_the_start(seed, monkeypatch):
    """One regime with a larger coefficient may be as probable as two levels; chains do not stay where they began."""
    monkeypatch.setattr(chain, "MOVE_EVERY", 1)
    y, z, _ = simulate("means", 500, seed)
    on_data, most = Autoregressive(1).bind(y), []
    for start in (z, np.zeros_like(z)):
        sampler = chain.BeamChain(on_data, [0, 500], start, np.random.default_rng(1))
        sizes = []
        for _ in range(1500):
            sampler.sweep()
            sizes.append(np.count_nonzero(np.bincount(sampler.z) > 5))
        most.append(np.bincount(sizes[500:]).argmax())
    assert most[0] == most[1]


@quiet
def test_one_regime_stays_one():
    rng = np.random.default_rng(1)
    y = rng.standard_normal((500, 1))
    for t in range(1, 500):
        y[t] += 0.7 * y[t - 1]
    assert fit(y).n_states_ == 1


@quiet
def test_gaps_cost_little_and_rows_like_those_of_the_fit_are_predicted():
    y, z, oracle = simulate("dynamics", 800, 0)
    y[np.random.default_rng(0).random(800) < 0.1] = np.nan
    model = fit(y)
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.1
    assert np.mean(model.predict(y) == model.labels_) > 0.97
    new, truth, best = simulate("dynamics", 800, 1)
    assert adjusted_rand_score(truth, model.predict(new)) > best - 0.05
    plain = fit(y, emission="gaussian")
    assert model.score(new) > plain.score(new) + 0.1


@quiet
def test_nothing_is_looked_up_across_the_start_of_a_sequence():
    """Each half is smoothed as if it stood alone."""
    y, _, _ = simulate("means", 400, 2)
    model = fit(y, n_tune=50, n_draws=50)
    together = model.predict_proba(y, lengths=[150, 250])
    np.testing.assert_allclose(
        np.vstack(together), np.vstack([model.predict_proba(y[:150]), model.predict_proba(y[150:])])
    )
    assert not np.allclose(np.vstack(together), model.predict_proba(y))


def test_chains_start_from_dynamics_and_correlated_rows_are_no_surprise():
    y, _, _ = simulate("variances", 400, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The chains")
        model = fit(y, emission=Autoregressive(2), n_init_states=2, n_tune=100, n_draws=100)
    named = [LocalDynamics(2), "kmeans", "jump", "short_em"]
    same = fit(y, init=named, n_init_states=2, n_tune=0, n_draws=1)
    np.testing.assert_array_equal(model.start_, same.start_)
    assert "coefficients" in model.to_datatree()["posterior_by_state"].ds


@quiet
def test_a_random_walk_has_the_mean_of_its_rows(rng):
    """No draw is stationary: growth of one per cent a row."""
    y = np.exp(0.02 * np.arange(300.0))[:, None] + 0.01 * rng.standard_normal((300, 1))
    model = fit(y, n_tune=50, n_draws=50)
    for k in range(model.n_states_):
        rows = y[model.labels_ == k]
        assert model.means_[k] == pytest.approx(rows.mean(axis=0))
        assert model.covariances_[k, 0, 0] == pytest.approx(rows.var())


def test_means_and_covariances_of_rows_with_gaps(rng):
    y = rng.standard_normal((50, 2))
    mean, S = of_rows(y)
    np.testing.assert_allclose(mean, y.mean(axis=0))
    np.testing.assert_allclose(S, np.cov(y.T, bias=True))
    y[:30, 0] = np.nan
    mean, S = of_rows(y)
    np.testing.assert_allclose(mean, np.nanmean(y, axis=0))
    np.testing.assert_allclose(np.diag(S), np.nanvar(y, axis=0))


@pytest.mark.parametrize("kind", ["variances", "dynamics"])
def test_em_finds_two_regimes_as_by_who_knows_them(kind):
    y, z, oracle = simulate(kind, 500, 3)
    model = HiddenMarkovModel(2, emission="autoregressive", init="local_dynamics", random_state=0)
    model.fit(y)
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.05
    assert (np.diff(model.history_) > -1e-9 * abs(model.history_[-1])).all()
    ahead = model.forecast(200)
    # In the long run what is ahead has forgotten the last row.
    stationary = np.linalg.matrix_power(model.transition_matrix_, 1000)[0]
    np.testing.assert_allclose(ahead.probabilities[-1], stationary, atol=1e-3)
    told = model._fitted_emission.describe(model._fitted_params.emission)
    one_step = told["intercept"][:, 0] + told["coefficients"][:, 0, 0, 0] * y[-1, 0]
    now = model.filter_proba(y)[-1] @ model.transition_matrix_
    assert ahead.means[0, 0] == pytest.approx(now @ one_step)
    assert model.bic() < HiddenMarkovModel(2, random_state=0).fit(y).bic()


@pytest.mark.parametrize("kind", REGIMES)
def test_em_finds_regimes_of_which_a_tenth_is_missing(kind):
    y, z, oracle = simulate(kind, 1000, 1)
    y[np.random.default_rng(1).random(1000) < 0.1] = np.nan
    model = HiddenMarkovModel(2, emission="autoregressive", init=LocalDynamics(2)).fit(y)
    assert model.converged_
    assert adjusted_rand_score(z, model.labels_) > oracle - 0.05
    assert model.score(y) == pytest.approx(model.log_likelihood_ / np.isfinite(y).sum(), rel=1e-9)
