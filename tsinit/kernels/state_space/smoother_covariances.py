"""Going back: smoothed covariances and the sums of the M-step, which do not look at the values of the data either.

The fixed-interval smoother of de Jong (Biometrika 76, 1989) in its information form: it never inverts a predicted
covariance, so that a singular Q is no special case.
"""

import numpy as np

from tsinit.kernels._jit import blend, kernel, kernel_with_memory
from tsinit.kernels.dense import (
    add_scaled,
    copy_into,
    load,
    prefetch,
    product,
    product_nt,
    product_tn,
    save,
    symmetrise,
)
from tsinit.kernels.state_space import rounding
from tsinit.kernels.state_space.arrays import APPEND, IN_PLACE, Step
from tsinit.kernels.state_space.means import SMALL, new_recursion, step_back
from tsinit.kernels.state_space.observation import regress_missing


@blend
def subtract_from(P, out):
    """out <- P minus the symmetric part of out."""
    n = out.shape[0]
    for i in range(n):
        for j in range(i + 1):
            value = P[i, j] - 0.5 * (out[i, j] + out[j, i])
            out[i, j] = value
            out[j, i] = value


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


@kernel
def _observe(N, gains, step, Nk, s, probe, sized, probed):
    """Put the observations of a step into N, the last first, and into its probe where `probed`.

    s : (n,) <- square roots of the largest variances on the way, where `sized`. Nk : (n,) workspace.
    """
    W, K, precision, slot, w = gains.W, gains.K, gains.precision, step.slot, step.w
    n = N.shape[0]
    for a in range(n if sized else 0):
        s[a] = N[a, a]
    for i in range(precision.shape[1] - 1, -1, -1):
        if precision[slot, i] > 0.0:
            corner = inform(N, W, w, i, K, slot, precision[slot, i], Nk)
            if sized:
                rounding.grow(s, N, W, w, i, corner)
            if probed:
                rounding.lead(probe, W, w, i, K, slot)
    for a in range(n if sized else 0):
        s[a] = np.sqrt(max(s[a], 0.0))


@kernel
def carry_probe(A, q, s, t, scratch):
    """q <- A' (q and what rounding adds to it)."""
    rounding.stir(q, s, t)
    n = q.size
    for a in range(n):
        scratch[a] = 0.0
    for b in range(n):
        for a in range(n):
            scratch[a] += A[b, a] * q[b]
    for a in range(n):
        q[a] = scratch[a]


@kernel
def _collect(weight, P, B, precision, slot, sums):
    """Add one distinct step, taken `weight` times, to the sums."""
    add_scaled(sums.P, weight, P)
    add_scaled(sums.lag, weight, B)
    n_observed = 0
    for i in range(precision.shape[1]):
        n_observed += precision[slot, i] > 0.0
    if n_observed == 0:
        add_scaled(sums.P_blank, weight, P)
    P_observed, direct = sums.P_observed, sums.direct
    for i in range(P_observed.shape[0]):
        if (precision[slot, i] > 0.0) == direct[i]:
            for a in range(P.shape[0]):
                for b in range(P.shape[0]):
                    P_observed[i, a, b] += weight * P[a, b]


@kernel_with_memory
def collect_gap(system, z, t, weight, P, sums):
    """Add Cov(y, x) and Cov(y) of the entries missing at step t, given the observed ones, where they are asked for."""
    D, n = system.C.shape
    n_observed = 0
    for i in range(D):
        n_observed += not np.isnan(z[t, i])
    if n_observed == 0 or n_observed == D:
        return
    H, left = np.zeros((D, D)), np.zeros((D, D))
    regress_missing(system.R, z, t, H, left)
    rows = np.zeros((D, n))  # C_m - H C_o, zero where observed
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


