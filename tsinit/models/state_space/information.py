"""How sharply data determine the parameters: observed information, and what a change of basis leaves of it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.linalg import qr

from tsinit import _validate
from tsinit.init._scaling import unscaled
from tsinit.models.state_space.basis import in_own_basis
from tsinit.models.state_space.coordinates import Coordinates
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.importance import Neighbourhood
from tsinit.models.state_space.score import score

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import BoolArray, FloatArray
    from tsinit._validate import Panel
    from tsinit.init._scaling import Units
    from tsinit.kernels import Kalman, LinearGaussianParams

_STEP = 3e-3  # of a central difference of scores, in units in which curvature is of order one
_FINE = 1e-4  # and of functions of the parameters alone, whose rounding is smaller
_NULL = (
    1e-7  # singular value, relative to the largest, of a direction that moves nothing observable
)
_SAME = 1e-8  # relative difference of objectives, by rounding
_FLAT = 1e-5  # curvature that rounding of scores can give
_EDGE = (
    1e-3  # effect on the moments, relative to the largest, below which a variance is at the edge
)
_OUTSIDE = (
    1e-3  # share of a gradient in directions that the data do not determine, from which it counts
)


class FittedPoint:
    """Parameters together with the data they were fitted to, on the scale of the fit, with coordinates around them.

    Parameters
    ----------
    em : EM
        Over the data, with the settings of the fit.
    params : LinearGaussianParams
        On the scale of the fit.
    units : Units
        That scale.
    panel : Panel
        The data as they came.

    Raises
    ------
    ValueError
        The data have no density under the parameters, or a covariance of theirs is singular.
    """

    def __init__(self, em: EM, params: LinearGaussianParams, units: Units, panel: Panel) -> None:
        self.em, self.units, self.panel = em, units, panel
        self.kalman, self.initial_state = em.kalman, em.settings.initial_state
        self.state = em.evaluate(params)
        _validate.check_finite_likelihood(np.isfinite(self.state.objective))
        try:
            expected = em.expectations(self.state)
            self.chart = Coordinates(params, expected, em.settings)
            self._wide = self._far(params)
            self.gradient = self.slope(np.zeros(self.chart.size))
        except np.linalg.LinAlgError:
            raise _singular() from None
        if self.gradient is None or not np.isfinite(self.gradient).all():
            raise _singular()

    def _far(self, params: LinearGaussianParams) -> Coordinates:
        """Return coordinates for what is far away, the same whatever the basis, where that is free."""
        em, state = self.em, self.state
        if em.settings.transition_cov == "full" and em.settings.initial_state != "fixed":
            other = em.evaluate(in_own_basis(params))
            # A prior may tell bases apart.
            if abs(other.objective - state.objective) <= _SAME * max(abs(state.objective), 1.0):
                state = other
        return Coordinates(state.params, em.expectations(state), em.settings, reach=True)

    def fit_to(self, kalman: Kalman) -> EM:
        """Return the same fit over other data, on this scale."""
        return EM(kalman, self.em.settings)

    def slope(self, u: FloatArray) -> Any:
        """Return the gradient of the objective at coordinates u, None where there is none."""
        params = self.chart.params(u)
        if params is None:
            return None
        state = self.em.evaluate(params)
        if not np.isfinite(state.objective):
            return None
        return self.chart.gradient(u, score(self.em.expectations(state), params, self.em.settings))

    def gain(self, u: FloatArray) -> float:
        """Return the objective at u, less that at the estimate; -inf where it is none."""
        return self._gain(self.chart.params(u))

    def _gain(self, params: LinearGaussianParams | None) -> float:
        if params is None:
            return -np.inf
        value = self.em.kalman.log_likelihood(params) + self.em.log_prior(params)
        return float(value - self.state.objective) if np.isfinite(value) else -np.inf

    def neighbourhood(self) -> Neighbourhood:
        """Return how to go where the likelihood leads, which may be away from an edge, and in which directions."""
        chart = self._wide
        return Neighbourhood(
            lambda u: unscaled(_possible(chart.params(u)), self.units),
            lambda u: self._gain(chart.params(u)),
            self._inner_directions,
        )

    @functools.cached_property
    def _inner_directions(self) -> FloatArray:
        V = observable_directions(self, self._wide, self._wide.inner())[0]
        # Axes of their span, which rounding cannot turn into each other, as it can singular vectors.
        return np.asarray(qr(V @ V.T, pivoting=True)[0][:, : V.shape[1]])

    def determines(self, function: Callable[[LinearGaussianParams], FloatArray]) -> BoolArray:
        """Tell which values (q,) of a function follow from the observed process, edges of variances apart."""
        jacobian = self.jacobian_of(function, self._wide, self._wide.inner())
        return within(jacobian, self._inner_directions)

    def jacobian(
        self,
        function: Callable[[LinearGaussianParams], FloatArray],
        chart: Coordinates | None = None,
        at: FloatArray | None = None,
    ) -> FloatArray:
        """Differentiate a function of parameters, on the scale of the fit, by coordinates `at`, or zero: (q, p)."""
        chart = self.chart if chart is None else chart
        here = np.zeros(chart.size) if at is None else at
        columns = [
            _central(lambda u: _applied(function, chart.params(here + u)), e, _FINE)
            for e in np.eye(chart.size)
        ]
        return np.column_stack(columns)

    def jacobian_of(
        self,
        function: Callable[[LinearGaussianParams], FloatArray],
        chart: Coordinates | None = None,
        at: FloatArray | None = None,
    ) -> FloatArray:
        """Differentiate a function of parameters in the units of the data."""
        return self.jacobian(lambda params: function(unscaled(params, self.units)), chart, at)


class Information(NamedTuple):
    """Curvature of the objective at an estimate, in the directions that change what can be observed.

    Parameters
    ----------
    basis : (p, r) float
        Orthonormal directions of the coordinates in which the observed process changes and the curvature is positive.
    undetermined : (p, k) float
        Those in which it changes, but the data have no curvature or a positive one: there the estimate is no maximum.
    curvature : (r,) float
        Along `basis`, which diagonalises it.
    n_at_edge : int
        Further directions without curvature, which hardly change anything: a variance, or the smallest one of Q or P0,
        is at its minimum, where its root has no slope. It is taken as known.
    left_to_gain : float
        Nats that a Newton step would gain.
    """

    basis: np.ndarray
    undetermined: np.ndarray
    curvature: np.ndarray
    n_at_edge: int
    left_to_gain: float

    @property
    def covariance(self) -> FloatArray:
        """(p, p) float: of the coordinates; nothing moves along what cannot be observed."""
        return (self.basis / self.curvature) @ self.basis.T

    @property
    def root(self) -> FloatArray:
        """(p, r) float: with `root @ root.T` the covariance."""
        return self.basis / np.sqrt(self.curvature)

    def spread(self, jacobian: FloatArray) -> FloatArray:
        """Return standard errors (q,) of functions by their Jacobian (q, p), NaN where the data do not determine one.

        One is not determined if its gradient leaves the directions with information, as those of single entries of A
        or C do, which depend on the basis.
        """
        known = within(jacobian, self.basis)
        return np.where(known, np.linalg.norm(jacobian @ self.root, axis=1), np.nan)


def observed_information(point: FittedPoint) -> Information:
    """Differentiate the score (Fisher's identity) by central differences, two E-steps for each coordinate.

    A change of basis of the states moves no observation, so that the whole matrix is singular along up to n^2
    directions, and along more where noise of states and of observations cannot be told apart (the innovations form has
    2 n D + D (D + 1) / 2 numbers). Which they are is read off the moments of the first observations, exactly, and not
    off the curvature, whose small eigenvalues are those of weak information too (`observable_directions`).

    Parameters
    ----------
    point : FittedPoint

    Returns
    -------
    Information

    Raises
    ------
    ValueError
        A neighbour of the estimate has no score.
    """
    slopes = [_central(point.slope, e, _STEP) for e in np.eye(point.chart.size)]
    H = -np.array(slopes)
    if not np.isfinite(H).all():
        raise _singular()
    V, moments = observable_directions(point)
    inner = V.T @ H @ V
    w, U = np.linalg.eigh(0.5 * (inner + inner.T))
    basis, sure = V @ U, w > _FLAT
    effect = np.linalg.norm(moments @ basis, axis=0)
    at_edge = ~sure & (effect < _EDGE * np.linalg.norm(moments, ord=2))
    g = basis[:, sure].T @ point.gradient
    left = 0.5 * float(g @ (g / w[sure]))
    return Information(
        basis[:, sure], basis[:, ~sure & ~at_edge], w[sure], int(at_edge.sum()), left
    )


def observable_directions(
    point: FittedPoint, chart: Coordinates | None = None, at: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return an orthonormal basis (p, r) of the directions that change the observed process, and how (q, p) they do.

    At zero, or at other coordinates: inside, where no covariance is at an edge, each of them moves something.
    """
    is_stationary = point.em.settings.is_stationary
    moments = point.jacobian(lambda p: observable_moments(p, is_stationary), chart, at)
    _, s, Vt = np.linalg.svd(moments, full_matrices=False)
    return Vt[s > _NULL * s[0]].T, moments


def within(jacobian: FloatArray, basis: FloatArray) -> BoolArray:
    """Tell which gradients (q, p) are not zero and stay inside of the span of a basis (p, r), but for rounding."""
    size = np.linalg.norm(jacobian, axis=1)
    outside = np.linalg.norm(jacobian - (jacobian @ basis) @ basis.T, axis=1)
    return (size > 0.0) & (outside <= _OUTSIDE * size)


def observable_moments(params: LinearGaussianParams, is_stationary: bool) -> FloatArray:
    """Return numbers that determine, and are determined by, the distribution of the observed process.

    Means and covariances of the first 2 n + 2 observations, responses to inputs at as many lags, d and D: those of a
    stationary process at the first only, whose covariances depend on the lag alone.
    """
    A, C, Q, R, m0, P0 = params[:6]
    n_lags = 2 * len(A) + 2
    parts: list[Any] = [params.d, R]
    parts += [M for M in (params.D,) if M is not None]
    x, P = m0, P0
    for t in range(n_lags):
        parts.append(C @ x)
        cross = P @ C.T
        if t == 0 or not is_stationary:
            for _ in range(n_lags - t):
                parts.append(C @ cross)
                cross = A @ cross
        x, P = A @ x, A @ P @ A.T + Q
    if params.B is not None:
        reached = params.B
        for _ in range(n_lags):
            parts.append(C @ reached)
            reached = A @ reached
    return np.concatenate([np.ravel(part) for part in parts])


def _possible(params: LinearGaussianParams | None) -> LinearGaussianParams:
    if params is None:
        raise AssertionError("a draw with a likelihood has parameters")
    return params


def _applied(function: Callable[[Any], FloatArray], params: LinearGaussianParams | None) -> Any:
    return None if params is None else function(params)


def _central(function: Callable[[FloatArray], Any], e: FloatArray, step: float) -> Any:
    """Differentiate along e at zero; from one side where the other is outside of what is allowed."""
    above, below = function(step * e), function(-step * e)
    if above is not None and below is not None:
        return (above - below) / (2.0 * step)
    side = -1.0 if above is None else 1.0
    near = below if above is None else above
    far, here = function(2.0 * side * step * e), function(0.0 * e)
    if near is None or far is None or here is None:
        raise _singular()
    return side * (4.0 * near - far - 3.0 * here) / (2.0 * step)


def _singular() -> ValueError:
    return ValueError(
        "params_ must have covariances that can be inverted, for the curvature of the likelihood; got a singular one. "
        'Use method="bootstrap", or fit with a larger noise_floor or fewer n_states.'
    )
