"""Square-root Kalman filter and smoother: slower, and right where covariances lose their digits.

Covariances are carried as upper-triangular factors U, P = U' U, and every step is one QR factorisation of stacked
factors (Kailath, Sayed and Hassibi, Linear Estimation, 2000, chapter 12), so that no difference of nearly equal
matrices is ever formed. Used when the covariance pass reports that it lost too many digits.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import blend, blend_with_memory, entry, kernel, kernel_with_memory
from tsinit.kernels.dense import add_scaled, copy_into, matvec, product, product_nt, product_tn
from tsinit.kernels.state_space import rounding
from tsinit.kernels.state_space.arrays import Chunk, SmootherMoments
from tsinit.kernels.state_space.observation import factor_observed, whiten_rows
from tsinit.kernels.state_space.smoother_covariances import collect_gap

_EXACT = 1e-40  # of the variance of the state: noise that stands for none
_CERTAIN = 1e-2  # rounding that is a larger share of an innovation's deviation makes it all of it
_CHUNK = 2**22  # entries of factors to keep; a longer sequence is filtered twice


class Roots(NamedTuple):
    """Factors U of covariances U' U."""

    Q: np.ndarray  # (n, n)
    P0: np.ndarray  # (n, n)


class ObservedData(NamedTuple):
    """Sequences ready for the square-root pass."""

    z: np.ndarray  # (T, D) data, centred and whitened where R is full, NaN where missing
    offsets: np.ndarray  # (N + 1,) int64
    changed: (
        np.ndarray
    )  # (T,) bool: other entries are observed than one step before, or a sequence begins
    observed: np.ndarray  # (T, D) bool


class SquareRootOutput(NamedTuple):
    """Where results go."""

    x: np.ndarray  # (T, n) means
    covariances: np.ndarray  # (T or 0, n, n)
    sums: SmootherMoments  # of the M-step, added to


class RootState(NamedTuple):
    """A state, carried from step to step in place."""

    m: np.ndarray  # (n,) mean
    U: np.ndarray  # (n, n) factor of its covariance
    probe: np.ndarray  # (n,) of rounding; see rounding.py


class WhitenedRows(NamedTuple):
    """Observation noise turned into independent scalars."""

    W: np.ndarray  # (D, n) observation rows
    r: np.ndarray  # (D,) variances


@blend_with_memory
def _sort_rows(M):
    """Put the rows of M in falling order of their largest entries."""
    rows, cols = M.shape
    size = np.zeros(rows)
    for i in range(rows):
        for j in range(cols):
            size[i] = max(size[i], abs(M[i, j]))
    for i in range(rows - 1):
        top = i
        for k in range(i + 1, rows):
            if size[k] > size[top]:
                top = k
        if top != i:
            size[top], size[i] = size[i], size[top]
            for j in range(cols):
                M[top, j], M[i, j] = M[i, j], M[top, j]


@blend
def _reflect(M, k):
    """Empty column k of M below its diagonal by a Householder reflection of rows k on."""
    rows, cols = M.shape
    size = 0.0
    for i in range(k, rows):
        size += M[i, k] * M[i, k]
    if size == 0.0:
        return
    alpha = -np.sqrt(size) if M[k, k] > 0.0 else np.sqrt(size)
    # v = M[k:, k] - alpha e1, kept in the column that it empties.
    M[k, k] -= alpha
    scale = -1.0 / (alpha * M[k, k])
    for j in range(k + 1, cols):
        s = 0.0
        for i in range(k, rows):
            s += M[i, k] * M[i, j]
        s *= scale
        for i in range(k, rows):
            M[i, j] -= s * M[i, k]
    M[k, k] = alpha
    for i in range(k + 1, rows):
        M[i, k] = 0.0


@kernel
def triangularise(M):
    """Replace M (r, c) by the triangular factor of its QR, in place.

    Rows of very different size each keep their digits, because the large ones come first (Cox and Higham, BIT 38,
    1998).
    """
    _sort_rows(M)
    for k in range(min(M.shape)):
        _reflect(M, k)


