"""Angles: independent von Mises columns in each state, mean direction and concentration unknown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_number
from tsinit.emissions import _checks, _concentration
from tsinit.emissions._bessel import bessel, von_mises
from tsinit.emissions._concentration_mode import log_bessel, most_likely, most_probable, ratio
from tsinit.emissions._normal_em import MIN_WEIGHT
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.kernels._jit import entry, kernel, kernel_with_memory
from tsinit.kernels.density import density

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

_LOG_2PI = math.log(2.0 * math.pi)
_MIN_DISPERSION = 1e-6  # of a column without spread: angles equal to a tenth of a degree
_MAX_CONCENTRATION = 0.5 / _MIN_DISPERSION  # where no prior keeps a state from collapsing


class VonMisesData(NamedTuple):
    """Angles as points on the circle."""

    cos: np.ndarray  # (T, D), NaN where missing
    sin: np.ndarray


class VonMisesParams(NamedTuple):
    """Mean direction times concentration of each state and column, as a vector."""

    cos: np.ndarray  # (K, D)
    sin: np.ndarray
    log_norm: np.ndarray  # (K, D) -log(2 pi I0(concentration))


class VonMisesPrior(NamedTuple):
    """Prior of each column: kappa ~ Gamma(a, rate b), direction | kappa ~ von Mises(m, c kappa)."""

    m: np.ndarray  # (D,)
    c: float
    a: float
    b: np.ndarray  # (D,)


@density(VonMisesParams)
def _log_density(params: VonMisesParams, data: VonMisesData, t: int, k: int) -> float:
    total = 0.0
    for i in range(data.cos.shape[1]):
        if not np.isnan(data.cos[t, i]):
            total += (
                params.cos[k, i] * data.cos[t, i]
                + params.sin[k, i] * data.sin[t, i]
                + params.log_norm[k, i]
            )
    return total


@kernel_with_memory
def _sums(
    prior: VonMisesPrior, data: VonMisesData, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Per state and column: angles n, and the sums of cosines and sines with the prior's direction added."""
    D = data.cos.shape[1]
    n, x, y = np.zeros((K, D)), np.empty((K, D)), np.empty((K, D))
    for k in range(K):
        for i in range(D):
            x[k, i], y[k, i] = prior.c * math.cos(prior.m[i]), prior.c * math.sin(prior.m[i])
    for t in range(z.size):
        k = z[t]
        if k < 0:
            continue
        for i in range(D):
            if not np.isnan(data.cos[t, i]):
                n[k, i] += 1.0
                x[k, i] += data.cos[t, i]
                y[k, i] += data.sin[t, i]
    return n, x, y


@kernel
def _summary(
    prior: VonMisesPrior, i: int, n: float, x: float, y: float
) -> _concentration.AngleSummary:
    # By the rounding of a sum the length may exceed the number of angles.
    R = min(math.sqrt(x * x + y * y), n + prior.c)
    return _concentration.AngleSummary(R, n, prior.c, prior.a, prior.b[i])


