"""The joint draw of the missing cells is the conditional distribution of one dense Gaussian."""

import numpy as np
import pytest
from models.imputation.var_problems import complete, problem, with_gaps
from reference import var as twin

from tsinit.kernels.imputation import var_gaps
from tsinit.models.imputation.var_regressions import precision_blocks
from tsinit.models.imputation.vector_autoregression import VARChain


def chain_with(rng, T, D, L, *, offsets=None, steps=None, F=0, share=0.3, rows=()):
    y = with_gaps(rng, rng.standard_normal((T, D)), share, rows)
    covariates = rng.standard_normal((T, F))
    p = problem(y, offsets=offsets, steps=steps, lags=L, covariates=covariates, prior_scale=0.1)
    return VARChain(p, complete(y), rng), y


def exact(chain, y):
    """Mean and covariance of the cells that are missing, rows that the clock skipped included."""
    layout = chain.layout
    full = np.full((len(layout.before), y.shape[1]), np.nan)
    full[layout.rows] = y
    wide = {c: len(one.B) > c * y.shape[1] + 1 for c, one in chain.parameters.items()}
    return twin.condition(*twin.dense(chain.parameters, layout, wide), full)


def steps_of(chain, y, rng, n=1):
    """Conditional mean and n draws, and the covariance, straight from the kernels."""
    blocks = precision_blocks(chain.parameters, chain._L, y.shape[1])
    gaps, before = chain.table.gaps, chain.layout.before
    assert var_gaps.factor(gaps, blocks, before)
    M = gaps.row.size
    present, draws = chain.table.Z[gaps.row, gaps.column], []
    for _ in range(n):
        slope, mean, sample = np.empty((3, M))
        var_gaps.slopes(gaps, blocks, before, chain.table.weighted, slope)
        var_gaps.draw(rng, gaps, slope, mean, sample)
        draws.append(present + sample)
    root = np.zeros((M, M))
    for p in range(M):
        for q in range(gaps.first[p], p + 1):
            root[p, q] = gaps.values[gaps.place[p] + q]
    return present + mean, np.array(draws), np.linalg.inv(root @ root.T)


CASES = {
    "scattered": {"T": 20, "D": 3, "L": 1},
    "two lags": {"T": 15, "D": 2, "L": 2},
    "three lags, covariates": {"T": 25, "D": 2, "L": 3, "F": 2},
    "blackout and ends": {"T": 20, "D": 2, "L": 2, "rows": [0, 1, *range(8, 14), 19]},
    "segments": {"T": 20, "D": 2, "L": 2, "offsets": [0, 1, 3, 3, 9, 20], "rows": [0, 2, 8, 9]},
    "skipped steps": {"T": 12, "D": 2, "L": 1, "steps": [0, 1, 2, 5, 6, 7, 40, 41, 42, 43, 45, 46]},
    "covariates in first rows": {"T": 60, "D": 1, "L": 1, "F": 1, "offsets": np.arange(0, 61, 2)},
}


@pytest.mark.parametrize("case", CASES)
def test_mean_and_covariance_are_those_of_the_dense_twin(rng, case):
    chain, y = chain_with(rng, **CASES[case])
    for _ in range(3):
        mean, covariance = exact(chain, y)
        got, _, spread = steps_of(chain, y, rng)
        np.testing.assert_allclose(got, mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(spread, covariance, rtol=1e-9, atol=1e-9)
        chain.sweep()


def test_draws_have_that_distribution(rng):
    chain, y = chain_with(rng, 12, 2, 2, rows=[4, 5, 6])
    mean, covariance = exact(chain, y)
    n = 20_000
    draws = steps_of(chain, y, rng, n)[1]
    error = np.sqrt(np.diag(covariance) / n)
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * error).all()
    spread = np.cov(draws.T)
    # Var of a sample covariance of normals: (s_ii s_jj + s_ij^2) / n.
    diagonal = np.diag(covariance)
    assert (
        np.abs(spread - covariance)
        < 5 * np.sqrt((np.outer(diagonal, diagonal) + covariance**2) / n)
    ).all()


