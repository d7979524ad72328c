"""One fit of a finite hidden Markov model with one number of states: starts, EM from each, the best is kept."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._validate import check_labels, child_seed
from tsinit.init.race import Race
from tsinit.init.registry import resolve, strategy_of
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.metrics import adjusted_rand_index
from tsinit.models.em_race import run_race
from tsinit.models.em_run import EMRace, run_monitored
from tsinit.models.hidden_markov.finite_em import HiddenMarkovEM, HMMParams
from tsinit.models.hidden_markov.finite_results import RestartEnds
from tsinit.models.hidden_markov.transition_rules import TransitionRules
from tsinit.models.monitor import Monitor

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit._validate import Panel
    from tsinit.emissions import EmissionOnData
    from tsinit.init.registry import ResolvedStrategy
    from tsinit.models.em_run import EMStates
    from tsinit.models.hidden_markov.finite_em import HMMState
    from tsinit.models.race import RaceEntry, RaceRecord

#: Observations that the weak prior of a row of probabilities is worth.
_ROW_WEIGHT = 1.0
_MIN_ROWS = 2  # of a state that the labels of the start lack, besides one for each column


class FitOptions(NamedTuple):
    """Checked constructor arguments of the estimator."""

    init: Any
    transitions: Any
    start_probabilities: Any
    max_iter: int
    tol: float
    n_init: int
    accelerate: bool
    penalised: bool
    verbose: int
    stickiness: float

    def rules(self, n_states: int) -> TransitionRules:
        """Return what EM may move of the probabilities."""
        start = ("start_probabilities", self.start_probabilities, (n_states,))
        rows = ("transitions", self.transitions, (n_states, n_states))
        return TransitionRules(
            _validate.check_probabilities(*start),
            _validate.check_probabilities(*rows),
            _ROW_WEIGHT if self.penalised else 0.0,
            self.stickiness,
        )


class HMMFit(NamedTuple):
    """Best fit of one number of states."""

    params: HMMParams
    start: IntArray  # labels (T,)
    log_likelihood: float
    objective: float
    converged: bool
    trace: tuple[list[float], list[float]]  # objectives, seconds
    race: RaceRecord | None = None  # of the race for the start, where there was one
    restarts: RestartEnds | None = None  # where there was none


class HMMData:
    """What all fits of a model share: data, emission and options.

    Parameters
    ----------
    panel : Panel
    emission : EmissionOnData
    options : FitOptions
    """

    def __init__(self, panel: Panel, emission: EmissionOnData, options: FitOptions) -> None:
        self.panel, self.emission, self.options = panel, emission, options
        observed = ~np.isnan(panel.y)
        self.n_observed = int(observed.sum())
        self.n_steps_observed = int(observed.any(axis=1).sum())

    def em(self, n_states: int) -> HiddenMarkovEM:
        """Return EM for a number of states."""
        o = self.options
        rules = o.rules(n_states)
        return HiddenMarkovEM(
            self.emission, self.panel.offsets, rules, o.penalised, self.n_observed
        )

    def smooth(self, params: HMMParams) -> FloatArray:
        """Probabilities (T, K) of the states."""
        return forward_backward.smooth_over(
            lambda: params.density(self.emission), params.start, params.P, self.panel.offsets
        )[1]


def fit_order(
    data: HMMData, n_states: int, seed: np.random.SeedSequence, monitor: Monitor
) -> HMMFit:
    """Fit one number of states from `n_init` starts and keep the best fit."""
    options, em = data.options, data.em(n_states)
    race = strategy_of(options.init, Race)
    if race is not None:
        return _fit_by_race(data, em, race, seed, monitor)
    strategy = resolve(options.init, "labels")
    fits: list[HMMFit] = []
    starts: list[IntArray] = []
    failure = None
    for restart in range(options.n_init):
        key = (0,) if restart == 0 else (0, restart)
        rng = np.random.default_rng(child_seed(seed, *key))
        monitor.start()
        start = _propose(data, n_states, strategy, rng, restart)
        monitor.run()
        if any(_same_partition(start, other) for other in starts):
            continue  # a strategy without chance gives the same start, and the same fit, every time
        starts.append(start)
        begun = _iterate(data, em, start, strategy.label, rng, monitor.max_iter(options.max_iter))
        fit, message = run_monitored(begun, monitor)
        trace = monitor.stop()
        if fit is None:
            failure = failure or message
        else:
            fits.append(fit._replace(trace=trace))
        if monitor.timed_out:
            break
    if not fits:
        raise _validate.unusable_start(failure)
    best = max(fits, key=lambda fit: fit.objective)
    return best._replace(restarts=_compare_ends(data, fits))


def _fit_by_race(
    data: HMMData, em: HiddenMarkovEM, race: Race, seed: np.random.SeedSequence, monitor: Monitor
) -> HMMFit:
    """Fit one number of states from the start that wins a race."""
    options, n_states = data.options, len(em.rules.start.allowed)
    max_iter = monitor.max_iter(options.max_iter)

    def propose(strategy: ResolvedStrategy, rng: np.random.Generator) -> IntArray:
        return _propose(data, n_states, strategy, rng)

    def begin(entry: RaceEntry, clock: Monitor) -> EMStates:
        rng = np.random.default_rng(child_seed(entry.seed, 1))
        return _iterate(data, em, entry.start, entry.label, rng, max_iter)

    def selection_score(state: HMMState) -> float:
        return state.objective

    T, D = data.panel.y.shape
    work = float(T) * n_states * (n_states + D) * max_iter * options.n_init
    contest = EMRace("labels", propose, begin, selection_score, max_iter, options.n_init, 0.0, work)
    return run_race(race, contest, seed, monitor)


def _propose(
    data: HMMData,
    n_states: int,
    strategy: ResolvedStrategy,
    rng: np.random.Generator,
    restart: int = 0,
) -> IntArray:
    """Ask a strategy for labels (T,)."""
    panel = data.panel

    def trial(labels: Any, n_iter: int) -> tuple[float, IntArray]:
        """Short EM from a candidate: (objective, labels that it ends with), for strategies that compare."""
        z = check_labels(labels, len(panel.y), "start")
        begun = _iterate(data, data.em(n_states), z, strategy.label, rng, n_iter)
        fit, _ = run_monitored(begun, Monitor())
        if fit is None:
            return -np.inf, z
        return fit.objective, data.smooth(fit.params).argmax(axis=1)

    labels = strategy.propose(
        panel.y.copy(), rng, n_states=n_states,
        offsets=panel.offsets if len(panel.offsets) > 2 else None, trial=trial,
        chain=restart, order=data.emission.order or None,
    )  # fmt: skip
    given = np.asarray(labels)
    if given.ndim == 1 and len(given) == len(panel.rows) < len(panel.y):
        labels = panel.on_all_steps(given)
    z = check_labels(labels, len(panel.y))
    _validate.check_few_enough(z, n_states)
    return z


def _iterate(
    data: HMMData,
    em: HiddenMarkovEM,
    start: IntArray,
    label: str,
    rng: np.random.Generator,
    max_iter: int,
) -> EMStates:
    """Generate the states of a run from labels; returns (fit, None), or (None, why the start cannot be used)."""
    options, n_states = data.options, len(em.rules.start.allowed)
    z = _with_all_states(start, n_states, data, rng)
    state = em.evaluate(em.begin(em.rules.ordered(z, em.offsets)))
    if not np.isfinite(state.objective):
        return None, f"its log-likelihood is not finite (from {label})"
    result = yield from em.iterate(
        state, max_iter=max_iter, tol=options.tol, accelerate=options.accelerate
    )
    if options.verbose >= 2 and result.lost is not None:
        _validate.warn_about_step(result.lost)
    end = result.state
    fit = HMMFit(
        end.params, start, end.log_likelihood, end.objective, result.converged, trace=([], [])
    )
    return fit, None


def _with_all_states(
    z: IntArray, n_states: int, data: HMMData, rng: np.random.Generator
) -> IntArray:
    """Give states that the labels lack some rows at random: without any they would all be the same, for ever."""
    found = int(z.max()) + 1
    if found == n_states:
        return z
    z = z.copy()
    observed = np.flatnonzero((~np.isnan(data.panel.y)).any(axis=1))
    n_rows = max(len(observed) // (4 * n_states), data.panel.y.shape[1] + _MIN_ROWS)
    missing = np.arange(found, n_states)
    rows = rng.permutation(observed)[: n_rows * len(missing)]
    z[rows] = np.resize(missing, len(rows))
    return z


def _compare_ends(data: HMMData, fits: list[HMMFit]) -> RestartEnds:
    """Compare the segmentations of all ends."""
    agreement = np.eye(len(fits))
    if len(fits) > 1:
        labels = [data.smooth(fit.params).argmax(axis=1)[data.panel.rows] for fit in fits]
        for i, j in combinations(range(len(fits)), 2):
            agreement[i, j] = agreement[j, i] = adjusted_rand_index(labels[i], labels[j])
    return RestartEnds(np.array([fit.objective for fit in fits]), agreement)


def _same_partition(a: IntArray, b: IntArray) -> bool:
    """Whether labels are the same but for the numbers of the states."""
    pairs = np.unique(a * (int(b.max()) + 1) + b)
    return len(pairs) == int(a.max()) + 1 == int(b.max()) + 1
