"""One partition out of many draws: labels mean nothing beyond their draw, so partitions are what is compared.

The estimate is the partition of least posterior expected loss (variation of information by default: Wade and
Ghahramani, Bayesian Analysis 13, 2018), sought among the draws and then by greedy moves in the manner of
SALSO (Dahl, Johnson and Müller, JCGS 31, 2022), with moves of whole runs added because steps of a series come
in runs. `consensus` takes it as a pivot: the states of every draw are matched with those of the pivot by what
they share, and the draws then vote on every step.

Draws are (M, T) whole numbers from 0, a partition of T time steps each; losses are those of `tsinit.metrics`.
"""

from tsinit.partitions.losses import compact, expected_binder, expected_vi
from tsinit.partitions.search import BestDraw, best_draw, estimate, refine
from tsinit.partitions.votes import Consensus, align, coclustering, consensus, marginal

__all__ = [
    "BestDraw",
    "Consensus",
    "align",
    "best_draw",
    "coclustering",
    "compact",
    "consensus",
    "estimate",
    "expected_binder",
    "expected_vi",
    "marginal",
    "refine",
]
