"""What the expected log density says of a regression: its optimum, its curvature and its gradient anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv

if TYPE_CHECKING:
    from tsinit._typing import FloatArray


class Regression(NamedTuple):
    """Expected log density of a regression with coefficients B and noise V, up to a constant, log prior included.

    It is ``-(weight log det V + tr(V^-1 scatter(B))) / 2``, and the scatter is a quadratic in B that is kept by its
    minimum: nothing cancels where noise is small.
    """

    B: np.ndarray  # (p, q) coefficients of least scatter
    G: list  # (q, q) second moments of the regressors: one for all rows of B, or one for each
    scatter: np.ndarray  # (p, p) at B; (p,) where every row is a regression of its own
    weight: Any  # number of terms: a float, or (p,) by row

    def pull(self, B: FloatArray) -> FloatArray:
        """Return minus half the gradient of the scatter, by rows: (p, q), zero at the optimum."""
        if len(self.G) == 1:
            return (self.B - B) @ self.G[0]
        return np.array([row @ g for row, g in zip(self.B - B, self.G, strict=True)])

    def gradient(self, B: FloatArray, V: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives with respect to B (p, q) and to V (p, p), the latter symmetric."""
        pull = self.pull(B)
        if self.scatter.ndim == 1:
            v = np.diag(V)
            scatter = self.scatter + ((self.B - B) * pull).sum(axis=1)
            return pull / v[:, None], np.diag(0.5 * (scatter / v - self.weight) / v)
        inverse = np.linalg.inv(V)
        scatter = self.scatter + pull @ (self.B - B).T
        slope = 0.5 * (inverse @ scatter @ inverse - self.weight * inverse)
        return inverse @ pull, symmetric(slope)


def solve(G: FloatArray, h: FloatArray) -> Any:
    """Solve G b = h for a positive semi-definite G; a direction without information gets no weight."""
    _, b, info = dposv(G, h)
    return b if info == 0 else np.linalg.lstsq(G, h, rcond=1e-12)[0]


def padded(M: FloatArray, n_rows: int, n_columns: int) -> FloatArray:
    """Fill up a matrix with zeros: regressors that are known have no covariance."""
    if M.shape == (n_rows, n_columns):
        return M
    out = np.zeros((n_rows, n_columns))
    out[: M.shape[0], : M.shape[1]] = M
    return out


def symmetric(P: FloatArray) -> FloatArray:
    """Return P without what rounding adds to its symmetry."""
    return 0.5 * (P + P.T)
