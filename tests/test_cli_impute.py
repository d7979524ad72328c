"""``tsinit impute``: gaps are filled, everything else stays as it was written, and wrong input gets one sentence."""

import inspect
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from tsinit import TBayesMICE, cli, datasets
from tsinit._cli.csv_text import CSVText
from tsinit._cli.gaps import read_gaps
from tsinit._validate import check_series
from tsinit.tables.read import Options

QUICK = ["--draws", "20", "--tune", "20", "--jobs", "1", "--quiet"]


@pytest.fixture
def write(tmp_path):
    def write(text, name="in.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


@pytest.fixture
def air(tmp_path):
    path = tmp_path / "air.csv"
    datasets.load_new_york_air_quality().to_csv(path)
    return path


def series(n=40, seed=0):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.standard_normal(n))
    return np.column_stack([x, x + 0.1 * rng.standard_normal(n)])


def run(*arguments):
    return cli.main(["impute", *map(str, arguments), *QUICK])


def _refused(arguments, capsys, code=2):
    try:
        found = cli.main(["impute", *map(str, arguments)])
    except SystemExit as stop:
        found = stop.code
    said = capsys.readouterr()
    assert found == code
    assert "Traceback" not in said.err
    return said.err


def test_gaps_are_filled_with_posterior_means_and_all_else_is_the_same_text(air, capsys):
    out = air.with_name("full.csv")
    assert run(air, out) == 0
    said = capsys.readouterr()
    assert said.err == ""
    words = " ".join(said.out.split())
    assert "153 rows (1973-05-01 to 1973-09-30, column 'date')" in words
    assert "All columns are taken for continuous numbers." in words
    assert "Filled 44 cells with the posterior mean: Ozone 37 (24.2 %), Solar.R 7 (4.6 %)." in words
    assert (
        "Method: chained equations (fcs), sampler mala, 1 lag; 4 chains of 20 draws after 20 sweeps"
        in words
    )
    assert (
        "Chosen by a trial on hidden cells; expected CRPS, in standard deviations: fcs 0." in words
    )
    assert "R-hat" in words
    assert f"Written to {out}" in words
    before, after = (
        [line.split(",") for line in path.read_text().splitlines()] for path in (air, out)
    )
    changed = [
        (i, j)
        for i, line in enumerate(before)
        for j, cell in enumerate(line)
        if cell != after[i][j]
    ]
    assert len(changed) == 44
    assert all(before[i][j] == "" for i, j in changed)
    assert {path.name for path in air.parent.iterdir()} == {"air.csv", "full.csv"}
    table = datasets.load_new_york_air_quality()
    model = TBayesMICE(method="auto", n_draws=20, n_tune=20, random_state=0).fit(table)
    full = pd.read_csv(out, index_col=0)
    # Cells are written to a thousandth of the column's standard deviation, or finer.
    assert (
        np.abs(full.to_numpy() - model.transform(table).to_numpy()) <= 1e-3 * table.std().to_numpy()
    ).all()


def test_intervals_and_imputations_lie_beside_the_table(air, capsys):
    out = air.with_name("full.csv")
    report = air.with_name("full.html")
    options = ["--intervals", "0.9", "--imputations", "2", "--report", report]
    assert run(air, out, *options) == 0
    said = capsys.readouterr().out
    page = report.read_text(encoding="utf-8")
    for part in ("Gaps of air.csv, filled", "Filled 44 cells", "Do the chains agree?", "17 gaps"):
        assert part in page
    assert page.count("<figure>") == 4 + 2 + 3
    assert "Intervals of 90 % in" in said
    assert "full.imputation-01.csv to full.imputation-02.csv" in " ".join(said.split())
    assert "reach below 0, where none was observed" in " ".join(said.split())
    table, full = datasets.load_new_york_air_quality(), pd.read_csv(out, index_col=0)
    limits = pd.read_csv(air.with_name("full.intervals.csv"), index_col=0)
    assert list(limits.columns) == ["Ozone_lower", "Ozone_upper", "Solar.R_lower", "Solar.R_upper"]
    for name in ("Ozone", "Solar.R"):
        missing = table[name].isna().to_numpy()
        assert limits[f"{name}_lower"].notna().to_numpy().tolist() == missing.tolist()
        # A mean lies within an interval of 90 % of its draws.
        assert (limits[f"{name}_lower"] < full[name])[missing].all()
        assert (limits[f"{name}_upper"] > full[name])[missing].all()
    one, other = (
        pd.read_csv(air.with_name(f"full.imputation-0{i}.csv"), index_col=0) for i in (1, 2)
    )
    assert ((one != other).to_numpy() == table.isna().to_numpy()).all()


