"""How sharply data determine the free entries of a structure: curvature of the exact likelihood at its maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate
from tsinit.init._scaling import Units
from tsinit.models.state_space.estimands import Estimand
from tsinit.models.state_space.free_entries import LINEAR, FreeEntries
from tsinit.models.state_space.importance import Neighbourhood
from tsinit.models.state_space.information import Information
from tsinit.models.state_space.scales import Scale
from tsinit.models.state_space.structured import StructuredFit
from tsinit.models.state_space.uncertainty import InformationUncertainty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsinit._typing import BoolArray, FloatArray
    from tsinit._validate import Panel
    from tsinit.kernels import Kalman, LinearGaussianParams
    from tsinit.structures import Structure

_STEP = 3e-3  # of central differences of gradients, in units in which each entry alone has curvature one
_FINE = 1e-4  # and of functions of the parameters alone
_FLAT = 1e-4  # curvature that rounding of gradients can give
_EDGE = 1e-4  # of the largest root of a variance, up to which one is at zero


class EntryEstimands:
    """The free entries of a structure by name, variances by their roots, which may be zero.

    Parameters
    ----------
    entries : FreeEntries
    columns, input_names : sequence
    """

    def __init__(
        self, entries: FreeEntries, columns: Sequence[Any], input_names: Sequence[Any]
    ) -> None:
        self._entries = entries
        columns, inputs = list(columns), list(input_names)
        of_place: dict[str, Callable[..., str]] = {
            "A": lambda i, j: f"A[{i}, {j}]",
            "C": lambda i, j: f"C[{columns[i]}, {j}]",
            "d": lambda i: f"mean[{columns[i]}]",
            "D": lambda i, k: f"effect[{columns[i]}, {inputs[k]}]",
            "B": lambda i, k: f"state effect[{i}, {inputs[k]}]",
            "m0": lambda i: f"first mean[{i}]",
            "Q": lambda i, j: f"state variance[{i}]" if i == j else f"state covariance[{i}, {j}]",
            "R": lambda i, j: (
                f"noise variance[{columns[i]}]"
                if i == j
                else f"noise covariance[{columns[i]}, {columns[j]}]"
            ),
        }
        t = entries.templates
        self._names = [
            n for name in (*LINEAR, "Q", "R") if name in t for n in t[name].names(of_place[name])
        ]
        self._scales = [Scale()] * (entries.size - entries.n_roots)
        for name in ("Q", "R"):
            self._scales += [Scale("root") if one else Scale() for one in t[name].on_diagonal]

    def of(self, params: LinearGaussianParams) -> list[Estimand]:
        """Return all entries with their scales."""
        rows = zip(self._names, self.values(params), self._scales, strict=True)
        return [Estimand(*row) for row in rows]

    def values(self, params: LinearGaussianParams) -> FloatArray:
        """Return the entries alone, variances and covariances and not their roots."""
        x, t = self._entries.vector(params), self._entries.templates
        linear = x[: self._entries.size - self._entries.n_roots]
        return np.concatenate([linear, *(t[k].entries(getattr(params, k)) for k in ("Q", "R"))])


class StructuredPoint:
    """A fitted model with a structure together with its data: what `FittedPoint` is for one without.

    Parameters
    ----------
    kalman : Kalman
        The data, in their units.
    structure : Structure
    params : LinearGaussianParams
    panel : Panel

    Raises
    ------
    ValueError
        The data have no density under the parameters.
    """

    initial_state = "auto"  # the structure says it

    def __init__(
        self, kalman: Kalman, structure: Structure, params: LinearGaussianParams, panel: Panel
    ) -> None:
        D = kalman.y.shape[1]
        self.kalman, self.panel = kalman, panel
        n_inputs = 0 if kalman.u is None else kalman.u.shape[1]
        self.units = Units(np.zeros(D), np.ones(D), np.zeros(n_inputs), np.ones(n_inputs))
        self.entries = FreeEntries(structure, n_inputs)
        self._fit = StructuredFit(kalman, self.entries)
        self.state = self._fit.evaluate(params)
        _validate.check_finite_likelihood(np.isfinite(self.state.objective))
        self.chart = self._fit.chart(self.state)
        self.gradient = self.slope(np.zeros(self.chart.size))

    @property
    def at_edge(self) -> Any:
        """Which coordinates (p,) are roots of variances at zero: there, the likelihood has no slope by a root."""
        x, out = self.entries.vector(self.state.params), self.entries.is_variance
        out[out] = x[out] <= _EDGE * x[out].max(initial=0.0)
        return out

    def fit_to(self, kalman: Kalman) -> StructuredFit:
        """Return the same fit over other data."""
        return StructuredFit(kalman, self.entries)

    def slope(self, u: FloatArray) -> Any:
        """Return the gradient of the log-likelihood at coordinates u, None where there is none."""
        params = self.chart.params(u)
        if params is None:
            return None
        state = self._fit.evaluate(params)
        return self._fit.gradient(self.chart, u, state) if np.isfinite(state.objective) else None

    def gain(self, u: FloatArray) -> float:
        """Return the log-likelihood at u, less that at the estimate; -inf where it is none."""
        params = self.chart.params(u)
        value = -np.inf if params is None else self.kalman.log_likelihood(params)
        return float(value - self.state.objective) if np.isfinite(value) else -np.inf

    def neighbourhood(self) -> Neighbourhood:
        """Return how to go where the likelihood leads, in all free entries."""
        return Neighbourhood(self.chart.params, self.gain, np.eye(self.chart.size))

    def determines(self, function: Callable[[LinearGaussianParams], FloatArray]) -> BoolArray:
        """Tell which values (q,) of a function the data determine: all, because a structure fixes the basis."""
        return np.ones(len(function(self.state.params)), dtype=bool)

    def jacobian_of(self, function: Callable[[LinearGaussianParams], FloatArray]) -> FloatArray:
        """Differentiate a function of parameters by the coordinates, (q, p); from one side at a border."""
        here, columns = function(self.state.params), []
        for e in np.eye(self.chart.size):
            ends = [self.chart.params(sign * _FINE * e) for sign in (1.0, -1.0)]
            above, below = (here if p is None else function(p) for p in ends)
            columns.append((above - below) / (_FINE * sum(p is not None for p in ends)))
        return np.column_stack(columns)


def structured_information(point: StructuredPoint) -> Information:
    """Differentiate the gradient by central differences, two E-steps for each free entry.

    A structure fixes the basis of the states: every direction counts, but those of variances that are zero, which are
    taken as known, and those without curvature, along which the estimate is no maximum.
    """
    p, free = point.chart.size, ~point.at_edge
    H = np.zeros((p, p))
    for i in np.flatnonzero(free):
        e = np.zeros(p)
        e[i] = _STEP
        above, below = point.slope(e), point.slope(-e)
        if above is None or below is None:
            raise ValueError(
                "params_ must have neighbours with a likelihood, for its curvature; got states that are hardly "
                "stationary. Make them diffuse."
            )
        H[i] = -(above - below) / (2.0 * _STEP)
    inner = 0.5 * (H + H.T)[np.ix_(free, free)]
    w, U = np.linalg.eigh(inner)
    basis = np.zeros((p, len(w)))
    basis[free] = U
    sure = w > _FLAT
    g = basis[:, sure].T @ point.gradient
    return Information(
        basis[:, sure],
        basis[:, ~sure],
        w[sure],
        int((~free).sum()),
        0.5 * float(g @ (g / w[sure])),
    )


class StructuredUncertainty(InformationUncertainty):
    """Standard errors and intervals of the free entries of a structure, by the likelihood.

    Made by ``ssm.uncertainty(X)`` of a model with a structure; see :class:`ParameterUncertainty`. ``table`` has a row
    for each free entry, by its label where it has one: entries of A and C, ``mean``, ``effect``, ``state effect``,
    ``first mean``, ``state variance``, ``noise variance`` and covariances of both. A variance that is zero has no
    standard error, but an interval that begins there.
    """

    shows = "The free entries of the structure are shown."

    def _warn_of_floor(self) -> None:
        """Nothing is held above a minimum here: a variance may be zero, and its row then has no interval."""
