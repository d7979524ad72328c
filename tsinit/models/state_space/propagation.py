"""What the error of estimated parameters adds to forecasts and fillings: answers averaged over draws of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.models.state_space.conditional import conditional_moments
from tsinit.models.state_space.fit_data import last_state
from tsinit.models.state_space.results import predict_ahead

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman
    from tsinit.models.state_space.uncertainty import WeightedParams


def forecast_over(
    drawn: WeightedParams, kalman: Kalman, means: FloatArray, n_steps: int, ahead: FloatArray | None
) -> FloatArray:
    """Return covariances (n_steps, D, D) of observations after the data, the error of parameters included.

    The law of total covariance: the mean of those within each draw, and the scatter of their means, taken about the
    forecasts of the estimate, because those are what is reported.

    Parameters
    ----------
    drawn : WeightedParams
    kalman : Kalman
        The data, in their units.
    means : (n_steps, D) float
        Forecasts of the estimate.
    n_steps : int
    ahead : (n_steps + 1, m) float or None
        Inputs from the last step on.

    Returns
    -------
    (n_steps, D, D) float
    """

    def under(params: Any) -> FloatArray:
        found, within = predict_ahead(params, last_state(kalman, params), n_steps, ahead)
        away = found - means
        return within + away[:, :, None] * away[:, None, :]

    return _averaged(drawn, under)


def spread_over(drawn: WeightedParams, kalman: Kalman, means: FloatArray) -> FloatArray:
    """Return standard deviations (T, D) of missing values, the error of parameters included.

    Parameters
    ----------
    drawn : WeightedParams
    kalman : Kalman
        The data, in their units.
    means : (T, D) float
        Fillings of the estimate.
    """

    def under(params: Any) -> FloatArray:
        found, within = conditional_moments(kalman, params, True)
        away = np.where(kalman.observed, 0.0, found - means)
        return within**2 + away**2

    return np.sqrt(_averaged(drawn, under))


def _averaged(drawn: WeightedParams, under: Callable[[Any], FloatArray]) -> FloatArray:
    """Average second moments over draws; one whose parameters make the data impossible has no answer, and no weight."""
    total: Any = 0.0
    weight = 0.0
    for params, w in zip(drawn.params, drawn.weights, strict=True):
        try:
            moments = under(params)
        except ValueError:
            continue
        total = total + w * moments
        weight += w
    return total / weight
