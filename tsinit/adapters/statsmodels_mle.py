"""statsmodels: every model that it fits by the likelihood of a state space, started from a vector of parameters."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._statsmodels import (
    StatsmodelsAdapter,
    exog_of,
    own_series,
    plain_parts,
    quiet,
)
from tsinit.init.native import ParameterSpace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray

_HOME = "statsmodels.tsa.statespace."
#: How often a step is halved until it changes the density of an observation as it should.
_MOST_HALVINGS = 40
#: Share of the first half of a way that the second half must move parameters by.
_STILL = 1e-3
#: What of a state space decides a likelihood beside its matrices.
_FILTER = (
    "filter_method",
    "inversion_method",
    "stability_method",
    "tolerance",
    "loglikelihood_burn",
    "filter_timing",
)


class StatsmodelsMLE(StatsmodelsAdapter):
    """Runs every model of statsmodels that is an ``MLEModel``, and those that users derive from it.

    A start is a vector of all parameters, in the order of ``param_names``, those that ``fix_params`` holds included.
    """

    verb = "point"
    classes: ClassVar[dict[str, str]] = {
        "UnobservedComponents": _HOME + "structural",
        "SARIMAX": _HOME + "sarimax",
        "ARIMA": "statsmodels.tsa.arima.model",
        "DynamicFactor": _HOME + "dynamic_factor",
        "DynamicFactorMQ": _HOME + "dynamic_factor_mq",
        "VARMAX": _HOME + "varmax",
        "ExponentialSmoothing": _HOME + "exponential_smoothing",
        "MLEModel": _HOME + "mlemodel",
    }
    as_given: ClassVar[dict[str, Any]] = {"includes_fixed": True}

    def _class_of(self, model: Any) -> str | None:
        """Name the first class of those known; another of statsmodels has the same name as one of these."""
        lineage = [f"{kind.__module__}.{kind.__name__}" for kind in type(model).__mro__]
        if _HOME + "mlemodel.MLEModel" not in lineage:
            return None
        return super()._class_of(model)

    def settings(self, model: Any) -> dict[str, Any]:
        """What the constructor was given, as far as the model keeps it, and its matrices.

        Of a copy at its own start, because an evaluation leaves its traces in a model.
        """
        fresh = _copied(model)
        with quiet():
            try:
                fresh.update(fresh.start_params, includes_fixed=True)
            except Exception:  # of whatever kind: its native run will say so
                fresh = model
        return plain_parts(vars(fresh) | fresh._get_init_kwds()) | {
            "endog": own_series(model),
            "exog": _exog(model),
            "matrices": [np.asarray(fresh.ssm[name]) for name in fresh.ssm.shapes if name != "obs"],
            "filter": [getattr(model.ssm, name, None) for name in _FILTER],
            "initial": _initial(fresh),
            "fixed": model._fixed_params,
        }  # fmt: skip

    def space(self, model: Any, data: Any) -> ParameterSpace:
        """The parameters of a model on these data, around the start that the library would take.

        Raises
        ------
        ValueError
            The library's own start is not inside the space.
        """
        fresh = self._on(model, data)

        def unconstrain(point: FloatArray) -> FloatArray:
            with quiet():
                return np.asarray(fresh.untransform_params(point), dtype=float)

        with quiet():
            first = np.asarray(fresh.start_params, dtype=float)
        native = unconstrain(first)
        if not np.isfinite(native).all():
            raise ValueError(
                f"{type(model).__name__} must begin inside of its space, for strategies around its own start; got "
                f"{first}."
            )
        with quiet():
            size = _sizes(
                lambda x: fresh.loglikeobs(self.constrain(fresh, x), **self._whole(fresh)),
                lambda x: self.constrain(fresh, x),
                native,
            )
        return ParameterSpace(native, lambda x: self.constrain(fresh, x), unconstrain, size)

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Build a fresh model on the data, and keep a vector for its fit.

        Raises
        ------
        ValueError
            The vector has another size, or the model does not allow it.
        """
        begun = self._on(model, data)
        if start is None:
            return begun
        names = begun.param_names
        vector = np.asarray(start, dtype=float)
        if vector.shape != (len(names),):
            raise ValueError(
                f"start must have a number for each of the {len(names)} parameters, {', '.join(names)}; got shape "
                f"{vector.shape}."
            )
        with quiet():
            begun.point_ = np.asarray(begun.untransform_params(vector), dtype=float)
            begun.start_ = self.constrain(begun, begun.point_)
        if not np.allclose(begun.start_, vector, rtol=1e-6, atol=1e-9 * np.abs(vector).max()):
            wrong = [
                f"{n}={v:g}"
                for n, v, s in zip(names, vector, begun.start_, strict=True)
                if not np.isclose(v, s)
            ]
            raise ValueError(
                f"start must be inside the space of {type(model).__name__}; got {', '.join(wrong) or vector}, which it "
                "does not allow (or holds at another value)."
            )
        return begun

    def constrain(self, model: Any, x: FloatArray) -> FloatArray:
        """From the scale of the optimiser, or that of all parameters, to the parameters."""
        if model._has_fixed_params and len(x) == len(model.param_names):
            x = np.asarray(x)[model._free_params_index]
        return np.asarray(model.handle_params(x, transformed=False, includes_fixed=False))

    def _whole(self, model: Any) -> dict[str, Any]:
        return {"includes_fixed": True}

    def _copied(self, model: Any) -> Any:
        return _copied(model)

    def _rebuilt(self, model: Any, table: Any, rows: slice | None) -> Any:
        exog = exog_of(_exog(model), model, rows)
        keywords = {} if exog is None else {"exog": exog}
        if rows is not None and rows.start and hasattr(model, "trend_offset"):
            keywords["trend_offset"] = model.trend_offset + rows.start  # time goes on
        fresh = model.clone(table, **keywords)
        for name in (
            "_has_fixed_params",
            "_fixed_params",
            "_params_index",
            "_fixed_params_index",
            "_free_params_index",
        ):
            setattr(fresh, name, copy.copy(getattr(model, name)))
        for name in _FILTER:
            setattr(fresh.ssm, name, getattr(model.ssm, name))
        return fresh


