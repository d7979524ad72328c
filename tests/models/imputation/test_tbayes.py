"""What a user of the imputer can rely on."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from models.imputation.var_problems import problem
from reference.fcs import interpolate, simulate_var1
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from tsinit.models.imputation import posterior
from tsinit.models.imputation.engines import by_gaps
from tsinit.models.imputation.model import TBayesMICE

QUICK = {"init": interpolate, "n_tune": 10, "n_draws": 20, "n_chains": 2, "random_state": 0}
A = np.array([[0.6, 0.2, 0.0], [0.0, 0.7, 0.1], [0.2, 0.0, 0.5]])


@pytest.fixture(scope="module")
def full():
    return simulate_var1(np.random.default_rng(1), A, np.eye(3) + 0.4, 150)


@pytest.fixture(scope="module")
def gappy(full):
    y = full.copy()
    y[np.random.default_rng(2).random(y.shape) < 0.2] = np.nan
    return y


@pytest.fixture(scope="module")
def frame(gappy):
    return pd.DataFrame(
        gappy, index=pd.date_range("2024-01-01", periods=len(gappy), freq="h"), columns=list("abc")
    )


@pytest.fixture(scope="module")
def fitted(gappy):
    return TBayesMICE(**QUICK).fit(gappy)


def test_observed_cells_stay_the_same_to_the_last_bit(fitted, gappy):
    observed = ~np.isnan(gappy)
    lower, upper = fitted.interval(0.9)
    for table in [fitted.transform(gappy), lower, upper, *fitted.impute(3)]:
        assert table.shape == gappy.shape
        assert np.isfinite(table).all()
        np.testing.assert_array_equal(table[observed], gappy[observed])


def test_imputations_differ_in_every_incomplete_column(fitted, gappy):
    tables = fitted.impute()
    assert len(tables) == 20
    stack = np.array(tables)
    missing = np.isnan(gappy)
    assert (stack.std(axis=0)[missing] > 0).all()
    assert len(fitted.impute(3)) == 3


def test_draws_are_the_missing_cells_row_by_row(fitted, gappy):
    assert fitted.draws_.shape == (2, 20, np.isnan(gappy).sum())
    mean = fitted.draws_.mean(axis=(0, 1))
    np.testing.assert_allclose(fitted.transform(gappy)[np.isnan(gappy)], mean)
    lower, upper = fitted.interval(0.5)
    flat = fitted.draws_.reshape(40, -1)
    for end, share in ((lower, 0.25), (upper, 0.75)):
        wanted = np.quantile(flat, share, axis=0, method="weibull")  # of the next draw
        np.testing.assert_allclose(end[np.isnan(gappy)], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_seed_one_answer(fitted, gappy, n_jobs):
    again = clone(fitted).set_params(n_jobs=n_jobs).fit(gappy)
    np.testing.assert_array_equal(again.draws_, fitted.draws_)
    other = clone(fitted).set_params(random_state=1).fit(gappy)
    assert not np.array_equal(other.draws_, fitted.draws_)


def test_frames_stay_frames(frame):
    model = TBayesMICE(**QUICK).fit(frame)
    done = model.transform(frame)
    pd.testing.assert_index_equal(done.index, frame.index)
    assert list(done.columns) == ["a", "b", "c"]
    assert list(model.impute(1)[0].columns) == ["a", "b", "c"]
    assert list(model.diagnostics_.index) == ["a", "b", "c"]
    assert list(model.get_feature_names_out()) == ["a", "b", "c"]
    assert model.interval()[0].index.equals(frame.index)


def test_sequences_and_lengths_and_index_levels_agree(gappy):
    parts = [gappy[:60], gappy[60:150]]
    model = TBayesMICE(**QUICK)
    lists = model.fit(parts).transform(parts)
    assert [len(part) for part in lists] == [60, 90]
    table = clone(model).fit(gappy, lengths=[60, 90])
    np.testing.assert_array_equal(table.draws_, model.draws_)
    index = pd.MultiIndex.from_arrays([[0] * 60 + [1] * 90, [*range(60), *range(90)]])
    named = clone(model).fit(pd.DataFrame(gappy, index=index))
    np.testing.assert_array_equal(named.draws_, model.draws_)


def test_rows_out_are_rows_in_where_the_clock_skips(frame):
    holes = frame.drop(frame.index[[20, 50, 51, 52, 53, 54, 55, 56]])
    model = TBayesMICE(**QUICK).fit(holes)
    done = model.transform(holes)
    assert done.index.equals(holes.index)
    assert not done.isna().to_numpy().any()
    assert model.draws_.shape[-1] == int(holes.isna().to_numpy().sum())


@pytest.mark.filterwarnings("ignore:The chains do not agree")
def test_other_rows_are_completed_with_the_fitted_draws(full, gappy):
    model = TBayesMICE(**{**QUICK, "n_draws": 100, "n_tune": 50}).fit(gappy[:100])
    rest = gappy[100:].copy()
    done = model.transform(rest)
    missing = np.isnan(rest)
    np.testing.assert_array_equal(done[~missing], rest[~missing])
    together = clone(model).fit(gappy).transform(gappy)[100:]
    # What a fit to these rows gives differs by what half as many rows more can teach.
    assert np.sqrt(np.mean((done - together)[missing] ** 2)) < 0.3 * full[100:][missing].std()
    np.testing.assert_array_equal(model.transform(rest), done)
    rest[:, 0] = np.nan
    assert np.isfinite(model.transform(rest)).all()
    whole = full[:10]
    np.testing.assert_array_equal(model.transform(whole), whole)


def test_units_of_a_column_do_not_change_its_draws(gappy, fitted):
    scaled = gappy * [1.0, 1000.0, 1e-6] + [0.0, 5.0, 0.0]
    other = TBayesMICE(**QUICK).fit(scaled)
    columns = np.nonzero(np.isnan(gappy))[1]
    for j, (factor, shift) in enumerate([(1.0, 0.0), (1000.0, 5.0), (1e-6, 0.0)]):
        mine = columns == j
        np.testing.assert_allclose(
            other.draws_[..., mine],
            fitted.draws_[..., mine] * factor + shift,
            rtol=1e-4,
            atol=2e-4 * factor,
        )


@pytest.mark.parametrize("sampler", ["mala", "rwm", "gibbs"])
@pytest.mark.parametrize("noise", ["normal", "student_t"])
def test_all_samplers_and_noises_run(gappy, sampler, noise):
    model = TBayesMICE(**{**QUICK, "sampler": sampler, "noise": noise}).fit(gappy)
    assert np.isfinite(model.draws_).all()
    assert (model.diagnostics_["acceptance"] > 0.05).all()


def test_bounds_are_kept(rng):
    y = np.abs(rng.standard_normal((200, 2)))
    y[rng.random(y.shape) < 0.3] = np.nan
    y[50:60, 0] = np.nan
    model = TBayesMICE(**{**QUICK, "bounds": {0: (0.0, None)}, "transforms": None}).fit(y)
    cells = np.nonzero(np.isnan(y))[1]
    assert model.draws_[..., cells == 0].min() >= -1e-6
    assert model.draws_[..., cells == 1].min() < 0


def test_trace_and_history(fitted):
    assert fitted.n_iter_ == 30
    assert fitted.history_.shape == (31,)
    assert fitted.trace_["noise"].shape == (2, 31, 3)
    assert fitted.start_.shape[0] == 2
    assert set(fitted.sampler_summary()) == {"rhat", "ess", "ess_per_second"}
    assert isinstance(fitted.converged_, bool)
    assert fitted.method_ == "fcs"


def test_chains_start_apart_but_the_first_where_the_strategy_says(fitted, gappy):
    np.testing.assert_allclose(fitted.start_[0], interpolate(gappy))
    missing = np.isnan(gappy)
    assert (fitted.start_[0] != fitted.start_[1])[missing].all()
    np.testing.assert_array_equal(fitted.start_[1][~missing], gappy[~missing])


def test_a_list_gives_each_chain_its_start(gappy):
    starts = [interpolate, np.where(np.isnan(gappy), 0.5, gappy)]
    model = TBayesMICE(**{**QUICK, "init": starts}).fit(gappy)
    np.testing.assert_array_equal(model.start_[1], starts[1])


def test_it_can_be_pickled_and_put_into_a_pipeline(fitted, gappy):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.transform(gappy), fitted.transform(gappy))
    steps = make_pipeline(TBayesMICE(**QUICK)).set_output(transform="pandas")
    assert isinstance(steps.fit_transform(gappy), pd.DataFrame)


def test_own_lags_and_no_lags(gappy):
    for change in (
        {"lag_features": "own"},
        {"lags": 0},
        {"lags": 2, "period": 12},
        {"period": [6, 12.5]},
    ):
        assert np.isfinite(TBayesMICE(**{**QUICK, **change}).fit(gappy).draws_).all()


def test_a_season_is_found_by_the_clock(rng):
    hours = np.arange(400)
    wave = np.sin(2 * np.pi * hours / 24)
    y = np.column_stack([wave, rng.standard_normal(400)]) + 0.1 * rng.standard_normal((400, 2))
    y[100:130] = np.nan
    table = pd.DataFrame(y, index=pd.date_range("2024-01-01 05:00", periods=400, freq="h"))
    done = TBayesMICE(**QUICK).fit(table).transform(table).to_numpy()
    assert np.abs(done[100:130, 0] - wave[100:130]).max() < 0.5


def test_the_joint_engine_does_the_same_things(frame, full):
    model = TBayesMICE(**{**QUICK, "method": "var"}).fit(frame[:100])
    assert model.method_ == "var"
    observed = frame[:100].notna().to_numpy()
    for table in [model.transform(frame[:100]), *model.interval(), *model.impute(2)]:
        np.testing.assert_array_equal(table.to_numpy()[observed], frame[:100].to_numpy()[observed])
    assert np.isfinite(model.transform(frame[100:]).to_numpy()).all()
    assert list(model.diagnostics_["acceptance"]) == [1.0] * 3


def test_auto_takes_the_joint_engine_where_whole_rows_are_out(gappy):
    outage = gappy.copy()
    outage[60:70] = np.nan
    assert TBayesMICE(**{**QUICK, "method": "auto"}).fit(outage).method_ == "var"
    assert (by_gaps(problem(outage)), by_gaps(problem(gappy))) == ("var", "fcs")
    assert (
        TBayesMICE(**{**QUICK, "method": "auto", "noise": "student_t"}).fit(outage).method_ == "fcs"
    )


def test_arviz_gets_all_that_was_drawn(fitted):
    tree = fitted.to_datatree()
    assert tree["posterior"]["cell"].shape == fitted.draws_.shape
    assert tree["posterior"]["noise"].shape == (2, 20, 3)
    assert tree["warmup_posterior"]["imputed_mean"].shape == (2, 10, 3)
    assert "posterior" in (
        groups() if callable(groups := fitted.to_arviz().groups) else str(groups)
    )


def test_a_summary_names_cells_by_column_and_time_and_warns_of_nothing(gappy):
    arviz = pytest.importorskip("arviz")
    days = pd.date_range("2024-01-01", periods=len(gappy))
    full = gappy.copy()
    full[:, 2] = np.arange(len(gappy)) % 7
    table = pd.DataFrame(full, columns=["NO", "O3", "day"], index=days)
    model = TBayesMICE(**QUICK).fit(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        summary = arviz.summary(model.to_arviz())
    gaps = [f"cell[{table.columns[j]}, {days[t]:%Y-%m-%d}]" for t, j in np.argwhere(np.isnan(full))]
    assert list(summary.index[: len(gaps)]) == gaps
    assert "imputed_mean[day]" not in summary.index
    assert "noise[day]" in summary.index
    several = TBayesMICE(**QUICK).fit(pd.concat({"ward": table[:60], "home": table[60:]}))
    assert several.posterior_.cell_names()[0].startswith(("NO, ward, 2024-", "O3, ward, 2024-"))
    t, j = several.posterior_.cells[-1]
    assert several.posterior_.cell_names()[-1] == f"{table.columns[j]}, home, {days[t]:%Y-%m-%d}"


def test_draws_that_would_fill_the_memory_are_thinned(gappy, fitted, monkeypatch):

    monkeypatch.setattr(posterior, "_MAX_BYTES", 4.0 * 2 * 20 * np.isnan(gappy).sum() / 2.5)
    model = clone(fitted).set_params(n_imputations=5).fit(gappy)
    np.testing.assert_array_equal(model.draws_, fitted.draws_[:, ::3])
    assert len(model.impute(14)) == 14
    assert model.to_datatree()["posterior"]["noise"].shape == (2, 7, 3)
