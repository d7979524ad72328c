"""One fit of the state-space model: from a strategy's answer to the best end over restarts."""

from typing import Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._validate import check_params, child_seed
from tsinit.init._scaling import standardise, unscale
from tsinit.init.race import race_of
from tsinit.init.registry import resolve
from tsinit.kernels import Kalman, LinearGaussianParams, solve_lyapunov
from tsinit.kernels.params import is_diagonal
from tsinit.metrics import spectral_radius
from tsinit.models.monitor import Monitor
from tsinit.models.state_space.em import EM, drive
from tsinit.models.state_space.m_step import Settings, lifted, shaped
from tsinit.models.state_space.prior import LinearGaussianPrior, weak_prior
from tsinit.models.state_space.race import Contest, run_race

READY = "LinearGaussianParams"  # label of a start that the user gave: its noise is left as it is
INITIAL_STATES = ("auto", "stationary", "learned", "fixed")


class Options(NamedTuple):
    """Checked constructor arguments of the estimator."""

    init: Any
    transition_cov: str
    observation_cov: str
    max_iter: int
    tol: float
    n_init: int
    initial_state: str
    accelerate: bool
    prior: Any
    noise_floor: float
    verbose: int


class Fit(NamedTuple):
    """Best end for one order, in the units of the data."""

    params: LinearGaussianParams
    start: LinearGaussianParams
    log_likelihood: float
    objective: float
    converged: bool
    initial_state: str
    trace: tuple  # (objectives, seconds)
    race: Any = None  # Record of the race for the start, where there was one


class Problem:
    """The data of a fit on the scale on which it runs: every column with mean 0 and variance 1.

    Parameters
    ----------
    panel : Panel
    options : Options
    """

    def __init__(self, panel, options):
        self.panel, self.options = panel, options
        _validate.check_columns(panel.y, list(panel.columns))
        self.z, self.loc, self.scale = standardise(panel.y)
        seen = ~np.isnan(panel.y)
        # Log-likelihood in the units of the data: the density of y is that of z over the product of scales.
        self.shift = -float(seen.sum(axis=0) @ np.log(self.scale))
        self.n_steps_seen = int(seen.any(axis=1).sum())

    def end(self, params):
        """Mean and covariance of the last state, given the data."""
        kalman = Kalman(self.z, len(params.A), self.panel.offsets)
        return last_state(kalman, to_standard(params, self.loc, self.scale))


def fit_order(problem, n_states, seed, monitor):
    """Fit one order from `n_init` starts and keep the best end."""
    kalman = Kalman(problem.z, n_states, problem.panel.offsets)
    race = race_of(problem.options.init, "dynamics")
    if race is not None:
        return _fit_by_race(problem, kalman, race, seed, monitor)
    best, failure = None, None
    starts: list[LinearGaussianParams] = []
    for restart in range(problem.options.n_init):
        key = (0,) if restart == 0 else (0, restart)
        rng = np.random.default_rng(child_seed(seed, *key))
        monitor.start()
        chosen = resolve(problem.options.init, "dynamics")
        start, label = _ask(problem, kalman, chosen, rng), chosen.label
        monitor.run()
        if any(_same(start, other) for other in starts):
            continue  # a strategy without chance gives the same start, and the same end, every time
        starts.append(start)
        monitor.shift = problem.shift
        fit, message = _refine(problem, kalman, start, label, monitor)
        trace = monitor.stop()
        if fit is None:
            failure = failure or message
        elif best is None or _value(fit, problem.options) > _value(best, problem.options):
            best = fit._replace(trace=trace)
        if monitor.timed_out:
            break
    if best is None:
        raise _validate.unusable_start(failure)
    return best


def _fit_by_race(problem, kalman, race, seed, monitor):
    """Fit one order from the start that wins a race."""
    options = problem.options

    def begin(entry, leg):
        return _climb(
            problem, kalman, entry.start, entry.label, leg, monitor.max_iter(options.max_iter)
        )

    contest = Contest(
        ask=lambda chosen, rng: _ask(problem, kalman, chosen, rng),
        begin=begin,
        worth=lambda state: (
            state.done.log_likelihood if options.prior == "weak" else state.objective
        ),
        max_iter=monitor.max_iter(options.max_iter),
        n_init=options.n_init,
        shift=problem.shift,
    )
    return run_race(race, contest, seed, monitor)


def _value(fit, options):
    """What restarts are compared by. The weak prior follows the scale of each start's states, so it says nothing."""
    return fit.log_likelihood if options.prior == "weak" else fit.objective


def _ask(problem, kalman, chosen, rng):
    """Ask a strategy for a start, in the units of the data."""
    n_states = kalman.n_states

    def trial(start, n_iter):
        """Short EM from a candidate: (objective, refined parameters), for strategies that compare."""
        start = check_params(start, n_states, kalman.y.shape[1], "start")
        brief = Monitor()
        fit, _ = _refine(problem, kalman, start, chosen.label, brief, max_iter=n_iter)
        return (-np.inf, start) if fit is None else (_value(fit, problem.options), fit.params)

    offsets = problem.panel.offsets
    start = chosen.propose(
        problem.panel.y.copy(),
        rng,
        n_states=n_states,
        offsets=offsets if len(offsets) > 2 else None,
        trial=trial,
    )
    return check_params(start, n_states, kalman.y.shape[1], "init")


def _refine(problem, kalman, start, label, monitor, max_iter=None):
    """Run EM from a start; returns (fit, None), or (None, why the start cannot be used)."""
    max_iter = monitor.max_iter(problem.options.max_iter) if max_iter is None else max_iter
    return drive(_climb(problem, kalman, start, label, monitor, max_iter), monitor)


