"""One Markov chain of the infinite hidden Markov model: a beam sweep, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from tsinit._validate import check_density, check_emission_on_data
from tsinit.kernels.hidden_markov import beam, concentrations, hdp
from tsinit.models.hidden_markov.split_merge import SplitMergeMove

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray
    from tsinit.emissions import EmissionOnData

INITIAL_CAPACITY = 16  # states for which the workspace is made at first; doubled on demand
MAX_STATES = 2000  # represented states at which a chain gives up
N_EAGER, MOVE_EVERY = (
    100,
    4,
)  # a split or merge in every one of the first sweeps, and then in every fourth


class ConcentrationPriors(NamedTuple):
    """Priors of the concentrations: shape and rate of a Gamma, or the two shapes of a Beta."""

    alpha: tuple[float, float] = (1.0, 0.01)
    gamma: tuple[float, float] = (1.0, 1.0)
    rho: tuple[float, float] = (10.0, 1.0)


class ChainStopped(RuntimeError):
    """A chain cannot continue; the message says where and why."""


class BeamChain:
    """A chain of the beam sampler (Van Gael et al. 2008), exact for any number of states.

    A sweep draws, each given all the rest, the concentrations with beta, the rows, the slices, the emissions,
    the labels, and what the emission is augmented with: what it leaves is a draw of all of them together. In some
    sweeps a state is split, or two are merged, before the rows are drawn (`SplitMergeMove`).

    Parameters
    ----------
    emission : EmissionOnData
        The emission on the observations; may be shared with other chains.
    offsets : (N + 1,) int
        Where each sequence starts; offsets[-1] is T.
    z0 : (T,) int
        Labels to start from; any values, any number of states.
    rng : numpy.random.Generator
    priors : ConcentrationPriors
    sticky : bool
        Whether rows favour their own state. False is the plain model, rho = 0.
    fixed : dict, optional
        Values of "alpha", "rho" or "gamma" to be held.

    Attributes
    ----------
    z : (T,) int
        Labels 0..K-1, all of them in use.
    K : int
    pi : (K + 1, K + 1) float
        Transition probabilities; row 0 is the start row, the last column the mass of all other states.
    beta : (K + 1,) float
        Weights of the states, the last that of all others.
    params, latent
        Parameters of the K states, and what the emission augments with.
    alpha, rho, gamma : float
        Mass of a row, share of it on the own state, concentration of beta.
    log_joint : float
        Log p(z, y | beta, alpha, rho), rows and (where the emission can) parameters integrated out.
    n_represented, n_open : int, float
        States that the last sweep represented, and states that were open at a step, on average.
    n_sweeps : int
    moves : SplitMergeMove or None
        What splits and merges states; None where none are, because the emission has no marginal density.
    """

    def __init__(
        self,
        emission: EmissionOnData,
        offsets: ArrayLike,
        z0: ArrayLike,
        rng: np.random.Generator,
        priors: ConcentrationPriors | None = None,
        sticky: bool = True,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        self.emission = check_emission_on_data(emission)
        self.rng = rng
        fixed = {**({} if sticky else {"rho": 0.0}), **(fixed or {})}
        self._priors, self._values = _concentrations(priors or ConcentrationPriors(), fixed)
        labels, z = np.unique(z0, return_inverse=True)
        self.z = np.ascontiguousarray(z, dtype=np.int64)
        self.K = len(labels)
        T = self.z.size
        self._begins = np.zeros(T, dtype=np.bool_)
        self._begins[np.asarray(offsets)[:-1][np.diff(offsets) > 0]] = True
        self._u, self._uniform = np.empty(T), np.empty(T)
        self._transitions = hdp.empty_transitions(max(INITIAL_CAPACITY, 2 * self.K))
        self._trellis = beam.empty_trellis(T, 2 * T + 2 * self.K)
        self._kept = np.empty(self._transitions.beta.size, dtype=np.int64)
        self.latent = emission.latent(rng)
        possible = SplitMergeMove.is_possible(emission, self.latent)
        self.moves = SplitMergeMove(self._begins) if possible else None
        self.n_represented, self.n_open, self.n_sweeps = self.K, np.nan, 0
        self._transitions.beta[: self.K + 1] = 1.0 / (self.K + 1)
        hdp.compact(self.z, self._begins, self._transitions, self.K, self._kept)
        for _ in range(5):
            # Labels inform the concentrations well: their prior means would begin far away.
            self._draw_concentrations()
        # The start has a density too; parameters are needed where they cannot be integrated out.
        self.params = check_density(emission.draw(rng, self.z, self.K, self.latent))
        with np.errstate(all="ignore"):  # where there is none, the first sweep reports it
            self.log_joint = self._density()

    @property
    def alpha(self) -> float:
        """Total mass of a row."""
        return float(self._values[0])

    @property
    def rho(self) -> float:
        """Share of the mass of a row on its own state."""
        return float(self._values[1])

    @property
    def gamma(self) -> float:
        """Concentration of beta."""
        return float(self._values[2])

    @property
    def beta(self) -> FloatArray:
        """Weights of the states, the last that of all others, (K + 1,)."""
        return self._transitions.beta[: self.K + 1].copy()

    @property
    def pi(self) -> FloatArray:
        """Transition probabilities, the start row first, (K + 1, K + 1)."""
        return self._transitions.pi[: self.K + 1, : self.K + 1].copy()

    def sweep(self) -> None:
        """Redraw everything once.

        Raises
        ------
        ChainStopped
            Where more than 2,000 states would have to be represented, or a step has no density in any state.
        """
        self._draw_concentrations()
        if self.n_sweeps < N_EAGER or self.n_sweeps % MOVE_EVERY == 0:
            self._split_or_merge()
        L = self._represent()
        params = self.emission.draw(self.rng, self.z, L, self.latent)
        self._draw_labels(params, L)
        self.latent = self.emission.augment(self.rng, self.z, params, self.latent)
        self.n_represented = L
        self._compact(params, L)
        self.log_joint = self._density()
        self.n_sweeps += 1

    def _density(self) -> float:
        evidence = self.emission.log_evidence(self.z, self.K, self.params, self.latent)
        return evidence + hdp.log_probability(self._transitions, self.K, self.alpha, self.rho)

    def _draw_concentrations(self) -> None:
        work = self._transitions
        concentrations.update(self.rng, work.n, work.beta, self.K, self._values, self._priors)

    def _split_or_merge(self) -> None:
        if self.moves is None or self.K + 1 >= MAX_STATES:
            return
        K, beta = self.K, self._transitions.beta[: self.K + 1]
        move = self.moves.attempt(self.rng, self.emission, self.latent, self.z, beta, self._values)
        if move is None:
            return
        if move.split:
            if self._transitions.beta.size == K + 1:
                self._grow(K)
            beta = self._transitions.beta
            beta[K + 1] = beta[K]
            beta[move.a], beta[K] = move.weights
            self.z[move.side == 1] = K
            K += 1
        else:
            beta[move.a], beta[move.b] = move.weights.sum(), 0.0
            self.z[self.z == move.b] = move.a
        self.K = hdp.compact(self.z, self._begins, self._transitions, K, self._kept)

    def _represent(self) -> int:
        """Draw rows and slices, and represent every state that a slice can reach; returns their number."""
        L, resume = self.K, False
        while True:
            L, done = hdp.prepare(
                self.rng, self.z, self._begins, self._u, self._transitions, self._values, L, resume
            )
            if done:
                return L
            if L >= MAX_STATES:
                self._give_up(
                    L,
                    "more states would have to be represented; give gamma or alpha a prior with less mass on large "
                    "values, or start from fewer.",
                )
            self._grow(L)
            resume = True

    def _draw_labels(self, params: Any, L: int) -> None:
        # An emission by hand may know nothing of data that depend on what is filled in.
        given = getattr(self.emission, "density_arguments", None)
        trellis, t = self._trellis, 0
        asked, data = (params, self.emission.data) if given is None else given(params, self.latent)
        trellis.first[0] = 0
        while True:
            t = beam.forward(
                asked,
                data,
                self._begins,
                self._u,
                self._transitions.pi,
                L,
                trellis,
                t,
            )
            if t == self.z.size:
                break
            if t < 0:
                self._give_up(
                    L,
                    f"row {-1 - t} has density 0 in every open state; look for a value beyond all others there, or "
                    "rescale the data.",
                )
            trellis = self._trellis = _enlarged(trellis, L)
        self.rng.random(out=self._uniform)
        beam.backward(self.z, self._begins, self._u, self._transitions.pi, trellis, self._uniform)
        self.n_open = trellis.first[-1] / self.z.size

    def _compact(self, params: Any, L: int) -> None:
        self.K = hdp.compact(self.z, self._begins, self._transitions, L, self._kept)
        if self.K < L:
            kept = self._kept[: self.K]
            params = params._make(values[kept] for values in params)
        self.params = params

    def _grow(self, L: int) -> None:
        old, new = self._transitions, hdp.empty_transitions(min(2 * L, MAX_STATES))
        new.n[: L + 1, :L] = old.n
        new.beta[: L + 1] = old.beta
        new.pi[: L + 1, : L + 1] = old.pi
        self._transitions, self._kept = new, np.empty(new.beta.size, dtype=np.int64)

    def _give_up(self, L: int, why: str) -> NoReturn:
        raise ChainStopped(
            f"The chain stopped in sweep {self.n_sweeps + 1} with {self.K} states in use and {L} represented "
            f"(alpha = {self.alpha:.4g}, rho = {self.rho:.4g}, gamma = {self.gamma:.4g}): {why}"
        )


def _concentrations(
    priors: ConcentrationPriors, fixed: Mapping[str, float]
) -> tuple[FloatArray, FloatArray]:
    """Lay out (prior, value) in the order alpha, rho, gamma; a prior of NaN holds the value."""
    (a, b), (c, d), (e, f) = priors.alpha, priors.rho, priors.gamma
    prior = np.array([[a, b], [c, d], [e, f]], dtype=np.float64)
    values = np.array([a / b, c / (c + d), e / f])
    for i, name in enumerate(("alpha", "rho", "gamma")):
        if name in fixed:
            prior[i], values[i] = np.nan, fixed[name]
    return prior, values


def _enlarged(trellis: beam.Trellis, L: int) -> beam.Trellis:
    """Capacity for twice as many open states, and for at least one more column of L."""
    extra = trellis.state.size + L
    return trellis._replace(
        state=np.concatenate([trellis.state, np.empty(extra, np.int64)]),
        weight=np.concatenate([trellis.weight, np.empty(extra)]),
    )
