"""The joint imputation engine: a Bayesian vector autoregression, all missing cells drawn at once."""

import numpy as np

from tsinit.models.imputation.problem import longest_gaps
from tsinit.models.imputation.seasonal_drift import Drift, drift_terms
from tsinit.models.imputation.var_layout import seasonal
from tsinit.models.imputation.var_new import VarDraw
from tsinit.models.imputation.var_posterior import Law, NoisePrior, draw_law, log_prior
from tsinit.models.imputation.var_regressions import classes, design
from tsinit.models.imputation.var_table import GapTable, VarStopped

_OUTAGE = 0.25  # share of a period from which a gap is an outage


class VarChain:
    """Gibbs sampler of the autoregression and of the missing cells.

    z_t = A_1 z_(t-1) + ... + A_L z_(t-L) + C' f_t + c + e_t, e_t ~ N(0, Q), with a matrix-normal inverse-Wishart prior.
    The first L rows of a segment, which have fewer rows before them, each have a regression of their own on those there
    are, shared by all segments, so that the law of a segment is complete and every update exact.

    Where outages are long, C and c walk from one period to the next (`Drift`): during an outage the table then follows
    the profile of the days around it, not that of the whole year.

    Parameters
    ----------
    problem : Problem
    start : (T, D) float
        A complete table.
    rng : numpy.random.Generator
    periods : sequence of float
        Steps of the seasons; the shortest is the one that walks.
    drift : "auto" or bool
        Whether the season walks; "auto" where a period is known, a column is missing for a quarter of it or longer
        at a stretch, and a sequence has at least 8.
    noise_prior : NoisePrior, optional
        Inverse Wishart with D + 2 degrees of freedom and mean I if not given.

    Attributes
    ----------
    z : (T, D) float
        The table with the present draw of its missing cells.
    mean : (T, D) float
        The same with their mean given the present coefficients and what was seen.
    drifts : bool
        Whether the season walks.
    log_joint : float
        Log density of coefficients, noise and table, given the walk.
    noise : float
        Mean log standard deviation of the noise, over directions.
    guard_hits : int
        Cells turned back in this sweep because they were far outside of what was observed.
    """

    def __init__(self, problem, start, rng, *, periods=(), drift="auto", noise_prior=None):
        self._rng, self._L, D = rng, problem.lags, problem.z.shape[1]
        self.table = GapTable(problem, start, periods)
        self.layout = self.table.layout
        self._drift = _new_drift(problem, self.layout, periods, drift, rng)
        self.drifts = self._drift is not None
        prior = NoisePrior(D + 2.0, 1.0) if noise_prior is None else noise_prior
        static = ~seasonal(problem, periods)[0]
        self.classes = classes(
            self.layout, self._L, D, static, self.drifts, problem.prior_scale, prior
        )
        self.laws: dict[int, Law] = {}
        self.log_joint, self.noise = np.nan, np.nan
        self.draw_laws()

    @property
    def z(self):
        """The table with the present draw."""
        return self.table.given(self.table.Z)

    @property
    def mean(self):
        """The table with conditional means of the missing cells."""
        return self.table.given(self.table.mean)

    @property
    def guard_hits(self):
        """Cells turned back in this sweep because they were far outside of what was observed."""
        return int(self.table.hits.sum())

    def parameters(self):
        """What it takes to complete other rows, with `complete_new`."""
        return VarDraw(dict(self.laws), self._drift.path.mean(axis=0) if self.drifts else None)

    def sweep(self):
        """Draw the missing cells, then coefficients and noise."""
        self.draw_gaps()
        self.draw_laws()

    def draw_gaps(self):
        """Draw the missing cells given coefficients, noise and what was seen."""
        self.table.draw_gaps(self._rng, self.laws)

    def draw_laws(self):
        """Draw coefficients and noise given the complete table."""
        total = 0.0
        for part in self.classes:
            Y = design(part, self.table.Z)
            if part.before == self._L and self.drifts:
                law, profile = self._drift.draw(part.X, Y, part.scale, part.prior)
                E = Y - part.X @ law.B - profile
            else:
                X = part.X
                law = draw_law(self._rng, X.T @ X, X.T @ Y, Y.T @ Y, len(Y), part.scale, part.prior)
                E = Y - X @ law.B
            weighted = E @ law.precision
            self.table.weighted[part.rows] = weighted
            self.laws[part.before] = law
            total += log_prior(law, part.scale, part.prior) - 0.5 * np.vdot(weighted, E)
            total -= 0.5 * len(Y) * (law.log_det + Y.shape[1] * np.log(2 * np.pi))
        self.log_joint = float(total)
        last = self.laws[self.classes[-1].before]
        self.noise = float(0.5 * last.log_det / len(last.precision))
        if not np.isfinite(total):
            raise VarStopped(
                "The vector autoregression must keep finite values; got a log density of "
                f"{total}. Use fewer lags, or method='fcs'."
            )


def _new_drift(problem, layout, periods, drift, rng):
    """Decide whether the season walks, and set its walk up."""
    rows = np.flatnonzero(layout.before == problem.lags)
    if drift is False or not len(periods) or rows.size == 0:
        return None
    period = min(periods)
    number, sequence = (layout.steps[rows] // period).astype(np.int64), layout.sequence[rows]
    long = longest_gaps(problem)[0] >= _OUTAGE * period
    if drift == "auto" and not (long and Drift.long_enough(number, sequence)):
        return None
    return Drift(
        drift_terms(layout.steps[rows], period), number, sequence, problem.prior_scale, rng
    )
