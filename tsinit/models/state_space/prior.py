"""Priors that turn maximum likelihood into maximum a posteriori for the linear Gaussian model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray


class NormalInverseWishart(NamedTuple):
    """Matrix-normal inverse-Wishart prior of a regression B with noise covariance V.

    B given V is matrix normal with mean M0, row covariance V and column precision Lam; V is inverse Wishart with
    scale Psi and nu degrees of freedom. A diagonal or spherical V has the same density restricted to such matrices.

    Parameters
    ----------
    M0 : (p, n) float
        Prior mean of B.
    Lam : (n, n) float
        Prior precision of B's columns, in units of the noise.
    Psi : (p, p) float
        Scale of V.
    nu : float
        Degrees of freedom.
    """

    M0: np.ndarray
    Lam: np.ndarray
    Psi: np.ndarray
    nu: float

    def beside_inputs(self, n_inputs: int) -> NormalInverseWishart:
        """Return the same prior of B's first columns, and a flat one of as many more."""
        p, n = self.M0.shape
        M0, Lam = np.zeros((p, n + n_inputs)), np.zeros((n + n_inputs, n + n_inputs))
        M0[:, :n], Lam[:n, :n] = self.M0, self.Lam
        return NormalInverseWishart(M0, Lam, self.Psi, self.nu - n_inputs)

    def exponent(self) -> float:
        """Return minus twice the power of det V in the density: pseudo-observations for V."""
        return self.nu + len(self.M0) + 1 + self.M0.shape[1]

    def scatter(self, B: FloatArray) -> FloatArray:
        """Return the (p, p) scatter that the prior adds to that of the data."""
        E = B - self.M0
        return self.Psi + E @ self.Lam @ E.T

    def log_density(self, B: FloatArray, V: FloatArray) -> float:
        """Return the log density at (B, V), up to a constant; -inf where V is singular."""
        sign, log_det = np.linalg.slogdet(V)
        if sign <= 0:
            return -np.inf
        return -0.5 * (self.exponent() * log_det + np.trace(np.linalg.solve(V, self.scatter(B))))


class LinearGaussianPrior(NamedTuple):
    """Priors of the transition (A, Q) and of the observation (C, R); None for a flat one.

    They live on the scale on which the model is fitted: every column of the data has mean 0 and variance 1. The
    observation mean has no prior.

    Parameters
    ----------
    transition : NormalInverseWishart or None
        Prior of A with Q.
    observation : NormalInverseWishart or None
        Prior of C with R.
    """

    transition: NormalInverseWishart | None = None
    observation: NormalInverseWishart | None = None

    def beside_inputs(self, n_on_states: int, n_on_outputs: int) -> LinearGaussianPrior:
        """Return the same priors where inputs act too; their effects have flat ones."""
        transition, observation = self.transition, self.observation
        if transition is not None and n_on_states:
            transition = transition.beside_inputs(n_on_states)
        if observation is not None and n_on_outputs:
            observation = observation.beside_inputs(n_on_outputs)
        return LinearGaussianPrior(transition, observation)


def weak_prior(S_00: FloatArray, n_observed: int, n_features: int) -> LinearGaussianPrior:
    """Return a prior that counts as about one observation in a million, only there to keep covariances from collapsing.

    Parameters
    ----------
    S_00 : (n, n) float
        Sum of second moments of the states under the start: it sets the scale of the states.
    n_observed : int
        Steps that the sum runs over.
    n_features : int
        Observed columns.
    """
    n = len(S_00)
    scale = max(np.trace(S_00) / n, np.finfo(float).tiny)
    precision = 1e-6 * scale * np.eye(n)
    per_step = np.maximum(np.diag(S_00) / max(n_observed, 1), 1e-6 * scale / max(n_observed, 1))
    return LinearGaussianPrior(
        NormalInverseWishart(np.zeros((n, n)), precision, 1e-6 * np.diag(per_step), n + 2.0),
        NormalInverseWishart(
            np.zeros((n_features, n)), precision, 1e-6 * np.eye(n_features), n_features + 2.0
        ),
    )
