"""The report: one file, nothing from outside, everything in it."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills

from tsinit.comparison import compare, read_comparison

X = np.zeros((40, 2))


class _Checker(HTMLParser):
    """Collects tags, and that they close in order."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self):
        super().__init__()
        self.open, self.sources, self.ok = [], [], True

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.ok &= bool(self.open) and self.open.pop() == tag


def write(result, path):
    from matplotlib.figure import Figure

    extra = Figure()
    extra.subplots().plot([1, 2])
    written = result.report(path, title="My & report", figures={"Extra": extra})
    return written.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(
            {"a <b>": Hills(), "two": Hills(max_iter=3)},
            X,
            ["wide", "fixed", "singular"],
            n_seeds=5,
            test=0.2,
            progress=False,
        )
    return result, write(result, tmp_path_factory.mktemp("report") / "r.html")


def test_the_document_is_well_formed_and_needs_nothing_from_outside(report):
    checker = _Checker()
    checker.feed(report[1])
    assert checker.ok
    assert not checker.open
    assert checker.sources
    assert all(re.match(r"data:|#\w+$", source) for source in checker.sources)
    assert not re.search(r"<script [^>]*src|@import|url\((?!#)", report[1])


def test_everything_that_is_pointed_at_is_there_once(report):
    text = report[1]
    names = re.findall(r' id="([^"]*)"', text)
    wanted = set(re.findall(r'href="#([^"]*)"', text)) | set(re.findall(r"url\(#([^)]*)\)", text))
    assert wanted <= set(names)
    assert len(names) == len(set(names))


def test_it_says_what_a_colleague_needs(report):
    result, text = report
    for part in (
        "My &amp; report",
        "a &lt;b&gt;",
        "Verdict",
        "How it was computed",
        "SeedSequence(entropy=0",
        result.runs["versions"].iloc[0],
        "Runs that failed",
        "Singular matrix",
        "viewport",
        "Extra",
    ):
        assert part in text
    assert "a <b>" not in text
    # Two columns, six pictures of each model, and one that was given.
    assert text.count("<figure>") == 2 + 2 * 6 + 1
    assert all(run_id in text for run_id in result.runs["run_id"])


def test_the_same_comparison_writes_the_same_pictures_and_leaves_none_open(report, tmp_path):
    from matplotlib import pyplot as plt

    result, text = report
    before = plt.get_fignums()
    assert write(result, tmp_path / "again.html") == text
    assert plt.get_fignums() == before


def test_it_opens_with_the_data_and_the_best_fit(report):
    text = report[1]
    order = [
        "Data",
        "What the best fits show",
        "Verdict",
        "Summary",
        "Runs in pictures",
        "How it was computed",
    ]
    links = re.findall(r'<a href="#s\d+">([^<]*)</a>', text)
    assert [name for name in links if name in order] == order
    assert "32 steps; 2 columns, 0.0 % of the values missing." in text
    assert "What was held out is not shown." in text
    assert "0 (32 times)" in text  # what is the same so often


def test_a_comparison_read_from_files_says_why_it_shows_no_data(report, tmp_path):
    report[0].to_csv(tmp_path / "csv")
    read = read_comparison(tmp_path / "csv")
    assert read.data is None
    text = read.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "neither data nor models" in text
    assert text.count("<figure>") == 2 * 6


def test_names_that_look_like_code_stay_as_they_are(tmp_path):
    name = ' id="p1" href="#a" style="fill: #0072b2" 1.2345'
    data = pd.DataFrame({"x": [1.0, 2.0, np.nan, 4.0], "y": [0.5, np.nan, np.nan, 2.0]})
    result = compare(Hills(), {"d": data}, {name: "wide", "b": "right"}, n_seeds=2, progress=False)
    text = result.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert name in html.unescape(text)
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert any("#0072b2" in one for one in shown)
    assert not any("var(" in one for one in shown)
    assert "y: 0.5 to 2; 50.0 % missing, one gap of 2 steps" in text
