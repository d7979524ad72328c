"""``tsinit fit``: what it prints and writes, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from tsinit import LinearGaussianSSM, cli, datasets, structures


@pytest.fixture(scope="module")
def air(tmp_path_factory):
    place = tmp_path_factory.mktemp("fit") / "air.csv"
    datasets.load_new_york_air_quality().to_csv(place)
    return place


@pytest.fixture(scope="module")
def ahead(tmp_path_factory):
    """The last week has inputs alone."""
    place = tmp_path_factory.mktemp("fit") / "ahead.csv"
    table = datasets.load_new_york_air_quality()
    table.iloc[-7:, :2] = np.nan
    table.to_csv(place)
    return place


def run(*arguments):
    return cli.main(["fit", *map(str, arguments), "--quiet"])


def test_it_fits_tests_and_forecasts(air, capsys, tmp_path):
    out, report = tmp_path / "next.csv", tmp_path / "fit.html"
    code = run(air, "--columns", "Ozone,Temp", "--states", "1,2", "--forecast", 3, "--level", 0.8,
               "--output", out, "--report", report)  # fmt: skip
    assert code == 0
    said = capsys.readouterr().out
    assert "for Ozone, Temp: log-likelihood" in said
    assert "Jarque-Bera" in said
    found = pd.read_csv(out, index_col=0, parse_dates=True)
    table = datasets.load_new_york_air_quality()[["Ozone", "Temp"]]
    model = LinearGaussianSSM([1, 2], random_state=0, max_iter=300).fit(table)
    expected = model.forecast(3, level=0.8, as_frame=True)
    assert list(found.columns) == [
        f"{name}{ending}" for name in ("Ozone", "Temp") for ending in ("", "_lower", "_upper")
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert list(found.index) == list(expected.index)
    page = report.read_text(encoding="utf-8")
    for heading in ("The fit", "What it leaves", "What comes next", "How it was computed"):
        assert f">{heading}</h2>" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_rows_that_have_inputs_alone_are_ahead(ahead, capsys, tmp_path):
    out = tmp_path / "next.csv"
    assert run(ahead, "--inputs", "Temp,Wind", "--forecast", 7, "--output", out) == 0
    assert "and the inputs Temp, Wind" in capsys.readouterr().out
    table = datasets.load_new_york_air_quality()
    X, U = table[["Ozone", "Solar.R"]], table[["Temp", "Wind"]]
    model = LinearGaussianSSM(2, random_state=0, max_iter=300).fit(X.iloc[:-7], inputs=U.iloc[:-7])
    expected = model.forecast(7, inputs=U.iloc[-7:], as_frame=True)
    np.testing.assert_allclose(pd.read_csv(out, index_col=0), expected, rtol=1e-6)


def test_inputs_ahead_may_have_a_file_of_their_own(air, capsys, tmp_path):
    days = pd.date_range("1973-10-01", periods=4, name="date")
    weather = tmp_path / "weather.csv"
    pd.DataFrame({"Temp": [60.0, 61.5, 62.0, 63.5]}, index=days).to_csv(weather)
    report = tmp_path / "fit.html"
    assert run(air, "--columns", "Ozone", "--inputs", "Temp", "--states", 1, "--forecast", 4,
               "--future", weather, "--report", report) == 0  # fmt: skip
    assert "1973-10-04" in capsys.readouterr().out
    assert "1973-10-04<" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--inputs", "Temp", "--forecast", "3"],
            "--forecast needs the inputs of 3 rows ahead; got 0",
        ),
        (["--inputs", "Humidity"], "--inputs must name columns of the file, Ozone"),
        (["--inputs", "Ozone,Solar.R,Wind,Temp"], "--inputs must leave a column to fit"),
        (["--output", "next.csv"], "--output needs --forecast"),
        (
            ["--inputs", "Solar.R"],
            "inputs must be complete; got a missing value of 'Solar.R' at 1973-05-05",
        ),
        (["--init", "nowhere"], "init must be one of"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(air, options, message, capsys):
    assert run(air, *options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--states", "0"], ["--states", "two"], ["--level", "1"]])
def test_options_are_checked_before_anything_is_read(options, capsys):
    with pytest.raises(SystemExit):
        run("nowhere.csv", *options)
    assert "must be" in capsys.readouterr().err


def test_the_file_itself_is_not_written_over(air, capsys):
    assert run(air, "--report", air) == 2
    assert "--report must not be FILE" in capsys.readouterr().err


def test_a_structure_takes_the_place_of_states(air, capsys, tmp_path):
    out = tmp_path / "next.csv"
    assert (
        run(
            air,
            "--columns",
            "Temp",
            "--structure",
            "level+seasonal:7",
            "--forecast",
            3,
            "--output",
            out,
        )
        == 0
    )
    assert "7 states for Temp" in capsys.readouterr().out
    table = datasets.load_new_york_air_quality()[["Temp"]]
    structure = structures.local_level() + structures.seasonal(7)
    model = LinearGaussianSSM(structure=structure, random_state=0, max_iter=300).fit(table)
    found = pd.read_csv(out, index_col=0, parse_dates=True)
    np.testing.assert_allclose(found, model.forecast(3, as_frame=True), rtol=1e-6)


def test_a_structure_with_inputs_is_a_regression(air, capsys):
    assert run(air, "--columns", "Ozone", "--structure", "level", "--inputs", "Temp,Wind") == 0
    assert "1 state for Ozone and the inputs Temp, Wind" in capsys.readouterr().out


def test_first_inputs_may_have_coefficients_that_change(air, capsys):
    table = datasets.load_new_york_air_quality()
    changing = structures.local_level() + structures.regression(1, time_varying=True)
    for inputs, structure in (
        (["Temp"], changing),
        (["Temp", "Wind"], changing + structures.regression()),
    ):
        parts = ["--structure", "level+varying:1", "--inputs", ",".join(inputs)]
        assert run(air, "--columns", "Ozone", *parts) == 0
        model = LinearGaussianSSM(structure=structure, random_state=0, max_iter=300)
        model.fit(table[["Ozone"]], inputs=table[inputs])
        said = " ".join(capsys.readouterr().out.split())  # whatever the lines are broken at
        assert f"log-likelihood {model.log_likelihood_:.2f}" in said


@pytest.mark.parametrize("text", ["trends", "seasonal", "trend+seasonal:x", "", "ar:0"])
def test_what_is_no_structure_is_said_in_a_sentence(air, capsys, text):
    with pytest.raises(SystemExit):
        run(air, "--structure", text)
    said = " ".join(capsys.readouterr().err.split())
    assert "such as trend+seasonal:24; got" in said or "ar:0" in said


@pytest.mark.parametrize("text", ["0", "two", "1.5"])
def test_jobs_are_a_whole_number(air, capsys, text):
    with pytest.raises(SystemExit):
        run(air, "--jobs", text)
    assert "must be a whole number other than 0" in capsys.readouterr().err


def test_jobs_change_nothing_that_is_said(air, capsys, tmp_path):
    pages = []
    for n in (1, 2):
        out = tmp_path / f"{n}.csv"
        assert run(air, "--init", "uniform", "--forecast", 3, "--output", out, "--jobs", n) == 0
        pages.append(out.read_bytes())
    assert pages[0] == pages[1]
