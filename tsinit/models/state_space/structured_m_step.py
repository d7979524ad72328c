"""The M-step under a structure: the free entries that maximise the expected log density, in closed form.

With vec(M) = f + G theta, the free entries of a regression with noise V and second moments S of its regressors solve
(G' (S (x) V^-1) G) theta = G' vec(V^-1 (S_yx - f S)) (Holmes, Derivation of an EM algorithm for constrained and
unconstrained multivariate autoregressive state-space models, 2013); it is solved for the step from the present ones.
Coefficients go first, given the noise, then the noise, given them: a conditional maximisation, which is monotone too
(Meng and Rubin, Biometrika 80, 1993).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.models.state_space.m_step import gaussian
from tsinit.models.state_space.regression import solve

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams
    from tsinit.models.state_space.free_entries import FreeEntries
    from tsinit.models.state_space.structured_moments import Quadratic, StructuredMoments
    from tsinit.structures.template import Template

_SHARES = (1.0, 0.5, 0.25, 0.1, 0.01)  # of a step in A and Q, where P0 moves along


class FreeCoefficients:
    """Free entries of matrices that stand beside each other, [A, B] or [C, D, d], as one regression.

    Parameters
    ----------
    entries : FreeEntries
    names : sequence of str
    """

    def __init__(self, entries: FreeEntries, names: tuple[str, ...]) -> None:
        rows, columns, labels, signs, place = [], [], [], [], []
        start = width = 0
        for name in names:
            template: Template | None = entries.templates.get(name)
            if template is None:
                continue
            which = template.which.reshape(len(template.which), -1)
            i, j = np.nonzero(which >= 0)
            rows.append(i)
            columns.append(j + width)
            labels.append(which[i, j] + start)
            signs.append(template.sign.reshape(which.shape)[i, j])
            place.append(np.arange(entries.size)[entries.place[name]])
            start, width = start + template.size, width + which.shape[1]
        self.rows, self.columns, self.labels = map(np.concatenate, (rows, columns, labels))
        self.sign: Any = np.concatenate(signs)
        self.place: Any = np.concatenate(place)  # in the vector of all free entries
        self.size, self.shape = start, (len(which), width)
        #: (entries, labels) what each free entry does to the matrix.
        self._G = np.zeros((len(self.rows), start))
        self._G[np.arange(len(self.rows)), self.labels] = self.sign
        self._alone = len(self.rows) == start and (self.sign > 0.0).all()
        self._by_row = [np.flatnonzero(self.rows == i) for i in range(self.shape[0])]
        self._shared_by_rows = any(
            len(np.unique(self.rows[self.labels == label])) > 1 for label in range(start)
        )

    def step(self, found: Quadratic, V: FloatArray) -> FloatArray:
        """Return the step (size,) to the maximum for noise V; zero where it is singular, as such rows are fixed."""
        if not self.size:
            return np.zeros(0)
        v, i, j = V.diagonal(), self.rows, self.columns
        diagonal = not np.count_nonzero(V - np.diag(v))
        if diagonal and not self._shared_by_rows:
            return self._row_by_row(found, v > 0.0)
        if diagonal:
            inverse = np.divide(1.0, v, out=np.zeros_like(v), where=v > 0.0)
            weights = np.where(i[:, None] == i, inverse[i][:, None], 0.0)
            slope = inverse[i] * found.pull[i, j]
        else:
            full = np.linalg.pinv(V, hermitian=True)
            weights, slope = full[np.ix_(i, i)], (full @ found.pull)[i, j]
        S = (
            found.G[0][np.ix_(j, j)]
            if len(found.G) == 1
            else np.array(found.G)[i[:, None], j[:, None], j]
        )
        return np.asarray(solve(self._G.T @ (weights * S) @ self._G, self._G.T @ slope))

    def _row_by_row(self, found: Quadratic, live: Any) -> FloatArray:
        """The same where no row needs another: their noise plays no part."""
        out = np.zeros(self.size)
        for row, mine in enumerate(self._by_row):
            if not (mine.size and live[row]):
                continue
            j = self.columns[mine]
            S, pull = found.G[row if len(found.G) > 1 else 0][j[:, None], j], found.pull[row, j]
            if self._alone:
                out[self.labels[mine]] = solve(S, pull)
                continue
            used, place = np.unique(self.labels[mine], return_inverse=True)
            G = np.zeros((len(mine), len(used)))
            G[np.arange(len(mine)), place] = self.sign[mine]
            out[used] = solve(G.T @ S @ G, G.T @ pull)
        return out

    def spread(self, step: FloatArray) -> FloatArray:
        """Put a step (size,) in the places of its entries."""
        out = np.zeros(self.shape)
        out[self.rows, self.columns] = self.sign * step[self.labels]
        return out


class StructuredMStep:
    """The M-step of one structure.

    Parameters
    ----------
    entries : FreeEntries
    """

    def __init__(self, entries: FreeEntries) -> None:
        self.entries = entries
        self._transition = FreeCoefficients(entries, ("A", "B"))
        self._observation = FreeCoefficients(entries, ("C", "D", "d"))

    def __call__(
        self, moments: StructuredMoments, params: LinearGaussianParams
    ) -> LinearGaussianParams | None:
        """Return the parameters that maximise the expected log density; those of the E-step where none are better.

        Parameters
        ----------
        moments : StructuredMoments
        params : LinearGaussianParams
            Those of the E-step.

        Returns
        -------
        LinearGaussianParams
        """
        entries, place = self.entries, self.entries.place
        x = entries.vector(params)
        step = self._observation.step(moments.observation, params.R)
        x[self._observation.place] += step
        scatter = moments.observation.moved(self._observation.spread(step))
        x[place["R"]] = entries.templates["R"].most_likely(scatter, moments.observation.weight)
        first = moments.first_scatter
        if entries.templates["m0"].size:
            move, first = self._first_mean(moments, params)
            x[place["m0"]] += move
        step = self._transition.step(moments.transition, params.Q)
        scatter = moments.transition.moved(self._transition.spread(step))
        Q = entries.templates["Q"].most_likely(scatter, moments.transition.weight)
        if entries.still.any():
            return self._tied(x, (step, Q), moments, first, params)
        x[self._transition.place] += step
        x[place["Q"]] = Q
        return entries.params(x)

    def _first_mean(
        self, moments: StructuredMoments, params: LinearGaussianParams
    ) -> tuple[FloatArray, FloatArray]:
        """Return the step in the free means of first states, and their scatter around the new ones."""
        m0, still = self.entries.templates["m0"], np.ix_(self.entries.still, self.entries.still)
        inverse = np.zeros_like(params.P0)
        inverse[still] = np.linalg.pinv(params.P0[still], hermitian=True)
        G = np.array([m0.fill(e) - m0.fixed for e in np.eye(m0.size)])
        away, count = moments.first - moments.n_first * params.m0, moments.n_first
        step = solve(count * G @ inverse @ G.T, G @ inverse @ away)
        moved = step @ G
        cross = np.outer(moved, away)
        return step, moments.first_scatter - cross - cross.T + count * np.outer(moved, moved)

    def _tied(
        self,
        x: FloatArray,
        best: tuple[FloatArray, FloatArray],
        moments: StructuredMoments,
        first: FloatArray,
        params: LinearGaussianParams,
    ) -> LinearGaussianParams:
        """Take the step in A and Q as far as it helps when P0 follows as their stationary covariance.

        The closed form ignores that P0 moves along, which the expected log density shows: see `m_step`.
        """
        places = self._transition.place, self.entries.place["Q"]
        live = params.Q.diagonal() > 0.0
        known = self.entries.still.copy()
        known[known] = params.P0.diagonal()[known] > 0.0
        Q_rows, P0_rows = np.ix_(live, live), np.ix_(known, known)

        def objective(new: LinearGaussianParams, step: FloatArray) -> float:
            scatter = moments.transition.moved(self._transition.spread(step))[Q_rows]
            return gaussian(new.Q[Q_rows], scatter, moments.transition.weight) + gaussian(
                new.P0[P0_rows], first[P0_rows], moments.n_first
            )

        kept = self.entries.params(x)
        assert kept is not None  # A and Q have not moved yet
        floor, old_Q = objective(kept, np.zeros_like(best[0])), x[places[1]].copy()
        for share in _SHARES:
            y = x.copy()
            y[places[0]] += share * best[0]
            y[places[1]] = old_Q + share * (best[1] - old_Q)
            new = self.entries.params(y)
            if new is not None and objective(new, share * best[0]) >= floor:
                return new
        return kept
