"""The engine of `method="auto"`: cells hidden as the gaps are, and the engine that fills them best."""

import numpy as np
import pytest
from models.imputation.var_problems import problem

from tsinit import TBayesMICE
from tsinit.models.imputation import engines, method_trial
from tsinit.models.imputation.chained_equations import DivergenceError
from tsinit.models.imputation.method_trial import another_engine, hide_like_gaps, pooled_rhat

SHORT = {"n_tune": 30, "n_draws": 70, "n_chains": 2, "random_state": 0, "transforms": None}
A = np.array([[0.9, 0.1, 0.0], [-0.1, 0.9, 0.0], [0.0, 0.2, 0.7]])


@pytest.fixture(scope="module")
def whole():
    rng = np.random.default_rng(3)
    y, x = np.empty((400, 3)), np.zeros(3)
    for t in range(len(y)):
        y[t] = x = A @ x + 0.4 * rng.standard_normal(3)
    return y


def blackouts(y, length=12, n=6):
    out = y.copy()
    for first in np.linspace(10, len(y) - length - 10, n).astype(int):
        out[first : first + length] = np.nan
    return out


def points(y, share=0.15):
    return np.where(np.random.default_rng(1).random(y.shape) < share, np.nan, y)


@pytest.mark.parametrize("gaps", [blackouts, points])
@pytest.mark.parametrize("seed", range(5))
def test_cells_are_hidden_as_the_gaps_are(whole, gaps, seed):
    table = problem(gaps(whole))
    hidden = hide_like_gaps(table, np.random.default_rng(seed))
    missing, counts = table.missing, hidden.sum(axis=0)
    assert not (hidden & missing).any()
    assert (counts >= 0.25 * missing.sum(axis=0)).all()
    assert (counts <= 0.2 * (~missing).sum(axis=0)).all()
    if (
        gaps is blackouts
    ):  # whole rows, in runs as long as the gaps are: those that meet a gap make it longer
        np.testing.assert_array_equal(hidden.any(axis=1), hidden.all(axis=1))
        ends = np.flatnonzero(np.diff(np.r_[0, (hidden | missing)[:, 0], 0])).reshape(-1, 2)
        runs = np.array([b - a for a, b in ends if hidden[a:b].any()])
        assert np.median(runs) >= 12


def test_little_of_a_table_with_many_gaps_is_hidden(whole):
    table = problem(points(whole, 0.9))
    hidden = hide_like_gaps(table, np.random.default_rng(0))
    left = (~table.missing).sum(axis=0)
    assert (hidden.sum(axis=0) <= 0.2 * left).all()
    assert hidden.any()


def test_censored_cells_are_not_hidden(whole):
    from tsinit.models.imputation.censored import CensoredCells

    rows = np.arange(0, 400, 2)
    nothing = np.zeros_like(rows)
    cells = CensoredCells.of(rows, nothing, nothing - np.inf, nothing + 0.0)
    table = problem(points(whole))._replace(censored=cells)
    hidden = hide_like_gaps(table, np.random.default_rng(0))
    assert not hidden[rows, 0].any()
    assert hidden[1::2, 0].any()


@pytest.mark.parametrize("gaps", [blackouts, points])
def test_the_choice_is_nearly_as_good_as_the_best_engine(whole, gaps):
    table = gaps(whole)
    gone = np.isnan(table)
    auto = TBayesMICE(method="auto", **SHORT).fit(table)
    expected = auto.method_table_
    assert list(expected.columns) == ["mae", "rmse", "crps", "coverage", "rhat", "chosen"]
    assert list(expected.index[expected["chosen"]]) == [auto.method_]
    errors = {}
    for name in expected.index:
        model = TBayesMICE(method=name, **SHORT).fit(table)
        errors[name] = np.abs(model.transform(table) - whole)[gone].mean()
        if name == auto.method_:  # a choice changes nothing but the engine
            np.testing.assert_array_equal(auto.draws_, model.draws_)
    assert errors[auto.method_] <= 1.1 * min(errors.values())
    # What was expected, in the units of the data: gaps differ, but not by much.
    told = expected.loc[auto.method_, "mae"] * np.nanstd(table)
    assert 0.6 < told / errors[auto.method_] < 1.6


def test_equal_seeds_choose_alike_and_say_the_same(whole):
    table = points(whole)
    one, other = (TBayesMICE(method="auto", **SHORT).fit(table) for _ in range(2))
    assert one.method_table_.equals(other.method_table_)
    third = TBayesMICE(method="auto", **{**SHORT, "random_state": 1}).fit(table)
    assert not one.method_table_.equals(third.method_table_)


def test_an_engine_that_fails_is_not_chosen(whole, monkeypatch):
    class Failing(engines.ChainedEquationsEngine):
        def chain(self, start, rng, n_tune):
            raise DivergenceError(0, 9.0)

    monkeypatch.setitem(method_trial.ENGINES, "fcs", Failing)
    model = TBayesMICE(method="auto", **SHORT).fit(points(whole))
    assert model.method_ != "fcs"
    assert model.method_table_.loc["fcs", ["mae", "crps", "coverage", "rhat"]].isna().all()


