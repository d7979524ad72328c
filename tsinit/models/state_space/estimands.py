"""What of a state-space model can be told from data: numbers that no change of basis of the states moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from tsinit.metrics import spectral_radius
from tsinit.models.state_space.coordinates import predicted_covariance
from tsinit.models.state_space.scales import Scale

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tsinit._typing import ComplexArray, FloatArray
    from tsinit.kernels import LinearGaussianParams

_PRECISE = 1e-9  # of the doubling that finds the covariance of one-step errors
_REAL = 1e-12  # imaginary part, relative, up to which an eigenvalue is real


class Estimand(NamedTuple):
    """A number with its name, and the scale of its interval."""

    name: str
    value: float
    scale: Scale


class Estimands:
    """All that a table of estimates has, for parameters near those given.

    Eigenvalues of others are matched to those given here, so that a number keeps its meaning.

    Parameters
    ----------
    params : LinearGaussianParams
        In the units of the data.
    sampling_rate : float
        Steps per unit of time.
    columns, input_names : sequence
    observation_cov : {"full", "diag", "spherical", "fixed"}
    must_be_stable : bool
        The model has stable dynamics by its definition, so that no interval of a radius goes beyond 1.
    """

    def __init__(
        self,
        params: LinearGaussianParams,
        sampling_rate: float,
        columns: Sequence[Any],
        input_names: Sequence[Any],
        observation_cov: str,
        must_be_stable: bool,
    ) -> None:
        self._rate, self._columns, self._inputs = sampling_rate, list(columns), list(input_names)
        self._observation_cov, self._must_be_stable = observation_cov, must_be_stable
        self._has_gain = must_be_stable or spectral_radius(params.A) < 1.0
        poles = np.linalg.eigvals(params.A).astype(complex)
        self._poles: ComplexArray = poles[np.lexsort((-np.abs(poles), np.abs(np.angle(poles))))]
        size = np.maximum(np.abs(self._poles), _REAL)
        self._is_real = np.abs(self._poles.imag) <= _REAL * size

    def of(self, params: LinearGaussianParams) -> list[Estimand]:
        """Return all numbers for parameters in the units of the data."""
        return [*self._of_poles(params.A), *self._of_outputs(params), *self._of_inputs(params)]

    def values(self, params: LinearGaussianParams) -> FloatArray:
        """Return the numbers alone, (q,)."""
        return np.array([found.value for found in self.of(params)])

    def _of_poles(self, A: FloatArray) -> Iterator[Estimand]:
        poles = np.linalg.eigvals(A).astype(complex)
        distance = np.abs(self._poles[:, None] - poles)
        matched = poles[linear_sum_assignment(distance)[1]]
        inside, rate = self._must_be_stable, self._rate
        pairs = ~self._is_real & (self._poles.imag > 0.0)
        for k, pole in enumerate(matched[pairs]):
            radius = abs(pole)
            damping = -np.log(max(radius, np.finfo(float).tiny)) * rate
            yield Estimand(f"radius[{k}]", radius, Scale("logit" if inside else "log"))
            frequency = abs(np.angle(pole)) / (2.0 * np.pi) * rate
            yield Estimand(f"frequency[{k}]", frequency, Scale("logit", 0.5 * rate))
            scale = Scale("damping" if inside else "identity", rate)
            yield Estimand(f"damping[{k}]", damping, scale)
            # Between the frequencies at which a resonance has half of its power.
            scale = Scale(scale.kind, rate / np.pi)
            yield Estimand(f"bandwidth[{k}]", damping / np.pi, scale)
        for k, pole in enumerate(matched[self._is_real], start=int(pairs.sum())):
            yield Estimand(f"eigenvalue[{k}]", pole.real, Scale("atanh" if inside else "identity"))

    def _of_outputs(self, params: LinearGaussianParams) -> Iterator[Estimand]:
        d: Any = params.d
        R, columns = params.R, self._columns
        for c, value in zip(columns, d, strict=True):
            yield Estimand(f"mean[{c}]", value, Scale())
        if self._observation_cov != "fixed":
            for i, c in enumerate(columns):
                yield Estimand(f"noise variance[{c}]", R[i, i], Scale("root"))
        if self._observation_cov == "full":
            for i, c in enumerate(columns):
                for j, other in enumerate(columns[:i]):
                    yield Estimand(f"noise covariance[{other}, {c}]", R[i, j], Scale())
        if self._has_gain:
            for c, value in zip(columns, np.diag(one_step_covariance(params)), strict=True):
                yield Estimand(f"one-step variance[{c}]", value, Scale("log"))

    def _of_inputs(self, params: LinearGaussianParams) -> Iterator[Estimand]:
        tables = {} if params.D is None else {"effect": params.D}
        if self._has_gain and params.n_inputs:
            tables["gain"] = steady_gain(params)
        for name, table in tables.items():
            for i, c in enumerate(self._columns):
                for j, u in enumerate(self._inputs):
                    yield Estimand(f"{name}[{c}, {u}]", table[i, j], Scale())


def steady_gain(params: LinearGaussianParams) -> FloatArray:
    """Return what inputs that stay do to the outputs in the end, C (I - A)^-1 B + D: (D, m)."""
    gain = np.zeros((len(params.C), params.n_inputs))
    if params.B is not None:
        gain = params.C @ np.linalg.solve(np.eye(len(params.A)) - params.A, params.B)
    return gain if params.D is None else gain + params.D


def impulse_response(params: LinearGaussianParams, n_steps: int) -> FloatArray:
    """Return what an input of 1 at one step does to the outputs from that step on: (n_steps, D, m)."""
    m, B, D = params.n_inputs, params.B, params.D
    out = np.zeros((n_steps, len(params.C), m))
    if D is not None:
        out[0] = D
    for k in range(1, n_steps if B is not None else 1):
        out[k] = params.C @ B
        B = params.A @ B
    return out


def one_step_covariance(params: LinearGaussianParams) -> FloatArray:
    """Return the covariance (D, D) of one-step errors, once the filter has settled and nothing is missing."""
    return params.C @ predicted_covariance(params, _PRECISE) @ params.C.T + params.R


def spectral_density(params: LinearGaussianParams, frequencies: FloatArray) -> FloatArray:
    """Return the power spectral densities of the columns: (k, D) for frequencies (k,) in cycles per step.

    Two-sided: over all frequencies from -1/2 to 1/2 they integrate to the variances of the columns.
    """
    eye, out = np.eye(len(params.A)), []
    for f in frequencies:
        H = params.C @ np.linalg.solve(np.exp(2j * np.pi * f) * eye - params.A, eye)
        out.append(np.diag(H @ params.Q @ H.conj().T + params.R).real)
    return np.array(out)
