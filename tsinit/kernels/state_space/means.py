"""The half of the Kalman filter and smoother that looks at the data: O(n^2 + n D) work per step."""

import numpy as np

from tsinit.kernels._jit import blend, blend_with_memory, kernel, kernel_with_memory
from tsinit.kernels.dense import load, matvec
from tsinit.kernels.state_space.arrays import Gains, ScoreRecursion, Step

SMALL = 4  # states that fit in registers
LONG = 32  # steps from which a run of one slot is worth setting up


@blend
def _innovation(W, w, i, m, value):
    for a in range(m.shape[0]):
        value -= W[w, i, a] * m[a]
    return value


@blend
def _correct(m, K, slot, i, e):
    for a in range(m.shape[0]):
        m[a] += K[slot, i, a] * e


@blend_with_memory
def _padded(rows):
    """Copy rows (k, n) to (k, 4), zero to the right of n."""
    wide = np.zeros((rows.shape[0], SMALL))
    for i in range(rows.shape[0]):
        for a in range(rows.shape[1]):
            wide[i, a] = rows[i, a]
    return wide


@blend_with_memory
def _forward_small(system, chunk, work, step, stop, m):
    """Steps up to stop of one slot for up to four states, padded to four and held in registers; returns the squares.

    Loops of a length known only at run time would take as long to count as to compute.
    """
    A, d, z, e, x, start = system.A, system.d, chunk.z, work.e, chunk.x, chunk.start
    C, K = _padded(work.schedule.W[step.w]), _padded(work.schedule.K[step.slot])
    precision = work.schedule.precision[step.slot]
    n, D = m.size, d.size
    wide, state = np.zeros((SMALL, SMALL)), np.zeros(SMALL)
    for a in range(n):
        state[a] = m[a]
        for b in range(n):
            wide[a, b] = A[a, b]
    m0, m1, m2, m3 = state[0], state[1], state[2], state[3]
    a00, a01, a02, a03 = wide[0, 0], wide[0, 1], wide[0, 2], wide[0, 3]
    a10, a11, a12, a13 = wide[1, 0], wide[1, 1], wide[1, 2], wide[1, 3]
    a20, a21, a22, a23 = wide[2, 0], wide[2, 1], wide[2, 2], wide[2, 3]
    a30, a31, a32, a33 = wide[3, 0], wide[3, 1], wide[3, 2], wide[3, 3]
    quadratic = 0.0
    for s in range(step.t, stop):
        for i in range(D):
            if precision[i] > 0.0:
                v = z[s, i] - d[i] - C[i, 0] * m0 - C[i, 1] * m1 - C[i, 2] * m2 - C[i, 3] * m3
                e[s - start, i] = v
                quadratic += v * v * precision[i]
                m0 += K[i, 0] * v
                m1 += K[i, 1] * v
                m2 += K[i, 2] * v
                m3 += K[i, 3] * v
        state[0], state[1], state[2], state[3] = m0, m1, m2, m3
        for a in range(n):
            x[s, a] = state[a]
        m0, m1, m2, m3 = (
            a00 * m0 + a01 * m1 + a02 * m2 + a03 * m3,
            a10 * m0 + a11 * m1 + a12 * m2 + a13 * m3,
            a20 * m0 + a21 * m1 + a22 * m2 + a23 * m3,
            a30 * m0 + a31 * m1 + a32 * m2 + a33 * m3,
        )
    state[0], state[1], state[2], state[3] = m0, m1, m2, m3
    for a in range(n):
        m[a] = state[a]
    return quadratic


@kernel_with_memory
def forward(system, chunk, work, m):
    """Filtered means and innovations of the steps of a chunk.

    m : (n,) predicted mean at the first step, in the end that after the last. Returns the log-likelihood and the
    quadratic part of it, sum of e^2 / v.
    """
    A, d, diagonal = system.A, system.d, system.diagonal
    schedule, index, e = work.schedule, work.index, work.e
    K, precision, W = schedule.K, schedule.precision, schedule.W
    z, x, start, t, stop = chunk.z, chunk.x, chunk.start, chunk.begin, chunk.end
    D, n = system.C.shape
    m_next = np.empty(n)
    # Compensated: a plain running sum loses 2e-12 over 10^6 steps.
    deviance, lost, quadratic = 0.0, 0.0, 0.0
    while t < stop:
        slot = index[t - start]
        w = np.int64(0) if diagonal else slot
        run = t
        while n <= SMALL and run < stop and index[run - start] == slot:
            run += 1
        if run - t > LONG:
            square = _forward_small(system, chunk, work, Step(t, slot, w), run, m)
            quadratic += square
            deviance += (run - t) * schedule.log_norm[slot] + square
            t = run
            continue
        square = 0.0
        for i in range(D):
            if precision[slot, i] > 0.0:
                innovation = _innovation(W, w, i, m, z[t, i] - d[i])
                e[t - start, i] = innovation
                square += innovation * innovation * precision[slot, i]
                _correct(m, K, slot, i, innovation)
        quadratic += square
        term = schedule.log_norm[slot] + square - lost
        total = deviance + term
        lost = (total - deviance) - term
        deviance = total
        for a in range(n):
            x[t, a] = m[a]
        matvec(A, m, m_next)
        for a in range(n):
            m[a] = m_next[a]
        t += 1
    return -0.5 * deviance, quadratic


