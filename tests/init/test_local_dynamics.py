"""Windows clustered by their autoregressions: regimes of one level and one spread are told apart."""

import numpy as np
import pytest
from helpers import with_gaps
from sklearn.metrics import adjusted_rand_score

from tsinit.init import KMeans, LocalDynamics
from tsinit.init.local_dynamics import _parts, _regress, _rows_with_past, _window_products
from tsinit.init.registry import resolve

DWELL = 60


def turns(rng, first=0.9, second=-0.5, T=600, D=1):
    """Regimes that differ in what follows what alone; rows have mean 0 and variance 1 in both."""
    z = np.arange(T) // DWELL % 2
    y = rng.standard_normal((T, D))
    for t in range(1, T):
        phi = (first, second)[z[t]]
        y[t] = phi * y[t - 1] + np.sqrt(1.0 - phi**2) * y[t]
    return y, z


@pytest.mark.parametrize("seed", range(5))
def test_regimes_that_differ_in_dynamics_alone_are_found(seed):
    rng = np.random.default_rng(seed)
    y, z = turns(rng)
    assert adjusted_rand_score(z, LocalDynamics().labels(y, rng, 2)) > 0.8
    assert abs(adjusted_rand_score(z, KMeans().labels(y, rng, 2))) < 0.1


def test_gaps_sequences_and_several_columns_are_no_obstacle(rng):
    y, z = turns(rng, T=1200, D=2)
    y = 1e3 + 50.0 * with_gaps(rng, y, 0.05, rows=0.05)
    offsets = np.array([0, 350, 360, 1200])
    assert adjusted_rand_score(z, LocalDynamics().labels(y, rng, 2, offsets)) > 0.85


def test_two_lags_see_what_one_does_not(rng):
    """Equal correlation of neighbours, by one lag or by two of which the second nearly repeats."""
    T = 1200
    z = np.arange(T) // 100 % 2
    y = rng.standard_normal((T, 1))
    for t in range(2, T):
        a, b = ((0.1, 0.8), (0.5, 0.0))[z[t]]  # 0.1 / (1 - 0.8) = 0.5
        noise = np.sqrt(1.0 - a * 0.5 - b * (0.5 * a + b)) if z[t] == 0 else np.sqrt(0.75)
        y[t] = a * y[t - 1] + b * y[t - 2] + noise * y[t]
    one, two = (
        adjusted_rand_score(z, LocalDynamics(order).labels(y, np.random.default_rng(0), 2))
        for order in (1, 2)
    )
    assert two > 0.6 > one


def test_the_order_is_that_of_the_model_unless_it_is_given(rng):
    y, _ = turns(rng)
    found = {
        (own, of_model): resolve(LocalDynamics(own), "labels").propose(
            y, np.random.default_rng(0), n_states=3, order=of_model
        )
        for own, of_model in ((None, None), (1, None), (None, 3), (3, None), (3, 1))
    }
    for a, b in (((None, None), (1, None)), ((None, 3), (3, None)), ((3, 1), (3, None))):
        np.testing.assert_array_equal(found[a], found[b])
    assert not np.array_equal(found[1, None], found[3, None])


def test_regressions_are_ridge_least_squares(rng):
    """As least squares with rows added for the penalty."""
    X, Y = 5.0 + rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    rows = np.hstack([np.ones((40, 1)), X, Y])
    B, left = _regress((rows.T @ rows)[None], 4, 0.05)
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    penalty = np.sqrt(0.05 * 40 * x.var(axis=0).mean()) * np.eye(3)
    A = np.linalg.lstsq(np.vstack([x, penalty]), np.vstack([y, np.zeros((3, 2))]), rcond=None)[0]
    np.testing.assert_allclose(B[0, 1:], A, rtol=1e-8)
    np.testing.assert_allclose(B[0, 0], Y.mean(axis=0) - X.mean(axis=0) @ A, rtol=1e-8)
    np.testing.assert_allclose(left[0], ((y - x @ A) ** 2).mean(axis=0), rtol=1e-8)


def test_windows_keep_to_their_sequence_and_leave_out_rows_without_a_past(rng):
    z = rng.standard_normal((100, 2))
    z[[13, 40]] = np.nan
    offsets = np.array([0, 37, 44, 44, 100])
    place = np.arange(100) - offsets[np.searchsorted(offsets, np.arange(100), side="right") - 1]
    whole = place >= 1
    whole[[13, 14, 40, 41]] = False
    rows = _rows_with_past(z, whole, 1)
    for t in np.flatnonzero(whole):
        np.testing.assert_array_equal(rows[t], np.r_[1.0, z[t - 1], z[t]])
    assert (rows[~whole] == 0.0).all()
    part = _parts(offsets, 5)
    products = _window_products(rows, part, offsets)
    for m in range(len(products)):
        t = np.flatnonzero(part == m)[0]
        sequence = np.searchsorted(offsets, t, side="right")
        own = np.unique(part[offsets[sequence - 1] : offsets[sequence]])
        nearest = own[np.argsort(np.abs(own - m), kind="stable")[:5]]
        inside = rows[np.isin(part, nearest)]
        np.testing.assert_allclose(products[m], inside.T @ inside, atol=1e-10)


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        (LocalDynamics(order=0), "order must be a whole number of at least 1; got 0."),
        (LocalDynamics(window=2), "window must be a whole number of at least 3 or 'auto'; got 2."),
        (LocalDynamics(ridge=-1.0), "ridge must be a number of at least 0; got -1.0."),
    ],
)
def test_wrong_parameters_are_refused_when_used(rng, strategy, sentence):
    with pytest.raises(ValueError, match=sentence):
        strategy.labels(rng.standard_normal((50, 1)), rng)
