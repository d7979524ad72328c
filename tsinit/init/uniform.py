"""Random entries, labels or values: the literature's default start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_number
from tsinit.init._assemble import calibrate
from tsinit.init._fills import keep_observed
from tsinit.init._labels import compact, wanted_states
from tsinit.init._scaling import standardise, unscale

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.init.native import ParameterSpace
    from tsinit.kernels import LinearGaussianParams


class Uniform(BaseEstimator):
    """Start from uniform random entries, scaled to the data, or from uniform random labels or values.

    For `dynamics` the entries of A are uniform on (-1, 1) / sqrt(n), then A is scaled to a spectral radius
    drawn uniformly from (0.8, 0.98). The entries of C are uniform on (-1, 1). Q = q I and R = r I are
    calibrated so that every output has the variance of the data; without that the first likelihood would
    measure only the scale.

    Of the data only the mean and the variance of the observed values of each column are used, so gaps and the
    starts of sequences play no part.

    For `labels` every time step, observed or not, gets one of the states, independently and with equal
    probability: the start that Van Gael et al. give the beam sampler. Nothing of the data is used.

    For `fill` every gap gets a value uniform between the smallest and the largest observed value of its column.

    For `point` every parameter is uniform around where the library begins, on the unconstrained scale.

    Parameters
    ----------
    snr : float, default 10
        Variance of C x over variance of the observation noise; without effect on labels and fills.

    References
    ----------
    Van Gael, Saatci, Teh and Ghahramani, "Beam sampling for the infinite hidden Markov model" (ICML 2008).
    """

    def __init__(self, snr: float = 10.0) -> None:
        self.snr = snr

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
            Draws A and C.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Not used.

        Returns
        -------
        LinearGaussianParams
            In the units of y.

        Raises
        ------
        ValueError
            If `snr` is not a finite number from 1e-6.
        """
        check_number("snr", self.snr, 1e-6)
        z, loc, scale = standardise(y)
        A = rng.uniform(-1.0, 1.0, (n_states, n_states)) / np.sqrt(n_states)
        radius = rng.uniform(0.8, 0.98)
        C = rng.uniform(-1.0, 1.0, (z.shape[1], n_states))
        # A nilpotent draw has probability zero; the guard only keeps the division honest.
        A *= radius / max(np.abs(np.linalg.eigvals(A)).max(), np.finfo(float).tiny)
        return unscale(calibrate(A, C, self.snr), loc, scale)

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Draw a label for every time step.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Draws the labels.
        n_states : int, optional
            Number of states; ``min(10, max(2, T // 50))`` if not given.
        offsets : (N + 1,) int, optional
            Not used.

        Returns
        -------
        (T,) int64
            Numbered without holes where a state was never drawn.

        Raises
        ------
        ValueError
            If `n_states` is no whole number from 1.
        """
        return compact(rng.integers(wanted_states(n_states, len(y)), size=len(y)))

    def fill(self, y: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Draws the values.

        Returns
        -------
        (T, D) float
            Observed cells as they are; a column never observed is 0.
        """
        observed = ~np.isnan(y)
        some = observed.any(axis=0)
        low = np.where(some, np.min(y, axis=0, where=observed, initial=np.inf), 0.0)
        high = np.where(some, np.max(y, axis=0, where=observed, initial=-np.inf), 0.0)
        return keep_observed(y, low + (high - low) * rng.random(y.shape))

    def point(self, space: ParameterSpace, rng: np.random.Generator) -> FloatArray:
        """Guess the parameters of a model of another library.

        Parameters
        ----------
        space : ParameterSpace
            Where the model begins by itself.
        rng : numpy.random.Generator
            Draws the values.

        Returns
        -------
        (p,) float
            On the unconstrained scale uniform in a box around the native start, three times the size of each parameter
            to either side.

        Raises
        ------
        None
        """
        x = space.native
        half_width = 3.0 * space.sizes(x)
        return space.constrain(x + half_width * rng.uniform(-1.0, 1.0, x.shape))
