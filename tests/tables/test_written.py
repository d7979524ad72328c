"""What ``tsinit impute`` writes back: the same text, encoding and kind of file, and rows that were asked for."""

import gzip
import itertools

import numpy as np
import pandas as pd
import pytest
from tables.dialects import air, text_of
from tables.test_dialects import CLOCKS

from tsinit import cli
from tsinit._cli.gaps import read_gaps
from tsinit._cli.impute_files import OutputFiles, require_kind, write_all
from tsinit.tables.read import Options


class Filled:
    """An imputer that fills with one number."""

    bounds = None


def fill(path, out, options=Options(), value=1.5):  # noqa: B008
    gaps = read_gaps(path, options)
    files = OutputFiles(out, None, [], None)
    require_kind(gaps, files)
    write_all(files, gaps, Filled(), gaps.frame.fillna(value), (), str)
    return gaps


def _changed(before, after):
    assert len(before) == len(after)
    return [(one, other) for one, other in zip(before, after, strict=True) if one != other]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_keeps_its_encoding_its_head_and_its_line_ends(encoding, end, tmp_path):
    head = "# Köln\n,µg/m³,°C,\n".replace("\n", end).split(end, 1)
    body = text_of(air(), separator=";", decimal=",", end=end).split(end, 1)
    text = head[0] + end + body[0] + end + ";µg;%;°C" + end + body[1]
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_bytes(text.encode(encoding))
    gaps = fill(path, out)
    found = out.read_bytes().decode(encoding)
    fields = [";".join(text.split(end)).split(";"), ";".join(found.split(end)).split(";")]
    changed = _changed(*fields)
    assert changed == [("", "1,500" if gaps.frame["temp"].std() < 10 else "1,50")] * len(
        changed
    ) or {other for _, other in changed} <= {"1,50", "1,500"}
    assert len(changed) == gaps.frame.isna().sum().sum()
    assert out.read_bytes()[:2] == path.read_bytes()[:2]


def test_packed_files_are_packed_again_and_others_by_their_name(tmp_path):
    text = text_of(air())
    path = tmp_path / "in.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    fill(path, tmp_path / "out.csv.gz")
    fill(path, tmp_path / "out.csv")
    assert (
        gzip.decompress((tmp_path / "out.csv.gz").read_bytes())
        == (tmp_path / "out.csv").read_bytes()
    )


def test_units_and_decimal_commas_stand_behind_what_is_filled(tmp_path):
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text(
        text_of(air(), decimal=",", number=lambda value: f"{value:.2f} %".replace(".", ","))
    )
    fill(path, out)
    cells = out.read_text().splitlines()[1].split(",", 1)[1]
    assert '"1,500 %"' in out.read_text() or '"1,50 %"' in out.read_text(), cells
    assert read_gaps(out).counts.empty


def test_cells_beyond_a_limit_are_gaps_of_which_that_is_known(tmp_path):
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    text = text_of(air(), number=lambda value: "<10" if value < 10 else f"{value:.2f}")
    path.write_text(text)
    gaps = fill(path, out)
    assert text.count("<10") == len(gaps.found.censored) > 5
    assert "<10" not in out.read_text()
    assert set(gaps.found.censored["side"]) == {"below"}
    assert set(gaps.found.censored["limit"]) == {10.0}
    lower, upper = gaps.between
    assert lower.isna().all(axis=None)
    assert upper.notna().to_numpy().sum() == text.count("<10")
    assert any(
        "beyond a limit are taken for missing" in note and "'<10' in line" in note
        for note in gaps.notes
    )


def test_rounding_takes_no_cell_over_its_limit(tmp_path):
    """0.4567 becomes 0.46, with the decimals of its column, but for a limit of 0.457."""
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text(text_of(air(), number=lambda value: "<0.457" if value < 10 else f"{value:.2f}"))
    gaps = fill(path, out, value=0.4567)
    cells = gaps.cells(gaps.frame.fillna(0.4567))
    limited = {
        (int(gaps.rows[t, 0]), gaps.field(name))
        for t, name in gaps.found.censored[["row", "column"]].to_numpy()
    }
    assert len(limited) > 5
    for cell, text in cells.items():
        assert text in (("0.457", "0.4567") if cell in limited else ("0.457", "0.46"))
        assert float(text) <= 0.457 or cell not in limited


@pytest.mark.parametrize(
    "clock", [name for name in CLOCKS if name not in ("midnight left out", "24:00")]
)
def test_rows_that_are_asked_for_are_written_like_the_others(clock, tmp_path):
    table, times = air(60).fillna(2.0), CLOCKS[clock]
    texts = {name: [str(text) for text in part] for name, part in times.items()} if isinstance(times, dict) else (
        [str(text) for text in times])  # fmt: skip
    whole = text_of(table, times=texts, name="t")
    lines = whole.splitlines(keepends=True)
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text("".join(line for i, line in enumerate(lines) if i not in (8, 9, 31)))
    fill(path, out, Options(regular=True))
    found = out.read_text().splitlines(keepends=True)
    assert len(found) == len(lines)
    n_keys = len(texts) if isinstance(texts, dict) else 1
    for i, (line, right) in enumerate(zip(found, lines, strict=True)):
        if i in (8, 9, 31):
            assert line.split(",")[:n_keys] == right.split(",")[:n_keys]
            assert [float(cell) for cell in line.split(",")[n_keys:]] == [1.5] * 3
        else:
            assert line == right


