"""What a strategy's start says of a structure: poles of its parts, loadings of factors, or entries as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.metrics import spectral_radius
from tsinit.models.state_space.free_entries import MAX_RADIUS

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams
    from tsinit.structures import Structure

_DAMPING = 0.9  # of cycles and autoregressions of which a start has no pole
_POLE = 0.97  # largest modulus of a pole in a start


def states_asked_for(structure: Structure) -> int:
    """How many states a strategy is asked for: as many as it is to give poles of, or all."""
    if structure.poles:
        return sum(part.stop - part.start for _, part in structure.poles)
    return (
        structure.n_states if structure.templates["A"].size or structure.templates["C"].size else 1
    )


def dynamics_of(structure: Structure, start: LinearGaussianParams) -> tuple[FloatArray, FloatArray]:
    """Read A and C of a structure off a start; what the structure fixes is of no account.

    Cycles take the largest complex pole that is left, autoregressions and factors the largest of all, and factors the
    loadings in the basis of the structure. A structure without these parts takes entries as they are.
    """
    A = np.zeros((structure.n_states, structure.n_states))
    C = np.zeros((structure.n_columns, structure.n_states))
    if structure.poles:
        eigenvalues = np.linalg.eigvals(start.A)
        for kind, part in structure.poles:
            eigenvalues = _POLES[kind](A[part, part], eigenvalues)
            if kind == "factors":
                C[:, part] = _loadings(start, np.diag(A[part, part]))
    elif start.A.shape == A.shape:
        A, C = start.A.copy(), start.C.copy()
    return A, C


def start_note(structure: Structure, start: LinearGaussianParams) -> str:
    """Say in a sentence what became of a strategy's start under a structure.

    Parameters
    ----------
    structure : Structure
    start : LinearGaussianParams
        Under the structure.

    Returns
    -------
    str
    """
    said = []
    for kind, part in structure.poles:
        poles = np.linalg.eigvals(start.A[part, part])
        largest = poles[np.abs(poles).argmax()]
        if kind == "cycle":
            period = 2.0 * np.pi / max(abs(np.angle(largest)), 1e-12)
            said.append(f"a cycle a pole of modulus {abs(largest):.2g} and period {period:.3g}")
        elif kind == "ar":
            said.append(f"an autoregression poles up to a modulus of {abs(largest):.2g}")
        else:
            values = ", ".join(f"{pole.real:.2g}" for pole in poles)
            said.append(f"factors autoregressions {values} and its loadings")
    t = structure.templates
    if not said and (t["A"].size or t["C"].size):
        said.append("free entries of A and C its own")
    given = f"The strategy gave {' and '.join(said)}" if said else "The strategy gave no dynamics"
    shares = " and the share of observation noise" if t["R"].size else ""
    searched = "; state noise comes from a search by likelihood" if t["Q"].size else ""
    return f"{given}{shares}{searched}."


def shorter_memories(structure: Structure, A: FloatArray) -> list[FloatArray]:
    """Return A, and the same with autoregressions whose poles are half as large."""
    parts, moved = [part for kind, part in structure.poles if kind == "ar"], [A]
    if parts:
        A = A.copy()
        for part in parts:
            A[part.start, part] *= 0.5 ** np.arange(1, part.stop - part.start + 1)
        moved.append(A)
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
    if spectral_radius(_companion(A)) >= MAX_RADIUS:  # half of a complex pair
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
