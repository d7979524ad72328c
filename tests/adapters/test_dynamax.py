"""dynamax's models: native is the library alone, a start is kept, and everything that a comparison promises holds."""

import pickle
import warnings

import numpy as np
import pytest

from tsinit import LinearGaussianParams, compare, init
from tsinit.adapters import adapter_of
from tsinit.init import BestOf, Perturb
from tsinit.models.monitor import Budget, Monitor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports, and what that says of itself
    pytest.importorskip("dynamax")
    import jax
    from dynamax import hidden_markov_model as hmm
    from dynamax.linear_gaussian_ssm import LinearGaussianSSM

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")
RNG = np.random.default_rng(0)
Z = (np.arange(120) // 20) % 3
X = RNG.normal(size=(120, 2)) + 3.0 * Z[:, None]
COUNTS = RNG.poisson(2 + 5 * Z)[:, None].astype(float)
WALK = 0.1 * RNG.normal(size=(120, 2)).cumsum(axis=0) + 0.3 * RNG.normal(size=(120, 2))
CLOCK = ["init_seconds", "fit_seconds"]
MODELS = {
    "full": (hmm.GaussianHMM(3, 2), X),
    "diagonal": (hmm.DiagonalGaussianHMM(3, 2), X),
    "spherical": (hmm.SphericalGaussianHMM(3, 2), X),
    "shared": (hmm.SharedCovarianceGaussianHMM(3, 2), X),
    "poisson": (hmm.PoissonHMM(3, 1), COUNTS),
    "categorical": (hmm.CategoricalHMM(3, 1, 25), COUNTS),
    "linear": (LinearGaussianSSM(2, 2), WALK),
    "linear, without biases": (
        LinearGaussianSSM(2, 2, has_dynamics_bias=False, has_emissions_bias=False),
        WALK - WALK.mean(axis=0),
    ),
}
FULL, LINEAR = MODELS["full"][0], MODELS["linear"][0]
SHORT = {"progress": False, "budget": Budget(max_iter=3), "n_seeds": 1}


def _same(a, b):
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(x, z, equal_nan=True) for x, z in leaves)


def _taken(model, data):
    return jax.numpy.asarray(data.astype(int) if type(model) is hmm.CategoricalHMM else data)


@pytest.mark.parametrize("name", MODELS)
def test_native_is_the_fit_of_the_library_bit_for_bit(name):
    model, data = MODELS[name]
    # In single precision, EM of the linear model breaks down some iterations later: P0 goes to zero.
    n_iter = 12 if name.startswith("linear") else None
    adapter, monitor = adapter_of(model), Monitor(Budget(max_iter=n_iter))
    begun = adapter.begin(model, None, data, np.random.default_rng(3))
    fitted = adapter.run(begun, data, monitor)
    seed = int(np.random.default_rng(3).integers(2**31 - 1))
    params, props = model.initialize(jax.random.PRNGKey(seed))
    limit = {} if n_iter is None else {"num_iters": n_iter}
    alone, trace = model.fit_em(params, props, _taken(model, data), verbose=False, **limit)
    assert _same(fitted.params, alone)
    assert len(trace) == monitor.n_iter == (n_iter or 50)  # the library's own number
    np.testing.assert_array_equal(monitor.objectives[:-1], trace)
    assert np.isfinite(monitor.final)
    assert adapter.describe(fitted)["objective"] == (
        "log-likelihood" if name.startswith("linear") else "log posterior density"
    )


def test_native_in_a_comparison_has_the_seed_of_the_table():
    result = compare(FULL, X, ["native"], **SHORT)
    seed = np.random.default_rng(result.seed(result.runs["run_seed"][0])).integers(2**31 - 1)
    params, props = FULL.initialize(jax.random.PRNGKey(int(seed)))
    alone, trace = FULL.fit_em(params, props, jax.numpy.asarray(X), num_iters=3, verbose=False)
    assert _same(result.best_model().params, alone)
    np.testing.assert_array_equal(result.traces["objective"][:-1], trace)
    expected = FULL.log_prior(alone) + FULL.marginal_log_prob(alone, jax.numpy.asarray(X))
    assert result.runs["objective_final"][0] == pytest.approx(float(expected), rel=1e-5)
    assert result.about.models["GaussianHMM"].objective == "log posterior density"


