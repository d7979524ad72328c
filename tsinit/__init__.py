"""Starting points for probabilistic time-series models: pluggable, measured, compared.

Names load on first use, so ``import tsinit`` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

_HOME = {
    "Budget": "tsinit.models",
    "HiddenMarkovModel": "tsinit.models",
    "InfiniteHMM": "tsinit.models",
    "LinearGaussianParams": "tsinit.kernels",
    "LinearGaussianSSM": "tsinit.models",
    "TBayesMICE": "tsinit.models",
    "compare": "tsinit.comparison",
    "Comparison": "tsinit.comparison",
    "pool": "tsinit.pooling",
    "read_comparison": "tsinit.comparison",
    "read_table": "tsinit.tables",
}
_MODULES = {
    "adapters": "tsinit.adapters",
    "comparison": "tsinit.comparison",
    "datasets": "tsinit.datasets",
    "emissions": "tsinit.emissions",
    "init": "tsinit.init",
    "metrics": "tsinit.metrics",
    "models": "tsinit.models",
    "plot": "tsinit.plots",
    "speech": "tsinit.speech",
    "structures": "tsinit.structures",
}

__all__ = ["__version__", *_HOME, *_MODULES]

if TYPE_CHECKING:
    from tsinit import (
        adapters,
        comparison,
        datasets,
        emissions,
        init,
        metrics,
        models,
        speech,
        structures,
        tables,
    )
    from tsinit import plots as plot
    from tsinit.comparison import Comparison, compare, read_comparison
    from tsinit.kernels import LinearGaussianParams
    from tsinit.models import Budget, HiddenMarkovModel, InfiniteHMM, LinearGaussianSSM, TBayesMICE
    from tsinit.pooling import pool
    from tsinit.tables import read_table


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tsinit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
