"""EM of the finite model against hmmlearn, against a sum over all paths, and against finite differences."""

import numpy as np
import pytest
from emissions.cases import EMISSIONS, observations, with_defaults
from reference.emissions import normal_log_density, student_t_log_density
from reference.hidden_markov import exact
from scipy import stats

from tsinit._validate import check_probabilities
from tsinit.emissions import KnownVarianceGaussian, StudentT, resolve
from tsinit.models.em_run import run_monitored
from tsinit.models.hidden_markov.finite_em import HiddenMarkovEM, HMMParams
from tsinit.models.hidden_markov.transition_rules import TransitionRules
from tsinit.models.monitor import Monitor

RAGGED = np.array([0, 1, 40, 40, 90, 120])


def rules(K, transitions=None, start=None, weight=0.0, stickiness=0.0):
    return TransitionRules(
        check_probabilities("start_probabilities", start, (K,)),
        check_probabilities("transitions", transitions, (K, K)),
        weight,
        stickiness,
    )


def make_em(emission, y, K=2, offsets=None, penalised=False, **given):
    offsets = np.array([0, len(y)]) if offsets is None else offsets
    weight = 1.0 if penalised else 0.0
    n = int((~np.isnan(y)).sum())
    return HiddenMarkovEM(
        emission.bind(y, offsets), offsets, rules(K, weight=weight, **given), penalised, n
    )


def run(em, z, max_iter=30, tol=0.0, accelerate=False):
    """Run from labels: (objectives, result)."""
    monitor = Monitor()
    states = em.iterate(em.evaluate(em.begin(z)), max_iter=max_iter, tol=tol, accelerate=accelerate)
    result = run_monitored(states, monitor)
    return np.array(monitor.objectives), result


