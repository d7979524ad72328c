"""The posterior of a linear Gaussian state-space model: draws of its states, gaps and parameters, by Gibbs sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate import check_number, child_seed
from tsinit.init._scaling import scaled, unscaled
from tsinit.kernels import LinearGaussianParams
from tsinit.models.chains import ChainRun, ChainSchedule, run_chains
from tsinit.models.monitor import Monitor
from tsinit.models.state_draws import expectation
from tsinit.models.state_draws.chain import StateSpaceChain
from tsinit.models.state_draws.parameters import StateParameters, StatePrior
from tsinit.models.state_draws.table import lay_out
from tsinit.models.state_space.estimands import Estimands, spectral_density
from tsinit.models.state_space.fit_data import StateSpaceData
from tsinit.result import CONVERGED_RHAT, ess, rhat

if TYPE_CHECKING:
    import pandas as pd
    import xarray

    from tsinit._typing import FloatArray
    from tsinit._validate import Panel
    from tsinit.init._scaling import Units
    from tsinit.models.state_draws.table import StateTable
    from tsinit.models.state_space.fit_data import EMOptions

#: Bytes that draws of states and of missing values may take together: of longer series every k-th draw is kept.
_MAX_BYTES = 4e8
#: How far chains start apart: log noise variances, and loadings in units of their size, by normal steps of this size.
_APART = 0.3
#: Probability of the intervals of the table.
_LEVEL = 0.95


class PosteriorRequest(NamedTuple):
    """Checked arguments of `posterior`."""

    n_draws: int
    n_chains: int
    n_tune: int
    sampling_rate: float
    n_jobs: int | None
    seed: np.random.SeedSequence


class StateSpacePosterior:
    """Draws of everything unknown in a linear Gaussian state-space model.

    Made by :meth:`tsinit.LinearGaussianSSM.posterior`. The basis of the states is not identified: numbers in ``table``
    and in ``values`` are those that a change of basis leaves alone, and the states of every draw are brought to the
    basis of the fitted model by the regression of its smoothed means on them.

    Attributes
    ----------
    values : dict of str to (chain, draw) float
        Draws of the numbers that :meth:`~tsinit.LinearGaussianSSM.uncertainty` tells of, in the units of the data:
        radius, frequency, damping and bandwidth of complex pairs of eigenvalues of A (frequency 0 where a draw has two
        real ones in their place), real eigenvalues, means, noise variances and one-step variances.
    log_likelihood : (chain, draw) float
        Of the data under the drawn parameters, in the units of the data, in nats.
    states : (chain, kept, T, n) float32
        Every ``stride``-th draw of the states, where all would take more than 0.4 GB.
    missing : (chain, kept, cells) float32
        Missing values, row by row, in the units of the data.
    params : list of LinearGaussianParams
        Parameters of the kept draws in the units of the data, chain by chain, each in a basis of its own.
    stride : int
    table : DataFrame
        ``mean``, ``sd``, ``lower`` and ``upper`` (95 %), ``rhat`` and ``ess``, a row for each of ``values`` and the
        log-likelihood.
    """

    def __init__(
        self,
        panel: Panel,
        recorders: list[_Recorder],
        stride: int,
    ) -> None:
        self._panel, self.stride = panel, stride
        names = recorders[0].names
        drawn = np.array([one.values for one in recorders])
        self.values = {name: drawn[:, :, i] for i, name in enumerate(names)}
        self.log_likelihood = np.array([one.log_likelihood for one in recorders])
        self.states = np.array([one.states for one in recorders])
        self.missing = np.array([one.missing for one in recorders])
        self.params: list[LinearGaussianParams] = [p for one in recorders for p in one.params]
        self.table: pd.DataFrame = self._tabulated(_LEVEL)

    @property
    def converged(self) -> bool:
        """Whether R-hat of all that ``table`` has is below 1.05."""
        return bool((self.table["rhat"].dropna() < CONVERGED_RHAT).all())

    def interval(self, level: float) -> pd.DataFrame:
        """Return intervals of another level.

        Parameters
        ----------
        level : float
            Posterior probability, between 0 and 1.

        Returns
        -------
        DataFrame
            ``lower`` and ``upper``, rows as in ``table``.

        Raises
        ------
        ValueError
            `level` is no such number.
        """
        level = check_number("level", level, above=0.0, below=1.0)
        return self._tabulated(level)[["lower", "upper"]]

    def spectrum(self, frequencies: FloatArray) -> FloatArray:
        """Return power spectral densities of the columns, one for each kept draw.

        Parameters
        ----------
        frequencies : (k,) float
            Cycles per step.

        Returns
        -------
        (chain x kept, k, D) float
            Two-sided: over -1/2 to 1/2 they integrate to the variances of the columns.
        """
        return np.array([spectral_density(p, np.asarray(frequencies)) for p in self.params])

    def to_datatree(self) -> xarray.DataTree:
        """All that was drawn, with the names that ArviZ uses.

        Group ``posterior`` holds the numbers of ``values`` by their names, the states (``states``) and the missing
        values (``cell``), all of the kept draws.

        Returns
        -------
        xarray.DataTree
        """
        from tsinit import result

        kept = {name: value[:, :: self.stride] for name, value in self.values.items()}
        rows, columns = np.nonzero(np.isnan(self._panel.y))
        cells = [
            f"{self._panel.columns[j]}, {i}"
            for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        return result.to_datatree(
            posterior={**kept, "states": self.states, "cell": self.missing},
            sample_stats={"lp": self.log_likelihood[:, :: self.stride]},
            observed=self._panel.y,
            coords={"feature": [str(name) for name in self._panel.columns], "missing": cells},
            dims={"states": ("time", "state"), "cell": ("missing",)},
            attrs={"model": "LinearGaussianSSM"},
        )

    def to_arviz(self) -> Any:
        """The draws in the container of the installed ArviZ: ``InferenceData`` before 1.0, ``DataTree`` since."""
        from tsinit import result

        return result.to_arviz(self.to_datatree())

    def _tabulated(self, level: float) -> pd.DataFrame:
        import pandas as pd

        tails = [0.5 - 0.5 * level, 0.5 + 0.5 * level]
        rows = {}
        for name, x in {**self.values, "log-likelihood": self.log_likelihood}.items():
            lower, upper = np.quantile(x, tails)
            rows[name] = [x.mean(), x.std(ddof=1), lower, upper, rhat(x), ess(x)]
        columns = ["mean", "sd", "lower", "upper", "rhat", "ess"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


class _Recorder:
    """Write the draws of one chain down, in the units of the data and the basis of the fit."""

    def __init__(
        self,
        estimands: Estimands,
        table: StateTable,
        units: Units,
        reference: FloatArray,
        stride: int,
    ) -> None:
        self._estimands, self._table, self._units = estimands, table, units
        self._reference, self._stride = reference, stride
        self._columns = table.missing % table.y.shape[1]
        self._shift = float(table.observed.sum(axis=0) @ np.log(units.scale))
        self.names: list[str] = []
        self.values: list[FloatArray] = []
        self.log_likelihood: list[float] = []
        self.states: list[Any] = []
        self.missing: list[Any] = []
        self.params: list[LinearGaussianParams] = []

    def __call__(self, chain: StateSpaceChain) -> int:
        params = unscaled(linear_gaussian(chain.parameters), self._units)
        found = self._estimands.of(params)
        self.names = [one.name for one in found]
        self.log_likelihood.append(chain.log_likelihood - self._shift)
        if len(self.values) % self._stride == 0:
            x = np.column_stack([chain.states, np.ones(len(chain.states))])
            turned = x @ np.linalg.lstsq(x, self._reference, rcond=None)[0]
            self.states.append(turned.astype(np.float32))
            cells = self._units.loc[self._columns] + self._units.scale[self._columns] * chain.cells
            self.missing.append(cells.astype(np.float32))
            self.params.append(params)
        self.values.append(np.array([one.value for one in found]))
        return len(self.values)


def linear_gaussian(p: StateParameters) -> LinearGaussianParams:
    """Return a draw as parameters of the model, the last covariate being 1."""
    return LinearGaussianParams(p.A, p.C, p.Q, np.diag(p.r), p.m, p.V, p.G[:, -1].copy())


def draw_posterior(
    panel: Panel,
    options: EMOptions,
    params: LinearGaussianParams,
    reference: FloatArray,
    request: PosteriorRequest,
) -> StateSpacePosterior:
    """Run chains from around the fitted parameters (in the units of the data).

    reference : (T, n) smoothed means of the fit.
    """
    data = StateSpaceData(panel, options)
    units, T, n = data.units(), len(panel.y), len(params.A)
    steps = np.concatenate([np.arange(k) for k in np.diff(panel.offsets)])
    table = lay_out(data.z, panel.offsets, steps, np.zeros((T, 0)))
    inside, prior = scaled(params, units), StatePrior()
    d: Any = inside.d
    begin = expectation.normalised(
        StateParameters(
            expectation.stable(inside.A), expectation.positive(inside.Q), inside.C, d[:, None],
            np.maximum(np.diag(inside.R), 1e-8), inside.m0, expectation.positive(inside.P0),
            np.ones(n), 1.0, np.ones(n),
        )
    )  # fmt: skip
    estimands = Estimands(
        params, request.sampling_rate, list(panel.columns), (), "diag", must_be_stable=True
    )
    size = 4.0 * request.n_chains * request.n_draws * (T * n + len(table.missing))
    stride = max(int(np.ceil(size / _MAX_BYTES)), 1)
    schedule = ChainSchedule(request.n_tune, request.n_draws, 1)
    recorders, runs = [], []
    for c in range(request.n_chains):
        rng = np.random.default_rng(child_seed(request.seed, c))
        chain = StateSpaceChain(table, _apart(begin, rng), rng, prior)
        chain.sweep()
        recorders.append(_Recorder(estimands, table, units, reference, stride))
        runs.append(ChainRun(chain, schedule, {"lp": "log_likelihood"}, recorders[-1]))
    run_chains(runs, schedule.n_sweeps, Monitor(), n_jobs=request.n_jobs, objective="lp")
    return StateSpacePosterior(panel, recorders, stride)


def _apart(p: StateParameters, rng: np.random.Generator) -> StateParameters:
    """Move a start, so that R-hat can show whether chains agree."""
    C = p.C + _APART * np.sqrt((p.C**2).mean(axis=0)) * rng.standard_normal(p.C.shape)
    return p._replace(C=C, r=p.r * np.exp(_APART * rng.standard_normal(len(p.r))))
