"""Real matrices with a chosen spectrum: rotation-scale blocks, and the uniform distribution on rotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import block_diag

if TYPE_CHECKING:
    from tsinit._typing import FloatArray


def from_eigenvalues(pairs: np.ndarray, real: np.ndarray) -> FloatArray:
    """Build the block-diagonal real matrix with these eigenvalues.

    Parameters
    ----------
    pairs : (k,) complex
        One a + bi of each conjugate pair; its block is [[a, -b], [b, a]].
    real : (m,) float
        The real ones.

    Returns
    -------
    (2 k + m, 2 k + m) float
    """
    blocks = [[[pole.real, -pole.imag], [pole.imag, pole.real]] for pole in pairs]
    return block_diag(*blocks, *np.reshape(real, (-1, 1, 1)))


def draw_orthogonal(rng: np.random.Generator, n: int) -> FloatArray:
    """Draw from the uniform (Haar) distribution on orthogonal matrices, (n, n) (Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    # Without the signs the QR convention of LAPACK would favour some of them.
    return q * np.sign(np.diag(r))
