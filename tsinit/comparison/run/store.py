"""A folder of finished runs: one file each, written whole or not at all, believed only if its hash agrees."""

import contextlib
import hashlib
import json
import os
import stat
import time
import uuid
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tsinit._atomic import make_folder, write_whole
from tsinit._typing import StrPath
from tsinit._validate import check_path
from tsinit.comparison.run.segmentation import labels_in
from tsinit.comparison.run.worker import RunResult

_KIND = "tsinit-run-2"
#: The kind of version 0.1, whose runs have other keys.
_OLD_KIND = b"tsinit-run-1 "
_ENDING = ".run"
#: Seconds after which an unfinished file belongs to nobody any more.
_ABANDONED = 3600.0
_STATES = ("ok", "not_converged", "diverged", "timeout", "error")
_TEXTS = ("run_id", "error_type", "error_message", "error_trace", "versions")


class RunStore:
    """Finished runs on disk, by run_id.

    A file is a line with a kind and the SHA-256 of the rest, and the rest, in JSON. It is written under a name of its
    own and renamed, which the system does at once: whoever reads finds a whole file or none, whatever process is
    killed when. Several processes may share a folder; for the same run they write the same result.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, folder: StrPath) -> None:
        self._refused: list[str] = []  # why runs could not be kept
        self.folder = make_folder(check_path("store", folder), "store", writable=False)
        for path in self.folder.glob("*.tmp"):
            _remove_if_abandoned(path)

    def load(self, run_ids: Iterable[str]) -> dict[str, RunResult]:
        """Read the runs that are there.

        Parameters
        ----------
        run_ids : iterable of str

        Returns
        -------
        dict of str to RunResult

        Warns
        -----
        UserWarning
            Some files are truncated or foreign, are no files, or version 0.1 wrote them; their runs are left out, to
            be computed again.
        """
        found: dict[str, RunResult] = {}
        damaged: list[str] = []
        n_missing = 0
        for run_id in run_ids:
            path = self._path(run_id)
            try:
                found[run_id] = _decode(_read(path), run_id)
            except FileNotFoundError:
                n_missing += 1
            except OSError as error:
                damaged.append(f"{path.name}: {error.strerror or error}")
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                damaged.append(f"{path.name}: {error}")
        if damaged:
            listed = "; ".join(damaged[:5])
            more = f"; and {len(damaged) - 5} more" if len(damaged) > 5 else ""
            warnings.warn(
                f"{len(damaged)} of the files in the store {str(self.folder)!r} cannot be trusted, and their runs are "
                f"computed again: {listed}{more}.",
                UserWarning,
                stacklevel=4,
            )
        n_old = self._count_old() if n_missing else 0
        if n_old:
            warnings.warn(
                f"The store {str(self.folder)!r} holds {n_old} {'run' if n_old == 1 else 'runs'} of tsinit 0.1, whose "
                "keys depended on where its classes were defined, so that this version cannot find them and computes "
                "what it needs again; those files can be deleted.",
                UserWarning,
                stacklevel=4,
            )
        return found

    def _count_old(self) -> int:
        """Count the files that version 0.1 wrote; the first bytes of a file tell its kind."""
        n = 0
        for path in self.folder.glob(f"*{_ENDING}"):
            with contextlib.suppress(OSError):
                n += _read(path, len(_OLD_KIND)) == _OLD_KIND
        return n

    def save(self, result: RunResult) -> None:
        """Keep a finished run; where it cannot be kept, a full disk for one, it must not be lost with its process.

        :meth:`warn_of_refused` says so at the end.
        """
        path = self._path(result.run_id)
        draft = path.with_name(f"{result.run_id}-{uuid.uuid4().hex}.tmp")
        try:
            with contextlib.suppress(FileNotFoundError):
                _require_file(os.stat(path).st_mode)
            # What is half written must not look like a run to whoever lists the folder.
            write_whole(draft, _encode(result))
            os.replace(draft, path)
        except OSError as error:
            self._refused.append(error.strerror or str(error))
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def warn_of_refused(self) -> None:
        """Say how many runs could not be kept, and why.

        Warns
        -----
        UserWarning
            Some could not.
        """
        if self._refused:
            n = len(self._refused)
            warnings.warn(
                f"{n} {'run' if n == 1 else 'runs'} could not be kept in the store {str(self.folder)!r} "
                f"({'; '.join(dict.fromkeys(self._refused))}): the result has {'it' if n == 1 else 'them'}, and "
                "another call will compute the same again.",
                UserWarning,
                stacklevel=4,
            )

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}{_ENDING}"


def _encode(result: RunResult) -> bytes:
    # JSON brings floats back to the last bit, NaN and infinity included, and can hold nothing that runs when read.
    body = json.dumps(result._asdict()).encode()
    return f"{_KIND} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def _decode(content: bytes, run_id: str) -> RunResult:
    head, _, body = content.partition(b"\n")
    kind, _, digest = head.decode("ascii", errors="replace").partition(" ")
    if kind != _KIND:
        raise ValueError("not a run of this kind of store")
    if hashlib.sha256(body).hexdigest() != digest:
        raise ValueError("truncated or altered")
    result = RunResult(**json.loads(body))
    _check_types(result)
    if result.run_id != run_id:
        raise ValueError("holds another run")
    return result


def _check_types(result: RunResult) -> None:
    """Refuse values that no run comes to; whoever changes a file may change its hash."""
    for name in _TEXTS:
        text = getattr(result, name)
        _require(isinstance(text, str) and _is_unicode(text), name)
    _require(result.status in _STATES, "status")
    start = result.start
    _require(start is None or (isinstance(start, str) and _is_unicode(start)), "start")
    segmentation = result.segmentation
    _require(segmentation is None or isinstance(segmentation, str), "segmentation")
    if segmentation is not None:
        labels_in(segmentation)
    _require(result.converged is None or isinstance(result.converged, bool), "converged")
    n_iter = result.n_iter
    _require(n_iter is None or (type(n_iter) is int and 0 <= n_iter < 2**63), "n_iter")
    for name in ("init_seconds", "fit_seconds", "final"):
        _require_numbers([getattr(result, name)], name)
    for name in ("objectives", "seconds"):
        _require_numbers(getattr(result, name), name)
    _require(len(result.objectives) == len(result.seconds), "seconds")
    for name in ("extras", "sampler", "scores"):
        kept = getattr(result, name)
        _require(isinstance(kept, dict) and all(map(_is_unicode, kept)), name)
    for name, values in result.extras.items():
        _require_numbers(values, name)
        _require(len(values) <= len(result.objectives), name)
    _require_numbers([*result.sampler.values(), *result.scores.values()], "scores")


def _is_unicode(text: str) -> bool:
    """Whether tables of text can hold it; a lone surrogate, which JSON can name, is no character."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _require_numbers(values: Any, name: str) -> None:
    _require(isinstance(values, list) and all(type(x) in (int, float) for x in values), name)
    for x in values:
        float(x)  # an integer may have more digits than a float can hold


def _require(condition: bool, name: str) -> None:
    if not condition:
        raise ValueError(f"{name!r} is not what a run has there")


def _read(path: Path, n: int = -1) -> bytes:
    """Read a file; a pipe, on which one would wait for ever, and a folder are none.

    Raises
    ------
    OSError
        It is none, or cannot be read.
    """
    # Without O_NONBLOCK opening a pipe waits for somebody who writes.
    with open(
        os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
    ) as file:
        _require_file(os.fstat(file.fileno()).st_mode)
        return file.read(n)


def _require_file(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError("not a file")


def _remove_if_abandoned(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _ABANDONED:
            path.unlink()
    except OSError:  # another process was faster, or may not
        return
