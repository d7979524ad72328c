"""Projects a strategy's start onto a structure: dynamics and share of noise are its own, the rest a short search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels import LinearGaussianParams
from tsinit.models.state_space.free_entries import FreeEntries
from tsinit.models.state_space.structured import StructuredFit
from tsinit.models.state_space.structured_poles import dynamics_of, shorter_memories
from tsinit.models.state_space.variance_search import differences, search_each, search_state_noise

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman
    from tsinit.structures import Structure


def structured_start(
    structure: Structure, start: LinearGaussianParams, kalman: Kalman
) -> LinearGaussianParams:
    """Project a start onto a structure.

    Parameters
    ----------
    structure : Structure
    start : LinearGaussianParams
        What a strategy gave, of :func:`states_asked_for` states, in the units of the data.
    kalman : Kalman
        The data.

    Returns
    -------
    LinearGaussianParams
    """
    y, u = kalman.y, kalman.u
    entries = FreeEntries(structure, 0 if u is None else u.shape[1])
    fit = StructuredFit(kalman, entries)
    d, D = np.nanmean(y, axis=0), None
    if u is not None:
        D, level = constant_effects(y, u)
        if structure.n_varying:  # how much noise there is shows beside what all inputs explain
            y = y - u @ D.T - level
            D[:, : structure.n_varying] = 0.0
    variance, size = differences(y)
    share = np.clip(np.diag(start.R) / variance, 0.01, 0.9)
    n = structure.n_states
    A, C = dynamics_of(structure, start)
    B = None
    if "B" in entries.templates:
        B = np.zeros(entries.templates["B"].fixed.shape)
        if start.B is not None and start.B.shape == B.shape and not structure.poles:
            B = start.B
    R = np.diag(share * np.minimum(variance, size))
    base = LinearGaussianParams(A, C, np.eye(n), R, np.zeros(n), np.eye(n), d, B, D)
    begins = [
        entries.vector(base._replace(A=A))
        for A in shorter_memories(structure, _stable(entries, base))
    ]
    x = search_state_noise(fit, begins, size.mean(), _seen_through(structure, u))
    found = entries.params(search_each(fit, x))
    assert found is not None  # the search stays where `base` is
    return found


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


def _seen_through(structure: Structure, u: FloatArray | None) -> FloatArray:
    """Mean squares (n,) of what each state is seen through, if it is an input; else 1."""
    squares = np.ones(structure.n_states)
    if structure.C_inputs is not None and u is not None:
        for j, column in enumerate(structure.C_inputs.max(axis=0)):
            if column >= 0:
                squares[j] = np.mean(u[:, column] ** 2) or 1.0
    return squares


def _stable(entries: FreeEntries, base: LinearGaussianParams) -> FloatArray:
    """Shrink free entries of A until the states are stationary that have to be."""
    A = base.A
    while True:
        found = entries.params(entries.vector(base._replace(A=A)))
        if found is not None:
            return found.A
        if np.abs(A).max() < 1e-12:
            raise ValueError(
                "structure.A must let states be stationary that are not diffuse; got fixed entries that do not. "
                "Declare these states diffuse."
            )
        A = 0.9 * A
