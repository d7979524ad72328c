"""Plots: they return what they drew on, draw what they should, and leave matplotlib alone."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills
from matplotlib import dates as mdates
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from tsinit import LinearGaussianSSM, compare, datasets, plots

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")

X = np.zeros((40, 2))


@pytest.fixture(scope="module")
def result():
    with pytest.warns(UserWarning, match="runs failed"):
        return compare(Hills(), X, ["wide", "right", "nan"], n_seeds=6, progress=False)


@pytest.fixture(scope="module")
def several():
    return compare(Hills(), {"one": X, "two": X + 1}, ["wide", "right"], n_seeds=4, progress=False)


@pytest.fixture(scope="module")
def fitted():
    air = datasets.load_new_york_air_quality()
    return LinearGaussianSSM(2, max_iter=5, random_state=0).fit(air), air


@pytest.mark.parametrize("name", ["traces", "strip", "waterfall"])
def test_one_data_set_gives_axes_and_several_a_panel_each(name, result, several):
    assert isinstance(getattr(result.plot, name)(), Axes)
    panels = getattr(several.plot, name)()
    assert [panel.get_title(loc="left") for panel in panels] == ["one", "two"]
    chosen = getattr(plots, name)(several, dataset="two")
    assert chosen.get_title(loc="left") == "two"


def test_what_to_draw_traces_against_is_one_of_two(result):
    with pytest.raises(
        ValueError, match=r"x must be one of \['iterations', 'seconds'\]; got 'foo'"
    ):
        result.plot.traces(x="foo")


WANTED = {
    "a Comparison": [
        "traces",
        "strip",
        "waterfall",
        "time_to_target",
        "pairs",
        "best_of",
        "critical_difference",
    ],
    "a fitted InfiniteHMM": ["coclustering", "n_states"],
    "a fitted InfiniteHMM or HiddenMarkovModel": ["agreement", "segmentation"],
    "a fitted sampler": ["chains"],
    "a fitted TBayesMICE": ["imputed", "imputed_chains", "imputed_density", "imputed_rhat"],
    "a dict of labels": ["segmentations"],
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in WANTED.items() for name in names]
)
def test_what_a_plot_cannot_draw_is_named(kind, name, fitted):
    with pytest.raises(TypeError, match=rf"^\w+ must be {kind}.*; got LinearGaussianSSM\.$"):
        getattr(plots, name)(fitted[0])
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["history", "eigenvalues"])
def test_a_plot_of_a_fit_refuses_words(name):
    with pytest.raises(TypeError, match=r"^model must be a fitted .*; got str\.$"):
        getattr(plots, name)("a")
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["traces", "strip", "waterfall"])
def test_ax_is_used_and_returned(name, result, several):
    figure, ax = plt.subplots()
    assert getattr(result.plot, name)(ax=ax) is ax
    assert figure.axes == [ax]
    with pytest.raises(ValueError, match="ax must go with one data set and model; got 2"):
        getattr(several.plot, name)(ax=ax)
    with pytest.raises(ValueError, match=r"dataset must be one of \['one', 'two'\]; got 'three'"):
        getattr(several.plot, name)(dataset="three")


def test_traces_draw_every_run_and_a_median_for_each_strategy(result):
    drawable = result.runs["objective_start"].notna().sum()
    ax = result.plot.traces(gap=False)
    assert len(ax.lines) == drawable + 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["right", "wide"]
    finals = {line.get_ydata()[-1] for line in ax.lines}
    assert result.runs["objective_final"].max() in finals


def test_the_gap_has_the_best_on_top_and_a_floor(result):
    ax = result.plot.traces()
    assert ax.get_yscale() == "log"
    assert ax.yaxis_inverted()
    assert min(line.get_ydata().min() for line in ax.lines[:-1]) > 0


def test_traces_against_seconds_begin_after_the_start(result):
    ax = result.plot.traces(x="seconds", gap=False)
    assert min(line.get_xdata()[0] for line in ax.lines) >= result.runs["init_seconds"].min()


def test_a_median_path_waits_for_its_runs_and_keeps_ended_ones():
    from tsinit._plots.starts import _median_path

    t, y = _median_path(
        [(np.array([0.0, 1.0]), np.array([1.0, 3.0])), (np.array([0.0, 2.0]), np.array([1.0, 5.0]))]
    )
    np.testing.assert_allclose(t, [0, 1, 2])
    np.testing.assert_allclose(y, [1, 3, 4])


def test_strip_shows_each_end_and_counts_failures(result):
    ax = result.plot.strip()
    drawn = np.concatenate([points.get_offsets()[:, 0] for points in ax.collections])
    finals = result.runs["objective_final"].dropna()
    np.testing.assert_allclose(np.sort(drawn), np.sort(finals))
    assert any("6 failed" in label.get_text() for label in ax.get_yticklabels())


def test_waterfall_goes_down(result):
    for line in result.plot.waterfall().lines:
        assert (np.diff(line.get_ydata()) <= 0).all()


def test_all_runs_failed_still_draws():
    with pytest.warns(UserWarning, match="all 2 runs failed"):
        failed = compare(Hills(), X, ["nan"], n_seeds=2, progress=False)
    for name in ("traces", "strip", "waterfall"):
        assert isinstance(getattr(failed.plot, name)(), Axes)


def test_history_draws_the_objectives(fitted):
    (line,) = plots.history(fitted[0]).lines
    np.testing.assert_array_equal(line.get_ydata(), fitted[0].history_)


def test_smoothed_bands_hold_what_the_model_says(fitted):
    model, air = fitted
    panels = plots.smoothed(model, air)
    assert [panel.get_ylabel() for panel in panels] == list(air.columns)
    ax = plots.smoothed(model, air, columns=["Ozone"])
    _, observed, filled = ax.lines
    missing = air["Ozone"].isna()
    assert np.isnan(observed.get_ydata()[missing]).all()
    np.testing.assert_allclose(filled.get_ydata(), model.impute(air).loc[missing, "Ozone"])
    # The band at a gap is wider than the noise alone and as wide as the smoothed covariance says.
    t = int(np.flatnonzero(missing)[0])
    P = np.asarray(model.smooth(air).covariances)[t]
    C, R = model.params_.C[0], model.params_.R[0, 0]
    band = ax.collections[0].get_paths()[0].vertices
    at = band[np.isclose(band[:, 0], matplotlib.dates.date2num(air.index[t]))][:, 1]
    assert np.ptp(at) / 2 == pytest.approx(1.96 * np.sqrt(C @ P @ C + R), rel=1e-6)


def test_smoothed_takes_arrays_and_one_axes(fitted):
    model, air = fitted
    panels = plots.smoothed(
        LinearGaussianSSM(2, max_iter=2, random_state=0).fit(air.to_numpy()), air.to_numpy()
    )
    assert len(panels) == 4
    _, ax = plt.subplots()
    assert plots.smoothed(model, air, columns=["Wind"], ax=ax) is ax
    with pytest.raises(ValueError, match="ax must go with one column; got 4"):
        plots.smoothed(model, air, ax=ax)


def test_smoothed_passes_over_skipped_days(fitted):
    model, air = fitted
    some = air.iloc[[*range(20), *range(30, 60)]]
    line = plots.smoothed(model, some, columns=["Temp"]).lines[0]
    assert len(line.get_xdata()) == 50
    assert isinstance(some.index, pd.DatetimeIndex)


def test_smoothed_finds_variables_by_name_and_by_position(fitted):
    model, air = fitted
    by_name, by_place = (
        plots.smoothed(model, air, columns=columns) for columns in (["Wind", "Ozone"], [2, 0])
    )
    assert [panel.get_ylabel() for panel in by_place] == ["Wind", "Ozone"]
    for one, other in zip(by_name, by_place, strict=True):
        np.testing.assert_array_equal(one.lines[0].get_ydata(), other.lines[0].get_ydata())
    assert plots.smoothed(model, air, columns="Temp").get_ylabel() == "Temp"
    numbered = air.set_axis([3, 2, 1, 0], axis=1)  # a name goes before a position
    ax = plots.smoothed(
        LinearGaussianSSM(2, max_iter=2, random_state=0).fit(numbered), numbered, columns=[3]
    )
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), air["Ozone"])
    for wrong, got in (["wind"], "'wind'"), ([4], "4"), ([-1], "-1"):
        with pytest.raises(
            ValueError, match=rf"columns must hold names out of \['Ozone', .* below 4; got {got}"
        ):
            plots.smoothed(model, air, columns=wrong)
    with pytest.raises(ValueError, match="columns must name at least one"):
        plots.smoothed(model, air, columns=[])


FORMS = {
    "periods": lambda air: air.set_axis(air.index.to_period("D")),
    "time zone": lambda air: air.tz_localize("Asia/Tokyo"),
    "durations": lambda air: air.set_axis(air.index - air.index[0]),
    "nullable": lambda air: air.astype("Float64"),
    "words": lambda air: air.set_axis([f"day {i}" for i in range(len(air))]),
    "named sequence": lambda air: pd.concat({"New York": air}),
}


@pytest.mark.parametrize("form", FORMS)
def test_smoothed_draws_every_form_of_a_table(fitted, form):
    model, air = fitted
    ax = plots.smoothed(model, FORMS[form](air), columns=["Ozone"])
    plain = plots.smoothed(model, air, columns=["Ozone"])
    ax.figure.canvas.draw()
    for line, expected in zip(ax.lines, plain.lines, strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected.get_ydata())
    same_times = form in ("periods", "named sequence", "nullable")
    assert same_times == np.array_equal(
        ax.lines[0].get_xdata(orig=False), plain.lines[0].get_xdata(orig=False)
    )


def test_smoothed_draws_a_series_and_several_sequences(fitted):
    model, air = fitted
    series = air["Temp"]
    one = LinearGaussianSSM(1, max_iter=2, random_state=0).fit(series)
    assert plots.smoothed(one, series).get_ylabel() == "Temp"
    parts = [air.iloc[:60], air.iloc[60:61], air.iloc[61:]]
    listed = plots.smoothed(model, parts, columns=["Ozone"])
    cut = plots.smoothed(model, air, lengths=[60, 1, 92], columns=["Ozone"])
    deep = plots.smoothed(model, pd.concat(dict(enumerate(parts))), columns=["Ozone"])
    expected = np.concatenate([np.asarray(means) for means in model.smooth(parts).means])
    expected = expected @ model.params_.C[0] + model.params_.d[0]
    for ax in (listed, cut, deep):
        curves = [line for line in ax.lines if line.get_linestyle() == "-"]
        assert [len(curve.get_xdata()) for curve in curves] == [
            60,
            1,
            92,
        ]  # no line across a boundary
        np.testing.assert_array_equal(
            np.concatenate([curve.get_xdata() for curve in curves]), np.arange(153)
        )
        np.testing.assert_allclose(
            np.concatenate([curve.get_ydata() for curve in curves]), expected
        )
        assert len(ax.get_legend().get_texts()) == 4


def test_eigenvalues_of_a_model_parameters_or_several(fitted):
    model = fitted[0]
    for ax in (plots.eigenvalues(model), plots.eigenvalues(model.params_)):
        drawn = ax.collections[0].get_offsets()
        expected = np.linalg.eigvals(model.params_.A)
        np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(expected.real))
    ax = plots.eigenvalues({"start": model.start_, "end": model})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["start", "end"]


def test_formants_are_drawn_over_the_spectrogram():
    from types import SimpleNamespace

    speech = datasets.load_speech("arctic_a0009")
    tracks = SimpleNamespace(
        times=np.array([0.5, 1.0]), frequencies=np.array([[500.0, np.nan], [600.0, 1500.0]])
    )
    ax = plots.formants(speech.signal, speech.fs, tracks)
    assert [line.get_label() for line in ax.lines] == ["F1", "F2"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.5, 0.6])
    assert len(ax.collections) == 1
    bounds = np.array([[[450.0, 560.0], [np.nan, np.nan]], [[550.0, 640.0], [1400.0, 1650.0]]])
    sure = SimpleNamespace(**vars(tracks), frequency_intervals=bounds)
    lines = plots.formants(speech.signal, speech.fs, sure).collections[1:]
    np.testing.assert_allclose(
        [segment[:, 1] for segment in lines[0].get_segments()], bounds[:, 0] / 1000
    )
    panels = plots.formants(speech.signal, speech.fs, {"a": tracks, "b": tracks})
    assert [panel.get_title(loc="left") for panel in panels] == ["a", "b"]
    assert isinstance(plots.formants(speech.signal, speech.fs), Axes)


def test_reference_formants_are_lines_that_break_at_gaps():
    rng = np.random.default_rng(0)
    reference = pd.DataFrame(
        {"F1": [500.0, 510.0, np.nan, 520.0, 530.0]}, index=[0.1, 0.11, 0.12, 0.13, 0.3]
    )
    ax = plots.formants(rng.normal(size=4000), 8000, reference=reference)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), [0.5, 0.51, np.nan, 0.52, np.nan, 0.53])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["reference"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((9, 2)), 8000), r"signal must be one-dimensional; got shape \(9, 2\)"),
        (([0.0, np.nan], 8000), "signal must be finite; got nan at sample 1"),
        ((np.zeros(900), "8k"), "fs must be a number above 0; got '8k'"),
    ],
)
def test_formants_refuses_what_is_no_sound(arguments, message):
    with pytest.raises(ValueError, match=message):
        plots.formants(*arguments)


def test_formants_refuses_what_are_no_tracks():
    with pytest.raises(
        TypeError, match=r"^tracks must be FormantTracks or a dict of these; got int\.$"
    ):
        plots.formants(np.zeros(900), 8000, {"mine": 3})


def test_a_tone_is_dark_at_its_frequency():
    from tsinit._plots.spectrogram import _spectrogram

    fs = 8000
    _, frequencies, level = _spectrogram(np.sin(2 * np.pi * 1000 * np.arange(fs) / fs), fs)
    assert abs(frequencies[level[:, 20:-20].mean(axis=1).argmax()] - 1000) < 60


def test_strategies_differ_in_more_than_colour():
    from tsinit._plots.style import marks

    looks = marks([f"s{i}" for i in range(14)])
    assert len({(look["color"], str(look["linestyle"])) for look in looks.values()}) == 14


def test_the_public_name_is_plot():
    import tsinit

    assert tsinit.plot is sys.modules["tsinit.plots"]
    assert set(plots.__all__) >= {
        "traces",
        "strip",
        "waterfall",
        "history",
        "smoothed",
        "eigenvalues",
        "formants",
    }
    assert set(plots.__all__) >= {
        "agreement",
        "segmentation",
        "coclustering",
        "n_states",
        "chains",
    }


def test_observed_draws_values_and_shades_what_is_missing():
    days = pd.date_range("2024-01-01", periods=12).delete([6, 7])  # two days without a row
    y = pd.DataFrame({"a": np.arange(10.0), "b": np.arange(10.0)}, days)
    y.iloc[2, 0] = np.nan
    axes = plots.observed(y)
    assert [ax.get_ylabel() for ax in axes] == ["a", "b"]
    for ax, gaps in zip(axes, [[2, 6, 7], [6, 7]], strict=True):
        steps = ax.lines[0].get_ydata()
        assert np.flatnonzero(np.isnan(steps)).tolist() == gaps
        corners = ax.collections[0].get_paths()[0].vertices
        high = corners[corners[:, 1] == 1.0, 0] - mdates.date2num(days[0])
        assert (high.min(), high.max()) == (gaps[0] - 0.5, 7.5)
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["observed", "missing"]


def test_long_series_keep_their_extremes_and_the_share_of_what_is_missing():
    y = np.zeros(100_000)
    y[70_001], y[::2] = -9.0, np.nan
    y[50_000] = 9.0
    ax = plots.observed(y[:, None], max_points=200)
    drawn = ax.lines[0].get_ydata()
    assert len(drawn) <= 202
    assert (np.nanmin(drawn), np.nanmax(drawn)) == (-9.0, 9.0)
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert np.median(heights[heights > 0]) == pytest.approx(0.5, abs=0.01)


def test_ranks_are_even_where_samples_are_alike_and_traces_are_shown_whole():
    from tsinit._plots import rank_bars, style

    rng = np.random.default_rng(0)
    samples = {"a": rng.standard_normal(2000), "b": rng.standard_normal(2000) + 2}
    samples["c"] = samples["a"] + 1e-9
    ax = plt.subplots()[1]
    rank_bars.draw_ranks(ax, samples, style.marks(samples))
    shares = {patch.get_label(): patch.get_data().values for patch in ax.patches}
    assert all(abs(share.mean() - 1.0) < 1e-12 for share in shares.values())
    np.testing.assert_allclose(shares["a"], shares["c"], atol=0.05)
    assert shares["b"][-1] > 2.0 > 0.5 > shares["b"][0]


def test_equal_runs_of_a_strip_are_all_seen(result):
    ax = result.plot.strip()
    points = [place for cloud in ax.collections for place in map(tuple, cloud.get_offsets())]
    assert len(set(points)) == len(points) == result.runs["objective_final"].notna().sum()
