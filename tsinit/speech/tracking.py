"""Which resonance is which formant: dynamic programming over the frames."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_count, check_number
from tsinit.speech import _checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

# Per frame the search has C(m + K, K) states for K formants among m candidates: spare ones are cut to a few.
_SPARE = 3


class Tracks(NamedTuple):
    """Formants over frames.

    Parameters
    ----------
    frequencies, bandwidths : (n_frames, n_formants) float
        In Hz, NaN where a formant was not found.
    """

    frequencies: FloatArray
    bandwidths: FloatArray


def track(
    candidates: Sequence[tuple[FloatArray, FloatArray]],
    n_formants: int = 3,
    *,
    nominal: ArrayLike | None = None,
    jump_cost: float = 1.0,
    bandwidth_cost: float = 0.5,
    nominal_cost: float = 1.0,
    miss_cost: float = 1.0,
) -> Tracks:
    """Join the resonances of successive frames into formant tracks of minimum cost.

    In each frame every formant takes one candidate or none, by rising frequency. A path costs, per frame and
    formant, ``bandwidth_cost`` per kHz of bandwidth, ``nominal_cost`` per e-fold distance from the nominal
    frequency, ``jump_cost`` per e-fold change since the frame before, and ``miss_cost`` where it takes none.
    A change over a miss is free, so a track may break where that is cheaper than to jump. The path of minimum
    cost over all frames is found exactly (Viterbi), among the ``n_formants + 3`` narrowest candidates each.

    Parameters
    ----------
    candidates : list of Formants
        One per frame; (frequencies, bandwidths) in Hz. An empty one breaks every track.
    n_formants : int
        Number of tracks.
    nominal : (n_formants,) float, optional
        Typical frequencies in Hz; by default 500, 1500, 2500, ..., the resonances of a uniform tube of 17 cm.
    jump_cost, bandwidth_cost, nominal_cost, miss_cost : float
        Weights of the four costs.

    Returns
    -------
    Tracks

    Raises
    ------
    ValueError
        If n_formants is not a whole number from 1, a nominal frequency is missing, or a cost is negative.
    TypeError
        If the candidates are not pairs.

    Notes
    -----
    The kinds of cost are those of Talkin's tracker (1987, J. Acoust. Soc. Am. 82, S55); the weights are ours,
    round numbers near the best of a coarse grid on five recordings.
    """
    K = check_count("n_formants", n_formants)
    typical = (
        500.0 + 1000.0 * np.arange(K)
        if nominal is None
        else _checks.check_numbers("nominal", nominal)
    )
    if typical.shape != (K,) or not np.all(typical > 0):
        raise ValueError(f"nominal must hold {K} positive frequencies; got {typical.tolist()}.")
    costs = {
        "jump_cost": jump_cost,
        "bandwidth_cost": bandwidth_cost,
        "nominal_cost": nominal_cost,
        "miss_cost": miss_cost,
    }
    for name, value in costs.items():
        check_number(name, value, 0.0)
    kept = [_narrowest(f, b, K + _SPARE) for f, b in _checks.check_candidates(candidates)]
    chosen = _viterbi(kept, K, np.log(typical), costs)
    out = np.full((2, len(kept), K), np.nan)
    for t, (frame, choice) in enumerate(zip(kept, chosen, strict=True)):
        found = choice >= 0
        out[:, t, found] = frame[:, choice[found]]
    return Tracks(out[0], out[1])


def _narrowest(frequencies: FloatArray, bandwidths: FloatArray, max_count: int) -> FloatArray:
    """Keep the candidates of smallest bandwidth, by rising frequency: (2, at most `max_count`)."""
    frame = np.array([frequencies, bandwidths], dtype=np.float64)
    frame = frame[:, np.argsort(frame[1], kind="stable")[:max_count]]
    return frame[:, np.argsort(frame[0], kind="stable")]


@lru_cache(maxsize=256)
def _selections(m: int, K: int) -> IntArray:
    """Every way to give K formants rising candidates 0..m-1 or none (-1): (C(m + K, K), K) int."""
    rows = []
    for found in range(min(m, K) + 1):
        for formants in combinations(range(K), found):
            for chosen in combinations(range(m), found):
                row = np.full(K, -1)
                row[list(formants)] = chosen
                rows.append(row)
    return np.array(rows)


def _viterbi(
    kept: list[FloatArray], K: int, log_nominal: FloatArray, costs: dict[str, float]
) -> IntArray:
    """Candidate of each formant in each frame, (n_frames, K), -1 for none."""
    chosen = np.full((len(kept), K), -1)
    best, back, before = np.zeros(1), [], np.zeros(0)
    selections = [_selections(frame.shape[1], K) for frame in kept]
    previous = np.full((1, K), -1)
    for frame, selection in zip(kept, selections, strict=True):
        log_f = np.log(frame[0])
        # Rows: candidates of the frame before, then "none"; columns: this frame's, then "none".
        change = np.zeros((before.size + 1, log_f.size + 1))
        change[:-1, :-1] = costs["jump_cost"] * np.abs(before[:, None] - log_f)
        total = best[:, None] + sum(
            change[previous[:, k][:, None], selection[:, k]] for k in range(K)
        )
        back.append(total.argmin(axis=0))
        best = total.min(axis=0) + _frame_cost(frame, selection, log_nominal, costs)
        before, previous = log_f, selection
    state = int(best.argmin())
    for t in range(len(kept) - 1, -1, -1):
        chosen[t] = selections[t][state]
        state = back[t][state]
    return chosen


def _frame_cost(
    frame: FloatArray, selection: IntArray, log_nominal: FloatArray, costs: dict[str, float]
) -> FloatArray:
    """Cost of each selection by itself."""
    K = log_nominal.size
    # Unstable poles have a negative bandwidth: no cost, but no reward either.
    width = costs["bandwidth_cost"] * np.maximum(frame[1], 0.0) / 1000.0
    distance = costs["nominal_cost"] * np.abs(np.log(frame[0]) - log_nominal[:, None])
    single = np.full((K, frame.shape[1] + 1), costs["miss_cost"], dtype=np.float64)
    single[:, :-1] = width + distance
    return single[np.arange(K), selection].sum(axis=1)