@kernel_with_memory
def append(values, used, P):
    """CovarianceStore P at place `used` of values, in a larger copy when it is full."""
    if used == values.shape[0]:
        n = P.shape[0]
        larger = np.empty((2 * used + 16, n, n))
        for s in range(used):
            for i in range(n):
                for j in range(n):
                    larger[s, i, j] = values[s, i, j]
        values = larger
    save(values, used, P)
    return values


@kernel_with_memory
def backward(system, chunk, work, back, sums, gaps, output, request):
    """Smoothed covariances of the steps of a chunk, the last first, and their sums where they are asked for.

    back : what the steps after the chunk say, replaced by what those from its first on say; its probe is left alone
    unless rounding is followed closely.
    gaps : True where the sums of missing entries are asked for, else None, which leaves that code out.
    With more than four states, means are smoothed along the way (see `means.backward`).
    Returns (values, used, whether all covariances are well conditioned).
    """
    A, tol, index, z = system.A, system.tol, work.index, chunk.z
    filtered, precision = work.schedule.P, work.schedule.precision
    recursion = new_recursion(system, chunk, work, back)
    NA, A_NA, probe = back.NA, back.A_NA, back.probe
    keep, values, used, where = output.keep, output.values, output.used, output.where
    collect, probed = request.collect, request.probed
    n = len(A)
    G, B, P, P_filtered, before = (
        np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.empty((n, n)),
    )  # fmt: skip
    Nk, s, scratch = np.empty(n), np.empty(n), np.empty(n)
    slot, w, weight, settled, well_conditioned = np.int64(-1), np.int64(0), 0.0, False, True
    start, stop = chunk.start, chunk.begin
    t = chunk.end - 1
    last = t
    while t >= stop:
        if settled and index[t - start] == slot:
            weight += 1.0
            where[t] = used - 1
            if n > SMALL:
                step_back(recursion, Step(t, slot, w), P_filtered)
            t -= 1
            continue
        if collect and slot >= 0:
            _collect(weight, P, B, precision, slot, sums)
            if gaps is not None:
                collect_gap(system, z, last, weight, P, sums)
        slot, weight, last = index[t - start], 1.0, t
        # P_smooth = P - P (A' N A) P, and the lag-one term B = N A P.
        w = np.int64(0) if system.diagonal else slot
        load(P_filtered, filtered, slot)
        if slot > 0:
            prefetch(filtered, slot - 1)  # backwards, the processor does not guess what comes next
        step = Step(t, slot, w)
        if n > SMALL:
            step_back(recursion, step, P_filtered)
        if collect:
            product(NA, P_filtered, B)
            product_tn(A, B, G)
        else:
            product(A_NA, P_filtered, G)
        product(P_filtered, G, P)
        subtract_from(P_filtered, P)
        well_conditioned &= (
            rounding.trusted(P, P_filtered, probe, scratch)
            if probed
            else rounding.stands_out_of(P, P_filtered)
        )
        if keep == APPEND:
            values = append(values, used, P)
        used += 1
        where[t] = used - 1
        if keep == IN_PLACE:
            save(filtered, slot, P)
            where[t] = slot
        if t == chunk.stop - 1:
            add_scaled(sums.P_last, 1.0, P)
        t -= 1
        watched = t >= stop and index[t - start] == slot
        if watched:
            copy_into(before, A_NA)
        # Observations enter A' N A in place; what comes out is N of this step.
        _observe(A_NA, recursion.gains, step, Nk, s, probe, watched or probed, probed)
        if probed:
            carry_probe(A, probe, s, t, scratch)
        product(A_NA, A, NA)
        product_tn(A, NA, A_NA)
        symmetrise(A_NA)
        settled = watched and rounding.settled(A_NA, before, A, s, True, tol, scratch)
    if collect:
        _collect(weight, P, B, precision, slot, sums)
        if gaps is not None:
            collect_gap(system, z, last, weight, P, sums)
        if stop == start:
            add_scaled(sums.P_first, 1.0, P)
    return values, used, well_conditioned
