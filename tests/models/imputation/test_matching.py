"""Predictive mean matching: who gives, against a slow twin; columns that no transform makes normal."""

import numpy as np
import pytest
from reference.fcs import conditional_of_column

from tsinit import TBayesMICE
from tsinit.kernels.imputation import matching as kernels
from tsinit.models.imputation.chained_equations import FCSChain
from tsinit.models.imputation.matching import Matching
from tsinit.models.imputation.problem import ImputationProblem

QUICK = {"n_chains": 2, "n_draws": 60, "n_tune": 30, "random_state": 0, "n_imputations": 20}


def chain_of(z, rng, n=5, **options):
    bound = np.full(z.shape[1], np.inf)
    steps = np.arange(len(z))
    problem = ImputationProblem(
        z, np.array([0, len(z)]), steps, np.empty((len(z), 0)), 1, "all", "normal", 5.0, -bound, bound, -bound, bound,
        match=n, **options,
    )  # fmt: skip
    chain = FCSChain(problem, np.where(np.isnan(z), 0.1, z), rng, "gibbs", 0)
    chain.sweep()
    return chain


@pytest.fixture
def gappy(rng):
    z = rng.standard_normal((50, 2)).cumsum(axis=0) * 0.3
    z[rng.random(z.shape) < 0.2] = np.nan
    return z


def test_predictions_are_conditional_means(rng, gappy):
    """Donors and missing cells alike: each given all other cells, by least squares on its equations."""
    chain = chain_of(gappy, rng)
    eq, table, W = chain.equations, chain.table, chain.table.W.copy()
    predicted, values = chain._cells.matching.donors(table, chain._fits, 0)
    np.testing.assert_array_equal(table.W, W)  # as they were
    expected = []
    for t in np.flatnonzero(~np.isnan(gappy[:, 0])):
        only = np.zeros(table.W.shape, dtype=bool)
        only[eq.place[t], 0] = True
        mean, _ = conditional_of_column(
            table.W, eq.covariates, eq.reach, 0, only, eq.gaps.regression, chain._fits.theta, chain._fits.tau2
        )  # fmt: skip
        expected.append((mean[0], gappy[t, 0]))
    expected = np.array(sorted(expected))
    np.testing.assert_allclose(predicted, expected[:, 0], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(values, expected[:, 1])


def test_donors_are_the_nearest_and_all_as_likely(rng, gappy):
    chain = chain_of(gappy, rng)
    missing, table = chain._cells.matching._missing, chain.table
    predicted = np.sort(rng.standard_normal(30))
    values = np.arange(30.0)  # the donor is its own value
    first, row = missing.column[0], missing.row[missing.column[0]]
    own = np.empty(missing.column[1] - first)
    W = table.W.copy()
    drawn = []
    for _ in range(1000):
        table.W[:] = W
        kernels.predict(table, missing, chain._fits, 0, own)
        kernels.match(rng, table, missing, chain._fits, 0, predicted, values, np.int64(4))
        drawn.append(table.W[row, 0])
    nearest = np.sort(np.argsort(np.abs(predicted - own[0]))[:4])
    found, counts = np.unique(drawn, return_counts=True)
    np.testing.assert_array_equal(found, nearest)
    assert np.abs(counts - 250).max() < 5 * np.sqrt(1000 * 0.25 * 0.75)


def test_coefficients_of_donors_are_the_means_of_their_draws(rng, gappy):
    """Type 1: many draws given one table and noise have the mean that donors are predicted by."""
    chain = chain_of(gappy, rng)
    chain._estimate(chain.equations.incomplete)
    design, k, j = chain.equations.design, 0, 1
    places = design.index[k, j, : design.size[k, j]]
    G = chain._S[0, design.member[k]].sum(axis=0)
    own, tau2 = design.own[j], chain._fits.tau2[k, j]
    precision = G[np.ix_(places, places)] / tau2 + np.eye(len(places)) / 5.0
    mean = np.linalg.solve(precision, G[places, own] / tau2)
    np.testing.assert_allclose(chain._estimates.theta[k, j, places], mean, rtol=1e-9)


def test_fewer_observed_values_than_donors(rng, gappy):
    gappy[4:, 1] = np.nan
    gappy[:4, 1] = [0.0, 1.0, 2.0, 3.0]
    chain = chain_of(gappy, rng, n=9)
    assert set(chain.z[:, 1]) <= {0.0, 1.0, 2.0, 3.0}
    assert isinstance(chain._cells.matching, Matching)


def rain(seed, T=400):
    """A column with half zeros and a heavy tail that follows a smooth one; a fifth of it is missing."""
    rng = np.random.default_rng(seed)
    x = np.zeros(T)
    for t in range(1, T):
        x[t] = 0.8 * x[t - 1] + rng.standard_normal()
    wet = np.maximum(x + rng.standard_normal(T), 0.0) ** 3
    return np.column_stack([x, wet]), rng.random(T) < 0.2


def test_only_what_was_observed_comes_back():
    shares, covered = [], []
    for seed in range(2):
        truth, hidden = rain(seed)
        y = truth.copy()
        y[hidden, 1] = np.nan
        model = TBayesMICE(match=5, **QUICK).fit(y)
        tables = np.array(model.impute())
        assert np.isin(tables[:, hidden, 1], truth[~hidden, 1]).all()
        shares.append([(tables[:, hidden, 1] == 0.0).mean(), (truth[hidden, 1] == 0.0).mean()])
        low, high = model.interval(0.9)
        covered.append(((low <= truth) & (truth <= high))[hidden, 1].mean())
        assert np.isin(model.posterior_.column_draws(1), truth[~hidden, 1]).all()
    ours, true = np.mean(shares, axis=0)
    assert abs(ours - true) < 4 * np.sqrt(0.25 / 160)
    assert np.mean(covered) > 0.9 - 4 * np.sqrt(0.09 / 160)
    plain = TBayesMICE(**QUICK).fit(y)
    assert (np.array(plain.impute())[:, hidden, 1] == 0.0).mean() == 0.0


def test_other_rows_take_values_of_the_fit():
    truth, hidden = rain(4)
    y = truth.copy()
    y[hidden, 1] = np.nan
    model = TBayesMICE(match=3, **QUICK).fit(y[:300])
    done = model.transform(y[300:])
    assert np.isfinite(done).all()
    new = hidden[300:]
    error = np.abs(done - truth[300:])[new, 1].mean()
    assert error < 0.8 * np.abs(truth[300:] - np.nanmean(y[:300, 1]))[new, 1].mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"match": 0}, "match must be a whole number of at least 1; got 0"),
        ({"match": 5, "method": "var"}, "match must go with method='fcs' or 'auto'; got 'var'"),
        ({"match": 5, "sequence_effects": True}, "match must be None with sequence_effects=True"),
        ({"match": 5, "censored": {1: (0.0, None)}}, "match must be None where cells are known by"),
    ],
)
def test_what_has_no_donors_is_refused(options, message):
    truth, hidden = rain(0, 60)
    truth[hidden, 1] = np.nan
    with pytest.raises(ValueError, match=message):
        TBayesMICE(**options).fit(truth)
