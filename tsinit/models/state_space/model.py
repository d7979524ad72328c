"""The linear Gaussian state-space model, fitted by EM from a pluggable start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from tsinit import _validate
from tsinit._validate import check_choice, check_count, check_flag, check_number
from tsinit._validate.values import short
from tsinit.kernels.params import LinearGaussianParams
from tsinit.kernels.state_space.diffuse import proper
from tsinit.models.base import FitKind, lists_as_they_are
from tsinit.models.held_out_blocks import best_order
from tsinit.models.monitor import Monitor
from tsinit.models.race import InitRaceMixin
from tsinit.models.results import SeriesEnd
from tsinit.models.state_space import criteria, fit_data
from tsinit.models.state_space.fitted import FittedLinearGaussian
from tsinit.models.state_space.held_out import StateSpaceHeldOut
from tsinit.models.state_space.restarts import fit_order
from tsinit.models.state_space.structured_poles import start_note
from tsinit.structures import Structure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from tsinit._typing import SeedLike, SeriesLike
    from tsinit._validate import Panel
    from tsinit.models.state_space.prior import LinearGaussianPrior

COVARIANCES = ("full", "diag", "spherical", "fixed")
ORDER_CRITERIA = ("bic", "aic", "held_out")
INPUT_EFFECTS = ("both", "state", "output")


@lists_as_they_are
class LinearGaussianSSM(InitRaceMixin, FittedLinearGaussian):
    """Linear Gaussian state-space model, maximum likelihood by EM and, at the end, quasi-Newton steps.

    The model is x[t+1] = A x[t] + B u[t] + w, y[t] = C x[t] + D u[t] + d + v with w ~ N(0, Q), v ~ N(0, R), where u
    are known inputs, if there are any. Columns are centred and scaled inside, so that units do not matter. EM converges
    to a local maximum, and the start decides to which: give several strategies to :func:`tsinit.compare` to see how
    much.

    Parameters
    ----------
    n_states : int or sequence of int
        States. Of several orders, the one that `order_criterion` prefers is kept, and ``order_table_`` shows all.
    init : str, strategy, function or LinearGaussianParams
        Where EM begins: a registered name, an object with a method ``dynamics``, a function of ``y, rng, n_states``
        (what it wants of these), or parameters in the units of the data. ``"auto"`` races the strategies that suit
        the model, finishes the winner where it stands and keeps the race in ``init_race_``, for the iterations of four
        runs where a run is cheap and of two where it is dear; :class:`tsinit.init.Race` sets who races and how.
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
    order_criterion : {"bic", "aic", "held_out"}
        Which of several orders is kept: that of the smallest BIC or AIC, or under which blocks of rows that were held
        out have the highest log-likelihood given the others, in five folds (five more fits of each order).
    structure : Structure or None
        Entries that are fixed or shared, in the units of the data (:mod:`tsinit.structures` builds those of trends,
        seasons, cycles, autoregressions and factors). It sets `n_states` and the first state, and says what
        `transition_cov`, `observation_cov`, `initial_state` and `noise_floor` say otherwise. Strategies give it poles,
        loadings and the share of noise; a few steps of EM, then quasi-Newton steps on the exact likelihood fit it.
    n_jobs : int or None
        Threads, as joblib counts them: for restarts, for the entrants of a race, and for sequences, in the fit and
        wherever data are filtered or smoothed. Results are the same for any number, bit for bit. None is one thread, -1
        all processors. What is too small to gain by threads runs in one.

    Attributes
    ----------
    params_ : LinearGaussianParams
        Fitted parameters in the units of the data.
    start_ : LinearGaussianParams
        What the strategy returned. EM begins there, with covariances brought to the structure asked for.
    start_note_ : str
        What became of a strategy's start under a `structure`, in a sentence; only where there is one.
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
        Log-likelihood, AIC, BIC, and with ``order_criterion="held_out"`` the log-likelihood of rows held out, by order;
        only where `n_states` is a sequence.
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
        order_criterion: str = "bic",
        structure: Structure | None = None,
        n_jobs: int | None = None,
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
        self.order_criterion = order_criterion
        self.structure = structure
        self.n_jobs = n_jobs

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

    def refit(
        self,
        X: SeriesLike,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Self:
        """Go on with EM from where it stands, on these data.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`: the new rows, or better all that are to count.

        Returns
        -------
        self
            With the number of states that it has; ``start_`` are the parameters it had.

        Raises
        ------
        ValueError, TypeError
            As in :meth:`fit`; the model then stays what it was.
        """
        _validate.check_fitted(self)
        other = clone(self).set_params(init=self.params_, n_states=self.n_states_)
        other.fit(X, inputs=inputs, lengths=lengths)
        self._forget()
        fitted = {name for name in vars(other) if name not in other.get_params(deep=False)}
        for name in fitted:
            setattr(self, name, getattr(other, name))
        return self

    def _run(self, panel: Panel, seed: np.random.SeedSequence, monitor: Monitor) -> None:
        several, orders = _validate.check_orders(self.n_states)
        if self.structure is not None:
            check_structure(self.structure, panel, self.prior)
            several, orders = False, [self.structure.n_states]
        data = fit_data.StateSpaceData(panel, self._options())
        criterion = check_choice("order_criterion", self.order_criterion, ORDER_CRITERIA)
        _validate.check_order(panel.y, max(orders))
        held_out = (
            StateSpaceHeldOut(data, max(orders)) if several and criterion == "held_out" else None
        )
        fits, table = [], []
        for n in orders:
            fits.append(fit_order(data, n, seed, monitor))
            table.append(criteria.tabulate(data, fits[-1]))
            if held_out is not None:
                spent = monitor.timed_out
                found = np.nan if spent else held_out.log_likelihood(n, seed, monitor)
                table[-1]["held_out"] = found
            if monitor.timed_out:
                break
        best = best_order(table, criterion) if several else 0
        fit = fits[best]
        if several:
            self.order_table_ = criteria.order_table(table, best)
        monitor.objectives, monitor.seconds = fit.trace
        self._fitted_race = fit.race
        self.params_, self.start_ = fit.params, fit.start
        if self.structure is not None and not isinstance(self.init, LinearGaussianParams):
            self.start_note_ = start_note(self.structure, fit.start)
        self.log_likelihood_ = fit.log_likelihood
        self.n_iter_ = len(fit.trace[0]) - 1
        self.converged_ = fit.converged
        self.n_states_ = len(fit.params.A)
        last_input = None
        if panel.inputs is not None:
            last_input, self.input_names_in_ = panel.inputs[-1].copy(), panel.input_names
        self._fitted_end = data.last_state(fit.params), last_input, SeriesEnd.of(panel)
        self._fitted_criteria = {**table[best], "n_rows": data.n_steps_observed}
        self._fitted_context = fit.context
        self._warn(fit, monitor)

    def _warn(self, fit: fit_data.EMFit, monitor: Monitor) -> None:
        """Say once what a fit could not do, unless that is what was asked for: few steps, or a limit of time."""
        if not self.max_iter:
            return
        if self.structure is None and len(frozen := without_noise(fit.start)):
            _validate.warn_frozen(frozen)
        if self.structure is not None and not (self.structure.n_free or self.structure.regression):
            _validate.warn_nothing_free()
        if not fit.converged and self.tol > 0.0 and not monitor.timed_out:
            _validate.warn_not_converged(self.n_iter_)

    def _options(self) -> fit_data.EMOptions:
        return fit_data.EMOptions(
            init=self.init,
            transition_cov=check_choice("transition_cov", self.transition_cov, COVARIANCES),
            observation_cov=check_choice("observation_cov", self.observation_cov, COVARIANCES),
            max_iter=check_count("max_iter", self.max_iter, 0),
            tol=check_number("tol", self.tol, 0.0),
            n_init=check_count("n_init", self.n_init),
            initial_state=check_choice(
                "initial_state", self.initial_state, fit_data.INITIAL_STATES
            ),
            accelerate=check_flag("accelerate", self.accelerate),
            prior=_validate.check_prior(self.prior),
            noise_floor=check_number("noise_floor", self.noise_floor, 0.0, 1.0),
            verbose=_validate.check_verbose(self.verbose),
            input_effect=check_choice("input_effect", self.input_effect, INPUT_EFFECTS),
            structure=self.structure,
            n_threads=self._n_threads(),
        )


def check_structure(structure: Any, panel: Panel, prior: object) -> None:
    """Require a structure that suits the data.

    Raises
    ------
    ValueError
        It is none, has no states or other columns, or inputs and a regression do not come together.
    """
    if not isinstance(structure, Structure):
        raise ValueError(
            f"structure must be None or a Structure, such as tsinit.structures.local_level(); got {short(structure)}."
        )
    if not structure.n_states:
        raise ValueError(
            "structure must have states; got regression() alone. Join it to some: local_level() + regression()."
        )
    if structure.n_columns != panel.y.shape[1]:
        raise ValueError(
            f"structure must have as many columns as the data; got {structure.n_columns} for {panel.y.shape[1]}."
        )
    _check_effects(structure, panel)
    if prior is not None:
        raise ValueError(f"prior must be None beside a structure; got {short(prior)}.")


def _check_effects(structure: Structure, panel: Panel) -> None:
    """Require inputs where a structure sees states through some or has effects of them, and as many as it has."""
    k, wanted, own = structure.n_varying, structure.n_inputs, structure.has_effects
    if panel.inputs is None:
        if wanted != 0:
            what = "B or D" if own else "a regression"
            raise ValueError(f"inputs must be given to a structure with {what}; got none.")
        return
    m = panel.inputs.shape[1]
    if own and m != wanted and not structure.regression:
        raise ValueError(f"inputs must have the {wanted} columns of structure.B and D; got {m}.")
    if own and structure.regression and m != structure.templates["B"].fixed.shape[1]:
        raise ValueError(
            f"inputs must have the {structure.templates['B'].fixed.shape[1]} columns of structure.B; got {m}."
        )
    if wanted == 0:
        raise ValueError(
            "structure must have a regression where there are inputs; got none. Join it: structure + regression()."
        )
    if m < k + structure.regression:
        raise ValueError(
            f"inputs must have {k} columns that the structure sees states through"
            f"{', and others that have effects' if structure.regression else ''}; got {m}."
        )
    if k and m > k and not (structure.regression or own):
        raise ValueError(
            f"structure must have a regression for inputs beyond the {k} that it sees states through; got {m}. "
            "Join it: structure + regression()."
        )


def without_noise(start: LinearGaussianParams) -> list[int]:
    """Return the states of a start whose noise is nothing beside what they carry."""
    P0 = proper(start).P0
    size = np.diag(start.Q) + start.A**2 @ np.diag(P0) + start.A**2 @ start.m0**2
    return np.flatnonzero(np.diag(start.Q) <= 1e-20 * np.where(size > 0.0, size, 1.0)).tolist()
