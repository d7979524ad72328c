"""statsmodels: every model that it fits by the likelihood of a state space, started from a vector of parameters."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._parameter_steps import parameter_steps
from tsinit.adapters._statsmodels import StatsmodelsAdapter
from tsinit.adapters._statsmodels_listener import quiet
from tsinit.adapters._statsmodels_state_space import copied, rebuilt, settings_of
from tsinit.init.native import ParameterSpace

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

_HOME = "statsmodels.tsa.statespace."


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
        """What the constructor was given, as far as the model keeps it, and its matrices."""
        return settings_of(model)

    def space(self, model: Any, data: Any) -> ParameterSpace:
        """The parameters of a model on these data, around the start that the library would take.

        Raises
        ------
        ValueError
            The library's own start is not inside the space.
        """
        fresh = self._on(model, data)
        constrain = functools.partial(self.constrain, fresh)

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
            size = parameter_steps(
                lambda x: fresh.loglikeobs(constrain(x), **self._whole(fresh)), constrain, native
            )
        return ParameterSpace(native, constrain, unconstrain, size)

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
        return copied(model)

    def _rebuilt(self, model: Any, table: Any, rows: slice | None) -> Any:
        return rebuilt(model, table, rows)
