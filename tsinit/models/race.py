"""Who takes part in a race: every strategy from several seeds, asked for its start, whatever comes of it."""

import traceback
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from tsinit._validate import child_seed, no_contender
from tsinit.models.interrupt import is_interrupt

#: Key of the streams of a race among the children of a fit's seed; those before it have other uses.
RACE = 5
_TRACEBACK_LINES = 12


class Failure(NamedTuple):
    """Why a contender broke off."""

    kind: str
    message: str
    trace: str


def told(error):
    """Describe an error; Ctrl-C, however wrapped, is none and goes on."""
    if is_interrupt(error):
        raise error
    text = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return Failure(type(error).__name__, str(error), "\n".join(text[-_TRACEBACK_LINES:]))


class Entry:
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

    def __init__(self, candidate, label, replicate, seed):
        self.candidate, self.label, self.replicate, self.seed = candidate, label, replicate, seed
        self.start: Any = None
        self.failure: Failure | None = None
        self.init_seconds, self.n_rounds = 0.0, 0


def enter(chosen, n_seeds, seed, ask, *, repeat):
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
    list of Entry
    """
    entries: list[Entry] = []
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
            entry = Entry(i, candidate.label, replicate, own)
            entries.append(entry)
            if i in certain:
                entry.start, entry.failure = certain[i]
                continue
            if not _ask(entry, candidate, ask):
                certain[i] = entry.start, entry.failure
    return entries


def _ask(entry, candidate, ask):
    """Ask for one start; returns whether chance had a part in it."""
    stream = child_seed(entry.seed, 0)
    rng = np.random.default_rng(stream)
    before = rng.bit_generator.state
    began = perf_counter()
    try:
        entry.start = ask(candidate, rng)
    except Exception as error:  # whatever a strategy does wrong is a row of the race
        entry.failure = told(error)
    entry.init_seconds = perf_counter() - began
    return rng.bit_generator.state != before or stream.n_children_spawned > 0


def require_some(entries):
    """Refuse a race that nobody can run.

    Raises
    ------
    ValueError
        Every contender failed.
    """
    if all(entry.failure is not None for entry in entries):
        raise no_contender([(e.label, e.failure.kind, e.failure.message) for e in entries])


class Row(NamedTuple):
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
    objectives: list
    seconds: list
    final: float


def absent(entry):
    """Return the row of an entry that never ran."""
    e = entry
    return Row(
        e.candidate,
        e.replicate,
        e.seed,
        e.start,
        e.failure,
        e.n_rounds,
        0,
        False,
        e.init_seconds,
        0.0,
        [],
        [],
        np.nan,
    )


class Record(NamedTuple):
    """What a fit keeps of its race."""

    candidates: list  # as the user gave them
    seed: np.random.SeedSequence
    rows: list[Row]


class Raced:
    """Estimators that may race for their start."""

    @property
    def init_race_(self):
        """The race of ``init="auto"`` or a ``Race``, as a `Comparison`: one row for each start, failed or not.

        ``rounds`` is the number of rounds that a start survived to run in; those that were dropped have the status
        ``not_converged`` and the objective at which they were dropped, so that ends of starts that went different
        distances are not a fair comparison of strategies: ``tsinit.compare`` makes one. The race holds no data, so
        that its runs cannot be run again from it.
        """
        record = vars(self).get("_fitted_race")
        if record is None:
            name = type(self).__name__
            raise AttributeError(
                f"{name} has init_race_ only after a fit with init='auto' or a Race."
            )
        from tsinit.comparison.race import comparison_of

        return comparison_of(self, record)
