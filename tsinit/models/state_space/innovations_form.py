"""A model as its one-step predictions and the errors they leave: data are made again from errors that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.models.state_space.one_step import by_pattern, predict_one_step, whitened

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman, LinearGaussianParams


class InnovationsForm:
    """Standardised innovations of data under a model, and the way back from innovations to data.

    Each row is its prediction plus a root of the covariance of its observed entries times standardised innovations,
    which move the prediction of the next row by the gain of the filter: with those of the data, the data come out.
    Gaps are those of the data, whose rows have gains of their own (Stoffer and Wall, J. Amer. Statist. Assoc. 86,
    1991).

    Parameters
    ----------
    kalman : Kalman
        The sequences.
    params : LinearGaussianParams
        With a finite prior.

    Raises
    ------
    ValueError
        The data have no density under the parameters.
    """

    def __init__(self, kalman: Kalman, params: LinearGaussianParams) -> None:
        self._kalman, self._params = kalman, params
        ahead = predict_one_step(kalman, params)
        self.innovations = whitened(kalman.y - ahead.means, ahead.variances, ahead.store.index)
        T, D = kalman.y.shape
        # Of rows that share their covariance and their gaps, one is worked out.
        self._roots, self._gains = [np.zeros((D, D))], [np.zeros((len(params.A), D))]
        self._which = np.zeros(T, dtype=np.int64)
        for rows, pattern in by_pattern(kalman.observed):
            distinct, inverse = np.unique(ahead.store.index[rows], return_inverse=True)
            self._which[rows] = len(self._roots) + inverse
            C = params.C[pattern]
            for P, V in zip(ahead.store.values[distinct], ahead.variances[distinct], strict=True):
                root, gain = np.zeros((D, D)), np.zeros((len(P), D))
                L = np.linalg.cholesky(V[np.ix_(pattern, pattern)])
                root[np.ix_(pattern, pattern)] = L
                gain[:, pattern] = np.linalg.solve(L, C @ P).T
                self._roots.append(root)
                self._gains.append(gain)

    def data(self, innovations: FloatArray) -> FloatArray:
        """Make data (T, D) of standardised innovations (T, D), which are taken where the data were observed."""
        kalman, (A, C, _, _, m0) = self._kalman, self._params[:5]
        B = self._params.B
        drawn = np.where(kalman.observed, innovations, 0.0)
        y = kalman.observation_offset(self._params) + np.zeros(kalman.y.shape)
        for start, stop in zip(kalman.offsets[:-1], kalman.offsets[1:], strict=True):
            x = m0
            for t in range(start, stop):
                if t > start:
                    x = A @ x
                    if B is not None:
                        x = x + B @ kalman.u[t - 1]
                k = self._which[t]
                y[t] += C @ x + self._roots[k] @ drawn[t]
                x = x + self._gains[k] @ drawn[t]
        y[~kalman.observed] = np.nan
        return y

    def resampled(self, rng: np.random.Generator) -> FloatArray:
        """Draw innovations (T, D) from those of the data, with replacement.

        Rows are drawn whole, as their entries may go together, and what a drawn row misses is drawn from the others of
        its column. All are brought to mean 0 and variance 1 in every column first, so that the estimate is the truth of
        the data made of them.
        """
        e = self.innovations
        spread = np.nanstd(e, axis=0)
        spread = np.where(spread > 0.0, spread, 1.0)
        pool = (e - np.nanmean(e, axis=0)) / spread
        pool = pool[~np.isnan(pool).all(axis=1)]
        out = pool[rng.integers(len(pool), size=len(e))]
        for column, whole in zip(out.T, pool.T, strict=True):
            known = whole[~np.isnan(whole)]
            gap = np.isnan(column)
            column[gap] = known[rng.integers(len(known), size=int(gap.sum()))]
        return out
