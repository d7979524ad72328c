"""Files that are old or new, and whole: written under another name in the same folder, then renamed.

What was there keeps its permissions, and a link keeps pointing where it did. A process that is killed leaves a hidden
part behind; the next that writes into the folder removes it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tsinit._typing import StrPath

#: A text or bytes, or what writes the file of the name that it is given.
Content: TypeAlias = str | bytes | Callable[[Path], object]

_PART = re.compile(r"\.tsinit-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part(\..*)?")
_LONGEST_SUFFIX = 16  # some writers go by it
_LONGEST_NAME = 255  # in bytes, where a file system does not say


def write_whole(path: StrPath, content: Content) -> None:
    """Write one file; an interruption leaves what was there.

    Parameters
    ----------
    path : str or Path
    content : str, bytes or function
        A function is given the name to write to.

    Raises
    ------
    OSError
        It cannot be written; no part of it is left.
    """
    write_together({Path(path): content})


def write_together(files: dict[Path, Content]) -> None:
    """Write files under other names, and give them theirs once all are there: an interruption leaves none.

    What is no file but a device or a pipe is written to at the end.

    Parameters
    ----------
    files : dict of Path to str, bytes or function
        As in `write_whole`.

    Raises
    ------
    OSError
        One cannot be written; then none is.
    """
    streams = [path for path in files if is_stream(path)]
    places = {path: _target(path) for path in files if path not in streams}
    for folder in {place.parent for place in places.values()}:
        remove_stale(folder)
    parts = {path: _part(place) for path, place in places.items()}
    try:
        for path, part in parts.items():
            _create(part, places[path])
            _fill(part, files[path])
            _sync(part)
        for path in streams:
            _fill(path, files[path])
        for path, part in parts.items():
            part.replace(places[path])
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    for folder in {place.parent for place in places.values()}:
        _sync(folder)


def check_writable(path: StrPath, name: str) -> None:
    """Refuse a file that could not be written later, as `cp` would.

    Parameters
    ----------
    path : str or Path
    name : str
        How messages call it.

    Raises
    ------
    OSError
        Its folder is none or may not be written to, its name is too long, it is a folder, a file that may not be
        written to, or a link that leads in a circle.
    """
    path = Path(path)
    try:
        place = path if is_stream(path) else _target(path)
        if not place.parent.is_dir():
            raise FileNotFoundError(f"{name} must lie in a folder that exists; got '{path}'.")
        if place.is_dir():
            raise IsADirectoryError(f"{name} must be a file; got the folder '{path}'.")
        if len(os.fsencode(place.name)) > _longest_name(place.parent):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(f"{name} must be a file that may be written to; got '{path}'.")
        if not is_stream(path):
            part = _part(place)
            _create(part, place)
            part.unlink()
    except (
        OSError,
        ValueError,
    ) as error:  # ValueError: a name with a null, or one that cannot be encoded
        if isinstance(error, OSError) and error.errno is None:
            raise
        if isinstance(error, PermissionError):
            raise PermissionError(
                f"{name} must lie in a folder that may be written to; got '{path}'."
            ) from None
        why = error.strerror if isinstance(error, OSError) else error
        raise OSError(
            f"{name} must be a file that can be written; got {str(path)!r} ({why})."
        ) from None


def make_folder(path: StrPath, name: str, *, writable: bool = True) -> Path:
    """Make a folder, with those above it, unless it is there.

    Parameters
    ----------
    path : str or Path
    name : str
        How messages call it.
    writable : bool
        Whether it is of no use where it may only be read.

    Raises
    ------
    OSError
        It cannot be made, or may not be written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        kind = type(error) if isinstance(error, OSError) else OSError
        raise kind(
            f"{name} must be a folder that can be made; got {str(path)!r} "
            f"({getattr(error, 'strerror', None) or error})."
        ) from None
    if writable and not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(f"{name} must be a folder that may be written to; got {str(path)!r}.")
    return path


def is_stream(path: StrPath) -> bool:
    """Whether a path leads to a device or a pipe, /dev/stdout for one, or to where standard output goes."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False
    other = not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode)
    return other or is_standard_output(path)


def is_standard_output(path: StrPath) -> bool:
    """Whether what is written to a path arrives where this process prints."""
    try:
        mine, found = os.fstat(1), os.stat(path)
    except (OSError, ValueError):
        return False
    return os.path.samestat(mine, found)


def remove_stale(folder: Path) -> None:
    """Remove parts that processes of this machine left behind when they were killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _PART.fullmatch(entry.name)
            if found and found[1] == _machine() and not _is_alive(int(found[2])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _target(path: Path) -> Path:
    """Follow links: what they lead to is written.

    Raises
    ------
    OSError
        They lead in a circle.
    """
    with contextlib.suppress(FileNotFoundError):
        os.stat(path)  # raises where `resolve` of some versions of Python returns the link
    return path.resolve()


def _part(place: Path) -> Path:
    """Return a hidden name beside a place, short whatever the place is called."""
    suffix = place.suffix if len(os.fsencode(place.suffix)) <= _LONGEST_SUFFIX else ""
    return place.with_name(f".tsinit-{_machine()}-{os.getpid()}-{os.urandom(4).hex()}.part{suffix}")


def _create(part: Path, place: Path) -> None:
    """Make an empty file with the permissions of what it will replace, so that nobody reads it who could not before."""
    try:
        old = os.stat(place)
    except FileNotFoundError:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        return
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if hasattr(os, "chown"):
        # Only root may give files away; another's file becomes one's own, as with `mv`.
        for owner in ((old.st_uid, old.st_gid), (-1, old.st_gid)):
            with contextlib.suppress(OSError):
                os.chown(part, *owner)
                break
    os.chmod(part, stat.S_IMODE(old.st_mode))


def _fill(path: Path, content: Content) -> None:
    if callable(content):
        content(path)
        return
    data = content.encode() if isinstance(content, str) else content
    if is_standard_output(path):  # opened anew, a file would begin anew
        with os.fdopen(os.dup(1), "wb") as file:
            file.write(data)
    else:
        path.write_bytes(data)


def _sync(path: Path) -> None:
    """Have the disk hold what was written, where it can tell: a file before its name, then the name."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return _LONGEST_NAME


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
