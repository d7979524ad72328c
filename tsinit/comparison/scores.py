"""What a fitted run is scored on: the model's own score, held-out data, a known truth."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tsinit.comparison.data import stack


class Scoring(NamedTuple):
    """The scores of a comparison, by the ending of their column."""

    functions: dict[str, Callable] | None  # None: the model's own score

    def columns(self, data):
        """Name the score columns that a data set fills."""
        return [name for name, _, _ in self._parts(data)]

    def of(self, estimator, data):
        """Score one fitted run; one score that fails does not cost the others.

        Returns
        -------
        scores : dict of str to float
            One value for each of :meth:`columns`, NaN for a score that raised an error.
        failure : Exception or None
            The first of these errors.
        """
        scores, failure = {}, None
        for name, f, X in self._parts(data):
            scores[name] = float("nan")
            try:
                scores[name] = float(f(estimator, X))
            except Exception as error:  # whatever a score does wrong is told in the row of the fit, which stands
                failure = failure or error
        return scores, failure

    def _parts(self, data):
        """List what is computed as (column, function, data)."""
        functions = self.functions or {"": _own_score}
        parts = [(column_name(name), f, data.X) for name, f in functions.items()]
        for test, X in data.tests.items():
            parts += [(column_name(name, test), f, X) for name, f in functions.items()]
        if data.truth is not None:
            name, f = TRUTH_SCORES[is_parameters(data.truth)]
            parts.append((column_name(name), lambda estimator, X: f(estimator, X, data.truth), data.X))
        return parts


def is_parameters(truth):
    """Tell true parameters from a complete table."""
    return hasattr(truth, "_fields") and "A" in truth._fields


def eigenvalue_error(A, truth):
    """Mean distance in the complex plane between the eigenvalues of two matrices.

    Eigenvalues are matched one to one so that the sum of distances is smallest (Hungarian method); where the
    orders differ, the surplus of the larger one is left unmatched. Eigenvalues do not depend on the basis of the
    state, which no likelihood can tell.

    Parameters
    ----------
    A : (n, n) float
    truth : (m, m) float

    Returns
    -------
    float
    """
    from scipy.optimize import linear_sum_assignment

    distance = np.abs(np.linalg.eigvals(A)[:, None] - np.linalg.eigvals(truth)[None, :])
    return float(distance[linear_sum_assignment(distance)].mean())


def imputation_rmse(estimator, X, truth):
    """Root mean square error of ``estimator.impute(X)`` on the cells that ``X`` misses and ``truth`` has.

    Parameters
    ----------
    estimator : fitted model with ``impute``
    X, truth : tables or lists of tables of the same shapes, in the units of the data

    Returns
    -------
    float
    """
    y, full, guess = stack(X), stack(truth), stack(estimator.impute(X))
    cells = np.isnan(y) & ~np.isnan(full)
    # The head of a series may have no gap although the whole has some.
    return float(np.sqrt(np.mean((guess[cells] - full[cells]) ** 2))) if cells.any() else float("nan")


def column_name(name, test=""):
    """Name the column of a score, on the data that were fitted or on held-out ones."""
    return "_".join(part for part in ("score", name, test) if part)


def _eigenvalues(estimator, X, truth):
    return eigenvalue_error(estimator.params_.A, truth.A)


#: Name and function of the score that a truth gives: a complete table (False), parameters (True).
TRUTH_SCORES = {False: ("rmse", imputation_rmse), True: ("eigenvalue_error", _eigenvalues)}


def _own_score(estimator, X):
    return estimator.score(X)
