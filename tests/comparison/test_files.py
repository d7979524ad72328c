"""A comparison written and read again is the same, bit for bit."""

import contextlib
import csv
import importlib.util
import itertools
import json
import math
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills, Walker

from tsinit.comparison import Comparison, compare, read_comparison
from tsinit.comparison.report.report import write_report
from tsinit.comparison.run.store import RunStore
from tsinit.models.monitor import Budget

X = np.zeros((40, 2))


def _labels(y, rng):
    return rng.random(len(y))


@pytest.fixture(scope="module")
def hills():
    with pytest.warns(UserWarning, match="runs failed"):
        return compare(Hills(), {"NaN": X, 'a "b", c': X + 1}, ["wide", "singular", "nan"], n_seeds=3,
                       seed=2**100, budget=Budget(max_iter=50), progress=False)  # fmt: skip


@pytest.fixture(scope="module")
def walk():
    return compare(Walker(), X, {"start": _labels}, n_seeds=3, progress=False)


@pytest.fixture(params=["csv", "parquet"])
def kind(request):
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return request.param


@pytest.fixture(scope="module")
def pages(hills, walk, tmp_path_factory):
    """The report on the tables of each of them, whose pictures take seconds."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, result in {"hills": hills, "walk": walk}.items():
        alone = Comparison(result.runs, result.traces, result.errors, result.about)
        found[name] = alone.report(folder / f"{name}.html").read_text()
    return found


@pytest.mark.parametrize("name", ["hills", "walk"])
def test_what_was_written_is_read_again(name, kind, pages, request, tmp_path):
    result = request.getfixturevalue(name)
    folder = getattr(result, f"to_{kind}")(tmp_path / "new" / "folder")
    back = read_comparison(str(folder))
    for table in ("runs", "traces", "errors"):
        pd.testing.assert_frame_equal(
            getattr(back, table), getattr(result, table), check_exact=True
        )
    assert back.about == result.about
    assert back.verdict() == result.verdict()
    assert back.summary_text() == result.summary_text()
    assert back.report(tmp_path / "back.html").read_text() == pages[name]


def test_without_models_no_run_can_be_fitted_again(hills, tmp_path):
    back = read_comparison(hills.to_csv(tmp_path))
    with pytest.raises(KeyError, match="read from files"):
        back.rerun(back.runs["run_id"].iloc[0])


def test_a_second_kind_replaces_the_first(hills, walk, tmp_path):
    pytest.importorskip("pyarrow")
    hills.to_parquet(tmp_path)
    walk.to_csv(tmp_path)
    assert read_comparison(tmp_path).about == walk.about
    hills.to_parquet(tmp_path)
    assert read_comparison(tmp_path).about == hills.about


def test_another_folder_is_refused(hills, tmp_path):
    with pytest.raises(ValueError, match="lacks runs, traces and errors"):
        read_comparison(tmp_path)
    (hills.to_csv(tmp_path) / "about.json").unlink()
    with pytest.raises(ValueError, match=r"lacks about\.json"):
        read_comparison(tmp_path)


def test_without_pyarrow_parquet_says_what_to_install(hills, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        hills.to_parquet(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_settings_are_plain_json(hills, tmp_path):
    about = json.loads((hills.to_csv(tmp_path) / "about.json").read_text())
    assert about["entropy"] == str(2**100)
    assert about["max_iter"] == 50
    assert about["models"]["Hills"]["objective"] == "height"


def test_what_is_no_path_is_refused(hills):
    for write in (hills.to_csv, hills.to_parquet, hills.report, read_comparison):
        with pytest.raises(TypeError, match=r"^(path|folder) must be a string or a Path; got 3\.$"):
            write(3)


def _same(one, two):
    return one.about == two.about and all(
        getattr(one, table).equals(getattr(two, table)) for table in ("runs", "traces", "errors")
    )


def test_no_flipped_bit_goes_unnoticed(hills, kind, tmp_path, rng):
    folder = getattr(hills, f"to_{kind}")(tmp_path)
    files = sorted(folder.iterdir())
    assert len(files) == 4
    for _ in range(100):  # 200 with both kinds
        path = files[rng.integers(4)]
        content = path.read_bytes()
        at, bit = rng.integers(len(content)), rng.integers(8)
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :])
        with pytest.raises(
            ValueError, match=rf"^{path.name} must be as Comparison\.to_csv"
        ) as caught:
            read_comparison(folder)
        assert "\n" not in str(caught.value)
        path.write_bytes(content)
    assert _same(read_comparison(folder), hills)


def test_a_table_that_is_cut_exchanged_or_gone_is_named(hills, walk, kind, tmp_path):
    folder = getattr(hills, f"to_{kind}")(tmp_path / "one")
    other = getattr(walk, f"to_{kind}")(tmp_path / "two")
    for path in sorted(folder.glob(f"*.{kind}")):
        content = path.read_bytes()
        for wrong in (b"", content[:-1], content + b"\n", (other / path.name).read_bytes()):
            path.write_bytes(wrong)
            with pytest.raises(ValueError, match=f"^{path.name} must be as Comparison"):
                read_comparison(folder)
        path.write_bytes(content)


def test_settings_nested_without_end_are_named_and_written_over(hills, tmp_path):
    hills.to_csv(tmp_path)
    (tmp_path / "about.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"about\.json must be as"):
        read_comparison(tmp_path)
    hills.to_csv(tmp_path)
    assert read_comparison(tmp_path).runs.equals(hills.runs)


@pytest.mark.parametrize("name", ["\0", "\ud800"])
def test_names_that_no_file_can_have_are_refused_in_a_sentence(hills, name):
    for write, what in ((hills.to_csv, "folder"), (hills.report, "path"), (RunStore, "store")):
        with pytest.raises(OSError, match=f"^{what} must be "):
            write(name)


def test_what_version_0_1_wrote_has_no_checksums_and_is_read(hills, kind, tmp_path):
    folder = getattr(hills, f"to_{kind}")(tmp_path)
    about = json.loads((folder / "about.json").read_text())
    del about["sha256"], about["files"]
    (folder / "about.json").write_text(json.dumps(about, indent=1))
    assert _same(read_comparison(folder), hills)
    (folder / f"runs.{kind}").write_bytes(b"\xff\xfe nothing \x00")
    with pytest.raises(ValueError, match=f"^runs.{kind} must be as Comparison.to_csv"):
        read_comparison(folder)


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interruption_leaves_the_old_comparison_or_the_new_one(
    hills, walk, kind, n, error, tmp_path, monkeypatch
):
    folder = getattr(walk, f"to_{kind}")(tmp_path)
    _fail_at(monkeypatch, n, error)
    try:
        getattr(hills, f"to_{kind}")(folder)
    except type(error):
        monkeypatch.undo()
        back = read_comparison(folder)
        assert _same(back, walk) or _same(back, hills)
        # What is new may still wait for its name; of what was not finished nothing is left.
        visible = [path.name for path in folder.iterdir() if path.name[0] != "."]
        assert sorted(visible) == _names(kind)
        assert len(list(folder.iterdir())) == 4 or _same(back, hills)
    monkeypatch.undo()
    assert _same(read_comparison(walk.to_csv(folder)), walk)
    assert sorted(path.name for path in folder.iterdir()) == _names("csv")


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("after", ["csv", "parquet"])
def test_a_process_that_is_killed_leaves_one_or_the_other_and_the_next_clears_up(
    hills, walk, kind, after, n, tmp_path, monkeypatch
):
    pytest.importorskip("pyarrow")
    folder = getattr(walk, f"to_{kind}")(tmp_path)
    # From the n-th rename on nothing happens any more, no cleaning up either.
    _fail_at(monkeypatch, n, OSError("killed"), for_good=True)
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
    with contextlib.suppress(OSError):
        getattr(hills, f"to_{after}")(folder)
    monkeypatch.undo()
    back = read_comparison(folder)
    assert _same(back, walk) or _same(back, hills)
    assert _same(read_comparison(walk.to_csv(folder)), walk)
    left = {path.name for path in folder.iterdir()} - set(_names("csv"))
    assert all(
        name.endswith(".part") or ".part." in name for name in left
    )  # of a process that still runs: this one


def _names(kind):
    return sorted(["about.json", *(f"{table}.{kind}" for table in ("runs", "traces", "errors"))])


def _fail_at(monkeypatch, n, error, for_good=False):
    """Have the n-th renaming of a file raise an error."""
    calls = itertools.count(1)
    rename = os.replace

    def replace(source, target):
        call = next(calls)
        if call == n or (for_good and call > n):
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(Path, "replace", replace)


def test_a_report_that_is_interrupted_leaves_the_old_one(walk, hills, tmp_path, monkeypatch, pages):
    path = tmp_path / "report.html"
    path.write_text(pages["walk"])
    _fail_at(monkeypatch, 1, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        write_report([("", walk, {})], path, title="new")
    assert path.read_text() == pages["walk"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of this kind")
def test_a_disk_that_is_full_leaves_what_was_there(hills, walk, kind, tmp_path):
    import resource

    folder, limits = (
        getattr(walk, f"to_{kind}")(tmp_path),
        resource.getrlimit(resource.RLIMIT_FSIZE),
    )
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        with pytest.raises(OSError):
            getattr(hills, f"to_{kind}")(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert _same(read_comparison(folder), walk)
    assert sorted(path.name for path in folder.iterdir()) == _names(kind)


NAMES = [
    "=1+1",
    "+a",
    "-a",
    "@a",
    "\ta",
    "\ra",
    "'=a",
    "''+",
    "'a",
    "a=b",
    "a\rb",
    "a\nb",
    'a"b,c',
    "$x^{2$",
    "\u00e4\u200b",
]


def test_texts_that_a_spreadsheet_would_compute_are_written_as_texts_and_come_back(kind, tmp_path):
    def fails(y, rng):
        raise ValueError('=HYPERLINK("http://example.org")')

    strategies = {name: "wide" for name in NAMES} | {"-1": fails}
    with pytest.warns(UserWarning, match="1 of 16 runs failed"):
        result = compare(Hills(), {"=data": X}, strategies, n_seeds=1, progress=False,
                         score={"=1+1": lambda model, X: -1.0})  # fmt: skip
    assert _same(read_comparison(getattr(result, f"to_{kind}")(tmp_path)), result)
    if kind == "csv":
        for table in ("runs", "errors"):
            with (tmp_path / f"{table}.csv").open(newline="") as file:
                header, *rows = csv.reader(file)
            for name, cell in (
                (name, cell) for row in rows for name, cell in zip(header, row, strict=True)
            ):
                assert cell[:1] not in tuple("=+-@\t\r") or math.isfinite(float(cell)), (name, cell)
        assert "-1" in set(result.runs["score_=1+1"].map("{:.0f}".format))  # a number stays one
