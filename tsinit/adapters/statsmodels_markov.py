"""statsmodels: regressions and autoregressions that switch between regimes, started from labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._markov_start import unconstrained_start
from tsinit.adapters._moments import RUNAWAY
from tsinit.adapters._statsmodels import StatsmodelsAdapter
from tsinit.adapters._statsmodels_rebuild import arguments, exog_of, plain_parts
from tsinit.adapters._statsmodels_series import covers, one_series, own_series
from tsinit.adapters.library import require_complete

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray


class StatsmodelsMarkov(StatsmodelsAdapter):
    """Runs the Markov switching models of statsmodels.

    Labels become a regression for each regime (one for all where a coefficient does not switch), variances, and
    transition probabilities from counts. The library's own start includes its iterations of EM; a start of ours does
    without.
    """

    verb = "labels"
    takes_missing = False
    classes: ClassVar[dict[str, str]] = {
        "MarkovRegression": "statsmodels.tsa.regime_switching.markov_regression",
        "MarkovAutoregression": "statsmodels.tsa.regime_switching.markov_autoregression",
    }
    as_given: ClassVar[dict[str, Any]] = {"em_iter": 0, "search_reps": 0}

    def n_states(self, model: Any) -> int:
        """The number of regimes."""
        return int(model.k_regimes)

    def settings(self, model: Any) -> dict[str, Any]:
        """What the constructor was given, the series included, for data that are part of it."""
        return plain_parts(vars(model)) | {"endog": own_series(model)}

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Build a fresh model on the data, and keep the parameters that follow from labels for its fit."""
        _check_data(model, one_series(data))
        begun = self._on(model, data)
        if start is not None:
            begun.point_ = unconstrained_start(begun, np.asarray(start), rng)
            begun.start_ = self.constrain(begun, begun.point_)
        return begun

    def labels(self, model: Any, data: Any) -> IntArray:
        """The most probable regime of every row; rows that only serve as lags have that of the first after them."""
        held, y = model.model, one_series(data)
        if covers(held, y):
            smoothed = model.smoothed_marginal_probabilities
        else:
            _check_data(held, y)
            fresh = self._on(held, data)
            smoothed = fresh.smooth(
                np.asarray(model.params), return_raw=True
            ).smoothed_marginal_probabilities
            smoothed = np.asarray(smoothed).T
        labels = np.asarray(smoothed).argmax(axis=1)
        return np.concatenate([np.repeat(labels[:1], len(y) - len(labels)), labels])

    def runaway(self, model: Any, data: Any) -> str:
        """Whether a regime stands on rows that are alike, where its variance may fall for ever."""
        params, held = np.asarray(model.params), model.model
        smallest = float(np.min(params[held.parameters["variance"]]))
        if smallest >= RUNAWAY * np.var(own_series(held)):
            return ""
        return (
            f"the likelihood of {type(held).__name__} has no maximum where this run ended: a regime has a variance of "
            f"{smallest:.1g}"
        )

    def constrain(self, model: Any, x: FloatArray) -> FloatArray:
        """From the scale of the optimiser to the parameters."""
        return np.asarray(model.transform_params(x))

    def _rebuilt(self, model: Any, table: Any, rows: slice | None) -> Any:
        exog = exog_of(_exog(model), model, rows)
        tvtp = exog_of(model.exog_tvtp, model, rows)
        fresh = type(model)(
            table, exog=exog, exog_tvtp=tvtp, **arguments(model, ("exog", "exog_tvtp"))
        )
        if rows is not None and rows.start and "t" in model.trend:
            _go_on(fresh, model, rows)
        fresh._initialization = model._initialization
        fresh._initial_probabilities = model._initial_probabilities
        return fresh


def _exog(model: Any) -> Any:
    """The user's exogenous variables for all rows, without the trend that the model puts before them."""
    if not model.k_exog:
        return None
    return np.asarray(getattr(model, "orig_exog", model.exog))[:, model.k_trend :]


def _go_on(fresh: Any, model: Any, rows: slice) -> None:
    """Let time in a trend go on where the data are the end of a series."""
    whole = np.asarray(getattr(model, "orig_exog", model.exog))[rows]
    for name in ("orig_exog", "exog"):
        if hasattr(fresh, name):
            setattr(fresh, name, whole[len(whole) - len(getattr(fresh, name)) :])


def _check_data(model: Any, y: FloatArray) -> None:
    if y.shape[1] != 1:
        raise ValueError(f"data must have one column for {type(model).__name__}; got {y.shape[1]}.")
    require_complete(y, type(model).__name__)
