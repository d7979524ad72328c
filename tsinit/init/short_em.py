"""Many short fits of a finite hidden Markov model, and one long one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_choice, check_count
from tsinit.init._gaussian_hmm import (
    MAX_PATTERNS,
    GaussianHMMParams,
    densities,
    em_step,
    observed_patterns,
)
from tsinit.init._labels import bounds, count_distinct, finish, prepare, wanted_states
from tsinit.kernels.hidden_markov.forward_backward import log_likelihood, viterbi

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.init._gaussian_hmm import ObservedPattern

_STAY = 0.9
_MAX_ROWS = 10_000  # of short runs, in stretches of
_STRETCH = 1_000
_MAX_STEPS = 100
_MIN_GAIN = 1e-5  # of log-likelihood per row, to go on


class ShortEM(BaseEstimator):
    """Start from a hidden Markov model with a fixed number of states and normal emissions, fitted by EM.

    Of `n_runs` random starts, each improved by `n_iter` iterations, the one of highest likelihood is
    continued until it gains less than 1e-5 per row, at most 100 iterations; the labels are its most probable
    path. The means of a random start are rows drawn at random, its covariance is that of all rows, and a
    state stays with probability 0.9. Of more than 10,000 rows, about that many in stretches of 1,000 drawn at
    random serve the short runs, and all only the end of the long one.

    Columns have variance 1, and variances are kept above 0.001. Missing values are integrated out, exactly,
    as long as there are at most 128 different sets of observed columns; with more, gaps of partly observed rows
    are interpolated. A row never observed takes the label of the last row observed before it in its sequence, else of
    the next.

    Parameters
    ----------
    n_runs : int, default 20
        Random starts.
    n_iter : int, default 5
        Iterations of EM from each.
    covariance : {"full", "diag"}, default "full"
        Form of the covariances of the emissions.

    References
    ----------
    Biernacki, Celeux and Govaert, "Choosing starting values for the EM algorithm for getting the highest
    likelihood in multivariate Gaussian mixture models" (Computational Statistics & Data Analysis 41, 2003);
    Maruotti and Punzo, "Initialization of hidden Markov and semi-Markov models: a critical evaluation of
    several strategies" (International Statistical Review 89, 2021).
    """

    def __init__(self, n_runs: int = 20, n_iter: int = 5, covariance: str = "full") -> None:
        self.n_runs = n_runs
        self.n_iter = n_iter
        self.covariance = covariance

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by the most probable path of the fitted model.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Draws the starts.
        n_states : int, optional
            Number of states; ``min(10, max(2, T // 50))`` if not given. Never more than distinct rows.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `n_runs`, `n_iter` or `covariance` is not allowed, or `n_states` no whole number from 1.
        """
        check_count("n_runs", self.n_runs)
        check_count("n_iter", self.n_iter, 0)
        check_choice("covariance", self.covariance, ("full", "diag"))
        z, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        limits, diagonal = bounds(len(y), offsets), self.covariance == "diag"
        if len(observed_patterns(z)) > MAX_PATTERNS:
            z = np.where(observed[:, None], full, np.nan)
        rows, parts = _stretches(limits, rng)
        model = self._best_short_run(z[rows], parts, full[observed], K, diagonal, rng)
        if len(rows) < len(y):
            model, _ = _continued(z[rows], parts, model, diagonal)
        model, groups = _continued(z, limits, model, diagonal)
        return finish(
            viterbi(densities(z, groups, model), model.start, model.P, limits), observed, offsets
        )

    def _best_short_run(
        self,
        z: FloatArray,
        offsets: IntArray,
        rows: FloatArray,
        K: int,
        diagonal: bool,
        rng: np.random.Generator,
    ) -> GaussianHMMParams:
        """Model of highest likelihood after a few iterations from each of the random starts."""
        groups = observed_patterns(z)
        best: GaussianHMMParams | None = None
        highest = -np.inf
        for _ in range(self.n_runs):
            model = _random_model(rows, K, diagonal, rng)
            for _ in range(self.n_iter):
                _, model = em_step(z, groups, offsets, model, diagonal)
            reached = log_likelihood(densities(z, groups, model), model.start, model.P, offsets)
            if best is None or reached > highest:
                best, highest = model, reached
        assert best is not None  # n_runs is at least 1
        return best


def _random_model(
    rows: FloatArray, K: int, diagonal: bool, rng: np.random.Generator
) -> GaussianHMMParams:
    """Rows as means, one covariance for all states."""
    cov = np.atleast_2d(np.cov(rows.T, bias=True))
    cov = (np.diag(np.diag(cov)) if diagonal else cov) + 1e-2 * np.eye(rows.shape[1])
    P = np.full((K, K), (1 - _STAY) / (K - 1))
    np.fill_diagonal(P, _STAY)
    means = rows[rng.choice(len(rows), K, replace=False)]
    return GaussianHMMParams(np.full(K, 1 / K), P, means, np.tile(cov, (K, 1, 1)))


def _continued(
    z: FloatArray, offsets: IntArray, model: GaussianHMMParams, diagonal: bool
) -> tuple[GaussianHMMParams, list[ObservedPattern]]:
    """Run EM to the end."""
    groups, before = observed_patterns(z), -np.inf
    for _ in range(_MAX_STEPS):
        reached, better = em_step(z, groups, offsets, model, diagonal)
        if not reached - before > _MIN_GAIN * len(z):
            break
        model, before = better, reached
    return model, groups


def _stretches(offsets: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Rows for the short runs, and where each stretch of them starts: all if they are few."""
    if offsets[-1] <= _MAX_ROWS:
        return np.arange(offsets[-1]), offsets
    cuts = np.union1d(
        offsets, np.concatenate([np.arange(a, b, _STRETCH) for a, b in pairwise(offsets)])
    )
    drawn = rng.permutation(len(cuts) - 1)
    lengths = np.diff(cuts)[drawn]
    drawn = np.sort(drawn[np.cumsum(lengths) - lengths < _MAX_ROWS])
    rows = np.concatenate([np.arange(cuts[i], cuts[i + 1]) for i in drawn])
    return rows, np.concatenate([[0], np.cumsum(np.diff(cuts)[drawn])]).astype(np.int64)
