"""The border of emissions by column: which columns each of them has, one sentence where that is not settled."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tsinit._typing import IntArray


def places(keys: Iterable[Any], columns: Sequence[Any]) -> list[IntArray]:
    """Find the columns of every emission.

    Parameters
    ----------
    keys : iterable
        A name of a column for each emission, or a tuple of names.
    columns : sequence
        Names of the columns of the data.

    Returns
    -------
    list of (n,) int arrays

    Raises
    ------
    ValueError
        If a column is named twice or not at all, or there is none of a name.
    """
    known = list(columns)
    for name in known:
        if known.count(name) > 1:
            raise ValueError(
                f"columns must have different names where each has an emission; got {short(name)} twice. "
                "Rename one of them."
            )
    found: list[IntArray] = []
    taken: set[int] = set()
    for key in keys:
        # A tuple may itself be the name of a column.
        names = [key] if key in known or not isinstance(key, tuple) else list(key)
        if not names:
            raise ValueError("emission must name columns in every key; got ().")
        at = []
        for name in names:
            if name not in known:
                raise ValueError(_unknown(name, known))
            at.append(known.index(name))
            if at[-1] in taken:
                raise ValueError(f"emission must name every column once; got {short(name)} twice.")
            taken.add(at[-1])
        found.append(np.array(at))
    left = [name for i, name in enumerate(known) if i not in taken]
    if left:
        raise ValueError(
            f"emission must name every column; got none for {', '.join(map(short, left))}."
        )
    return found


def emissions_given(emissions: Any) -> None:
    """Check for a dict of emissions, none of them a dict itself.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(emissions, Mapping) or not emissions:
        raise TypeError(
            f"emissions must be a dict from names of columns to emissions; got {short(emissions)}."
        )
    for key, emission in emissions.items():
        if isinstance(emission, Mapping):
            raise TypeError(
                f"emission[{key!r}] must be a name or an emission object; got {short(emission)}."
            )


@contextlib.contextmanager
def about(names: Sequence[str]) -> Iterator[None]:
    """Say of which columns an error is, whose own numbers count from the first of these."""
    try:
        yield
    except ValueError as error:
        which = "column" if len(names) == 1 else "columns"
        raise ValueError(f"{error} That is about {which} {', '.join(names)}.") from None


def _unknown(name: Any, known: list[Any]) -> str:
    close = difflib.get_close_matches(str(name), [str(other) for other in known], n=1)
    return f"emission must name columns of the data, {short(known)}; got {short(name)}." + (
        f" Did you mean {close[0]!r}?" if close and isinstance(name, str) else ""
    )
