"""Ctrl-C, also where it comes in disguise."""

from __future__ import annotations


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether an error is Ctrl-C in disguise.

    Numba wraps one that comes while it hands over arguments, and modules in C one that comes while they are imported.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
