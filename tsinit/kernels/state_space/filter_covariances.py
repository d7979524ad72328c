"""The half of the Kalman filter that does not look at the values of the data.

Covariances and gains depend on which entries are observed, not on what they are. So they are computed once for each
distinct step (a *slot* of the schedule) and shared by all steps that repeat it: after the filter has settled, and
by every complete sequence. Measurements enter one scalar at a time, which needs no inverse and handles gaps by
leaving them out.
"""

import numpy as np

from tsinit.kernels._jit import blend, kernel, kernel_with_memory
from tsinit.kernels.dense import copy_into, matvec, product, save
from tsinit.kernels.state_space import rounding
from tsinit.kernels.state_space.arrays import Gains, Step
from tsinit.kernels.state_space.observation import factor_observed, whiten_rows


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
def add_symmetric(out, Q):
    """out <- symmetric part of out, plus Q."""
    n = out.shape[0]
    for i in range(n):
        for j in range(i + 1):
            value = 0.5 * (out[i, j] + out[j, i]) + Q[i, j]
            out[i, j] = value
            out[j, i] = value


@blend
def drop_negative(P):
    """Take variances that rounding made negative for what they are, nothing."""
    n = P.shape[0]
    for a in range(n):
        if P[a, a] < 0.0:
            for b in range(n):
                P[a, b] = 0.0
                P[b, a] = 0.0


@kernel
def update(gains, step, z, r, P, error, s, probed):
    """Condition P on the entries observed at a step and note the gains.

    r : (D,) noise variances; s : (n,) standard deviations before, needed where `probed`: the error of the prediction is
    then a probe of the rounding, else the largest variances so far. Returns whether P is well conditioned, and the sum
    of log(2 pi v).
    """
    W, K, precision = gains.W, gains.K, gains.precision
    t, slot, w = step.t, step.slot, step.w
    well_conditioned = probed or rounding.raise_peak(P, error)
    volume, total, spread, n_observed, n_exact = 1.0, 0.0, 1.0, 0, 0
    for i in range(W.shape[1]):
        precision[slot, i] = 0.0
        if np.isnan(z[t, i]):
            continue
        drift, doubt = (
            rounding.project(W, w, i, error, s) if probed else (0.0, rounding.reach(W, w, i, error))
        )
        v = condition_on(P, W, w, i, r[i], K, slot)
        if probed:
            rounding.follow(error, K, slot, i, drift)
        if not (
            v > 0.0
            and v >= (1.0 - rounding.TRUST) * r[i]
            and rounding.UNIT * doubt <= rounding.TRUST * v
        ):
            well_conditioned = False
        n_observed += 1
        n_exact += r[i] == 0.0
        precision[slot, i] = 1.0 / v
        spread = max(spread, doubt * precision[slot, i])
        # One logarithm for many variances, as long as their product stays in range.
        volume *= 2.0 * np.pi * v
        if not 1e-200 < volume < 1e200:
            total += np.log(volume)
            volume = 1.0
    total += np.log(volume)
    if not probed:
        return well_conditioned and rounding.stands_out(P, error, spread), total
    if n_observed > 0:
        drop_negative(P)
        # What an exact observation leaves is nothing, and so is all of it rounding.
        well_conditioned &= n_exact > 0 or rounding.kept(P, error, s)
    rounding.stir(error, s, t)
    return well_conditioned, total


@kernel_with_memory
def forward(system, chunk, work, prediction, probed):
    """Fill the schedule for the steps of a chunk, or until its slots run out.

    Only the gaps of the data matter. prediction : its covariance is replaced by the one after the last step.
    probed : True carries a probe of the rounding along, False compares with the largest variance. Returns (end, slots
    used, whether all covariances are well conditioned).
    """
    A, C, Q, R, diagonal = system.A, system.C, system.Q, system.R, system.diagonal
    z, changed, schedule, index = chunk.z, chunk.changed, work.schedule, work.index
    P, error, W = prediction.P, prediction.error, schedule.W
    gains = Gains(W, schedule.K, schedule.precision)
    t, start, stop = chunk.begin, chunk.start, chunk.end
    D, n = C.shape
    slots = schedule.P.shape[0]
    slot = np.int64(-1)
    settled, well_conditioned = False, True
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
                factor_observed(R, z, t, L, r)
                whiten_rows(L, z, t, C, W[slot])
            else:
                copy_into(W[slot], W[slot - 1])
        # Whether the filter has settled matters only where the next step could share this one's slot.
        watched = t + 1 < stop and not changed[t + 1]
        if watched:
            copy_into(before, P)
        if watched or probed:
            well_conditioned &= rounding.deviations(P, s) < np.inf
        good, schedule.log_norm[slot] = update(gains, Step(t, slot, w), z, r, P, error, s, probed)
        well_conditioned &= good
        save(schedule.P, slot, P)
        product(A, P, half)
        product(half, system.At, P)
        add_symmetric(P, Q)
        if probed:
            matvec(A, error, scratch)
            for a in range(n):
                error[a] = scratch[a]
        index[t - start] = slot
        t += 1
        settled = watched and rounding.settled(P, before, A, s, False, system.tol, scratch)
    return t, slot + 1, well_conditioned
