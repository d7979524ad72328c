"""Single values: words, counts, numbers, flags and seeds."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from numbers import Real
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tsinit._typing import SeedLike

_PACKAGE = str(Path(__file__).parents[1])


def check_choice(name: str, value: Any, choices: Collection[str | None]) -> Any:
    """Require one of a few words.

    Raises
    ------
    ValueError
        value is not among choices.
    """
    if (value is None or isinstance(value, str)) and value in choices:
        return value
    typed = value.lower() if isinstance(value, str) else ""
    close = difflib.get_close_matches(typed, [c for c in choices if c is not None], n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{name} must be one of {list(choices)}; got {short(value)}.{hint}")


def check_count(name: str, value: Any, minimum: int = 1, rule: str = "") -> int:
    """Require a whole number of at least `minimum`.

    rule : what else would do, to end the sentence.

    Raises
    ------
    ValueError
        It is smaller, or not whole.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < minimum:
        raise ValueError(
            f"{name} must be a whole number of at least {minimum}{rule}; got {short(value)}."
        )
    return int(value)


def check_path(name: str, value: Any) -> Path:
    """Return a path as a `Path`, ``~`` resolved.

    Raises
    ------
    TypeError
        It is neither a string nor a path.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a string or a Path; got {short(value)}.")
    return Path(value).expanduser()


def check_orders(n_states: Any) -> tuple[bool, list[int]]:
    """Require a whole number of at least 1, or a sequence of those.

    Returns
    -------
    several : bool
        Whether a sequence was given.
    orders : list of int
        Without repetitions.

    Raises
    ------
    ValueError
        It is neither.
    """
    rule = ", or a sequence of those"
    if isinstance(n_states, (list, tuple, range)) or getattr(n_states, "ndim", 0) == 1:
        if len(n_states) == 0:
            check_count("n_states", n_states, rule=rule)
        return True, list(dict.fromkeys(check_count("n_states", n, rule=" each") for n in n_states))
    return False, [check_count("n_states", n_states, rule=rule)]


def check_number(
    name: str,
    value: Any,
    minimum: float = -np.inf,
    maximum: float = np.inf,
    *,
    above: float = -np.inf,
    below: float = np.inf,
    rule: str = "",
) -> float:
    """Require a finite number within bounds.

    Parameters
    ----------
    name : str
        What messages call it.
    value : object
        What was given.
    minimum, maximum : float
        Bounds that will do themselves.
    above, below : float
        Bounds that will not.
    rule : str
        What else would do, to end the sentence.

    Raises
    ------
    ValueError
        It is outside, or not a number.
    """
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
    except OverflowError:  # whole numbers have no largest
        number = np.nan
    if not np.isfinite(number) or not minimum <= number <= maximum or not above < number < below:
        bounds = [
            f"{words} {bound:g}"
            for words, bound in (
                ("of at least", minimum),
                ("above", above),
                ("of at most" if minimum == -np.inf and above == -np.inf else "at most", maximum),
                ("below", below),
            )
            if np.isfinite(bound)
        ]
        kind = f"a number {' and '.join(bounds)}" if bounds else "a finite number"
        raise ValueError(f"{name} must be {kind}{rule}; got {short(value)}.")
    return number


def check_count_or_word(name: str, value: Any, minimum: int, word: str) -> int | None:
    """Require a count of at least `minimum`, or a word: then None.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(value, str) and value == word:
        return None
    return check_count(name, value, minimum, f" or {word!r}")


def check_number_or_word(name: str, value: Any, minimum: float, word: str) -> float | None:
    """Require a finite number of at least `minimum`, or a word: then None.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(value, str) and value == word:
        return None
    return check_number(name, value, minimum, rule=f" or {word!r}")


def check_names(argument: str, given: Sequence[Any] | dict[Any, Any], names: Sequence[Any]) -> None:
    """Require names of columns of a table, `names`.

    Raises
    ------
    ValueError
    """
    unknown = [name for name in given if name not in list(names)]
    if unknown:
        raise ValueError(
            f"{argument} must name columns of X, {short(list(names))}; got {short(unknown[0])}."
        )


def is_number(value: Any) -> bool:
    """Whether it is a number, or an infinity, but neither NaN nor a flag."""
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool) and not np.isnan(value)


def check_flag(name: str, value: Any) -> bool:
    """Require True or False.

    Raises
    ------
    ValueError
        It is anything else: the word "no" would count as true.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False; got {short(value)}.")
    return bool(value)


def check_verbose(verbose: Any) -> int:
    """Require a whole number from 0, or a flag.

    Raises
    ------
    ValueError
        It is neither.
    """
    if isinstance(verbose, (bool, np.bool_)):
        return int(verbose)
    return check_count("verbose", verbose, 0)


def check_seed(random_state: SeedLike) -> np.random.SeedSequence:
    """Turn a seed of any kind into a ``SeedSequence``.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator, RandomState or None
        A generator is drawn from once, so that two fits with the same one differ.

    Raises
    ------
    ValueError
        It is none of these.
    """
    if isinstance(random_state, np.random.SeedSequence):
        return random_state
    if random_state is None:
        return np.random.SeedSequence()
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**63, size=2).tolist())
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**31, size=4).tolist())
    if (
        isinstance(random_state, (int, np.integer))
        and not isinstance(random_state, bool)
        and random_state >= 0
    ):
        return np.random.SeedSequence(int(random_state))
    raise ValueError(
        "random_state must be a whole number from 0, a SeedSequence, a Generator, a RandomState or None; "
        f"got {short(random_state)}."
    )


def child_seed(seed: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Return the child of a SeedSequence at a key, without counting it as spawned."""
    return np.random.SeedSequence(
        seed.entropy, spawn_key=(*seed.spawn_key, *key), pool_size=seed.pool_size
    )


def short(value: Any) -> str:
    """Show a value in an error: on one line, as it prints where that is short, by shape or type otherwise."""
    text = repr(_plain(value))
    if hasattr(value, "shape") and (len(text) > 60 or "\n" in text):
        return f"{type(value).__name__} of shape {value.shape}"
    text = " ".join(text.splitlines())
    return text if len(text) <= 60 else text[:50] + "..."


def _plain(value: Any) -> Any:
    """Replace NumPy's numbers and texts by Python's, which print without the name of a type; dates would lose units."""
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        return value.item()
    if type(value) in (list, tuple, set):
        return type(value)(map(_plain, value))
    if type(value) is dict:
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's that called into the package."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
