"""What a fitted linear Gaussian state-space model keeps, and how it reads data."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import TransformerMixin

from tsinit import _validate
from tsinit.kernels import Kalman
from tsinit.kernels.dense import LOOPS_TO
from tsinit.models.base import SeriesEstimator, one_thread
from tsinit.models.results import SeriesEnd
from tsinit.models.state_space import fit_data
from tsinit.models.state_space.assess import DEFAULTS, assess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import FloatArray, SeriesLike
    from tsinit._validate import Panel
    from tsinit.kernels.params import LinearGaussianParams
    from tsinit.models.state_space.uncertainty import ParameterUncertainty, WeightedParams


class FittedBase(TransformerMixin, SeriesEstimator):
    """Parameters, the end of the data, and how sure one is: what the answers of a fitted model share."""

    params_: LinearGaussianParams
    n_jobs: int | None
    n_states_: int
    _fitted_attribute = "params_"
    _fitted_end: tuple[tuple[FloatArray, FloatArray], FloatArray | None, SeriesEnd]
    _fitted_criteria: dict[str, Any]
    _fitted_context: fit_data.FitContext
    _fitted_uncertainty: ParameterUncertainty

    def _read_with_inputs(
        self, X: SeriesLike, lengths: Sequence[int] | None, inputs: SeriesLike | None
    ) -> Panel:
        """Check data, and inputs where the model was fitted with some."""
        panel = self._read(X, lengths)
        expected = getattr(self, "input_names_in_", None)
        if expected is None:
            _validate.check_no_inputs(inputs)
            return panel
        return _validate.check_inputs(inputs, panel, expected)

    def _kalman(self, panel: Panel) -> Kalman:
        return Kalman(panel.y, self.n_states_, panel.offsets, panel.inputs, self._n_threads())

    def _n_threads(self) -> int:
        """Count the threads that `n_jobs` asks for; None is one."""
        from joblib import effective_n_jobs

        n_jobs = _validate.check_jobs(self.n_jobs)
        return 1 if n_jobs is None else effective_n_jobs(n_jobs)

    def _few_threads(self) -> contextlib.AbstractContextManager[None]:
        """Hold BLAS to one thread, where there are so many states that the kernels call it."""
        return one_thread() if len(self.params_.A) > LOOPS_TO else contextlib.nullcontext()

    def _last_state(self, panel: Panel) -> tuple[FloatArray, FloatArray]:
        with self._few_threads():
            return fit_data.last_state(self._kalman(panel), self.params_)

    def _end_of(
        self, panel: Panel | None
    ) -> tuple[tuple[FloatArray, FloatArray], FloatArray | None, SeriesEnd]:
        """State at the last step, inputs there, and where the data end; None for the data of `fit`."""
        if panel is None:
            return self._fitted_end
        last_input = None if panel.inputs is None else panel.inputs[-1].copy()
        return self._last_state(panel), last_input, SeriesEnd.of(panel)

    def _known_uncertainty(self) -> ParameterUncertainty:
        known: ParameterUncertainty | None = getattr(self, "_fitted_uncertainty", None)
        if known is None:
            raise ValueError(
                "X must be given, or uncertainty(X) be called before; got None, and the model does not keep its data."
            )
        return known

    def _data_of_fit(self) -> Panel:
        """Return the data that `uncertainty` has seen, which forecasts without X go on from."""
        if getattr(self, "_fitted_is_extended", False):
            raise ValueError(
                "X must be given for parameter_uncertainty=True after extend; got None. Give all rows, with those of "
                "extend."
            )
        return self._known_uncertainty().panel

    def _parameter_draws(self, panel: Panel | None) -> WeightedParams:
        """Return parameters around the estimate, and their weights."""
        known = getattr(self, "_fitted_uncertainty", None)
        if known is None and panel is not None:
            known = self._fitted_uncertainty = assess(self, panel.kept(), DEFAULTS)
        known = self._known_uncertainty() if known is None else known
        return known.nodes

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the states: state0, state1, ..."""
        _validate.check_fitted(self)
        return np.array([f"state{i}" for i in range(self.n_states_)], dtype=object)
