"""Filter, smoother and sums against the joint Gaussian of all states and observations, over drawn systems."""

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.state_space.panels import (
    GAPPY_KERNELS,
    SUMS,
    assert_same,
    bind,
    spread,
    taking,
    twin_moments,
)
from reference import kalman as twin

from tsinit.kernels import Kalman
from tsinit.kernels.state_space import means

reproducible = settings(derandomize=True, deadline=None, max_examples=150, database=None)
TOL = 1e-9


@pytest.fixture(params=GAPPY_KERNELS, scope="module", autouse=True)
def kernels(request):
    with taking(request.param):
        yield


@st.composite
def problems(draw):
    """(params, list of sequences): small, ragged, with gaps of every kind, Q and P0 often singular."""
    n, D = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(0, 12), min_size=1, max_size=4).filter(any))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    params = random_params(
        rng, n, D, observation_cov=draw(st.sampled_from(["diag", "full"])),
        radius=draw(st.sampled_from([0.3, 0.95, 1.0, 1.1])), mean=draw(st.booleans()), stationary=False,
    )  # fmt: skip
    params = params._replace(Q=reduced(rng, params.Q, draw(st.integers(0, n))))
    params = params._replace(P0=reduced(rng, params.P0, draw(st.integers(0, n))))
    gaps, rows = draw(st.sampled_from([(0.0, 0.0), (0.3, 0.0), (0.0, 0.4), (0.5, 0.2), (1.0, 0.0)]))
    sequences = []
    for T in lengths:
        y = simulate(params, T, rng)[1] if T else np.empty((0, D))
        sequences.append(with_gaps(rng, y, gaps, rows=rows) if draw(st.booleans()) else y)
    return params, sequences


def reduced(rng, S, rank):
    """A covariance of the given rank, along directions that no axis singles out."""
    basis = np.linalg.qr(rng.standard_normal(S.shape))[0][:, :rank]
    S = basis @ basis.T @ S @ basis @ basis.T
    return (S + S.T) / 2


def twins(params, sequences, run):
    found = [run(params, y) for y in sequences if len(y)]
    means = np.concatenate([f.means for f in found])
    return (
        means,
        np.concatenate([f.covariances for f in found]),
        sum(f.log_likelihood for f in found),
    )


@given(problems())
@reproducible
def test_smoothed_states_are_those_of_the_joint_gaussian(problem):
    params, sequences = problem
    done = bind(sequences, len(params.A)).smooth(params, covariances=True)
    means, covariances, log_likelihood = twins(params, sequences, twin.dense)
    assert done.succeeded
    assert_same(done.means, means, TOL, "means")
    assert_same(spread(done.covariances), covariances, TOL, "covariances")
    assert_same(done.log_likelihood, log_likelihood, TOL, "log-likelihood")


@given(problems())
@reproducible
def test_filtered_states_are_those_of_the_textbook_filter(problem):
    # The textbook filter is itself held against the joint Gaussian of the past (test_reference.py).
    params, sequences = problem
    done = bind(sequences, len(params.A)).filter(params, covariances=True)
    means, covariances, log_likelihood = twins(params, sequences, twin.filter)
    assert done.succeeded
    assert_same(done.means, means, TOL, "means")
    assert_same(spread(done.covariances), covariances, TOL, "covariances")
    assert_same(done.log_likelihood, log_likelihood, TOL, "log-likelihood")


@given(problems(), st.sampled_from(["by_variable", "jointly"]))
@reproducible
def test_sums_of_the_m_step_are_those_of_the_joint_gaussian(problem, kind):
    params, sequences = problem
    kalman = bind(sequences, len(params.A))
    sums = kalman.smooth(params, moments=kind).moments
    exact = twin_moments(params, sequences, kalman.direct)
    for name in SUMS:
        assert_same(getattr(sums, name), exact[name], TOL, name)
    gaps = not kalman.observed.all()
    assert (len(sums.P_observed), len(sums.Cx), len(sums.yy)) == (
        (len(params.C), 0, 0) if gaps and kind == "by_variable" else
        (0, len(params.C), len(params.C)) if gaps else (0, 0, 0)
    )  # fmt: skip
    if len(sums.P_observed):
        assert_same(sums.P_observed, exact["P_observed"], TOL, "P_observed")
    if len(sums.Cx):
        assert_same(sums.Cx, exact["Cx"], TOL, "Cx")
        assert_same(sums.yy, exact["yy"], TOL, "yy")


@given(problems())
@reproducible
def test_the_quadratic_gives_the_best_common_scale(problem):
    """Scaling Q, R, P0 by s changes the log-likelihood to -(N log s + quadratic / s) / 2 plus what s = 1 has."""
    params, sequences = problem
    kalman = bind(sequences, len(params.A))
    base, s = kalman.filter(params), 3.0
    scaled = kalman.filter(params._replace(Q=s * params.Q, R=s * params.R, P0=s * params.P0))
    expected = base.log_likelihood - 0.5 * (
        kalman.n_observed * np.log(s) + (1.0 / s - 1.0) * base.quadratic
    )
    assert abs(scaled.log_likelihood - expected) <= 1e-9 * max(abs(expected), base.quadratic, 1.0)
    assert np.isclose(base.quadratic, s * scaled.quadratic, rtol=1e-9, atol=1e-12)


def test_data_that_may_only_be_read_need_no_code_of_their_own(rng):
    params = random_params(rng, 2, 2)
    y = simulate(params, 20, rng)[1]
    expected = Kalman(y, 2).smooth(params)
    before = len(means.forward.signatures)
    y.flags.writeable = False
    found = Kalman(y, 2).smooth(params)
    assert found.log_likelihood == expected.log_likelihood
    assert len(means.forward.signatures) == before
