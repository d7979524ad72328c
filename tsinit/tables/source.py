"""The bytes of a file: text in some encoding, packed or not, or a Parquet table."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tsinit._typing import StrPath

_PACKED = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
_PARQUET = b"PAR1"
#: First bytes of files that are no text, and what they are.
_OTHERS = {
    b"PK\x03\x04": "a spreadsheet or a zip archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x89HDF": "an HDF5 file",
    b"CDF": "a NetCDF file",
    b"ARROW1": "a Feather file",
    b"%PDF": "a PDF file",
}
#: Marks at the beginning; the longer ones first, for the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARK = "\ufeff"


class Source(NamedTuple):
    """A file as text, or as the bytes of a Parquet table."""

    path: Path
    text: str  # with its byte order mark, if it has one; empty for Parquet
    encoding: str
    is_parquet: bool
    notes: list[str]

    @property
    def body(self) -> str:
        """The text without its mark."""
        return self.text.removeprefix(_MARK)


def load(path: StrPath, encoding: str | None = None) -> Source:
    """Read a file, unpack it, and find the encoding of its text.

    Parameters
    ----------
    path : str or Path
    encoding : str, optional
        Without it that of the byte order mark, UTF-8, UTF-16 or Windows' cp1252, the first that fits.

    Returns
    -------
    Source

    Raises
    ------
    FileNotFoundError, ValueError
        The file is not there, or is no table of text.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"The data must be a file; got '{path}', which is none.")
    data = path.read_bytes()
    for magic, unpack in _PACKED.items():
        if data.startswith(magic):
            data = _unpacked(path, data, unpack)
            break
    if data.startswith(_PARQUET):
        return Source(path, "", "", True, [])
    for magic, kind in _OTHERS.items():
        if data.startswith(magic):
            raise ValueError(f"'{path}' must be a table of text; got {kind}. Save it as CSV.")
    text, encoding, notes = _decoded(path, data, encoding)
    return Source(path, text, encoding, False, notes)


def _unpacked(path: Path, data: bytes, unpack) -> bytes:  # type: ignore[no-untyped-def]
    try:
        return unpack(data)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(
            f"'{path}' must be a whole packed file; got a damaged one ({error})."
        ) from None


def _decoded(path: Path, data: bytes, encoding: str | None) -> tuple[str, str, list[str]]:
    if encoding is not None:
        return (*_as_told(path, data, encoding), [])
    found = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if found is None and b"\0" in data[:4096]:
        found = _wide(data[:4096])
        if found is None:
            raise ValueError(
                f"'{path}' must be a table of text; got bytes that are none. Save it as CSV."
            )
    for name in (found,) if found else ("utf-8", "cp1252"):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        notes = []
        if name == "cp1252":
            notes.append(
                f"Read as cp1252 (Windows), for it is not UTF-8: {_strange(text)}; --encoding names another."
            )
        elif name != "utf-8":
            notes.append(f"Read as {name}.")
        return text, name, notes
    raise ValueError(
        f"'{path}' must be text in UTF-8, UTF-16 or cp1252; got other bytes. Name its encoding with --encoding, such "
        "as --encoding=shift_jis."
    )


def _as_told(path: Path, data: bytes, encoding: str) -> tuple[str, str]:
    try:
        name = codecs.lookup(encoding).name
        # Where a mark says which end comes first, it stays in the text, to be written again.
        name = next(
            (exact for mark, exact in _MARKS if data.startswith(mark) and exact.startswith(name)),
            name,
        )
        return data.decode(name), name
    except LookupError:
        raise ValueError(
            f"--encoding must name an encoding that Python knows, such as utf-8, utf-16 or cp1252; got {encoding!r}."
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{path}' must be text in the encoding {encoding!r}; got other bytes, first at byte "
            f"{error.start + 1}. Leave "
            "out --encoding to have it found."
        ) from None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of plain text is zero."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if max(even, odd) < 0.3 * len(data) / 2 or min(even, odd) > 0.05 * len(data) / 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _strange(text: str) -> str:
    """The first words with letters that are not ASCII, to be looked at."""
    words = (
        word
        for word in text[:100_000].replace(";", " ").replace(",", " ").split()
        if not word.isascii()
    )
    found = list(dict.fromkeys(words))[:2]
    return ", ".join(found) or "see its text"