def test_quotes_decimal_commas_line_ends_and_words_stay(write, capsys):
    y = series()
    lines = [f'"{d:%d.%m.%Y}";{a:.3f};{b:.3f};"a ""b"", c"; '.replace(".", ",").replace(",20", ".20", 1)
             for d, (a, b) in zip(pd.date_range("2020-01-01", periods=40), y, strict=True)]  # fmt: skip
    lines = [line.replace(line[:12], f'"{d:%d.%m.%Y}"') for line, d in
             zip(lines, pd.date_range("2020-01-01", periods=40), strict=True)]  # fmt: skip
    parts = lines[7].split(";")
    lines[7] = ";".join([parts[0], "NA", *parts[2:]])
    text = "\ufeff" + "\r\n".join(['Tag;x;y;"was; wo";', *lines, ";;;;", ""])
    path = write(text)
    out = path.with_name("out.csv")
    assert run(path, out) == 0
    assert "Left out, for they hold words: was; wo." in " ".join(capsys.readouterr().out.split())
    filled = out.read_bytes().decode()
    number = filled.splitlines()[8].split(";")[1]
    assert float(number.replace(",", ".")) == pytest.approx(y[7, 1], abs=2)
    assert filled == text.replace(";NA;", f";{number};")


def test_cells_beyond_limits_are_filled_from_there(write, capsys):
    """Limits of their own for some cells, decimal commas, gaps beside them; completed tables differ."""
    y = series(120)
    low, high = np.quantile(y[:, 0], [0.2, 0.9])
    rows = []
    for i, (a, b) in enumerate(y):
        limit = low if i % 2 else low + 0.5
        cell = f"<{limit:.2f}" if a < limit else f"> {high:.2f}" if a > high else f"{a:.2f}"
        rows.append(f"{i};{'' if i % 17 == 3 else cell};{b:.2f}".replace(".", ","))
    path = write("\n".join(["t;x;y", *rows, ""]))
    out = path.with_name("out.csv")
    assert run(path, out, "--intervals", "0.9", "--imputations", "2") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Values beyond a limit are taken for missing" in said
    assert "Cells with a limit are filled by what lies beyond it." in said
    names = ["out.csv", "out.imputation-01.csv", "out.imputation-02.csv"]
    tables = [pd.read_csv(path.with_name(name), sep=";", decimal=",") for name in names]
    intervals = pd.read_csv(path.with_name("out.intervals.csv"), sep=";", decimal=",")
    for i, row in enumerate(rows):
        cell = row.split(";")[1].replace(",", ".")
        values = [table["x"][i] for table in tables]
        ends = list(intervals.loc[i, ["x_lower", "x_upper"]])
        if cell.startswith("<"):
            assert max(values + ends) <= float(cell[1:])
        elif cell.startswith(">"):
            assert min(values + ends) >= float(cell[1:])
        elif cell:
            assert values == [float(cell)] * 3
            assert np.isnan(ends).all()
    beyond = np.array([row.split(";")[1][:1] in ("<", ">") for row in rows])
    assert beyond.sum() > 20
    assert (tables[1]["x"] != tables[2]["x"])[beyond].all()


def test_one_column_may_have_empty_lines_for_gaps(write, capsys):
    values = [f"{v:.2f}" for v in series()[:, 0]]
    values[5] = values[6] = ""
    values[-1] = "NA"
    path = write("\n".join(["x", *values, "", ""]))
    out = path.with_name("out.csv")
    assert run(path, out) == 0
    assert "Filled 3 cells" in capsys.readouterr().out
    filled = out.read_text().split("\n")
    assert [
        i for i, (a, b) in enumerate(zip(["x", *values, "", ""], filled, strict=True)) if a != b
    ] == [6, 7, 40]


def test_whole_numbers_that_count_are_times_and_steps_that_are_skipped_count(write, capsys):
    y = series().round(3)
    lines = [f"{2000 + i},{a},{b}" for i, (a, b) in enumerate(y)]
    lines[4] = "2004,,1"
    path = write("\n".join(["year,x,y", *lines]))
    assert run(path, path.with_name("out.csv")) == 0
    assert "(2000 to 2039, column 'year')" in capsys.readouterr().out
    del lines[10:14]
    gaps = read_gaps(write("\n".join(["year,x,y", *lines])), Options(time=["year"]))
    assert list(gaps.frame.columns) == ["x", "y"]
    assert np.diff(gaps.frame.index)[9] == 5
    assert np.diff(check_series(gaps.frame).rows)[9] == 5
    # By its name, such a column is found to be the clock, and that is said.
    gaps = read_gaps(write("\n".join(["year,x,y", *lines])))
    assert list(gaps.frame.columns) == ["x", "y"]
    assert "'year' is taken for the clock: years" in gaps.notes[0]
    assert "4 of 40 steps have no row" in gaps.notes[1]


def test_groups_are_sequences_wherever_their_rows_lie(write):
    path = write("who,t,x\na,2,1\nb,1,5\na,1,\nb,2,6\na,3,3\n")
    gaps = read_gaps(path, Options(time=["t"], groups="who"))
    assert gaps.frame.index.get_level_values(0).tolist() == ["a", "a", "a", "b", "b"]
    assert gaps.frame["x"].tolist()[1:] == [1, 3, 5, 6]
    assert gaps.rows[:, 0].tolist() == [2, 0, 4, 1, 3]
    assert any("not in the order of time" in note for note in gaps.notes)
    assert gaps.cells(gaps.frame.fillna(2.0)) == {(2, 2): "2.000"}


