"""Spread the guess of another strategy."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_number, check_params
from tsinit.init._assemble import assemble, covariance_root
from tsinit.init._registry import resolve


class Perturb(BaseEstimator):
    """Start near another start: chains that begin apart, or a warm start with some air.

    To every entry of A a normal number is added with standard deviation `scale` times ||A|| / n, the root
    mean square of its entries. In Q and R the Cholesky factor L becomes L (exp(scale D) + scale N) with D
    diagonal and N strictly lower triangular, both standard normal, so log-diagonals move by `scale` and the
    result stays positive definite; a diagonal covariance stays diagonal. A is pulled back inside the unit
    circle where it left it, and P0 is the stationary covariance of the new A and Q. C, d and m0 stay. With
    scale 0 the inner start comes back untouched.

    Gaps and sequences are the business of the inner strategy.

    Parameters
    ----------
    inner : str, strategy, function or LinearGaussianParams
        What to start near, anything that ``init`` may be. Its parameters are reached as ``inner__...``.
    scale : float, default 0.1
        Size of the perturbation, relative to what is perturbed.
    """

    def __init__(self, inner, scale=0.1):
        self.inner = inner
        self.scale = scale

    def dynamics(self, y, rng, n_states, offsets=None, trial=None):
        """Guess the parameters of a state-space model.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Serves the inner strategy first, then the perturbation.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable, optional
            Handed on to the inner strategy.

        Returns
        -------
        LinearGaussianParams
            In the units of y.

        Raises
        ------
        ValueError
            If `scale` is negative, no strategy has the name `inner`, or the inner start does not fit the data
            or is not a sound model.
        TypeError
            If `inner` is none of the things it may be, or does not offer ``dynamics``.
        """
        check_number("scale", self.scale, 0.0)
        inner = resolve(self.inner, "dynamics", "inner")
        start = check_params(inner.start(y, rng, n_states, offsets, trial), n_states, y.shape[1], "inner")
        if self.scale == 0.0:
            return start
        spread = self.scale * np.linalg.norm(start.A) / n_states
        A = start.A + spread * rng.standard_normal(start.A.shape)
        Q, R = (_spread_covariance(S, self.scale, rng) for S in (start.Q, start.R))
        return assemble(A, start.C, Q, R, start.d)._replace(m0=start.m0)


def _spread_covariance(S, scale, rng):
    """Move the log-Cholesky factor of S, in coordinates where S is the identity: units cannot matter."""
    n = len(S)
    factor = np.diag(np.exp(scale * rng.standard_normal(n)))
    below = scale * np.tril(rng.standard_normal((n, n)), -1)
    if np.count_nonzero(S) > np.count_nonzero(np.diag(S)):
        factor += below
    root = covariance_root(S) @ factor
    return root @ root.T
