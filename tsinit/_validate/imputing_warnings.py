"""Warnings about draws of the imputer that have not mixed, or do not look like what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.values import short, warn

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

#: Share of exact zeros from which a column that is never negative looks like rain.
_MANY_ZEROS = 0.1


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
