"""The command line: what it prints, what it writes, how it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tsinit
from tsinit import cli, datasets

QUICK = ["--seeds", "2", "--states", "2", "--max-iter", "5", "--jobs", "1", "--quiet"]


@pytest.fixture
def air(tmp_path):
    path = tmp_path / "air.csv"
    datasets.load_new_york_air_quality().to_csv(path)
    return str(path)


def _refused(arguments, capsys):
    """Run a command that must fail with code 2, and return what it says."""
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr()
    assert code == 2
    assert "Traceback" not in said.err
    return said.err


def test_compare_prints_words_and_a_table_and_writes_what_was_asked(air, tmp_path, capsys):
    report, folder = tmp_path / "report.html", tmp_path / "tables"
    code = cli.main(["compare", air, "--strategies", "kmeans,uniform", "--report", str(report), "--csv", str(folder),
                     "--test", "0.2", *QUICK])  # fmt: skip
    said = capsys.readouterr()
    assert code == 0
    assert "153 rows (1973-05-01 to 1973-09-30, column 'date')" in said.out
    assert "7.2 % missing" in " ".join(said.out.split())
    assert "kmeans" in said.out
    assert "score test" in said.out.replace("\n", " ")
    assert said.err == ""
    assert "Starting points for air.csv" in report.read_text()
    assert len(pd.read_csv(folder / "runs.csv")) == 4


def test_compare_runs_a_model_of_another_library(air, tmp_path, capsys):
    pytest.importorskip("hmmlearn")
    complete = tmp_path / "complete.csv"
    pd.read_csv(air)[["Wind", "Temp"]].to_csv(complete, index=False)
    report = tmp_path / "report.html"
    arguments = ["--model", "hmmlearn:GaussianHMM", "--set", "n_components=2", "--set", "covariance_type=full",
                 "--seeds", "2", "--max-iter", "6", "--jobs", "1", "--quiet", "--report", str(report)]  # fmt: skip
    assert cli.main(["compare", str(complete), *arguments]) == 0
    said = capsys.readouterr().out
    for start in ("native", "kmeans++", "segments"):
        assert start in said
    page = report.read_text(encoding="utf-8")
    assert "GaussianHMM(covariance_type='full', n_components=2)" in page.replace("&#x27;", "'")
    assert "with its regimes" in page


def test_the_example_of_the_help_is_a_working_command(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["compare", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "Example: tsinit compare air.csv --states 4" in " ".join(text.split())
    for option in (
        "--model",
        "--states",
        "--strategies",
        "--seeds",
        "--jobs",
        "--report",
        "--time",
        "--test",
    ):
        assert option in text


def test_nothing_but_the_name_shows_help(capsys):
    assert cli.main([]) == 2
    assert "tsinit demo" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"tsinit {tsinit.__version__}"


def test_datasets_lists_them_with_their_places(capsys):
    assert cli.main(["datasets"]) == 0
    text = capsys.readouterr().out
    for name in datasets.list_datasets()["name"]:
        assert name in text


def test_inputs_are_columns_of_the_file(air, tmp_path, capsys):
    report = tmp_path / "report.html"
    arguments = ["compare", air, "--strategies", "uniform", "--columns", "Ozone,Solar.R", "--inputs", "Temp,Wind",
                 "--test", "0.2", "--report", str(report), *QUICK]  # fmt: skip
    assert cli.main(arguments) == 0
    page = report.read_text()
    assert "Beside them 2 known inputs: Temp, Wind." in page
    assert "Solar.R: smoothed" in page
    assert "could not be shown" not in page
    for wrong, words in (
        (["--inputs", "Rain"], "--inputs must name columns of the file"),
        (["--inputs", "Ozone"], "inputs must be complete"),
        (["--inputs", "Temp", "--model", "hmm"], "--inputs must go with a model that takes them"),
    ):
        assert cli.main(["compare", air, *wrong, *QUICK]) == 2
        assert words in capsys.readouterr().err


def test_regimes_are_compared_like_any_other_model(air, tmp_path, capsys):
    arguments = ["compare", air, "--model", "infinite-hmm", "--emission", "gaussian_diag", "--max-iter", "20",
                 "--strategies", "kmeans,segments", "--csv", str(tmp_path), *QUICK]  # fmt: skip
    assert cli.main(arguments) == 0
    assert "joint log density" in capsys.readouterr().out
    traces = pd.read_csv(tmp_path / "traces.csv")
    assert (traces["n_states"] >= 1).all()


def test_a_given_number_of_regimes_is_compared_and_reported(air, tmp_path, capsys):
    page = tmp_path / "page.html"
    arguments = ["compare", air, "--model", "hmm", "--states", "2", "--emission", "student_t", "--max-iter", "20",
                 "--strategies", "kmeans,uniform", "--csv", str(tmp_path), "--report", str(page), *QUICK]  # fmt: skip
    assert cli.main(arguments) == 0
    assert "log posterior" in capsys.readouterr().out
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert set(runs["status"]) <= {"ok", "not_converged"}
    assert "HiddenMarkovModel" in page.read_text(encoding="utf-8")


def test_columns_may_have_emissions_of_their_own(air, tmp_path):
    kinds = "Ozone=student_t,Solar.R=gaussian,Wind+Temp=gaussian"
    arguments = ["compare", air, "--model", "hmm", "--states", "2", "--emission", kinds, "--max-iter", "20",
                 "--strategies", "kmeans,uniform", "--csv", str(tmp_path), *QUICK]  # fmt: skip
    assert cli.main(arguments) == 0
    assert set(pd.read_csv(tmp_path / "runs.csv")["status"]) <= {"ok", "not_converged"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compare", "nowhere.csv"], "must be a file; got 'nowhere.csv'"),
        (["compare", "{air}", "--strategies", "kmeens"], "Did you mean 'kmeans'?"),
        (["compare", "{air}", "--strategies", ","], "must be names separated by commas"),
        (["compare", "{air}", "--states", "0"], "must be a whole number of at least 1; got '0'"),
        (
            ["compare", "{air}", "--seeds", "many"],
            "must be a whole number of at least 1; got 'many'",
        ),
        (["compare", "{air}", "--jobs", "0"], "must be a whole number other than 0"),
        (["compare", "{air}", "--test", "2"], "test must be a number above 0 and below 1"),
        (["compare", "{air}", "--seconds", "-5"], "must be a number of at least 0; got '-5'"),
        (["compare", "{air}", "--seconds", "nan"], "must be a number of at least 0; got 'nan'"),
        (["compare", "{air}", "--time", "when"], "--time must name columns of the file"),
        (["compare", "{air}", "--model", "magic"], "or LIBRARY:CLASS; got 'magic'"),
        (
            ["compare", "{air}", "--model", "magic:Wand"],
            "hmmlearn (GaussianHMM, GMMHMM, CategoricalHMM, PoissonHMM)",
        ),
        (
            ["compare", "{air}", "--model", "hmmlearn:GausianHMM"],
            "Did you mean hmmlearn:GaussianHMM?",
        ),
        (
            ["compare", "{air}", "--model", "hmmlearn:GaussianHMM", "--set", "a"],
            "must be NAME=VALUE",
        ),
        (
            ["compare", "{air}", "--model", "hmmlearn:GaussianHMM", "--set", "wands=3"],
            "--set must suit",
        ),
        (
            ["compare", "{air}", "--model", "hmmlearn:GaussianHMM", "--states", "3"],
            "--states must go",
        ),
        (
            ["compare", "{air}", "--model", "hmmlearn:GaussianHMM", "--hide", "0.1"],
            "--hide must go",
        ),
        (
            ["compare", "{air}", "--model", "hmlearn:GaussianHMM"],
            "Did you mean hmmlearn:GaussianHMM?",
        ),
        (["compare", "{air}", "--model", "GaussianHMM"], "Did you mean hmmlearn:GaussianHMM"),
        (
            ["compare", "{air}", "--model", "hmmlearn:GaussianHMM"],
            "got 44 missing values in column 'Ozone'",
        ),
        (["compare", "{air}", "--set", "a=1"], "--set must go with a model of another library"),
        (
            ["compare", "{air}", "--model", "infinite-hmm", "--emission", "gausian"],
            "Did you mean 'gaussian'?",
        ),
        (
            ["compare", "{air}", "--model", "infinite-hmm", "--strategies", "lpc"],
            "does not offer 'labels'",
        ),
        (
            ["compare", "{air}", "--hide", "1.5"],
            "--hide must be a number above 0 and below 1; got 1.5",
        ),
        (
            ["compare", "{air}", "--hide", "0.1", "--model", "infinite-hmm"],
            "--hide must go with a model that fills",
        ),
        (["compare", "{air}", "--hide", "0.1", "--model", "hmm"], "got hmm."),
        (
            ["compare", "{air}", "--model", "hmm", "--emission", "gausian"],
            "Did you mean 'gaussian'?",
        ),
        (
            ["compare", "{air}", "--model", "hmm", "--emission", "Ozone=gaussian,Wnd=gaussian"],
            "Did you mean 'Wind'?",
        ),
        (
            ["compare", "{air}", "--model", "hmm", "--emission", "Ozone=gaussian,Ozone=poisson"],
            "COLUMN=NAME,COLUMN=NAME,... with every column once",
        ),
        (["compare", "{air}", "--test", "0.1", "--model", "tbayes-mice"], "--hide scores fillings"),
        (
            ["compare", "{air}", "--report", "no/such/folder/r.html"],
            "must lie in a folder that exists",
        ),
        (["demo", "--output", "no/such/folder/r.html"], "must lie in a folder that exists"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_wrong_usage_gets_one_sentence_and_code_2(arguments, sentence, air, capsys):
    assert sentence in _refused([a.format(air=air) for a in arguments], capsys)


def test_unsorted_times_are_sorted_and_that_is_told(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("day,x\n2024-01-02,1\n2024-01-01,2\n2024-01-03,2\n")
    cli.main(["compare", str(path), "--strategies", "uniform", *QUICK])
    assert "Rows are not in the order of time: they are sorted." in capsys.readouterr().out


def test_nothing_fitted_is_code_1(tmp_path, capsys):
    path = tmp_path / "data.csv"
    pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [np.nan] * 4}).to_csv(path, index=False)
    # Only who names an empty column gets it.
    assert (
        cli.main(["compare", str(path), "--strategies", "uniform", "--columns", "x,y", *QUICK]) == 1
    )
    said = capsys.readouterr()
    assert "no run could be fitted" in said.out
    assert "tsinit: note: all 2 runs failed" in said.err


def test_ctrl_c_is_code_130(air, monkeypatch, capsys):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tsinit.comparison.entry.run_tasks", interrupt)
    assert cli.main(["compare", air, *QUICK]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_module_runs_as_a_command_and_dies_politely(air):
    version = subprocess.run(
        [sys.executable, "-m", "tsinit", "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout.strip() == f"tsinit {tsinit.__version__}"
    command = [
        sys.executable,
        "-m",
        "tsinit",
        "compare",
        air,
        "--seeds",
        "5000",
        "--jobs",
        "1",
        "--quiet",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={
        **os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    assert process.stdout.readline().startswith("153 rows")  # from here on it computes
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error


def test_tables_need_a_folder_and_that_is_said_before_anything_runs(air, capsys):
    said = _refused(["compare", air, "--csv", air, *QUICK], capsys)
    assert said == f"tsinit: --csv must name a folder; got {air!r}, which is a file.\n"


@pytest.mark.parametrize("kind", ["pipe", "circle", "device", "below a file", "long"])
def test_places_for_tables_that_no_folder_can_take_are_refused_before_anything_runs(
    air, tmp_path, capsys, kind
):
    place = tmp_path / "place"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "circle":
        place.symlink_to(place)
    else:
        place = Path(
            {"device": os.devnull, "below a file": f"{air}/x", "long": str(tmp_path / ("x" * 300))}[
                kind
            ]
        )
    said = _refused(["compare", air, "--csv", str(place), *QUICK], capsys)
    assert said.startswith("tsinit: --csv must ")
    assert said.count("\n") == 1


def test_what_is_written_never_replaces_the_data(tmp_path, capsys, air):
    table = tmp_path / "runs.csv"
    table.write_bytes(Path(air).read_bytes())
    for option in (["--report", str(table)], ["--csv", str(tmp_path)]):
        assert "DATA.csv" in _refused(["compare", str(table), *option, *QUICK], capsys)
    assert table.read_bytes() == Path(air).read_bytes()


def test_fillings_are_compared_and_scored_on_what_was_hidden(air, tmp_path, capsys):
    arguments = [
        "compare",
        air,
        "--model",
        "tbayes-mice",
        "--hide",
        "0.1",
        "--max-iter",
        "20",
        "--csv",
        str(tmp_path),
    ]
    assert cli.main([*arguments, *QUICK]) == 0
    assert "score rmse" in " ".join(capsys.readouterr().out.split())
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert runs["strategy"].unique().tolist() == ["linear", "kmeans", "uniform"]
    assert runs[["score_rmse", "score_crps", "rhat"]].notna().all(axis=None)


def test_numbers_that_count_up_are_the_clock_and_constant_columns_are_left_out(tmp_path, capsys):
    path, rng = tmp_path / "data.csv", np.random.default_rng(0)
    pd.DataFrame({"t": range(40), "x": rng.normal(size=40), "same": 3.0}).to_csv(path, index=False)
    command = ["compare", str(path), "--strategies", "uniform", "--seeds", "2", "--states", "1", "--max-iter", "2",
               "--jobs", "1", "--quiet"]  # fmt: skip
    assert cli.main(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "'t' is taken for the clock: a count of time; --time names another, or none." in said
    assert "Left out, for they hold one value: same (3)." in said
    assert "1 column: x" in said
    assert cli.main([*command, "--time", "none"]) == 0
    assert "2 columns: t, x" in " ".join(capsys.readouterr().out.split())


def test_a_file_without_names_gets_some_and_that_is_told(tmp_path, capsys):
    path = tmp_path / "data.csv"
    pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2))).to_csv(
        path, index=False, header=False
    )
    assert cli.main(["compare", str(path), "--strategies", "uniform", *QUICK]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Line 1 holds values and no names: columns are called column_1 to column_2." in said


def test_the_name_of_a_file_changes_no_result(tmp_path, capsys):
    values, said = np.random.default_rng(0).normal(size=(30, 2)), []
    for name in ("one.csv", "other.csv"):
        pd.DataFrame(values, columns=["x", "y"]).to_csv(tmp_path / name, index=False)
        folder = tmp_path / f"tables of {name}"
        command = ["compare", str(tmp_path / name), "--strategies", "uniform", "--csv", str(folder)]
        assert cli.main([*command, *QUICK]) == 0
        said.append(pd.read_csv(folder / "runs.csv")["objective_final"].tolist())
    capsys.readouterr()
    assert said[0] == said[1]


def test_exit_codes_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        cli.main(["compare", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for part in (
        "0 done",
        "1 nothing could be fitted",
        "2 wrong usage or input",
        "130 interrupted",
    ):
        assert part in text


def test_killed_or_interrupted_the_same_command_goes_on(air, tmp_path, capsys):
    folder, kept = tmp_path / "runs", 0
    arguments = ["compare", air, "--strategies", "uniform", "--seeds", "40", "--states", "2", "--max-iter", "30",
                 "--jobs", "1", "--quiet", "--store", str(folder)]  # fmt: skip
    for blow in (signal.SIGKILL, signal.SIGINT):
        process = subprocess.Popen([sys.executable, "-m", "tsinit", *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        while process.poll() is None and len(list(folder.glob("*.run"))) < kept + 3:
            time.sleep(0.01)
        process.send_signal(blow)
        _, error = process.communicate(timeout=60)
        kept = len(list(folder.glob("*.run")))
        assert 3 <= kept < 40
        assert process.returncode == (-9 if blow == signal.SIGKILL else 130)
        assert "Traceback" not in error
    assert f"The runs that finished are in {folder}; the same command" in error
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.run")}
    assert cli.main(arguments) == 0
    assert "uniform" in capsys.readouterr().out
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.run")}
    assert len(after) == 40
    assert all(
        after[name] == written for name, written in before.items()
    )  # nothing is computed twice


def test_a_report_may_go_to_standard_output_and_words_then_do_not(tmp_path):
    rows = "\n".join(f"{np.sin(t):.3f},{np.cos(t):.3f}" for t in range(40))
    (tmp_path / "data.csv").write_text(f"a,b\n{rows}\n")
    options = [
        "--states",
        "1",
        "--strategies",
        "uniform",
        "--seeds",
        "1",
        "--max-iter",
        "2",
        "--quiet",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tsinit", "compare", "data.csv", "--report", "/dev/stdout", *options],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.rstrip().endswith("</html>")
    assert "40 rows" in done.stderr


def test_a_library_that_is_missing_is_a_sentence(air, capsys, monkeypatch):
    from tsinit.adapters.base import library_adapters

    (adapter,) = library_adapters("hmmlearn")
    monkeypatch.setitem(adapter.classes, "GaussianHMM", "no_such_library.hmm")
    arguments = ["compare", air, "--model", "hmmlearn:GaussianHMM"]
    pd.read_csv(air)[["Wind", "Temp"]].to_csv(air, index=False)
    said = _refused(arguments, capsys)
    assert "tsinit: hmmlearn must be installed for GaussianHMM" in said
    assert "pip install hmmlearn" in said


@pytest.mark.parametrize("before", [None, "0"])
def test_quiet_says_nothing_of_compiling_while_it_runs(before, tmp_path, monkeypatch):
    monkeypatch.delenv("TSINIT_QUIET", raising=False)
    if before is not None:  # somebody's own wish stays
        monkeypatch.setenv("TSINIT_QUIET", before)
    seen = []
    monkeypatch.setattr("tsinit.demo.run", lambda *a, **k: seen.append(os.environ["TSINIT_QUIET"]))
    cli.main(["demo", "--output", str(tmp_path / "r.html"), "--quiet"])
    assert seen == ["1" if before is None else before]
    assert os.environ.get("TSINIT_QUIET") == before
