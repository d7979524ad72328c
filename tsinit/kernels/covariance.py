"""The half of the Kalman filter and smoother that does not look at the values of the data.

Covariances and gains depend on which entries are seen, not on what they are. So they are computed once for each
distinct step (a *slot* of the schedule) and shared by all steps that repeat it: after the filter has settled, and
by every complete sequence. Measurements enter one scalar at a time, which needs no inverse and handles gaps by
leaving them out; the backward pass is the fixed-interval smoother of de Jong (Biometrika 76, 1989) in its
information form, which never inverts a predicted covariance, so that a singular Q is no special case.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels import rounding
from tsinit.kernels._jit import blend, entry, kernel
from tsinit.kernels.dense import copy_into, matvec, product, product_nt, product_tn, symmetrise
from tsinit.kernels.observation import factor_seen, regress_missing, whiten_rows

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


class Schedule(NamedTuple):
    """What the filter does at each distinct step."""

    K: np.ndarray  # (S, D, n) gain of each scalar observation
    precision: np.ndarray  # (S, D) inverse innovation variance, 0 = not observed
    log_norm: np.ndarray  # (S,) sum of log(2 pi v) over the seen entries
    P: np.ndarray  # (S, n, n) filtered covariance
    W: np.ndarray  # (S or 1, D, n) observation rows, whitened where R is full


class Moments(NamedTuple):
    """Sums of covariances over time that the M-step needs, to be filled in place."""

    P: np.ndarray  # (n, n) sum of smoothed covariances
    P_first: np.ndarray  # (n, n) the same over first steps
    P_last: np.ndarray  # (n, n) and over last steps
    lag: np.ndarray  # (n, n) sum of Cov(x[t+1], x[t]); while the covariance pass runs, sum of its N A P term
    P_blank: np.ndarray  # (n, n) and over steps that see nothing
    P_seen: np.ndarray  # (D or 0, n, n) by variable, over the steps `direct` chooses
    direct: np.ndarray  # (D,) True: sum the steps that see the variable; False: those that do not
    Cx: np.ndarray  # (D, n) or (0, n): sum of Cov(y, x) of missing entries
    yy: np.ndarray  # (D, D) or (0, D): sum of Cov(y) of missing entries


class Store(NamedTuple):
    """Distinct covariances and which step has which."""

    values: np.ndarray  # (S, n, n)
    index: np.ndarray  # (T,)


@blend
def condition_on(P, W, w, i, r, K, slot):
    """Condition P on one scalar observation with row W[w, i] and noise variance r; returns its variance v."""
    n = P.shape[0]
    v = r
    for a in range(n):
        s = 0.0
        for b in range(n):
            s += P[a, b] * W[w, i, b]
        K[slot, i, a] = s
        v += s * W[w, i, a]
    scale = 1.0 / v
    for a in range(n):
        ka = K[slot, i, a] * scale
        for b in range(n):
            P[a, b] -= ka * K[slot, i, b]
    for a in range(n):
        K[slot, i, a] *= scale
    return v


@blend
def _load(P, values, slot):
    """P <- values[slot]; by index, because a view costs more than copying a small matrix."""
    for i in range(P.shape[0]):
        for j in range(P.shape[1]):
            P[i, j] = values[slot, i, j]


@blend
def _save(values, slot, P):
    """values[slot] <- P."""
    for i in range(P.shape[0]):
        for j in range(P.shape[1]):
            values[slot, i, j] = P[i, j]


@blend
def _add_symmetric(out, Q):
    """out <- symmetric part of out, plus Q."""
    n = out.shape[0]
    for i in range(n):
        for j in range(i + 1):
            value = 0.5 * (out[i, j] + out[j, i]) + Q[i, j]
            out[i, j] = value
            out[j, i] = value


@blend
def _subtract_from(P, out):
    """out <- P minus the symmetric part of out."""
    n = out.shape[0]
    for i in range(n):
        for j in range(i + 1):
            value = P[i, j] - 0.5 * (out[i, j] + out[j, i])
            out[i, j] = value
            out[j, i] = value


@blend
def _drop_negative(P):
    """Take variances that rounding made negative for what they are, nothing."""
    n = P.shape[0]
    for a in range(n):
        if P[a, a] < 0.0:
            for b in range(n):
                P[a, b] = 0.0
                P[b, a] = 0.0


@kernel
def update(W, w, r, z, t, P, K, precision, log_norm, slot, trail, s, probed):
    """Condition P on the entries seen at step t and note the gains; False when P is too badly conditioned.

    trail : (n,) carried from step to step: the probe of the rounding in P where `probed`, else the largest variances
    so far. s : (n,) standard deviations before, needed where `probed`.
    """
    D = W.shape[1]
    sound = True
    if probed is None:
        sound = rounding.raise_peak(P, trail)
    volume, total, spread, seen, exact = 1.0, 0.0, 1.0, 0, 0
    for i in range(D):
        precision[slot, i] = 0.0
        if np.isnan(z[t, i]):
            continue
        if probed is None:
            doubt = rounding.reach(W, w, i, trail)
            v = condition_on(P, W, w, i, r[i], K, slot)
        else:
            drift, doubt = rounding.project(W, w, i, trail, s)
            v = condition_on(P, W, w, i, r[i], K, slot)
            rounding.follow(trail, K, slot, i, drift)
        if not (v > 0.0 and v >= (1.0 - rounding.TRUST) * r[i] and rounding.UNIT * doubt <= rounding.TRUST * v):
            sound = False
        seen += 1
        exact += r[i] == 0.0
        precision[slot, i] = 1.0 / v
        spread = max(spread, doubt * precision[slot, i])
        # One logarithm for many variances, as long as their product stays in range.
        volume *= 2.0 * np.pi * v
        if not 1e-200 < volume < 1e200:
            total += np.log(volume)
            volume = 1.0
    log_norm[slot] = total + np.log(volume)
    if probed is None:
        return sound and rounding.stands_out(P, trail, spread)
    if seen > 0:
        _drop_negative(P)
        # What an exact observation leaves is nothing, and so is all of it rounding.
        sound &= exact > 0 or rounding.kept(P, trail, s)
    rounding.stir(trail, s, t)
    return sound


@entry
def forward(system, z, t, stop, changed, P, trail, plan, index, start, probed):
    """Fill the schedule for steps t..stop, or until its slots run out.

    z : (T, D), only its gaps matter; P : (n, n) predicted covariance at step t, and trail : (n,) what tells of the
    rounding in it (see `update`), replaced by those at the end; index[s - start] : slot of step s; probed : True to
    carry a probe of the rounding along, None to leave that code out and be careful. Returns (end, slots used, sound).
    """
    A, C, Q, R, diagonal = system.A, system.C, system.Q, system.R, system.diagonal
    K, precision, log_norm, filtered, W = plan.K, plan.precision, plan.log_norm, plan.P, plan.W
    D, n = C.shape
    slots = filtered.shape[0]
    slot = np.int64(-1)
    settled, sound = False, True
    half, before = np.empty((n, n)), np.empty((n, n))
    s, scratch = np.empty(n), np.empty(n)
    L, r, w = np.zeros((D, D)), np.empty(D), np.int64(0)
    for i in range(D):
        r[i] = R[i, i]
    while t < stop:
        if settled and not changed[t]:
            index[t - start] = slot
            t += 1
            continue
        if slot + 1 == slots:
            break
        slot += 1
        if not diagonal:
            w = slot
            if slot == 0 or changed[t]:
                factor_seen(R, z, t, L, r)
                whiten_rows(L, z, t, C, W[slot])
            else:
                copy_into(W[slot], W[slot - 1])
        # Whether the filter has settled matters only where the next step could share this one's slot.
        watched = t + 1 < stop and not changed[t + 1]
        if watched:
            copy_into(before, P)
        if watched or probed is not None:
            sound &= rounding.deviations(P, s) < np.inf
        sound &= update(W, w, r, z, t, P, K, precision, log_norm, slot, trail, s, probed)
        _save(filtered, slot, P)
        product(A, P, half)
        product_nt(half, A, P)
        _add_symmetric(P, Q)
        if probed is not None:
            matvec(A, trail, scratch)
            for a in range(n):
                trail[a] = scratch[a]
        index[t - start] = slot
        t += 1
        settled = watched and rounding.settled(P, before, A, s, False, system.tol, scratch)
    return t, slot + 1, sound


@blend
def inform(N, W, w, i, K, slot, precision, Nk):
    """N <- (I - c k')' N (I - k c') + c c' / v for one scalar observation, in place (row W[w, i], gain K[slot, i]).

    Returns the weight k' N k + 1 / v that it gave to c c'.
    """
    n = N.shape[0]
    corner = precision
    for a in range(n):
        s = 0.0
        for b in range(n):
            s += N[a, b] * K[slot, i, b]
        Nk[a] = s
        corner += s * K[slot, i, a]
    for a in range(n):
        ca = W[w, i, a]
        na = Nk[a] - corner * ca
        for b in range(n):
            N[a, b] -= na * W[w, i, b] + ca * Nk[b]
    return corner


@blend
def add_scaled(total, weight, P):
    for i in range(P.shape[0]):
        for j in range(P.shape[1]):
            total[i, j] += weight * P[i, j]


@kernel
def _collect(weight, P, B, precision, slot, sums):
    """Add one distinct step, taken `weight` times, to the sums."""
    add_scaled(sums.P, weight, P)
    add_scaled(sums.lag, weight, B)
    seen = 0
    for i in range(precision.shape[1]):
        seen += precision[slot, i] > 0.0
    if seen == 0:
        add_scaled(sums.P_blank, weight, P)
    P_seen, direct = sums.P_seen, sums.direct
    for i in range(P_seen.shape[0]):
        if (precision[slot, i] > 0.0) == direct[i]:
            for a in range(P.shape[0]):
                for b in range(P.shape[0]):
                    P_seen[i, a, b] += weight * P[a, b]


@kernel
def _collect_gap(system, z, t, weight, P, sums):
    """Add Cov(y, x) and Cov(y) of the entries missing at step t, given the seen ones, where they are asked for."""
    D, n = system.C.shape
    seen = 0
    for i in range(D):
        seen += not np.isnan(z[t, i])
    if seen == 0 or seen == D:
        return
    H, left = np.zeros((D, D)), np.zeros((D, D))
    regress_missing(system.R, z, t, H, left)
    rows = np.zeros((D, n))  # C_m - H C_o, zero where seen
    for m in range(D):
        if np.isnan(z[t, m]):
            for a in range(n):
                rows[m, a] = system.C[m, a]
                for i in range(D):
                    if not np.isnan(z[t, i]):
                        rows[m, a] -= H[m, i] * system.C[i, a]
    cross = np.zeros((D, n))
    product(rows, P, cross)
    add_scaled(sums.Cx, weight, cross)
    add_scaled(sums.yy, weight, left)
    spread = np.zeros((D, D))
    product_nt(cross, rows, spread)
    add_scaled(sums.yy, weight, spread)


@kernel
def append(values, used, P):
    """Store P at place `used` of values, in a larger copy when it is full."""
    if used == values.shape[0]:
        n = P.shape[0]
        larger = np.empty((2 * used + 16, n, n))
        for s in range(used):
            for i in range(n):
                for j in range(n):
                    larger[s, i, j] = values[s, i, j]
        values = larger
    _save(values, used, P)
    return values


@entry
def backward(
    system, z, t, stop, plan, index, start, end, carry, q, sums, collect, gaps, probed, keep, values, used, where
):
    """Smoothed covariances of steps t - 1 down to stop, and their sums where `collect`.

    start, end : the sequence's own bounds.
    carry : (2, n, n) N A and A' N A from the step after, and q : (n,) the probe of the rounding in A' N A, replaced
    by those of step `stop`.
    probed : see `forward`; without it q is left alone.
    gaps : True where the sums of missing entries are asked for, else None, which leaves that code out.
    keep : IN_PLACE puts each smoothed covariance where the filtered one was; APPEND stores the distinct ones in
    `values` from place `used` on; where[s] : place of step s.
    Returns (values, used, sound).
    """
    A, K, precision, filtered, W = system.A, plan.K, plan.precision, plan.P, plan.W
    diagonal, tol = system.diagonal, system.tol
    NA, A_NA = carry[0], carry[1]
    D, n = system.C.shape
    G, B, P, P_filtered, before = (
        np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n)),
    )  # fmt: skip
    Nk, s, scratch = np.empty(n), np.empty(n), np.empty(n)
    slot, weight, settled, sound = np.int64(-1), 0.0, False, True
    t -= 1
    last = t
    while t >= stop:
        if settled and index[t - start] == slot:
            weight += 1.0
            where[t] = used - 1
            t -= 1
            continue
        if collect and slot >= 0:
            _collect(weight, P, B, precision, slot, sums)
            if gaps is not None:
                _collect_gap(system, z, last, weight, P, sums)
        slot, weight, last = index[t - start], 1.0, t
        # P_smooth = P - P (A' N A) P, and the lag-one term B = N A P.
        _load(P_filtered, filtered, slot)
        if collect:
            product(NA, P_filtered, B)
            product_tn(A, B, G)
        else:
            product(A_NA, P_filtered, G)
        product(P_filtered, G, P)
        _subtract_from(P_filtered, P)
        if probed is None:
            sound &= rounding.stands_out_of(P, P_filtered)
        else:
            sound &= rounding.trusted(P, P_filtered, q, scratch)
        if keep == APPEND:
            values = append(values, used, P)
        used += 1
        where[t] = used - 1
        if keep == IN_PLACE:
            _save(filtered, slot, P)
            where[t] = slot
        if t == end - 1:
            add_scaled(sums.P_last, 1.0, P)
        w = np.int64(0) if diagonal else slot
        t -= 1
        watched = t >= stop and index[t - start] == slot
        if watched:
            copy_into(before, A_NA)
        # Observations enter A' N A in place; what comes out is N of this step.
        sized = watched or probed is not None
        for a in range(n if sized else 0):
            s[a] = A_NA[a, a]
        for i in range(D - 1, -1, -1):
            if precision[slot, i] > 0.0:
                corner = inform(A_NA, W, w, i, K, slot, precision[slot, i], Nk)
                if sized:
                    rounding.grow(s, A_NA, W, w, i, corner)
                if probed is not None:
                    rounding.lead(q, W, w, i, K, slot)
        for a in range(n if sized else 0):
            s[a] = np.sqrt(max(s[a], 0.0))
        if probed is not None:
            rounding.stir(q, s, t)
            for a in range(n):
                scratch[a] = 0.0
            for b in range(n):
                for a in range(n):
                    scratch[a] += A[b, a] * q[b]
            for a in range(n):
                q[a] = scratch[a]
        product(A_NA, A, NA)
        product_tn(A, NA, A_NA)
        symmetrise(A_NA)
        settled = watched and rounding.settled(A_NA, before, A, s, True, tol, scratch)
    if collect:
        _collect(weight, P, B, precision, slot, sums)
        if gaps is not None:
            _collect_gap(system, z, last, weight, P, sums)
        if stop == start:
            add_scaled(sums.P_first, 1.0, P)
    return values, used, sound