@entry
def _draw(
    rng: np.random.Generator, prior: VonMisesPrior, data: VonMisesData, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n, x, y = _sums(prior, data, z, K)
    log_norm, envelope = np.empty(n.shape), np.empty((5, _concentration._PIECES))
    for k in range(K):
        for i in range(n.shape[1]):
            summary = _summary(prior, i, n[k, i], x[k, i], y[k, i])
            kappa = _concentration.draw(rng, summary, envelope)
            direction = von_mises(rng, math.atan2(y[k, i], x[k, i]), kappa * summary.R)
            x[k, i], y[k, i] = kappa * math.cos(direction), kappa * math.sin(direction)
            log_norm[k, i] = -_LOG_2PI - bessel(kappa)[0] - kappa
    return x, y, log_norm


@entry
def _log_evidence(prior: VonMisesPrior, data: VonMisesData, z: IntArray, K: int) -> float:
    n, x, y = _sums(prior, data, z, K)
    total = 0.0
    for k in range(K):
        for i in range(n.shape[1]):
            if n[k, i] > 0.0:
                total += _concentration.log_marginal(_summary(prior, i, n[k, i], x[k, i], y[k, i]))
                total -= n[k, i] * _LOG_2PI
    return total


class VonMises(Emission):
    """Angles with a mean direction and a concentration for each state and column; missing ones are left out.

    Angles are wrapped. Turning all of them by the same angle turns the answer and changes nothing else.

    Parameters
    ----------
    unit : {"radians", "degrees"}, optional
        Unit of the angles, also of `prior_direction` and of what is reported; None is radians, with values
        beyond one turn refused, because they may be degrees.
    prior_direction : float or (D,) float, default 0.0
        Prior mean direction.
    prior_weight : float, default 0.0
        Weight of `prior_direction`, in angles; none: the direction is uniform on the circle.
    prior_concentration : float or (D,) float, optional
        Prior concentration of a state, shape over rate of its Gamma distribution; None is where the dispersion, 1
        minus the mean resultant length, is a quarter of that of the column (as the variance is for
        `Gaussian`).
    prior_shape : float, default 2.0
        Shape of that distribution, at least 1; 2 is the shape of the precision in `DiagonalGaussian`.

    References
    ----------
    Mardia and El-Atoum, Bayesian inference for the von Mises-Fisher distribution, Biometrika 63 (1976).
    """

    def __init__(
        self,
        unit: str | None = None,
        prior_direction: ArrayLike = 0.0,
        prior_weight: float = 0.0,
        prior_concentration: ArrayLike | None = None,
        prior_shape: float = 2.0,
    ) -> None:
        self.unit = unit
        self.prior_direction = prior_direction
        self.prior_weight = prior_weight
        self.prior_concentration = prior_concentration
        self.prior_shape = prior_shape

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> VonMisesOnData:
        """See `Emission.bind`."""
        y = _checks.angles(y, self.unit)
        D, turn = y.shape[1], math.radians(1.0) if self.unit == "degrees" else 1.0
        m = turn * _checks.per_column("prior_direction", self.prior_direction, D)
        a = check_number("prior_shape", self.prior_shape, 1.0)
        c = check_number("prior_weight", self.prior_weight, 0.0)
        if self.prior_concentration is None:
            kappa = np.array([_typical_concentration(column[~np.isnan(column)]) for column in y.T])
        else:
            kappa = _checks.per_column("prior_concentration", self.prior_concentration, D, 0.0)
        return VonMisesOnData(
            y, VonMisesPrior(m, c, a, a / kappa), self.unit, bool(np.nanmin(y, initial=0.0) < 0.0)
        )


def _typical_concentration(angles: FloatArray) -> float:
    """Concentration at a quarter of the dispersion of the column."""
    from scipy.optimize import brentq
    from scipy.special import i0e, i1e

    if angles.size == 0:
        return 1.0
    length = math.hypot(np.cos(angles).mean(), np.sin(angles).mean())
    target = 0.25 * min(1.0, max(1.0 - length, _MIN_DISPERSION))
    log_kappa = brentq(lambda x: 1.0 - i1e(math.exp(x)) / i0e(math.exp(x)) - target, -5.0, 20.0)
    return math.exp(log_kappa)


def _circular_mean(angle: FloatArray) -> FloatArray:
    """Direction of the sum of unit vectors along the first axis, NaN left out; radians."""
    return np.arctan2(np.nansum(np.sin(angle), axis=0), np.nansum(np.cos(angle), axis=0))


class VonMisesOnData(EmissionOnData):
    """See `VonMises`."""

    numeric = False
    leaves_rows_out = True

    def __init__(self, y: FloatArray, prior: VonMisesPrior, unit: str | None, signed: bool) -> None:
        super().__init__(VonMisesData(np.cos(y), np.sin(y)), prior, y.shape[1])
        self.unit = unit
        self.signed = signed  # whether directions are reported from -half a turn or from 0
        self._turn = math.degrees(1.0) if unit == "degrees" else 1.0
        self.log_jacobian = -np.count_nonzero(~np.isnan(y)) * math.log(self._turn)

    def with_data(self, y: ArrayLike) -> VonMisesOnData:
        """See `EmissionOnData.with_data`."""
        return VonMisesOnData(
            _checks.angles(y, self.unit, self.n_features), self.prior, self.unit, self.signed
        )

    def draw(self, rng: np.random.Generator, z: IntArray, K: int, latent: None) -> VonMisesParams:
        """See `EmissionOnData.draw`."""
        return VonMisesParams(*_draw(rng, self.prior, self.data, z, K))

    def log_evidence(self, z: IntArray, K: int, params: VonMisesParams, latent: None) -> float:
        """See `EmissionOnData.log_evidence`."""
        return _log_evidence(self.prior, self.data, z, K) + self.log_jacobian

    def means(self, params: VonMisesParams) -> FloatArray:
        """Mean direction of each state and column, (K, D)."""
        return self._wrapped(np.arctan2(params.sin, params.cos)) * self._turn

    def average_means(self, means: FloatArray) -> FloatArray:
        """Circular mean over draws: the direction of the sum of their unit vectors, in the unit of the data."""
        angle = means / self._turn
        return self._wrapped(_circular_mean(angle)) * self._turn

    def mixture_moments(
        self, params: VonMisesParams, probabilities: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Direction of the mean unit vector, and the mean squared chord to it on the diagonal."""
        kappa = np.hypot(params.cos, params.sin)
        shrunk = ratio(kappa) / np.where(kappa > 0.0, kappa, 1.0)
        x, y = probabilities @ (params.cos * shrunk), probabilities @ (params.sin * shrunk)
        spread = self._turn**2 * 2.0 * (1.0 - np.hypot(x, y))
        mean = self._wrapped(np.arctan2(y, x)) * self._turn
        return mean, np.eye(self.n_features) * spread[:, None, :]

    def covariances(self, params: VonMisesParams) -> FloatArray:
        """Mean squared chord to the mean direction, 2 (1 - I1/I0), on the diagonal: a variance when small."""
        from scipy.special import i0e, i1e

        kappa = np.hypot(params.cos, params.sin)
        return (
            np.eye(self.n_features)
            * (self._turn**2 * 2.0 * (1.0 - i1e(kappa) / i0e(kappa)))[:, None, :]
        )

    def describe(self, params: VonMisesParams) -> dict[str, FloatArray]:
        """Mean direction, and concentration (of angles in radians) of each state and column."""
        return {"direction": self.means(params), "concentration": np.hypot(params.cos, params.sin)}

    def near(self, values: FloatArray, centre: FloatArray) -> FloatArray:
        """See `EmissionOnData.near`: within half a turn."""
        half = math.pi * self._turn
        return centre + np.mod(values - centre + half, 2.0 * half) - half

    def simulate(self, rng: np.random.Generator, params: VonMisesParams, z: IntArray) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        y = rng.vonmises(np.arctan2(params.sin, params.cos)[z], np.hypot(params.cos, params.sin)[z])
        return self._wrapped(y) * self._turn

    @property
    def n_parameters(self) -> int:
        """Directions and concentrations."""
        return 2 * self.n_features

    def maximise(
        self,
        responsibilities: FloatArray,
        params: VonMisesParams | None = None,
        penalised: bool = True,
    ) -> VonMisesParams:
        """See `EmissionOnData.maximise`."""
        observed = ~np.isnan(self.data.cos)
        n = responsibilities.T @ observed.astype(np.float64)
        x = responsibilities.T @ np.where(observed, self.data.cos, 0.0)
        y = responsibilities.T @ np.where(observed, self.data.sin, 0.0)
        if penalised:
            prior = self.prior
            x, y = x + prior.c * np.cos(prior.m), y + prior.c * np.sin(prior.m)
            kappa = most_probable(np.hypot(x, y), n, prior.c, prior.a, prior.b)
            direction = np.arctan2(y, x)
            return _as_params(kappa * np.cos(direction), kappa * np.sin(direction))
        some = n > MIN_WEIGHT
        kappa = most_likely(np.hypot(x, y) / np.where(some, n, 1.0), _MAX_CONCENTRATION)
        direction = np.arctan2(y, x)
        cos, sin = kappa * np.cos(direction), kappa * np.sin(direction)
        if params is not None:
            cos, sin = np.where(some, cos, params.cos), np.where(some, sin, params.sin)
        return _as_params(cos, sin)

    def log_prior(self, params: VonMisesParams) -> float:
        """See `EmissionOnData.log_prior`: of directions and logarithms of concentrations."""
        (m, c, a, b), kappa = self.prior, np.hypot(params.cos, params.sin)
        along = params.cos * np.cos(m) + params.sin * np.sin(m)
        direction = c * along - _LOG_2PI - log_bessel(c * kappa)
        return float(np.sum(direction + a * np.log(b * kappa) - math.lgamma(a) - b * kappa))

    def coordinates(self, params: VonMisesParams) -> FloatArray:
        """Directions times concentrations, as vectors."""
        return np.concatenate([params.cos.ravel(), params.sin.ravel()])

    def from_coordinates(
        self, vector: FloatArray, like: VonMisesParams, penalised: bool = True
    ) -> VonMisesParams:
        """See `EmissionOnData.from_coordinates`."""
        cos, sin = vector.reshape(2, *like.cos.shape)
        kappa = np.hypot(cos, sin)
        if not np.isfinite(kappa).all() or kappa.min() == 0.0:
            raise FloatingPointError("A concentration must be finite and positive.")
        shrunk = 1.0 if penalised else np.minimum(1.0, _MAX_CONCENTRATION / kappa)
        return _as_params(cos * shrunk, sin * shrunk)

    def _wrapped(self, angle: FloatArray) -> FloatArray:
        return (
            np.arctan2(np.sin(angle), np.cos(angle))
            if self.signed
            else np.mod(angle, 2.0 * math.pi)
        )


def _as_params(cos: FloatArray, sin: FloatArray) -> VonMisesParams:
    return VonMisesParams(cos, sin, -_LOG_2PI - log_bessel(np.hypot(cos, sin)))
