"""Linear prediction: the conventional start for speech, and its vector form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import block_diag
from sklearn.base import BaseEstimator

from tsinit._validate import check_number
from tsinit.init._assemble import assemble, nearest_psd
from tsinit.init._regress import principal, ridge
from tsinit.init._scaling import standardise, unscale
from tsinit.init._windows import fill_linear, place_in_run, take, window_ends

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams

_MIN_NOISE = 1e-5  # of the variance of the data, for series that are predicted exactly
_MAX_RADIUS = 0.999  # of A


class BurgAutoregression(NamedTuple):
    """y[t] = sum_k coefficients[k - 1] y[t - k] + e[t]."""

    coefficients: np.ndarray  # (order,)
    noise: float  # variance of e


class LPC(BaseEstimator):
    """Start from an autoregression: the last values are the state.

    For one variable Burg's AR(n) in companion form, C = e1'. For D variables a vector autoregression of order
    p = ceil(n / D) by ridge regression in block companion form; where n is no multiple of D, the oldest
    observation enters the state through its leading principal components only, as many as fit
    in, so n < D gives an autoregression of principal components.

    The innovation variance E is shared out by Q = E e1 e1' + jitter E I and R = noise E: a rank-one Q or a
    zero R would stay so under EM. The named strategy "lpc_loose" is ``LPC(jitter=0.1, noise=0.3)``.

    Burg's sums go over unbroken runs of the data only. The vector autoregression takes complete windows or,
    if those are few, windows at least half observed with the gaps interpolated linearly. Neither reaches across
    the start of a sequence.

    Parameters
    ----------
    jitter : float, default 1e-3
        Noise of every state, in units of the innovation variance.
    noise : float, default 1e-2
        Observation noise, in units of the innovation variance.

    References
    ----------
    Burg (1975), "Maximum entropy spectral analysis", for D = 1; Lütkepohl (2005), "New introduction to
    multiple time series analysis", section 2.1 for the block companion form.
    """

    def __init__(self, jitter: float = 1e-3, noise: float = 1e-2) -> None:
        self.jitter = jitter
        self.noise = noise

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
            Not used: the start is not random.
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
            If `jitter` or `noise` is not a finite number from 0.
        """
        check_number("jitter", self.jitter, 0.0)
        check_number("noise", self.noise, 0.0)
        z, loc, scale = standardise(y)
        if z.shape[1] == 1:
            A, E = _companion_of_series(z[:, 0], n_states, offsets)
            loadings, left_out = np.ones((1, 1)), np.zeros(1)
        else:
            A, E, loadings, left_out = _companion_of_vectors(z, n_states, offsets)
        E = nearest_psd(E, minimum=_MIN_NOISE)
        first = len(E)
        C = np.hstack([loadings, np.zeros((z.shape[1], n_states - first))])
        Q = self.jitter * np.mean(np.diag(E)) * np.eye(n_states)
        Q[:first, :first] += E
        predicted = np.maximum(np.einsum("ij,jk,ik->i", loadings, E, loadings), _MIN_NOISE)
        R = left_out + self.noise * predicted
        return unscale(assemble(_damp(A, first), C, Q, np.diag(R)), loc, scale)


def burg(
    y: FloatArray, order: int, offsets: IntArray | None = None, floor: float = 0.0
) -> BurgAutoregression:
    """Fit an autoregression by Burg's method.

    At every stage the reflection coefficient minimises the sum of forward and backward prediction errors.
    With gaps or several sequences the sums go over the stretches inside unbroken runs only, so nothing is
    predicted across a gap; every coefficient stays within [-1, 1], so the result is never unstable. A stage
    with fewer than twice its order of errors to learn from changes nothing: at 40 % missing that gained
    0.25 nats per value at the start.

    Parameters
    ----------
    y : (T,) float
        Observations with mean zero, NaN where missing.
    order : int
        Number of coefficients.
    offsets : (N + 1,) int, optional
        Where each sequence starts.
    floor : float, default 0
        Once the innovation variance is at most this, further stages would fit rounding errors and are left
        out.

    Returns
    -------
    BurgAutoregression

    References
    ----------
    Burg (1975), "Maximum entropy spectral analysis", chapter II; Haykin and Kesler (1979) for several
    segments.
    """
    place = place_in_run(y[:, None], offsets)
    forward, backward = y, y
    polynomial = np.ones(1)  # of the prediction error, lag 0 first
    observed = y[place >= 0]
    noise = float(np.mean(observed**2)) if observed.size else 0.0
    for stage in range(1, order + 1):
        forward, backward = forward[1:], backward[:-1]
        inside = place[stage:] >= stage
        f, b = forward[inside], backward[inside]
        power = f @ f + b @ b
        known = f.size >= 2 * stage and power > 0.0 and noise > floor
        reflection = float(-2.0 * (f @ b) / power) if known else 0.0
        longer = np.append(polynomial, 0.0)
        polynomial = longer + reflection * longer[::-1]
        noise *= 1.0 - reflection**2
        forward, backward = forward + reflection * backward, backward + reflection * forward
    return BurgAutoregression(-polynomial[1:], noise)


def _companion_of_series(
    z: FloatArray, n_states: int, offsets: IntArray | None
) -> tuple[FloatArray, FloatArray]:
    """Burg's AR(n) in companion form: transition (n, n) and innovation variance (1, 1)."""
    fit = burg(z, n_states, offsets, floor=_MIN_NOISE)
    A = np.eye(n_states, k=-1)
    A[0] = fit.coefficients
    return A, np.array([[fit.noise]])


def _companion_of_vectors(
    z: FloatArray, n_states: int, offsets: IntArray | None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """VAR(p) in block companion form, the oldest block in principal components.

    Returns the transition (n, n), the innovation covariance (m, m) of the newest block, its loadings (D, m)
    on the outputs, and the variance (D,) that they leave out. m is D, or n where n < D.
    """
    D = z.shape[1]
    order = -(-n_states // D)
    full = fill_linear(z, offsets)
    oldest = principal(np.cov(full.T, bias=True), n_states - (order - 1) * D)
    blocks = [np.eye(D)] * (order - 1) + [oldest]
    loadings, D_oldest = blocks[0], oldest.shape[1]
    ends = window_ends(z, offsets, order + 1, enough=3 * n_states)
    windows = take(full, ends, order + 1)
    states = windows[:, D:] @ block_diag(*blocks)
    target = windows[:, :D] @ loadings
    B = ridge(states, target)
    A = np.eye(n_states, k=-D)
    if order > 1:
        A[-D_oldest:] = 0.0
        A[-D_oldest:, n_states - D_oldest - D : n_states - D_oldest] = oldest.T
    A[: len(B)] = B
    left = target - states @ B.T
    E = left.T @ left / len(ends) if len(ends) else np.eye(len(B))
    return A, E, loadings, np.mean((full - full @ loadings @ loadings.T) ** 2, axis=0)


def _damp(A: FloatArray, first: int) -> FloatArray:
    """Move every root of a companion form inwards by one factor until the largest has modulus 0.999.

    The coefficient of lag k is multiplied by factor**k, which keeps the form and the angles of the roots
    (speech coders call it bandwidth expansion).
    """
    largest = np.abs(np.linalg.eigvals(A)).max()
    if largest <= _MAX_RADIUS:
        return A
    lag = 1 + np.arange(len(A)) // first
    damped = A.copy()
    damped[:first] *= (_MAX_RADIUS / largest) ** lag
    return damped
