"""How many states, and how many block rows of a Hankel matrix to find them by.

Too few block rows cut off the memory of the best predictor, and with strong observation noise that memory is
much longer than the order of the system; the order of an autoregression chosen by AIC measures it (Bauer 2001 proves
consistency for a multiple of it). Too many spend a low order on what is predictable far ahead: on real data,
where no order is the true one, the likelihood of the start falls steadily with them (measured on air quality:
by half a nat a value). So a few numbers are offered, and the likelihood of what comes out decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.init.subspace.hankel import complete_runs, count_columns, hankel_gram

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray, IntArray

_MIN_ROWS = 4  # i = 2 block rows per half, the fewest that have a shift
_MAX_BLOCK_ROWS = 64  # block rows chosen by AIC: further ones never repaid their time
_MAX_VALUES = 256  # the same, times the number of variables
_RIDGE = 1e-10  # on standardised data: a series without noise has no smallest prediction error


def order_statistics(
    singular_values: FloatArray,
    canonical_correlations: FloatArray,
    D: int,
    n_block_rows: int,
    n_columns: int,
    max_states: int,
) -> dict[str, FloatArray]:
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
    penalty = np.log(n_columns) / n_columns
    regression = n * (2 * n_block_rows * D - n) * penalty
    with np.errstate(divide="ignore", invalid="ignore"):
        gap_ratio = s[n - 1] / s[n]
    return {
        "singular_value": s[n - 1],
        "canonical_correlation": c[n - 1],
        "gap_ratio": gap_ratio,
        "svc": squares[n] + 2 * n * D * penalty,
        "nic": _sum_after(squares)[n - 1] + regression,
        "ivc": _sum_after(-np.log1p(-squares))[n - 1] + regression,
    }


def _sum_after(values: FloatArray) -> FloatArray:
    """Sum of what follows each entry."""
    return np.cumsum(values[::-1])[::-1] - values


def block_row_choices(
    lengths: IntArray,
    D: int,
    n_states: int,
    wanted: int | str = "auto",
    memory: Callable[[int], int] | None = None,
) -> list[int]:
    """List the numbers i of block rows per half to try.

    The fewest that n states need, ceil(n / D) + 1; the usual for few data, max(ceil(n / D) + 2,
    ceil(1.5 n / D)); its doubles as far as the memory of the series reaches and 20 i D columns are left; that
    memory itself. Where not even 2 i D columns are left for the usual number, only one: as many as leave
    2 i D, but rather the fewest while that leaves (i + 1) D.

    Parameters
    ----------
    lengths : (n_runs,) int
        Rows of each gap-free stretch.
    D : int
        Number of variables.
    n_states : int
        Order n that is to be identified.
    wanted : "auto" or int
        An integer is the only choice, and only cut to half of the longest stretch.
    memory : callable, optional
        ``memory(maximum) -> int``, the memory of the series in rows, looked for up to ``maximum``.

    Returns
    -------
    list of int
        Increasing, from 2.

    Raises
    ------
    ValueError
        If no stretch has 4 rows.
    """
    longest = int(np.max(lengths, initial=0))
    if longest < _MIN_ROWS:
        raise ValueError(
            f"Subspace must have {_MIN_ROWS} or more consecutive complete rows in some sequence; "
            f"got {longest}. Give longer sequences, or another init such as 'factor_analysis'."
        )
    if wanted != "auto":
        return [min(int(wanted), longest // 2)]
    fewest = -(-n_states // D) + 1
    usual = max(fewest + 1, -(-3 * n_states // (2 * D)))
    affordable = _widest(lengths, lambda i: 2 * i * D)
    if affordable < usual:
        return [max(2, affordable, min(fewest, _widest(lengths, lambda i: (i + 1) * D)))]
    maximum = min(_widest(lengths, lambda i: 20 * i * D), _MAX_BLOCK_ROWS, _MAX_VALUES // D)
    longest_memory = memory(maximum) if memory is not None and maximum > usual else 0
    doubles = [usual * 2**k for k in range(1, 7) if usual * 2**k < longest_memory]
    return sorted({fewest, usual, *doubles, max(usual, longest_memory)})


def memory_of_runs(z: FloatArray, offsets: IntArray, maximum: int) -> int:
    """Find the autoregressive order of gap-free runs by AIC, at most ``maximum``."""
    starts, stops = complete_runs(z, offsets)
    long_enough = stops - starts > maximum
    starts, stops = starts[long_enough], stops[long_enough]
    n_columns = count_columns(stops - starts, maximum + 1)
    return autoregressive_order(
        hankel_gram(z, starts, stops, maximum + 1) / n_columns, z.shape[1], n_columns
    )


def autoregressive_order(gram: FloatArray, D: int, n_columns: float) -> int:
    """Choose the order of a vector autoregression by AIC, all orders from one Cholesky factor.

    The block of row p on the diagonal of the factor is the root of the covariance of what p previous rows
    leave unpredicted.

    Parameters
    ----------
    gram : ((p + 1) D, (p + 1) D) float
        Covariance of p + 1 consecutive rows; only the lower triangle is read.
    D : int
        Number of variables.
    n_columns : int
        Number of terms behind each covariance.

    Returns
    -------
    int
        0 .. p.
    """
    pivots = np.diag(np.linalg.cholesky(gram + _RIDGE * np.eye(len(gram))))
    orders = np.arange(len(gram) // D)
    log_determinant = 2 * np.log(pivots).reshape(-1, D).sum(axis=1)
    return int(np.argmin(n_columns * log_determinant + 2 * orders * D**2))


def _widest(lengths: IntArray, needed: Callable[[int], int]) -> int:
    """Largest i for which windows of 2 i rows leave needed(i) columns; 0 if there is none."""
    low, high = 0, int(np.max(lengths)) // 2
    while low < high:
        middle = (low + high + 1) // 2
        if count_columns(lengths, 2 * middle) >= needed(middle):
            low = middle
        else:
            high = middle - 1
    return low
