"""Old names that work for one more release."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Function = TypeVar("_Function", bound="Callable[..., Any]")


def warn_of_old_name(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that a name is the old one.

    Parameters
    ----------
    old, new : str
        As users write them.
    stacklevel : int
        Frames from here to the user's line.
    """
    warnings.warn(
        f"{old} is now called {new}; the old name goes in 0.3.",
        FutureWarning,
        stacklevel=stacklevel,
    )


def renamed_keyword(old: str, new: str) -> Callable[[_Function], _Function]:
    """Let a function or method take a keyword argument by its old name too, with a warning."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if old in kwargs:
                if new in kwargs:
                    raise TypeError(f"{old} must not be given beside {new}: it is its old name.")
                warn_of_old_name(old, new)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate
