"""Spread the guess of another strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count, check_labels, check_number, check_params
from tsinit.init import _checks
from tsinit.init._assemble import assemble, covariance_root
from tsinit.init._fills import keep_observed
from tsinit.init._labels import compact
from tsinit.init._scaling import standardise
from tsinit.init.registry import resolve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray, Trial
    from tsinit.init.native import ParameterSpace
    from tsinit.kernels import LinearGaussianParams


class Perturb(BaseEstimator):
    """Start near another start: chains that begin apart, or a warm start with some noise.

    For `dynamics`, to every entry of A a normal number is added with standard deviation `scale` times ||A|| /
    n, the root mean square of its entries. In Q and R the Cholesky factor L becomes L (exp(scale D) + scale
    N) with D diagonal and N strictly lower triangular, both standard normal, so log-diagonals move by `scale`
    and the result stays positive definite; a diagonal covariance stays diagonal. A is pulled back inside the
    unit circle where it left it, and P0 is the stationary covariance of the new A and Q. C, d and m0 stay.
    With scale 0 the inner start comes back untouched.

    For `labels`, a share `scale` of the time steps, drawn at random, gets a new label, drawn uniformly from
    all (so that some keep theirs): 1 or more is a start like ``Uniform``.

    For `fill`, to every filled value a normal number is added with standard deviation `scale` times that of the
    observed values of its column.

    For `point`, to every parameter on the unconstrained scale a normal number is added with standard deviation `scale`
    times the size that its space says: ``Perturb("native", 0.5)`` spreads the starts of a library.

    Gaps and sequences are left to the inner strategy.

    Parameters
    ----------
    inner : str, strategy, function or ready start
        What to start near, anything that ``init`` may be. Its parameters are reached as ``inner__...``.
    scale : float, default 0.1
        Size of the perturbation, relative to what is perturbed; for labels, the share of time steps, from 1
        on all of them.
    """

    def __init__(self, inner: Any, scale: float = 0.1) -> None:
        self.inner = inner
        self.scale = scale

    def dynamics(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
    ) -> LinearGaussianParams:
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
            or is not a valid model.
        TypeError
            If `inner` is none of the things it may be, or does not offer ``dynamics``.
        """
        check_number("scale", self.scale, 0.0)
        inner = resolve(self.inner, "dynamics", "inner")
        start = check_params(
            inner.propose(y, rng, n_states, offsets, trial), n_states, y.shape[1], "inner"
        )
        if self.scale == 0.0:
            return start
        spread = self.scale * np.linalg.norm(start.A) / n_states
        A = start.A + spread * rng.standard_normal(start.A.shape)
        Q, R = (_spread_covariance(S, self.scale, rng) for S in (start.Q, start.R))
        return assemble(A, start.C, Q, R, start.d)._replace(m0=start.m0)

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
    ) -> IntArray:
        """Label every time step.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Serves the inner strategy first, then the perturbation.
        n_states : int, optional
            Number of states, for the inner strategy; new labels are drawn from this many, or from those of
            the inner start where it has more or n_states is not given.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable, optional
            Handed on to the inner strategy.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `scale` is negative, no strategy has the name `inner`, or the inner start is not one label for
            each time step.
        TypeError
            If `inner` is none of the things it may be, or does not offer ``labels``.
        """
        check_number("scale", self.scale, 0.0)
        minimum = 1 if n_states is None else check_count("n_states", n_states)
        inner = resolve(self.inner, "labels", "inner")
        labels = check_labels(inner.propose(y, rng, n_states, offsets, trial), len(y), "inner")
        K = max(minimum, int(labels.max()) + 1)
        changed = rng.permutation(len(labels))[: round(min(self.scale, 1.0) * len(labels))]
        labels[changed] = rng.integers(K, size=len(changed))
        return compact(labels)

    def fill(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
        times: FloatArray | None = None,
        period: ArrayLike | None = None,
    ) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Serves the inner strategy first, then the perturbation.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial, times, period : optional
            Handed on to the inner strategy.

        Returns
        -------
        (T, D) float
            Observed cells as they are.

        Raises
        ------
        ValueError
            If `scale` is negative, no strategy has the name `inner`, or the inner start is not a complete table
            of the shape of y.
        TypeError
            If `inner` is none of the things it may be, or does not offer ``fill``.
        """
        check_number("scale", self.scale, 0.0)
        inner = resolve(self.inner, "fill", "inner")
        filled = inner.propose(y, rng, offsets=offsets, trial=trial, times=times, period=period)
        filled = _checks.check_complete("inner", filled, y)
        z, _, deviation = standardise(y)
        varies = np.abs(np.nan_to_num(z)).max(axis=0, initial=0.0) > 0.0
        noise = self.scale * np.where(varies, deviation, 0.0) * rng.standard_normal(y.shape)
        return keep_observed(y, filled + noise)

    def point(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        space: ParameterSpace,
        trial: Trial | None = None,
    ) -> FloatArray:
        """Guess the parameters of a model of another library.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing, for the inner strategy.
        rng : numpy.random.Generator
            Serves the inner strategy first, then the perturbation.
        space : ParameterSpace
            Where the model begins by itself, and its unconstrained scale.
        trial : callable, optional
            Handed on to the inner strategy.

        Returns
        -------
        (p,) float

        Raises
        ------
        ValueError
            If `scale` is negative, no strategy has the name `inner`, or the inner start is not of the size of the
            space.
        TypeError
            If `inner` is none of the things it may be, or does not offer ``point``.
        """
        check_number("scale", self.scale, 0.0)
        inner = resolve(self.inner, "point", "inner")
        point = space.check(inner.propose(y, rng, trial=trial, space=space), "inner")
        if self.scale == 0.0:
            return point
        x = space.unconstrain(point)
        return space.constrain(x + self.scale * space.sizes(x) * rng.standard_normal(x.shape))


def _spread_covariance(S: FloatArray, scale: float, rng: np.random.Generator) -> FloatArray:
    """Move the log-Cholesky factor of S, in coordinates where S is the identity: units cannot matter."""
    n = len(S)
    factor = np.diag(np.exp(scale * rng.standard_normal(n)))
    below = scale * np.tril(rng.standard_normal((n, n)), -1)
    if np.count_nonzero(S) > np.count_nonzero(np.diag(S)):
        factor += below
    root = covariance_root(S) @ factor
    return root @ root.T
