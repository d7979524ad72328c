"""Whatever goes wrong in a run becomes a row, and nothing else is lost."""

import contextlib
import threading
import warnings

import numpy as np
import pytest
from comparison.fake_model import Hills
from joblib import parallel_config

from tsinit.comparison import compare

X = np.zeros((40, 2))


class Interrupted(Hills):
    def _start(self, X, rng):
        raise KeyboardInterrupt


class Collapsing(Hills):
    """Loses its objective on the way."""

    def fit_under(self, monitor, X, lengths=None):
        super().fit_under(monitor, X, lengths=lengths)
        monitor.record(-np.inf)
        return self


class Slipping(Hills):
    """Loses a little of its objective in the last step."""

    def fit_under(self, monitor, X, lengths=None):
        super().fit_under(monitor, X, lengths=lengths)
        monitor.record(monitor.objectives[-1] - 0.01)
        return self


def _fails_at_random(y, rng):
    x = rng.uniform(-1.5, 1.5)
    if x > 0.5:
        raise RuntimeError("no start today")
    return x


def test_each_failure_is_a_row_with_its_kind_and_the_others_are_whole():
    strategies = {
        "wide": "wide",
        "nan": "nan",
        "singular": "singular",
        "typo": "wyde",
        "moody": _fails_at_random,
    }
    with pytest.warns(UserWarning, match="of 50 runs failed: 10 x ") as caught:
        result = compare(Hills(), X, strategies, n_seeds=10, progress=False)
    assert len(caught) == 1
    text = str(caught[0].message)
    for part in (
        "10 x NonFiniteObjective",
        "10 x LinAlgError: Singular matrix",
        "10 x ValueError: init must be known",
        "x RuntimeError: no start today",
    ):
        assert part in text
    status = result.runs.groupby("strategy")["status"].agg(set)
    assert status["wide"] == {"ok"}
    assert status["nan"] == {"diverged"}
    assert status["singular"] == status["typo"] == {"error"}
    assert status["moody"] == {"ok", "error"}
    assert len(result.runs) == 50
    ok = result.runs["status"] == "ok"
    assert (result.runs.loc[ok, ["error_type", "error_message"]] == "").all(axis=None)
    assert len(result.errors) == (~ok).sum()
    tail = result.errors.set_index("strategy").loc["singular", "traceback"].iloc[0]
    assert "fake_model.py" in tail
    assert tail.endswith("LinAlgError: Singular matrix")


def test_failed_runs_count_against_the_hit_rate_and_leave_other_numbers_alone():
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(
            Hills(), X, {"wide": "wide", "moody": _fails_at_random}, n_seeds=10, progress=False
        )
    moody = result.summary().set_index("strategy").loc["moody"]
    assert moody["n_runs"] == 10
    assert moody["n_failed"] > 0
    assert moody["hit_rate"] == moody["hits"] / 10
    assert np.isfinite(moody["median"])


def test_when_all_fail_the_table_comes_back_with_a_warning():
    with pytest.warns(UserWarning, match="all 6 runs failed: 6 x LinAlgError: Singular matrix"):
        result = compare(Hills(), X, ["singular"], n_seeds=6, progress=False)
    assert len(result.runs) == 6
    assert result.runs["objective_final"].isna().all()
    assert result.traces.empty
    assert result.summary()["n_failed"].tolist() == [6]
    assert "no run could be fitted" in result.verdict()


def test_a_report_says_nothing_of_objectives_that_no_run_has(tmp_path):
    with pytest.warns(UserWarning, match="all 4 runs failed"):
        result = compare(Hills(), X, ["singular", "typo"], n_seeds=2, progress=False)
    page = result.report(tmp_path / "report.html").read_text()
    assert "no run could be fitted" in page
    assert "come to the same objective" not in page
    assert "<p>No run could be fitted.</p>" in page
    assert "The final objective of each run" not in page


def test_a_lost_objective_is_diverged_and_its_trace_is_kept():
    with pytest.warns(UserWarning, match="NonFiniteObjective: the objective became -inf"):
        result = compare(Collapsing(), X, ["wide"], n_seeds=2, progress=False)
    assert set(result.runs["status"]) == {"diverged"}
    assert result.runs["gap"].isna().all()
    assert np.isneginf(result.traces.groupby("run_id")["objective"].last()).all()


def test_a_step_that_loses_objective_is_flagged():
    result = compare(
        {"slips": Slipping(), "climbs": Hills()}, X, ["wide"], n_seeds=2, progress=False
    )
    monotone = result.runs.groupby("model")["monotone"].agg(set)
    assert monotone["slips"] == {False}
    assert monotone["climbs"] == {True}


