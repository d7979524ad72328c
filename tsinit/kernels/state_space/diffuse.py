"""Diffuse first states: those of which nothing is known before the data, whose prior variance is infinite.

The first state is X delta beside a proper part, with delta free in every sequence. By linearity the pass itself stays
what it is (the augmented filter: de Jong, Ann. Statist. 19, 1991; Durbin and Koopman, Time Series Analysis by State
Space Methods, 2012, section 5.7): it runs once on the data, and with its gains once for each diffuse direction, on
zeros with the same gaps from a first mean of one. Standardised innovations of these, W, and of the data, w, make delta
a regression of w on W. With S = W'W the log-likelihood is that of w - W delta, less log|S| / 2, and what delta moves
has covariances N S^-1 N'.
The prior covariance that the pass takes for diffuse states is of no account, because delta is free beside it.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels.state_space.arrays import CovarianceStore
from tsinit.kernels.state_space.observation import complete

_RANK = 1e-9  # of the largest singular value of standardised regressors, below which a direction is not identified
_LOG_2PI = np.log(2.0 * np.pi)
_HEAD = (
    3  # observed rows, times the diffuse states, after which directions need no longer be followed
)
_SURE = 1e-5  # of the largest singular value, above which a direction is known well enough for that


def diffuse_states(params):
    """Which states (n,) are diffuse: they have infinite variances in P0."""
    return np.isinf(np.diag(params.P0))


def proper(params):
    """Return parameters with a finite prior, in which diffuse states vary about 0 by their own noise."""
    diffuse = diffuse_states(params)
    if not diffuse.any():
        return params
    P0 = np.where(diffuse[:, None] | diffuse, 0.0, params.P0)
    both = np.ix_(diffuse, diffuse)
    P0[both] = params.Q[both]
    return params._replace(m0=np.where(diffuse, 0.0, params.m0), P0=P0)


class DiffuseRegression(NamedTuple):
    """What the rows of one sequence say of delta (k,)."""

    delta: np.ndarray  # (k,) of least squares, the shortest where it is not unique
    root: np.ndarray  # (k, rank) with root root' = S^-1
    nothing: np.ndarray  # (k, k - rank) directions of which the rows say nothing
    log_det: float  # of S, over the directions that are identified
    left: float  # sum of squares that is left
    condition: float  # smallest singular value of standardised regressors, relative to the largest


def regress(W, w):
    """Regress w (N,) on W (N, k)."""
    k = W.shape[1]
    size = np.sqrt(np.einsum("ij,ij->j", W, W))
    size[size <= 1e-13 * size.max(initial=0.0)] = 1.0
    U, s, Vt = np.linalg.svd(W / size, full_matrices=len(W) < k)
    rank = int(np.count_nonzero(s > _RANK * s.max(initial=0.0))) if s.size else 0
    V = Vt[:rank].T
    root = V / s[:rank] / size[:, None]
    along = U[:, :rank].T @ w
    left = w - U[:, :rank] @ along
    whole = np.linalg.svd(V * s[:rank] * size[:, None], compute_uv=False)
    return DiffuseRegression(
        root @ along,
        root,
        Vt[rank:].T / size[:, None],
        2.0 * float(np.log(whole).sum()),
        float(left @ left),
        float(s[-1] / s[0]) if s.size == k and rank else 0.0,
    )


class Directions:
    """The data and the diffuse directions under the filter of a proper prior.

    Parameters
    ----------
    kalman : Kalman
    params : LinearGaussianParams
        With a diffuse state.

    Attributes
    ----------
    succeeded : bool
        False where the pass fails; the other attributes are missing then.
    known : LinearGaussianParams
        With the proper prior.
    base : KalmanResult
        Filtered, with covariances.
    filtered : (k, T, n) float
        How filtered means depend on delta, were delta known.
    W, w : (T, D, k), (T, D) float
        Standardised innovations; zero where nothing is observed.
    predicted : (k + 1, T, n) float
        Of the data, then how they depend on delta.
    values, index : (S, n, n), (T,)
        Predicted covariances, and which row has which.
    """

    def __init__(self, kalman, params):
        self.kalman, self.params, self.known = kalman, params, proper(params)
        self.which = np.flatnonzero(diffuse_states(params))
        self.base = kalman.proper_pass(self.known, False, True, None)
        self.succeeded = self.base.succeeded
        if not self.succeeded:
            return
        self.succeeded = self._standardise()

    def _smooth_directions(self):
        """How smoothed states depend on delta (k, T, n): all directions go back together, by the score of the state."""
        A, C = self.known.A, self.known.C
        T = len(self.index)
        rows, At = self._inverse_roots @ C, np.ascontiguousarray(A.T)
        back, up = self._shrink.transpose(0, 2, 1) @ At, rows.transpose(0, 2, 1)
        ends = np.zeros(T, dtype=bool)
        ends[self.kalman.offsets[1:] - 1] = True
        # N = predicted - P r with r = C' F^-1 C N + (I - K C)' A' r of the next step.
        r = up[self._step] @ self.W
        for t in range(T - 2, -1, -1):
            if not ends[t]:
                r[t] += back[self._step[t]] @ r[t + 1]
        out = self.predicted[1:].transpose(1, 2, 0) - self.values[self.index] @ r
        return np.ascontiguousarray(out.transpose(2, 0, 1))

    def _standardise(self):
        """Filter directions, and standardise all innovations; returns whether that works."""
        kalman, known = self.kalman, self.known
        A, C, Q, _, m0, P0 = known[:6]
        T, n, k = len(kalman.y), len(A), len(self.which)
        starts = kalman.offsets[:-1]
        starts = starts[starts < T]
        filtered = self.base.covariances
        self.values = np.concatenate([A @ filtered.values @ A.T + Q, P0[None]])
        self.index = np.empty(T, dtype=np.int64)
        self.index[1:] = filtered.index[:-1]
        self.index[starts] = len(self.values) - 1
        self.predicted = np.empty((k + 1, T, n))
        self.predicted[0, 1:] = self.base.means[:-1] @ A.T
        if known.B is not None:
            self.predicted[0, 1:] += kalman.u[:-1] @ known.B.T
        self.predicted[0, starts] = m0
        patterns, which = kalman.patterns
        # Steps of one predicted covariance that observe the same entries do the same.
        both, step = np.unique(self.index * len(patterns) + which, return_inverse=True)
        self._step = step
        inverse_roots, shrink, log_dets = self._gains(patterns, *np.divmod(both, len(patterns)))
        if inverse_roots is None:
            return False
        self._inverse_roots, self._shrink = inverse_roots, shrink
        self.log_det = float(log_dets[step].sum())
        N = np.empty((2, T, n, k))
        begin = np.zeros(T, dtype=bool)
        begin[starts] = True
        first = np.eye(n)[:, self.which]
        for t in range(T):
            N[0, t] = first if begin[t] else A @ N[1, t - 1]
            N[1, t] = shrink[step[t]] @ N[0, t]
        self.predicted[1:], self.filtered = N[0].transpose(2, 0, 1), N[1].transpose(2, 0, 1)
        errors = np.empty((T, len(C), k + 1))
        errors[:, :, 0] = kalman.y - self.predicted[0] @ C.T - kalman.observation_offset(known)
        errors[:, :, 1:] = C @ N[0]
        errors[~kalman.observed] = 0.0
        out = inverse_roots[step] @ errors
        self.w, self.W = out[:, :, 0], out[:, :, 1:]
        return bool(np.isfinite(out).all())

    def _gains(self, patterns, covariance, observed):
        """What each distinct step does: (inverse root of the innovations' covariance, I - K C, log det).

        Each is a predicted covariance and a pattern, by their places (U,) among all. The roots (U, D, D) are zero in
        rows and columns that are not observed; None where there is no root.
        """
        C, R = self.known.C, self.known.R
        n, D = len(self.known.A), len(C)
        U = len(covariance)
        roots, log_dets = np.zeros((U, D, D)), np.zeros(U)
        shrink = np.empty((U, n, n))
        shrink[:] = np.eye(n)
        for j, pattern in enumerate(patterns):
            if not pattern.any():
                continue
            mine = np.flatnonzero(observed == j)
            P, rows = self.values[covariance[mine]], C[pattern]
            CP = rows @ P
            F = CP @ rows.T + R[np.ix_(pattern, pattern)]
            try:
                L = np.linalg.cholesky(F)
            except np.linalg.LinAlgError:
                return None, shrink, log_dets
            inverse = np.linalg.inv(L)
            log_dets[mine] = 2.0 * np.log(np.einsum("sii->si", L)).sum(axis=1)
            roots[np.ix_(mine, pattern, pattern)] = inverse
            half = inverse @ CP
            shrink[mine] -= half.transpose(0, 2, 1) @ (inverse @ rows)
        return roots, shrink, log_dets

    def sequences(self):
        """Generate slices of the rows of every sequence that has some."""
        for start, stop in zip(self.kalman.offsets[:-1], self.kalman.offsets[1:], strict=True):
            if stop > start:
                yield slice(start, stop)

    def _regress(self, rows):
        k = len(self.which)
        return regress(self.W[rows].reshape(-1, k), self.w[rows].ravel())

    def solve(self):
        """Regress by sequence: [(rows, DiffuseRegression)]."""
        return [(rows, self._regress(rows)) for rows in self.sequences()]

    def log_likelihood(self, solved):
        """Log-likelihood of all sequences."""
        parts = sum(found.log_det + found.left for _, found in solved)
        return -0.5 * (self.kalman.n_observed * _LOG_2PI + self.log_det + parts)

    def so_far(self):
        """Regress the rows up to each one: (delta (T, k), S^-1 (T, k, k), directions not identified (T, k, k))."""
        T, k = len(self.w), len(self.which)
        delta, inverse, nothing = np.zeros((T, k)), np.zeros((T, k, k)), np.zeros((T, k, k))
        for rows in self.sequences():
            # Sums of squares lose half of the digits, which matter as long as little is known.
            careful, t = None, rows.start
            while t < rows.stop and (careful is None or t < careful):
                found = self._regress(slice(rows.start, t + 1))
                delta[t], inverse[t] = found.delta, found.root @ found.root.T
                free = found.nothing.shape[1]
                nothing[t, :, :free] = found.nothing
                if not free and careful is None:
                    careful = t + 4 * k
                t += 1
            W, w = self.W[rows], self.w[rows]
            S = np.cumsum(np.einsum("tdi,tdj->tij", W, W), axis=0)[t - rows.start :]
            s = np.cumsum(np.einsum("tdi,td->ti", W, w), axis=0)[t - rows.start :]
            later = slice(t, rows.stop)
            inverse[later] = np.linalg.inv(S)
            delta[later] = np.einsum("tij,tj->ti", inverse[later], s)
        return delta, inverse, nothing

    def smoothed(self, solved):
        """What delta does to smoothed states: (shift of their means (T, n), `extra`, `free`, both (k, T, n)).

        It adds sum_r extra[r] extra[r]' to their covariances; no row tells of states along `free`.
        """
        N = self._smooth_directions()
        shift, extra, free = np.zeros(N.shape[1:]), np.zeros_like(N), np.zeros_like(N)
        for rows, part in solved:
            shift[rows] = np.einsum("ktn,k->tn", N[:, rows], part.delta)
            rank = part.root.shape[1]
            extra[:rank, rows] = np.einsum("ktn,kr->rtn", N[:, rows], part.root)
            free[rank:, rows] = np.einsum("ktn,kr->rtn", N[:, rows], part.nothing)
        return shift, extra, free


def log_likelihood(kalman, params):
    """Return the log-likelihood; nan or -inf where it cannot be computed.

    Once the rows so far tell of every direction, the state has a proper distribution, and what follows is that of a
    plain pass. Several sequences are followed to their ends, because a pass has one prior for all.
    """
    k = int(np.count_nonzero(diffuse_states(params)))
    parts = kalman.parts(_HEAD * k) if params.C_inputs is None else None
    if parts is not None:
        head, tail = parts
        found = Directions(head, params)
        solved = found.solve() if found.succeeded else []
        if solved and solved[0][1].condition > _SURE:
            return found.log_likelihood(solved) + _after(found, solved[0][1], tail)
    found = kalman.directions(params)
    return found.log_likelihood(found.solve()) if found.succeeded else -np.inf


def _after(found, part, tail):
    """Log-likelihood of the rows that follow those of `found`, in which every direction is known."""
    A, B, last = found.known.A, found.known.B, found.base.covariances
    N = found.filtered[:, -1].T
    mean = A @ (found.base.means[-1] + N @ part.delta)
    if B is not None:
        mean += B @ found.kalman.u[-1]
    spread = N @ part.root
    P = A @ (last.values[last.index[-1]] + spread @ spread.T) @ A.T + found.known.Q
    done = tail.filter(found.known._replace(m0=mean, P0=0.5 * (P + P.T)))
    return done.log_likelihood if done.succeeded else -np.inf


def run(kalman, params, smooth, covariances, moments):
    """Run a pass with diffuse first states; see :meth:`Kalman.smooth`."""
    found = kalman.directions(params)
    if not found.succeeded:
        return kalman.failed(covariances, moments)
    solved = found.solve()
    log_likelihood = found.log_likelihood(solved)
    if not np.isfinite(log_likelihood):
        return kalman.failed(covariances, moments)
    quadratic = sum(part.left for _, part in solved)
    if smooth:
        return _smoothed(found, solved, (log_likelihood, quadratic), covariances, moments)
    delta, inverse, nothing = found.so_far()
    means = found.base.means + np.einsum("ktn,tk->tn", found.filtered, delta)
    store = None
    if covariances:
        N = found.filtered.transpose(1, 2, 0)
        base = found.base.covariances
        values = base.values[base.index] + N @ inverse @ N.transpose(0, 2, 1)
        store = CovarianceStore(_unknown(values, N @ nothing), np.arange(len(values)))
    return found.base._replace(
        means=means, covariances=store, log_likelihood=log_likelihood, quadratic=quadratic
    )


def _unknown(values, free):
    """Let states that no row has told of have an infinite variance, and no covariances."""
    unknown = np.abs(free).max(axis=2, initial=0.0) > 1e-7
    if unknown.any():
        values[unknown[:, :, None] | unknown[:, None, :]] = 0.0
        t, i = np.nonzero(unknown)
        values[t, i, i] = np.inf
    return values


def _smoothed(found, solved, totals, covariances, moments):
    kalman, params = found.kalman, found.params
    base = kalman.proper_pass(found.known, True, covariances, moments)
    shift, extra, free = found.smoothed(solved)
    if not (base.succeeded and np.isfinite(shift).all()):
        return kalman.failed(covariances, moments)
    means = base.means + shift
    if moments is not None:
        if free.any():  # sums over states of which nothing is known are infinite
            return kalman.failed(covariances, moments)
        _add(base.moments, kalman, params, extra)
    store = None
    if covariances:
        values = base.covariances.values[base.covariances.index]
        values += np.einsum("rti,rtj->tij", extra, extra)
        store = CovarianceStore(_unknown(values, free.transpose(1, 2, 0)), np.arange(len(values)))
    return base._replace(
        means=means, covariances=store, log_likelihood=totals[0], quadratic=totals[1]
    )


def _add(total, kalman, params, extra):
    """Add to the sums of the M-step what delta adds: of each column, second moments as those of means."""
    starts, stops = kalman.offsets[:-1], kalman.offsets[1:]
    some = stops > starts
    first, last = starts[some], stops[some] - 1
    pairs = np.setdiff1d(np.arange(len(kalman.y)), last)
    blank = np.flatnonzero(~kalman.observed.any(axis=1))
    shown = np.flatnonzero(kalman.observed.any(axis=1))
    for x in extra:
        total.P[...] += x.T @ x
        total.P_first[...] += x[first].T @ x[first]
        total.P_last[...] += x[last].T @ x[last]
        total.lag[...] += x[pairs + 1].T @ x[pairs]
        total.P_blank[...] += x[blank].T @ x[blank]
        for i, P in enumerate(total.P_observed):
            rows = x[kalman.observed[:, i] == total.direct[i]]
            P += rows.T @ rows
        if total.Cx.size:
            z = np.where(kalman.observed, 0.0, np.nan)
            complete(params.C, params.R, z, np.ascontiguousarray(x), kalman.changed)
            total.Cx[...] += z[shown].T @ x[shown]
            total.yy[...] += z[shown].T @ z[shown]
