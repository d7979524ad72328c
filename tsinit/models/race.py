"""Who takes part in a race: every strategy from several seeds, asked for its start, whatever comes of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._interrupt import is_interrupt
from tsinit._validate import child_seed, no_contender

if TYPE_CHECKING:
    from tsinit.comparison import Comparison
    from tsinit.init.registry import ResolvedStrategy

#: Key of the streams of a race among the children of a fit's seed; those before it have other uses.
RACE = 5
_TRACEBACK_LINES = 12


class Failure(NamedTuple):
    """Why a contender broke off."""

    kind: str
    message: str
    trace: str


#: What code of others may do wrong that is a row of a table. A script that exits is no end of a comparison.
FAILURES = (Exception, SystemExit)


def failure_of(error: BaseException) -> Failure:
    """Describe an error; Ctrl-C, however wrapped, is none and is raised again."""
    if is_interrupt(error):
        raise error
    text = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return Failure(type(error).__name__, str(error), "\n".join(text[-_TRACEBACK_LINES:]))


class RaceEntry:
    """One strategy from one seed.

    Parameters
    ----------
    candidate : int
        Position of the strategy among the candidates.
    label : str
        How messages call it.
    replicate : int
    seed : SeedSequence
        That of a fit of this strategy alone: child 0 is for the start, child 1 for the run.

    Attributes
    ----------
    start : object or None
        What the strategy returned.
    failure : Failure or None
    init_seconds : float
    n_rounds : int
        Rounds that it took part in.
    """

    def __init__(
        self, candidate: int, label: str, replicate: int, seed: np.random.SeedSequence
    ) -> None:
        self.candidate, self.label, self.replicate, self.seed = candidate, label, replicate, seed
        self.start: Any = None
        self.failure: Failure | None = None
        self.init_seconds, self.n_rounds = 0.0, 0


def enter(
    chosen: Sequence[ResolvedStrategy],
    n_seeds: int,
    seed: np.random.SeedSequence,
    ask: Callable[[ResolvedStrategy, np.random.Generator], Any],
    *,
    repeat: bool,
) -> list[RaceEntry]:
    """Ask every candidate for its starts.

    Parameters
    ----------
    chosen : list of ResolvedStrategy
        The candidates.
    n_seeds : int
    seed : SeedSequence
        Of the whole fit. All candidates of a replicate share a child, so that adding one changes none of the others.
    ask : callable
        ``ask(chosen, rng) -> start``, checked.
    repeat : bool
        Whether a start without chance runs from every seed too, or once.

    Returns
    -------
    list of RaceEntry
    """
    entries: list[RaceEntry] = []
    certain: dict[int, tuple] = {}  # starts in which chance had no part
    once = [
        not repeat and getattr(getattr(c.call, "__self__", None), "_one_start", False)
        for c in chosen
    ]
    for replicate in range(n_seeds):
        own = child_seed(seed, RACE, replicate)
        for i, candidate in enumerate(chosen):
            if replicate and (once[i] or (i in certain and not repeat)):
                continue
            entry = RaceEntry(i, candidate.label, replicate, own)
            entries.append(entry)
            if i in certain:
                entry.start, entry.failure = certain[i]
                continue
            if not _ask(entry, candidate, ask):
                certain[i] = entry.start, entry.failure
    return entries


def _ask(
    entry: RaceEntry,
    candidate: ResolvedStrategy,
    ask: Callable[[ResolvedStrategy, np.random.Generator], Any],
) -> bool:
    """Ask for one start; returns whether chance had a part in it."""
    stream = child_seed(entry.seed, 0)
    rng = np.random.default_rng(stream)
    before = rng.bit_generator.state
    began = perf_counter()
    try:
        entry.start = ask(candidate, rng)
    except FAILURES as error:
        entry.failure = failure_of(error)
    entry.init_seconds = perf_counter() - began
    return rng.bit_generator.state != before or stream.n_children_spawned > 0


def require_contender(entries: Sequence[RaceEntry]) -> None:
    """Refuse a race in which every contender failed.

    Raises
    ------
    ValueError
        Every contender failed.
    """
    failures = [(e.label, e.failure) for e in entries if e.failure is not None]
    if len(failures) == len(entries):
        raise no_contender([(label, failure.kind, failure.message) for label, failure in failures])


class RaceRow(NamedTuple):
    """One row of ``init_race_``, in plain values."""

    candidate: int
    replicate: int
    seed: np.random.SeedSequence
    start: Any
    failure: Failure | None
    n_rounds: int
    n_iter: int
    converged: bool
    init_seconds: float
    fit_seconds: float
    objectives: list[float]
    seconds: list[float]
    final: float


def row_without_run(entry: RaceEntry) -> RaceRow:
    """Return the row of an entry that never ran."""
    e = entry
    return RaceRow(
        e.candidate, e.replicate, e.seed, e.start, e.failure, e.n_rounds, n_iter=0, converged=False,
        init_seconds=e.init_seconds, fit_seconds=0.0, objectives=[], seconds=[], final=np.nan,
    )  # fmt: skip


class RaceRecord(NamedTuple):
    """What a fit keeps of its race."""

    candidates: list[Any]  # as the user gave them
    seed: np.random.SeedSequence
    rows: list[RaceRow]


class InitRaceMixin:
    """Estimators that may race strategies for their start."""

    @property
    def init_race_(self) -> Comparison:
        """The race of ``init="auto"`` or a ``Race``, as a `Comparison`: one row for each start, failed or not.

        ``rounds`` is the number of rounds that a start survived to run in; those that were dropped have the status
        ``not_converged`` and the objective at which they were dropped. Starts that went different distances are no fair
        comparison of strategies: ``tsinit.compare`` makes one. The race holds no data, so that its runs cannot be run
        again from it.
        """
        record = vars(self).get("_fitted_race")
        if record is None:
            name = type(self).__name__
            raise AttributeError(
                f"{name} has init_race_ only after a fit with init='auto' or a Race."
            )
        from tsinit.comparison.race import comparison_of

        return comparison_of(self, record)
