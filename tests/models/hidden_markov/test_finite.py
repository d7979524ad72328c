"""`HiddenMarkovModel`: what a user reads after a fit, asks of other rows, and is told where something is wrong."""

import numpy as np
import pandas as pd
import pytest
from emissions.exponential import Exponential
from models.hidden_markov.span_emission import Span
from reference.hidden_markov import exact
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

from tsinit import Budget, HiddenMarkovModel
from tsinit.emissions import VonMises
from tsinit.init import Race
from tsinit.metrics import adjusted_rand_index
from tsinit.models import Monitor
from tsinit.models.hidden_markov.finite_results import RestartEnds

SHORT = {"random_state": 0, "tol": 1e-5}


def levels(rng, T=150, spread=1.0, D=1):
    z = np.repeat([0, 1, 2, 0, 2], T // 5)
    return np.array([0.0, 6.0, 12.0])[z][:, None] + spread * rng.standard_normal((T, D)), z


@pytest.fixture
def fitted(rng):
    y, z = levels(rng)
    return HiddenMarkovModel(3, **SHORT).fit(y), y, z


def test_levels_are_found_in_the_order_of_their_first_row(fitted):
    model, y, z = fitted
    np.testing.assert_array_equal(model.labels_, z)
    np.testing.assert_allclose(model.means_.ravel(), [0.0, 6.0, 12.0], atol=0.6)
    assert model.covariances_.shape == (3, 1, 1)
    np.testing.assert_allclose(model.transition_matrix_.sum(axis=1), 1.0)
    assert model.start_probabilities_.argmax() == 0
    assert model.converged_
    assert model.n_iter_ == len(model.history_) - 1
    assert (np.diff(model.history_) >= 0.0).all()
    assert model.log_likelihood_ == pytest.approx(model.score(y) * y.size)
    np.testing.assert_array_equal(model.predict(y), model.labels_)
    np.testing.assert_allclose(model.predict_proba(y), model.probabilities_)
    assert np.isnan(model.agreement_)
    np.testing.assert_array_equal(model.restarts_.objectives, model.history_[-1:])
    np.testing.assert_array_equal(model.restarts_.agreement, [[1.0]])
    assert np.ndim(model.start_) == 1


def test_one_seed_gives_one_fit_and_units_change_nothing(rng):
    y, _ = levels(rng, spread=2.0)
    first, again, scaled = (
        HiddenMarkovModel(3, init="uniform", **SHORT).fit(table) for table in (y, y, 1e6 + 1e3 * y)
    )
    np.testing.assert_array_equal(first.history_, again.history_)
    np.testing.assert_array_equal(first.labels_, scaled.labels_)
    np.testing.assert_allclose(scaled.means_, 1e6 + 1e3 * first.means_, rtol=1e-6)
    shift = y.size * np.log(1e3)
    assert scaled.log_likelihood_ == pytest.approx(first.log_likelihood_ - shift, rel=1e-6)


def test_probabilities_paths_and_filter_are_those_of_all_paths(rng):
    y, _ = levels(rng, spread=4.0)
    model = HiddenMarkovModel(2, **SHORT).fit(y)
    few = [y[20:26], y[40:43]]
    rows = np.concatenate(few)
    offsets = np.array([0, 6, 9])
    emission = model._fitted_emission.with_data(rows)
    density = model._fitted_params.density(emission)
    start, P = model.start_probabilities_, model.transition_matrix_
    total, prob, _, path = exact(density, start, P, offsets)
    np.testing.assert_allclose(np.concatenate(model.predict_proba(few)), prob, atol=1e-10)
    np.testing.assert_array_equal(np.concatenate(model.decode(few)), path)
    assert model.score(few) == pytest.approx((total + emission.log_jacobian) / 9)
    filtered = np.concatenate(model.filter_proba(few))
    for a, b in ((0, 6), (6, 9)):
        for t in range(a, b):
            up_to = exact(density[a : t + 1], start, P, np.array([0, t + 1 - a]))[1]
            np.testing.assert_allclose(filtered[t], up_to[-1], atol=1e-10)


def test_frames_come_back_as_frames_and_skipped_days_are_missing_rows(rng):
    y, z = levels(rng)
    days = pd.date_range("2020-01-01", periods=150)
    table = pd.DataFrame({"level": y[:, 0]}, index=days)
    kept = np.ones(150, dtype=bool)
    kept[[10, 11, 60]] = False
    holes = table.where(pd.Series(kept, index=days))
    model = HiddenMarkovModel(3, **SHORT).fit(table[kept])
    whole = HiddenMarkovModel(3, **SHORT).fit(holes)
    assert model.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-9)
    assert len(model.labels_) == 147
    assert len(model.probabilities_) == 147
    states = model.predict(table[kept])
    assert states.name == "state"
    pd.testing.assert_index_equal(states.index, days[kept])
    np.testing.assert_array_equal(states, z[kept])
    assert list(model.predict_proba(table).columns) == [0, 1, 2]
    ahead = model.forecast(2)
    assert list(ahead.means.columns) == ["level"]
    assert list(ahead.means.index) == list(pd.date_range("2020-05-30", periods=2))
    assert list(ahead.probabilities.columns) == [0, 1, 2]
    assert list(ahead.quantile(0.1).columns) == ["level"]


