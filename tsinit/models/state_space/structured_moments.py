"""Moments of one E-step for a model with a structure: expected scatters as quadratics around the present parameters.

They are taken of residuals at these parameters, not of levels: noise is then told from what it disturbs even where it
is many orders of magnitude smaller, as that of the slope of a series which is far from zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.models.state_space.m_step import MStepSettings, transition_of
from tsinit.models.state_space.observation_step import (
    loadings_of,
    moments_by_variable,
    observation_regression,
    second_moments,
)
from tsinit.models.state_space.prior import LinearGaussianPrior
from tsinit.models.state_space.regression import padded, symmetric

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.state_space.m_step import EMState, RegressionData


class Quadratic(NamedTuple):
    """Expected log density of a regression with coefficients B and noise V, as it is around the present ones.

    It is ``-(weight log det V + tr(V^-1 scatter(B))) / 2`` up to a constant.
    """

    pull: np.ndarray  # (p, q) minus half the gradient of the scatter by rows
    G: list  # (q, q) second moments of the regressors: one for all rows, or one for each
    scatter: (
        np.ndarray
    )  # (p, p) at the present coefficients; (p,) where rows are regressions of their own
    weight: Any  # number of terms: a float, or (p,) by row

    def moved(self, step: FloatArray) -> FloatArray:
        """Return the scatter where the coefficients move by a step (p, q)."""
        if self.scatter.ndim == 1:
            curved = (
                np.einsum("ij,ij->i", step @ self.G[0], step)
                if len(self.G) == 1
                else np.array([s @ g @ s for s, g in zip(step, self.G, strict=True)])
            )
            return self.scatter - 2.0 * np.einsum("ij,ij->i", step, self.pull) + curved
        cross = step @ self.pull.T
        return self.scatter - cross - cross.T + step @ self.G[0] @ step.T


class StructuredMoments(NamedTuple):
    """What an E-step knows of the free entries."""

    transition: Quadratic  # of [A, B]
    observation: Quadratic  # of [C, D, d]
    first: np.ndarray  # (n,) sum of the first states
    first_scatter: np.ndarray  # (n, n) of them around m0
    n_first: int
    size: np.ndarray  # (n,) mean variance of what the noise of the states disturbs


def moments_kind(diagonal: bool) -> str:
    """Return what sums an E-step has to make, by whether R is diagonal."""
    return "by_variable" if diagonal else "jointly"


def structured_moments(data: RegressionData, state: EMState, diagonal: bool) -> StructuredMoments:
    """Sum up the moments of an E-step.

    Parameters
    ----------
    data : RegressionData
    state : EMState
        With the moments of its E-step, of :func:`moments_kind`.
    diagonal : bool
        Whether R is so.

    Returns
    -------
    StructuredMoments
    """
    params, moments, x = state.params, state.smoothed.moments, state.smoothed.means
    first = x[data.first] - params.m0
    transition = _transition(data, state)
    count = max(data.n_pairs, 1)
    spread = np.diag(moments.P - moments.P_first) / count
    return StructuredMoments(
        transition,
        _by_variable(data, state) if diagonal else _jointly(data, state),
        x[data.first].sum(axis=0),
        moments.P_first + first.T @ first,
        len(first),
        spread,
    )


def _transition(data: RegressionData, state: EMState) -> Quadratic:
    """Regress each state on the one before it, and on inputs where those act on it, by what is left of it."""
    params, moments, x = state.params, state.smoothed.moments, state.smoothed.means
    A, F = params.A, transition_of(params)
    z = x if params.B is None else data.beside_inputs(x)
    before = z[:-1]
    left = x[1:] - before @ F.T
    left[data.first[1:] - 1] = 0.0  # from the end of one sequence to the beginning of the next
    last, k = z[data.last], z.shape[1]
    earlier = moments.P - moments.P_last
    G = z.T @ z - last.T @ last + padded(earlier, k, k)
    cross = moments.lag - A @ earlier
    scatter = left.T @ left + moments.P - moments.P_first - cross @ A.T - A @ moments.lag.T
    return Quadratic(
        left.T @ before + padded(cross, len(A), k), [G], symmetric(scatter), float(data.n_pairs)
    )


def _by_variable(data: RegressionData, state: EMState) -> Quadratic:
    """Regress every variable over the steps that observe it."""
    params, moments, x = state.params, state.smoothed.moments, state.smoothed.means
    if params.D is not None:
        x = data.beside_inputs(x)
    n, L = x.shape[1], loadings_of(params)
    whole = second_moments(data, x, moments.P)
    G, V = moments_by_variable(data, x, moments, whole)
    left = data.y0 - x @ L[:, :n].T - L[:, n]
    if data.gaps:
        left[~data.kalman.observed] = 0.0
    CV = np.array(
        [padded(v, n, n) @ c for c, v in zip(L[:, :n], V * (len(L) // len(V)), strict=True)]
    )
    pull = np.column_stack([left.T @ x - CV, data.ones @ left])
    scatter = np.einsum("ti,ti->i", left, left) + np.einsum("ij,ij->i", L[:, :n], CV)
    return Quadratic(pull, G, scatter, data.count.astype(float))


def _jointly(data: RegressionData, state: EMState) -> Quadratic:
    """Regress all variables at once, missing entries replaced by their conditional moments."""
    D = len(state.params.C)
    settings = MStepSettings("full", "full", "fixed", np.zeros(D), LinearGaussianPrior())
    x = state.smoothed.means
    found = observation_regression(data, state, x.T @ x, settings)
    away = found.B - loadings_of(state.params)
    pull = away @ found.G[0]
    return Quadratic(pull, found.G, symmetric(found.scatter + pull @ away.T), found.weight)
