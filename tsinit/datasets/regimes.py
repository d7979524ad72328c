"""Hidden Markov chains with known states: the study's simulation, and its harder relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_count, check_number, check_seed
from tsinit.datasets._rules import numbers, require
from tsinit.datasets._sequences import check_lengths, hide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray, SeedLike


class SimulatedHMM(NamedTuple):
    """Data from a hidden Markov model, with everything that is hidden.

    With several sequences, `y`, `complete` and `labels` are lists with one array each.

    Parameters
    ----------
    y : (T, D) float
        Observations, NaN where missing.
    complete : (T, D) float
        The same without the gaps.
    labels : (T,) int
        The hidden states.
    means : (K, D) float
        Mean of each state.
    covariance : (D, D) float
        Covariance of the observations in every state.
    transition_matrix : (K, K) float
        Probabilities of the next state (columns) given this one (rows).
    """

    y: FloatArray | list[FloatArray]
    complete: FloatArray | list[FloatArray]
    labels: IntArray | list[IntArray]
    means: FloatArray
    covariance: FloatArray
    transition_matrix: FloatArray


def make_hmm(
    n_steps: int | Sequence[int] = 500,
    n_states: int = 3,
    n_features: int = 1,
    *,
    n_sequences: int = 1,
    persistence: float = 0.95,
    means: ArrayLike = (-2.0, 2.0),
    correlation: float = 0.0,
    df: float = np.inf,
    missing: float = 0.0,
    random_state: SeedLike = None,
) -> SimulatedHMM:
    """Simulate regimes that persist, with Gaussian or heavy-tailed observations of unit variance.

    Every state is as likely to be left for each of the others, and the first is drawn evenly. Observations are the
    mean of the state, the same in every column, plus noise.

    Parameters
    ----------
    n_steps : int or sequence of int
        Length of the sequences, or the length of each.
    n_states, n_features : int
        States, and observed columns.
    n_sequences : int
        How many independent sequences; counted from `n_steps` where that is a sequence.
    persistence : float
        Probability of staying in a state, in [0, 1).
    means : (float, float) or (K, D) float
        Means of the first and the last state, the others evenly between them; or the mean of every state in every
        column.
    correlation : float
        Between any two columns, given the state; at least 0.
    df : float
        Degrees of freedom of Student-t noise, above 2; the variance is 1 for any.
    missing : float
        Share of the values that are hidden, completely at random; exact to the nearest count.
    random_state : int, SeedSequence, Generator, RandomState or None
        Where the randomness comes from; a generator is drawn from once.

    Returns
    -------
    SimulatedHMM
        Arrays for one sequence, lists of arrays for several.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    References
    ----------
    The design (symmetric chain, evenly spaced means, scaled Student-t noise) follows the simulation that goes with
    Cortese and Rossini, arXiv 2512.03777; chain and noise come from one stream of random numbers here.

    Examples
    --------
    >>> from tsinit.datasets import make_hmm
    >>> data = make_hmm(500, persistence=0.99, missing=0.1, random_state=0)
    >>> data.y.shape, data.means.ravel()
    ((500, 1), array([-2.,  0.,  2.]))
    """
    rng = np.random.default_rng(check_seed(random_state))
    check_number("persistence", persistence, 0.0, below=1.0)
    check_number("correlation", correlation, 0.0, below=1.0)
    check_number("missing", missing, 0.0, below=1.0)
    if df != np.inf:
        check_number("df", df, above=2.0, rule=", where the variance is finite")
    for name, count in (
        ("n_states", n_states),
        ("n_features", n_features),
        ("n_sequences", n_sequences),
    ):
        check_count(name, count)
    one_length, lengths = check_lengths(n_steps, n_sequences)
    centres = _check_means(means, n_states, n_features)
    P = np.full((n_states, n_states), (1.0 - persistence) / max(n_states - 1, 1))
    np.fill_diagonal(P, persistence if n_states > 1 else 1.0)
    covariance = np.full((n_features, n_features), float(correlation))
    np.fill_diagonal(covariance, 1.0)
    labels = [_draw_path(rng, P, steps) for steps in lengths]
    complete = [centres[z] + _noise(rng, len(z), covariance, df) for z in labels]
    y = hide(rng, complete, missing)
    if one_length and n_sequences == 1:
        return SimulatedHMM(y[0], complete[0], labels[0], centres, covariance, P)
    return SimulatedHMM(y, complete, labels, centres, covariance, P)


def _check_means(means: ArrayLike, n_states: int, n_features: int) -> FloatArray:
    given = numbers("means", means)
    if given.shape == (2,):
        line = np.linspace(given[0], given[1], n_states) if n_states > 1 else given[:1]
        return np.repeat(line[:, None], n_features, axis=1)
    require(
        given.shape == (n_states, n_features),
        "means",
        f"be a pair or of shape {(n_states, n_features)}",
        given,
    )
    return given


def _draw_path(rng: np.random.Generator, P: FloatArray, n_steps: int) -> IntArray:
    z = np.empty(n_steps, dtype=np.int64)
    z[0] = rng.integers(len(P))
    steps, edges = rng.random(n_steps), np.cumsum(P, axis=1)
    for t in range(1, n_steps):
        # The last edge may fall short of 1 by rounding.
        z[t] = min(np.searchsorted(edges[z[t - 1]], steps[t], side="right"), len(P) - 1)
    return z


def _noise(rng: np.random.Generator, n_steps: int, covariance: FloatArray, df: float) -> FloatArray:
    normal = rng.standard_normal((n_steps, len(covariance))) @ np.linalg.cholesky(covariance).T
    if df == np.inf:
        return normal
    return normal * np.sqrt((df - 2.0) / rng.chisquare(df, n_steps))[:, None]
