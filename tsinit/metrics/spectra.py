"""Measures of spectra: functions of transition matrices.

Every function takes one matrix or a stack of matrices, (..., n, n), and gives one value per matrix; what is no
finite square matrix is refused with a ``ValueError``. The eigenvalues of the transition matrix do not depend on the
basis of the state; its singular values, hence `svd_entropy` and `stable_rank`, and the condition of its eigenvectors
do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.metrics._checks import check_matrices

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import ComplexArray, FloatArray


def spectral_radius(A: npt.ArrayLike) -> float | FloatArray:
    """Largest modulus of an eigenvalue.

    Parameters
    ----------
    A : (..., n, n) float

    Returns
    -------
    (...) float
        Below 1 for a stable transition matrix.
    """
    return np.abs(np.linalg.eigvals(check_matrices(A))).max(axis=-1)


def eigenvalues(A: npt.ArrayLike) -> ComplexArray:
    """Eigenvalues in a fixed order: slowest decay first.

    Sorted by decreasing modulus; equal moduli by increasing angle from the positive real axis, and of a
    complex pair the one with positive imaginary part first.

    Parameters
    ----------
    A : (..., n, n) float

    Returns
    -------
    (..., n) complex
    """
    values = np.linalg.eigvals(check_matrices(A)).astype(complex)
    # Conjugates may differ in the last digit of their modulus: compare moduli to 12 digits.
    modulus = np.round(np.abs(values), 12)
    order = np.lexsort((-values.imag, np.round(np.abs(np.angle(values)), 12), -modulus), axis=-1)
    return np.take_along_axis(values, order, axis=-1)


def svd_entropy(A: npt.ArrayLike, power: float = 1) -> float | FloatArray:
    """Normalised entropy of the singular values, between 0 (rank one) and 1 (all equal).

    H = -(sum_k p_k log p_k) / log n with p_k = s_k**power / sum_j s_j**power.

    Li, Cornford, Ghosh and Richards, "Learning better with Dale's law: a spectral perspective" (NeurIPS
    2023), propose the normalised SVD entropy as a measure of how pathological a spectrum is. Only the
    abstract was open to us, so ``power=1`` is our reading; ``power=2`` weights by the share of variance, as
    Alter, Brown and Botstein do (PNAS 97, 2000).

    Parameters
    ----------
    A : (..., n, n) float
    power : float, default 1
        Power of the singular values that serves as weight.

    Returns
    -------
    (...) float
        1 for n = 1 (one value is a flat spectrum), NaN for a matrix of zeros, which has no spectrum.
    """
    singular = np.linalg.svd(check_matrices(A), compute_uv=False)
    n = singular.shape[-1]
    largest = singular.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = (singular / largest) ** power  # 0 / 0 for a matrix of zeros
        p = weights / weights.sum(axis=-1, keepdims=True)
        entropy = -np.where(p > 0, p * np.log(p), p).sum(axis=-1)
    return entropy / np.log(n) if n > 1 else np.where(np.isnan(entropy), np.nan, 1.0)[()]


def stable_rank(A: npt.ArrayLike) -> float | FloatArray:
    """Squared Frobenius norm over squared spectral norm: a rank that ignores small singular values.

    Parameters
    ----------
    A : (..., n, n) float

    Returns
    -------
    (...) float
        Between 1 and the rank; 0 for a matrix of zeros.
    """
    squares = np.linalg.svd(check_matrices(A), compute_uv=False) ** 2
    largest = squares.max(axis=-1)
    return squares.sum(axis=-1) / np.where(largest > 0, largest, 1.0)


def eigenvector_condition(A: npt.ArrayLike) -> float | FloatArray:
    """Condition number of the matrix of unit eigenvectors.

    1 for a normal matrix; large where eigenvalues are close to merging, so that they react strongly to
    small changes of A (Bauer-Fike); inf or of the order of 1e16 for a matrix without a full set.

    Parameters
    ----------
    A : (..., n, n) float

    Returns
    -------
    (...) float
    """
    return np.linalg.cond(np.linalg.eig(check_matrices(A)).eigenvectors)
