"""Fits of models with a structure: quasi-Newton steps on the exact likelihood, in the entries that are free.

Everything is in the units of the data, so that a fixed entry stays what it is to the bit. Variances move by their
roots, which may reach zero. Gradients are those of the moments of one E-step, and central differences in entries whose
noise is too small for that.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.kernels import LinearGaussianParams, solve_lyapunov
from tsinit.kernels.state_space.kalman_filter import KalmanResult
from tsinit.metrics import spectral_radius
from tsinit.models.state_space.em import EMResult, EStepBudget
from tsinit.models.state_space.m_step import EMState, RegressionData
from tsinit.models.state_space.quasi_newton import ascend
from tsinit.models.state_space.structured_score import structured_score

if TYPE_CHECKING:
    from collections.abc import Generator

    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman
    from tsinit.structures import Structure

_STEP = 1e-4  # of central differences, in units of the entry
_FIRST_STEP = 1e-3  # of the second differences that give these units
_MAX_RADIUS = 0.99999  # of states that begin in their stationary distribution
_GRID = 10.0 ** np.arange(-4, 1.5)  # of state noise, relative to that of differences of the data
_FEW, _COARSE = 3, (1e-3, 3e-2, 1.0)  # up to so many are tried apart, at these
_FEW_DIFFUSE = 8  # where a likelihood costs little
_SHORT = 12  # steps of the short climbs that then decide
_FACTORS = (0.01, 0.1, 10.0)  # by which each variance is tried then
_DAMPING = 0.9  # of cycles and autoregressions of which a start has no pole
_POLE = 0.97  # largest modulus of a pole in a start


class FreeEntries:
    """The free entries of a structure as a vector, and back.

    Parameters
    ----------
    structure : Structure
    n_inputs : int
        Columns of the inputs that act on the observations.
    """

    def __init__(self, structure: Structure, n_inputs: int) -> None:
        self.structure, self.n_inputs = structure, n_inputs
        #: Of the inputs: those that are entries of C come first, and have no effects beside.
        self.n_effects = max(n_inputs - structure.n_varying, 0)
        t = structure.templates
        sizes = [t[name].size for name in ("A", "C", "d")] + [structure.n_columns * self.n_effects]
        sizes += [t["Q"].size, t["R"].size]
        self.size = sum(sizes)
        self._cuts = np.cumsum(sizes)[:-1]
        self.n_variances = sizes[4] + sizes[5]

    def vector(self, params: LinearGaussianParams) -> FloatArray:
        """Return the entries (size,) of parameters, roots of variances last."""
        t = self.structure.templates
        d: Any = params.d
        parts = [t["A"].read(params.A), t["C"].read(params.C), t["d"].read(d)]
        parts.append(self._effects(params.D))
        parts += [np.sqrt(t[name].read(getattr(params, name))) for name in ("Q", "R")]
        return np.concatenate(parts)

    def _effects(self, D: FloatArray | None) -> FloatArray:
        return np.zeros(0) if D is None else D[:, self.n_inputs - self.n_effects :].ravel()

    def chain(self, x: FloatArray, slope: LinearGaussianParams) -> FloatArray:
        """Turn derivatives by all entries into those by free ones, where they are x."""
        t = self.structure.templates
        parts = [t[name].pull(np.asarray(getattr(slope, name))) for name in ("A", "C", "d")]
        parts.append(self._effects(slope.D))
        *_, q, r = np.split(x, self._cuts)
        parts += [2.0 * q * t["Q"].pull(slope.Q), 2.0 * r * t["R"].pull(slope.R)]
        return np.concatenate(parts)

    def params(self, x: FloatArray) -> LinearGaussianParams | None:
        """Return the parameters; None where states would not be stationary that have to be."""
        s, t = self.structure, self.structure.templates
        A, C, d, D, q, r = np.split(x, self._cuts)
        A, Q = t["A"].fill(A), t["Q"].fill(q**2)
        n, still = s.n_states, ~s.diffuse
        P0 = np.zeros((n, n))
        P0[s.diffuse, s.diffuse] = np.inf
        if still.any():
            both = np.ix_(still, still)
            block = np.ascontiguousarray(A[both])
            if not np.isfinite(block).all() or spectral_radius(block) >= _MAX_RADIUS:
                return None
            P0[both] = solve_lyapunov(block, np.ascontiguousarray(Q[both]))
        effects = None
        if self.n_inputs:
            effects = np.zeros((s.n_columns, self.n_inputs))
            effects[:, self.n_inputs - self.n_effects :] = D.reshape(s.n_columns, self.n_effects)
        return LinearGaussianParams(
            A,
            t["C"].fill(C),
            Q,
            t["R"].fill(r**2),
            np.zeros(n),
            P0,
            t["d"].fill(d),
            None,
            effects,
            s.C_inputs,
        )


class Chart:
    """Coordinates u around a point, in units in which each entry alone has curvature one."""

    def __init__(self, fit: StructuredFit, state: EMState) -> None:
        self._entries = fit.entries
        self.origin = fit.entries.vector(state.params)
        self.size = len(self.origin)
        scale = np.maximum(
            np.abs(self.origin), 1e-3 * max(np.abs(self.origin).max(initial=0.0), 1e-300)
        )
        # A root near zero moves as far as the largest one tells.
        curvature = np.empty(self.size)
        for i in range(self.size):
            step = np.zeros(self.size)
            step[i] = _FIRST_STEP * scale[i]
            ends = [fit.value(self.origin + sign * step) for sign in (-1.0, 1.0)]
            bend = -(ends[0] - 2.0 * state.objective + ends[1]) / step[i] ** 2
            curvature[i] = abs(bend) if np.isfinite(bend) else np.inf
        unit = 1.0 / np.sqrt(np.maximum(curvature, 1e-300))
        self.unit = np.clip(unit, 1e-3 * scale, scale)

    def params(self, u: FloatArray) -> LinearGaussianParams | None:
        """Return the parameters at u, or None."""
        return self._entries.params(self.origin + self.unit * u)


class StructuredFit:
    """Quasi-Newton steps over one set of sequences, under a structure.

    Parameters
    ----------
    kalman : Kalman
        The sequences, in the units of the data.
    entries : FreeEntries
    """

    def __init__(self, kalman: Kalman, entries: FreeEntries) -> None:
        self.kalman, self.entries = kalman, entries
        self._data = RegressionData(kalman)

    def evaluate(self, params: LinearGaussianParams) -> EMState:
        """Compute the likelihood."""
        value = self.kalman.log_likelihood(params)
        nothing = np.empty((0, 0))
        found = KalmanResult(nothing, None, value, np.nan, None, bool(np.isfinite(value)), False)
        return EMState(params, found, value)

    def value(self, x: FloatArray) -> float:
        """Log-likelihood of free entries."""
        params = self.entries.params(x)
        return -np.inf if params is None else self.kalman.log_likelihood(params)

    def climbed(self, x: FloatArray, n_steps: int) -> FloatArray:
        """Return where a few steps lead."""
        params = self.entries.params(x)
        if params is None or not np.isfinite((state := self.evaluate(params)).objective):
            return x
        steps = self.iterate(state, max_iter=n_steps, tol=1e-6, accelerate=True)
        next(steps)
        try:
            while True:
                steps.send(True)
        except StopIteration as end:
            return self.entries.vector(end.value.state.params)

    def chart(self, state: EMState) -> Chart:
        """Return coordinates around a state."""
        return Chart(self, state)

    def gradient(self, chart: Chart, u: FloatArray, state: EMState) -> FloatArray:
        """Differentiate at u: by the moments of an E-step, or by differences where these do not tell."""
        slope = structured_score(self.kalman, self._data, state.params, self.entries.structure)
        g = np.full(chart.size, np.nan)
        if slope is not None:
            g = chart.unit * self.entries.chain(chart.origin + chart.unit * u, slope)
        for i in np.flatnonzero(~np.isfinite(g)):  # on one side where the other is not stationary
            step = np.zeros(chart.size)
            step[i] = _STEP
            low, high = (
                self.value(chart.origin + chart.unit * (u + sign * step)) for sign in (-1.0, 1.0)
            )
            if np.isfinite(low) and np.isfinite(high):
                g[i] = (high - low) / (2.0 * _STEP)
            else:
                g[i] = (
                    (high - state.objective) if np.isfinite(high) else (state.objective - low)
                ) / _STEP
        return g

    def iterate(
        self, state: EMState, *, max_iter: int, tol: float, accelerate: bool
    ) -> Generator[EMState, bool, EMResult]:
        """Climb until less than `tol` nats per observed value are left by prediction; as `EM.iterate`."""
        budget = EStepBudget(max_iter)
        budget.going = yield state
        min_gain = tol * max(self.kalman.n_observed, 1)
        while not budget.spent and self.entries.size:
            done = yield from ascend(self, state, budget, min_gain)
            if done.converged or not done.n_steps:
                return EMResult(done.state, done.converged or tol > 0.0, None)
            state = done.state
        return EMResult(state, not self.entries.size, None)


def states_asked_for(structure: Structure) -> int:
    """How many states a strategy is asked for: as many as it is to give poles of, or all."""
    if structure.poles:
        return sum(part.stop - part.start for _, part in structure.poles)
    return (
        structure.n_states if structure.templates["A"].size or structure.templates["C"].size else 1
    )


def structured_start(
    structure: Structure, start: LinearGaussianParams, kalman: Kalman
) -> LinearGaussianParams:
    """Project a start onto a structure: poles, loadings and the share of noise are its own, the rest a short search.

    Poles of cycles and autoregressions are those of the start's A, factors have its loadings in the basis of the
    structure, other free entries its entries. Variances are a share of that of the data's differences, by likelihood.
    """
    n, D = structure.n_states, structure.n_columns
    t, y = structure.templates, kalman.y
    variance = np.nanvar(y, axis=0)
    variance = np.where(variance > 0.0, variance, 1.0)
    share = np.clip(np.diag(start.R) / variance, 0.01, 0.9)
    A, C = np.zeros((n, n)), np.zeros((D, n))
    if structure.poles:
        eigenvalues = np.linalg.eigvals(start.A)
        for kind, part in structure.poles:
            eigenvalues = _POLES[kind](A[part, part], eigenvalues)
            if kind == "factors":
                C[:, part] = _loadings(start, np.diag(A[part, part]))
    elif start.A.shape == A.shape:
        A, C = start.A.copy(), start.C.copy()
    d = np.nanmean(y, axis=0)
    effects = None
    u = kalman.u
    if u is not None:
        effects, level = constant_effects(y, u)
        if structure.n_varying:  # how much noise there is shows beside what all inputs explain
            y = y - u @ effects.T - level
            effects[:, : structure.n_varying] = 0.0
            variance = np.nanvar(y, axis=0)
            variance = np.where(variance > 0.0, variance, 1.0)
    entries = FreeEntries(structure, 0 if u is None else u.shape[1])
    fit = StructuredFit(kalman, entries)
    step = np.diff(y, axis=0)
    size = np.array([np.nanvar(column) if np.isfinite(column).any() else 0.0 for column in step.T])
    size = np.where(size > 0.0, size, variance)
    base = LinearGaussianParams(
        A,
        C,
        np.eye(n),
        np.diag(share * np.minimum(variance, size)),
        np.zeros(n),
        np.eye(n),
        d,
        None,
        effects,
    )
    while entries.params(entries.vector(base)) is None:
        base = base._replace(A=0.9 * base.A)
    x = entries.vector(base)
    n_q = t["Q"].size
    if n_q:
        place = slice(entries.size - entries.n_variances, entries.size - t["R"].size)
        shares = [np.full(n_q, share_of_step) for share_of_step in _GRID]
        weight = _weights(structure, u)
        if several := 1 < n_q <= _FEW and structure.diffuse.sum() <= _FEW_DIFFUSE:
            shares += map(np.array, itertools.product(_COARSE, repeat=n_q))
        best: dict[tuple[int, int], tuple[float, FloatArray]] = {}
        for i, begin in enumerate(_shorter_memories(x, entries, structure)):
            for share_of_step in shares:
                trial = begin.copy()
                trial[place] = np.sqrt(share_of_step * size.mean() / weight)
                # Likelihoods of several components have several maxima: one for each that takes most of the noise.
                key = (i, int(share_of_step.argmax())) if several else (0, 0)
                value = fit.value(trial)
                if key not in best or value > best[key][0]:
                    best[key] = value, trial
        found = [trial for _, trial in best.values()]
        if several:
            found = [fit.climbed(trial, _SHORT) for trial in found]
        x = max(found, key=fit.value)
    for i in range(entries.size - entries.n_variances, entries.size):
        trials = [x]
        for factor in _FACTORS:
            trial = x.copy()
            trial[i] *= np.sqrt(factor)
            trials.append(trial)
        x = max(trials, key=fit.value)
    found_params = entries.params(x)
    assert found_params is not None  # the search stays where `base` is
    return found_params


def constant_effects(y: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Regress columns (T, D), NaN where missing, on inputs (T, m): effects (D, m) and intercepts (D,)."""
    both, seen = np.column_stack([u, np.ones(len(u))]), ~np.isnan(y)
    fits = np.array(
        [
            np.linalg.lstsq(both[rows], column[rows], rcond=None)[0]
            for rows, column in zip(seen.T, y.T, strict=True)
        ]
    )
    return fits[:, :-1], fits[:, -1]


