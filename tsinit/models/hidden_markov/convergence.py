"""Whether chains of a hidden Markov model agree, in what matters of them, and what to say where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit import result
from tsinit.kernels import partitions as kernels
from tsinit.metrics.labels import adjusted_rand_of_counts
from tsinit.partitions.losses import as_labels

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import FloatArray, IntArray
    from tsinit.models.hidden_markov.draws import HMMDraws

#: Share of the rows that a state must hold to be counted; smaller ones are spare states that come and go.
LARGE = 0.01
#: How much lower the adjusted Rand index between chains may be than within them.
MAX_ARI_GAP = 0.02

#: Draws of each chain, evenly spaced, whose segmentations are compared.
_N_COMPARED = 16


class Tolerance(NamedTuple):
    """What is judged, in words, and the difference of chain means that does not matter."""

    words: str
    negligible: float


#: A scalar that nearly never changes has a large R-hat for a difference that nobody would notice, so chains agree on it
#: also where their means are this close.
TOLERANCES = {
    "log_joint": Tolerance("the joint log density", 0.02),  # nats for each row
    "n_large_states": Tolerance("the number of states with more than 1 % of the rows", 0.3),
    "occupancy_entropy": Tolerance("the entropy of the occupancy", 0.05),
    "share_of_stays": Tolerance("the share of rows that stay in their state", 0.01),
}
_MAX_NATS = 20.0  # of the joint log density, on long series


class ScalarAgreement(NamedTuple):
    """How far chains agree on one scalar.

    Parameters
    ----------
    rhat : float
        Rank-normalised and split, see :func:`tsinit.result.rhat`.
    spread : float
        Largest mean of a chain (with one chain, of its halves) minus the smallest.
    negligible : float
        Spread below which R-hat does not matter.
    """

    rhat: float
    spread: float
    negligible: float

    @property
    def is_negligible(self) -> bool:
        """Whether the spread is too small to matter."""
        return self.spread <= self.negligible

    @property
    def agree(self) -> bool:
        """Whether R-hat is below 1.05 or the spread does not matter; never for fewer than four draws."""
        if np.isnan(self.rhat):
            return False
        return bool(self.rhat < result.CONVERGED_RHAT or self.is_negligible)


class Convergence(NamedTuple):
    """Whether the chains of a fit agree: ``converged`` where they do on every scalar and on the segmentation.

    Parameters
    ----------
    scalars : dict of str to ScalarAgreement
        ``log_joint``, ``n_large_states`` (with more than 1 % of the rows), ``occupancy_entropy`` (nats) and
        ``share_of_stays``.
    agreement : (chain, chain) float
        Mean adjusted Rand index of the segmentations of two chains, on the diagonal that of different draws of one;
        with one chain, of its halves.
    """

    scalars: dict[str, ScalarAgreement]
    agreement: FloatArray

    @property
    def within(self) -> float:
        """Mean adjusted Rand index between draws of one chain."""
        return float(np.diag(self.agreement).mean())

    @property
    def between(self) -> float:
        """The same between draws of different chains."""
        return float(self.agreement[~np.eye(len(self.agreement), dtype=bool)].mean())

    @property
    def segmentations_agree(self) -> bool:
        """Whether segmentations differ between chains no more than within, by .02 at most."""
        return self.between >= self.within - MAX_ARI_GAP

    @property
    def converged(self) -> bool:
        """Whether chains agree in everything."""
        return self.segmentations_agree and all(one.agree for one in self.scalars.values())

    @property
    def only_spare_states(self) -> bool:
        """Whether chains disagree in nothing but states that hold few rows."""
        others = [one.agree for name, one in self.scalars.items() if name != "log_joint"]
        return not self.converged and self.segmentations_agree and all(others)

    def sentence(self) -> str:
        """Say what disagrees and what to try; empty where nothing does."""
        if self.converged:
            return ""
        if self.only_spare_states:
            return (
                f"The chains agree on the segmentation, but not on {self._named('log_joint')}: only states that hold "
                "few rows, which come and go, differ. Larger n_tune and n_draws settle them."
            )
        apart = [self._named(name) for name, one in self.scalars.items() if not one.agree]
        if not self.segmentations_agree:
            apart.append(
                f"the segmentation (mean adjusted Rand index {self.between:.2f} between chains, "
                f"{self.within:.2f} within)"
            )
        return (
            f"The chains do not agree on {_listed(apart)}. Use larger n_tune and n_draws, give n_init_states or "
            "init='auto', or take an emission that fits better; convergence_ has all numbers, and tsinit.plot.chains "
            "shows the chains."
        )

    def _named(self, name: str) -> str:
        return f"{TOLERANCES[name].words} (R-hat {self.scalars[name].rhat:.2f})"


def diagnose(draws: HMMDraws) -> Convergence:
    """Compare the chains of a fit: scalars of all draws, segmentations of those whose labels were kept."""
    labels = _halves_of_one(draws.labels)
    nats = min(TOLERANCES["log_joint"].negligible * labels.shape[-1], _MAX_NATS)
    found = {
        name: _scalar_agreement(x, nats if name == "log_joint" else TOLERANCES[name].negligible)
        for name, x in scalars(draws).items()
    }
    return Convergence(found, agreement(labels))


def scalars(draws: HMMDraws) -> dict[str, FloatArray]:
    """What is judged: scalars (chain, draw) that do not depend on labels.

    Parameters
    ----------
    draws : HMMDraws

    Returns
    -------
    dict of str to (chain, draw) float
        ``log_joint``, ``n_large_states``, ``occupancy_entropy``, ``share_of_stays``.
    """
    return {
        "log_joint": draws.log_joint,
        "n_large_states": (draws.shares > LARGE).sum(axis=-1).astype(float),
        "occupancy_entropy": np.apply_along_axis(_entropy, -1, draws.shares),
        "share_of_stays": draws.share_of_stays,
    }


def _entropy(shares: FloatArray) -> float:
    some = shares[shares > 0.0]
    return float(-(some * np.log(some)).sum())


def _scalar_agreement(x: FloatArray, negligible: float) -> ScalarAgreement:
    rhat, parts = result.rhat(x), _halves_of_one(x)
    spread = float(np.ptp(parts.mean(axis=1)))
    return ScalarAgreement(rhat, spread, negligible)


def _halves_of_one(x: npt.NDArray) -> npt.NDArray:
    """Take the halves (2, draw, ...) of a single chain for two; of a single draw, twice that."""
    if len(x) > 1:
        return x
    half = max(x.shape[1] // 2, 1)
    return np.stack([x[0, :half], x[0, x.shape[1] - half :]])


def agreement(labels: IntArray) -> FloatArray:
    """Mean adjusted Rand index between the draws of every two chains, (chain, chain).

    Of every chain, 16 draws evenly spaced are compared, each with those of the others and with the later ones of its
    own; NaN on the diagonal where a chain has one draw.

    Parameters
    ----------
    labels : (chain, draw, rows) int

    Returns
    -------
    (chain, chain) float
    """
    C, n_draws = labels.shape[:2]
    chosen = np.unique(np.linspace(0, n_draws - 1, _N_COMPARED).astype(int))
    some = labels[:, chosen]
    K, m = int(some.max(initial=0)) + 1, some.shape[1]
    out = np.full((C, C), np.nan)
    for a in range(C):
        for b in range(a, C):
            pairs = [(i, j) for i in range(m) for j in range(i + 1 if a == b else 0, m)]
            if pairs:
                values = [_adjusted_rand_index(some[a, i], some[b, j], K) for i, j in pairs]
                out[a, b] = out[b, a] = np.mean(values)
    return out


def _adjusted_rand_index(z: IntArray, other: IntArray, K: int) -> float:
    shared = np.zeros((K, K), dtype=np.int64)
    kernels.overlap(as_labels(z), as_labels(other), shared)
    return adjusted_rand_of_counts(shared, shared.sum(axis=1), shared.sum(axis=0))


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
