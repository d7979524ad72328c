"""Plots and pages of imputed columns of classes and of cells with limits: names and limits, never codes."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.dates import date2num

from tsinit import TBayesMICE, plots
from tsinit._plots.gap_lines import joined
from tsinit._plots.imputed_limits import ABOVE, BELOW, BETWEEN, mark_of
from tsinit.comparison.report.imputation import imputation_page

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")

N, LIMIT = 90, -0.4
SKIES = ["clear", "cloudy", "rainy"]


@pytest.fixture(scope="module")
def table():
    """Numbers, words, ordered words and bools over days, with gaps; four cells lie between 0 and 2."""
    rng = np.random.default_rng(5)
    z = np.zeros(N)
    for t in range(1, N):
        z[t] = 0.8 * z[t - 1] + 0.6 * rng.standard_normal()
    days = pd.date_range("2024-03-01", periods=N)
    grade = pd.Categorical.from_codes(np.digitize(z, [-0.5, 0.5]), ["low", "mid", "high"], ordered=True)  # fmt: skip
    sky = pd.Series(SKIES)[np.digitize(z + 0.3 * rng.standard_normal(N), [-0.5, 0.5])]
    X = pd.DataFrame({"x": z, "sky": sky.to_numpy(), "grade": grade}, index=days)
    X["wet"] = pd.array(z > 0, "boolean")
    for name, rows in (("x", [7, 8, *range(70, 74)]), ("sky", range(20, 32, 2)), ("grade", [40, 41, 60]),
                       ("wet", [50, 51, 80])):  # fmt: skip
        X.loc[days[list(rows)], name] = np.nan if name == "x" else None
    return X


@pytest.fixture(scope="module")
def model(table):
    lower, upper = table[["x"]] * np.nan, table[["x"]] * np.nan
    lower.iloc[70:74], upper.iloc[70:74] = 0.0, 2.0
    upper.iloc[73] = np.nan
    imputer = TBayesMICE(censored={"x": (LIMIT, None)}, n_draws=40, n_tune=20, random_state=0)
    return imputer.fit(table, between=(lower, upper))


@pytest.fixture(scope="module")
def axes(model):
    axes = plots.imputed(model)
    axes[0].figure.canvas.draw()
    return dict(zip(("x", "sky", "grade", "wet"), axes, strict=True))


def heights(ax, label):
    """{place on the axis: height} of lines with a label, without their breaks."""
    lines = [line for line in ax.lines if line.get_label() == label]
    pairs = [zip(line.get_xdata(orig=False), line.get_ydata(), strict=True) for line in lines]
    return {float(t): float(y) for pair in pairs for t, y in pair if np.isfinite(y)}


@pytest.mark.parametrize(
    ("name", "classes"),
    [("sky", SKIES), ("grade", ["low", "mid", "high"]), ("wet", ["False", "True"])],
)
def test_classes_are_named_and_their_probabilities_are_the_shades(
    name, classes, model, table, axes
):
    ax = axes[name]
    assert [label.get_text() for label in ax.get_yticklabels()] == classes
    labels = ax.get_legend_handles_labels()[1]
    assert set(labels) == {"observed", "most probable class", "probability of a class"}
    code = {level: k for k, level in enumerate(classes)}
    filled, days = model.transform(table)[name].astype(str).map(code), date2num(table.index)
    missing = table[name].isna().to_numpy()
    best, observed = heights(ax, "most probable class"), heights(ax, "observed")
    assert [best[t] for t in days[missing]] == filled[missing].tolist()
    assert observed == dict(zip(days[~missing], filled[~missing], strict=True))

    (shades,) = ax.collections
    boxes = [path.vertices[:4] for path in shades.get_paths()]
    drawn = {
        (round(box[:, 0].mean() - days[0]), round(box[:, 1].mean())): alpha / 0.75
        for box, alpha in zip(boxes, shades.get_alpha(), strict=True)
    }
    assert {np.ptp(box[:, 0]).round(9) for box in boxes} == {1.0}  # a day wide
    told = model.class_probabilities(name)
    expected = {
        ((day - table.index[0]).days, code[str(level)]): p
        for day, level, p in zip(
            told.iloc[:, 0], told["class"].astype(str), told["probability"], strict=True
        )
        if p >= 0.02
    }
    assert drawn == pytest.approx(expected)


def test_steps_of_a_gap_end_at_the_rows_beside_it():
    t, join = joined(np.arange(10.0), [(1, 4), (6, 8)], before=True)
    line = join(np.arange(10.0))
    np.testing.assert_array_equal(t, [1, 1, 2, 3, 3, 6, 6, 7, 7])
    np.testing.assert_array_equal(np.isnan(line), [1, 0, 0, 0, 1, 1, 0, 0, 1])


def test_limits_have_marks_of_their_own(model, table, axes):
    ax, days = axes["x"], date2num(table.index)
    below = np.flatnonzero(table["x"] <= LIMIT)
    marked = heights(ax, BELOW)
    assert len(marked) >= 3
    assert set(marked) <= set(days[below])
    assert set(marked.values()) == {LIMIT}
    assert heights(ax, ABOVE) == {days[73]: 0.0}
    ticks = {}  # every limit, marked or not
    for line in ax.lines:
        if line.get_marker() == "_" and line.get_linestyle() == "-":
            for t, y in zip(line.get_xdata(orig=False), line.get_ydata(), strict=True):
                ticks.setdefault(float(t), set()).update({float(y)} - {np.nan})
    ticks = {t: {y for y in ys if np.isfinite(y)} for t, ys in ticks.items()}
    assert [ticks[t] for t in days[below]] == [{LIMIT}] * len(below)
    assert [ticks[t] for t in days[70:73]] == [{0.0, 2.0}] * 3
    means = heights(ax, "posterior mean")
    assert all(means[t] < LIMIT for t in days[below])
    assert all(0 < means[t] < 2 for t in days[70:73])
    assert means[days[73]] > 0
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["observed", "posterior mean", "most probable class", "50 % band", "90 % band",
                     "probability of a class", BELOW, ABOVE, BETWEEN]  # fmt: skip


@pytest.mark.parametrize(("name", "low", "high"), [(BELOW, -1, 0), (ABOVE, 0, 1), (BETWEEN, -1, 1)])
def test_an_arrow_begins_at_the_limit_and_points_to_the_value(name, low, high):
    heights = mark_of(name).vertices[:, 1]
    assert (heights.min(), heights.max()) == (low, high)


def test_marks_keep_apart_and_a_legend_keeps_to_its_axes(model):
    wide, narrow = (
        plots.imputed(model, columns=["x"], ax=plt.subplots(figsize=(width, 2.4), layout="constrained")[1])
        for width in (8.0, 3.2)
    )  # fmt: skip
    n = [len(heights(ax, BELOW)) for ax in (wide, narrow)]
    assert 0 < n[1] < n[0]
    for ax in (wide, narrow):
        ax.figure.canvas.draw()
        box = ax.get_legend().get_window_extent()
        assert box.x1 <= ax.figure.bbox.x1


def test_long_columns_of_classes_have_fewer_shades():
    rng = np.random.default_rng(1)
    n = 3000
    z = rng.standard_normal(n)
    X = pd.DataFrame({"x": z, "on": pd.array(z > 0, "boolean")})
    X.loc[rng.random(n) < 0.4, "on"] = None
    imputer = TBayesMICE(n_draws=4, n_tune=2, n_chains=1, random_state=0, lags=0, period=None).fit(X)  # fmt: skip
    ax = plots.imputed(imputer, columns=["on"], n_draws=2, max_points=400)
    (shades,) = ax.collections
    assert 600 < len(shades.get_paths()) <= 1200
    assert np.max(shades.get_alpha()) <= 0.75
    assert all(len(line.get_xdata()) <= 400 for line in ax.lines)


def test_shares_of_classes_stand_beside_those_of_completed_tables(model, table):
    ax = plots.imputed_density(model, columns=["sky"], n=20)
    shares = table["sky"].value_counts(normalize=True)[SKIES]
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(shares.tolist())
    assert [label.get_text() for label in ax.get_xticklabels()] == SKIES
    told = model.class_probabilities("sky").groupby("class")["probability"].mean()[SKIES]
    (across,) = ax.collections  # so few gaps that their draws are taken together
    assert [path.vertices[0, 1] for path in across.get_paths()] == pytest.approx(told.tolist())


def test_a_page_names_classes_and_limits(model, table):
    text = imputation_page(model, table, title="Gaps", notes=[], summary="Filled.")
    plain = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in plain.split("<tr>")]
    by_class = {(row[0], row[1]): row[2:] for row in rows if len(row) == 5}
    told = model.class_probabilities("sky")
    best = told.loc[told.groupby(told.columns[0])["probability"].idxmax(), "class"]
    for level in SKIES:
        observed, probability, written = by_class["sky", level]
        assert observed == f"{100 * (table['sky'].dropna() == level).mean():.1f} %"
        mean = told["probability"][told["class"] == level].mean()
        assert probability == f"{100 * mean:.1f} %"
        assert int(written) == (best == level).sum()
    assert ("wet", "True") in by_class
    sky = next(row for row in rows if row[:1] == ["sky"] and len(row) == 8)
    assert sky[:2] == ["sky", "6"]
    assert sky[3:6] == ["–"] * 3
    facts = next(row for row in rows if row[:1] == ["sky"] and len(row) == 9)
    often = table["sky"].value_counts()
    assert facts[5:] == ["–", "–", "–", f"{often.index[0]} ({often.iloc[0]} times)"]
    assert "sky: clear, cloudy, rainy; 6.7 % missing" in plain
    n = int((table["x"] <= LIMIT).sum()) + 4
    assert f"x: {n + 2} missing values, filled, {n} of them within limits." in plain
    for words in ("below this limit", "above this limit", "between these limits",
                  "the darker, the more probable a class", "Of classes, what is written is the most probable one",
                  "Values of which a limit is known were drawn from what lies beyond it"):  # fmt: skip
        assert words in plain
