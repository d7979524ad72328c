"""Fillings of gaps against a complete table: how far off, and how well the uncertainty is told."""

import inspect
import math

import numpy as np

from tsinit.comparison.plan.data import stack

#: What a filling is scored on, by the ending of the column; models without a spread have the first only.
ALL = ("rmse", "crps", "coverage")
_LEVEL, _Z = 0.95, 1.959963984540054


def fill_scores(model):
    """Name the scores that a model can have.

    Parameters
    ----------
    model : estimator with ``impute``

    Returns
    -------
    list of str
    """
    return list(ALL) if _draws(model) or _has_spread(model) else ["rmse"]


def score_filling(estimator, X, truth):
    """Score the cells that ``X`` misses and ``truth`` has.

    An imputer is scored by its posterior mean, its draws (CRPS, without the bias of a finite number) and its 95 %
    intervals; a model that gives a standard deviation by the normal distribution it stands for.

    Parameters
    ----------
    estimator : fitted model with ``impute``
    X, truth : tables or lists of tables of the same shapes, in the units of the data

    Returns
    -------
    list of float
        A value for each of :func:`fill_scores`.
    """
    from tsinit.metrics import coverage, crps, rmse

    y, full = stack(X), stack(truth)
    cells = np.isnan(y) & ~np.isnan(full)
    names = fill_scores(estimator)
    if not cells.any():  # the head of a series may have no gap although the whole has some
        return [math.nan] * len(names)
    known = full[cells]
    if _draws(estimator):
        n = min(
            estimator.n_imputations, int(np.prod(estimator.draws_.shape[:2]))
        )  # a short run has fewer draws
        tables = np.array([stack(table)[cells] for table in estimator.impute(n)])
        lower, upper = (stack(table)[cells] for table in estimator.interval(_LEVEL))
        mean = stack(estimator.transform(X))[cells]
        return [rmse(known, mean), crps(known, tables, fair=True), coverage(known, lower, upper)]
    if not _has_spread(estimator):
        return [rmse(known, stack(estimator.impute(X))[cells])]
    mean, spread = (stack(table)[cells] for table in estimator.impute(X, return_std=True))
    inside = coverage(known, mean - _Z * spread, mean + _Z * spread)
    return [rmse(known, mean), float(_normal_crps(known - mean, spread).mean()), inside]


def _draws(model):
    """Whether a model fills by draws, whose tables and intervals are those of the rows it was fitted to."""
    return hasattr(model, "interval")


def _has_spread(model):
    return "return_std" in inspect.signature(model.impute).parameters


def _normal_crps(error, spread):
    """CRPS of normal distributions (Gneiting and Raftery, JASA 102, 2007, section 4.2); no spread leaves the error."""
    from scipy.special import ndtr

    z = error / np.where(spread > 0, spread, 1.0)
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    score = spread * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * density - 1.0 / math.sqrt(math.pi))
    return np.where(spread > 0, score, np.abs(error))
