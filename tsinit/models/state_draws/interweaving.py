"""Noise variances and states moved together, where states follow a column so closely that each holds the other fast.

Given the states, the noise variance r_j of a column is that of its residuals v_j; given r_j, the states keep these
residuals at its size. Where r_j is small beside what all else leaves open, both hardly move. Here v_j is scaled and r_j
with it, and the states give way along one direction d with C_j d = 1:

    v_j -> c v_j, r_j -> c^2 r_j, x[t] -> x[t] + (1 - c) v_j[t] d at the steps where the column was observed.

These moves form a group, and c is drawn from the density along it that leaves the posterior as it is (Liu and Sabatti,
Biometrika 87, 2000). As v_j / sqrt(r_j) stays, they are the other half of an interweaving (Yu and Meng, Journal of
Computational and Graphical Statistics 20, 2011). The density is normal in c, of either sign, times the half-t density
of sqrt(r_j), for which a Metropolis step corrects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tsinit._typing import FloatArray, IntArray
    from tsinit.models.state_draws.parameters import StateParameters, StatePrior
    from tsinit.models.state_draws.table import StateTable

#: Variance of a column that all else leaves open, in units of its noise, from which it counts as closely followed.
_CLOSE = 0.1


def closely_followed(table: StateTable, p: StateParameters) -> IntArray:
    """List the columns whose noise is small beside what all else leaves open."""
    left = [_give_way(table, p, j)[1] for j in range(len(p.r))]
    return np.flatnonzero(np.array(left) > _CLOSE * p.r)


def draw_noise(
    rng: np.random.Generator,
    X: FloatArray,
    table: StateTable,
    present: StateParameters,
    prior: StatePrior,
    columns: Iterable[int],
) -> tuple[FloatArray, StateParameters]:
    """Scale the noise of some columns, one after the other, and let the states (T, n) give way: (states, parameters).

    Which columns these are must not depend on states and noise variances.
    """
    p, X = present._replace(r=present.r.copy()), X.copy()
    inner = p.precision()[0]
    left = (table.y - X[table.rows] @ p.C.T - table.covariates @ p.G.T) * table.observed
    followed, first = table.followed, table.offsets[:-1]
    steps, begins = X[followed + 1] - X[followed] @ p.A.T, X[first] - p.m
    for j in columns:
        d, _ = _give_way(table, p, j)
        if not np.isfinite(d).all():
            continue  # of a column without loadings
        u = np.zeros(len(X))
        u[table.rows] = v = left[:, j].copy()
        # (1 - c) = a adds a moved to the noise of the states, and takes a v (C_k d) off the residual of column k.
        moved = np.outer(u[followed + 1], d) - np.outer(u[followed], p.A @ d)
        weighted = moved @ inner.inner
        own, shift = inner.first @ d, p.C @ d
        weight = shift / p.r
        weight[j] = 0.0  # the residual over the root of its variance stays
        slope = v @ (left @ weight) - (weighted * steps).sum() - u[first] @ (begins @ own)
        curvature = v**2 @ (table.observed @ (weight * shift))
        curvature += (weighted * moved).sum() + (u[first] ** 2).sum() * (own @ d)
        if not curvature > 0.0:
            continue
        a = slope / curvature + rng.standard_normal() / np.sqrt(curvature)
        r = (1.0 - a) ** 2 * p.r[j]
        ratio = (1.0 + p.r[j] / prior.dof) / (1.0 + r / prior.dof)
        if not (r > 0.0 and rng.random() < ratio ** (0.5 * (prior.dof + 1.0))):
            continue
        p.r[j] = r
        X += a * np.outer(u, d)
        left -= a * np.outer(v, shift) * table.observed
        steps += a * moved
        begins += a * np.outer(u[first], d)
    return X, p


def _give_way(table: StateTable, p: StateParameters, j: int) -> tuple[FloatArray, float]:
    """Direction of the states in which a column moves by 1 at the smallest cost, and the variance left open in it.

    The cost is that of one step whose neighbours stay, M = Q^-1 + A' Q^-1 A + C' R^-1 C without the column.
    """
    inner, share = p.precision()[0], table.observed.mean(axis=0)
    weights = share / p.r
    weights[j] = 0.0
    solved = np.linalg.solve(inner.inner + inner.before + (p.C.T * weights) @ p.C, p.C[j])
    variance = float(p.C[j] @ solved)
    with np.errstate(divide="ignore", invalid="ignore"):
        return solved / variance, variance
