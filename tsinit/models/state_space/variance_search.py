"""Where the noise of a structure begins: variances as shares of that of the data's differences, by likelihood."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.state_space.structured import StructuredFit

_GRID = 10.0 ** np.arange(-4, 1.5)  # of state noise, relative to that of differences of the data
_FEW, _COARSE = 3, (1e-3, 3e-2, 1.0)  # up to so many are tried apart, at these
_FEW_DIFFUSE = 8  # where a likelihood costs little
_SHORT = 12  # steps of the short climbs that then decide
_FACTORS = (0.01, 0.1, 10.0)  # by which each variance is tried then


def differences(y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return variances of the columns, and of their differences; none of them zero."""
    variance = np.nanvar(y, axis=0)
    variance = np.where(variance > 0.0, variance, 1.0)
    size = np.array([np.nanvar(c) if np.isfinite(c).any() else 0.0 for c in np.diff(y, axis=0).T])
    return variance, np.where(size > 0.0, size, variance)


def search_state_noise(
    fit: StructuredFit, begins: list[FloatArray], size: float, squares: FloatArray
) -> FloatArray:
    """Try state noise of several sizes from each of some points, and return the likeliest.

    Parameters
    ----------
    fit : StructuredFit
    begins : list of (size,) float
        Free entries.
    size : float
        Variance of differences of the data.
    squares : (n,) float
        Mean squares of what each state is seen through.
    """
    entries = fit.entries
    Q, place = entries.templates["Q"], entries.place["Q"]
    weight, parts = Q.roots(np.diag(squares)), Q.parts
    if not parts:
        return max(begins, key=fit.value)
    unit = np.divide(1.0, weight, out=np.zeros_like(weight), where=weight > 0.0)
    shares = [np.full(len(parts), share) for share in _GRID]
    if several := 1 < len(parts) <= _FEW and (~entries.still).sum() <= _FEW_DIFFUSE:
        shares += map(np.array, itertools.product(_COARSE, repeat=len(parts)))
    best: dict[tuple[int, int], tuple[float, FloatArray]] = {}
    for i, begin in enumerate(begins):
        for share in shares:
            trial, roots = begin.copy(), unit.copy()
            for part, its_share in zip(parts, share, strict=True):
                roots[part] *= np.sqrt(its_share * size)
            trial[place] = roots
            # Likelihoods of several components have several maxima: one for each that takes most of the noise.
            key = (i, int(share.argmax())) if several else (0, 0)
            value = fit.value(trial)
            if key not in best or value > best[key][0]:
                best[key] = value, trial
    found = [trial for _, trial in best.values()]
    if several:
        found = [fit.climbed(trial, _SHORT) for trial in found]
    return max(found, key=fit.value)


def search_each(fit: StructuredFit, x: FloatArray) -> FloatArray:
    """Try each variance, or block, larger and smaller by itself, one after another."""
    entries, best = fit.entries, fit.value(x)
    for name in ("Q", "R"):
        for part in entries.templates[name].parts:
            where, begin = np.arange(entries.size)[entries.place[name]][part], x
            for factor in _FACTORS:
                trial = begin.copy()
                trial[where] *= np.sqrt(factor)
                if (value := fit.value(trial)) > best:
                    x, best = trial, value
    return x
