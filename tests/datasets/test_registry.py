"""The registry is right about the files that ship, and about those that TSINIT_DATA holds."""

import hashlib
import os
import re
from pathlib import Path

import pytest

from tsinit.datasets._registry import REGISTRY, lookup

DATA = Path(__file__).parents[2] / "data"
SHIPPED = [file for file in REGISTRY.values() if file.bundled]
FETCHED = [file for file in REGISTRY.values() if not file.bundled]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_file_is_the_registered_one_and_its_readme_says_so(file):
    content = (DATA / file.bundled).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert len(content) == file.bytes
    readme = (DATA / file.bundled).parent.joinpath("README.md").read_text()
    assert file.sha256 in readme
    assert str(file.bytes) in readme
    assert "Licence" in readme
    assert "Citation" in readme


def test_nothing_ships_that_is_not_registered_or_described():
    shipped = {file.bundled for file in SHIPPED}
    there = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file()}
    rest = {
        name for name in there - shipped if Path(name).name not in ("README.md", ".gitattributes")
    }
    assert rest == {"arctic/COPYING_CMU_ARCTIC"}
    notice = (DATA / "arctic/COPYING_CMU_ARCTIC").read_text()
    assert "Carnegie Mellon University" in notice
    assert hashlib.sha256(notice.encode()).hexdigest() in (DATA / "arctic/README.md").read_text()


def test_every_record_is_complete_and_every_address_is_pinned_by_a_hash():
    for file in REGISTRY.values():
        assert all(
            re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in (file.sha256, *file.equivalents)
        ), file.name
        assert file.bytes > 0, file.name
        assert file.licence, file.name
        assert file.citation, file.name
    assert all(file.url.startswith("https://") for file in FETCHED)
    assert len({file.path for file in REGISTRY.values()}) == len(REGISTRY)
    assert len({file.sha256 for file in REGISTRY.values()}) == len(REGISTRY)


def test_files_in_tsinit_data_are_the_registered_ones():
    folder = os.environ.get("TSINIT_DATA")
    there = [file for file in FETCHED if folder and (Path(folder) / file.path).is_file()]
    if not there:
        pytest.skip("TSINIT_DATA holds no registered file")
    for file in there:
        content = (Path(folder) / file.path).read_bytes()
        if file.equivalents and b"\r\n" not in content:
            # The copy with LF line endings becomes the registered file by restoring CRLF.
            assert hashlib.sha256(content).hexdigest() in file.equivalents
            content = content.replace(b"\n", b"\r\n")
        assert hashlib.sha256(content).hexdigest() == file.sha256, file.name
        assert len(content) == file.bytes, file.name


def test_a_name_is_found_in_full_or_by_its_last_part():
    assert lookup("fsdd/2_jackson_5") is lookup("2_jackson_5") is REGISTRY["fsdd/2_jackson_5"]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("air_qualty", "air_quality"),
        ("2_jakson_5", "fsdd/2_jackson_5"),
        ("arctic_a7", "arctic_a0007"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(asked, meant):
    with pytest.raises(
        ValueError, match=f"name must be one of .* got '{asked}'. Did you mean '{meant}'"
    ):
        lookup(asked)


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(ValueError, match=r"got 'xyzzy'\.$"):
        lookup("xyzzy")
