"""From a fitted model and its data to the uncertainty of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit.models.base import one_thread
from tsinit.models.state_space.bootstrap import (
    BootstrapUncertainty,
    Drawing,
    refit_from_strategy,
    replicate,
)
from tsinit.models.state_space.estimands import Estimands
from tsinit.models.state_space.information import observed_information
from tsinit.models.state_space.restarts import StateSpaceData, fitted_point
from tsinit.models.state_space.structured_bootstrap import (
    StructuredBootstrapUncertainty,
    StructuredDrawing,
    structured_replicate,
)
from tsinit.models.state_space.structured_information import (
    EntryEstimands,
    StructuredPoint,
    StructuredUncertainty,
    structured_information,
)
from tsinit.models.state_space.uncertainty import InformationUncertainty

if TYPE_CHECKING:
    from tsinit._validate import Panel
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
    context, params = ssm._fitted_context, ssm.params_
    if context.options.structure is not None:
        return _of_structure(ssm, panel, request)
    if not np.isfinite(params.P0).all():
        raise ValueError(
            "P0 must be finite for the uncertainty of parameters, because with diffuse states they are not fitted; got "
            "infinite variances. Fit with another initial_state."
        )
    with one_thread():
        point = fitted_point(panel, params, context)
        observed = point.em.kalman.count
        shift = float(observed @ np.log(point.units.scale))
        _check_same_data(point.state.smoothed.log_likelihood - shift, ssm.log_likelihood_)
        settings = context.settings
        estimands = Estimands(
            params, request.sampling_rate, panel.columns, panel.input_names or (),
            settings.observation_cov, settings.is_stationary,
        )  # fmt: skip
        if request.method == "information":
            return InformationUncertainty(
                point,
                observed_information(point),
                params,
                estimands,
                request.sampling_rate,
                request.level,
            )
        drawing = Drawing(point, request.resample)
        drawn, from_strategy = _bootstrap(ssm, drawing, replicate, request)
        return BootstrapUncertainty(
            point,
            params,
            estimands,
            request.sampling_rate,
            request.level,
            drawn,
            from_strategy,
            request.resample,
        )


def _bootstrap(
    ssm: Any, drawing: Drawing, replicate: Any, request: UncertaintyRequest
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


def _of_structure(ssm: Any, panel: Panel, request: UncertaintyRequest) -> ParameterUncertainty:
    """Measure how sure the free entries of a structure are."""
    context, params = ssm._fitted_context, ssm.params_
    structure = context.options.structure
    with one_thread():
        kalman = StateSpaceData(panel, context.options).kalman(structure.n_states)
        point = StructuredPoint(kalman, structure, params, panel)
        if not point.entries.size:
            raise ValueError("structure must have free entries to be unsure of; got none.")
        _check_same_data(point.state.objective, ssm.log_likelihood_)
        estimands = EntryEstimands(point.entries, panel.columns, panel.input_names or ())
        if request.method == "bootstrap":
            drawing = StructuredDrawing(point, request.resample)
            drawn, from_strategy = _bootstrap(ssm, drawing, structured_replicate, request)
            return StructuredBootstrapUncertainty(
                point,
                params,
                estimands,
                request.sampling_rate,
                request.level,
                drawn,
                from_strategy,
                request.resample,
            )
        return StructuredUncertainty(
            point,
            structured_information(point),
            params,
            estimands,
            request.sampling_rate,
            request.level,
        )


def _check_same_data(found: float, log_likelihood: float) -> None:
    if abs(found - log_likelihood) > _SAME * max(abs(log_likelihood), 1.0):
        raise ValueError(
            f"X must be the data of fit, with their inputs; got a log-likelihood of {found:.6g} instead of "
            f"{log_likelihood:.6g}. Fit again with the data to ask about."
        )
