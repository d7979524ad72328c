"""Plots of imputations: they show what the fit says, in the place where it belongs."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.path import Path

from tsinit import TBayesMICE, datasets, plots

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")


@pytest.fixture(scope="module")
def air():
    return datasets.load_new_york_air_quality()


def fit(X, **options):
    return TBayesMICE(n_draws=30, n_tune=20, random_state=0, **options).fit(X)


@pytest.fixture(scope="module")
def model(air):
    return fit(air)


def walk(n, seed):
    return np.random.default_rng(seed).standard_normal((n, 2)).cumsum(axis=0)


def lines(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def drawn_at(ax, label):
    """{place on the axis: height} of all lines with a label."""
    found = {}
    for line in lines(ax, label):
        x, y = line.get_xdata(orig=False), line.get_ydata()
        # Where a line breaks, it has one more place without a height.
        found.update(
            (t, value)
            for i, (t, value) in enumerate(zip(x, y, strict=True))
            if i == 0 or t != x[i - 1]
        )
    return found


def no_text_overlaps(figure):
    figure.canvas.draw()
    for ax in figure.axes:
        labels = [text for text in ax.get_xticklabels() if text.get_text() and text.get_visible()]
        low, high = ax.get_xlim()
        boxes = [t.get_window_extent() for t in labels if low <= t.get_position()[0] <= high]
        if any(a.overlaps(b) for a, b in pairwise(boxes)):
            return False
    return True


def test_chains_draws_the_log_density_of_an_imputer_by_default(model):
    ax = plots.chains(model)
    assert ax.get_ylabel() == "log density (nats)"
    np.testing.assert_array_equal(ax.lines[0].get_ydata()[0], model.trace_["log_density"][0, 0])


def test_gaps_show_the_mean_between_the_observed_values_beside_them(model, air):
    axes = plots.imputed(model)
    assert [ax.get_ylabel() for ax in axes] == ["Ozone", "Solar.R"]
    filled, days = model.transform(air), date2num(air.index)
    for ax, name in zip(axes, ("Ozone", "Solar.R"), strict=True):
        means = drawn_at(ax, "posterior mean")
        missing = air[name].isna().to_numpy()
        near = missing | np.roll(missing, 1) | np.roll(missing, -1)
        assert sorted(means) == sorted(days[near])
        np.testing.assert_allclose([means[t] for t in days[near]], filled[name][near], rtol=1e-6)
        observed = drawn_at(ax, "observed")
        np.testing.assert_array_equal([observed[t] for t in days], air[name])
    words = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert words == ["observed", "posterior mean", "50 % band", "90 % band"]
    assert no_text_overlaps(axes[0].figure)


def test_bands_are_the_intervals_of_the_fit(model, air):
    ax = plots.imputed(model, columns="Ozone", levels=0.8)
    assert isinstance(ax, Axes)
    days = date2num(air.index)
    lower, upper = (dict(zip(days, table["Ozone"], strict=True)) for table in model.interval(0.8))
    corners = {}
    for band in ax.collections:
        for x, y in np.concatenate(
            [path.vertices for path in band.get_paths() or [Path(np.empty((0, 2)))]]
        ):
            corners.setdefault(x, []).append(y)
    for t in days[air["Ozone"].isna()]:
        # Draws are kept in single precision, and quantiles may be taken in either.
        assert min(corners[t]) == pytest.approx(lower[t], rel=1e-6)
        assert max(corners[t]) == pytest.approx(upper[t], rel=1e-6)


def test_lines_of_draws_are_those_of_imputed_tables(model, air):
    ax = plots.imputed(model, columns=["Ozone"], n_draws=3, start="1973-06-05", end="1973-06-05")
    day = date2num(pd.Timestamp("1973-06-05"))
    values = [line.get_ydata()[0] for line in ax.lines if line.get_linewidth() == 0.6]
    assert len(lines(ax, "draws")) == 1  # one name for all
    assert set(drawn_at(ax, "draws")) == {day}
    assert values == pytest.approx(
        [table.loc["1973-06-05", "Ozone"] for table in model.impute(3)], rel=1e-6
    )


def test_a_window_may_be_a_month(model):
    ax = plots.imputed(model, columns=["Ozone"], start="1973-06", end="1973-06")
    times = drawn_at(ax, "observed")
    assert min(times) == date2num(pd.Timestamp("1973-06-01"))
    assert max(times) == date2num(pd.Timestamp("1973-06-30"))
    with pytest.raises(ValueError, match="must have a row between them"):
        plots.imputed(model, start="1980")
    with pytest.raises(
        ValueError, match=r"start and end must be as the axis counts.* got 'June' and None"
    ):
        plots.imputed(model, start="June")
    with pytest.raises(ValueError, match="level must be a number above 0 and below 1; got 'wide'"):
        plots.imputed(model, levels="wide")


def test_lines_reach_neither_across_a_hole_in_the_clock_nor_into_another_sequence():
    a, b = walk(40, 1), walk(30, 2)
    a[9:12, 0] = b[0, 0] = np.nan
    days = pd.date_range("2024-01-01", periods=50)
    first = pd.DataFrame(a, index=days[:10].append(days[20:]))
    second = pd.DataFrame(b, index=days[:30])
    model = fit([first, second])
    ax = plots.imputed(model, columns=[0])
    (line,) = lines(ax, "posterior mean")
    x, y = line.get_data()
    pieces = np.split(x, np.flatnonzero(np.isnan(y)) + 1)
    assert [sorted(set(piece.tolist())) for piece in pieces if piece.size] == [
        [8, 9],
        [10, 11, 12],
        [40, 41],
    ]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [40]
    alone = plots.imputed(model, columns=[0], sequence=1)
    assert min(drawn_at(alone, "observed")) == date2num(days[0])
    assert len(drawn_at(alone, "observed")) == 30


def test_sequences_have_the_labels_of_the_index_and_times_of_their_own():
    table = pd.DataFrame(np.concatenate([walk(30, 1), walk(20, 2)]), columns=["x", "y"])
    who, when = ["a"] * 30 + ["b"] * 20, [*range(30), *range(100, 120)]
    table.index = pd.MultiIndex.from_arrays([who, when], names=["who", "t"])
    table.iloc[[5, 33], 0] = np.nan
    model = fit(table)
    ax = plots.imputed(model, sequence="b", start=102, end=110)
    assert sorted(drawn_at(ax, "posterior mean")) == [102, 103, 104]
    assert ax.get_xlabel() == "t"
    assert ax.get_ylabel() == "x"
    with pytest.raises(ValueError, match=r"sequence must be one of \['a', 'b'\]; got 'c'"):
        plots.imputed(model, sequence="c")


@pytest.mark.filterwarnings("ignore:Column 0 of X holds one value only")
@pytest.mark.parametrize("kind", ["array", "numbers", "durations", "constant"])
def test_what_can_be_fitted_can_be_drawn(kind):
    y = walk(40, 3)
    y[[0, 7, 8, 39], 0] = np.nan
    if kind == "constant":
        y[:, 0] = np.where(np.isnan(y[:, 0]), np.nan, 2.0)
    index = {
        "numbers": np.arange(1970, 2010),
        "durations": pd.to_timedelta(np.arange(40) * 5, unit="s"),
    }.get(kind)
    X = y if index is None else pd.DataFrame(y, index=pd.Index(index, name="when"))
    model = fit(X)
    ax = plots.imputed(model, n_draws=1)
    means = drawn_at(ax, "posterior mean")
    assert len(means) == 8
    assert ax.get_xlabel() == ("row" if index is None else "when")
    if kind == "numbers":
        assert min(means) == 1970
    if kind == "durations":
        assert max(means) == 195
    plots.imputed_density(model)
    if kind == "constant":
        assert set(means.values()) == {2.0}
        with pytest.raises(ValueError, match="must have drawn something"):
            plots.imputed_rhat(model)
        assert isinstance(plots.imputed_chains(model), Axes)


def test_chains_show_their_trace_and_r_hat(model):
    axes = plots.imputed_chains(model)
    assert [ax.get_ylabel() for ax in axes] == [
        "log density (nats)",
        "Ozone\nmean drawn",
        "Solar.R\nmean drawn",
    ]
    for c in range(4):
        np.testing.assert_array_equal(axes[0].lines[c].get_ydata(), model.trace_["log_density"][c])
        np.testing.assert_array_equal(
            axes[2].lines[c].get_ydata(), model.trace_["imputed_mean"][c, :, 1]
        )
    assert axes[1].texts[0].get_text() == f"R-hat {model.diagnostics_.loc['Ozone', 'rhat']:.2f}"
    _, own = plt.subplots()
    assert plots.imputed_chains(model, ax=own) is own
    with pytest.raises(
        ValueError, match=r"columns with drawn cells, \['Ozone', 'Solar.R'\]; got 'Wind'"
    ):
        plots.imputed_chains(model, columns=["Wind"])


def test_r_hat_and_effective_draws_are_those_of_the_table(model):
    left, right = plots.imputed_rhat(model)
    table = model.diagnostics_.sort_values("rhat", ascending=False)
    assert [label.get_text() for label in left.get_yticklabels()] == list(table.index)
    for ax, name in ((left, "rhat"), (right, "ess")):
        shown = {y: x for line in ax.lines[1:] for x, y in zip(*line.get_data(), strict=True)}
        assert [shown[i] for i in range(2)] == table[name].tolist()
    _, pair = plt.subplots(2, 1)
    assert (plots.imputed_rhat(model, ax=pair) == pair).all()
    with pytest.raises(ValueError, match="ax must be a pair"):
        plots.imputed_rhat(model, ax=plt.subplots()[1])


def test_densities_are_of_observed_values_and_of_drawn_ones(model, air):
    many, few = plots.imputed_density(model, n=5)
    assert len(many.lines) == 6
    assert len(few.lines) == 2  # seven gaps make no density of their own
    texts = [text.get_text() for text in few.get_legend().get_texts()]
    assert sorted(texts) == ["146 observed", "drawn for 7 gaps, all draws"]
    for line in (*many.lines, *few.lines):
        x, y = line.get_data()
        # A tenth of the range is drawn beyond it, and a kernel may be wider: nearly all of one, never more.
        assert 0.9 < np.trapezoid(y, x) < 1.001


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("imputed", {"columns": ["Ozon"]}, "columns must hold names"),
        ("imputed", {"levels": 1.5}, "level must"),
        ("imputed", {"n_draws": 1000}, "n_draws must be at most the 120 draws"),
        ("imputed", {"sequence": 3}, "sequence must be one of"),
        ("imputed_density", {"n": 1000}, "n must be at most the 120 draws"),
        ("imputed_density", {"columns": []}, "columns must name at least one"),
    ],
)
def test_wrong_requests_are_refused(model, name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(plots, name)(model, **options)


def test_one_panel_is_for_one_column(model):
    _, ax = plt.subplots()
    assert plots.imputed(model, columns=["Ozone"], ax=ax) is ax
    for name in ("imputed", "imputed_density"):
        with pytest.raises(ValueError, match="ax must go with one column; got 2"):
            getattr(plots, name)(model, ax=ax)


def test_an_unfitted_model_is_refused():
    for name in ("imputed", "imputed_chains", "imputed_density", "imputed_rhat"):
        with pytest.raises(ValueError, match="fit"):
            getattr(plots, name)(TBayesMICE())
