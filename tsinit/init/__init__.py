"""Strategies: they guess what is hidden, a model refines the guess.

Each strategy is an object with parameters only and one or more verbs: ``dynamics`` gives the parameters of
a state-space model, ``labels`` a state for every time step, ``fill`` a table without gaps, ``point`` the parameters of
a model of another library. Anything with
such a method is a strategy; a plain function is one too. `register` gives yours a name, `names` lists those
there are, and `propose` asks one without a model.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from tsinit.init.best_of import BestOf
from tsinit.init.clusters import Agglomerative, KMeansPlusPlus, KMedoids
from tsinit.init.dispersed import Dispersed
from tsinit.init.eigen import EigenInit
from tsinit.init.factor_analysis import FactorAnalysis
from tsinit.init.fills import KNN, Backward, Forward, HotDeck, Linear, Mean, Median, Time
from tsinit.init.gaussian_mixture import GaussianMixture
from tsinit.init.jump import Jump
from tsinit.init.kmeans import KMeans
from tsinit.init.local_dynamics import LocalDynamics
from tsinit.init.low_rank import LowRank
from tsinit.init.lpc import LPC
from tsinit.init.native import Native
from tsinit.init.perturb import Perturb
from tsinit.init.proposal import propose
from tsinit.init.race import Race
from tsinit.init.registry import names, register
from tsinit.init.restarts import Restarts
from tsinit.init.seasonal import Seasonal
from tsinit.init.short_em import ShortEM
from tsinit.init.simple_labels import OneState, Segments, Sticky
from tsinit.init.split_merge import SplitMerge
from tsinit.init.subspace.strategy import Subspace
from tsinit.init.uniform import Uniform

__all__ = [
    "KNN",
    "LPC",
    "Agglomerative",
    "Backward",
    "BestOf",
    "Dispersed",
    "EigenInit",
    "FactorAnalysis",
    "Forward",
    "GaussianMixture",
    "HotDeck",
    "Jump",
    "KMeans",
    "KMeansPlusPlus",
    "KMedoids",
    "Linear",
    "LocalDynamics",
    "LowRank",
    "Mean",
    "Median",
    "Native",
    "OneState",
    "Perturb",
    "Race",
    "Restarts",
    "Seasonal",
    "Segments",
    "ShortEM",
    "SplitMerge",
    "Sticky",
    "Subspace",
    "Time",
    "Uniform",
    "names",
    "propose",
    "register",
]

_BUNDLED: dict[str, Callable[[], Any]] = {
    "subspace": Subspace,
    "cva": partial(Subspace, weights="cva"),
    "n4sid": partial(Subspace, weights="n4sid"),
    "moesp": partial(Subspace, weights="moesp"),
    "lpc": LPC,
    "lpc_loose": partial(LPC, jitter=0.1, noise=0.3),
    "factor_analysis": FactorAnalysis,
    "kmeans": KMeans,
    "uniform": Uniform,
    "eigen": EigenInit,
    "best_of": BestOf,
    "auto": Race,
    "native": Native,
    "dispersed": Dispersed,
    "restarts": Restarts,
    "one_state": OneState,
    "segments": Segments,
    "sticky": Sticky,
    "jump": Jump,
    "local_dynamics": LocalDynamics,
    "kmeans++": KMeansPlusPlus,
    "kmedoids": KMedoids,
    "agglomerative": Agglomerative,
    "gaussian_mixture": GaussianMixture,
    "short_em": ShortEM,
    "split_merge": SplitMerge,
    "mean": Mean,
    "median": Median,
    "forward": Forward,
    "backward": Backward,
    "linear": Linear,
    "time": Time,
    "seasonal": Seasonal,
    "knn": KNN,
    "low_rank": LowRank,
    "hot_deck": HotDeck,
}
for _name, _factory in _BUNDLED.items():
    register(_name, _factory)
