"""Models with fixed and shared entries: against statsmodels, over drawn structures, from several strategies."""

from functools import partial

import numpy as np
import pytest
from helpers import fixed_free_shared
from statsmodels.tsa.statespace.dynamic_factor import DynamicFactor
from statsmodels.tsa.statespace.structural import UnobservedComponents

from tsinit import LinearGaussianSSM
from tsinit.kernels import Kalman
from tsinit.models.state_space.free_entries import FreeEntries
from tsinit.models.state_space.structured import StructuredFit
from tsinit.structures import (
    Structure,
    ar,
    cycle,
    dynamic_factors,
    local_level,
    local_linear_trend,
    regression,
    seasonal,
)

nan = np.nan


def river(T=100, gaps=False):
    """Like the flow of the Nile: a random walk seen with three times as much noise."""
    rng = np.random.default_rng(0)
    y = 1000.0 + np.cumsum(38.0 * rng.standard_normal(T)) + 120.0 * rng.standard_normal(T)
    if gaps:
        y[[3, 4, 5, 20, 60, 61]] = nan
    return y


def sales(T=120):
    """Level, slope and seasons, with gaps."""
    rng = np.random.default_rng(1)
    slope = 2.0 + np.cumsum(0.1 * rng.standard_normal(T))
    y = 500.0 + np.cumsum(slope + rng.standard_normal(T)) + 2.0 * rng.standard_normal(T)
    y += np.tile([30.0, -10.0, -10.0, -10.0], T // 4)
    y[::11] = nan
    return y


def waves(T=200):
    """A damped cycle on a level."""
    rng = np.random.default_rng(2)
    turn = 0.95 * np.array([[np.cos(0.6), np.sin(0.6)], [-np.sin(0.6), np.cos(0.6)]])
    x = np.zeros((T, 2))
    for t in range(1, T):
        x[t] = turn @ x[t - 1] + rng.standard_normal(2)
    return 10.0 + np.cumsum(0.2 * rng.standard_normal(T)) + x[:, 0] + 0.5 * rng.standard_normal(T)


CYCLE = {
    "cycle": True, "stochastic_cycle": True, "damped_cycle": True, "cycle_period_bounds": (2.1, 50.0)
}  # fmt: skip
#: (data, structure, options of UnobservedComponents, its parameters, the same as free entries A, C, d, D, Q, R).
CASES = {
    "level": (river(), local_level(), {"level": "llevel"}, [1e4, 900.0], [30.0, 100.0]),
    "level, gaps": (river(gaps=True), local_level(), {"level": "llevel"}, [1e4, 900.0], [30.0, 100.0]),
    "drift": (
        river(gaps=True), local_linear_trend(fixed_slope=True), {"level": "lldtrend"}, [1e4, 900.0], [30.0, 100.0],
    ),
    "trend + seasonal": (
        sales(), local_linear_trend() + seasonal(4), {"level": "lltrend", "seasonal": 4}, [4.0, 1.0, 0.01, 0.25],
        [1.0, 0.1, 0.5, 2.0],
    ),
    "level + cycle": (
        waves(), local_level() + cycle(stationary=False), {"level": "llevel"} | CYCLE, [0.25, 0.04, 1.0, 0.6, 0.9],
        [0.9 * np.cos(0.6), 0.9 * np.sin(0.6), 0.2, 1.0, 0.5],
    ),
    "ar": (
        waves() - 10.0, ar(2), {"autoregressive": 2, "irregular": True}, [0.25, 1.0, 0.5, 0.3], [0.5, 0.3, 1.0, 0.5],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_likelihood_is_that_of_statsmodels(name):
    y, structure, options, theirs, mine = CASES[name]
    other = UnobservedComponents(y, use_exact_diffuse=True, **options)
    other.ssm.tolerance = 0.0  # its covariances never stop
    expected = other.loglike(theirs)
    entries = FreeEntries(structure, 0)
    params = entries.params(np.array(mine))
    found = Kalman(y[:, None], structure.n_states).log_likelihood(params)
    assert abs(found - expected) < 1e-8
    np.testing.assert_allclose(entries.vector(params), mine, rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_no_maximum_is_below_that_of_statsmodels(name):
    y, structure, options, _, _ = CASES[name]
    other = UnobservedComponents(y, use_exact_diffuse=True, **options)
    best = max(other.fit(disp=0, maxiter=500, method=method).llf for method in ("lbfgs", "powell"))
    model = LinearGaussianSSM(structure=structure, random_state=0, max_iter=300).fit(y[:, None])
    assert model.converged_
    assert model.log_likelihood_ > best - 1e-4
    assert np.all(np.diff(model.history_) >= 0.0)
    # Whatever it is, statsmodels finds the same likelihood of the same matrices.
    again = model.params_.to_statsmodels(y[:, None]).loglike([])
    assert abs(again - model.log_likelihood_) < 1e-6


def test_regression_on_inputs():
    rng = np.random.default_rng(3)
    u = rng.standard_normal((100, 2))
    y = river() + u @ [50.0, -80.0]
    other = UnobservedComponents(y, "llevel", exog=u, use_exact_diffuse=True, mle_regression=True)
    best = other.fit(disp=0, maxiter=500)
    model = LinearGaussianSSM(structure=local_level() + regression(), random_state=0, max_iter=300)
    model.fit(y[:, None], inputs=u)
    assert model.log_likelihood_ > best.llf - 1e-4
    np.testing.assert_allclose(model.params_.D[0], best.params[2:], rtol=1e-2)
    ahead = model.forecast(3, inputs=np.zeros((3, 2)))
    wide = model.forecast(
        3, y[:, None], past_inputs=u, inputs=np.zeros((3, 2)), parameter_uncertainty=True
    )
    np.testing.assert_allclose(wide.means, ahead.means, rtol=1e-9)
    assert np.all(wide.covariances > ahead.covariances)


def test_dynamic_factors():
    rng = np.random.default_rng(4)
    factor = np.zeros(150)
    for t in range(1, 150):
        factor[t] = 0.8 * factor[t - 1] + rng.standard_normal()
    y = factor[:, None] * [1.0, -0.5, 2.0, 0.3] + rng.standard_normal((150, 4)) * [
        0.5,
        1.0,
        1.5,
        2.0,
    ]
    y -= y.mean(axis=0)
    y[rng.random(y.shape) < 0.1] = nan
    other = DynamicFactor(y, k_factors=1, factor_order=1)
    best = other.fit(disp=0, maxiter=2000, method="lbfgs")
    structure = dynamic_factors(1, 4).fixing(d=np.zeros(4))
    values = np.concatenate([best.params[8:9], best.params[:4], np.sqrt(best.params[4:8])])
    params = FreeEntries(structure, 0).params(values)
    assert abs(Kalman(y, 1).log_likelihood(params) - best.llf) < 1e-8
    model = LinearGaussianSSM(structure=structure, random_state=0, max_iter=300).fit(y)
    assert model.log_likelihood_ > best.llf - 1e-4
    two = LinearGaussianSSM(structure=dynamic_factors(2, 4), random_state=0, max_iter=200).fit(y)
    assert two.params_.C[0, 1] == 0.0
    assert two.log_likelihood_ > model.log_likelihood_


@pytest.mark.parametrize("name", ["level", "trend + seasonal", "level + cycle", "ar"])
def test_strategies_reach_one_maximum(name):
    y, structure = CASES[name][:2]
    ends = [
        LinearGaussianSSM(structure=structure, init=init, random_state=0, max_iter=300)
        .fit(y[:, None])
        .log_likelihood_
        for init in ("subspace", "kmeans", "uniform")
    ]
    assert max(ends) - min(ends) < 1e-3


def drawn(rng):
    """A structure with fixed, free and shared entries of every matrix, and data of about its kind."""
    n, D = int(rng.integers(1, 4)), int(rng.integers(1, 3))

    entries = partial(fixed_free_shared, rng)
    A = entries(0.3 * rng.standard_normal((n, n)), ["a", "-a", "b"])
    C = entries(rng.standard_normal((D, n)), ["c"])
    Q, R = entries(rng.uniform(0.5, 2.0, n), ["q"]), entries(rng.uniform(0.5, 2.0, D), ["r"])
    structure = Structure(A, C, Q, R, entries(np.zeros(D), ["d"]), diffuse=False)
    y = np.cumsum(rng.standard_normal((30, D)), axis=0) + rng.standard_normal((30, D))
    y[rng.random(y.shape) < 0.15] = nan
    return structure, y


@pytest.mark.parametrize("seed", range(20))
def test_fixed_entries_stay_to_the_bit_and_shared_ones_equal(seed):
    structure, y = drawn(np.random.default_rng([5, seed]))
    model = LinearGaussianSSM(
        structure=structure, init="uniform", max_iter=15, tol=0.0, random_state=0
    ).fit(y)
    assert np.all(np.diff(model.history_) >= 0.0)
    for name, template in structure.templates.items():
        M = getattr(model.params_, name)
        fixed = ~template.free
        np.testing.assert_array_equal(M[fixed], template.fixed[fixed])
        for label in range(template.size):
            shared = (template.sign * M)[template.which == label]
            np.testing.assert_array_equal(shared, shared[0])


@pytest.mark.parametrize("seed", range(12))
def test_the_score_is_the_gradient(seed):
    rng = np.random.default_rng([6, seed])
    structure, y = drawn(rng)
    if seed % 3 == 0:
        structure, y = local_linear_trend() + seasonal(4) + cycle(), y[:, :1]
    entries = FreeEntries(structure, 0)
    kalman = Kalman(np.ascontiguousarray(y), structure.n_states, np.array([0, 18, 30]))
    x = np.concatenate(
        [
            0.3 * rng.standard_normal(entries.size - entries.n_roots),
            rng.uniform(0.5, 1.5, entries.n_roots),
        ]
    )
    while entries.params(x) is None:
        x[: entries.size - entries.n_roots] *= 0.7
    fit = StructuredFit(kalman, entries)
    slope = entries.chain(x, fit.score(fit.evaluate(entries.params(x))))
    for i in range(entries.size):
        step = np.zeros(entries.size)
        step[i] = 1e-5
        expected = (fit.value(x + step) - fit.value(x - step)) / 2e-5
        assert abs(slope[i] - expected) < 1e-5 * max(abs(expected), 1.0)


def test_a_noise_that_is_too_small_is_left_to_differences():
    kalman = Kalman(sales()[:, None], 2)
    fit = StructuredFit(kalman, FreeEntries(local_linear_trend(), 0))
    state = fit.evaluate(fit.entries.params(np.array([2.0, 1e-6, 2.0])))
    found = fit.score(state)
    assert np.isfinite(found.Q[0, 0])
    assert np.isnan(found.Q[1, 1])
    assert np.isfinite(fit.gradient(fit.chart(state), np.zeros(3), state)).all()


def test_the_gradient_is_zero_at_the_end():
    structure, y = drawn(np.random.default_rng([5, 1]))
    model = LinearGaussianSSM(structure=structure, max_iter=500, tol=1e-9, random_state=0).fit(y)
    fit = StructuredFit(Kalman(y, structure.n_states), FreeEntries(structure, 0))
    state = fit.evaluate(model.params_)
    chart = fit.chart(state)
    # Entries have curvature one: a gradient g leaves g^2 / 2 to gain.
    assert np.abs(fit.gradient(chart, np.zeros(chart.size), state)).max() < 5e-3


def test_everything_fixed_is_only_evaluated():
    structure = Structure([[1.0]], [[1.0]], [900.0], [1e4])
    model = LinearGaussianSSM(structure=structure, random_state=0)
    with pytest.warns(UserWarning, match="structure has no free entry: nothing is estimated"):
        model.fit(river()[:, None])
    expected = UnobservedComponents(river(), "llevel", use_exact_diffuse=True).loglike([1e4, 900.0])
    assert abs(model.log_likelihood_ - expected) < 1e-8
    assert (model.n_iter_, model.converged_) == (0, True)


def test_what_became_of_a_start_is_said_in_a_sentence():
    model = LinearGaussianSSM(structure=local_level() + cycle(), random_state=0, max_iter=1)
    model.fit(waves()[:, None])
    assert model.start_note_.startswith("The strategy gave a cycle a pole of modulus 0.9")
    assert "state noise comes from a search by likelihood." in model.start_note_
    pole = np.linalg.eigvals(model.start_.A[1:, 1:])[0]
    assert f"period {2 * np.pi / abs(np.angle(pole)):.3g} and" in model.start_note_
    given = LinearGaussianSSM(
        1, structure=local_level(), init=fit(local_level()).params_, max_iter=0
    )
    assert not hasattr(given.fit(river()[:, None]), "start_note_")


def test_several_sequences_have_first_states_of_their_own():
    parts = [river(40), river(25, gaps=False)[:25] - 3000.0]
    model = LinearGaussianSSM(structure=local_level(), random_state=0).fit(
        [p[:, None] for p in parts]
    )
    values = [model.params_.R[0, 0], model.params_.Q[0, 0]]
    expected = sum(
        UnobservedComponents(p, "llevel", use_exact_diffuse=True).loglike(values) for p in parts
    )
    assert abs(model.log_likelihood_ - expected) < 1e-7


def test_parts_that_are_joined_share_nothing():
    two = cycle() + cycle()
    assert (two.n_states, two.n_free) == (4, 7)
    whole = local_linear_trend(smooth=True) + seasonal(12) + ar(2) + regression()
    assert (whole.n_states, whole.n_free) == (15, 6)
    assert whole.diffuse.sum() == 13


def test_given_parameters_keep_what_is_free():
    params = FreeEntries(local_level(), 0).params(np.array([30.0, 100.0]))
    model = LinearGaussianSSM(1, structure=local_level(), init=params, max_iter=0).fit(
        river()[:, None]
    )
    np.testing.assert_allclose(model.params_.Q, params.Q, rtol=1e-14)
    assert model.forecast(5).standard_deviations.shape == (5, 1)
    assert model.bic() > 0.0


MESSAGES = {
    'resample must be "parametric" for a structure with diffuse first states': lambda: fit(local_level()).uncertainty(
        river()[:, None], method="bootstrap", resample="innovations"
    ),
    "structure.B must be fixed in rows without noise; got free entries in row 0": lambda: Structure(
        [[1.0]], [[1.0]], [0.0], [nan], B=[[nan]]
    ),
    r"structure.D must have shape \(1, 2\)": lambda: Structure(
        [[1.0]], [[1.0]], [nan], [nan], B=[[nan, nan]], D=[[nan]]
    ),
    "structure.m0 must be 0 for diffuse states": lambda: Structure([[1.0]], [[1.0]], [nan], [nan], m0=[nan]),
    "structure.Q must share no entry of a block": lambda: Structure(
        np.eye(2), np.eye(2), [["a", "b"], ["b", "a"]], [nan, nan]
    ),
    "structure.Q must be symmetric": lambda: Structure(np.eye(2), np.eye(2), [[nan, nan], [0.0, nan]], [nan, nan]),
    "structure.A must let states be stationary that are not diffuse": lambda: fit(
        Structure([[1.0]], [[1.0]], [nan], [nan], diffuse=False)
    ),
    "inputs must be given to a structure with B or D": lambda: fit(
        Structure([[1.0]], [[1.0]], [nan], [nan], B=[[nan]])
    ),
    "inputs must have the 2 columns of structure.B and D; got 1": lambda: fit(
        Structure([[1.0]], [[1.0]], [nan], [nan], B=[[nan, 0.0]]), inputs=river()[:, None]
    ),
    "Structures must have effects of as many inputs to be joined": lambda: local_level().fixing(B=[[nan]])
    + local_level().fixing(B=[[nan, nan]]),
    "structure must have free entries to be unsure of": lambda: LinearGaussianSSM(
        structure=local_level().fixing(Q=[1400.0], R=[14000.0]), max_iter=0
    ).fit(river()[:, None]).uncertainty(river()[:, None]),
    "structure.A must hold numbers": lambda: Structure([[None]], [[1.0]], [nan], [nan]),
    r"structure.Q must have shape \(2, 2\)": lambda: Structure(np.eye(2), [[1.0, 0.0]], [nan], [nan]),
    "structure.Q must be free in whole blocks": lambda: Structure(
        np.eye(2), [[1.0, 0.0]], [[1.0, nan], [nan, 1.0]], [nan]
    ),
    "structure.A must be fixed in rows without noise; got free entries in row 0": lambda: Structure(
        [[nan]], [[1.0]], [0.0], [nan]
    ),
    "structure.A must let stationary states depend on stationary ones alone": lambda: Structure(
        [[0.5, 1.0], [0.0, 1.0]], [[1.0, 0.0]], [nan, nan], [nan], diffuse=[False, True]
    ),
    "Structures must be of one series to be joined": lambda: dynamic_factors(1, 2) + local_level(),
    "structure must be None or a Structure": lambda: fit("trend"),
    "structure must have states": lambda: fit(regression()),
    "structure must have as many columns as the data; got 2 for 1": lambda: fit(dynamic_factors(1, 2)),
    "inputs must be given to a structure with a regression": lambda: fit(local_level() + regression()),
    "structure must have a regression where there are inputs": lambda: fit(
        local_level(), inputs=river()[:, None]
    ),
    "period must be": lambda: seasonal(1),
}  # fmt: skip


def fit(structure, **more):
    return LinearGaussianSSM(structure=structure).fit(river()[:, None], **more)


@pytest.mark.parametrize("message", MESSAGES)
def test_what_cannot_be_is_said_in_a_sentence(message):
    with pytest.raises(ValueError, match=message):
        MESSAGES[message]()


def test_a_structure_without_a_free_entry_is_evaluated_and_says_so():
    y = river()[:, None]
    fixed = Structure(A=[[1.0]], C=[[1.0]], Q=[1400.0], R=[15000.0], diffuse=True)
    model = LinearGaussianSSM(structure=fixed)
    with pytest.warns(
        UserWarning, match="structure has no free entry: nothing is estimated"
    ) as said:
        model.fit(y)
    assert [(w.category, w.filename) for w in said] == [(UserWarning, __file__)]
    assert model.params_.Q == 1400.0
    assert model.params_.R == 15000.0
    asked = LinearGaussianSSM(structure=fixed, max_iter=0).fit(
        y
    )  # says nothing: warnings are errors
    assert asked.log_likelihood_ == model.log_likelihood_


def test_effects_of_a_regression_are_free_entries():
    fixed = Structure(A=[[1.0]], C=[[1.0]], Q=[1400.0], R=[15000.0], diffuse=True)
    u = np.random.default_rng(2).standard_normal((100, 1))
    y = river()[:, None] + 50.0 * u
    model = LinearGaussianSSM(structure=fixed + regression()).fit(y, inputs=u)  # says nothing
    assert abs(model.params_.D[0, 0] - 50.0) < 60.0  # standard error: about 12
