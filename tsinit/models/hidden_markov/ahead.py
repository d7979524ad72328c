"""What follows the data under the draws of a hidden Markov model, or one estimate: states, means, simulated paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate import check_number, check_possible
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.kernels.params import writeable
from tsinit.models.hidden_markov import posterior

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions import EmissionOnData
    from tsinit.models.hidden_markov.draws import HMMDraws


class PosteriorForecast(NamedTuple):
    """Predictive distribution of the steps after the data, the uncertainty of the parameters included.

    Parameters
    ----------
    probabilities : (n_steps, n_states_) array or DataFrame
        Of the states of the estimate.
    means : (n_steps, D) array or DataFrame
        Of the observations, in the units of the data, with the times that follow where the data had times; of angles
        the mean direction, of an autoregression the median.
    samples : (n_samples, n_steps, D) float
        Simulated paths; angles within half a turn of `means`.
    """

    probabilities: Any
    means: Any
    samples: np.ndarray

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


def quantile_of(samples: FloatArray, means: Any, q: float) -> Any:
    """Quantile of simulated paths (S, n_steps, D) at every step, in the form of `means`."""
    q = check_number("q", q, above=0.0, below=1.0)
    values = np.quantile(samples, q, axis=0)
    if not hasattr(means, "iloc"):
        return values
    return type(means)(values, index=means.index, columns=means.columns)


def interval_of(samples: FloatArray, means: Any, level: float) -> tuple[Any, Any]:
    """Quantiles between which a share `level` of simulated paths lies at every step, as much outside on either side."""
    level = check_number("level", level, above=0.0, below=1.0)
    return (
        quantile_of(samples, means, 0.5 - level / 2),
        quantile_of(samples, means, 0.5 + level / 2),
    )


def look_ahead(
    draws: HMMDraws,
    mapping: IntArray,
    n_states: int,
    emission: EmissionOnData,
    y: FloatArray,
    n_steps: int,
    n_samples: int,
    rng: np.random.Generator,
) -> PosteriorForecast:
    """Continue one sequence.

    Every draw filters the sequence with its own states and goes on by its own transitions among them; the
    probabilities go to the states of the estimate as in `posterior.smooth`.

    Parameters
    ----------
    draws, mapping, n_states
        As in `posterior.smooth`.
    emission : EmissionOnData
        On the rows of the sequence.
    y : (T, D) float
        These rows.
    n_steps, n_samples : int
    rng : numpy.random.Generator

    Returns
    -------
    PosteriorForecast
        Of arrays.
    """
    offsets = np.array([0, len(y)])
    used = posterior.spaced(len(draws))
    counts = np.bincount(np.arange(n_samples) * len(used) // n_samples, minlength=len(used))
    total, samples, means_of_draws = np.zeros((n_steps, n_states)), [], []
    for i, n_paths in zip(used, counts, strict=True):
        draw = draws.record(i)
        log_density, start, P = posterior.occupied(draw, emission)
        now = forward_backward.filter_states(log_density, start, P, offsets)[-1]
        check_possible(bool(np.isfinite(now).all()))
        ahead = probabilities_ahead(now, P, n_steps)
        posterior.add_matched(total, ahead, mapping[i])
        params = writeable(draw.params)
        z = paths_ahead(now, P, n_paths, n_steps, rng)
        samples.append(emission.simulate_after(rng, params, z, y))
        means_of_draws.append(ahead @ emission.means(params))
    together = np.concatenate(samples)
    means, plain = np.mean(means_of_draws, axis=0), emission.plain_columns
    if not plain.all():
        means = np.where(plain, means, emission.average_means(together))
    return PosteriorForecast(posterior.shares(total), means, emission.near(together, means))


def probabilities_ahead(now: FloatArray, P: FloatArray, n_steps: int) -> FloatArray:
    """Probabilities (n_steps, K) of the states after the present one."""
    ahead = np.empty((n_steps, len(now)))
    for step in range(n_steps):
        now = now @ P
        ahead[step] = now = now / now.sum()
    return ahead


def paths_ahead(
    now: FloatArray, P: FloatArray, n_paths: int, n_steps: int, rng: np.random.Generator
) -> IntArray:
    """Draw states (n_paths, n_steps) after the present one, of probabilities now (K,)."""
    z = np.empty((n_paths, n_steps + 1), dtype=np.int64)
    u = rng.random(z.shape)
    rows = np.cumsum(np.vstack([P, now]), axis=1)
    at = np.full(n_paths, len(now))
    for step in range(n_steps + 1):
        sums = rows[at]
        # The last sum may miss 1 by rounding.
        z[:, step] = at = (u[:, step, None] * sums[:, -1:] >= sums).sum(axis=1)
    return z[:, 1:]