def _copied(model: Any) -> Any:
    """Copy a model without what it has compiled, which in a copy goes on evaluating the parameters of the original."""
    fresh = copy.deepcopy(model)
    first = getattr(fresh.ssm, "initialization", None)
    for part in (fresh.ssm, first, *getattr(first, "blocks", {}).values()):
        for name, value in getattr(part, "__dict__", {}).items():
            if isinstance(value, dict) and any(_is_compiled(held) for held in value.values()):
                setattr(part, name, {})
    return fresh


def _initial(model: Any) -> Any:
    """Mean and covariances of the first state, as arrays; None where a model has not decided yet."""
    try:
        return [np.asarray(part) for part in model.ssm.initialization(model=model.ssm)]
    except Exception:  # of whatever kind: there is none, or it cannot be computed
        return None


def _is_compiled(value: Any) -> bool:
    return type(value).__module__.startswith("statsmodels.tsa.statespace._")


def _exog(model: Any) -> Any:
    """The user's exogenous variables for all rows."""
    for name in ("_input_exog", "orig_exog", "exog"):
        if hasattr(model, name):
            return getattr(model, name)
    return None


def _sizes(loglikeobs: Callable, constrain: Callable, native: FloatArray) -> FloatArray:
    """Find the step of each parameter that changes the log density of an observation by about one: (p,).

    In root mean square over the observations. At first order that is the standard deviation of a parameter that one
    observation alone would leave: no unit and no origin of the data changes what it means. The slope gives a first
    guess, which is halved while it goes too far, or three of it to where parameters stand still, a limit of the space.
    """
    base = np.asarray(loglikeobs(native))

    def change(i: int, step: float) -> float:
        x = native.copy()
        x[i] += step
        return float(np.sqrt(np.mean((np.asarray(loglikeobs(x)) - base) ** 2)))

    size = np.where(native == 0.0, 1.0, np.abs(native))
    for i in range(len(native)):
        small = 1e-6 * size[i]
        slope = change(i, small) / small
        step = 1.0 / slope if slope > 0 and np.isfinite(slope) else size[i]
        unit = np.eye(len(native))[i]
        for _ in range(_MOST_HALVINGS):
            if change(i, step) <= 2.0 and all(
                _goes_on(constrain, native, three * unit) for three in (3.0 * step, -3.0 * step)
            ):
                break
            step /= 2.0
        size[i] = step
    return size


def _goes_on(constrain: Callable, x: FloatArray, way: FloatArray) -> bool:
    """Whether the second half of a way on the unconstrained scale still moves the parameters beside the first."""
    first, half, last = constrain(x), constrain(x + way / 2.0), constrain(x + way)
    return bool(np.abs(last - half).max() >= _STILL * np.abs(half - first).max())
