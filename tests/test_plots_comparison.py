"""Plots of what a comparison advises: the numbers they show are those of the tables."""

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills, Walker
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from tsinit import compare, plots
from tsinit.comparison.analysis import over_datasets, targets

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")

X = np.zeros((40, 2))
NAMES = ["time_to_target", "pairs", "best_of"]


@pytest.fixture(scope="module")
def result():
    with pytest.warns(UserWarning, match="runs failed"):
        return compare(Hills(), X, ["wide", "right", "singular"], n_seeds=6, progress=False)


@pytest.fixture(scope="module")
def several():
    return compare(Hills(), {"one": X, "two": X + 1}, ["wide", "right"], n_seeds=4, progress=False)


@pytest.mark.parametrize("name", NAMES)
def test_one_data_set_gives_axes_and_several_a_panel_each(name, result, several):
    assert isinstance(getattr(result.plot, name)(), Axes)
    panels = getattr(several.plot, name)()
    assert [panel.get_title(loc="left") for panel in panels] == ["one", "two"]
    ax = plt.subplots()[1]
    assert getattr(plots, name)(several, dataset="two", ax=ax) is ax
    with pytest.raises(ValueError, match="ax must go with one data set"):
        getattr(plots, name)(several, ax=ax)


@pytest.mark.parametrize("x", ["seconds", "iterations"])
def test_curves_end_at_the_share_that_arrived(result, x):
    ax = result.plot.time_to_target(x=x)
    times = targets.reach_times(result.runs, result.traces)
    shares = times.groupby("strategy")["reached"].mean()
    for line in ax.lines:
        assert line.get_ydata()[0] == 0.0
        assert line.get_ydata()[-1] == pytest.approx(shares[line.get_label()])
        assert (np.diff(line.get_xdata()) >= 0).all()
    assert len(ax.lines) == 3


def test_pairs_count_every_seed_once(result):
    ax = result.plot.pairs()
    counts = {tuple(map(int, text.get_text().split(" / "))) for text in ax.texts}
    assert len(ax.texts) == 6
    assert all(sum(triple) == 6 for triple in counts)
    ends = result.runs.pivot(index="replicate", columns="strategy", values="objective_final")
    wins = int((ends["right"] - ends["wide"] > 0.6).sum())
    by_place = {text.get_position(): text.get_text() for text in ax.texts}
    # The best comes first.
    assert by_place[(1, 0)] == f"{wins} / {6 - wins} / 0"  # row "right", column "wide"
    assert by_place[(2, 0)] == "6 / 0 / 0"  # failed runs lose


@pytest.mark.parametrize("x", ["r", "seconds"])
def test_best_of_draws_the_table(result, x):
    ax = result.plot.best_of(x=x)
    table = result.best_of()
    assert [line.get_label() for line in ax.lines] == ["right", "wide"]
    for line in ax.lines:
        np.testing.assert_allclose(
            line.get_ydata(), table.loc[table["strategy"] == line.get_label(), "expected_gap"]
        )
    for shade, name in zip(ax.collections, ["right", "wide"], strict=True):
        own = table[table["strategy"] == name]
        extent = shade.get_paths()[0].get_extents()
        np.testing.assert_allclose(
            extent.intervaly, [own["gap_low"].min(), own["gap_high"].max()], atol=1e-9
        )
    assert ax.yaxis_inverted()


def test_what_cannot_be_drawn_is_said(result):
    with pytest.raises(ValueError, match="x must be one of"):
        result.plot.time_to_target(x="hours")
    walk = compare(Walker(), X, {"a": lambda y, rng: rng.random(40)}, n_seeds=2, progress=False)
    for draw in (walk.plot.best_of, walk.plot.time_to_target):
        with pytest.raises(ValueError, match="samplers only"):
            draw()


def test_mixed_models_leave_the_panel_of_a_sampler_empty():
    def start(y, rng):
        return rng.uniform(0.2, 1.5)

    class Both(Walker):
        def fit_under(self, monitor, X, lengths=None):
            self.init = lambda y, rng: rng.random(len(y))
            return super().fit_under(monitor, X, lengths=lengths)

    mixed = compare(
        {"hills": Hills(), "walk": Both()}, X, {"right": start}, n_seeds=3, progress=False
    )
    for name in NAMES[::2]:
        panels = getattr(mixed.plot, name)()
        assert [len(panel.lines) for panel in panels] == [1, 0]


#: Demšar (2006), section 3.2: mean ranks of four classifiers on 14 data sets; the critical difference is 1.25 at the
#: 5 % level and 1.12 at the 10 % level.
RANKS = pd.Series({"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143})
ALL = list(RANKS.index)


@pytest.mark.parametrize(
    ("difference", "groups"),
    # 3.143 - 1.964 = 1.179 and 3.143 - 2.000 = 1.143; 2.893 - 1.964 = 0.929; 2.893 - 2.000 = 0.893; 0.250; 0.036.
    [(1.25, [ALL]), (1.15, [ALL[:3], ALL[1:]]), (1.12, [ALL[:3], ALL[2:]]), (0.9, [ALL[:2], ALL[1:3], ALL[2:]]),
     (0.03, [])],
)  # fmt: skip
def test_the_critical_difference_diagram_draws_the_published_example(difference, groups):
    found = over_datasets.MeanRanks(RANKS, difference, 0.0256, 14)
    assert found.groups() == groups

    class Stub:
        def mean_ranks(self, column, model):
            return found

    ax = plots.critical_difference(Stub())
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 4]
    np.testing.assert_allclose(
        bars, [(RANKS[g[0]] - 0.03, RANKS[g[-1]] + 0.03) for g in groups] or []
    )
    ruler = next(line.get_xdata() for line in ax.lines if line.get_marker() == "|")
    assert np.ptp(ruler) == pytest.approx(difference)
    stems = [
        line.get_xdata()[0]
        for line in ax.lines
        if line.get_linewidth() == 1.2 and line.get_marker() == "None"
    ]
    assert stems == RANKS.tolist()
    assert [text.get_text() for text in ax.texts][:4] == [
        f"{name} ({rank:.2f})" for name, rank in RANKS.items()
    ]
    assert "14 data sets" in ax.get_xlabel()


def test_from_six_data_sets_on_starts_are_ranked_and_before_it_is_said_why_not(several):
    with pytest.raises(ValueError, match="Mean ranks must rest on 6 data sets at least; got 2"):
        several.plot.critical_difference()
    data = {f"d{i}": X + i for i in range(6)}
    six = compare(
        {"m": Hills(), "n": Hills(max_iter=5)}, data, ["wide", "right"], n_seeds=3, progress=False
    )
    with pytest.raises(ValueError, match="model must name the one"):
        six.plot.critical_difference()
    ax = plt.subplots()[1]
    assert six.plot.critical_difference(model="m", ax=ax) is ax
    ranks = six.mean_ranks(model="m").ranks
    assert [text.get_text() for text in ax.texts][:2] == [
        f"{name} ({rank:.2f})" for name, rank in ranks.items()
    ]
    # Two starts over six data sets: 1.960 * sqrt(2 * 3 / (6 * 6)) = 0.80.
    assert ax.texts[-1].get_text() == "critical difference 0.80"
