import re

import numpy as np
import pytest
from helpers import random_params

from tsinit.init import LPC, BestOf, KMeans, Perturb
from tsinit.init._scaling import standardise
from tsinit.kernels import LinearGaussianParams


@pytest.fixture
def y(rng):
    return rng.standard_normal((300, 2)).cumsum(axis=0) * [1.0, 30.0] + [0.0, 500.0]


def same(a, b):
    return all(np.array_equal(x, z) for x, z in zip(a, b, strict=True))


def by_function(y, rng, n_states):
    return KMeans().dynamics(y, rng, n_states)


@pytest.mark.parametrize(
    "inner", ["kmeans", KMeans(), LPC(), pytest.param(by_function, id="by_function")], ids=str
)
def test_scale_zero_is_the_inner_start(y, inner):
    fresh = np.random.default_rng
    strategy = inner if isinstance(inner, (KMeans, LPC)) else KMeans()
    expected = strategy.dynamics(y, fresh(5), 3)
    assert same(Perturb(inner, scale=0.0).dynamics(y, fresh(5), 3), expected)


def test_a_vanishing_scale_vanishes_continuously(y, rng):
    inner = random_params(rng, 3, 2, observation_cov="full")
    near = Perturb(inner, scale=1e-9).dynamics(y, rng, 3)
    for a, b in zip(near, inner, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_spread_is_as_stated(y, rng):
    inner = random_params(rng, 4, 2, radius=0.5, observation_cov="full")
    scale, draws = 0.05, 2_000
    starts = [Perturb(inner, scale).dynamics(y, rng, 4) for _ in range(draws)]
    moved = np.array([s.A - inner.A for s in starts])
    # The standard error of a standard deviation is 1 / sqrt(2 N) of it.
    np.testing.assert_allclose(
        moved.std(axis=0), scale * np.linalg.norm(inner.A) / 4, rtol=5 / np.sqrt(2 * draws)
    )
    for name in ("Q", "R"):
        logs = np.array([np.log(np.diag(np.linalg.cholesky(getattr(s, name)))) for s in starts])
        np.testing.assert_allclose(logs.std(axis=0), scale, rtol=5 / np.sqrt(2 * draws))
        still = np.log(np.diag(np.linalg.cholesky(getattr(inner, name))))
        np.testing.assert_allclose(logs.mean(axis=0), still, atol=5 * scale / np.sqrt(draws))
    for s in starts[:3]:
        np.testing.assert_array_equal(s.C, inner.C)
        np.testing.assert_array_equal(s.d, inner.d)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_however_far_the_start_stays_stable_and_its_covariances_positive(y, rng, scale):
    inner = random_params(rng, 4, 2, radius=0.99)
    for _ in range(20):
        p = Perturb(inner, scale).dynamics(y, rng, 4)
        assert np.abs(np.linalg.eigvals(p.A)).max() < 1.0
        for S in (p.Q, p.R, p.P0):
            assert np.linalg.eigvalsh(S)[0] > -1e-9 * np.trace(S)
        np.testing.assert_allclose(
            p.P0, p.A @ p.P0 @ p.A.T + p.Q, rtol=1e-6, atol=1e-6 * np.trace(p.P0)
        )


def test_a_diagonal_covariance_stays_diagonal_and_a_singular_one_singular(y, rng):
    inner = random_params(rng, 3, 2)._replace(Q=np.diag([1.0, 0.0, 0.0]))
    p = Perturb(inner, 0.3).dynamics(y, rng, 3)
    np.testing.assert_array_equal(p.R, np.diag(np.diag(p.R)))
    np.testing.assert_array_equal(np.flatnonzero(p.Q), [0])
    tall = rng.standard_normal((3, 1))
    p = Perturb(inner._replace(Q=tall @ tall.T), 0.3).dynamics(y, rng, 3)
    assert np.linalg.matrix_rank(p.Q, tol=1e-6) == 1


def test_units_of_the_data_do_not_matter(y):
    inner = Perturb(LPC(), 0.5)
    z, _, scale = standardise(y)
    p, q = (inner.dynamics(v, np.random.default_rng(2), 3) for v in (y, z))
    np.testing.assert_allclose(p.A, q.A, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(p.R, q.R * np.outer(scale, scale), rtol=1e-10)


def test_ready_parameters_are_not_touched(y, rng):
    inner = random_params(rng, 3, 2)
    before = LinearGaussianParams(*(a.copy() for a in inner))
    Perturb(inner, 0.5).dynamics(y, rng, 3)
    assert same(inner, before)


def test_inner_parameters_are_reached_by_name(y):
    outer = Perturb(Perturb(LPC(jitter=0.1)))
    outer.set_params(inner__inner__jitter=0.7, inner__scale=0.0, scale=0.0)
    assert outer.get_params()["inner__inner__jitter"] == 0.7
    assert same(
        outer.dynamics(y, np.random.default_rng(0), 3), LPC(jitter=0.7).dynamics(y, None, 3)
    )


def test_a_trial_reaches_the_strategy_inside(y, rng):
    calls = []

    def trial(start, n_iter):
        calls.append(n_iter)
        return 0.0, start

    Perturb(BestOf(["uniform", "lpc"], n_iter=4)).dynamics(y, rng, 2, trial=trial)
    assert calls == [4, 4]


@pytest.mark.parametrize(
    ("strategy", "error", "expected"),
    [
        (Perturb("uniform", scale=-1), ValueError, "scale must be a number of at least 0; got -1."),
        (Perturb("unifrom"), ValueError, "Did you mean 'uniform'?"),
        (
            Perturb(random_params(np.random.default_rng(0), 3, 2)),
            ValueError,
            "inner.A must have shape (2, 2) for n_states=2 and 2 columns; got (3, 3).",
        ),
        (
            Perturb(KMeans),
            TypeError,
            "inner must be a strategy, not its class; got KMeans. Write KMeans().",
        ),
    ],
)
def test_wrong_parameters_are_named(y, rng, strategy, error, expected):
    with pytest.raises(error, match=re.escape(expected)):
        strategy.dynamics(y, rng, 2)
