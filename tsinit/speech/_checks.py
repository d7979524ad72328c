"""What the speech functions alone ask of their arguments: one sentence per rule.

Numbers and counts are checked as everywhere (`tsinit._validate`).
"""

import numpy as np

from tsinit._validate import check_number
from tsinit._validate.values import short


def check_numbers(name, values):
    """Return numbers as an array of float64."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {short(values)}.") from None


def check_signal(signal):
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


def check_frames(values):
    """Return frames as a finite (n_frames, L) array."""
    x = check_numbers("frames", values)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"frames must be two-dimensional, one row per frame; got shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("frames must be finite; got NaN or infinite values.")
    return x


def check_square(A):
    """Return a finite, square transition matrix."""
    A = check_numbers("A", A)
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"A must be a square matrix; got shape {A.shape}.")
    if not np.isfinite(A).all():
        raise ValueError("A must be finite; got NaN or infinite entries.")
    return A


def check_tracks(name, tracks):
    """Return tracks as (n_frames, n_formants) Hz, NaN where missing."""
    x = check_numbers(name, tracks)
    if x.ndim == 1:
        x = x[:, None]
    if x.ndim != 2:
        raise ValueError(
            f"{name} must have one row per frame and one column per formant; got shape {x.shape}."
        )
    return x


def check_same_shape(name, x, other, y):
    """Two tables of tracks must match."""
    if x.shape != y.shape:
        raise ValueError(f"{name} must have the shape of {other}, {y.shape}; got {x.shape}.")


def check_same_length(name, count, other, expected):
    """Two series of frames must match."""
    if count != expected:
        raise ValueError(
            f"{name} must have one entry per frame of {other} ({expected}); got {count}."
        )


def check_pair(pair, n_frames):
    """Return two rising frequencies for each frame, (n_frames, 2)."""
    x = check_numbers("pair", pair)
    if x.shape not in ((2,), (n_frames, 2)) or not (x[..., 0] < x[..., 1]).all():
        raise ValueError(
            f"pair must hold two rising frequencies, for all frames or for each of {n_frames}; "
            f"got {x.tolist() if x.size <= 4 else x.shape}."
        )
    return np.broadcast_to(x, (n_frames, 2))


def check_candidates(candidates):
    """Return the resonances of every frame as pairs of arrays: frequencies, bandwidths."""
    try:
        return [tuple(np.asarray(part, dtype=np.float64) for part in (f, b)) for f, b in candidates]
    except (TypeError, ValueError):
        raise TypeError(
            f"candidates must be a list of Formants, one for each frame; got {short(candidates)}."
        ) from None


def check_range(name, pair):
    """Return two numbers above 0."""
    if not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2:
        raise ValueError(f"{name} must be a pair of frequencies in Hz; got {short(pair)}.")
    return [check_number(f"{name}[{i}]", f, above=0.0) for i, f in enumerate(pair)]


def check_params(params):
    """Require the parameters of a state-space model."""
    if not all(hasattr(params, name) for name in ("A", "C", "Q", "R")):
        raise TypeError(f"params must be LinearGaussianParams; got {short(params)}.")
    return params


def check_model(model):
    """Require an estimator that can be cloned and fitted."""
    if isinstance(model, type) or not all(hasattr(model, name) for name in ("fit", "get_params")):
        raise TypeError(
            f"model must be an estimator, for example LinearGaussianSSM(14); got {short(model)}."
        )
    return model