@kernel_with_memory
def _observe(system, z, t, rows, state, M, spread):
    """Condition a state on the entries observed at step t; returns the likelihood terms and whether it could.

    spread : (n,) receives the standard deviations before. M : (D + n, D + n) workspace.
    """
    W, r, m, U, p = rows.W, rows.r, state.m, state.U, state.probe
    D, n = system.C.shape
    n_observed = 0
    for i in range(D):
        n_observed += not np.isnan(z[t, i])
    stack = M[: n_observed + n, : n_observed + n]
    trace = 0.0
    for b in range(n):
        size = 0.0
        for a in range(n):
            size += U[a, b] * U[a, b]
        spread[b] = np.sqrt(size)
        trace += size
    row = 0
    for i in range(D):
        if np.isnan(z[t, i]):
            continue
        for j in range(n_observed + n):
            stack[row, j] = 0.0
        stack[row, row] = np.sqrt(r[i])
        for a in range(n):
            s = 0.0
            for b in range(n):
                s += U[a, b] * W[i, b]
            stack[n_observed + a, row] = s
        row += 1
    for a in range(n):
        for b in range(n):
            stack[n_observed + a, n_observed + b] = U[a, b]
    triangularise(stack)
    # Forward substitution of X' s = e turns innovations into standardised ones; then m += Y' s. The probe follows.
    log_norm, square, succeeded, row = 0.0, 0.0, trace < np.inf, 0
    s, g = np.empty(D), np.empty(D)
    for i in range(D):
        if np.isnan(z[t, i]):
            continue
        e = z[t, i] - system.d[i]
        for a in range(n):
            e -= W[i, a] * m[a]
        drift, reach = 0.0, 0.0
        for a in range(n):
            drift += W[i, a] * p[a]
            reach += abs(W[i, a]) * spread[a]
        doubt = rounding.UNIT * np.sqrt(drift * drift + reach * reach)
        for k in range(row):
            e -= stack[k, row] * s[k]
            drift -= stack[k, row] * g[k]
        # A deviation of the size of rounding stands for none: the observation was certain.
        if not (abs(stack[row, row]) > 0.0 and doubt <= _CERTAIN * abs(stack[row, row]) < np.inf):
            succeeded = False
        s[row] = e / stack[row, row]
        g[row] = drift / stack[row, row]
        square += s[row] * s[row]
        log_norm += np.log(2.0 * np.pi * stack[row, row] * stack[row, row])
        row += 1
    for k in range(n_observed):
        for a in range(n):
            m[a] += stack[k, n_observed + a] * s[k]
            p[a] -= stack[k, n_observed + a] * g[k]
    for a in range(n):
        for b in range(n):
            U[a, b] = stack[n_observed + a, n_observed + b]
    rounding.stir(p, spread, t)
    return log_norm, square, succeeded


@kernel
def _advance(A, v, moved):
    """v <- A v."""
    matvec(A, v, moved)
    for a in range(v.size):
        v[a] = moved[a]


@entry
def _filter(system, UQ, chunk, state, factors):
    """Filtered means of the steps of a chunk, and factors (end - begin, n, n).

    state : that predicted for the first step, replaced by the one after the last.
    """
    D, n = system.C.shape
    z, changed, x, begin = chunk.z, chunk.changed, chunk.x, chunk.begin
    m, U = state.m, state.U
    L, r, W, M = np.zeros((D, D)), np.zeros(D), np.zeros((D, n)), np.empty((D + n, D + n))
    rows = WhitenedRows(W, r)
    moved, spread, tall, top = np.empty(n), np.empty(n), np.empty((2 * n, n)), np.empty((n, n))
    deviance, lost, quadratic, succeeded = 0.0, 0.0, 0.0, True
    for t in range(begin, chunk.end):
        if changed[t] or t == begin:
            factor_observed(system.R, z, t, L, r)
            whiten_rows(L, z, t, system.C, W)
        norm, square, good = _observe(system, z, t, rows, state, M, spread)
        quadratic += square
        term = norm + square - lost
        raised = deviance + term
        lost = (raised - deviance) - term
        deviance = raised
        succeeded &= good
        for a in range(n):
            x[t, a] = m[a]
        copy_into(factors[t - begin], U)
        _advance(system.A, m, moved)
        _advance(system.A, state.probe, moved)
        product_nt(U, system.A, top)
        for a in range(n):
            for b in range(n):
                tall[a, b] = top[a, b]
                tall[n + a, b] = UQ[a, b]
        triangularise(tall)
        for a in range(n):
            for b in range(n):
                U[a, b] = tall[a, b]
    return -0.5 * deviance, quadratic, succeeded


