"""Rows that are not independent given their states are told, by a correlation that plain regimes do not have."""

import warnings

import numpy as np
import pytest

from tsinit import InfiniteHMM, datasets
from tsinit.models.hidden_markov.residuals import lag_one_correlations

T = 600
TRUTH = np.repeat([0, 1, 0, 1], T // 4)
OFFSETS = np.array([0, T])


def autoregression(rng, phi, D=1):
    x = rng.standard_normal((T, D))
    for t in range(1, T):
        x[t] = phi * x[t - 1] + np.sqrt(1.0 - phi**2) * x[t]
    return x


@pytest.mark.parametrize("phi", [0.4, 0.8])
def test_the_correlation_within_states_is_found_whatever_their_levels_and_scales(rng, phi):
    y = autoregression(rng, phi, 2) * np.array([1.0, 5.0])[TRUTH][:, None] + 30.0 * TRUTH[:, None]
    y[rng.random(y.shape) < 0.1] = np.nan
    assert lag_one_correlations(y, TRUTH, OFFSETS) == pytest.approx([phi, phi], abs=0.12)


def test_independent_rows_have_none(rng):
    y = rng.standard_normal((T, 3)) + 9.0 * TRUTH[:, None]
    assert np.isnan(lag_one_correlations(y, TRUTH, OFFSETS)).all()


def test_rows_of_two_sequences_or_without_a_state_are_no_neighbours(rng):
    pairs = np.repeat(rng.standard_normal(T // 2), 2)[:, None]  # alike two by two
    assert lag_one_correlations(pairs, np.zeros(T, int), OFFSETS)[0] > 0.3
    every_second = np.arange(0, T + 1, 2)
    assert np.isnan(lag_one_correlations(pairs[1:-1], np.zeros(T - 2, int), every_second[:-1])[0])
    labels = np.where(np.arange(T) % 2, 0, -1)
    assert np.isnan(lag_one_correlations(pairs, labels, OFFSETS)[0])


def test_a_column_without_spread_has_none():
    assert np.isnan(lag_one_correlations(np.ones((T, 1)), TRUTH, OFFSETS)).all()


@pytest.mark.filterwarnings("ignore:The chains:sklearn.exceptions.ConvergenceWarning")
def test_a_fit_warns_of_an_autoregression_by_column():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    y = pd.DataFrame({"a": rng.standard_normal(T), "b": autoregression(rng, 0.9)[:, 0] + 4 * TRUTH})
    model = InfiniteHMM(n_tune=100, n_draws=100, n_chains=2, random_state=0)
    with pytest.warns(UserWarning, match="neighbouring rows of column 'b' have a correlation of 0"):
        model.fit(y)


@pytest.mark.parametrize("seed", range(3))
def test_regimes_of_independent_rows_do_not_warn(seed):
    data = datasets.make_hmm(300, n_features=2, means=(-5.0, 5.0), random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Within states")
        warnings.filterwarnings("ignore", message="The chains")
        InfiniteHMM(n_tune=50, n_draws=100, n_chains=2, random_state=seed).fit(data.y)