def test_lags_never_cross_groups(write):
    a, b = series(30, 1).round(3), series(30, 2).round(3)
    rows = [
        f"{g},{i},{x},{y}"
        for g, table in (("a", a), ("b", b + 100))
        for i, (x, y) in enumerate(table)
    ]
    rows[30] = f"b,0,,{b[0, 1] + 100:.3f}"
    path = write("\n".join(["g,t,x,y", *rows]))
    out = path.with_name("out.csv")
    assert run(path, out, "--groups", "g", "--time", "t") == 0
    full = pd.read_csv(out)
    split = [part.set_index("t")[["x", "y"]] for _, part in pd.read_csv(path).groupby("g")]
    model = TBayesMICE(method="auto", n_draws=20, n_tune=20, random_state=0).fit(split)
    np.testing.assert_allclose(full.loc[30:, ["x", "y"]], model.transform(split)[1], atol=0.06)


def test_dates_beside_times_of_day_with_points_are_found(write):
    lines = [
        f"{day:02d}/03/2004;{hour:02d}.00.00;{hour},5;"
        for day in range(11, 14)
        for hour in range(24)
    ]
    lines[3] = "11/03/2004;03.00.00;-200;"
    gaps = read_gaps(write("\n".join(["Date;Time;x;", *lines, ";;;"])), Options(missing=["-200"]))
    assert gaps.keys == ["Date", "Time"]
    assert (gaps.frame.index == pd.date_range("2004-03-11", periods=72, freq="h")).all()
    assert gaps.frame["x"].isna().sum() == 1
    assert gaps.frame["x"].iloc[4] == 4.5


def test_numbers_and_words_that_may_stand_for_missing_ones_stop_the_command(write, capsys):
    rows = [(i % 7, -999 if i % 5 == 0 else i % 11, "n.d." if i == 3 else i % 3) for i in range(40)]
    path = write("x,y,z\n" + "".join(f"{x},{y},{z}\n" for x, y, z in rows))
    out = path.with_name("out.csv")
    assert (
        "got 'n.d.' in line 5. If that stands for a missing value, use --missing=n.d."
        in _refused([path, out], capsys)
    )
    said = _refused([path, out, "--missing=n.d."], capsys)
    assert "-999 stands far from all other values of column 'y' (8 times), first in line 2" in said
    assert "--missing=-999" in said
    gaps = read_gaps(path, Options(missing=["-999", "n.d."]))
    assert gaps.counts.to_dict() == {"y": 8, "z": 1}
    assert read_gaps(path, Options(missing=["keep", "n.d."])).counts.to_dict() == {"z": 1}


def test_nothing_missing_is_a_copy(write, capsys):
    path = write("x,y\r\n1,2\r\n3,5\r\n4,4\r\n")
    out = path.with_name("out.csv")
    assert run(path, out, "--intervals", "0.5") == 0
    assert "Nothing is missing in these columns" in capsys.readouterr().out
    assert out.read_bytes() == path.read_bytes()
    assert len(list(path.parent.iterdir())) == 2


def test_the_file_itself_is_replaced_on_request_only(air, capsys):
    before = air.read_text()
    assert "Use --overwrite" in _refused([air, air], capsys)
    link = air.with_name("link.csv")
    link.symlink_to(air)
    assert "Use --overwrite" in _refused([air, link], capsys)
    assert air.read_text() == before
    assert run(air, link, "--overwrite") == 0
    assert link.is_symlink()
    assert pd.read_csv(air).notna().all(axis=None)


def test_bounds_hold_in_the_file(air):
    out = air.with_name("full.csv")
    assert (
        run(air, out, "--bounds", "Solar.R=7:334", "--imputations", "3", "--intervals", "0.99") == 0
    )
    for path in (out, *air.parent.glob("full.imp*")):
        assert pd.read_csv(path)["Solar.R"].between(7, 334).all()
    limits = pd.read_csv(air.with_name("full.intervals.csv"))
    assert limits["Solar.R_lower"].min() >= 7
    assert limits["Solar.R_upper"].max() <= 334


