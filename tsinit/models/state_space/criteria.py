"""How many states: parameters counted, information criteria, and the table that shows the choice."""

import numpy as np


def count_parameters(n, D, transition_cov, observation_cov, learned):
    """Count the free parameters of the observed process.

    Changing the coordinates of the state changes nothing that can be seen, so A, C and Q hold n^2 numbers that
    do not count; and no parametrisation says more than the innovations form, 2 n D + D (D + 1) / 2.

    Parameters
    ----------
    n, D : int
        States and observed columns.
    transition_cov, observation_cov : {"full", "diag", "spherical", "fixed"}
    learned : bool
        Whether m0 and P0 are estimated.
    """

    def covariance(structure, k):
        return {"full": k * (k + 1) // 2, "diag": k, "spherical": 1, "fixed": 0}[structure]

    # A diagonal Q leaves only signs and permutations of the state free, a spherical one only rotations.
    free = {"full": n * n, "diag": n, "spherical": n * (n - 1) // 2 + 1, "fixed": 0}[transition_cov]
    raw = n * n + D * n - free + covariance(transition_cov, n) + covariance(observation_cov, D)
    initial = n + n * (n + 1) // 2 if learned else 0
    return min(raw, 2 * n * D + D * (D + 1) // 2) + D + initial


def information(log_likelihood, n_parameters, n_steps):
    """Return (AIC, BIC); n_steps counts the steps with at least one observed value."""
    return (
        -2.0 * log_likelihood + 2.0 * n_parameters,
        -2.0 * log_likelihood + np.log(n_steps) * n_parameters,
    )


def order_table(fits):
    """Tabulate fits of several orders, best BIC marked.

    Parameters
    ----------
    fits : list of dict
        With keys n_states, log_likelihood, n_parameters, aic, bic, n_iter, converged.

    Returns
    -------
    DataFrame
        Indexed by n_states, with the column `chosen`.
    """
    import pandas as pd

    table = pd.DataFrame(fits).set_index("n_states")
    table["chosen"] = table["bic"] == table["bic"].min()
    return table
