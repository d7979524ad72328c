"""``tsinit show``: what was understood, in words and as a picture, without a fit."""

import pandas as pd
import pytest
from tables.dialects import air, text_of

from tsinit import cli


@pytest.fixture
def station(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "station.csv"
    path.write_text(text_of(air(), missing="-200"))
    return path


def test_a_file_is_described_and_drawn_without_a_fit_whatever_its_sentinels(station, capsys):
    assert cli.main(["show", "station.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = " ".join(" ".join(lines).split())
    assert said.startswith(
        "station.csv: text in utf-8, commas between columns, decimal points. 96 rows (2024-03-01 to "
        "2024-03-04 23:00:00, "
        "column 'time'), in hours; 3 columns: no2, ozone, temp; 0.0 % missing. Season of the "
        "imputer, from the dates: 24 "
    )
    assert "-200 stands far from all other values of columns 'no2', 'ozone', 'temp' (" in said
    assert "--missing=-200 or --missing keep" in said
    table = [line.split() for line in lines if line.startswith(("column ", "time ", "no2 "))]
    assert table[0] == [
        "column",
        "kind",
        "numbers",
        "missing",
        "gaps",
        "longest",
        "gap",
        "lowest",
        "highest",
    ]
    assert table[1] == ["time", "clock"]
    assert table[2][:-1] == ["no2", "numbers", "96", "0", "0", "0", "-200"]
    assert (station.parent / "station-shown.png").read_bytes().startswith(b"\x89PNG")


def test_options_are_those_of_the_other_commands(station, capsys):
    assert (
        cli.main(["show", "station.csv", "--missing=-200", "--plot", "one.svg", "--columns", "no2"])
        == 0
    )
    said = capsys.readouterr().out
    assert "stands far" not in said
    assert f"{air()['no2'].isna().sum()}" in next(
        line for line in said.splitlines() if line.startswith("no2")
    )
    assert (station.parent / "one.svg").exists()
    assert cli.main(["show", "station.csv", "--no-plot"]) == 0
    assert {path.name for path in station.parent.iterdir()} == {"station.csv", "one.svg"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.csv"], "must be a file; got 'nowhere.csv'"),
        (["station.csv", "--plot", "x.doc"], "--plot must end in one of"),
        (["station.csv", "--plot", "no/such/x.png"], "--plot must lie in a folder that exists"),
        (["station.csv", "--groups", "who"], "--groups must name columns of the file"),
    ],
)
def test_wrong_usage_gets_one_sentence(arguments, sentence, station, capsys):
    assert cli.main(["show", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert {path.name for path in station.parent.iterdir()} == {"station.csv"}


def test_long_tables_and_panels_are_shown(station, capsys):
    long = pd.concat([air().assign(id=name) for name in "ab"]).reset_index().melt(["id", "time"])
    long.to_csv("long.csv", index=False)
    assert cli.main(["show", "long.csv", "--long", "--groups", "id"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "192 rows (2024-03-01 to 2024-03-04 23:00:00, column 'time', 2 sequences by 'id')" in said
    )
    assert "variable variables" in said