@kernel
def _absorb(rows, z, t, d, min_noise, V, M):
    """Add to V what the entries observed at step t say of the state there.

    V : (n, n + 1) information: the data say that V[:, :n] x - V[:, n] is white noise. min_noise : (D,) variance that
    stands in for that of an exact observation.
    """
    W, r = rows.W, rows.r
    D, n = W.shape
    for a in range(n):
        for b in range(n + 1):
            M[a, b] = V[a, b]
    row = n
    for i in range(D):
        if np.isnan(z[t, i]):
            continue
        weight = 1.0 / np.sqrt(max(r[i], min_noise[i]))
        for b in range(n):
            M[row, b] = weight * W[i, b]
        M[row, n] = weight * (z[t, i] - d[i])
        row += 1
    stack = M[:row]
    triangularise(stack)
    for a in range(n):
        for b in range(n + 1):
            V[a, b] = stack[a, b]


@kernel_with_memory
def _step_back(A, UQ, V, M, left, right):
    """V <- what it says of the state one step before, the noise in between integrated out.

    Writes to right (n, n) the transition that remains: Cov(x[t+1], x[t]) = right Cov(x[t]) given all data.
    """
    n = A.shape[0]
    product_nt(V[:, :n].copy(), UQ, left)
    product(V[:, :n].copy(), A, right)
    for a in range(n):
        for b in range(n):
            M[a, b], M[a, n + b] = (1.0 if a == b else 0.0), 0.0
            M[n + a, b], M[n + a, n + b] = left[a, b], right[a, b]
        M[a, 2 * n], M[n + a, 2 * n] = 0.0, V[a, n]
    triangularise(M)
    for a in range(n):
        for b in range(n + 1):
            V[a, b] = M[n + a, n + b]
    # Given the state before, the noise has the mean T^{-1} (.. - S x): T and S are the first rows of M.
    for b in range(n):
        for a in range(n - 1, -1, -1):
            s = M[a, n + b]
            for k in range(a + 1, n):
                s -= M[a, k] * left[k, b]
            left[a, b] = s / M[a, a]
    product_tn(UQ, left, right)
    for a in range(n):
        for b in range(n):
            right[a, b] = A[a, b] - right[a, b]


@kernel_with_memory
def _combine(V, U, x, t, M, left, right, P):
    """Turn the filtered state (x[t], factor U) into the smoothed one (x[t], covariance P) by the information V."""
    n = U.shape[0]
    product_nt(V[:, :n].copy(), U, left)
    for a in range(n):
        s = V[a, n]
        for b in range(n):
            s -= V[a, b] * x[t, b]
            M[a, b] = 1.0 if a == b else 0.0
            M[n + a, b] = left[a, b]
        M[a, n], M[n + a, n] = 0.0, s
    triangularise(M)
    # T z = s for the mean m + U' z; T' X = U for the covariance X' X. T is never singular: it contains the identity.
    for a in range(n - 1, -1, -1):
        for k in range(a + 1, n):
            M[a, n] -= M[a, k] * M[k, n]
        M[a, n] /= M[a, a]
    for a in range(n):
        for b in range(n):
            x[t, b] += U[a, b] * M[a, n]
    for b in range(n):
        for a in range(n):
            s = U[a, b]
            for k in range(a):
                s -= M[k, a] * right[k, b]
            right[a, b] = s / M[a, a]
    product_tn(right, right, P)


@kernel
def _collect(system, z, t, observed, P, sums):
    """Add the smoothed covariance of step t to the sums of the M-step."""
    add_scaled(sums.P, 1.0, P)
    blank = True
    for i in range(observed.shape[1]):
        blank &= not observed[t, i]
    if blank:
        add_scaled(sums.P_blank, 1.0, P)
    for i in range(sums.P_observed.shape[0]):
        if observed[t, i] == sums.direct[i]:
            add_scaled(sums.P_observed[i], 1.0, P)
    if sums.Cx.shape[0] > 0:
        collect_gap(system, z, t, 1.0, P, sums)