def test_a_score_that_fails_leaves_the_fit_and_the_other_scores_as_they_are(tmp_path):
    def broken(estimator, X):
        raise ZeroDivisionError("score")

    scores = {"broken": broken, "whole": lambda estimator, X: 1.0}
    with pytest.warns(UserWarning, match="all 2 runs lack a score: 2 x ZeroDivisionError: score"):
        result = compare(Hills(), X, ["wide"], n_seeds=2, score=scores, progress=False)
    runs = result.runs
    assert set(runs["status"]) == {"ok"}
    assert runs["gap"].notna().all()
    assert runs["score_broken"].isna().all()
    assert (runs["score_whole"] == 1.0).all()
    assert set(runs["error_message"]) == {"score"}
    assert result.errors["traceback"].str.endswith("ZeroDivisionError: score").all()
    assert result.summary()["n_failed"].tolist() == [0]
    assert "A score could not be computed: wide in 2 of 2 runs." in result.verdict()
    assert "Runs that failed or lack a score" in result.report(tmp_path / "r.html").read_text()


class Breaking(Hills):
    """Stops with an error on the way wherever it is above the lower hill."""

    def fit_under(self, monitor, X, lengths=None):
        super().fit_under(monitor, X, lengths=lengths)
        if monitor.objectives[-1] > 1000.0:
            raise RuntimeError("broke off")
        return self


def test_a_run_that_breaks_off_is_no_end_to_measure_by():
    with pytest.warns(UserWarning, match="RuntimeError: broke off"):
        result = compare(Breaking(), X, ["wide"], n_seeds=10, progress=False)
    failed = result.runs["status"] == "error"
    assert 0 < failed.sum() < 10
    assert np.isfinite(result.runs.loc[failed, "objective_final"]).all()
    assert result.runs.loc[failed, ["gap", "optimum"]].isna().all(axis=None)
    assert result.runs.loc[~failed, "gap"].min() == 0.0
    hits = int(result.summary()["hits"].iloc[0])
    assert f"reached by wide in {hits} of 10 runs" in result.verdict()


class _Own(UserWarning):
    __qualname__ = "ConvergenceWarning"


_Own.__name__ = "ConvergenceWarning"  # as every library has one of its own


@pytest.mark.parametrize("library", ["sklearn.exceptions", "statsmodels.tools.sm_exceptions", None])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_convergence_warnings_of_any_library_are_left_to_the_status_column(library, n_jobs):
    kind = _Own if library is None else pytest.importorskip(library).ConvergenceWarning

    class Talkative(Hills):
        def _start(self, X, rng):
            with warnings.catch_warnings():  # as models do that know what else to expect
                warnings.simplefilter("ignore", DeprecationWarning)
                warnings.warn("not there yet", kind, stacklevel=2)
            return super()._start(X, rng)

    with (
        parallel_config(backend="threading") if n_jobs else contextlib.nullcontext(),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        result = compare(Talkative(), X, ["wide"], n_seeds=4, n_jobs=n_jobs, progress=False)
    assert set(result.runs["status"]) == {"ok"}
    assert [str(warning.message) for warning in caught] == []


def test_other_warnings_made_errors_are_rows():
    class Grumbling(Hills):
        def _start(self, X, rng):
            warnings.warn("careful", RuntimeWarning, stacklevel=2)
            return super()._start(X, rng)

    def strictly():
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return compare(Grumbling(), X, ["wide"], n_seeds=2, progress=False)

    with pytest.warns(UserWarning, match="RuntimeWarning: careful"):
        result = strictly()
    assert set(result.runs["error_type"]) == {"RuntimeWarning"}


def test_ctrl_c_goes_through():
    with pytest.raises(KeyboardInterrupt):
        compare(Interrupted(), X, ["wide"], n_seeds=2, progress=False)


def _held_open():
    held = (i for i in range(3))
    return lambda y, rng: np.zeros(1) * next(held)


def _score_with_a_lock():
    lock = threading.Lock()
    return lambda model, X: float(lock.locked())


class _Asked:
    def __reduce__(self):
        raise RuntimeError("not today.")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"strategies": {"mine": _held_open()}}, r"strategies 'mine' must .*generator"),
        ({"strategies": {"mine": threading.Lock().acquire}}, r"strategies 'mine' must .*lock"),
        ({"model": Hills(max_iter=_Asked())}, r"model 'Hills' must .*not today\. Use"),
        ({"score": {"s": _score_with_a_lock()}}, r"score must .*lock"),
    ],
)
def test_what_no_process_can_be_sent_is_named_before_anything_runs(arguments, named, tmp_path):
    arguments = {"model": Hills(), "strategies": ["wide"]} | arguments
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match=f"(?s)^{named}.*n_jobs=1\\.$"):
            compare(data=X, n_seeds=1, n_jobs=2, progress=False, store=tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def _exits(y, rng):
    raise SystemExit(3)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_code_that_exits_ends_its_run_and_not_the_comparison(n_jobs):
    with pytest.warns(UserWarning, match="2 of 4 runs failed: 2 x SystemExit: 3"):
        result = compare(
            Hills(), X, {"script": _exits, "wide": "wide"}, n_seeds=2, n_jobs=n_jobs, progress=False
        )
    assert list(result.runs["status"]) == ["error", "error", "ok", "ok"]


def test_a_score_that_exits_leaves_the_fit():
    def score(model, X, rng=None):
        raise SystemExit("no score today")

    with pytest.warns(UserWarning, match="no score today"):
        result = compare(Hills(), X, "wide", n_seeds=1, score={"own": score}, progress=False)
    assert np.isfinite(result.runs["objective_final"]).all()
