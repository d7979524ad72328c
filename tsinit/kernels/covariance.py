"""The half of the Kalman filter and smoother that does not look at the values of the data.

Covariances and gains depend on which entries are seen, not on what they are. So they are computed once for each
distinct step (a *slot* of the schedule) and shared by all steps that repeat it: after the filter has settled, and
by every complete sequence. Measurements enter one scalar at a time, which needs no inverse and handles gaps by
leaving them out; the backward pass is the fixed-interval smoother of de Jong (Biometrika 76, 1989) in its
information form, which never inverts a predicted covariance, so that a singular Q is no special case.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import blend, kernel
from tsinit.kernels.dense import copy_into, product, product_nt, product_tn, symmetrise
from tsinit.kernels.observation import factor_seen, regress_missing, whiten_rows


class System(NamedTuple):
    """A model ready for the kernels: C-ordered, centred, R diagonal or full."""

    A: np.ndarray  # (n, n)
    C: np.ndarray  # (D, n)
    Q: np.ndarray  # (n, n)
    R: np.ndarray  # (D, D)
    m0: np.ndarray  # (n,)
    P0: np.ndarray  # (n, n)
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
def change(new, old):
    """Size of the difference relative to the size of `new` (Frobenius norms)."""
    n = new.shape[0]
    size, diff = 0.0, 0.0
    for i in range(n):
        for j in range(n):
            step = new[i, j] - old[i, j]
            size += new[i, j] * new[i, j]
            diff += step * step
    return np.sqrt(diff / size) if size > 0.0 else 0.0


@blend
def condition_on(P, W, i, r, gain):
    """Condition P on one scalar observation with row W[i] and noise variance r; returns its variance v."""
    n = P.shape[0]
    v = r
    for a in range(n):
        s = 0.0
        for b in range(n):
            s += P[a, b] * W[i, b]
        gain[i, a] = s
        v += s * W[i, a]
    for a in range(n):
        ka = gain[i, a] / v
        for b in range(n):
            P[a, b] -= ka * gain[i, b]
    for a in range(n):
        gain[i, a] /= v
    return v


@kernel
def predict(system, P, half, out):
    """P <- A P A' + Q."""
    product(system.A, P, half)
    product_nt(half, system.A, out)
    n = P.shape[0]
    for i in range(n):
        for j in range(n):
            out[i, j] += system.Q[i, j]
    symmetrise(out)


@kernel
def update(system, r, z, t, P, plan, slot):
    """Condition P on the entries seen at step t and note gains; False when P is too badly conditioned."""
    D, n = system.C.shape
    W = plan.W[0 if system.diagonal else slot]
    top = 0.0
    for a in range(n):
        top = max(top, P[a, a])
    log_norm, sound = 0.0, top < np.inf
    for i in range(D):
        plan.precision[slot, i] = 0.0
        if np.isnan(z[t, i]):
            continue
        size = 0.0
        for a in range(n):
            size += W[i, a] * W[i, a]
        v = condition_on(P, W, i, r[i], plan.K[slot])
        # Rounding in P (2e-16 of its largest entry) must stay small against the innovation variance,
        # and the part of it that comes from the state must not be negative.
        if not (v > 2e-8 * 1e-8 * top * size and v > 0.0 and v - r[i] >= -1e-8 * v):
            sound = False
        plan.precision[slot, i] = 1.0 / v
        log_norm += np.log(2.0 * np.pi * v)
    plan.log_norm[slot] = log_norm
    return sound


@kernel
def forward(system, z, t, stop, changed, P, plan, index, start):
    """Fill the schedule for steps t..stop, or until its slots run out.

    z : (T, D), only its gaps matter; P : (n, n) predicted covariance at step t, replaced by that at the end;
    index[s - start] : slot of step s. Returns (end, slots used, settled, sound).
    """
    D, n = system.C.shape
    slots = plan.P.shape[0]
    slot = -1
    settled, sound = False, True
    half, P_next = np.empty((n, n)), np.empty((n, n))
    L, r = np.zeros((D, D)), np.zeros(D)
    for i in range(D):
        r[i] = system.R[i, i]
    while t < stop:
        if settled and not changed[t]:
            index[t - start] = slot
            t += 1
            continue
        if slot + 1 == slots:
            break
        slot += 1
        if not system.diagonal:
            if slot == 0 or changed[t]:
                factor_seen(system.R, z, t, L, r)
                whiten_rows(L, z, t, system.C, plan.W[slot])
            else:
                copy_into(plan.W[slot], plan.W[slot - 1])
        copy_into(plan.P[slot], P)
        sound &= update(system, r, z, t, plan.P[slot], plan, slot)
        predict(system, plan.P[slot], half, P_next)
        index[t - start] = slot
        t += 1
        # Whether the filter has settled matters only where the next step could share this one's slot.
        settled = t < stop and not changed[t] and change(P_next, P) <= system.tol
        copy_into(P, P_next)
    return t, slot + 1, sound