def test_ties_are_decided_as_predict_does():
    """Few rows without states: at the end both states are equally probable at some of them."""
    for seed in range(12):
        y = np.random.default_rng(seed).integers(0, 3, (7, 1)).astype(float)
        model = HiddenMarkovModel(2, prior=None, max_iter=0, random_state=seed).fit(y)
        np.testing.assert_array_equal(model.labels_, model.predict(y))
        np.testing.assert_array_equal(model.probabilities_, model.predict_proba(y))


def test_several_sequences_are_independent(rng):
    y, _ = levels(rng)
    parts = [y[:40], y[40:41], y[41:]]
    model = HiddenMarkovModel(3, **SHORT).fit(parts)
    again = HiddenMarkovModel(3, **SHORT).fit(y, lengths=[40, 1, 109])
    assert model.log_likelihood_ == pytest.approx(again.log_likelihood_, rel=1e-12)
    apart = sum(model.score(part) * len(part) for part in parts)
    assert model.log_likelihood_ == pytest.approx(apart, rel=1e-12)
    assert [len(part) for part in model.predict(parts)] == [40, 1, 109]


def test_forecasts_are_the_chain_and_its_mixture(fitted):
    model, y, _ = fitted
    ahead = model.forecast(3)
    p = model.predict_proba(y)[-1]
    for step in range(3):
        p = p @ model.transition_matrix_
        np.testing.assert_allclose(ahead.probabilities[step], p, rtol=1e-10)
        np.testing.assert_allclose(ahead.means[step], p @ model.means_, rtol=1e-10)
        second = p @ (model.covariances_[:, 0, 0] + model.means_[:, 0] ** 2)
        variance = second - (p @ model.means_[:, 0]) ** 2
        np.testing.assert_allclose(ahead.standard_deviations[step] ** 2, variance, rtol=1e-9)
    other = model.forecast(1, y[:31])
    p = model.filter_proba(y[:31])[-1] @ model.transition_matrix_
    np.testing.assert_allclose(other.probabilities[0], p, rtol=1e-10)


def test_quantiles_are_those_of_the_mixture(fitted):
    """Levels of simulated quantiles under the exact mixture, within five standard errors."""
    model, y, _ = fitted
    n = 40_000
    ahead = model.forecast(5, n_samples=n, random_state=1)
    spread = np.sqrt(model.covariances_[:, 0, 0])
    for q in (0.05, 0.5, 0.9):
        value = ahead.quantile(q)[:, 0]
        below = stats.norm(model.means_[:, 0], spread).cdf(value[:, None])
        level = np.sum(ahead.probabilities * below, axis=1)
        np.testing.assert_allclose(level, q, atol=5 * np.sqrt(q * (1 - q) / n))
    lower, upper = ahead.interval(0.9)
    # Half of .1 and .05 differ by a rounding.
    np.testing.assert_allclose(lower, ahead.quantile(0.05), rtol=1e-12)
    np.testing.assert_allclose(upper, ahead.quantile(0.95), rtol=1e-12)
    means = [model.forecast(5, random_state=s).means for s in (1, 2)]
    np.testing.assert_array_equal(*means)  # which are not simulated
    with pytest.raises(ValueError, match="q must be a number above 0 and below 1; got 1"):
        ahead.quantile(1)
    with pytest.raises(ValueError, match="n_samples must be a whole number of at least 1"):
        model.forecast(1, y, n_samples=0)


