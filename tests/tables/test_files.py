"""Files as people have them: both commands take them for the same table and say so, or ask for one option."""

import numpy as np
import pandas as pd
import pytest
from tables.dialects import air, files_as_people_have_them

from tsinit import cli, read_table
from tsinit._cli.gaps import read_gaps

FILES = files_as_people_have_them()


def _write(folder, name):
    data = FILES[name][0]
    path = folder / f"{name}.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    "name", [name for name in FILES if not FILES[name][1].startswith(("--", "sentence"))]
)
def test_files_that_can_be_read_one_way_are_read_alike_by_both_commands(name, tmp_path):
    path, right = _write(tmp_path, name), air()
    _, kind, words = FILES[name]
    table, gaps = read_table(path), read_gaps(path)
    said = " ".join(table.notes)
    assert all(word in said for word in words), said
    assert len(table.notes) <= 4
    pd.testing.assert_frame_equal(pd.DataFrame(table), gaps.frame)
    values = table.to_numpy()
    if kind == "fewer rows":
        np.testing.assert_array_equal(values, right.loc[table.index])
        assert table.n_absent == 96 - len(table)
        whole = read_table(path, regular=True)
        assert (whole.index == right.index).all()
    elif kind == "one less":
        assert (values != right.to_numpy())[~right.isna().to_numpy()].sum() <= 3
    else:
        np.testing.assert_allclose(
            values, right.to_numpy() * (100 if kind.endswith("100") else 1), rtol=1e-12
        )
    if kind.startswith("the same"):
        assert (table.index == right.index).all()


@pytest.mark.parametrize(
    "name", [name for name in FILES if FILES[name][1].startswith(("--", "sentence"))]
)
def test_others_stop_both_commands_with_the_option_that_cures_them(name, tmp_path, capsys):
    path, right = _write(tmp_path, name), air()
    _, cure, words = FILES[name]
    sentences = []
    for command in (["compare", str(path)], ["impute", str(path), str(tmp_path / "out.csv")]):
        assert cli.main(command) == 2
        sentences.append(capsys.readouterr().err)
    assert sentences[0] == sentences[1]
    assert sentences[0].count("\n") == 1
    assert all(word in sentences[0] for word in words), sentences[0]
    with pytest.raises(ValueError, match=r"must|stands") as error:
        read_table(path)
    assert sentences[0] == f"tsinit: {error.value}\n"
    if cure == "sentence":
        return
    assert cure in sentences[0]
    option, _, value = cure.lstrip("-").replace(" ", "=").partition("=")
    table = read_table(path, **{option: value or True})
    if name == "panel":
        assert table.index.names == ["id", "time"]
        assert table.loc["b"].equals(right.iloc[:40].astype(float))
    elif name == "odd cell":
        assert np.isnan(table["ozone"].iloc[7])
    else:
        np.testing.assert_array_equal(table.to_numpy(), right.to_numpy())
