"""The store: killed at any moment, the same call goes on where it was; what is damaged is computed again."""

import errno
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from comparison.fake_model import Hills, Walker
from comparison.fragile_model import Fragile

from tsinit.comparison import compare
from tsinit.comparison.plan.tasks import make_plan
from tsinit.comparison.result import from_results
from tsinit.comparison.run.store import RunStore
from tsinit.models import progress

X = np.zeros((40, 2))
TESTS = Path(__file__).parents[2]
CLOCK = ["init_seconds", "fit_seconds"]
CODE = textwrap.dedent("""
    import sys
    sys.path.insert(0, sys.argv[1])
    import numpy as np
    from comparison.fragile_model import Fragile
    from tsinit.comparison import compare
    model = Fragile(fates=((3, "exception"),), seconds=float(sys.argv[3]), log=sys.argv[4])
    compare(model, np.zeros((40, 2)), ["wide", "right"], n_seeds=15, n_jobs=int(sys.argv[5]), store=sys.argv[2],
            progress=False)
""")


def _process(store, log, seconds=0.03, n_jobs=1):
    arguments = [str(TESTS), str(store), str(seconds), str(log), str(n_jobs)]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CODE, *arguments],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _here(store, log, seconds=0.03, **more):
    """The call of the processes, in this one."""
    model = Fragile(fates=((3, "exception"),), seconds=seconds, log=str(log))
    return compare(model, X, ["wide", "right"], n_seeds=15, store=store, progress=False, **more)


def _files(store):
    return sorted(Path(store).glob("*.run"))


def _same(one, two):
    assert one.runs.drop(columns=CLOCK).equals(two.runs.drop(columns=CLOCK))
    assert one.traces.drop(columns="seconds").equals(two.traces.drop(columns="seconds"))
    assert one.errors.drop(columns="traceback").equals(two.errors.drop(columns="traceback"))


def _lines(log):
    return len(Path(log).read_text().splitlines()) if Path(log).exists() else 0


@pytest.mark.filterwarnings("ignore:2 of 30 runs failed")
def test_killed_at_any_moment_and_called_again_only_the_unfinished_are_computed(tmp_path):
    log = tmp_path / "log"
    whole = _here(None, log)
    store = tmp_path / "runs"
    for wanted, n_jobs in ((1, 1), (9, 2)):
        process = _process(store, log, n_jobs=n_jobs)
        deadline = time.monotonic() + 90
        while (
            len(_files(store)) < wanted and process.poll() is None and time.monotonic() < deadline
        ):
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    kept = len(_files(store))
    assert kept >= 9
    assert kept < 30, "the last process should have been killed before its end"
    before = _lines(log)
    resumed = _here(store, log)
    assert _lines(log) - before == 30 - kept + min(
        2, 30 - kept
    )  # and one warm-up for each start that has work left
    _same(resumed, whole)
    before = _lines(log)
    again = _here(store, log)
    assert _lines(log) == before
    assert again.runs.equals(resumed.runs)  # the clock too: nothing was computed
    assert again.errors.equals(resumed.errors)


@pytest.mark.filterwarnings("ignore:2 of 30 runs failed")
def test_two_processes_on_one_store(tmp_path):
    log, store = tmp_path / "log", tmp_path / "runs"
    both = [_process(store, log, seconds=0.01) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=120)[1] == b""
        assert process.returncode == 0
    assert len(_files(store)) == 30
    assert not list(store.glob("*.tmp"))
    before = _lines(log)
    _same(_here(store, log, seconds=0.01), _here(None, log, seconds=0.01))
    assert _lines(log) - before == 32  # all from the store: only the call without one computes


