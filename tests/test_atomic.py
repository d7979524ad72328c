"""Files are old or new and whole, and what stands around them stays as it was."""

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from tsinit import _atomic
from tsinit._atomic import check_writable, write_together, write_whole


@pytest.mark.parametrize("content", ["new", b"new", lambda path: path.write_text("new")])
def test_a_file_is_written_and_nothing_else(tmp_path, content):
    path = tmp_path / "a.csv"
    for _ in range(2):
        write_whole(path, content)
        assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [
            ("a.csv", "new")
        ]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_permissions_stay_and_hold_while_the_file_is_written(tmp_path, mode):
    path, seen = tmp_path / "a.csv", []
    path.write_text("old")
    path.chmod(mode)

    def look(part):
        seen.append(stat.S_IMODE(part.stat().st_mode))
        part.write_text("new")

    write_whole(path, look)
    assert seen == [mode]
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_of_new_files(tmp_path):
    (tmp_path / "other").write_text("")
    write_whole(tmp_path / "a.csv", "new")
    assert (tmp_path / "a.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_links_keep_pointing(tmp_path):
    place, link, second = tmp_path / "sub" / "a.csv", tmp_path / "link", tmp_path / "second"
    place.parent.mkdir()
    place.write_text("old")
    link.symlink_to(place)
    second.symlink_to(link)
    write_whole(second, "new")
    assert place.read_text() == "new"
    assert link.is_symlink()
    assert second.is_symlink()


def test_an_error_or_ctrl_c_leaves_what_was_there(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    for error in (KeyboardInterrupt, OSError(28, "No space left on device"), ValueError):

        def fail(path, error=error):
            path.write_text("half")
            raise error

        with pytest.raises(error if isinstance(error, type) else type(error)):
            write_together({tmp_path / "a.csv": "new", tmp_path / "b.csv": fail})
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.csv", "old")]


def test_names_may_be_as_long_as_the_folder_allows(tmp_path):
    for name in ("a" * 255, "b" * 250 + ".csv", "ä" * 127, "c." + "d" * 253):
        check_writable(tmp_path / name, "OUT")
        write_whole(tmp_path / name, "new")
        assert (tmp_path / name).read_text() == "new"


def _loop(folder):
    (folder / "one").symlink_to(folder / "two")
    (folder / "two").symlink_to(folder / "one")
    return folder / "one"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (lambda folder: folder / ("a" * 256), "OUT must be a file that can be written; got"),
        (lambda folder: folder / ("ä" * 128), "OUT must be a file that can be written; got"),
        (lambda folder: folder / "a\0b", "OUT must be a file that can be written; got"),
        (lambda folder: folder / "a\ud800b", "OUT must be a file that can be written; got"),
        (_loop, "OUT must be a file that can be written; got"),
        (lambda folder: folder, "OUT must be a file; got the folder"),
        (lambda folder: folder / "no" / "a.csv", "OUT must lie in a folder that exists; got"),
    ],
    ids=["long", "long in bytes", "null", "surrogate", "loop", "folder", "no folder"],
)
def test_what_cannot_be_written_is_refused_before(tmp_path, place, message):
    path = place(tmp_path)
    before = set(os.listdir(tmp_path))
    with pytest.raises(OSError, match=message) as caught:
        check_writable(path, "OUT")
    str(caught.value).encode()  # a message can be printed
    assert set(os.listdir(tmp_path)) == before


def test_a_file_or_folder_that_may_not_be_written_to_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def access(place, mode):  # who runs the tests may be allowed everything
        return False

    with monkeypatch.context() as change:
        change.setattr(os, "access", access)
        with pytest.raises(PermissionError, match="OUT must be a file that may be written to"):
            check_writable(path, "OUT")

    def refuse(part, place):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_atomic, "_create", refuse)
    with pytest.raises(PermissionError, match="OUT must lie in a folder that may be written to"):
        check_writable(tmp_path / "b.csv", "OUT")


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    check_writable(pipe, "OUT")
    write_whole(pipe, "new")
    reader.join(30)
    assert found == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    write_whole(os.devnull, "gone")


KILLED = """
import os, signal, sys
from pathlib import Path
from tsinit._atomic import write_whole

def die(part):
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

write_whole(Path(sys.argv[1]), die)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    mine = _atomic._part(path)  # of a process that still works
    mine.write_text("half")
    other = tmp_path / ".tsinit-00000000-1-00000000.part.csv"  # of another machine
    other.write_text("half")
    write_whole(tmp_path / "b.csv", "new")
    assert set(tmp_path.iterdir()) == {path, mine, other, tmp_path / "b.csv"}


@pytest.mark.parametrize("append", [False, True])
def test_standard_output_is_not_renamed_away(tmp_path, append):
    path = tmp_path / "out"
    path.write_text("before\n")
    code = (
        "import sys; from tsinit._atomic import write_whole\n"
        "print('one', flush=True); write_whole('/dev/stdout', 'two\\n'); print('three')"
    )
    with path.open("a" if append else "w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert path.read_text() == "before\n" * append + "one\ntwo\nthree\n"
