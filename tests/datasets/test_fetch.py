"""A file is searched in a fixed order, fetched once, checked by hash, and is there whole or not at all."""

import hashlib
import io
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tsinit.datasets import _download, _fetch, find, list_datasets
from tsinit.datasets._registry import REGISTRY, DataFile

CONTENT = b"a;b\n1;2\n" * 1000


@pytest.fixture
def thing(monkeypatch, server, cache):
    """A registered file that the local server offers."""
    file = DataFile(
        name="thing",
        path="things/thing.csv",
        url=f"{server.url}/thing.csv",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        bytes=len(CONTENT),
        licence="free",
        citation="none",
    )
    monkeypatch.setitem(REGISTRY, "thing", file)
    server.pages["/thing.csv"] = CONTENT
    return file


def offer(monkeypatch, file, **changes):
    changed = file._replace(**changes)
    monkeypatch.setitem(REGISTRY, "thing", changed)
    return changed


def put(folder, file, content=CONTENT):
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_download_is_announced_kept_and_not_repeated(thing, server, cache, capsys):
    path = find("thing")
    assert path == cache / "things/thing.csv"
    assert path.read_bytes() == CONTENT
    assert files_in(cache) == [path]
    said = capsys.readouterr()
    assert said.out == ""
    assert thing.url in said.err
    assert "8,000 bytes" in said.err
    assert "free" in said.err
    assert find("thing") == path
    assert server.n_requests == 1
    assert capsys.readouterr().err == ""


def test_the_search_goes_path_then_tsinit_data_then_package_then_cache(
    thing, monkeypatch, tmp_path, cache
):
    thing = offer(monkeypatch, thing, bundled="ours/thing.csv")
    monkeypatch.setattr(_fetch, "_bundled_folder", lambda: tmp_path / "package")
    monkeypatch.setenv("TSINIT_DATA", str(tmp_path / "data"))
    own = tmp_path / "own.csv"
    own.write_bytes(b"my own version")
    in_data, cached = put(tmp_path / "data", thing), put(cache, thing)
    shipped = put(tmp_path / "package", thing._replace(path=thing.bundled))

    assert find("thing", own) == own  # not checked: it is the user's
    assert find("thing", tmp_path / "data") == in_data
    assert find("thing", in_data.parent) == in_data
    assert find("thing") == in_data
    in_data.unlink()
    assert find("thing") == shipped
    shipped.unlink()
    assert find("thing") == cached


def test_a_path_that_does_not_exist_is_not_replaced_by_another_file(thing, tmp_path, cache):
    put(cache, thing)
    with pytest.raises(
        FileNotFoundError, match=r"path must name a file.* thing.csv; got '.*nowhere'"
    ):
        find("thing", tmp_path / "nowhere")


def test_a_lost_shipped_file_is_not_downloaded(thing, monkeypatch, tmp_path, server):
    offer(monkeypatch, thing, bundled="ours/thing.csv")
    monkeypatch.setattr(_fetch, "_bundled_folder", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match="Install tsinit again"):
        find("thing")
    assert server.n_requests == 0


@pytest.mark.parametrize("equivalent", [False, True])
def test_a_zip_is_searched_for_the_member_with_the_hash(thing, server, monkeypatch, equivalent):
    crlf = CONTENT.replace(b"\n", b"\r\n")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("thing.csv", b"an impostor under the right name")
        archive.writestr("big.csv", b"0" * 10**6)
        archive.writestr("folder/renamed.csv", crlf if equivalent else CONTENT)
    server.pages["/thing.zip"] = packed.getvalue()
    offer(
        monkeypatch,
        thing,
        url=f"{server.url}/thing.zip",
        member="thing.csv",
        equivalents=(hashlib.sha256(crlf).hexdigest(),),
    )
    assert find("thing").read_bytes() == (crlf if equivalent else CONTENT)


@pytest.mark.parametrize("body", [b"no zip at all", "other"])
def test_a_zip_without_the_file_is_refused(thing, server, monkeypatch, cache, body):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("other.csv", b"1")
    server.pages["/thing.zip"] = packed.getvalue() if body == "other" else body
    offer(monkeypatch, thing, url=f"{server.url}/thing.zip", member="thing.csv")
    with pytest.raises(FileNotFoundError, match=r"no zip arrived|holds \['other.csv'\]"):
        find("thing")
    assert files_in(cache) == []


@pytest.mark.parametrize(
    "page",
    [CONTENT[:-1] + b"X", CONTENT + b"more", (CONTENT[:100], len(CONTENT)), b""],
    ids=["changed", "longer", "broken off", "empty"],
)
def test_anything_else_than_the_file_is_refused_and_leaves_nothing(thing, server, cache, page):
    server.pages["/thing.csv"] = page
    with pytest.raises(FileNotFoundError, match=r"arrived instead|broke off"):
        find("thing")
    assert files_in(cache) == []


@pytest.mark.parametrize("moment", ["write", "move"])
def test_an_interruption_leaves_nothing_half(thing, monkeypatch, cache, moment):
    def write_half(path, content):
        with open(path, "wb") as stream:
            stream.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    def no_move(*args):
        raise KeyboardInterrupt

    if moment == "write":
        monkeypatch.setattr(Path, "write_bytes", write_half)
    else:
        monkeypatch.setattr(os, "replace", no_move)
    with pytest.raises(KeyboardInterrupt):
        find("thing")
    assert files_in(cache) == []


