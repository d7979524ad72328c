"""The infinite hidden Markov model, sampled by the beam sampler from a pluggable start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.special import logsumexp

from tsinit import _validate, emissions
from tsinit._validate import (
    check_choice,
    check_count,
    check_emission_on_data,
    check_flag,
    child_seed,
)
from tsinit.init.race import Race, candidates, starters
from tsinit.init.registry import resolve, strategy_of
from tsinit.models.base import FitKind, one_thread
from tsinit.models.chains import ChainRun, ChainSchedule
from tsinit.models.hidden_markov import ahead, convergence, posterior
from tsinit.models.hidden_markov.base import HiddenMarkovEstimator
from tsinit.models.hidden_markov.chain import ConcentrationPriors
from tsinit.models.hidden_markov.draws import SCALARS, HMMDraws, Recorder
from tsinit.models.hidden_markov.residuals import MAX_CORRELATION, lag_one_correlations
from tsinit.models.hidden_markov.sampler_setup import SamplerSetup, race_starts, sample
from tsinit.result import worst_mixing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    import arviz
    import xarray as xr
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray, SeedLike, SeriesLike
    from tsinit._validate.series import Panel
    from tsinit.emissions import Emission, EmissionOnData
    from tsinit.models.hidden_markov.ahead import PosteriorForecast
    from tsinit.models.monitor import Monitor

#: Rows of which a full co-clustering matrix is built: 10,000 take 400 MB.
_MAX_ROWS = 10_000

#: Draws of a chain below which nothing is warned of: chains that agree would often look as if they did not.
_MIN_DRAWS = 100


class InfiniteHMM(HiddenMarkovEstimator):
    """Hidden Markov model whose number of states is inferred (HDP-HMM), by beam sampling.

    Every row of the series is in one of countably many states; states follow one another by a Markov chain, whose
    rows share a hierarchical Dirichlet process, and each state has an emission distribution of its own. Missing
    values are integrated out, and columns are centred and scaled inside where the emission is continuous, so that
    units do not matter.

    Rows are taken as independent given their states, unless the emission is autoregressive. Where neighbouring rows are
    correlated within a regime, the sampler otherwise explains that by further states and splits regimes, however long
    it runs; a fit warns where the residuals of a column have a lag-one correlation above .3.

    The sampler draws from the posterior whatever the start, but for how long the start shows depends on it. The first
    sweeps, and now and then one later, propose to split a state or to merge two, so that a start of too few states is
    mended soon; where several changes are needed at once it may still take many sweeps. Give several starts to
    :func:`tsinit.compare` to see how many.

    What it says of rows is averaged over draws. For :meth:`predict_proba` and :meth:`filter_proba` each draw smooths or
    filters the rows with its own states, and its probabilities go to the states of the estimate that they are matched
    with; what draws give to states without a match is spread in proportion. :meth:`score` is the log posterior
    predictive density of all rows together. New states, which the model allows, are left out: on rows far from those of
    `fit` it is a lower bound.

    Parameters
    ----------
    init : str, strategy, function, array of labels, or list of these
        Where the chains begin: a registered name, an object with a method ``labels``, a function of ``y, rng,
        n_states`` (what it wants of these), or one label per row. A list gives one start to each chain, and so does
        ``"dispersed"``, whatever the number of chains: clusters, clusters with a penalty for changes, clusters of
        windows, a short EM (:class:`tsinit.init.Dispersed`; where rows look back at others, local dynamics come first).
        Chains that all begin with one strategy may share an error that R-hat cannot see. ``"auto"``
        races strategies through the first half of the warm-up and goes on with the best `n_chains` of their chains
        where they stand; :class:`tsinit.init.Race` sets who races and how. The race is over before any draw is kept,
        and the second half of the warm-up forgets that chains were chosen by their density, so that the posterior is
        what it was. No strategy has more than half of the chains while another has one left: R-hat needs chains
        that come from apart.
    n_init_states : "auto" or int
        States of the start, for strategies that need to know. "auto" lets the data say: clusterings into 1, 2, 3, ...
        states start short chains, and the number with which the densest of them ended is taken (``n_init_states_``). A
        state too many in the start may outlive the warm-up as a state too few may.
    emission : str, Emission or dict
        ``"gaussian"`` (full covariances), ``"gaussian_diag"``, ``"gaussian_known_variance"``, ``"student_t"``,
        ``"poisson"``, ``"negative_binomial"`` (counts that vary more), ``"zero_inflated_poisson"``,
        ``"zero_inflated_negative_binomial"`` (with more zeros), ``"categorical"``, ``"von_mises"``,
        ``"autoregressive"``, ``"autoregressive_diag"`` (rows follow from those before them, as many as the order of
        ``Autoregressive(order=...)``), or an object of :mod:`tsinit.emissions` with priors of your own. A dict gives
        every column its own, independent of the others given the state: ``{"wind": "von_mises", ("u", "v"):
        "gaussian"}``, see :class:`tsinit.emissions.ByColumn`.
    sticky : bool
        Give every state extra mass on staying (Fox et al.), with a Beta prior on the share. Without it, one regime
        is often cut into several states that alternate.
    n_tune, n_draws, thin : int
        Sweeps before the first draw, draws of each chain, and sweeps for each draw.
    n_chains : int
        Chains, each with a start and a generator of its own.
    priors : dict or None
        Of ``alpha`` (Gamma shape and rate of the total mass of a row), ``gamma`` (the same for the top level) and
        ``rho`` (Beta parameters of the share that stays); None keeps (1, 0.01), (1, 1) and (10, 1).
    random_state : int, SeedSequence, Generator, RandomState or None
        Seed of starts and chains.
    n_jobs : int or None
        Chains that run at the same time, in threads; the draws do not depend on it.
    verbose : int
        0 silent, 1 a progress bar, 2 also warnings of single steps.
    on_interrupt : {"raise", "keep"}
        What Ctrl-C does once draws have been kept: leave the estimator unfitted, or fit it by those.

    Attributes
    ----------
    labels_ : (T,) int
        State of every row given, 0 to ``n_states_`` - 1 by first appearance: the most probable one after matching
        the states of every draw with those of the partition of least expected variation of information.
    probabilities_ : (T, n_states_) float
        Share of the draws in which the row is in the state.
    n_states_ : int
        States of that estimate. The posterior of their number is in ``draws_.n_states``; it is no consistent
        estimate of the number of regimes (Miller and Harrison, 2013), the estimate of the partition is steadier.
    means_ : (n_states_, D) float
        Posterior mean of each state's mean, in the units of the data, over the draws that have the state; of
        directions (von Mises), the circular mean; of an autoregression the median of its long-run mean, or where that
        does not exist the mean of its rows.
    covariances_ : (n_states_, D, D) float
        The same of its covariance.
    transition_matrix_ : (n_states_, n_states_) float
        Posterior mean of the transition probabilities among these states, of each pair over the draws that have both,
        0 where none has, and every row then divided by its sum.
    draws_ : HMMDraws
        Labels and scalars of every draw, of the chains that did not stop. Labels that would take more than 500 MB
        (above 125,000 rows, by default) are kept of evenly spaced draws, ``draws_.label_draws``, at least 16 of
        each chain.
    trace_ : dict of str to (chain, sweep) float
        Joint log density, number of states, alpha, gamma and rho at the start and after every sweep, of the chains
        that did not stop.
    start_ : (n_chains, T) int
        What the strategies returned, time steps that the data skip included.
    history_ : (n_iter_ + 1,) float
        Joint log density of labels and data, averaged over chains, after every sweep.
    n_iter_ : int
        Sweeps of each chain.
    n_init_states_ : int or None
        States that strategies were asked for; None where "auto" was to say it and all starts were given as labels.
    convergence_ : Convergence
        How far chains agree: R-hat (rank-normalised, split) of ``log_joint``, ``n_large_states`` (that hold more than
        1 % of the rows), ``occupancy_entropy`` and ``share_of_stays``, and the mean adjusted Rand index of
        segmentations between every two chains and within each, ``agreement``. A single chain is judged by its halves.
    converged_ : bool
        Whether chains agree in all of these: every R-hat is below 1.05, or chain means are so close that it does not
        matter (.02 nats a row and at most 20 of the log density, .3 states, .05 nats of entropy, 1 % of stays); and the
        adjusted Rand index between chains is at most .02 below that within. A fit of 100 draws or more that did not
        converge warns (``ConvergenceWarning``).
    stopped_ : dict of int to str
        Chains that could not go on, and why; the others are kept.
    observed_ : Panel
        The data of `fit`: ``y`` (T, D) with skipped steps as missing rows, the ``rows`` of it that were given, the
        ``offsets`` at which sequences begin, the names of the ``columns``.
    init_race_ : Comparison
        The race of ``init="auto"`` or a `Race`: a row for each start, failed or not; those with status ``ok`` are the
        chains of the fit, the best at the end of the race first; their final objective is the mean over their draws.
    n_features_in_, feature_names_in_
        Columns of the data of `fit`.

    References
    ----------
    .. [1] Van Gael, Saatci, Teh and Ghahramani, Beam sampling for the infinite hidden Markov model, ICML (2008).
    .. [2] Fox, Sudderth, Jordan and Willsky, A sticky HDP-HMM with application to speaker diarization, Ann. Appl.
       Stat. 5 (2011).
    .. [3] Cortese and Rossini, A comparison between initialization strategies for the infinite hidden Markov model,
       arXiv 2512.03777.
    .. [4] Wade and Ghahramani, Bayesian cluster analysis, Bayesian Anal. 13 (2018).

    Examples
    --------
    Three levels, which come and go:

    >>> import numpy as np
    >>> from tsinit import InfiniteHMM
    >>> level = np.repeat([0.0, 8.0, 16.0, 0.0, 8.0, 16.0], 50)
    >>> y = level + np.random.default_rng(0).standard_normal(300)
    >>> regimes = InfiniteHMM(n_tune=200, n_draws=200, n_chains=2, random_state=0).fit(y[:, None])
    >>> regimes.n_states_, regimes.converged_
    (3, True)
    """

    fit_kind = FitKind("labels", "joint log density", sampler=True)

    def __init__(
        self,
        *,
        init: Any = "dispersed",
        n_init_states: int | Literal["auto"] = "auto",
        emission: str | Emission | Mapping[Any, Any] = "gaussian",
        sticky: bool = True,
        n_tune: int = 1000,
        n_draws: int = 1000,
        thin: int = 1,
        n_chains: int = 4,
        priors: dict[str, tuple[float, float]] | None = None,
        random_state: SeedLike = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        on_interrupt: Literal["raise", "keep"] = "raise",
    ) -> None:
        self.init = init
        self.n_init_states = n_init_states
        self.emission = emission
        self.sticky = sticky
        self.n_tune = n_tune
        self.n_draws = n_draws
        self.thin = thin
        self.n_chains = n_chains
        self.priors = priors
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.on_interrupt = on_interrupt

    def _run(self, panel: Panel, seed: np.random.SeedSequence, monitor: Monitor) -> None:
        monitor.start()
        setup = self._set_up(panel, seed, monitor)
        record = Recorder(panel, setup.schedule, setup.n_chains)
        race = strategy_of(self.init, Race)
        # An init that is none is told before time goes into a number of states.
        strategies = (
            starters(race, "labels") if race else [resolve(init, "labels") for init in setup.inits]
        )
        setup = setup.with_n_states()
        self.n_init_states_ = setup.n_states
        runs: list[ChainRun]
        if race is None:
            self.start_ = np.array([setup.ask(one, c) for c, one in enumerate(strategies)])
            monitor.run()
            runs = [
                ChainRun(
                    setup.chain(z, child_seed(seed, 1, c)),
                    setup.schedule,
                    SCALARS,
                    record,
                )
                for c, z in enumerate(self.start_)
            ]
        else:
            survivors = race_starts(race, setup, monitor)
            self.start_, runs = survivors.starts, list(survivors.runs)
            for run in runs:
                run.recorder = record
        sample(runs, setup, monitor)
        monitor.stop()
        self._fitted_schedule, self._fitted_seconds = setup.schedule, monitor.fit_seconds
        self._finish(runs, setup)
        if race is not None:
            self._fitted_race = survivors.record(candidates(race, "labels"), seed)
        # Chains that stopped, and sweeps that an interrupt found half done, are reported as the trace has them.
        monitor.rewrite(
            self.trace_["log_joint"].mean(axis=0), n_states=self.trace_["n_states"].mean(axis=0)
        )
        monitor.final = float(self.draws_.log_joint.mean())

    def fit(self, X: SeriesLike, y: object = None, *, lengths: Sequence[int] | None = None) -> Self:
        """Fit the model, and warn of chains that disagree and of rows that the states do not make independent.

        Parameters
        ----------
        X, y, lengths
            As of every model here: a table with time in rows, or several; NaN where missing.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            The data, a parameter or the start is unusable; the message says which rule is broken.
        """
        super().fit(X, lengths=lengths)
        if self.draws_.n_draws >= _MIN_DRAWS:
            self._warn()
        return self

    def _warn(self) -> None:
        sentence = self.convergence_.sentence()
        if sentence:
            _validate.warn_unconverged(sentence)
        # Rows that look back are not independent, nor meant to be.
        plain = self._fitted_emission.plain_columns
        if plain.any():
            panel = self.observed_
            labels = np.full(len(panel.y), -1)
            labels[panel.rows] = self.labels_
            found = lag_one_correlations(np.where(plain, panel.y, np.nan), labels, panel.offsets)
            if np.nan_to_num(found).max(initial=0.0) > MAX_CORRELATION:
                j = int(np.nanargmax(found))
                _validate.warn_correlated(panel.columns[j], float(found[j]))

    def _n_iterations(self) -> int:
        return self.n_tune + self.n_draws * self.thin

    def _set_up(self, panel: Panel, seed: np.random.SeedSequence, monitor: Monitor) -> SamplerSetup:
        n_chains = check_count("n_chains", self.n_chains)
        n_states = self.n_init_states
        automatic = isinstance(n_states, str) and n_states == "auto"
        inits = _validate.check_per_chain("init", self.init, n_chains)
        emission = emissions.resolve(self.emission, panel.columns)
        sticky = check_flag("sticky", self.sticky)
        schedule = ChainSchedule(
            check_count("n_tune", self.n_tune, 0),
            check_count("n_draws", self.n_draws),
            check_count("thin", self.thin),
        )
        return SamplerSetup(
            panel=panel,
            seed=seed,
            inits=inits,
            n_states=None
            if automatic
            else check_count("n_init_states", n_states, rule=", or 'auto'"),
            sticky=sticky,
            # One sweep at least: there is no draw without.
            schedule=schedule.within(max(monitor.max_iter(schedule.n_sweeps), 1)),
            n_chains=n_chains,
            priors=_validate.check_concentrations(self.priors, ConcentrationPriors()),
            n_jobs=_validate.check_jobs(self.n_jobs),
            keep_interrupted=check_choice("on_interrupt", self.on_interrupt, ("raise", "keep"))
            == "keep",
            emission=check_emission_on_data(emission.bind(panel.y, panel.offsets)),
        )

    def _finish(self, runs: list[ChainRun], setup: SamplerSetup) -> None:
        """Set what a user reads, from the chains that did not stop."""
        self.stopped_ = {
            c: str(run.failure) for c, run in enumerate(runs) if run.failure is not None
        }
        complete = [run for run in runs if run.failure is None]
        _validate.check_chains(self.stopped_, len(runs))
        if any(not run.draws for run in complete):  # out of time before the first draw
            for run in complete:
                run.record_draw()
        self.n_iter_ = min(run.n_sweeps for run in complete)
        self.trace_ = {
            name: np.array([run.trace[name][: self.n_iter_ + 1] for run in complete])
            for name in SCALARS
        }
        self.draws_ = HMMDraws(complete)
        found = posterior.estimate(self.draws_, setup.emission, setup.panel.y[setup.panel.rows])
        self.labels_, self.probabilities_ = found.labels, found.probabilities
        self.n_states_ = found.probabilities.shape[1]
        self.means_, self.covariances_ = found.means, found.covariances
        self.transition_matrix_ = found.transition_matrix
        self.observed_ = setup.panel.kept()
        self.convergence_ = convergence.diagnose(self.draws_)
        self._fitted_mapping, self._fitted_emission = found.mapping, setup.emission

    def forecast(
        self,
        n_steps: int,
        X: SeriesLike | None = None,
        *,
        lengths: Sequence[int] | None = None,
        n_samples: int = 2000,
        random_state: SeedLike = None,
    ) -> PosteriorForecast:
        """Predict the steps after the data, over the draws.

        Every draw filters the data with its own states and goes on by its own transition probabilities among them. New
        states, which the model allows, are left out.

        Parameters
        ----------
        n_steps : int
            How many.
        X, lengths
            Data to continue; None continues the (last) sequence of `fit`. With several sequences in X, the last is
            continued.
        n_samples : int
            Paths to simulate.
        random_state : int, SeedSequence, Generator, RandomState or None
            Seed of the paths.

        Returns
        -------
        PosteriorForecast
            Probabilities of the states, and means of the observations, which are averages over draws; simulated paths,
            with their quantiles and intervals.

        Raises
        ------
        ValueError, TypeError
            X is unusable, `n_steps` or `n_samples` is no whole number of at least 1, `random_state` is no seed, or an
            autoregression would have to go on from missing values.
        """
        past, n_steps, n_samples, rng, end, states = self._ahead(
            n_steps, X, lengths, n_samples, random_state
        )
        with one_thread():
            found = ahead.look_ahead(
                self.draws_, self._fitted_mapping, self.n_states_,
                self._fitted_emission.with_data(past), past, n_steps, n_samples, rng,
            )  # fmt: skip
        return found._replace(
            probabilities=states.label(found.probabilities), means=end.label(found.means)
        )

    def coclustering_matrix(self, rows: ArrayLike | None = None) -> np.ndarray:
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
        rows = _validate.check_rows("rows", rows, len(self.labels_), _MAX_ROWS)
        return partitions.coclustering(self.draws_.flat, rows)

    @property
    def converged_(self) -> bool:
        """Whether the chains agree on the scalars of ``convergence_`` and on the segmentation."""
        _validate.check_fitted(self)
        return self.convergence_.converged

    def sampler_summary(self) -> dict[str, float]:
        """How well the chains mixed.

        Returns
        -------
        dict of str to float
            ``rhat`` and ``ess``, the worst of the joint log density and of those other scalars of ``convergence_`` on
            which chain means differ by an amount that matters, and ``ess_per_second``.
        """
        _validate.check_fitted(self)
        judged = self.convergence_.scalars
        rhat, ess = worst_mixing(
            values
            for name, values in convergence.scalars(self.draws_).items()
            if name == "log_joint" or not judged[name].is_negligible
        )
        return {"rhat": rhat, "ess": ess, "ess_per_second": ess / self._fitted_seconds}

    def to_datatree(self) -> xr.DataTree:
        """All that was drawn, with the names that ArviZ knows.

        Group ``posterior`` holds the scalars that do not depend on labels, ``posterior_by_state`` the parameters of
        the states of the estimate (NaN in draws that lack one), and ``warmup_posterior`` the scalars before the
        first draw. Of long series, states and labels are those of the draws whose labels were kept, numbered by them.

        Returns
        -------
        xarray.DataTree
        """
        _validate.check_fitted(self)
        n_tune = self.n_iter_ - self.draws_.n_draws * self._fitted_schedule.thin
        return posterior.to_datatree(
            self.draws_,
            posterior.by_state(
                self.draws_, self._fitted_mapping, self.n_states_, self._fitted_emission.describe
            ),
            {name: values[:, 1 : n_tune + 1] for name, values in self.trace_.items()},
            self.observed_,
            [c for c in range(len(self.start_)) if c not in self.stopped_],
            {"model": type(self).__name__, "stopped_chains": str(self.stopped_)},
        )

    def to_arviz(self) -> arviz.InferenceData | xr.DataTree:
        """The draws in the container of the installed ArviZ: ``InferenceData`` before 1.0, ``DataTree`` since."""
        from tsinit import result

        return result.to_arviz(self.to_datatree())

    def _smooth(self, emission: EmissionOnData, offsets: IntArray) -> FloatArray:
        return self._averaged(posterior.smooth, emission, offsets)

    def _filter(self, emission: EmissionOnData, offsets: IntArray) -> FloatArray:
        return self._averaged(posterior.filter_states, emission, offsets)

    def _averaged(
        self, of_draws: Callable[..., FloatArray], emission: EmissionOnData, offsets: IntArray
    ) -> FloatArray:
        with one_thread():
            return of_draws(self.draws_, self._fitted_mapping, self.n_states_, emission, offsets)

    def _log_density_of(self, emission: EmissionOnData, offsets: IntArray) -> float:
        values = posterior.log_likelihoods(self.draws_, emission, offsets)
        return float(logsumexp(values) - np.log(len(values)))
