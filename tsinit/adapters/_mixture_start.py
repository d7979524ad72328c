"""From labels to the start of scikit-learn's mixtures, by their own first M-step."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.adapters._moments import shaped, state_moments

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.adapters.library import Rows

#: What the library calls a state of its iterations.
_PARAMETERS = (
    "weights_", "weight_concentration_", "mean_precision_", "means_", "degrees_of_freedom_", "covariances_",
    "precisions_cholesky_",
)  # fmt: skip


def set_labelled(
    model: Any, rows: Rows, labels: IntArray, rng: np.random.Generator, *, bayesian: bool
) -> None:
    """Set the parameters that follow from labels.

    The priors of variational inference carry components without rows; elsewhere moments do, because the library's
    M-step would begin them as spikes.
    """
    y, K = rows.y, model.n_components
    shares = np.eye(K)[labels]
    if bayesian:
        model._check_parameters(y)  # sets the priors
        model._initialize(y, shares)
        model.start_bound_ = start_bound(model, y, shares)
        return
    # What the user gave; the library checks it when it fits.
    given = {
        name: getattr(model, name) for name in ("weights_init", "means_init", "precisions_init")
    }
    given = {name: np.asarray(value) for name, value in given.items() if value is not None}
    begun = copy.copy(model)
    if shares.sum(axis=0).min() > y.shape[1]:
        vars(begun).update(given)
        begun._initialize(y, shares)
    else:
        moments = state_moments(rows, labels, K, rng)
        covariances = shaped(moments.covariances, moments.weights, model.covariance_type)
        begun.weights_init, begun.means_init = moments.weights, moments.means
        begun.precisions_init = _inverse(covariances, model)
        vars(begun).update(given)
        begun._initialize(y, None)
    vars(model).update({name: vars(begun)[name] for name in _PARAMETERS if name in vars(begun)})
    if begun.precisions_init is not None:
        model.covariances_ = _inverse(begun.precisions_init, model)  # which the library leaves out


def start_bound(model: Any, y: FloatArray, shares: FloatArray) -> float:
    """Compute the lower bound of parameters that follow from shares (T, K) of the rows.

    The library's formula holds right after an M-step from all rows. Where the start is made of some (``"k-means++"``),
    the others come in by their log-likelihood, without the constant that the formula leaves out.
    """
    log_shares = np.log(np.maximum(shares, np.finfo(float).tiny))
    bound = number(model._compute_lower_bound(log_shares, None))
    others = shares.sum(axis=1) == 0
    if others.any():
        bound += model._estimate_log_prob_resp(y[others])[0].sum()
        bound += 0.5 * others.sum() * y.shape[1] * np.log(2.0 * np.pi)
    return bound


def number(bound: Any) -> float:
    """Take the number out of what is an array of one for "tied"."""
    return float(np.asarray(bound).item())


def parameters_of(model: Any) -> dict[str, FloatArray]:
    """Copy the parameters that a model has."""
    return {name: np.array(vars(model)[name]) for name in _PARAMETERS if name in vars(model)}


def _inverse(matrices: FloatArray, model: Any) -> FloatArray:
    """Turn covariances into precisions or back, in the shape that a model keeps them in."""
    dense = model.covariance_type in ("full", "tied")
    return np.asarray(np.linalg.inv(matrices) if dense else 1.0 / matrices, dtype=float)
