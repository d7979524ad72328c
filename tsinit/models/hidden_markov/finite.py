"""The hidden Markov model with a given number of states, fitted by EM from a pluggable start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit import _validate, emissions
from tsinit._validate import check_choice, check_count, check_flag, check_number
from tsinit.init.registry import resolve
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.models.base import FitKind, one_thread
from tsinit.models.held_out_blocks import best_order
from tsinit.models.hidden_markov import finite_results
from tsinit.models.hidden_markov.ahead import paths_ahead, probabilities_ahead
from tsinit.models.hidden_markov.base import HiddenMarkovEstimator
from tsinit.models.hidden_markov.finite_em import HMMParams
from tsinit.models.hidden_markov.finite_fit import FitOptions, HMMData, fit_order
from tsinit.models.hidden_markov.finite_results import Criteria, HMMForecast
from tsinit.models.hidden_markov.held_out import HMMHeldOut
from tsinit.models.hidden_markov.posterior import fill_moments
from tsinit.models.results import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tsinit._typing import FloatArray, IntArray, SeedLike, SeriesLike
    from tsinit._validate.series import Panel
    from tsinit.emissions import Emission, EmissionOnData
    from tsinit.models.hidden_markov.finite_fit import HMMFit
    from tsinit.models.monitor import Monitor


class HiddenMarkovModel(HiddenMarkovEstimator):
    """Hidden Markov model with a given number of states, by EM.

    Every row of the series is in one of `n_states` states, states follow one another by a Markov chain, and each state
    has an emission distribution of its own. EM (Baum and Welch) climbs to a local maximum, and the start decides to
    which: see ``agreement_``, ``init="auto"``, and give several strategies to :func:`tsinit.compare` to see how much.

    Missing values are integrated out, exactly, whatever is observed of a row; sequences of any lengths are independent
    given the parameters. Columns are centred and scaled inside where the emission is continuous, so that units do not
    matter.

    Parameters
    ----------
    n_states : int or sequence of int
        States. Of several numbers, the one that `order_criterion` prefers is kept, and ``order_table_`` shows all.
    init : str, strategy, function or array of labels
        Where EM begins: a registered name, an object with a method ``labels``, a function of ``y, rng, n_states`` (what
        it wants of these), or one label per row. The first parameters are those under which these labels would be most
        probable. ``"restarts"`` is k-means, and for every further start of `n_init` a search that splits and merges
        states, each from labels of another kind (:class:`tsinit.init.Restarts`). ``"auto"`` races the strategies that
        suit the model, finishes the winner where it stands and keeps the race in ``init_race_``;
        :class:`tsinit.init.Race` sets who races and how.
    emission : str, Emission or dict
        ``"gaussian"`` (full covariances), ``"gaussian_diag"``, ``"gaussian_known_variance"``, ``"student_t"``,
        ``"poisson"``, ``"negative_binomial"`` (counts that vary more), ``"zero_inflated_poisson"``,
        ``"zero_inflated_negative_binomial"`` (with more zeros), ``"categorical"``, ``"von_mises"``,
        ``"autoregressive"``, ``"autoregressive_diag"``, or an object of :mod:`tsinit.emissions`
        with priors of your own. A dict gives every column its own, independent of the others given the state:
        ``{"wind": "von_mises", ("u", "v"): "gaussian"}``, see :class:`tsinit.emissions.ByColumn`.
    transitions : None, (n_states, n_states) array, or ("fixed", array)
        Probabilities of state k after state j at which EM begins; zeros stay zero (left-to-right, banded). Flags, True
        where a transition may happen, only say where the zeros are. ``("fixed", array)`` keeps all of it. States have
        an order then, and the labels of the start are numbered so that they suit it.
    start_probabilities : None, (n_states,) array, or ("fixed", array)
        The same of the first state of a sequence.
    max_iter : int
        Maximum number of E-steps; 0 only evaluates the start.
    tol : float
        The fit ends when a step gains, and is predicted to leave, less than this many nats per observed value; of more
        than 1,000 values, as much as of 1,000.
    n_init : int
        Starts to try, each from a seed of its own; the best fit is kept. One is quick and seldom reaches the best known
        end; with the default `init`, five mostly do, for the time of some forty fits. Of a race, the maximum number of
        starts to finish.
    accelerate : bool
        Extrapolate steps (SQUAREM), accepted only where that gains at least as much as the plain step before. False is
        textbook EM.
    prior : {"weak", None}
        "weak" maximises the log posterior density under the priors of the emission, which keep variances from
        collapsing on a few rows, and one observation more in every row of probabilities, spread evenly over what is
        allowed there; rates, concentrations and probabilities are taken in logarithms. None maximises the likelihood,
        with variances held above a millionth of that of the column, concentrations below 500,000.
    stickiness : float
        Observations of staying that "weak" adds to every row of `transitions`, which then is a Dirichlet distribution
        with more on the own state: states last longer, where the data leave that open. 0 favours no state; 99 beside
        the one observation that is spread evenly is a row worth 100, of which .99 stay.
    order_criterion : {"bic", "icl", "held_out"}
        Which of several numbers of states is kept: that of the smallest BIC or ICL, or under which blocks of rows that
        were held out have the highest log-likelihood given the others, in five folds (five more fits of each number).
        BIC takes too many states where the form of the emission is wrong; prediction asks for as many as help it.
    random_state : int, SeedSequence, Generator, RandomState or None
        Seed of the start.
    verbose : int
        0 silent, 1 a progress bar, 2 also warnings of single steps.

    Attributes
    ----------
    labels_ : (T,) int
        Most probable state of every row given, each by itself. States are numbered by first appearance, but as given
        where `init` is labels, or where `transitions` or `start_probabilities` give them an order.
    probabilities_ : (T, n_states_) float
        Probability of every state at every row, given all of its sequence.
    start_probabilities_ : (n_states_,) float
        Of the first state of a sequence.
    transition_matrix_ : (n_states_, n_states_) float
        Probability of state k after state j.
    means_, covariances_ : (n_states_, D) and (n_states_, D, D) float
        Of each state, in the units of the data; of angles the mean direction; of an autoregression in the long run, or
        of its rows where it is not stationary.
    log_likelihood_ : float
        Of the data, in nats and in the units of the data.
    start_ : (T,) int
        Labels that the strategy returned, time steps that the data skip included.
    history_ : (n_iter_ + 1,) float
        Objective of the start and after every E-step; it never falls.
    n_iter_ : int
        E-steps after that of the start.
    converged_ : bool
        Whether less than `tol` per observed value is predicted to be left to gain. If not, `fit` warns.
    n_states_ : int
        States of the fitted model.
    agreement_ : float
        Would another seed agree? Mean adjusted Rand index between the segmentations of all ends within half a nat of
        the best of `n_init` starts; NaN where there is a single one, because of which no other is known. Starts that
        are the same are run once.
    restarts_ : RestartEnds
        Final ``objectives`` (n,) of all starts, and the ``agreement`` (n, n), adjusted Rand index, of their
        segmentations; :func:`tsinit.plots.agreement` draws them. None where starts were raced.
    order_table_ : DataFrame
        Log-likelihood, AIC, BIC, ICL, and with ``order_criterion="held_out"`` the log-likelihood of rows held out, by
        number of states; only where `n_states` is a sequence.
    observed_ : Panel
        The data of `fit`: ``y`` (T, D) with skipped steps as missing rows, the ``rows`` of it that were given, the
        ``offsets`` at which sequences begin, the names of the ``columns``.
    init_race_ : Comparison
        The race of ``init="auto"`` or a `Race`: a row for each start, failed or not, with its trace, dropped or
        finished.
    n_features_in_, feature_names_in_
        Columns of the data of `fit`.

    References
    ----------
    .. [1] Baum, Petrie, Soules and Weiss, A maximization technique occurring in the statistical analysis of
       probabilistic functions of Markov chains, Ann. Math. Stat. 41 (1970).
    .. [2] Rabiner, A tutorial on hidden Markov models and selected applications in speech recognition, Proc. IEEE 77
       (1989).
    .. [3] Varadhan and Roland, Simple and globally convergent methods for accelerating the convergence of any EM
       algorithm, Scand. J. Stat. 35 (2008).
    .. [4] Celeux and Durand, Selecting hidden Markov model state number with cross-validated likelihood, Comput. Stat.
       23 (2008).

    Examples
    --------
    Three levels, which come and go:

    >>> import numpy as np
    >>> from tsinit import HiddenMarkovModel
    >>> level = np.repeat([0.0, 8.0, 16.0, 0.0, 8.0, 16.0], 50)
    >>> y = level + np.random.default_rng(0).standard_normal(300)
    >>> regimes = HiddenMarkovModel(n_states=3, random_state=0).fit(y[:, None])
    >>> regimes.means_.round().astype(int).ravel().tolist()
    [0, 8, 16]
    """

    def __init__(
        self,
        n_states: int | Sequence[int] = 3,
        *,
        init: Any = "restarts",
        emission: str | Emission | Mapping[Any, Any] = "gaussian",
        transitions: Any = None,
        start_probabilities: Any = None,
        max_iter: int = 200,
        tol: float = 1e-6,
        n_init: int = 1,
        accelerate: bool = True,
        prior: str | None = "weak",
        stickiness: float = 0.0,
        order_criterion: str = "bic",
        random_state: SeedLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_states = n_states
        self.init = init
        self.emission = emission
        self.transitions = transitions
        self.start_probabilities = start_probabilities
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.accelerate = accelerate
        self.prior = prior
        self.stickiness = stickiness
        self.order_criterion = order_criterion
        self.random_state = random_state
        self.verbose = verbose

    @property
    def fit_kind(self) -> FitKind:  # type: ignore[override]
        """What a fit asks strategies for and maximises."""
        return FitKind("labels", "log-likelihood" if self.prior is None else "log posterior")

    def _run(self, panel: Panel, seed: np.random.SeedSequence, monitor: Monitor) -> None:
        several, orders = _validate.check_orders(self.n_states)
        options = self._options()
        criterion = check_choice(
            "order_criterion", self.order_criterion, ("bic", "icl", "held_out")
        )
        resolve(self.init, "labels")  # what is no strategy is told before anything else
        emission = emissions.resolve(self.emission, panel.columns)
        on_data = _validate.check_emission_for_em(emission.bind(panel.y, panel.offsets))
        for n in orders:
            options.rules(n)
        _validate.check_order(panel.y, max(orders))
        data = HMMData(panel, on_data, options)
        held_out = None
        if several and criterion == "held_out":
            held_out = HMMHeldOut(data, emission, max(orders))
        fits, table = [], []
        for n in orders:
            fit = fit_order(data, n, seed, monitor)
            fits.append(fit)
            table.append(self._tabulate(data, fit))
            if held_out is not None:
                spent = monitor.timed_out
                found = np.nan if spent else held_out.log_likelihood(n, seed, monitor)
                table[-1]["held_out"] = found
            if monitor.timed_out:
                break
        best = best_order(table, criterion) if several else 0
        if several:
            self.order_table_ = finite_results.order_table(table, best)
        self._finish(fits[best], data)
        self._fitted_n_parameters = table[best]["n_parameters"]
        self._fitted_criteria = Criteria(*(table[best][name] for name in Criteria._fields))
        monitor.objectives, monitor.seconds = fits[best].trace
        self.n_iter_ = len(monitor.objectives) - 1
        if self.max_iter and not self.converged_ and self.tol > 0.0 and not monitor.timed_out:
            _validate.warn_not_converged(self.n_iter_)

    def _options(self) -> FitOptions:
        return FitOptions(
            init=self.init,
            transitions=self.transitions,
            start_probabilities=self.start_probabilities,
            max_iter=check_count("max_iter", self.max_iter, 0),
            tol=check_number("tol", self.tol, 0.0),
            n_init=check_count("n_init", self.n_init),
            accelerate=check_flag("accelerate", self.accelerate),
            penalised=check_choice("prior", self.prior, ("weak", None)) is not None,
            verbose=_validate.check_verbose(self.verbose),
            stickiness=_validate.check_stickiness(self.stickiness, self.prior),
        )

    def _tabulate(self, data: HMMData, fit: HMMFit) -> dict[str, Any]:
        n_states = len(fit.params.start)
        n_parameters = (
            n_states * data.emission.n_parameters + data.options.rules(n_states).n_parameters
        )
        found = _criteria(
            fit.params, data.emission, data.panel, n_parameters, data.n_steps_observed
        )
        return {
            "n_states": n_states, "log_likelihood": fit.log_likelihood, "n_parameters": n_parameters,
            **found._asdict(), "n_iter": len(fit.trace[0]) - 1, "converged": fit.converged,
        }  # fmt: skip

    def _finish(self, fit: HMMFit, data: HMMData) -> None:
        """Set what a user reads."""
        params, panel = fit.params, data.panel
        probabilities = data.smooth(params)[panel.rows]
        labels = probabilities.argmax(axis=1)
        given = np.ndim(self.init) == 1 or data.options.rules(len(params.start)).name_states
        if not given:
            found, first = np.unique(labels, return_index=True)
            order = np.concatenate(
                [found[np.argsort(first)], np.setdiff1d(np.arange(len(params.start)), found)]
            )
            params = params.take(order)
            # Again, and not only in another order: where two states tie, `predict` must decide alike.
            probabilities = data.smooth(params)[panel.rows]
            labels = probabilities.argmax(axis=1)
        self.labels_, self.probabilities_ = labels, probabilities
        self.n_states_ = len(params.start)
        self.start_probabilities_ = params.start.copy()
        self.transition_matrix_ = params.P.copy()
        self.means_ = data.emission.means(params.emission)
        self.covariances_ = data.emission.covariances(params.emission)
        fill_moments(self.means_, self.covariances_, panel.y[panel.rows], labels)
        self.log_likelihood_, self.start_ = fit.log_likelihood, fit.start
        self.converged_, self.restarts_ = fit.converged, fit.restarts
        self.agreement_ = fit.restarts.mean_agreement if fit.restarts else np.nan
        self.observed_ = panel.kept()
        self._fitted_race = fit.race
        self._fitted_params, self._fitted_emission = params, data.emission

    def decode(
        self, X: SeriesLike, *, lengths: Sequence[int] | None = None
    ) -> IntArray | pd.Series | list[IntArray | pd.Series]:
        """Most probable path (Viterbi): the states of a sequence that are most probable together.

        Unlike :meth:`predict`, no two of them follow one another that cannot.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`.

        Returns
        -------
        (T,) int array or Series, or list of those
            In the form of X.

        Raises
        ------
        ValueError, TypeError
            X is unusable, or impossible under the model.
        """
        panel = self._read(X, lengths)
        density, (start, P, _) = self._rows(self._emission_on(panel))
        self._require_path(forward_backward.log_likelihood(density, start, P, panel.offsets))
        path = forward_backward.viterbi(density, start, P, panel.offsets)
        return panel.restore_column(path, "state")

    def forecast(
        self,
        n_steps: int,
        X: SeriesLike | None = None,
        *,
        lengths: Sequence[int] | None = None,
        n_samples: int = 2000,
        random_state: SeedLike = None,
    ) -> HMMForecast:
        """Predict the steps after the data.

        Parameters
        ----------
        n_steps : int
            How many.
        X, lengths
            Data to continue; None continues the (last) sequence of `fit`.
        n_samples : int
            Simulated paths, from which quantiles are taken.
        random_state : int, SeedSequence, Generator, RandomState or None
            Seed of the paths.

        Returns
        -------
        HMMForecast
            Probabilities of the states, means and covariances of the observations, and quantiles of them. With several
            sequences in X, the last is continued. All of it knows nothing of the error of the estimated parameters.
            Means and covariances are exact, but those of the simulated paths where rows look back at others.

        Raises
        ------
        ValueError, TypeError
            X is unusable or impossible under the model, or `n_steps` or `n_samples` is no whole number of at least 1.
        """
        past, n_steps, n_samples, rng, end, states = self._ahead(
            n_steps, X, lengths, n_samples, random_state
        )
        (_, P, params), emission = self._fitted_params, self._fitted_emission.with_data(past)
        now = self._filter(emission, np.array([0, len(past)]))[-1]
        probabilities = probabilities_ahead(now, P, n_steps)
        z = paths_ahead(now, P, n_samples, n_steps, rng)
        samples = emission.simulate_after(rng, params, z, past)
        means, covariances = emission.moments_after(params, now, P, probabilities, past)
        return HMMForecast(
            states.label(probabilities),
            end.label(means),
            covariances,
            emission.near(samples, means),
        )

    def sample(
        self, n_steps: int = 100, n_sequences: int = 1, random_state: SeedLike = None
    ) -> Sample:
        """Simulate from the fitted model.

        Parameters
        ----------
        n_steps, n_sequences : int
        random_state : int, SeedSequence, Generator, RandomState or None

        Returns
        -------
        Sample
            (y, states), (n_steps, D) and (n_steps,); lists of arrays for several sequences.

        Raises
        ------
        ValueError
            A count is no whole number of at least 1, or `random_state` is no seed.
        """
        _validate.check_fitted(self)
        n_steps = check_count("n_steps", n_steps)
        n_sequences = check_count("n_sequences", n_sequences)
        rng = np.random.default_rng(_validate.check_seed(random_state))
        draws = [self._simulate(n_steps, rng) for _ in range(n_sequences)]
        return draws[0] if n_sequences == 1 else Sample(*map(list, zip(*draws, strict=True)))

    def _simulate(self, n_steps: int, rng: np.random.Generator) -> Sample:
        start, P, params = self._fitted_params
        first, rows = np.cumsum(start), np.cumsum(P, axis=1)
        z, u = np.empty(n_steps, dtype=np.int64), rng.random(n_steps)
        sums = first
        for t in range(n_steps):
            # The last sum may miss 1 by rounding.
            z[t] = np.searchsorted(sums, u[t] * sums[-1], side="right")
            sums = rows[z[t]]
        return Sample(self._fitted_emission.simulate(rng, params, z), z)

    def aic(self, X: SeriesLike | None = None, *, lengths: Sequence[int] | None = None) -> float:
        """Akaike's information criterion; smaller is better.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criteria(X, lengths).aic

    def bic(self, X: SeriesLike | None = None, *, lengths: Sequence[int] | None = None) -> float:
        """Bayesian information criterion, counting rows with data; smaller is better.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criteria(X, lengths).bic

    def icl(self, X: SeriesLike | None = None, *, lengths: Sequence[int] | None = None) -> float:
        """Integrated completed likelihood, BIC with the most probable path as data; smaller is better.

        It asks for states that are told apart: where BIC adds a state to mend the form of an emission, ICL adds none.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criteria(X, lengths).icl

    def _criteria(self, X: SeriesLike | None, lengths: Sequence[int] | None) -> Criteria:
        _validate.check_fitted(self)
        if X is None:
            return self._fitted_criteria
        panel = self._read(X, lengths)
        emission = self._emission_on(panel)
        n_steps = int((~np.isnan(panel.y)).any(axis=1).sum())
        return _criteria(self._fitted_params, emission, panel, self._fitted_n_parameters, n_steps)

    def _rows(self, emission: EmissionOnData) -> tuple[FloatArray, HMMParams]:
        """Log densities (T, K) of the rows that the emission is on, and the parameters."""
        params = self._fitted_params
        return params.density(emission), params

    def _smooth(self, emission: EmissionOnData, offsets: IntArray) -> FloatArray:
        density, (start, P, _) = self._rows(emission)
        with one_thread():
            total, prob, _ = forward_backward.smooth(density, start, P, offsets)
        self._require_path(total)
        return prob

    def _filter(self, emission: EmissionOnData, offsets: IntArray) -> FloatArray:
        density, (start, P, _) = self._rows(emission)
        prob = forward_backward.filter_states(density, start, P, offsets)
        self._require_path(-np.inf if np.isnan(prob).any() else 0.0)
        return prob

    def _log_density_of(self, emission: EmissionOnData, offsets: IntArray) -> float:
        density, (start, P, _) = self._rows(emission)
        total = forward_backward.log_likelihood(density, start, P, offsets)
        self._require_path(total)
        return total + emission.log_jacobian

    @staticmethod
    def _require_path(log_likelihood: float) -> None:
        _validate.check_possible(np.isfinite(log_likelihood))


def _criteria(
    params: HMMParams, emission: EmissionOnData, panel: Panel, n_parameters: int, n_steps: int
) -> Criteria:
    density, (start, P, _) = params.density(emission), params
    total = forward_backward.log_likelihood(density, start, P, panel.offsets)
    complete = finite_results.complete_log_likelihood(density, params, panel.offsets)
    shift = emission.log_jacobian
    return finite_results.criteria(total + shift, complete + shift, n_parameters, n_steps)
