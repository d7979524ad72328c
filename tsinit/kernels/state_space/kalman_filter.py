"""The way into the kernels: arrays in the units of the data go in, NamedTuples of arrays come out.

Everything that is the same for every pass over the same data (which entries are observed, in which order sequences are
taken, the memory to write to) is worked out once, so that an EM iteration costs its kernels and little else.
"""

import copy
import functools
from typing import Any, NamedTuple

import numpy as np

from tsinit.kernels.params import is_diagonal, writeable
from tsinit.kernels.state_space import (
    blocks,
    diffuse,
    filter_smoother,
    inputs,
    narrow,
    observation,
    square_root,
    varying,
)
from tsinit.kernels.state_space.arrays import (
    CovarianceSchedule,
    CovarianceStore,
    System,
    Workspace,
)

TOLERANCE = 1e-13  # relative change per step below which a covariance recursion counts as settled
_BUDGET = 2**26  # bytes for the schedule; longer runs of distinct steps are cut into chunks


class KalmanResult(NamedTuple):
    """Result of a filter or smoother pass."""

    means: np.ndarray  # (T, n)
    covariances: Any  # a CovarianceStore where they were asked for, else None
    log_likelihood: float
    quadratic: (
        float  # sum of squared standardised innovations: n_observed times the best common scale
    )
    moments: Any  # SmootherMoments where they were asked for, else None
    succeeded: bool  # False: even the square-root pass met a covariance it could not handle
    retried: bool  # the square-root pass was needed


def _schedule(slots, D, n, diagonal):
    return CovarianceSchedule(
        np.empty((slots, D, n)),
        np.empty((slots, D)),
        np.empty(slots),
        np.empty((slots, n, n)),
        np.empty((1 if diagonal else slots, D, n)),
    )


