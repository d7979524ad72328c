"""Plots of segmentations and chains: they show what the model says, in the place where it belongs."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import StepPatch
from reference import partitions as reference
from sklearn.exceptions import NotFittedError

from tsinit import HiddenMarkovModel, datasets, partitions, plots
from tsinit._plots.segmentation import look

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")


def regimes(labels, D=2, wrong=0.2, seed=0):
    """A stand-in for a fitted model: draws around known labels."""
    rng = np.random.default_rng(seed)
    labels = partitions.compact(labels)
    T, K = len(labels), labels.max() + 1
    draws = np.where(rng.random((3, 30, T)) < wrong, rng.integers(0, K, (3, 30, T)), labels)
    trace = {"log_joint": rng.standard_normal((3, 51)), "n_states": rng.integers(1, 5, (3, 51))}
    trace["log_joint"][:, 0] = -1e6
    return SimpleNamespace(
        labels_=labels,
        probabilities_=np.stack([(draws == k).mean(axis=(0, 1)) for k in range(K)], axis=1),
        means_=rng.standard_normal((K, D)),
        n_states_=K,
        n_tune=20,
        trace_=trace,
        draws_=SimpleNamespace(
            labels=draws.astype(np.uint8), n_states=rng.integers(K, K + 3, (3, 30))
        ),
    )


@pytest.fixture(scope="module")
def air():
    return datasets.load_new_york_air_quality()


@pytest.fixture
def model(air):
    return regimes(np.repeat([0, 1, 0, 2], [40, 30, 60, 23]), D=4)


def bands(ax):
    """State of each band with its ends, in order of time."""
    found = []
    for collection in ax.collections:
        if str(collection.get_label()).startswith("state"):
            k = int(collection.get_label().split()[1])
            found += [(*path.vertices[:, 0][[0, 2]], k) for path in collection.get_paths()]
    return sorted(found)


def test_segmentation_has_a_panel_for_each_variable_and_the_probabilities(model, air):
    axes = plots.segmentation(model, air)
    assert [ax.get_ylabel() for ax in axes] == [*air.columns, "probability"]
    for ax, name in zip(axes[:-1], air, strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), air[name])
        assert len(bands(ax)) == 4
    axes[0].figure.canvas.draw()


def test_bands_lie_where_the_labels_are(model, air):
    day = matplotlib.dates.date2num(air.index)
    found = bands(plots.segmentation(model, air, columns=["Temp"])[0])
    starts, ends = np.array([0, 40, 70, 130]), np.array([39, 69, 129, 152])
    expected = np.column_stack([day[starts] - 0.5, day[ends] + 0.5])
    np.testing.assert_allclose([(a, b) for a, b, _ in found], expected)
    assert [k for _, _, k in found] == [0, 1, 0, 2]


def test_lines_show_the_means_of_the_states(model, air):
    ax = plots.segmentation(model, air, columns=["Wind"])[0]
    lines = [c for c in ax.collections if type(c).__name__ == "LineCollection"]
    for k, line in enumerate(lines):
        assert {height for segment in line.get_segments() for height in segment[:, 1]} == {
            model.means_[k, 2]
        }
        assert tuple(line.get_edgecolor()[0]) == to_rgba(look(k)["facecolor"])
    assert len(lines) == 3


def test_a_finite_model_is_drawn_as_it_was_fitted(air):
    days = air[["Wind", "Temp"]].drop(air.index[50:60])  # steps that the index skips, and gaps
    model = HiddenMarkovModel(3, random_state=0).fit(days)
    wind, temp, below = plots.segmentation(model)  # the data are the model's own
    assert (wind.get_ylabel(), temp.get_ylabel()) == ("Wind", "Temp")
    np.testing.assert_array_equal(temp.lines[0].get_ydata(), days["Temp"])
    day = matplotlib.dates.date2num(days.index)
    for a, b, k in bands(wind):
        inside = (a <= day) & (day <= b)
        assert inside.any()
        assert (model.labels_[inside] == k).all()
    assert len(bands(wind)) == 1 + np.count_nonzero(np.diff(model.labels_))
    steps = [patch.get_data() for patch in below.patches if isinstance(patch, StepPatch)]
    np.testing.assert_allclose(steps[-1].values[~np.isnan(steps[-1].values)], 1.0)
    again = plots.segmentation(model, days)
    np.testing.assert_array_equal(again[0].lines[0].get_ydata(), wind.lines[0].get_ydata())
    with pytest.raises(NotFittedError):
        plots.segmentation(HiddenMarkovModel(3), days)


def test_probabilities_are_stacked_to_one(model, air):
    last = plots.segmentation(model, air)[-1]
    steps = [patch.get_data() for patch in last.patches if isinstance(patch, StepPatch)]
    heights = np.array([step.values - step.baseline for step in steps]).T
    np.testing.assert_allclose(heights, model.probabilities_, atol=1e-12)
    np.testing.assert_allclose(steps[-1].values, 1.0)


def test_one_axes_takes_one_variable(model, air):
    _, ax = plt.subplots()
    assert plots.segmentation(model, air, columns="Temp", ax=ax) is ax
    with pytest.raises(ValueError, match="ax must go with one column; got 4"):
        plots.segmentation(model, air, ax=ax)
    with pytest.raises(ValueError, match="columns must hold names out of"):
        plots.segmentation(model, air, columns=["Humidity"])
    with pytest.raises(ValueError, match="X must hold the 153 rows of the fit; got 150"):
        plots.segmentation(model, air.iloc[:150])
    with pytest.raises(ValueError, match="X must be given for a model that does not keep the data"):
        plots.segmentation(model)


def test_sequences_are_kept_apart(model, air):
    parts = [air.iloc[:50], air.iloc[50:51], air.iloc[51:]]
    for X, lengths in (
        (parts, None),
        (air, [50, 1, 102]),
        (pd.concat(dict(enumerate(parts))), None),
    ):
        ax = plots.segmentation(model, X, lengths=lengths, columns=["Temp"])[0]
        series = [line for line in ax.lines if line.get_linestyle() == "-"]
        assert [len(line.get_xdata()) for line in series] == [50, 1, 102]
        assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [
            49.5,
            50.5,
        ]
        # A regime that goes on in the next sequence is another run there.
        assert [round(a + 0.5) for a, _, _ in bands(ax)] == [0, 40, 50, 51, 70, 130]


def test_rows_that_the_index_skips_stay_out(air):
    some = air.iloc[[*range(20), *range(30, 60)]]
    ax = plots.segmentation(regimes(np.repeat([0, 1], 25), D=4), some, columns=["Temp"])[0]
    assert len(ax.lines[0].get_xdata()) == 50
    assert len(bands(ax)) == 2


def test_any_number_of_states_and_steps_can_be_told_apart():
    looks = [look(k) for k in range(30)]
    assert len({tuple(one.values()) for one in looks}) == 30
    ax = plots.segmentation(regimes(np.repeat(np.arange(14), 5), D=1), np.zeros((70, 1)))[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "state 0",
        *map(str, range(1, 14)),
    ]
    for T in (1, 2, 5000):
        axes = plots.segmentation(regimes(np.zeros(T, int), D=1), np.zeros((T, 1)))
        assert len(axes) == 2
        axes[0].figure.canvas.draw()


def test_long_series_have_mean_probabilities():
    model = regimes(np.repeat([0, 1], 3000), D=1)
    step = plots.segmentation(model, np.zeros((6000, 1)))[-1].patches[0].get_data()
    assert step.values.size == 2000
    assert step.values.mean() == pytest.approx(model.probabilities_[:, 0].mean())


def test_coclustering_shows_the_shares_of_draws():
    model = regimes(np.repeat([0, 1, 0], [20, 30, 10]))
    ax = plots.coclustering(model)
    (image,) = ax.images
    expected = reference.coclustering(model.draws_.labels.reshape(90, 60))
    np.testing.assert_allclose(image.get_array(), expected, rtol=1e-6)
    blocks = ax.collections[0].get_paths()
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in blocks]
    assert spans == [(-0.5, 19.5), (19.5, 49.5), (49.5, 59.5)]
    assert list(image.get_extent()) == [-0.5, 59.5, 59.5, -0.5]
    again = plots.coclustering(expected, labels=model.labels_)
    np.testing.assert_allclose(again.images[0].get_array(), expected)
    assert len(again.collections[0].get_paths()) == 3
    assert not plots.coclustering(expected).collections


def test_coclustering_of_a_long_series_looks_at_some_of_its_rows():
    model = regimes(np.repeat([0, 1], 500))
    image = plots.coclustering(model, max_rows=50).images[0]
    assert image.get_array().shape == (50, 50)
    assert list(image.get_extent()) == [-0.5, 999.5, 999.5, -0.5]
    rows = np.linspace(0, 999, 50).round().astype(int)
    expected = reference.coclustering(model.draws_.labels.reshape(90, -1)[:, rows])
    np.testing.assert_allclose(image.get_array(), expected, rtol=1e-6)


def test_coclustering_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match=r"model must be .* a square array; got shape \(2, 3\)"):
        plots.coclustering(np.zeros((2, 3)))
    with pytest.raises(
        ValueError, match=r"labels must be one for each of 3 rows; got shape \(2,\)"
    ):
        plots.coclustering(np.eye(3), labels=[0, 1])
    with pytest.raises(ValueError, match="max_rows must be a whole number of at least 2; got 0"):
        plots.coclustering(np.eye(3), max_rows=0)


def test_bars_are_the_posterior_of_the_number_of_states(model):
    draws = model.draws_.n_states
    for ax in (plots.n_states(model), plots.n_states(draws)):
        heights = {round(bar.get_x() + 0.4): bar.get_height() for bar in ax.patches}
        for k, height in heights.items():
            assert height == pytest.approx((draws == k).mean())
        assert sum(heights.values()) == pytest.approx(1.0)
    filled = [
        bar for bar in plots.n_states(model).patches if bar.get_facecolor() != to_rgba("white")
    ]
    assert [round(bar.get_x() + 0.4) for bar in filled] == [model.n_states_]
    marks = [line.get_ydata() for line in plots.n_states(model).lines]
    np.testing.assert_allclose(
        marks, [[(chain == k).mean() for k in sorted(heights)] for chain in draws]
    )


def test_an_estimate_that_no_draw_has_is_shown_too(model):
    model.n_states_ = 9
    assert 9 in plots.n_states(model).get_xticks()
    with pytest.raises(
        ValueError, match=r"model must be a fitted model or a table.*got shape \(4,\)"
    ):
        plots.n_states([1, 2, 3, 4])


def test_chains_are_drawn_from_the_start_with_the_warm_up_shaded(model):
    axes = plots.chains(model)
    assert [ax.get_ylabel() for ax in axes] == ["joint log density (nats)", "number of states"]
    for ax, values in zip(axes, model.trace_.values(), strict=True):
        np.testing.assert_array_equal([line.get_ydata() for line in ax.lines], values)
        assert ax.patches[0].get_x() + ax.patches[0].get_width() == 20
    # The start, a million below, is shown whole and does not flatten the rest.
    values = model.trace_["log_joint"]
    bottom, top = axes[0].get_ylim()
    assert bottom < values.min() < values.max() < top
    halves = values[:, values.shape[1] // 2 :]
    places = axes[0].transData.transform(
        [(0, bottom), (0, halves.min()), (0, halves.max()), (0, top)]
    )
    assert np.ptp(places[1:3, 1]) > np.ptp(places[:, 1]) / 3
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == [
        "chain 0",
        "chain 1",
        "chain 2",
        "warm-up",
    ]


def test_chains_takes_one_record_for_one_axes(model):
    _, ax = plt.subplots()
    assert plots.chains(model, names="n_states", ax=ax) is ax
    assert isinstance(plots.chains(model, names=["log_joint"]), Axes)
    with pytest.raises(ValueError, match="ax must go with one record; got 2"):
        plots.chains(model, ax=ax)
    with pytest.raises(
        ValueError, match=r"names must be some of \['log_joint', 'n_states'\]; got \['K'\]"
    ):
        plots.chains(model, names=["K"])


def test_constant_and_broken_records_still_draw(model):
    model.trace_ = {"log_joint": np.full((2, 5), np.nan), "n_states": np.ones((2, 5))}
    plots.chains(model)[0].figure.canvas.draw()


def test_segmentations_share_colours_where_they_share_steps():
    first = np.repeat([0, 1, 2], [20, 30, 10])
    renamed = np.repeat(
        [7, 3, 5, 4], [20, 25, 5, 10]
    )  # the same runs under other names, one cut in two
    ax = plots.segmentations(
        {"first": first, "renamed": renamed}, time=pd.date_range("1973-05-01", periods=60)
    )
    colours = {}
    for bars in ax.collections:
        for path in bars.get_paths():
            (left, low), (right, _) = path.get_extents().get_points()
            days = slice(round(left - ax.get_xlim()[0]), round(right - ax.get_xlim()[0]))
            colours.setdefault(round(low), np.empty((60, 4)))[days] = bars.get_facecolor()[0]
    same = (colours[0] == colours[1]).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(~same), np.arange(45, 50))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "renamed"]
    ax.figure.draw_without_rendering()
    assert {label.get_text() for label in ax.get_xticklabels()} >= {"May", "Jun"}


def test_segmentations_refuse_other_lengths():
    with pytest.raises(
        ValueError, match=r"labels must be segmentations of the same steps; got lengths \[3, 4\]"
    ):
        plots.segmentations({"a": np.zeros(3, int), "b": np.zeros(4, int)})
    with pytest.raises(ValueError, match="time must have an entry for each of 3 steps; got 2"):
        plots.segmentations({"a": np.zeros(3, int)}, time=np.arange(2))
    with pytest.raises(ValueError, match="labels must be segmentations"):
        plots.segmentations({})
