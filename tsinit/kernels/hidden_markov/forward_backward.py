"""A hidden Markov model with K states on dense log densities (T, K): likelihood, smoother and best path.

Probabilities are rescaled before they become small, which is fast and loses only what falls 280 orders of magnitude
behind. Where some transition has probability zero even that may be all that survives later; then the pass is
repeated in logs.

A row of zeros is a step of which nothing was observed, a density of -inf a state that cannot have given the row.
The arguments are those of all four functions: log_density (T, K), start (K,) probabilities of the first
state of each sequence, P (K, K) of state k after state j, offsets (N + 1,).
"""

import numpy as np

from tsinit.kernels._jit import blend, entry, kernel
from tsinit.kernels.hidden_markov.exponential import exponentials
from tsinit.kernels.hidden_markov.products import multiply, padded, padded_size

_TINY = 1e-290  # weight from which on a state counts as lost
_SMALL = 1e-10  # sum of the weights below which they are rescaled
_RARE = 1e-300  # probabilities above this bring any lost state back with more than it had
_LEAST = 1e-307  # a smaller number has no inverse
_BLOCK = 128  # rows whose exponentials are taken at a time
_BACK = 64  # rows that are predicted from at a time
_NONE = np.zeros((0, 0))


def log_likelihood(log_density, start, P, offsets):
    """Log-likelihood of all sequences; -inf where no path is possible."""
    total, lost = forward(log_density, start, P, offsets, _NONE)
    if lost and _not_regained(total, P):
        total = forward_log(log_density, _log(start), _log(P), offsets, _NONE)
    return total


def smooth(log_density, start, P, offsets):
    """Log-likelihood, probabilities (T, K) of the states given all rows, and expected transitions (K, K).

    All NaN but the first where no path is possible.
    """
    prob, transitions = np.empty(log_density.shape), np.zeros(P.shape)
    total, lost = forward(log_density, start, P, offsets, prob)
    if lost and _not_regained(total, P):
        log_P = _log(P)
        total = forward_log(log_density, _log(start), log_P, offsets, prob)
        backward_log(log_P, offsets, prob, transitions)
    else:
        backward(P, offsets, prob, transitions)
    if total == -np.inf:
        prob[:], transitions[:] = np.nan, np.nan
    return total, prob, transitions


def smooth_over(make_log_density, start, P, offsets):
    """What `smooth` gives, of log densities (T, K) that may be made again and whose memory the probabilities take."""
    prob = make_log_density()
    transitions = np.zeros(P.shape)
    # A block of rows is read before the first of them is written.
    total, lost = forward(prob, start, P, offsets, prob)
    if total == -np.inf or (lost and _not_regained(total, P)):
        return smooth(make_log_density(), start, P, offsets)
    backward(P, offsets, prob, transitions)
    return total, prob, transitions


def filter_states(log_density, start, P, offsets):
    """Probabilities (T, K) of the states given the rows up to each; NaN where no path is possible."""
    prob = np.empty(log_density.shape)
    total, lost = forward(log_density, start, P, offsets, prob)
    if lost and _not_regained(total, P):
        total = forward_log(log_density, _log(start), _log(P), offsets, prob)
        np.exp(prob, out=prob)
    if total == -np.inf:
        prob[:] = np.nan
    return prob


def viterbi(log_density, start, P, offsets):
    """Most probable path z (T,); ties go to the lower state, and so does a sequence no path can explain."""
    return best_path(log_density, _log(start), _log(P), offsets)


def _not_regained(total, P):
    return total == -np.inf or P.min() < _RARE


def _log(probabilities):
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


@kernel
def _weigh(log_density, t, n, weight, power, bits):
    """Densities of n rows from t on over the highest of each, in weight[: n K]; sum of the logs of those."""
    K = log_density.shape[1]
    total = 0.0
    for i in range(n):
        top = log_density[t + i, 0]
        for k in range(1, K):
            value = log_density[t + i, k]
            top = value if value > top else top
        if top == -np.inf:
            return top
        total += top
        for k in range(K):
            weight[i * K + k] = log_density[t + i, k] - top
    exponentials(weight, n * K, power, bits)
    return total


