"""What a fitted infinite hidden Markov model can be asked: labels, probabilities, densities, draws."""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from tsinit import _validate
from tsinit.kernels.density import all_log_densities
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.models.base import one_thread
from tsinit.models.hidden_markov import summaries
from tsinit.models.hidden_markov.posterior import Draws

#: Draws that speak for the posterior on new rows: more of them move probabilities by less than they differ.
_MOST_DRAWS = 200
#: Rows of which a full co-clustering matrix is built: 10,000 take 400 MB.
_MOST_ROWS = 10_000


class RegimeQueries:
    """Methods of a fitted infinite hidden Markov model; they need what `fit` keeps beside `labels_`."""

    labels_: np.ndarray
    n_states_: int
    draws_: Draws
    _fitted_bound: Any
    _fitted_panel: Any
    _fitted_mapping: np.ndarray
    _read: Any

    def predict(self, X, *, lengths=None):
        """Most probable state at every row, averaged over the posterior.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; other rows than those of `fit`, if you like.

        Returns
        -------
        (T,) int array or Series, or list of those
            States 0 to ``n_states_`` - 1, as in ``labels_``, in the form of X.

        Raises
        ------
        ValueError, TypeError
            X is unusable.
        """
        panel = self._read(X, lengths)
        return summaries.restore(panel, self._probabilities(panel)[0].argmax(axis=1), "state")

    def predict_proba(self, X, *, lengths=None):
        """Probability of every state at every row, averaged over the posterior.

        Each draw smooths the rows with its own states, and its probabilities go to the states of the estimate that
        they are matched with. What draws give to states without a match is spread in proportion.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; other rows than those of `fit`, if you like.

        Returns
        -------
        (T, n_states_) array or DataFrame, or list of those
            In the form of X.

        Raises
        ------
        ValueError, TypeError
            X is unusable.
        """
        panel = self._read(X, lengths)
        return panel.restore(self._probabilities(panel)[0], range(self.n_states_))

    def score(self, X, y=None, *, lengths=None):
        """Log posterior predictive density per observed value, in nats and in the units of the data.

        The density of all rows together is averaged over draws, and its logarithm divided by the number of observed
        values. New states, which the model allows, are left out: on rows far from those of `fit` this is a lower
        bound.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`.
        y : Ignored

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError
            X is unusable or holds no value.
        """
        panel = self._read(X, lengths)
        n_observed = int((~np.isnan(panel.y)).sum())
        _validate.check_observed(n_observed)
        _, log_likelihoods = self._probabilities(panel, smooth=False)
        return float((logsumexp(log_likelihoods) - np.log(len(log_likelihoods))) / n_observed)

    def coclustering_matrix(self, rows=None):
        """Posterior probability that two rows are in one state; it does not depend on labels.

        Parameters
        ----------
        rows : sequence of int or None
            Rows of the data of `fit` to look at; None is all of them.

        Returns
        -------
        (m, m) float32

        Raises
        ------
        ValueError
            More than 10,000 rows are asked for, or there is no such row.
        """
        from tsinit import partitions

        _validate.check_fitted(self)
        rows = _validate.check_rows("rows", rows, len(self.labels_), _MOST_ROWS)
        return partitions.coclustering(self.draws_.flat, rows)

    def sampler_summary(self):
        """How well the chains mixed.

        Returns
        -------
        dict of str to float
            ``rhat`` and ``ess``, the worst of the joint log density and the number of states, and
            ``ess_per_second``.
        """
        _validate.check_fitted(self)
        return summaries.sampler_summary(self)

    def to_datatree(self):
        """All that was drawn, with the names that ArviZ knows.

        Group ``posterior`` holds the scalars that do not depend on labels, ``posterior_by_state`` the parameters of
        the states of the estimate (NaN in draws that lack one), and ``warmup_posterior`` the scalars before the
        first draw.

        Returns
        -------
        xarray.DataTree
        """
        _validate.check_fitted(self)
        return summaries.datatree(self, self._fitted_bound, self._fitted_panel)

    def to_arviz(self):
        """The draws in the container of the installed ArviZ: ``InferenceData`` before 1.0, ``DataTree`` since."""
        from tsinit import result

        return result.to_arviz(self.to_datatree())

    def _probabilities(self, panel, smooth=True):
        """Probabilities (T, n_states_) of all rows and log-likelihood of each draw that was asked."""
        bound = self._fitted_bound.with_data(panel.y)
        mapping, total = self._fitted_mapping, np.zeros((len(panel.y), self.n_states_))
        chosen = np.unique(np.linspace(0, len(self.draws_) - 1, _MOST_DRAWS).astype(int))
        log_likelihoods = np.empty(len(chosen))
        with one_thread():
            for n, i in enumerate(chosen):
                _, params, pi = self.draws_.record(i)
                K = len(pi) - 1
                log_density = all_log_densities(params, bound.data, K)
                start, P = _without_rest(pi)
                if not smooth:
                    log_likelihoods[n] = forward_backward.log_likelihood(
                        log_density, start, P, panel.offsets
                    )
                    continue
                log_likelihoods[n], probability, _ = forward_backward.smooth(
                    log_density, start, P, panel.offsets
                )
                target = mapping[i, :K]
                for k in np.flatnonzero(target >= 0):
                    total[:, target[k]] += probability[:, k]
        log_likelihoods += bound.log_jacobian
        size = total.sum(axis=1, keepdims=True)
        return np.where(
            size > 0, total / np.where(size > 0, size, 1.0), 1.0 / self.n_states_
        ), log_likelihoods


def _without_rest(pi):
    """Start (K,) and rows (K, K) among the occupied states, without the mass of all others."""
    inside = pi[:, :-1]
    inside = inside / inside.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(inside[0]), np.ascontiguousarray(inside[1:])
