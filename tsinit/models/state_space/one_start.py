"""EM from one start, in units that do not matter: what may be climbed from, and how the first state is treated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate
from tsinit.init._scaling import scaled, unscaled
from tsinit.kernels import Kalman, LinearGaussianParams, solve_lyapunov
from tsinit.kernels.params import is_diagonal
from tsinit.kernels.state_space.diffuse import diffuse_states
from tsinit.metrics import spectral_radius
from tsinit.models.em_run import run_monitored
from tsinit.models.monitor import Monitor
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.fit_data import READY, EMFit, EMOptions, FitContext, StateSpaceData
from tsinit.models.state_space.free_entries import FreeEntries
from tsinit.models.state_space.m_step import MStepSettings, shaped
from tsinit.models.state_space.observation_step import lifted
from tsinit.models.state_space.prior import LinearGaussianPrior, weak_prior
from tsinit.models.state_space.structured import StructuredFit

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.em_run import EMStates

#: Share of a state's spread that a prior mean of zero may differ from it after a change of units.
_ROUNDING = 1e-9


def fit_from(
    data: StateSpaceData,
    kalman: Kalman,
    start: LinearGaussianParams,
    label: str,
    monitor: Monitor,
    max_iter: int,
) -> tuple[EMFit | None, str | None]:
    """Run EM from a start; returns (fit, None), or (None, why the start cannot be used)."""
    return run_monitored(iterate(data, kalman, start, label, monitor, max_iter), monitor)


def iterate(
    data: StateSpaceData,
    kalman: Kalman,
    start: LinearGaussianParams,
    label: str,
    monitor: Monitor,
    max_iter: int,
) -> EMStates:
    """Generate the states of :func:`fit_from`, and return what it returns; the monitor is only looked at."""
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
