"""The beam: filter forwards over the transitions that the slices leave open, draw the labels backwards.

A column of the trellis lists the states that can be reached at t and their filter weights. Weights are kept
as numbers; where one would fall below what a double holds, the column is kept in logs instead, so that no
path is lost however far the data lie from a state. Van Gael et al. (2008), section 4.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel, kernel_with_memory
from tsinit.kernels.density import log_density
from tsinit.kernels.random import choose

FAINT = 1e-200  # relative weight below which a column goes to logs
LOG_FAINT = np.log(FAINT)
LEAST = 1e-300  # and in itself


class Trellis(NamedTuple):
    """Column t lies in first[t]:first[t + 1] of state and weight."""

    first: np.ndarray  # (T + 1,) int64
    state: np.ndarray  # (capacity,) int64
    weight: np.ndarray  # (capacity,) filter weights up to a factor
    in_logs: np.ndarray  # (T,) bool


def trellis(T, capacity):
    """Make empty work space."""
    first = np.zeros(T + 1, np.int64)
    return Trellis(first, np.empty(capacity, np.int64), np.empty(capacity), np.zeros(T, np.bool_))


@kernel_with_memory
def sort_row(pi, j, p, order):
    """Copy row j of pi by falling probability, closed by -1; p (K + 1, K + 1), order (K + 1, K).

    A Shell sort: rows are short, and np.argsort takes a second to compile.
    """
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


@kernel
def spread(p, order, j, bound, weight, mass, state, end):
    """Add the weight of row j to the mass (K,) of the states it reaches; lists new ones, returns the end."""
    r = 0
    while p[j, r] > bound:
        k = order[j, r]
        if mass[k] == 0.0:
            state[end] = k
            end += 1
        mass[k] += weight
        r += 1
    return end


@kernel
def log_sum(a, b):
    """Log of exp(a) + exp(b); what would not change the last digit is left out."""
    top, gap = max(a, b), abs(a - b)
    return top + np.log1p(np.exp(-gap)) if gap < 40.0 else top


@kernel
def spread_logs(p, order, j, bound, weight, mass, state, end, listed, t):
    """`spread` in logs, of which zero is one: listed (K,) holds t for the states met."""
    r = 0
    while p[j, r] > bound:
        k = order[j, r]
        if listed[k] == t:
            mass[k] = log_sum(mass[k], weight)
        else:
            listed[k] = t
            state[end] = k
            end += 1
            mass[k] = weight
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
    """Weights that sum to one; False where one is too faint, or not a number."""
    total, low = 0.0, np.inf
    for i in range(begin, end):
        w = mass[state[i]] * np.exp(density[i - begin] - top)
        weight[i] = w
        total += w
        low = min(low, w)
    # A total that is faint itself must not hide a weight gone to zero, nor may one that is not a number.
    if not (low >= FAINT * total and low >= LEAST):
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
    stay = low - top < LOG_FAINT
    for i in range(begin, kept):
        weight[i] -= top
        if not stay:
            weight[i] = np.exp(weight[i])
    return kept, stay


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
    first, state, weight, in_logs = book
    p, order, is_sorted = (
        np.empty((K + 1, K + 1)),
        np.empty((K + 1, K), np.int64),
        np.zeros(K + 1, np.bool_),
    )
    mass, density, listed = np.zeros(K), np.empty(K), np.full(K, -1)
    sort_row(pi, 0, p, order)
    while t < begins.size and first[t] + K <= state.size:
        begin = end = first[t]
        logs = not begins[t] and in_logs[t - 1]
        if begins[t]:
            end = spread(p, order, 0, u[t], 1.0, mass, state, end)
        else:
            for i in range(first[t - 1], begin):
                j = state[i] + 1
                if not is_sorted[j]:
                    sort_row(pi, j, p, order)
                    is_sorted[j] = True
                if logs:
                    end = spread_logs(p, order, j, u[t], weight[i], mass, state, end, listed, t)
                else:
                    end = spread(p, order, j, u[t], weight[i], mass, state, end)
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
