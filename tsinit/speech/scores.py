"""How smooth a set of formant tracks is, and how far from a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from tsinit.speech import _checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray

GROSS = 0.20  # An error above this share of the reference is a wrong formant rather than an inexact one.


def assign_to_reference(
    candidates: Sequence[tuple[FloatArray, FloatArray]], reference: ArrayLike
) -> FloatArray:
    """Give each reference formant the resonance that minimises the total distance in its frame.

    This scores what a model *could* offer, because the Hungarian assignment is given the answer; `track` is not.

    Parameters
    ----------
    candidates : list of Formants
        One per frame.
    reference : (n_frames, n_formants) float
        In Hz, NaN where the reference has none: nothing is assigned there.

    Returns
    -------
    (n_frames, n_formants) float
        In Hz, NaN where the model has too few resonances.

    Raises
    ------
    ValueError
        If there is not one entry of candidates per frame of the reference.
    TypeError
        If the candidates are not pairs.
    """
    table, resonances = (
        _checks.check_tracks("reference", reference),
        _checks.check_candidates(candidates),
    )
    _checks.check_same_length("candidates", len(resonances), "reference", len(table))
    out = np.full(table.shape, np.nan)
    for row, wanted, (found, _) in zip(out, table, resonances, strict=True):
        known = np.flatnonzero(np.isfinite(wanted))
        which, taken = linear_sum_assignment(np.abs(wanted[known, None] - found))
        row[known[which]] = found[taken]
    return out


def roughness(tracks: ArrayLike) -> float:
    """Mean absolute step of all tracks from one frame to the next, in Hz per frame.

    Parameters
    ----------
    tracks : (n_frames, n_formants) float
        In Hz, NaN where missing: a step counts where both of its values are there.

    Returns
    -------
    float
        NaN if no two successive frames have the same formant.

    Raises
    ------
    ValueError
        If the tracks are not a table.
    """
    steps = np.abs(np.diff(_checks.check_tracks("tracks", tracks), axis=0))
    steps = steps[np.isfinite(steps)]
    return float(steps.mean()) if steps.size else float("nan")


def track_error(tracks: ArrayLike, reference: ArrayLike) -> pd.DataFrame:
    """Errors of formant tracks against a reference.

    Parameters
    ----------
    tracks, reference : (n_frames, n_formants) float
        In Hz, NaN where missing.

    Returns
    -------
    pandas.DataFrame
        A row per formant (F1, F2, ...) and one for all together. Columns: ``rmse`` and ``median_error``
        (median of the absolute error) in Hz; ``gross_rate``, the share of found formants off by more than
        20 % of the reference; ``miss_rate``, the share of reference values without an estimate; and ``n``,
        the number of reference values.

    Raises
    ------
    ValueError
        If the two tables differ in shape.
    """
    found, wanted = (
        _checks.check_tracks("tracks", tracks),
        _checks.check_tracks("reference", reference),
    )
    _checks.check_same_shape("tracks", found, "reference", wanted)
    names = [f"F{k + 1}" for k in range(wanted.shape[1])]
    rows = [_errors(found[:, k], wanted[:, k]) for k in range(len(names))]
    rows.append(_errors(found.ravel(), wanted.ravel()))
    return pd.DataFrame(rows, index=[*names, "all"])


def resolved(candidates: Sequence[tuple[FloatArray, FloatArray]], pair: ArrayLike) -> BoolArray:
    """Mark the frames in which a model separates two close formants.

    It does where it has two resonances of which one is nearer than half the distance of the pair to the lower
    formant, and the other as near to the upper one. A single resonance between the two separates nothing.

    Parameters
    ----------
    candidates : list of Formants
        One per frame.
    pair : (float, float) or (n_frames, 2) float
        True frequencies of the two formants in Hz, the same in all frames or for each.

    Returns
    -------
    (n_frames,) bool

    Raises
    ------
    ValueError
        If the pair is not two rising frequencies, or there is not one for each frame.
    TypeError
        If the candidates are not pairs.
    """
    resonances = _checks.check_candidates(candidates)
    truth = _checks.check_pair(pair, len(resonances))
    within = 0.5 * (truth[:, 1] - truth[:, 0])
    found = assign_to_reference(resonances, truth)
    return np.all(np.abs(found - truth) < within[:, None], axis=1)


def _errors(found: FloatArray, wanted: FloatArray) -> dict[str, float]:
    found, wanted = found[np.isfinite(wanted)], wanted[np.isfinite(wanted)]
    matched = np.isfinite(found)
    error = np.abs(found[matched] - wanted[matched])
    some = error.size > 0
    return {
        "rmse": np.sqrt((error**2).mean()) if some else np.nan,
        "median_error": np.median(error) if some else np.nan,
        "gross_rate": (error > GROSS * wanted[matched]).mean() if some else np.nan,
        "miss_rate": 1.0 - matched.mean() if wanted.size else np.nan,
        "n": wanted.size,
    }
