"""Emissions by column in both hidden Markov models, from a DataFrame to what a user reads."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from tsinit import HiddenMarkovModel, InfiniteHMM, compare
from tsinit.emissions import ByColumn

KINDS = {"wind": "von_mises", ("u", "v"): "gaussian", "rain": "poisson"}
COLUMNS = ["u", "wind", "rain", "v"]


def weather(seed, T=240):
    """Three regimes, each of which two kinds of columns tell from another; a table with gaps and skipped days."""
    rng = np.random.default_rng(seed)
    z = np.repeat([0, 1, 2, 0, 2, 1], T // 6)
    level = np.array([[0.0, 0.0], [0.0, 0.0], [4.0, -4.0]])[z] + rng.standard_normal((T, 2))
    y = np.column_stack(
        [
            level[:, 0],
            rng.vonmises(np.array([0.0, 2.0, 2.0])[z], 6.0),
            rng.poisson(np.array([1.0, 9.0, 9.0])[z]),
            level[:, 1],
        ]
    )
    y[rng.random(y.shape) < 0.1] = np.nan
    frame = pd.DataFrame(y, pd.date_range("2024-01-01", periods=T), COLUMNS)
    kept = np.delete(np.arange(T), [20, 21, 100])
    return frame.iloc[kept], z[kept]


@pytest.mark.parametrize("finite", [True, False])
def test_regimes_that_no_column_tells_alone_are_found(finite):
    y, z = weather(0)
    if finite:
        model = HiddenMarkovModel(3, emission=KINDS, random_state=0).fit(y)
        assert model.converged_
        assert (np.diff(model.history_) >= 0.0).all()
    else:
        few = {"n_tune": 150, "n_draws": 90, "n_chains": 2, "random_state": 0}
        model = InfiniteHMM(emission=KINDS, **few).fit(y)
        assert model.n_states_ == 3
    assert adjusted_rand_score(z, model.labels_) > 0.95
    np.testing.assert_allclose(model.means_[:, 1], [0.0, 2.0, 2.0], atol=0.3)
    np.testing.assert_allclose(model.means_[:, 2], [1.0, 9.0, 9.0], atol=1.2)
    assert (model.covariances_[:, 0, [1, 2]] == 0.0).all()
    predicted = model.predict(y)
    assert predicted.index.equals(y.index)
    assert (predicted.to_numpy() == model.labels_).mean() > 0.99
    assert model.filter_proba(y).shape == (len(y), 3)
    ahead = model.forecast(4, random_state=0)
    assert list(ahead.means.columns) == COLUMNS
    assert ahead.means.index[0] == pd.Timestamp("2024-08-28")
    assert np.isfinite(ahead.means.to_numpy()).all()
    lower, upper = ahead.interval(0.9)
    assert (lower < upper).to_numpy().all()
    assert np.isfinite(model.score(y))
    with pytest.raises(ValueError, match=r"counts 0, 1, 2.*That is about column rain"):
        model.predict(y + 0.25)


def test_columns_of_one_kind_are_what_they_are_together():
    """Diagonal Gaussians column by column: the same fit as of both at once, over ragged sequences."""
    rng = np.random.default_rng(1)
    y = 3.0 * np.repeat([0, 1, 0, 1], 30)[:, None] + rng.standard_normal((120, 2))
    y[rng.random(y.shape) < 0.1] = np.nan
    given = {"n_states": 2, "random_state": 0}
    apart = HiddenMarkovModel(emission={1: "gaussian_diag", 0: "gaussian_diag"}, **given)
    both = HiddenMarkovModel(emission="gaussian_diag", **given)
    for model in (apart, both):
        model.fit(y, lengths=[1, 70, 49])
    np.testing.assert_allclose(apart.history_, both.history_, rtol=1e-10)
    np.testing.assert_allclose(apart.means_, both.means_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(apart.covariances_, both.covariances_, rtol=1e-6, atol=1e-8)
    assert apart.bic() == pytest.approx(both.bic(), rel=1e-10)
    ahead = [model.forecast(3, n_samples=10) for model in (apart, both)]
    np.testing.assert_allclose(ahead[0].covariances, ahead[1].covariances, rtol=1e-6)
    np.testing.assert_array_equal(
        apart.decode(y, lengths=[1, 70, 49]), both.decode(y, lengths=[1, 70, 49])
    )


def test_samples_have_the_columns_of_the_data():
    y, _ = weather(2)
    model = HiddenMarkovModel(3, emission=KINDS, random_state=0).fit(y)
    rows = model.sample(500, random_state=1).y
    assert (rows[:, 2] == np.round(rows[:, 2])).all()
    assert (np.abs(rows[:, 1]) <= np.pi).all()
    again = HiddenMarkovModel(3, emission=KINDS, random_state=0).fit(
        pd.DataFrame(rows, columns=COLUMNS)
    )
    assert np.abs(np.sort(again.means_[:, 2]) - np.sort(model.means_[:, 2])).max() < 1.5


def test_states_that_are_not_stationary_have_the_means_of_their_rows():
    """Only in the columns that look back: a count beside them has a mean of its own."""
    rng = np.random.default_rng(3)
    z = np.repeat([0, 1], 60)
    steps = np.where(z == 0, 0.02, 0.0)
    level = [1.0]
    for t in range(119):
        level.append((1.0 + steps[t]) * level[-1] if z[t] == 0 else 0.5 * level[-1])
    y = np.column_stack([level + 0.01 * rng.standard_normal(120), rng.poisson(2.0 + 8.0 * z)])
    model = HiddenMarkovModel(2, emission={0: "autoregressive", 1: "poisson"}, init=z).fit(y)
    assert np.isfinite(model.means_).all()
    assert np.isfinite(np.diagonal(model.covariances_, axis1=1, axis2=2)).all()
    grows = int(np.argmin(model.means_[:, 1]))
    assert model.means_[grows, 0] == pytest.approx(y[model.labels_ == grows, 0].mean())


def test_draws_have_names_with_their_columns():
    y, _ = weather(4)
    few = {"n_tune": 5, "n_draws": 4, "n_chains": 1, "random_state": 0, "n_init_states": 3}
    tree = InfiniteHMM(emission=KINDS, **few).fit(y).to_datatree()["posterior_by_state"]
    assert {"direction[wind]", "mean[u, v]", "covariance[u, v]", "rate[rain]"} <= set(tree.keys())
    assert tree["mean[u, v]"].shape[-1] == 2


def test_compare_runs_them_and_knows_them_apart():
    y, _ = weather(5)
    models = {
        "by column": HiddenMarkovModel(3, emission=KINDS),
        "own object": HiddenMarkovModel(3, emission=ByColumn(KINDS)),
        "all normal": HiddenMarkovModel(3, emission="gaussian"),
    }
    result = compare(models, {"weather": y}, ["kmeans"], n_seeds=1, progress=False)
    ends = dict(zip(result.runs["model"], result.runs["objective_final"], strict=True))
    assert ends["by column"] == ends["own object"] != ends["all normal"]


@pytest.mark.parametrize("Model", [HiddenMarkovModel, InfiniteHMM])
def test_what_is_wrong_is_told_before_anything_runs(Model):
    y, _ = weather(6)
    with pytest.raises(ValueError, match=r"columns of the data.*got 'rian'\. Did you mean 'rain'"):
        Model(emission={"rian": "poisson"}).fit(y)
    with pytest.raises(ValueError, match="every column; got none for 'u', 'v'"):
        Model(emission={"rain": "poisson", "wind": "von_mises"}).fit(y)
