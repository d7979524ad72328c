"""Different emissions for different columns, independent given the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tsinit._validate import check_emission_on_data
from tsinit.emissions import _checks, _column_checks
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.kernels.density import Tabulated, all_log_densities

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray, IntArray


class ByColumnParams(tuple):
    """Parameters of all parts: their arrays, whose first axis is the state, one after the other.

    Parameters
    ----------
    arrays : iterable of (K, ...) arrays
    kinds : tuple of NamedTuple classes
        Of the parameters of each part.
    """

    kinds: tuple[Any, ...]

    def __new__(cls, arrays: Iterable[FloatArray], kinds: tuple[Any, ...]) -> ByColumnParams:
        """Make a tuple of the arrays, which knows where those of each part end."""
        self = super().__new__(cls, arrays)
        self.kinds = kinds
        return self

    @classmethod
    def of(cls, parts: Sequence[Any]) -> ByColumnParams:
        """Join the parameters of the parts."""
        return cls((values for part in parts for values in part), tuple(map(type, parts)))

    def _make(self, arrays: Iterable[FloatArray]) -> ByColumnParams:
        """Put other arrays into the place of these, as those of other states."""
        return ByColumnParams(arrays, self.kinds)

    @property
    def parts(self) -> list[Any]:
        """Parameters of each part, as its emission knows them."""
        values: Iterator[FloatArray] = iter(self)
        return [kind(*(next(values) for _ in kind._fields)) for kind in self.kinds]

    def __reduce__(self) -> tuple[Any, ...]:
        return ByColumnParams, (tuple(self), self.kinds)


class ByColumn(Emission):
    """Different emissions for different columns, independent of each other given the state.

    A direction beside a concentration, a count beside a level: every column, or group of columns, has the emission that
    suits it, and the states are those of all of them together. ``emission={"wind": "von_mises", "ozone": "gaussian"}``
    is short for ``ByColumn`` of the dict. Other libraries call this independent components or a product of
    distributions.

    Parameters
    ----------
    emissions : dict
        From the name of a column, or a tuple of names of columns that are emitted together, to an emission: a
        registered name or an object. Every column is named once. Columns of arrays are called 0, 1, ....
    columns : sequence, optional
        Names of the columns in their order; None is 0, 1, .... A model sets those of a DataFrame.
    """

    def __init__(self, emissions: Mapping[Any, Any], columns: Sequence[Any] | None = None) -> None:
        self.emissions = emissions
        self.columns = columns

    def for_columns(self, columns: Sequence[Any]) -> ByColumn:
        """Give the same for data whose columns have these names."""
        return ByColumn(self.emissions, columns)

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> ByColumnOnData:
        """See `Emission.bind`."""
        from tsinit.emissions import resolve

        _column_checks.emissions_given(self.emissions)
        kinds = [resolve(emission) for emission in self.emissions.values()]
        y = _checks.real_table(y)
        columns = range(y.shape[1]) if self.columns is None else self.columns
        places = _column_checks.places(self.emissions, columns)
        parts, names = [], [str(name) for name in columns]
        for kind, at in zip(kinds, places, strict=True):
            with _column_checks.about([names[i] for i in at]):
                on_data = kind.bind(np.ascontiguousarray(y[:, at]), offsets)
            parts.append(check_emission_on_data(on_data))
        return ByColumnOnData(parts, places, names)


class ByColumnOnData(EmissionOnData):
    """See `ByColumn`; `collapsed` where all parts are.

    Parameters
    ----------
    parts : list of EmissionOnData
        Each on its own columns.
    places : list of (n,) int
        These columns.
    columns : list of str
        Names of all columns.
    """

    def __init__(
        self, parts: list[EmissionOnData], places: list[IntArray], columns: list[str]
    ) -> None:
        data = tuple(values for part in parts for values in part.data)
        super().__init__(data, tuple(part.prior for part in parts), sum(map(len, places)))
        self.parts, self.places, self.columns = parts, places, columns
        self.collapsed = all(part.collapsed for part in parts)
        self.numeric = all(part.numeric for part in parts)
        self.order = max(part.order for part in parts)
        self.leaves_rows_out = all(part.leaves_rows_out for part in parts)
        self.log_jacobian = sum(part.log_jacobian for part in parts)

    @property
    def plain_columns(self) -> BoolArray:
        """See `EmissionOnData.plain_columns`."""
        out = np.empty(self.n_features, dtype=bool)
        for part, at in zip(self.parts, self.places, strict=True):
            out[at] = part.plain_columns
        return out

    def with_data(self, y: ArrayLike) -> ByColumnOnData:
        """See `EmissionOnData.with_data`."""
        return self._on(y, lambda part, rows: part.with_data(rows))

    def with_sequences(self, y: ArrayLike, offsets: IntArray | None) -> ByColumnOnData:
        """See `EmissionOnData.with_sequences`."""
        return self._on(y, lambda part, rows: part.with_sequences(rows, offsets))

    def _on(
        self, y: ArrayLike, on_rows: Callable[[EmissionOnData, FloatArray], EmissionOnData]
    ) -> ByColumnOnData:
        y, parts = _checks.real_table(y, self.n_features), []
        for part, at in zip(self.parts, self.places, strict=True):
            with _column_checks.about([self.columns[i] for i in at]):
                parts.append(on_rows(part, np.ascontiguousarray(y[:, at])))
        return ByColumnOnData(parts, self.places, self.columns)

    def latent(self, rng: np.random.Generator) -> list[Any]:
        """What each part starts with."""
        return [part.latent(rng) for part in self.parts]

    def data_given(self, latent: list[Any]) -> NoReturn:
        """No density is asked with all of the data."""
        raise NotImplementedError("Densities are asked with density_arguments.")

    def density_arguments(
        self, params: ByColumnParams, latent: list[Any]
    ) -> tuple[Tabulated, Tabulated]:
        """See `EmissionOnData.density_arguments`: a table, so that no kernel is compiled for each pair of emissions."""
        K = len(params[0])
        total = np.zeros((len(self.data[0]), K))
        for part, of_part, filled in zip(self.parts, params.parts, latent, strict=True):
            data = part.data_given(filled)
            if data is part.data:
                total += part.log_densities(of_part, K)
            else:
                total += all_log_densities(of_part, data, K)
        table = Tabulated(total)
        return table, table

    def log_densities(self, params: ByColumnParams, K: int) -> FloatArray:
        """See `EmissionOnData.log_densities`: the sum of those of the parts."""
        first, *others = (
            part.log_densities(of_part, K)
            for part, of_part in zip(self.parts, params.parts, strict=True)
        )
        for more in others:
            first += more
        return first

    def augment(
        self, rng: np.random.Generator, z: IntArray, params: ByColumnParams, latent: list[Any]
    ) -> list[Any]:
        """See `EmissionOnData.augment`."""
        each = zip(self.parts, params.parts, latent, strict=True)
        return [part.augment(rng, z, of_part, filled) for part, of_part, filled in each]

    def draw(
        self, rng: np.random.Generator, z: IntArray, K: int, latent: list[Any] | None
    ) -> ByColumnParams:
        """See `EmissionOnData.draw`."""
        given = [None] * len(self.parts) if latent is None else latent
        each = zip(self.parts, given, strict=True)
        return ByColumnParams.of([part.draw(rng, z, K, filled) for part, filled in each])

    def prior_params(self, rng: np.random.Generator, K: int) -> ByColumnParams:
        """See `EmissionOnData.prior_params`."""
        return ByColumnParams.of([part.prior_params(rng, K) for part in self.parts])

    @property
    def has_log_marginal(self) -> bool:
        """Whether all parts have one."""
        return all(part.has_log_marginal for part in self.parts)

    def log_marginal(self, z: IntArray, K: int, latent: list[Any]) -> float:
        """See `EmissionOnData.log_marginal`."""
        each = zip(self.parts, latent, strict=True)
        return sum(part.log_marginal(z, K, filled) for part, filled in each)

    def log_evidence(
        self, z: IntArray, K: int, params: ByColumnParams, latent: list[Any] | None
    ) -> float:
        """See `EmissionOnData.log_evidence`: of every part its own, integrated out where it can be."""
        given = [None] * len(self.parts) if latent is None else latent
        each: Iterable[Any] = [None] * len(self.parts) if params is None else params.parts
        return sum(
            part.log_evidence(z, K, of_part, filled)
            for part, of_part, filled in zip(self.parts, each, given, strict=True)
        )

    @property
    def has_m_step(self) -> bool:
        """Whether all parts have one."""
        return all(part.has_m_step for part in self.parts)

    @property
    def n_parameters(self) -> int:
        """Those of all parts."""
        return sum(part.n_parameters for part in self.parts)

    def maximise(
        self,
        responsibilities: FloatArray,
        params: ByColumnParams | None = None,
        penalised: bool = True,
    ) -> ByColumnParams:
        """See `EmissionOnData.maximise`: every part by itself, for the sum is the largest where each term is."""
        now: Iterable[Any] = [None] * len(self.parts) if params is None else params.parts
        each = zip(self.parts, now, strict=True)
        return ByColumnParams.of(
            [part.maximise(responsibilities, of_part, penalised) for part, of_part in each]
        )

    def log_prior(self, params: ByColumnParams) -> float:
        """See `EmissionOnData.log_prior`."""
        each = zip(self.parts, params.parts, strict=True)
        return sum(part.log_prior(of_part) for part, of_part in each)

    def coordinates(self, params: ByColumnParams) -> FloatArray:
        """Those of the parts, one after the other."""
        each = zip(self.parts, params.parts, strict=True)
        return np.concatenate([part.coordinates(of_part) for part, of_part in each])

    def from_coordinates(
        self, vector: FloatArray, like: ByColumnParams, penalised: bool = True
    ) -> ByColumnParams:
        """See `EmissionOnData.from_coordinates`."""
        found, start = [], 0
        for part, of_part in zip(self.parts, like.parts, strict=True):
            end = start + len(part.coordinates(of_part))
            found.append(part.from_coordinates(vector[start:end], of_part, penalised))
            start = end
        return ByColumnParams.of(found)

    def means(self, params: ByColumnParams) -> FloatArray:
        """Mean of each state and column, (K, D), as the part of the column says it."""
        each = zip(self.parts, params.parts, strict=True)
        return self._beside([part.means(of_part) for part, of_part in each])

    def average_means(self, means: FloatArray) -> FloatArray:
        """See `EmissionOnData.average_means`."""
        each = zip(self.parts, self.places, strict=True)
        return self._beside([part.average_means(means[..., at]) for part, at in each])

    def near(self, values: FloatArray, centre: FloatArray) -> FloatArray:
        """See `EmissionOnData.near`."""
        each = zip(self.parts, self.places, strict=True)
        return self._beside([part.near(values[..., at], centre[..., at]) for part, at in each])

    def covariances(self, params: ByColumnParams) -> FloatArray:
        """Covariance of each state, (K, D, D): a block for each part, 0 between them; NaN where a part has none."""
        out = np.zeros((len(params[0]), self.n_features, self.n_features))
        for part, of_part, at in zip(self.parts, params.parts, self.places, strict=True):
            out[:, at[:, None], at] = part.covariances(of_part)
        return out

    def mixture_moments(
        self, params: ByColumnParams, probabilities: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """See `EmissionOnData.mixture_moments`; NaN between a column of angles and others."""
        each = zip(self.parts, params.parts, strict=True)
        found = [part.mixture_moments(of_part, probabilities) for part, of_part in each]
        return self._with_blocks(found, params, probabilities)

    def moments_after(
        self,
        params: ByColumnParams,
        now: FloatArray,
        P: FloatArray,
        ahead: FloatArray,
        past: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """See `EmissionOnData.moments_after`; NaN between a column of angles, or one that looks back, and others."""
        each = zip(self.parts, params.parts, self.places, strict=True)
        found = [part.moments_after(p, now, P, ahead, past[:, at]) for part, p, at in each]
        return self._with_blocks(found, params, ahead)

    def _with_blocks(
        self,
        found: list[tuple[FloatArray, FloatArray]],
        params: ByColumnParams,
        probabilities: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Moments of all columns from those of each part; columns of two parts vary together, with the states."""
        mean, means = self._beside([m for m, _ in found]), self.means(params)
        away = np.where(self.plain_columns, means - mean[:, None, :], np.nan)
        covariance = np.einsum("nk,nki,nkj->nij", probabilities, away, away)
        for (_, block), at in zip(found, self.places, strict=True):
            covariance[:, at[:, None], at] = block
        return mean, covariance

    def describe(self, params: ByColumnParams) -> dict[str, FloatArray]:
        """Parameters of every part, called ``name[column]``."""
        return {
            f"{name}[{self._names(at)}]": values
            for part, of_part, at in zip(self.parts, params.parts, self.places, strict=True)
            for name, values in part.describe(of_part).items()
        }

    def simulate_after(
        self, rng: np.random.Generator, params: ByColumnParams, z: IntArray, past: FloatArray
    ) -> FloatArray:
        """See `EmissionOnData.simulate_after`."""
        each = zip(self.parts, params.parts, self.places, strict=True)
        return self._beside([part.simulate_after(rng, p, z, past[:, at]) for part, p, at in each])

    def simulate(self, rng: np.random.Generator, params: ByColumnParams, z: IntArray) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        each = zip(self.parts, params.parts, strict=True)
        return self._beside([part.simulate(rng, of_part, z) for part, of_part in each])

    def _beside(self, of_parts: list[FloatArray]) -> FloatArray:
        """Put values (..., n) of the parts into the columns of (..., D)."""
        out = np.empty((*of_parts[0].shape[:-1], self.n_features))
        for values, at in zip(of_parts, self.places, strict=True):
            out[..., at] = values
        return out

    def _names(self, at: IntArray) -> str:
        # A tree of tables takes a stroke for a branch.
        return ", ".join(self.columns[i] for i in at).replace("/", "|")
