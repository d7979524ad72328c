"""Checks that only the speech functions need: one sentence per rule.

Numbers and counts are checked as everywhere (`tsinit._validate`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_number
from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams


def check_numbers(name: str, values: ArrayLike) -> FloatArray:
    """Return numbers as an array of float64."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {short(values)}.") from None


def check_signal(signal: ArrayLike) -> FloatArray:
    """Return the signal as a one-dimensional, finite float64 array."""
    try:
        x = np.asarray(signal, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"signal must be numeric; got {type(signal).__name__}.") from None
    if x.ndim != 1:
        raise ValueError(
            f"signal must be one-dimensional; got shape {x.shape}. Pass one channel at a time."
        )
    bad = np.flatnonzero(~np.isfinite(x))
    if bad.size:
        raise ValueError(f"signal must be finite; got {x[bad[0]]} at sample {bad[0]}.")
    return x


def check_frames(values: ArrayLike) -> FloatArray:
    """Return frames as a finite (n_frames, L) array."""
    x = check_numbers("frames", values)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"frames must be two-dimensional, one row per frame; got shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("frames must be finite; got NaN or infinite values.")
    return x


def check_square(A: ArrayLike) -> FloatArray:
    """Return a finite, square transition matrix."""
    matrix = check_numbers("A", A)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"A must be a square matrix; got shape {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise ValueError("A must be finite; got NaN or infinite entries.")
    return matrix


def check_tracks(name: str, tracks: ArrayLike) -> FloatArray:
    """Return tracks as (n_frames, n_formants) Hz, NaN where missing."""
    x = check_numbers(name, tracks)
    if x.ndim == 1:
        x = x[:, None]
    if x.ndim != 2:
        raise ValueError(
            f"{name} must have one row per frame and one column per formant; got shape {x.shape}."
        )
    return x


def check_same_shape(name: str, x: FloatArray, other: str, y: FloatArray) -> None:
    """Require two tables of tracks to match."""
    if x.shape != y.shape:
        raise ValueError(f"{name} must have the shape of {other}, {y.shape}; got {x.shape}.")


def check_same_length(name: str, count: int, other: str, expected: int) -> None:
    """Require two series of frames to match."""
    if count != expected:
        raise ValueError(
            f"{name} must have one entry per frame of {other} ({expected}); got {count}."
        )


def check_pair(pair: ArrayLike, n_frames: int) -> FloatArray:
    """Return two rising frequencies for each frame, (n_frames, 2)."""
    x = check_numbers("pair", pair)
    if x.shape not in ((2,), (n_frames, 2)) or not (x[..., 0] < x[..., 1]).all():
        raise ValueError(
            f"pair must hold two rising frequencies, for all frames or for each of {n_frames}; "
            f"got {x.tolist() if x.size <= 4 else x.shape}."
        )
    return np.broadcast_to(x, (n_frames, 2))


def check_candidates(candidates: Any) -> list[tuple[FloatArray, FloatArray]]:
    """Return the resonances of every frame as pairs of arrays: frequencies, bandwidths."""
    try:
        return [
            (np.asarray(f, dtype=np.float64), np.asarray(b, dtype=np.float64))
            for f, b in candidates
        ]
    except (TypeError, ValueError):
        raise TypeError(
            f"candidates must be a list of Formants, one for each frame; got {short(candidates)}."
        ) from None


def check_range(name: str, pair: Sequence[float]) -> list[float]:
    """Return two numbers above 0."""
    if not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2:
        raise ValueError(f"{name} must be a pair of frequencies in Hz; got {short(pair)}.")
    return [check_number(f"{name}[{i}]", f, above=0.0) for i, f in enumerate(pair)]


def check_params(params: LinearGaussianParams) -> LinearGaussianParams:
    """Require the parameters of a state-space model."""
    if not all(hasattr(params, name) for name in ("A", "C", "Q", "R")):
        raise TypeError(f"params must be LinearGaussianParams; got {short(params)}.")
    return params


def check_model(model: Any) -> Any:
    """Require an estimator that can be cloned and fitted."""
    if isinstance(model, type) or not all(hasattr(model, name) for name in ("fit", "get_params")):
        raise TypeError(
            f"model must be an estimator, for example LinearGaussianSSM(14); got {short(model)}."
        )
    return model


def check_has_uncertainty(model: Any) -> None:
    """Require a model that says how sure its parameters are."""
    if not hasattr(model, "uncertainty"):
        raise TypeError(
            f"model must have uncertainty() for intervals, as LinearGaussianSSM has; got {short(model)}. Leave "
            "level out."
        )
