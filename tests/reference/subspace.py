"""Subspace identification from the textbook: the whole Hankel matrix, projections by pseudo-inverse.

Van Overschee and De Moor, "Subspace identification for linear systems" (1996), stochastic algorithm 3 with
the state sequences computed again from (A, C), unless that makes Gamma worse conditioned by a factor of two.
"""

from typing import NamedTuple

import numpy as np


class Identified(NamedTuple):
    A: np.ndarray
    C: np.ndarray
    Q: np.ndarray
    S: np.ndarray
    R: np.ndarray
    singular_values: np.ndarray


def hankel(sequences, width):
    """Columns of `width` consecutive rows of each sequence without a NaN, over the root of their number."""
    columns = []
    for y in sequences:
        for s in range(len(y) - width + 1):
            column = y[s : s + width].ravel()
            if not np.isnan(column).any():
                columns.append(column)
    return np.array(columns).T / np.sqrt(len(columns))


def identify(sequences, n_block_rows, n, weights):
    """Identify order n; A is taken as it comes."""
    i, D = n_block_rows, sequences[0].shape[1]
    H = hankel(sequences, 2 * i)
    past, future, output = H[: i * D], H[i * D :], H[i * D : (i + 1) * D]
    past_longer, future_shorter = H[: (i + 1) * D], H[(i + 1) * D :]
    projected = project(future, past)
    projected_next = project(future_shorter, past_longer)
    W = inverse_root(future @ future.T) if weights == "cva" else np.eye(i * D)
    U, s, _ = np.linalg.svd(W @ projected, full_matrices=False)
    gamma = np.linalg.inv(W) @ U[:, :n] * np.sqrt(s[:n])

    def states(gamma):
        return np.linalg.pinv(gamma) @ projected, np.linalg.pinv(gamma[:-D]) @ projected_next

    now, following = states(gamma)
    if weights == "moesp":
        A, C = np.linalg.pinv(gamma[:-D]) @ gamma[D:], gamma[:D]
    else:
        AC = np.vstack([following, output]) @ np.linalg.pinv(now)
        A, C = AC[:n], AC[n:]
    again = np.vstack([C @ np.linalg.matrix_power(A, k) for k in range(i)])
    now, following = states(again if np.linalg.cond(again) < 2 * np.linalg.cond(gamma) else gamma)
    residual = np.vstack([following, output]) - np.vstack([A, C]) @ now
    noise = residual @ residual.T
    return Identified(A, C, noise[:n, :n], noise[:n, n:], noise[n:, n:], s)


def project(rows, onto):
    """Orthogonal projection of the rows on the row space of another matrix."""
    return rows @ np.linalg.pinv(onto) @ onto


def inverse_root(S):
    """Symmetric S^{-1/2}."""
    values, vectors = np.linalg.eigh(S)
    return vectors / np.sqrt(values) @ vectors.T


def output_covariances(A, C, Q, S, R, n_lags):
    """cov(y[t + k], y[t]) for k = 0 .. n_lags - 1, the noises correlated, by summing the series."""
    P, term = Q.copy(), Q
    for _ in range(20_000):
        term = A @ term @ A.T
        P = P + term
        if np.abs(term).max() < 1e-16 * np.abs(P).max():
            break
    G = A @ P @ C.T + S
    lags = [C @ P @ C.T + R]
    for _ in range(n_lags - 1):
        lags.append(C @ G)
        G = A @ G
    return np.array(lags)
