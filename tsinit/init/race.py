"""Race several strategies and continue the winner where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count, check_count_or_word, check_number
from tsinit.init import _checks
from tsinit.init.race_halving import halve, rounds
from tsinit.init.registry import resolve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray, Trial
    from tsinit.init.registry import ResolvedStrategy
    from tsinit.kernels import LinearGaussianParams

_CANDIDATES = {
    "dynamics": ("cva", "moesp", "lpc_loose", "factor_analysis", "kmeans", "uniform"),
    "labels": ("jump", "subspace", "kmeans", "kmedoids", "short_em", "uniform"),
    "fill": ("linear", "seasonal", "low_rank", "hot_deck"),
}
_SEEDS = {"dynamics": 1, "labels": 2, "fill": 2}
#: Budgets of "auto", in runs, and the work of a run up to which it is cheap: about a second, in multiplications.
_RUNS_CHEAP, _RUNS_DEAR, _CHEAP = 4.0, 2.0, 3e8
#: Iterations of the first round where a race has no model's own rule to go by.
_FIRST = 4


class Race(BaseEstimator):
    """Let strategies race by successive halving; the winner goes on where it stands.

    As the ``init`` of a model (by the name ``"auto"`` with the defaults below), the race is part of the fit: every
    strategy begins short runs from several seeds, round by round the weaker ones are dropped and the others taken up
    where they were left, and the last is finished. What it did up to then is the beginning of its history, not a
    trial to be repeated, and the fit ends exactly where it would have ended with that start alone. ``init_race_`` of
    the model reports all of them, those that failed included.

    Inside another strategy (``Perturb(Race())``) the same rounds run as short fits.

    Gaps and sequences are left to the candidates.

    Parameters
    ----------
    strategies : "auto" or sequence of str, strategy, function or ready value
        The candidates, each anything that ``init`` may be. "auto" is ``("cva", "moesp", "lpc_loose",
        "factor_analysis", "kmeans", "uniform")`` for dynamics, ``("jump", "subspace", "kmeans", "kmedoids",
        "short_em", "uniform")`` for labels and ``("linear", "seasonal", "low_rank", "hot_deck")`` for fills.
    n_seeds : "auto" or int
        Starts of each candidate. "auto" is 1 for dynamics, where candidates differ by far more than seeds, and 2 for
        labels and fills. In a state-space model, whose runs are determined by their start, a candidate without chance
        has only one.
    n_iter : "auto" or int
        Iterations of the first round; from round to round the iterations done double. "auto" is 4 for a state-space
        model (fewer below 32 iterations), and for samplers so many that the last round ends half-way through the
        warm-up.
    keep : float
        Share of the contenders that a round leaves, from 0 to 0.9.
    budget : "auto" or float
        What a race of a state-space or finite hidden Markov model may cost, in runs: iterations of all contenders
        together, in those of the leader from its start to its end, or in ``max_iter`` while nobody has come to an end;
        a finite number from 1. "auto" is 4 where a run is cheap by the size of the problem (steps, columns, states,
        ``max_iter`` and ``n_init``: up to about a second, as with 10,000 steps, 5 states and 100 iterations), and 2
        where it is dear; no clock has a part in it, so that seeds still decide everything. The first round, of twice as
        many iterations as the budget has runs, and the finalists that ``n_init`` asks for are run in any case. Samplers
        race within their warm-up, whatever the budget.

    Notes
    -----
    A run of a state-space model is ranked by its projected objective, not the present one, because the leader of the
    first iterations is often the one about to stall: the objective plus the pace of the last quarter of the iterations,
    kept up for one and a half times their number. What the winner leaves of the budget goes to the fastest of those
    that were dropped. Six starts cost time too, on short data as much as half a run.

    No race can know who will win late, so a good optimum has its cost: over 50 problems on which nothing was tuned (30
    speech frames, 20 simulated systems, ``benchmarks/race.py --fresh 19``, one seed), the objective is within half
    a nat of the best of nine single starts, which nobody knows beforehand, in 92 % of races with a budget of four runs,
    and at most 1.8 nats below it; in 82 %, and at most 9.7 below, with two.

    A chain is ranked by the mean log density of the later half of its sweeps.

    References
    ----------
    Jamieson and Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter optimization", AISTATS
    (successive halving).
    """

    def __init__(
        self,
        strategies: Any = "auto",
        n_seeds: int | str = "auto",
        n_iter: int | str = "auto",
        keep: float = 2 / 3,
        budget: float | str = "auto",
    ) -> None:
        self.strategies = strategies
        self.n_seeds = n_seeds
        self.n_iter = n_iter
        self.keep = keep
        self.budget = budget

    def dynamics(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
    ) -> LinearGaussianParams:
        """Guess the parameters of a state-space model.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Parent of one generator for each contender.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable
            ``trial(start, n_iter) -> (objective, refined)``: a short fit, given by the model; a higher objective is
            better.

        Returns
        -------
        LinearGaussianParams
            The winner, refined, in the units of y.

        Raises
        ------
        ValueError
            If a parameter is not allowed, there are no strategies, or none has such a name.
        TypeError
            If `strategies` is no list or tuple of strategies, or there is no `trial`.
        FloatingPointError
            If every contender failed; the message says how.
        """
        return self._alone("dynamics", y, rng, trial, n_states=n_states, offsets=offsets)

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
    ) -> IntArray:
        """Label every time step.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Parent of one generator for each contender.
        n_states : int, optional
            Number of states, for the candidates.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable
            As for :meth:`dynamics`.

        Returns
        -------
        (T,) int64
            The winner, refined.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As for :meth:`dynamics`.
        """
        return self._alone("labels", y, rng, trial, n_states=n_states, offsets=offsets)

    def fill(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
        times: FloatArray | None = None,
        period: ArrayLike | None = None,
    ) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Parent of one generator for each contender.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable
            As for :meth:`dynamics`.
        times, period : optional
            Handed on to the candidates.

        Returns
        -------
        (T, D) float
            The winner, refined.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As for :meth:`dynamics`.
        """
        return self._alone("fill", y, rng, trial, offsets=offsets, times=times, period=period)

    def _alone(
        self, verb: str, y: FloatArray, rng: np.random.Generator, trial: Trial | None, **more: Any
    ) -> Any:
        """Race by short fits, where no model runs the race as part of its own."""
        if more.get("n_states") is not None:
            check_count("n_states", more["n_states"])
        starts = [start for start in starters(self, verb) for _ in range(seeds(self, verb))]
        trial = _checks.check_trial(trial, "Race")
        runs = [
            _ShortFitContender(start, y, own, trial, more)
            for start, own in zip(starts, rng.spawn(len(starts)), strict=True)
        ]
        first = first_round(self, _FIRST)
        # One run is left after so many halvings, however few contenders a round drops.
        plan = rounds(len(runs), first=first, limit=first * 2 ** len(runs), keep=self.keep)
        left = halve(runs, plan, _advance_all, _best)
        if not left:
            raise FloatingPointError(
                "Race must have a contender that can be fitted; every one failed: "
                + "; ".join(run.failure for run in runs)
                + "."
            )
        return left[0].at