@blend
def inform(N, W, i, k, precision, Nk):
    """N <- (I - c k') ' N (I - k c') + c c' / v for one scalar observation, in place (row W[i], gain k[i])."""
    n = N.shape[0]
    corner = precision
    for a in range(n):
        s = 0.0
        for b in range(n):
            s += N[a, b] * k[i, b]
        Nk[a] = s
        corner += s * k[i, a]
    for a in range(n):
        ca, na = W[i, a], Nk[a]
        for b in range(n):
            N[a, b] += corner * ca * W[i, b] - na * W[i, b] - ca * Nk[b]


@blend
def add_scaled(total, weight, P):
    for i in range(P.shape[0]):
        for j in range(P.shape[1]):
            total[i, j] += weight * P[i, j]


@kernel
def _collect(weight, P, B, plan, slot, sums):
    """Add one distinct step, taken `weight` times, to the sums."""
    add_scaled(sums.P, weight, P)
    add_scaled(sums.lag, weight, B)
    blank = True
    for i in range(plan.precision.shape[1]):
        blank &= plan.precision[slot, i] == 0.0
    if blank:
        add_scaled(sums.P_blank, weight, P)
    for i in range(sums.P_seen.shape[0]):
        if (plan.precision[slot, i] > 0.0) == sums.direct[i]:
            add_scaled(sums.P_seen[i], weight, P)


@kernel
def _collect_gap(system, z, t, weight, P, sums):
    """Add Cov(y, x) and Cov(y) of the entries missing at step t, given the seen ones, where they are asked for."""
    D, n = system.C.shape
    if sums.Cx.shape[0] == 0:
        return
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
    n = P.shape[0]
    if used == values.shape[0]:
        larger = np.empty((2 * used + 16, n, n))
        for s in range(used):
            copy_into(larger[s], values[s])
        values = larger
    copy_into(values[used], P)
    return values


@kernel
def backward(system, z, t, stop, plan, index, start, end, carry, sums, keep, values, used, where):
    """Smoothed covariances of steps t - 1 down to stop, and their sums.

    start, end : the sequence's own bounds.
    carry : (2, n, n) N A and A' N A from the step after, replaced by those of step `stop`.
    keep : store each distinct smoothed covariance in `values` from place `used` on; where[s] : its place.
    Returns (values, used).
    """
    D, n = system.C.shape
    NA, A_NA = carry[0], carry[1]
    N, G, B, P, before = (
        np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n)),
    )  # fmt: skip
    Nk = np.empty(n)
    slot, weight, settled = np.int64(-1), 0.0, False
    t -= 1
    last = t
    while t >= stop:
        if settled and index[t - start] == slot:
            weight += 1.0
            where[t] = used - 1
            t -= 1
            continue
        if slot >= 0:
            _collect(weight, P, B, plan, slot, sums)
            _collect_gap(system, z, last, weight, P, sums)
        slot, weight, last = index[t - start], 1.0, t
        # P_smooth = P - P (A' N A) P, and the lag-one term B = N A P.
        product(NA, plan.P[slot], B)
        product_tn(system.A, B, G)
        product(plan.P[slot], G, P)
        for i in range(n):
            for j in range(n):
                P[i, j] = plan.P[slot, i, j] - P[i, j]
        symmetrise(P)
        if keep:
            values = append(values, used, P)
        used += 1
        where[t] = used - 1
        if t == end - 1:
            copy_into(sums.P_last, P)
        copy_into(N, A_NA)
        copy_into(before, A_NA)
        W = plan.W[0 if system.diagonal else slot]
        for i in range(D - 1, -1, -1):
            if plan.precision[slot, i] > 0.0:
                inform(N, W, i, plan.K[slot], plan.precision[slot, i], Nk)
        product(N, system.A, NA)
        product_tn(system.A, NA, A_NA)
        symmetrise(A_NA)
        t -= 1
        settled = t >= stop and index[t - start] == slot and change(A_NA, before) <= system.tol
    _collect(weight, P, B, plan, slot, sums)
    _collect_gap(system, z, last, weight, P, sums)
    if stop == start:
        copy_into(sums.P_first, P)
    return values, used
