"""What a fitted linear Gaussian state-space model answers: about data, about what follows them, about itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import TransformerMixin

from tsinit import _validate
from tsinit._deprecation import renamed_keyword
from tsinit._validate import check_choice, check_count, check_flag, check_number
from tsinit.kernels import Kalman
from tsinit.kernels.dense import LOOPS_TO
from tsinit.models.base import SeriesEstimator, one_thread
from tsinit.models.results import Sample, SeriesEnd
from tsinit.models.state_space import criteria, restarts
from tsinit.models.state_space.assess import DEFAULTS, METHODS, UncertaintyRequest, assess
from tsinit.models.state_space.conditional import conditional_moments
from tsinit.models.state_space.diagnostics import diagnose
from tsinit.models.state_space.filter_state import FilterState
from tsinit.models.state_space.one_step import predict_one_step
from tsinit.models.state_space.propagation import forecast_over, spread_over
from tsinit.models.state_space.residuals import (
    innovations,
    observation_disturbances,
    state_disturbances,
)
from tsinit.models.state_space.results import (
    Forecast,
    OneStepPrediction,
    StateEstimate,
    predict_ahead,
)
from tsinit.models.state_space.simulation import sample_states, simulate, simulate_after
from tsinit.models.state_space.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    import pandas as pd

    from tsinit._typing import FloatArray, SeedLike, SeriesLike
    from tsinit._validate import Panel
    from tsinit.kernels.params import LinearGaussianParams
    from tsinit.kernels.state_space.kalman_filter import KalmanResult
    from tsinit.models.state_space.uncertainty import ParameterUncertainty, WeightedParams

RESIDUALS = {
    "innovation": innovations,
    "smoothed": observation_disturbances,
    "auxiliary": state_disturbances,
}


class FittedLinearGaussian(TransformerMixin, SeriesEstimator):
    """Everything that is asked of a linear Gaussian model once it has parameters; its subclass gets them."""

    params_: LinearGaussianParams
    n_states_: int
    _fitted_attribute = "params_"
    _fitted_end: tuple[tuple[FloatArray, FloatArray], FloatArray | None, SeriesEnd]
    _fitted_criteria: dict[str, Any]
    _fitted_context: restarts.FitContext
    _fitted_uncertainty: ParameterUncertainty

    def _read_with_inputs(
        self, X: SeriesLike, lengths: Sequence[int] | None, inputs: SeriesLike | None
    ) -> Panel:
        """Check data, and inputs where the model was fitted with some."""
        panel = self._read(X, lengths)
        expected = getattr(self, "input_names_in_", None)
        if expected is None:
            _validate.check_no_inputs(inputs)
            return panel
        return _validate.check_inputs(inputs, panel, expected)

    def score(
        self,
        X: SeriesLike,
        y: object = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> float:
        """Log-likelihood per observed value, in nats and in the units of the data.

        Parameters
        ----------
        X, inputs, lengths
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
        panel = self._read_with_inputs(X, lengths, inputs)
        kalman = self._kalman(panel)
        _validate.check_observed(kalman.n_observed)
        with self._few_threads():
            log_likelihood = kalman.log_likelihood(self.params_)
        _validate.check_finite_likelihood(np.isfinite(log_likelihood))
        return log_likelihood / kalman.n_observed

    def smooth(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> StateEstimate:
        """States given all the data (fixed-interval smoother).

        Parameters
        ----------
        X, inputs, lengths
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
        return self._states(self._read_with_inputs(X, lengths, inputs), Kalman.smooth)

    def filter(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> StateEstimate:
        """States given the data up to each step.

        Parameters
        ----------
        X, inputs, lengths
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
        return self._states(self._read_with_inputs(X, lengths, inputs), Kalman.filter)

    def _kalman(self, panel: Panel) -> Kalman:
        return Kalman(panel.y, self.n_states_, panel.offsets, panel.inputs)

    def _few_threads(self) -> contextlib.AbstractContextManager[None]:
        """Hold BLAS to one thread, where there are so many states that the kernels call it."""
        return one_thread() if len(self.params_.A) > LOOPS_TO else contextlib.nullcontext()

    def _states(self, panel: Panel, run: Callable[..., KalmanResult]) -> StateEstimate:
        with self._few_threads():
            done = run(self._kalman(panel), self.params_, covariances=True)
        _validate.check_finite_likelihood(done.succeeded)
        return StateEstimate(
            panel, done.means, done.covariances, done.log_likelihood, self.get_feature_names_out()
        )

    def transform(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Any:
        """Smoothed state means.

        ``set_output`` chooses the form of one table; a list of tables comes back as it came.

        Parameters
        ----------
        X, inputs, lengths
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
        panel = self._read_with_inputs(X, lengths, inputs)
        with self._few_threads():
            done = self._kalman(panel).smooth(self.params_)
        _validate.check_finite_likelihood(done.succeeded)
        return panel.restore(done.means, self.get_feature_names_out())

    def impute(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        return_std: bool = False,
        parameter_uncertainty: bool = False,
    ) -> Any:
        """Return one table of conditional means: gaps filled given all the data, observed values as they are.

        To draw completed tables from a posterior, see :meth:`tsinit.TBayesMICE.impute`, which returns a list of them.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`.
        return_std : bool
            Also return the standard deviation of every filled value, 0 where a value was observed.
        parameter_uncertainty : bool
            Add the error of the estimated parameters to it, by draws of the last call of `uncertainty`, or of one made
            for X where there was none. Without it, standard deviations are too small where rows are few: 95 % intervals
            of 4 states estimated from 100 rows covered 88.7 %.

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
        panel = self._read_with_inputs(X, lengths, inputs)
        kalman = self._kalman(panel)
        with self._few_threads():
            means, spread = conditional_moments(kalman, self.params_, return_std)
            if return_std and check_flag("parameter_uncertainty", parameter_uncertainty):
                spread = spread_over(self._parameter_draws(panel), kalman, means)
        filled = panel.restore(np.where(kalman.observed, panel.y, means))
        return (filled, panel.restore(spread)) if return_std else filled

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
        state, last_input, end = self._end_of(X, past_inputs, lengths)
        names = getattr(self, "input_names_in_", None)
        ahead = _validate.check_future_inputs(inputs, n_steps, names, end.times(n_steps))
        if ahead is not None and last_input is not None:
            ahead = np.vstack([last_input, ahead])
        means, covariances = predict_ahead(self.params_, state, n_steps, ahead)
        if check_flag("parameter_uncertainty", parameter_uncertainty):
            panel = None if X is None else self._read_with_inputs(X, lengths, past_inputs)
            drawn = self._parameter_draws(panel)
            kalman = self._kalman(self._data_of_fit() if panel is None else panel)
            with self._few_threads():
                covariances = forecast_over(drawn, kalman, means, n_steps, ahead)
        forecast = Forecast(end.label(means), covariances)
        return forecast.to_frame(level) if check_flag("as_frame", as_frame) else forecast

    def _last_state(self, panel: Panel) -> tuple[FloatArray, FloatArray]:
        with self._few_threads():
            return restarts.last_state(self._kalman(panel), self.params_)

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

    def predict(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> OneStepPrediction:
        """Predict every row from those before it, one step ahead.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`.

        Returns
        -------
        OneStepPrediction
            Means and standard deviations of the observations, noise included, in the form of X.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or has no density under ``params_``.
        """
        panel = self._read_with_inputs(X, lengths, inputs)
        with self._few_threads():
            ahead = predict_one_step(self._kalman(panel), self.params_)
        spread = np.sqrt(np.einsum("sii->si", ahead.variances))[ahead.store.index]
        return OneStepPrediction(panel.restore(ahead.means), panel.restore(spread))

    def residuals(
        self,
        X: SeriesLike,
        kind: str = "innovation",
        *,
        standardised: bool = True,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Any:
        """Return what the model leaves of the data.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`.
        kind : {"innovation", "smoothed", "auxiliary"}
            "innovation": one-step prediction errors, which are independent standard normal if the model is right (those
            of a row are freed of each other in the order of the columns). "smoothed": observation noise given all the
            data, whose large values are outliers. "auxiliary": state noise given all the data, whose large values are
            breaks; it has a column for each state, and none in the first row of a sequence. The last two are correlated
            in time even if the model is right (Harvey and Koopman 1992).
        standardised : bool
            Divide by standard deviations.

        Returns
        -------
        (T, D) or (T, n) array or DataFrame, or list of those
            In the form of X; NaN where nothing was observed.

        Raises
        ------
        ValueError, TypeError
            X is unusable, has no density under ``params_``, or there is no such kind.
        """
        check_choice("kind", kind, RESIDUALS)
        standardised = check_flag("standardised", standardised)
        panel = self._read_with_inputs(X, lengths, inputs)
        with self._few_threads():
            found = RESIDUALS[kind](self._kalman(panel), self.params_, standardised)
        names = self.get_feature_names_out() if kind == "auxiliary" else None
        return panel.restore(found, names)

    def diagnostics(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> pd.DataFrame:
        """Test the innovations of each column: autocorrelation, normality, and change of variance.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`.

        Returns
        -------
        DataFrame
            A row for each column: Ljung-Box (``lags`` of them), Jarque-Bera, skew and kurtosis, and the ratio of the
            sums of squares of the last and the first third, each with its p-value (those of statsmodels). P-values take
            the parameters as known. NaN where a column has fewer than 8 innovations.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or has no density under ``params_``.
        """
        panel = self._read_with_inputs(X, lengths, inputs)
        with self._few_threads():
            found = innovations(self._kalman(panel), self.params_, True)
        return diagnose(found, list(panel.columns))

    def uncertainty(
        self,
        X: SeriesLike,
        *,
        method: str = "information",
        level: float = 0.95,
        sampling_rate: float = 1.0,
        n_boot: int = 200,
        n_from_strategy: int = 10,
        n_jobs: int | None = None,
        random_state: SeedLike = None,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> ParameterUncertainty:
        """Measure how sure the parameters are: standard errors and intervals of what does not depend on the basis.

        Parameters
        ----------
        X, inputs, lengths
            The data of :meth:`fit`.
        method : {"information", "bootstrap"}
            "information": curvature of the log-likelihood at the estimate (of the log posterior density, where there
            is a prior), by differences of the score, two E-steps for each parameter. "bootstrap": data are drawn from
            the model, with the gaps and inputs of X, and fitted again from the estimate.
        level : float
            Of the intervals, between 0 and 1.
        sampling_rate : float
            Rows per unit of time: frequencies are in cycles, dampings in nats per unit of time.
        n_boot : int
            Replicates of the bootstrap.
        n_from_strategy : int
            The first of them that are fitted from the strategy of the model too, to see whether the start matters.
        n_jobs : int or None
            Processes of the bootstrap, as joblib counts; results are the same for any number.
        random_state : int, SeedSequence, Generator, RandomState or None
            Seed of the bootstrap.

        Returns
        -------
        InformationUncertainty or BootstrapUncertainty
            See :class:`~tsinit.models.ParameterUncertainty`. ``forecast`` and ``impute`` use the last one, and
            ``summary`` shows it.

        Raises
        ------
        ValueError, TypeError
            X is unusable or not the data of `fit`, an argument is unusable, or a covariance of the model is singular.

        Notes
        -----
        It warns where the estimate is no maximum, and where a variance is at its minimum.
        """
        _validate.check_fitted(self)
        request = UncertaintyRequest(
            check_choice("method", method, METHODS),
            check_number("level", level, above=0.0, below=1.0),
            check_number("sampling_rate", sampling_rate, above=0.0),
            check_count("n_boot", n_boot, 2),
            check_count("n_from_strategy", n_from_strategy, 0),
            n_jobs,
            random_state,
        )
        panel = self._read_with_inputs(X, lengths, inputs).kept()
        self._fitted_uncertainty = assess(self, panel, request)
        return self._fitted_uncertainty

    def summary(
        self,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Summary:
        """Return what the model is on one page: the fit, and a table of estimates with standard errors and intervals.

        Parameters
        ----------
        X, inputs, lengths
            The data of :meth:`fit`; None shows the last call of `uncertainty`.

        Returns
        -------
        Summary
            Prints as text, and shows itself in a notebook.

        Raises
        ------
        ValueError, TypeError
            X is unusable or not the data of `fit`, or there was neither X nor a call of `uncertainty`.
        """
        _validate.check_fitted(self)
        if X is not None:
            return Summary(self, self.uncertainty(X, inputs=inputs, lengths=lengths))
        return Summary(self, self._known_uncertainty())

    def _known_uncertainty(self) -> ParameterUncertainty:
        known: ParameterUncertainty | None = getattr(self, "_fitted_uncertainty", None)
        if known is None:
            raise ValueError(
                "X must be given, or uncertainty(X) be called before; got None, and the model does not keep its data."
            )
        return known

    def _data_of_fit(self) -> Panel:
        """Return the data that `uncertainty` has seen, which forecasts without X go on from."""
        if getattr(self, "_fitted_is_extended", False):
            raise ValueError(
                "X must be given for parameter_uncertainty=True after extend; got None. Give all rows, with those of "
                "extend."
            )
        return self._known_uncertainty().panel

    def _parameter_draws(self, panel: Panel | None) -> WeightedParams:
        """Return parameters around the estimate, and their weights."""
        known = getattr(self, "_fitted_uncertainty", None)
        if known is None and panel is not None:
            known = self._fitted_uncertainty = assess(self, panel.kept(), DEFAULTS)
        known = self._known_uncertainty() if known is None else known
        return known.nodes

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
        (x, P), last_input, _ = self._end_of(X, inputs, lengths)
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

    def sample_states(
        self,
        X: SeriesLike,
        n_draws: int = 100,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        random_state: SeedLike = None,
    ) -> Any:
        """Draw whole paths of the states from their joint distribution given all the data.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`.
        n_draws : int
        random_state : int, SeedSequence, Generator, RandomState or None

        Returns
        -------
        (n_draws, T, n) float, or list of those
            A list for a list.

        Raises
        ------
        ValueError, TypeError
            X is unusable, has no density under ``params_``, or `n_draws` is no whole number of at least 1.
        """
        n_draws = check_count("n_draws", n_draws)
        panel = self._read_with_inputs(X, lengths, inputs)
        rng = np.random.default_rng(_validate.check_seed(random_state))
        with self._few_threads():
            draws = sample_states(self._kalman(panel), self.params_, n_draws, rng)
        if len(panel.rows) < draws.shape[1]:
            draws = draws[:, panel.rows]
        if panel.form != "list":
            return draws
        return [part.swapaxes(0, 1) for part in panel.split(draws.swapaxes(0, 1))]

    def _end_of(
        self,
        X: SeriesLike | None,
        inputs: SeriesLike | None,
        lengths: Sequence[int] | None,
    ) -> tuple[tuple[FloatArray, FloatArray], FloatArray | None, SeriesEnd]:
        """State at the last step, inputs there, and where the data end; X None for the data of `fit`."""
        if X is None:
            return self._fitted_end
        panel = self._read_with_inputs(X, lengths, inputs)
        last_input = None if panel.inputs is None else panel.inputs[-1].copy()
        return self._last_state(panel), last_input, SeriesEnd.of(panel)

    def aic(
        self,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> float:
        """Akaike's information criterion; smaller is better.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criterion("aic", X, lengths, inputs)

    def bic(
        self,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> float:
        """Bayesian information criterion, counting steps with data; smaller is better.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criterion("bic", X, lengths, inputs)

    def _criterion(
        self,
        name: str,
        X: SeriesLike | None,
        lengths: Sequence[int] | None,
        inputs: SeriesLike | None,
    ) -> float:
        _validate.check_fitted(self)
        if X is None:
            return self._fitted_criteria[name]
        panel = self._read(X, lengths)
        total = self.score(X, inputs=inputs, lengths=lengths) * np.count_nonzero(~np.isnan(panel.y))
        n_steps = int((~np.isnan(panel.y)).any(axis=1).sum())
        aic, bic = criteria.information(total, self._fitted_criteria["n_parameters"], n_steps)
        return aic if name == "aic" else bic

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the states: state0, state1, ..."""
        _validate.check_fitted(self)
        return np.array([f"state{i}" for i in range(self.n_states_)], dtype=object)
