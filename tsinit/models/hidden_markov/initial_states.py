"""How many states to start from: short chains from clusterings into more and more states, judged by their density."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from tsinit._validate import child_seed
from tsinit.emissions import Gaussian, NegativeBinomial
from tsinit.emissions.by_column import ByColumnOnData
from tsinit.emissions.gaussian import GaussianOnData
from tsinit.emissions.student_t import StudentTOnData
from tsinit.emissions.von_mises import VonMisesOnData
from tsinit.emissions.zero_inflated import ZeroInflatedOnData
from tsinit.init._labels import prepare, wanted_states
from tsinit.init._scaling import standardise
from tsinit.init._windows import fill_linear
from tsinit.init.jump import Jump
from tsinit.init.kmeans import KMeans
from tsinit.init.local_dynamics import LocalDynamics
from tsinit.init.short_em import ShortEM
from tsinit.models.hidden_markov.chain import BeamChain, ChainStopped

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions import EmissionOnData

Way: TypeAlias = Jump | KMeans | LocalDynamics | ShortEM

#: Ways to cut a series into states, in which states are told apart by levels that last, by what comes before and after,
#: and by spread. What one of them is blind to, another one sees.
_WAYS: tuple[Way, ...] = (
    Jump(),
    KMeans(n_delays=3),
    ShortEM(n_runs=4, n_iter=3),
)
_LADDER = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)
_PATIENCE = 3  # rungs that may be worse than the best before a way is given up
_SWEEPS = 8
_MAX_ROWS, _STRETCH = 3_000, 250  # looked at, in stretches of consecutive rows
_ROWS_PER_COLUMN = (
    30  # full covariances of fewer rows say little: leading components of the columns are looked at
)
_SMALL_SHARE = (
    0.1  # of an even share of the rows: smaller states at the end of a trial do not count
)

#: Makes a chain of an emission on data, from where sequences start and labels, with a generator.
MakeChain = Callable[["EmissionOnData", "IntArray", "IntArray", np.random.Generator], BeamChain]


class _Trial(NamedTuple):
    """What a short chain came to."""

    log_joint: float
    n_states: int  # at its end


class _Sample(NamedTuple):
    """The rows looked at."""

    emission: EmissionOnData
    y: np.ndarray  # (T, D) for strategies
    offsets: np.ndarray  # (N + 1,)


def choose_n_states(
    y: FloatArray,
    offsets: IntArray,
    emission: EmissionOnData,
    make_chain: MakeChain,
    seed: np.random.SeedSequence,
) -> int:
    """Choose the number of states that chains start from.

    Clusterings of three kinds into 1, 2, 3, ... states each start a chain of a few sweeps. The model's own density of
    labels and data, with rows and parameters integrated out, weighs fit against number of states; the number with which
    the densest trial ended is chosen. Of long series, 3,000 rows in stretches are looked at.

    An emission whose parameters cannot be integrated out has no density that can be compared between numbers of
    states. A Gaussian on interpolated rows stands in for one with full covariances, on the leading principal
    components where there are fewer than 30 rows for a column; negative binomial counts for those with extra zeros;
    rows that look back are interpolated; for any other emission one state for 50 rows is taken, at least 2, at most 10.

    Rows that look back are never started from one state, nor are negative binomial counts with extra zeros. Where a
    single regime explains regimes nearly as well, one state of high density and two may be as probable, labels summed
    over; two merge in hundreds of sweeps, while one hardly ever parts.

    Parameters
    ----------
    y : (T, D) float
    offsets : (N + 1,) int
    emission : EmissionOnData
        On these rows.
    make_chain : callable
        ``make_chain(emission, offsets, labels, rng) -> BeamChain``.
    seed : SeedSequence

    Returns
    -------
    int
    """
    observed = ~np.isnan(y).all(axis=1)
    sample = _sample(y, offsets, emission, np.random.default_rng(child_seed(seed, 0)))
    if sample is None or observed.sum() < 2:
        return wanted_states(None, int(observed.sum()))
    best = _Trial(-np.inf, 1)
    for i, way in enumerate(_ways(emission)):
        best_of_way, waited = _Trial(-np.inf, 1), 0
        for K in _rungs(len(sample.y)):
            trial = _try(way, K, sample, make_chain, child_seed(seed, 1, i, K))
            if trial.log_joint > best_of_way.log_joint:
                best_of_way, waited = trial, 0
            else:
                waited += 1
                if waited == _PATIENCE:
                    break
        best = max(best, best_of_way)
    return max(best.n_states, _minimum(emission))


def _minimum(emission: EmissionOnData) -> int:
    """States below which no chain is started."""
    if isinstance(emission, ByColumnOnData):
        return max(map(_minimum, emission.parts))
    extra_zeros = isinstance(emission, ZeroInflatedOnData) and not emission.collapsed
    return 2 if emission.order or extra_zeros else 1


def _ways(emission: EmissionOnData) -> tuple[Way, ...]:
    """Ways for rows without a past; where states are known by that, windows by their dynamics instead of delays."""
    return (Jump(), LocalDynamics(emission.order), _WAYS[2]) if emission.order else _WAYS


def _rungs(T: int) -> Iterator[int]:
    return (K for K in _LADDER if K == 1 or 2 * K <= T)


def _try(
    way: Way,
    K: int,
    sample: _Sample,
    make_chain: MakeChain,
    seed: np.random.SeedSequence,
) -> _Trial:
    """Run a few sweeps from K clusters; no density where that breaks off."""
    rng = np.random.default_rng(seed)
    try:
        z = way.labels(sample.y, rng, K, sample.offsets)
        chain = make_chain(sample.emission, sample.offsets, z, rng)
        chain.moves = None  # trials differ by how many states they begin with
        values = [chain.log_joint]
        for _ in range(_SWEEPS):
            chain.sweep()
            values.append(chain.log_joint)
    except (ChainStopped, ArithmeticError, np.linalg.LinAlgError):
        return _Trial(-np.inf, 1)
    size = np.bincount(chain.z)
    large = int((size >= max(3.0, _SMALL_SHARE * len(chain.z) / len(size))).sum())
    value = float(np.mean(values[len(values) // 2 :]))
    return _Trial(value if np.isfinite(value) else -np.inf, max(large, 1))


def _sample(
    y: FloatArray, offsets: IntArray, emission: EmissionOnData, rng: np.random.Generator
) -> _Sample | None:
    """Rows to look at and the emission on them; None where densities could not be compared."""
    rows, starts = _stretches(offsets, rng)
    found = _comparable(y[rows], starts, emission)
    return None if found is None else _Sample(*found, starts)


def _comparable(
    y: FloatArray, offsets: IntArray, emission: EmissionOnData
) -> tuple[EmissionOnData, FloatArray] | None:
    """Give an emission of rows y (T, D) whose densities can be compared, and the rows for strategies; None for none."""
    if isinstance(emission, ByColumnOnData):
        return _comparable_by_column(y, offsets, emission)
    full_covariances = isinstance(emission, GaussianOnData | StudentTOnData)
    if emission.order:
        z, loc, scale = standardise(y)
        y = loc + scale * fill_linear(z, offsets)
    elif isinstance(emission, ZeroInflatedOnData) and not emission.collapsed:
        return NegativeBinomial().bind(y), y
    elif not full_covariances and not emission.collapsed:
        return None
    if full_covariances and not (emission.collapsed and y.shape[1] <= _max_columns(len(y))):
        y = _components(y, offsets)
        return Gaussian().bind(y), y
    on_rows = emission.with_sequences(y, offsets)
    if isinstance(on_rows, VonMisesOnData):
        y = np.hstack([on_rows.data.cos, on_rows.data.sin])
    return on_rows, y


def _comparable_by_column(
    y: FloatArray, offsets: IntArray, emission: ByColumnOnData
) -> tuple[EmissionOnData, FloatArray] | None:
    """Make each part one that can be compared, on columns of its own."""
    parts, tables = [], []
    for part, at in zip(emission.parts, emission.places, strict=True):
        found = _comparable(np.ascontiguousarray(y[:, at]), offsets, part)
        if found is None:
            return None
        parts.append(found[0])
        tables.append(found[1])
    ends = np.cumsum([part.n_features for part in parts])
    places = [np.arange(b - part.n_features, b) for b, part in zip(ends, parts, strict=True)]
    columns = [str(i) for i in range(ends[-1])]
    return ByColumnOnData(parts, places, columns), np.hstack(tables)


def _max_columns(T: int) -> int:
    return max(2, T // _ROWS_PER_COLUMN)


def _components(y: FloatArray, offsets: IntArray) -> FloatArray:
    """Leading principal components of the standardised and interpolated rows; those without a value stay missing."""
    _, full, observed = prepare(y, offsets)
    d = _max_columns(len(y))
    if not observed.any():
        return np.full((len(y), min(d, full.shape[1])), np.nan)
    if full.shape[1] > d:
        full = full - full[observed].mean(axis=0)
        _, _, directions = np.linalg.svd(full[observed], full_matrices=False)
        full = full @ directions[:d].T
    return np.where(observed[:, None], full, np.nan)


def _stretches(offsets: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Rows to look at and where each stretch of them starts: all if they are few."""
    if offsets[-1] <= _MAX_ROWS:
        return np.arange(offsets[-1]), np.asarray(offsets, dtype=np.int64)
    cuts = np.union1d(
        offsets, np.concatenate([np.arange(a, b, _STRETCH) for a, b in pairwise(offsets)])
    )
    drawn = np.sort(rng.permutation(len(cuts) - 1)[: _MAX_ROWS // _STRETCH])
    rows = np.concatenate([np.arange(cuts[i], cuts[i + 1]) for i in drawn])
    return rows, np.concatenate([[0], np.cumsum(np.diff(cuts)[drawn])]).astype(np.int64)
