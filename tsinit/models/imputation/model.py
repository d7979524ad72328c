"""Multiple imputation of time series by chained Bayesian regressions on linked lags."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from tsinit import _validate
from tsinit._validate import (
    check_between,
    check_choice,
    check_count,
    check_fitted,
    check_number,
    child_seed,
)
from tsinit._validate.censoring import check_detection_limits
from tsinit._validate.imputing import (
    ManyZeros,
    check_class_column,
    check_classes_allowed,
    check_fill,
    check_harmonics,
    check_match,
    check_n_imputations,
    check_noise,
    check_period,
    check_rounded,
    check_scale,
    check_sequence_effects,
    require_sequences,
    warn_reflected,
    warn_unmixed,
)
from tsinit._validate.kinds import ColumnKinds
from tsinit.init.race import Race, candidates
from tsinit.init.registry import ResolvedStrategy, resolve, strategy_of
from tsinit.models.base import FitKind, SeriesEstimator, lists_as_they_are, one_thread
from tsinit.models.chain_race import ChainRace, Survivors, race_chains
from tsinit.models.chains import ChainRun, ChainSchedule, run_chains
from tsinit.models.imputation.chained_equations import DivergenceError
from tsinit.models.imputation.class_columns import probability_table
from tsinit.models.imputation.engines import ENGINES, FAILURES, SCALARS, ScaledEngine
from tsinit.models.imputation.method_trial import MethodChoice, another_engine, choose_method
from tsinit.models.imputation.open_gaps import steps_of
from tsinit.models.imputation.posterior import (
    ImputationPosterior,
    ImputedDraws,
    column_scalars,
    diagnostics,
    spread_out,
    worst_scalar,
)
from tsinit.models.imputation.problem import ColumnScales, ImputationProblem, ImputationTable
from tsinit.models.imputation.season import step_of
from tsinit.models.monitor import Monitor
from tsinit.models.race import InitRaceMixin
from tsinit.result import CONVERGED_RHAT, worst_mixing

if TYPE_CHECKING:
    from typing import Self

    import numpy.typing as npt
    import pandas as pd
    import xarray

    from tsinit._typing import FloatArray, SeedLike, SeriesLike, TableLike
    from tsinit._validate import Panel

Bounds: TypeAlias = "tuple[float | None, float | None]"  # lower, upper
Intervals: TypeAlias = "tuple[SeriesLike | None, SeriesLike | None]"  # lower, upper

#: Warnings: draws of each chain from which there are any, and the share of reflected draws.
_MIN_DRAWS, _MAX_REFLECTED = 100, 0.01
#: Variance of the coefficients of season and level a priori, where that of the others is learned.
_LEVEL = 5.0


class ImputerOptions(NamedTuple):
    """Checked parameters of a `TBayesMICE`."""

    method: str
    sampler: str
    inits: list[Any]
    lags: int
    lag_features: str
    period: Any
    harmonics: Any
    transforms: Any
    noise: str
    schedule: ChainSchedule
    n_chains: int
    prior_scale: float
    learned_scale: bool
    bounds: Any
    kinds: ColumnKinds
    sequence_effects: bool
    match: int
    n_jobs: int | None
    n_states: int | None = None


@lists_as_they_are
class TBayesMICE(InitRaceMixin, OneToOneFeatureMixin, TransformerMixin, SeriesEstimator):
    """Complete tables for a time series with gaps, as many as you like, that differ as much as is uncertain.

    Every column is regressed on the other columns at the same and at neighbouring steps and on its own past, and
    coefficients, noise and missing cells are drawn in turn (chained equations). Lags are views of one table, so that
    the regressions of its neighbours use a drawn cell at once; all missing cells of a column are drawn jointly, long
    gaps included. Cells of several columns that determine each other, or are missing together for long, are drawn at
    once from an autoregression of all columns: one by one, they would mix slowly. Lags follow the clock: they reach
    neither across skipped steps nor into another sequence, and rows that lack some have regressions of their own.

    Parameters
    ----------
    method : {"fcs", "var", "state_space", "auto"}
        Chained equations, a joint vector autoregression for gaps in which whole rows are missing for long, a linear
        Gaussian state-space model for wide tables and blocks, or what suits the table: observed cells are hidden in
        the pattern of its own gaps, each engine fills them in a trial that takes some 3 % of the sweeps of a fit, and
        the one whose draws have the smallest CRPS is taken, which is multiplied by R-hat where they do not mix. What
        the gaps suggest (autoregression where three rows or more are wholly missing, else chained equations) is kept
        unless another is better by 2 %. Not tried are the autoregression of more than 60 columns, and chained
        equations with lags of all of more than some 180.
    sampler : {"mala", "rwm", "gibbs"}
        How chained equations draw coefficients: Langevin steps, random-walk steps, or from their exact conditional.
        The posterior is the same. The joint models always draw them from the exact conditional.
    init : str, strategy, function, complete table, or list of these
        Where the chains begin: a registered name, an object with a method ``fill``, a function of what it wants of
        ``y, rng, offsets, times, period, trial``, or a table. The first chain begins there and the others around it,
        so that R-hat can show whether they agree; a list gives one start to each chain. ``"auto"`` races strategies
        through the first half of the warm-up and goes on with the best `n_chains` of their chains where they stand, at
        most half of them from one strategy while another has one left. The race is over before any draw is kept, and
        the second half of the warm-up forgets it, so that the posterior is what it was; :class:`tsinit.init.Race` sets
        who races.
    lags : int
        Steps before and after that a regression uses. One is enough for most tables; more cost time, and accuracy
        where rows are few.
    lag_features : {"all", "own"}
        Lags of all columns, or only of the column itself.
    period : "auto", None, float or sequence of float
        Steps of a season. "auto" takes a day, week or year from the dates.
    harmonics : int or "auto"
        Waves of the profile of each season: two make a smooth one. "auto" takes 2, or 4, 8, ... up to 64 where profiles
        with so many foretell periods that they were not learned from better by a hundredth of the squared error, as
        those of weeks of hours do.
    transforms : {"auto", "yeo-johnson", "log", "sqrt"}, None or dict of column name to these
        Scale on which columns are taken as normal; "auto" is Yeo and Johnson's where the values are skewed. It makes
        filled values better, but a straight line there is a bend in the units of the data: where the tables serve a
        linear regression in these units, None leaves its slopes in place.
    noise : {"normal", "student_t"}
        Of the regressions; Student-t has 4 degrees of freedom and is for chained equations only, which "auto" then
        takes.
    n_states : int or None
        States of ``method="state_space"``; None is the number of smallest BIC after some steps of EM, up to 20.
    n_imputations : int
        Complete tables that :meth:`impute` returns by default.
    n_tune, n_draws : int
        Sweeps before the first draw, and draws of each chain.
    n_chains : int
        Chains, each with a start and a generator of its own.
    prior_scale : "auto" or float
        Variance of a coefficient a priori, columns having variance 1. "auto" learns it, regression by regression:
        tables with more columns than rows are filled as well as others. A number from 1e-6 to 1e12 is that of all;
        the autoregression learns the variance of lags in any case, and takes a number as the scale it is learned from.
    bounds : pair, dict of column name to pair, or None
        (lower, upper) that drawn values keep, in the units of the data; None in a pair is no bound.
    max_gap : int, Timedelta, str or None
        Longest gap that is filled, in steps of the clock, or as a time such as ``"6h"``. The cells of longer ones stay
        open: NaN in all that is handed back. A gap reaches from one observed value of its column to the next, over
        skipped steps too, or to an end of the sequence.
    censored : dict of column name to pair, or None
        Limits of detection (lower, upper) of columns, in the units of the data; None in a pair is no limit. A value at
        or below the lower one is only known to be that low, one at or above the upper one that high: tables are
        completed by draws from there, not by the limit. Limits of single cells are for :meth:`fit`, as `between`.
    sequence_effects : bool
        Whether every sequence has a level of its own in each column with gaps, as the subjects of a panel have: levels
        are normal, with a covariance that is learned, and regressions are of the deviations from them. New sequences
        of :meth:`transform` have levels too, drawn given their data. Goes with `censored`, `between` and classes. For
        chained equations only.
    match : int or None
        Donors of predictive mean matching: instead of a draw, a missing cell takes the value of one of so many observed
        cells of its column whose predictions are nearest to its own, 5 as a rule. For columns that no transform makes
        normal; every value is one that was observed. Cells of a gap are matched one after the other, which mixes
        slowly in long ones. For chained equations only.
    kinds : "auto" or dict of column name to kind
        What columns hold: "continuous" numbers; "semicontinuous" ones, which are never negative and often exactly zero,
        such as rain; a "count"; numbers that are "rounded" to whole ones; and classes, "binary", "ordinal" or
        "categorical". All but the first are looks at latent normal columns: zero at what is below, the nearest whole
        number, classes by probit models, which take chained equations with normal noise. "auto", and what a dict does
        not name, is what the dtypes of a DataFrame say: bool, boolean and two classes are "binary", an ordered category
        is "ordinal", any other and a column of few words "categorical", whole numbers with gaps (Int64) of two values
        "binary" and of three to five "ordinal", and all else "continuous", as all columns of an array are. Tables come
        back in the dtypes of the columns, whole numbers as the nearest ones.
    random_state : int, SeedSequence, Generator, RandomState or None
        Seed of starts and chains.
    n_jobs : int or None
        Chains that run at the same time, in threads; the draws do not depend on it.
    verbose : int
        0 silent, 1 a progress bar, 2 also warnings of single steps.

    Attributes
    ----------
    draws_ : (chain, draw, cell) float
        Missing cells of the columns that vary, without those left open, row by row, in the units of the data.
    diagnostics_ : DataFrame
        For every incomplete column: missing cells, how many of them are ``censored``, as ``left_open`` those of gaps
        longer than `max_gap`, R-hat, effective sample size, acceptance, and as ``guarded`` the share of draws that
        were reflected because they went far outside of what was observed. A constant column, which is filled by its
        value, has NaN for all that is about draws. As ``kind``, what the column was taken for.
    kinds_ : DataFrame
        The dtype of every column of `fit`, and what it was taken for.
    posterior_ : ImputationPosterior
        The table of the fit, which cells were missing, and their draws by cell and by column: what plots read.
    trace_ : dict of str to (chain, sweep, ...) float
        Log density, noise variances, means and standard deviations of the drawn cells, after every sweep.
    start_ : (n_chains, T, D) float
        The tables that the chains began with.
    history_ : (n_iter_ + 1,) float
        Log density of the completed table under its regressions, averaged over chains, after every sweep.
    method_ : str
        The engine that ran.
    method_table_ : DataFrame
        What the trial of ``method="auto"`` expects of each engine: ``mae``, ``rmse`` and ``crps`` of the hidden cells
        in standard deviations of the columns, ``coverage`` of 90 % intervals, ``rhat`` of the filled cells, all taken
        together (about 1 where these few draws mix), and which was ``chosen``. Only where there was a choice, and at
        least 20 cells could be hidden.
    n_iter_ : int
        Sweeps of each chain.
    converged_ : bool
        Whether R-hat of all these scalars is below 1.05. Where it is not, a ``ConvergenceWarning`` names the worst,
        from 100 draws of each chain on: of fewer, R-hat says little.
    init_race_ : Comparison
        The race of ``init="auto"`` or a `Race`: a row for each start, failed or not; those with status ``ok`` are the
        chains of the fit and end in the mean over their draws.
    n_features_in_, feature_names_in_
        Columns of the table of `fit`.

    References
    ----------
    .. [1] Ibenegbu, Lafaye de Micheaux and Chandra, Bayes-MICE: a Bayesian approach to multiple imputation for time
       series data, arXiv 2603.27142.
    .. [2] Van Buuren, Flexible Imputation of Missing Data, 2nd ed. (2018), section 4.5.
    .. [3] Gelman, Bayesian Analysis 1 (2006), and Huang and Wand, Bayesian Analysis 8 (2013): the noise has half-Cauchy
       standard deviations a priori, which have no scale that would be a floor; so do coefficients of regressions.
    .. [4] Carter and Kohn, Biometrika 81 (1994), and Fruehwirth-Schnatter, J. Time Ser. Anal. 15 (1994): states and
       parameters of the state-space model drawn in turn.
    .. [5] Rue and Held, Gaussian Markov Random Fields (2005), section 2.4: draws under a band precision.
    .. [6] Tobin, Econometrica 26 (1958), and Chib, Journal of Econometrics 51 (1992): censored cells are drawn from
       their conditional normal, truncated to where they are known to lie.

    Examples
    --------
    >>> from tsinit import TBayesMICE
    >>> from tsinit.datasets import load_new_york_air_quality
    >>> air = load_new_york_air_quality()
    >>> model = TBayesMICE(n_draws=100, random_state=0).fit(air)
    >>> int(model.transform(air).isna().sum().sum())
    0
    >>> len(model.impute(5))
    5
    """

    fit_kind = FitKind("fill", "log density", sampler=True)
    _fitted_attribute = "posterior_"
    _counts_by_fitted_step = False  # the clock of its seasons counts them

    def _n_iterations(self) -> int:
        return self.n_tune + self.n_draws

    def __init__(
        self,
        *,
        method: str = "fcs",
        sampler: str = "mala",
        init: Any = "linear",
        lags: int = 1,
        lag_features: str = "all",
        period: str | float | Sequence[float] | None = "auto",
        harmonics: int | str = 2,
        transforms: str | dict[Any, str | None] | None = "auto",
        noise: str = "normal",
        n_states: int | None = None,
        n_imputations: int = 20,
        n_tune: int = 100,
        n_draws: int = 400,
        n_chains: int = 4,
        prior_scale: float | str = "auto",
        bounds: Bounds | dict[Any, Bounds] | None = None,
        max_gap: int | str | Any | None = None,
        censored: dict[Any, Bounds] | None = None,
        sequence_effects: bool = False,
        match: int | None = None,
        kinds: str | dict[Any, str] = "auto",
        random_state: SeedLike = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.method = method
        self.sampler = sampler
        self.init = init
        self.lags = lags
        self.lag_features = lag_features
        self.period = period
        self.harmonics = harmonics
        self.transforms = transforms
        self.noise = noise
        self.n_states = n_states
        self.n_imputations = n_imputations
        self.n_tune = n_tune
        self.n_draws = n_draws
        self.n_chains = n_chains
        self.prior_scale = prior_scale
        self.bounds = bounds
        self.max_gap = max_gap
        self.censored = censored
        self.sequence_effects = sequence_effects
        self.match = match
        self.kinds = kinds
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _learn_columns(self, X: SeriesLike, lengths: Sequence[int] | None) -> Panel:
        self._fitted_kinds = ColumnKinds.read(self.kinds, X)
        return super()._learn_columns(X, lengths)

    def _panel(self, X: SeriesLike, lengths: Sequence[int] | None, **options: Any) -> Panel:
        codes, parts = self._fitted_kinds.encoded(X)
        panel = super()._panel(codes, lengths, **options)
        return panel._replace(parts=parts) if parts else panel

    def _run(self, panel: Panel, seed: np.random.SeedSequence, monitor: Monitor) -> None:
        options, panel = self._options(), panel.kept()
        table = self._table(panel)
        scales = ColumnScales(panel, table, options)
        problem = scales.problem(panel, table)
        if options.sequence_effects:
            require_sequences(table.offsets)
        self.method_ = self._choose(options, problem, scales.periods, seed)
        engine = ENGINES[self.method_](
            problem, options, scales.periods, np.random.default_rng(child_seed(seed, 2))
        )
        scaled, race = ScaledEngine(table, scales, engine), strategy_of(self.init, Race)
        schedule = options.schedule.within(max(monitor.max_iter(options.schedule.n_sweeps), 0))
        options = options._replace(schedule=schedule)
        chosen = scales.active_to_fill(table)[scales.active_missing(table)]
        draws = ImputedDraws(
            options.n_chains, schedule.n_draws, int(chosen.sum()), self.n_imputations, chosen
        )
        if race is None:
            runs = self._begin(scaled, options, draws, seed, monitor)
        else:
            survivors = self._race(race, scaled, options, seed, monitor)
            self.start_, runs = survivors.starts, list(survivors.runs)
            for c, run in enumerate(runs):
                run.recorder = draws.recorder(c)
        try:
            run_chains(
                runs, schedule.n_sweeps, monitor, n_jobs=options.n_jobs, objective="log_density"
            )
        except DivergenceError as error:
            error.column = scales.names[error.number]
            raise
        monitor.stop()
        self._fitted_engine, self._fitted_seed = engine, child_seed(seed, 3)
        self._fitted_seconds = max(monitor.fit_seconds, 1e-9)
        self._finish(runs, draws)
        n_warmup = self.n_iter_ - draws.n_draws
        self.posterior_ = ImputationPosterior(panel, table, scales, draws, n_warmup)
        self.diagnostics_ = diagnostics(self.posterior_, self.trace_, [run.chain for run in runs])
        self.diagnostics_["kind"] = self._fitted_kinds.of(self.diagnostics_.index)
        self._warn()
        if race is not None:
            self._fitted_race = survivors.record(candidates(race, "fill"), seed)
        monitor.final = float(draws.after_warm_up(self.trace_["log_density"]).mean())

    def _choose(
        self,
        options: ImputerOptions,
        problem: ImputationProblem,
        periods: Sequence[float],
        seed: np.random.SeedSequence,
    ) -> str:
        """Name the engine, by a trial of those that suit where that is to be chosen."""
        chosen = MethodChoice(options.method, None)
        if options.method == "auto":
            rng = np.random.default_rng(child_seed(seed, 5))
            chosen = choose_method(problem, options, periods, rng)
        if chosen.table is not None:
            self.method_table_ = chosen.table
        self._fitted_other = another_engine(chosen.method, problem, chosen.table)
        return chosen.method

    def _options(self) -> ImputerOptions:
        n_chains = check_count("n_chains", self.n_chains)
        check_count("n_imputations", self.n_imputations)
        prior_scale = check_scale(self.prior_scale)
        method = check_choice("method", self.method, ("fcs", "var", "state_space", "auto"))
        others = {"match": self.match}
        check_classes_allowed(self._fitted_kinds.columns, method, self.noise, others)
        return ImputerOptions(
            method=method,
            sampler=check_choice("sampler", self.sampler, ("mala", "rwm", "gibbs")),
            inits=_validate.check_per_chain("init", self.init, n_chains),
            lags=check_count("lags", self.lags, 0),
            lag_features=check_choice("lag_features", self.lag_features, ("all", "own")),
            period=check_period(self.period),
            harmonics=check_harmonics(self.harmonics),
            transforms=self.transforms,
            noise=check_noise(self.noise, method),
            schedule=ChainSchedule(
                check_count("n_tune", self.n_tune, 0), check_count("n_draws", self.n_draws), 1
            ),
            n_chains=n_chains,
            prior_scale=_LEVEL if prior_scale is None else prior_scale,
            learned_scale=prior_scale is None,
            bounds=self.bounds,
            kinds=self._fitted_kinds,
            sequence_effects=check_sequence_effects(self.sequence_effects, method),
            match=check_match(self.match, method, self.sequence_effects),
            n_jobs=_validate.check_jobs(self.n_jobs),
            n_states=None if self.n_states is None else check_count("n_states", self.n_states),
        )

    def _race(
        self,
        race: Race,
        scaled: ScaledEngine,
        options: ImputerOptions,
        seed: np.random.SeedSequence,
        monitor: Monitor,
    ) -> Survivors:
        """Race strategies through the first half of the warm-up."""
        schedule = options.schedule
        contest = ChainRace(
            verb="fill",
            ask=partial(_propose, scaled, seed),
            spread=scaled.moved,
            chain=lambda start, rng: scaled.chain(start, rng, schedule.n_tune),
            scalars=SCALARS, objective="log_density", schedule=schedule,
            n_chains=options.n_chains, n_jobs=options.n_jobs, failures=FAILURES,
        )  # fmt: skip
        return race_chains(race, contest, seed, monitor)

    def _begin(
        self,
        scaled: ScaledEngine,
        options: ImputerOptions,
        draws: ImputedDraws,
        seed: np.random.SeedSequence,
        monitor: Monitor,
    ) -> list[ChainRun]:
        """Ask the strategies, spread the chains where they share one, and set them up."""
        monitor.start()
        shared = not isinstance(self.init, (list, tuple))
        starts = []
        for c, init in enumerate(options.inits):
            rng = np.random.default_rng(child_seed(seed, *((0,) if c == 0 else (0, c))))
            start = _propose(scaled, seed, resolve(init, "fill"), rng)
            starts.append(scaled.moved(start, rng) if shared and c > 0 else start)
        self.start_ = np.array(starts)
        monitor.run()
        schedule, runs = options.schedule, []
        for c, start in enumerate(self.start_):
            rng = np.random.default_rng(child_seed(seed, 1, c))
            chain = scaled.chain(start, rng, schedule.n_tune)
            runs.append(ChainRun(chain, schedule, SCALARS, draws.recorder(c)))
        return runs

    def _finish(self, runs: Sequence[ChainRun], draws: ImputedDraws) -> None:
        """Set what a user reads of the chains."""
        for run in runs:
            if not run.draws:  # out of time before the first draw
                run.record_draw()
        draws.close()
        self.n_iter_ = min(run.n_sweeps for run in runs)
        self.trace_ = {
            name: np.array([run.trace[name][: self.n_iter_ + 1] for run in runs])
            for name in SCALARS
        }

    def _warn(self) -> None:
        """Warn of chains that disagree and of draws that had to be reflected."""
        if self.posterior_.stored.n_draws < _MIN_DRAWS:
            return
        if not np.isnan(self.posterior_.scales.constants).any():
            return  # every column is filled with its one value: nothing was drawn
        size = self._fitted_engine.size
        rhat, what = worst_scalar(self.posterior_, self.trace_)
        if rhat >= CONVERGED_RHAT:
            warn_unmixed(rhat, what, size, self._fitted_other)
        reflected = self.diagnostics_["guarded"].fillna(0.0).to_numpy()
        if reflected.max(initial=0.0) > _MAX_REFLECTED:
            worst = self.diagnostics_.iloc[int(reflected.argmax())]
            plain = worst["kind"] == "continuous"
            y = self.posterior_.table.y[:, self.posterior_.names.index(worst.name)]
            zeros = ManyZeros.of(y) if plain else None
            joint = not self._fitted_kinds.classes
            warn_reflected(reflected.max(), worst.name, size, zeros, joint)

    def fit(
        self,
        X: SeriesLike,
        y: object = None,
        *,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
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
        lengths : sequence of int or None
            Rows of each sequence, where X is one table.
        between : (lower, upper) or None
            Tables in the form of X, or with some of its columns: a cell that is missing in X and has a value in
            either lies above that of `lower` and below that of `upper`; None is a side without any. Limits of
            detection that are the same for all values of a column are simpler as `censored`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            The data, a parameter or the start is unusable; the message says which rule is broken.
        """
        return self.fit_under(Monitor(), X, lengths=lengths, between=between)

    def fit_transform(
        self,
        X: SeriesLike,
        y: object = None,
        *,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
    ) -> TableLike:
        """Fit, and complete the same table: :meth:`fit` and :meth:`transform`.

        Parameters
        ----------
        X, y, lengths, between
            As in :meth:`fit`.

        Returns
        -------
        (T, D) array or DataFrame, or list of those

        Raises
        ------
        ValueError, TypeError
            As in :meth:`fit`.
        """
        fitted = self.fit(X, lengths=lengths, between=between)
        return fitted.transform(X, lengths=lengths, between=between)

    def transform(
        self,
        X: SeriesLike,
        *,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
    ) -> TableLike:
        """Complete a table by the posterior means of its missing cells, or by the most probable class.

        Draws are brought back to the units of the data before they are averaged.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`. Other rows than those of `fit` are completed with the regressions that were drawn
            there; columns that are wholly missing are no obstacle then. Their dates give their place in the season;
            without dates, every sequence is taken to begin where in the season that of `fit` did.
        between
            As in :meth:`fit`, of these rows. Those of `fit` need not be told of again.

        Returns
        -------
        (T, D) array or DataFrame, or list of those
            In the form of X, with the same rows; observed cells are the same to the last bit, gaps longer than
            `max_gap` as open as they were. Censored cells hold their mean, which lies in their interval.

        Raises
        ------
        ValueError, TypeError
            X is unusable.
        """
        panel = self._told(self._read(X, lengths), between)
        table, draws = self._draws_for(panel)
        mean = self.posterior_.scales.completed(table, draws, mean=True)
        return self._restored(panel, mean)

    def impute(
        self,
        n: int | None = None,
        *,
        rounded: str | Sequence[Any] | None = None,
        X: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
    ) -> list[TableLike]:
        """Return a list of complete tables, which differ as much as is uncertain.

        Analyse each, and pool the results with ``tsinit.pool``.

        Parameters
        ----------
        n : int or None
            How many; None is ``n_imputations``. They are draws as far apart as possible, from all chains.
        rounded : "auto", list of column names or None
            Columns whose drawn values are rounded to whole numbers; "auto" is those that were whole wherever they
            were observed. Draws of counts have fractions otherwise, and means over tables are right with them.
        X, lengths, between
            Rows to complete, as in :meth:`transform`; None is those of `fit`. Of other rows there are as many draws as
            memory allows, at most some 200.

        Returns
        -------
        list of tables
            In the form of X, or of the X of `fit`.

        Raises
        ------
        ValueError, TypeError
            n is not a whole number from 1 to the number of draws that there are, a column is unknown, or X is unusable.
        """
        check_fitted(self)
        n = check_count("n", self.n_imputations if n is None else n)
        scales, stored = self.posterior_.scales, self.posterior_.stored
        panel, table, flat = self._rows(X, lengths, between)
        check_n_imputations(n, len(flat), stored.stride if X is None else 1)
        whole = table.to_fill & check_rounded(rounded, self.posterior_.names, table.y)
        tables = [scales.completed(table, flat[i : i + 1]) for i in spread_out(n, len(flat))]
        return [self._restored(panel, np.where(whole, scales.rounded(y), y)) for y in tables]

    def interval(
        self,
        level: float = 0.95,
        *,
        X: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
    ) -> tuple[TableLike, TableLike]:
        """Interval of every cell between two quantiles of the draws, as much outside on either side.

        Parameters
        ----------
        level : float
            Posterior probability of the interval.
        X, lengths, between
            Rows, as in :meth:`transform`; None is those of `fit`. Of other rows there are some 200 draws at most, so
            that the ends of 95 % intervals are a little rough.

        Returns
        -------
        lower, upper : tables
            In the form of X, or of the X of `fit`; both are the value itself where it was observed. Ends of ordered
            classes are classes; unordered ones have none, and are missing: see :meth:`class_probabilities`.

        Raises
        ------
        ValueError, TypeError
            level is not strictly between 0 and 1, or X is unusable.
        """
        check_fitted(self)
        level = check_number("level", level, above=0.0, below=1.0)
        scales, tails = self.posterior_.scales, [0.5 - level / 2, 0.5 + level / 2]
        panel, table, flat = self._rows(X, lengths, between)
        quantiles = scales.quantiles(table, flat, tails)
        # Transforms are monotone: quantiles may be taken before they are undone.
        lower, upper = (scales.completed(table, row[None]) for row in quantiles)
        return self._restored(panel, lower), self._restored(panel, upper)

    def class_probabilities(
        self, column: Any, X: SeriesLike | None = None, *, lengths: Sequence[int] | None = None
    ) -> pd.DataFrame:
        """Probabilities of the classes of every cell that was filled in a column of classes.

        Parameters
        ----------
        column : column name
        X, lengths
            As in :meth:`transform`; None is the rows of `fit`.

        Returns
        -------
        DataFrame
            A row for each filled cell and class: ``time``, or what the index is called, or ``row``, of several
            sequences ``sequence``, and ``class`` and ``probability``, the share of the draws.

        Raises
        ------
        ValueError, TypeError
            The column holds no classes, or X is unusable.
        """
        check_fitted(self)
        j = check_class_column(column, self._fitted_kinds.columns)
        posterior, taken = self.posterior_, self._fitted_kinds.columns[j]
        panel = posterior.panel if X is None else self._read(X, lengths)
        table, draws = self._draws_for(panel)
        dtype = getattr(panel.parts[0], "dtypes", None)
        rows = np.flatnonzero(table.to_fill[:, j])
        mine = self.posterior_.scales.codes(j, table, draws)
        return probability_table(
            panel, rows, mine, taken.levels, None if dtype is None else dtype.iloc[j]
        )

    @property
    def kinds_(self) -> pd.DataFrame:
        """The dtype of every column of `fit`, and what it was taken for."""
        check_fitted(self)
        return self._fitted_kinds.table()

    @property
    def draws_(self) -> FloatArray:
        """(chain, draw, cell) cells to fill of the columns that vary, row by row, in the units of the data."""
        check_fitted(self)
        return self.posterior_.draws

    @property
    def converged_(self) -> bool:
        """Whether R-hat of log density, noise, means and spreads of drawn cells is below 1.05."""
        return bool(self.sampler_summary()["rhat"] < CONVERGED_RHAT)

    def sampler_summary(self) -> dict[str, float]:
        """Worst R-hat and smallest effective sample size of what `trace_` holds.

        Returns
        -------
        dict of str to float
            ``rhat`` and ``ess``, over the draws after the warm-up, and ``ess_per_second`` of the run.
        """
        check_fitted(self)
        scalars = [self.posterior_.stored.after_warm_up(self.trace_["log_density"])]
        by_column = column_scalars(self.posterior_, self.trace_).values()
        for same in zip(*by_column, strict=True):
            scalars += same
        rhat, ess = worst_mixing(scalars)
        return {"rhat": rhat, "ess": ess, "ess_per_second": ess / self._fitted_seconds}

    def to_datatree(self) -> xarray.DataTree:
        """All that was drawn, with the names that ArviZ uses.

        Group ``posterior`` holds the missing cells (``cell``), each by the name of its column and its time or row
        number, noise variances, and the means and standard deviations of the drawn cells of each column with gaps on
        the scale of the engine; ``warmup_posterior`` noise and moments before the first draw.

        Returns
        -------
        xarray.DataTree
        """
        from tsinit import result

        check_fitted(self)
        names, posterior = ("noise", "imputed_mean", "imputed_sd"), self.posterior_
        stored, n_warmup = posterior.stored, posterior.n_warmup
        kept = {
            name: stored.after_warm_up(self.trace_[name])[:, :: stored.stride]
            for name in ("log_density", *names)
        }
        warmup = {name: self.trace_[name][:, 1 : n_warmup + 1] for name in names}
        columns = np.array(posterior.scales.names, dtype=object)
        # Columns without a drawn cell have no moments of any.
        filled = np.isin(posterior.drawn, posterior.cells[:, 1])
        for group in (kept, warmup):
            group |= {name: group[name][..., filled] for name in ("imputed_mean", "imputed_sd")}
        return result.to_datatree(
            posterior={"cell": self.draws_, **{name: kept[name] for name in names}},
            sample_stats={"lp": kept["log_density"]},
            warmup=warmup,
            observed=posterior.table.y[:, posterior.drawn],
            coords={
                "feature": [str(name) for name in columns],
                "column": [str(name) for name in columns[filled]],
                "missing": posterior.cell_names(),
            },
            dims={
                "cell": ("missing",),
                "noise": ("feature",),
                "imputed_mean": ("column",),
                "imputed_sd": ("column",),
            },
            attrs={"model": type(self).__name__, "method": self.method_},
        )

    def to_arviz(self) -> Any:
        """The draws in the container of the installed ArviZ: ``InferenceData`` before 1.0, ``DataTree`` since."""
        from tsinit import result

        return result.to_arviz(self.to_datatree())

    def _restored(self, panel: Panel, y: FloatArray) -> TableLike:
        """Hand back a table of the given rows in the form and the dtypes in which they came."""
        if len(panel.rows) < len(panel.y):
            spread = np.empty((len(panel.y), y.shape[1]))
            spread[panel.rows] = y
            y = spread
        return self._fitted_kinds.restored(panel, y)

    def _rows(
        self, X: SeriesLike | None, lengths: Sequence[int] | None, between: Intervals | None
    ) -> tuple[Panel, ImputationTable, npt.NDArray[np.floating]]:
        """Rows that a user names, or those of the fit, and draws of their missing cells."""
        posterior = self.posterior_
        if X is None:
            return posterior.panel, posterior.table, posterior.stored.flat
        panel = self._told(self._read(X, lengths), between)
        return panel, *self._draws_for(panel, for_mean=False)

    def _told(self, panel: Panel, between: Intervals | None) -> Panel:
        """Put intervals beside rows; those of the fit need not be told of again."""
        if between is not None:
            return check_between(between, panel)
        fitted = self.posterior_.panel
        return panel._replace(between=fitted.between) if _same_rows(panel, fitted) else panel

    def _draws_for(
        self, panel: Panel, for_mean: bool = True
    ) -> tuple[ImputationTable, npt.NDArray[np.floating]]:
        """Rows of a panel and draws of their missing cells: those of the fit where they are its rows.

        For means of other rows, draws are as few as leave the mean a good one.
        """
        posterior = self.posterior_
        scales, table = posterior.scales, self._table(panel, posterior.scales.step)
        if table.equals(posterior.table):
            return table, posterior.stored.flat
        if not scales.active_to_fill(table).any():
            return table, np.zeros((1, 0))
        problem = scales.problem(panel, table)
        parameters = posterior.stored.parameters_for(table.missing.sum(), for_mean)
        rng = np.random.default_rng(self._fitted_seed)
        with one_thread():
            draws = self._fitted_engine.complete(problem, parameters, rng, for_mean)
        chosen = scales.active_to_fill(table)[scales.active_missing(table)]
        return table, draws if chosen.all() else draws[:, chosen]

    def _table(self, panel: Panel, fitted_step: Any = None) -> ImputationTable:
        """Rows of a panel, and which of their gaps stay open."""
        step = step_of(panel)
        steps = steps_of(self.max_gap, fitted_step if step is None else step)
        limits = check_detection_limits(self.censored, list(panel.columns))
        return ImputationTable.from_panel(panel, steps, limits)


def _propose(
    scaled: ScaledEngine,
    seed: np.random.SeedSequence,
    strategy: ResolvedStrategy,
    rng: np.random.Generator,
) -> FloatArray:
    """Ask a strategy for a complete table; it may ask for the clock, the season and short chains."""
    table = scaled.table
    start = strategy.propose(
        table.y.copy(),
        rng,
        offsets=table.offsets if len(table.offsets) > 2 else None,
        times=table.steps,
        period=scaled.scales.periods or None,
        trial=partial(scaled.trial, child_seed(seed, 4)),
    )
    return scaled.scales.with_whole_classes(
        table.censored.inside(check_fill(start, table.y, strategy.label))
    )


def _same_rows(panel: Panel, fitted: Panel) -> bool:
    """Whether two panels hold the same values at the same steps."""
    pairs = [(getattr(panel, name), getattr(fitted, name)) for name in ("y", "offsets", "rows")]
    return all(np.array_equal(*pair, equal_nan=True) for pair in pairs)
