"""The two engines of the imputer behind one door: chained equations and the joint autoregression."""

from typing import Any

import numpy as np

from tsinit.models.imputation import completion, joint_cells
from tsinit.models.imputation.chained_equations import Diverged, FcsChain
from tsinit.models.imputation.lagged_regressions import Equations
from tsinit.models.imputation.problem import longest_gaps
from tsinit.models.imputation.var_new import complete_new
from tsinit.models.imputation.vector_autoregression import VarChain, VarStopped

#: What is noted after every sweep.
SCALARS = ("log_density", "noise", "imputed_mean", "imputed_sd")
#: Errors that end a fit, of either engine.
FAILURES = (Diverged, VarStopped)
#: Rows that go missing as a whole from which "auto" takes the joint model, and its largest size.
_OUTAGE, _LARGEST = 3, 60


def choose(method, problem):
    """Turn "auto" into the method that suits the gaps.

    Chained equations draw a long gap of one column jointly, but columns one by one: where all are missing for long,
    they say little of each other.
    """
    if method != "auto":
        return method
    if problem.noise != "normal":  # the joint model knows no other
        return "fcs"
    small = problem.lags and problem.z.shape[1] * problem.lags <= _LARGEST
    return "var" if small and longest_gaps(problem)[1] >= _OUTAGE else "fcs"


class Chained:
    """Chained equations on one table."""

    def __init__(self, problem, options, periods, rng):
        self._law = joint_cells.learn(problem, rng)
        self._equations, self._sampler = Equations(problem, law=self._law), options.sampler
        self._classes = self._equations.classes

    def chain(self, start, rng, n_tune):
        """Return a chain that begins at a complete table and adapts for so many sweeps."""
        return FcsChain(self._equations, start, rng, self._sampler, n_tune)

    def complete(self, problem, parameters, rng):
        """Draw the missing cells of other rows, once for each draw of the regressions."""
        return completion.complete(problem, self._classes, self._law, parameters, rng)

    def __getstate__(self):
        # The layout is as large as the data and of no use to other rows.
        return self.__dict__ | {"_equations": None}


class Joint:
    """A vector autoregression on one table."""

    def __init__(self, problem, options, periods, rng):
        self._problem, self._periods = problem, periods

    def chain(self, start, rng, n_tune):
        """Return a chain that begins at a complete table; nothing adapts."""
        return JointChain(self._problem, start, rng, periods=self._periods)

    def complete(self, problem, parameters, rng):
        """Draw the missing cells of other rows, once for each draw of the autoregression."""
        start = np.where(problem.missing, 0.0, problem.z)
        tables = (complete_new(draw, problem, start, rng, self._periods)[0] for draw in parameters)
        return np.array([table[problem.missing] for table in tables])

    def __getstate__(self):
        return self.__dict__ | {"_problem": None}


class JointChain(VarChain):
    """The joint chain with what the imputer notes of any."""

    acceptance = 1.0  # all draws are exact

    def __init__(self, problem, start, rng, **options):
        self._missing = problem.missing
        self._turned, self._n_sweeps = np.zeros(problem.z.shape[1]), 0
        super().__init__(problem, start, rng, **options)
        self._note()

    def sweep(self):
        """Draw the missing cells, then coefficients and noise."""
        super().sweep()
        self._turned += self.table.hits
        self._n_sweeps += 1
        self._note()

    def _note(self):
        self._draw = self.z[self._missing]
        columns, D = np.nonzero(self._missing)[1], self._missing.shape[1]
        n = np.maximum(np.bincount(columns, minlength=D), 1)
        self.imputed_mean = np.bincount(columns, self._draw, D) / n
        square = np.bincount(columns, self._draw**2, D) / n
        self.imputed_sd = np.sqrt(np.maximum(square - self.imputed_mean**2, 0.0))
        root = self.laws[max(self.laws)].root
        self.variances = (root**2).sum(axis=1)

    @property
    def log_density(self):
        """Log density of coefficients, noise and table."""
        return self.log_joint

    @property
    def draw(self):
        """(cells,) missing cells, row by row."""
        return self._draw

    @property
    def guarded(self):
        """(D,) share of the draws that were turned back."""
        return self._turned / np.maximum(self._n_sweeps * self._missing.sum(axis=0), 1)


ENGINES: dict[str, tuple[Any, dict[str, str]]] = {
    "fcs": (Chained, {name: name for name in SCALARS}),
    "var": (Joint, {name: "variances" if name == "noise" else name for name in SCALARS}),
}
