"""What a finite hidden Markov model hands back: forecasts, criteria, and the table of numbers of states."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.kernels.hidden_markov.forward_backward import viterbi
from tsinit.models.hidden_markov.ahead import interval_of, quantile_of

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models.hidden_markov.finite_em import HMMParams

#: Nats by which two ends may differ and still be the same maximum, or as good.
SAME_END = 0.5


class HMMForecast(NamedTuple):
    """Predictive distribution of the steps after the data.

    Parameters
    ----------
    probabilities : (n_steps, K) array or DataFrame
        Of the states.
    means : (n_steps, D) array or DataFrame
        Of the observations, in the units of the data, with the times that follow where the data had times; of angles
        the mean direction.
    covariances : (n_steps, D, D) float
        Of the observations, the uncertainty of the state included; of angles the mean squared chord, on the diagonal.
    samples : (n_samples, n_steps, D) float
        Simulated paths; angles within half a turn of `means`.
    """

    probabilities: Any
    means: Any
    covariances: np.ndarray
    samples: np.ndarray

    @property
    def standard_deviations(self) -> FloatArray:
        """(n_steps, D) float: spread of each column."""
        return np.sqrt(np.einsum("tii->ti", self.covariances))

    def quantile(self, q: float) -> FloatArray | pd.DataFrame:
        """Quantile of the observations at every step, by simulation.

        Parameters
        ----------
        q : float
            Between 0 and 1, both excluded. Its level is off by about sqrt(q (1 - q) / n_samples).

        Returns
        -------
        (n_steps, D) array or DataFrame
            In the form of `means`.

        Raises
        ------
        ValueError
            q is not strictly between 0 and 1.
        """
        return quantile_of(self.samples, self.means, q)

    def interval(self, level: float = 0.9) -> tuple[Any, Any]:
        """Interval of every step between two quantiles, as much outside on either side.

        Parameters
        ----------
        level : float, default 0.9
            Share of the predictive distribution inside, strictly between 0 and 1.

        Returns
        -------
        lower, upper : (n_steps, D) array or DataFrame

        Raises
        ------
        ValueError
            level is not strictly between 0 and 1.
        """
        return interval_of(self.samples, self.means, level)


class RestartEnds(NamedTuple):
    """Where the starts of a fit ended; starts that are the same are run once.

    Parameters
    ----------
    objectives : (n,) float
        Final objective from each.
    agreement : (n, n) float
        Adjusted Rand index between the segmentations of every two ends.
    """

    objectives: np.ndarray
    agreement: np.ndarray

    @property
    def as_good(self) -> BoolArray:
        """(n,) bool: ends within half a nat of the best."""
        return np.asarray(self.objectives >= self.objectives.max() - SAME_END)

    @property
    def mean_agreement(self) -> float:
        """Mean over pairs of ends within half a nat of the best; NaN for a single one."""
        good = np.flatnonzero(self.as_good)
        if len(good) < 2:
            return np.nan
        return float(np.mean([self.agreement[i, j] for i, j in combinations(good, 2)]))


class Criteria(NamedTuple):
    """Information criteria; smaller is better."""

    aic: float
    bic: float
    icl: float


def complete_log_likelihood(density: FloatArray, params: HMMParams, offsets: IntArray) -> float:
    """Log density of the rows together with their most probable path."""
    z = viterbi(density, params.start, params.P, offsets)
    begins = offsets[:-1][np.diff(offsets) > 0]
    within = np.ones(len(z), dtype=bool)
    within[begins] = False
    steps = np.flatnonzero(within)
    with np.errstate(divide="ignore"):
        log_start, log_P = np.log(params.start), np.log(params.P)
    total = density[np.arange(len(z)), z].sum() + log_start[z[begins]].sum()
    return float(total + log_P[z[steps - 1], z[steps]].sum())


def criteria(log_likelihood: float, complete: float, n_parameters: int, n_steps: int) -> Criteria:
    """Return the criteria; `complete` is the log density of rows and path together, n_steps counts rows with data.

    ICL is BIC with the path as data (Biernacki, Celeux and Govaert, 2000; for hidden Markov models Celeux and
    Durand, 2008).
    """
    penalty = np.log(max(n_steps, 1)) * n_parameters
    return Criteria(
        -2.0 * log_likelihood + 2.0 * n_parameters,
        -2.0 * log_likelihood + penalty,
        -2.0 * complete + penalty,
    )


def order_table(rows: list[dict[str, Any]], chosen: int) -> pd.DataFrame:
    """Tabulate fits of several numbers of states, the chosen one marked.

    Parameters
    ----------
    rows : list of dict
        With `n_states` and what else is shown.
    chosen : int
        Position of a row.

    Returns
    -------
    DataFrame
        Indexed by n_states, with the column `chosen`.
    """
    import pandas as pd

    table = pd.DataFrame(rows).set_index("n_states")
    table["chosen"] = np.arange(len(table)) == chosen
    return table
