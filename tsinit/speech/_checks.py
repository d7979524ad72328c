"""What the speech functions alone ask of their arguments: one sentence per rule.

Numbers and counts are checked as everywhere (`tsinit._validate`).
"""

import numpy as np


def check_signal(signal):
    """Return the signal as a one-dimensional, finite float64 array."""
    try:
        x = np.asarray(signal, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"signal must be numeric; got {type(signal).__name__}.") from None
    if x.ndim != 1:
        raise ValueError(f"signal must be one-dimensional; got shape {x.shape}. Pass one channel at a time.")
    bad = np.flatnonzero(~np.isfinite(x))
    if bad.size:
        raise ValueError(f"signal must be finite; got {x[bad[0]]} at sample {bad[0]}.")
    return x


def check_frames(values):
    """Return frames as a finite (n_frames, L) array."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"frames must be two-dimensional, one row per frame; got shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("frames must be finite; got NaN or infinite values.")
    return x


def check_square(A):
    """Return a finite, square transition matrix."""
    A = np.asarray(A, dtype=np.float64)
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"A must be a square matrix; got shape {A.shape}.")
    if not np.isfinite(A).all():
        raise ValueError("A must be finite; got NaN or infinite entries.")
    return A


def check_tracks(name, tracks):
    """Return tracks as (n_frames, n_formants) Hz, NaN where missing."""
    x = np.asarray(tracks, dtype=np.float64)
    if x.ndim == 1:
        x = x[:, None]
    if x.ndim != 2:
        raise ValueError(f"{name} must have one row per frame and one column per formant; "
                         f"got shape {x.shape}.")
    return x


def check_same_shape(name, x, other, y):
    """Two tables of tracks must match."""
    if x.shape != y.shape:
        raise ValueError(f"{name} must have the shape of {other}, {y.shape}; got {x.shape}.")


def check_same_length(name, count, other, expected):
    """Two series of frames must match."""
    if count != expected:
        raise ValueError(f"{name} must have one entry per frame of {other} ({expected}); got {count}.")


def check_pair(pair, n_frames):
    """Return two rising frequencies for each frame, (n_frames, 2)."""
    x = np.asarray(pair, dtype=np.float64)
    if x.shape not in ((2,), (n_frames, 2)) or not (x[..., 0] < x[..., 1]).all():
        raise ValueError(f"pair must hold two rising frequencies, for all frames or for each of {n_frames}; "
                         f"got {x.tolist() if x.size <= 4 else x.shape}.")
    return np.broadcast_to(x, (n_frames, 2))