def _truncated(content, other):
    return content[: len(content) // 2]


def _altered(content, other):
    return content.replace(b'"status": "ok"', b'"status": "no"')


def _foreign(content, other):
    return b"PK\x03\x04 something else"


def _empty(content, other):
    return b""


def _of_another_run(content, other):
    return other


def _signed_nonsense(content, other):
    body = json.dumps({"run_id": "x", "status": "ok"}).encode()
    return f"tsinit-run-2 {hashlib.sha256(body).hexdigest()}\n".encode() + body


@pytest.mark.parametrize(
    "damage", [_truncated, _altered, _foreign, _empty, _of_another_run, _signed_nonsense]
)
def test_a_damaged_or_foreign_file_is_reported_and_computed_again(tmp_path, damage):
    log = tmp_path / "log"

    def call():
        return compare(
            Fragile(log=str(log)), X, ["wide"], n_seeds=4, store=tmp_path / "runs", progress=False
        )

    first = call()
    (tmp_path / "runs" / "notes.txt").write_text("not ours")
    one, two = _files(tmp_path / "runs")[:2]
    one.write_bytes(damage(one.read_bytes(), two.read_bytes()))
    before = _lines(log)
    with pytest.warns(
        UserWarning, match=f"1 of the files in the store .* cannot be trusted.*{one.name}"
    ):
        second = call()
    assert _lines(log) - before == 2  # one run, and one to warm up
    assert second.runs.drop(columns=CLOCK).equals(first.runs.drop(columns=CLOCK))
    assert call().runs.equals(second.runs)


def _write_old(store, name):
    """A file as version 0.1 wrote it: another kind, and a key that no run has any more."""
    store.mkdir(exist_ok=True)
    body = json.dumps({"run_id": name, "status": "ok"}).encode()
    head = f"tsinit-run-1 {hashlib.sha256(body).hexdigest()}\n".encode()
    (store / f"{name}.run").write_bytes(head + body)


def test_runs_of_an_old_version_are_counted_in_one_sentence_and_computed_again(tmp_path):
    store, log = tmp_path / "runs", tmp_path / "log"
    for i in range(3):
        _write_old(store, f"{i:016x}")

    def call(n_seeds):
        return compare(
            Fragile(log=str(log)), X, ["wide"], n_seeds=n_seeds, store=store, progress=False
        )

    with pytest.warns(UserWarning, match="3 runs of tsinit 0.1, .* can be deleted") as caught:
        first = call(2)
    assert len(caught) == 1
    assert _lines(log) == 3  # two runs, and one to warm up
    assert len(_files(store)) == 3 + 2
    assert call(2).runs.equals(first.runs)  # where nothing is missing, nothing is said
    for path in store.glob("0000*.run"):
        path.unlink()
    call(3)


def test_only_what_is_new_is_computed(tmp_path):
    log = tmp_path / "log"

    def call(model=None, strategies=("wide",), n_seeds=4):
        model = model or Fragile(log=str(log))
        before = _lines(log)
        compare(model, X, list(strategies), n_seeds=n_seeds, store=tmp_path, progress=False)
        return _lines(log) - before

    assert call() == 5
    assert call(n_seeds=6) == 3
    assert call(strategies=["wide", "right"]) == 5
    assert call(Fragile(log=str(log), max_iter=7)) == 5
    assert call(strategies=["right", "wide"]) == 0


def test_everything_of_a_sampler_comes_back(tmp_path):
    def start(y, rng):
        return rng.random(len(y))

    first, second = (
        compare(Walker(), X, {"a": start}, n_seeds=3, store=tmp_path, progress=False)
        for _ in range(2)
    )
    assert first.runs.equals(second.runs)
    assert first.traces.equals(second.traces)


def test_drafts_of_the_dead_are_cleared_after_a_while(tmp_path):
    old, new = tmp_path / "a.tmp", tmp_path / "b.tmp"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (time.time() - 7200,) * 2)
    compare(Fragile(), X, ["wide"], n_seeds=1, store=tmp_path, progress=False)
    assert not old.exists()
    assert new.exists()


def test_the_bar_begins_at_what_is_there(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    for n_seeds in (3, 5):
        compare(Fragile(), X, ["wide"], n_seeds=n_seeds, store=tmp_path)
    said = capsys.readouterr().err
    assert "compare: 3 of 5 runs" in said


@pytest.mark.parametrize("store", [3, "", True])
def test_a_store_is_a_folder(store):
    with pytest.raises(TypeError, match="store must be a folder or None"):
        compare(Fragile(), X, ["wide"], n_seeds=1, store=store, progress=False)


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="store must be a folder; got the file"):
        compare(Fragile(), X, ["wide"], n_seeds=1, store=tmp_path / "file", progress=False)


class _Locked:
    """A strategy that cannot be identified: what it does depends on an object that is in no text."""

    def __init__(self, x):
        self.lock = threading.Lock()
        self.x = x

    def __call__(self, y, rng):
        return self.x


class _Held:
    def __init__(self, x):
        self.f = lambda: x

    def __call__(self, y, rng):
        return self.f()


def test_what_cannot_be_identified_is_not_kept_and_nothing_is_handed_back_for_it(tmp_path):
    def start(x, store):
        strategies = {"locked": _Locked(x), "right": "right"}
        return compare(Hills(), X, strategies, n_seeds=1, store=store, progress=False)

    for x in (0.1, 0.9):
        with pytest.warns(
            UserWarning,
            match=r"^1 of 2 runs are not kept in the store, .* strategy 'locked' \(_thread.lock\)\.$",
        ):
            result = start(x, tmp_path)
        assert result.runs["objective_start"].iloc[0] == start(x, None).runs["objective_start"][0]
        assert len(_files(tmp_path)) == 1
        assert float(result.rerun(result.runs["run_id"].iloc[0]).start_[0]) == x


def test_a_strategy_that_no_pickle_holds_is_kept_by_what_it_holds(tmp_path):
    def start(x, store):
        strategies = {"held": _Held(x)}
        return compare(Hills(), X, strategies, n_seeds=1, store=store, progress=False).runs

    for x in (0.1, 0.9):
        assert start(x, tmp_path).equals(start(x, tmp_path))
        assert start(x, tmp_path)["objective_start"][0] == start(x, None)["objective_start"][0]
    assert len(_files(tmp_path)) == 2


