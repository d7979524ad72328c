"""Multiple imputation of time series by chained Bayesian regressions on linked lags."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._validate import check_choice, check_count, check_number, child_seed
from tsinit._validate.imputing import (
    check_fill,
    check_noise,
    check_period,
    warn_guarded,
    warn_unmixed,
)
from tsinit.init.race import candidates, race_of
from tsinit.init.registry import resolve
from tsinit.models.base import FitKind, SeriesEstimator
from tsinit.models.chain_race import ChainRace, race_chains
from tsinit.models.chains import ChainRun, ChainSchedule, run_chains
from tsinit.models.imputation.chained_equations import Diverged
from tsinit.models.imputation.engines import ENGINES, FAILURES, SCALARS, choose
from tsinit.models.imputation.posterior import GapQueries, ImputedDraws
from tsinit.models.imputation.prepared import Scales, given_rows
from tsinit.models.race import InitRaceMixin

#: Rank-normalised split R-hat below which chains count as agreed.
_R_HAT = 1.05
#: Draws of each chain from which a warning is worth it, R-hat that is worth one, and share of guarded draws that is.
_WORTH, _DISAGREE, _GUARDED = 100, 1.1, 0.01
#: Standard deviations that chains start apart from one another by.
_APART = 1.0
_SAMPLERS = ("mala", "rwm", "gibbs")


class TBayesMICE(InitRaceMixin, GapQueries, SeriesEstimator):
    """Complete tables for a time series with gaps, as many as you like, that differ as much as is uncertain.

    Every column is regressed on the other columns at the same and at neighbouring steps and on its own past, and
    coefficients, noise and missing cells are drawn in turn (chained equations). Lags are views of one table, so that
    a drawn cell is at once seen by the regressions of its neighbours; all missing cells of a column are drawn
    jointly, long gaps included. Cells of several columns that determine each other, or are missing together for long,
    are drawn at once from an autoregression of all columns: one by one, they would creep. Lags follow the clock: they
    reach neither across a hole nor into another sequence, and rows that lack some have regressions of their own.

    Parameters
    ----------
    method : {"fcs", "var", "auto"}
        Chained equations, a joint vector autoregression for gaps in which whole rows are missing for long, or what
        suits the gaps.
    sampler : {"mala", "rwm", "gibbs"}
        How coefficients are drawn: Langevin steps, random-walk steps, or from their exact conditional. The answer is
        the same.
    init : str, strategy, function, complete table, or list of these
        Where the chains begin: a registered name, an object with a method ``fill``, a function of what it wants of
        ``y, rng, offsets, times, period, trial``, or a table. The first chain begins there and the others around it,
        so that R-hat can tell; a list gives one start to each chain. ``"auto"`` races strategies through the first
        half of the warm-up and goes on with the best `n_chains` of their chains where they stand, at most half of them
        from one strategy while another has one left. The race is over before any draw is kept, and the second half of
        the warm-up forgets it, so that the posterior is what it was; :class:`tsinit.init.Race` sets who races.
    lags : int
        Steps before and after that a regression sees. One is enough for most tables; more cost time, and accuracy
        where rows are few.
    lag_features : {"all", "own"}
        Lags of all columns, or only of the column itself.
    period : "auto", None, float or sequence of float
        Steps of a season, which enters as two harmonics. "auto" takes a day, week or year from the dates.
    transforms : {"auto", "yeo-johnson", "log", "sqrt"}, None or dict of column name to these
        Scale on which columns are taken as normal; "auto" is Yeo and Johnson's where the values are skewed. It makes
        filled values better, but a straight line there is a bend in the units of the data: where the tables serve a
        linear regression in these units, None leaves its slopes in place.
    noise : {"normal", "student_t"}
        Of the regressions; Student-t has 4 degrees of freedom and is for chained equations only, which "auto" then
        takes.
    n_imputations : int
        Complete tables that :meth:`impute` returns by default.
    n_tune, n_draws : int
        Sweeps before the first draw, and draws of each chain.
    n_chains : int
        Chains, each with a start and a generator of its own.
    prior_scale : float
        Variance of a coefficient a priori, columns having variance 1.
    bounds : pair, dict of column name to pair, or None
        (lower, upper) that drawn values keep, in the units of the data; None in a pair is no bound.
    random_state : int, SeedSequence, Generator, RandomState or None
        Seed of starts and chains.
    n_jobs : int or None
        Chains that run at the same time, in threads; the draws do not depend on it.
    verbose : int
        0 silent, 1 a progress bar, 2 also warnings of single steps.

    Attributes
    ----------
    draws_ : (chain, draw, cell) float
        Missing cells of the columns that vary, row by row, in the units of the data.
    diagnostics_ : DataFrame
        For every incomplete column: missing cells, R-hat, effective sample size, acceptance, draws turned back.
    trace_ : dict of str to (chain, sweep, ...) float
        Log density, noise variances, means and standard deviations of the drawn cells, after every sweep.
    start_ : (n_chains, T, D) float
        The tables that the chains began with.
    history_ : (n_iter_ + 1,) float
        Log density of the completed table under its regressions, averaged over chains, after every sweep.
    method_ : str
        The engine that ran.
    n_iter_ : int
        Sweeps of each chain.
    converged_ : bool
        Whether R-hat of all these scalars is below 1.05.
    init_race_ : Comparison
        The race of ``init="auto"`` or a `Race`: a row for each start, failed or not; those with status ``ok`` are the
        chains of the fit and end in the mean over their draws.
    n_features_in_, feature_names_in_
        Columns seen in `fit`.

    References
    ----------
    .. [1] Ibenegbu, Lafaye de Micheaux and Chandra, Bayes-MICE: a Bayesian approach to multiple imputation for time
       series data, arXiv 2603.27142.
    .. [2] Van Buuren, Flexible Imputation of Missing Data, 2nd ed. (2018), section 4.5.
    .. [3] Rue and Held, Gaussian Markov Random Fields (2005), section 2.4: draws under a band precision.

    Examples
    --------
    >>> from tsinit.datasets import load_new_york_air_quality
    >>> from tsinit.models.tbayes import TBayesMICE
    >>> air = load_new_york_air_quality()
    >>> model = TBayesMICE(n_draws=100, random_state=0).fit(air)
    >>> int(model.transform(air).isna().sum().sum())
    0
    >>> len(model.impute(5))
    5
    """

    fit_kind = FitKind("fill", "log density", sampler=True)
    _fitted_attribute = "_fitted_scales"

    def _n_iterations(self):
        return self.n_tune + self.n_draws

    def __init__(
        self,
        *,
        method="fcs",
        sampler="mala",
        init="linear",
        lags=1,
        lag_features="all",
        period="auto",
        transforms="auto",
        noise="normal",
        n_imputations=20,
        n_tune=100,
        n_draws=400,
        n_chains=4,
        prior_scale=5.0,
        bounds=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.method = method
        self.sampler = sampler
        self.init = init
        self.lags = lags
        self.lag_features = lag_features
        self.period = period
        self.transforms = transforms
        self.noise = noise
        self.n_imputations = n_imputations
        self.n_tune = n_tune
        self.n_draws = n_draws
        self.n_chains = n_chains
        self.prior_scale = prior_scale
        self.bounds = bounds
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _run(self, panel, seed, monitor):
        options, panel = self._options(), panel.kept()
        rows = given_rows(panel)
        scales = Scales(panel, rows, options)
        problem = scales.problem(panel, rows)
        self.method_ = choose(options.method, problem)
        make, scalars = ENGINES[self.method_]
        engine = make(problem, options, scales.periods, np.random.default_rng(child_seed(seed, 2)))
        race = race_of(self.init, "fill")
        if race is None:
            monitor.start()
            self.start_ = self._starts(rows, scales, options, engine, seed)
            monitor.run()
        schedule = options.schedule.within(max(monitor.max_iter(options.schedule.n_sweeps), 0))
        n_cells = int(problem.missing.sum())
        draws = ImputedDraws(options.n_chains, schedule.n_draws, n_cells, self.n_imputations)
        if race is None:
            runs = [
                ChainRun(
                    engine.chain(scales.forward(table), np.random.default_rng(child_seed(seed, 1, c)), schedule.n_tune),
                    schedule, scalars, draws.recorder(c),
                )
                for c, table in enumerate(self.start_)
            ]  # fmt: skip
        else:
            survivors = self._race(
                race, rows, scales, options._replace(schedule=schedule), engine, seed, monitor
            )
            self.start_, runs = survivors.starts, list(survivors.runs)
            for c, run in enumerate(runs):
                run.recorder = draws.recorder(c)
        try:
            run_chains(
                runs, schedule.n_sweeps, monitor, n_jobs=options.n_jobs, objective="log_density"
            )
        except Diverged as error:
            error.column = scales.names[error.column]
            raise
        monitor.stop()
        self._fitted_panel, self._fitted_rows, self._fitted_scales = panel, rows, scales
        self._fitted_engine, self._fitted_seed = engine, child_seed(seed, 3)
        self._fitted_seconds = max(monitor.fit_seconds, 1e-9)
        self._finish(runs, draws)
        if race is not None:
            self._fitted_race = survivors.record(candidates(race, "fill"), seed)
        monitor.final = float(self._after_warm_up(self.trace_["log_density"]).mean())

    def _options(self):
        n_chains = check_count("n_chains", self.n_chains)
        check_count("n_imputations", self.n_imputations)
        method = check_choice("method", self.method, ("fcs", "var", "auto"))
        return _Options(
            method=method,
            sampler=check_choice("sampler", self.sampler, _SAMPLERS),
            inits=_validate.check_per_chain("init", self.init, n_chains),
            lags=check_count("lags", self.lags, 0),
            lag_features=check_choice("lag_features", self.lag_features, ("all", "own")),
            period=check_period(self.period),
            transforms=self.transforms,
            noise=check_noise(self.noise, method),
            schedule=ChainSchedule(
                check_count("n_tune", self.n_tune, 0), check_count("n_draws", self.n_draws), 1
            ),
            n_chains=n_chains,
            prior_scale=check_number("prior_scale", self.prior_scale, 1e-6),
            bounds=self.bounds,
            n_jobs=_validate.check_jobs(self.n_jobs),
        )

    def _race(self, race, rows, scales, options, engine, seed, monitor):
        """Race strategies through the first half of the warm-up; returns the `Survivors`."""
        known = _known(rows, scales, engine, seed)
        contest = ChainRace(
            verb="fill",
            ask=lambda chosen, rng: check_fill(chosen.propose(rows.y.copy(), rng, **known), rows.y, chosen.label),
            spread=lambda table, rng: self._moved(table, rows, scales, rng),
            chain=lambda table, rng: engine.chain(scales.forward(table), rng, options.schedule.n_tune),
            scalars=ENGINES[self.method_][1], objective="log_density", schedule=options.schedule,
            n_chains=options.n_chains, n_jobs=options.n_jobs, failures=FAILURES,
        )  # fmt: skip
        return race_chains(race, contest, seed, monitor)

    def _starts(self, rows, scales, options, engine, seed):
        """Ask the strategies, and spread the chains where they share one."""
        shared = not isinstance(self.init, (list, tuple))
        known = _known(rows, scales, engine, seed)
        tables = []
        for c, init in enumerate(options.inits):
            rng = np.random.default_rng(child_seed(seed, *((0,) if c == 0 else (0, c))))
            chosen = resolve(init, "fill")
            table = check_fill(chosen.propose(rows.y.copy(), rng, **known), rows.y, chosen.label)
            if shared and c > 0:
                table = self._moved(table, rows, scales, rng)
            tables.append(table)
        return np.array(tables)

    @staticmethod
    def _moved(table, rows, scales, rng):
        """Add noise to the missing cells, on the scale of the engine."""
        z = scales.forward(table)
        missing = rows.missing[:, scales.active]
        low, high = scales.limits
        z[missing] += _APART * rng.standard_normal(missing.sum())
        return _in_units(np.clip(z, low, high), rows, scales)

    def _finish(self, runs, draws):
        """Set what a user reads."""
        for run in runs:
            if not run.draws:  # out of time before the first draw
                run.record_draw()
        self.n_iter_ = min(run.n_sweeps for run in runs)
        self.trace_ = {
            name: np.array([run.trace[name][: self.n_iter_ + 1] for run in runs])
            for name in SCALARS
        }
        draws.close()
        self._fitted_draws = draws
        self.diagnostics_ = self._diagnose(runs)
        self._warn()

    def _warn(self):
        """Warn of chains that disagree and of draws that had to be turned back."""
        table = self.diagnostics_
        names, rhat, guarded = (
            list(table.index),
            table["rhat"].to_numpy(),
            table["guarded"].to_numpy(),
        )
        if self._fitted_draws.n_draws < _WORTH:
            return
        if rhat.max(initial=0.0) >= _DISAGREE:
            warn_unmixed(rhat.max(), names[rhat.argmax()])
        if guarded.max(initial=0.0) > _GUARDED:
            warn_guarded(guarded.max(), names[guarded.argmax()])

    @property
    def converged_(self):
        """Whether R-hat of log density, noise, means and spreads of drawn cells is below 1.05."""
        return bool(self.sampler_summary()["rhat"] < _R_HAT)


def _known(rows, scales, engine, seed):
    """What a strategy may ask for, besides the table and its generator."""
    return {
        "offsets": rows.offsets if len(rows.offsets) > 2 else None,
        "times": rows.steps,
        "period": scales.periods or None,
        "trial": partial(_trial, rows, scales, engine, child_seed(seed, 4)),
    }


def _trial(rows, scales, engine, seed, table, n_iter):
    """Run a chain for `n_iter` sweeps: (log density, table) where it got to. All trials have the same generator."""
    chain = engine.chain(scales.forward(table), np.random.default_rng(seed), n_iter)
    for _ in range(n_iter):
        chain.sweep()
    refined = _in_units(chain.z, rows, scales)
    chain.sweep()  # notes the density of the table that it begins with
    return float(chain.log_density), refined


def _in_units(z, rows, scales):
    """Complete table in the units of the data with the missing cells of a table (T, A) on the scale of the engine."""
    missing = rows.missing[:, scales.active]
    return scales.complete(rows, scales.back(z[missing], np.nonzero(missing)[1]))


class _Options(NamedTuple):
    """Checked parameters."""

    method: str
    sampler: str
    inits: list
    lags: int
    lag_features: str
    period: Any
    transforms: Any
    noise: str
    schedule: Any
    n_chains: int
    prior_scale: float
    bounds: Any
    n_jobs: Any
