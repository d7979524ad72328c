"""The infinite hidden Markov model, sampled by the beam sampler from a pluggable start."""

from typing import Any, NamedTuple

import numpy as np

from tsinit import _validate, emissions
from tsinit._validate import check_choice, check_count, check_flag, check_labels, child_seed
from tsinit.init._labels import wanted_states
from tsinit.init.race import candidates, race_of
from tsinit.init.registry import resolve
from tsinit.models.base import FitKind, SeriesEstimator, is_interrupt
from tsinit.models.chain_race import ChainRace, race_chains
from tsinit.models.chains import ChainRun, ChainSchedule, run_chains
from tsinit.models.hidden_markov import summaries
from tsinit.models.hidden_markov.chain import Chain, ChainStopped, Priors
from tsinit.models.hidden_markov.posterior import SCALARS, Draws, recorder
from tsinit.models.hidden_markov.regimes import RegimeQueries
from tsinit.models.race import InitRaceMixin


class _Options(NamedTuple):
    """Checked constructor arguments."""

    inits: list  # one for each chain
    n_states: int  # of the start
    emission: Any
    sticky: bool
    schedule: ChainSchedule
    n_chains: int
    priors: Priors
    n_jobs: int | None
    keep: bool  # what was drawn before an interrupt


#: Rank-normalised split R-hat of the joint log density and of K below which a fit counts as converged.
_R_HAT = 1.05


