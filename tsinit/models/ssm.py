"""The linear Gaussian state-space model, fitted by EM from a pluggable start."""

import numpy as np
from sklearn.base import TransformerMixin

from tsinit import _validate
from tsinit._validate import check_choice, check_count, check_number, check_seed
from tsinit.kernels import Kalman
from tsinit.models import fitting, orders
from tsinit.models.base import SeriesEstimator, one_thread
from tsinit.models.imputation import complete_table
from tsinit.models.results import Forecast, Sample, StateEstimate, future_index

COVARIANCES = ("full", "diag", "spherical", "fixed")


class LinearGaussianSSM(TransformerMixin, SeriesEstimator):
    """Linear Gaussian state-space model, maximum likelihood by EM.

    The model is x[t+1] = A x[t] + w, y[t] = C x[t] + d + v with w ~ N(0, Q), v ~ N(0, R). Columns are centred and
    scaled inside, so that units do not matter. EM only climbs to the nearest top, so the start decides where it
    ends: give several strategies to :func:`tsinit.compare` to see how much.

    Parameters
    ----------
    n_states : int or sequence of int
        States. Of several orders, the one with the least BIC is kept, and ``order_table_`` shows all.
    init : str, strategy, function or LinearGaussianParams
        Where EM begins: a registered name, an object with a method ``dynamics``, a function of ``y, rng, n_states``
        (what it wants of these), or parameters in the units of the data.
    transition_cov, observation_cov : {"full", "diag", "spherical", "fixed"}
        Structure of Q and R; "fixed" keeps that of the start.
    max_iter : int
        E-steps at most; 0 only evaluates the start.
    tol : float
        EM ends when a step gains less than this many nats per observed value.
    n_init : int
        Starts to try, each from a seed of its own; the best end is kept.
    random_state : int, SeedSequence, Generator, RandomState or None
        Seed of the start.
    verbose : int
        0 silent, 1 a progress bar, 2 also warnings of single steps.
    initial_state : {"auto", "stationary", "learned", "fixed"}
        Prior of the first state: the stationary distribution of the fitted dynamics, learned over sequences, or
        that of the start. "auto" learns it from n_states + 1 sequences on, keeps parameters that the user gave
        with a prior of their own, and is "stationary" otherwise.
    accelerate : bool
        Extrapolate EM steps (SQUAREM), accepted only where they beat a plain step.
    prior : None, "weak" or LinearGaussianPrior
        Maximise a posterior density instead of the likelihood.
    noise_floor : float
        Least noise variance, relative to the variance of the column: without one, a column that the states fit
        exactly sends the likelihood to infinity.

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
        Whether the last plain EM step gained less than `tol`.
    n_states_ : int
        States of the fitted model.
    order_table_ : DataFrame
        Log-likelihood, AIC and BIC by order; only where `n_states` is a sequence.
    n_features_in_, feature_names_in_
        Columns seen in `fit`.

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

    _objective_name = "log-likelihood"
    _fitted_attribute = "params_"

    def __init__(
        self,
        n_states=2,
        *,
        init="subspace",
        transition_cov="full",
        observation_cov="diag",
        max_iter=100,
        tol=1e-6,
        n_init=1,
        random_state=None,
        verbose=0,
        initial_state="auto",
        accelerate=False,
        prior=None,
        noise_floor=1e-6,
    ):
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

    def _run(self, panel, seed, monitor):
        options = self._options()
        several, sizes = _check_orders(self.n_states)
        problem = fitting.Problem(panel, options)
        fits = []
        for n in sizes:
            _validate.check_order(panel.y, panel.offsets, n)
            fits.append(fitting.fit_order(problem, n, seed, monitor))
            if monitor.timed_out:
                break
        table = [self._tabulate(problem, fit) for fit in fits]
        best = min(range(len(fits)), key=lambda i: table[i]["bic"])
        fit = fits[best]
        if several:
            self.order_table_ = orders.order_table(table)
        monitor.objectives, monitor.seconds = fit.trace
        self.params_, self.start_ = fit.params, fit.start
        self.log_likelihood_ = fit.log_likelihood
        self.n_iter_ = len(fit.trace[0]) - 1
        self.converged_ = fit.converged
        self.n_states_ = len(fit.params.A)
        self._fitted_end = problem.end(fit.params), _last_part(panel)
        self._fitted_criteria = table[best]

    def _options(self):
        return fitting.Options(
            init=self.init,
            transition_cov=check_choice("transition_cov", self.transition_cov, COVARIANCES),
            observation_cov=check_choice("observation_cov", self.observation_cov, COVARIANCES),
            max_iter=check_count("max_iter", self.max_iter, 0),
            tol=check_number("tol", self.tol),
            n_init=check_count("n_init", self.n_init),
            initial_state=check_choice("initial_state", self.initial_state, fitting.INITIAL_STATES),
            accelerate=bool(self.accelerate),
            prior=_validate.check_prior(self.prior),
            noise_floor=check_number("noise_floor", self.noise_floor, 0.0, 1.0),
            verbose=self.verbose,
        )

    def _tabulate(self, problem, fit):
        n, D = len(fit.params.A), len(fit.params.C)
        learned = fit.initial_state == "learned"
        k = orders.count_parameters(n, D, self.transition_cov, self.observation_cov, learned)
        aic, bic = orders.information(fit.log_likelihood, k, problem.n_steps_seen)
        return {
            "n_states": n, "log_likelihood": fit.log_likelihood, "n_parameters": k, "aic": aic, "bic": bic,
            "n_iter": len(fit.trace[0]) - 1, "converged": fit.converged,
        }  # fmt: skip

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
        """
        panel = self._read(X, lengths)
        kalman = self._kalman(panel)
        _validate.check_seen(kalman.n_observed)
        with one_thread():
            return kalman.log_likelihood(self.params_) / kalman.n_observed

    def smooth(self, X, *, lengths=None):
        """States given all the data (fixed-interval smoother).

        Returns
        -------
        StateEstimate
            Unpacks as means, covariances, log-likelihood.
        """
        return self._states(X, lengths, Kalman.smooth)

    def filter(self, X, *, lengths=None):
        """States given the data up to each step.

        Returns
        -------
        StateEstimate
            Unpacks as means, covariances, log-likelihood.
        """
        return self._states(X, lengths, Kalman.filter)

    def _states(self, X, lengths, run):
        panel = self._read(X, lengths)
        with one_thread():
            done = run(self._kalman(panel), self.params_, covariances=True)
        return StateEstimate(
            panel, done.means, done.covariances, done.log_likelihood, self.get_feature_names_out()
        )

    def transform(self, X, *, lengths=None):
        """Smoothed state means.

        Returns
        -------
        (T, n) array or DataFrame, or list of those
            In the form of X.
        """
        panel = self._read(X, lengths)
        with one_thread():
            return panel.restore(self._kalman(panel).smooth(self.params_).means, self.get_feature_names_out())

    def fit_transform(self, X, y=None, *, lengths=None):
        """Fit, then return the smoothed state means of the same data."""
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
            In the form of X.
        """
        panel = self._read(X, lengths)
        kalman = self._kalman(panel)
        with one_thread():
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
        """
        _validate.check_fitted(self)
        steps = check_count("steps", steps)
        (x, P), part = self._fitted_end
        if X is not None:
            panel = self._read(X, lengths)
            x, P = self._end(panel)
            part = _last_part(panel)
        A, C, Q, R, _, _, d = self.params_
        means, covariances = np.empty((steps, len(C))), np.empty((steps, len(C), len(C)))
        for k in range(steps):
            x, P = A @ x, A @ P @ A.T + Q
            means[k], covariances[k] = C @ x + d, C @ P @ C.T + R
        index, columns, rows = part
        if index is None:
            return Forecast(means, covariances)
        import pandas as pd

        return Forecast(pd.DataFrame(means, index=future_index(index, rows, steps), columns=columns), covariances)

    def _end(self, panel):
        with one_thread():
            return fitting.last_state(self._kalman(panel), self.params_)

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
        """
        _validate.check_fitted(self)
        n_steps, n_sequences = check_count("n_steps", n_steps), check_count("n_sequences", n_sequences)
        rng = np.random.default_rng(check_seed(random_state))
        draws = [fitting.simulate(self.params_, n_steps, rng) for _ in range(n_sequences)]
        return Sample(*draws[0]) if n_sequences == 1 else Sample(*map(list, zip(*draws, strict=True)))

    def aic(self, X=None, *, lengths=None):
        """Akaike's information criterion of X, or of the data of `fit`; smaller is better."""
        return self._criterion("aic", 0, X, lengths)

    def bic(self, X=None, *, lengths=None):
        """Bayesian information criterion of X, or of the data of `fit`; smaller is better."""
        return self._criterion("bic", 1, X, lengths)

    def _criterion(self, name, place, X, lengths):
        _validate.check_fitted(self)
        if X is None:
            return self._fitted_criteria[name]
        panel = self._read(X, lengths)
        total = self.score(X, lengths=lengths) * np.count_nonzero(~np.isnan(panel.y))
        steps = np.count_nonzero(~np.isnan(panel.y).all(axis=1))
        return orders.information(total, self._fitted_criteria["n_parameters"], steps)[place]

    def get_feature_names_out(self, input_features=None):
        """Names of the states: state0, state1, ..."""
        _validate.check_fitted(self)
        return np.array([f"state{i}" for i in range(self.n_states_)], dtype=object)


def _check_orders(n_states):
    """(whether several orders are asked for, the orders)."""
    if isinstance(n_states, (list, tuple, range, np.ndarray)):
        if len(n_states) == 0:
            check_count("n_states", n_states)
        return True, [check_count("n_states", n) for n in n_states]
    return False, [check_count("n_states", n_states)]


def _last_part(panel):
    """Index, columns and time steps of the last sequence, which a forecast continues."""
    part = panel.parts[-1]
    begin = panel.offsets[-2]
    rows = panel.rows[panel.rows >= begin] - begin
    if not hasattr(part, "iloc"):
        return None, None, rows
    return part.index[len(part) - len(rows) :], part.columns, rows