class Kalman:
    """Filter and smoother passes over one set of sequences.

    Parameters
    ----------
    y : (T, D) float
        Observations, NaN where missing, C-ordered; sequences one after the other.
    n_states : int
    offsets : (N + 1,) int or None
        Where each sequence starts, with T at the end; None for a single sequence.
    u : (T, m) float or None
        Known inputs, complete.
    n_threads : int
        Threads for blocks of sequences; results do not depend on it.
    """

    def __init__(self, y, n_states, offsets=None, u=None, n_threads=1):
        T = len(y)
        self.u, self.n_threads = u, n_threads
        # Compiled for one kind of array: for those that may not be written to, all would be compiled once more.
        self.y, self.n_states = np.require(y, requirements="W"), n_states
        self.offsets = np.array([0, T] if offsets is None else offsets, dtype=np.int64)
        starts, length = self.offsets[:-1], np.diff(self.offsets)
        if np.isfinite(y.sum()):  # nothing is missing
            self.observed = np.broadcast_to(True, y.shape)
            self.count = np.full(y.shape[1], T)
            self.changed, self.complete = np.zeros(T, dtype=bool), np.ones(len(starts), dtype=bool)
        else:
            self.observed = ~np.isnan(y)
            self.count = np.count_nonzero(self.observed, axis=0)
            self.changed = np.ones(T, dtype=bool)
            self.changed[1:] = _any_column(self.observed[1:] != self.observed[:-1])
            full = np.concatenate([[0], np.cumsum(~_any_column(~self.observed))])
            self.complete = full[self.offsets[1:]] - full[starts] == length
        self.changed[starts[length > 0]] = True
        self._gaps = not self.complete.all()
        self.n_observed = int(self.count.sum())
        gappy = self._choose(length)
        self._gappy = narrow.gappy_rows(self.offsets, gappy)
        self._groups = filter_smoother.group_by_length(length, self.complete, gappy)
        self._longest = int(length.max(initial=1))
        self._longest_gappy = self._gappy.longest
        self._ends = np.concatenate([starts[length > 0], self.offsets[1:][length > 0] - 1])
        # A variable observed more often than not is summed over the steps that miss it, and subtracted.
        self.direct = self.count < 0.5 * T
        self._work, self._trails, self._parts = {}, {}, {}
        self.memories = []  # pairs of dictionaries like the first two, for blocks of sequences
        self._probed = False  # whether rounding has to be followed closely

    def _choose(self, length):
        """(N,) bool, the sequences that the kernels for gaps that come and go take.

        The others share what they can of one step with the next; where a pattern lasts, that is faster.
        """
        none = np.zeros(len(length), dtype=bool)
        if self.complete.all() or narrow.width_for(self.n_states) is None:
            return none
        gappy = ~self.complete
        n_changes = np.add.reduceat(self.changed, self.offsets[:-1][length > 0])[gappy[length > 0]]
        return gappy if n_changes.sum() * narrow.LASTING > length[gappy].sum() else none

    def sibling(self, own_memory=True):
        """Return passes over the same data with a history of their own, and memory too where both may run at once."""
        other = copy.copy(self)
        other._probed = False
        if own_memory:
            other._work, other._trails, other._parts, other.memories = {}, {}, {}, []
        other._blocks = [block.sibling(own_memory) for block in self._blocks]
        return other

    @property
    def is_cut(self):
        """Whether sequences are taken in blocks, which threads can share out."""
        return bool(self._blocks)

    def of_sequences(self, first, last):
        """Passes over the sequences from `first` up to `last`; what they sum up, they sum as for all of them."""
        begin, end = self.offsets[first], self.offsets[last]
        u = None if self.u is None else self.u[begin:end]
        part = Kalman(self.y[begin:end], self.n_states, self.offsets[first : last + 1] - begin, u)
        part.direct, part._gaps = self.direct, self._gaps
        # Memory of one size, so that a block can take over that of another.
        part._longest = part._longest_gappy = self._longest
        part._blocks = []
        return part

    @functools.cached_property
    def _blocks(self):
        return blocks.split(self) if len(self.offsets) > 2 else []

    def pass_within(self, memory, x, *request):
        """Run :meth:`proper_pass` in memory of the caller, a pair of dictionaries, and leave the means in x (T, n)."""
        self._work, self._trails = memory
        done = self.proper_pass(*request, x=x)
        if done.means is not x:
            x[:] = done.means
        return done

    @functools.cached_property
    def patterns(self):
        """Which entries rows observe: the distinct ones (P, D) of `observed`, and which one each row has (T,)."""
        distinct, which = np.unique(self.observed, axis=0, return_inverse=True)
        return distinct, which.ravel()

    def log_likelihood(self, params):
        """Return the log-likelihood of `params` in nats; -inf where it cannot be computed."""
        if diffuse.diffuse_states(params).any():
            possible = _possible(diffuse.proper(params))
            value = diffuse.log_likelihood(self, params) if possible else -np.inf
            return value if np.isfinite(value) else -np.inf
        done = self.filter(params)
        return done.log_likelihood if done.succeeded else -np.inf

    def filter(self, params, covariances=False):
        """Filtered means and log-likelihood, and covariances if asked for."""
        return self._run(params, False, covariances, None)

    def smooth(self, params, covariances=False, moments=None):
        """Smoothed means and log-likelihood; covariances and the sums of the M-step if asked for.

        moments : "by_variable" for an M-step with a diagonal R, "jointly" for one with a full R.
        """
        return self._run(params, True, covariances, moments)

    def observation_offset(self, params):
        """Return what an observation is made of beside C x and noise: (D,), or (T, D) where inputs act on it."""
        d = np.zeros(len(params.C)) if params.d is None else params.d
        return d if params.D is None else self.u @ params.D.T + d

    def parts(self, n_observed):
        """Cut one sequence behind as many rows that observe something: (Kalman, Kalman), None where that is no use."""
        if n_observed not in self._parts:
            cut = None
            shown = np.flatnonzero(self.observed.any(axis=1)) if len(self.offsets) == 2 else []
            if 0 < 2 * n_observed < len(shown):
                at = int(shown[n_observed - 1]) + 1
                u = (None, None) if self.u is None else (self.u[:at], self.u[at:])
                pieces = (np.ascontiguousarray(y) for y in (self.y[:at], self.y[at:]))
                cut = tuple(
                    Kalman(y, self.n_states, u=part) for y, part in zip(pieces, u, strict=True)
                )
            self._parts[n_observed] = cut
        return self._parts[n_observed]

    def directions(self, params):
        """Return the data and the diffuse directions of parameters that have some."""
        kind = diffuse.Directions if params.C_inputs is None else varying.VaryingDirections
        return kind(self, params)

    def _run(self, params, smooth, covariances, moments):
        """Run a pass; see `diffuse` for first states of which nothing is known."""
        if not diffuse.diffuse_states(params).any():
            return self.proper_pass(params, smooth, covariances, moments)
        if not _possible(diffuse.proper(params)):
            return self.failed(covariances, moments)
        return diffuse.run(self, params, smooth, covariances, moments)

    def proper_pass(self, params, smooth, covariances, moments, x=None):
        """Run a pass under a finite prior.

        Inputs only move means: by linearity the pass is that of the data without their response. Where the means are
        wanted in an array x (T, n), it is given.
        """
        if not _possible(params):
            return self.failed(covariances, moments)
        if params.C_inputs is not None:
            return varying.run(self, params, smooth, covariances, moments)
        if self._blocks:
            return blocks.run(self, self._blocks, params, smooth, covariances, moments)
        response = None
        if params.B is not None:
            response = inputs.state_response(params.A, params.B, self.u, self.offsets)
            if not np.isfinite(response).all():
                return self.failed(covariances, moments)
        done = self._pass(params, response, smooth, covariances, moments, x)
        if response is not None:
            np.add(done.means, response, out=done.means)
        return done

    def _pass(self, params, response, smooth, covariances, moments, x):
        """Run a pass over the data without the response (T, n) of the states to the inputs."""
        system, batch = self._prepare(params, response)
        # Filtered covariances to keep must all fit in the schedule; memory never written to is never taken.
        work = self._workspace(
            system.C, system.diagonal, self._longest if covariances and not smooth else None
        )
        total = self._sums(moments)
        request = filter_smoother.PassRequest(smooth, covariances, self._probed, self.n_threads)
        done = filter_smoother.KalmanPass(system, batch, work, total, request, x)
        if np.shares_memory(done.store.values, work.schedule.P):
            self._work.clear()  # the covariances handed out live there
        if not done.succeeded and not self._probed:
            # From now on: the next parameters will hardly be better conditioned.
            self._probed = True
            return self._pass(params, response, smooth, covariances, moments, x)
        if not done.succeeded:
            return self._retry(params, covariances, smooth, moments, response)
        if total is not None:
            # The covariance pass sums N A P; with it, sum Cov(x[t+1], x[t]) = A sum P - Q sum N A P.
            total.lag[:] = system.A @ (total.P - total.P_last) - system.Q @ total.lag
        store = done.store if covariances else None
        return self._result(
            done.x, store, done.log_likelihood, done.quadratic, total, done.succeeded, False
        )

    def _prepare(self, params, response):
        A, C, Q, R, m0, P0 = writeable(params)[:6]
        d = np.zeros(len(C)) if params.d is None else writeable(params).d
        z, diagonal = self.y, is_diagonal(R)
        if not diagonal or params.n_inputs:
            z, d = self.y - self.observation_offset(params), np.zeros(len(C))
            if response is not None:
                z -= response @ C.T
        if not diagonal:
            observation.whiten(R, z, self.changed)
        At = np.ascontiguousarray(A.T)
        system = System(A, At, C, Q, R, m0, P0, d, diagonal, TOLERANCE)
        return system, filter_smoother.SequenceBatch(
            z, self.offsets.tolist(), self.changed, self._groups, self._gappy, self._trail(diagonal)
        )

    def _trail(self, diagonal):
        """Workspace of the sequences in which hardly a step repeats another; None where there are none."""
        if not self._gappy.starts.size:
            return None
        if diagonal not in self._trails:
            width = narrow.width_for(self.n_states)
            longest, D = self._longest_gappy, self.y.shape[1]
            self._trails[diagonal] = narrow.new_trail(longest, D, width, diagonal)
        return self._trails[diagonal]

    def _workspace(self, C, diagonal, slots):
        D, n = self.y.shape[1], self.n_states
        if slots is None:
            row = 8 * (n * n + D * n * (1 if diagonal else 2) + D + 1)
            slots = max(2, min(self._longest, _BUDGET // row))
        key = (diagonal, slots)
        if key not in self._work:
            self._work[key] = Workspace(
                _schedule(slots, D, n, diagonal),
                np.zeros(self._longest, dtype=np.int64),
                np.zeros((self._longest, D)),
            )
        if diagonal:
            self._work[key].schedule.W[0] = C
        return self._work[key]

    def _sums(self, moments):
        if moments is None:
            return None
        gaps = self._gaps
        direct = self.direct if gaps and moments == "by_variable" else np.zeros(0, dtype=bool)
        return filter_smoother.new_moments(
            self.y.shape[1], self.n_states, direct, gaps and moments == "jointly"
        )

    def failed(self, covariances, moments):
        """What comes back where there is no answer."""
        T, n = len(self.y), self.n_states
        store = (
            CovarianceStore(np.full((1, n, n), np.nan), np.zeros(T, dtype=np.int64))
            if covariances
            else None
        )
        return KalmanResult(
            np.full((T, n), np.nan), store, -np.inf, np.nan, self._sums(moments), False, False
        )

    def _retry(self, params, covariances, smooth, moments=None, response=None):
        """Run the square-root pass, as slow as it is careful."""
        system, batch = self._prepare(params, response)
        if not all(map(_is_covariance, (params.Q, params.R, params.P0))):
            return self.failed(covariances, moments)
        T, n = len(self.y), self.n_states
        total = self._sums(moments)
        sums = total
        if sums is None:
            sums = filter_smoother.new_moments(len(system.C), n, np.zeros(0, bool), False)
        roots = square_root.Roots(_root(params.Q), _root(params.P0))
        data = square_root.ObservedData(
            batch.z, self.offsets, self.changed, np.array(self.observed)
        )
        x, values = np.empty((T, n)), np.empty((T if covariances else 0, n, n))
        output = square_root.SquareRootOutput(x, values, sums)
        log_likelihood, quadratic, succeeded = square_root.run(
            system, roots, data, output, smooth, covariances
        )
        store = CovarianceStore(values, np.arange(T)) if covariances else None
        return self._result(x, store, log_likelihood.sum(), quadratic, total, succeeded, True)

    def _result(self, x, store, log_likelihood, quadratic, moments, succeeded, retried):
        # A mean that overflows where nothing is observed shows where the recursion ends.
        finite = np.isfinite(log_likelihood) and np.isfinite(x[self._ends]).all()
        return KalmanResult(
            x,
            store,
            float(log_likelihood),
            float(quadratic),
            moments,
            bool(succeeded and finite),
            retried,
        )


def _any_column(mask):
    """mask.any(axis=1), which NumPy makes slow where there are few columns."""
    if mask.shape[1] > 16:
        return mask.any(axis=1)
    hit = mask[:, 0].copy()
    for column in mask.T[1:]:
        hit |= column
    return hit


def _possible(params):
    """Whether parameters are numbers, and variances not negative; the filter would notice neither by itself."""
    if not all(np.isfinite(array).all() for array in params if array is not None):
        return False
    if any(P.diagonal().min() < 0.0 for P in (params.Q, params.R, params.P0)):
        return False
    return is_diagonal(params.R) or _is_covariance(params.R)


def _is_covariance(P):
    w = np.linalg.eigvalsh(P)
    return w[0] >= -1e-8 * max(w[-1], 0.0)


def _root(P):
    """Return U with U' U = P for a positive semi-definite P (Cholesky factor with pivoting, columns in their order).

    Unlike an eigenvector, a column keeps its zeros, and what rounding leaves of a singular P is cut off.
    """
    n = len(P)
    U = np.zeros((n, n))
    if not np.isfinite(P).all():
        return np.full_like(U, np.nan)
    left, whole = P.copy(), np.diag(P).copy()
    # Shares of the whole variance, so that the units of the states do not decide what is small.
    share = np.where(whole > 0.0, 1.0, 0.0)
    for k in range(n):
        j = np.argmax(share)
        if not share[j] > 4.0 * n * np.finfo(float).eps:
            break
        U[k] = left[j] / np.sqrt(left[j, j])
        left -= np.outer(U[k], U[k])
        # A state that is used up stays so.
        gone = np.diag(left) <= 4.0 * n * np.finfo(float).eps * whole
        gone[j] = True
        left[gone], left[:, gone] = 0.0, 0.0
        share = np.where(gone, 0.0, np.diag(left) / np.where(whole > 0.0, whole, 1.0))
    return U


def smooth_means(params, y, offsets=None):
    """Smoothed state means (T, n) of sequences y (T, D); NaN throughout where the pass fails."""
    done = Kalman(y, len(params.A), offsets).smooth(params)
    return done.means if done.succeeded else np.full_like(done.means, np.nan)
