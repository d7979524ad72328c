"""What the state-space model hands back: states with their spread, forecasts and samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.special

from tsinit._validate import check_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from tsinit._typing import FloatArray
    from tsinit._validate import Panel
    from tsinit.kernels.params import LinearGaussianParams
    from tsinit.kernels.state_space.arrays import CovarianceStore


class StateEstimate:
    """States of a series: means, covariances and the log-likelihood of the data.

    Unpacks as ``means, covariances, log_likelihood = model.smooth(X)``. After the filter has settled, and in all
    complete sequences, covariances repeat; they are kept once and spread out over time when they are asked for.

    Attributes
    ----------
    means : (T, n) array or DataFrame, or list of those
        In the form in which the data came.
    log_likelihood : float
        Of all the data, in nats and in the units of the data.
    """

    def __init__(
        self,
        panel: Panel,
        means: FloatArray,
        store: CovarianceStore,
        log_likelihood: float,
        names: np.ndarray,
    ) -> None:
        self._panel, self._store, self._names = panel, store, names
        self.means: Any = panel.restore(means, names)
        self.log_likelihood = log_likelihood

    @property
    def covariances(self) -> Any:
        """(T, n, n) float, or a list of those: covariance of the state at each row given."""
        values, index = self._store
        given = index[self._panel.rows] if len(self._panel.rows) < len(index) else index
        # Where every step has a covariance of its own, and in order, there is nothing to spread out.
        in_order = len(given) == len(values) and bool((np.diff(given) == 1).all())
        covariances = values if in_order else np.take(values, given, axis=0)
        return self._panel.split(covariances) if self._panel.form == "list" else covariances

    @property
    def standard_deviations(self) -> Any:
        """(T, n) array or DataFrame, or list of those: spread of each state, without building covariances."""
        spread = np.sqrt(np.maximum(np.einsum("sii->si", self._store.values), 0.0))
        return self._panel.restore(np.take(spread, self._store.index, axis=0), self._names)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.means, self.covariances, self.log_likelihood))

    def __repr__(self) -> str:
        n = self._store.values.shape[1]
        return f"StateEstimate({len(self._panel.rows)} steps, {n} states, log_likelihood={self.log_likelihood:.6g})"


class OneStepPrediction(NamedTuple):
    """What every row was expected to be, given those before, in the units of the data.

    Parameters
    ----------
    means, standard_deviations : (T, D) array or DataFrame, or list of those
        Of the observations, noise included.
    """

    means: Any
    standard_deviations: Any


class Forecast(NamedTuple):
    """Predictive distribution of the steps after the data, in the units of the data.

    Parameters
    ----------
    means : (n_steps, D) array or DataFrame
        With the times that follow, where the data had times.
    covariances : (n_steps, D, D) float
        Of the observations, noise included.
    """

    means: Any
    covariances: np.ndarray

    @property
    def standard_deviations(self) -> FloatArray:
        """(n_steps, D) float: spread of each column."""
        return np.sqrt(np.einsum("tii->ti", self.covariances))

    def interval(self, level: float = 0.9) -> tuple[Any, Any]:
        """Interval that holds a share of what each value may be, in the middle of its distribution.

        Parameters
        ----------
        level : float, default 0.9
            Share inside, strictly between 0 and 1.

        Returns
        -------
        lower, upper : (n_steps, D) array or DataFrame
            In the form of `means`.

        Raises
        ------
        ValueError
            level is not strictly between 0 and 1.
        """
        level = check_number("level", level, above=0.0, below=1.0)
        reach = scipy.special.ndtri(0.5 + 0.5 * level) * self.standard_deviations
        return self.means - reach, self.means + reach

    def to_frame(self, level: float = 0.9) -> pd.DataFrame:
        """Lay means and intervals out beside each other.

        Parameters
        ----------
        level : float, default 0.9

        Returns
        -------
        DataFrame
            Columns ``<name>``, ``<name>_lower``, ``<name>_upper`` for each column of the data, on the times that
            follow; numbered steps from 1, and columns from 0, where the data had neither.

        Raises
        ------
        ValueError
            level is not strictly between 0 and 1.
        """
        import pandas as pd

        lower, upper = self.interval(level)
        parts = [pd.DataFrame(part) for part in (self.means, lower, upper)]
        if not hasattr(self.means, "iloc"):
            steps = pd.RangeIndex(1, len(self.means) + 1, name="step")
            parts = [part.set_axis(steps) for part in parts]
        out = {}
        for j, name in enumerate(parts[0].columns):
            for part, ending in zip(parts, ("", "_lower", "_upper"), strict=True):
                out[f"{name}{ending}"] = part.iloc[:, j]
        return pd.DataFrame(out)


def predict_ahead(
    params: LinearGaussianParams,
    state: tuple[FloatArray, FloatArray],
    n_steps: int,
    inputs: FloatArray | None = None,
    is_first: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Means (n_steps, D) and covariances (n_steps, D, D) of the observations after a state.

    Parameters
    ----------
    params : LinearGaussianParams
    state : (n,) float, (n, n) float
        Mean and covariance of the state at the last step.
    n_steps : int
    inputs : (n_steps + 1, m) float, optional
        From the last step on.
    is_first : bool
        The state is that of the first step to predict.
    """
    x, P = state
    d: Any  # fitted parameters have one
    A, C, Q, R, _, _, d = params[:7]
    B, D = params.B, params.D
    means, covariances = np.empty((n_steps, len(C))), np.empty((n_steps, len(C), len(C)))
    steps = None
    if params.C_inputs is not None and inputs is not None:
        steps = params.loadings(inputs[1:])
    for k in range(n_steps):
        if steps is not None:
            C = steps[k]
        if k > 0 or not is_first:
            x, P = A @ x, A @ P @ A.T + Q
            if B is not None and inputs is not None:
                x = x + B @ inputs[k]
        means[k], covariances[k] = C @ x + d, C @ P @ C.T + R
        if D is not None and inputs is not None:
            means[k] += D @ inputs[k + 1]
    return means, covariances