@kernel
def _lose(log_density, t, ahead, now):
    """Whether a state that could have given row t is too far behind to be kept."""
    lost = False
    for k in range(log_density.shape[1]):
        lost = lost or (now[k] < _TINY and ahead[k] > 0.0 and log_density[t, k] > -np.inf)
    return lost


@entry
def forward(log_density, start, P, offsets, filtered):
    """Log-likelihood, and whether a state was lost to underflow; fills filtered (T, K) unless it is empty.

    A step waits for nothing but the product with the transitions: the weights are divided by their sum where they are
    stored, and before the next step only where they have become small, one logarithm for many steps.
    """
    K = log_density.shape[1]
    now, ahead, rows = np.zeros(K + K % 2), np.zeros(padded_size(K)), padded(P, False)
    weight, power = np.empty(_BLOCK * K), np.empty(_BLOCK * K)
    bits = power.view(np.int64)
    total, lost = 0.0, False
    for s in range(offsets.size - 1):
        mass = 1.0
        for k in range(K):
            ahead[k] = start[k]
        for a in range(offsets[s], offsets[s + 1], _BLOCK):
            n = min(_BLOCK, offsets[s + 1] - a)
            total += _weigh(log_density, a, n, weight, power, bits)
            if total == -np.inf:
                return total, lost
            for i in range(n):
                mass, smallest = 0.0, 1.0
                for k in range(K):
                    value = ahead[k] * weight[i * K + k]
                    now[k] = value
                    mass += value
                    smallest = value if value < smallest else smallest
                if smallest < _TINY:
                    lost = lost or _lose(log_density, a + i, ahead, now)
                if not mass > _TINY:
                    return (np.nan if np.isnan(mass) else -np.inf), lost
                part = 1.0 / mass
                if filtered.size > 0:
                    for k in range(K):
                        filtered[a + i, k] = now[k] * part
                if mass < _SMALL:
                    total += np.log(mass)
                    for k in range(K):
                        now[k] *= part
                    mass = 1.0
                multiply(now, rows, ahead)
        total += np.log(mass)
    return total, lost


@blend
def _predict(P, filtered, inverse):
    """Inverses (K, n) of the probabilities that the filtered ones (K, n) predict; 0 of what cannot be reached."""
    K, n = filtered.shape
    for k in range(K):
        for i in range(n):
            inverse[k, i] = P[0, k] * filtered[0, i]
        for j in range(1, K):
            share = P[j, k]
            for i in range(n):
                inverse[k, i] += share * filtered[j, i]
        for i in range(n):
            inverse[k, i] = 1.0 / inverse[k, i] if inverse[k, i] > _LEAST else 0.0


@blend
def _add_moves(filtered, ratio, n, transitions):
    for j in range(transitions.shape[0]):
        for k in range(transitions.shape[0]):
            total = 0.0
            for i in range(n):
                total += filtered[j, i] * ratio[k, i]
            transitions[j, k] += total


@entry
def backward(P, offsets, prob, transitions):
    """Turn filtered probabilities into smoothed ones, in place, and fill transitions, zeros at first.

    The smoothed share of state j is its filtered one times sum_k P[j, k] smoothed[k] / predicted[k], so the
    densities are not needed again. What does not wait for later rows is done for many rows at a time.
    """
    K = prob.shape[1]
    filtered, ratio = np.zeros((K, _BACK)), np.empty((K, _BACK))
    ahead, gain, columns = np.zeros(K + K % 2), np.empty(padded_size(K)), padded(P, True)
    for s in range(offsets.size - 1):
        for end in range(offsets[s + 1] - 1, offsets[s], -_BACK):
            a = max(end - _BACK, offsets[s])
            n = end - a
            for i in range(n):
                for k in range(K):
                    filtered[k, i] = prob[a + i, k]
            _predict(P, filtered, ratio)
            for k in range(K):
                # Smoothed are filtered ones times a gain; those of the last row are at hand.
                for i in range(n - 1):
                    ratio[k, i] *= filtered[k, i + 1]
                ratio[k, n - 1] *= prob[end, k]
                gain[k] = 1.0
            for i in range(n - 1, -1, -1):
                for k in range(K):
                    share = gain[k] * ratio[k, i]
                    ahead[k], ratio[k, i] = share, share
                multiply(ahead, columns, gain)
                for j in range(K):
                    prob[a + i, j] = filtered[j, i] * gain[j]
            _add_moves(filtered, ratio, n, transitions)
    for j in range(K):
        for k in range(K):
            transitions[j, k] *= P[j, k]


