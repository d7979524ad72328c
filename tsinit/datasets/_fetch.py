"""Where a file of data is: given by the user, in ``TSINIT_DATA``, shipped, cached, or fetched now."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsinit.datasets._download import download, is_intact
from tsinit.datasets._registry import DataFile, lookup

if TYPE_CHECKING:
    from tsinit._typing import StrPath

_PACKAGE = Path(__file__).resolve().parents[1]


class FileLocation(NamedTuple):
    """A path where a file may lie, and what kind of location that is."""

    kind: str  # "TSINIT_DATA", "bundled" or "cache"
    path: Path


def find(name: str, path: StrPath | None = None) -> Path:
    """Return the path of a file of data, fetching it if it is nowhere else.

    The search goes through `path`, the folder named by the environment variable ``TSINIT_DATA``, the data
    that ships with the package, and the user's cache; last comes a download, checked by hash.

    Parameters
    ----------
    name : str
        A name from `list_datasets`.
    path : path-like, optional
        The user's own copy, or a folder that holds it. It is taken as it is: its hash is not checked.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    ValueError
        If there is no data of that name, or a copy in ``TSINIT_DATA`` or in the package has been changed.
    FileNotFoundError
        If `path` does not exist, or the file is nowhere and cannot be downloaded. The message says where to
        get it, what its sha256 is, and where to put it.
    """
    file = lookup(name)
    if path is not None:
        return _given(file, Path(path).expanduser())
    for location in locations(file):
        if not location.path.is_file():
            continue
        if is_intact(file, location.path.read_bytes()):
            return location.path
        # A damaged file in the cache is ours to replace; elsewhere somebody put it there.
        if location.kind != "cache":
            raise ValueError(
                f"{location.path} must have the sha256 {file.sha256}; got another file. "
                f"Replace or remove it, or pass path= to use it as it is."
            )
    if file.bundled is not None:
        raise FileNotFoundError(
            f"{file.name} must lie in {_bundled_folder() / file.bundled}, as part of "
            f"the package; got no such file. Install tsinit again."
        )
    target = cache_folder() / file.path
    try:
        return download(file, target)
    except OSError as error:
        raise FileNotFoundError(_by_hand(file, target, error)) from error


def locations(file: DataFile) -> Iterator[FileLocation]:
    """Yield the paths where a file may lie, in order of search."""
    root = os.environ.get("TSINIT_DATA")
    if root:
        yield FileLocation("TSINIT_DATA", Path(root).expanduser() / file.path)
    if file.bundled is not None:
        yield FileLocation("bundled", _bundled_folder() / file.bundled)
    yield FileLocation("cache", cache_folder() / file.path)


def cache_folder() -> Path:
    """Return the folder for downloads: ``TSINIT_CACHE``, or the platform's cache folder."""
    chosen = os.environ.get("TSINIT_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tsinit"


def _bundled_folder() -> Path:
    """Return ``tsinit/_data`` of an installed package, ``data/`` in a checkout of it."""
    shipped, checkout = _PACKAGE / "_data", _PACKAGE.parent
    return (
        checkout / "data"
        if not shipped.is_dir() and _is_ours(checkout / "pyproject.toml")
        else shipped
    )


def _is_ours(project: Path) -> bool:
    """Tell our project file from that of a project into whose folder the package was installed."""
    try:
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"] == "tsinit"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _given(file: DataFile, path: Path) -> Path:
    """Return the file that the user points at, by its own path or by the folder that holds it."""
    for candidate in (path, path / file.path, path / Path(file.path).name):
        if candidate.is_file():
            return candidate
    wanted = Path(file.path).name
    raise FileNotFoundError(
        f"path must name a file, or a folder that holds {wanted}; got '{path}'."
    )


def _by_hand(file: DataFile, target: Path, error: OSError) -> str:
    """Say how to get a file that could not be downloaded."""
    root = os.environ.get("TSINIT_DATA")
    searched = f" TSINIT_DATA={root} does not hold {file.path}." if root else ""
    unpack = f", unpack {file.member} from it" if file.member else ""
    return (
        f"{file.name} must be downloaded once, and that failed: {error}.{searched} Get it yourself: "
        f"download {file.url}{unpack}, check that its sha256 is {file.sha256}, and put it in the folder "
        f"{target.parent} under the name {target.name}. Or set TSINIT_DATA to a folder that holds "
        f"{file.path}."
    )