def test_skipped_steps_link_both_sides_and_long_holes_do_not(rng):
    y = rng.standard_normal((30, 1)).cumsum(axis=0)
    y[15] = np.nan
    near, far = ([*range(15), *range(15 + hole, 30 + hole)] for hole in (2, 11))
    for steps, rows in ((near, 32), (far, 30)):
        chain = VARChain(problem(y, steps=steps), complete(y), rng)
        assert len(chain.layout.before) == rows
        assert chain.z.shape == (30, 1)
        assert (chain.layout.before == 0).sum() == (1 if rows > 30 else 2)


def test_observed_cells_are_untouched_and_one_seed_gives_one_chain(rng):
    y = with_gaps(rng, rng.standard_normal((50, 3)), 0.3)
    chains = [VARChain(problem(y, lags=2), complete(y), np.random.default_rng(4)) for _ in range(2)]
    for _ in range(5):
        for chain in chains:
            chain.sweep()
    observed = ~np.isnan(y)
    for chain in chains:
        np.testing.assert_array_equal(chain.z[observed], y[observed])
        np.testing.assert_array_equal(chain.mean[observed], y[observed])
    np.testing.assert_array_equal(chains[0].z, chains[1].z)


def test_the_order_of_sequences_is_irrelevant_and_nothing_leaks(rng):
    """The conditional mean of a sequence depends on its own cells alone."""
    parts = [with_gaps(rng, rng.standard_normal((15, 2)), 0.3) for _ in range(2)]
    chain = VARChain(
        problem(np.vstack(parts), offsets=[0, 15, 30]), complete(np.vstack(parts)), rng
    )
    other = np.vstack([parts[0], parts[1] + 100.0])
    twin_chain = VARChain(problem(other, offsets=[0, 15, 30]), complete(other), rng)
    twin_chain.parameters = dict(chain.parameters)
    mean, _ = exact(chain, np.vstack(parts))
    moved, _ = exact(twin_chain, other)
    n = int(np.isnan(parts[0]).sum())
    np.testing.assert_allclose(mean[:n], moved[:n], rtol=1e-9)


def test_what_leaves_the_limits_is_reflected_and_counted(rng):
    y = with_gaps(rng, rng.standard_normal((40, 2)), 0.4)
    chain = VARChain(problem(y, reach=0.5), complete(y), rng)
    n_reflected = 0
    for _ in range(10):
        chain.sweep()
        n_reflected += chain.n_reflected
        assert np.abs(chain.z[np.isnan(y)]).max() <= 0.5
    assert n_reflected > 0


def test_a_complete_table_has_nothing_to_draw(rng):
    y = rng.standard_normal((30, 2))
    chain = VARChain(problem(y), y, rng)
    chain.sweep()
    np.testing.assert_array_equal(chain.z, y)
    assert np.isfinite(chain.log_density)


@pytest.mark.parametrize(
    "case",
    [
        "fewer rows than lags",
        "one row each",
        "no lags",
        "copies",
        "one column",
        "all but one",
        "far apart",
        "more columns than rows",
    ],
)
def test_awkward_tables_are_completed(rng, case):
    y, more = with_gaps(rng, rng.standard_normal((30, 3)), 0.3), {"lags": 2}
    if case == "fewer rows than lags":
        y, more = y[:3], {"lags": 5}
    elif case == "one row each":
        more["offsets"] = np.arange(31)
    elif case == "no lags":
        more["lags"] = 0
    elif case == "copies":
        y[:, 1] = y[:, 0]
        y[5:9, 1] = np.nan
    elif case == "one column":
        y = y[:, :1]
    elif case == "all but one":
        y[1:] = np.nan
    elif case == "far apart":
        more["steps"] = 1000 * np.arange(30)
    else:
        y = with_gaps(rng, rng.standard_normal((8, 12)), 0.2)
    chain = VARChain(problem(y, **more), complete(y), rng)
    for _ in range(20):
        chain.sweep()
    observed = ~np.isnan(y)
    np.testing.assert_array_equal(chain.z[observed], y[observed])
    assert np.isfinite(chain.z).all()
    assert np.isfinite(chain.mean).all()
    assert np.isfinite(chain.log_density)
    if case == "copies":
        assert np.abs(chain.z[5:9, 1] - chain.z[5:9, 0])[observed[5:9, 0]].max(initial=0.0) < 2.5
