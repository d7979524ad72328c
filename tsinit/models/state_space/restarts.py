"""One fit of one order: starts, EM from each in units that do not matter, the best is kept."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._validate import check_params, child_seed
from tsinit.init._inputs import fit_inputs, regress_out
from tsinit.init._scaling import Units, scaled, standardise, unscaled
from tsinit.init.race import Race
from tsinit.init.registry import resolve, strategy_of
from tsinit.kernels import Kalman, LinearGaussianParams, solve_lyapunov
from tsinit.kernels._threads import side_by_side
from tsinit.kernels.params import is_diagonal
from tsinit.kernels.state_space.diffuse import diffuse_states
from tsinit.metrics import spectral_radius
from tsinit.models.em_race import EMRace, RunClock, run_monitored, run_race
from tsinit.models.monitor import Monitor
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.free_entries import FreeEntries
from tsinit.models.state_space.information import FittedPoint
from tsinit.models.state_space.m_step import EMState, MStepSettings, shaped
from tsinit.models.state_space.observation_step import lifted
from tsinit.models.state_space.prior import LinearGaussianPrior, weak_prior
from tsinit.models.state_space.structured import StructuredFit
from tsinit.models.state_space.structured_poles import states_asked_for
from tsinit.models.state_space.structured_start import constant_effects, structured_start

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tsinit._typing import FloatArray
    from tsinit._validate import Panel
    from tsinit.init.race import Race
    from tsinit.init.registry import ResolvedStrategy
    from tsinit.models.em_race import EMStates
    from tsinit.models.race import RaceEntry, RaceRecord
    from tsinit.structures import Structure

#: Share of a state's spread that a prior mean of zero may differ from it after a change of units.
_ROUNDING = 1e-9

READY = "LinearGaussianParams"  # label of a start that the user gave: its noise is left as it is
INITIAL_STATES = ("auto", "stationary", "learned_mean", "learned", "fixed")


class EMOptions(NamedTuple):
    """Checked constructor arguments of the estimator."""

    init: Any
    transition_cov: str
    observation_cov: str
    max_iter: int
    tol: float
    n_init: int
    initial_state: str
    accelerate: bool
    prior: LinearGaussianPrior | str | None
    noise_floor: float
    verbose: int
    input_effect: str = "both"
    structure: Structure | None = None
    n_threads: int = 1

    def selection_score(self, log_likelihood: float, objective: float) -> float:
        """What starts are compared by. The weak prior follows the scale of each start's states: it says nothing."""
        return log_likelihood if self.prior == "weak" else objective


class EMFit(NamedTuple):
    """Best fit of one order, in the units of the data."""

    params: LinearGaussianParams
    start: LinearGaussianParams
    log_likelihood: float
    objective: float
    converged: bool
    initial_state: str
    trace: tuple[list[float], list[float]]  # objectives, seconds
    context: FitContext
    race: RaceRecord | None = None  # of the race for the start, where there was one


class FitContext(NamedTuple):
    """What a fit was beside its data and parameters, so that its neighbourhood can be looked at later."""

    options: EMOptions
    settings: MStepSettings
    centred: bool  # inputs were


