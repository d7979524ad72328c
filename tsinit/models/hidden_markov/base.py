"""What hidden Markov models have in common: what they are asked about rows after a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit.models.base import SeriesEstimator, one_thread
from tsinit.models.race import InitRaceMixin
from tsinit.models.results import SeriesEnd

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tsinit._typing import FloatArray, IntArray, SeedLike, SeriesLike, TableLike
    from tsinit._validate.series import Panel
    from tsinit.emissions import EmissionOnData


class Ahead(NamedTuple):
    """Checked arguments of a forecast, and how its tables are labelled."""

    past: FloatArray  # (T, D) the sequence to continue
    n_steps: int
    n_samples: int
    rng: np.random.Generator
    end: SeriesEnd
    states: SeriesEnd


class HiddenMarkovEstimator(InitRaceMixin, SeriesEstimator):
    """Base class of the finite and of the infinite model.

    A model says how rows that it is given are smoothed and filtered, and what their log density is: ``_smooth``,
    ``_filter`` and ``_log_density_of`` of an emission on the rows and their offsets.
    """

    labels_: IntArray
    n_states_: int
    observed_: Panel
    _fitted_emission: EmissionOnData
    _fitted_attribute = "labels_"

    def fit_predict(
        self, X: SeriesLike, y: None = None, *, lengths: Sequence[int] | None = None
    ) -> IntArray | pd.Series | list[IntArray | pd.Series]:
        """Fit, and return the states of the rows in the form of X, as :meth:`fit` and ``labels_``."""
        self.fit(X, lengths=lengths)
        return self.observed_.restore_column(self.labels_, "state")

    def predict(
        self, X: SeriesLike, *, lengths: Sequence[int] | None = None
    ) -> IntArray | pd.Series | list[IntArray | pd.Series]:
        """Most probable state of every row, each by itself, given all of its sequence.

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
            X is unusable, or impossible under the model.
        """
        panel = self._read(X, lengths)
        found = self._smooth(self._emission_on(panel), panel.offsets)
        return panel.restore_column(found.argmax(axis=1), "state")

    def predict_proba(self, X: SeriesLike, *, lengths: Sequence[int] | None = None) -> TableLike:
        """Probability of every state at every row, given all of its sequence (smoothed).

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
            X is unusable, or impossible under the model.
        """
        panel = self._read(X, lengths)
        found = self._smooth(self._emission_on(panel), panel.offsets)
        return panel.restore(found, range(self.n_states_))

    def filter_proba(self, X: SeriesLike, *, lengths: Sequence[int] | None = None) -> TableLike:
        """Probability of every state at every row, given the rows up to it: for data that still arrive.

        Parameters are those of the fit, which know all of its rows.

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
            X is unusable, or impossible under the model.
        """
        panel = self._read(X, lengths)
        found = self._filter(self._emission_on(panel), panel.offsets)
        return panel.restore(found, range(self.n_states_))

    def score(
        self, X: SeriesLike, y: object = None, *, lengths: Sequence[int] | None = None
    ) -> float:
        """Log density of all rows together per observed value, in nats and in the units of the data.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; other rows than those of `fit`, if you like.
        y : Ignored

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError
            X is unusable, holds no value, or is impossible under the model.
        """
        panel = self._read(X, lengths)
        n_observed = int((~np.isnan(panel.y)).sum())
        _validate.check_observed(n_observed)
        with one_thread():
            total = self._log_density_of(self._emission_on(panel), panel.offsets)
        return total / n_observed

    def _emission_on(self, panel: Panel) -> EmissionOnData:
        """The emission on the rows of a table."""
        return self._fitted_emission.with_sequences(panel.y, panel.offsets)

    def _smooth(self, emission: EmissionOnData, offsets: IntArray) -> FloatArray:
        """Probabilities (T, n_states_) of the rows that the emission is on, given their sequences."""
        raise NotImplementedError

    def _filter(self, emission: EmissionOnData, offsets: IntArray) -> FloatArray:
        """The same given the rows up to each."""
        raise NotImplementedError

    def _log_density_of(self, emission: EmissionOnData, offsets: IntArray) -> float:
        """Log density of the rows that the emission is on, in the units of the data."""
        raise NotImplementedError

    def _ahead(
        self, n_steps: int, X: SeriesLike | None, lengths: Any, n_samples: int, seed: SeedLike
    ) -> Ahead:
        """Check what a forecast is asked for; None continues the last sequence of the fit."""
        _validate.check_fitted(self)
        n_steps = _validate.check_count("n_steps", n_steps)
        n_samples = _validate.check_count("n_samples", n_samples)
        rng = np.random.default_rng(_validate.check_seed(seed))
        panel = self.observed_ if X is None else self._read(X, lengths)
        end = SeriesEnd.of(panel)
        states = end._replace(columns=list(range(self.n_states_)))
        return Ahead(panel.y[panel.offsets[-2] :], n_steps, n_samples, rng, end, states)