@blend
def _lift(W, K, step, i, e, precision, r):
    """r <- (I - c k') r + c e / v for one scalar observation with innovation e."""
    slot, w = step.slot, step.w
    s = e * precision
    for a in range(r.shape[0]):
        s -= K[slot, i, a] * r[a]
    for a in range(r.shape[0]):
        r[a] += W[w, i, a] * s


@kernel
def step_back(recursion, step, P):
    """Smooth the mean of a step, and carry its score to the step before.

    P : (n, n) filtered covariance of the step.
    """
    gains, r, spare, x, t = recursion.gains, recursion.r, recursion.spare, recursion.x, step.t
    W, K, precision, slot = gains.W, gains.K, gains.precision, step.slot
    n = r.size
    matvec(P, r, spare)
    for a in range(n):
        x[t, a] += spare[a]
    for i in range(precision.shape[1] - 1, -1, -1):
        if precision[slot, i] > 0.0:
            _lift(W, K, step, i, recursion.e[t - recursion.start, i], precision[slot, i], r)
    matvec(recursion.At, r, spare)
    for a in range(n):
        r[a] = spare[a]


@blend_with_memory
def _backward_small(system, chunk, work, step, stop, r):
    """From a step down to stop, all of one slot, for up to four states; see `_forward_small`."""
    At, e, x, start = system.At, work.e, chunk.x, chunk.start
    C, K = _padded(work.schedule.W[step.w]), _padded(work.schedule.K[step.slot])
    P, precision = _padded(work.schedule.P[step.slot]), work.schedule.precision[step.slot]
    n, D = r.size, precision.size
    wide, score = np.zeros((SMALL, SMALL)), np.zeros(SMALL)
    for a in range(n):
        score[a] = r[a]
        for b in range(n):
            wide[a, b] = At[a, b]
    r0, r1, r2, r3 = score[0], score[1], score[2], score[3]
    a00, a01, a02, a03 = wide[0, 0], wide[0, 1], wide[0, 2], wide[0, 3]
    a10, a11, a12, a13 = wide[1, 0], wide[1, 1], wide[1, 2], wide[1, 3]
    a20, a21, a22, a23 = wide[2, 0], wide[2, 1], wide[2, 2], wide[2, 3]
    a30, a31, a32, a33 = wide[3, 0], wide[3, 1], wide[3, 2], wide[3, 3]
    for s in range(step.t, stop - 1, -1):
        for a in range(n):
            x[s, a] += P[a, 0] * r0 + P[a, 1] * r1 + P[a, 2] * r2 + P[a, 3] * r3
        for i in range(D - 1, -1, -1):
            if precision[i] > 0.0:
                v = e[s - start, i] * precision[i]
                v -= K[i, 0] * r0 + K[i, 1] * r1 + K[i, 2] * r2 + K[i, 3] * r3
                r0 += C[i, 0] * v
                r1 += C[i, 1] * v
                r2 += C[i, 2] * v
                r3 += C[i, 3] * v
        r0, r1, r2, r3 = (
            a00 * r0 + a01 * r1 + a02 * r2 + a03 * r3,
            a10 * r0 + a11 * r1 + a12 * r2 + a13 * r3,
            a20 * r0 + a21 * r1 + a22 * r2 + a23 * r3,
            a30 * r0 + a31 * r1 + a32 * r2 + a33 * r3,
        )
    score[0], score[1], score[2], score[3] = r0, r1, r2, r3
    for a in range(n):
        r[a] = score[a]


@kernel_with_memory
def new_recursion(system, chunk, work, back):
    """Gather what `step_back` needs of all that a pass has; with references counted, because it returns arrays."""
    schedule = work.schedule
    gains = Gains(schedule.W, schedule.K, schedule.precision)
    return ScoreRecursion(gains, system.At, work.e, chunk.x, chunk.start, back.r, back.spare)


@kernel_with_memory
def backward(system, chunk, work, back):
    """Turn filtered means into smoothed ones for the steps of a chunk, the last first, in place.

    For up to four states; with more, `smoother_covariances.backward` does it along the way, while it has
    the covariance of the step at hand.
    """
    index, start, stop = work.index, chunk.start, chunk.begin
    n = back.r.size
    P_filtered = np.empty((n, n))
    recursion = new_recursion(system, chunk, work, back)
    t = chunk.end - 1
    while t >= stop:
        slot = index[t - start]
        step = Step(t, slot, np.int64(0) if system.diagonal else slot)
        run = t
        while run >= stop and index[run - start] == slot:
            run -= 1
        if t - run > LONG:
            _backward_small(system, chunk, work, step, run + 1, back.r)
            t = run
            continue
        load(P_filtered, work.schedule.P, slot)
        step_back(recursion, step, P_filtered)
        t -= 1
