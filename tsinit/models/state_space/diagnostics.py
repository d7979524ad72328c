"""Tests of what the innovations of a right model are: uncorrelated, normal, and of the same spread throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tsinit._typing import FloatArray

_MAX_LAGS = 10
_FEWEST = 8  # innovations of a column for a test


def diagnose(innovations: FloatArray, columns: Sequence[Any]) -> pd.DataFrame:
    """Test standardised innovations column by column.

    Parameters
    ----------
    innovations : (T, D) float
        NaN where nothing was observed; those are left out.
    columns : sequence
        Names.

    Returns
    -------
    DataFrame
        A row for each column: ``n``, ``ljung_box`` with its ``lags`` (min(10, n / 5)) and ``ljung_box_p``,
        ``jarque_bera`` and ``jarque_bera_p``, ``skew``, ``kurtosis``, ``heteroscedasticity`` (sum of squares of the
        last third over that of the first) and ``heteroscedasticity_p``. NaN where there are fewer than 8 values.
    """
    import pandas as pd

    rows = [_of_column(column[~np.isnan(column)]) for column in innovations.T]
    return pd.DataFrame(rows, index=pd.Index(list(columns), name="column"))


def _of_column(values: FloatArray) -> dict[str, Any]:
    from statsmodels.stats.diagnostic import acorr_ljungbox
    from statsmodels.stats.stattools import jarque_bera
    from statsmodels.tsa.stattools import breakvar_heteroskedasticity_test

    n = len(values)
    lags = max(1, min(_MAX_LAGS, n // 5))
    row = dict.fromkeys(
        ("ljung_box", "ljung_box_p", "jarque_bera", "jarque_bera_p", "skew", "kurtosis", "heteroscedasticity",
         "heteroscedasticity_p"),
        np.nan,
    )  # fmt: skip
    if n >= _FEWEST and np.ptp(values) > 0.0:
        box = acorr_ljungbox(values, lags=[lags])
        row["ljung_box"], row["ljung_box_p"] = map(float, box.iloc[0])
        row["jarque_bera"], row["jarque_bera_p"], row["skew"], row["kurtosis"] = map(
            float, jarque_bera(values)
        )
        row["heteroscedasticity"], row["heteroscedasticity_p"] = map(
            float, breakvar_heteroskedasticity_test(values)
        )
    return {"n": n, "lags": lags, **row}
