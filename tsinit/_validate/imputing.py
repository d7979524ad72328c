"""What the imputer requires of its arguments and of the data, and its warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.values import (
    check_choice,
    check_count,
    check_flag,
    check_names,
    check_number,
    is_number,
    short,
    warn,
)

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate.kinds import ColumnKind

#: Share of exact zeros from which a column that is never negative looks like rain.
_MANY_ZEROS = 0.1


def check_fillable(
    y: FloatArray, names: Sequence[Any], kinds: Sequence[ColumnKind] = ()
) -> BoolArray:
    """Refuse a column of one value or none; find the constant ones, and warn of those with gaps.

    kinds : what the columns were taken for, where classes must be named.

    Returns
    -------
    (D,) bool
        Columns that vary.

    Raises
    ------
    ValueError
        A column has no observed value, or one only while others are missing: nobody knows how they vary.
    """
    empty = np.flatnonzero(np.isnan(y).all(axis=0))
    if empty.size:
        raise ValueError(
            f"X must have at least one observed value in every column; got none in column {names[empty[0]]!r}. Drop it."
        )
    alone = np.flatnonzero(((~np.isnan(y)).sum(axis=0) == 1) & (len(y) > 1))
    if alone.size:
        raise ValueError(
            "X must have at least two observed values in a column with gaps, which show how it varies; got one in "
            f"column {names[alone[0]]!r}. Drop it."
        )
    varies = np.nanmax(y, axis=0) > np.nanmin(y, axis=0)
    n = (~np.isnan(y)).sum(axis=0)
    same = np.flatnonzero(~varies & (n < len(y)))
    if same.size:
        j = same[0]
        levels = kinds[j].levels if kinds else ()
        only = short(levels[0]) if levels else f"{np.nanmax(y[:, j]):g}"
        warn(
            f"Column {names[j]!r} of X holds one value only, {only}, in {n[j]} of {len(y)} rows: its "
            "gaps are filled with it, as if that were certain."
        )
    return varies


def check_period(period: Any) -> str | list[float]:
    """Return "auto", or the periods as a list of numbers of at least 2 steps.

    Raises
    ------
    ValueError
        It is neither "auto", None, a number nor a sequence of numbers.
    """
    if period is None:
        return []
    if isinstance(period, str):
        if period != "auto":
            raise ValueError(
                f"period must be 'auto', None, a number of steps or several of these; got {short(period)}."
            )
        return period
    several = period if isinstance(period, (list, tuple, np.ndarray)) else [period]
    return [check_number("period", value, 2.0) for value in several]


def check_harmonics(harmonics: Any) -> int | str:
    """Return "auto", or a number of at least 1.

    Raises
    ------
    ValueError
        It is neither.
    """
    if isinstance(harmonics, str):
        if harmonics != "auto":
            raise ValueError(
                f"harmonics must be 'auto' or a number of waves, 2 for a smooth season; got {short(harmonics)}."
            )
        return harmonics
    return check_count("harmonics", harmonics)


def check_noise(noise: str, method: str) -> str:
    """Refuse noise that is unknown, or that the joint engine does not have.

    Raises
    ------
    ValueError
    """
    check_choice("noise", noise, ("normal", "student_t"))
    if method in ("var", "state_space") and noise != "normal":
        raise ValueError(
            f"noise must be 'normal' where method={method!r}; got {noise!r}. Use method='fcs'."
        )
    return noise


def check_scale(prior_scale: Any) -> float | None:
    """Return the variance of coefficients a priori, None where it is learned.

    Raises
    ------
    ValueError
        It is neither "auto" nor a number from 1e-6 to 1e12.
    """
    if isinstance(prior_scale, str) and prior_scale == "auto":
        return None
    if isinstance(prior_scale, str):
        raise ValueError(
            f"prior_scale must be 'auto' or a number from 1e-6 to 1e12; got {short(prior_scale)}."
        )
    return check_number("prior_scale", prior_scale, 1e-6, 1e12)


def check_sequence_effects(sequence_effects: bool, method: str) -> bool:
    """Refuse levels of sequences where the engine has none.

    Raises
    ------
    ValueError
    """
    if check_flag("sequence_effects", sequence_effects) and method not in ("fcs", "auto"):
        raise ValueError(
            f"sequence_effects=True must go with method='fcs' or 'auto'; got {method!r}. Use one of these, or take "
            "the mean of every sequence off its columns before the fit."
        )
    return bool(sequence_effects)


def require_sequences(offsets: IntArray) -> None:
    """Refuse levels of sequences where there is one sequence only.

    Raises
    ------
    ValueError
    """
    n = int((np.diff(offsets) > 0).sum())
    if n < 2:
        raise ValueError(
            f"sequence_effects=True must go with several sequences; got {n}. Give a list of tables, lengths=, or an "
            "index of (sequence, time)."
        )


def check_match(match: int | None, method: str, sequence_effects: bool) -> int:
    """Return the number of donors, 0 where cells are drawn.

    Raises
    ------
    ValueError
        It is no whole number, or goes with an engine or with levels that have no donors.
    """
    if match is None:
        return 0
    n = check_count("match", match)
    if method not in ("fcs", "auto"):
        raise ValueError(f"match must go with method='fcs' or 'auto'; got {method!r}.")
    if sequence_effects:
        raise ValueError(
            f"match must be None with sequence_effects=True, whose levels no donor shares; got {n}."
        )
    return n


def check_matched_are_values(n_censored: int) -> None:
    """Refuse matching beside censored cells, whose values are unknown.

    Raises
    ------
    ValueError
    """
    if n_censored:
        raise ValueError(
            f"match must be None where cells are known by intervals; got {n_censored} of these. Leave out match, or "
            "kinds and censored."
        )


def check_max_gap(max_gap: Any, timed: bool) -> Any:
    """Return the longest gap that is filled: a number of steps, a Timedelta, or None where there is no such.

    Raises
    ------
    ValueError
        It is neither, not positive, or a time where rows have no times (`timed`).
    """
    if max_gap is None:
        return None
    if isinstance(max_gap, (int, np.integer)) and not isinstance(max_gap, (bool, np.timedelta64)):
        return check_count("max_gap", max_gap)
    import pandas as pd

    refused = (bool, float, np.floating, np.bool_)
    try:
        found = None if isinstance(max_gap, refused) else pd.Timedelta(max_gap)
    except (ValueError, TypeError):
        found = None
    if found is None or not found > pd.Timedelta(0):
        raise ValueError(
            "max_gap must be None, a whole number of steps, or a time such as '6h' or a Timedelta; got "
            f"{short(max_gap)}."
        )
    if not timed:
        raise ValueError(
            f"max_gap must be a whole number of steps where rows have no dates a step apart; got {short(max_gap)}."
        )
    return found


def check_transforms(
    transforms: Any, kinds: Sequence[str | None], names: Sequence[Any]
) -> list[str | None]:
    """Give every column its kind of transform.

    Parameters
    ----------
    transforms : str, None or dict of column name to str or None
        Columns that a dict does not name have "auto".

    Raises
    ------
    ValueError
        A kind or a column is unknown.
    """
    if not isinstance(transforms, dict):
        return [check_choice("transforms", transforms, kinds)] * len(names)
    check_names("transforms", transforms, names)
    return [
        check_choice(f"transforms[{name!r}]", transforms.get(name, "auto"), kinds) for name in names
    ]


def check_no_classes(argument: str, given: Any, kinds: Sequence[ColumnKind]) -> None:
    """Refuse what is for numbers, such as bounds, for a column of classes that is named.

    Raises
    ------
    ValueError
    """
    named = given if isinstance(given, dict) else {}
    for column in kinds:
        if column.levels and column.name in named:
            raise ValueError(
                f"{argument} must name columns of numbers; got {short(column.name)}, which was taken for "
                f"{column.kind}. Use kinds={{{column.name!r}: 'continuous'}} if its classes are numbers."
            )


def check_class_column(column: Any, kinds: Sequence[ColumnKind]) -> int:
    """Return the position of a column of classes.

    Raises
    ------
    ValueError
        There is no such column, or it holds numbers.
    """
    found = [j for j, one in enumerate(kinds) if one.levels and one.name == column]
    if not found:
        names = [one.name for one in kinds if one.levels]
        raise ValueError(f"column must be one of those with classes, {names}; got {short(column)}.")
    return found[0]


def check_classes_allowed(
    kinds: Sequence[ColumnKind], method: str, noise: str, others: dict[str, Any]
) -> None:
    """Refuse columns of classes where the engine or its noise has none, or beside what is of numbers.

    others : options that go with numbers only, by name; None and False are off.

    Raises
    ------
    ValueError
    """
    found = next((column for column in kinds if column.levels), None)
    if found is not None and method not in ("fcs", "auto"):
        raise ValueError(
            f"method must be 'fcs' or 'auto' where columns hold classes; got {method!r}, and {short(found.name)} was "
            f"taken for {found.kind}. Or take it for numbers with kinds=."
        )
    for option, value in others.items():
        if found is not None and value is not None and value is not False:
            raise ValueError(
                f"{option} must be off where columns hold classes; got {short(value)}, and {short(found.name)} was "
                f"taken for {found.kind}. Or take it for numbers with kinds=."
            )
    if found is not None and noise != "normal":
        raise ValueError(
            f"noise must be 'normal' where columns hold classes; got {noise!r}, and {short(found.name)} was taken for "
            f"{found.kind}. Or take it for numbers with kinds=."
        )


def check_domain(kind: str | None, y: FloatArray, name: Any) -> None:
    """Refuse a transform that is not defined on what was observed.

    Raises
    ------
    ValueError
        A logarithm of what is not positive, or a root of what is negative.
    """
    lowest = y.min(initial=np.inf)
    if (kind == "log" and lowest <= 0) or (kind == "sqrt" and lowest < 0):
        sign = "positive" if kind == "log" else "not negative"
        raise ValueError(
            f"transforms={kind!r} must act on values that are {sign}; got {lowest:g} in column {name!r}. "
            "Try 'yeo-johnson'."
        )


def check_bounds(bounds: Any, names: Sequence[Any], y: FloatArray) -> FloatArray:
    """Return lower and upper bounds (2, D) of the columns, infinite where there are none.

    Parameters
    ----------
    bounds : None, pair, or dict of column name to pair
        A pair may hold None.
    y : (T, D) float

    Raises
    ------
    ValueError
        A column is unknown, a pair is none, or an observed value lies outside.
    """
    limits = np.tile([[-np.inf], [np.inf]], len(names))
    if bounds is None:
        return limits
    if not isinstance(bounds, dict):
        bounds = dict.fromkeys(names, bounds)
    check_names("bounds", bounds, names)
    for name, pair in bounds.items():
        if not isinstance(pair, (list, tuple, np.ndarray)) or len(pair) != 2:
            raise ValueError(
                f"bounds of column {name!r} must be a pair (lower, upper); got {short(pair)}."
            )
        j = list(names).index(name)
        for i, value in enumerate(pair):
            if value is not None:
                limits[i, j] = _check_bound(name, value)
        low, high, observed = *limits[:, j], y[~np.isnan(y[:, j]), j]
        if not low < high:
            raise ValueError(
                f"bounds of column {name!r} must be a lower and a higher one; got {short(pair)}."
            )
        wrong = observed[(observed < low) | (observed > high)]
        if wrong.size:
            raise ValueError(
                f"bounds of column {name!r} must hold its observed values; got {wrong[0]:g}."
            )
    return limits


def _check_bound(name: Any, value: Any) -> float:
    """Require a number, an infinity if need be."""
    if not is_number(value):
        raise ValueError(
            f"bounds of column {name!r} must be numbers, or None for no bound; got {short(value)}."
        )
    return value


def check_fill(filled: Any, y: FloatArray, label: str) -> FloatArray:
    """Require a complete table of the right shape, and put the observed cells back to the last bit.

    Raises
    ------
    ValueError
        It holds something else than numbers, its shape is wrong, or a cell is not a finite number.
    """
    try:
        table = np.array(filled, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"init must give a table of numbers; got {type(filled).__name__} of other things from {label}."
        ) from None
    if table.shape != y.shape:
        raise ValueError(
            f"init must give a table of shape {y.shape}, that of X; got {table.shape} from {label}."
        )
    missing = np.isnan(y)
    bad = np.argwhere(missing & ~np.isfinite(table))
    if len(bad):
        raise ValueError(
            f"init must fill every missing cell with a finite number; got {table[tuple(bad[0])]} in row "
            f"{bad[0][0]}, column {bad[0][1]} from {label}."
        )
    return np.where(missing, table, y)


def check_n_imputations(n: int, n_draws: int, stride: int) -> int:
    """Refuse more imputations than there are draws.

    Raises
    ------
    ValueError
    """
    if n > n_draws:
        advice = "n_draws" if stride == 1 else "n_imputations, for which more are kept"
        raise ValueError(
            f"n must be at most the {n_draws} draws that were kept; got {n}. Fit with a larger {advice}."
        )
    return n


def check_rounded(rounded: Any, names: list[Any], y: FloatArray) -> BoolArray:
    """Find the columns (D,) that are rounded.

    Parameters
    ----------
    rounded : "auto", sequence of column names, or None
    names : list
    y : (T, D) float

    Raises
    ------
    ValueError
        It is none of these, or a column is unknown.
    """
    if rounded is None:
        return np.zeros(len(names), dtype=bool)
    if isinstance(rounded, str):
        if rounded != "auto":
            raise ValueError(
                f"rounded must be 'auto', a list of column names or None; got {short(rounded)}."
            )
        return (np.isnan(y) | (y == np.rint(y))).all(axis=0)
    rounded = list(np.atleast_1d(np.asarray(rounded, dtype=object)))
    check_names("rounded", rounded, names)
    return np.isin(np.arange(len(names)), [names.index(name) for name in rounded])


def warn_unmixed(rhat: float, what: str, size: tuple[int, int], other: str | None = None) -> None:
    """Warn that chains disagree; `size` is coefficients and rows of a regression, `other` an engine that may help."""
    from sklearn.exceptions import ConvergenceWarning

    instead = f", or method={other!r}" if other else ""
    advice = _too_many(size) or f"Use a larger n_tune and n_draws{instead}"
    warn(
        f"The chains do not agree yet: R-hat is {rhat:.2f} for {what}, and below 1.05 where they do. {advice}; "
        "diagnostics_ shows all columns.",
        ConvergenceWarning,
    )


def _too_many(size: tuple[int, int]) -> str:
    """What to do where a regression has more coefficients than rows."""
    coefficients, rows = size
    if coefficients <= rows:
        return ""
    return (
        f"A regression has {coefficients} coefficients for {rows} rows: try prior_scale='auto', method='var' or fewer "
        "lags"
    )


class ManyZeros(NamedTuple):
    """A column that is never negative and often exactly 0, such as rain: which kind that suits."""

    share: float
    kind: str

    @classmethod
    def of(cls, y: FloatArray) -> ManyZeros | None:
        """Look at a column (n,), NaN where missing; None where it is another."""
        y = y[~np.isnan(y)]
        share = float((y == 0.0).mean()) if y.size and y.min() >= 0.0 else 0.0
        if not _MANY_ZEROS <= share < 1.0:
            return None
        return cls(share, "count" if (y == np.rint(y)).all() else "semicontinuous")


def warn_reflected(
    share: float, column: Any, size: tuple[int, int], zeros: ManyZeros | None, joint: bool = True
) -> None:
    """Warn that many draws were reflected at the limits.

    zeros : those of the column, where it was taken for numbers that are continuous.
    size, joint : as in `warn_unmixed`.
    """
    other = "method='var' or " if joint else ""
    advice = _too_many(size) or f"Try fewer lags, {other}a transform of that column"
    if zeros is not None:
        advice = (
            f"It is exactly 0 in {zeros.share:.0%} of what was observed and never negative: try "
            f"kinds={{{column!r}: {zeros.kind!r}}}"
        )
    warn(
        f"{share:.1%} of the draws of column {short(column)} went far outside of what was observed and were reflected. "
        f"{advice}."
    )
