import re
from itertools import pairwise

import numpy as np
import pytest
from helpers import random_covariance, with_gaps
from reference.hidden_markov import exact
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from tsinit.init import GaussianMixture, ShortEM
from tsinit.init._gaussian_hmm import GaussianHMMParams, densities, em_step, observed_patterns
from tsinit.init.short_em import _stretches
from tsinit.kernels.hidden_markov import forward_backward


def draw(rng, K=3, D=2, diagonal=False):
    """A model to begin with."""
    covs = np.array([random_covariance(rng, D) for _ in range(K)])
    if diagonal:
        covs = covs * np.eye(D)
    start, P = rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K), size=K)
    return GaussianHMMParams(start, P, rng.standard_normal((K, D)), covs)


def slow_densities(z, model):
    out = np.zeros((len(z), len(model.start)))
    for t, k in np.ndindex(out.shape):
        observed = ~np.isnan(z[t])
        if observed.any():
            normal = multivariate_normal(
                model.means[k, observed], model.covs[k][np.ix_(observed, observed)]
            )
            out[t, k] = normal.logpdf(z[t, observed])
    return out


def slow_step(z, offsets, model, diagonal):
    """EM by enumerated paths, one row and one state at a time."""
    total, prob, moves, _ = exact(slow_densities(z, model), model.start, model.P, offsets)
    K, D = model.means.shape
    means, covs = np.zeros((K, D)), np.zeros((K, D, D))
    used = ~np.isnan(z).all(axis=1)
    for k in range(K):
        rows, spread = z.copy(), np.zeros((len(z), D, D))
        for t in np.flatnonzero(used):
            o, m = ~np.isnan(z[t]), np.isnan(z[t])
            cov = model.covs[k]
            B = cov[np.ix_(m, o)] @ np.linalg.inv(cov[np.ix_(o, o)])
            rows[t, m] = model.means[k, m] + B @ (z[t, o] - model.means[k, o])
            spread[t][np.ix_(m, m)] = cov[np.ix_(m, m)] - B @ cov[np.ix_(o, m)]
        w = prob[used, k] / prob[used, k].sum()
        means[k] = w @ rows[used]
        e = rows[used] - means[k]
        covs[k] = (w[:, None] * e).T @ e + np.tensordot(w, spread[used], 1)
    start = prob[offsets[:-1]].sum(axis=0)
    covs = covs * np.eye(D) if diagonal else covs
    return total, GaussianHMMParams(
        start / start.sum(), moves / moves.sum(axis=1, keepdims=True), means, covs
    )


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_one_step_is_em_over_all_paths_and_completions(rng, gaps, diagonal):
    z = with_gaps(rng, rng.standard_normal((8, 3)), gaps, rows=gaps / 2)
    offsets = np.array([0, 5, 8])
    model = draw(rng, K=2, D=3, diagonal=diagonal)
    groups = observed_patterns(z)
    np.testing.assert_allclose(densities(z, groups, model), slow_densities(z, model), rtol=1e-9)
    total, found = em_step(z, groups, offsets, model, diagonal)
    expected, twin = slow_step(z, offsets, model, diagonal)
    assert total == pytest.approx(expected, rel=1e-12)
    # Floors are below what this many rows come to.
    assert np.linalg.eigvalsh(twin.covs).min() > 1e-3
    for name, a, b in zip(GaussianHMMParams._fields, found, twin, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("gaps", [0.0, 0.25])
@pytest.mark.parametrize("case", ["usual", "few rows", "constant"])
def test_no_step_lowers_the_likelihood(rng, gaps, diagonal, case):
    z = with_gaps(
        rng, rng.standard_normal((12 if case == "few rows" else 150, 3)), gaps, rows=gaps / 3
    )
    if case == "constant":
        z[:, 1] = np.where(np.isnan(z[:, 1]), np.nan, 0.0)
    offsets = np.array([0, 7, len(z)])
    model, groups, reached = draw(rng, D=3, diagonal=diagonal), observed_patterns(z), []
    for _ in range(60):
        total, model = em_step(z, groups, offsets, model, diagonal)
        reached.append(total)
    # Up to rounding of a sum this long; floors are kept by the maximum under the constraint.
    assert (np.diff(reached) > -1e-9 * np.abs(reached[:-1])).all()
    assert np.linalg.eigvalsh(model.covs).min() > 1e-3 - 1e-9


@pytest.mark.parametrize(("D", "share"), [(3, 0.4), (3, 0.0), (70, 0.005)])
def test_rows_are_grouped_by_what_was_seen_of_them(rng, D, share):
    z = with_gaps(rng, rng.standard_normal((50, D)), share, rows=0.1)
    groups = observed_patterns(z)
    assert len({tuple(g.columns) for g in groups}) == len(groups)
    rows = np.concatenate([g.rows for g in groups])
    np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(~np.isnan(z).all(axis=1)))
    for rows, columns in groups:
        assert (np.isnan(z[rows]) == ~np.isin(np.arange(D), columns)).all()


