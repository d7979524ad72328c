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
        names = list(self.functions or [""])
        columns = [_column(name) for name in names]
        columns += [_column(name, test) for test in data.tests for name in names]
        if data.truth is not None:
            columns.append("score_eigenvalue_error" if is_parameters(data.truth) else "score_rmse")
        return columns

    def of(self, estimator, data):
        """Score one fitted run.

        Returns
        -------
        dict of str to float
            One value for each of :meth:`columns`.
        """
        functions = self.functions or {"": _own_score}
        scores = {_column(name): float(f(estimator, data.X)) for name, f in functions.items()}
        for test, X in data.tests.items():
            scores |= {_column(name, test): float(f(estimator, X)) for name, f in functions.items()}
        if data.truth is not None:
            if is_parameters(data.truth):
                scores["score_eigenvalue_error"] = eigenvalue_error(estimator.params_.A, data.truth.A)
            else:
                scores["score_rmse"] = imputation_rmse(estimator, data.X, data.truth)
        return scores


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


def _column(name, test=""):
    return "_".join(part for part in ("score", name, test) if part)


def _own_score(estimator, X):
    return estimator.score(X)
