"""One chain of chained equations: regressions and missing cells of a table, drawn in turn."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels.imputation import column_gaps, fcs
from tsinit.kernels.imputation.gram import CHUNK, grams, weighted_grams
from tsinit.kernels.imputation.regression import GIBBS, MALA, RWM, Prior, walker
from tsinit.models.imputation.joint_cells import Entangled
from tsinit.models.imputation.lagged_regressions import Equations

#: Shape and rate of the inverse gamma prior of a noise variance, of columns of variance 1.
NOISE_PRIOR = (1.0, 0.5)
#: Steps of a sampler in each sweep: so many bring about one independent draw.
_STEPS = {"gibbs": 1, "mala": 5, "rwm": 20}
_CODES = {"gibbs": GIBBS, "mala": MALA, "rwm": RWM}
#: Degrees of freedom of Student-t noise.
DOF = 4.0
#: Drawn cells that vary so many times as much as observed ones, for so many sweeps, have left the data behind.
_WILD, _PATIENCE = 3.0, 20


class Diverged(RuntimeError):
    """The regressions of a table contradict each other so much that its missing cells run away."""

    def __init__(self, column, spread):
        super().__init__(column, spread)
        self.column, self.spread = (
            column,
            spread,
        )  # the column by number: whoever knows its name puts it here

    def __str__(self):
        return (
            f"The missing values of column {self.column!r} must stay within the spread of the observed ones; got a "
            f"standard deviation {self.spread:.3g} times theirs for {_PATIENCE} sweeps. Try fewer lags, "
            "method='var', a transform of that column, or bounds."
        )


class Parameters(NamedTuple):
    """What completes new rows: one draw of the regressions."""

    theta: np.ndarray  # (K, D, M)
    tau2: np.ndarray  # (K, D)
    laws: dict  # number of rows before -> Law, of the entangled cells; empty where there are none


class FcsChain:
    """Gibbs sampler over the regressions of all columns and over the missing cells, column by column.

    A sweep draws every regression given the completed table, then every column's missing cells jointly given the
    regressions and the other columns. Where the regressions are the conditionals of one joint model, that is its
    posterior; with one column it always is. Cells that are entangled with others of their row are left to an
    autoregression of all columns (`Entangled`).

    Parameters
    ----------
    equations : Equations
        Or a `Problem`, which is laid out first.
    start : (T, D) float
        Complete table to begin with.
    rng : numpy.random.Generator
    sampler : {"mala", "rwm", "gibbs"}
    n_tune : int
        Sweeps in which step sizes adapt.
    precondition : bool
        Shape proposals by the curvature; False is for the study of what that is worth.

    Attributes
    ----------
    log_density : float
        Log density of the completed table under its regressions, summed over columns.
    noise, imputed_mean, imputed_sd : (D,) float
        Noise variance of each column, mean and standard deviation of its drawn cells.
    hits : (D,) int
        Draws since the warm-up that were turned back because they were far outside of what was observed.
    """

    def __init__(self, equations, start, rng, sampler="mala", n_tune=100, precondition=True):
        self.equations = equations if isinstance(equations, Equations) else Equations(equations)
        self._rng, self._n_tune, self._n_sweeps = rng, n_tune, 0
        self._how = fcs.How(_CODES[sampler], _STEPS[sampler], precondition, True)
        self.table = self.equations.spread(start)
        self._joint = Entangled(self.equations, start) if self.equations.law else None
        self._begin()
        self._note(np.nan)  # there are no regressions yet

    def _begin(self):
        eq = self.equations
        problem, (K, D, m), M = eq.problem, eq.design.index.shape, eq.width
        self._fits = fcs.Fits(
            np.zeros((K, D, M)), *(np.full((K, D), value) for value in (0.5, 0.5, 0.0, 0.0, 0.0))
        )
        self._prior = Prior(problem.prior_scale, *NOISE_PRIOR)
        student = problem.noise == "student_t"
        self._weights = np.ones((eq.n_rows, D)) if student else np.empty((0, 0))
        self._S = np.zeros((D if student else 1, len(eq.starts) - 1, M, M))
        self._X, self._walker, self._matrix = (
            np.empty((CHUNK, M)),
            walker(m),
            (np.zeros((m, m)), np.zeros(m)),
        )
        self._room = column_gaps.room(eq.cells, problem.lags)
        self._limits = column_gaps.Limits(problem.low, problem.high, problem.lower, problem.upper)
        self.hits = np.zeros(D, dtype=np.int64)
        self._wild = np.zeros(D, dtype=int)

    def sweep(self):
        """Draw all regressions, then all missing cells."""
        adapt = self._n_sweeps < self._n_tune
        # Coefficients begin at a draw given the start: there is nothing else to begin with.
        how = self._how._replace(adapt=adapt) if self._n_sweeps else fcs.How(GIBBS, 1, True, False)
        if self._n_sweeps == self._n_tune:
            self._fits.tries[:] = self._fits.accepted[:] = 0.0
            self.hits[:] = 0
        self._gather()
        log_density = self._regress(how, self.equations.incomplete)
        self._redraw()
        self._n_sweeps += 1
        self._note(log_density)
        self._watch()

    def _gather(self):
        eq = self.equations
        given = self.table, eq.covariates, eq.problem.lags, eq.rows, eq.starts, self._X, self._S
        if self._weights.size:
            weighted_grams(*given, self._weights)
        else:
            grams(*given)

    def _regress(self, how, columns):
        eq = self.equations
        return fcs.regress(
            self._rng, self._S, eq.problem.lags, eq.design, columns, self._fits, self._prior, how, self._walker,
            self._matrix,
        )  # fmt: skip

    def _redraw(self):
        eq = self.equations
        order = self._rng.permutation(eq.incomplete)
        column_gaps.redraw(
            self._rng, self.table, eq.covariates, self._weights, order, eq.cells, self._fits, self._limits, self._room,
            self.hits,
        )  # fmt: skip
        if self._weights.size:
            column_gaps.draw_weights(
                self._rng,
                self.table,
                eq.covariates,
                eq.cells.regression,
                self._fits,
                DOF,
                self._weights,
            )
        if self._joint and self._joint.any:
            self._joint.draw_laws(self._rng, self._S)
            self._joint.redraw(self._rng, self.table, self.hits)

    def _note(self, log_density):
        self.log_density = log_density
        self.noise = self._fits.tau2[0].copy()
        self.imputed_mean, self.imputed_sd = self.equations.moments(self.table)

    def _watch(self):
        wild = ~(self.imputed_sd <= _WILD)
        self._wild = np.where(wild, self._wild + 1, 0)
        if self._wild.max(initial=0) >= _PATIENCE or not np.isfinite(self.log_density):
            j = int(self._wild.argmax())
            raise Diverged(j, self.imputed_sd[j])

    @property
    def z(self):
        """(T, D) completed table."""
        return self.table[self.equations.place]

    @property
    def draw(self):
        """(cells,) missing cells, row by row."""
        return self.equations.draw(self.table)

    @property
    def acceptance(self):
        """(D,) mean acceptance probability of the steps since the warm-up; 1 where draws are exact."""
        tries, accepted = self._fits.tries.sum(axis=0), self._fits.accepted.sum(axis=0)
        return np.where(tries > 0, accepted / np.maximum(tries, 1.0), 1.0)

    @property
    def guarded(self):
        """(D,) share of the draws since the warm-up that were turned back."""
        counted = self._n_sweeps - self._n_tune if self._n_sweeps > self._n_tune else self._n_sweeps
        return self.hits / np.maximum(self.equations.n_cells * counted, 1)

    def parameters(self):
        """Copy the regressions, those of complete columns too, which new rows may need."""
        complete = np.setdiff1d(np.arange(len(self.hits)), self.equations.incomplete)
        if complete.size:  # nothing in the chain depends on them
            self._regress(fcs.How(GIBBS, 1, True, False), complete)
        if self._joint and not self._joint.any:
            self._joint.draw_laws(self._rng, self._S)
        laws = dict(self._joint.laws) if self._joint else {}
        return Parameters(self._fits.theta.copy(), self._fits.tau2.copy(), laws)
