"""States as factors of delay windows."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_choice, check_count_or_word
from tsinit.init._regress import delay_windows, learn_dynamics, principal
from tsinit.init._scaling import standardise, unscale
from tsinit.init._windows import take

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams

_CHUNK = 4096  # windows written out at a time, so that memory does not grow with the series
#: More would cost as much as the EM that follows, and ends where this does.
_MAX_ITER = 60


class FactorAnalysis(BaseEstimator):
    """Start from the factors of delay windows, then a first-order autoregression of the factors.

    Windows of consecutive observations are explained by n_states common factors; the factor scores are
    the state path, and ridge regressions on it give A and C, their residuals Q and R.

    Gaps are filled by linear interpolation within each sequence, and windows that are complete (or, if those
    are few, at least half observed) are preferred. No window crosses the start of a sequence.

    Parameters
    ----------
    n_delays : "auto" or int, default "auto"
        Observations in a window; "auto" is ceil(n_states / D) + 4.
    method : {"fa", "pca"}, default "fa"
        Maximum-likelihood factor analysis, or principal components, which give every entry of a window the
        same noise.

    References
    ----------
    Ghahramani and Hinton (1996), "Parameter estimation for linear dynamical systems", start EM from factor
    analysis; here the factors are those of delay windows, so that there can be more states than outputs.
    """

    def __init__(self, n_delays: int | str = "auto", method: str = "fa") -> None:
        self.n_delays = n_delays
        self.method = method

    def dynamics(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int,
        offsets: IntArray | None = None,
    ) -> LinearGaussianParams:
        """Guess the parameters of a state-space model.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Used only where the windows carry fewer states than asked for.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        LinearGaussianParams
            In the units of y.

        Raises
        ------
        ValueError
            If `n_delays` or `method` is not allowed.
        """
        wanted = check_count_or_word("n_delays", self.n_delays, 1, "auto")
        check_choice("method", self.method, ["fa", "pca"])
        z, loc, scale = standardise(y)
        full, n_delays, ends = delay_windows(z, offsets, wanted, n_states)
        cov = _window_covariance(full, ends, n_delays)
        k = min(n_states, cov.shape[0], max(len(ends) - 1, 0))
        weights = (principal if self.method == "pca" else _factors)(cov, k)
        return unscale(learn_dynamics(z, full, ends, weights, n_states, rng), loc, scale)


def _window_covariance(full: FloatArray, ends: IntArray, n_delays: int) -> FloatArray:
    """Covariance of the windows, summed over chunks."""
    p = n_delays * full.shape[1]
    total, square = np.zeros(p), np.zeros((p, p))
    for a in range(0, len(ends), _CHUNK):
        rows = take(full, ends[a : a + _CHUNK], n_delays)
        total += rows.sum(axis=0)
        square += rows.T @ rows
    M = max(len(ends), 1)
    return square / M - np.outer(total, total) / M**2


def _factors(cov: FloatArray, k: int) -> FloatArray:
    """Weights of the factor scores E[f | window] = (I + L Psi^-1 L')^-1 L Psi^-1 window."""
    from sklearn.decomposition import FactorAnalysis as Factors
    from sklearn.exceptions import ConvergenceWarning

    p = cov.shape[0]
    if k == 0:
        return np.zeros((p, 0))
    # The likelihood needs the windows only through their covariance, so 2 p made-up rows with that covariance
    # stand for all of them; the small ridge keeps a constant column from a noise of exactly zero.
    root = np.linalg.cholesky(cov + 1e-6 * np.eye(p)).T * np.sqrt(p)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = Factors(k, tol=1e-4 * p, max_iter=_MAX_ITER, svd_method="lapack").fit(
            np.vstack([root, -root])
        )
    loaded = model.components_ / model.noise_variance_
    return np.linalg.solve(np.eye(k) + loaded @ model.components_.T, loaded).T