class InfiniteHMM(InitRaceMixin, RegimeQueries, SeriesEstimator):
    """Hidden Markov model whose number of states is inferred (HDP-HMM), by beam sampling.

    Every row of the series is in one of countably many states; states follow one another by a Markov chain, whose
    rows share a hierarchical Dirichlet process, and each state has an emission distribution of its own. Missing
    values are integrated out, and columns are centred and scaled inside where the emission is continuous, so that
    units do not matter.

    The sampler draws from the posterior whatever the start, but for how long the start shows depends on it: states
    are born from the prior, which happens rarely, so that too few states in the start may take many sweeps to mend.
    Give several starts to :func:`tsinit.compare` to see how many.

    Parameters
    ----------
    init : str, strategy, function, array of labels, or list of these
        Where the chains begin: a registered name, an object with a method ``labels``, a function of ``y, rng,
        n_states`` (what it wants of these), or one label per row. A list gives one start to each chain. ``"auto"``
        races strategies through the first half of the warm-up and goes on with the best `n_chains` of their chains
        where they stand; :class:`tsinit.init.Race` sets who races and how. The race is over before any draw is kept,
        and the second half of the warm-up forgets that chains were chosen by their density, so that the posterior is
        what it was. No strategy has more than half of the chains while another has one left: R-hat needs chains
        that come from apart.
    n_init_states : "auto" or int
        States of the start, for strategies that need to know. "auto" is one for 50 rows, but at least 2 and at
        most 10: on long series rather too many, because superfluous states die out sooner than missing ones are
        born; on short ones give more.
    emission : str or Emission
        ``"gaussian"`` (full covariances), ``"gaussian_diag"``, ``"gaussian_known_variance"``, ``"student_t"``,
        ``"poisson"``, ``"categorical"``, ``"von_mises"``, or an object of :mod:`tsinit.emissions` with priors of
        your own.
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
        Posterior mean of each state's mean, in the units of the data, over the draws that have the state.
    covariances_ : (n_states_, D, D) float
        The same of its covariance.
    transition_matrix_ : (n_states_, n_states_) float
        The same of the transition probabilities among these states.
    draws_ : Draws
        Labels and scalars of every draw, of the chains that did not stop.
    trace_ : dict of str to (chain, sweep) float
        Joint log density, number of states, alpha, gamma and rho at the start and after every sweep, of the chains
        that did not stop.
    start_ : (n_chains, T) int
        What the strategies returned, time steps that the data skip included.
    history_ : (n_iter_ + 1,) float
        Joint log density of labels and data, averaged over chains, after every sweep.
    n_iter_ : int
        Sweeps of each chain.
    converged_ : bool
        Whether R-hat of the joint log density and of the number of states is below 1.05.
    stopped_ : dict of int to str
        Chains that could not go on, and why; the others are kept.
    init_race_ : Comparison
        The race of ``init="auto"`` or a `Race`: a row for each start, failed or not; those with status ``ok`` are the
        chains of the fit, the best at the end of the race first, and end in the mean over their draws.
    n_features_in_, feature_names_in_
        Columns seen in `fit`.

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
    >>> from tsinit import InfiniteHMM
    >>> from tsinit.datasets import load_new_york_air_quality
    >>> air = load_new_york_air_quality()
    >>> regimes = InfiniteHMM(n_tune=200, n_draws=200, n_chains=2, random_state=0).fit(air)
    >>> regimes.labels_.shape
    (153,)
    """

    fit_kind = FitKind("labels", "joint log density", sampler=True)
    _fitted_attribute = "labels_"

    def __init__(
        self,
        *,
        init="kmeans",
        n_init_states="auto",
        emission="gaussian",
        sticky=True,
        n_tune=1000,
        n_draws=1000,
        thin=1,
        n_chains=4,
        priors=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
        on_interrupt="raise",
    ):
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

    def fit_predict(self, X, y=None, *, lengths=None):
        """Fit, and return the states of the rows in the form of X, as :meth:`fit` and ``labels_``."""
        self.fit(X, lengths=lengths)
        return summaries.restore(self._fitted_panel, self.labels_, "state")

    def _run(self, panel, seed, monitor):
        options = self._options(panel)
        bound = options.emission.bind(panel.y, panel.offsets)
        # One sweep at least: there is no draw without.
        schedule = options.schedule.within(max(monitor.max_iter(options.schedule.n_sweeps), 1))
        keep = recorder(panel.rows, len(panel.y))
        race = race_of(self.init, "labels")
        if race is None:
            monitor.start()
            inits = [resolve(init, "labels") for init in options.inits]
            self.start_ = np.array(
                [self._ask(init, panel, bound, options, seed, c) for c, init in enumerate(inits)]
            )
            monitor.run()
            walks = [
                ChainRun(
                    _chain(bound, panel, options, z, child_seed(seed, 1, c)),
                    schedule,
                    SCALARS,
                    keep,
                )
                for c, z in enumerate(self.start_)
            ]
        else:
            survivors = self._race(
                race, panel, bound, options._replace(schedule=schedule), seed, monitor
            )
            self.start_, walks = survivors.starts, list(survivors.runs)
            for walk in walks:
                walk.recorder = keep
        self._sample(walks, schedule, options, monitor)
        monitor.stop()
        self._fitted_schedule, self._fitted_seconds = schedule, monitor.fit_seconds
        self._finish(walks, bound, panel)
        if race is not None:
            self._fitted_race = survivors.record(candidates(race, "labels"), seed)
        # Chains that stopped, and sweeps that an interrupt found half done, are told as the trace tells them.
        monitor.rewrite(
            self.trace_["log_joint"].mean(axis=0), n_states=self.trace_["n_states"].mean(axis=0)
        )
        monitor.final = float(self.draws_.log_joint.mean())

    def _n_iterations(self):
        return self.n_tune + self.n_draws * self.thin

    def _options(self, panel):
        n_chains = check_count("n_chains", self.n_chains)
        n_states = self.n_init_states
        if not isinstance(n_states, str) or n_states != "auto":
            n_states = check_count("n_init_states", n_states, rule=", or 'auto'")
        else:
            n_states = wanted_states(None, int((~np.isnan(panel.y)).any(axis=1).sum()))
        return _Options(
            inits=_validate.check_per_chain("init", self.init, n_chains),
            n_states=n_states,
            emission=emissions.resolve(self.emission),
            sticky=check_flag("sticky", self.sticky),
            schedule=ChainSchedule(
                check_count("n_tune", self.n_tune, 0), check_count("n_draws", self.n_draws),
                check_count("thin", self.thin),
            ),
            n_chains=n_chains,
            priors=_validate.check_concentrations(self.priors, Priors()),
            n_jobs=_validate.check_jobs(self.n_jobs),
            keep=check_choice("on_interrupt", self.on_interrupt, ("raise", "keep")) == "keep",
        )  # fmt: skip

    def _race(self, race, panel, bound, options, seed, monitor):
        """Race strategies through the first half of the warm-up; returns the `Survivors`."""
        contest = ChainRace(
            verb="labels",
            ask=lambda chosen, rng: self._ask(chosen, panel, bound, options, seed, 0, rng),
            spread=lambda labels, rng: labels,  # from one segmentation, chains part in the first sweeps
            chain=lambda labels, rng: _chain(bound, panel, options, labels, rng),
            scalars=SCALARS, objective="log_joint", schedule=options.schedule, n_chains=options.n_chains,
            n_jobs=options.n_jobs, failures=(ChainStopped,),
        )  # fmt: skip
        return race_chains(race, contest, seed, monitor)

    def _ask(self, chosen, panel, bound, options, seed, c, rng=None):
        """Ask a strategy for the start of one chain."""
        if rng is None:
            rng = np.random.default_rng(child_seed(seed, *((0,) if c == 0 else (0, c))))

        def trial(labels, n_iter):
            """Short chain from a candidate: (mean joint log density of its second half, labels at its end)."""
            chain = _chain(
                bound,
                panel,
                options,
                check_labels(labels, len(panel.y), "start"),
                child_seed(seed, 2, c),
            )
            values = [chain.log_joint]
            for _ in range(n_iter):
                chain.sweep()
                values.append(chain.log_joint)
            return float(np.mean(values[len(values) // 2 :])), chain.z.copy()

        labels = chosen.propose(
            panel.y.copy(), rng, n_states=options.n_states,
            offsets=panel.offsets if len(panel.offsets) > 2 else None, trial=trial,
        )  # fmt: skip
        return check_labels(_spread(labels, panel), len(panel.y))

    def _sample(self, walks, schedule, options, monitor):
        try:
            run_chains(
                walks, schedule.n_sweeps, monitor, n_jobs=options.n_jobs, failures=(ChainStopped,),
                objective="log_joint", extras=("n_states",),
            )  # fmt: skip
        except (KeyboardInterrupt, SystemError) as error:
            if not is_interrupt(error) or not options.keep or any(not walk.draws for walk in walks):
                raise
            _validate.warn_of_interrupt(min(len(walk.draws) for walk in walks))

    def _finish(self, walks, bound, panel):
        """Set what a user reads, from the chains that went all the way."""
        self.stopped_ = {
            c: str(walk.failure) for c, walk in enumerate(walks) if walk.failure is not None
        }
        self._fitted_chains = [c for c, walk in enumerate(walks) if walk.failure is None]
        going = [walks[c] for c in self._fitted_chains]
        _validate.check_chains(self.stopped_, len(walks))
        if any(not walk.draws for walk in going):  # out of time before the first draw
            for walk in going:
                walk.record_draw()
        n_sweeps = min(walk.n_sweeps for walk in going)
        self.trace_ = {
            name: np.array([walk.trace[name][: n_sweeps + 1] for walk in going]) for name in SCALARS
        }
        self.n_iter_ = n_sweeps
        self.draws_ = Draws(going)
        summaries.estimate(self, bound)
        self._fitted_bound, self._fitted_panel = bound, panel.kept()

    @property
    def converged_(self):
        """Whether R-hat of the joint log density and of the number of states is below 1.05."""
        return bool(self.sampler_summary()["rhat"] < _R_HAT)


def _chain(bound, panel, options, labels, seed):
    rng = np.random.default_rng(seed)
    return Chain(bound, panel.offsets, labels, rng, priors=options.priors, sticky=options.sticky)


def _spread(labels, panel):
    """Spread labels of the rows given over the steps that the data skip: those stay where they were."""
    given = np.asarray(labels)
    if given.ndim != 1 or len(given) != len(panel.rows) or len(panel.rows) == len(panel.y):
        return labels
    before = np.searchsorted(panel.rows, np.arange(len(panel.y)), side="right") - 1
    return given[before]
