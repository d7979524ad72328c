"""Standard errors of the free entries of a structure: curvature, coverage, and what is built on them."""

import numpy as np
import pytest
from statsmodels.tsa.statespace.structural import UnobservedComponents

from tsinit import LinearGaussianSSM
from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.models.state_space.bootstrap import StructuredDrawing
from tsinit.models.state_space.simulation import simulate
from tsinit.structures import Structure, ar, local_level, local_linear_trend, regression, seasonal


def walk(rng, T=150, state=0.5, noise=1.0):
    y = np.cumsum(state * rng.standard_normal(T)) + noise * rng.standard_normal(T)
    y[rng.random(T) < 0.1] = np.nan
    return y[:, None]


def hessian_errors(log_likelihood, x):
    """Standard errors from second differences of the likelihood, in units of each entry."""
    h, p = 1e-4 * np.abs(x), len(x)
    H = np.empty((p, p))
    for i in range(p):
        for j in range(p):
            steps = [(a, b) for a in (1.0, -1.0) for b in (1.0, -1.0)]
            H[i, j] = sum(
                a * b * log_likelihood(x + a * h[i] * np.eye(p)[i] + b * h[j] * np.eye(p)[j])
                for a, b in steps
            ) / (4.0 * h[i] * h[j])
    return np.sqrt(np.diag(np.linalg.inv(-H)))


def test_variances_have_the_curvature_of_the_exact_likelihood():
    y = walk(np.random.default_rng(0))
    ssm = LinearGaussianSSM(structure=local_level(), tol=1e-10, random_state=0).fit(y)
    table = ssm.uncertainty(y).table
    assert list(table.index) == ["state variance[0]", "noise variance[0]"]
    model = UnobservedComponents(y[:, 0], "llevel", use_exact_diffuse=True)
    model.ssm.tolerance = 0
    expected = hessian_errors(lambda x: model.loglike(x[::-1]), table.estimate.to_numpy())
    np.testing.assert_allclose(table["standard error"], expected, rtol=5e-3)
    assert (table.lower >= 0.0).all()
    assert (table.lower < table.estimate).all()
    assert (table.estimate < table.upper).all()


def test_dynamics_and_effects_have_theirs():
    rng = np.random.default_rng(1)
    u = rng.standard_normal((400, 1))
    x = np.zeros(400)
    for t in range(1, 400):
        x[t] = 0.8 * x[t - 1] + rng.standard_normal()
    y = (x + 1.5 * u[:, 0] + 0.5 * rng.standard_normal(400))[:, None]
    ssm = LinearGaussianSSM(structure=ar(1) + regression(), random_state=0).fit(y, inputs=u)
    table = ssm.uncertainty(y, inputs=u).table
    for name, true in (("A[0, 0]", 0.8), ("effect[0, 0]", 1.5)):
        row = table.loc[name]
        assert abs(row.estimate - true) < 3.5 * row["standard error"]
        assert row["standard error"] < 0.15
    # Least squares with the right weights would do: the error of an effect is of the order of its noise.
    assert 0.02 < table.loc["effect[0, 0]", "standard error"] < 0.1


def test_shared_entries_have_one_row_by_their_label():
    y = walk(np.random.default_rng(2))
    shared = Structure(A=[[1.0]], C=[[1.0]], Q=["s"], R=[np.nan])
    ssm = LinearGaussianSSM(structure=shared, random_state=0).fit(y)
    assert list(ssm.uncertainty(y).table.index) == ["s", "noise variance[0]"]


def test_a_variance_at_zero_is_taken_as_known():
    rng = np.random.default_rng(3)
    y = (0.3 * np.arange(120) + np.tile([1.0, -1.0, 2.0, -2.0], 30) + rng.standard_normal(120))[
        :, None
    ]
    structure = local_linear_trend() + seasonal(4)
    ssm = LinearGaussianSSM(structure=structure, random_state=0).fit(y)
    found = ssm.uncertainty(y)
    unknown = found.table["standard error"].isna()
    assert unknown.any()
    assert found.n_at_edge == unknown.sum()
    assert (found.table.estimate[unknown] < 1e-6).all()
    assert found.table.loc["noise variance[0]"].notna().all()
    # One that is nearly zero may be zero, and not be larger than the data let it be.
    small = found.table[(found.table.estimate < 1e-6) & ~unknown]
    assert (small.lower == 0.0).all()
    assert (small.upper < 0.1).all()