@pytest.mark.parametrize("name", MODELS)
def test_a_start_is_kept_and_its_objective_begins_the_trace(name):
    model, data = MODELS[name]
    adapter, rng = adapter_of(model), np.random.default_rng(0)
    start = Z if adapter.verb == "labels" else init.KMeans().dynamics(data, rng, 2)
    before = adapter.settings(model)
    begun = adapter.begin(model, start, data, rng)
    asked = adapter.start_of(begun)
    monitor = Monitor(Budget(max_iter=12))
    fitted = adapter.run(begun, data, monitor)
    assert asked.keys() == adapter.start_of(fitted).keys()
    for part, value in asked.items():
        np.testing.assert_array_equal(value, adapter.start_of(fitted)[part])
    assert monitor.objectives[0] == pytest.approx(adapter.objective(begun, data), rel=1e-5)
    assert monitor.n_iter == 12
    assert monitor.final == adapter.objective(fitted, data) == monitor.objectives[-1]
    if name != "spherical":  # by gradient steps
        assert (np.diff(monitor.objectives) > -1e-5 * np.abs(monitor.objectives[0])).all()
    assert str(adapter.settings(model)) == str(before)
    if name != "spherical":  # its optimiser holds functions that no pickle can name
        again = pickle.loads(pickle.dumps(fitted))
        assert _same(again.params, fitted.params)
        assert _same(again.props, fitted.props)


def test_labels_give_the_moments_of_their_rows():
    begun = adapter_of(FULL).begin(FULL, Z, X, np.random.default_rng(0))
    for k in range(3):
        np.testing.assert_allclose(
            begun.params.emissions.means[k], X[k == Z].mean(axis=0), rtol=1e-5
        )
    start = adapter_of(FULL).start_of(begun)
    assert list(start) == [
        "initial.probs", "transitions.transition_matrix", "emissions.means", "emissions.covs",
    ]  # fmt: skip
    model, data = MODELS["categorical"]
    probs = adapter_of(model).begin(model, Z, data, np.random.default_rng(0)).params.emissions.probs
    expected = (np.bincount(data[Z == 0, 0].astype(int), minlength=25) + 1 / 25) / 41
    np.testing.assert_allclose(probs[0, 0], expected, rtol=1e-5)


class Forgetful(hmm.GaussianHMM):
    """Draws its means, whatever it is told."""

    def initialize(self, key=None, **given):
        given.pop("emission_means", None)
        return super().initialize(jax.random.PRNGKey(0) if key is None else key, **given)


def test_a_library_that_overwrites_the_start_is_found():
    with pytest.warns(UserWarning, match="StartNotKept"):
        result = compare(Forgetful(3, 2), X, ["kmeans"], **SHORT)
    assert "overwrote emissions.means" in result.runs["error_message"][0]


@pytest.mark.parametrize("name", ["full", "linear"])
def test_strategies_run_and_so_do_those_of_strategies(name):
    model, data = MODELS[name]
    verb = adapter_of(model).verb
    combined = [Perturb("kmeans", 0.2), BestOf(["kmeans", "uniform"], 2)]
    # Labels are labels, whoever gives them: tests of hmmlearn have all strategies.
    plain = init.names(verb) if verb == "dynamics" else ["kmeans", "segments", "uniform", Z]
    strategies = ["native", *plain, *combined]
    result = compare(model, data, strategies, **SHORT)
    failed = result.runs[result.runs["status"] == "error"]
    assert not len(failed), failed[["strategy", "error_message"]].to_string()


def test_a_model_without_a_mean_of_the_columns_refuses_one():
    model = MODELS["linear, without biases"][0]
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(model, WALK + 7.0, ["subspace"], **SHORT)
    assert "leave has_emissions_bias=True" in result.runs["error_message"][0]


def test_parameters_come_back_and_are_scored_against_true_ones():
    truth = LinearGaussianParams(
        0.9 * np.eye(2), np.eye(2), np.eye(2), np.eye(2), np.zeros(2), np.eye(2)
    )
    result = compare(LINEAR, WALK, ["kmeans"], truth=truth, **SHORT)
    fitted = result.best_model()
    params = LinearGaussianParams.from_dynamax(fitted.params)
    error = np.abs(np.sort(np.linalg.eigvals(params.A).real) - 0.9).mean()
    assert result.runs["score_eigenvalue_error"][0] == pytest.approx(error, abs=0.05)
    moved = fitted.model.marginal_log_prob(params.to_dynamax(), jax.numpy.asarray(WALK))
    assert float(moved) == pytest.approx(result.runs["objective_final"][0], rel=1e-4)


