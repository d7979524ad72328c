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

FAINT = 1e-200  # relative weight below which a column goes to logs
LOG_FAINT = np.log(FAINT)


class Trellis(NamedTuple):
    """Column t lies in first[t]:first[t + 1] of state and weight."""

    first: np.ndarray  # (T + 1,) int64
    state: np.ndarray  # (capacity,) int64
    weight: np.ndarray  # (capacity,) filter weights up to a factor
    in_logs: np.ndarray  # (T,) bool


class Rows(NamedTuple):
    """Rows of pi by falling probability, sorted when first entered."""

    p: np.ndarray  # (K + 1, K + 1), closed by -1
    order: np.ndarray  # (K + 1, K) int64
    sorted: np.ndarray  # (K + 1,) bool


def trellis(T, capacity):
    """Make empty work space."""
    first = np.zeros(T + 1, np.int64)
    return Trellis(first, np.empty(capacity, np.int64), np.empty(capacity), np.zeros(T, np.bool_))


@kernel
def sort_row(rows, pi, j):
    """Shell sort: rows are short, and np.argsort takes a second to compile."""
    p, order = rows.p, rows.order
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
    rows.sorted[j] = True


@kernel
def log_add(a, b):
    top = max(a, b)
    return top + np.log1p(np.exp(min(a, b) - top))


@kernel
def spread(j, weight, in_logs, bound, rows, column, mass, seen, t):
    """Carry the weight of row j to the states it reaches.

    column : (state, begin, length) so far; returns the length.
    """
    p, order = rows.p, rows.order
    state, begin, length = column
    r = 0
    while p[j, r] > bound:
        k = order[j, r]
        if seen[k] != t:
            seen[k] = t
            state[begin + length] = k
            mass[k] = weight
            length += 1
        elif in_logs:
            mass[k] = log_add(mass[k], weight)
        else:
            mass[k] += weight
        r += 1
    return length


@kernel
def weigh(params, data, t, book, begin, length, work, from_logs):
    """Multiply predicted mass by density; returns how many states have any.

    work : mass (K,), density (K,).
    """
    mass, density = work
    state, weight, top, kept = book.state, book.weight, -np.inf, 0
    for i in range(begin, begin + length):
        k = state[i]
        value = log_density(params, data, t, k)
        if value > -np.inf:  # false for NaN as well
            state[begin + kept] = k
            density[kept] = value
            kept += 1
            top = max(top, value)
    logs = from_logs
    if not from_logs:
        total, low = 0.0, np.inf
        for i in range(kept):
            w = mass[state[begin + i]] * np.exp(density[i] - top)
            weight[begin + i] = w
            low = min(low, w)
            total += w
        logs = low < FAINT * total
        if not logs:
            scale = 1.0 / total
            for i in range(begin, begin + kept):
                weight[i] *= scale
    if logs:
        logs = settle(book, begin, kept, work, from_logs)
    book.in_logs[t] = logs
    return kept


@kernel
def settle(book, begin, kept, work, from_logs):
    """The same in logs, back to numbers where the weights allow; returns whether they do not."""
    mass, density = work
    state, weight = book.state, book.weight
    top, low = -np.inf, np.inf
    for i in range(kept):
        m = mass[state[begin + i]]
        density[i] += m if from_logs else np.log(m)
        top, low = max(top, density[i]), min(low, density[i])
    stay = low - top < LOG_FAINT
    for i in range(kept):
        weight[begin + i] = density[i] - top if stay else np.exp(density[i] - top)
    return stay


@entry
def forward(params, data, begins, u, pi, K, book, t):
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
    book : Trellis
    t : int
        0, or where the work space ran out before it was enlarged.

    Returns
    -------
    t : int
        T when done; the step at which the work space is full; or -1 - t where no open state has a density.
    """
    T, capacity = begins.size, book.state.size
    rows = Rows(np.empty((K + 1, K + 1)), np.empty((K + 1, K), np.int64), np.zeros(K + 1, np.bool_))
    mass, density, seen = np.empty(K), np.empty(K), np.full(K, -1)
    first, state, weight, in_logs = book
    while t < T:
        here = first[t]
        if here + K > capacity:
            return t
        length = 0
        from_logs = False
        if begins[t]:
            if not rows.sorted[0]:
                sort_row(rows, pi, 0)
            length = spread(0, 1.0, False, u[t], rows, (state, here, length), mass, seen, t)
        else:
            from_logs = in_logs[t - 1]
            for i in range(first[t - 1], here):
                j = state[i] + 1
                if not rows.sorted[j]:
                    sort_row(rows, pi, j)
                length = spread(j, weight[i], from_logs, u[t], rows, (state, here, length), mass, seen, t)
        if length == 1:
            # Nowhere else to be: the density would only be normalised away.
            weight[here] = 1.0
            in_logs[t] = False
        else:
            length = weigh(params, data, t, book, here, length, (mass, density), from_logs)
        if length == 0:
            return -1 - t
        first[t + 1] = here + length
        t += 1
    return t


@entry
def backward(z, begins, u, pi, book, uniform):
    """Draw the labels z (T,) from the last step to the first, given a complete trellis.

    uniform : (T,) uniform draws, one a step.
    """
    T = z.size
    first, state, weight, in_logs = book
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