@entry
def _smooth(system, UQ, chunk, observed, factors, V, output, keep):
    """Turn filtered means of a chunk into smoothed ones and add up the sums of the M-step.

    V : (n, n + 1) information of later steps about the one after, replaced by that about the first. keep : whether to
    store covariances. Returns the smoothed covariance of the first.
    """
    A, z, changed, begin, end = system.A, chunk.z, chunk.changed, chunk.begin, chunk.end
    x, sums = output.x, output.sums
    D, n = system.C.shape
    L, r, W, min_noise = np.zeros((D, D)), np.zeros(D), np.zeros((D, n)), np.empty(D)
    rows = WhitenedRows(W, r)
    left, right, P, lag = np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n))
    absorbing, moving, joining = (
        np.empty((n + D, n + 1)),
        np.empty((2 * n, 2 * n + 1)),
        np.empty((2 * n, n + 1)),
    )
    for t in range(end - 1, begin - 1, -1):
        last = t == chunk.stop - 1
        if not last:
            if t + 2 >= end or changed[t + 2]:
                factor_observed(system.R, z, t + 1, L, r)
                whiten_rows(L, z, t + 1, system.C, W)
                _negligible_noise(system, W, min_noise)
            _absorb(rows, z, t + 1, system.d, min_noise, V, absorbing)
            _step_back(A, UQ, V, moving, left, lag)
        _combine(V, factors[t - begin], x, t, joining, left, right, P)
        if last:
            add_scaled(sums.P_last, 1.0, P)
        else:
            product(lag, P, left)
            add_scaled(sums.lag, 1.0, left)
        if keep:
            copy_into(output.covariances[t], P)
        _collect(system, z, t, observed, P, sums)
    return P


@kernel
def _negligible_noise(system, W, min_noise):
    """min_noise (D,) <- noise variances that count as none beside the spread of the state."""
    for i in range(W.shape[0]):
        reach = 0.0
        for a in range(W.shape[1]):
            reach += abs(W[i, a]) * np.sqrt(system.P0[a, a] + system.Q[a, a])
        min_noise[i] = max(_EXACT * reach * reach, 1e-300)


def run(system, roots, data, output, smooth, keep):
    """Run over all sequences; returns the likelihood by sequence, the sum of squares, and whether all went well.

    Leaves filtered or smoothed means and, where `keep`, covariances in `output`, and adds to its sums. A long sequence
    is cut into chunks, and the smoother filters each again: factors of one chunk are kept at a time. Plain Python, as
    it turns once per chunk and would take long to compile.
    """
    n, offsets = len(system.A), data.offsets.tolist()
    log_likelihood, quadratic, succeeded = np.zeros(len(offsets) - 1), 0.0, True
    for q, (start, stop) in enumerate(pairwise(offsets)):
        length = min(stop - start, max(_CHUNK // (n * n), int(np.sqrt(stop - start))))
        chunks = [
            Chunk(data.z, data.changed, output.x, start, stop, begin, min(begin + length, stop))
            for begin in range(start, stop, max(length, 1))
        ]
        factors, entries = np.empty((length, n, n)), []
        state = RootState(system.m0.copy(), roots.P0.copy(), np.zeros(n))
        for chunk in chunks:
            entries.append((state.m.copy(), state.U.copy()))
            part, square, good = _filter(system, roots.Q, chunk, state, factors)
            log_likelihood[q] += part
            quadratic += square
            succeeded &= good
            if keep and not smooth:
                filtered = factors[: chunk.end - chunk.begin]
                output.covariances[chunk.begin : chunk.end] = np.einsum(
                    "tka,tkb->tab", filtered, filtered
                )
        if not (smooth and chunks):
            continue
        V, P = np.zeros((n, n + 1)), None
        for chunk, (m, U) in zip(reversed(chunks), reversed(entries), strict=True):
            if chunk.end < stop:
                _filter(system, roots.Q, chunk, RootState(m, U, state.probe), factors)
            P = _smooth(system, roots.Q, chunk, data.observed, factors, V, output, keep)
        output.sums.P_first[...] += P
    return log_likelihood, quadratic, succeeded
