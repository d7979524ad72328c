"""dynamax: hidden Markov models, started from labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._dynamax import DynamaxAdapter, DynamaxFit
from tsinit.adapters._dynamax_arrays import tables_of
from tsinit.adapters._dynamax_fit import compiled
from tsinit.adapters._moments import StateMoments, state_moments
from tsinit.adapters.library import Rows, rows_of

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray


class DynamaxHMM(DynamaxAdapter):
    """Runs the hidden Markov models of dynamax."""

    verb = "labels"
    classes: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "GaussianHMM", "DiagonalGaussianHMM", "SphericalGaussianHMM", "SharedCovarianceGaussianHMM", "PoissonHMM",
            "CategoricalHMM",
        ),
        "dynamax.hidden_markov_model",
    )  # fmt: skip

    def n_states(self, model: Any) -> int:
        """The number that the user gave."""
        return int(model.num_states)

    def labels(self, model: DynamaxFit, data: Any) -> IntArray:
        """The most probable path of every sequence."""
        states = compiled(model.model).states
        paths = [states(model.params, y) for y in tables_of(model.model, data)]
        return np.concatenate([np.asarray(path, dtype=np.int64) for path in paths])

    def _given(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> dict[str, Any]:
        rows = rows_of(data)
        moments = state_moments(rows, start, model.num_states, rng)
        given = {"initial_probs": moments.start, "transition_matrix": moments.transition}
        kind = self._class_of(model)
        if kind == "CategoricalHMM":
            return given | {"emission_probs": _symbols(model, rows, start)}
        if kind == "PoissonHMM":
            floor = 1e-3 * (rows.y.mean(axis=0) + 1.0 / len(rows.y))
            return given | {"emission_rates": np.maximum(moments.means, floor)}
        return given | {"emission_means": moments.means} | _spread(kind, moments)


def _spread(kind: str | None, moments: StateMoments) -> dict[str, FloatArray]:
    """Bring the covariances of the states to the shape of a kind of Gaussian model."""
    covariances = moments.covariances
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    if kind == "DiagonalGaussianHMM":
        return {"emission_scale_diags": np.sqrt(variances)}
    if kind == "SphericalGaussianHMM":
        return {"emission_scales": np.sqrt(variances.mean(axis=1))}
    if kind == "SharedCovarianceGaussianHMM":
        return {"emission_covariance": np.tensordot(moments.weights, covariances, 1)}
    return {"emission_covariances": covariances}


def _symbols(model: Any, rows: Rows, labels: IntArray) -> FloatArray:
    """Count the symbols of each column by state, one count more shared out evenly."""
    n_classes, (T, D) = model.emission_component.num_classes, rows.y.shape
    counts = np.full((model.num_states, D, n_classes), 1.0 / n_classes)
    np.add.at(
        counts, (np.repeat(labels, D), np.tile(np.arange(D), T), rows.y.astype(int).ravel()), 1.0
    )
    return counts / counts.sum(axis=2, keepdims=True)