def test_forecasts_of_angles_are_directions(rng):
    z = np.repeat([0, 1, 0, 1], 40)
    y = np.degrees(rng.vonmises(np.array([3.0, -3.0])[z], 20.0))[:, None]
    model = HiddenMarkovModel(2, emission=VonMises("degrees"), **SHORT).fit(y)
    far = model.forecast(400)
    away = (far.means[-1, 0] - 180.0 + 180.0) % 360.0 - 180.0
    assert abs(away) < 15.0  # around half a turn; a plain average of +172 and -172 is 0
    assert (far.covariances >= 0.0).all()
    assert np.abs(far.samples - far.means).max() <= 180.0


def test_samples_have_the_moments_of_the_model(fitted):
    model, _, _ = fitted
    drawn = model.sample(20_000, random_state=1)
    assert drawn.y.shape == (20_000, 1)
    stays = np.mean(drawn.states[1:] == drawn.states[:-1])
    w, v = np.linalg.eig(model.transition_matrix_.T)
    stationary = np.real(v[:, np.argmax(w.real)])
    stationary /= stationary.sum()
    assert stays == pytest.approx(stationary @ np.diag(model.transition_matrix_), abs=0.02)
    for k in range(3):
        assert drawn.y[drawn.states == k].mean() == pytest.approx(model.means_[k, 0], abs=0.1)
    several = model.sample(5, n_sequences=3, random_state=1)
    assert [len(part) for part in several.states] == [5, 5, 5]


def test_numbers_of_states_are_chosen_by_bic(rng):
    y, _ = levels(rng)
    model = HiddenMarkovModel(range(1, 6), **SHORT).fit(y)
    table = model.order_table_
    assert model.n_states_ == table["bic"].idxmin() == 3
    assert table["chosen"].tolist() == [False, False, True, False, False]
    assert list(table.columns) == [
        "log_likelihood", "n_parameters", "aic", "bic", "icl", "n_iter", "converged", "chosen",
    ]  # fmt: skip
    assert table["n_parameters"].tolist() == [K * 2 + K * (K - 1) + K - 1 for K in range(1, 6)]
    row, ll = table.loc[3], model.log_likelihood_
    assert model.bic() == row["bic"] == pytest.approx(-2 * ll + np.log(150) * 14)
    assert model.aic(y) == pytest.approx(-2 * ll + 28)
    assert model.icl() == row["icl"] == pytest.approx(model.icl(y))
    assert model.icl() >= model.bic()


def test_icl_is_bic_with_the_best_path_as_data(rng):
    y, _ = levels(rng, spread=4.0)
    model = HiddenMarkovModel(2, **SHORT).fit(y)
    few, K = y[:8], 2
    emission = model._fitted_emission.with_data(few)
    density = model._fitted_params.density(emission)
    z, P = model.decode(few), model.transition_matrix_
    joint = np.log(model.start_probabilities_[z[0]]) + density[np.arange(8), z].sum()
    joint += np.log(P[z[:-1], z[1:]]).sum() + emission.log_jacobian
    n = K * 2 + K * (K - 1) + K - 1
    assert model.icl(few) == pytest.approx(-2 * joint + np.log(8) * n)


def test_orders_count_only_probabilities_that_may_move(rng):
    y, _ = levels(rng)
    upper = np.triu(np.ones((3, 3), dtype=bool))
    given = {"transitions": upper, "start_probabilities": ("fixed", [1.0, 0.0, 0.0])}
    model = HiddenMarkovModel([3], **given, **SHORT).fit(y)
    assert model.order_table_["n_parameters"].tolist() == [6 + 3]
    assert np.array_equal(model.transition_matrix_ > 0.0, upper)


def test_left_to_right_states_follow_time(rng):
    y = np.repeat([5.0, -3.0, 1.0, 9.0], 30)[:, None] + rng.standard_normal((120, 1))
    banded = 0.9 * np.eye(4) + 0.1 * np.eye(4, k=1)
    banded[3, 3] = 1.0
    model = HiddenMarkovModel(
        4, transitions=banded, start_probabilities=[1.0, 0.0, 0.0, 0.0], **SHORT
    ).fit(y)
    np.testing.assert_array_equal(model.decode(y), np.repeat(np.arange(4), 30))
    np.testing.assert_allclose(model.means_.ravel(), [5.0, -3.0, 1.0, 9.0], atol=0.6)


