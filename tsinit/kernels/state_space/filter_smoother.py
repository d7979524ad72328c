"""One pass of the Kalman filter, and back of the smoother, over several sequences.

Each sequence is cut into chunks, so that the schedule of distinct steps never needs more than its slots: the
filter leaves the predicted covariance at each chunk's beginning, and the smoother, coming back, plans the chunk
again from there. The loop over chunks is plain Python: compiled it would cost every user ten seconds at the first
fit. What Python calls is one function each way, because unpacking arguments takes as long as a few dozen steps.
"""

from typing import Any, NamedTuple

import numpy as np

from tsinit.kernels._jit import entry
from tsinit.kernels.state_space import (
    equal_lengths,
    filter_covariances,
    means,
    narrow,
    smoother_covariances,
)
from tsinit.kernels.state_space.arrays import (
    APPEND,
    IN_PLACE,
    NOTHING,
    BackwardState,
    Chunk,
    CovarianceOutput,
    CovarianceStore,
    EqualSequences,
    Prediction,
    Request,
    SmootherMoments,
    System,
    Workspace,
)


class SequenceBatch(NamedTuple):
    """Sequences ready for the kernels."""

    z: np.ndarray  # (T, D) data, centred and whitened where R is full, NaN where missing
    offsets: list  # (N + 1,) int
    changed: (
        np.ndarray
    )  # (T,) bool: other entries are observed than one step before, or a sequence begins
    groups: list  # see `group_by_length`
    gappy: narrow.GappyRows  # sequences in which hardly a step repeats another
    trail: Any  # narrow.Trail, the workspace of these; None where there are none


class PassRequest(NamedTuple):
    """What a pass is to do."""

    smooth: bool  # go back over the filtered sequences
    covariances: bool  # keep them
    probed: bool  # follow the rounding in covariances closely; see `rounding`
    n_threads: int  # for complete sequences of one length


def group_by_length(length, complete, gappy):
    """Group sequences: [(those to run one by one, those that repeat the last of them)].

    Complete sequences of one length have the same covariances, so that only the first of them needs any.

    Parameters
    ----------
    length : (N,) int
    complete : (N,) bool
    gappy : (N,) bool
        Sequences that are in no group.
    """
    if len(length) == 1:
        return [] if gappy[0] else [([0], np.zeros(0, dtype=np.int64))]
    alone, groups = [np.flatnonzero(~complete & ~gappy)], []
    for size in np.unique(length[complete & ~gappy]):
        same = np.flatnonzero(complete & ~gappy & (length == size))
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


@entry
def _filter_chunk(system, chunk, work, prediction, probed, with_means):
    """Fill the schedule for a chunk, as far as it goes, and filter its means.

    Returns (end, slots used, whether all covariances are well conditioned, log-likelihood, sum of squares).
    """
    end, slots, good = filter_covariances.forward(system, chunk, work, prediction, probed)
    log_likelihood, quadratic = 0.0, 0.0
    if with_means:
        z, changed, x, start, stop, begin, _ = chunk
        filled = Chunk(z, changed, x, start, stop, begin, end)
        log_likelihood, quadratic = means.forward(system, filled, work, prediction.m)
    return end, slots, good, log_likelihood, quadratic


@entry
def _smooth_chunk(system, chunk, work, back, sums, gaps, output, request):
    """Smooth the means of a chunk, then its covariances, which may take the place of what both need."""
    if len(back.r) <= means.SMALL:
        means.backward(system, chunk, work, back)
    return smoother_covariances.backward(system, chunk, work, back, sums, gaps, output, request)


