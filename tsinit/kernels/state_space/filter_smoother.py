"""One pass of the Kalman filter, and back of the smoother, over several sequences.

Each sequence is cut into chunks, so that the schedule of distinct steps never needs more than its slots: the
filter leaves the predicted covariance at each chunk's beginning, and the smoother, coming back, plans the chunk
again from there. This loop is plain Python: it turns once per chunk, and compiled it would cost every user ten
seconds at the first fit.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels.state_space import (
    equal_lengths,
    filter_covariances,
    means,
    smoother_covariances,
)
from tsinit.kernels.state_space.arrays import (
    APPEND,
    IN_PLACE,
    NOTHING,
    CovarianceSchedule,
    CovarianceStore,
    Scores,
    SmootherMoments,
    System,
)


class SequenceBatch(NamedTuple):
    """Sequences ready for the kernels."""

    z: np.ndarray  # (T, D) data, centred and whitened where R is full, NaN where missing
    offsets: list  # (N + 1,) int
    changed: (
        np.ndarray
    )  # (T,) bool: other entries are seen than one step before, or a sequence begins
    groups: list  # see `group_twins`


class Workspace(NamedTuple):
    """Memory that the passes write to; kept from one pass to the next, it is paid for once."""

    plan: CovarianceSchedule  # S slots
    index: np.ndarray  # (L,) int64, slot of each step of a sequence; L is the longest sequence
    e: np.ndarray  # (L, D) innovations of a sequence


def group_twins(length, complete):
    """Group sequences: [(those to run one by one, those that repeat the last of them)].

    Complete sequences of one length have the same covariances, so that only the first of them needs any.

    Parameters
    ----------
    length : (N,) int
    complete : (N,) bool
    """
    if len(length) == 1:
        return [([0], np.zeros(0, dtype=np.int64))]
    alone, groups = [np.flatnonzero(~complete)], []
    for size in np.unique(length[complete]):
        same = np.flatnonzero(complete & (length == size))
        if len(same) == 1:
            alone.append(same)
        else:
            groups.append((same[:1].tolist(), same[1:]))
    single = np.concatenate(alone)
    return ([(single.tolist(), single[:0])] if single.size else []) + groups


def new_moments(D, n, direct, gaps):
    """Empty sums; `direct` has an entry per variable or none, `gaps` asks for those over missing entries."""
    square = np.zeros((5, n, n))
    return SmootherMoments(
        square[0], square[1], square[2], square[3], square[4], np.zeros((direct.size, n, n)), direct,
        np.zeros((D if gaps else 0, n)), np.zeros((D if gaps else 0, D)),
    )  # fmt: skip


class KalmanPass:
    """One pass over a panel.

    Parameters
    ----------
    system : System
    panel : SequenceBatch
    work : Workspace
    total : SmootherMoments or None
        Sums of the M-step to add to.
    smooth, covariances : bool
        Go back over the filtered sequences; keep covariances.
    probed : bool
        Follow the rounding in covariances closely; see `rounding`.

    Attributes
    ----------
    x : (T, n) float
        Filtered or smoothed means.
    store : CovarianceStore
        Distinct covariances, if asked for.
    log_likelihood, quadratic : float
        In nats; the sum of squared standardised innovations.
    succeeded : bool
        False where a covariance lost too many digits.
    """

    def __init__(
        self,
        system: System,
        panel: SequenceBatch,
        work: Workspace,
        total,
        smooth,
        covariances,
        probed,
    ):
        T, n = len(panel.z), len(system.A)
        self.system, self.panel, self.work, self.smooth = system, panel, work, smooth
        self._probed = probed
        self.At = np.ascontiguousarray(system.A.T)
        self.x = np.empty((T, n))
        self.keep = NOTHING if not covariances else IN_PLACE if len(panel.offsets) == 2 else APPEND
        self._where = np.empty(T if smooth or covariances else 0, dtype=np.int64)
        self._values, self._used = np.empty((0, n, n)), 0
        self._collect = total is not None
        self._total = (
            total if total is not None else new_moments(len(system.C), n, np.zeros(0, bool), False)
        )
        self.log_likelihood, self.quadratic, self.succeeded = 0.0, 0.0, True
        for order, others in panel.groups:
            self._run(order, others)

    @property
    def store(self):
        """Distinct covariances and which step has which."""
        return CovarianceStore(self._values[: self._used], self._where)

    def _run(self, order, others):
        if not others.size:
            for q in order:
                self._sequence(q, self._total)
            return
        one = SmootherMoments(*map(np.zeros_like, self._total))._replace(direct=self._total.direct)
        if self._sequence(order[0], one) > 1:  # the schedule did not fit: there is nothing to share
            _add_times(self._total, 1, one)
            self._run(others.tolist(), others[:0])
            return
        _add_times(self._total, 1 + others.size, one)
        offsets = np.asarray(self.panel.offsets)
        first, length = offsets[order[0]], int(offsets[order[0] + 1] - offsets[order[0]])
        starts = offsets[others]
        parts, square = equal_lengths.run_twins(
            self.system,
            self.At,
            self.panel.z,
            starts,
            length,
            self.work.plan,
            self.work.index,
            self.smooth,
            self.x,
        )
        self.log_likelihood += parts.sum()
        self.quadratic += square
        if self._where.size:
            pattern = self._where[first : first + length]
            if (
                length > 0 and (np.diff(starts) == length).all()
            ):  # one behind the other: no need to address each step
                self._where[starts[0] : starts[-1] + length].reshape(-1, length)[:] = pattern
            else:
                self._where[starts[:, None] + np.arange(length)] = pattern

    def _sequence(self, q, sums):
        """Run one sequence; returns how many chunks it took."""
        system, panel, (plan, index, e) = self.system, self.panel, self.work
        start, stop = panel.offsets[q], panel.offsets[q + 1]
        m, P, t, slots, chunks = system.m0.copy(), system.P0.copy(), start, 0, []
        trail = np.zeros(len(m))
        while t < stop:
            chunks.append((t, P.copy()))
            end, slots, good = filter_covariances.forward(
                system, panel.z, t, stop, panel.changed, P, trail, plan, index, start, self._probed
            )
            part, square = means.forward(system, panel.z, t, end, m, plan, index, start, e, self.x)
            self.succeeded &= good
            self.log_likelihood += part
            self.quadratic += square
            t = end
        if self.keep == IN_PLACE and (len(chunks) > 1 or slots < stop - start):
            self.keep = APPEND  # steps share slots, or slots have been used again
        if self.smooth:
            self._go_back(start, stop, chunks, sums)
        elif self.keep == APPEND:
            self._where[start:stop] = self._used + index[: stop - start]
            self._values = np.concatenate([self._values[: self._used], plan.P[:slots]])
            self._used += slots
        if self.keep == IN_PLACE:
            self._where[:] = index
            self._values, self._used = plan.P, slots
        return len(chunks)

    def _go_back(self, start, stop, chunks, sums):
        system, panel, (plan, index, e) = self.system, self.panel, self.work
        n = len(system.A)
        scores, carry, probe = (
            Scores(self.At, *np.zeros((2, n)), e, self.x),
            np.zeros((2, n, n)),
            np.zeros(n),
        )
        gaps = True if sums.Cx.size else None
        end = stop
        for k, (begin, P) in reversed(list(enumerate(chunks))):
            if k < len(chunks) - 1:
                filter_covariances.forward(
                    system,
                    panel.z,
                    begin,
                    end,
                    panel.changed,
                    P,
                    np.zeros(n),
                    plan,
                    index,
                    start,
                    self._probed,
                )
            # Means before covariances, which may take the place of what both need.
            if n <= means.SMALL:
                means.backward(scores, end, begin, plan, index, start, system.diagonal)
            self._values, self._used, good = smoother_covariances.backward(
                system, panel.z, end, begin, plan, index, start, stop, carry, probe, sums, self._collect, gaps,
                self._probed, self.keep, self._values, self._used, self._where, scores,
            )  # fmt: skip
            self.succeeded &= good
            end = begin


def _add_times(total, times, one):
    """total += times * one, for the sums that complete sequences have."""
    for field in ("P", "P_first", "P_last", "lag", "P_blank", "P_observed"):
        getattr(total, field)[...] += times * getattr(one, field)
