"""What one decomposition says about the order: a table with a row per number of states."""

import numpy as np


def order_statistics(
    singular_values, canonical_correlations, D, n_block_rows, n_columns, max_states
):
    """Score the orders 1 .. max_states.

    With s the singular values, c the canonical correlations and J columns,

    * ``gap_ratio`` is s_n / s_{n+1}; a clear maximum marks the order, and real speech has none;
    * ``svc`` = c_{n+1}^2 + 2 n D log(J) / J (singular value criterion);
    * ``nic`` = sum_{k>n} c_k^2 + n (2 i D - n) log(J) / J;
    * ``ivc`` = -sum_{k>n} log(1 - c_k^2) + n (2 i D - n) log(J) / J (innovation variance criterion).

    The last three are to be minimised. `svc` follows Bauer (2001) with its count of 2 n D parameters. The
    tail sums of the other two fall by more than that with every order even on noise (measured: five to ten
    states where four are true), because 2 i D - 2 n - 1 directions take part in each; so they count the
    parameters of a regression of rank n of i D values on i D values, n (2 i D - n). `ivc` is then the most
    reliable of the three on clear data and the most cautious on weak states.

    Parameters
    ----------
    singular_values : (r,) float
        Of the weighted projection, decreasing.
    canonical_correlations : (r,) float
        Between past and future, decreasing.
    D : int
        Number of variables.
    n_block_rows : int
        Block rows i of each half.
    n_columns : int
        Columns of the Hankel matrix.
    max_states : int
        Largest order, at most r.

    Returns
    -------
    dict of str to (max_states,) float
        Columns in the order named above, after the singular value and the canonical correlation themselves.
    """
    n = np.arange(1, max_states + 1)
    s, c = np.append(singular_values, 0.0), np.append(canonical_correlations, 0.0)
    squares = np.minimum(c**2, 1.0 - 1e-12)  # 1 - c^2 of a state without noise is rounding
    price = np.log(n_columns) / n_columns
    regression = n * (2 * n_block_rows * D - n) * price
    with np.errstate(divide="ignore", invalid="ignore"):
        gap_ratio = s[n - 1] / s[n]
    return {
        "singular_value": s[n - 1],
        "canonical_correlation": c[n - 1],
        "gap_ratio": gap_ratio,
        "svc": squares[n] + 2 * n * D * price,
        "nic": _sum_after(squares)[n - 1] + regression,
        "ivc": _sum_after(-np.log1p(-squares))[n - 1] + regression,
    }


def _sum_after(values):
    """Sum of what follows each entry."""
    return np.cumsum(values[::-1])[::-1] - values