def three_regimes(rng, name, T=120, missing=0.0):
    """Rows of three states, overlapping, and rough labels for them."""
    z = np.repeat([0, 1, 2, 0, 2, 1], T // 6)
    level = np.array([0.0, 2.0, 4.0])[z][:, None]
    if name in ("poisson", "negative_binomial"):
        y = rng.poisson(1.0 + 2.0 * level, (T, 2)).astype(float)
    elif name.startswith("zero_inflated"):
        y = rng.poisson(2.0 + 2.0 * level, (T, 2)) * (rng.random((T, 2)) < 0.7) + 0.0
    elif name == "categorical":
        y = np.stack([(level[:, 0] / 2 + rng.integers(0, 2, T)) % 3 for _ in range(2)], axis=1)
    elif name == "von_mises":
        y = rng.vonmises(level / 2, 3.0, (T, 2))
    elif name == "by_column":
        y = np.hstack([rng.poisson(1.0 + 2.0 * level), level + rng.standard_t(3.0, (T, 1))])
    elif name == "student_t":
        y = level + rng.standard_t(3.0, (T, 2))
    else:
        y = level + rng.standard_normal((T, 2)) @ np.array([[1.0, 0.5], [0.0, 0.8]])
    y[rng.random(y.shape) < missing] = np.nan
    if missing:
        y[5] = np.nan
    return y, np.where(rng.random(T) < 0.3, rng.integers(0, 3, T), z)


def peer(name, em, params, n_iter):
    """The same start in hmmlearn, without priors."""
    hmm = pytest.importorskip("hmmlearn.hmm")
    common = {"n_iter": n_iter, "tol": -np.inf, "init_params": ""}
    on_data, K = em.emission, len(params.start)
    if name in ("gaussian", "gaussian_diag"):
        kind = "full" if name == "gaussian" else "diag"
        model = hmm.GaussianHMM(
            K, kind, covars_prior=0.0, covars_weight=1.0, min_covar=0.0, **common
        )
        model.means_, covars = on_data.means(params.emission), on_data.covariances(params.emission)
        model.n_features = 2
        model.covars_ = covars if kind == "full" else np.diagonal(covars, axis1=1, axis2=2)
    elif name == "poisson":
        model = hmm.PoissonHMM(K, **common)
        model.lambdas_ = on_data.means(params.emission)
    else:
        model = hmm.CategoricalHMM(K, **common)
        model.emissionprob_ = np.exp(params.emission.log_prob[:, 0])
    model.startprob_, model.transmat_ = params.start.copy(), params.P.copy()
    return model


@pytest.mark.parametrize("name", ["gaussian", "gaussian_diag", "poisson", "categorical"])
def test_every_iteration_has_the_likelihood_of_hmmlearn(rng, name):
    y, z = three_regimes(rng, name)
    if name == "categorical":
        y = y[:, :1]  # of which it takes one
    em = make_em(resolve(name), y, 3, RAGGED)
    model = peer(name, em, em.begin(z), 31)
    lengths = np.diff(RAGGED)
    data = y.astype(int) if name in ("poisson", "categorical") else y
    model.fit(data, lengths[lengths > 0])
    objectives, _ = run(em, z)
    # Where no step gains any more it stops, and stays where hmmlearn goes on to be.
    objectives = np.pad(objectives, (0, 31 - len(objectives)), mode="edge")
    np.testing.assert_allclose(objectives, model.monitor_.history, rtol=1e-8)
    assert objectives[-1] > objectives[0] + 1.0


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("name", EMISSIONS)
def test_the_objective_never_falls_and_both_ways_end_alike(rng, name, accelerate, penalised):
    y, z = three_regimes(rng, name, missing=0.15)
    em = make_em(with_defaults(name), y, 3, RAGGED, penalised)
    objectives, result = run(em, z, 2000, 1e-9, accelerate)
    assert result.converged
    assert result.lost is None
    assert (np.diff(objectives) >= 0.0).all()


def slope(em, params, step=1e-5):
    """Gradient of the objective in logarithms of the probabilities and the coordinates of the emission."""
    K, base = len(params.start), em.emission.coordinates(params.emission)
    sizes = [K, K * K, len(base)]

    def value(move):
        start, P, vector = np.split(move, np.cumsum(sizes)[:-1])
        start, P = params.start * np.exp(start), params.P * np.exp(P.reshape(K, K))
        emission = em.emission.from_coordinates(base + vector, params.emission, em.penalised)
        moved = HMMParams(start / start.sum(), P / P.sum(axis=1, keepdims=True), emission)
        return em.evaluate(moved).objective

    return np.array([(value(e) - value(-e)) / (2 * step) for e in step * np.eye(sum(sizes))])


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("name", EMISSIONS)
def test_at_the_end_there_is_no_slope(rng, name, penalised):
    y, z = three_regimes(rng, name, missing=0.15)
    em = make_em(with_defaults(name), y, 3, RAGGED, penalised)
    _, result = run(em, z, 5000, 1e-14, accelerate=True)
    found = slope(em, result.state.params)
    # The objective is flat to 1e-14 of each value around the end: a slope of its square root, in nats, at most.
    assert np.abs(found).max() < 1e-3, np.abs(found).max()
    begin = slope(em, em.begin(z))
    assert np.abs(begin).max() > 1.0


def test_the_e_step_is_a_sum_over_paths(rng):
    """Normal, Student-t and von Mises rows with gaps in three sequences, densities from scipy."""
    offsets = np.array([0, 3, 3, 8])
    for name in ("gaussian", "student_t", "von_mises"):
        y = observations(name, rng, 8)
        y[[1, 4, 5, 5], [0, 1, 0, 1]] = np.nan
        emission = StudentT(df=3.0) if name == "student_t" else resolve(name)
        em = make_em(emission, y, 2, offsets)
        params = em.begin(np.array([0, 1, 0, 1, 1, 0, 0, 1]))
        on_data = em.emission
        if name == "von_mises":
            about = on_data.describe(params.emission)
            direction, kappa = about["direction"], about["concentration"]
            density = np.nansum(stats.vonmises(kappa).logpdf(y[:, None, :] - direction), axis=2)
        elif name == "student_t":
            about = on_data.describe(params.emission)
            density = student_t_log_density(y, about["location"], about["scale"], 3.0)
        else:
            density = normal_log_density(
                y, on_data.means(params.emission), on_data.covariances(params.emission)
            )
        total, prob, moves, _ = exact(density, params.start, params.P, offsets)
        state = em.evaluate(params)
        assert state.log_likelihood == pytest.approx(total, rel=1e-10), name
        np.testing.assert_allclose(state.expected.probabilities, prob, atol=1e-10)
        np.testing.assert_allclose(state.expected.moves, moves, atol=1e-10)


def test_probabilities_are_shares_of_expected_moves(rng):
    """The M-step of rows and start from the textbook, with one more observation in each where there is a prior."""
    y, z = three_regimes(rng, "gaussian")
    for penalised in (False, True):
        em = make_em(resolve("gaussian"), y, 3, RAGGED, penalised)
        state = em.evaluate(em.begin(z))
        prob, moves = state.expected
        new = em.step(state)
        more = 1.0 if penalised else 0.0
        n = moves + more / 3
        np.testing.assert_allclose(new.P, n / n.sum(axis=1, keepdims=True), rtol=1e-12)
        first = prob[[0, 1, 40, 90]].sum(axis=0) + more / 3
        np.testing.assert_allclose(new.start, first / first.sum(), rtol=1e-12)


def test_stickiness_is_so_many_more_observations_of_staying(rng):
    """A Dirichlet prior in logarithms: closed form, no slope at the end; a state that must not stay has none."""
    y, z = three_regimes(rng, "gaussian")
    cycle = np.array([[0.6, 0.4, 0.0], [0.0, 0.0, 1.0], [0.5, 0.0, 0.5]])
    for transitions in (None, cycle):
        em = make_em(
            resolve("gaussian"), y, 3, RAGGED, True, transitions=transitions, stickiness=7.5
        )
        state = em.evaluate(em.begin(z))
        allowed = np.ones((3, 3)) if transitions is None else (cycle > 0.0).astype(float)
        more = allowed / allowed.sum(axis=1, keepdims=True) + 7.5 * np.eye(3) * allowed
        n = state.expected.moves + more
        start, P = state.params.start, state.params.P
        plain = make_em(resolve("gaussian"), y, 3, RAGGED, False)
        likelihood = plain.evaluate(state.params)
        prior = np.sum(np.log(start)) / 3 + np.sum(more[allowed > 0] * np.log(P[allowed > 0]))
        prior += em.emission.log_prior(state.params.emission)
        assert state.objective - likelihood.objective == pytest.approx(prior, rel=1e-10)
        new = em.step(state).P
        np.testing.assert_allclose(new, n / n.sum(axis=1, keepdims=True), rtol=1e-12)
        objectives, result = run(em, z, 5000, 1e-14, accelerate=True)
        assert (np.diff(objectives) >= 0.0).all()
        assert np.abs(slope(em, result.state.params)).max() < 1e-3


def test_zeros_stay_zero_and_what_is_fixed_stays(rng):
    y, z = three_regimes(rng, "gaussian")
    banded = np.array([[0.8, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]])
    for penalised in (False, True):
        em = make_em(resolve("gaussian"), y, 3, None, penalised, transitions=banded)
        _, result = run(em, z, accelerate=True)
        P = result.state.params.P
        assert P[0, 2] == P[2, 0] == 0.0
        assert np.abs(P - banded).max() > 1e-3
        np.testing.assert_allclose(P.sum(axis=1), 1.0, rtol=1e-12)
        given = {"transitions": ("fixed", banded), "start": ("fixed", [1.0, 0.0, 0.0])}
        em = make_em(resolve("gaussian"), y, 3, None, penalised, **given)
        objectives, result = run(em, z, accelerate=True)
        np.testing.assert_array_equal(result.state.params.P, banded)
        np.testing.assert_array_equal(result.state.params.start, [1.0, 0.0, 0.0])
        assert (np.diff(objectives) >= 0.0).all()


def test_labels_are_numbered_to_suit_an_order(rng):
    """Of a cycle 0 -> 1 -> 2 -> 0 and labels of any numbers, those numbers that follow it."""
    cycle = np.array([[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.1, 0.0, 0.9]])
    z = np.repeat([2, 0, 1, 2, 0, 1], 10)
    named = rules(3, cycle, [1.0, 0.0, 0.0]).ordered(z, np.array([0, 60]))
    np.testing.assert_array_equal(named, np.repeat([0, 1, 2, 0, 1, 2], 10))
    assert rules(3).ordered(z, np.array([0, 60])) is z


def test_acceleration_takes_fewer_steps_to_the_same_end(rng):
    y, z = three_regimes(rng, "gaussian")
    em = make_em(resolve("gaussian"), y, 3, penalised=True)
    plain, _ = run(em, z, 5000, 1e-10)
    fast, _ = run(em, z, 5000, 1e-10, accelerate=True)
    assert len(fast) < len(plain)
    assert fast[-1] == pytest.approx(plain[-1], abs=1e-4)


def test_random_labels_of_many_rows_are_left_behind(rng):
    """There all states are nearly the same, a saddle beside which the first steps gain hundredths of a nat."""
    T = 10_000
    z = np.arange(T) // 50 % 4
    y = 3.0 * np.array([[0, 0], [1, 0], [0, 1], [1, 1]])[z] + rng.standard_normal((T, 2))
    em = make_em(resolve("gaussian"), y, 4)
    objectives, result = run(em, rng.integers(0, 4, T), 1000, 1e-6, accelerate=True)
    assert np.diff(objectives)[2:6].max() < 1.0
    assert objectives[-1] > objectives[0] + 3000.0
    assert result.converged


def test_an_emission_without_coordinates_takes_plain_steps(rng):
    """What cannot be extrapolated runs as without acceleration, bit for bit."""
    y, z = three_regimes(rng, "gaussian")

    def without(self, params):
        raise NotImplementedError

    emission = KnownVarianceGaussian()
    em = make_em(emission, y, 3)
    plain, _ = run(em, z, 50, 1e-9)
    em.emission.coordinates = without.__get__(em.emission)
    again, _ = run(em, z, 50, 1e-9, accelerate=True)
    np.testing.assert_array_equal(plain, again)
