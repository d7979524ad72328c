"""Subspace identification (4SID): the dynamics read off a projection of the future on the past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import (
    check_choice,
    check_count,
    check_count_or_word,
    check_flag,
    check_number,
    check_series,
)
from tsinit.init import _checks
from tsinit.init._centres import cluster_centres, refine
from tsinit.init._fills import keep_observed
from tsinit.init._inputs import fit_inputs
from tsinit.init._labels import bounds, count_distinct, finish, prepare, wanted_states
from tsinit.init._scaling import standardise, unscale
from tsinit.init._windows import fill_linear, longest
from tsinit.init.subspace.identify import best, pad, white
from tsinit.init.subspace.orders import order_statistics
from tsinit.init.subspace.realise import largest_order, weighted_states
from tsinit.init.subspace.with_inputs import StandardInputs, best_dynamics
from tsinit.kernels import smooth_means
from tsinit.kernels.state_space.observation import complete

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tsinit._typing import BoolArray, FloatArray, IntArray, SeriesLike
    from tsinit.kernels import LinearGaussianParams

_WEIGHTS = ("cva", "n4sid", "moesp")
_GAPS = ("auto", "drop", "pairs", "smooth")
_TABLE_STATES = 20  # rows of the order table by default
#: Observed values of every column that a model of the gaps takes.
_MIN_OBSERVED = 8
_MIN_ROWS = 4  # in some sequence: fewer have no past and future
_PAD_LOADING = 0.1  # of states beyond what the data can carry: hardly visible


class Subspace(BaseEstimator):
    """Start from a stochastic subspace identification of the data (4SID).

    The last i rows predict the next i; the directions that matter in this prediction are the states. Closed
    form, no iteration, no start of its own, and fast: 20,000 steps take 2 ms for one i.

    The states are those of the innovations form, whose two noises are correlated. EM's model has independent
    ones, so they are converted such that the covariances of the outputs stay, as far as a model of this
    order can have them. Without this step the start is far worse than its poles.

    Several sequences are put side by side and nothing is learned across a boundary; sequences too short for
    a window contribute nothing. A constant column is left out and gets a row of zeros in C.

    For `labels`, the states are smoothed and clustered by k-means, in the coordinates of the identification,
    in which a state counts by how well it predicts. Their number is the one of smallest ``ivc`` in
    `order_table`, at most 10. Clusters of states differ from clusters of rows in that they use what came
    before and after: noise is smoothed away. The smoother passes over gaps; a row never observed takes the label
    of the last row observed before it in its sequence, else of the next. Where no sequence has 4 rows, or the
    smoother fails, rows are clustered in place of states.

    With known inputs, the future outputs are projected along the future inputs on the past of both, A and C come from
    the shift structure, B and D from least squares, and the noises from what the inputs leave. The same is done with
    the inputs' own past regressed out first, and the likelier of the two is kept.

    Parameters
    ----------
    weights : {"cva", "n4sid", "moesp"}, default "cva"
        ``"cva"``: canonical variates, past and future both whitened. ``"n4sid"`` and ``"moesp"``: no weights;
        the first estimates A from the states, the second from the shift structure of the observability
        matrix. Without inputs those two agree closely.
    n_block_rows : int or "auto", default "auto"
        Rows i of past and of future. Many are right where the order is and observation noise is strong; on
        real data few are usually far better. ``"auto"`` tries the fewest that n states need, the usual
        max(ceil(n / D) + 2, ceil(1.5 n / D)) and its doubles up to the memory that an autoregression finds,
        and keeps the start with the highest likelihood (of the first 50,000 rows); where there are few data
        it takes what they allow. An integer is lowered where no sequence has 2 i rows.
    independent_noise : bool, default True
        Convert to independent noises. False just drops the correlation, to show what that costs.
    noise_floor : float, default 1e-4
        Smallest eigenvalue of R on standardised data.
    max_radius : float, default 0.999
        Largest modulus of an eigenvalue of A; larger ones are moved inside along their angle.
    gaps : {"auto", "drop", "pairs", "smooth"}, default "auto"
        What to do about missing values. ``"drop"`` leaves out every window with a gap. ``"pairs"`` estimates
        the covariances of the windows from all pairs of values observed and does without the weights of
        ``"cva"``: best with much noise and scattered gaps. ``"smooth"`` interpolates, identifies, replaces
        the interpolation by the Kalman smoother's means and identifies again: best with little noise.
        ``"auto"`` drops where that keeps nine windows of ten, and else takes from all three the start with
        the highest likelihood of what was observed.

    Notes
    -----
    If the data cannot carry ``n_states`` states (a dozen rows, variables that repeat each other), or
    ``n_block_rows`` is an integer i with (i - 1) D < n, the others are added as short-lived states that
    hardly show in the output, with loadings drawn from ``rng``. Otherwise the start is not random.

    References
    ----------
    Van Overschee and De Moor, "Subspace identification for linear systems: theory, implementation,
    applications" (Kluwer, 1996), chapter 3 and, with inputs, 4, for the algorithms; Smith, de Freitas, Robinson and
    Niranjan, "Speech modelling using subspace and EM techniques" (NIPS 12, 1999), for the use as a start of EM.
    """

    _one_start = (
        True  # other seeds give others only where the data show fewer states than are asked for
    )

    def __init__(
        self,
        weights: str = "cva",
        n_block_rows: int | str = "auto",
        *,
        independent_noise: bool = True,
        noise_floor: float = 1e-4,
        max_radius: float = 0.999,
        gaps: str = "auto",
    ) -> None:
        self.weights = weights
        self.n_block_rows = n_block_rows
        self.independent_noise = independent_noise
        self.noise_floor = noise_floor
        self.max_radius = max_radius
        self.gaps = gaps

    def dynamics(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int,
        offsets: IntArray | None = None,
        inputs: FloatArray | None = None,
        input_effect: str = "both",
    ) -> LinearGaussianParams:
        """Identify the parameters of a state-space model.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Used only if the data cannot carry ``n_states`` states.
        n_states : int
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        inputs : (T, m) float, optional
            Known inputs, complete.
        input_effect : {"both", "state", "output"}
            What the inputs act on.

        Returns
        -------
        LinearGaussianParams
            In the units of y and of the inputs. R is full; P0 is the stationary covariance. m0 is zero, or with inputs
            what the smoother expects.

        Raises
        ------
        ValueError
            If a parameter is not allowed, or no sequence has 4 rows.
        """
        self._check()
        z, loc, scale = standardise(y)
        varies = _varies(z)
        loadings = _PAD_LOADING * rng.standard_normal((int(varies.sum()), n_states))
        if not varies.any():
            params = pad(white(0), n_states, loadings)
        elif inputs is None:
            params = best(self, z[:, varies], _bounds(z, offsets), n_states, loadings).params
        else:
            known = StandardInputs(standardise(inputs)[0], input_effect)
            limits = _bounds(z, offsets)
            params = best_dynamics(self, z[:, varies], known, limits, n_states, loadings)
        params = unscale(_with_constants(params, varies, self.noise_floor), loc, scale)
        return params if inputs is None else fit_inputs(params, y, inputs, offsets, input_effect)

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by the cluster of its state.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds the clusters.
        n_states : int, optional
            Number of clusters; ``min(10, max(2, T // 50))`` if not given.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If a parameter is not allowed, or `n_states` no whole number from 1.
        """
        self._check()
        z, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        limits = bounds(len(y), offsets)
        varies, path = _varies(z), None
        if varies.any() and longest(len(y), offsets) >= _MIN_ROWS:
            path = self._path(z[:, varies], limits)
        if path is None or not np.isfinite(path).all():
            path = full
        return finish(
            refine(path, cluster_centres(path[observed], K, rng), 0.0, limits)[0], observed, offsets
        )

    def fill(
        self, y: FloatArray, rng: np.random.Generator | None = None, offsets: IntArray | None = None
    ) -> FloatArray:
        """Fill the gaps by what the Kalman smoother expects there, under a model of the order the data ask for.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Observed cells as they are. Where no sequence has 4 rows, no column varies, or too little was observed to
            tell any state from noise, gaps are interpolated.

        Raises
        ------
        ValueError
            If a parameter is not allowed.
        """
        self._check()
        z, loc, scale = standardise(y)
        full, varies, limits = fill_linear(z, offsets), _varies(z), _bounds(z, offsets)
        if varies.any() and np.isnan(z).any() and longest(len(y), offsets) >= _MIN_ROWS:
            observed = np.ascontiguousarray(z[:, varies])
            params = self._model(observed, limits)
            means = full if params is None else smooth_means(params, observed, limits)
            if params is not None and np.isfinite(means).all():
                complete(params.C, params.R, observed, means, np.ones(len(y), dtype=bool))
                full[:, varies] = observed
        return keep_observed(y, full * scale + loc)

    def order_table(
        self, X: SeriesLike, lengths: Sequence[int] | None = None, max_states: int | None = None
    ) -> pd.DataFrame:
        """Show what one decomposition says about the number of states.

        Parameters
        ----------
        X : (T, D) array or DataFrame, Series, or list of those
            Observations as the models take them: time in rows, NaN where missing.
        lengths : sequence of int, optional
            Rows of each sequence, where X is one table.
        max_states : int, optional
            Largest order; as many as the data carry, up to 20, if not given.

        Returns
        -------
        pandas.DataFrame
            Index ``n_states``; columns ``singular_value``, ``canonical_correlation``, ``gap_ratio`` and the
            criteria ``svc``, ``nic``, ``ivc``, which are to be minimised.

        Raises
        ------
        ValueError
            If a parameter is not allowed, X is no such table, no column varies, or no sequence has 4 rows.
        TypeError
            If X holds something that is not a number.
        """
        import pandas as pd

        self._check()
        maximum = _TABLE_STATES if max_states is None else check_count("max_states", max_states)
        panel = check_series(X, lengths)
        z, _, _ = standardise(panel.y)
        varies = _varies(z)
        _checks.check_varies(varies)
        z = z[:, varies]
        n_states = _TABLE_STATES // 2 if max_states is None else maximum
        table = self._statistics(z, panel.offsets, n_states, maximum)
        return pd.DataFrame(table, index=pd.RangeIndex(1, len(table["ivc"]) + 1, name="n_states"))

    def _statistics(
        self, z: FloatArray, offsets: IntArray, n_states: int, maximum: int
    ) -> dict[str, FloatArray]:
        """Score the orders 1 .. maximum by one decomposition, made for `n_states`."""
        D = z.shape[1]
        fit = best(self, z, offsets, n_states, np.zeros((D, n_states)))
        cva = weighted_states(fit.factor, "cva")
        return order_statistics(
            fit.states.singular_values,
            cva.singular_values,
            D,
            fit.factor.n_block_rows,
            fit.factor.n_columns,
            min(maximum, largest_order(fit.factor, fit.states)),
        )

    def _path(self, z: FloatArray, offsets: IntArray) -> FloatArray | None:
        """Smoothed states of a model of the order that the data ask for; None where they carry none."""
        params = self._model(z, offsets)
        return None if params is None else smooth_means(params, np.ascontiguousarray(z), offsets)

    def _model(self, z: FloatArray, offsets: IntArray) -> LinearGaussianParams | None:
        """Parameters of a model of the order that the data ask for; None where they carry none."""
        if (~np.isnan(z)).sum(axis=0).min() < _MIN_OBSERVED:
            return None
        maximum = _TABLE_STATES // 2
        scores = self._statistics(z, offsets, maximum, maximum)["ivc"]
        if not len(scores):
            return None
        order = 1 + int(np.argmin(scores))
        return best(self, z, offsets, order, np.zeros((z.shape[1], order))).params

    def _check(self) -> None:
        check_choice("weights", self.weights, _WEIGHTS)
        check_count_or_word("n_block_rows", self.n_block_rows, 2, "auto")
        check_number("noise_floor", self.noise_floor, 1e-12)
        check_number("max_radius", self.max_radius, 0.0, below=1.0)
        check_choice("gaps", self.gaps, _GAPS)
        check_flag("independent_noise", self.independent_noise)


def _bounds(z: FloatArray, offsets: IntArray | None) -> IntArray:
    return np.array([0, len(z)] if offsets is None else offsets, dtype=np.int64)


def _varies(z: FloatArray) -> BoolArray:
    """Mark the columns of standardised data that vary: the others are zero up to rounding."""
    return np.abs(np.nan_to_num(z)).max(axis=0, initial=0.0) > 1e-6


def _with_constants(
    params: LinearGaussianParams, varies: BoolArray, noise: float
) -> LinearGaussianParams:
    """Put columns that never vary back in: no state shows in them, and their noise is at the floor."""
    C = np.zeros((len(varies), params.C.shape[1]))
    C[varies] = params.C
    R = noise * np.eye(len(varies))
    R[np.ix_(varies, varies)] = params.R
    return params._replace(C=C, R=R, d=np.zeros(len(varies)))
