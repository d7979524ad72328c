"""The log density of labelled rows."""

from tsinit.kernels._jit import entry
from tsinit.kernels.density import log_density


@entry
def sum_log_density(params, data, z):
    """Sum over rows of the log density in the row's own state z (T,)."""
    total = 0.0
    for t in range(z.size):
        total += log_density(params, data, t, z[t])
    return total