def _signed(path, **changes):
    """Change what a file of the store says, and sign it again."""
    body = json.loads(path.read_bytes().partition(b"\n")[2]) | changes
    text = json.dumps(body).encode()
    path.write_bytes(f"tsinit-run-2 {hashlib.sha256(text).hexdigest()}\n".encode() + text)


#: Values of no run, by field; whatever is in a file, it is a table or a sentence.
_WRONG = [
    None,
    True,
    7,
    1.5,
    "text",
    [],
    [1.0],
    ["a"],
    {},
    {"a": "b"},
    {"a": [1.0]},
    10**400,
    -1,
    [[1.0]],
    [None],
    "\ud800",
    {"\ud800": 1.0},
    {"\ud800": [1.0]},
]


def test_whatever_a_signed_file_holds_is_a_run_or_reported(tmp_path):
    def call():
        return compare(Fragile(), X, ["wide"], n_seeds=1, store=tmp_path, progress=False)

    options = dict.fromkeys(["score", "test", "truth", "budget"])
    first, plan = call(), make_plan(Fragile(), X, ["wide"], n_seeds=1, seed=0, **options)
    (task,), (path,) = plan.tasks(), _files(tmp_path)
    whole, n_reported = path.read_bytes(), 0
    for field in json.loads(whole.partition(b"\n")[2]):
        for value in _WRONG:
            path.write_bytes(whole)
            _signed(path, **{field: value})
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = RunStore(tmp_path).load([task.run_id])
            if caught:
                n_reported += 1
                assert not found
                assert "cannot be trusted" in str(caught[0].message)
            else:
                result = from_results(plan, [task], [found[task.run_id]])
                assert result.summary_text()
                assert result.verdict()
    assert n_reported > 200  # of 306: some values are those of some run
    _signed(path, n_iter="text")
    with pytest.warns(UserWarning, match="cannot be trusted"):
        again = call()
    assert again.runs.drop(columns=CLOCK).equals(first.runs.drop(columns=CLOCK))


def _folder(path):
    path.mkdir()


def _pipe(path):
    os.mkfifo(path)


def _loop(path):
    path.symlink_to(path.name)


def _device(path):
    path.symlink_to("/dev/zero")


def _nobody_may_read(path):
    path.write_bytes(b"")
    path.chmod(0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("make", [_folder, _pipe, _loop, _device, _nobody_may_read])
def test_what_is_no_file_is_reported_and_computed_again_and_nobody_waits(tmp_path, make):
    store = tmp_path / "runs"

    def call(n_seeds=2):
        return compare(Fragile(), X, ["wide"], n_seeds=n_seeds, store=store, progress=False)

    first = call()
    path = _files(store)[0]
    path.unlink()
    make(path)
    make(store / "0123456789abcdef.run")  # of another comparison
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        second = call()
    texts = [str(warning.message) for warning in caught]
    assert "1 of the files in the store" in texts[0]
    assert path.name in texts[0]
    # What stands in its place may be somebody's: it stays, and the run is not kept.
    assert len(texts) == 1 + (make is not _nobody_may_read)
    assert all("\n" not in text for text in texts)
    assert second.runs.drop(columns=CLOCK).equals(first.runs.drop(columns=CLOCK))
    assert make is not _nobody_may_read or call().runs.equals(second.runs)
    assert not list(store.glob("*.tmp")) + list(store.glob(".*"))


@pytest.mark.filterwarnings("ignore:2 of 30 runs failed")
def test_on_a_full_disk_every_run_comes_back_and_one_sentence_says_what_is_not_kept(
    tmp_path, monkeypatch
):
    log, store = tmp_path / "log", tmp_path / "runs"
    whole = _here(None, log, seconds=0.0)
    rename, calls = os.replace, itertools.count(1)

    def full(source, target):
        if next(calls) > 20:  # two for each run
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(source, target)

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match="kept|failed") as caught:
        result = _here(store, log, seconds=0.0)
    monkeypatch.undo()
    texts = [str(warning.message) for warning in caught if "failed" not in str(warning.message)]
    assert texts == [
        f"20 runs could not be kept in the store {str(store)!r} (No space left on device): the result has them, and "
        "another call will compute the same again."
    ]
    _same(result, whole)
    assert len(_files(store)) == 10
    assert len(list(store.iterdir())) == 10
    before = _lines(log)
    with pytest.warns(UserWarning, match="2 of 30 runs failed"):
        _same(_here(store, log, seconds=0.0), whole)
    assert _lines(log) - before == 22  # the 20, and two to warm up


def test_a_store_that_cannot_be_made_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=r"^store must be a folder that can be made; got .*file/runs' \(Not a dir"
    ):
        compare(Fragile(), X, ["wide"], n_seeds=1, store=tmp_path / "file" / "runs", progress=False)
