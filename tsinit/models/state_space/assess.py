"""From a fitted model and its data to the uncertainty of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit.models.base import one_thread
from tsinit.models.state_space.bootstrap import (
    BootstrapUncertainty,
    Drawing,
    StructuredBootstrapUncertainty,
    StructuredDrawing,
    refit_from_strategy,
    replicate,
)
from tsinit.models.state_space.estimands import Estimands
from tsinit.models.state_space.fit_data import StateSpaceData, fitted_point
from tsinit.models.state_space.information import observed_information
from tsinit.models.state_space.structured_information import (
    EntryEstimands,
    StructuredPoint,
    StructuredUncertainty,
    structured_information,
)
from tsinit.models.state_space.uncertainty import InformationUncertainty

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._validate import Panel
    from tsinit.models.state_space.information import FittedPoint, Information
    from tsinit.models.state_space.uncertainty import ParameterUncertainty

METHODS = ("information", "bootstrap")
RESAMPLE = ("parametric", "innovations")
_SAME = 1e-6  # relative difference of log-likelihoods of the same data, by rounding


class UncertaintyRequest(NamedTuple):
    """Checked arguments of `uncertainty`."""

    method: str
    level: float
    sampling_rate: float
    n_boot: int
    n_from_strategy: int
    n_jobs: Any
    random_state: Any
    resample: str = "parametric"


DEFAULTS = UncertaintyRequest(
    "information", 0.95, 1.0, 0, 0, None, None
)  #: of `forecast` and `impute`


def assess(ssm: Any, panel: Panel, request: UncertaintyRequest) -> ParameterUncertainty:
    """Measure how sure the parameters of a fitted model are.

    Parameters
    ----------
    ssm : LinearGaussianSSM
        Fitted.
    panel : Panel
        The data of its fit.
    request : UncertaintyRequest

    Returns
    -------
    ParameterUncertainty

    Raises
    ------
    ValueError
        The data are not those of the fit, the model has diffuse first states without a structure, a covariance is
        singular, or too few replicates could be fitted.
    """
    ways = _FREE if ssm._fitted_context.options.structure is None else _STRUCTURED
    with one_thread():
        point, estimands = ways.read(ssm, panel, request)
        common = ssm.params_, estimands, request.sampling_rate, request.level
        if request.method == "information":
            return ways.by_information(point, ways.information(point), *common)
        drawn = _bootstrap(ssm, ways.drawing(point, request.resample), request)
        return ways.by_bootstrap(point, *common, *drawn, request.resample)


def _read_free(
    ssm: Any, panel: Panel, request: UncertaintyRequest
) -> tuple[FittedPoint, Estimands]:
    """Put a model and its data together again, and say what of it can be told from data."""
    context, params = ssm._fitted_context, ssm.params_
    if not np.isfinite(params.P0).all():
        raise ValueError(
            "P0 must be finite for the uncertainty of parameters, because with diffuse states they are not fitted; got "
            "infinite variances. Fit with another initial_state."
        )
    point = fitted_point(panel, params, context)
    shift = float(point.kalman.count @ np.log(point.units.scale))
    _check_same_data(point.state.smoothed.log_likelihood - shift, ssm.log_likelihood_)
    settings = context.settings
    estimands = Estimands(
        params, request.sampling_rate, panel.columns, panel.input_names or (),
        settings.observation_cov, settings.is_stationary,
    )  # fmt: skip
    return point, estimands


def _read_structured(
    ssm: Any, panel: Panel, request: UncertaintyRequest
) -> tuple[StructuredPoint, EntryEstimands]:
    """The same for a structure, of which the free entries can be told."""
    options = ssm._fitted_context.options
    kalman = StateSpaceData(panel, options).kalman(options.structure.n_states)
    point = StructuredPoint(kalman, options.structure, ssm.params_, panel)
    if not point.entries.size:
        raise ValueError("structure must have free entries to be unsure of; got none.")
    _check_same_data(point.state.objective, ssm.log_likelihood_)
    return point, EntryEstimands(point.entries, panel.columns, panel.input_names or ())


class _Ways(NamedTuple):
    """How the uncertainty of a kind of model is measured."""

    read: Callable[..., tuple[Any, Any]]
    information: Callable[[Any], Information]
    by_information: type[InformationUncertainty]
    drawing: type[Drawing]
    by_bootstrap: type[BootstrapUncertainty]


_FREE = _Ways(
    _read_free, observed_information, InformationUncertainty, Drawing, BootstrapUncertainty
)
_STRUCTURED = _Ways(
    _read_structured,
    structured_information,
    StructuredUncertainty,
    StructuredDrawing,
    StructuredBootstrapUncertainty,
)


def _bootstrap(
    ssm: Any, drawing: Drawing, request: UncertaintyRequest
) -> tuple[list[Any], list[Any]]:
    """Fit replicates from the estimate, and the first of them from the strategy too; each by a seed of its own."""
    from joblib import Parallel, delayed

    options = ssm._fitted_context.options
    seeds = _validate.check_seed(request.random_state).spawn(request.n_boot)
    how = (options.max_iter, options.tol, options.accelerate)
    tasks = [delayed(_alone)(replicate, drawing, seed, *how) for seed in seeds]
    tasks += [
        delayed(_alone)(refit_from_strategy, ssm, drawing, seed)
        for seed in seeds[: request.n_from_strategy]
    ]
    done = list(Parallel(n_jobs=request.n_jobs)(tasks))
    return done[: request.n_boot], done[request.n_boot :]


def _alone(task: Any, *args: Any) -> Any:
    with one_thread():
        return task(*args)


def _check_same_data(found: float, log_likelihood: float) -> None:
    if abs(found - log_likelihood) > _SAME * max(abs(log_likelihood), 1.0):
        raise ValueError(
            f"X must be the data of fit, with their inputs; got a log-likelihood of {found:.6g} instead of "
            f"{log_likelihood:.6g}. Fit again with the data to ask about."
        )