class StateSpaceData:
    """The data of a fit on the scale on which it runs: every column with mean 0 and variance 1.

    Parameters
    ----------
    panel : Panel
    options : EMOptions
    """

    def __init__(self, panel: Panel, options: EMOptions) -> None:
        self.panel, self.options = panel, options
        _validate.check_columns(panel.y, list(panel.columns))
        structure = options.structure
        _validate.check_inputs_vary(panel, 0 if structure is None else structure.n_varying)
        # What a structure fixes is so in the units of the data.
        measure = standardise if structure is None else _as_it_is
        self.z, self.loc, self.scale = measure(panel.y)
        self._inputs = None if panel.inputs is None else measure(panel.inputs)
        observed = ~np.isnan(panel.y)
        # Log-likelihood in the units of the data: the density of y is that of z over the product of scales.
        self.shift = -float(observed.sum(axis=0) @ np.log(self.scale))
        self.n_steps_observed = int(observed.any(axis=1).sum())

    @property
    def n_inputs(self) -> int:
        """Columns of the inputs."""
        return 0 if self.panel.inputs is None else self.panel.inputs.shape[1]

    def kalman(self, n_states: int, centred: bool = False) -> Kalman:
        """Return the passes over the data of a model of this order, its inputs scaled and maybe centred."""
        u = None
        if self._inputs is not None:
            v, loc, scale = self._inputs
            u = np.ascontiguousarray(v if centred else v + loc / scale)
        return Kalman(self.z, n_states, self.panel.offsets, u, self.options.n_threads)

    def units(self, centred: bool = False) -> Units:
        """Return the units of a fit. Only dynamics that settle can have their inputs centred."""
        if self._inputs is None:
            return Units(self.loc, self.scale)
        _, loc, scale = self._inputs
        return Units(self.loc, self.scale, loc if centred else np.zeros_like(loc), scale)

    def last_state(self, params: LinearGaussianParams) -> tuple[FloatArray, FloatArray]:
        """Mean and covariance of the last state, given the data."""
        return last_state(self.kalman(len(params.A)), scaled(params, self.units()))


