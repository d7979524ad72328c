"""What a fitted state-space model can be asked: likelihood, states, gaps, forecasts, samples, criteria."""

import contextlib

import numpy as np
from sklearn.base import TransformerMixin

from tsinit import _validate
from tsinit._validate import check_count, check_seed
from tsinit.kernels import Kalman
from tsinit.kernels.dense import LOOPS_TO
from tsinit.models.base import lists_as_they_are, one_thread
from tsinit.models.state_space import criteria, restarts
from tsinit.models.state_space.missing import complete_table
from tsinit.models.state_space.results import Forecast, Sample, StateEstimate, in_the_future


@lists_as_they_are
class StateSpaceQueries(TransformerMixin):
    """Methods of a fitted linear Gaussian model; they need `params_`, `n_states_` and what `fit` keeps beside them."""

    def _kalman(self, panel):
        return Kalman(panel.y, self.n_states_, panel.offsets)

    def score(self, X, y=None, *, lengths=None):
        """Log-likelihood per observed value, in nats and in the units of the data.

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
            X is unusable, holds no value, or has no density under ``params_``.
        """
        panel = self._read(X, lengths)
        kalman = self._kalman(panel)
        _validate.check_observed(kalman.n_observed)
        with self._calm():
            log_likelihood = kalman.log_likelihood(self.params_)
        _validate.check_finite_likelihood(np.isfinite(log_likelihood))
        return log_likelihood / kalman.n_observed

    def smooth(self, X, *, lengths=None):
        """States given all the data (fixed-interval smoother).

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`.

        Returns
        -------
        StateEstimate
            Unpacks as means, covariances, log-likelihood.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or has no density under ``params_``.
        """
        return self._states(X, lengths, Kalman.smooth)

    def filter(self, X, *, lengths=None):
        """States given the data up to each step.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`.

        Returns
        -------
        StateEstimate
            Unpacks as means, covariances, log-likelihood.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or has no density under ``params_``.
        """
        return self._states(X, lengths, Kalman.filter)

    def _calm(self):
        """Hold BLAS to one thread, where there are so many states that the kernels call it."""
        return one_thread() if len(self.params_.A) > LOOPS_TO else contextlib.nullcontext()

    def _states(self, X, lengths, run):
        panel = self._read(X, lengths)
        with self._calm():
            done = run(self._kalman(panel), self.params_, covariances=True)
        _validate.check_finite_likelihood(done.succeeded)
        return StateEstimate(
            panel, done.means, done.covariances, done.log_likelihood, self.get_feature_names_out()
        )

    def transform(self, X, *, lengths=None):
        """Smoothed state means.

        ``set_output`` chooses the form of one table; a list of tables comes back as it came.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`.

        Returns
        -------
        (T, n) array or DataFrame, or list of those
            In the form of X.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or has no density under ``params_``.
        """
        panel = self._read(X, lengths)
        with self._calm():
            done = self._kalman(panel).smooth(self.params_)
        _validate.check_finite_likelihood(done.succeeded)
        return panel.restore(done.means, self.get_feature_names_out())

    def fit_transform(self, X, y=None, *, lengths=None):
        """Fit, then return the smoothed state means of the same data.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`.
        y : Ignored

        Returns
        -------
        (T, n) array or DataFrame, or list of those
            In the form of X.
        """
        return self.fit(X, lengths=lengths).transform(X, lengths=lengths)

    def impute(self, X, *, lengths=None, return_std=False):
        """Fill gaps with their conditional means given all the data; observed values stay as they are.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`.
        return_std : bool
            Also return the standard deviation of every filled value, 0 where a value was observed.

        Returns
        -------
        table, or (table, table)
            In the form of X; a Series comes back as a DataFrame of one column.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or has no density under ``params_``.
        """
        return_std = _validate.check_flag("return_std", return_std)
        panel = self._read(X, lengths)
        kalman = self._kalman(panel)
        with self._calm():
            means, spread = complete_table(kalman, self.params_, return_std)
        filled = panel.restore(np.where(kalman.seen, panel.y, means))
        return (filled, panel.restore(spread)) if return_std else filled

    def forecast(self, steps, X=None, *, lengths=None):
        """Predict the steps after the data.

        Parameters
        ----------
        steps : int
            How many.
        X, lengths
            Data to continue; None continues the (last) sequence of `fit`.

        Returns
        -------
        Forecast
            Means and covariances of the observations. With several sequences in X, the last is continued.

        Raises
        ------
        ValueError, TypeError
            X is unusable, has no density under ``params_``, or `steps` is no whole number of at least 1.
        """
        _validate.check_fitted(self)
        steps = check_count("steps", steps)
        (x, P), time = self._fitted_end
        if X is not None:
            panel = self._read(X, lengths)
            (x, P), time = self._end(panel), end_of_time(panel)
        A, C, Q, R, _, _, d = self.params_
        means, covariances = np.empty((steps, len(C))), np.empty((steps, len(C), len(C)))
        for k in range(steps):
            x, P = A @ x, A @ P @ A.T + Q
            means[k], covariances[k] = C @ x + d, C @ P @ C.T + R
        return Forecast(in_the_future(means, *time), covariances)

    def _end(self, panel):
        with self._calm():
            return restarts.last_state(self._kalman(panel), self.params_)

    def sample(self, n_steps=100, n_sequences=1, random_state=None):
        """Simulate from the fitted model.

        Parameters
        ----------
        n_steps, n_sequences : int
        random_state : int, SeedSequence, Generator, RandomState or None

        Returns
        -------
        Sample
            (y, states); lists of arrays for several sequences.

        Raises
        ------
        ValueError
            A count is no whole number of at least 1, or `random_state` is no seed.
        """
        _validate.check_fitted(self)
        n_steps, n_sequences = (
            check_count("n_steps", n_steps),
            check_count("n_sequences", n_sequences),
        )
        rng = np.random.default_rng(check_seed(random_state))
        draws = [restarts.simulate(self.params_, n_steps, rng) for _ in range(n_sequences)]
        return (
            Sample(*draws[0]) if n_sequences == 1 else Sample(*map(list, zip(*draws, strict=True)))
        )

    def aic(self, X=None, *, lengths=None):
        """Akaike's information criterion; smaller is better.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criterion("aic", 0, X, lengths)

    def bic(self, X=None, *, lengths=None):
        """Bayesian information criterion, counting steps with data; smaller is better.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criterion("bic", 1, X, lengths)

    def _criterion(self, name, place, X, lengths):
        _validate.check_fitted(self)
        if X is None:
            return self._fitted_criteria[name]
        panel = self._read(X, lengths)
        total = self.score(X, lengths=lengths) * np.count_nonzero(~np.isnan(panel.y))
        steps = np.count_nonzero(~np.isnan(panel.y).all(axis=1))
        return criteria.information(total, self._fitted_criteria["n_parameters"], steps)[place]

    def get_feature_names_out(self, input_features=None):
        """Names of the states: state0, state1, ..."""
        _validate.check_fitted(self)
        return np.array([f"state{i}" for i in range(self.n_states_)], dtype=object)


def end_of_time(panel):
    """Index of the last sequence, its step, and the columns: what the rows after the data are called."""
    return panel.last_index, panel.time_step, getattr(panel.parts[-1], "columns", None)
