"""What a report shows of the best fits."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills, Walker

from tsinit.comparison import compare
from tsinit.comparison.analysis.tables import cells_of
from tsinit.comparison.report import fits

X = pd.DataFrame(np.arange(24.0).reshape(12, 2), columns=["a", "b"])


def _starts(y, rng):
    return rng.random(len(y))


def test_regimes_are_drawn_for_whatever_has_labels_and_probabilities():
    labels = np.repeat([0, 1], 6)
    model = SimpleNamespace(labels_=labels, probabilities_=np.eye(2)[labels])
    key, drawn = fits.pictures(model, X, fits.Shown("data", 1, 100))
    assert "state 1" in key
    assert "data, a, with its regimes" in drawn[0]
    assert "data: how probable each regime is" in drawn[1]
    assert len(drawn) == 2  # of one column, and of the probabilities


def test_models_of_other_kinds_have_no_pictures():
    assert fits.pictures(SimpleNamespace(params_=1), X, fits.Shown("", 1, 100)) == ("", [])


def test_the_best_run_is_the_highest_and_of_samplers_the_one_whose_chains_agree_best():
    climbs = compare(Hills(), X, ["wide", "right"], n_seeds=4, progress=False)
    ((_, _, cell),) = cells_of(climbs.runs)
    assert fits.best_run(cell)["objective_final"] == climbs.runs["objective_final"].max()
    walks = compare(Walker(), X, {"a": _starts}, n_seeds=3, progress=False).runs
    walks["rhat"] = [1.2, 1.01, 1.1]
    ((_, _, cell),) = cells_of(walks)
    assert fits.best_run(cell)["replicate"] == 1
    assert fits.best_run(cell.assign(status="error")) is None


@pytest.mark.parametrize(("wanted", "n_fits"), [(False, 0), (None, 1), (True, 2)])
def test_best_runs_are_fitted_again_while_that_is_quick(wanted, n_fits, monkeypatch):
    result = compare(Hills(), {"one": X, "two": X}, ["right"], n_seeds=2, progress=False)
    monkeypatch.setattr(fits, "_PATIENCE", 0.0)
    asked = []
    monkeypatch.setattr(result, "rerun", lambda run_id: asked.append(run_id) or SimpleNamespace())
    text = fits.section(result, wanted)
    assert len(asked) == n_fits
    assert ("was not fitted again, to save time" in text) == (wanted is None)
