"""Checks of the parameters of strategies, made when a strategy is used: constructors only store."""

from numbers import Integral, Real


def one_of(value, name, allowed):
    """Check a choice.

    Raises
    ------
    ValueError
        If `value` is none of `allowed`.
    """
    if not any(value is item or (isinstance(value, str) and value == item) for item in allowed):
        raise ValueError(f"{name} must be one of {list(allowed)}; got {value!r}.")


def whole(value, name, least, word=None):
    """Check a count: an integer of at least `least`, or the word that stands for a rule of the strategy.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if word is not None and isinstance(value, str) and value == word:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        also = "" if word is None else f" or {word!r}"
        raise ValueError(f"{name} must be an integer of at least {least}{also}; got {value!r}.")


def real(value, name, low, high=float("inf")):
    """Check a finite number with ``low <= value < high``.

    Raises
    ------
    ValueError
        If it is not one.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not low <= value < high:
        below = "" if high == float("inf") else f" and below {high}"
        raise ValueError(f"{name} must be a finite number of at least {low}{below}; got {value!r}.")


def candidates(strategies, trial):
    """Check that there is something to compare, and something to compare it by.

    Raises
    ------
    TypeError
        If `strategies` is no list or tuple, or no model gave a `trial`.
    ValueError
        If it is empty.
    """
    if not isinstance(strategies, (list, tuple)):
        raise TypeError(f"strategies must be a list or tuple of strategies; got {strategies!r}.")
    if not strategies:
        raise ValueError("strategies must hold at least one strategy; got none.")
    if not callable(trial):
        raise TypeError("trial must be a function trial(start, n_iter) -> (objective, refined); "
                        f"got {trial!r}. A model gives it when BestOf is its init.")
