"""A folder of finished runs: one file each, written whole or not at all, believed only if its hash agrees."""

import contextlib
import hashlib
import json
import os
import time
import uuid
import warnings
from collections.abc import Iterable
from pathlib import Path

from tsinit._typing import StrPath
from tsinit._validate import check_path
from tsinit.comparison.run.worker import RunResult

_KIND = "tsinit-run-2"
#: The kind of version 0.1, whose runs have other keys.
_OLD_KIND = b"tsinit-run-1 "
_ENDING = ".run"
#: Seconds after which an unfinished file belongs to nobody any more.
_ABANDONED = 3600.0


class RunStore:
    """Finished runs on disk, by run_id.

    A file is a line with a kind and the SHA-256 of the rest, and the rest, in JSON. It is written under a name of its
    own and renamed, which the system does at once: whoever reads finds a whole file or none, whatever process is
    killed when. Several processes may share a folder; for the same run they write the same result.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist.
    """

    def __init__(self, folder: StrPath) -> None:
        self.folder = check_path("store", folder)
        self.folder.mkdir(parents=True, exist_ok=True)
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
            Some files are truncated or foreign, or version 0.1 wrote them; their runs are left out, to be
            computed again.
        """
        found: dict[str, RunResult] = {}
        damaged: list[str] = []
        n_missing = 0
        for run_id in run_ids:
            path = self._path(run_id)
            try:
                found[run_id] = _decode(path.read_bytes(), run_id)
            except FileNotFoundError:
                n_missing += 1
            except (ValueError, TypeError, KeyError) as error:
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
            with contextlib.suppress(OSError), path.open("rb") as file:
                n += file.read(len(_OLD_KIND)) == _OLD_KIND
        return n

    def save(self, result: RunResult) -> None:
        """Keep a finished run."""
        path = self._path(result.run_id)
        draft = path.with_name(f"{result.run_id}-{uuid.uuid4().hex}.tmp")
        draft.write_bytes(_encode(result))
        os.replace(draft, path)

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
    if result.run_id != run_id:
        raise ValueError("holds another run")
    return result


def _remove_if_abandoned(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _ABANDONED:
            path.unlink()
    except OSError:  # another process was faster, or may not
        return