@pytest.mark.parametrize("form", ["{!r}", "{:g}", "{:.6f}"])
def test_spreadsheet_days_are_written_with_the_decimals_of_the_others(form, tmp_path):
    table = air(60)
    days = ((table.index - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D")).to_numpy().round(6)
    texts = [form.replace("g", ".11g").format(float(day)) for day in days]
    lines = text_of(table, times=texts, name="t").splitlines(keepends=True)
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text("".join(line for i, line in enumerate(lines) if i not in (8, 9, 31)))
    fill(path, out, Options(regular=True))
    found = [line.split(",")[0] for line in out.read_text().splitlines()]
    assert found == ["t", *texts]


def test_rows_of_sequences_are_inserted_where_they_belong(tmp_path):
    table = air(24)
    parts = [
        text_of(table, times={"id": [name] * 24, "time": table.index.astype(str)}) for name in "ab"
    ]
    lines = parts[0].splitlines() + parts[1].splitlines()[1:]
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text("\n".join(line for i, line in enumerate(lines) if i not in (5, 30)) + "\n")
    fill(path, out, Options(groups="id", regular=True))
    found = [line.split(",")[:2] for line in out.read_text().splitlines()]
    assert found == [line.split(",")[:2] for line in lines]


def test_times_that_cannot_be_written_are_refused(tmp_path):
    times = [
        f"{time:%Y-%m-%d}" if time.hour == 0 else f"{time:%Y-%m-%d %H:%M}" for time in air(60).index
    ]
    path = tmp_path / "in.csv"
    path.write_text(
        "".join(
            line for i, line in enumerate(text_of(air(60), times=times).splitlines(True)) if i != 9
        )
    )
    with pytest.raises(
        ValueError, match="--regular must go with times that can be written like '2024-03-01'"
    ):
        fill(path, tmp_path / "out.csv", Options(regular=True))


def test_a_long_table_is_filled_in_its_own_rows(tmp_path):
    long = air().reset_index().melt("time").sample(frac=1.0, random_state=0)
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    long.to_csv(path, index=False)
    gaps = fill(path, out, Options(long=True))
    after = pd.read_csv(out)
    assert gaps.counts.sum() == long["value"].isna().sum()
    np.testing.assert_array_equal(after["value"], long["value"].fillna(1.5))
    assert after["variable"].tolist() == long["variable"].tolist()


def test_parquet_is_written_as_parquet_with_its_index_and_types(tmp_path):
    pytest.importorskip("pyarrow")
    table = air().assign(n=np.arange(96), city="Ulm", small=air()["no2"].to_numpy(dtype=np.float32))
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table.to_parquet(path)
    gaps = fill(path, out)
    after = pd.read_parquet(out)
    pd.testing.assert_frame_equal(
        after,
        table.fillna({name: 1.5 for name in gaps.counts.index}),
        check_dtype=False,
        check_freq=False,
    )
    assert after.index.equals(table.index)
    assert "Read as Parquet." in gaps.notes
    with pytest.raises(ValueError, match="OUT must be a Parquet file, as IN is"):
        fill(path, tmp_path / "out.csv")
    path = tmp_path / "in.csv"
    path.write_text(text_of(air()))
    with pytest.raises(ValueError, match="OUT must be a file of text, as IN is"):
        fill(path, out)


def test_a_copy_is_packed_as_its_name_says(tmp_path, capsys):
    text = text_of(air().fillna(3.0))
    for one, other in itertools.permutations(["in.csv", "in.csv.gz"]):
        (tmp_path / one).write_bytes(
            gzip.compress(text.encode()) if one.endswith("gz") else text.encode()
        )
        out = tmp_path / other.replace("in", "out")
        assert cli.main(["impute", str(tmp_path / one), str(out)]) == 0
        data = out.read_bytes()
        assert (gzip.decompress(data) if other.endswith("gz") else data).decode() == text
    assert "Nothing is missing" in capsys.readouterr().out


def test_limits_stay_in_their_rows_where_others_are_inserted(tmp_path):
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    text = text_of(air(), number=lambda value: "<10" if value < 10 else f"{value:.2f}")
    path.write_text(
        "".join(line for i, line in enumerate(text.splitlines(True)) if i not in (5, 6))
    )
    gaps = fill(path, out, Options(regular=True))
    limited = gaps.between[1].notna().to_numpy()
    assert limited.sum() == path.read_text().count("<10")
    lines = path.read_text().splitlines()[1:]
    for t, j in np.argwhere(limited):
        assert lines[gaps.rows[t, j]].split(",")[gaps.field(gaps.frame.columns[j])] == "<10"
    assert len(out.read_text().splitlines()) == 97