@entry
def forward_log(log_density, log_start, log_P, offsets, filtered):
    """`forward` in logs throughout: slow, and nothing is lost. Returns the log-likelihood."""
    K = log_density.shape[1]
    keep = filtered.size > 0
    now, ahead = np.empty(K), np.empty(K)
    total = 0.0
    for n in range(offsets.size - 1):
        for k in range(K):
            ahead[k] = log_start[k]
        for t in range(offsets[n], offsets[n + 1]):
            for k in range(K):
                now[k] = ahead[k] + log_density[t, k]
            mass = _log_sum(now)
            if mass == -np.inf:
                return mass
            total += mass
            for k in range(K):
                now[k] -= mass
                if keep:
                    filtered[t, k] = now[k]
            for k in range(K):
                ahead[k] = _log_product(now, log_P, k)
    return total


@entry
def backward_log(log_P, offsets, prob, transitions):
    """`backward` from logs of filtered probabilities; prob and transitions come out as themselves."""
    T, K = prob.shape
    ahead, now = np.empty(K), np.empty(K)
    for n in range(offsets.size - 1):
        for t in range(offsets[n + 1] - 2, offsets[n] - 1, -1):
            for j in range(K):
                now[j] = prob[t, j]
            for k in range(K):
                ahead[k] = _log_product(now, log_P, k)
                ahead[k] = prob[t + 1, k] - ahead[k] if ahead[k] > -np.inf else -np.inf
            for j in range(K):
                gain = 0.0
                for k in range(K):
                    # A smoothed share is at most one: the sum of the three cannot overflow.
                    share = np.exp(now[j] + log_P[j, k] + ahead[k])
                    transitions[j, k] += share
                    gain += share
                prob[t, j] = np.log(gain)
    for t in range(T):
        for k in range(K):
            prob[t, k] = np.exp(prob[t, k])


@entry
def best_path(log_density, log_start, log_P, offsets):
    """Viterbi's algorithm."""
    T, K = log_density.shape
    z = np.zeros(T, dtype=np.int64)
    origin = np.zeros((T, K), dtype=np.int32)
    best, new = np.empty(K), np.empty(K)
    for n in range(offsets.size - 1):
        a, b = offsets[n], offsets[n + 1]
        if a == b:
            continue
        for k in range(K):
            best[k] = log_start[k] + log_density[a, k]
        for t in range(a + 1, b):
            for k in range(K):
                j_best = 0
                value = best[0] + log_P[0, k]
                for j in range(1, K):
                    if best[j] + log_P[j, k] > value:
                        value, j_best = best[j] + log_P[j, k], j
                new[k] = value + log_density[t, k]
                origin[t, k] = j_best
            for k in range(K):
                best[k] = new[k]
        k_best = 0
        for k in range(1, K):
            if best[k] > best[k_best]:
                k_best = k
        z[b - 1] = k_best
        for t in range(b - 1, a, -1):
            z[t - 1] = origin[t, z[t]]
    return z


@kernel
def _log_sum(values):
    """Log of the sum of exponentials."""
    top = -np.inf
    for k in range(values.size):
        top = max(top, values[k])
    if top == -np.inf:
        return top
    total = 0.0
    for k in range(values.size):
        total += np.exp(values[k] - top)
    return top + np.log(total)


@kernel
def _log_product(now, log_P, k):
    """Log of sum_j exp(now[j] + log_P[j, k])."""
    top = -np.inf
    for j in range(now.size):
        top = max(top, now[j] + log_P[j, k])
    if top == -np.inf:
        return top
    total = 0.0
    for j in range(now.size):
        total += np.exp(now[j] + log_P[j, k] - top)
    return top + np.log(total)
