"""pykalman: linear Gaussian models by EM, started from dynamics."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._pykalman_start import PARAMETERS, parameters_of, set_start
from tsinit.adapters.conversions import PYKALMAN, from_pykalman
from tsinit.adapters.library import LibraryAdapter, rows_of
from tsinit.kernels import Kalman, LinearGaussianParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray
    from tsinit.models.monitor import Monitor

#: Dimensions of A, C, Q, R, m0, P0, d where they are constant.
_NDIM = [2, 2, 2, 2, 1, 2, 1]
#: Iterations that the library makes where it is told no number.
_N_ITER = 10
#: Gain of the last iteration, in nats, below which a run counts as converged; the library has no rule of its own.
_TOL = 1e-2


class PyKalman(LibraryAdapter):
    """Runs the filters of pykalman, by its EM in steps of one iteration.

    A start sets what the user did not give, and what ``em_vars`` names; what is given and left out there is fixed. The
    budget's iterations are made, 10 where it says nothing. Models that come back have ``start_``, the parameters that
    the fit began with.
    """

    library = package = "pykalman"
    min_version = "0.11.1"  # earlier ones fail on series of several columns under NumPy 2
    verb = "dynamics"
    classes: ClassVar[dict[str, str]] = {"KalmanFilter": "pykalman"}

    def settings(self, model: Any) -> dict[str, Any]:
        """What the user gave, and what EM learns."""
        given = {name: getattr(model, name) for name in (*PARAMETERS, "n_dim_state", "n_dim_obs")}
        learnt = model._em_vars
        return given | {"em_vars": learnt if isinstance(learnt, str) else sorted(learnt)}

    def n_states(self, model: Any) -> int:
        """Dimensions of the state."""
        return int(model.n_dim_state)

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Copy a model, and set the parameters of a start."""
        begun = copy.deepcopy(model)
        vars(begun).pop("start_", None)
        if start is not None:
            _observations(model, data)
            set_start(begun, start)
            begun.start_ = parameters_of(begun)
        return begun

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Learn, an iteration at a time."""
        y = _observations(model, data)
        model.em(y, n_iter=0)  # sets what nobody gave
        model.start_, model.n_iter_ = parameters_of(model), 0
        limit = monitor.budget.max_iter
        log_likelihood = _log_likelihood_on(y, model.n_dim_state)
        monitor.run()
        going = monitor.record(log_likelihood(model))
        while going and model.n_iter_ < (_N_ITER if limit is None else limit):
            model.em(y, n_iter=1)
            model.n_iter_ += 1
            going = monitor.record(log_likelihood(model))
        monitor.converged = model.n_iter_ > 0 and abs(np.diff(monitor.objectives[-2:])[0]) < _TOL
        return model

    def objective(self, model: Any, data: Any) -> float:
        """The log-likelihood."""
        return float(model.loglikelihood(_observations(model, data)))

    def _made(self, kind: type, data: Any, settings: dict[str, Any]) -> Any:
        return kind(**{"n_dim_obs": np.shape(data)[1]} | settings)

    def params(self, model: Any) -> LinearGaussianParams:
        """Read the parameters of a model."""
        return from_pykalman(model)


def _log_likelihood_on(y: Any, n_states: int) -> Callable[[Any], float]:
    """Make the log-likelihood of a model on data; by our filter, because the library's takes as long as an iteration.

    As there, a row with one missing value counts as missing. What changes with time, the library computes.
    """
    rows: FloatArray = np.ascontiguousarray(np.ma.filled(np.ma.asarray(y, dtype=float), np.nan))
    rows[np.isnan(rows).any(axis=1)] = np.nan
    kalman = Kalman(rows, n_states)

    def log_likelihood(model: Any) -> float:
        params: Any = LinearGaussianParams(
            **{letter: np.asarray(getattr(model, name)) for letter, name in PYKALMAN.items()}
        )
        constant = (
            not np.any(model.transition_offsets) and [np.ndim(part) for part in params] == _NDIM
        )
        value = kalman.log_likelihood(params) if constant else np.nan
        return float(value if np.isfinite(value) else model.loglikelihood(y))

    return log_likelihood


def _observations(model: Any, data: Any) -> Any:
    """One series as the library takes it: masked where values are missing."""
    rows = rows_of(data)
    if len(rows.offsets) > 2:
        raise ValueError(
            f"data must be one series for pykalman; got {len(rows.offsets) - 1}. Its EM knows no others."
        )
    if rows.y.shape[1] != model.n_dim_obs:
        raise ValueError(
            f"data must have {model.n_dim_obs} columns, the n_dim_obs of the model; got {rows.y.shape[1]}."
        )
    return np.ma.masked_invalid(rows.y) if np.isnan(rows.y).any() else np.asarray(rows.table)