def test_a_damaged_cached_file_is_fetched_again(thing, cache, server):
    path = put(cache, thing, CONTENT[:50])
    assert find("thing").read_bytes() == CONTENT
    assert files_in(cache) == [path]
    assert server.n_requests == 1


def test_a_changed_file_in_tsinit_data_is_an_error_not_a_download(
    thing, monkeypatch, tmp_path, server
):
    monkeypatch.setenv("TSINIT_DATA", str(tmp_path))
    path = put(tmp_path, thing, b"changed")
    with pytest.raises(ValueError, match=r"thing.csv must have the sha256 .*pass path="):
        find("thing")
    assert find("thing", path) == path
    assert server.n_requests == 0


def test_offline_the_error_says_how_to_get_the_file_by_hand(thing, monkeypatch, cache, tmp_path):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setenv("TSINIT_DATA", str(tmp_path / "empty"))
    thing = offer(monkeypatch, thing, member="thing.csv")
    with pytest.raises(FileNotFoundError) as caught:
        find("thing")
    message = str(caught.value)
    for part in (
        thing.url,
        thing.sha256,
        str(cache / "things"),
        "thing.csv",
        "unpack",
        "service not known",
        "TSINIT_DATA",
    ):
        assert part in message
    # Doing what the message says works.
    put(cache, thing)
    assert find("thing") == cache / "things/thing.csv"


def test_a_missing_page_is_reported_with_its_code(thing, server):
    del server.pages["/thing.csv"]
    with pytest.raises(FileNotFoundError, match="404"):
        find("thing")


def test_a_server_that_never_answers_is_given_up(thing, monkeypatch, cache):
    monkeypatch.setattr(_download, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        offer(monkeypatch, thing, url=f"http://127.0.0.1:{silent.getsockname()[1]}/thing.csv")
        with pytest.raises(FileNotFoundError, match="timed out"):
            find("thing")
    assert files_in(cache) == []


def test_a_cache_that_cannot_be_written_is_explained(thing, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TSINIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(FileNotFoundError, match="must be downloaded once, and that failed"):
        find("thing")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x/cache"}, "/x/cache/tsinit"),
        ("linux", {}, "~/.cache/tsinit"),
        ("darwin", {}, "~/Library/Caches/tsinit"),
        ("win32", {"LOCALAPPDATA": "/x/local"}, "/x/local/tsinit"),
        ("win32", {}, "~/AppData/Local/tsinit"),
        ("linux", {"TSINIT_CACHE": "~/mine", "XDG_CACHE_HOME": "/x/cache"}, "~/mine"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(monkeypatch, platform, variables, expected):
    for name in ("TSINIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert _fetch.cache_folder() == Path(expected).expanduser()


def test_shipped_data_are_found_in_a_checkout_and_in_an_installed_package(monkeypatch, tmp_path):
    assert _fetch._bundled_folder() == Path(__file__).parents[2] / "data"
    # A folder named data beside the package, as in site-packages, is somebody else's.
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(_fetch, "_PACKAGE", tmp_path / "tsinit")
    assert _fetch._bundled_folder() == tmp_path / "tsinit/_data"


@pytest.mark.parametrize(
    "project", ['[project]\nname = "theirs"', "[tool.thing]", "project = 3", "not TOML at all"]
)
def test_a_package_inside_the_folder_of_another_project_keeps_to_its_own_data(
    monkeypatch, tmp_path, project
):
    (tmp_path / "data").mkdir()
    (tmp_path / "pyproject.toml").write_text(project)
    monkeypatch.setattr(_fetch, "_PACKAGE", tmp_path / "tsinit")
    assert _fetch._bundled_folder() == tmp_path / "tsinit/_data"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tsinit"')
    assert _fetch._bundled_folder() == tmp_path / "data"
    (tmp_path / "tsinit/_data").mkdir(
        parents=True
    )  # what came with the package goes before what lies beside it
    assert _fetch._bundled_folder() == tmp_path / "tsinit/_data"


def test_the_list_tells_where_every_file_is_and_fetches_none(thing, cache, server):
    table = list_datasets().set_index("name")
    assert list(table.columns) == ["found", "bytes", "licence", "citation", "url"]
    assert set(table.index) == set(REGISTRY)
    assert table.loc["thing", "found"] == "not fetched"
    assert table.loc["arctic_a0007", "found"].endswith("arctic_a0007.wav")
    path = put(cache, thing)
    assert list_datasets().set_index("name").loc["thing", "found"] == str(path)
    path.write_bytes(b"damaged")
    assert list_datasets().set_index("name").loc["thing", "found"] == f"damaged: {path}"
    assert server.n_requests == 0


def test_importing_and_loading_what_ships_needs_no_network():
    code = """
import socket
def refuse(*args, **kwargs):
    raise SystemExit("a connection was tried")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from tsinit import datasets
assert set(datasets.__all__) <= set(dir(datasets))
datasets.load_new_york_air_quality(), datasets.load_speech("arctic_a0009"), datasets.list_datasets()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
