"""How many states: parameters counted, information criteria, and the table that shows the choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from tsinit.models.state_space.fit_data import EMFit, StateSpaceData


def count_parameters(
    n: int,
    D: int,
    transition_cov: str,
    observation_cov: str,
    initial_state: str,
    n_effects: int = 0,
) -> int:
    """Count the free parameters of the observed process.

    Changing the coordinates of the state changes nothing that can be observed, so A, C and Q hold n^2 numbers that
    do not count. Nor do all others: with G = A P C', where P is the stationary covariance of the states, the
    observations have the autocovariances C A^(k - 1) G. A and C hold n D numbers beyond the choice of a basis, and G as
    many, less D (D - 1) / 2 because C A^-1 G = C P C' is symmetric (or those of P, where there are fewer states than
    columns). At lag 0 only R is added.

    Parameters
    ----------
    n, D : int
        States and observed columns.
    transition_cov, observation_cov : {"full", "diag", "spherical", "fixed"}
    initial_state : {"stationary", "learned_mean", "learned", "fixed"}
        Whether m0 and P0 are estimated.
    n_effects : int
        Entries of B and D, of the inputs.
    """

    def covariance(structure: str, k: int) -> int:
        return {"full": k * (k + 1) // 2, "diag": k, "spherical": 1, "fixed": 0}[structure]

    # A diagonal Q leaves only signs and permutations of the state free, a spherical one only rotations.
    free = {"full": n * n, "diag": n, "spherical": n * (n - 1) // 2 + 1, "fixed": 0}[transition_cov]
    raw = n * n + D * n - free + covariance(transition_cov, n) + covariance(observation_cov, D)
    initial = {"learned": n + n * (n + 1) // 2, "learned_mean": n}.get(initial_state, 0)
    in_G = n * D - D * (D - 1) // 2 if n >= D else n * (n + 1) // 2
    return min(raw, n * D + in_G + covariance(observation_cov, D)) + D + initial + n_effects


def information(log_likelihood: float, n_parameters: int, n_steps: int) -> tuple[float, float]:
    """Return (AIC, BIC); n_steps counts the steps with at least one observed value."""
    return (
        -2.0 * log_likelihood + 2.0 * n_parameters,
        -2.0 * log_likelihood + np.log(n_steps) * n_parameters,
    )


def tabulate(data: StateSpaceData, fit: EMFit) -> dict[str, Any]:
    """Return the row of one fit in the table of orders."""
    n, D = len(fit.params.A), len(fit.params.C)
    transition_cov, observation_cov = data.options.transition_cov, data.options.observation_cov
    n_effects = sum(M.size for M in (fit.params.B, fit.params.D) if M is not None)
    k = count_parameters(n, D, transition_cov, observation_cov, fit.initial_state, n_effects)
    structure = data.options.structure
    if structure is not None:
        k = structure.n_free + n_effects - structure.n_columns * structure.n_varying
    aic, bic = information(fit.log_likelihood, k, data.n_steps_observed)
    return {
        "n_states": n, "log_likelihood": fit.log_likelihood, "n_parameters": k, "aic": aic, "bic": bic,
        "n_iter": len(fit.trace[0]) - 1, "converged": fit.converged,
    }  # fmt: skip


def order_table(fits: list[dict[str, Any]], chosen: int) -> pd.DataFrame:
    """Tabulate fits of several orders, the chosen one marked.

    Parameters
    ----------
    fits : list of dict
        Rows from `tabulate`.
    chosen : int
        Position of a row.

    Returns
    -------
    DataFrame
        Indexed by n_states, with the column `chosen`.
    """
    import pandas as pd

    table = pd.DataFrame(fits).set_index("n_states")
    table["chosen"] = np.arange(len(table)) == chosen
    return table
