"""The linear Gaussian state-space model, fitted by EM from a pluggable start."""

from tsinit import _validate
from tsinit._validate import check_choice, check_count, check_flag, check_number, check_orders
from tsinit.models.base import FitKind, SeriesEstimator
from tsinit.models.race import InitRaceMixin
from tsinit.models.state_space import criteria, restarts
from tsinit.models.state_space.queries import StateSpaceQueries, end_of_time

COVARIANCES = ("full", "diag", "spherical", "fixed")


class LinearGaussianSSM(InitRaceMixin, StateSpaceQueries, SeriesEstimator):
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
        (what it wants of these), or parameters in the units of the data. ``"auto"`` races the strategies that suit
        the model, finishes the winner where it stands and keeps the race in ``init_race_``, for the iterations of two
        runs and the time of two or three; :class:`tsinit.init.Race` sets who races and how.
    transition_cov, observation_cov : {"full", "diag", "spherical", "fixed"}
        Structure of Q and R; "fixed" keeps that of the start. A spherical R is the same share of every column's
        variance, so that it does not depend on units.
    max_iter : int
        E-steps at most; 0 only evaluates the start.
    tol : float
        EM ends when a step gains less than this many nats per observed value.
    n_init : int
        Starts to try, each from a seed of its own; the best end is kept. Of a race, the most starts to finish.
    random_state : int, SeedSequence, Generator, RandomState or None
        Seed of the start.
    verbose : int
        0 silent, 1 a progress bar, 2 also warnings of single steps.
    initial_state : {"auto", "stationary", "learned", "fixed"}
        Prior of the first state: the stationary distribution of the fitted dynamics, learned over sequences, or
        that of the start. "auto" learns it from n_states + 1 sequences on, keeps parameters that the user gave
        with a prior of their own, and is "stationary" otherwise. A stationary prior moves with A and Q, which the
        closed form of the M-step ignores; steps are shortened where that would lose likelihood, so that the end may
        fall short of the exact maximum by some thousandths of a nat.
    accelerate : bool
        Extrapolate steps (SQUAREM), accepted only where that gains at least as much as the plain step before. False is
        textbook EM.
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
    init_race_ : Comparison
        The race of ``init="auto"`` or a `Race`: a row for each start, failed or not, with its trace, dropped or
        finished. ``history_`` is that of the winner from its start on, the race included, and what a fit from that
        start alone would have had.
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

    fit_kind = FitKind("dynamics", "log-likelihood")
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
        accelerate=True,
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
        several, sizes = check_orders(self.n_states)
        problem = restarts.Problem(panel, options)
        _validate.check_order(panel.y, max(sizes))
        fits = []
        for n in sizes:
            fits.append(restarts.fit_order(problem, n, seed, monitor))
            if monitor.timed_out:
                break
        table = [self._tabulate(problem, fit) for fit in fits]
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
        self._fitted_end = problem.end(fit.params), end_of_time(panel)
        self._fitted_criteria = table[best]

    def _options(self):
        return restarts.Options(
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
        )

    def _tabulate(self, problem, fit):
        n, D = len(fit.params.A), len(fit.params.C)
        learned = fit.initial_state == "learned"
        k = criteria.count_parameters(n, D, self.transition_cov, self.observation_cov, learned)
        aic, bic = criteria.information(fit.log_likelihood, k, problem.n_steps_seen)
        return {
            "n_states": n, "log_likelihood": fit.log_likelihood, "n_parameters": k, "aic": aic, "bic": bic,
            "n_iter": len(fit.trace[0]) - 1, "converged": fit.converged,
        }  # fmt: skip
