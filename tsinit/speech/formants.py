"""The vocal tract under a fitted model: its resonances and its spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate import check_count, check_number
from tsinit.speech import _checks

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams


class Formants(NamedTuple):
    """Resonances of one frame, by rising frequency.

    Parameters
    ----------
    frequencies, bandwidths : (k,) float
        In Hz. A bandwidth is negative where the model is unstable.
    """

    frequencies: FloatArray
    bandwidths: FloatArray


class Spectrum(NamedTuple):
    """Power spectral density.

    Parameters
    ----------
    frequencies : (n,) float
        In Hz, from 0 to fs / 2.
    power : (n, D) float
        One-sided density of each observed column, in squared units per Hz: its integral is the variance.
    """

    frequencies: FloatArray
    power: FloatArray


def formants(
    params: Any,
    fs: float,
    max_bandwidth: float = 700.0,
    f_min: float = 90.0,
    margin: float = 50.0,
) -> Formants:
    """Read the formants off the eigenvalues of A.

    A pair r exp(+-i w) rings at w fs / (2 pi) and decays with a bandwidth of -log(r) fs / pi.

    Parameters
    ----------
    params : LinearGaussianParams or (n, n) float
        A model, or its transition matrix alone.
    fs : float
        Sampling rate in Hz.
    max_bandwidth : float
        Wider resonances shape the spectrum but are no formants; in Hz.
    f_min, margin : float
        Frequencies up to f_min and from fs / 2 - margin on are left out; in Hz.

    Returns
    -------
    Formants
        As many as the model has, possibly none.

    Raises
    ------
    ValueError
        If A is not a finite square matrix or fs is not positive.
    """
    A = _checks.check_square(getattr(params, "A", params))
    fs = check_number("fs", fs, above=0.0)
    poles = np.linalg.eigvals(A)
    # One of each conjugate pair; real poles have no frequency.
    poles = poles[poles.imag > 0]
    frequencies = np.angle(poles) * fs / (2.0 * np.pi)
    bandwidths = -np.log(np.abs(poles)) * fs / np.pi
    keep = (frequencies > f_min) & (frequencies < fs / 2.0 - margin) & (bandwidths < max_bandwidth)
    order = np.argsort(frequencies[keep])
    return Formants(frequencies[keep][order], bandwidths[keep][order])


def spectrum(params: LinearGaussianParams, fs: float, n: int = 512) -> Spectrum:
    """Power spectrum of the model's output, C (zI - A)^-1 Q (zI - A)^-H C' + R at z = exp(2 pi i f / fs).

    Parameters
    ----------
    params : LinearGaussianParams
        Stable, otherwise the process has no spectrum and the numbers mean nothing.
    fs : float
        Sampling rate in Hz.
    n : int
        Number of frequencies.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If A is not a finite square matrix, fs not positive or n below 1.
    TypeError
        If `params` are not those of a model.
    """
    A = _checks.check_square(_checks.check_params(params).A)
    fs, n = check_number("fs", fs, above=0.0), check_count("n", n)
    f = np.linspace(0.0, fs / 2.0, n)
    z = np.exp(2j * np.pi * f / fs)
    # C (zI - A)^-1, solved from the right: one small system per frequency.
    M = z[:, None, None] * np.eye(len(A)) - A
    H = np.linalg.solve(np.swapaxes(M, 1, 2), np.broadcast_to(params.C.T, (n, *params.C.T.shape)))
    state_part = np.einsum("fid,ij,fjd->fd", H, params.Q, H.conj()).real
    return Spectrum(f, (state_part + np.diag(params.R)) * 2.0 / fs)
