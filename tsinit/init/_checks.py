"""Checks of the parameters of strategies, made when a strategy is used: constructors only store.

The rules and sentences are those of the border (`tsinit._validate`); here is what only strategies know, such as
a word that stands for a number.
"""

from tsinit._validate import check_choice, check_count, check_number


def one_of(value, name, allowed):
    """Check a choice among words.

    Raises
    ------
    ValueError
        If `value` is none of `allowed`.
    """
    check_choice(name, value, list(allowed))


def whole(value, name, least, word=None):
    """Check a count of at least `least`, or the word that stands for a rule of the strategy.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if word is None or not isinstance(value, str):
        check_count(name, value, least)
    elif value != word:
        raise ValueError(f"{name} must be a whole number of at least {least} or {word!r}; got {value!r}.")


def real(value, name, low, high=float("inf")):
    """Check a finite number with ``low <= value < high``.

    Raises
    ------
    ValueError
        If it is not one.
    """
    check_number(name, value, low)
    if value >= high:
        raise ValueError(f"{name} must be below {high:g}; got {value!r}.")


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
