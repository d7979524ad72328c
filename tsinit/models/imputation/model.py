"""Multiple imputation of time series by chained Bayesian regressions on linked lags."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._validate import (
    check_choice,
    check_count,
    child_seed,
)
from tsinit._validate.imputing import (
    check_fill,
    check_harmonics,
    check_match,
    check_noise,
    check_period,
    check_scale,
    check_sequence_effects,
    require_sequences,
)
from tsinit._validate.imputing_columns import check_classes_allowed
from tsinit._validate.imputing_warnings import ManyZeros, warn_reflected, warn_unmixed
from tsinit._validate.kinds import ColumnKinds
from tsinit.init.race import Race, candidates
from tsinit.init.registry import ResolvedStrategy, resolve, strategy_of
from tsinit.models.base import FitKind, lists_as_they_are
from tsinit.models.chain_race import ChainRace, Survivors, race_chains
from tsinit.models.chains import ChainRun, ChainSchedule, run_chains
from tsinit.models.imputation.chained_equations import DivergenceError
from tsinit.models.imputation.column_scales import ColumnScales
from tsinit.models.imputation.engines import ENGINES, FAILURES, SCALARS, ScaledEngine
from tsinit.models.imputation.fitted import FittedImputer
from tsinit.models.imputation.method_trial import MethodChoice, another_engine, choose_method
from tsinit.models.imputation.posterior import (
    ImputationPosterior,
    ImputedDraws,
    diagnostics,
    worst_scalar,
)
from tsinit.models.imputation.problem import ImputationProblem
from tsinit.models.monitor import Monitor
from tsinit.models.race import InitRaceMixin
from tsinit.result import CONVERGED_RHAT

if TYPE_CHECKING:
    from typing import Self

    from tsinit._typing import FloatArray, SeedLike, SeriesLike, TableLike
    from tsinit._validate import Panel
    from tsinit.models.imputation.fitted import Bounds, Intervals

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
class TBayesMICE(InitRaceMixin, FittedImputer):
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