def _climb(problem, kalman, start, label, monitor, max_iter):
    """Generate the states of :func:`_refine`, and return what it returns; the monitor is only looked at."""
    options = problem.options
    begin = to_standard(start, problem.loc, problem.scale)
    policy = _initial_policy(begin, options.initial_state, len(problem.panel.offsets) - 1)
    if policy == "stationary" and spectral_radius(begin.A) >= 1.0:
        return (
            None,
            f"its A has spectral radius {spectral_radius(begin.A):.4g}, and no stationary state (from {label})",
        )
    if max_iter > 0:
        begin = _structured(begin, options, policy)
        if label != READY:
            begin = begin._replace(R=lifted(begin.R, options.noise_floor))
    if _degenerate(begin):
        return (
            None,
            f"neither R nor the states reach some direction of the data (from {label}: C and R are singular)",
        )
    settings = Settings(
        options.transition_cov, options.observation_cov, policy, _floors(begin.R, options.noise_floor),
        _prior(options.prior, kalman, begin),
    )  # fmt: skip
    em = EM(kalman, settings)
    state = em.evaluate(begin)
    if not np.isfinite(state.objective):
        return (
            None,
            f"its log-likelihood is not finite (from {label}; spectral radius {spectral_radius(begin.A):.4g})",
        )
    outcome = yield from em.climb(
        state, max_iter=max_iter, tol=options.tol, accelerate=options.accelerate
    )
    if options.verbose >= 2 and not outcome.monotone:
        _validate.warn_about_step(len(monitor.objectives) - 1)
    end = outcome.state
    moved = end.params is not begin or max_iter > 0
    params = unscale(end.params, problem.loc, problem.scale) if moved else start
    log_likelihood = end.done.log_likelihood + problem.shift
    return Fit(params, start, log_likelihood, end.objective, outcome.converged, policy, ()), None


def _initial_policy(params, asked, n_sequences):
    """Decide how the prior of the first state is treated."""
    if asked != "auto":
        return asked
    if n_sequences > len(params.A):
        return "learned"
    if spectral_radius(params.A) >= 1.0 or np.any(params.m0):
        return "fixed"
    stationary = solve_lyapunov(params.A, params.Q)
    close = np.abs(params.P0 - stationary).max() <= 1e-6 * np.abs(stationary).max()
    return "stationary" if close else "fixed"


def _structured(params, options, policy):
    """Bring the covariances of a start to the structure that EM keeps."""
    Q = shaped(params.Q, options.transition_cov, params.Q)
    R = shaped(params.R, options.observation_cov, params.R)
    if options.noise_floor > 0.0 and options.observation_cov != "fixed":
        R = _without_zeros(R, options.noise_floor)
    m0, P0 = params.m0, params.P0
    if policy == "stationary":
        m0, P0 = np.zeros_like(m0), solve_lyapunov(params.A, Q)
    return params._replace(Q=Q, R=R, m0=m0, P0=P0)


def _without_zeros(R, floor):
    """Lift the directions without noise: an exact observation is a point from which EM cannot move."""
    w, U = np.linalg.eigh(R)
    rounding = 0.0 if is_diagonal(R) else len(w) * np.finfo(float).eps * w[-1]
    zero = w <= rounding
    return (U * np.where(zero, floor, w)) @ U.T if zero.any() else R


def _degenerate(params):
    """Tell whether some direction of the data has neither noise nor states: there, no density exists."""
    r = np.diag(params.R)
    if is_diagonal(params.R) and (r > 0.0).all():
        return False
    C = params.C / max(np.abs(params.C).max(), np.finfo(float).tiny)
    size = np.sqrt(np.where(r > 0.0, r, 1.0))
    return np.linalg.matrix_rank(np.hstack([C, params.R / np.outer(size, size)])) < len(C)


def _floors(R, floor):
    """Least noise variance by variable: the floor, or what the start already has below it."""
    r = np.diag(R)
    return np.where(r > 0.0, np.minimum(r, floor), floor)


def _prior(prior, kalman, params):
    if prior is None:
        return LinearGaussianPrior()
    if prior != "weak":
        return _validate.check_prior_fits(prior, len(params.A), len(params.C))
    done = kalman.smooth(params, moments="by_variable")
    return weak_prior(done.means.T @ done.means + done.moments.P, len(kalman.y), kalman.y.shape[1])


def to_standard(params, loc, scale):
    """Express parameters for data y as those for (y - loc) / scale."""
    return params._replace(
        C=np.ascontiguousarray(params.C / scale[:, None]),
        R=np.ascontiguousarray(params.R / np.outer(scale, scale)),
        d=(params.d - loc) / scale,
    )


def last_state(kalman, params):
    """Mean and covariance of the last state of the last sequence: there, the smoother is the filter.

    Raises
    ------
    ValueError
        The sequence has no density under `params`.
    """
    done = Kalman(kalman.y[kalman.offsets[-2] :], kalman.n_states).smooth(
        params, moments="by_variable"
    )
    _validate.check_finite_likelihood(done.succeeded)
    return done.means[-1].copy(), done.moments.P_last.copy()


def simulate(params, n_steps, rng):
    """Draw (y, states) of one sequence."""
    A, C, Q, R, m0, P0, d = params
    n = len(A)
    states = np.empty((n_steps, n))
    noise = rng.standard_normal((n_steps, n))
    root = _root(Q)
    states[0] = m0 + _root(P0) @ noise[0]
    for t in range(1, n_steps):
        states[t] = A @ states[t - 1] + root @ noise[t]
    return states @ C.T + d + rng.standard_normal((n_steps, len(C))) @ _root(R).T, states


def _root(V):
    w, U = np.linalg.eigh(V)
    return U * np.sqrt(np.maximum(w, 0.0))


def _same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
