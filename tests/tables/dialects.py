"""One table written as people write theirs: separators, decimals, dates, encodings, missing values, clocks."""

import gzip

import numpy as np
import pandas as pd


def air(n=96, seed=0, missing=0.1):
    """Hourly values of three columns with two decimals and gaps."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2024-03-01", periods=n, freq="h", name="time")
    daily = np.sin(2 * np.pi * np.arange(n) / 24)
    values = np.column_stack([30 + 12 * daily, 60 - 15 * daily, 12 + 5 * daily]) + rng.normal(
        size=(n, 3)
    )
    values[rng.random((n, 3)) < missing] = np.nan
    return pd.DataFrame(values.round(2), index=hours, columns=["no2", "ozone", "temp"])


def text_of(
    table, *, separator=",", decimal=".", missing="", times=None, name="time", end="\n", number=None
):
    """Write a table; `times` are texts of its rows, or columns of texts by name."""
    times = {name: list(table.index.strftime("%Y-%m-%d %H:%M:%S")) if times is None else times} if not isinstance(
        times, dict) else times  # fmt: skip
    number = number or (lambda value: f"{value:.2f}".replace(".", decimal))

    def quoted(text):
        return f'"{text}"' if separator in text else text

    lines = [separator.join([*map(quoted, times), *map(quoted, table.columns)])]
    for row, values in zip(zip(*times.values(), strict=True), table.to_numpy(), strict=True):
        cells = [missing if np.isnan(value) else number(value) for value in values]
        lines.append(separator.join(map(quoted, [*map(str, row), *cells])))
    return end.join(lines) + end


def files_as_people_have_them():
    """Name of each file, its bytes, and what must come of it: the same table, or words of the sentence and its cure."""
    table = air()
    plain = text_of(table)
    lines = plain.splitlines(keepends=True)
    iso = table.index.strftime
    same = ("the same", [])
    autumn = pd.date_range("2024-10-26", periods=len(table), freq="h", tz="Europe/Berlin")
    long = (
        table.rename_axis(columns="variable")
        .T.stack(future_stack=True)
        .rename("value")
        .reset_index()
    )
    panel = pd.concat([table.iloc[:40].assign(id=name) for name in "abc"])

    def changed(number):
        return text_of(table, number=number)

    return {
        "plain": (plain, *same),
        "gz": (gzip.compress(plain.encode()), *same),
        "utf16": (plain.encode("utf-16"), *same),
        "utf16 without a mark": (plain.encode("utf-16-le"), *same),
        "mark": (plain.encode("utf-8-sig"), *same),
        "comment_header": ("# Station: Berlin\n# Exported 2024\n" + plain, "the same", ["Lines 1 to 2 stand above"]),
        "words above": ("Station Berlin\nexported 2024\n\n" + plain, "the same", ["Lines 1 to 2 stand above"]),
        "names in a comment": ("# one\n#" + plain, "the same", ["Names are those of line 2"]),
        "noheader": ("".join(lines[1:]), "the same", ["holds values and no names: columns are called column_1"]),
        "units_row": (
            "".join([lines[0], ",ug/m3,ug/m3,C\n", *lines[1:]]), "the same", ["Line 2 holds units", "ug/m3, ug/m3, C"],
        ),
        "compact": (text_of(table, times=iso("%Y%m%d%H%M")), "the same", ["taken for the clock: YYYYMMDDHHMM"]),
        "datehour": (
            text_of(table, times={"date": iso("%Y-%m-%d"), "hour": table.index.hour}), "the same",
            ["Times are made of 'date', 'hour'"],
        ),
        "const_allmiss": (
            plain.replace("\n", ",5,\n").replace("temp,5,", "temp,constant,allmiss"), "the same",
            ["they hold nothing: allmiss", "they hold one value: constant (5)"],
        ),
        "text": (
            plain.replace("\n", ",Berlin\n").replace("temp,Berlin", "temp,city"), "the same", ["they hold words: city"],
        ),
        "latin1": (
            text_of(table.rename(columns={"no2": "no2 µg/m³"}), separator=";", decimal=",").encode("cp1252"),
            "the same", ["Read as cp1252", "µg/m³", "Decimals have commas"],
        ),
        "thousands": (changed(lambda value: f"{100 * value:,.2f}"), "the same times 100", ["as "]),
        "per cent": (changed(lambda value: f"{value:.2f} %"), "the same", ["%' in 'no2' as "]),
        "unnamed_index": (
            text_of(table, times=range(len(table)), name=""), "the numbers", ["counts rows and is left out"],
        ),
        "holes": (
            "".join(line for i, line in enumerate(lines) if i % 7 != 3), "fewer rows", ["of 96 hours have no row"],
        ),
        "irregular": (
            text_of(table, times=(table.index + pd.to_timedelta((np.arange(96) ** 2) % 1301, unit="s")).astype(str)),
            "the numbers", ["not multiples of one step"],
        ),
        "ragged": (plain.rstrip("\n")[:-12] + "\n", "one less", ["has fewer values than the others"]),
        "iso_tz": (
            text_of(table, times=[f"{t:%Y-%m-%dT%H:%M:%S%z}" for t in autumn]), "the numbers", ["read as UTC; --tz"],
        ),
        "s200": (
            text_of(table, missing="-200.0"), "--missing=-200", ["-200 stands far from all other values of columns"],
        ),
        "mixsent": (
            plain.replace(",\n", ",-999.0\n", 3), "--missing=-999",
            ["stands far from all other values of column 'temp'"],
        ),
        "once": (plain.replace(",\n", ",99.9\n", 1), "--missing=99.9", ["99.9 stands far", "(1 time)"]),
        "sND": (text_of(table, missing="n.d."), "--missing=n.d.", ["got 'n.d.' in line"]),
        "dst_naive_autumn": (
            text_of(table, times=autumn.strftime("%Y-%m-%d %H:%M")), "--tz Europe/Berlin",
            ["2024-10-27 02:00:00 twice, in line 28 and line 29", "The clock went back on 2024-10-27"],
        ),
        "long": (
            long[["time", "variable", "value"]].to_csv(index=False), "--long", ["seems to be a long one"],
        ),
        "panel": (
            panel.reset_index()[["id", "time", "no2", "ozone", "temp"]].to_csv(index=False), "--groups id",
            ["seems to hold 3 series, told apart by 'id'"],
        ),
        "odd date": (
            plain.replace("2024-03-02 05:00:00", "2024-03-O2 05:00:00"), "sentence",
            ["column 'time' must hold a time in every row; got '2024-03-O2 05:00:00' in line 31"],
        ),
        "odd cell": (
            plain.replace(lines[8].split(",")[2], "6O.1", 1), "--missing=6O.1", ["got '6O.1' in line 9"],
        ),
    }  # fmt: skip
