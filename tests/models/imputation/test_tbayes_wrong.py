"""What an imputer cannot use is refused in one sentence; what it can is handled as one would expect."""

import warnings

import numpy as np
import pandas as pd
import pytest
from reference.fcs import interpolate
from sklearn.exceptions import ConvergenceWarning

from tsinit import compare
from tsinit._validate.imputing_warnings import ManyZeros, warn_reflected
from tsinit.init import Perturb
from tsinit.models.imputation.chained_equations import DivergenceError, FCSChain
from tsinit.models.imputation.model import TBayesMICE

QUICK = {"init": interpolate, "n_tune": 5, "n_draws": 10, "n_chains": 2, "random_state": 0}


@pytest.fixture
def gappy(rng):
    y = np.cumsum(rng.standard_normal((60, 3)), axis=0)
    y[rng.random(y.shape) < 0.2] = np.nan
    y[0] = 1.0
    return y


def fit(y, **change):
    return TBayesMICE(**{**QUICK, **change}).fit(y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "vra"}, "method must be one of"),
        ({"sampler": "nuts"}, "sampler must be one of"),
        ({"noise": "cauchy"}, "noise must be one of"),
        ({"noise": "student_t", "method": "var"}, "noise must be 'normal' where method='var'"),
        ({"lags": -1}, "lags must be a whole number"),
        ({"lag_features": "target"}, "lag_features must be one of"),
        (
            {"period": "daily"},
            "period must be 'auto', None, a number of steps or several of these; got 'daily'",
        ),
        ({"period": 1}, "period must be a number of at least 2"),
        ({"transforms": "box-cox"}, "transforms must be one of"),
        ({"transforms": {"z": "log"}}, "transforms must name columns of X"),
        ({"transforms": "log"}, "must act on values that are positive"),
        ({"n_imputations": 0}, "n_imputations must be a whole number"),
        ({"n_draws": 0}, "n_draws must be a whole number"),
        ({"n_chains": 0}, "n_chains must be a whole number"),
        ({"n_jobs": 0}, "n_jobs must be a whole number other than 0"),
        ({"prior_scale": 0}, "prior_scale must be a number"),
        ({"prior_scale": "wide"}, "prior_scale must be 'auto' or a number from 1e-6 to 1e12"),
        ({"bounds": {5: (0, 1)}}, "bounds must name columns"),
        ({"bounds": {0: 3}}, "must be a pair"),
        (
            {"bounds": {0: ("low", 1)}},
            "bounds of column 0 must be numbers, or None for no bound; got 'low'",
        ),
        ({"bounds": {0: (2, 1)}}, "a lower and a higher one"),
        ({"bounds": {0: (10, None)}}, "must hold its observed values"),
        ({"init": "liner"}, "Did you mean 'linear'"),
        (
            {"init": np.zeros((3, 3))},
            r"init must give a table of shape \(60, 3\), that of X; got \(3, 3\) from",
        ),
        (
            {"init": lambda y: np.full(y.shape, "low")},
            "must give a table of numbers; got ndarray of other things",
        ),
        (
            {"init": Perturb(lambda y: np.full(y.shape, "low"))},
            "inner must fill a table of numbers; got ndarray",
        ),
        ({"init": lambda y: y}, "must fill every missing cell"),
        ({"init": [interpolate]}, "one start for each of the 2 chains"),
    ],
)
def test_parameters(gappy, change, message):
    with pytest.raises(ValueError, match=message):
        fit(gappy, **change)


def test_a_column_without_a_value_is_refused(gappy):
    gappy[:, 1] = np.nan
    with pytest.raises(ValueError, match="none in column 1"):
        fit(gappy)


def test_text_and_infinities_are_refused(gappy):
    frame = pd.DataFrame(gappy, columns=list("abc"))
    with pytest.raises(TypeError, match="must hold numbers"):
        fit(frame.assign(c="warm"))
    with pytest.raises(TypeError, match="must hold numbers"):
        fit(frame.assign(c=[f"note {i}" for i in range(60)]))
    gappy[3, 1] = np.inf
    with pytest.raises(ValueError, match="must be finite"):
        fit(gappy)


def test_times_out_of_order_or_twice_are_refused(gappy):
    times = pd.date_range("2024-01-01", periods=60, freq="D")
    with pytest.raises(ValueError, match="sorted by time"):
        fit(pd.DataFrame(gappy, index=times[::-1]))
    with pytest.raises(ValueError, match="must not repeat a time"):
        fit(pd.DataFrame(gappy, index=[*times[:-1], times[0]]))


def test_an_irregular_clock_warns_and_rows_are_steps(gappy, rng):
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.cumsum(rng.random(60) + 0.01), unit="h")
    with pytest.warns(UserWarning, match="not multiples of one step"):
        fit(pd.DataFrame(gappy, index=times))