def test_help_shows_defaults_as_they_are_and_shows_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["impute", "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "tsinit impute air.csv full.csv --intervals 0.9 --plot full.png" in text
    given = {name: p.default for name, p in inspect.signature(TBayesMICE).parameters.items()}
    for words in (f"are looked at ({given['lags']})", f"of each chain ({given['n_draws']})",
                  f"before its first draw ({given['n_tune']})", f"are drawn ({given['sampler']})"):  # fmt: skip
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.csv", "out.csv"], "IN.csv must be a file; got 'nowhere.csv'"),
        (["{air}", "no/such/out.csv"], "OUT.csv must lie in a folder that exists"),
        (["{air}", "{folder}"], "OUT.csv must be a file; got the folder"),
        (["{air}", "{folder}/o.csv", "--report", "no/r.html"], "--report must lie in a folder that exists"),
        (["{air}", "{folder}/o.csv", "--plot", "no/such.png"], "--plot must lie in a folder that exists"),
        (["{air}", "{folder}/o.csv", "--plot", "{folder}/o.doc"], "--plot must end in one of"),
        (["{air}", "{folder}/o.csv", "--columns", "Ozon"], "--columns must name columns of the file"),
        (["{air}", "{folder}/o.csv", "--exclude", "Ozon"], "--exclude must name columns of the file"),
        (["{air}", "{folder}/o.csv", "--groups", "who"], "--groups must name columns of the file"),
        (["{air}", "{folder}/o.csv", "--time", "when"], "--time must name columns of the file"),
        (["{air}", "{folder}/o.csv", "--columns", "date,Ozone"], "got 'date', which has times or sequences"),
        (["{air}", "{folder}/o.csv", "--exclude", "Ozone,Solar.R,Wind,Temp"], "a column of numbers to fill; got none"),
        (["{air}", "{folder}/o.csv", "--init", "liner"], "Did you mean 'linear'?"),
        (["{air}", "{folder}/o.csv", "--intervals", "90"], "must be a probability between 0 and 1"),
        (["{air}", "{folder}/o.csv", "--imputations", "0"], "must be a whole number of at least 1"),
        (["{air}", "{folder}/o.csv", "--imputations", "99", *QUICK], "must be at most the 80 draws of all"),
        (["{air}", "{folder}/o.csv", "--bounds", "Ozone"], "must be COLUMN=LOW:HIGH"),
        (["{air}", "{folder}/o.csv", "--bounds", "Ozon=0:"], "bounds must name columns of X"),
        (["{air}", "{folder}/o.csv", "--bounds", "Ozone=50:"], "must hold its observed values"),
        (["{air}", "{folder}/o.csv", "--bounds", "0:", "--bounds", "Ozone=0:"], "for all columns once, or for each"),
        (["{air}", "{folder}/o.csv", "--period", "daily"], "must be auto, none or numbers of steps"),
        (["{air}", "{folder}/o.csv", "--method", "magic"], "invalid choice: 'magic'"),
    ],
)  # fmt: skip
def test_wrong_usage_gets_one_sentence_and_code_2(arguments, sentence, air, capsys):
    reported = _refused([a.format(air=air, folder=air.parent) for a in arguments], capsys)
    assert sentence in " ".join(reported.split())
    assert {path.name for path in air.parent.iterdir()} == {"air.csv"}


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", [], "must hold a table; got an empty file"),
        ("x,y\n", [], "at least one row below"),
        ("a,b\n1,2\n3,4,5,6\n", [], "same number of values in every line"),
        ("name,place\nanna,\nbert,ulm\n", [], "must have a column of numbers that vary; got name, place"),
        ("day,x\n2020-01-01,1\n2020-01-01,\n2020-01-02,3\n", [], "must not repeat a time; got 2020-01-01"),
        ("g,x\na,1\n,\nb,3\n", ["--groups", "g"], "must name a sequence in every row; got none in line 3"),
        ("x,y\n1,\n2,inf\n3,4\n", [], "inf"),
        ("x,y\n1,\n2,\n3,\n", ["--columns", "x,y"], "at least one observed value in every column"),
        ("x\n1\n", [], "Nothing is missing"),
    ],
)  # fmt: skip
def test_wrong_files_get_one_sentence(text, options, sentence, write, capsys):
    path = write(text)
    code = run(path, path.with_name("out.csv"), *options)
    said = capsys.readouterr()
    assert code == (0 if "Nothing" in sentence else 2)
    assert sentence in (said.out + said.err)


def test_a_failed_fit_is_code_1_and_leaves_no_file(air, monkeypatch, capsys):
    def fit(self, X, **given):
        raise RuntimeError("The missing values must stay within bounds.")

    monkeypatch.setattr(TBayesMICE, "fit", fit)
    assert run(air, air.with_name("out.csv")) == 1
    assert (
        "tsinit: nothing is written, for the fit failed. The missing values"
        in capsys.readouterr().err
    )
    assert {path.name for path in air.parent.iterdir()} == {"air.csv"}


def _piped(*arguments, **options):
    command = [sys.executable, "-m", "tsinit", "impute", *map(str, arguments), *QUICK]
    return subprocess.run(command, capture_output=True, check=False, timeout=300, **options)


