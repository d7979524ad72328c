"""The infinite hidden Markov model finds regimes, whatever the form of the data, and can be asked about them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from tsinit import InfiniteHMM, datasets

QUICK = {"n_tune": 500, "n_draws": 100, "n_chains": 2, "random_state": 2}


def quick(**more):
    return InfiniteHMM(**{**QUICK, **more})


@pytest.fixture(scope="module")
def regimes():
    return datasets.make_hmm(
        400, n_features=2, persistence=0.97, means=(-4.0, 4.0), missing=0.1, random_state=1
    )


@pytest.fixture(scope="module")
def fitted(regimes):
    return quick().fit(regimes.y)


def test_well_separated_regimes_are_found_through_gaps(regimes, fitted):
    assert fitted.n_states_ == 3
    assert adjusted_rand_score(regimes.labels, fitted.labels_) > 0.98
    order = [np.bincount(regimes.labels[fitted.labels_ == k]).argmax() for k in range(3)]
    assert np.abs(fitted.means_ - regimes.means[order]).max() < 0.4
    assert np.abs(fitted.covariances_ - np.eye(2)).max() < 0.5
    assert np.abs(np.diag(fitted.transition_matrix_) - 0.97).max() < 0.06
    assert np.allclose(fitted.transition_matrix_.sum(axis=1), 1.0)


def test_labels_are_numbered_by_first_appearance_and_agree_with_their_probabilities(fitted):
    first = [np.flatnonzero(fitted.labels_ == k)[0] for k in range(fitted.n_states_)]
    assert first == sorted(first)
    assert np.allclose(fitted.probabilities_.sum(axis=1), 1.0)
    assert np.array_equal(fitted.probabilities_.argmax(axis=1), fitted.labels_)


def test_history_and_draws_have_one_entry_for_each_sweep_and_draw(fitted):
    assert fitted.n_iter_ == 600
    assert fitted.history_.shape == (601,)
    assert np.isfinite(fitted.history_).all()
    assert np.allclose(fitted.history_, fitted.trace_["log_joint"].mean(axis=0))
    assert fitted.draws_.labels.shape == (2, 100, 400)
    assert np.array_equal(fitted.draws_.n_states, fitted.draws_.labels.max(axis=2) + 1)
    assert np.array_equal(fitted.draws_.log_joint, fitted.trace_["log_joint"][:, 501:])


def test_thinning_keeps_every_so_many_sweeps(regimes):
    model = quick(n_tune=5, n_draws=4, thin=3, n_chains=1).fit(regimes.y)
    assert model.n_iter_ == 17
    assert np.array_equal(model.draws_.log_joint[0], model.trace_["log_joint"][0, [8, 11, 14, 17]])


def test_the_draws_do_not_depend_on_the_number_of_threads(regimes):
    one, two = (quick(n_tune=20, n_draws=20, n_chains=3, n_jobs=n).fit(regimes.y) for n in (1, 2))
    assert np.array_equal(one.draws_.labels, two.draws_.labels)
    assert np.array_equal(one.history_, two.history_)
    assert np.array_equal(one.start_, two.start_)


def test_one_seed_gives_one_fit_and_chains_differ(regimes, fitted):
    again = clone(fitted).fit(regimes.y)
    assert np.array_equal(again.draws_.log_joint, fitted.draws_.log_joint)
    assert not np.array_equal(fitted.draws_.log_joint[0], fitted.draws_.log_joint[1])


def test_units_do_not_matter(regimes):
    model = quick(n_tune=30, n_draws=20)
    a, b = clone(model).fit(regimes.y), clone(model).fit(1000.0 + 50.0 * regimes.y)
    assert np.array_equal(a.draws_.labels, b.draws_.labels)
    assert np.allclose(b.means_, 1000.0 + 50.0 * a.means_)
    n = int((~np.isnan(regimes.y)).sum())
    assert np.allclose(b.history_, a.history_ - n * np.log(50.0))
    assert b.score(1000.0 + 50.0 * regimes.y) == pytest.approx(a.score(regimes.y) - np.log(50.0))


def test_a_list_gives_every_chain_a_start_of_its_own(regimes):
    own = np.arange(400) // 100
    model = quick(init=["one_state", own], n_tune=5, n_draws=5).fit(regimes.y)
    assert np.array_equal(model.start_, [np.zeros(400), own])


def test_a_function_is_asked_with_what_it_wants(regimes):
    model = quick(
        init=lambda y, n_states: np.arange(len(y)) % n_states, n_init_states=3, n_tune=5, n_draws=5
    )
    assert np.array_equal(model.fit(regimes.y).start_[0], np.arange(400) % 3)


def test_best_of_continues_the_better_start(regimes):
    from tsinit.init import BestOf

    model = quick(
        init=BestOf(["one_state", "kmeans"], n_iter=5), n_tune=5, n_draws=5, n_chains=1
    ).fit(regimes.y)
    assert model.start_.max() > 0


def test_several_sequences_come_back_in_their_form(regimes):
    halves = [regimes.y[:150], regimes.y[150:]]
    model = quick(n_tune=50, n_draws=30).fit(halves)
    predicted = model.predict(halves)
    assert [len(z) for z in predicted] == [150, 250]
    lengths = quick(n_tune=50, n_draws=30).fit(regimes.y, lengths=[150, 250])
    assert np.array_equal(lengths.draws_.labels, model.draws_.labels)


def test_a_data_frame_comes_back_with_its_index_and_skipped_steps_are_missing():
    days = pd.date_range("2024-01-01", periods=120, freq="D")
    frame = pd.DataFrame(
        {"a": np.repeat([0.0, 9.0], 60) + np.sin(np.arange(120))}, index=days
    ).drop(days[30:40])
    model = quick(n_tune=50, n_draws=30).fit(frame)
    assert model.labels_.shape == (110,)
    assert model.start_.shape == (2, 120)
    predicted, probability = model.predict(frame), model.predict_proba(frame)
    assert predicted.index.equals(frame.index)
    assert list(probability.columns) == list(range(model.n_states_))
    assert np.allclose(probability.sum(axis=1), 1.0)
    assert model.fit_predict(frame).index.equals(frame.index)
    assert model.set_params(init=model.labels_).fit(frame).start_[0, 29:41].tolist() == [
        model.start_[0, 29]
    ] * 11 + [model.start_[0, 40]]


def test_new_rows_are_labelled_by_the_states_of_the_fit(regimes, fitted):
    new = datasets.make_hmm(
        300, n_features=2, persistence=0.97, means=(-4.0, 4.0), missing=0.1, random_state=2
    )
    predicted = fitted.predict(new.y)
    names = [np.bincount(regimes.labels[fitted.labels_ == k]).argmax() for k in range(3)]
    assert np.mean(np.array(names)[predicted] == new.labels) > 0.98
    assert np.array_equal(fitted.predict(regimes.y), fitted.labels_)


def test_the_score_is_that_of_the_true_model_but_for_what_is_not_known_exactly(regimes, fitted):
    new = datasets.make_hmm(2000, n_features=2, persistence=0.97, means=(-4.0, 4.0), random_state=3)
    entropy = 0.5 * (
        1 + np.log(2 * np.pi)
    )  # of the noise; that of the chain is shared by two columns
    switching = -(0.97 * np.log(0.97) + 0.03 * np.log(0.015)) / 2
    assert -entropy - switching - 0.06 < fitted.score(new.y) < -entropy + 0.05


def test_coclustering_does_not_depend_on_labels(fitted):
    matrix = fitted.coclustering_matrix()
    assert matrix.shape == (400, 400)
    assert np.allclose(np.diag(matrix), 1.0)
    z = fitted.draws_.flat
    assert matrix[3, 77] == pytest.approx(np.mean(z[:, 3] == z[:, 77]))
    assert np.allclose(fitted.coclustering_matrix(rows=[3, 77]), matrix[np.ix_([3, 77], [3, 77])])


def test_the_sampler_says_how_well_it_mixed(fitted):
    summary = fitted.sampler_summary()
    assert set(summary) == {"rhat", "ess", "ess_per_second"}
    assert 0 < summary["ess"] <= 1000
    assert fitted.converged_
    assert summary["rhat"] < 1.1


def test_a_single_chain_is_judged_by_its_halves(regimes, fitted):
    from tsinit import result

    single = quick(n_chains=1).fit(regimes.y)
    draws, summary = single.draws_, single.sampler_summary()
    assert np.array_equal(draws.log_joint[0], fitted.draws_.log_joint[0])
    assert 1.0 <= result.rhat(draws.log_joint) <= summary["rhat"] < np.inf
    assert single.convergence_.agreement.shape == (2, 2)
    few = quick(n_chains=1, n_tune=5, n_draws=3).fit(regimes.y)
    assert np.isnan(few.sampler_summary()["rhat"])
    assert not few.converged_


def test_the_data_of_the_fit_are_kept_as_given_whatever_becomes_of_them_later(regimes):
    days = pd.date_range("2024-01-01", periods=60, freq="D").delete([20, 21])
    frame = pd.DataFrame(regimes.y[:58], index=days, columns=["a", "b"])
    model = quick(n_tune=5, n_draws=5).fit(frame)
    given = frame.copy()
    frame.iloc[:] = 0.0
    pd.testing.assert_frame_equal(model.observed_.restore(model.observed_.y), given)
    assert list(model.observed_.columns) == ["a", "b"]
    assert model.observed_.y.shape == (60, 2)
    assert model.observed_.rows.tolist() == [t for t in range(60) if t not in (20, 21)]
    halves = quick(n_tune=5, n_draws=5).fit(regimes.y[:60], lengths=[20, 40])
    assert halves.observed_.offsets.tolist() == [0, 20, 60]


def test_the_draws_go_to_arviz(fitted):
    import arviz as az

    tree = fitted.to_datatree()
    assert {"posterior", "posterior_by_state", "warmup_posterior", "observed_data"} <= set(
        tree.children
    )
    assert tree["posterior_by_state"]["mean"].dims == ("chain", "draw", "state", "feature")
    assert tree["posterior"]["n_states"].shape == (2, 100)
    assert tree["warmup_posterior"]["log_joint"].shape == (2, 500)
    summary = az.summary(fitted.to_arviz(), var_names=["alpha", "gamma", "rho"])
    assert list(summary.index) == ["alpha", "gamma", "rho"]


def test_poisson_counts_have_rates():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 0], 60)
    y = rng.poisson(np.array([2.0, 20.0])[truth])[:, None].astype(float)
    model = quick(emission="poisson").fit(y)
    assert adjusted_rand_score(truth, model.labels_) > 0.95
    assert np.abs(np.sort(model.means_.ravel()) - [2.0, 20.0]).max() < 2.0