class _ShortFitContender:
    """One contender, advanced by one short fit after another."""

    finished = False

    def __init__(
        self,
        start: ResolvedStrategy,
        y: FloatArray,
        rng: np.random.Generator,
        trial: Trial,
        more: dict[str, Any],
    ) -> None:
        self.label, self.failure = start.label, ""
        self.objective = -np.inf
        self.at: Any = None
        self.done: int | None = None  # iterations; None before there is a start
        self._begin = lambda: start.propose(y, rng, trial=trial, **more)
        self._trial = trial

    @property
    def failed(self) -> bool:
        """Whether it broke off."""
        return bool(self.failure)

    def advance(self, target: int) -> None:
        """Go on up to this number of iterations; a failure ends this contender alone."""
        try:
            if self.done is None:
                self.at, self.done = self._begin(), 0
            self.objective, self.at = self._trial(self.at, target - (self.done or 0))
            if not np.isfinite(self.objective):
                raise FloatingPointError(f"the objective must be finite; got {self.objective}")
            self.done = target
        # What data are to blame for; a TypeError is the user's.
        except (ArithmeticError, ValueError) as error:
            self.failure = f"{self.label} ({type(error).__name__}: {error})"


def _advance_all(runs: list[_ShortFitContender], target: int) -> bool:
    for run in runs:
        run.advance(target)
    return True


def _best(runs: list[_ShortFitContender], n: int) -> list[_ShortFitContender]:
    return sorted(runs, key=lambda run: -run.objective)[:n]


def candidates(race: Race, verb: str) -> list[Any]:
    """List the strategies of a race as they were given."""
    if isinstance(race.strategies, str) and race.strategies == "auto":
        return list(_CANDIDATES[verb])
    _checks.check_candidates(race.strategies)
    return list(race.strategies)


def starters(race: Race, verb: str) -> list[ResolvedStrategy]:
    """Check the parameters of a race and resolve every name, before anything runs: a list of `ResolvedStrategy`."""
    check_count_or_word("n_seeds", race.n_seeds, 1, "auto")
    check_count_or_word("n_iter", race.n_iter, 0, "auto")
    check_number("keep", race.keep, 0.0, 0.9)
    _checks.check_budget(race.budget)
    return [resolve(strategy, verb, "strategies") for strategy in candidates(race, verb)]


def seeds(race: Race, verb: str) -> int:
    """Count the starts of each candidate."""
    return _SEEDS[verb] if isinstance(race.n_seeds, str) else race.n_seeds


def first_round(race: Race, default: int) -> int:
    """Iterations of the first round, the default where the user gave none."""
    return default if isinstance(race.n_iter, str) else race.n_iter


def runs_of_budget(race: Race, work: float) -> float:
    """Return what a race may cost, in runs, where a run to its last iteration takes so many multiplications."""
    if not isinstance(race.budget, str):
        return race.budget
    return _RUNS_CHEAP if work <= _CHEAP else _RUNS_DEAR
