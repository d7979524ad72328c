"""Fetch one file: say what and how much, check the hash, put it in place in one step or not at all."""

import hashlib
import http.client
import io
import sys
import urllib.request
import zipfile
from pathlib import Path

from tsinit._atomic import write_whole
from tsinit.datasets._registry import DataFile

_TIMEOUT = 30.0  # seconds without an answer
_LARGEST_ZIP = 64 * 2**20  # bytes: an answer beyond it is not what was asked for


class WrongFile(OSError):
    """What arrived is not the file that the registry describes."""


def is_intact(file: DataFile, content: bytes) -> bool:
    """Tell whether these bytes are the registered file, or an equally good copy of it."""
    return hashlib.sha256(content).hexdigest() in (file.sha256, *file.equivalents)


def download(file: DataFile, target: Path) -> Path:
    """Fetch a file into its place.

    The content is checked in memory, written beside the target and moved over it, so that an interruption at
    any moment leaves either no file or the whole one.

    Parameters
    ----------
    file : DataFile
        What to fetch.
    target : Path
        Where to put it; its folder is made if need be.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    OSError
        If the address does not answer, the folder cannot be written, or something else arrives (`WrongFile`).
    """
    content = _ask(file)
    if file.member is not None:
        content = _unpack(file, content)
    if not is_intact(file, content):
        got = hashlib.sha256(content).hexdigest()
        raise WrongFile(f"{len(content):,} bytes with sha256 {got} arrived instead")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content)
    return target


def _ask(file: DataFile) -> bytes:
    request = urllib.request.Request(file.url, headers={"User-Agent": "tsinit"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            size = answer.headers.get("Content-Length")
            _report(file, int(size) if size else None)
            limit = file.bytes if file.member is None else _LARGEST_ZIP
            # One byte more than expected is enough to see that it is too long.
            return answer.read(limit + 1)
    except http.client.HTTPException as error:
        raise OSError(f"the server broke off ({error!r})") from error


def _report(file: DataFile, size: int | None) -> None:
    """Say on stderr what is downloaded, from where, how much, and on what terms."""
    sent = (
        f", in a zip of {size:,} bytes"
        if file.member and size
        else ", in a zip"
        if file.member
        else ""
    )
    sys.stderr.write(
        f"tsinit: downloading {file.name} ({file.bytes:,} bytes{sent}) from {file.url}\n"
        f"tsinit: licence: {file.licence}\n"
    )
    sys.stderr.flush()


def _unpack(file: DataFile, content: bytes) -> bytes:
    """Return the member of a zip that is the file: its content decides, not its name or folder."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                # Equivalent copies differ in line endings only, so nothing much larger is one: a zip bomb stays packed.
                if info.file_size <= 2 * file.bytes:
                    member = archive.read(info)
                    if is_intact(file, member):
                        return member
            names = [info.filename for info in archive.infolist()]
    except zipfile.BadZipFile:
        raise WrongFile(f"{len(content):,} bytes that are no zip arrived") from None
    raise WrongFile(f"no member of the zip has the expected sha256; it holds {names}")
