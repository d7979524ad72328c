"""How good filled-in values are: points, intervals and whole ensembles.

Cells that count are those where `truth` is not NaN and, if given, `where` is true; what the other arguments hold
elsewhere is ignored, and a NaN of theirs in a cell that counts makes the score NaN. Scores are means over all such
cells, over one axis (``axis=0``: one score for each column), or with ``axis=()`` one for each cell. Where no cell
counts the score is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_number
from tsinit.metrics._cells import Axis, cells, check_denominator, ensemble, mean

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import FloatArray

DENOMINATORS = ("sd", "range", "mean", "iqr")


def rmse(
    truth: npt.ArrayLike,
    estimate: npt.ArrayLike,
    *,
    where: npt.ArrayLike | None = None,
    axis: Axis = None,
) -> float | FloatArray:
    """Root mean squared error.

    Parameters
    ----------
    truth, estimate : array-like of one shape
    where : array-like of bool, optional
        Cells to score.
    axis : None, int or tuple of int
        What to average over; None is everything.

    Returns
    -------
    float or array
    """
    true, (filled,), counted = cells(truth, {"estimate": estimate}, where)
    return np.sqrt(mean((filled - true) ** 2, counted, axis))


def mae(
    truth: npt.ArrayLike,
    estimate: npt.ArrayLike,
    *,
    where: npt.ArrayLike | None = None,
    axis: Axis = None,
) -> float | FloatArray:
    """Mean absolute error; parameters as of `rmse`."""
    true, (filled,), counted = cells(truth, {"estimate": estimate}, where)
    return mean(np.abs(filled - true), counted, axis)


def nrmse(
    truth: npt.ArrayLike,
    estimate: npt.ArrayLike,
    denominator: str = "sd",
    *,
    where: npt.ArrayLike | None = None,
    axis: Axis = 0,
) -> float | FloatArray:
    """Root mean squared error over a measure of how far the scored true values spread, for each column.

    Parameters
    ----------
    truth, estimate : array-like of one shape
    denominator : {"sd", "range", "mean", "iqr"}
        Of the scored true values: standard deviation (divisor: their number), largest less smallest, mean, or upper
        quartile less lower. With "sd" the mean of those values scores 1.
    where : array-like of bool, optional
        Cells to score.
    axis : None, int or tuple of int
        What to average over; 0 gives a value for each column, whose mean is what papers call mean NRMSE.

    Returns
    -------
    float or array

    Raises
    ------
    ValueError
        If there is no such denominator.
    """
    check_denominator(denominator, DENOMINATORS)
    errors = rmse(truth, estimate, where=where, axis=axis)
    true, _, counted = cells(truth, {}, where)
    scored = np.where(counted, true, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return errors / _spread(scored, denominator, axis)


def crps(
    truth: npt.ArrayLike,
    draws: npt.ArrayLike,
    *,
    fair: bool = False,
    where: npt.ArrayLike | None = None,
    axis: Axis = None,
) -> float | FloatArray:
    """Continuous ranked probability score of an ensemble, in the units of the data: the smaller the better.

    E|x - y| - E|x - x'| / 2 with x and x' from the draws. A single draw scores its absolute error.

    Parameters
    ----------
    truth : array-like
    draws : (m, ...) array-like
        m draws, each of the shape of truth.
    fair : bool
        Divide the second term by m (m - 1), so that the number of draws does not matter in expectation (Ferro, 2014);
        otherwise by m^2, the score of the draws as they are. Needs two draws.
    where, axis
        As of `rmse`.

    Returns
    -------
    float or array

    References
    ----------
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102, section 4.2.
    Ferro (2014), "Fair scores for ensemble forecasts", Q. J. R. Meteorol. Soc. 140.
    """
    members = ensemble(truth, draws, minimum=2 if fair else 1)
    true, _, counted = cells(truth, {}, where)
    m = len(members)
    distance = np.abs(members - true).mean(axis=0)
    # Sorted, the sum of all |x_i - x_j| over pairs is a weighted sum of the values.
    weights = 2.0 * np.arange(m) - m + 1.0
    gaps = np.tensordot(weights, np.sort(members, axis=0), axes=1)
    pairs = m * (m - 1) if fair else m * m
    return mean(distance - gaps / pairs, counted, axis)


def interval_score(
    truth: npt.ArrayLike,
    lower: npt.ArrayLike,
    upper: npt.ArrayLike,
    level: float = 0.95,
    *,
    where: npt.ArrayLike | None = None,
    axis: Axis = None,
) -> float | FloatArray:
    """Width of central intervals, plus 2 / (1 - level) times by how much the truth lies outside.

    Parameters
    ----------
    truth, lower, upper : array-like of one shape
    level : float
        Nominal coverage, between 0 and 1.
    where, axis
        As of `rmse`.

    Returns
    -------
    float or array

    References
    ----------
    Gneiting and Raftery (2007), equation 43.
    """
    penalty = 2.0 / (1.0 - check_number("level", level, above=0.0, below=1.0))
    true, (low, high), counted = cells(truth, {"lower": lower, "upper": upper}, where)
    outside = np.maximum(low - true, 0.0) + np.maximum(true - high, 0.0)
    return mean(high - low + penalty * outside, counted, axis)


def coverage(
    truth: npt.ArrayLike,
    lower: npt.ArrayLike,
    upper: npt.ArrayLike,
    *,
    where: npt.ArrayLike | None = None,
    axis: Axis = None,
) -> float | FloatArray:
    """Share of the true values inside their intervals, bounds included; parameters as of `interval_score`."""
    true, (low, high), counted = cells(truth, {"lower": lower, "upper": upper}, where)
    inside = np.where(np.isnan(low) | np.isnan(high), np.nan, (low <= true) & (true <= high))
    return mean(inside, counted, axis)


def pit(
    truth: npt.ArrayLike,
    draws: npt.ArrayLike,
    *,
    where: npt.ArrayLike | None = None,
    rng: np.random.Generator | None = None,
) -> FloatArray:
    """Probability integral transform: where in its ensemble each true value lies, from 0 to 1.

    Uniform where truth and draws are exchangeable.

    Parameters
    ----------
    truth : array-like
    draws : (m, ...) array-like
        m draws, each of the shape of truth.
    where : array-like of bool, optional
        Cells to score.
    rng : numpy.random.Generator, optional
        Chooses the place between two draws, which makes the result exactly uniform; without it the middle.

    Returns
    -------
    array of the shape of truth
        NaN in the cells that do not count.
    """
    members = ensemble(truth, draws)
    true, _, counted = cells(truth, {}, where)
    below, equal = (members < true).sum(axis=0), (members == true).sum(axis=0)
    place = 0.5 if rng is None else rng.random(true.shape)
    value = (below + place * (1 + equal)) / (len(members) + 1)
    return np.where(counted & ~np.isnan(members).any(axis=0), value, np.nan)


def _spread(scored: FloatArray, denominator: str, axis: Axis) -> Any:
    """One of the denominators of the cells that are not NaN; NaN where there are none."""
    there = ~np.isnan(scored)
    if denominator == "iqr":
        none = ~there.any(axis=axis)
        low, high = np.nanquantile(
            np.where(there.any(axis=axis, keepdims=True), scored, 0.0), [0.25, 0.75], axis=axis
        )
        return np.where(none, np.nan, high - low)[()]
    if denominator == "range":
        high = np.max(scored, axis=axis, where=there, initial=-np.inf)
        return high - np.min(scored, axis=axis, where=there, initial=np.inf)
    centre = mean(scored, there, axis)
    if denominator == "mean":
        return np.abs(centre)
    centre = mean(scored, there, axis, keepdims=True)
    return np.sqrt(mean((scored - centre) ** 2, there, axis))