class KalmanPass:
    """One pass over sequences.

    Parameters
    ----------
    system : System
    batch : SequenceBatch
    work : Workspace
    total : SmootherMoments or None
        Sums of the M-step to add to.
    request : PassRequest
    x : (T, n) float or None
        Where the means go; None makes room for them.

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
        batch: SequenceBatch,
        work: Workspace,
        total,
        request: PassRequest,
        x=None,
    ):
        smooth, covariances, probed, self._n_threads = request
        T, n = len(batch.z), len(system.A)
        self.system, self.batch, self.work, self.smooth = system, batch, work, smooth
        self._request = Request(total is not None, probed)
        self.x = np.empty((T, n)) if x is None else x
        several = len(batch.offsets) > 2
        self.keep = NOTHING if not covariances else APPEND if several else IN_PLACE
        self._where = np.empty(T if smooth or covariances else 0, dtype=np.int64)
        self._values, self._used = np.empty((0, n, n)), 0
        self._total = (
            total if total is not None else new_moments(len(system.C), n, np.zeros(0, bool), False)
        )
        self.log_likelihood, self.quadratic, self.succeeded = 0.0, 0.0, True
        if batch.gappy.starts.size:
            self._run_gappy(covariances)
        for order, others in batch.groups:
            self._run(order, others)

    def _run_gappy(self, covariances):
        """Run the sequences in which hardly a step repeats another."""
        z, _, changed, _, gappy, trail = self.batch
        system = narrow.padded(self.system, trail.P.shape[1])
        if covariances:
            n, self._used = self._values.shape[1], gappy.n_rows
            self._values = np.empty((self._used, n, n))
            self._where[gappy.rows] = np.arange(self._used)
        sequences = narrow.GappySequences(z, changed, self.x, *gappy, self._values)
        joint = self._total.Cx.size > 0
        sums = new_moments(len(system.C), len(system.A), self._total.direct, joint)
        # None leaves the code of sums over missing entries out.
        request = narrow.NarrowRequest(self.smooth, self._request.probed, True if joint else None)
        done = narrow.run(system, sequences, trail, sums, request)
        self.log_likelihood, self.quadratic, self.succeeded = done
        for total, part in zip(self._total, sums, strict=True):
            if total.dtype != bool:
                total += part[tuple(map(slice, total.shape))]

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
        offsets = np.asarray(self.batch.offsets)
        first, length = offsets[order[0]], int(offsets[order[0] + 1] - offsets[order[0]])
        starts = offsets[others]
        parts, square = equal_lengths.run(
            self.system,
            self.work,
            EqualSequences(self.batch.z, starts, length),
            self.x,
            self.smooth,
            self._n_threads,
        )
        self.log_likelihood += parts.sum()
        self.quadratic += square
        if self._where.size:
            pattern = self._where[first : first + length]
            # One behind the other: no need to address each step.
            if length > 0 and (np.diff(starts) == length).all():
                self._where[starts[0] : starts[-1] + length].reshape(-1, length)[:] = pattern
            else:
                self._where[starts[:, None] + np.arange(length)] = pattern

    def _sequence(self, q, sums):
        """Run one sequence; returns how many chunks it took."""
        system, work, (z, offsets, changed, *_) = self.system, self.work, self.batch
        start, stop = offsets[q], offsets[q + 1]
        m, P, slots, chunks = system.m0.copy(), system.P0.copy(), 0, []
        prediction, begin = Prediction(m, P, np.zeros(len(m))), start
        while begin < stop:
            chunk = Chunk(z, changed, self.x, start, stop, begin, stop)
            P_begin = P.copy()
            end, slots, good, part, square = _filter_chunk(
                system, chunk, work, prediction, self._request.probed, True
            )
            chunks.append((chunk if end == stop else chunk._replace(end=end), P_begin))
            self.succeeded &= good
            self.log_likelihood += part
            self.quadratic += square
            begin = end
        if self.keep == IN_PLACE and (len(chunks) > 1 or slots < stop - start):
            self.keep = APPEND  # steps share slots, or slots have been used again
        index, filtered = work.index, work.schedule.P
        if self.smooth:
            self._go_back(chunks, sums)
        elif self.keep == APPEND:
            self._where[start:stop] = self._used + index[: stop - start]
            self._values = np.concatenate([self._values[: self._used], filtered[:slots]])
            self._used += slots
        if self.keep == IN_PLACE:
            self._where[:] = index
            self._values, self._used = filtered, slots
        return len(chunks)

    def _go_back(self, chunks, sums):
        system, work = self.system, self.work
        n = len(system.A)
        (r, probe, spare), (NA, A_NA) = np.zeros((3, n)), np.zeros((2, n, n))
        back = BackwardState(r, NA, A_NA, probe, spare)
        gaps = True if sums.Cx.size else None
        for k, (chunk, P) in reversed(list(enumerate(chunks))):
            if k < len(chunks) - 1:
                again = Prediction(spare, P, np.zeros(n))
                _filter_chunk(system, chunk, work, again, self._request.probed, False)
            output = CovarianceOutput(self.keep, self._values, self._used, self._where)
            self._values, self._used, good = _smooth_chunk(
                system, chunk, work, back, sums, gaps, output, self._request
            )
            self.succeeded &= good


def _add_times(total, times, one):
    """total += times * one, for the sums that complete sequences have."""
    for field in ("P", "P_first", "P_last", "lag", "P_blank", "P_observed"):
        getattr(total, field)[...] += times * getattr(one, field)