def test_a_constant_column_is_filled_by_its_value_and_predicts_nothing(gappy):
    gappy[:, 1] = np.where(np.isnan(gappy[:, 1]), np.nan, 7.0)
    with pytest.warns(
        UserWarning, match=r"Column 1 of X holds one value only, 7, in \d+ of \d+ rows"
    ):
        model = fit(gappy)
    assert (model.transform(gappy)[:, 1] == 7.0).all()
    assert all((table[:, 1] == 7.0).all() for table in model.impute(2))
    assert list(model.diagnostics_.index) == [0, 1, 2]
    assert np.isnan(model.diagnostics_.loc[1, "rhat"])


def test_nothing_but_constants(gappy):
    y = np.where(np.isnan(gappy), np.nan, 2.0)
    with pytest.warns(UserWarning, match="one value only") as told:
        model = fit(y, n_draws=200)
    assert not any("of the draws" in str(one.message) for one in told)
    assert (model.transform(y) == 2.0).all()


def test_nothing_missing_is_nothing_to_do(gappy):
    whole = interpolate(gappy)
    model = fit(whole)
    np.testing.assert_array_equal(model.transform(whole), whole)
    np.testing.assert_array_equal(model.impute(2)[1], whole)
    assert model.draws_.shape == (2, 10, 0)
    assert model.converged_ in (True, False)
    assert np.isfinite(model.transform(gappy)).all()


def test_rows_without_any_value_and_ends(gappy):
    gappy[20:24] = np.nan
    gappy[0] = gappy[-1] = np.nan
    assert np.isfinite(fit(gappy).transform(gappy)).all()


def test_fewer_rows_than_predictors(rng):
    y = rng.standard_normal((12, 15))
    y[rng.random(y.shape) < 0.2] = np.nan
    assert np.isfinite(fit(y, n_draws=30).transform(y)).all()


def test_columns_that_repeat_each_other(gappy):
    y = np.column_stack([gappy, 2.0 * gappy[:, 0] + 1.0])
    y[10, 0], y[10, 3] = 0.5, np.nan
    model = fit(y, n_tune=50, n_draws=90)
    assert abs(model.transform(y)[10, 3] - 2.0) < 1.0


def test_columns_that_add_up(gappy):
    y = np.column_stack([gappy, gappy.sum(axis=1)])
    y[30:33] = np.nan
    model = fit(y, n_tune=50, n_draws=90)
    done = model.transform(y)
    assert np.abs(done[:, :3].sum(axis=1) - done[:, 3]).max() < 2.0


def test_three_rows(rng):
    y = np.array([[1.0, 2.0], [2.0, np.nan], [1.5, 3.0]])
    assert np.isfinite(fit(y).transform(y)).all()


def test_groups_of_one_row(rng):
    y = rng.standard_normal((40, 2))
    y[rng.random(y.shape) < 0.3] = np.nan
    y[0] = 0.0
    lengths = [1] * 20 + [5] * 4
    assert np.isfinite(
        TBayesMICE(**QUICK).fit(y, lengths=lengths).transform(y, lengths=lengths)
    ).all()


def test_whole_numbers_and_flags_are_numbers(rng):
    frame = pd.DataFrame({"n": rng.integers(0, 9, 60).astype(float), "yes": rng.random(60) < 0.5})
    frame["x"] = rng.standard_normal(60)
    frame.loc[[4, 9], ["n", "x"]] = np.nan
    model = fit(frame)
    done = model.transform(frame)
    assert np.isfinite(done.to_numpy(dtype=float)).all()
    assert (model.impute(3)[1].loc[[4, 9], "n"] % 1 != 0).any()
    for rounded in ("auto", ["n"]):
        for table in model.impute(3, rounded=rounded):
            assert (table["n"] % 1 == 0).all()
            assert (table.loc[[4, 9], "x"] % 1 != 0).all()
    with pytest.raises(
        ValueError, match=r"rounded must be 'auto', a list of column names or None; got 'n'\."
    ):
        model.impute(1, rounded="n")
    with pytest.raises(ValueError, match="rounded must name columns of X"):
        model.impute(1, rounded=["m"])


def test_cells_stay_what_they_were_whatever_is_asked_of_them(rng):
    y = np.round(rng.standard_normal((60, 2)) * 1e6) / 3.0
    y[5:9] = np.nan
    observed = ~np.isnan(y)
    for change in (
        {"bounds": (-1e7, 1e7)},
        {"transforms": "yeo-johnson"},
        {"lags": 3},
        {"noise": "student_t"},
    ):
        model = fit(y, **change)
        for table in (model.transform(y), *model.impute(2, rounded=[0, 1])):
            np.testing.assert_array_equal(table[observed], y[observed])


