"""The half of the Kalman filter that does not look at the values of the data.

Covariances and gains depend on which entries are seen, not on what they are. So they are computed once for each
distinct step (a *slot* of the schedule) and shared by all steps that repeat it: after the filter has settled, and
by every complete sequence. Measurements enter one scalar at a time, which needs no inverse and handles gaps by
leaving them out.
"""

import numpy as np

from tsinit.kernels._jit import blend, entry, kernel
from tsinit.kernels.dense import copy_into, matvec, product, save, transpose_into
from tsinit.kernels.state_space import rounding
from tsinit.kernels.state_space.observation import factor_seen, whiten_rows


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
def _add_symmetric(out, Q):
    """out <- symmetric part of out, plus Q."""
    n = out.shape[0]
    for i in range(n):
        for j in range(i + 1):
            value = 0.5 * (out[i, j] + out[j, i]) + Q[i, j]
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
    sound = probed or rounding.raise_peak(P, trail)
    volume, total, spread, seen, exact = 1.0, 0.0, 1.0, 0, 0
    for i in range(D):
        precision[slot, i] = 0.0
        if np.isnan(z[t, i]):
            continue
        drift, doubt = (
            rounding.project(W, w, i, trail, s) if probed else (0.0, rounding.reach(W, w, i, trail))
        )
        v = condition_on(P, W, w, i, r[i], K, slot)
        if probed:
            rounding.follow(trail, K, slot, i, drift)
        if not (
            v > 0.0
            and v >= (1.0 - rounding.TRUST) * r[i]
            and rounding.UNIT * doubt <= rounding.TRUST * v
        ):
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
    if not probed:
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
    rounding in it (see `update`), replaced by those at the end; index[s - start] : slot of step s; probed : True
    carries a probe of the rounding along, False compares with the largest variance. Returns (end, slots used, sound).
    """
    A, C, Q, R, diagonal = system.A, system.C, system.Q, system.R, system.diagonal
    K, precision, log_norm, filtered, W = plan.K, plan.precision, plan.log_norm, plan.P, plan.W
    D, n = C.shape
    slots = filtered.shape[0]
    slot = np.int64(-1)
    settled, sound = False, True
    half, before, At = np.empty((n, n)), np.empty((n, n)), np.empty((n, n))
    transpose_into(At, A)
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
        if watched or probed:
            sound &= rounding.deviations(P, s) < np.inf
        sound &= update(W, w, r, z, t, P, K, precision, log_norm, slot, trail, s, probed)
        save(filtered, slot, P)
        product(A, P, half)
        product(half, At, P)
        _add_symmetric(P, Q)
        if probed:
            matvec(A, trail, scratch)
            for a in range(n):
                trail[a] = scratch[a]
        index[t - start] = slot
        t += 1
        settled = watched and rounding.settled(P, before, A, s, False, system.tol, scratch)
    return t, slot + 1, sound
