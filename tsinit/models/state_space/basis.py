"""A basis of the states that is the same whatever basis they came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.models.state_space.coordinates import predicted_covariance
from tsinit.models.state_space.regression import symmetric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsinit.kernels.params import LinearGaussianParams

_PRECISE = 1e-9  # of the covariance of predictions


def in_own_basis(params: LinearGaussianParams) -> LinearGaussianParams:
    """Return the same model in the basis where predicted states are uncorrelated, of variance one, and told apart.

    They are ordered by what the next observations say of them: the eigenvalues of sum_k (A^k)' C' R^-1 C A^k, over as
    many steps as there are states. The largest loading of each is positive.

    Parameters
    ----------
    params : LinearGaussianParams

    Raises
    ------
    numpy.linalg.LinAlgError
        A covariance is singular.
    """
    L = np.linalg.cholesky(predicted_covariance(params, _PRECISE))
    params = moved(params, np.linalg.inv(L), L)
    rows, said = params.C, np.zeros_like(params.A)
    for _ in range(len(params.A)):
        said += rows.T @ np.linalg.solve(params.R, rows)
        rows = rows @ params.A
    U = np.linalg.eigh(symmetric(said))[1][:, ::-1]
    C = params.C @ U
    largest = C[np.abs(C).argmax(axis=0), np.arange(C.shape[1])]
    U *= np.where(largest < 0.0, -1.0, 1.0)
    return moved(params, U.T, U)


def moved(
    params: LinearGaussianParams, there: NDArray[np.floating], back: NDArray[np.floating]
) -> LinearGaussianParams:
    """Return the same model of the states `there @ x`, where `back` is the inverse."""
    return params._replace(
        A=np.ascontiguousarray(there @ params.A @ back),
        C=np.ascontiguousarray(params.C @ back),
        Q=symmetric(there @ params.Q @ there.T),
        m0=there @ params.m0,
        P0=symmetric(there @ params.P0 @ there.T),
        B=None if params.B is None else there @ params.B,
    )