@pytest.mark.parametrize("options", [{"noise": "student_t"}, {"n_gaps": 3}, {"n_gaps": 0}])
def test_where_there_is_no_choice_there_is_no_trial(whole, options):
    table = whole.copy()
    table[:, 0] += np.arange(len(table)) * 0.01
    n_gaps = options.pop("n_gaps", 200)
    table[: 2 * n_gaps : 2, 1] = np.nan
    model = TBayesMICE(method="auto", **SHORT, **options).fit(table)
    assert model.method_ == "fcs"
    assert not hasattr(model, "method_table_")


def test_a_refit_forgets_the_trial(whole):
    model = TBayesMICE(method="auto", **SHORT).fit(points(whole))
    assert hasattr(model, "method_table_")
    model.set_params(method="fcs").fit(points(whole))
    assert not hasattr(model, "method_table_")


def test_chained_equations_of_hundreds_of_columns_are_not_tried():
    rng = np.random.default_rng(0)
    factors = np.cumsum(rng.standard_normal((60, 2)), axis=0) @ rng.standard_normal((2, 300))
    wide = points(factors + 0.1 * rng.standard_normal(factors.shape))
    model = TBayesMICE(method="auto", n_tune=2, n_draws=4, n_chains=1, random_state=0).fit(wide)
    assert model.method_ == "state_space"
    # Regressions with hundreds of thousands of coefficients: neither joint nor chained, there was nothing to choose.
    assert not hasattr(model, "method_table_")
    narrow = problem(wide[:, :50])
    assert engines.suitable("fcs", narrow)
    assert not engines.suitable("fcs", problem(wide))
    assert engines.suitable("fcs", problem(wide)._replace(lags=0))
    assert engines.suitable("fcs", problem(wide)._replace(match=5))


def test_rhat_over_cells_tells_draws_that_mix_from_a_chain_that_drifts():
    rng = np.random.default_rng(0)
    free = rng.standard_normal((12, 100))
    # Within has 2 (n - 1) degrees of freedom for each cell, between one: the ratio's error is some 15 %, R-hat's 1 %.
    assert pooled_rhat(free) == pytest.approx(1.0, abs=0.05)
    slow = np.cumsum(rng.standard_normal((12, 100)), axis=0)
    assert pooled_rhat(slow) > 1.3
    scale = np.geomspace(0.1, 10.0, 100)
    one_cell = [pooled_rhat(free[:, [j]] * scale[j]) for j in range(100)]
    assert np.ptp(one_cell) > 0.5
    assert pooled_rhat(np.full((12, 3), 0.1)) == np.inf
    assert pooled_rhat(np.repeat([[0.0], [1.0]], 6, axis=0)) == np.inf


class Stuck(engines.ChainedEquationsEngine):
    """Chained equations whose chain moves in every third sweep only."""

    def chain(self, start, rng, n_tune):
        return StuckChain(super().chain(start, rng, n_tune))


class StuckChain:
    def __init__(self, chain):
        self._chain, self._sweeps = chain, 0

    def __getattr__(self, name):
        return getattr(self._chain, name)

    def sweep(self):
        if self._sweeps % 3 == 0:
            self._chain.sweep()
        self._sweeps += 1


def test_an_engine_that_does_not_mix_is_left_for_one_that_does(whole, monkeypatch):
    table = points(whole)
    free = TBayesMICE(method="auto", **SHORT).fit(table).method_table_
    monkeypatch.setitem(method_trial.ENGINES, "fcs", Stuck)
    monkeypatch.setitem(engines.ENGINES, "fcs", Stuck)
    model = TBayesMICE(method="auto", **SHORT).fit(table)
    seen = model.method_table_
    assert free.loc["fcs", "rhat"] < 1.1
    assert seen.loc["fcs", "rhat"] > 1.15
    assert model.method_ != "fcs"
    assert (seen.drop("fcs") == free.drop("fcs")).drop(columns="chosen").all(axis=None)


def test_where_chains_do_not_agree_another_engine_is_named(whole, monkeypatch):
    given = problem(points(whole))
    assert another_engine("fcs", given, None) == "var"
    assert another_engine("var", given, None) == "state_space"
    assert another_engine("var", given._replace(noise="student_t"), None) == "fcs"
    assert another_engine("fcs", given._replace(noise="student_t"), None) is None
    options = {**SHORT, "n_draws": 100, "n_tune": 0}
    seen = TBayesMICE(method="auto", **options).fit(points(whole)).method_table_
    left = seen.drop(index=seen.index[seen["chosen"]])
    monkeypatch.setattr("tsinit.models.imputation.model.CONVERGED_RHAT", 0.5)
    with pytest.warns(match=f"or method='{left['crps'].idxmin()}'; diagnostics_"):
        TBayesMICE(method="auto", **options).fit(points(whole))
