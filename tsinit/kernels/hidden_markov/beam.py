"""The beam: filter forwards over the transitions that the slices leave open, draw the labels backwards.

A column of the trellis lists the states that can be reached at t and their filter weights. Weights are kept
as numbers; where one would fall below what a double holds, the column is kept in logs instead, so that no
path is lost however far the data lie from a state. Van Gael et al. (2008), section 4.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.density import log_density
from tsinit.kernels.random import choose

MIN_RELATIVE = 1e-200  # weight, over their sum, below which a column goes to logs
LOG_MIN_RELATIVE = np.log(MIN_RELATIVE)
MIN_WEIGHT = 1e-300  # and in itself


class Trellis(NamedTuple):
    """Column t lies in first[t]:first[t + 1] of state and weight."""

    first: np.ndarray  # (T + 1,) int64
    state: np.ndarray  # (capacity,) int64
    weight: np.ndarray  # (capacity,) filter weights up to a factor
    in_logs: np.ndarray  # (T,) bool


class SortedRows(NamedTuple):
    """Transition probabilities by falling size, row by row, each row sorted when it is first needed."""

    p: np.ndarray  # (K + 1, K + 1), closed by -1
    order: np.ndarray  # (K + 1, K) which state each belongs to
    is_sorted: np.ndarray  # (K + 1,) bool


class ReachedStates(NamedTuple):
    """What reaches each state at the present step."""

    mass: np.ndarray  # (K,) weight, or its log
    step: (
        np.ndarray
    )  # (K,) in logs, where a mass of zero is one like others: the last step that reached the state
    state: np.ndarray  # those reached, listed in the trellis


def empty_trellis(T, capacity):
    """Make a trellis of T steps and `capacity` open states in all."""
    first = np.zeros(T + 1, np.int64)
    return Trellis(first, np.empty(capacity, np.int64), np.empty(capacity), np.zeros(T, np.bool_))


@kernel
def sort_row(pi, j, rows):
    """Sort row j of pi.

    A Shell sort: rows are short, and np.argsort takes a second to compile.
    """
    p, order, is_sorted = rows
    K = order.shape[1]
    for k in range(K):
        p[j, k] = pi[j, k]
        order[j, k] = k
    p[j, K] = -1.0
    gap = 1
    while gap < K // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, K):
            value, label, at = p[j, i], order[j, i], i
            while at >= gap and p[j, at - gap] < value:
                p[j, at] = p[j, at - gap]
                order[j, at] = order[j, at - gap]
                at -= gap
            p[j, at] = value
            order[j, at] = label
        gap //= 3
    is_sorted[j] = True


@kernel
def spread(rows, j, u, weight, reached, end):
    """Add the weight of row j to the states that it reaches above the slice u; returns the end of their list."""
    r = 0
    while rows.p[j, r] > u:
        k = rows.order[j, r]
        if reached.mass[k] == 0.0:
            reached.state[end] = k
            end += 1
        reached.mass[k] += weight
        r += 1
    return end


@kernel
def log_sum(a, b):
    """Log of exp(a) + exp(b); what would not change the last digit is left out."""
    top, gap = max(a, b), abs(a - b)
    return top + np.log1p(np.exp(-gap)) if gap < 40.0 else top


@kernel
def spread_logs(rows, j, u, weight, reached, end, t):
    """`spread` at step t in logs."""
    r = 0
    while rows.p[j, r] > u:
        k = rows.order[j, r]
        if reached.step[k] == t:
            reached.mass[k] = log_sum(reached.mass[k], weight)
        else:
            reached.step[k] = t
            reached.state[end] = k
            end += 1
            reached.mass[k] = weight
        r += 1
    return end


@kernel
def measure(params, data, t, state, begin, end, density):
    """Log densities of row t in the states listed; returns the highest."""
    top = -np.inf
    for i in range(begin, end):
        value = log_density(params, data, t, state[i])
        density[i - begin] = value
        if value > top:  # never a NaN
            top = value
    return top


@kernel
def weigh(state, weight, begin, end, mass, density, top):
    """Weights that sum to one; False where one is too small, or not a number."""
    total, low = 0.0, np.inf
    for i in range(begin, end):
        w = mass[state[i]] * np.exp(density[i - begin] - top)
        weight[i] = w
        total += w
        low = min(low, w)
    # A total that is tiny itself must not hide a weight gone to zero, nor may one that is not a number.
    if not (low >= MIN_RELATIVE * total and low >= MIN_WEIGHT):
        return False
    total = 1.0 / total
    for i in range(begin, end):
        weight[i] *= total
        mass[state[i]] = 0.0
    return True


@kernel
def weigh_logs(state, weight, begin, end, mass, density, mass_in_logs):
    """`weigh` in logs, where states without density leave the list; returns its end, whether logs stay."""
    top, low, kept = -np.inf, np.inf, begin
    for i in range(begin, end):
        k = state[i]
        value = density[i - begin] + (mass[k] if mass_in_logs else np.log(mass[k]))
        mass[k] = 0.0
        if value > -np.inf:
            state[kept] = k
            weight[kept] = value
            kept += 1
            top, low = max(top, value), min(low, value)
    stay = low - top < LOG_MIN_RELATIVE
    for i in range(begin, kept):
        weight[i] -= top
        if not stay:
            weight[i] = np.exp(weight[i])
    return kept, stay


@entry
def forward(params, data, begins, u, pi, K, trellis, t):
    """Filter from step t on.

    Parameters
    ----------
    params, data : NamedTuple
        What `log_density` is asked with; only for states that can be reached, and where there are two.
    begins, u : (T,) bool, float
        Whether a sequence begins at t; slices.
    pi : (K + 1 or more, K + 1 or more) float
        Transition probabilities, the start row first.
    K : int
        Represented states.
    trellis : Trellis
    t : int
        0, or where the trellis was full before it was enlarged.

    Returns
    -------
    t : int
        T when done; the step at which the trellis is full; or -1 - t where no open state has a density.
    """
    first, state, weight, in_logs = trellis
    # Arrays keep names of their own here: taken out of a tuple in a loop, each would be counted each time.
    is_sorted, mass, density = np.zeros(K + 1, np.bool_), np.zeros(K), np.empty(K)
    rows = SortedRows(np.empty((K + 1, K + 1)), np.empty((K + 1, K), np.int64), is_sorted)
    reached = ReachedStates(mass, np.full(K, -1), state)
    sort_row(pi, 0, rows)
    while t < begins.size and first[t] + K <= state.size:
        begin = end = first[t]
        logs = not begins[t] and in_logs[t - 1]
        if begins[t]:
            end = spread(rows, 0, u[t], 1.0, reached, end)
        else:
            for i in range(first[t - 1], begin):
                j = state[i] + 1
                if not is_sorted[j]:
                    sort_row(pi, j, rows)
                if logs:
                    end = spread_logs(rows, j, u[t], weight[i], reached, end, t)
                else:
                    end = spread(rows, j, u[t], weight[i], reached, end)
        in_logs[t] = False
        if end == begin + 1:
            # Nowhere else to be: the density would only be normalised away.
            weight[begin] = 1.0
            mass[state[begin]] = 0.0
        else:
            top = measure(params, data, t, state, begin, end, density)
            if logs or not weigh(state, weight, begin, end, mass, density, top):
                end, in_logs[t] = weigh_logs(state, weight, begin, end, mass, density, logs)
        if end == begin:
            return -1 - t
        first[t + 1] = end
        t += 1
    return t


@entry
def backward(z, begins, u, pi, trellis, uniform):
    """Draw the labels z (T,) from the last step to the first, given a complete trellis.

    uniform : (T,) uniform draws, one a step.
    """
    T = z.size
    first, state, weight, in_logs = trellis
    width = 0
    for t in range(T):
        width = max(width, first[t + 1] - first[t])
    cumulative, open_states = np.empty(width), np.empty(width, np.int64)
    for t in range(T - 1, -1, -1):
        if first[t + 1] - first[t] == 1:
            z[t] = state[first[t]]
            continue
        ends = t == T - 1 or begins[t + 1]
        top = 0.0
        if in_logs[t]:
            top = -np.inf
            for i in range(first[t], first[t + 1]):
                if ends or pi[state[i] + 1, z[t + 1]] > u[t + 1]:
                    top = max(top, weight[i])
        total, count = 0.0, 0
        for i in range(first[t], first[t + 1]):
            if ends or pi[state[i] + 1, z[t + 1]] > u[t + 1]:
                total += np.exp(weight[i] - top) if in_logs[t] else weight[i]
                cumulative[count] = total
                open_states[count] = state[i]
                count += 1
        z[t] = open_states[choose(uniform[t], cumulative, count)]
