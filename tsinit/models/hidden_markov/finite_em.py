"""Expectation maximisation for a finite hidden Markov model: E-step, M-step, and the loop, plain or accelerated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.init._gaussian_hmm import Expected
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.models.hidden_markov.transition_rules import MIN_PROBABILITY

if TYPE_CHECKING:
    from collections.abc import Generator

    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions import EmissionOnData
    from tsinit.models.hidden_markov.transition_rules import TransitionRules

_PLAIN = 2  # plain iterations before the first extrapolation, whose two steps they are
_LONGER = 4.0  # factor by which the longest leap grows when it was good, and shrinks when not
_SLACK = 1e-9  # relative fall of the objective that is rounding, not a failed step
# Of more values a gain is not shared out: beside a saddle, where all states are nearly the same, steps gain little for
# a while, and a thousandth of a nat in all (by default) leaves it where a millionth of each of many values does not.
_MOST_VALUES = 1000
_CLOSEST = 0.25  # share of a probability that an extrapolation leaves at least


class HMMParams(NamedTuple):
    """Parameters of K states."""

    start: np.ndarray  # (K,)
    P: np.ndarray  # (K, K), state k after state j
    emission: Any  # as the emission draws them

    def density(self, emission: EmissionOnData) -> FloatArray:
        """Log densities (T, K) of rows, in the scale of the emission."""
        return emission.log_densities(self.emission, len(self.start))

    def take(self, order: IntArray) -> HMMParams:
        """Number the states anew: state i is the one that was order[i]."""
        return HMMParams(
            np.ascontiguousarray(self.start[order]),
            np.ascontiguousarray(self.P[np.ix_(order, order)]),
            self.emission._make(np.ascontiguousarray(values[order]) for values in self.emission),
        )


class HMMState:
    """Where a run stands.

    Attributes
    ----------
    params : HMMParams
    log_likelihood, objective : float
        In the units of the data; -inf where no path is possible.
    expected : Expected or None
        Until the M-step has used it, for it is large.
    """

    def __init__(
        self, params: HMMParams, log_likelihood: float, objective: float, expected: Expected
    ) -> None:
        self.params, self.log_likelihood, self.objective = params, log_likelihood, objective
        self.expected: Expected | None = expected
        self.next: HMMParams | None = None  # the result of the M-step


class HiddenMarkovEMResult(NamedTuple):
    """Where a run ended."""

    state: HMMState
    converged: bool
    lost: int | None  # the first iteration that lost likelihood beyond rounding, and was taken back


class HiddenMarkovEM:
    """EM over one set of sequences.

    Parameters
    ----------
    emission : EmissionOnData
    offsets : (N + 1,) int64
        Where each sequence starts.
    rules : TransitionRules
    penalised : bool
        Whether the prior of the emission counts.
    n_observed : int
        Observed values, of which `tol` is a gain of each.
    """

    def __init__(
        self,
        emission: EmissionOnData,
        offsets: IntArray,
        rules: TransitionRules,
        penalised: bool,
        n_observed: int,
    ) -> None:
        self.emission, self.offsets, self.rules = emission, offsets, rules
        self.penalised, self.n_observed = penalised, n_observed
        self._begins = offsets[:-1][np.diff(offsets) > 0]

    def begin(self, z: IntArray) -> HMMParams:
        """Parameters of labels z (T,): an M-step as if they were certain."""
        share = np.zeros((len(z), len(self.rules.start.allowed)))
        share[np.arange(len(z)), z] = 1.0
        start, P = self.rules.begin(z, self.offsets)
        return HMMParams(start, P, self.emission.maximise(share, None, self.penalised))

    def evaluate(self, params: HMMParams) -> HMMState:
        """Run the E-step."""
        total, prob, moves = forward_backward.smooth_over(
            lambda: params.density(self.emission), params.start, params.P, self.offsets
        )
        log_likelihood = total + self.emission.log_jacobian
        objective = log_likelihood
        if self.penalised:
            objective += self.emission.log_prior(params.emission)
            objective += self.rules.log_prior(params.start, params.P)
        objective = objective if np.isfinite(objective) else -np.inf
        return HMMState(params, log_likelihood, objective, Expected(prob, moves))

    def step(self, state: HMMState) -> HMMParams:
        """Run the M-step, once."""
        if state.next is None:
            assert state.expected is not None
            prob, moves = state.expected
            first = prob[self._begins].sum(axis=0)
            start, P = self.rules.maximise(first, moves, state.params.start, state.params.P)
            emission = self.emission.maximise(prob, state.params.emission, self.penalised)
            state.next = HMMParams(start, P, emission)
            state.expected = None
        return state.next

    def iterate(
        self, state: HMMState, *, max_iter: int, tol: float, accelerate: bool
    ) -> Generator[HMMState, bool, HiddenMarkovEMResult]:
        """Iterate from a state until a step gains, and is predicted to leave, less than `tol` nats per observed value.

        Of more than 1,000 values as much as of 1,000.

        A generator, so that a run may be left and taken up again: it yields the state of the start and after every
        E-step, is sent whether to go on, and returns a `HiddenMarkovEMResult`. An E-step that does not gain
        counts with the state that stands: the objective never falls.
        """
        min_gain = tol * min(max(self.n_observed, 1), _MOST_VALUES)
        going, n_left, reach, last_gain, n_plain = (yield state), max_iter, 1.0, np.inf, 0
        while going and n_left > 0:
            before = state
            state = self.evaluate(self.step(before))
            n_left -= 1
            n_plain += 1
            gain = state.objective - before.objective
            if not gain > 0.0:
                yield before
                within = gain > -_SLACK * max(abs(before.objective), 1.0)
                lost = None if within else max_iter - n_left
                return HiddenMarkovEMResult(before, within and tol > 0.0, lost)
            going = yield state
            if not going or n_left <= 0:
                break
            path = self._path(before, state) if accelerate and n_plain >= _PLAIN else None
            left = gain * path.left if path else _left_by_gains(gain, last_gain)
            if max(gain, left) < min_gain:
                return HiddenMarkovEMResult(state, True, None)
            last_gain = gain
            if path is not None:
                trial, at_limit = self._leap(path, state, reach)
                last_gain = np.inf  # of a plain step after another
                if trial is None:
                    reach = _LONGER * reach if at_limit else reach
                    continue
                ahead = self.evaluate(trial)
                n_left -= 1
                if ahead.objective >= state.objective + gain:
                    state, reach = ahead, _LONGER * reach if at_limit else reach
                else:
                    reach = max(reach / _LONGER, 1.0)
                going = yield state
        return HiddenMarkovEMResult(state, False, None)

    def _path(self, first: HMMState, second: HMMState) -> _Path | None:
        """Two steps of EM in a row, in coordinates; None for an emission without them."""
        try:
            x, y, z = map(self._to_vector, (first.params, second.params, self.step(second)))
        except NotImplementedError:
            return None
        return _Path(x, y - x, (z - y) - (y - x))

    def _leap(self, path: _Path, second: HMMState, reach: float) -> tuple[HMMParams | None, bool]:
        """Extrapolate along two steps (SQUAREM, scheme S3: Varadhan and Roland, Scand. J. Stat. 2008).

        Returns the parameters, None where they are no further than a plain step or no model, and whether they are as
        far as `reach` allows.
        """
        length, at_limit = min(path.length, reach), path.length > reach
        if length <= 1.0:
            return None, at_limit
        vector = path.origin + 2.0 * length * path.step + length**2 * path.bend
        try:
            return self._from_vector(vector, self.step(second)), at_limit
        except FloatingPointError:
            return None, False

    def _to_vector(self, params: HMMParams) -> FloatArray:
        parts = [np.sqrt(values[given.allowed]) for values, given in self._free(params)]
        return np.concatenate([*parts, self.emission.coordinates(params.emission)])

    def _from_vector(self, vector: FloatArray, like: HMMParams) -> HMMParams:
        start, P = like.start.copy(), like.P.copy()
        for values, given in self._free(HMMParams(start, P, None)):
            n = int(given.allowed.sum())
            root, vector = vector[:n], vector[n:]
            near = np.maximum(root, _CLOSEST * np.sqrt(values[given.allowed]))
            values[given.allowed] = np.maximum(near**2, MIN_PROBABILITY)
            values /= values.sum(axis=-1, keepdims=True)
        return HMMParams(
            start, P, self.emission.from_coordinates(vector, like.emission, self.penalised)
        )

    def _free(self, params: HMMParams) -> list[tuple[FloatArray, Any]]:
        rules = self.rules
        both = ((params.start, rules.start), (params.P, rules.rows))
        return [(values, given) for values, given in both if not given.fixed]


class _Path(NamedTuple):
    origin: np.ndarray
    step: np.ndarray
    bend: np.ndarray  # by how much the next step differs

    @property
    def length(self) -> float:
        """How far to go, in steps: 1 / (1 - rate) where EM converges linearly at a rate."""
        bend = float(np.linalg.norm(self.bend))
        return float(np.linalg.norm(self.step)) / bend if bend > 0.0 else 1.0

    @property
    def left(self) -> float:
        """Gain that is left after a step, in that of the step: both are squares of distances to the maximum.

        Where steps grow there is no maximum ahead yet, as beside the saddle at which all states are the same.
        """
        if self.step @ self.bend > 0.0:
            return np.inf
        length = max(self.length, 1.0)
        return (length - 1.0) ** 2 / (2.0 * length - 1.0)


def _left_by_gains(gain: float, before: float) -> float:
    """Gain that is left by Aitken's rule: a geometric series of gains."""
    rate = gain / before
    return gain * rate / (1.0 - rate) if 0.0 < rate < 1.0 else np.inf