@pytest.mark.parametrize(
    "offsets",
    [[0, 25_000], [0, 700, 700, 12_000, 12_001, 25_000], np.arange(0, 25_001, 10)],
    ids=["one", "few", "many"],
)
def test_short_runs_see_whole_stretches_of_one_sequence(rng, offsets):
    offsets = np.asarray(offsets)
    rows, parts = _stretches(offsets, rng)
    assert 10_000 <= len(rows) < 11_000
    assert parts[0] == 0
    assert parts[-1] == len(rows)
    sequence = np.searchsorted(offsets, rows, side="right")
    for a, b in pairwise(parts):
        assert (np.diff(rows[a:b]) == 1).all()
        assert len(np.unique(sequence[a:b])) == 1
        assert b - a <= 1_000


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_regimes_that_differ_only_in_their_variances_are_found(rng, gaps):
    z = np.repeat(np.arange(12) % 2, 50)
    y = np.where(z == 0, 0.3, 3.0)[:, None] * rng.standard_normal((600, 2))
    labels = ShortEM().labels(with_gaps(rng, y, gaps), np.random.default_rng(5), 2)
    assert adjusted_rand_score(z, labels) > 0.9


def test_a_mixture_that_knows_no_time_finds_overlapping_regimes_less_well(rng):
    z = np.repeat(np.arange(20) % 2, 40)
    y = 1.5 * z[:, None] + rng.standard_normal((800, 1))
    em, mixture = (
        adjusted_rand_score(z, s.labels(y, np.random.default_rng(5), 2))
        for s in (ShortEM(), GaussianMixture("spherical"))
    )
    assert em > 0.8 > mixture + 0.1


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_best_run_is_kept(rng, diagonal):
    """With one seed the first runs of many are the few: more runs or iterations cannot end lower."""
    z, offsets = with_gaps(rng, rng.standard_normal((80, 2)), 0.1), np.array([0, 80])

    def reached(n_runs, n_iter):
        rows, own = np.nan_to_num(z), np.random.default_rng(8)
        model = ShortEM(n_runs, n_iter)._best_short_run(z, offsets, rows, 4, diagonal, own)
        return forward_backward.log_likelihood(
            slow_densities(z, model), model.start, model.P, offsets
        )

    assert (np.diff([reached(n, 3) for n in (1, 2, 5, 20)]) >= 0.0).all()
    assert (np.diff([reached(1, n) for n in (0, 1, 5, 20)]) > 0.0).all()


def test_gaps_of_too_many_shapes_are_interpolated(rng):
    z = np.repeat(np.arange(8) % 2, 50)
    y = with_gaps(rng, 6.0 * z[:, None] + rng.standard_normal((400, 9)), 0.3)
    assert len(observed_patterns(y)) > 128
    assert adjusted_rand_score(z, ShortEM(3).labels(y, np.random.default_rng(5), 2)) > 0.9


def test_the_path_is_that_of_the_model(rng):
    """With variances known to be apart the path can be computed by hand from the labels' own moments."""
    z = np.repeat([0, 1, 0, 1], 50)
    y = 20.0 * z[:, None] + rng.standard_normal((200, 1))
    labels = ShortEM().labels(y, rng, 2)
    model = GaussianHMMParams(
        np.array([0.5, 0.5]),
        np.array([[0.98, 0.02], [0.02, 0.98]]),
        np.array([[y[labels == k].mean()] for k in (0, 1)]),
        np.ones((2, 1, 1)),
    )
    path = forward_backward.viterbi(
        slow_densities(y, model), model.start, model.P, np.array([0, 200])
    )
    np.testing.assert_array_equal(labels, path)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (ShortEM(n_runs=0), "n_runs must be a whole number of at least 1; got 0."),
        (ShortEM(n_iter=-1), "n_iter must be a whole number of at least 0; got -1."),
        (ShortEM(covariance="bic"), "covariance must be one of ['full', 'diag']; got 'bic'."),
    ],
)
def test_wrong_parameters_are_named(rng, strategy, expected):
    with pytest.raises(ValueError, match=re.escape(expected)):
        strategy.labels(np.arange(9.0)[:, None], rng, 2)
