"""Windows that no fit has seen are completed in one call: how well, how surely, and in what form."""

import numpy as np
import pandas as pd
import pytest
from models.imputation.var_problems import complete, problem

from tsinit import TBayesMICE
from tsinit.models.imputation import mirrored_rows
from tsinit.models.imputation.lagged_regressions import LaggedRegressions
from tsinit.models.imputation.posterior import ImputedDraws
from tsinit.models.imputation.var_new_rows import OtherRows, complete_rows
from tsinit.models.imputation.vector_autoregression import VARChain

A = np.array([[0.85, 0.2, 0.0], [-0.2, 0.8, 0.1], [0.0, 0.1, 0.7]])
Q = np.array([[0.3, 0.1, 0.0], [0.1, 0.3, 0.05], [0.0, 0.05, 0.2]])


def windows(rng, n, T=24):
    """Complete windows of a vector autoregression, and the same with every third cell hidden."""
    root, whole = np.linalg.cholesky(Q), []
    for _ in range(n):
        y, x = np.empty((T, 3)), np.zeros(3)
        for t in range(-50, T):
            x = A @ x + root @ rng.standard_normal(3)
            y[max(t, 0)] = x
        whole.append(y)
    return whole, [np.where(rng.random(y.shape) < 0.35, np.nan, y) for y in whole]


def exact_mean(window):
    """Mean of the missing cells given the observed ones under the true autoregression."""
    T, D = window.shape
    P = np.eye(D)
    for _ in range(500):
        P = A @ P @ A.T + Q
    blocks = [P]
    for _ in range(T - 1):
        blocks.append(A @ blocks[-1])
    S = np.block(
        [[blocks[t - s] if t >= s else blocks[s - t].T for s in range(T)] for t in range(T)]
    )
    y = window.ravel()
    gone = np.isnan(y)
    y[gone] = S[np.ix_(gone, ~gone)] @ np.linalg.solve(S[np.ix_(~gone, ~gone)], y[~gone])
    return y.reshape(T, D)


@pytest.fixture(scope="module", params=["fcs", "var"])
def fitted(request):
    _, given = windows(np.random.default_rng(5), 80)
    return TBayesMICE(method=request.param, transforms=None, n_draws=100, random_state=0).fit(given)


def test_many_windows_are_filled_as_well_as_by_the_true_model(fitted, rng):
    whole, given = windows(rng, 150)
    filled = fitted.transform(given)
    hidden = np.isnan(np.array(given))
    np.testing.assert_array_equal(np.array(filled)[~hidden], np.array(given)[~hidden])
    error, oracle = (
        np.sqrt(np.mean((np.array(tables) - np.array(whole))[hidden] ** 2))
        for tables in (filled, [exact_mean(window.copy()) for window in given])
    )
    assert error < 1.05 * oracle
    lower, upper = (np.array(end) for end in fitted.interval(0.9, X=given))
    covered = ((lower <= np.array(whole)) & (np.array(whole) <= upper))[hidden].mean()
    assert 0.87 < covered < 0.93


def test_tables_of_other_rows_differ_where_something_is_missing(fitted, rng):
    _, given = windows(rng, 3)
    tables = fitted.impute(6, X=given)
    assert len(tables) == 6
    values = np.array([np.concatenate(table) for table in tables])
    hidden = np.isnan(np.concatenate(given))
    assert (values.std(axis=0)[hidden] > 0.05).all()
    np.testing.assert_array_equal(values[:, ~hidden], [np.concatenate(given)[~hidden]] * 6)
    means = np.concatenate(fitted.transform(given))
    many = np.mean([np.concatenate(t) for t in fitted.impute(100, X=given)], axis=0)
    np.testing.assert_allclose(many, means, atol=0.25)
    with pytest.raises(ValueError, match="n must be at most the"):
        fitted.impute(10_000, X=given)


def test_a_list_of_tables_with_dates_keeps_its_form(rng):
    _, given = windows(rng, 40)
    dates = [pd.date_range("2024-01-01", periods=24, freq="h") + pd.Timedelta(days=i) for i in range(40)]  # fmt: skip
    frames = [pd.DataFrame(y, index=i, columns=list("abc")) for y, i in zip(given, dates, strict=True)]  # fmt: skip
    model = TBayesMICE(n_tune=20, n_draws=20, n_chains=2, random_state=0).fit(frames[:30])
    filled, (lower, _), (one,) = (
        model.transform(frames[30:]),
        model.interval(X=frames[30:]),
        model.impute(1, X=frames[30:]),
    )
    for tables in (filled, lower, one):
        assert len(tables) == 10
        for table, frame in zip(tables, frames[30:], strict=True):
            assert table.index.equals(frame.index)
            assert list(table.columns) == list("abc")
            assert not table.isna().to_numpy().any()


def test_rows_laid_out_once_are_drawn_as_if_laid_out_anew(rng):
    _, (first, *_) = windows(rng, 1, T=60)
    chain = VARChain(problem(first), complete(first), rng)
    draws = []
    for _ in range(5):
        chain.sweep()
        draws.append(chain.parameter_draw())
    new = problem(windows(rng, 1, T=40)[1][0])
    start = complete(new.z)
    rows, ours, anew = OtherRows(new, start), *(np.random.default_rng(1) for _ in range(2))
    for draw in draws:
        for found, expected in zip(
            rows.draw(draw, ours), complete_rows(draw, new, start, anew), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("n_cells", "for_mean", "n"),
    [(100, True, 200), (10_000, True, 200), (40_000, True, 50), (10**6, True, 20), (10**6, False, 20),
     (50_000, True, 40), (50_000, False, 200), (150_000, False, 100)],
)  # fmt: skip
def test_few_draws_are_used_for_many_cells(n_cells, for_mean, n):
    stored = ImputedDraws(1, 200, 1)
    stored.parameters = list(range(200))
    assert len(stored.parameters_for(n_cells, for_mean)) == n


@pytest.mark.filterwarnings("ignore:The chains do not agree")  # of short chains
@pytest.mark.parametrize("outages", [False, True])
def test_a_few_pairs_have_the_mean_of_many_single_draws(outages):
    rng = np.random.default_rng(8)
    _, given = windows(rng, 120)
    if outages:  # cells that are drawn jointly, too
        for window in given:
            window[6:14] = np.nan
    model = TBayesMICE(transforms=None, n_draws=100, random_state=0, method="fcs").fit(given[:80])
    panel = model._read(given[80:], None)
    single, pairs = (model._draws_for(panel, for_mean=for_mean)[1] for for_mean in (False, True))
    n_cells = single.shape[1]
    few = mirrored_rows.mirrored_draws(
        LaggedRegressions(
            model.posterior_.scales.problem(panel, model._table(panel)),
            model._fitted_engine._regressions, model._fitted_engine._pilot,
        ),
        model.posterior_.stored.parameters[:: -(-200 // mirrored_rows._MIN_PAIRS)],
        rng,
    )  # fmt: skip
    assert len(few) == 2 * mirrored_rows._MIN_PAIRS
    assert pairs.shape == (2 * len(model.posterior_.stored.parameters), n_cells)
    for draws in (few, pairs):
        off = (draws.mean(axis=0) - single.mean(axis=0)) / single.std(axis=0)
        # The mean of 40 single draws is off by a sixth of a standard deviation.
        assert np.sqrt(np.mean(off**2)) < 1.0 / 6.0
        np.testing.assert_allclose(
            np.sqrt(np.mean(draws.var(axis=0))), np.sqrt(np.mean(single.var(axis=0))), rtol=0.1
        )