def test_more_imputations_than_draws_are_refused(gappy):
    model = fit(gappy)
    with pytest.raises(ValueError, match="at most the 20 draws"):
        model.impute(21)
    with pytest.raises(ValueError, match="level must be a number above 0 and below 1"):
        model.interval(1.0)


def test_chains_that_run_away_say_where_and_what_to_try(gappy, monkeypatch):
    def run_away(self, log_density):
        note(self, log_density)
        self.imputed_sd = np.array([1.0, 9.0, 1.0])

    note = FCSChain._note
    monkeypatch.setattr(FCSChain, "_note", run_away)
    frame = pd.DataFrame(gappy, columns=["CO", "NOx", "T"])
    with pytest.raises(
        DivergenceError, match=r"column 'NOx' must stay within the spread.*Try fewer lags"
    ):
        fit(frame, n_draws=60)


@pytest.mark.filterwarnings("ignore:.*went far outside")
def test_chains_that_disagree_are_warned_of(rng):
    x = np.cumsum(rng.standard_normal(200))
    y = np.column_stack([x, x + 1e-3 * rng.standard_normal(200)])
    y[50:120] = np.nan
    model = TBayesMICE(**{**QUICK, "noise": "student_t", "n_tune": 0, "n_draws": 100})
    with pytest.warns(
        ConvergenceWarning, match=r"do not agree yet: R-hat is .* for the .*Use a la"
    ) as told:
        model.fit(y)
    assert not model.converged_
    assert sum(one.category is ConvergenceWarning for one in told) == 1
    # Warnings are errors here: the status column of a comparison says it instead.
    compare(model.set_params(init="linear"), y, ["linear", "mean"], n_seeds=1, progress=False)


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        (
            [0.0, 0.5, np.nan, 2.25],
            r"exactly 0 in 33% .* try kinds=\{'rain': 'semicontinuous'\}\.$",
        ),
        ([0.0, 1.0, np.nan, 2.0], r"try kinds=\{'rain': 'count'\}\.$"),
        ([-1.0, 0.0, np.nan, 2.5], "Try fewer lags, method='var' or a transform of that column"),
        ([0.5, 1.5, np.nan, 2.5], "Try fewer lags, method='var' or a transform of that column"),
    ],
)
def test_draws_far_outside_are_warned_of_with_the_kind_that_suits(column, advice):
    zeros = ManyZeros.of(np.array(column))
    with pytest.warns(UserWarning, match=rf"2\.0% of the draws of column 'rain' .*{advice}"):
        warn_reflected(0.02, "rain", (3, 100), zeros)


def test_a_fit_names_the_kind_of_a_column_like_rain(rng):
    z = np.zeros(150)
    for t in range(1, 150):
        z[t] = 0.8 * z[t - 1] + rng.standard_normal()
    rain = np.maximum(0.0, z) ** 2
    frame = pd.DataFrame({"rain": rain, "sun": z + 0.1 * rng.standard_normal(150)})
    frame.loc[20:60, "rain"] = np.nan
    options = {**QUICK, "n_tune": 20, "n_draws": 100}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = TBayesMICE(**options).fit(frame)
    said = [str(one.message) for one in told if "far outside" in str(one.message)]
    assert model.diagnostics_.loc["rain", "guarded"] > 0.01
    assert len(said) == 1
    assert said[0].endswith("try kinds={'rain': 'semicontinuous'}.")


@pytest.mark.filterwarnings("ignore:The chains do not agree", "ignore:.*went far outside")
def test_more_columns_than_rows_says_what_to_do(rng):
    """One factor: a wide prior is no good for 53 coefficients and 15 rows, and what the warning names is better."""
    truth = rng.standard_normal((15, 1)) + 0.3 * rng.standard_normal((15, 53))
    hidden = rng.random(truth.shape) < 0.1
    y = np.where(hidden, np.nan, truth)
    with pytest.warns(
        UserWarning, match="53 coefficients for 15 rows: try prior_scale='auto', method='var'"
    ):
        TBayesMICE(prior_scale=5.0, n_chains=2, n_draws=100, random_state=0).fit(y)
    column = np.where(hidden, np.nanmean(y, axis=0), truth)
    for change in ({"prior_scale": "auto"}, {"prior_scale": 0.01}, {"method": "var"}):
        done = TBayesMICE(n_chains=2, n_draws=100, random_state=0, **change).fit(y).transform(y)
        assert np.mean((done - truth)[hidden] ** 2) < 0.5 * np.mean((column - truth)[hidden] ** 2)


def test_a_fit_that_fails_leaves_nothing_behind(gappy):
    model = fit(gappy)
    with pytest.raises(ValueError, match="sampler"):
        model.set_params(sampler="nuts").fit(gappy)
    assert not hasattr(model, "trace_")
