"""Unconstrained coordinates of the parameters around a point, in units in which no curvature is far above one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels import solve_lyapunov
from tsinit.kernels.params import LinearGaussianParams
from tsinit.metrics import spectral_radius
from tsinit.models.state_space.m_step import transition_of, transition_regression, with_transition
from tsinit.models.state_space.observation_step import loadings_of, with_loadings
from tsinit.models.state_space.regression import symmetric

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models.state_space.m_step import Expectations, MStepSettings

_MIN_SHARE = 1e-8  # of the states' second moments, for the variances of their noise
_TWO_DIGITS = 1e-3  # that coordinates need of the covariance of predictions
_MAX_DOUBLINGS = 20  # 2**20 steps
_INNER = 5.0  # units from a root of zero to what is well inside
_RIDGE = 1e-10  # of second moments, so that directions without information have a scale too


class RootCoordinates(NamedTuple):
    """A covariance V = floor + M M' by its root, which reaches singular V, or the floor, at a finite distance.

    A logarithm would put a maximum at the floor infinitely far away. M = L (I + Y) with a lower triangular Y, or
    L + W Y where a `reach` is given, of which W is the root; a diagonal or spherical V has single roots s + Y.
    """

    structure: str  # "full", "diag" or "spherical"
    floor: np.ndarray  # (p, p), or (p,) or (1,) minimum variances
    L: np.ndarray  # (p, p) lower triangular, or (p,) roots s
    unit: np.ndarray  # of the entries of Y
    W: np.ndarray | None = None  # (p, p) lower triangular, of a full V with a reach

    @classmethod
    def at(
        cls,
        V: FloatArray,
        structure: str,
        floor: FloatArray,
        weight: float | FloatArray,
        reach: FloatArray | None = None,
    ) -> RootCoordinates:
        """Build those around V, whose expected log density sums `weight` terms (by row where it is an array).

        Steps have the size of V, so that what is at the floor stays there; with a `reach` (p, p) they have its size.
        """
        p, size = len(V), V if reach is None else reach
        if structure == "full":
            w, U = np.linalg.eigh(V - floor)
            L = np.asarray(np.linalg.qr((U * _root(w)).T, mode="r")).T
            unit = np.full((p, p), np.sqrt(1.0 / weight))
            unit[np.diag_indices(p)] *= np.sqrt(0.5)
            W = None
            if reach is not None:
                # More noise is then one way, and less the other, on every diagonal.
                W, L = np.linalg.cholesky(reach), L * np.where(np.diag(L) < 0.0, -1.0, 1.0)
            return cls(structure, floor, L, unit[_tril(p)], W)
        if structure == "spherical":
            v, floor = V[:1, 0], np.diag(floor).max(keepdims=True)
            total = np.sum(np.broadcast_to(weight, p))
            v_size = v if reach is None else np.diag(reach).mean(keepdims=True)
            return cls(structure, floor, _root(v - floor), np.sqrt(0.5 * v_size / total))
        v, floor = np.diag(V), np.diag(floor)
        return cls(structure, floor, _root(v - floor), np.sqrt(0.5 * np.diag(size) / weight))

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return len(self.unit)

    def on_diagonal(self, p: int) -> BoolArray:
        """Tell which coordinates are those of the diagonal of Y."""
        if self.structure != "full":
            return np.ones(self.size, dtype=bool)
        return np.eye(p, dtype=bool)[_tril(p)]

    def _root_at(self, u: FloatArray) -> FloatArray:
        if self.structure != "full":
            return self.L + self.unit * u
        Y = np.eye(len(self.L)) if self.W is None else np.zeros_like(self.L)
        Y[_tril(len(Y))] += self.unit * u
        return self.L @ Y if self.W is None else self.L + self.W @ Y

    def covariance(self, u: FloatArray, p: int) -> FloatArray:
        """Return V (p, p)."""
        M = self._root_at(u)
        if self.structure == "full":
            return self.floor + M @ M.T
        return np.diag(np.broadcast_to(self.floor + M**2, p))

    def gradient(self, u: FloatArray, slope: FloatArray) -> FloatArray:
        """Turn the derivative by V (p, p) into that by the coordinates."""
        M = self._root_at(u)
        if self.structure == "full":
            W = self.L if self.W is None else self.W
            return (W.T @ (2.0 * slope @ M))[_tril(len(M))] * self.unit
        v = np.diag(slope)
        return 2.0 * M * self.unit * (v.sum() if self.structure == "spherical" else v)


class Coordinates:
    """Coordinates u of everything that EM moves; u = 0 is the point where they are built.

    Every block is scaled such that its curvature is of order one: by the moments of its regressors, and by the noise
    that they are seen through. For the complete data, and EM's steps, that is Q and R, which are far too small where
    states and observations determine each other; the covariances of the one-step prediction take their place.

    Parameters
    ----------
    params : LinearGaussianParams
    expected : Expectations
        Of the E-step there.
    settings : MStepSettings
    reach : bool
        Whether steps of covariances have the size of those of predictions, so that one at its minimum is left in few;
        otherwise they have their own, as suits a climb.

    Raises
    ------
    numpy.linalg.LinAlgError
        A covariance is singular there.
    """

    def __init__(
        self,
        params: LinearGaussianParams,
        expected: Expectations,
        settings: MStepSettings,
        *,
        reach: bool = False,
    ) -> None:
        self.origin, self.settings = params, settings
        n, D = len(params.A), len(params.C)
        self._F, self._B = transition_of(params), loadings_of(params)
        transition, observation = (
            transition_regression(expected.transition, settings),
            expected.observation,
        )
        size = transition.G[0][:n, :n] / transition.weight
        # For [A, B] and [C, D, d]: value = origin + left u right, by rows.
        P = predicted_covariance(params, _TWO_DIGITS)
        S = params.C @ P @ params.C.T
        self._left_A, self._right_A = np.linalg.cholesky(P), _inverse_root(transition.G[0])
        self._left_B = np.linalg.cholesky(
            params.R + (S if observation.scatter.ndim > 1 else np.diag(np.diag(S)))
        )
        self._right_B = np.array([_inverse_root(G) for G in observation.G])
        self._roots: dict[str, RootCoordinates] = {}
        if settings.transition_cov != "fixed":
            floor = _relative_floor(params.Q, size)
            self._roots["Q"] = RootCoordinates.at(
                params.Q, settings.transition_cov, floor, transition.weight, P if reach else None
            )
        if settings.observation_cov != "fixed":
            full = settings.observation_cov == "full"
            floor = settings.floor.min() * np.eye(D) if full else np.diag(settings.floor)
            self._roots["R"] = RootCoordinates.at(
                params.R,
                settings.observation_cov,
                floor,
                observation.weight,
                self._left_B @ self._left_B.T if reach else None,
            )
        sizes = [self._F.size, self._B.size]
        if settings.learns_mean:
            self._left_m0 = np.linalg.cholesky(params.P0) / np.sqrt(expected.n_first)
            sizes.append(n)
        if settings.initial_state == "learned":
            floor = _relative_floor(params.P0, size)
            self._roots["P0"] = RootCoordinates.at(
                params.P0, "full", floor, expected.n_first, _regular(size) if reach else None
            )
        sizes += [root.size for root in self._roots.values()]
        self.size = sum(sizes)
        self._cuts = np.cumsum(sizes)[:-1]

    def params(self, u: FloatArray) -> LinearGaussianParams | None:
        """Return the parameters at u; None where the dynamics would not be stable but have to be."""
        p = self.origin
        parts = iter(np.split(u, self._cuts))
        F = self._F + self._left_A @ next(parts).reshape(self._F.shape) @ self._right_A.T
        z = next(parts).reshape(self._B.shape)
        B = self._B + self._left_B @ np.einsum("dj,dkj->dk", z, self._right_of_each())
        m0 = p.m0 + self._left_m0 @ next(parts) if self.settings.learns_mean else p.m0
        moved = {
            name: root.covariance(next(parts), len(getattr(p, name)))
            for name, root in self._roots.items()
        }
        p = with_transition(with_loadings(p, B), F)._replace(m0=m0, **moved)
        if self.settings.is_stationary:
            if not np.isfinite(p.A).all() or spectral_radius(p.A) >= 1.0:
                return None
            p = p._replace(P0=solve_lyapunov(p.A, np.ascontiguousarray(p.Q)))
        return p

    def inner(self) -> FloatArray:
        """Return coordinates where no covariance is at its minimum, with the dynamics that the point has."""
        u = np.zeros(self.size)
        start = self.size - sum(root.size for root in self._roots.values())
        for name, root in self._roots.items():
            u[start : start + root.size][root.on_diagonal(len(getattr(self.origin, name)))] = _INNER
            start += root.size
        return u

    def gradient(self, u: FloatArray, score: LinearGaussianParams) -> FloatArray:
        """Turn derivatives by the parameters at u into those by u."""
        parts = np.split(u, self._cuts)
        dB = self._left_B.T @ loadings_of(score)
        pieces = [
            (self._left_A.T @ transition_of(score) @ self._right_A).ravel(),
            np.einsum("dk,dkj->dj", dB, self._right_of_each()).ravel(),
        ]
        if self.settings.learns_mean:
            pieces.append(self._left_m0.T @ score.m0)
        for name, root in self._roots.items():
            pieces.append(root.gradient(parts[len(pieces)], getattr(score, name)))
        return np.concatenate(pieces)

    def _right_of_each(self) -> FloatArray:
        """Return the right factors by row of the loadings; one may stand for all."""
        D, k = self._B.shape
        return np.broadcast_to(self._right_B, (D, k, k))


def predicted_covariance(params: LinearGaussianParams, tolerance: float) -> FloatArray:
    """Return the covariance of a state given all that was observed before it, by doubling.

    It solves P = A (P^-1 + C' R^-1 C)^-1 A' + Q (structure-preserving doubling: Chu, Fan, Lin and Wang, Int. J. Control
    77, 2004).

    Parameters
    ----------
    params : LinearGaussianParams
    tolerance : float
        It ends when what the first state still weighs is less; the error is of the order of its square.
    """
    F, H, eye = params.A.T, params.Q, np.eye(len(params.A))
    G = params.C.T @ np.linalg.solve(params.R, params.C)
    for _ in range(_MAX_DOUBLINGS):
        W = np.linalg.inv(eye + G @ H)
        F, G, H = (
            F @ W @ F,
            symmetric(G + F @ W @ G @ F.T),
            symmetric(H + F.T @ H @ W @ F),
        )
        if np.abs(F).max() < tolerance:
            break
    return H


def _relative_floor(V: FloatArray, S: FloatArray) -> FloatArray:
    """Return a minimum for a covariance of states with second moments S: below it, gradients are lost in rounding.

    V itself may be smaller; then it is the minimum.
    """
    L = np.linalg.cholesky(_regular(S))
    share = np.linalg.eigvalsh(np.linalg.solve(L, np.linalg.solve(L, V).T))[0]
    return min(_MIN_SHARE, 0.99 * max(share, 0.0)) * S


@functools.cache
def _tril(p: int) -> tuple[IntArray, IntArray]:
    return np.tril_indices(p)


def _root(v: FloatArray) -> FloatArray:
    return np.sqrt(np.maximum(v, 0.0))


def _inverse_root(G: FloatArray) -> FloatArray:
    """Return K with K K' = G^-1."""
    return np.linalg.inv(np.linalg.cholesky(_regular(G))).T


def _regular(G: FloatArray) -> FloatArray:
    return G + _RIDGE * np.trace(G) / len(G) * np.eye(len(G))