def test_sticky_states_last(rng):
    """Overlapping levels of 60 rows stay more often with stickiness; what is fixed does not know it."""
    z = np.repeat([0, 1, 0, 1, 0], 60)
    y = (1.5 * z + rng.standard_normal(300))[:, None]
    given = {"start_probabilities": [0.5, 0.5], "n_states": 2, **SHORT}
    plain, sticky = (HiddenMarkovModel(stickiness=s, **given).fit(y) for s in (0.0, 1000.0))
    stays = np.diag(sticky.transition_matrix_)
    assert (stays > np.diag(plain.transition_matrix_)).all()
    assert (stays > 0.985).all()
    held = HiddenMarkovModel(
        transitions=("fixed", plain.transition_matrix_), stickiness=1000.0, **given
    )
    np.testing.assert_array_equal(held.fit(y).transition_matrix_, plain.transition_matrix_)


def test_restarts_say_whether_another_seed_agrees(rng):
    y, _ = levels(rng)
    model = HiddenMarkovModel(3, init="uniform", n_init=6, **SHORT).fit(y)
    alone = [
        HiddenMarkovModel(3, init="uniform", random_state=s, tol=1e-5).fit(y) for s in range(6)
    ]
    assert model.agreement_ == pytest.approx(1.0)
    assert model.history_[-1] >= np.median([one.history_[-1] for one in alone]) - 0.5


def test_ends_of_one_height_that_cut_the_series_differently_do_not_agree(rng):
    """Two columns with regimes of their own, alike in strength: two states can follow either."""
    a, b = np.repeat([0, 1, 0, 1], 40), np.repeat([0, 1, 0, 1, 0], 32)
    noise = rng.standard_normal((80, 2))
    # Rows once in their order and once with the columns exchanged, so that both ends have one height.
    y = 4.0 * np.column_stack([a[:80], b[:80]]) + noise
    parts = [y, y[:, ::-1].copy()]
    starts = [np.concatenate([a[:80], b[:80]]), np.concatenate([b[:80], a[:80]])]
    ends = iter(starts * 2)
    model = HiddenMarkovModel(
        2, init=lambda y, rng: next(ends), n_init=4, emission="gaussian_diag", **SHORT
    ).fit(parts)
    one, other = (
        HiddenMarkovModel(2, init=z, emission="gaussian_diag", **SHORT).fit(parts) for z in starts
    )
    assert one.history_[-1] == pytest.approx(other.history_[-1], abs=0.5)
    expected = adjusted_rand_index(one.labels_, other.labels_)
    assert model.agreement_ == pytest.approx(expected)
    assert expected < 0.9
    # The starts come twice, and are run once.
    np.testing.assert_allclose(
        model.restarts_.objectives, [one.history_[-1], other.history_[-1]], rtol=1e-9
    )
    np.testing.assert_allclose(model.restarts_.agreement, [[1.0, expected], [expected, 1.0]])


def test_the_agreement_is_that_of_the_ends_within_half_a_nat():
    alike = np.array([[1.0, 0.2, 0.6], [0.2, 1.0, 0.1], [0.6, 0.1, 1.0]])
    ends = RestartEnds(np.array([-10.0, -10.6, -10.5]), alike)
    assert ends.as_good.tolist() == [True, False, True]
    assert ends.mean_agreement == 0.6
    assert np.isnan(RestartEnds(np.array([-10.0, -11.0, -12.0]), alike).mean_agreement)


def test_labels_keep_their_numbers(rng):
    y, z = levels(rng)
    model = HiddenMarkovModel(3, init=2 - z, **SHORT).fit(y)
    np.testing.assert_array_equal(model.labels_, 2 - z)
    fewer = HiddenMarkovModel(3, init=np.minimum(z, 1), max_iter=500, **SHORT).fit(y)
    assert adjusted_rand_index(fewer.labels_, z) > 0.99  # the third state begins at random rows
    with pytest.raises(ValueError, match="at most n_states=2 states; got 3"):
        HiddenMarkovModel(2, init=z).fit(y)


def test_races_are_kept_and_end_where_the_winner_alone_ends(rng):
    y, _ = levels(rng, spread=2.0)
    model = HiddenMarkovModel(3, init=Race(["kmeans", "uniform"]), **SHORT).fit(y)
    runs = model.init_race_.runs
    assert set(runs["strategy"]) == {"kmeans", "uniform"}
    assert (runs["status"] == "ok").sum() >= 1
    alone = HiddenMarkovModel(3, init=model.start_, **SHORT).fit(y)
    np.testing.assert_allclose(alone.history_, model.history_, rtol=1e-12)
    with pytest.raises(AttributeError, match="only after a fit with init='auto'"):
        alone.init_race_  # noqa: B018