def test_sequences_of_equal_length_stay_apart_and_others_are_refused():
    parts = [X[:60], X[60:]]
    result = compare(FULL, parts, ["kmeans"], truth=[Z[:60], Z[60:]], **SHORT)
    fitted = result.best_model()
    expected = FULL.log_prior(fitted.params) + sum(
        FULL.marginal_log_prob(fitted.params, jax.numpy.asarray(part)) for part in parts
    )
    assert result.runs["objective_final"][0] == pytest.approx(float(expected), rel=1e-5)
    assert result.runs["score_ari"][0] > 0.9
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(FULL, [X[:50], X[50:]], ["kmeans"], **SHORT)
    assert (
        "must be of equal length for dynamax; got lengths from 50"
        in result.runs["error_message"][0]
    )


def test_held_out_rows_are_scored_by_their_log_likelihood():
    result = compare(FULL, X, ["kmeans"], test=0.25, **SHORT)
    fitted = result.best_model()
    expected = FULL.marginal_log_prob(fitted.params, jax.numpy.asarray(X[90:]))
    assert result.runs["score_test"][0] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("model", "data", "sentence"),
    [
        (FULL, np.where(np.arange(240).reshape(120, 2) == 9, np.nan, X), "must be complete for dynamax; got 1"),
        (FULL, X[:, :1], "emission_dim must be 1, the columns of the data; got 2"),
        (MODELS["categorical"][0], COUNTS + 0.5, "must be whole numbers from 0 to num_classes - 1 = 24"),
        (MODELS["categorical"][0], COUNTS + 30, "must be whole numbers from 0 to num_classes - 1 = 24"),
        (LinearGaussianSSM(2, 2, input_dim=1), WALK, "input_dim must be 0"),
    ],
)  # fmt: skip
def test_what_the_library_cannot_take_is_one_sentence_in_its_row(model, data, sentence):
    with pytest.warns(UserWarning, match="all 2 runs failed"):
        result = compare(model, data, ["native", "uniform"], **SHORT)
    assert set(result.runs["status"]) == {"error"}
    assert result.runs["error_message"].str.contains(sentence).all()


def test_budgets():
    none, seconds = Budget(max_iter=0), Budget(seconds=1e-6)
    for budget, n_iter, status in ((none, 0, "not_converged"), (seconds, 1, "timeout")):
        call = {"n_seeds": 1, "progress": False, "budget": budget}
        runs = compare(FULL, X, ["kmeans"], **call).runs
        assert runs["n_iter"].tolist() == [n_iter]
        assert runs["status"].tolist() == [status]
    longer = compare(
        FULL, X, ["kmeans"], n_seeds=1, progress=False, budget=Budget(max_iter=70)
    ).runs
    assert longer["n_iter"].tolist() == [70]
    assert longer["converged"].tolist() == [True]


def test_two_processes_give_the_same_and_the_store_finds_its_runs(tmp_path):
    call = {"n_seeds": 2, "progress": False, "budget": Budget(max_iter=3)}
    alone = compare(FULL, X, ["native", "kmeans"], **call)
    pair = compare(FULL, X, ["native", "kmeans"], n_jobs=2, store=tmp_path, **call)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    same = compare(hmm.GaussianHMM(3, 2), X, ["native", "kmeans"], store=tmp_path, **call)
    assert same.runs.equals(pair.runs)
    other = hmm.GaussianHMM(3, 2, emission_prior_scale=0.5)
    result = compare(other, X, ["native", "kmeans"], store=tmp_path, **call)
    assert (result.runs["objective_final"] != pair.runs["objective_final"]).all()


def test_the_settings_of_an_optimiser_count_too():
    import optax

    from tsinit.comparison.plan import identity

    rates = [1e-2, 1e-2, 1e-3]
    models = [hmm.SphericalGaussianHMM(3, 2, m_step_optimizer=optax.adam(rate)) for rate in rates]
    keys = [identity.identify(adapter_of(model).settings(model)) for model in models]
    assert keys[0] == keys[1] != keys[2]
    assert not keys[0].unknown


def test_models_that_it_does_not_run_are_refused():
    with pytest.raises(TypeError, match=r"dynamax \(GaussianHMM, DiagonalGaussianHMM"):
        compare(hmm.GammaHMM(3), X, ["native"], progress=False)


def test_the_command_line_makes_a_model_of_as_many_columns_as_the_data():
    from tsinit._cli.other_models import build

    assert build("dynamax:GaussianHMM", {"num_states": 4}, X).emission_dim == 2
    assert build("dynamax:LinearGaussianSSM", {"state_dim": 4}, X).state_dim == 4


def test_jax_keeps_its_settings():
    assert not jax.config.jax_enable_x64
