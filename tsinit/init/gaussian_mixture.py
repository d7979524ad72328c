"""Components of a mixture of normal distributions."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_choice
from tsinit.init._labels import count_distinct, finish, prepare, seed, wanted_states

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

_COVARIANCES = ("full", "tied", "diag", "spherical")
_MAX_ROWS = 5_000  # fitted
_MIN_VARIANCE = (
    1e-3  # added to variances, on columns of variance 1: a component of equal rows stays finite
)
# From k-means clusters EM does not find components that are long and side by side; rows drawn at random miss
# some where there are many.
_STARTS = {"kmeans": 1, "random_from_data": 4}


class GaussianMixture(BaseEstimator):
    """Start from a mixture of normal distributions fitted by EM: each time step in its likeliest component.

    The mixture does not use the order of the rows. EM begins once at k-means clusters and four times at
    rows drawn at random, and the fit of highest likelihood is kept. Of more than 5,000 rows that many, drawn
    at random, are fitted, and all are labelled.

    Columns have variance 1, and gaps are interpolated within each sequence. A row never observed takes the label
    of the last row observed before it in its sequence, else of the next.

    Parameters
    ----------
    covariance : {"bic", "full", "tied", "diag", "spherical"}, default "bic"
        Form of the covariances; "bic" tries the other four and keeps the one of smallest BIC.

    References
    ----------
    Fraley and Raftery, "Model-based clustering, discriminant analysis, and density estimation" (Journal of
    the American Statistical Association 97, 2002), by scikit-learn.
    """

    def __init__(self, covariance: str = "bic") -> None:
        self.covariance = covariance

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by its component.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds the fits.
        n_states : int, optional
            Number of components; ``min(10, max(2, T // 50))`` if not given. Never more than distinct rows.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `covariance` is not one of those above, or `n_states` no whole number from 1.
        """
        check_choice("covariance", self.covariance, ("bic", *_COVARIANCES))
        _, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        rows = some = full[observed]
        if len(rows) > _MAX_ROWS:
            some = rows[np.sort(rng.choice(len(rows), _MAX_ROWS, replace=False))]
        forms = _COVARIANCES if self.covariance == "bic" else (self.covariance,)
        best = min((_fit(some, K, form, rng) for form in forms), key=lambda model: model.bic(some))
        labels = np.zeros(len(y), dtype=np.int64)
        labels[observed] = best.predict(rows)
        return finish(labels, observed, offsets)


def _fit(rows: FloatArray, K: int, form: str, rng: np.random.Generator) -> Any:
    """Mixture of highest likelihood from several starts."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture as Mixture

    fits = []
    for way, n_init in _STARTS.items():
        model = Mixture(
            K,
            covariance_type=form,
            reg_covar=_MIN_VARIANCE,
            init_params=way,
            n_init=n_init,
            random_state=seed(rng),
        )
        with warnings.catch_warnings():
            # A start need not have converged.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits.append(model.fit(rows))
    return max(fits, key=lambda model: model.lower_bound_)
