"""EM under a structure: the M-step against Kronecker products, monotone over drawn structures, and where it ends."""

import numpy as np
import pytest
from helpers import fixed_free_shared
from reference import structured_em as twin

from tsinit import LinearGaussianSSM
from tsinit.kernels import Kalman
from tsinit.models.state_space.free_entries import FreeEntries
from tsinit.models.state_space.simulation import simulate
from tsinit.models.state_space.structured import StructuredFit
from tsinit.structures import Structure

nan = np.nan


def covariance_of(rng, p, label):
    """Diagonal with fixed, free and shared variances, or with a block that is free."""
    V = np.diag(rng.uniform(0.5, 2.0, p)).astype(object)
    V[np.diag_indices(p)] = fixed_free_shared(rng, V[np.diag_indices(p)].astype(float), [label])
    if p > 1 and rng.integers(2):
        V[:2, :2] = nan
    return V


def drawn(rng, diffuse, lengths):
    """(structure, sequences drawn under it, inputs or None): all matrices have fixed, free and shared entries."""
    n, m = int(rng.integers(1, 4)), int(rng.integers(3))
    D = n + int(rng.integers(2))
    C = rng.standard_normal((D, n)).astype(object)
    C[:n] += 2.0 * np.eye(
        n
    )  # fixed, and with it the basis of the states: others have likelihoods without a maximum
    C[n:] = fixed_free_shared(rng, C[n:].astype(float), ["c"])
    more = {}
    if m:
        for name, rows in (("B", n), ("D", D)):
            if rng.integers(2):
                more[name] = fixed_free_shared(rng, rng.standard_normal((rows, m)), ["e", "-e"])
    if not diffuse:
        more["m0"] = fixed_free_shared(rng, rng.standard_normal(n), ["m"])
    structure = Structure(
        fixed_free_shared(rng, 0.3 * rng.standard_normal((n, n)), ["a", "-a", "b"]),
        C,
        covariance_of(rng, n, "q"),
        covariance_of(rng, D, "r"),
        fixed_free_shared(rng, np.zeros(D), ["d"]),
        diffuse=diffuse,
        **more,
    )
    inputs = None
    if structure.n_inputs:
        inputs = [rng.standard_normal((T, structure.n_inputs)) for T in lengths]
    entries = FreeEntries(structure, structure.n_inputs)
    params = begin(rng, entries)
    if params is None:  # its fixed entries are not stationary
        return drawn(rng, diffuse, lengths)
    finite = params._replace(P0=np.where(np.isinf(params.P0), 1.0, params.P0))
    sequences = []
    for q, T in enumerate(lengths):
        y = simulate(finite, T, rng, None if inputs is None else inputs[q]).y
        y[rng.random(y.shape) < 0.15] = nan
        sequences.append(y)
    return structure, sequences, inputs


def fit_of(structure, sequences, inputs):
    u = None if inputs is None else np.concatenate(inputs)
    offsets = np.cumsum([0, *map(len, sequences)])
    kalman = Kalman(np.concatenate(sequences), structure.n_states, offsets, u)
    return StructuredFit(kalman, FreeEntries(structure, 0 if u is None else u.shape[1]))


def begin(rng, entries):
    """Free entries that leave states stationary."""
    x = 0.3 * rng.standard_normal(entries.size)
    x[entries.is_variance] = rng.uniform(0.5, 1.5, np.count_nonzero(entries.is_variance))
    for _ in range(40):
        if (params := entries.params(x)) is not None:
            return params
        x[entries.place["A"]] *= 0.7
    return None


@pytest.mark.parametrize("seed", range(25))
def test_one_step_is_that_of_kronecker_products(seed):
    rng = np.random.default_rng([1, seed])
    structure, sequences, inputs = drawn(rng, True, (17, 14))
    if not structure.templates["R"].is_diagonal:
        sequences = [np.where(np.isnan(y), 0.3, y) for y in sequences]
    fit = fit_of(structure, sequences, inputs)
    params = begin(rng, fit.entries)
    state = fit.evaluate(params)
    if not state.smoothed.succeeded:  # drawn states that nobody can see
        pytest.skip("diffuse states are not identified")
    got = fit.step(state)
    values = {name: t.values for name, t in fit.entries.templates.items()}
    want = twin.em_step(params, values, sequences, inputs)
    for name in ("A", "C", "Q", "R", "d", "B", "D"):
        if getattr(want, name) is None:
            assert getattr(got, name) is None
            continue
        size = max(np.abs(getattr(want, name)).max(), 1.0)
        np.testing.assert_allclose(
            getattr(got, name), getattr(want, name), atol=1e-6 * size, rtol=1e-6, err_msg=name
        )


def climb(seed, n_steps, max_iter):
    """Check EM and the fit of a drawn structure; returns what a Newton step by each entry would still gain."""
    rng = np.random.default_rng([2, seed])
    structure, sequences, inputs = drawn(rng, False, (80, 60))
    fit = fit_of(structure, sequences, inputs)
    params = begin(rng, fit.entries)
    state = fit.evaluate(params)
    for _ in range(n_steps):
        new = fit.evaluate(fit.step(state))
        assert new.objective >= state.objective - 1e-9 * abs(state.objective)
        state = new
    model = LinearGaussianSSM(
        structure=structure, init=params, max_iter=max_iter, tol=1e-9, random_state=0
    ).fit(sequences, inputs=inputs)
    assert np.all(np.diff(model.history_) >= 0.0)
    for name, template in fit.entries.templates.items():
        M, fixed = np.asarray(getattr(model.params_, name)), ~template.free
        np.testing.assert_array_equal(M[fixed], template.fixed[fixed])
        for label in range(template.size):
            shared = (template.sign * M)[template.which == label]
            np.testing.assert_array_equal(shared, shared[0])
    # Coordinates of curvature one, by differences of the likelihood: a gradient g leaves g^2 / 2 to gain.
    chart, h = fit.chart(fit.evaluate(model.params_)), 1e-3
    slope = np.empty(chart.size)
    for i, e in enumerate(np.eye(chart.size)):
        ends = np.array([fit.value(chart.origin + s * h * chart.unit * e) for s in (1, 0, -1)])
        inside = np.flatnonzero(np.isfinite(ends))[[0, -1]]  # one side may not be stationary
        slope[i] = (ends[inside[0]] - ends[inside[1]]) / (h * (inside[1] - inside[0]))
    return model, 0.5 * slope**2


@pytest.mark.parametrize("seed", range(10))
def test_em_is_monotone_and_keeps_what_is_fixed(seed):
    climb(seed, 6, 30)


@pytest.mark.slow
def test_two_hundred_drawn_structures():
    """Monotone, fixed to the bit, and at the end nothing to gain in any free direction (0.01 nats by curvature)."""
    left = np.array([climb(seed, 20, 1000)[1].max(initial=0.0) for seed in range(200)])
    assert (left < 0.01).all(), np.flatnonzero(left >= 0.01)
