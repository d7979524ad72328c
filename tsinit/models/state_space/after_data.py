"""What a fitted linear Gaussian state-space model says of what follows: forecasts, new rows, paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate
from tsinit._deprecation import renamed_keyword
from tsinit._validate import check_choice, check_count, check_flag
from tsinit.models.results import Sample
from tsinit.models.state_space.filter_state import FilterState
from tsinit.models.state_space.fitted_base import FittedBase
from tsinit.models.state_space.propagation import forecast_over
from tsinit.models.state_space.results import (
    Forecast,
    predict_ahead,
)
from tsinit.models.state_space.simulation import simulate, simulate_after

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from tsinit._typing import SeedLike, SeriesLike


class AnswersAfterData(FittedBase):
    """Everything that goes on from where data end, or begins anew."""

    @renamed_keyword("steps", "n_steps")
    def forecast(
        self,
        n_steps: int,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        past_inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        level: float = 0.9,
        as_frame: bool = False,
        parameter_uncertainty: bool = False,
    ) -> Any:
        """Predict the steps after the data.

        Parameters
        ----------
        n_steps : int
            How many.
        X, lengths
            Data to continue; None continues the (last) sequence of `fit`.
        inputs : (n_steps, m) array or DataFrame
            Known inputs of the steps ahead, for a model that was fitted with inputs: rows in order, or a DataFrame
            that has the times that follow.
        past_inputs
            Those of X, as in :meth:`fit`.
        level : float
            Share of what each value may be that the intervals of a DataFrame hold.
        as_frame : bool
            Return a DataFrame with the columns ``<name>``, ``<name>_lower`` and ``<name>_upper``.
        parameter_uncertainty : bool
            Add the error of the estimated parameters to the covariances, by draws of the last call of `uncertainty`, or
            of one made for X where there was none. Without it, covariances are too small where rows are few.

        Returns
        -------
        Forecast or DataFrame
            Means and covariances of the observations. With several sequences in X, the last is continued.

        Raises
        ------
        ValueError, TypeError
            X is unusable, has no density under ``params_``, or `n_steps` is no whole number of at least 1.
        """
        _validate.check_fitted(self)
        n_steps = check_count("n_steps", n_steps)
        panel = None if X is None else self._read_with_inputs(X, lengths, past_inputs)
        state, last_input, end = self._end_of(panel)
        names = getattr(self, "input_names_in_", None)
        ahead = _validate.check_future_inputs(inputs, n_steps, names, end.times(n_steps))
        if ahead is not None and last_input is not None:
            ahead = np.vstack([last_input, ahead])
        means, covariances = predict_ahead(self.params_, state, n_steps, ahead)
        if check_flag("parameter_uncertainty", parameter_uncertainty):
            drawn = self._parameter_draws(panel)
            kalman = self._kalman(self._data_of_fit() if panel is None else panel)
            with self._few_threads():
                covariances = forecast_over(drawn, kalman, means, n_steps, ahead)
        forecast = Forecast(end.label(means), covariances)
        return forecast.to_frame(level) if check_flag("as_frame", as_frame) else forecast

    def filter_state(
        self,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> FilterState:
        """Return what is known of the state at the end of the data, to be moved on row by row.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`; None for the end of the (last) sequence of `fit`, and of what `extend` added.

        Returns
        -------
        FilterState
            One row takes some microseconds.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or has no density under ``params_``.
        """
        _validate.check_fitted(self)
        panel = None if X is None else self._read_with_inputs(X, lengths, inputs)
        (x, P), last_input, _ = self._end_of(panel)
        return FilterState(self.params_, x, P, last_input)

    def extend(self, new_rows: SeriesLike, *, inputs: SeriesLike | None = None) -> Self:
        """Take in rows that follow the data, without fitting again: forecasts go on from there.

        Parameters
        ----------
        new_rows : (k, D) array or DataFrame
            Rows after those of `fit`, NaN where missing. Where both have times, steps between the last row and the
            first of these count as missing.
        inputs : (k, m) array or DataFrame
            Their known inputs, for a model that was fitted with inputs.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            The rows are unusable, do not come after the data, or have no density under ``params_``.
        """
        panel = self._read_with_inputs(new_rows, None, inputs)
        if panel.form == "list" or len(panel.offsets) > 2:
            raise ValueError(
                "new_rows must be one table, which continues the last sequence of fit; got several sequences."
            )
        (x, P), last_input, end = self._fitted_end
        skipped = end.steps_before(panel)
        if skipped and last_input is not None:
            raise ValueError(
                f"new_rows must follow the last row at once where there are inputs; got {skipped} steps between, whose "
                "inputs nobody knows. Give those rows too, as missing values with their inputs."
            )
        state = FilterState(self.params_, x, P, last_input)
        missing = np.full(len(self.params_.C), np.nan)
        for _ in range(skipped):
            state.update(missing)
        for t, row in enumerate(panel.y):
            state.update(row, None if panel.inputs is None else panel.inputs[t])
        last_input = None if panel.inputs is None else panel.inputs[-1].copy()
        self._fitted_end = (state.mean, state.covariance), last_input, end.extended(panel)
        self._fitted_is_extended = True
        return self

    def simulate(
        self,
        n_steps: int,
        *,
        anchor: str = "end",
        n_paths: int = 1,
        inputs: SeriesLike | None = None,
        random_state: SeedLike = None,
    ) -> Sample:
        """Draw paths: of what may follow the data, or from the prior of the first state.

        Parameters
        ----------
        n_steps : int
        anchor : {"end", "start"}
            Where paths begin.
        n_paths : int
        inputs : (n_steps, m) array or DataFrame
            Known inputs of every path, for a model that was fitted with inputs.
        random_state : int, SeedSequence, Generator, RandomState or None

        Returns
        -------
        Sample
            y (n_paths, n_steps, D) and states (n_paths, n_steps, n).

        Raises
        ------
        ValueError
            A count is no whole number of at least 1, the inputs do not suit, or there is no such anchor.
        """
        _validate.check_fitted(self)
        n_steps, n_paths = check_count("n_steps", n_steps), check_count("n_paths", n_paths)
        check_choice("anchor", anchor, ("end", "start"))
        rng = np.random.default_rng(_validate.check_seed(random_state))
        state, last_input, end = self._fitted_end
        times = end.times(n_steps) if anchor == "end" else None
        names = getattr(self, "input_names_in_", None)
        u = _validate.check_future_inputs(inputs, n_steps, names, times)
        if anchor == "start":
            draws = [simulate(self.params_, n_steps, rng, u) for _ in range(n_paths)]
            return Sample(*map(np.stack, zip(*draws, strict=True)))
        ahead = None if u is None or last_input is None else np.vstack([last_input, u])
        return simulate_after(self.params_, state, n_steps, n_paths, rng, ahead)

    def sample(
        self,
        n_steps: int = 100,
        n_sequences: int = 1,
        random_state: SeedLike = None,
        *,
        inputs: SeriesLike | None = None,
    ) -> Sample:
        """Simulate from the fitted model.

        Parameters
        ----------
        n_steps, n_sequences : int
        inputs : (n_steps, m) array or DataFrame
            Known inputs of every sequence, for a model that was fitted with inputs.
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
        n_steps = check_count("n_steps", n_steps)
        n_sequences = check_count("n_sequences", n_sequences)
        rng = np.random.default_rng(_validate.check_seed(random_state))
        names = getattr(self, "input_names_in_", None)
        u = _validate.check_future_inputs(inputs, n_steps, names, None)
        draws = [simulate(self.params_, n_steps, rng, u) for _ in range(n_sequences)]
        return draws[0] if n_sequences == 1 else Sample(*map(list, zip(*draws, strict=True)))
