"""Names are drawn, exported and shown as they are, whatever is in them."""

import html.parser
import io
import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills
from matplotlib import pyplot as plt
from matplotlib.cbook import is_math_text
from matplotlib.text import Text
from sklearn.exceptions import ConvergenceWarning

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, compare, plots
from tsinit._plots import style

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")

#: A formula that cannot be parsed, one that can, what a legend leaves out, what no SVG holds, a link, a tag.
NAMES = [
    "$x^{2$",
    "_from $5 to $6$",
    "a\x01\x00b",
    "\\$1 & $2",
    "</p><script>alert(1)</script>",
    "\"&lt;'",
]
SHOWN = [
    "$x^{2$",
    " _from $5 to $6$",
    "a\\x01\\x00b",
    "\\$1 & $2",
    "</p><script>alert(1)</script>",
    "\"&lt;'",
]
X = np.zeros((40, 2))


def test_a_plain_name_is_shown_letter_by_letter():
    for name, shown in zip([*NAMES, "\ud800"], [*SHOWN, "\\ud800"], strict=True):
        assert not is_math_text(style.plain(name))
        assert Text(text=style.plain(name))._preprocess_math(style.plain(name)) == (shown, False)


@pytest.fixture(scope="module")
def comparison():
    data = {f"$d^{{{i}$ $": X + i for i in range(6)}
    strategies = dict(zip(NAMES, ["wide", "right", "fixed", "wide", "right", "wide"], strict=True))
    return compare({"_$m_{$": Hills(max_iter=5)}, data, strategies, n_seeds=2, progress=False)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    time = pd.RangeIndex(60, name="$t_{$ $")
    table = pd.DataFrame(
        rng.normal(size=(60, 2)).cumsum(axis=0), time, ["$a_{$", "_b $5 to $6\x01"]
    )
    table.iloc[5:9, 0] = np.nan
    return table


@pytest.fixture(scope="module")
def models(table):
    imputer = TBayesMICE(n_tune=5, n_draws=10, random_state=0).fit(table)
    ssm = LinearGaussianSSM(2, max_iter=2, random_state=0).fit(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # six sweeps are for their pictures
        hmm = InfiniteHMM(n_tune=2, n_draws=4, n_chains=1, random_state=0).fit(table)
    return imputer, ssm, hmm


def _check(drawn):
    """Save what was drawn as an SVG that can be parsed; no name in it is a formula."""
    axes = np.atleast_1d(np.asarray(drawn, dtype=object)).ravel()
    figure = axes[0].figure
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    ElementTree.fromstring(buffer.getvalue())
    for text in figure.findobj(Text):
        assert not is_math_text(text.get_text()) or r"\mathdefault" in text.get_text()
    plt.close(figure)


@pytest.mark.parametrize(
    "name", ["traces", "strip", "waterfall", "time_to_target", "pairs", "best_of"]
)
def test_plots_of_a_comparison(comparison, name):
    drawn = getattr(comparison.plot, name)(dataset="$d^{0$ $")
    axes = np.atleast_1d(np.asarray(drawn, dtype=object)).ravel()
    if name in ("waterfall", "best_of"):
        legend = [text.get_text() for text in axes[0].get_legend().get_texts()]
        assert len(legend) == len(NAMES)
    _check(drawn)


def test_mean_ranks(comparison):
    _check(comparison.plot.critical_difference())


def test_plots_of_models(models, table):
    imputer, ssm, hmm = models
    for draw in (plots.imputed, plots.imputed_chains, plots.imputed_density, plots.imputed_rhat):
        _check(draw(imputer))
    _check(plots.smoothed(ssm, table))
    _check(plots.eigenvalues({"$x_{$": ssm, "_$y_{$": ssm}))
    _check(plots.segmentation(hmm, table))
    _check(plots.segmentations({"$x_{$": hmm.labels_, "_$y$": hmm.labels_}))


class _Page(html.parser.HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.text += " ".join(value or "" for name, value in attributes if name != "src")

    def handle_data(self, data):
        self.text += data


def test_a_report_shows_names_and_runs_none_of_them(tmp_path):
    bad = '</script><script>alert("x")</script>$x^{2$'

    def fails(y, rng):
        raise RuntimeError(bad + "\ud800")

    model, strategies = {bad: Hills(max_iter=5)}, {bad: "wide", bad + "2": fails}
    with pytest.warns(UserWarning, match="2 of 4 runs failed"):
        result = compare(model, {bad: X}, strategies, n_seeds=2, score={bad: lambda model, X: 1.0},
                         progress=False)  # fmt: skip
    figure, ax = plt.subplots()
    path = result.report(tmp_path / "r.html", title=bad + "\ud800", figures={bad: ax})
    plt.close(figure)
    page = _Page()
    text = path.read_text(encoding="utf-8")
    page.feed(text)
    assert page.tags.count("script") == 1  # its own, which sorts tables
    assert bad in page.text
    pictures = re.findall(r'<svg role="img".*?</svg>', text, flags=re.DOTALL)
    assert len(pictures) == page.tags.count("figure")
    for picture in pictures:
        ElementTree.fromstring(picture)
    shown = _Page()
    shown.feed(result._repr_html_())
    assert "script" not in shown.tags
    assert bad in shown.text
    assert re.search(r"\\ud800", result.errors["error_message"].iloc[0])
    result.to_csv(tmp_path / "csv")


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("strategy", {"strategies": {"\ud800": "wide"}}),
        ("model", {"model": {"a\udfff": Hills()}}),
        ("data set", {"data": {"\udc80.csv": X}}),
        ("score", {"score": {"\ud800": lambda model, X: 1.0}}),
    ],
)
def test_a_lone_surrogate_in_a_name_is_refused_in_a_sentence(what, arguments):
    given = {
        "model": Hills(),
        "data": X,
        "strategies": ["wide"],
        "n_seeds": 1,
        "progress": False,
    } | arguments
    with pytest.raises(ValueError, match=rf"^{what} names must be text .*; got '.*\\ud.*'\.$"):
        compare(**given)
