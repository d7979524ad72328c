"""Pull unstable eigenvalues inside the unit circle and keep their angles."""

import numpy as np
from scipy import linalg

_MAX_CONDITION = 1e8


def stabilise(A, max_radius=0.999):
    """Give A a spectral radius of at most ``max_radius``.

    An eigenvalue outside the unit circle is reflected to 1 / |lambda|, then every modulus is cut at
    ``max_radius``. Angles, that is frequencies, stay. Where the eigenvectors are too ill-conditioned for that
    (close to a Jordan block) the same is done on the diagonal blocks of the real Schur form, whose vectors
    are orthonormal; a pair of complex eigenvalues shares one 2 x 2 block.

    Parameters
    ----------
    A : (n, n) float
        State transition.
    max_radius : float
        Largest modulus allowed, below 1.

    Returns
    -------
    (n, n) float
        A itself where it was stable enough.
    """
    values, vectors = np.linalg.eig(A)
    if np.abs(values).max(initial=0.0) <= max_radius:
        return A
    if np.linalg.cond(vectors) < _MAX_CONDITION:
        moved = values * _shrink(np.abs(values), max_radius)
        stable = np.linalg.solve(vectors.T, (vectors * moved).T).T.real
        if np.abs(np.linalg.eigvals(stable)).max() <= max_radius + 1e-6:
            return stable
    return _stabilise_schur(A, max_radius)


def _shrink(modulus, max_radius):
    """Factor that brings a modulus inside: reflect what is outside the circle, then cut."""
    modulus = np.maximum(modulus, np.finfo(float).tiny)
    inside = np.where(modulus > 1.0, 1.0 / modulus, modulus)
    return np.minimum(inside, max_radius) / modulus


def _stabilise_schur(A, max_radius):
    triangle, basis = linalg.schur(A)
    n, k = len(A), 0
    while k < n:
        size = 2 if k + 1 < n and triangle[k + 1, k] != 0.0 else 1
        block = slice(k, k + size)
        modulus = np.abs(np.linalg.eigvals(triangle[block, block])).max()
        triangle[block, block] *= _shrink(modulus, max_radius)
        k += size
    return basis @ triangle @ basis.T
