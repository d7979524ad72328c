"""The log density of labelled rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsinit.kernels._jit import entry
from tsinit.kernels.density import log_density

if TYPE_CHECKING:
    from tsinit._typing import IntArray


@entry
def sum_log_density(params: Any, data: Any, z: IntArray) -> float:
    """Sum over rows of the log density in the row's own state z (T,)."""
    total = 0.0
    for t in range(z.size):
        total += log_density(params, data, t, z[t])
    return total
