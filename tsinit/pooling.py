"""Rubin's rules: one estimate and one interval from several completed tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate import check_number

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import FloatArray


class Pooled(NamedTuple):
    """What m analyses of m completed tables come to.

    Parameters
    ----------
    estimate : float or (k,) float
        Mean of the estimates.
    within : float or (k,) float
        Mean of their variances.
    between : float or (k,) float
        Variance of the estimates (divisor m - 1).
    total : float or (k,) float
        within + (1 + 1 / m) between.
    df : float or (k,) float
        Degrees of freedom of the t distribution of (estimand - estimate) / sqrt(total).
    missing_information : float or (k,) float
        Estimated fraction of the information about the estimand that is missing, between 0 and 1.
    efficiency : float or (k,) float
        Variance with infinitely many tables over that with m: 1 / (1 + missing_information / m).
    """

    estimate: FloatArray
    within: FloatArray
    between: FloatArray
    total: FloatArray
    df: FloatArray
    missing_information: FloatArray
    efficiency: FloatArray

    def interval(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Bounds of the central interval.

        Parameters
        ----------
        level : float
            Nominal coverage, between 0 and 1.

        Returns
        -------
        lower, upper : float or (k,) float

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1.
        """
        from scipy.special import ndtri, stdtrit

        p = (1.0 + check_number("level", level, above=0.0, below=1.0)) / 2.0
        finite = np.isfinite(self.df)
        some = finite & (self.df > 0.0)
        quantile = np.where(
            some, stdtrit(np.where(some, self.df, 1.0), p), np.where(finite, np.inf, ndtri(p))
        )
        half = quantile * np.sqrt(self.total)
        return self.estimate - half, self.estimate + half


def pool(
    estimates: npt.ArrayLike, variances: npt.ArrayLike, df_complete: float | None = None
) -> Pooled:
    """Combine the analyses of several completed tables by Rubin's rules.

    Parameters
    ----------
    estimates : (m,) or (m, k) array-like
        The estimate, or k of them, from each of m completed tables.
    variances : (m,) or (m, k) array-like
        Squared standard errors of those.
    df_complete : float, optional
        Degrees of freedom that the analysis would have without gaps, such as rows less parameters. With it the degrees
        of freedom are Barnard and Rubin's, which never exceed it; without it Rubin's, right for large tables.

    Returns
    -------
    Pooled
        Numbers, or arrays (k,).

    Raises
    ------
    ValueError
        If there are fewer than two estimates, shapes differ, a value is not finite, a variance is negative, or
        `df_complete` is not positive.

    References
    ----------
    Rubin (1987), "Multiple imputation for nonresponse in surveys", chapter 3. Barnard and Rubin (1999),
    "Small-sample degrees of freedom with multiple imputation", Biometrika 86.

    Examples
    --------
    >>> from tsinit.pooling import pool
    >>> pooled = pool([1.0, 1.2, 0.9], [0.04, 0.05, 0.04], df_complete=98)
    >>> low, high = pooled.interval(0.95)
    >>> f"{pooled.estimate:.2f} ({low:.2f}, {high:.2f})"
    '1.03 (0.42, 1.65)'
    """
    Q, U = _check("estimates", estimates), _check("variances", variances)
    if Q.shape != U.shape:
        raise ValueError(f"variances must have the shape of estimates, {Q.shape}; got {U.shape}.")
    if (U < 0.0).any():
        raise ValueError(
            f"variances must be at least 0; got {U.min():g}. Square standard errors first."
        )
    m, complete = len(Q), _check_df(df_complete)
    estimate, within, between = Q.mean(axis=0), U.mean(axis=0), Q.var(axis=0, ddof=1)
    excess = (1.0 + 1.0 / m) * between
    total = within + excess
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0.0, excess / total, 0.0)
        df = (m - 1) / share**2  # inf where the tables agree
        if np.isfinite(complete):
            observed = (complete + 1.0) / (complete + 3.0) * complete * (1.0 - share)
            df = 1.0 / (1.0 / df + 1.0 / observed)
        # (r + 2 / (df + 3)) / (1 + r) with r = excess / within, written without the division by within.
        missing = np.where(between > 0.0, share + (1.0 - share) * 2.0 / (df + 3.0), 0.0)
    missing = np.minimum(missing, 1.0)
    return Pooled(
        estimate, within, between, total, df[()], missing[()], 1.0 / (1.0 + missing[()] / m)
    )


def _check(name: str, values: npt.ArrayLike) -> FloatArray:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers, as many from every table; got {values!r}."
        ) from None
    if array.ndim not in (1, 2) or len(array) < 2:
        raise ValueError(
            f"{name} must have shape (m,) or (m, k) with at least two tables; got {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; got {array[~np.isfinite(array)][0]}.")
    return array


def _check_df(value: Any) -> float:
    if value is None or (isinstance(value, float) and value == np.inf):
        return np.inf
    return check_number("df_complete", value, above=0.0, rule=", or None")
