"""The filter of a fitted model between two rows: for data that arrive while one waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_future_inputs
from tsinit._validate.values import short
from tsinit.kernels.params import writeable
from tsinit.kernels.state_space.one_row import RowModel, advance, empty_workspace
from tsinit.models.state_space.results import predict_ahead

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray
    from tsinit.kernels.params import LinearGaussianParams


class FilterState:
    """What a model knows of the state after the last row; it can be kept, copied, pickled, and moved on row by row.

    Made by :meth:`tsinit.LinearGaussianSSM.filter_state`.

    Parameters
    ----------
    params : LinearGaussianParams
    mean, covariance : (n,), (n, n) float
        Of the state at the last row; of the first one where `is_prior`.
    last_input : (m,) float or None
        Inputs of the last row, which act on the next state.
    is_prior : bool
        No row has come yet.

    Attributes
    ----------
    mean : (n,) float
        Of the state at the last row, given all rows so far.
    covariance : (n, n) float
    log_likelihood : float
        Of the rows that came by `update`, in nats and in the units of the data.
    n_rows : int
        How many came.

    Examples
    --------
    >>> from tsinit import LinearGaussianSSM
    >>> from tsinit.datasets import load_new_york_air_quality
    >>> air = load_new_york_air_quality()
    >>> ssm = LinearGaussianSSM(n_states=2, random_state=0).fit(air.iloc[:120])
    >>> state = ssm.filter_state()
    >>> for row in air.iloc[120:].to_numpy():
    ...     _ = state.update(row)
    >>> state.n_rows
    33
    """

    def __init__(
        self,
        params: LinearGaussianParams,
        mean: FloatArray,
        covariance: FloatArray,
        last_input: FloatArray | None = None,
        is_prior: bool = False,
    ) -> None:
        d: Any = params.d  # fitted parameters have one
        self.params = writeable(params)
        self.mean, self.covariance = np.array(mean, dtype=float), np.array(covariance, dtype=float)
        self.log_likelihood, self.n_rows = 0.0, 0
        self._d = np.array(d, dtype=float)
        self._last_input, self._is_prior = last_input, is_prior
        self._model = RowModel(*self.params[:4])
        self._work = empty_workspace(len(params.A), len(params.C))
        self._shift = np.zeros(len(params.A))

    def update(self, row: ArrayLike, inputs: ArrayLike | None = None) -> float:
        """Move on by one step and take in its row.

        Parameters
        ----------
        row : (D,) float
            In the units of the data, NaN where missing; a row of which all is missing only moves on.
        inputs : (m,) float
            Known inputs of the row, for a model that was fitted with inputs.

        Returns
        -------
        float
            Log density of the row given all before.

        Raises
        ------
        ValueError
            The row or its inputs have another length, or the row has no density.
        """
        # asarray and one comparison: this is called for every row.
        z = np.array(row, dtype=float).reshape(1, -1)
        if z.shape[1] != len(self._d):
            raise ValueError(f"row must have {len(self._d)} values; got {z.shape[1]}.")
        z -= self._d
        u = None
        if inputs is not None or self.params.n_inputs:
            u = self._checked_inputs(inputs)
            if self.params.D is not None:
                z -= self.params.D @ u
            if self.params.C_inputs is not None:
                self._model = self._model._replace(C=self.params.loadings(u[None])[0])
            if self.params.B is not None and self._last_input is not None:
                self._shift = self.params.B @ self._last_input
        before = (self.mean.copy(), self.covariance.copy())
        log_density = advance(
            self._model, self._work, self.mean, self.covariance, self._shift, z, not self._is_prior
        )
        if not np.isfinite(log_density):
            self.mean, self.covariance = before
            raise ValueError(
                f"row must have a density under the model; got {np.asarray(row).tolist()}. Look for an infinity, or a "
                "column that the model takes for exact."
            )
        self._is_prior, self._last_input = False, u
        self.log_likelihood += log_density
        self.n_rows += 1
        return log_density

    def forecast(
        self, n_steps: int = 1, inputs: ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Predict the rows that come next.

        Parameters
        ----------
        n_steps : int
        inputs : (n_steps, m) float
            Known inputs of those rows, for a model that was fitted with inputs.

        Returns
        -------
        means, covariances : (n_steps, D), (n_steps, D, D) float
            Of the observations, noise included.
        """
        m = self.params.n_inputs
        ahead = check_future_inputs(inputs, n_steps, list(range(m)) if m else None, None)
        if ahead is not None:
            last = np.zeros(m) if self._last_input is None else self._last_input
            ahead = np.vstack([last, ahead])
        return predict_ahead(
            self.params, (self.mean, self.covariance), n_steps, ahead, self._is_prior
        )

    def _checked_inputs(self, inputs: ArrayLike | None) -> FloatArray:
        m = self.params.n_inputs
        u = np.empty(0) if inputs is None else np.asarray(inputs, dtype=float).ravel()
        if len(u) != m or not np.isfinite(u).all():
            raise ValueError(f"inputs must be {m} known numbers for each row; got {short(inputs)}.")
        return u

    def copy(self) -> FilterState:
        """Return another that goes on from here."""
        made = FilterState(
            self.params, self.mean, self.covariance, self._last_input, self._is_prior
        )
        made.log_likelihood, made.n_rows = self.log_likelihood, self.n_rows
        return made

    def __repr__(self) -> str:
        n, rows = len(self.mean), self.n_rows
        return f"FilterState({n} states, {rows} rows, log_likelihood={self.log_likelihood:.6g})"