def _as_it_is(table: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what `standardise` returns, of a table (T, D) that keeps its units."""
    return table, np.zeros(table.shape[1]), np.ones(table.shape[1])


def fitted_point(panel: Panel, params: LinearGaussianParams, context: FitContext) -> FittedPoint:
    """Put fitted parameters (in the units of the data) and the data of the fit together again."""
    data = StateSpaceData(panel, context.options)
    units = data.units(context.centred)
    inside = scaled(params, units)
    if context.settings.initial_state == "stationary":
        inside = inside._replace(m0=np.zeros_like(inside.m0))
    kalman = data.kalman(len(params.A), context.centred)
    return FittedPoint(EM(kalman, context.settings), inside, units, panel)


def fit_order(
    data: StateSpaceData, n_states: int, seed: np.random.SeedSequence, monitor: Monitor
) -> EMFit:
    """Fit one order from `n_init` starts and keep the best fit."""
    options, kalman = data.options, data.kalman(n_states)
    race = strategy_of(options.init, Race)
    if race is not None:
        return _fit_by_race(data, kalman, race, seed, monitor)
    strategy = resolve(options.init, "dynamics")
    monitor.start()
    starts = _different_starts(data, kalman, strategy, seed)
    monitor.run()
    results = _run_side_by_side(data, kalman, starts, strategy.label, monitor)
    monitor.timed_out = monitor.out_of_time()
    monitor.stop()
    fits = [fit for fit, _ in results if fit is not None]
    if not fits:
        raise _validate.unusable_start(next((why for _, why in results if why), None))
    # The first of several that are as good.
    best = max(fits, key=lambda fit: options.selection_score(fit.log_likelihood, fit.objective))
    if monitor.callback is not None and options.n_threads > 1:
        monitor.callback(len(best.trace[0]) - 1, best.trace[0][-1])
    return best


def _different_starts(
    data: StateSpaceData, kalman: Kalman, strategy: ResolvedStrategy, seed: np.random.SeedSequence
) -> list[LinearGaussianParams]:
    """Ask a strategy `n_init` times; without chance it gives the same start, and the same fit, every time."""
    starts: list[LinearGaussianParams] = []
    for restart in range(data.options.n_init):
        key = (0,) if restart == 0 else (0, restart)
        start = _propose(data, kalman, strategy, np.random.default_rng(child_seed(seed, *key)))
        if not any(_same(start, other) for other in starts):
            starts.append(start)
    return starts


def _run_side_by_side(
    data: StateSpaceData,
    kalman: Kalman,
    starts: list[LinearGaussianParams],
    label: str,
    monitor: Monitor,
) -> list[tuple[EMFit | None, str | None]]:
    """Fit from every start, as many at a time as there may be threads: pairs as of `_fit_from`, with traces."""
    n_threads, alone = data.options.n_threads, len(starts) == 1
    at_once = min(n_threads, len(starts))
    max_iter, stopping = monitor.max_iter(data.options.max_iter), threading.Event()
    finished: list[None] = []

    def run(start: LinearGaussianParams) -> tuple[EMFit | None, str | None]:
        if monitor.out_of_time() and finished:
            return None, None
        # Each has memory of its own, and none inherits what another has met.
        own = kalman if alone else kalman.sibling()
        own.n_threads = max(n_threads // at_once, 1)
        clock = RunClock(monitor, stopping)
        clock.shift, clock.callback = data.shift, monitor.callback
        clock.resume()
        fit, why_not = _fit_from(data, own, start, label, clock, max_iter)
        finished.append(None)
        if fit is not None:
            fit = fit._replace(trace=(clock.objectives, clock.seconds))
        return fit, why_not

    return side_by_side([partial(run, start) for start in starts], n_threads, stopping.set)


def _fit_by_race(
    data: StateSpaceData, kalman: Kalman, race: Race, seed: np.random.SeedSequence, monitor: Monitor
) -> EMFit:
    """Fit one order from the start that wins a race."""
    options = data.options
    max_iter = monitor.max_iter(options.max_iter)

    def propose(strategy: ResolvedStrategy, rng: np.random.Generator) -> LinearGaussianParams:
        return _propose(data, kalman, strategy, rng)

    # Many sequences keep the threads busy already, without the memory of several runs.
    n_threads = 1 if kalman.is_cut else options.n_threads

    def begin(entry: RaceEntry, clock: Monitor) -> EMStates:
        own = kalman.sibling(own_memory=n_threads > 1)
        own.n_threads = options.n_threads if kalman.is_cut else 1
        return _iterate(data, own, entry.start, entry.label, clock, max_iter)

    def selection_score(state: EMState) -> float:
        return options.selection_score(state.smoothed.log_likelihood, state.objective)

    (T, D), n = data.z.shape, kalman.n_states
    work = float(T) * (n * n * (n + D) + 20) * max_iter * options.n_init
    contest = EMRace(
        "dynamics", propose, begin, selection_score, max_iter, options.n_init, data.shift, work, n_threads
    )  # fmt: skip
    return run_race(race, contest, seed, monitor)


def _propose(
    data: StateSpaceData, kalman: Kalman, strategy: ResolvedStrategy, rng: np.random.Generator
) -> LinearGaussianParams:
    """Ask a strategy for a start, in the units of the data."""
    structure, offsets = data.options.structure, data.panel.offsets
    n_states = kalman.n_states
    if structure is not None and strategy.label != READY:
        n_states = states_asked_for(structure)
    y, inputs = data.panel.y, data.panel.inputs
    sequences = offsets if len(offsets) > 2 else None

    def ready(start: Any, name: str) -> LinearGaussianParams:
        """Check what a strategy gave, and add the effects of inputs where it gave none."""
        start = check_params(start, n_states, kalman.y.shape[1], name, data.n_inputs)
        if structure is None and start.C_inputs is not None:
            raise ValueError(
                f"{name}.C_inputs must be None without a structure that has them; got some. Give structure= too."
            )
        if structure is not None:
            if strategy.label == READY:
                return _of_structure(start, structure, data.n_inputs)
            return structured_start(structure, start, kalman)
        if inputs is None or start.n_inputs:
            return _with_effects(start, data)
        return fit_inputs(start, y, inputs, sequences, data.options.input_effect)

    def trial(start: Any, n_iter: int) -> tuple[float, LinearGaussianParams]:
        """Short EM from a candidate: (objective, refined parameters), for strategies that compare."""
        if structure is None or len(start.A) != structure.n_states:
            start = ready(start, "start")
        fit, _ = _fit_from(data, kalman, start, strategy.label, Monitor(), max_iter=n_iter)
        if fit is None:
            return -np.inf, start
        return data.options.selection_score(fit.log_likelihood, fit.objective), fit.params

    # What knows nothing of inputs sees what they leave unexplained.
    left, more = y.copy(), {}
    if inputs is not None and structure is not None and structure.n_varying:
        effects, level = constant_effects(y, inputs)
        left = y - inputs @ effects.T - level
    elif inputs is not None and strategy.takes("inputs"):
        more = {"inputs": inputs, "input_effect": data.options.input_effect}
    elif inputs is not None:
        left = regress_out(y, inputs, sequences)
    start = strategy.propose(left, rng, n_states=n_states, offsets=sequences, trial=trial, **more)
    return ready(start, "init")


def _with_effects(start: LinearGaussianParams, data: StateSpaceData) -> LinearGaussianParams:
    """Bring B and D of a start to what the inputs of the model may act on: absent ones are zero."""
    m, effect = data.n_inputs, data.options.input_effect
    if not m:
        return start
    B = np.zeros((len(start.A), m)) if start.B is None else start.B
    D = np.zeros((len(start.C), m)) if start.D is None else start.D
    return start._replace(B=None if effect == "output" else B, D=None if effect == "state" else D)


def _fit_from(
    data: StateSpaceData,
    kalman: Kalman,
    start: LinearGaussianParams,
    label: str,
    monitor: Monitor,
    max_iter: int,
) -> tuple[EMFit | None, str | None]:
    """Run EM from a start; returns (fit, None), or (None, why the start cannot be used)."""
    return run_monitored(_iterate(data, kalman, start, label, monitor, max_iter), monitor)


def _iterate(
    data: StateSpaceData,
    kalman: Kalman,
    start: LinearGaussianParams,
    label: str,
    monitor: Monitor,
    max_iter: int,
) -> EMStates:
    """Generate the states of :func:`_fit_from`, and return what it returns; the monitor is only looked at."""
    options = data.options
    if options.structure is not None:
        return (yield from _iterate_structured(data, kalman, start, max_iter))
    n_sequences = len(data.panel.offsets) - 1
    # A stationary state is that of mean inputs. Only states that settle can be measured from it.
    centred = bool(data.n_inputs > 0 and spectral_radius(start.A) < 1.0)
    units = data.units(centred)
    begin = scaled(start, units)
    policy = _initial_policy(begin, options.initial_state, n_sequences, given=label == READY)
    if centred:
        n_threads, kalman = kalman.n_threads, data.kalman(kalman.n_states, centred)
        kalman.n_threads = n_threads
    if policy in ("stationary", "learned_mean") and (radius := spectral_radius(begin.A)) >= 1.0:
        return (
            None,
            f"its A has spectral radius {radius:.4g}, and no stationary state (from {label})",
        )
    if max_iter > 0:
        begin = _structured(begin, options, policy)
        if label != READY:
            begin = begin._replace(R=lifted(begin.R, options.noise_floor))
    if _degenerate(begin):
        where = f"from {label}: C and R are singular"
        return None, f"neither R nor the states reach some direction of the data ({where})"
    _check_fixed_basis(begin, max_iter)
    settings = _settings(options, policy, kalman, begin)
    em = EM(kalman, settings)
    state = em.evaluate(begin)
    if not np.isfinite(state.objective):
        check_identified(kalman, begin)
        where = f"from {label}; spectral radius {spectral_radius(begin.A):.4g}"
        return None, f"its log-likelihood is not finite ({where})"
    result = yield from em.iterate(
        state, max_iter=max_iter, tol=options.tol, accelerate=options.accelerate
    )
    if options.verbose >= 2 and result.lost is not None:
        _validate.warn_about_step(result.lost)
    final = result.state
    moved = final.params is not begin or max_iter > 0
    params = unscaled(final.params, units) if moved else start
    log_likelihood = final.smoothed.log_likelihood + data.shift
    context = FitContext(options._replace(init=None, n_threads=1), settings, centred)
    fit = EMFit(
        params,
        start,
        log_likelihood,
        final.objective,
        result.converged,
        policy,
        ([], []),
        context,
    )
    return fit, None


def _iterate_structured(
    data: StateSpaceData, kalman: Kalman, start: LinearGaussianParams, max_iter: int
) -> EMStates:
    """Climb in the free entries of a structure."""
    options: Any = data.options
    fit = StructuredFit(kalman, FreeEntries(options.structure, data.n_inputs))
    state = fit.evaluate(start)
    if np.isfinite(state.objective):
        check_identified(kalman, start)
    else:
        return None, "its log-likelihood is not finite under the structure"
    result = yield from fit.iterate(
        state, max_iter=max_iter, tol=options.tol, accelerate=options.accelerate
    )
    params, value = result.state.params, result.state.objective
    settings = MStepSettings(
        "full", "diag", "structure", np.zeros(len(params.C)), LinearGaussianPrior()
    )
    context = FitContext(options._replace(init=None, n_threads=1), settings, False)
    done = EMFit(params, start, value, value, result.converged, "structure", ([], []), context)
    return done, None


def _of_structure(
    params: LinearGaussianParams, structure: Structure, n_inputs: int
) -> LinearGaussianParams:
    """Bring parameters that the user gave to a structure: their free entries are kept."""
    entries = FreeEntries(structure, n_inputs)
    for name in ("B", "D"):
        if name in entries.templates and getattr(params, name) is None:
            absent = np.zeros(entries.templates[name].fixed.shape)
            params = params._replace(**{name: absent})
    found = entries.params(entries.vector(params))
    if found is None:
        raise ValueError(
            "init.A must leave the states stationary that the structure begins in their stationary distribution; got "
            f"a spectral radius of {spectral_radius(params.A):.4g}."
        )
    return found


def check_identified(kalman: Kalman, params: LinearGaussianParams) -> None:
    """Require that every sequence tells of its diffuse first states.

    Raises
    ------
    ValueError
        Some sequence is too short, or has too many gaps.
    """
    if not diffuse_states(params).any():
        return
    found = kalman.directions(params)
    if not found.succeeded:
        return
    for rows, part in found.solve():
        if part.nothing.size:
            k = len(found.which)
            raise ValueError(
                f"Every sequence must identify its {k} diffuse first states; got one of {rows.stop - rows.start} rows "
                f"from row {rows.start} on that tells of {k - part.nothing.shape[1]}. Leave it out, take fewer states, "
                "or give them a proper prior by initial_state."
            )


def _check_fixed_basis(params: LinearGaussianParams, max_iter: int) -> None:
    """Refuse to fit A and C where first states are diffuse: the likelihood has no maximum.

    States that are divided by c, with C times c, have the same data and a likelihood that is c^-k times as high for k
    diffuse states.
    """
    if max_iter > 0 and diffuse_states(params).any():
        raise ValueError(
            "P0 must be finite where parameters are fitted, because in free units of the states a diffuse likelihood "
            "has no maximum; got infinite variances. Evaluate the parameters with max_iter=0."
        )


def _settings(
    options: EMOptions, policy: str, kalman: Kalman, params: LinearGaussianParams
) -> MStepSettings:
    """Return what the M-steps from a start may move."""
    return MStepSettings(
        options.transition_cov,
        options.observation_cov,
        policy,
        _min_variances(params.R, options.noise_floor),
        _prior(options.prior, kalman, params),
    )


def _initial_policy(params: LinearGaussianParams, asked: str, n_sequences: int, given: bool) -> str:
    """Decide how the prior of the first state is treated.

    A prior is part of the model. Parameters that the user gave may bring their own, but strategies must all start one
    and the same model, or their likelihoods say nothing about starts.
    """
    if asked != "auto":
        return asked
    if diffuse_states(params).any():
        return "fixed"
    if n_sequences > len(params.A):
        return "learned"
    if spectral_radius(params.A) >= 1.0:
        return "fixed"
    # What inputs did before the first step is not known, and moves the mean of the first state.
    stationary_policy = "stationary" if params.B is None else "learned_mean"
    if not given:
        return stationary_policy
    if params.B is None and np.any(np.abs(params.m0) > _ROUNDING * np.sqrt(np.diag(params.P0))):
        return "fixed"
    stationary = solve_lyapunov(params.A, params.Q)
    close = np.abs(params.P0 - stationary).max() <= 1e-6 * np.abs(stationary).max()
    return stationary_policy if close else "fixed"


def _structured(
    params: LinearGaussianParams, options: EMOptions, policy: str
) -> LinearGaussianParams:
    """Bring the covariances of a start to the structure that EM keeps."""
    Q = shaped(params.Q, options.transition_cov, params.Q)
    R = shaped(params.R, options.observation_cov, params.R)
    if options.noise_floor > 0.0 and options.observation_cov != "fixed":
        R = _without_zeros(R, options.noise_floor)
    m0, P0 = params.m0, params.P0
    if policy == "stationary":
        m0 = np.zeros_like(m0)
    if policy in ("stationary", "learned_mean"):
        P0 = solve_lyapunov(params.A, Q)
    return params._replace(Q=Q, R=R, m0=m0, P0=P0)


def _without_zeros(R: FloatArray, floor: float) -> FloatArray:
    """Lift the directions without noise: an exact observation is a point from which EM cannot move."""
    w, U = np.linalg.eigh(R)
    rounding = 0.0 if is_diagonal(R) else len(w) * np.finfo(float).eps * w[-1]
    zero = w <= rounding
    return (U * np.where(zero, floor, w)) @ U.T if zero.any() else R


def _degenerate(params: LinearGaussianParams) -> bool:
    """Tell whether some direction of the data has neither noise nor states: there, no density exists."""
    r = np.diag(params.R)
    if is_diagonal(params.R) and (r > 0.0).all():
        return False
    C = params.C / max(np.abs(params.C).max(), np.finfo(float).tiny)
    size = np.sqrt(np.where(r > 0.0, r, 1.0))
    rank = np.linalg.matrix_rank(np.hstack([C, params.R / np.outer(size, size)]))
    return bool(rank < len(C))


def _min_variances(R: FloatArray, floor: float) -> FloatArray:
    """Minimum noise variance by variable: the floor, or what the start already has below it."""
    r = np.diag(R)
    return np.where(r > 0.0, np.minimum(r, floor), floor)


def _prior(
    prior: LinearGaussianPrior | str | None, kalman: Kalman, params: LinearGaussianParams
) -> LinearGaussianPrior:
    if prior is None:
        return LinearGaussianPrior()
    if prior != "weak":
        found = _validate.check_prior_fits(prior, len(params.A), len(params.C))
    else:
        smoothed = kalman.smooth(params, moments="by_variable")
        S_00 = smoothed.means.T @ smoothed.means + smoothed.moments.P
        found = weak_prior(S_00, len(kalman.y), kalman.y.shape[1])
    return found.beside_inputs(
        0 if params.B is None else params.n_inputs, 0 if params.D is None else params.n_inputs
    )


def last_state(kalman: Kalman, params: LinearGaussianParams) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of the last state of the last sequence: there, the smoother is the filter.

    Raises
    ------
    ValueError
        The sequence has no density under `params`.
    """
    start = kalman.offsets[-2]
    u = None if kalman.u is None else kalman.u[start:]
    last = Kalman(kalman.y[start:], kalman.n_states, u=u)
    if params.C_inputs is not None:
        filtered = last.filter(params, covariances=True)
        _validate.check_finite_likelihood(filtered.succeeded)
        return filtered.means[-1].copy(), filtered.covariances.values[-1].copy()
    smoothed = last.smooth(params, moments="by_variable")
    _validate.check_finite_likelihood(smoothed.succeeded)
    return smoothed.means[-1].copy(), smoothed.moments.P_last.copy()


def _same(a: Iterable[Any], b: Iterable[Any]) -> bool:
    return all(x is y or np.array_equal(x, y) for x, y in zip(a, b, strict=True))