def _weights(structure: Structure, u: FloatArray | None) -> FloatArray:
    """Mean squares of what the states of each free state variance are seen through, if it is an input; else 1."""
    squares = np.ones(structure.n_states)
    if structure.C_inputs is not None and u is not None:
        for j, column in enumerate(structure.C_inputs.max(axis=0)):
            if column >= 0:
                squares[j] = np.mean(u[:, column] ** 2) or 1.0
    return structure.templates["Q"].read(np.diag(squares))


def _shorter_memories(
    x: FloatArray, entries: FreeEntries, structure: Structure
) -> list[FloatArray]:
    """Free entries, and the same with autoregressions whose poles are half as large."""
    params, moved = entries.params(x), [x]
    parts = [part for kind, part in structure.poles if kind == "ar"]
    if parts and params is not None:
        A = params.A.copy()
        for part in parts:
            A[part.start, part] *= 0.5 ** np.arange(1, part.stop - part.start + 1)
        moved.append(entries.vector(params._replace(A=A)))
    return moved


def _cycle_of(A: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """Fill the rotation of a cycle by a pair of eigenvalues; returns the others."""
    turning = eigenvalues[eigenvalues.imag > 0.0]
    pole = (
        turning[np.abs(turning).argmax()] if turning.size else _DAMPING * np.exp(2j * np.pi / 10.0)
    )
    near = np.isin(eigenvalues, [pole, pole.conj()])
    pole *= min(1.0, _POLE / abs(pole))
    A[:] = [[pole.real, pole.imag], [-pole.imag, pole.real]]
    return eigenvalues[~near]


def _autoregression_of(A: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """Fill the first row of a companion matrix whose poles are the largest eigenvalues; returns the others."""
    p = len(A)
    order = np.argsort(-np.abs(eigenvalues))
    chosen = list(eigenvalues[order[:p]])
    if p == 1:
        chosen = [complex(chosen[0].real) if chosen else complex(0.5)]
    chosen += [0.0] * (p - len(chosen))
    poles = np.array([z * min(1.0, _POLE / max(abs(z), 1e-300)) for z in chosen])
    A[0] = -np.poly(poles).real[1:]
    if spectral_radius(_companion(A)) >= _MAX_RADIUS:  # half of a complex pair
        A[0] = np.eye(1, p)[0] * 0.5
    return eigenvalues[order[p:]]


def _companion(A: FloatArray) -> FloatArray:
    full = np.eye(len(A), k=-1)
    full[0] = A[0]
    return full


def _factors_of(A: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """Fill the autoregressions of factors by the real parts of eigenvalues."""
    k = len(A)
    order = np.argsort(-np.abs(eigenvalues))
    A[np.diag_indices(k)] = np.clip(eigenvalues[order[:k]].real, -_POLE, _POLE)
    return eigenvalues[order[k:]]


def _loadings(start: LinearGaussianParams, a: FloatArray) -> FloatArray:
    """Loadings of a start on as many factors, lower triangular, for factors whose noise has variance 1."""
    k = len(a)
    w, U = np.linalg.eigh(start.P0 if len(start.P0) else np.eye(k))
    C = start.C @ (U * np.sqrt(np.maximum(w, 0.0)))[:, ::-1][:, :k]
    lower = np.linalg.qr(C[:k].T, mode="complete")[0]
    return C @ lower * np.sqrt(1.0 - a**2)


_POLES = {"cycle": _cycle_of, "ar": _autoregression_of, "factors": _factors_of}
