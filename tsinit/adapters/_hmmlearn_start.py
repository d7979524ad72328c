"""From labels to the parameters of hmmlearn's models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.adapters._moments import shaped, state_moments
from tsinit.adapters.library import Rows, require_complete

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray


#: Parameters by the letters of ``init_params``.
LETTERS = {
    "startprob_": "s", "transmat_": "t", "means_": "m", "covars_": "c", "weights_": "w", "emissionprob_": "e",
    "lambdas_": "l",
}  # fmt: skip


def start_parameters(
    kind: str | None, model: Any, rows: Rows, labels: IntArray, rng: np.random.Generator
) -> dict[str, Any]:
    """Turn labels into the parameters of a model.

    Parameters
    ----------
    kind : {"GaussianHMM", "GMMHMM", "PoissonHMM", "CategoricalHMM"}
    model : object
        Of hmmlearn; its settings give the shapes.
    rows : Rows
    labels : (T,) int
    rng : numpy.random.Generator
        Places states without rows.

    Returns
    -------
    dict of str to array
        By the names of the library.

    Raises
    ------
    ValueError
        Values are missing.
    """
    require_complete(rows.y, "hmmlearn")
    K = model.n_components
    moments = state_moments(rows, labels, K, rng)
    parameters: dict[str, Any] = {"startprob_": moments.start, "transmat_": moments.transition}
    if kind == "GaussianHMM":
        shape = shaped(moments.covariances, moments.weights, model.covariance_type)
        return parameters | {"means_": moments.means, "covars_": shape}
    if kind == "GMMHMM":
        return parameters | _mixtures(model, rows, labels, rng)
    if kind == "PoissonHMM":
        return parameters | {"lambdas_": np.maximum(moments.means, 1e-3 * rows.y.mean(axis=0))}
    n_symbols = model.n_features or int(rows.y.max()) + 1
    counts = np.full((K, n_symbols), 1.0 / n_symbols)
    np.add.at(counts, (np.repeat(labels, rows.y.shape[1]), rows.y.astype(int).ravel()), 1.0)
    return parameters | {"emissionprob_": counts / counts.sum(axis=1, keepdims=True)}


def parameters_of(model: Any) -> dict[str, FloatArray]:
    """Copy the parameters that a model has; covariances as they are kept, which are shown by what a fit learns."""
    held = {name: vars(model).get(f"_{name}", vars(model).get(name)) for name in LETTERS}
    return {name: np.array(value) for name, value in held.items() if value is not None}


def _mixtures(model: Any, rows: Rows, labels: IntArray, rng: np.random.Generator) -> dict[str, Any]:
    """Split each state into its components, by k-means of its rows."""
    from tsinit.init import KMeans

    K, M, D = model.n_components, model.n_mix, rows.y.shape[1]
    weights, means = np.empty((K, M)), np.empty((K, M, D))
    covariances, shares = np.empty((K, M, D, D)), np.bincount(labels, minlength=K)
    for k in range(K):
        own = rows.y[labels == k] if shares[k] > M else rows.y
        inner = Rows(own, np.array([0, len(own)]), own)
        parts = state_moments(inner, KMeans().labels(own, rng, M), M, rng)
        weights[k], means[k], covariances[k] = parts.weights, parts.means, parts.covariances
    return {
        "weights_": weights,
        "means_": means,
        "covars_": shaped(covariances, weights, model.covariance_type),
    }