def test_the_table_may_go_to_standard_output_and_words_then_do_not(air):
    out = air.with_name("full.csv")
    assert run(air, out) == 0
    done = _piped(air, "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert done.stdout == out.read_bytes()
    assert b"Filled 44 cells" in done.stderr
    assert {path.name for path in air.parent.iterdir()} == {"air.csv", "full.csv"}


def test_files_beside_a_stream_are_refused(air, capsys):
    said = _refused([air, "/dev/null", "--intervals", "0.9"], capsys)
    assert "OUT.csv must be a file where --intervals and --imputations write others beside" in said


def test_permissions_stay_when_a_file_is_replaced(air):
    air.chmod(0o640)
    assert run(air, air, "--overwrite") == 0
    assert air.stat().st_mode & 0o777 == 0o640


def test_names_are_checked_before_anything_is_computed(air, monkeypatch, capsys):
    monkeypatch.setattr(TBayesMICE, "fit", None)
    long = air.with_name("a" * 250 + ".csv")
    loop = air.with_name("loop")
    loop.symlink_to(loop)
    for arguments in ([long, "--intervals", "0.9"], [long, "--imputations", "2"], [loop]):
        said = _refused([air, *arguments], capsys)
        assert "must be a file that can be written; got" in said
    assert {path.name for path in air.parent.iterdir()} == {"air.csv", "loop"}


def test_a_name_that_the_terminal_lacks_costs_no_result(air):
    out = air.with_name("Größe.csv")
    done = _piped(air, out, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert b"Gr\\xf6\\xdfe.csv" in done.stdout
    assert out.exists()


def test_ctrl_c_leaves_nothing_behind(air):
    out = air.with_name("full.csv")
    command = [
        sys.executable,
        "-m",
        "tsinit",
        "impute",
        str(air),
        str(out),
        "--draws",
        "1000000",
        "--quiet",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={
        **os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    assert process.stdout.readline().startswith("153 rows")
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    # Where the interrupt met code under exec(), Python ends by the signal itself, which a shell calls 130 too.
    assert process.returncode in (130, -signal.SIGINT), error
    assert "interrupted" in error
    assert {path.name for path in air.parent.iterdir()} == {"air.csv"}


def test_one_draw_is_reported_as_too_few(air, capsys):
    assert (
        cli.main(["impute", str(air), str(air.with_name("out.csv")), *QUICK, "--draws", "1"]) == 0
    )
    said = " ".join(capsys.readouterr().out.split())
    assert "4 chains of 1 draw after 20 sweeps" in said
    assert "R-hat is not defined. Use a larger --draws." in said


def test_columns_with_one_value_are_filled_with_it(write, capsys):
    path = write("x,y\n" + "".join(f"{'' if i == 3 else 7},{i * i % 5}\n" for i in range(20)))
    out = path.with_name("out.csv")
    assert run(path, out) == 0
    assert "Filled 1 cell with the posterior mean: x 1 (5.0 %)." in (
        said := capsys.readouterr().out
    )
    assert "Nothing had to be drawn" in said
    assert out.read_text() == path.read_text().replace("\n,", "\n7,")


def test_names_of_rows_and_separators_at_the_end_of_lines_do_not_shift_cells(write):
    y = series().round(3)
    for before, after in (("r,", ""), ("", ",")):
        lines = [f"{before}{'' if i == 4 else a},{b}{after}" for i, (a, b) in enumerate(y)]
        gaps = read_gaps(write("\n".join(["x,y", *lines])))
        assert gaps.counts.to_dict() == {"x": 1}
        lines[4] = f"{before}0.500,{y[4, 1]}{after}"
        filled = gaps.text.filled(gaps.cells(gaps.frame.fillna(0.5)))
        assert filled == "\n".join(["x,y", *lines])


def test_short_lines_get_the_fields_that_they_lack():
    text = CSVText("a,b,c,d\n1,2,3,4\n5\n", ",")
    assert text.filled({(1, 1): "6", (1, 3): "8"}) == "a,b,c,d\n1,2,3,4\n5,6,,8\n"


def test_a_plot_of_many_columns_goes_on_in_further_files(tmp_path, capsys):
    rng = np.random.default_rng(0)
    y = rng.standard_normal((40, 15)).cumsum(axis=0)
    y[rng.random(y.shape) < 0.1] = np.nan
    source, plot = tmp_path / "wide.csv", tmp_path / "plot.png"
    pd.DataFrame(y, columns=[f"c{j}" for j in range(15)]).to_csv(source, index=False)
    quick = ["--draws", "5", "--tune", "2", "--jobs", "1", "--quiet", "--method", "fcs"]
    output = str(tmp_path / "o.csv")
    assert cli.main(["impute", str(source), output, "--plot", str(plot), *quick]) == 0
    assert "plot.png, " in " ".join(capsys.readouterr().out.split()).replace(f"{tmp_path}/", "")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["plot-2.png", "plot.png"]


def test_gaps_longer_than_max_gap_stay_empty(air, capsys):
    frame = pd.read_csv(air)
    out = air.with_name("full.csv")
    assert (
        run(air, out, "--max-gap", "2", "--intervals", "0.9", "--report", out.with_suffix(".html"))
        == 0
    )
    words = " ".join(capsys.readouterr().out.split())
    full = pd.read_csv(out)
    run_length = frame["Ozone"].isna().groupby(frame["Ozone"].notna().cumsum()).transform("sum")
    long = frame["Ozone"].isna() & (run_length > 2)
    np.testing.assert_array_equal(full["Ozone"].isna(), long)
    n = int(long.sum() + full["Solar.R"].isna().sum())
    assert n > 0
    assert f"Filled {44 - n} cells with the posterior mean" in words
    assert f"Left open: {n} cells in gaps longer than --max-gap 2." in words
    sides = pd.read_csv(out.with_name("full.intervals.csv"))
    np.testing.assert_array_equal(sides["Ozone_lower"].notna(), frame["Ozone"].isna() & ~long)
    assert "max_gap must be a whole number of at least 1; got 0" in _refused(
        [air, out, "--max-gap", "0"], capsys
    )


def test_matched_cells_hold_what_was_observed_and_sequences_have_levels(air, write, capsys):
    out = air.with_name("full.csv")
    assert run(air, out, "--match", "4", "--imputations", "1") == 0
    observed = set(pd.read_csv(air)["Ozone"].dropna())
    drawn = pd.read_csv(out.with_name("full.imputation-01.csv"))["Ozone"]
    assert set(drawn) <= observed
    lines = [f"{who},{t},{10 * who + t % 3},{t}" for who in range(4) for t in range(12)]
    lines[5] = "0,5,,5"
    path = write("who,week,a,b\n" + "\n".join(lines) + "\n")
    assert run(path, out, "--groups", "who", "--time", "week", "--sequence-effects") == 0
    assert pd.read_csv(out)["a"].notna().all()
    assert "sequence_effects=True must go with several sequences" in _refused(
        [air, out, "--sequence-effects"], capsys
    )


def looks(n=150, seed=0):
    """Rain, a count and a class that look at one latent autoregression, and numbers near it."""
    rng = np.random.default_rng(seed)
    z = np.zeros(n)
    for t in range(1, n):
        z[t] = 0.8 * z[t - 1] + 0.6 * rng.standard_normal()
    return pd.DataFrame({
        "rain": np.maximum(0.0, z).round(2), "temp": (z + 0.2 * rng.standard_normal(n)).round(2),
        "days": np.maximum(0, np.rint(2 + 2 * z)).astype(int), "wet": (z > 0).astype(int),
    })  # fmt: skip


def test_kinds_are_as_in_python_and_what_columns_were_taken_for_is_shown(write, capsys):
    table = looks().astype(object)
    for name, first in (("rain", 5), ("temp", 30), ("days", 50), ("wet", 80)):
        table.loc[first : first + 14, name] = ""
    path = write(table.to_csv(index=False))
    out = path.with_name("out.csv")
    options = ["--kinds", "rain=semicontinuous, days=count", "--kinds", "wet=binary"]
    assert run(path, out, *options, "--intervals", "0.9", "--imputations", "1") == 0
    said = capsys.readouterr().out
    shown = said[said.index("column  taken for") :].splitlines()[:5]
    assert [line.split(maxsplit=2) for line in shown[1:]] == [
        ["rain", "semicontinuous"],
        ["temp", "continuous"],
        ["days", "count"],
        ["wet", "binary", "0, 1"],
    ]
    words = " ".join(said.split())
    assert "with the posterior mean (of classes, the most probable one): rain 15" in words

    numbers = table.replace("", np.nan).astype(float)
    kinds = {"rain": "semicontinuous", "days": "count", "wet": "binary"}
    model = TBayesMICE(method="auto", kinds=kinds, n_draws=20, n_tune=20, random_state=0)
    expected = model.fit(numbers).transform(numbers)
    full = pd.read_csv(out)
    np.testing.assert_allclose(full, expected, atol=1e-3 * numbers.std().max())
    one = pd.read_csv(path.with_name("out.imputation-01.csv"), dtype=str)
    truth = looks()
    for name, rows in (("days", slice(50, 65)), ("wet", slice(80, 95))):
        assert one[name][rows].str.fullmatch(r"\d+").all()
    assert set(one["wet"]) == {"0", "1"}
    assert (full["wet"][80:95] == truth["wet"][80:95]).mean() > 0.7
    assert (one["rain"][5:20].astype(float) >= 0).all()
    sides = pd.read_csv(path.with_name("out.intervals.csv"))
    assert [name for name in sides if name.startswith(("wet", "days"))] == [
        "days_lower",
        "days_upper",
        "wet_probability",
    ]
    told = model.class_probabilities("wet")["probability"].to_numpy().reshape(-1, 2).max(axis=1)
    np.testing.assert_allclose(sides["wet_probability"][80:95], told, atol=5.1e-4)
    assert sides["wet_probability"].drop(index=range(80, 95)).isna().all()


def test_a_wide_file_lists_only_columns_that_are_not_continuous():
    from tsinit._cli.kinds import kinds_text

    kinds = pd.DataFrame(
        {"kind": ["continuous"] * 13, "classes": [[]] * 13}, index=[f"c{j}" for j in range(13)]
    )
    assert kinds_text(kinds) == "All columns are taken for continuous numbers."
    kinds.loc["c3", "kind"] = "count"
    assert [line.split() for line in kinds_text(kinds).splitlines()] == [
        ["column", "taken", "for", "classes"],
        ["c3", "count"],
        ["All", "other", "columns", "are", "taken", "for", "continuous", "numbers."],
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("Ozone", "must be COLUMN=KIND, such as rain=semicontinuous, with one of continuous, semi"),
        ("Ozone=rain", "rounded, binary, ordinal, categorical; got 'Ozone=rain'"),
        ("Ozon=count", "--kinds must name columns that are used, ['Ozone', 'Solar.R', 'Wind', 'Temp']; got 'Ozon'. "
                       "--columns chooses those that are."),
        ("Wind=count", "A column of kind 'count' must hold whole numbers; got 7.4 in column 'Wind'"),
    ],
)  # fmt: skip
def test_wrong_kinds_get_one_sentence(given, sentence, air, capsys):
    said = _refused([air, air.with_name("o.csv"), "--kinds", given], capsys)
    assert sentence in " ".join(said.split())
    assert not air.with_name("o.csv").exists()


def skies():
    """A file whose words follow numbers, with gaps in both and a column of words that has none."""
    z = looks()["temp"].to_numpy()
    sky = np.where(z > 0.4, '"wet, cold"', np.where(z < -0.4, "DRY", " grey"))
    hidden = np.zeros(len(z), bool)
    hidden[20:150:7] = True
    cells = np.where(hidden, "", sky)
    rows = [
        f"{i},{'' if i in (4, 90) else v},{a},{'ab'[i % 2]}"
        for i, (v, a) in enumerate(zip(z, cells, strict=True))
    ]
    return "\n".join(["t,temp,sky,site", *rows, ""]), sky, hidden


def test_classes_of_a_file_are_filled_with_the_words_of_the_file(write, capsys):
    text, sky, hidden = skies()
    path = write(text)
    out = path.with_name("out.csv")
    options = ["--intervals", "0.9", "--imputations", "1", "--plot", path.with_suffix(".png")]
    assert run(path, out, *options, "--report", path.with_suffix(".html")) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Column 'sky' holds classes, 3 words that repeat; --exclude leaves it alone." in said
    assert "Left out, for they hold words: site." in said
    assert "sky categorical DRY, grey, wet, cold" in said
    n = int(hidden.sum())
    assert f"(of classes, the most probable one): temp 2 (1.3 %), sky {n} (" in said
    page = path.with_suffix(".html").read_text()
    assert "sky: DRY, grey, wet, cold; 12.7 % missing" in page
    for word in ("DRY", "grey", "wet, cold"):
        assert f"<td>sky</td><td>{word}</td>" in page
    known = {word.strip() for word in sky}
    for place in (out, path.with_name("out.imputation-01.csv")):
        before, after = text.splitlines()[1:], place.read_text().splitlines()[1:]
        filled = [line.split(",", 2)[2].rsplit(",", 1)[0] for line in after]
        assert set(np.array(filled)[hidden]) <= known
        for i in np.flatnonzero(~hidden):
            assert i in (4, 90) or before[i] == after[i]
        if place == out:
            right = [filled[i] == sky[i].strip() for i in np.flatnonzero(hidden)]
            assert np.mean(right) > 0.7
    assert list(pd.read_csv(path.with_name("out.intervals.csv"))) == [
        "t",
        "temp_lower",
        "temp_upper",
        "sky_probability",
    ]


def test_words_are_classes_where_some_are_missing_or_they_are_asked_for(write):
    text, sky, hidden = skies()
    path = write(text)
    gaps = read_gaps(path)
    assert list(gaps.frame) == ["temp", "sky"]
    assert gaps.counts.to_dict() == {"temp": 2, "sky": int(hidden.sum())}
    words = gaps.given["sky"].astype(object)
    assert words[~hidden].tolist() == [word.strip(' "') for word in sky[~hidden]]
    assert words[hidden].isna().all()
    assert gaps.coded(gaps.given).equals(gaps.frame)
    assert list(read_gaps(path, Options(columns=["temp", "site"])).given["site"][:3]) == list("aba")
    assert list(read_gaps(path, Options(exclude=["sky"])).frame) == ["temp"]
    # Words that hardly repeat are no classes.
    rows = [f"{i % 7},{'' if i == 3 else f'note {i}'}" for i in range(40)]
    gaps = read_gaps(write("\n".join(["x,y", *rows])))
    assert list(gaps.frame) == ["x"]
    assert "Left out, for they hold words: y." in gaps.notes


def test_classes_keep_their_spelling_in_rows_that_are_inserted(write):
    z = looks(60)["temp"].to_numpy()
    rows = [
        f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{v},{'' if i % 9 == 4 else 'TRUE' if v > 0 else 'FALSE'}"
        for i, v in enumerate(z)
    ]
    del rows[30]
    path = write("\n".join(["time,x,flag", *rows, ""]))
    out = path.with_name("out.csv")
    assert run(path, out, "--regular", "--intervals", "0.9") == 0
    lines = out.read_text().splitlines()[1:]
    assert len(lines) == 60
    sure = pd.read_csv(path.with_name("out.intervals.csv"))["flag_probability"]
    there = [i for i in range(60) if i % 9 == 4 or i == 30]
    assert sure.index[sure.notna()].tolist() == there
    assert sure.dropna().between(0.5, 1.0).all()
    assert lines[30].startswith("2024-01-02 06:00,")
    assert {line.rsplit(",", 1)[1] for line in lines} == {"TRUE", "FALSE"}
    assert [line for i, line in enumerate(lines) if i % 9 != 4 and i != 30] == [
        row for row in rows if not row.endswith(",")
    ]


def classes_file(write):
    """Words with gaps, yes and no with gaps, and a number with limits and gaps."""
    z = looks(60)["temp"].to_numpy()
    rows = [
        f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{'' if i % 11 == 3 else '<-0.5' if v < -0.5 else v},"
        f"{'' if i % 9 == 4 else 'dry' if v < 0 else 'wet'},"
        f"{'' if i % 13 == 7 else 'low' if v < -0.4 else 'mid' if v < 0.4 else 'high'}"
        for i, v in enumerate(z)
    ]  # fmt: skip
    return write("\n".join(["time,x,rain,level", *rows, ""])), z


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--method", "var"],
         "--method must be fcs or auto where a column holds classes; got var, and 'rain' holds classes (dry, wet), "
         "'level' holds classes (high, low, mid). Leave out such columns with --exclude rain,level, or use another"),
        (["--method", "state_space", "--exclude", "rain"], "got state_space, and 'level' holds classes"),
        (["--match", "5"], "--match must be left out where a column holds classes; got 5, and 'rain' holds"),
        (["--match", "5", "--exclude", "rain,level"],
         "--match must go with columns that hold plain numbers; got 'x', which has values with a limit. Leave out "
         "--match, or the column with --exclude x."),
        (["--bounds", "level=0:"], "--bounds must name columns of numbers; got 'level', and 'level' holds classes"),
        (["--kinds", "level=semicontinuous"],
         "--kinds level=semicontinuous must go with numbers; got the words high, low, mid. Use level=categorical, or "
         "--exclude level."),
        (["--kinds", "rain=ordinal"], "must go with numbers; got the words dry, wet. Use rain=binary, or"),
        (["--kinds", "level=binary"],
         "--kinds level=binary must go with two classes; got 3, high, low, mid. Use level=categorical."),
    ],
)  # fmt: skip
def test_what_does_not_go_with_classes_is_said_in_words_of_the_command(
    options, sentence, write, capsys
):
    path, _ = classes_file(write)
    said = " ".join(_refused([path, path.with_name("o.csv"), *options], capsys).split())
    assert sentence in said
    assert "kinds=" not in said
    assert not path.with_name("o.csv").exists()


