"""The NamedTuples that kernels exchange."""

from typing import NamedTuple

import numpy as np

NOTHING, APPEND, IN_PLACE = 0, 1, 2  # what becomes of smoothed covariances


class System(NamedTuple):
    """A model ready for the kernels: C-ordered, R diagonal or full."""

    A: np.ndarray  # (n, n)
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
    log_norm: np.ndarray  # (S,) sum of log(2 pi v) over the seen entries
    P: np.ndarray  # (S, n, n) filtered covariance
    W: np.ndarray  # (S or 1, D, n) observation rows, whitened where R is full


class SmootherMoments(NamedTuple):
    """Sums of covariances over time that the M-step needs, to be filled in place."""

    P: np.ndarray  # (n, n) sum of smoothed covariances
    P_first: np.ndarray  # (n, n) the same over first steps
    P_last: np.ndarray  # (n, n) and over last steps
    lag: (
        np.ndarray
    )  # (n, n) sum of Cov(x[t+1], x[t]); while the covariance pass runs, sum of its N A P term
    P_blank: np.ndarray  # (n, n) and over steps that see nothing
    P_observed: np.ndarray  # (D or 0, n, n) by variable, over the steps `direct` chooses
    direct: np.ndarray  # (D,) True: sum the steps that see the variable; False: those that do not
    Cx: np.ndarray  # (D, n) or (0, n): sum of Cov(y, x) of missing entries
    yy: np.ndarray  # (D, D) or (0, D): sum of Cov(y) of missing entries


class Scores(NamedTuple):
    """What turns filtered means into smoothed ones, on the way back."""

    At: np.ndarray  # (n, n) A transposed
    r: np.ndarray  # (n,) A' times the score of the state after the present step
    spare: np.ndarray  # (n,)
    e: np.ndarray  # (L, D) innovations
    x: np.ndarray  # (T, n) means, replaced in place


class CovarianceStore(NamedTuple):
    """Distinct covariances and which step has which."""

    values: np.ndarray  # (S, n, n)
    index: np.ndarray  # (T,)