def test_budgets_end_fits_and_unfinished_ones_warn(rng):
    y, _ = levels(rng, spread=3.0)
    with pytest.warns(ConvergenceWarning, match="has not converged after 2 E-steps"):
        model = HiddenMarkovModel(3, max_iter=2, random_state=0).fit(y)
    assert not model.converged_
    assert model.n_iter_ == 2
    start = HiddenMarkovModel(3, max_iter=0, random_state=0).fit(y)
    assert start.n_iter_ == 0
    assert start.history_[0] == model.history_[0]
    monitor = Monitor(Budget(seconds=0.0))
    timed = HiddenMarkovModel(3, n_init=5, random_state=0).fit_under(monitor, y)
    assert monitor.timed_out
    assert timed.n_iter_ <= 1


def test_collapse_is_held_off(rng):
    """A value that repeats would have a state of its own with variance 0: a likelihood without a maximum."""
    y, _ = levels(rng)
    y[30:36] = 100.0
    weak = HiddenMarkovModel(4, **SHORT).fit(y)
    bare = HiddenMarkovModel(4, prior=None, **SHORT).fit(y)
    k = int(np.argmax(bare.means_))
    assert bare.covariances_[k, 0, 0] == pytest.approx(1e-6 * np.var(y), rel=1e-6)
    assert weak.covariances_[int(np.argmax(weak.means_)), 0, 0] > 1e-2
    assert bare.log_likelihood_ > weak.log_likelihood_
    assert bare.fit_kind.objective == "log-likelihood"
    assert weak.fit_kind.objective == "log posterior"


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"prior": "strong"}, ValueError, r"prior must be one of \['weak', None\]; got 'strong'"),
        ({"n_states": 0}, ValueError, "n_states must be a whole number of at least 1"),
        ({"n_states": 150}, ValueError, "n_states must be smaller than the number of time steps"),
        ({"init": "kmean"}, ValueError, "Did you mean 'kmeans'?"),
        ({"transitions": np.eye(2)}, ValueError, r"transitions must have shape \(3, 3\)"),
        ({"transitions": np.ones((3, 3))}, ValueError, "none negative, that sum to 1 in every row"),
        (
            {"transitions": [[2.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]},
            ValueError,
            "none negative",
        ),
        ({"transitions": ("held", np.eye(3))}, ValueError, r"or a pair \('fixed', array\)"),
        ({"transitions": np.zeros((3, 3), bool)}, ValueError, "allow something in every row"),
        (
            {"transitions": ("fixed", np.ones((3, 3), bool))},
            ValueError,
            "must be probabilities where it is 'fixed'",
        ),
        ({"start_probabilities": [0.5, 0.5]}, ValueError, r"start_probabilities must have shape"),
        ({"start_probabilities": "even"}, ValueError, "an array of numbers or flags"),
        ({"emission": Exponential()}, TypeError, "must have a method maximise"),
        ({"max_iter": -1}, ValueError, "max_iter must be a whole number of at least 0"),
        ({"stickiness": -1.0}, ValueError, "stickiness must be a number of at least 0"),
        (
            {"stickiness": 10.0, "prior": None},
            ValueError,
            "stickiness must be 0 where prior is None",
        ),
        ({"accelerate": "yes"}, ValueError, "accelerate must be True or False"),
    ],
)
def test_wrong_arguments_are_told(rng, options, error, sentence):
    y, _ = levels(rng)
    with pytest.raises(error, match=sentence):
        HiddenMarkovModel(**options).fit(np.abs(y))


def test_an_emission_of_a_users_own_is_fitted(rng):
    """One without coordinates takes plain steps; rows that no state can give are told."""
    z = np.repeat([0, 1, 0, 1], 40)
    y = rng.random((160, 1)) * np.array([1.0, 10.0])[z][:, None]
    model = HiddenMarkovModel(2, emission=Span(), init=z, random_state=0).fit(y)
    np.testing.assert_allclose(model.means_.ravel(), [y[z == 0].max() / 2, y.max() / 2])
    assert model.converged_
    assert model.bic() == pytest.approx(-2 * model.log_likelihood_ + np.log(160) * 5)
    beyond = np.array([[0.5], [20.0]])
    for ask in (model.predict, model.decode, model.filter_proba, model.score):
        with pytest.raises(ValueError, match="X must be possible under the fitted model"):
            ask(beyond)
