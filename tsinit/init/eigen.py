"""Random dynamics with a chosen distribution of eigenvalues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._spectrum import draw_orthogonal, from_eigenvalues
from tsinit._validate import check_choice, check_flag, check_number
from tsinit.init._assemble import calibrate
from tsinit.init._scaling import standardise, unscale
from tsinit.init._windows import longest

if TYPE_CHECKING:
    from tsinit._typing import ComplexArray, FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams


class EigenInit(BaseEstimator):
    """Start from a random A whose eigenvalues are exactly those drawn.

    Eigenvalues come as conjugate pairs, each a real 2 x 2 block that rotates and scales, with one real
    eigenvalue more if n is odd; a random orthogonal change of coordinates spreads them over all entries
    without touching the spectrum or its conditioning. C is standard normal, Q = q I and R = r I are
    calibrated to the variance of the data.

    ===================  =======================================================================
    distribution         modulus and angle of the complex pairs
    ===================  =======================================================================
    ``disc``             uniform on the unit disc: modulus sqrt(U(0, 1)), uniform angle
    ``annulus``          uniform on the ring between the radii r_lo and r_hi
    ``unit_perturb``     modulus U(1 - std / 1000, 1 + std / 1000), uniform angle
    ``box``              real and imaginary part U(-std, std)
    ``double_gaussian``  real and imaginary part each from N(-1, std) or N(1, std), evenly mixed
    ``time_constants``   modulus exp(-1 / tau), log tau uniform between tau = 1 and half the
                         longest sequence, uniform angle
    ===================  =======================================================================

    The real eigenvalue has the same distribution of the modulus and a random sign (``time_constants``: positive;
    ``box`` and ``double_gaussian``: the distribution of the real part). Moduli are cut at r_max, which keeps the
    angle.

    Of the data only the mean and the variance of the observed values of each column are used, so gaps play no
    part.

    Parameters
    ----------
    distribution : str, default "disc"
        One of the above.
    r_lo, r_hi : float, default 0.8 and 0.98
        Radii of the annulus.
    std : float, default 1.0
        Spread of ``unit_perturb``, ``box`` and ``double_gaussian``.
    r_max : float, default 0.999
        Largest modulus, below 1.
    rotate : bool, default True
        Change coordinates by a random orthogonal matrix; False leaves the blocks.
    snr : float, default 10
        Variance of C x over variance of the observation noise.

    References
    ----------
    Miller, O'Neill, Constantinou and Azencot (2022), "Eigenvalue initialisation and regularisation for
    Koopman autoencoders", arXiv:2212.12086. Their code takes the real part of a matrix with eigenvalues
    that are not closed under conjugation, so its spectrum is another one; their ``doubleGaussian`` adds the
    two normal variables instead of mixing them.
    """

    def __init__(
        self,
        distribution: str = "disc",
        r_lo: float = 0.8,
        r_hi: float = 0.98,
        std: float = 1.0,
        r_max: float = 0.999,
        rotate: bool = True,
        snr: float = 10.0,
    ) -> None:
        self.distribution = distribution
        self.r_lo = r_lo
        self.r_hi = r_hi
        self.std = std
        self.r_max = r_max
        self.rotate = rotate
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
            Draws the eigenvalues, the coordinates and C.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; the longest bounds the time constants.

        Returns
        -------
        LinearGaussianParams
            In the units of y.

        Raises
        ------
        ValueError
            If a parameter of the strategy is not allowed.
        """
        check_number("snr", self.snr, 1e-6)
        z, loc, scale = standardise(y)
        pairs, real = self.eigenvalues(rng, n_states, longest(len(z), offsets))
        A = from_eigenvalues(pairs.conj(), real)
        if self.rotate:
            basis = draw_orthogonal(rng, n_states)
            A = basis @ A @ basis.T
        C = rng.standard_normal((z.shape[1], n_states))
        return unscale(calibrate(A, C, self.snr), loc, scale)

    def eigenvalues(
        self, rng: np.random.Generator, n_states: int, length: int
    ) -> tuple[ComplexArray, FloatArray]:
        """Draw a spectrum.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws it.
        n_states : int
            How many eigenvalues in all.
        length : int
            Steps of the longest sequence, for ``time_constants``.

        Returns
        -------
        pairs : (n_states // 2,) complex
            One of each conjugate pair.
        real : (n_states % 2,) float
            The real eigenvalue, if n_states is odd.

        Raises
        ------
        ValueError
            If the distribution is not one of those above, or a parameter of one is not allowed.
        """
        check_choice("distribution", self.distribution, [*_MODULI, *_PARTS])
        check_number("r_max", self.r_max, 0.0, below=1.0)
        check_number("std", self.std, 0.0)
        check_number("r_lo", self.r_lo, 0.0)
        check_number("r_hi", self.r_hi, self.r_lo)
        check_flag("rotate", self.rotate)
        n_pairs, n_real = divmod(n_states, 2)
        if self.distribution in _PARTS:
            part = _PARTS[self.distribution]
            pairs = part(self, rng, n_pairs) + 1j * part(self, rng, n_pairs)
            real = part(self, rng, n_real)
        else:
            modulus = _MODULI[self.distribution]
            pairs = modulus(self, rng, n_pairs, length) * np.exp(
                1j * rng.uniform(0.0, np.pi, n_pairs)
            )
            real = modulus(self, rng, n_real, length)
            if self.distribution != "time_constants":
                real = real * rng.choice([-1.0, 1.0], n_real)
        return _cut(pairs, self.r_max), _cut(real, self.r_max)


def _disc(spec: EigenInit, rng: np.random.Generator, size: int, length: int) -> FloatArray:
    return np.sqrt(rng.random(size))


def _annulus(spec: EigenInit, rng: np.random.Generator, size: int, length: int) -> FloatArray:
    return np.sqrt(rng.uniform(spec.r_lo**2, spec.r_hi**2, size))


def _unit_perturb(spec: EigenInit, rng: np.random.Generator, size: int, length: int) -> FloatArray:
    return rng.uniform(1.0 - 1e-3 * spec.std, 1.0 + 1e-3 * spec.std, size)


def _time_constants(
    spec: EigenInit, rng: np.random.Generator, size: int, length: int
) -> FloatArray:
    return np.exp(-np.exp(-rng.uniform(0.0, np.log(max(length / 2, 1.0)), size)))


def _box(spec: EigenInit, rng: np.random.Generator, size: int) -> FloatArray:
    return rng.uniform(-spec.std, spec.std, size)


def _double_gaussian(spec: EigenInit, rng: np.random.Generator, size: int) -> FloatArray:
    return rng.choice([-1.0, 1.0], size) + spec.std * rng.standard_normal(size)


_MODULI = {
    "disc": _disc,
    "annulus": _annulus,
    "unit_perturb": _unit_perturb,
    "time_constants": _time_constants,
}
_PARTS = {"box": _box, "double_gaussian": _double_gaussian}


def _cut(values: np.ndarray, r_max: float) -> np.ndarray:
    """Bring moduli above r_max to r_max and keep the angles."""
    size = np.abs(values)
    return np.where(size > r_max, values * (r_max / np.maximum(size, r_max)), values)
