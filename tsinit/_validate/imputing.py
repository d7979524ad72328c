"""What the imputer requires of its arguments and of the data as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import (
    check_choice,
    check_count,
    check_flag,
    check_number,
    short,
    warn,
)

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate.kinds import ColumnKind


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