def test_the_summary_counts_cells_with_limits(write, capsys):
    path, z = classes_file(write)
    assert run(path, path.with_name("o.csv"), "--exclude", "rain,level") == 0
    said = " ".join(capsys.readouterr().out.split())
    alone = np.arange(60) % 11 == 3
    n, total = int((z < -0.5)[~alone].sum()), int(((z < -0.5) | alone).sum())
    assert f"x {total} ({100 * total / 60:.1f} %, {n} of them within limits)." in said


def test_columns_like_rain_and_like_counts_get_their_kind_advised(write, capsys):
    table = looks().astype(object)
    table.loc[5:19, "rain"] = table.loc[50:64, "days"] = table.loc[80:84, "temp"] = ""
    path = write(table.to_csv(index=False))
    out = path.with_name("out.csv")
    share = (looks()["rain"].drop(index=range(5, 20)) == 0).mean()
    rain = (
        f"rain is exactly 0 in {share:.0%} of what was observed; --kinds rain=semicontinuous fills"
    )
    days = "days holds small whole numbers; --kinds days=count takes it for counts"
    assert run(path, out) == 0
    said = capsys.readouterr()
    words = " ".join(said.out.split())
    assert rain in words
    assert days in words
    assert "--bounds" not in words
    assert "went far outside" not in words + said.err
    assert run(path, out, "--kinds", "rain=semicontinuous,days=count") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "semicontinuous fills" not in words
    assert "takes it for counts" not in words


def test_draws_far_outside_are_told_with_options_of_the_command():
    from types import SimpleNamespace

    from tsinit._cli.advice import advice

    table = pd.DataFrame({"guarded": [0.03, 0.0], "kind": "continuous"}, index=["a", "b"])
    frame = pd.DataFrame({"a": [1.5, 2.5, np.nan], "b": [-1.0, 2.0, np.nan]})
    gaps = SimpleNamespace(frame=frame, counts=frame.isna().sum(), classes=set())
    model = SimpleNamespace(kinds_=table[["kind"]], diagnostics_=table, method_="fcs")
    (line,) = advice(gaps, model, [frame])
    assert line.startswith("3.0% of the draws of a went far outside of what was observed")
    assert line.endswith("use fewer --lags, or --method var.")
    gaps.classes = {"b"}
    assert advice(gaps, model, [frame])[0].endswith("use fewer --lags.")
    gaps.frame = frame.assign(a=[0.0, 2.5, np.nan])  # of which zeros are the reason
    assert [line.split(";")[0] for line in advice(gaps, model, [frame])] == [
        "a is exactly 0 in 50% of what was observed"
    ]
