"""What simulators share: how long the sequences are, and which of their values are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_count
from tsinit.datasets._rules import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import FloatArray


def check_lengths(n_steps: Any, n_sequences: int) -> tuple[bool, list[int]]:
    """Return whether one length was given, and the length of every sequence."""
    rule = ", or a sequence of those"
    if not isinstance(n_steps, (list, tuple, range)) and getattr(n_steps, "ndim", 0) != 1:
        return True, [check_count("n_steps", n_steps, rule=rule)] * n_sequences
    require(len(n_steps), "n_steps", f"be a whole number of at least 1{rule}", n_steps)
    return False, [check_count("n_steps", steps, rule=" each") for steps in n_steps]


def hide(
    rng: np.random.Generator, complete: Sequence[FloatArray], share: float
) -> list[FloatArray]:
    """Set a share of all values, exact to the nearest count, to NaN, completely at random."""
    sizes = [values.size for values in complete]
    hidden = np.zeros(sum(sizes), dtype=bool)
    hidden[rng.permutation(hidden.size)[: round(share * hidden.size)]] = True
    masks = np.split(hidden, np.cumsum(sizes)[:-1])
    return [
        np.where(mask.reshape(values.shape), np.nan, values)
        for values, mask in zip(complete, masks, strict=True)
    ]
