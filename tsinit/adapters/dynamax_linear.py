"""dynamax: linear Gaussian state-space models, started from dynamics."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tsinit.adapters._dynamax import DynamaxAdapter, DynamaxFit
from tsinit.adapters.conversions import from_dynamax
from tsinit.adapters.library import rows_of
from tsinit.kernels import LinearGaussianParams


class DynamaxLinearGaussian(DynamaxAdapter):
    """Runs the linear Gaussian state-space models of dynamax."""

    verb = "dynamics"
    classes: ClassVar[dict[str, str]] = {"LinearGaussianSSM": "dynamax.linear_gaussian_ssm"}

    def n_states(self, model: Any) -> int:
        """The size of the state that the user gave."""
        return int(model.state_dim)

    def params(self, model: DynamaxFit) -> LinearGaussianParams:
        """The fitted parameters, without the input of the state."""
        return from_dynamax(model.params)

    def _given(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> dict[str, Any]:
        A, C, Q, R, m0, P0, d = start[:7]
        given = {
            "initial_mean": m0, "initial_covariance": P0, "dynamics_weights": A, "dynamics_bias": np.zeros(len(A)),
            "dynamics_covariance": Q, "emission_weights": C, "emission_bias": d, "emission_covariance": R,
        }  # fmt: skip
        if not model.has_dynamics_bias:
            del given["dynamics_bias"]
        if not model.has_emissions_bias:
            if (np.abs(d) > 1e-6 * rows_of(data).y.std(axis=0)).any():
                raise ValueError(
                    f"a start of a LinearGaussianSSM without has_emissions_bias must have no mean; got {d}. Subtract "
                    "the means of the data, or leave has_emissions_bias=True."
                )
            del given["emission_bias"]
        return given
