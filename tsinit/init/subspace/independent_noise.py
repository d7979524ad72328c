"""From correlated noises to independent ones: the model that EM fits has cov(w, v) = S = 0, 4SID's has not.

4SID finds the innovations state, where S = K Re is large; just dropping S mis-states the noise and costs far
more likelihood than any other choice in the start. A model with S = 0 and the same output covariances
G = cov(x[t+1], y[t]), L0 = cov(y[t]) needs a state covariance P with

    A P C' = G,   P - A P A' = Q >= 0,   R = L0 - C P C' >= 0.

So find Q = L L' that minimises || W (A P C' - G) ||^2 over L, where P = P(Q) is linear in Q. W stacks C A^k,
so what counts is the residual of the output covariances C A^k G, whatever the basis of the state, and A is
never inverted. R follows, with its eigenvalues lifted to a floor: where the floor acts, no model with S = 0
of this order exists and this is a nearby one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize

from tsinit.init._assemble import nearest_psd
from tsinit.init.subspace.realise import observability
from tsinit.kernels import solve_lyapunov

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.init.subspace.realise import Realisation


# Start of Q's eigenvalues relative to its largest: EM cannot leave a singular Q.
_EIGENVALUE_FLOOR = 1e-2
_VARIANCE_FLOOR = 1e-8  # and relative to the variance of the states: Q may be zero
_MAX_STEPS = 60
_RELATIVE_GAIN = 1e-5
_RELATIVE_RESIDUAL = 1e-11  # of the squared norm of the target
# Work of one Levenberg-Marquardt step in multiplications; above it L-BFGS is faster.
_MAX_STEP_WORK = 5e8
_MAX_WORK = 4e9


class CovarianceResidual(NamedTuple):
    """The residual W (A P C' - G) as a function of Q."""

    powers: list  # A, A^2, A^4, ...: P is found by doubling
    C: np.ndarray  # (D, n)
    WA: np.ndarray  # (n, n), W A
    target: np.ndarray  # (n, D), W G


def to_independent_noise(model: Realisation, floor: float = 1e-4) -> tuple[FloatArray, FloatArray]:
    """Find independent noises that keep, as far as possible, the output covariances of a realisation.

    Parameters
    ----------
    model : Realisation
        Identified model; spectral radius of A below 1.
    floor : float
        Smallest eigenvalue of R.

    Returns
    -------
    Q : (n, n) float
        Covariance of the state noise.
    R : (D, D) float
        Covariance of the observation noise.
    """
    A, C = model.A, model.C
    sigma = solve_lyapunov(A, model.Q)
    G, L0 = A @ sigma @ C.T + model.S, C @ sigma @ C.T + model.R
    problem = covariance_residual(A, C, G)
    n, D = G.shape
    work = (n * D * n) ** 2
    root = (_levenberg_marquardt if work <= _MAX_STEP_WORK else _lbfgs)(problem, _root(model))
    Q = root @ root.T
    R = L0 - C @ doubling(problem.powers, Q) @ C.T
    return Q, nearest_psd(R, floor)


def covariance_residual(A: FloatArray, C: FloatArray, G: FloatArray) -> CovarianceResidual:
    """Prepare the least-squares problem for `loss` and `jacobian`.

    Parameters
    ----------
    A, C : (n, n), (D, n) float
    G : (n, D) float
        cov(x[t+1], y[t]).

    Returns
    -------
    CovarianceResidual
    """
    # || O X || = || W X || with O = [C; C A; ...] and W its triangular QR factor.
    W = np.linalg.qr(observability(A, C, 2 * len(A)), mode="r")
    return CovarianceResidual(_doubling_powers(A), C, W @ A, W @ G)


def loss(root: FloatArray, problem: CovarianceResidual) -> tuple[float, FloatArray]:
    """Squared residual and its gradient, by one Lyapunov equation and one adjoint.

    Parameters
    ----------
    root : (n, n) float
        L with Q = L L'.
    problem : CovarianceResidual

    Returns
    -------
    float, (n, n) float
        f = || WA P C' - target ||^2 with P = A P A' + L L', and df/dL = 2 Z L, where Z = A' Z A + M + M' and
        M = WA' (residual) C.
    """
    P = doubling(problem.powers, root @ root.T)
    residual = problem.WA @ P @ problem.C.T - problem.target
    M = problem.WA.T @ residual @ problem.C
    Z = doubling([power.T for power in problem.powers], M + M.T)
    return (residual**2).sum(), 2 * Z @ root


def jacobian(problem: CovarianceResidual) -> FloatArray:
    """Differentiate every residual with respect to Q: (n D, n, n), each symmetric.

    One adjoint Lyapunov equation per residual, all solved together.
    """
    D, n = problem.C.shape
    M = np.einsum("ai,bj->abij", problem.WA, problem.C).reshape(n * D, n, n)
    return doubling([power.T for power in problem.powers], (M + M.transpose(0, 2, 1)) / 2)


def doubling(powers: list[FloatArray], Q: FloatArray) -> FloatArray:
    """Solve P = A P A' + Q for one or a stack of Q, given A, A^2, A^4, ... (Smith's squared method)."""
    P = Q
    for power in powers:
        P = P + power @ P @ power.T
    return P


def _doubling_powers(A: FloatArray) -> list[FloatArray]:
    powers = [A]
    # What is left after A^(2^k) is of the order of its square.
    while np.abs(powers[-1]).max() > 1e-9 and len(powers) < 40:
        powers.append(powers[-1] @ powers[-1])
    return powers


def _root(model: Realisation) -> FloatArray:
    """Root of Q with every eigenvalue lifted off zero."""
    values, vectors = np.linalg.eigh(model.Q)
    minimum = max(_EIGENVALUE_FLOOR * values[-1], _VARIANCE_FLOOR * np.trace(model.P) / len(values))
    return vectors * np.sqrt(np.maximum(values, minimum))


def _levenberg_marquardt(problem: CovarianceResidual, root: FloatArray) -> FloatArray:
    """Minimise by steps of least norm, with the exact second order of L L' (geodesic acceleration).

    The n D residuals are usually fewer than the n^2 unknowns, so the equations are solved in their number,
    and Q stays close to where it started, which settles the freedom that the residuals leave. Damping
    follows Nielsen (1999), acceleration Transtrum and Sethna (2012).
    """
    per_Q, target = jacobian(problem), problem.target.ravel()
    m, n = len(target), len(root)
    flat = per_Q.reshape(m, n * n)
    residual = flat @ (root @ root.T).ravel() - target
    f, damping, raise_by = residual @ residual, 1e-3, 2.0
    for _ in range(int(min(_MAX_STEPS, _MAX_WORK / (m * n) ** 2))):
        per_root = 2 * (per_Q @ root).reshape(m, n * n)
        normal = per_root @ per_root.T
        level = np.trace(normal) / m
        if not level > 1e-200 or damping > 1e9:  # nothing to change, or no change helps
            break
        inverse = np.linalg.inv(normal + damping * level * np.eye(m))
        first = -(per_root.T @ (inverse @ residual))
        step = first.reshape(n, n)
        second = -(per_root.T @ (inverse @ (flat @ (step @ step.T).ravel())))
        if np.linalg.norm(second) < 0.75 * np.linalg.norm(first):
            step = step + second.reshape(n, n)
        trial = root + step
        trial_residual = flat @ (trial @ trial.T).ravel() - target
        gain = f - trial_residual @ trial_residual
        if not gain > 0:
            damping, raise_by = damping * raise_by, 2 * raise_by
            continue
        linear = residual + per_root @ first
        quality = gain / max(f - linear @ linear, gain / 2)
        damping, raise_by = max(damping * max(0.2, 1 - (2 * quality - 1) ** 3), 1e-10), 2.0
        root, residual, f = trial, trial_residual, f - gain
        if gain < _RELATIVE_GAIN * (f + gain) or f < _RELATIVE_RESIDUAL * (target @ target):
            break
    return root


def _lbfgs(problem: CovarianceResidual, root: FloatArray) -> FloatArray:
    """Minimise by L-BFGS: no Jacobian of n D rows, so the choice for many states and outputs."""

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        f, gradient = loss(flat.reshape(root.shape), problem)
        return f, gradient.ravel()

    tolerance = _RELATIVE_RESIDUAL * (problem.target**2).sum()
    result = optimize.minimize(
        objective,
        root.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 300, "ftol": 1e-9, "gtol": tolerance},
    )
    return result.x.reshape(root.shape)
