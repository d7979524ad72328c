"""The linear Gaussian state-space model, fitted by EM from a pluggable start."""

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
from tsinit.kernels.params import is_diagonal, writeable
from tsinit.kernels.state_space.observation import complete
from tsinit.models.base import FitKind, SeriesEstimator, lists_as_they_are, one_thread
from tsinit.models.monitor import Monitor
from tsinit.models.race import InitRaceMixin
from tsinit.models.results import Sample, SeriesEnd
from tsinit.models.state_space import criteria, restarts
from tsinit.models.state_space.results import (
    Forecast,
    StateEstimate,
    predict_ahead,
    simulate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from tsinit._typing import FloatArray, SeedLike, SeriesLike
    from tsinit._validate import Panel
    from tsinit.kernels.params import LinearGaussianParams
    from tsinit.kernels.state_space.arrays import CovarianceStore
    from tsinit.kernels.state_space.kalman_filter import KalmanResult
    from tsinit.models.state_space.prior import LinearGaussianPrior

COVARIANCES = ("full", "diag", "spherical", "fixed")
INPUT_EFFECTS = ("both", "state", "output")


@lists_as_they_are
class LinearGaussianSSM(InitRaceMixin, TransformerMixin, SeriesEstimator):
    """Linear Gaussian state-space model, maximum likelihood by EM and, at the end, quasi-Newton steps.

    The model is x[t+1] = A x[t] + B u[t] + w, y[t] = C x[t] + D u[t] + d + v with w ~ N(0, Q), v ~ N(0, R), where u
    are known inputs, if there are any. Columns are centred and scaled inside, so that units do not matter. EM converges
    to a local maximum, and the start decides to which: give several strategies to :func:`tsinit.compare` to see how
    much.

    Parameters
    ----------
    n_states : int or sequence of int
        States. Of several orders, the one with the smallest BIC is kept, and ``order_table_`` shows all.
    init : str, strategy, function or LinearGaussianParams
        Where EM begins: a registered name, an object with a method ``dynamics``, a function of ``y, rng, n_states``
        (what it wants of these), or parameters in the units of the data. ``"auto"`` races the strategies that suit
        the model, finishes the winner where it stands and keeps the race in ``init_race_``, for the iterations of two
        runs and the time of two or three; :class:`tsinit.init.Race` sets who races and how.
    transition_cov, observation_cov : {"full", "diag", "spherical", "fixed"}
        Structure of Q and R; "fixed" keeps that of the start. A spherical R is the same share of every column's
        variance, so that it does not depend on units.
    max_iter : int
        Maximum number of E-steps; 0 only evaluates the start.
    tol : float
        The fit ends when less than this many nats per observed value are predicted to be left to gain.
    n_init : int
        Starts to try, each from a seed of its own; the best fit is kept. Of a race, the maximum number of starts to
        finish.
    random_state : int, SeedSequence, Generator, RandomState or None
        Seed of the start.
    verbose : int
        0 silent, 1 a progress bar, 2 also warnings of single steps.
    initial_state : {"auto", "stationary", "learned_mean", "learned", "fixed"}
        Prior of the first state: the stationary distribution of the fitted dynamics, the same with a mean that is
        learned, learned over sequences, or that of the start. "auto" learns it from n_states + 1 sequences on, keeps it
        where the user gave parameters with a prior of their own or the start has no stationary state, and is
        "stationary" otherwise, so that all strategies start the same model; "learned_mean" where inputs act on the
        states, because nobody knows what they did before the first step. A stationary mean is that under inputs at
        their mean. A stationary prior moves with A and Q, which the closed form of the M-step ignores: there its steps
        are shortened, and quasi-Newton steps bring the fit to the maximum.
    accelerate : bool
        Extrapolate steps (SQUAREM), accepted only where that gains at least as much as the plain step before, and go
        over to quasi-Newton steps after 50 E-steps. False is textbook EM as long as its steps gain more than `tol`.
    prior : None, "weak" or LinearGaussianPrior
        Maximise a posterior density instead of the likelihood.
    noise_floor : float
        Minimum noise variance, relative to the variance of the column: without one, a column that the states fit
        exactly sends the likelihood to infinity.
    input_effect : {"both", "state", "output"}
        Whether known inputs act on the next state, on the observations of their own step, or on both.

    Attributes
    ----------
    params_ : LinearGaussianParams
        Fitted parameters in the units of the data.
    start_ : LinearGaussianParams
        What the strategy returned. EM begins there, with covariances brought to the structure asked for.
    log_likelihood_ : float
        Of the data under ``params_``, in nats and in the units of the data.
    history_ : (n_iter_ + 1,) float
        Objective of the start and after every E-step; it never falls. The log-likelihood, plus the log prior
        where there is one.
    n_iter_ : int
        E-steps after that of the start.
    converged_ : bool
        Whether less than `tol` per observed value is predicted to be left to gain, by the gradient and the curvature
        met on the way, or neither EM nor the gradient finds a step that gains. If not, `fit` warns.
    n_states_ : int
        States of the fitted model.
    order_table_ : DataFrame
        Log-likelihood, AIC and BIC by order; only where `n_states` is a sequence.
    init_race_ : Comparison
        The race of ``init="auto"`` or a `Race`: a row for each start, failed or not, with its trace, dropped or
        finished. ``history_`` is that of the winner from its start on, the race included, and what a fit from that
        start alone would have had.
    n_features_in_, feature_names_in_
        Columns of the data of `fit`.
    input_names_in_ : list
        Columns of the inputs of `fit`; only where there were some.

    References
    ----------
    .. [1] Shumway and Stoffer, An approach to time series smoothing and forecasting using the EM algorithm,
       J. Time Ser. Anal. 3 (1982).
    .. [2] Smith, de Freitas, Robinson and Niranjan, Speech modelling using subspace and EM techniques, NIPS 12
       (1999).

    Examples
    --------
    >>> from tsinit import LinearGaussianSSM
    >>> from tsinit.datasets import load_new_york_air_quality
    >>> air = load_new_york_air_quality()
    >>> ssm = LinearGaussianSSM(n_states=2, random_state=0).fit(air)
    >>> ssm.transform(air).shape
    (153, 2)
    """

    fit_kind = FitKind("dynamics", "log-likelihood")
    _fitted_attribute = "params_"

    def __init__(
        self,
        n_states: int | Sequence[int] = 2,
        *,
        init: object = "subspace",
        transition_cov: str = "full",
        observation_cov: str = "diag",
        max_iter: int = 100,
        tol: float = 1e-6,
        n_init: int = 1,
        random_state: SeedLike = None,
        verbose: int = 0,
        initial_state: str = "auto",
        accelerate: bool = True,
        prior: LinearGaussianPrior | str | None = None,
        noise_floor: float = 1e-6,
        input_effect: str = "both",
    ) -> None:
        self.n_states = n_states
        self.init = init
        self.transition_cov = transition_cov
        self.observation_cov = observation_cov
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.random_state = random_state
        self.verbose = verbose
        self.initial_state = initial_state
        self.accelerate = accelerate
        self.prior = prior
        self.noise_floor = noise_floor
        self.input_effect = input_effect

    def fit(
        self,
        X: SeriesLike,
        y: object = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : (T, D) array, DataFrame or xarray.DataArray, or list of those
            Time in rows, NaN where missing. Several sequences are a list, one table with `lengths`, or a DataFrame
            with a two-level index (sequence, time). Steps that a regular index of dates or numbers skips are
            missing rows.
        y : Ignored
            Present for the scikit-learn interface.
        inputs : (T, m) array or DataFrame, or list of those, optional
            Known inputs, in the form of X and complete. A DataFrame is taken at the times of X; where X skips steps, it
            has to have them.
        lengths : sequence of int or None
            Rows of each sequence, where X is one table.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            The data, the inputs, a parameter or the start is unusable; the message says which rule is broken.
        """
        return self.fit_under(Monitor(), X, lengths=lengths, inputs=inputs)

    def _run(self, panel: Panel, seed: np.random.SeedSequence, monitor: Monitor) -> None:
        several, orders = _validate.check_orders(self.n_states)
        data = restarts.StateSpaceData(panel, self._options())
        _validate.check_order(panel.y, max(orders))
        fits = []
        for n in orders:
            fits.append(restarts.fit_order(data, n, seed, monitor))
            if monitor.timed_out:
                break
        table = [criteria.tabulate(data, fit) for fit in fits]
        best = min(range(len(fits)), key=lambda i: table[i]["bic"])
        fit = fits[best]
        if several:
            self.order_table_ = criteria.order_table(table)
        monitor.objectives, monitor.seconds = fit.trace
        self._fitted_race = fit.race
        self.params_, self.start_ = fit.params, fit.start
        self.log_likelihood_ = fit.log_likelihood
        self.n_iter_ = len(fit.trace[0]) - 1
        self.converged_ = fit.converged
        self.n_states_ = len(fit.params.A)
        last_input = None
        if panel.inputs is not None:
            last_input, self.input_names_in_ = panel.inputs[-1].copy(), panel.input_names
        self._fitted_end = data.last_state(fit.params), last_input, SeriesEnd.of(panel)
        self._fitted_criteria = table[best]
        self._warn(fit, monitor)

    def _warn(self, fit: restarts.EMFit, monitor: Monitor) -> None:
        """Say once what a fit could not do, unless that is what was asked for: few steps, or a limit of time."""
        if not self.max_iter:
            return
        if len(frozen := without_noise(fit.start)):
            _validate.warn_frozen(frozen)
        if not fit.converged and self.tol > 0.0 and not monitor.timed_out:
            _validate.warn_not_converged(self.n_iter_)

    def _options(self) -> restarts.EMOptions:
        return restarts.EMOptions(
            init=self.init,
            transition_cov=check_choice("transition_cov", self.transition_cov, COVARIANCES),
            observation_cov=check_choice("observation_cov", self.observation_cov, COVARIANCES),
            max_iter=check_count("max_iter", self.max_iter, 0),
            tol=check_number("tol", self.tol, 0.0),
            n_init=check_count("n_init", self.n_init),
            initial_state=check_choice(
                "initial_state", self.initial_state, restarts.INITIAL_STATES
            ),
            accelerate=check_flag("accelerate", self.accelerate),
            prior=_validate.check_prior(self.prior),
            noise_floor=check_number("noise_floor", self.noise_floor, 0.0, 1.0),
            verbose=_validate.check_verbose(self.verbose),
            input_effect=check_choice("input_effect", self.input_effect, INPUT_EFFECTS),
        )

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

    def fit_transform(
        self,
        X: SeriesLike,
        y: object = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Any:
        """Fit, then return the smoothed state means of the same data.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`.
        y : Ignored

        Returns
        -------
        (T, n) array or DataFrame, or list of those
            In the form of X.
        """
        fitted = self.fit(X, inputs=inputs, lengths=lengths)
        return fitted.transform(X, inputs=inputs, lengths=lengths)

    def impute(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        return_std: bool = False,
    ) -> Any:
        """Return one table of conditional means: gaps filled given all the data, observed values as they are.

        To draw completed tables from a posterior, see :meth:`tsinit.TBayesMICE.impute`, which returns a list of them.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`.
        return_std : bool
            Also return the standard deviation of every filled value, 0 where a value was observed. It knows nothing of
            the error of the estimated parameters, and is too small where rows are few: 95 % intervals of 4 states
            estimated from 100 rows covered 88.7 %.

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
            means, spread = _conditional_moments(kalman, self.params_, return_std)
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
    ) -> Forecast:
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

        Returns
        -------
        Forecast
            Means and covariances of the observations. With several sequences in X, the last is continued. The
            covariances know nothing of the error of the estimated parameters, and are too small where rows are few:
            95 % intervals of 4 states estimated from 100 rows covered 88.7 %.

        Raises
        ------
        ValueError, TypeError
            X is unusable, has no density under ``params_``, or `n_steps` is no whole number of at least 1.
        """
        _validate.check_fitted(self)
        n_steps = check_count("n_steps", n_steps)
        state, last_input, end = self._fitted_end
        if X is not None:
            panel = self._read_with_inputs(X, lengths, past_inputs)
            state, end = self._last_state(panel), SeriesEnd.of(panel)
            last_input = None if panel.inputs is None else panel.inputs[-1]
        names = getattr(self, "input_names_in_", None)
        ahead = _validate.check_future_inputs(inputs, n_steps, names, end.times(n_steps))
        if ahead is not None and last_input is not None:
            ahead = np.vstack([last_input, ahead])
        means, covariances = predict_ahead(self.params_, state, n_steps, ahead)
        return Forecast(end.label(means), covariances)

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


def without_noise(start: LinearGaussianParams) -> list[int]:
    """Return the states of a start whose noise is nothing beside what they carry."""
    size = np.diag(start.Q) + start.A**2 @ np.diag(start.P0) + start.A**2 @ start.m0**2
    return np.flatnonzero(np.diag(start.Q) <= 1e-20 * np.where(size > 0.0, size, 1.0)).tolist()


def _conditional_moments(
    kalman: Kalman, params: LinearGaussianParams, with_spread: bool
) -> tuple[FloatArray, Any]:
    """Conditional means (T, D) of all observations and, if asked for, standard deviations of the missing ones."""
    params = writeable(params)
    result = kalman.smooth(params, covariances=with_spread)
    _validate.check_finite_likelihood(result.succeeded)
    offset = kalman.observation_offset(params)
    z = kalman.y - offset
    complete(params.C, params.R, z, result.means, kalman.changed)
    spread = _spread_of_missing(kalman, params, result.covariances) if with_spread else None
    return z + offset, spread


def _spread_of_missing(
    kalman: Kalman, params: LinearGaussianParams, store: CovarianceStore
) -> FloatArray:
    """Standard deviation of every missing entry: Var(C x + v) given what was observed at that step and all others."""
    C, R = params.C, params.R
    spread = np.zeros(kalman.y.shape)
    diagonal = is_diagonal(R)
    patterns, which = np.unique(kalman.observed, axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        missing = ~pattern
        if not missing.any():
            continue
        rows, left = C[missing], R[np.ix_(missing, missing)]
        if pattern.any() and not diagonal:
            R_oo, R_om = R[np.ix_(pattern, pattern)], R[np.ix_(pattern, missing)]
            H = np.linalg.lstsq(R_oo, R_om, rcond=None)[0].T
            rows, left = rows - H @ C[pattern], left - H @ R_om
        steps = np.flatnonzero(which.ravel() == k)
        P = store.values[store.index[steps]]
        variance = np.einsum("ia,tab,ib->ti", rows, P, rows) + np.diag(left)
        spread[np.ix_(steps, missing)] = np.sqrt(np.maximum(variance, 0.0))
    return spread
