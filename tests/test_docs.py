"""The pages of the documentation say what is true: their code runs, their lists are complete."""

import ast
import doctest
import importlib
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

import tsinit
from tsinit.init import names

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md")) + sorted((DOCS / "models").glob("*.md"))
BLOCK = re.compile(r"^```(python|pycon)\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


def test_there_are_pages_with_code():
    assert {page.stem for page in WITH_CODE} >= {
        "start",
        "comparing",
        "strategies",
        "state_space",
        "imputation",
    }


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "tsinit.init.registry._REGISTERED", dict(_registered())
    )  # what a page registers stays there
    adapters = importlib.import_module("tsinit.adapters.base")
    monkeypatch.setattr(adapters, "_ADAPTERS", list(adapters._ADAPTERS))
    scope = {"__name__": page.stem}
    for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(code, str(page), "exec"), scope)
        else:
            _run_session(code, page, scope)
    if "matplotlib" in sys.modules:
        importlib.import_module("matplotlib.pyplot").close("all")


def _registered():
    return importlib.import_module("tsinit.init.registry")._REGISTERED


def _run_session(code, page, scope):
    test = doctest.DocTestParser().get_doctest(code, scope, page.stem, str(page), 0)
    lines = []
    result = doctest.DocTestRunner(
        verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    ).run(test, out=lines.append, clear_globs=False)
    assert result.failed == 0, "".join(lines)


def test_the_sessions_of_the_command_line_are_what_it_prints(tmp_path, monkeypatch, capsys):
    from tsinit.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "90")
    shutil.copy(tsinit.datasets.find("new_york_air_quality"), "air.csv")
    hours = [f"2024-03-{1 + t // 24:02d} {t % 24:02d}:00" for t in range(48)]
    temp = [-200 if t in (5, 17, 40) else f"{10 + t % 7 / 2}" for t in range(48)]
    rows = [f"{hour},{value}\n" for hour, value in zip(hours, temp, strict=True)]
    Path("station.csv").write_text("".join(["time,temp\n", *rows]))
    page = (DOCS / "command_line.md").read_text(encoding="utf-8")
    sessions = re.findall(
        r"^```console\n\$ tsinit ([^\n]*)\n(.*?)^```", page, re.MULTILINE | re.DOTALL
    )
    assert len(sessions) == 6
    check = doctest.OutputChecker().check_output
    for command, expected in sessions:
        code = main(shlex.split(command))
        out, err = capsys.readouterr()
        said = out if code == 0 else err
        assert check(expected, said, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), said


def test_the_table_of_strategies_has_every_registered_name(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_ext")
    rows = importlib.import_module("listing").strategies()
    assert sorted(name for row in rows for name in row["names"]) == sorted(names())
    for row in rows:
        for name in row["names"]:
            assert all(name in names(verb) for verb in row["verbs"])


def test_the_gallery_shows_every_plot_once():
    page = (DOCS / "plots.rst").read_text(encoding="utf-8")
    shown = re.findall(r"^:func:`~tsinit\.plots\.(\w+)`", page, re.MULTILINE)
    assert sorted(shown) == sorted(tsinit.plot.__all__)
    for name in shown:
        assert re.search(rf"^   .*\.plot\.{name}\(", page, re.MULTILINE), name


def test_the_reference_has_every_public_name():
    listed = set(
        re.findall(
            r"^   (tsinit[\w.]+)$", (DOCS / "api.rst").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    # Modules list their own names; those of `models` and `comparison` stand on the page itself.
    modules = {tsinit.__dict__["_MODULES"][name] for name in tsinit.__dict__["_MODULES"]}
    assert modules - {"tsinit.models", "tsinit.comparison"} <= listed
    reached = {name.rpartition(".")[2] for name in listed}
    for module in (
        tsinit,
        importlib.import_module("tsinit.models"),
        importlib.import_module("tsinit.comparison"),
    ):
        wanted = {name for name in module.__all__ if name != "__version__"} - set(
            tsinit.__dict__["_MODULES"]
        )
        assert wanted <= reached


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_that_do_not_run_are_python_all_the_same(page):
    for code in re.findall(
        r"^```python no-run\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        ast.parse(code)


def test_the_tour_names_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tour = text.partition("tour of the code\n")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in tour.splitlines() if line.startswith("| `")]
    assert len(rows) > 10
    for row in rows:
        folder = re.findall("`([^`]+)`", row[1])[0]
        for path in re.findall("`([^`]+)`", row[3]):
            assert (ROOT / folder / path).is_file() or (ROOT / "tsinit" / path).is_file(), path


def test_contributing_names_paths_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tsinit|tests|\.ci|benchmarks)/[\w./]*)`", text)
    inside = r"`((?:models|adapters|comparison|init|speech|kernels|emissions)/[\w./]+)`"
    named += [f"tsinit/{path}" for path in re.findall(inside, text)]
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []
