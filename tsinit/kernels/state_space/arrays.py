"""The NamedTuples that kernels exchange: what travels together."""

from typing import NamedTuple

import numpy as np

NOTHING, APPEND, IN_PLACE = 0, 1, 2  # what becomes of smoothed covariances


class System(NamedTuple):
    """A model ready for the kernels: C-ordered, R diagonal or full."""

    A: np.ndarray  # (n, n)
    At: np.ndarray  # (n, n) A transposed
    C: np.ndarray  # (D, n)
    Q: np.ndarray  # (n, n)
    R: np.ndarray  # (D, D)
    m0: np.ndarray  # (n,)
    P0: np.ndarray  # (n, n)
    d: np.ndarray  # (D,), zero where z is centred already
    diagonal: bool  # R is diagonal
    tol: float  # relative change below which a covariance recursion counts as settled


class CovarianceSchedule(NamedTuple):
    """What the filter does at each distinct step."""

    K: np.ndarray  # (S, D, n) gain of each scalar observation
    precision: np.ndarray  # (S, D) inverse innovation variance, 0 = not observed
    log_norm: np.ndarray  # (S,) sum of log(2 pi v) over the observed entries
    P: np.ndarray  # (S, n, n) filtered covariance
    W: np.ndarray  # (S or 1, D, n) observation rows, whitened where R is full


class Workspace(NamedTuple):
    """Memory that the passes write to; kept from one pass to the next, it is paid for once."""

    schedule: CovarianceSchedule  # S slots
    index: np.ndarray  # (L,) int64, slot of each step of a sequence; L is the longest sequence
    e: np.ndarray  # (L, D) innovations of a sequence


class Gains(NamedTuple):
    """The part of a schedule that a single observation needs: what is called at each step is handed no more."""

    W: np.ndarray  # (S or 1, D, n) as in the schedule, like the others
    K: np.ndarray  # (S, D, n)
    precision: np.ndarray  # (S, D)


class Step(NamedTuple):
    """One step, and where it is in the schedule."""

    t: int  # row of the data
    slot: int
    w: int  # place of its observation rows: the slot, or 0 where R is diagonal


class Chunk(NamedTuple):
    """Some steps of a sequence, with the rows of the data and of the means."""

    z: np.ndarray  # (T, D) data, centred and whitened where R is full, NaN where missing
    changed: (
        np.ndarray
    )  # (T,) bool: other entries are observed than one step before, or a sequence begins
    x: np.ndarray  # (T, n) filtered means, then smoothed ones
    start: int  # bounds of the sequence
    stop: int
    begin: int  # bounds of the chunk
    end: int


class EqualSequences(NamedTuple):
    """Complete sequences of one length."""

    z: np.ndarray  # (T, D) data, centred and whitened where R is full
    starts: np.ndarray  # (B,) first row of each
    length: int


class Prediction(NamedTuple):
    """What is known of a step before its observations, carried from step to step in place."""

    m: np.ndarray  # (n,) mean
    P: np.ndarray  # (n, n) covariance
    error: (
        np.ndarray
    )  # (n,) what tells of the rounding in P: a probe, or the largest variances so far


class BackwardState(NamedTuple):
    """What later steps say of the present one, carried from step to step in place."""

    r: np.ndarray  # (n,) A' times the score of the state after the present step
    NA: np.ndarray  # (n, n) N A, N the information of the step after
    A_NA: np.ndarray  # (n, n) A' N A
    probe: np.ndarray  # (n,) of the rounding in A' N A
    spare: np.ndarray  # (n,) workspace


class ScoreRecursion(NamedTuple):
    """What the score of the mean needs on its way back, and the means that it smooths."""

    gains: Gains
    At: np.ndarray  # (n, n) A transposed
    e: np.ndarray  # (L, D) innovations of the sequence
    x: np.ndarray  # (T, n) filtered means, then smoothed ones
    start: int  # first row of the sequence
    r: np.ndarray  # (n,) and
    spare: np.ndarray  # (n,) as in BackwardState


class SmootherMoments(NamedTuple):
    """Sums of covariances over time that the M-step needs, to be filled in place."""

    P: np.ndarray  # (n, n) sum of smoothed covariances
    P_first: np.ndarray  # (n, n) the same over first steps
    P_last: np.ndarray  # (n, n) and over last steps
    lag: (
        np.ndarray
    )  # (n, n) of Cov(x[t+1], x[t]); while the covariance pass runs, of its N A P term
    P_blank: np.ndarray  # (n, n) of P over steps where nothing is observed
    P_observed: np.ndarray  # (D or 0, n, n) of P by variable, over the steps that `direct` chooses
    direct: np.ndarray  # (D,) True: sum the steps that observe the variable; False: the others
    Cx: np.ndarray  # (D, n) or (0, n): sum of Cov(y, x) of missing entries
    yy: np.ndarray  # (D, D) or (0, D): sum of Cov(y) of missing entries


class CovarianceStore(NamedTuple):
    """Distinct covariances and which step has which."""

    values: np.ndarray  # (S, n, n)
    index: np.ndarray  # (T,)


class CovarianceOutput(NamedTuple):
    """Where smoothed covariances go."""

    keep: int  # NOTHING; APPEND distinct ones to `values`; IN_PLACE of the filtered ones
    values: np.ndarray  # (S, n, n)
    used: int  # places of it that are taken
    where: np.ndarray  # (T,) place of each step


class Request(NamedTuple):
    """How a pass back is to go."""

    collect: bool  # add up the sums of the M-step
    probed: bool  # follow rounding closely
