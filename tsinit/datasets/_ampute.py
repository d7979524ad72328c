"""Hide values of a table by a known mechanism, so that what fills them in can be scored."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_choice, check_number, check_seed, check_series
from tsinit._validate.values import short
from tsinit.datasets._gaps import alternating_runs, dropout, logistic, standard_scores
from tsinit.datasets._rules import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsinit._typing import BoolArray, IntArray, SeedLike, SeriesLike, TableLike
    from tsinit._validate import Panel

MECHANISMS = ("mcar", "mar", "mnar", "block", "blackout", "monotone")


def ampute(
    X: SeriesLike,
    mechanism: str = "mcar",
    rate: float = 0.2,
    *,
    columns: Sequence[Any] | None = None,
    given: Sequence[Any] | None = None,
    strength: float = 1.0,
    length: int | tuple[int, int] = 12,
    lengths: Sequence[int] | None = None,
    random_state: SeedLike = None,
) -> TableLike:
    """Hide a share of the values of a table.

    What was missing stays missing and does not count: `rate` is the expected share of the observed values of the
    chosen columns that is hidden. The mask is ``isna()`` of the result where X has no gaps.

    ============  ===================================================================================================
    mechanism     which values are hidden
    ============  ===================================================================================================
    ``mcar``      each by itself, with the same probability
    ``mar``       with a probability that rises with the columns `given`, which stay as they are
    ``mnar``      with a probability that rises with the value itself
    ``block``     runs of `length` steps, in each column by itself
    ``blackout``  runs of `length` steps, in all chosen columns at once
    ``monotone``  from some step of a sequence to its end, in each column by itself
    ============  ===================================================================================================

    Runs count steps of time, those that a regular index skips included, and none reaches into another sequence. Two
    runs of a column are never adjacent, so that every run has one of the lengths asked for, unless it is cut by
    an end of its sequence.

    Parameters
    ----------
    X : (T, D) array or DataFrame, Series, or list of those
        Time in rows, NaN where missing. Several sequences are a list, one table with `lengths`, or a DataFrame with a
        two-level index (sequence, time).
    mechanism : {"mcar", "mar", "mnar", "block", "blackout", "monotone"}
        See above.
    rate : float
        Expected share of the values to hide, in [0, 1). With runs at most length / (length + 1).
    columns : sequence, optional
        Names (of a DataFrame) or positions of the columns to hide values of; all of them if not given, with ``mar``
        all but those that are `given`.
    given : sequence, optional
        For ``mar``: names or positions of the columns that decide; those not in `columns`, or the first one. Where they
        are missing themselves they count as average.
    strength : float
        For ``mar`` and ``mnar``: change of the log odds of being hidden per standard deviation of what decides;
        negative hides small values.
    length : int or (int, int)
        For ``block`` and ``blackout``: steps of a run, or the minimum and the maximum of them, all equally likely.
    lengths : sequence of int, optional
        Rows of each sequence, where X is one table.
    random_state : int, SeedSequence, Generator, RandomState or None
        Where the randomness comes from; a generator is drawn from once.

    Returns
    -------
    same as X
        A new table, DataFrame or list.

    Raises
    ------
    ValueError
        If an argument is outside its range, or there is no such column.
    TypeError
        If X holds something that is not a number.

    Notes
    -----
    A column may lose all its values where the rate is high and the table short.

    References
    ----------
    Rubin (1976), "Inference and missing data", Biometrika 63, for the names MCAR, MAR and MNAR. The runs are a
    stationary alternating renewal process, so that every step is hidden with the same probability.

    Examples
    --------
    >>> from tsinit.datasets import ampute, load_new_york_air_quality
    >>> air = load_new_york_air_quality()
    >>> gaps = ampute(air, "blackout", 0.2, length=7, random_state=0)
    >>> bool(gaps["Wind"].isna().equals(gaps["Temp"].isna()))
    True
    """
    check_choice("mechanism", mechanism, MECHANISMS)
    check_number("rate", rate, 0.0, below=1.0)
    check_number("strength", strength)
    shortest, longest = _check_length(length)
    panel = check_series(X, lengths)
    rng = np.random.default_rng(check_seed(random_state))
    targets, drivers = _check_columns(panel, mechanism, columns, given)
    if mechanism in ("block", "blackout"):
        mean = (shortest + longest) / 2
        require(
            rate <= mean / (mean + 1),
            "rate",
            f"be at most {mean / (mean + 1):.3g} for runs of {mean:g} steps, between which one is observed",
            rate,
        )
    runs = partial(
        _by_sequence, panel.offsets, partial(alternating_runs, rng, rate, shortest, longest)
    )
    hidden = np.zeros(panel.y.shape, dtype=bool)
    if mechanism == "mcar":
        hidden[:, targets] = rng.random((len(hidden), len(targets))) < rate
    elif mechanism in ("mar", "mnar"):
        for j in targets:
            score = standard_scores(panel.y[:, drivers or [j]])
            observed = ~np.isnan(panel.y[:, j])
            hidden[observed, j] = rng.random(int(observed.sum())) < logistic(
                score[observed], rate, strength
            )
    elif mechanism == "blackout":
        hidden[:, targets] = runs()[:, None]
    else:
        drop = partial(_by_sequence, panel.offsets, partial(dropout, rng, rate))
        for j in targets:
            hidden[:, j] = runs() if mechanism == "block" else drop()
    return panel.restore(np.where(hidden, np.nan, panel.y))


def _by_sequence(offsets: IntArray, draw: Callable[[int], BoolArray]) -> BoolArray:
    return np.concatenate([draw(b - a) for a, b in pairwise(offsets)])


def _check_length(length: int | tuple[int, int]) -> tuple[int, int]:
    pair = length if isinstance(length, (tuple, list)) else (length, length)
    whole = all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1 for n in pair
    )
    require(
        len(pair) == 2 and whole and pair[0] <= pair[-1],
        "length",
        "be a whole number of at least 1, or the minimum and the maximum of those",
        length,
    )
    return int(pair[0]), int(pair[1])


def _check_columns(
    panel: Panel, mechanism: str, columns: Sequence[Any] | None, given: Sequence[Any] | None
) -> tuple[list[int], list[int]]:
    """Positions of the columns to hide values of, and of those that decide (none but for ``mar``)."""
    D = panel.y.shape[1]
    targets = None if columns is None else _positions("columns", columns, panel)
    if mechanism != "mar":
        require(given is None, "given", f"be None for the mechanism {mechanism!r}", given)
        return list(range(D)) if targets is None else targets, []
    require(D > 1, "X", "have a second column for the mechanism 'mar'", panel.y)
    drivers = None if given is None else _positions("given", given, panel)
    if drivers is None:
        drivers = [0] if targets is None else [j for j in range(D) if j not in targets]
        require(drivers, "columns", "leave a column to decide for the mechanism 'mar'", columns)
    if targets is None:
        targets = [j for j in range(D) if j not in drivers]
        require(targets, "given", "leave a column to hide values of", given)
    both = sorted(set(targets) & set(drivers))
    require(not both, "given", "hold none of the columns that values are hidden of", given)
    return targets, drivers


def _positions(name: str, wanted: Any, panel: Panel) -> list[int]:
    known = list(panel.columns)
    wanted = (
        [wanted] if isinstance(wanted, str) or not hasattr(wanted, "__iter__") else list(wanted)
    )
    require(len(wanted), name, "hold at least one column", wanted)
    for column in wanted:
        if column not in known:
            raise ValueError(
                f"{name} must hold columns of X; got {short(column)}. X has {short(known)}."
            )
    return sorted({known.index(column) for column in wanted})
