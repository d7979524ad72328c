"""The report: one file, nothing from outside, everything in it."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from comparison.fake_model import Hills

from tsinit.comparison import compare

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
    assert all(source.startswith("data:") for source in checker.sources)
    assert not re.search(r"<script|<link|@import|url\(", report[1])


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
    assert text.count("<img ") == 2 * 6 + 1
    assert all(run_id in text for run_id in result.runs["run_id"])


def test_the_same_comparison_writes_the_same_pictures_and_leaves_none_open(report, tmp_path):
    from matplotlib import pyplot as plt

    result, text = report
    before = plt.get_fignums()
    assert write(result, tmp_path / "again.html") == text
    assert plt.get_fignums() == before
