"""One EM iteration under a structure by Kronecker products, from dense joint moments: slow and obvious.

vec(M) = f + G theta for every matrix; theta = (G' (S (x) V^-1) G)^-1 G' (vec(V^-1 S_yx) - (S (x) V^-1) f).
"""

import numpy as np
from reference import kalman


def design(values):
    """(f, G, labels) of an array of numbers, NaN and strings, stacked by columns."""
    values = np.array(values, dtype=object)
    values = values.reshape(len(values), -1)
    f, places = np.zeros(values.size), {}
    for k, (j, i) in enumerate(np.ndindex(values.shape[1], values.shape[0])):
        v = values[i, j]
        if isinstance(v, str):
            places.setdefault(v.removeprefix("-"), []).append((k, -1.0 if v[0] == "-" else 1.0))
        elif np.isnan(v):
            places[i, j] = [(k, 1.0)]
        else:
            f[k] = v
    G = np.zeros((values.size, len(places)))
    for column, entries in enumerate(places.values()):
        for k, sign in entries:
            G[k, column] = sign
    return f, G, list(places)


def solve(values, weights, slope):
    """Maximise slope' m - m' weights m / 2 over m = f + G theta; returns the matrix."""
    f, G, _ = design(values)
    theta = np.linalg.solve(G.T @ weights @ G, G.T @ (slope - weights @ f)) if G.size else []
    return (f + G @ np.asarray(theta, dtype=float)).reshape(-1, len(values)).T


def covariance(values, S, count, like):
    """Average what is shared; a block that is free is that of S / count."""
    values, V = np.array(values, dtype=object), np.array(like)
    for i, j in np.ndindex(values.shape):
        v = values[i, j]
        if isinstance(v, str):
            same = [k for k in range(len(V)) if values[k, k] == v]
            V[i, j] = sum(S[k, k] for k in same) / sum(count[k] for k in same)
        elif np.isnan(v):
            V[i, j] = S[i, j] / count[i]
    return V


def em_step(params, values, sequences, inputs=None):
    """One update of A, B, C, D, d, Q and R; `values` has the arrays of the structure by name.

    R is diagonal, or nothing is missing.
    """
    A, C, Q, R = params.A, params.C, params.Q, params.R
    n, D = len(A), len(C)
    m = 0 if inputs is None else inputs[0].shape[1]
    own = [name for name in ("B", "D") if name in values]
    kb, kd = n + m * ("B" in own), n + m * ("D" in own)
    S00, S10, S11, pairs = np.zeros((kb, kb)), np.zeros((n, kb)), np.zeros((n, n)), 0
    W = np.zeros((D * (kd + 1), D * (kd + 1)))
    slope, rows = np.zeros(D * (kd + 1)), []
    for q, y in enumerate(sequences):
        u = np.zeros((len(y), 0)) if inputs is None else inputs[q]
        s = smooth(params, y, u)
        for t in range(len(y)):
            o = np.flatnonzero(~np.isnan(y[t]))
            z = np.concatenate([s.means[t], u[t][: kd - n], [1.0]])
            E = np.outer(z, z)
            E[:n, :n] += s.covariances[t]
            inverse = np.zeros((D, D))
            inverse[np.ix_(o, o)] = np.linalg.inv(R[np.ix_(o, o)])
            W += np.kron(E, inverse)
            slope += np.kron(z, inverse @ np.nan_to_num(y[t]))
            rows.append((y[t], z, s.covariances[t]))
            if t + 1 == len(y):
                continue
            before, after = np.concatenate([s.means[t], u[t][: kb - n]]), s.means[t + 1]
            S00 += np.outer(before, before)
            S00[:n, :n] += s.covariances[t]
            S10 += np.outer(after, before)
            S10[:, :n] += s.lag_one[t]
            S11 += np.outer(after, after) + s.covariances[t + 1]
            pairs += 1
    live = np.diag(Q) > 0.0
    inverse = np.zeros((n, n))
    inverse[np.ix_(live, live)] = np.linalg.inv(Q[np.ix_(live, live)])
    beside = [np.array(values["A"], dtype=object)] + [
        np.array(values[b], dtype=object) for b in own if b == "B"
    ]
    F = solve(np.hstack(beside), np.kron(S00, inverse), (inverse @ S10).T.ravel())
    S = S11 - F @ S10.T - S10 @ F.T + F @ S00 @ F.T
    new_Q = covariance(values["Q"], S, np.full(n, pairs), Q)
    beside = (
        [values["C"]] + [values[b] for b in own if b == "D"] + [np.reshape(values["d"], (-1, 1))]
    )
    L = solve(np.hstack([np.array(b, dtype=object) for b in beside]), W, slope)
    S, count = np.zeros((D, D)), np.zeros(D)
    for value, z, P in rows:
        o = ~np.isnan(value)
        left = np.where(o, value - L @ z, 0.0)
        S += np.outer(left, left) + np.outer(o, o) * (L[:, :n] @ P @ L[:, :n].T)
        count += o
    new_R = covariance(values["R"], S, count, R)
    return params._replace(
        A=F[:, :n], Q=new_Q, C=L[:, :n], R=new_R, d=L[:, -1],
        B=F[:, n:] if "B" in own else None, D=L[:, n:-1] if "D" in own else None,
    )  # fmt: skip


def smooth(params, y, u):
    """Smooth under inputs: their response is taken off the data, and put back."""
    response = np.zeros((len(y), len(params.A)))
    for t in range(1, len(y) if params.B is not None else 0):
        response[t] = params.A @ response[t - 1] + params.B @ u[t - 1]
    left = y - response @ params.C.T
    if params.D is not None:
        left = left - u @ params.D.T
    s = kalman.dense(params._replace(B=None, D=None), left)
    return s._replace(means=s.means + response)