def test_summary_and_forecasts_take_it_up():
    y = walk(np.random.default_rng(4), T=60)
    ssm = LinearGaussianSSM(structure=local_level(), random_state=0).fit(y)
    said = repr(ssm.summary(y))
    assert "state variance[0]" in said
    assert "The free entries of the structure are shown." in said
    wider = ssm.forecast(5, parameter_uncertainty=True).standard_deviations
    assert (wider > ssm.forecast(5).standard_deviations).all()


@pytest.mark.parametrize(
    ("n_walks", "least"), [(15, 11), pytest.param(120, 105, marks=pytest.mark.slow)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(n_walks, least):
    """Of walks of 200 rows; each variance 95 % of the time, by the spread of such counts (chance below .001)."""
    rng, inside, width = np.random.default_rng(5), np.zeros(2), []
    for _ in range(n_walks):
        y = walk(rng, T=200)
        ssm = LinearGaussianSSM(structure=local_level(), random_state=0).fit(y)
        table = ssm.uncertainty(y).table
        truth = np.array([0.25, 1.0])
        inside += (table.lower < truth) & (truth < table.upper)
        width.append((table.upper - table.lower) / truth)
    assert (inside >= least).all()
    assert (np.median(width, axis=0) < [1.6, 0.7]).all()


def test_a_bootstrap_has_the_spread_of_the_curvature():
    y = walk(np.random.default_rng(7), T=120)
    ssm = LinearGaussianSSM(structure=local_level(), random_state=0).fit(y)
    expected = ssm.uncertainty(y).table
    found = ssm.uncertainty(y, method="bootstrap", n_boot=60, n_from_strategy=4, random_state=0)
    assert list(found.table.index) == list(expected.index)
    ratio = found.table["standard error"] / expected["standard error"]
    assert ((ratio > 0.65) & (ratio < 1.5)).all()
    assert (found.table.lower <= found.table.estimate).all()
    assert found.replicates.shape == (60, 2)
    assert "matters less than the sampling error" in found.start_note
    # Where the level begins is of no account: the likelihood of a replicate is that of it moved up.
    drawn = StructuredDrawing(found._point, "parametric").data(np.random.SeedSequence(1))
    np.testing.assert_array_equal(np.isnan(drawn), np.isnan(y))
    values = [Kalman(part, 1).log_likelihood(ssm.params_) for part in (drawn, drawn + 500.0)]
    assert abs(values[0] - values[1]) < 1e-8


def test_blocks_effects_and_first_means_have_errors_by_the_curvature():
    rng = np.random.default_rng(8)
    T, u = 300, rng.standard_normal((300, 1))
    structure = Structure(
        np.diag([0.8, 0.5]), np.eye(2), np.full((2, 2), np.nan), ["r", "r"], B=[[np.nan], [0.0]], m0=["m", 0.0],
        diffuse=False,
    )  # fmt: skip
    truth = LinearGaussianParams(
        np.diag([0.8, 0.5]), np.eye(2), np.array([[1.0, 0.6], [0.6, 1.0]]), 0.5 * np.eye(2), np.array([2.0, 0.0]),
        np.eye(2), np.zeros(2), np.array([[1.0], [0.0]]),
    )  # fmt: skip
    y = simulate(truth, T, rng, u).y
    ssm = LinearGaussianSSM(structure=structure, tol=1e-9, random_state=0).fit(y, inputs=u)
    table = ssm.uncertainty(y, inputs=u).table
    assert list(table.index) == [
        "state effect[0, 0]", "m", "state variance[0]", "state covariance[0, 1]", "state variance[1]", "r",
    ]  # fmt: skip
    off = (table.estimate - [1.0, 2.0, 1.0, 0.6, 1.0, 0.5]) / table["standard error"]
    assert (np.abs(off) < 3.5).all()

    def log_likelihood(x):
        p = ssm.params_._replace(
            B=np.array([[x[0]], [0.0]]),
            m0=np.array([x[1], 0.0]),
            Q=np.array([[x[2], x[3]], [x[3], x[4]]]),
            R=x[5] * np.eye(2),
        )
        P0 = p.Q / (1.0 - np.outer([0.8, 0.5], [0.8, 0.5]))
        return Kalman(y, 2, u=u).log_likelihood(p._replace(P0=P0))

    expected = hessian_errors(log_likelihood, table.estimate.to_numpy())
    np.testing.assert_allclose(table["standard error"], expected, rtol=5e-3)


def test_other_data_are_refused():
    y = walk(np.random.default_rng(6))
    ssm = LinearGaussianSSM(structure=local_level(), random_state=0).fit(y)
    with pytest.raises(ValueError, match="X must be the data of fit"):
        ssm.uncertainty(y + np.arange(150)[:, None])
