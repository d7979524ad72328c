"""Run several strategies for a few iterations and keep the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count, check_labels
from tsinit.init import _checks
from tsinit.init.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray, Trial
    from tsinit.init.native import ParameterSpace
    from tsinit.init.registry import ResolvedStrategy
    from tsinit.kernels import LinearGaussianParams

_CANDIDATES = {
    "dynamics": ("cva", "moesp", "lpc_loose"),
    "labels": ("kmeans", "jump", "short_em"),
    "fill": ("linear", "seasonal", "low_rank"),
    "point": ("native", "uniform"),
}


class BestOf(BaseEstimator):
    """Compare strategies: a short fit from each, and the one of highest objective is the start.

    Each candidate gets its own child of the generator, so adding one changes nothing for the others. One that
    fails numerically (a `LinAlgError` or other arithmetic error, a number that is not finite) is passed over.

    Gaps and sequences are left to the candidates.

    Parameters
    ----------
    strategies : "auto" or sequence of str, strategy, function or ready value
        The candidates, each anything that ``init`` may be. "auto" is ``("cva", "moesp", "lpc_loose")`` for
        dynamics, ``("kmeans", "jump", "short_em")`` for labels, ``("linear", "seasonal", "low_rank")`` for
        fills and ``("native", "uniform")`` for points.
    n_iter : int, default 10
        Iterations of each short fit; 0 compares the starts themselves.
    n_starts : int, default 1
        Draws of each candidate, for those that are random.

    References
    ----------
    Biernacki, Celeux and Govaert (2003), "Choosing starting values for the EM algorithm for getting the
    highest likelihood in multivariate Gaussian mixture models", Computational Statistics & Data Analysis 41
    (there: short runs of EM).
    """

    def __init__(self, strategies: Any = "auto", n_iter: int = 10, n_starts: int = 1) -> None:
        self.strategies = strategies
        self.n_iter = n_iter
        self.n_starts = n_starts

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
            Parent of one generator for each candidate.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable
            ``trial(start, n_iter) -> (objective, refined)``: a short fit, given by the model; a higher
            objective is better.

        Returns
        -------
        LinearGaussianParams
            The candidate with the highest objective, refined, in the units of y.

        Raises
        ------
        ValueError
            If `n_iter` or `n_starts` is not allowed, or there are no strategies, or none has such a name.
        TypeError
            If `strategies` is no list or tuple of strategies, or there is no `trial`.
        FloatingPointError
            If every candidate failed; the message says how.
        """

        def checked(start: LinearGaussianParams, label: str) -> LinearGaussianParams:
            if not all(np.isfinite(part).all() for part in start if part is not None):
                raise FloatingPointError("the start must be finite")
            return start

        return self._best("dynamics", checked, y, rng, n_states, offsets, trial)

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
            Parent of one generator for each candidate.
        n_states : int, optional
            Number of states, for the candidates.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable
            ``trial(start, n_iter) -> (objective, refined)``: a short run, given by the model; a higher
            objective is better.

        Returns
        -------
        (T,) int64
            The candidate with the highest objective, refined.

        Raises
        ------
        ValueError
            If `n_iter` or `n_starts` is not allowed, or there are no strategies, or none has such a name, or
            one does not give a label for each time step.
        TypeError
            If `strategies` is no list or tuple of strategies, or there is no `trial`.
        FloatingPointError
            If every candidate failed; the message says how.
        """

        def checked(start: Any, label: str) -> IntArray:
            return check_labels(start, len(y), label)

        return self._best("labels", checked, y, rng, n_states, offsets, trial)

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
            Parent of one generator for each candidate.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable
            ``trial(start, n_iter) -> (objective, refined)``: a short run, given by the model; a higher
            objective is better.
        times, period : optional
            Handed on to the candidates.

        Returns
        -------
        (T, D) float
            The candidate with the highest objective, refined.

        Raises
        ------
        ValueError
            If `n_iter` or `n_starts` is not allowed, or there are no strategies, or none has such a name, or
            one does not give a complete table of the shape of y.
        TypeError
            If `strategies` is no list or tuple of strategies, or there is no `trial`.
        FloatingPointError
            If every candidate failed; the message says how.
        """

        def checked(start: Any, label: str) -> FloatArray:
            return _checks.check_complete(label, start, y)

        return self._best("fill", checked, y, rng, None, offsets, trial, times=times, period=period)

    def point(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        space: ParameterSpace,
        trial: Trial | None = None,
    ) -> FloatArray:
        """Guess the parameters of a model of another library.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Parent of one generator for each candidate.
        space : ParameterSpace
            Where the model begins by itself, and its unconstrained scale.
        trial : callable
            ``trial(start, n_iter) -> (objective, refined)``: a short run, given by the adapter of the model; a
            higher objective is better.

        Returns
        -------
        (p,) float
            The candidate with the highest objective.

        Raises
        ------
        ValueError
            If `n_iter` or `n_starts` is not allowed, or there are no strategies, or none has such a name, or one
            does not give a vector of the size of the space.
        TypeError
            If `strategies` is no list or tuple of strategies, or there is no `trial`.
        FloatingPointError
            If every candidate failed; the message says how.
        """
        return self._best("point", space.check, y, rng, None, None, trial, space=space)

    def _best(
        self,
        verb: str,
        checked: Callable[[Any, str], Any],
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None,
        offsets: IntArray | None,
        trial: Trial | None,
        **more: Any,
    ) -> Any:
        """Take the start of every candidate, try it and keep the best."""
        candidates = self._candidates(verb)
        trial = _checks.check_trial(trial, "BestOf")
        best, winner, failures = -np.inf, None, []
        for candidate, own in zip(candidates, rng.spawn(len(candidates)), strict=True):
            try:
                start = candidate.propose(y, own, n_states, offsets, trial, **more)
                objective, refined = trial(checked(start, candidate.label), self.n_iter)
                if not np.isfinite(objective):
                    raise FloatingPointError(f"the objective must be finite; got {objective}")
            except (ArithmeticError, np.linalg.LinAlgError) as error:
                failures.append(f"{candidate.label} ({type(error).__name__}: {error})")
                continue
            if winner is None or objective > best:
                best, winner = objective, refined
        if winner is None:
            raise FloatingPointError(
                "BestOf must have a candidate that can be fitted; every one failed: "
                + "; ".join(failures)
                + "."
            )
        return winner

    def _candidates(self, verb: str) -> list[ResolvedStrategy]:
        """Check the parameters and resolve every name before anything is run."""
        strategies = self.strategies
        if isinstance(strategies, str) and strategies == "auto":
            strategies = _CANDIDATES[verb]
        _checks.check_candidates(strategies)
        check_count("n_iter", self.n_iter, 0)
        check_count("n_starts", self.n_starts, 1)
        resolved = [resolve(s, verb, "strategies") for s in strategies]
        return [candidate for candidate in resolved for _ in range(self.n_starts)]
